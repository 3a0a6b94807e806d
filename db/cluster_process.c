/* The programs of PostgreSQL behind the private cluster: initdb, pg_ctl, and what a crash leaves
 * behind. */
#include "db/cluster.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

static const char install_hint[] =
    "install PostgreSQL (Debian: apt-get install postgresql), or set ASSAY_DATABASE_URL";

/* Where programs of PostgreSQL lie that are not in PATH: Debian, Red Hat, from source. */
static const char *const places[] = { "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin" };

/* The highest version that has the program; of `version` alone, if that is not NULL. The caller
 * frees. */
static char *find_bin(const char *program, const char *version) {
    char *best = NULL;
    int best_version = -1;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        glob_t g = { 0 };
        if (glob(places[i], 0, NULL, &g) != 0)
            continue;
        for (size_t k = 0; k < g.gl_pathc; k++) {
            const char *digits = strpbrk(g.gl_pathv[k], "0123456789");
            int v = digits ? atoi(digits) : 0;
            char *path = path_join(g.gl_pathv[k], program);
            if (access(path, X_OK) == 0 && v > best_version &&
                (!version || !digits || atoi(version) == v)) {
                free(best);
                best = xstrdup(g.gl_pathv[k]);
                best_version = v;
            }
            free(path);
        }
        globfree(&g);
    }
    return best;
}

char *cluster_program(const char *name) {
    char *bin = find_bin(name, NULL);
    char *path = bin ? path_join(bin, name) : proc_find(name, NULL);
    free(bin);
    return path;
}

static bool data_version(const struct cluster *c, char version[16]) {
    char *path = path_join(c->data, "PG_VERSION");
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(version, 16, f);
    if (f)
        fclose(f);
    if (ok)
        version[strcspn(version, "\n")] = 0;
    free(path);
    return ok;
}

/* The programs that fit the cluster's version; any, where there is no cluster yet. */
static char *program(const struct cluster *c, const char *name, struct err *err) {
    char version[16];
    bool has_version = data_version(c, version);
    char *bin = find_bin(name, has_version ? version : NULL), *path;
    path = bin ? path_join(bin, name) : proc_find(name, NULL);
    free(bin);
    if (path)
        return path;
    err_set(err, ERR_FAILED, "could not find '%s' of PostgreSQL%s%s", name, has_version ? " " : "",
        has_version ? version : "");
    err_hint(err, "%s", install_hint);
    return NULL;
}

/* The last line of what a program or the server said. */
static const char *last_line(struct strbuf *b) {
    while (b->len > 0 && b->text[b->len - 1] == '\n')
        b->text[--b->len] = 0;
    const char *nl = strrchr(strbuf_str(b), '\n');
    return nl ? nl + 1 : strbuf_str(b);
}

static bool run_program(const struct cluster *c, const char *const argv[], const char *input,
    unsigned timeout_s, struct err *err) {
    bool change = geteuid() == 0;
    struct proc_options o = { .dir = "/",
        .timeout_s = timeout_s,
        .uid = change ? c->uid : 0,
        .gid = change ? c->gid : 0,
        .input = input,
        .input_n = input ? strlen(input) : 0 };
    struct proc_result r = { 0 };
    if (!proc_run(argv, &o, &r, err))
        return false;
    bool ok = r.exit_code == 0 && !r.timed_out;
    if (!ok)
        err_set(err, ERR_DB, "'%s' failed (exit %d): %s", path_base(argv[0]), r.exit_code,
            last_line(r.err.len ? &r.err : &r.out));
    proc_result_release(&r);
    return ok;
}

static const char settings[] =
    "\n# Assay's private cluster: the socket's directory is given when it is started.\n"
    "listen_addresses = ''\n"
    "unix_socket_permissions = 0700\n"
    "max_connections = 200\n"
    "fsync = on\n"
    "synchronous_commit = on\n"
    "full_page_writes = on\n"
    "max_wal_size = 1GB\n"
    "jit = off\n"
    "log_min_messages = warning\n"
    "log_line_prefix = '%m [%p] %a '\n"
    "timezone = 'UTC'\n";

static bool append_file(const char *path, const char *text, struct err *err) {
    FILE *f = fopen(path, "ae");
    bool ok = f && fputs(text, f) >= 0 && fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f && fclose(f) != 0)
        ok = false;
    return ok || err_errno(err, ERR_FAILED, "could not write '%s'", path);
}

/* Empties the file first: it stays the cluster user's own. */
static bool replace_file(const char *path, const char *text, struct err *err) {
    if (truncate(path, 0) != 0)
        return err_errno(err, ERR_FAILED, "could not write '%s'", path);
    return append_file(path, text, err);
}

/* Peer authentication: the kernel says who is at the other end of the socket. */
static bool write_config(const struct cluster *c, const char *data, struct err *err) {
    const struct passwd *p = getpwuid(c->uid);
    if (!p)
        return err_set(err, ERR_FAILED, "user %u, as whom PostgreSQL would run, has no name",
            (unsigned)c->uid);
    struct strbuf ident = { 0 };
    strbuf_addf(&ident, "assay \"%s\" assay\n", p->pw_name);
    if (c->uid != 0 && strcmp(p->pw_name, "root") != 0)
        strbuf_adds(&ident, "assay root assay\n");
    char *conf = path_join(data, "postgresql.conf"), *hba = path_join(data, "pg_hba.conf"),
         *map = path_join(data, "pg_ident.conf");
    bool ok = append_file(conf, settings, err) &&
              replace_file(hba, "local all all peer map=assay\n", err) &&
              replace_file(map, strbuf_str(&ident), err);
    free(conf);
    free(hba);
    free(map);
    strbuf_release(&ident);
    return ok;
}

