/* What lies in the cache (see cached.h). */
#include "evaluator/hub/cached.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/use.h"

enum { DEPTH_MAX = 16 };

/* ---- one snapshot ---- */

static bool walk(const char *dir, const char *below, int depth, cached_file_fn *each, void *arg) {
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    bool on = true;
    for (struct dirent *e; d && on && (e = readdir(d));) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
            continue;
        }
        char *full = path_join(dir, e->d_name);
        char *path = *below ? path_join(below, e->d_name) : xstrdup(e->d_name);
        if (lstat(full, &st) == 0) {
            on = S_ISDIR(st.st_mode) ? walk(full, path, depth + 1, each, arg)
                                     : each(arg, path, full);
        }
        free(full);
        free(path);
    }
    if (d) {
        closedir(d);
    }
    return on;
}

bool cached_files(const char *snapshot_dir, cached_file_fn *each, void *arg) {
    return walk(snapshot_dir, "", 0, each, arg);
}

/* "../../blobs/<name>", with any number of "../": another repository's would have a folder more. */
bool cached_blob_of(const char *full, char name[65]) {
    static const char FOLDER[] = "blobs/";
    char target[512];
    ssize_t n = readlink(full, target, sizeof target - 1);
    if (n <= 0) {
        return false;
    }
    target[n] = 0;
    const char *at = target;
    while (!strncmp(at, "../", 3)) {
        at += 3;
    }
    if (at == target || strncmp(at, FOLDER, sizeof FOLDER - 1)) {
        return false;
    }
    at += sizeof FOLDER - 1;
    size_t length = strlen(at);
    if (length == 0 || length > 64 || strchr(at, '/') || !strcmp(at, "..")) {
        return false;
    }
    memcpy(name, at, length + 1);
    return true;
}

static uint64_t own_bytes(const char *full) {
    struct stat st;
    return lstat(full, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}

static bool add_file(void *arg, const char *path, const char *full) {
    struct cached_snapshot *s = arg;
    struct stat st;
    if (strncmp(path, "base_model/", 11) &&
        stat(full, &st) == 0) { /* a base counts where it lies */
        s->bytes += (uint64_t)st.st_size;
        s->n_files++;
        s->own_bytes += own_bytes(full);
        s->used = st.st_atime > s->used ? st.st_atime : s->used;
    }
    return true;
}

/* Adds the names of the refs that hold this commit. */
static bool add_ref(void *arg, const char *path, const char *full) {
    struct cached_repo *r = arg;
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    if (file_read(full, 64, &text, &ignored) && text.len >= 40) {
        for (size_t i = 0; i < r->n; i++) {
            struct cached_snapshot *s = &r->snapshots[i];
            if (!memcmp(s->commit, text.text, 40)) {
                struct strbuf refs = { 0 };
                strbuf_addf(&refs, "%s%s%s", s->refs, *s->refs ? ", " : "", path);
                free(s->refs);
                s->refs = strbuf_take(&refs);
            }
        }
    }
    strbuf_release(&text);
    return true;
}

/* ---- one repository ---- */

static void add_snapshot(struct cached_repo *r, size_t *capacity, const char *commit) {
    mem_grow(&r->snapshots, capacity, r->n + 1, sizeof *r->snapshots);
    struct cached_snapshot *s = &r->snapshots[r->n++];
    *s =
        (struct cached_snapshot) { .refs = xstrdup(""), .dir = cache_snapshot_dir(r->dir, commit) };
    memcpy(s->commit, commit, 41);
    s->used = use_time(r->dir, commit);
    s->complete = cache_is_complete(r->dir, commit);
    cached_files(s->dir, add_file, s);
}

static uint64_t blob_bytes(const char *repo_dir) {
    char *dir = path_join(repo_dir, "blobs");
    uint64_t bytes = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            bytes += (uint64_t)st.st_blocks * 512;
        }
    }
    if (d) {
        closedir(d);
    }
    free(dir);
    return bytes;
}

static int by_use(const void *a, const void *b) {
    int64_t x = ((const struct cached_snapshot *)a)->used,
            y = ((const struct cached_snapshot *)b)->used;
    return (x < y) - (x > y); /* the latest first */
}

static void scan_repo(struct cached_repo *r) {
    char *snapshots = path_join(r->dir, "snapshots"), *refs = path_join(r->dir, "refs");
    size_t capacity = 0;
    DIR *d = opendir(snapshots);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (repo_commit_valid(e->d_name)) {
            add_snapshot(r, &capacity, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    cached_files(refs, add_ref, r);
    if (r->n) {
        qsort(r->snapshots, r->n, sizeof *r->snapshots, by_use);
    }
    r->bytes = blob_bytes(r->dir);
    for (size_t i = 0; i < r->n; i++) {
        r->bytes += r->snapshots[i].own_bytes;
    }
    free(snapshots);
    free(refs);
}

/* "models--org--name" or, of the hub's first repositories, "models--name". */
static bool name_repo(struct cached_repo *r, const char *folder) {
    const char *kind = !strncmp(folder, "models--", 8)      ? "models"
                       : !strncmp(folder, "datasets--", 10) ? "datasets"
                                                            : NULL;
    if (!kind) {
        return false;
    }
    const char *name = folder + strlen(kind) + 2, *between = strstr(name, "--");
    struct strbuf id = { 0 };
    strbuf_addf(&id, "%.*s%s%s", between ? (int)(between - name) : (int)strlen(name), name,
        between ? "/" : "", between ? between + 2 : "");
    r->kind = kind;
    r->id = strbuf_take(&id);
    return true;
}

static int by_dir(const void *a, const void *b) {
    return strcmp(((const struct cached_repo *)a)->dir, ((const struct cached_repo *)b)->dir);
}

bool cached_scan(struct cached *out, struct err *err) {
    size_t capacity = 0;
    *out = (struct cached) { .root = cache_root(err) };
    if (!out->root) {
        return false;
    }
    DIR *d = opendir(out->root);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct cached_repo r = { 0 };
        if (name_repo(&r, e->d_name)) {
            r.dir = path_join(out->root, e->d_name);
            scan_repo(&r);
            mem_grow(&out->repos, &capacity, out->n + 1, sizeof *out->repos);
            out->repos[out->n++] = r;
            out->bytes += r.bytes;
        }
    }
    if (d) {
        closedir(d);
    }
    if (out->n) {
        qsort(out->repos, out->n, sizeof *out->repos, by_dir);
    }
    return true;
}

void cached_release(struct cached *c) {
    for (size_t i = 0; i < c->n; i++) {
        struct cached_repo *r = &c->repos[i];
        for (size_t k = 0; k < r->n; k++) {
            free(r->snapshots[k].dir);
            free(r->snapshots[k].refs);
        }
        free(r->snapshots);
        free(r->id);
        free(r->dir);
    }
    free(c->repos);
    free(c->root);
    *c = (struct cached) { 0 };
}
