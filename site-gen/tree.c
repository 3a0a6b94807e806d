/* The output folder and its swap (see tree.h). */
#include "site-gen/tree.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "site-gen/pack.h"

#define MARKER ".assay-site"

static bool dir_empty(const char *path) {
    DIR *d = opendir(path);
    const struct dirent *e = NULL;
    while (d && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            break;
    }
    if (d)
        closedir(d);
    return e == NULL;
}

static bool check_ours(const char *path, struct err *err) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || err_errno(err, ERR_FAILED, "could not look at '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INPUT, "'%s' is not a folder", path);
    char *marker = path_join(path, MARKER);
    bool ours = file_exists(marker) || dir_empty(path);
    free(marker);
    if (ours)
        return true;
    err_set(err, ERR_INPUT, "folder '%s' holds something else than a site", path);
    return err_hint(err, "name another folder, or remove this one");
}

static char *without_slashes(const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return xstrndup(path, n);
}

/* Whoever holds a folder's lock owns what is in it. One that isn't there any more, or is another by
 * now, belongs to whoever put it there. */
static bool lock_dir(const struct tree *t, const char *path, int *lock, struct err *err) {
    struct stat held, there;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, ERR_FAILED, "could not open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 && lstat(path, &there) == 0 &&
        held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
        *lock = fd;
        return true;
    }
    close(fd);
    return err_set(err, ERR_BUSY, "another build of '%s' is under way", t->out);
}

static bool lock_fresh(struct tree *t, struct err *err) {
    return dir_make(t->fresh, err) && lock_dir(t, t->fresh, &t->lock, err);
}

static bool same_bytes(const char *path, const void *data, size_t n) {
    struct stat st;
    struct file_map map = { 0 };
    struct err ignored = ERR_INIT;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size != n)
        return false;
    if (n == 0)
        return true;
    bool same = file_map(&map, path, &ignored) && map.size == n && memcmp(map.data, data, n) == 0;
    file_unmap(&map);
    return same;
}

static bool write_file(const char *path, const void *data, size_t n, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_errno(err, ERR_FAILED, "could not write '%s'", path);
    const char *at = data;
    bool ok = true;
    while (ok && n) {
        ssize_t got = fault("site_write") ? (errno = ENOSPC, -1) : write(fd, at, n);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        } else {
            ok = got < 0 && errno == EINTR;
        }
    }
    if (!ok)
        err_errno(err, ERR_FAILED, "could not write '%s'", path);
    if (close(fd) != 0 && ok)
        ok = err_errno(err, ERR_FAILED, "could not write '%s'", path);
    return ok;
}

static bool make_parents(char *path, struct err *err) {
    char *slash = strrchr(path, '/');
    *slash = '\0';
    bool ok = dir_exists(path) || dir_make(path, err);
    *slash = '/';
    return ok;
}

/* ---- one file ---- */

static char *packed_path(const char *path, const char *coding) {
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s.%s", path, coding);
    return strbuf_take(&b);
}

/* A compressed file of the old site is of the old bytes: it is kept where these are. */
static bool put_coding(struct tree *t, const char *path, const char *coding, bool same,
    const void *data, size_t n, struct err *err) {
    char *name = packed_path(path, coding), *before = path_join(t->out, name),
         *now = path_join(t->fresh, name);
    struct stat st;
    struct strbuf packed = { 0 };
    bool ok = true;
    if (same && link(before, now) == 0 && lstat(now, &st) == 0) {
        t->packed_bytes += (size_t)st.st_size;
    } else {
        ok = strcmp(coding, "br") == 0 ? pack_brotli(path, data, n, &packed, err)
                                       : pack_gzip(data, n, &packed, err);
        if (ok && packed.len < n) {
            ok = write_file(now, packed.text, packed.len, err);
            t->packed_bytes += packed.len;
        }
    }
    strbuf_release(&packed);
    free(name);
    free(before);
    free(now);
    return ok;
}

static void count(struct tree *t, size_t n, bool changed) {
    t->n_files++;
    t->n_changed += changed;
    t->bytes += n;
}

