/* From a hub into the cache (see pull.h). */
#include "evaluator/hub/pull.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "evaluator/data/data.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/url.h"

#define REPLY_MAX ((size_t)64 << 20)
#define PAGES_MAX 200
#define FILE_BYTES_MAX (1ll << 50)

/* What a model is made of: names with '/' are matched as a whole, so one level of folders is named
 * where it occurs. Of a data set it is the card, and the files of formats that are read. Nothing
 * that would have to be executed is ever fetched. */
static const char *const MODEL_FILES[] = { "*.safetensors", "*.safetensors.index.json", "*.gguf",
    "[0-9]_*/*.safetensors", NULL };
/* PyTorch's own files of weights, where a folder has not what is read ahead of them. */
static const struct {
    const char *names[3]; /* of a file, without its folder */
    const char *better[2];
} OLDER_FILES[] = {
    { { "pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin" },
        { "model.safetensors", "model.safetensors.index.json" } },
    { { "adapter_model.bin" }, { "adapter_model.safetensors" } },
};
static const char *const FACT_FILES[] = { "config.json", "generation_config.json", "modules.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model", "spm.model",
    "sentencepiece.bpe.model", "sentencepiece.model", "tekken.json", "*.tiktoken",
    "sentence_*_config.json", "config_sentence_transformers.json", "chat_template.jinja",
    "chat_template.json", "adapter_config.json", "delta_config.json",
    "additional_chat_templates/*.jinja", "[0-9]_*/config.json", "README.md", NULL };

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct repo_file *)a)->path, ((const struct repo_file *)b)->path);
}

