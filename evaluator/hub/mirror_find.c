/* Finding a repository in a mirror tree (see mirror.h): by names and .revision alone, nothing is
 * hashed. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "evaluator/hub/mirror.h"

const char *repo_kind_plural(enum repo_kind kind) {
    return kind == REPO_MODEL ? "models" : "datasets";
}

/* A folder of files, not one of an owner's repositories. */
static bool has_files(const char *dir) {
    DIR *d = opendir(dir);
    struct stat st;
    bool found = false;
    for (const struct dirent *e; d && !found && (e = readdir(d));) {
        found =
            e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
    }
    if (d) {
        closedir(d);
    }
    return found;
}

char *mirror_dir(const char *root, enum repo_kind kind, const char *repo, struct err *err) {
    if (!repo_id_valid(repo)) {
        err_set(err, ERR_INPUT, "'%.100s' is not the name of a repository", repo);
        err_hint(err, "names are org/name, of letters, digits, '.', '_' and '-'");
        return NULL;
    }
    char *kind_dir = path_join(root, repo_kind_plural(kind));
    char *dir = path_join(kind_dir, repo);
    free(kind_dir);
    if (!dir_exists(dir) || (!strchr(repo, '/') && !has_files(dir))) {
        err_set(err, ERR_NOT_FOUND, "there is no %s '%s' in the mirror '%s'",
            kind == REPO_MODEL ? "model" : "data set", repo, root);
        err_hint(err, "it would lie in '%s'", dir);
        free(dir);
        return NULL;
    }
    return dir;
}

bool repo_commit_valid(const char *s) {
    return strlen(s) == 40 && strspn(s, "0123456789abcdef") == 40;
}

bool mirror_pinned(const char *dir, char commit[41], bool *pinned, struct err *err) {
    char *path = path_join(dir, ".revision");
    struct strbuf text = { 0 };
    bool ok = true;
    *pinned = file_exists(path);
    if (*pinned) {
        ok = file_read(path, 128, &text, err);
        char *rest = NULL, *word = ok && text.text ? strtok_r(text.text, " \t\r\n", &rest) : NULL;
        if (ok && (!word || !repo_commit_valid(word))) {
            ok = err_set(
                err, ERR_INPUT, "'%s' does not hold a commit of 40 hexadecimal digits", path);
        } else if (ok) {
            memcpy(commit, word, 41);
        }
    }
    strbuf_release(&text);
    free(path);
    return ok;
}

char *mirror_at(const char *root, enum repo_kind kind, const char *repo, const char *revision,
    struct err *err) {
    char commit[41];
    bool pinned;
    char *dir = mirror_dir(root, kind, repo, err);
    if (!dir || kind == REPO_DATASET || !revision || !repo_commit_valid(revision)) {
        return dir;
    }
    if (!mirror_pinned(dir, commit, &pinned, err)) {
        free(dir);
        return NULL;
    }
    if (pinned && strcmp(commit, revision)) {
        err_set(err, ERR_NOT_FOUND,
            "the mirror '%s' holds another revision of '%s': %.12s, not %.12s", root, repo, commit,
            revision);
        free(dir);
        return NULL;
    }
    return dir;
}