/* A new cluster is made beside and renamed when it is complete, with its database in it. */
bool cluster_initdb(const struct cluster *c, struct err *err) {
    char *fresh = xmalloc(strlen(c->data) + 5);
    sprintf(fresh, "%s.new", c->data);
    char *initdb = program(c, "initdb", err),
         *postgres = initdb ? program(c, "postgres", err) : NULL;
    const char *const make[] = { initdb, "-D", fresh, "-U", "assay", "-E", "UTF8",
        "--locale=C.UTF-8", "--auth=peer", "--data-checksums", "--no-instructions", NULL };
    const char *const create[] = { postgres, "--single", "-D", fresh, "postgres", NULL };
    bool ok = postgres && (!dir_exists(fresh) || dir_remove(fresh, err)) &&
              run_program(c, make, NULL, 300, err) && write_config(c, fresh, err) &&
              run_program(c, create, "CREATE DATABASE assay\n", 60, err);
    if (ok && rename(fresh, c->data) != 0)
        ok = err_errno(err, ERR_FAILED, "could not rename '%s'", fresh);
    free(fresh);
    free(initdb);
    free(postgres);
    return ok || err_wrap(err, "cannot make the private database in '%s'", c->data);
}

static pid_t pid_in_file(const struct cluster *c) {
    char *path = path_join(c->data, "postmaster.pid"), line[32] = "";
    FILE *f = fopen(path, "re");
    if (f && !fgets(line, sizeof line, f))
        line[0] = 0;
    if (f)
        fclose(f);
    free(path);
    return (pid_t)strtol(line, NULL, 10);
}

/* Every process of a server works in its data directory; nobody else does. */
static bool works_in(pid_t pid, const char *dir) {
    char link[40], cwd[4200];
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    ssize_t n = readlink(link, cwd, sizeof cwd - 1);
    if (n <= 0)
        return false;
    cwd[n] = 0;
    return strcmp(cwd, dir) == 0;
}

pid_t cluster_postmaster(const struct cluster *c) {
    pid_t pid = pid_in_file(c);
    return pid > 1 && works_in(pid, c->data) ? pid : 0;
}

static int count_processes(const struct cluster *c) {
    DIR *proc = opendir("/proc");
    int n = 0;
    for (const struct dirent *e; proc && (e = readdir(proc));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        n += pid > 1 && works_in(pid, c->data);
    }
    if (proc)
        closedir(proc);
    return n;
}

bool cluster_answers(const struct cluster *c) {
    const char *const keys[] = { "host", "port", "dbname", "user", "connect_timeout", NULL };
    const char *const values[] = { c->socket_dir, "5432", "assay", "assay", "5", NULL };
    return PQpingParams(keys, values, 0) == PQPING_OK;
}

/* A server that is there but not answering is starting, recovering or stopping. */
static bool await_postmaster(const struct cluster *c, unsigned wait_s) {
    for (unsigned i = 0; i < wait_s * 20 && cluster_postmaster(c); i++) {
        if (cluster_answers(c))
            return true;
        usleep(50000);
    }
    return false;
}

/* After kill -9 of the postmaster its children end by themselves, and until they have, nobody may
 * start another on the same files. A postmaster.pid whose number belongs to somebody else by now
 * would keep the server down for ever. */
static bool clear_stale(const struct cluster *c, struct err *err) {
    int n = 0;
    for (int i = 0; i < 200 && (n = count_processes(c)) > 0; i++)
        usleep(50000);
    if (n > 0)
        return err_set(
            err, ERR_DB, "%d processes of a crashed server still work in '%s'", n, c->data);
    pid_t pid = pid_in_file(c);
    if (pid > 1 && (kill(pid, 0) == 0 || errno == EPERM)) {
        char *file = path_join(c->data, "postmaster.pid");
        unlink(file);
        free(file);
    }
    static const char *const left[] = { ".s.PGSQL.5432", ".s.PGSQL.5432.lock" };
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char *file = path_join(c->socket_dir, left[i]);
        unlink(file);
        free(file);
    }
    return true;
}

static bool tail_of_log(const struct cluster *c, struct err *err) {
    struct strbuf b = { 0 };
    struct err ignored = ERR_INIT;
    if (file_read(c->log, (size_t)64 << 20, &b, &ignored))
        err_hint(err, "the server said: %.200s", last_line(&b));
    strbuf_release(&b);
    return false;
}

bool cluster_start(const struct cluster *c, struct err *err) {
    if (cluster_postmaster(c) && await_postmaster(c, 300))
        return true;
    if (!clear_stale(c, err))
        return false;
    char options[200];
    snprintf(options, sizeof options, "-c unix_socket_directories=%s", c->socket_dir);
    char *pg_ctl = program(c, "pg_ctl", err);
    const char *const argv[] = { pg_ctl, "start", "-D", c->data, "-l", c->log, "-o", options, "-w",
        "-t", "300", "-s", NULL };
    bool ok = pg_ctl && run_program(c, argv, NULL, 330, err);
    free(pg_ctl);
    if (ok)
        return true;
    err_wrap(err, "could not start the private database");
    return tail_of_log(c, err);
}

bool cluster_stop(const struct cluster *c, struct err *err) {
    char *pg_ctl = program(c, "pg_ctl", err);
    const char *const argv[] = { pg_ctl, "stop", "-D", c->data, "-m", "fast", "-w", "-t", "120",
        "-s", NULL };
    bool ok = pg_ctl && run_program(c, argv, NULL, 150, err);
    free(pg_ctl);
    return ok || err_wrap(err, "could not stop the private database");
}
