/* From a hub into the cache (see pull.h). */
#include "evaluator/hub/pull.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "evaluator/hub/cache.h"

#define REPLY_MAX ((size_t)64 << 20)

/* What a model is made of: names with '/' are matched as a whole, so one level of folders is named where it occurs.
 * Nothing that would have to be executed or unpickled is ever fetched. */
static const char *const MODEL_FILES[] = { "*.safetensors", "*.safetensors.index.json", "*.gguf", NULL };
static const char *const FACT_FILES[] = { "config.json", "generation_config.json", "modules.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt",
    "tokenizer.model", "sentence_bert_config.json", "config_sentence_transformers.json", "chat_template.jinja",
    "[0-9]_*/config.json", "README.md", NULL };

static bool matches_any(const char *path, const char *const *patterns) {
    for (; *patterns; patterns++) {
        if (fnmatch(*patterns, path, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return false;
}

static bool wanted(const struct pull *p, const struct repo_file *f) {
    if (p->kind == REPO_DATASET) {
        return true;
    }
    return matches_any(f->path, FACT_FILES) || (!p->facts_only && matches_any(f->path, MODEL_FILES));
}

/* ---- what the hub says ---- */

static bool take_listed_file(struct repo_listing *l, const json_t *entry, struct err *err) {
    const char *path = json_get_string(entry, "path", "");
    const json_t *lfs = json_object_get(entry, "lfs");
    const char *etag = json_get_string(json_is_object(lfs) ? lfs : entry, "oid", "");
    long long size = json_get_int(entry, "size", -1);
    size_t digits = strlen(etag);
    if (!repo_path_valid(path)) {
        return err_set(err, ERR_INPUT, "the hub lists a file with a path that is refused: '%.80s'", path);
    }
    if (size < 0 || strspn(etag, "0123456789abcdef") != digits || digits != (json_is_object(lfs) ? 64 : 40)) {
        return err_set(err, ERR_INPUT, "the hub lists '%.200s' without a usable size and hash", path);
    }
    mem_grow(&l->files, &l->capacity, l->n + 1, sizeof *l->files);
    struct repo_file *f = &l->files[l->n++];
    *f = (struct repo_file){ .path = arena_strdup(&l->arena, path), .size = (uint64_t)size, .lfs = json_is_object(lfs) };
    memcpy(f->etag, etag, digits + 1);
    return true;
}

void pulled_release(struct pulled *p) {
    repo_listing_release(&p->listing);
    json_decref(p->info);
    p->info = NULL;
}

static bool fetch_listing(struct client *c, const struct pull *p, struct pulled *out, struct err *err) {
    struct repo_listing *l = &out->listing;
    struct strbuf path = { 0 };
    const char *kind = repo_kind_plural(p->kind);
    strbuf_addf(&path, "/api/%s/%s/revision/%s", kind, p->repo, p->revision ? p->revision : "main");
    json_t *info = client_json(c, path.text, REPLY_MAX, err), *tree = NULL;
    const char *sha = json_get_string(info, "sha", "");
    bool ok = info != NULL;
    if (ok && (strlen(sha) != 40 || strspn(sha, "0123456789abcdef") != 40)) {
        ok = err_set(err, ERR_INPUT, "the hub gave no commit for '%s'", p->repo);
    }
    if (ok) {
        memcpy(l->commit, sha, 41);
        strbuf_reset(&path);
        strbuf_addf(&path, "/api/%s/%s/tree/%s?recursive=true", kind, p->repo, l->commit);
        tree = client_json(c, path.text, REPLY_MAX, err);
        ok = tree != NULL;
    }
    size_t i;
    json_t *entry;
    json_array_foreach(tree, i, entry) {
        ok = ok && (strcmp(json_get_string(entry, "type", ""), "file") || take_listed_file(l, entry, err));
    }
    json_decref(tree);
    out->info = info;
    strbuf_release(&path);
    return ok;
}

/* ---- fetching ---- */

/* One process at a time fetches a blob. The lock is best effort: names are unique and renames atomic without it. */
static int lock_blob(const char *root, const char *repo_dir, const char *etag) {
    struct strbuf path = { 0 };
    struct err ignored = ERR_INIT;
    strbuf_addf(&path, "%s/.locks/%s", root, path_base(repo_dir));
    int fd = -1;
    if (dir_make(path.text, &ignored)) {
        strbuf_addf(&path, "/%s.lock", etag);
        fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0) {
            flock(fd, LOCK_EX);
        }
    }
    strbuf_release(&path);
    return fd;
}

static bool fetch_file(struct client *c, const struct pull *p, const char *root, const char *repo_dir, const char *commit,
    const struct repo_file *f, struct err *err) {
    struct strbuf blob = { 0 }, part = { 0 }, url = { 0 };
    strbuf_addf(&blob, "%s/blobs", repo_dir);
    bool ok = dir_make(blob.text, err);
    strbuf_addf(&blob, "/%s", f->etag);
    int lock = lock_blob(root, repo_dir, f->etag);
    struct stat st;
    if (ok && (stat(blob.text, &st) || (uint64_t)st.st_size != f->size)) {
        strbuf_addf(&part, "%s.%08x.incomplete", blob.text, (unsigned)getpid());
        strbuf_addf(&url, "/%s%s/resolve/%s/%s", p->kind == REPO_DATASET ? "datasets/" : "", p->repo, commit, f->path);
        struct download d = { .path = url.text, .target = part.text, .etag = f->etag, .size = f->size };
        d.progress = f->size > 1 << 20 ? progress_start(path_base(f->path), f->size, "B") : NULL;
        ok = client_download(c, &d, err);
        progress_end(d.progress);
        ok = ok && (rename(part.text, blob.text) == 0 || err_errno(err, ERR_NODE, "could not keep '%s'", blob.text));
    }
    if (lock >= 0) {
        close(lock);
    }
    strbuf_release(&blob);
    strbuf_release(&part);
    strbuf_release(&url);
    return ok && cache_link(repo_dir, commit, f, err);
}

static bool fetch_wanted(struct client *c, const struct pull *p, const char *root, const char *repo_dir,
    const struct repo_listing *l, struct err *err) {
    for (size_t i = 0; i < l->n; i++) {
        if (wanted(p, &l->files[i]) && !fetch_file(c, p, root, repo_dir, l->commit, &l->files[i], err)) {
            return false;
        }
    }
    return (p->revision && strlen(p->revision) == 40) || cache_write_ref(repo_dir, p->revision ? p->revision : "main", l->commit, err);
}

static bool offline(void) {
    const char *v = getenv("HF_HUB_OFFLINE");
    return v && (!strcmp(v, "1") || !strcasecmp(v, "true") || !strcasecmp(v, "yes") || !strcasecmp(v, "on"));
}

/* A complete snapshot needs no request if its commit is pinned, or if the hub can't be asked. */
static char *cached_snapshot(const struct pull *p, const char *repo_dir) {
    char commit[41];
    const char *revision = p->revision ? p->revision : "main";
    bool pinned = strlen(revision) == 40;
    if ((pinned || offline()) && cache_commit(repo_dir, revision, commit) && cache_is_complete(repo_dir, commit)) {
        return cache_snapshot_dir(repo_dir, commit);
    }
    return NULL;
}

static char *pull_from_hub(const struct pull *p, const char *root, const char *repo_dir, struct pulled *out, struct err *err) {
    const struct repo_listing *l = &out->listing;
    struct client *c = client_open(p->endpoint, err);
    char *dir = NULL;
    if (c && fetch_listing(c, p, out, err) && fetch_wanted(c, p, root, repo_dir, l, err) &&
        (p->facts_only || cache_mark_complete(repo_dir, l->commit, err))) {
        dir = cache_snapshot_dir(repo_dir, l->commit);
    }
    client_close(c);
    return dir;
}

char *pull_snapshot(const struct pull *p, struct pulled *pulled, struct err *err) {
    if (!repo_id_valid(p->repo)) {
        err_set(err, ERR_INPUT, "'%.100s' is not the name of a repository", p->repo);
        err_hint(err, "names are org/name, of letters, digits, '.', '_' and '-'; a path begins with '.' or '/'");
        return NULL;
    }
    char *root = cache_root(err);
    if (!root) {
        return NULL;
    }
    struct pulled own = { 0 };
    char *repo_dir = cache_repo_dir(root, p->kind, p->repo);
    char *dir = pulled ? NULL : cached_snapshot(p, repo_dir);
    if (!dir && offline()) {
        err_set(err, ERR_AUTH, "'%s' is not in the cache, and HF_HUB_OFFLINE forbids fetching it", p->repo);
    } else if (!dir) {
        dir = pull_from_hub(p, root, repo_dir, pulled ? pulled : &own, err);
    }
    if (!dir && pulled) {
        pulled_release(pulled);
    }
    pulled_release(&own);
    free(repo_dir);
    free(root);
    return dir;
}
