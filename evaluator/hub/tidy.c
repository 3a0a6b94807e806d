/* The cache's list and its check (see tidy.h). */
#include "evaluator/hub/tidy.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "evaluator/hub/cached.h"
#include "evaluator/hub/client.h"
#include "evaluator/hub/partial.h"
#include "evaluator/hub/tidy_parts.h"
#include "evaluator/hub/use.h"

/* ---- the list ---- */

static json_t *snapshot_json(const struct cached_repo *r, const struct cached_snapshot *s) {
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:b}", "commit", s->commit, "refs", s->refs,
        "files", (json_int_t)s->n_files, "bytes", (json_int_t)s->bytes, "used", (json_int_t)s->used,
        "complete", s->complete, "in_use", tidy_in_use(r, s));
}

static json_t *repo_json(const struct cached_repo *r) {
    struct strbuf now = { 0 };
    struct err ignored = ERR_INIT;
    json_t *out =
        json_pack("{s:s, s:s, s:I}", "kind", r->kind, "repo", r->id, "bytes", (json_int_t)r->bytes);
    char *name = path_join(r->dir, ".assay/name");
    if (file_exists(name) && file_read(name, 256, &now, &ignored)) {
        json_object_set_new(out, "now", json_string(strbuf_str(&now)));
    }
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        json_array_append_new(list, snapshot_json(r, &r->snapshots[i]));
    }
    json_object_set_new(out, "snapshots", list);
    strbuf_release(&now);
    free(name);
    return out;
}

json_t *hub_cache_list(struct err *err) {
    struct cached c;
    if (!cached_scan(&c, err)) {
        return NULL;
    }
    json_t *out =
        json_pack("{s:s, s:s, s:I, s:I}", "schema", "assay.hub-ls/1", "cache", c.root, "bytes",
            (json_int_t)c.bytes, "partial_bytes", (json_int_t)tidy_partials(&c, INT64_MAX, true));
    json_t *repos = json_array();
    for (size_t i = 0; i < c.n; i++) {
        json_array_append_new(repos, repo_json(&c.repos[i]));
    }
    json_object_set_new(out, "repos", repos);
    cached_release(&c);
    return out;
}

/* ---- the check ---- */

#define TREE_MAX ((size_t)256 << 20)

struct check {
    const struct cached_repo *repo;
    json_t *problems;
    size_t root_n; /* of the cache's path: problems are named from there on */
    uint64_t blobs, bytes;
    bool repair;
    struct progress *bar;
};

static void problem(struct check *c, const char *path, const char *what) {
    json_array_append_new(
        c->problems, json_pack("{s:s, s:s}", "path", path + c->root_n, "problem", what));
    if (c->repair && unlink(path)) {
        /* it is a problem again next time */
    }
}

/* A snapshot that lacks something is complete no more. */
static void unmark(const struct check *c, const char *commit) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/.assay/%s.complete", c->repo->dir, commit);
    if (c->repair) {
        unlink(path.text);
    }
    strbuf_release(&path);
}

static void check_blob(struct check *c, const char *name, const char *path) {
    struct stat st;
    size_t n = strlen(name);
    if (stat(path, &st)) {
        problem(c, path, "it is a link to nothing");
        return;
    }
    if ((n != 40 && n != 64) || strspn(name, "0123456789abcdef") != n) {
        return; /* on its way, or a lock: not a blob */
    }
    c->blobs++;
    c->bytes += (uint64_t)st.st_size;
    if (!client_verify(path, name)) {
        problem(c, path, "its bytes are not those that it is named by");
    }
    progress_add(c->bar, (uint64_t)st.st_size);
}

static void check_blobs(struct check *c) {
    char *dir = path_join(c->repo->dir, "blobs");
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            char *path = path_join(dir, e->d_name);
            check_blob(c, e->d_name, path);
            free(path);
        }
    }
    if (d) {
        closedir(d);
    }
    free(dir);
}

struct check_file {
    struct check *check;
    const json_t *tree; /* path -> what the hub lists of it; NULL: nobody noted that */
    bool broken;
};

