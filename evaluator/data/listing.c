/* See listing.h. */
#include "evaluator/data/listing.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { MAX_ENTRIES = 200000, MAX_DEPTH = 32 };

void listing_release(struct listing *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].path);
    free(l->items);
    *l = (struct listing) { 0 };
}

void listing_add(struct listing *l, char *path, const struct data_remote_file *remote) {
    mem_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items);
    l->items[l->n++] = (struct listed) { path, remote };
}

/* Of one path the file that is here comes first. */
static int by_path(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->remote != NULL) - (y->remote != NULL);
}

void listing_sort(struct listing *l) {
    size_t n = 0;
    if (l->n)
        qsort(l->items, l->n, sizeof *l->items, by_path);
    for (size_t i = 0; i < l->n; i++)
        if (n > 0 && strcmp(l->items[n - 1].path, l->items[i].path) == 0)
            free(l->items[i].path);
        else
            l->items[n++] = l->items[i];
    l->n = n;
}

static bool list_folder(
    struct listing *l, const char *root, const char *under, unsigned depth, struct err *err);

/* Folders are entered unless they are links; files may be links, as in the hub's own cache. Takes
 * the path. */
static bool list_entry(
    struct listing *l, const char *root, char *path, unsigned depth, struct err *err) {
    char *full = path_join(root, path);
    struct stat st, link;
    bool found = stat(full, &st) == 0 && lstat(full, &link) == 0, ok = true;
    free(full);
    if (l->n >= MAX_ENTRIES)
        ok = err_set(err, ERR_INPUT, "'%s': more than %d files", root, MAX_ENTRIES);
    else if (found && S_ISREG(st.st_mode)) {
        listing_add(l, path, NULL);
        return true;
    } else if (found && S_ISDIR(link.st_mode))
        ok = list_folder(l, root, path, depth + 1, err);
    free(path);
    return ok;
}

/* What git keeps of a cloned data set is no part of it. */
static bool is_left_out(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
}

static bool list_folder(
    struct listing *l, const char *root, const char *under, unsigned depth, struct err *err) {
    if (depth > MAX_DEPTH)
        return err_set(
            err, ERR_INPUT, "'%s': folders are nested more than %d deep", root, MAX_DEPTH);
    char *full = path_join(root, under);
    DIR *dir = opendir(full);
    bool ok = dir || err_errno(err, ERR_NOT_FOUND, "could not read folder '%s'", full);
    for (struct dirent *e; ok && (e = readdir(dir));)
        if (!is_left_out(e->d_name))
            ok = list_entry(
                l, root, *under ? path_join(under, e->d_name) : xstrdup(e->d_name), depth, err);
    if (dir)
        closedir(dir);
    free(full);
    return ok;
}

bool listing_read(
    struct listing *l, const char *dir, const struct data_remote *remote, struct err *err) {
    *l = (struct listing) { 0 };
    bool ok = list_folder(l, dir, "", 0, err);
    for (size_t i = 0; ok && remote && i < remote->n; i++)
        listing_add(l, xstrdup(remote->files[i].path), &remote->files[i]);
    listing_sort(l);
    return ok;
}
