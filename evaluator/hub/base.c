/* An adapter's config names its base, and seldom a revision of it. What was taken the first time is
 * written beside the links, so that one commit of the adapter stays one model on this machine, and
 * results say which base theirs was. */
#include "evaluator/hub/base.h"

#include <string.h>

#include "base/file.h"
#include "evaluator/hub/cache.h"
#include "harness/harness.h"

/* The commit in dir/base_model/.revision; false where none has been chosen yet. */
bool hub_base_commit(const char *dir, char commit[41]) {
    char *path = path_join(dir, "base_model/.revision");
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    bool ok = file_exists(path) && file_read(path, 64, &text, &ignored) && text.len >= 40;
    snprintf(commit, 41, "%s", ok ? text.text : "");
    strbuf_release(&text);
    free(path);
    return ok && repo_commit_valid(commit);
}

/* Both are folders <repository>/snapshots/<commit> of one cache. */
static bool link_into(const char *dir, const char *base_dir, struct err *err) {
    static const char between[] = "/snapshots/";
    const size_t n = (size_t)(path_base(dir) - dir);
    char *repo_dir = xstrndup(dir, n - (sizeof between - 1));
    bool ok = cache_link_base(repo_dir, path_base(dir), base_dir, err);
    free(repo_dir);
    return ok;
}

bool base_pull(const struct pull *p, const char *dir, uint64_t *missing, struct err *err) {
    struct model_base base;
    struct pulled pulled = { 0 };
    char commit[41];
    if (!model_base_find(dir, &base)) {
        return true;
    }
    if (!repo_id_valid(base.name)) {
        return true; /* opening the model says what is missing */
    }
    struct pull of = *p;
    of.repo = base.name;
    of.revision = hub_base_commit(dir, commit) ? commit : *base.revision ? base.revision : NULL;
    char *base_dir = pull_snapshot(&of, missing ? &pulled : NULL, err);
    bool ok = base_dir && link_into(dir, base_dir, err);
    if (ok && missing) {
        *missing += pull_missing(&pulled.listing, base_dir);
    }
    pulled_release(&pulled);
    free(base_dir);
    return ok || err_wrap(err, "base model of '%s'", p->repo);
}
