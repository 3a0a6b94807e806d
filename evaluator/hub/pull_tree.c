/* What a hub says of a repository (see pull_parts.h). */
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "evaluator/hub/pull_parts.h"
#include "evaluator/hub/url.h"

#define REPLY_MAX ((size_t)64 << 20)
#define PAGES_MAX 200
#define FILE_BYTES_MAX (1ll << 50)

static bool is_hex(const char *text, size_t n) {
    return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

/* What else git and the hub's other store call it: for the list that the hub's own client keeps. */
static void take_names(struct repo_file *f, const json_t *entry) {
    const char *oid = json_get_string(entry, "oid", ""),
               *xet = json_get_string(entry, "xetHash", "");
    snprintf(f->blob_id, sizeof f->blob_id, "%s", is_hex(oid, 40) ? oid : "");
    snprintf(f->xet, sizeof f->xet, "%s", is_hex(xet, 64) ? xet : "");
}

static bool take_listed_file(
    struct repo_listing *l, const json_t *entry, size_t files_max, struct err *err) {
    const char *path = json_get_string(entry, "path", "");
    const json_t *lfs = json_object_get(entry, "lfs");
    const char *etag = json_get_string(json_is_object(lfs) ? lfs : entry, "oid", "");
    long long size = json_get_int(entry, "size", -1);
    size_t digits = strlen(etag);
    size_t length = json_string_length(json_object_get(entry, "path"));
    if (strlen(path) != length || !path_stays_below(path)) { /* JSON can hold a NUL */
        return err_set(
            err, ERR_INPUT, "the hub lists a file with a path that is refused: '%.80s'", path);
    }
    if (size < 0 || size > FILE_BYTES_MAX || strspn(etag, "0123456789abcdef") != digits ||
        digits != (json_is_object(lfs) ? 64 : 40)) {
        return err_set(
            err, ERR_INPUT, "the hub lists '%.200s' without a usable size and hash", path);
    }
    if (l->n == files_max) {
        return err_set(err, ERR_INPUT, "the hub lists more than %zu files", files_max);
    }
    mem_grow(&l->files, &l->capacity, l->n + 1, sizeof *l->files);
    struct repo_file *f = &l->files[l->n++];
    *f = (struct repo_file) {
        .path = arena_strdup(&l->arena, path), .size = (uint64_t)size, .lfs = json_is_object(lfs)
    };
    memcpy(f->etag, etag, digits + 1);
    take_names(f, entry);
    return true;
}

bool pull_take_tree(struct repo_listing *l, const json_t *tree, size_t files_max, struct err *err) {
    size_t i;
    json_t *entry;
    if (!json_is_array(tree)) {
        return err_set(err, ERR_INPUT, "the hub's list of files is not a list");
    }
    json_array_foreach(tree, i, entry) {
        const char *type = json_get_string(entry, "type", "");
        if (!strcmp(type, "directory")) {
            continue;
        }
        if (strcmp(type, "file")) {
            return err_set(
                err, ERR_INPUT, "the hub lists something that is neither a file nor a directory");
        }
        if (!take_listed_file(l, entry, files_max, err)) {
            return false;
        }
    }
    return true;
}

/* The hub leads on from a name that a repository had. Of the same owner that is the same
 * repository; a name that somebody else has now is another one, whatever it holds. The hub's first
 * repositories had no owner, and got one under the same name; nobody else can be called so. */
static bool is_same_repo(const char *asked, const char *now) {
    const char *slash = strchr(now, '/');
    if (!strchr(asked, '/')) {
        return slash && !strcasecmp(slash + 1, asked);
    }
    return !strncasecmp(now, asked, strcspn(asked, "/") + 1);
}

static bool check_name(const struct pull *p, struct pulled *out, struct err *err) {
    const char *now = json_get_string(out->info, "id", p->repo);
    if (!strcasecmp(now, p->repo)) {
        return true;
    }
    if (!repo_id_valid(now) || !is_same_repo(p->repo, now)) {
        err_set(err, ERR_NOT_FOUND,
            "'%s' is not that any more: the hub leads to '%.100s', of another owner", p->repo, now);
        return err_hint(err, "if that is what you mean, name it so");
    }
    out->now = now;
    return true;
}

static bool fetch_info(
    struct client *c, const struct pull *p, struct pulled *out, struct err *err) {
    const char *revision = p->revision ? p->revision : "main";
    struct strbuf path = { 0 };
    strbuf_addf(&path, "/api/%s/%s/revision/", repo_kind_plural(p->kind), p->repo);
    url_escape(&path, revision, false);
    out->info = client_json(c, path.text, REPLY_MAX, NULL, err);
    strbuf_release(&path);
    if (!out->info) {
        return false;
    }
    if (!check_name(p, out, err)) {
        return false;
    }
    const char *sha = json_get_string(out->info, "sha", "");
    if (!repo_commit_valid(sha)) {
        return err_set(err, ERR_INPUT, "the hub gave no commit for '%s'", p->repo);
    }
    if (repo_commit_valid(revision) && strcmp(revision, sha)) {
        return err_set(err, ERR_INPUT,
            "the hub gave commit %.12s of '%s' where %.12s was asked for", sha, p->repo, revision);
    }
    memcpy(out->listing.commit, sha, sizeof out->listing.commit);
    return true;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct repo_file *)a)->path, ((const struct repo_file *)b)->path);
}

