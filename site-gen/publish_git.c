/* As a commit on a branch, by git's own parts: an index of our own, the site as the work tree, and
 * the branch moved at the end if it is still where it was (see publish.h). */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "site-gen/publish_parts.h"

struct committing {
    const struct publish_options *o;
    char *git, *repository, *branch; /* of the branch: its whole name, "refs/heads/x" */
    char **env;
    char scratch[32]; /* a folder for the index, and for objects of a dry run */
    struct strbuf index, objects, alternates;
    char before[80], tree[80];
    struct publish_report *r;
    struct err *err;
};

enum { WORDS_MAX = 16 };

/* git with these words, in the repository; what it says, without the newline, into *out (or NULL).
 * With `fine`, it may also end with 1, which leaves *out empty. */
static bool git(struct committing *c, const char *const *words, const char *input, bool fine,
    struct strbuf *out) {
    const char *argv[WORDS_MAX + 8] = { c->git, "-C", c->repository, "-c", "core.autocrlf=false",
        "-c", "core.attributesFile=/dev/null" };
    int n = 7;
    for (; *words; words++)
        argv[n++] = *words;
    struct proc_result result = { 0 };
    bool ok = publish_run(argv, c->env, input, &result, c->err);
    if (ok && result.exit_code != 0 && !(fine && result.exit_code == 1)) {
        const char *said = strbuf_str(&result.err);
        ok = err_set(c->err, ERR_FAILED, "git ended with %d: %.*s", result.exit_code,
            (int)strcspn(said, "\r\n"), said);
    }
    if (ok && out && result.exit_code == 0) {
        size_t len = result.out.len;
        while (len && result.out.text[len - 1] == '\n')
            len--;
        strbuf_add(out, strbuf_str(&result.out), len);
    }
    proc_result_release(&result);
    return ok;
}
#define GIT(c, input, fine, out, ...)                                                              \
    git(c, (const char *const[]) { __VA_ARGS__, NULL }, input, fine, out)

/* One word of an answer into a buffer. */
static bool ask(
    struct committing *c, char *answer, size_t size, const char *const *words, bool fine) {
    struct strbuf out = { 0 };
    bool ok = git(c, words, NULL, fine, &out);
    snprintf(answer, size, "%s", strbuf_str(&out));
    strbuf_release(&out);
    return ok;
}
#define ASK(c, answer, fine, ...)                                                                  \
    ask(c, answer, sizeof(answer), (const char *const[]) { __VA_ARGS__, NULL }, fine)

/* ---- before ---- */

static bool take_target(struct committing *c, const char *to) {
    const char *hash = strrchr(to, '#');
    struct strbuf branch = { 0 };
    char *given = hash ? xstrndup(to, (size_t)(hash - to)) : xstrdup(".");
    c->repository = realpath(given, NULL);
    strbuf_addf(&branch, "refs/heads/%s", hash ? hash + 1 : to);
    c->branch = strbuf_take(&branch);
    bool ok = c->repository || err_errno(c->err, ERR_NOT_FOUND, "no repository '%s'", given);
    free(given);
    return ok;
}

/* An index that is checked out somewhere would then show the whole site as undone. */
static bool check_branch(struct committing *c) {
    struct strbuf trees = { 0 }, line = { 0 };
    if (!GIT(c, NULL, false, NULL, "check-ref-format", c->branch))
        return err_set(c->err, ERR_USAGE, "'%s' is no name for a branch", c->branch + 11);
    bool ok = GIT(c, NULL, false, &trees, "worktree", "list", "--porcelain");
    strbuf_addf(&line, "branch %s", c->branch);
    const char *at = ok ? strstr(strbuf_str(&trees), line.text) : NULL;
    if (at && (at[line.len] == '\n' || at[line.len] == '\0')) {
        ok = err_set(c->err, ERR_USAGE, "branch '%s' is checked out", c->branch + 11);
        err_hint(c->err, "publish to a branch of its own, such as gh-pages");
    }
    strbuf_release(&trees);
    strbuf_release(&line);
    return ok;
}

/* A branch that has something else than a site is somebody's work. */
static bool check_before(struct committing *c) {
    char marker[200] = "";
    if (!ASK(c, c->before, true, "rev-parse", "--verify", "--quiet", c->branch))
        return false;
    if (!*c->before)
        return true;
    if (!ASK(c, marker, true, "ls-tree", "--name-only", c->before, SITE_MARKER))
        return false;
    if (*marker)
        return true;
    err_set(c->err, ERR_INPUT, "branch '%s' holds something else than a site", c->branch + 11);
    return err_hint(c->err, "name a branch that is new, or one that this command made");
}