static bool matches_any(const char *path, const char *const *patterns) {
    for (; *patterns; patterns++) {
        if (fnmatch(*patterns, path, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return false;
}

bool repo_listing_has(const struct repo_listing *l, const char *path) {
    const struct repo_file wanted = { .path = path };
    return l->n && bsearch(&wanted, l->files, l->n, sizeof *l->files, by_path);
}

static bool has_beside(const struct repo_listing *l, const char *path, const char *name) {
    struct strbuf other = { 0 };
    strbuf_addf(&other, "%.*s%s", (int)(path_base(path) - path), path, name);
    bool has = repo_listing_has(l, other.text);
    strbuf_release(&other);
    return has;
}

bool pull_wants_pytorch(const struct repo_listing *l, const char *path) {
    const char *name = path_base(path);
    if (name != path && fnmatch("[0-9]_*/*", path, FNM_PATHNAME)) {
        return false;
    }
    for (size_t i = 0; i < sizeof OLDER_FILES / sizeof *OLDER_FILES; i++) {
        for (size_t k = 0; k < 3 && OLDER_FILES[i].names[k]; k++) {
            if (!fnmatch(OLDER_FILES[i].names[k], name, 0)) {
                const char *const *better = OLDER_FILES[i].better;
                return !has_beside(l, path, better[0]) &&
                       (!better[1] || !has_beside(l, path, better[1]));
            }
        }
    }
    return false;
}

static bool wanted(const struct pull *p, const struct repo_listing *l, const struct repo_file *f) {
    if (p->kind == REPO_DATASET) {
        return !strcmp(f->path, "README.md") || data_format(f->path);
    }
    return matches_any(f->path, FACT_FILES) ||
           (!p->facts_only &&
               (matches_any(f->path, MODEL_FILES) || pull_wants_pytorch(l, f->path)));
}

/* ---- what the hub says ---- */

static bool take_listed_file(struct repo_listing *l, const json_t *entry, struct err *err) {
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
    if (l->n == REPO_FILES_MAX) {
        return err_set(err, ERR_INPUT, "the hub lists more than %d files", REPO_FILES_MAX);
    }
    mem_grow(&l->files, &l->capacity, l->n + 1, sizeof *l->files);
    struct repo_file *f = &l->files[l->n++];
    *f = (struct repo_file) {
        .path = arena_strdup(&l->arena, path), .size = (uint64_t)size, .lfs = json_is_object(lfs)
    };
    memcpy(f->etag, etag, digits + 1);
    return true;
}

bool pull_take_tree(struct repo_listing *l, const json_t *tree, struct err *err) {
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
        if (!take_listed_file(l, entry, err)) {
            return false;
        }
    }
    return true;
}

void pulled_release(struct pulled *p) {
    repo_listing_release(&p->listing);
    json_decref(p->info);
    p->info = NULL;
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

/* All pages of the list of files, of the commit that fetch_info found. */
static bool fetch_tree(
    struct client *c, const struct pull *p, struct repo_listing *l, struct err *err) {
    struct strbuf first = { 0 };
    strbuf_addf(
        &first, "/api/%s/%s/tree/%s?recursive=true", repo_kind_plural(p->kind), p->repo, l->commit);
    char *path = strbuf_take(&first);
    bool ok = true;
    for (int pages = 0; ok && path; pages++) {
        char *next = NULL;
        json_t *tree = pages < PAGES_MAX ? client_json(c, path, REPLY_MAX, &next, err) : NULL;
        if (pages == PAGES_MAX) {
            err_set(err, ERR_INPUT, "the hub's list of files has more than %d pages", PAGES_MAX);
        }
        ok = tree && pull_take_tree(l, tree, err);
        json_decref(tree);
        free(path);
        path = next;
    }
    free(path);
    return ok && sort_listing(l, err);
}

/* ---- fetching ---- */

/* One process at a time fetches a blob. The lock is best effort: names are unique and renames
 * atomic without it. */
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

/* A blob that is there already. Of a snapshot that we completed it was verified then; one that
 * somebody else fetched (the hub's own client compares sizes only) is verified now. */
static bool have_blob(const char *blob, const struct repo_file *f, bool trusted) {
    struct stat st;
    return stat(blob, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == f->size &&
           (trusted || client_verify(blob, f->etag));
}

char *pull_file_path(const struct pull *p, const char *commit, const char *path) {
    struct strbuf url = { 0 };
    strbuf_addf(
        &url, "/%s%s/resolve/%s/", p->kind == REPO_DATASET ? "datasets/" : "", p->repo, commit);
    url_escape(&url, path, true);
    return strbuf_take(&url);
}

static bool fetch_file(struct client *c, const struct pull *p, const char *root,
    const char *repo_dir, const char *commit, const struct repo_file *f, struct err *err) {
    struct strbuf blob = { 0 }, part = { 0 };
    strbuf_addf(&blob, "%s/blobs", repo_dir);
    bool ok = dir_make(blob.text, err);
    strbuf_addf(&blob, "/%s", f->etag);
    int lock = lock_blob(root, repo_dir, f->etag);
    if (ok && !have_blob(blob.text, f, cache_is_complete(repo_dir, commit))) {
        strbuf_addf(&part, "%s.%08x.incomplete", blob.text, (unsigned)getpid());
        char *url = pull_file_path(p, commit, f->path);
        struct download d = { .path = url, .target = part.text, .etag = f->etag, .size = f->size };
        d.progress = f->size > 1 << 20 ? progress_start(path_base(f->path), f->size, "B") : NULL;
        ok = client_download(c, &d, err);
        progress_end(d.progress);
        free(url);
        if (ok && rename(part.text, blob.text)) {
            ok = err_errno(err, ERR_NODE, "could not keep '%s'", blob.text);
            unlink(part.text);
        }
    }
    if (lock >= 0) {
        close(lock);
    }
    strbuf_release(&blob);
    strbuf_release(&part);
    return ok && cache_link(repo_dir, commit, f, err);
}

/* ---- what stays there ---- */

static bool is_here(const char *repo_dir, const struct repo_file *f) {
    struct strbuf blob = { 0 };
    struct stat st;
    strbuf_addf(&blob, "%s/blobs/%s", repo_dir, f->etag);
    bool here = stat(blob.text, &st) == 0 && (uint64_t)st.st_size == f->size;
    strbuf_release(&blob);
    return here;
}

/* Free bytes where the cache lies; no limit if that is not known. */
static uint64_t free_bytes(const char *root) {
    struct statvfs fs;
    return statvfs(root, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

/* Only large files are named by the hash that the parts read are held to. */
void pull_leave_large(
    const struct pull *p, const char *repo_dir, uint64_t room, struct repo_listing *l) {
    uint64_t bytes = 0;
    if (p->kind != REPO_DATASET || p->stream == HUB_STREAM_NEVER) {
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        struct repo_file *f = &l->files[i];
        bool fetched = wanted(p, l, f) && !is_here(repo_dir, f);
        bytes += fetched ? f->size : 0;
        f->left = fetched && f->lfs;
    }
    bool leave = p->stream == HUB_STREAM_ALWAYS || bytes > HUB_STREAM_BYTES || bytes > room;
    for (size_t i = 0; i < l->n; i++) {
        l->files[i].left &= leave;
    }
}

static bool is_whole(const struct repo_listing *l) {
    for (size_t i = 0; i < l->n; i++) {
        if (l->files[i].left) {
            return false;
        }
    }
    return true;
}

static bool fetch_wanted(struct client *c, const struct pull *p, const char *root,
    const char *repo_dir, const struct repo_listing *l, struct err *err) {
    for (size_t i = 0; i < l->n; i++) {
        if (!l->files[i].left && wanted(p, l, &l->files[i]) &&
            !fetch_file(c, p, root, repo_dir, l->commit, &l->files[i], err)) {
            return false;
        }
    }
    const char *revision = p->revision ? p->revision : "main";
    return repo_commit_valid(revision) || cache_write_ref(repo_dir, revision, l->commit, err);
}

/* What of a data set the snapshot lacks, by the list that was written before anything was fetched:
 * a part gives other rows than the whole, and no error. NULL: nothing is known to be missing. */
static char *missing_file(const struct pull *p, const char *repo_dir) {
    char commit[41];
    const char *revision = p->revision ? p->revision : "main";
    bool known = p->kind == REPO_DATASET && cache_commit(repo_dir, revision, commit) &&
                 cache_has_snapshot(repo_dir, commit) && !cache_is_complete(repo_dir, commit);
    return known ? cache_missing(repo_dir, commit) : NULL;
}

/* The names of what is wanted of a data set, one a line. */
static bool note_wanted(
    const struct pull *p, const char *repo_dir, const struct repo_listing *l, struct err *err) {
    struct strbuf names = { 0 };
    if (p->kind != REPO_DATASET) {
        return true;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (wanted(p, l, &l->files[i])) {
            strbuf_addf(&names, "%s\n", l->files[i].path);
        }
    }
    bool ok = cache_write_wanted(repo_dir, l->commit, strbuf_str(&names), names.len, err);
    strbuf_release(&names);
    return ok;
}

/* A complete snapshot of a pinned commit needs no request. Where no request may be made, what the
 * ref names will do, whoever fetched it. */
static char *cached_snapshot(const struct pull *p, const char *repo_dir) {
    char commit[41];
    const char *revision = p->revision ? p->revision : "main";
    bool found =
        cache_commit(repo_dir, revision, commit) &&
        (client_offline() ? cache_has_snapshot(repo_dir, commit)
                          : repo_commit_valid(revision) && cache_is_complete(repo_dir, commit));
    return found ? cache_snapshot_dir(repo_dir, commit) : NULL;
}

static char *pull_from_hub(const struct pull *p, const char *root, const char *repo_dir,
    struct pulled *out, struct err *err) {
    const struct repo_listing *l = &out->listing;
    struct client *c = client_open(p->endpoint, p->retry_ms, err);
    char *dir = NULL;
    if (c && dir_make(root, err)) {
        cache_tag(root);
    }
    bool ok = c && fetch_info(c, p, out, err) && fetch_tree(c, p, &out->listing, err);
    if (ok) {
        pull_leave_large(p, repo_dir, free_bytes(root) / 2, &out->listing);
    }
    if (ok && note_wanted(p, repo_dir, l, err) && fetch_wanted(c, p, root, repo_dir, l, err) &&
        (p->facts_only || !is_whole(l) || cache_mark_complete(repo_dir, l->commit, err))) {
        dir = cache_snapshot_dir(repo_dir, l->commit);
    }
    ok = !dir || dir_make(dir, err); /* nothing of it may be small enough to be here */
    if (!ok) {
        free(dir);
        dir = NULL;
    }
    client_close(c);
    return dir;
}

uint64_t pull_missing(const struct repo_listing *l, const char *snapshot) {
    struct pull whole = { .kind = REPO_MODEL };
    uint64_t bytes = 0;
    for (size_t i = 0; i < l->n; i++) {
        char *path = path_join(snapshot, l->files[i].path);
        bytes += wanted(&whole, l, &l->files[i]) && !file_exists(path) ? l->files[i].size : 0;
        free(path);
    }
    return bytes;
}

char *pull_cached(const struct pull *p, struct err *err) {
    char *root = cache_root(err);
    if (!root) {
        return NULL;
    }
    char *repo_dir = cache_repo_dir(root, p->kind, p->repo), *dir = cached_snapshot(p, repo_dir);
    free(repo_dir);
    free(root);
    return dir;
}

char *pull_snapshot(const struct pull *p, struct pulled *pulled, struct err *err) {
    if (!repo_id_valid(p->repo)) {
        err_set(err, ERR_INPUT, "'%.100s' is not the name of a repository", p->repo);
        err_hint(err, "names are org/name, of letters, digits, '.', '_' and '-'; a path begins "
                      "with '.' or '/'");
        return NULL;
    }
    if (p->revision && !path_stays_below(p->revision)) { /* it becomes a file name */
        err_set(err, ERR_INPUT, "'%.100s' is not the name of a revision", p->revision);
        return NULL;
    }
    char *root = cache_root(err);
    if (!root) {
        return NULL;
    }
    struct pulled own = { 0 };
    char *repo_dir = cache_repo_dir(root, p->kind, p->repo);
    char *missing = client_offline() ? missing_file(p, repo_dir) : NULL;
    char *dir = pulled || missing ? NULL : cached_snapshot(p, repo_dir);
    if (missing) {
        err_set(err, ERR_AUTH,
            "only a part of '%s' is in the cache: '%.200s' stayed on the hub or was not fetched to "
            "the end, and HF_HUB_OFFLINE forbids fetching it",
            p->repo, missing);
        err_hint(err, "fetch all of it while the hub can be reached: assay hub pull %s%s",
            p->kind == REPO_DATASET ? "datasets/" : "", p->repo);
    } else if (!dir && client_offline()) {
        err_set(err, ERR_AUTH, "'%s' is not in the cache, and HF_HUB_OFFLINE forbids fetching it",
            p->repo);
    } else if (!dir) {
        dir = pull_from_hub(p, root, repo_dir, pulled ? pulled : &own, err);
    }
    if (!dir && pulled) {
        pulled_release(pulled);
    }
    pulled_release(&own);
    free(missing);
    free(repo_dir);
    free(root);
    return dir;
}
