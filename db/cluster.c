/* The private cluster: a PostgreSQL of one's own under HOME/pg, for people who name no database.
 *
 *   HOME/pg/data   the cluster; made beside and renamed, so it is whole or not there
 *   HOME/pg/log    what the server says
 *   HOME/pg/lock   flock: one command at a time changes anything
 *   HOME/pg/down   left by `db down`: programs that lost their connection don't start the server
 * again /tmp/assay-<uid>-<hash of HOME>/   the socket's directory, mode 0700 (a socket's path has
 * 107 bytes at most)
 *
 * There is no TCP; the directory and peer authentication let in the cluster's user and root.
 * PostgreSQL refuses to run as root, so for root it runs as `postgres` (or whoever owns an existing
 * cluster), and the home must be reachable by that user. The server is started by whatever command
 * needs it and left running. */
#include "db/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "db/conn.h"

#define LOCK_WAIT_MS 120000

void cluster_release(struct cluster *c) {
    free(c->home);
    free(c->data);
    free(c->socket_dir);
    free(c->log);
    free(c->conninfo);
    free(c->bin);
    *c = (struct cluster) { 0 };
}

static char *in_pg(const struct cluster *c, const char *name) {
    char *pg = path_join(c->home, "pg"), *path = path_join(pg, name);
    free(pg);
    return path;
}

/* The home by its real path, so that two spellings of it are one cluster. */
static bool find_home(struct cluster *c, const char *home, struct err *err) {
    char *given = home ? xstrdup(home) : assay_home(err);
    if (!given || !dir_make(given, err)) {
        free(given);
        return false;
    }
    c->home = realpath(given, NULL);
    if (!c->home)
        err_errno(err, ERR_FAILED, "could not resolve '%s'", given);
    free(given);
    /* pg_ctl hands paths to a shell, between double quotes. */
    if (c->home && strpbrk(c->home, "\"\\$`'\n")) {
        err_set(err, ERR_FAILED,
            "cannot keep a database under '%s': quotes, '$' or '\\' in its path", c->home);
        return err_hint(err, "set ASSAY_HOME to a plain path");
    }
    return c->home != NULL;
}

/* Whom the server runs as. */
static bool find_user(struct cluster *c, struct err *err) {
    c->uid = geteuid();
    c->gid = getegid();
    struct stat st;
    if (c->uid != 0)
        return true;
    if (stat(c->data, &st) == 0 && st.st_uid != 0) {
        c->uid = st.st_uid;
        c->gid = st.st_gid;
        return true;
    }
    const struct passwd *p = getpwnam("postgres");
    if (!p)
        p = getpwnam("nobody");
    if (!p) {
        err_set(err, ERR_FAILED,
            "cannot run PostgreSQL as root, and there is no user 'postgres' to run it as");
        return err_hint(err, "run as another user, or create one: useradd -r postgres");
    }
    c->uid = p->pw_uid;
    c->gid = p->pw_gid;
    return true;
}

bool cluster_describe(struct cluster *c, const char *home, struct err *err) {
    *c = (struct cluster) { 0 };
    if (!find_home(c, home, err))
        return false;
    c->data = in_pg(c, "data");
    c->log = in_pg(c, "log");
    if (!find_user(c, err))
        return false;
    char hex[65], *version = path_join(c->data, "PG_VERSION");
    struct strbuf dir = { 0 }, info = { 0 };
    sha256_hex(c->home, strlen(c->home), hex);
    strbuf_addf(&dir, "/tmp/assay-%u-%.8s", (unsigned)c->uid, hex);
    c->socket_dir = strbuf_take(&dir);
    strbuf_addf(&info, "host=%s port=5432 dbname=assay user=assay", c->socket_dir);
    c->conninfo = strbuf_take(&info);
    c->initialised = file_exists(version);
    c->pid = c->initialised ? cluster_postmaster(c) : 0;
    c->running = c->pid && cluster_answers(c);
    free(version);
    return true;
}

/* Every directory on the way must let the server's user through. */
static bool check_reachable(const struct cluster *c, struct err *err) {
    char *path = xstrdup(c->home);
    bool ok = true;
    for (char *end = path + strlen(path); ok && end; end = strrchr(path, '/')) {
        *end = 0;
        const char *dir = *path ? path : "/";
        struct stat st;
        if (stat(dir, &st) != 0) {
            ok = err_errno(err, ERR_FAILED, "could not look at '%s'", dir);
            break;
        }
        mode_t bit = st.st_uid == c->uid ? S_IXUSR : st.st_gid == c->gid ? S_IXGRP : S_IXOTH;
        if (!(st.st_mode & bit)) {
            const struct passwd *p = getpwuid(c->uid);
            err_set(err, ERR_FAILED,
                "cannot keep the database in '%s': user '%s', as whom PostgreSQL runs, may not "
                "enter "
                "'%s'",
                c->home, p ? p->pw_name : "?", dir);
            ok = err_hint(err, "chmod o+x '%s', or set ASSAY_HOME to another place", dir);
        }
    }
    free(path);
    return ok;
}