/* The environment of git: its own names, an index of ours, in a dry run a place for objects. */
static bool set_up(struct committing *c) {
    static const char *const NAMES[] = { "PATH", "HOME", "LANG", "XDG_CONFIG_HOME",
        "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE", NULL };
    char objects[4096];
    size_t n = 0;
    snprintf(c->scratch, sizeof c->scratch, "/tmp/assay-publish-XXXXXX");
    c->env = proc_env(NAMES);
    if (!mkdtemp(c->scratch)) {
        *c->scratch = '\0';
        return err_errno(c->err, ERR_FAILED, "could not make a folder below /tmp");
    }
    if (!ASK(c, objects, false, "rev-parse", "--path-format=absolute", "--git-path", "objects"))
        return false;
    strbuf_addf(&c->index, "GIT_INDEX_FILE=%s/index", c->scratch);
    strbuf_addf(&c->objects, "GIT_OBJECT_DIRECTORY=%s/objects", c->scratch);
    strbuf_addf(&c->alternates, "GIT_ALTERNATE_OBJECT_DIRECTORIES=%s", objects);
    while (c->env[n])
        n++;
    c->env = xrealloc(c->env, (n + 4) * sizeof *c->env);
    c->env[n++] = xstrdup(c->index.text);
    if (c->o->dry_run) {
        char *folder = path_join(c->scratch, "objects");
        bool ok = dir_make(folder, c->err);
        free(folder);
        c->env[n++] = xstrdup(c->objects.text);
        c->env[n++] = xstrdup(c->alternates.text);
        c->env[n] = NULL;
        return ok;
    }
    c->env[n] = NULL;
    return true;
}

/* ---- the tree ---- */

/* With .nojekyll, where it counts, files are served as they are. What is compressed beside them is
 * left out: hosts of branches do that themselves. */
static bool make_tree(struct committing *c) {
    char *site = realpath(c->o->dir, NULL), empty[80], entry[120];
    struct strbuf tree = { 0 };
    strbuf_addf(&tree, "--work-tree=%s", site ? site : "");
    bool ok = site || err_errno(c->err, ERR_NOT_FOUND, "could not open '%s'", c->o->dir);
    ok = ok &&
         GIT(c, NULL, false, NULL, tree.text, "add", "--all", "--force", ":/",
             ":(exclude,glob)**/*.gz", ":(exclude,glob)**/*.br") &&
         ASK(c, empty, false, "hash-object", "-w", "--stdin");
    snprintf(entry, sizeof entry, "100644,%s,.nojekyll", ok ? empty : "");
    ok = ok && GIT(c, NULL, false, NULL, "update-index", "--add", "--cacheinfo", entry) &&
         ASK(c, c->tree, false, "write-tree");
    strbuf_release(&tree);
    free(site);
    return ok;
}

/* "A\0path\0M\0path\0...": names as they are. */
static void note_changes(const struct strbuf *out, struct publish_report *r) {
    const char *end = strbuf_str(out) + out->len;
    for (const char *at = strbuf_str(out); at < end;) {
        const char *path = at + strlen(at) + 1;
        if (path >= end)
            break;
        json_t *list = *at == 'A' ? r->fresh : *at == 'D' ? r->gone : r->changed;
        json_array_append_new(list, json_string(path));
        at = path + strlen(path) + 1;
    }
}

static bool compare_trees(struct committing *c) {
    struct strbuf changes = { 0 }, all = { 0 };
    char nothing[80] = "";
    bool ok = *c->before || ASK(c, nothing, false, "hash-object", "-w", "-t", "tree", "--stdin");
    ok = ok &&
         GIT(c, NULL, false, &changes, "diff-tree", "-r", "-z", "--no-renames", "--name-status",
             *c->before ? c->before : nothing, c->tree) &&
         GIT(c, NULL, false, &all, "ls-tree", "-r", "-z", "--name-only", c->tree);
    if (ok) {
        note_changes(&changes, c->r);
        size_t n = 0;
        for (size_t i = 0; i < all.len; i++)
            n += all.text[i] == '\0';
        c->r->n_same = n - json_array_size(c->r->fresh) - json_array_size(c->r->changed);
    }
    strbuf_release(&changes);
    strbuf_release(&all);
    return ok;
}

static bool commit(struct committing *c) {
    char message[120];
    snprintf(message, sizeof message, "site: %zu new, %zu changed, %zu gone",
        json_array_size(c->r->fresh), json_array_size(c->r->changed), json_array_size(c->r->gone));
    bool ok = *c->before ? ASK(c, c->r->commit, false, "commit-tree", c->tree, "-p", c->before,
                               "-m", message)
                         : ASK(c, c->r->commit, false, "commit-tree", c->tree, "-m", message);
    return ok && GIT(c, NULL, false, NULL, "update-ref", "-m", message, c->branch, c->r->commit,
                     *c->before ? c->before : "0000000000000000000000000000000000000000");
}

static bool has_changes(const struct publish_report *r) {
    return json_array_size(r->fresh) + json_array_size(r->changed) + json_array_size(r->gone) > 0;
}

bool publish_git(
    const struct publish_options *o, const char *to, struct publish_report *r, struct err *err) {
    struct committing c = { .o = o, .git = proc_find("git", NULL), .r = r, .err = err };
    struct err ignored = ERR_INIT;
    bool ok = c.git || err_set(err, ERR_NOT_FOUND, "git is not installed");
    ok = ok && take_target(&c, to) && set_up(&c) && check_branch(&c) && check_before(&c) &&
         make_tree(&c) && compare_trees(&c);
    if (ok && !o->dry_run && has_changes(r))
        ok = commit(&c);
    if (*c.scratch && !dir_remove(c.scratch, &ignored))
        ignored = (struct err)ERR_INIT; /* it is below /tmp */
    proc_env_free(c.env);
    strbuf_release(&c.index);
    strbuf_release(&c.objects);
    strbuf_release(&c.alternates);
    free(c.git);
    free(c.repository);
    free(c.branch);
    return ok;
}
