/* Mirror trees on disk (see mirror.h). */
#include "evaluator/hub/mirror.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"

#define LFS_BYTES ((uint64_t)1 << 20)
#define DEPTH_MAX 8

void repo_listing_release(struct repo_listing *l) {
    free(l->files);
    arena_release(&l->arena);
    memset(l, 0, sizeof *l);
}

static bool add_file(struct repo_listing *l, const char *full, const char *relative,
    const struct stat *st, struct err *err) {
    if (l->n == REPO_FILES_MAX) {
        return err_set(err, ERR_INPUT, "a repository with more than %d files", REPO_FILES_MAX);
    }
    mem_grow(&l->files, &l->capacity, l->n + 1, sizeof *l->files);
    struct repo_file *f = &l->files[l->n++];
    f->path = arena_strdup(&l->arena, relative);
    f->size = (uint64_t)st->st_size;
    f->lfs = f->size > LFS_BYTES;
    return f->lfs ? sha256_file(full, f->etag, err) : git_blob_file(full, f->etag, err);
}

static bool list_dir(
    struct repo_listing *l, const char *dir, const char *prefix, int depth, struct err *err) {
    if (depth == DEPTH_MAX) {
        return err_set(err, ERR_INPUT, "'%s' is nested more than %d folders deep", dir, DEPTH_MAX);
    }
    DIR *d = opendir(dir);
    if (!d) {
        return err_errno(err, ERR_FAILED, "could not list '%s'", dir);
    }
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d));) {
        if (e->d_name[0] == '.') { /* .revision, .gitattributes: no part of what is mirrored */
            continue;
        }
        char *full = path_join(dir, e->d_name);
        char *relative = prefix[0] ? path_join(prefix, e->d_name) : xstrdup(e->d_name);
        struct stat st;
        if (stat(full, &st)) {
            ok = err_errno(err, ERR_FAILED, "could not read '%s'", full);
        } else if (S_ISDIR(st.st_mode)) {
            ok = list_dir(l, full, relative, depth + 1, err);
        } else if (S_ISREG(st.st_mode) && path_stays_below(relative)) {
            ok = add_file(l, full, relative, &st, err);
        }
        free(full);
        free(relative);
    }
    closedir(d);
    return ok;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct repo_file *)a)->path, ((const struct repo_file *)b)->path);
}

static void hash_content(struct repo_listing *l) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        strbuf_addf(&text, "%s %llu %s\n", l->files[i].path, (unsigned long long)l->files[i].size,
            l->files[i].etag);
    }
    char hex[65];
    sha256_hex(strbuf_str(&text), text.len, hex);
    memcpy(l->commit, hex, 40);
    l->commit[40] = 0;
    strbuf_release(&text);
}

bool mirror_list(const char *dir, struct repo_listing *out, struct err *err) {
    memset(out, 0, sizeof *out);
    if (!list_dir(out, dir, "", 0, err)) {
        repo_listing_release(out);
        return false;
    }
    if (out->n) {
        qsort(out->files, out->n, sizeof *out->files, by_path);
    }
    if (!mirror_pinned(dir, out->commit, &out->pinned, err)) {
        repo_listing_release(out);
        return false;
    }
    if (!out->pinned) {
        hash_content(out);
    }
    return true;
}