/* A directory that is ours and closed to others: one in /tmp could have been put there by anybody.
 */
static bool own_dir(const char *path, uid_t uid, gid_t gid, struct err *err) {
    struct stat st;
    if (mkdir(path, 0700) == 0 && (geteuid() != 0 || chown(path, uid, gid) == 0))
        return true;
    if (errno != EEXIST)
        return err_errno(err, ERR_FAILED, "could not make '%s'", path);
    if (lstat(path, &st) != 0)
        return err_errno(err, ERR_FAILED, "could not look at '%s'", path);
    if (S_ISDIR(st.st_mode) && geteuid() == 0 && st.st_uid == 0 &&
        uid != 0) /* we died between mkdir and chown */
        return lchown(path, uid, gid) == 0 ||
               err_errno(err, ERR_FAILED, "could not give away '%s'", path);
    if (S_ISDIR(st.st_mode) && st.st_uid == uid && (st.st_mode & 077) == 0)
        return true;
    err_set(err, ERR_FAILED,
        "cannot use '%s': it is not a private directory of the database's user", path);
    return err_hint(err, "it may be another user's: set ASSAY_HOME to a folder of your own, or "
                         "ASSAY_DATABASE_URL to reach that database");
}

static int lock_take(const struct cluster *c, struct err *err) {
    char *path = in_pg(c, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    long long deadline_ms = clock_ms() + LOCK_WAIT_MS;
    if (fd < 0) {
        err_errno(err, ERR_FAILED, "could not open '%s'", path);
    } else {
        while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (clock_ms() > deadline_ms) {
                err_set(err, ERR_BUSY, "another command has held '%s' for two minutes", path);
                close(fd);
                fd = -1;
                break;
            }
            usleep(50000);
        }
    }
    free(path);
    return fd;
}

/* Directories and the lock; the lock's descriptor, or -1. */
static int enter(struct cluster *c, struct err *err) {
    char *pg = path_join(c->home, "pg");
    int fd = -1;
    if (check_reachable(c, err) && own_dir(pg, c->uid, c->gid, err))
        fd = lock_take(c, err);
    free(pg);
    return fd;
}

/* What another command did while we waited for the lock. */
static bool look_again(struct cluster *c, struct err *err) {
    char *home = xstrdup(c->home);
    cluster_release(c);
    bool ok = cluster_describe(c, home, err);
    free(home);
    return ok;
}

static bool bring_up(struct cluster *c, struct err *err) {
    if (!look_again(c, err))
        return false;
    if (!c->running && !((c->initialised || cluster_initdb(c, err)) &&
                           own_dir(c->socket_dir, c->uid, c->gid, err) && cluster_start(c, err) &&
                           look_again(c, err)))
        return false;
    return c->running ||
           err_set(err, ERR_DB, "the private database started and is gone again; see '%s'", c->log);
}

static bool up_locked(struct cluster *c, bool wake, struct err *err) {
    int lock = enter(c, err);
    if (lock < 0)
        return false;
    char *marker = in_pg(c, "down");
    bool ok;
    if (wake && file_exists(marker)) {
        ok = err_set(err, ERR_DB, "the private database was stopped");
        err_hint(err, "run `assay db up`");
    } else {
        ok = bring_up(c, err);
        if (ok)
            unlink(marker);
    }
    free(marker);
    close(lock);
    return ok;
}

static bool hand_over(struct cluster *from, struct cluster *to, bool ok) {
    if (ok && to)
        *to = *from;
    else
        cluster_release(from);
    return ok;
}

bool cluster_up(const char *home, struct cluster *cluster, struct err *err) {
    struct cluster c;
    bool ok = cluster_describe(&c, home, err) && (c.running || up_locked(&c, false, err));
    return hand_over(&c, cluster, ok);
}

bool cluster_wake(const char *home, struct err *err) {
    struct cluster c;
    bool ok = cluster_describe(&c, home, err) && (c.running || up_locked(&c, true, err));
    return hand_over(&c, NULL, ok);
}

static bool down_locked(struct cluster *c, struct err *err) {
    int lock = enter(c, err);
    if (lock < 0)
        return false;
    char *marker = in_pg(c, "down");
    bool ok = look_again(c, err) && file_write_atomic(marker, "", 0, err) &&
              (!c->pid || cluster_stop(c, err)) && look_again(c, err);
    if (ok)
        rmdir(c->socket_dir); /* not while something is left in it, nor if it is not ours */
    free(marker);
    close(lock);
    return ok;
}

bool cluster_down(const char *home, struct cluster *cluster, struct err *err) {
    struct cluster c;
    bool ok = cluster_describe(&c, home, err) && (!c.initialised || down_locked(&c, err));
    return hand_over(&c, cluster, ok);
}

bool cluster_status(const char *home, struct cluster *cluster, struct err *err) {
    struct cluster c;
    bool ok = cluster_describe(&c, home, err);
    return hand_over(&c, cluster, ok);
}
