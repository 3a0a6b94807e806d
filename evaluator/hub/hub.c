/* The hub room's door: what the user wrote, to a path on this disk (see hub.h). */
#include "evaluator/hub/hub.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "evaluator/hub/base.h"
#include "evaluator/hub/path.h"
#include "evaluator/hub/pull.h"
#include "evaluator/hub/source.h"
#include "harness/harness.h"

static char *repo_dir_of(
    const char *hub, enum repo_kind kind, const char *repo, const char *revision, struct err *err) {
    struct hub_source source;
    hub_source_find(hub, &source);
    if (source.mirror) {
        return mirror_at(source.mirror, kind, repo, revision, err);
    }
    struct pull p = {
        .endpoint = source.endpoint, .kind = kind, .repo = repo, .revision = revision
    };
    char *dir = pull_snapshot(&p, NULL, err);
    if (dir && kind == REPO_MODEL && !base_pull(&p, dir, NULL, err)) {
        free(dir);
        return NULL;
    }
    return dir;
}

/* The folder of a repository's snapshot, whole, or (missing not NULL) as far as it is here and
 * cheap. */
static char *snapshot_of(
    const char *hub, const char *repo, const char *revision, uint64_t *missing, struct err *err) {
    struct hub_source source;
    struct pulled pulled = { 0 };
    hub_source_find(hub, &source);
    struct pull p = { .endpoint = source.endpoint,
        .kind = REPO_MODEL,
        .repo = repo,
        .revision = revision,
        .facts_only = true };
    if (!missing || source.mirror || client_offline()) {
        return repo_dir_of(hub, REPO_MODEL, repo, revision, err);
    }
    char *dir = pull_snapshot(&p, &pulled, err);
    *missing = dir ? pull_missing(&pulled.listing, dir) : 0;
    pulled_release(&pulled);
    if (dir && !base_pull(&p, dir, missing, err)) {
        free(dir);
        return NULL;
    }
    return dir;
}

static char *model_path(const char *hub, const char *model, uint64_t *missing, struct err *err) {
    char *repo, *revision;
    if (hub_is_path(model)) {
        return hub_path_on_disk(model, err);
    }
    if (!strncmp(model, "hf://", 5)) {
        model += 5;
    }
    if (!hub_split(model, &repo, &revision, err)) {
        return NULL;
    }
    char *dir = snapshot_of(hub, repo, revision, missing, err);
    free(repo);
    free(revision);
    return dir ? hub_folder_or_gguf(dir, model, err) : NULL;
}

/* Of several files that are one model, over the hashes of all; of one its own. */
static bool file_hash(const char *path, char hex[65], struct err *err) {
    struct strbuf text = { 0 };
    bool ok = true;
    char *part;
    uint64_t n = 0;
    for (; ok && (part = model_part(path, n)); n++) {
        ok = sha256_file(part, hex, err);
        strbuf_addf(&text, "%s %s\n", path_base(part), hex);
        free(part);
    }
    if (ok && n == 0) {
        ok = sha256_file(path, hex, err);
    } else if (ok) {
        sha256_hex(strbuf_str(&text), text.len, hex);
    }
    strbuf_release(&text);
    return ok;
}

/* Names and hashes of a folder's files; of one file its own. */
static bool content_hash(const char *path, char hex[65], struct err *err) {
    struct repo_listing l;
    struct strbuf text = { 0 };
    if (file_exists(path)) {
        return file_hash(path, hex, err);
    }
    if (!mirror_list(path, &l, err)) {
        return false;
    }
    for (size_t i = 0; i < l.n; i++) {
        strbuf_addf(&text, "%s %s\n", l.files[i].path, l.files[i].etag);
    }
    sha256_hex(strbuf_str(&text), text.len, hex);
    strbuf_release(&text);
    repo_listing_release(&l);
    return true;
}

/* A mirrored repository's commit: what .revision says, else what its content comes to. */
static bool mirror_commit(const char *root, const char *model, char commit[65], struct err *err) {
    char *repo, *revision, *dir = NULL, pinned_at[41];
    struct repo_listing l;
    bool pinned = false;
    bool ok = hub_split(model, &repo, &revision, err);
    dir = ok ? mirror_dir(root, REPO_MODEL, repo, err) : NULL;
    ok = dir && mirror_pinned(dir, pinned_at, &pinned, err);
    if (ok && !pinned) {
        ok = mirror_list(dir, &l, err);
        memcpy(pinned_at, l.commit, sizeof pinned_at);
        repo_listing_release(&l);
    }
    if (ok) {
        snprintf(commit, 65, "%s", pinned_at);
    }
    free(dir);
    free(repo);
    free(revision);
    return ok;
}

/* Files of a hub lie in the cache under the commit that they were fetched at. */
static bool snapshot_commit(const char *path, char commit[65], struct err *err) {
    static const char FOLDER[] = "/snapshots/";
    const char *at = NULL;
    for (const char *p = path; (p = strstr(p, FOLDER)) != NULL; p++) {
        at = p + sizeof FOLDER - 1;
    }
    snprintf(commit, 41, "%s", at ? at : "");
    return repo_commit_valid(commit) ||
           err_set(err, ERR_BUG, "'%s' is not in a snapshot of the cache", path);
}

bool hub_model_commit(
    const char *hub, const char *model, const char *path, char commit[65], struct err *err) {
    struct hub_source source;
    if (hub_is_path(model)) {
        return content_hash(path, commit, err);
    }
    hub_source_find(hub, &source);
    model += strncmp(model, "hf://", 5) ? 0 : 5;
    return source.mirror ? mirror_commit(source.mirror, model, commit, err)
                         : snapshot_commit(path, commit, err);
}

char *hub_model_path(const char *hub, const char *model, struct err *err) {
    return model_path(hub, model, NULL, err);
}

char *hub_model_cached(const char *hub, const char *model, struct err *err) {
    client_keep_offline(true);
    char *path = model_path(hub, model, NULL, err);
    client_keep_offline(false);
    if (!path && err->class == ERR_AUTH) {
        *err = (struct err)ERR_INIT;
        err_set(err, ERR_NOT_FOUND, "'%s' is not on this machine, or not all of it", model);
        err_hint(err, "fetch it first: assay hub pull %s", model);
    }
    return path;
}

char *hub_model_outline(const char *hub, const char *model, uint64_t *missing, struct err *err) {
    *missing = 0;
    return model_path(hub, model, missing, err);
}

char *hub_dataset_dir(const char *hub, const char *repo, const char *revision, struct err *err) {
    return repo_dir_of(hub, REPO_DATASET, repo, revision, err);
}
