/* Places of files in snapshots (see cache.h): links to blobs; or, where these can't be made or are
 * not wanted, real files, as the hub's own client has them there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "evaluator/hub/cache.h"

#define BASE_DEPTH_MAX 4

/* ---- links ---- */

static bool links_to(const char *path, const char *target) {
    char there[256];
    ssize_t n = readlink(path, there, sizeof there);
    return n > 0 && (size_t)n == strlen(target) && !memcmp(there, target, (size_t)n);
}

/* Makes or replaces a link at one stroke: others may be reading the snapshot. */
static bool link_atomic(const char *target, const char *path, struct err *err) {
    if (links_to(path, target)) {
        return true;
    }
    struct strbuf beside = { 0 };
    strbuf_addf(&beside, "%s.%08x.link", path, (unsigned)getpid());
    unlink(beside.text);
    bool ok = (symlink(target, beside.text) == 0 && rename(beside.text, path) == 0) ||
              err_errno(err, ERR_FAILED, "could not link '%s'", path);
    if (!ok) {
        unlink(beside.text);
    }
    strbuf_release(&beside);
    return ok;
}

/* ---- real files, where links are not to be had ---- */

static bool links_are_refused(void) {
    static const char *const YES[] = { "1", "ON", "YES", "TRUE" };
    const char *value = getenv("HF_HUB_DISABLE_SYMLINKS");
    for (size_t i = 0; value && i < sizeof YES / sizeof *YES; i++) {
        if (!strcasecmp(value, YES[i])) {
            return true;
        }
    }
    return false;
}

static char *file_path(const char *repo_dir, const char *commit, const struct repo_file *file) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/snapshots/%s/%s", repo_dir, commit, file->path);
    return strbuf_take(&path);
}

char *cache_own_file(const char *repo_dir, const char *commit, const struct repo_file *file) {
    struct stat st;
    char *path = file_path(repo_dir, commit, file);
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == file->size) {
        return path;
    }
    free(path);
    return NULL;
}

static ssize_t copy_some(int from, int to) {
    char bytes[65536];
    ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0);
    if (n >= 0) {
        return n;
    }
    n = read(from, bytes, sizeof bytes); /* not between these two */
    return n > 0 && write(to, bytes, (size_t)n) != n ? -1 : n;
}

static bool copy_all(int from, int to) {
    ssize_t n;
    while ((n = copy_some(from, to)) > 0) {
    }
    return n == 0 && fsync(to) == 0;
}

static bool copy_atomic(const char *from, const char *path, struct err *err) {
    struct strbuf beside = { 0 };
    strbuf_addf(&beside, "%s.%08x.copy", path, (unsigned)getpid());
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(beside.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = (in >= 0 && out >= 0 && copy_all(in, out) && rename(beside.text, path) == 0) ||
              err_errno(err, ERR_NODE, "could not copy '%s'", from);
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    if (!ok) {
        unlink(beside.text);
    }
    strbuf_release(&beside);
    return ok;
}

static bool put_file(const char *from, const char *path, bool may_move, struct err *err) {
    return (may_move && rename(from, path) == 0) || copy_atomic(from, path, err);
}

/* "../../blobs/<etag>", with one "../" more for each folder in the path. */
static bool link_to_blob(const char *path, const struct repo_file *file, struct err *err) {
    struct strbuf target = { 0 };
    strbuf_adds(&target, "../../");
    for (const char *c = file->path; *c; c++) {
        strbuf_adds(&target, *c == '/' ? "../" : "");
    }
    strbuf_addf(&target, "blobs/%s", file->etag);
    bool ok = link_atomic(target.text, path, err);
    strbuf_release(&target);
    return ok;
}

bool cache_link(const char *repo_dir, const char *commit, const struct repo_file *file,
    const struct cache_source *source, struct err *err) {
    struct err why = ERR_INIT;
    struct strbuf blob = { 0 };
    char *path = file_path(repo_dir, commit, file);
    strbuf_addf(&blob, "%s/blobs/%s", repo_dir, file->etag);
    bool ok = cache_make_parent(path, err);
    if (ok && (source->own || links_are_refused() || !link_to_blob(path, file, &why))) {
        ok = put_file(
            source->own ? source->own : blob.text, path, source->may_move && !source->own, err);
    }
    strbuf_release(&blob);
    free(path);
    return ok;
}

/* The links' folder, which lies `depth` folders below base_model, and what it is to mirror: a
 * folder of the base's snapshot, as a path from the cache's root. */
struct mirroring {
    const char *dir, *base_dir, *base_path;
    unsigned depth;
};

static bool mirror_links(const struct mirroring *m, struct err *err);

static bool mirror_entry(
    const struct mirroring *m, const char *name, unsigned char type, struct err *err) {
    struct strbuf target = { 0 };
    char *path = path_join(m->dir, name), *base_dir = path_join(m->base_dir, name),
         *base_path = path_join(m->base_path, name);
    bool ok = true;
    if (type == DT_DIR && m->depth < BASE_DEPTH_MAX) {
        ok = mirror_links(&(struct mirroring) { path, base_dir, base_path, m->depth + 1 }, err);
    } else if (type == DT_LNK || type == DT_REG) {
        for (unsigned up = 0; up < m->depth + 4; up++) {
            strbuf_adds(&target, "../"); /* base_model, commit, snapshots, repository */
        }
        strbuf_adds(&target, base_path);
        ok = link_atomic(target.text, path, err);
    }
    strbuf_release(&target);
    free(path);
    free(base_dir);
    free(base_path);
    return ok;
}

static bool mirror_links(const struct mirroring *m, struct err *err) {
    DIR *d = dir_make(m->dir, err) ? opendir(m->base_dir) : NULL;
    bool ok = d != NULL;
    if (!ok) {
        return err_errno(err, ERR_FAILED, "could not read '%s'", m->base_dir);
    }
    for (struct dirent *e; ok && (e = readdir(d));) {
        ok = e->d_name[0] == '.' || mirror_entry(m, e->d_name, e->d_type, err);
    }
    closedir(d);
    return ok;
}

bool cache_link_base(
    const char *repo_dir, const char *commit, const char *base_dir, struct err *err) {
    char *snapshot = cache_snapshot_dir(repo_dir, commit), *dir = path_join(snapshot, "base_model"),
         *revision = path_join(dir, ".revision");
    const size_t root = (size_t)(path_base(repo_dir) - repo_dir); /* both lie in it */
    bool ok = mirror_links(&(struct mirroring) { dir, base_dir, base_dir + root, 0 }, err) &&
              file_write_atomic(revision, path_base(base_dir), 40, err);
    free(revision);
    free(dir);
    free(snapshot);
    return ok;
}