/* Sorted; a path that is listed twice could be two files. */
static bool sort_listing(struct repo_listing *l, struct err *err) {
    if (l->n) {
        qsort(l->files, l->n, sizeof *l->files, by_path);
    }
    for (size_t i = 1; i < l->n; i++) {
        if (!strcmp(l->files[i - 1].path, l->files[i].path)) {
            return err_set(err, ERR_INPUT, "the hub lists '%.200s' twice", l->files[i].path);
        }
    }
    return true;
}

/* A page that was there before: the list goes round in a circle. */
static bool was_seen(char *const *seen, size_t n, const char *path) {
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(seen[i], path)) {
            return true;
        }
    }
    return false;
}

/* One page; *next becomes the path of the one that follows, or NULL. */
static bool fetch_page(struct client *c, const struct pull *p, const char *path, char **next,
    struct repo_listing *l, struct err *err) {
    size_t files_max = p->kind == REPO_MODEL ? MODEL_FILES_MAX : REPO_FILES_MAX;
    json_t *tree = client_json(c, path, REPLY_MAX, next, err);
    bool ok = tree && pull_take_tree(l, tree, files_max, err);
    json_decref(tree);
    return ok;
}

/* All pages of the list of files, of the commit that fetch_info found. */
static bool fetch_tree(
    struct client *c, const struct pull *p, struct repo_listing *l, struct err *err) {
    struct strbuf first = { 0 };
    strbuf_addf(
        &first, "/api/%s/%s/tree/%s?recursive=true", repo_kind_plural(p->kind), p->repo, l->commit);
    char *seen[PAGES_MAX], *path = strbuf_take(&first);
    size_t n = 0;
    bool ok = true;
    while (ok && path) {
        if (n == PAGES_MAX) {
            ok = err_set(
                err, ERR_INPUT, "the hub's list of files has more than %d pages", PAGES_MAX);
        } else if (was_seen(seen, n, path)) {
            ok = err_set(err, ERR_INPUT, "the hub's list of files goes round in a circle");
        } else {
            char *next = NULL;
            seen[n++] = path;
            ok = fetch_page(c, p, path, &next, l, err);
            path = next;
            continue;
        }
        break;
    }
    free(path);
    for (size_t i = 0; i < n; i++) {
        free(seen[i]);
    }
    return ok && sort_listing(l, err);
}

bool pull_ask(struct client *c, const struct pull *p, struct pulled *out, struct err *err) {
    return fetch_info(c, p, out, err) && fetch_tree(c, p, &out->listing, err);
}