static bool put_now(struct tree *t, const char *path, const void *data, size_t n, struct err *err) {
    char *before = path_join(t->out, path), *now = path_join(t->fresh, path);
    bool ok = make_parents(now, err);
    bool linked = ok && same_bytes(before, data, n) && link(before, now) == 0;
    if (ok && !linked)
        ok = write_file(now, data, n, err);
    if (ok && !t->plain && pack_worthwhile(path, n))
        ok = put_coding(t, path, "gz", linked, data, n, err) &&
             (!pack_twice(path) || put_coding(t, path, "br", linked, data, n, err));
    if (strcmp(path, TREE_MEMORY) != 0)
        count(t, n, !linked);
    free(before);
    free(now);
    return ok;
}

static bool size_of(const char *path, size_t *n) {
    struct stat st;
    bool regular = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
    *n = regular ? (size_t)st.st_size : 0;
    return regular;
}

/* FILE.gz or FILE.br of the old site; false if there is none. */
static bool had_coding(const struct tree *t, const char *path, const char *coding, size_t *n) {
    char *name = packed_path(path, coding), *before = path_join(t->out, name);
    bool had = size_of(before, n);
    free(name);
    free(before);
    return had;
}

bool tree_had(const struct tree *t, const char *path) {
    char *before = path_join(t->out, path);
    size_t n, packed;
    bool had = size_of(before, &n);
    bool worth = had && !t->plain && pack_worthwhile(path, n);
    free(before);
    return had && (!worth || had_coding(t, path, "gz", &packed));
}

static bool link_over(const struct tree *t, const char *name, struct err *err) {
    char *before = path_join(t->out, name), *now = path_join(t->fresh, name);
    bool ok = link(before, now) == 0 || err_errno(err, ERR_FAILED, "could not keep '%s'", before);
    free(before);
    free(now);
    return ok;
}

static bool keep_now(struct tree *t, const char *path, struct err *err) {
    static const char *const CODINGS[] = { "gz", "br" };
    char *before = path_join(t->out, path), *now = path_join(t->fresh, path);
    size_t n = 0, packed = 0;
    bool ok = make_parents(now, err) && link_over(t, path, err);
    if (ok && size_of(before, &n))
        count(t, n, false);
    for (size_t i = 0; ok && !t->plain && i < sizeof CODINGS / sizeof *CODINGS; i++) {
        if (!pack_worthwhile(path, n) || !had_coding(t, path, CODINGS[i], &packed))
            continue;
        char *name = packed_path(path, CODINGS[i]);
        ok = link_over(t, name, err);
        t->packed_bytes += packed;
        free(name);
    }
    free(before);
    free(now);
    return ok;
}

/* ---- the writer ---- */

#define WAITING_BYTES_MAX ((size_t)32 << 20) /* one larger file waits alone */

struct item {
    struct item *next;
    char *path;
    void *data; /* NULL: what the old site has */
    size_t n;
};

struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, less;
    struct item *first, **last;
    size_t bytes; /* that wait */
    bool over, failed;
    struct err err; /* the first that went wrong; nothing is written after it */
};

static void item_free(struct item *item) {
    free(item->path);
    free(item->data);
    free(item);
}

/* NULL: all is written, and no more will come. */
static struct item *take_item(struct writer *w) {
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->over)
        pthread_cond_wait(&w->more, &w->lock);
    struct item *item = w->first;
    if (item && !(w->first = item->next))
        w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    return item;
}

static void *write_items(void *arg) {
    struct tree *t = arg;
    struct writer *w = t->writer;
    for (struct item *item; (item = take_item(w));) {
        struct err err = ERR_INIT;
        bool ok = w->failed || (item->data ? put_now(t, item->path, item->data, item->n, &err)
                                           : keep_now(t, item->path, &err));
        pthread_mutex_lock(&w->lock);
        w->bytes -= item->n;
        if (!ok) {
            w->failed = true;
            w->err = err;
        }
        pthread_cond_signal(&w->less);
        pthread_mutex_unlock(&w->lock);
        item_free(item);
    }
    return NULL;
}

/* Where no thread can be had, files are written at once. */
static void writer_start(struct tree *t) {
    struct writer *w = xcalloc(1, sizeof *w);
    w->last = &w->first;
    w->err = (struct err)ERR_INIT;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    pthread_cond_init(&w->less, NULL);
    t->writer = w;
    if (pthread_create(&w->thread, NULL, write_items, t) != 0) {
        free(w);
        t->writer = NULL;
    }
}