/* A real file in place of a link has no name that its bytes could be held to: the list has. */
static void check_own(struct check_file *f, const char *path, const char *full) {
    struct stat st;
    const json_t *entry = json_object_get(f->tree, path);
    const char *etag =
        json_get_string(entry, "lfs_sha256", json_get_string(entry, "blob_id", NULL));
    if (!etag || lstat(full, &st) || !S_ISREG(st.st_mode)) {
        return;
    }
    f->check->blobs++;
    f->check->bytes += (uint64_t)st.st_size;
    if (!client_verify(full, etag)) {
        problem(f->check, full, "its bytes are not those that the hub lists");
        f->broken = true;
    }
    progress_add(f->check->bar, (uint64_t)st.st_size);
}

static bool check_file(void *arg, const char *path, const char *full) {
    struct check_file *f = arg;
    if (!file_exists(full)) {
        problem(f->check, full, "it is a link to nothing");
        f->broken = true;
    } else {
        check_own(f, path, full);
    }
    return true;
}

/* trees/<commit>.json of the repository, which the hub's client and Assay write; NULL: none. */
static json_t *read_tree(const char *repo_dir, const char *commit) {
    struct strbuf path = { 0 }, text = { 0 };
    struct err ignored = ERR_INIT;
    json_t *tree = NULL, *files = NULL;
    strbuf_addf(&path, "%s/trees/%s.json", repo_dir, commit);
    if (file_exists(path.text) && file_read(path.text, TREE_MAX, &text, &ignored)) {
        tree = json_parse(strbuf_str(&text), text.len, path.text, &ignored);
        files = json_incref(json_object_get(tree, "files"));
    }
    json_decref(tree);
    strbuf_release(&path);
    strbuf_release(&text);
    return files;
}

static bool check_ref(void *arg, const char *path, const char *full) {
    struct check *c = arg;
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    (void)path;
    bool ok = file_read(full, 40, &text, &ignored) && text.len == 40 &&
              repo_commit_valid(strbuf_str(&text));
    if (!ok && !str_ends(full, ".tmp")) {
        problem(c, full, "it does not hold a commit");
    }
    strbuf_release(&text);
    return true;
}

static void check_repo(struct check *c) {
    char *refs = path_join(c->repo->dir, "refs");
    check_blobs(c);
    for (size_t i = 0; i < c->repo->n; i++) {
        json_t *tree = read_tree(c->repo->dir, c->repo->snapshots[i].commit);
        struct check_file f = { .check = c, .tree = tree };
        cached_files(c->repo->snapshots[i].dir, check_file, &f);
        json_decref(tree);
        if (f.broken) {
            unmark(c, c->repo->snapshots[i].commit);
        }
    }
    cached_files(refs, check_ref, c);
    free(refs);
}

/* The repositories named, or all; ERR_NOT_FOUND. */
static bool choose(const struct cached *c, const char *const *names, size_t n, bool *chosen,
    uint64_t *bytes, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        size_t repo, snapshot;
        if (!tidy_find(c, names[i], &repo, &snapshot, err)) {
            return false;
        }
        chosen[repo] = true;
    }
    for (size_t i = 0; i < c->n; i++) {
        chosen[i] |= n == 0;
        *bytes += chosen[i] ? c->repos[i].bytes : 0;
    }
    return true;
}

json_t *hub_cache_verify(const char *const *names, size_t n, bool repair, struct err *err) {
    struct cached c;
    uint64_t bytes = 0;
    long long repos = 0;
    if (!cached_scan(&c, err)) {
        return NULL;
    }
    bool *chosen = xcalloc(c.n + 1, sizeof *chosen);
    if (!choose(&c, names, n, chosen, &bytes, err)) {
        free(chosen);
        cached_release(&c);
        return NULL;
    }
    struct check check = {
        .problems = json_array(), .root_n = strlen(c.root) + 1, .repair = repair
    };
    check.bar = progress_start("verify", bytes, "B");
    for (size_t i = 0; i < c.n; i++) {
        if (chosen[i]) {
            check.repo = &c.repos[i];
            check_repo(&check);
            repos++;
        }
    }
    progress_end(check.bar);
    free(chosen);
    cached_release(&c);
    return json_pack("{s:s, s:I, s:I, s:I, s:b, s:o}", "schema", "assay.hub-verify/1", "repos",
        (json_int_t)repos, "blobs", (json_int_t)check.blobs, "bytes", (json_int_t)check.bytes,
        "repaired", repair, "problems", check.problems);
}
