/* From a hub into the cache (see pull.h). */
#include "evaluator/hub/pull.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "evaluator/data/data.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/pull_parts.h"
#include "evaluator/hub/tidy.h"
#include "evaluator/hub/use.h"

#define HTTP_BYTES_MAX 50000000000u // as the hub's own client has it

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

void pulled_release(struct pulled *p) {
    repo_listing_release(&p->listing);
    json_decref(p->info);
    p->info = NULL;
    p->now = NULL;
}

/* Names that every program which opens a model asks for, and this one has not. */
static void note_absent(const struct pull *p, const char *repo_dir, const struct repo_listing *l) {
    for (size_t i = 0; p->kind == REPO_MODEL && FACT_FILES[i]; i++) {
        if (!strpbrk(FACT_FILES[i], "*[") && !repo_listing_has(l, FACT_FILES[i])) {
            cache_write_no_exist(repo_dir, l->commit, FACT_FILES[i]);
        }
    }
}

/* ---- what stays there ---- */

static bool is_here(const char *repo_dir, const char *commit, const struct repo_file *f) {
    struct strbuf blob = { 0 };
    char *own = cache_own_file(repo_dir, commit, f);
    struct stat st;
    strbuf_addf(&blob, "%s/blobs/%s", repo_dir, f->etag);
    bool here = own || (stat(blob.text, &st) == 0 && (uint64_t)st.st_size == f->size);
    strbuf_release(&blob);
    free(own);
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
        bool fetched = wanted(p, l, f) && !is_here(repo_dir, l->commit, f);
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

/* Larger files the hub gives by its other protocol only. */
static bool refuse_large(const struct repo_file *f, struct err *err) {
    err_set(err, ERR_UNSUPPORTED,
        "'%.200s' has %.1f GB: over plain HTTP a hub gives files up to %d GB", f->path,
        (double)f->size / 1e9, (int)(HTTP_BYTES_MAX / 1000000000));
    return err_hint(err, "fetch it with the hub's own client (hf download) into the same cache");
}

/* Which files are fetched, and what is still to come of them. */
static bool choose(const struct pull *p, const char *repo_dir, const struct repo_listing *l,
    bool *chosen, uint64_t *bytes, struct err *err) {
    for (size_t i = 0; i < l->n; i++) {
        const struct repo_file *f = &l->files[i];
        chosen[i] = !f->left && wanted(p, l, f);
        bool missing = chosen[i] && !is_here(repo_dir, l->commit, f);
        if (missing && f->size > HTTP_BYTES_MAX) {
            return refuse_large(f, err);
        }
        *bytes += missing ? f->size : 0;
    }
    return true;
}

/* Within the cache's budget, where there is one, by removing what was used longest ago. What is in
 * use stays, so the budget is a wish. A disk that can't hold the files is better known before than
 * after. */
static bool make_room(const char *root, uint64_t bytes, struct err *err) {
    uint64_t budget;
    if (bytes == 0) {
        return true;
    }
    if (!hub_cache_budget(&budget, err)) {
        return false;
    }
    if (bytes > budget) {
        return err_set(err, ERR_RESOURCE,
            "%.1f GB are to be fetched, and ASSAY_HUB_CACHE_MAX allows %.1f GB",
            (double)bytes / 1e9, (double)budget / 1e9);
    }
    if (budget != UINT64_MAX) {
        struct hub_gc gc = { .budget = budget - bytes, .room = bytes };
        json_t *report = hub_cache_gc(&gc, err);
        json_decref(report);
    }
    uint64_t room = free_bytes(root);
    if (bytes <= room) {
        return true;
    }
    err_set(err, ERR_NODE, "%.1f GB are to be fetched, and the disk of '%s' has %.1f GB left",
        (double)bytes / 1e9, root, (double)room / 1e9);
    return err_hint(
        err, "make room (assay hub gc --max-size 20G), or set HF_HUB_CACHE to another disk");
}

static bool fetch_wanted(struct client *c, const struct pull *p, const char *root,
    const char *repo_dir, const struct repo_listing *l, struct err *err) {
    bool *chosen = xcalloc(l->n + 1, sizeof *chosen);
    struct pull_files f = { p, root, repo_dir, l, chosen };
    uint64_t bytes = 0;
    bool ok = choose(p, repo_dir, l, chosen, &bytes, err) && make_room(root, bytes, err) &&
              pull_fetch(c, &f, err);
    free(chosen);
    const char *revision = p->revision ? p->revision : "main";
    return ok &&
           (repo_commit_valid(revision) || cache_write_ref(repo_dir, revision, l->commit, err));
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
    int pulling = use_begin_pull(repo_dir);
    bool ok = c && pull_ask(c, p, out, err);
    if (ok) {
        cache_write_tree(repo_dir, l);
        cache_write_name(repo_dir, out->now);
        note_absent(p, repo_dir, l);
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
    if (pulling >= 0) {
        close(pulling);
    }
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
    if (dir) {
        use_begin(dir);
    }
    if (dir && !dir_exists(dir)) { /* it was just being removed */
        free(dir);
        dir = NULL;
    }
    free(repo_dir);
    free(root);
    return dir;
}

static char *pull_once(const struct pull *p, struct pulled *pulled, struct err *err) {
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

/* Whoever frees disk may just have been at it: what was there is then fetched once more. */
char *pull_snapshot(const struct pull *p, struct pulled *pulled, struct err *err) {
    for (int tries = 0; tries < 3; tries++) {
        char *dir = pull_once(p, pulled, err);
        if (!dir || p->facts_only) {
            return dir;
        }
        use_begin(dir);
        if (dir_exists(dir)) {
            return dir;
        }
        free(dir);
        if (pulled) {
            pulled_release(pulled);
        }
    }
    err_set(err, ERR_BUSY, "'%s' is removed from the cache as often as it is fetched", p->repo);
    return NULL;
}
