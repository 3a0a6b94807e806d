/* The output folder and its swap (see tree.h). */
#include "site-gen/tree.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

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

bool tree_open(struct tree *t, const char *out, struct err *err) {
    *t = (struct tree) { .lock = -1, .out = without_slashes(out) };
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
    return tree_put(t, MARKER, "made by assay site build\n", 25, err);
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

bool tree_put(struct tree *t, const char *path, const void *data, size_t n, struct err *err) {
    char *before = path_join(t->out, path), *now = path_join(t->fresh, path);
    bool ok = make_parents(now, err);
    bool linked = ok && same_bytes(before, data, n) && link(before, now) == 0;
    if (ok && !linked)
        ok = write_file(now, data, n, err);
    t->n_files++;
    t->n_changed += !linked;
    t->bytes += n;
    free(before);
    free(now);
    return ok;
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
    if (t->lock >= 0) {
        if (dir_exists(t->fresh) && !dir_remove(t->fresh, &ignored))
            ignored = (struct err)ERR_INIT; /* the next build clears it away */
        close(t->lock);
    }
    free(t->out);
    free(t->fresh);
    *t = (struct tree) { .lock = -1 };
}
