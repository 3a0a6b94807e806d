/* A snapshot's files, from a hub into blobs (see pull_parts.h). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/fetch.h"
#include "evaluator/hub/pull_parts.h"
#include "evaluator/hub/url.h"

/* Files of one content are fetched once. */
struct same {
    const struct repo_file *const *files; /* of one etag, n of them */
    size_t n;
};

struct fetching {
    const struct pull_files *f;
    const struct repo_file **order; /* the chosen ones, by etag */
    struct same *groups;            /* one a blob, in the order of the listing */
    struct fetch_file *files;       /* likewise */
    size_t n;
    bool *was_here; /* the blob was, which others may link to */
    bool trusted;   /* this snapshot was completed, and its blobs verified then */
};

/* One process at a time fetches a blob. The lock is best effort: names are unique and renames
 * atomic without it, and a partial names its writer. */
static int lock_blob(void *arg, size_t file, bool *busy) {
    const struct fetching *g = arg;
    struct strbuf path = { 0 };
    struct err ignored = ERR_INIT;
    strbuf_addf(&path, "%s/.locks/%s", g->f->root, path_base(g->f->repo_dir));
    int fd = -1;
    if (dir_make(path.text, &ignored)) {
        strbuf_addf(&path, "/%s.lock", g->files[file].etag);
        fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (fd >= 0 && !fault("hub_flock")) {
        *busy = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    }
    strbuf_release(&path);
    return fd;
}

/* A blob that is there already, be it in the store that the hub's client shares between
 * repositories. Of a snapshot that we completed it was verified then; one that somebody else
 * fetched (the hub's own client compares sizes only) is verified now. */
static bool blob_is_here(const struct fetching *g, const struct fetch_file *w) {
    struct stat st;
    return stat(w->blob, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == w->size &&
           (g->trusted || client_verify(w->blob, w->etag));
}

/* The snapshot's own file in place of a link, where its bytes are the right ones. */
static char *own_file(const struct fetching *g, const struct repo_file *f) {
    char *path = cache_own_file(g->f->repo_dir, g->f->listing->commit, f);
    if (path && !g->trusted && !client_verify(path, f->etag)) {
        free(path);
        path = NULL;
    }
    return path;
}

static char *any_own_file(const struct fetching *g, const struct same *s) {
    char *path = NULL;
    for (size_t i = 0; i < s->n && !path; i++) {
        path = own_file(g, s->files[i]);
    }
    return path;
}

static bool is_here(void *arg, size_t file) {
    const struct fetching *g = arg;
    g->was_here[file] = blob_is_here(g, &g->files[file]);
    char *own = g->was_here[file] ? NULL : any_own_file(g, &g->groups[file]);
    bool here = g->was_here[file] || own;
    free(own);
    return here;
}

/* All files of the snapshot that are this blob get their places. */
static bool arrived(void *arg, size_t file, struct err *err) {
    const struct fetching *g = arg;
    const struct same *s = &g->groups[file];
    if (fault("hub_arrived")) {
        return err_set(err, ERR_NODE, "a fault before the link");
    }
    char *first = file_exists(g->files[file].blob) ? NULL : any_own_file(g, s);
    bool ok = true;
    for (size_t i = 0; i < s->n && ok; i++) {
        struct cache_source source = { .own = first,
            .may_move = !g->was_here[file] && i + 1 == s->n };
        char *own = first ? own_file(g, s->files[i]) : NULL;
        ok = own || cache_link(g->f->repo_dir, g->f->listing->commit, s->files[i], &source, err);
        free(own);
    }
    free(first);
    return ok;
}

/* ---- what there is to fetch ---- */

static int by_etag(const void *a, const void *b) {
    const struct repo_file *x = *(const struct repo_file *const *)a,
                           *y = *(const struct repo_file *const *)b;
    int order = strcmp(x->etag, y->etag);
    return order ? order : (x > y) - (x < y);
}

static int by_first(const void *a, const void *b) {
    const struct repo_file *x = ((const struct same *)a)->files[0],
                           *y = ((const struct same *)b)->files[0];
    return (x > y) - (x < y);
}

static void group(struct fetching *g) {
    const struct repo_listing *l = g->f->listing;
    size_t n = 0;
    g->order = xcalloc(l->n + 1, sizeof *g->order);
    g->groups = xcalloc(l->n + 1, sizeof *g->groups);
    for (size_t i = 0; i < l->n; i++) {
        if (g->f->chosen[i]) {
            g->order[n++] = &l->files[i];
        }
    }
    if (n) {
        qsort(g->order, n, sizeof *g->order, by_etag);
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(g->order[i]->etag, g->order[i - 1]->etag)) {
            g->groups[g->n++].files = &g->order[i];
        }
        g->groups[g->n - 1].n++;
    }
    if (g->n) {
        qsort(g->groups, g->n, sizeof *g->groups, by_first);
    }
}

static void name_files(struct fetching *g) {
    const struct pull_files *f = g->f;
    g->files = xcalloc(g->n + 1, sizeof *g->files);
    g->was_here = xcalloc(g->n + 1, sizeof *g->was_here);
    for (size_t i = 0; i < g->n; i++) {
        const struct repo_file *file = g->groups[i].files[0];
        struct strbuf blob = { 0 };
        strbuf_addf(&blob, "%s/blobs/%s", f->repo_dir, file->etag);
        g->files[i] = (struct fetch_file) {
            .path = pull_file_path(f->pull, f->listing->commit, file->path),
            .name = path_base(file->path),
            .etag = file->etag,
            .blob = strbuf_take(&blob),
            .size = file->size,
        };
    }
}

static void release(struct fetching *g) {
    for (size_t i = 0; i < g->n; i++) {
        free((char *)(uintptr_t)g->files[i].path);
        free((char *)(uintptr_t)g->files[i].blob);
    }
    free(g->files);
    free(g->was_here);
    free(g->groups);
    free(g->order);
}

char *pull_file_path(const struct pull *p, const char *commit, const char *path) {
    struct strbuf url = { 0 };
    strbuf_addf(
        &url, "/%s%s/resolve/%s/", p->kind == REPO_DATASET ? "datasets/" : "", p->repo, commit);
    url_escape(&url, path, true);
    return strbuf_take(&url);
}

/* Partials lie in Assay's own cache, where any repository finds them; where that is another disk,
 * with the repository, so that they can be renamed. */
static char *partials_dir(const struct pull_files *f, struct err *err) {
    struct stat here, there;
    struct err ignored = ERR_INIT;
    char *cache = assay_cache(&ignored), *dir = cache ? path_join(cache, "partial") : NULL;
    free(cache);
    if (dir && dir_make(dir, &ignored) && stat(dir, &there) == 0 && stat(f->repo_dir, &here) == 0 &&
        here.st_dev == there.st_dev) {
        return dir;
    }
    free(dir);
    dir = path_join(f->repo_dir, ".assay/partial");
    if (!dir_make(dir, err)) {
        free(dir);
        return NULL;
    }
    return dir;
}

bool pull_fetch(struct client *c, const struct pull_files *f, struct err *err) {
    struct fetching g = { .f = f, .trusted = cache_is_complete(f->repo_dir, f->listing->commit) };
    char *blobs = path_join(f->repo_dir, "blobs"),
         *partials = dir_make(blobs, err) ? partials_dir(f, err) : NULL;
    bool ok = partials != NULL;
    if (ok) {
        group(&g);
        name_files(&g);
        struct fetch run = { .files = g.files,
            .n = g.n,
            .partials = partials,
            .is_here = is_here,
            .lock = lock_blob,
            .arrived = arrived,
            .arg = &g };
        ok = fetch_run(c, &run, err);
        release(&g);
    }
    free(partials);
    free(blobs);
    return ok;
}