/* Waits for what was put. */
static bool writer_finish(struct tree *t, struct err *err) {
    struct writer *w = t->writer;
    if (!w)
        return true;
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    bool ok = !w->failed;
    if (!ok)
        *err = w->err;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    pthread_cond_destroy(&w->less);
    free(w);
    t->writer = NULL;
    return ok;
}

/* Takes the item. */
static bool hand_over(struct writer *w, struct item *item, struct err *err) {
    pthread_mutex_lock(&w->lock);
    while (w->bytes && w->bytes + item->n > WAITING_BYTES_MAX)
        pthread_cond_wait(&w->less, &w->lock);
    bool ok = !w->failed;
    if (ok) {
        *w->last = item;
        w->last = &item->next;
        w->bytes += item->n;
        pthread_cond_signal(&w->more);
    } else {
        *err = w->err;
    }
    pthread_mutex_unlock(&w->lock);
    if (!ok)
        item_free(item);
    return ok;
}

static struct item *item_new(const char *path, const void *data, size_t n) {
    struct item *item = xcalloc(1, sizeof *item);
    item->path = xstrdup(path);
    item->data = data ? xmalloc(n ? n : 1) : NULL;
    item->n = n;
    if (n)
        memcpy(item->data, data, n);
    return item;
}

bool tree_put(struct tree *t, const char *path, const void *data, size_t n, struct err *err) {
    return t->writer ? hand_over(t->writer, item_new(path, data ? data : "", n), err)
                     : put_now(t, path, data, n, err);
}

bool tree_keep(struct tree *t, const char *path, struct err *err) {
    return t->writer ? hand_over(t->writer, item_new(path, NULL, 0), err) : keep_now(t, path, err);
}

/* ---- opening and closing ---- */

bool tree_open(struct tree *t, const char *out, bool plain, struct err *err) {
    *t = (struct tree) { .lock = -1, .out = without_slashes(out), .plain = plain };
    struct strbuf fresh = { 0 };
    strbuf_addf(&fresh, "%s.new", t->out);
    t->fresh = strbuf_take(&fresh);
    if (!check_ours(t->out, err) || !check_ours(t->fresh, err) || !lock_fresh(t, err))
        return false;
    if (!dir_empty(t->fresh)) { /* of a build that was killed */
        close(t->lock);
        t->lock = -1;
        if (!dir_remove(t->fresh, err) || !lock_fresh(t, err))
            return false;
    }
    if (!put_now(t, MARKER, "made by assay site build\n", 25, err))
        return false;
    if (pool_default_threads() > 1)
        writer_start(t);
    return true;
}

/* The old site stays locked until it is gone: under the new one's first name it would be taken for
 * what a killed build left. */
static bool swap(const struct tree *t, struct err *err) {
    int old = -1;
    if (!lock_dir(t, t->out, &old, err))
        return false;
    bool ok = renameat2(AT_FDCWD, t->fresh, AT_FDCWD, t->out, RENAME_EXCHANGE) == 0;
    if (!ok) {
        err_errno(err, ERR_FAILED, "could not replace '%s'", t->out);
        err_hint(err, "the folder must be one that can be renamed: not a mount, not '.'");
    }
    (void)fault("site_swapped");
    ok = ok && dir_remove(t->fresh, err);
    close(old);
    return ok;
}

bool tree_commit(struct tree *t, struct err *err) {
    if (!writer_finish(t, err))
        return false;
    if (fault("site_sync") || syncfs(t->lock) != 0)
        return err_errno(err, ERR_FAILED, "could not write '%s'", t->fresh);
    bool ok = dir_exists(t->out) ? swap(t, err)
                                 : rename(t->fresh, t->out) == 0 ||
                                       err_errno(err, ERR_FAILED, "could not make '%s'", t->out);
    if (ok) { /* what comes to lie beside it from now on is another build's */
        close(t->lock);
        t->lock = -1;
    }
    return ok;
}

void site_tree_release(struct tree *t) {
    struct err ignored = ERR_INIT;
    if (!writer_finish(t, &ignored))
        ignored = (struct err)ERR_INIT; /* whoever put it was told, or goes with another error */
    if (t->lock >= 0) {
        if (dir_exists(t->fresh) && !dir_remove(t->fresh, &ignored))
            ignored = (struct err)ERR_INIT; /* the next build clears it away */
        close(t->lock);
    }
    free(t->out);
    free(t->fresh);
    *t = (struct tree) { .lock = -1 };
}
