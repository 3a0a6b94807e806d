/* Into a folder, or a Space's clone (see publish.h): what is new is written, then what is gone
 * goes, so that a reader in between finds every page that any page links to. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/publish_parts.h"

#define FILE_MAX ((size_t)256 << 20)
#define README "README.md"

struct mirror {
    const struct publish_options *o;
    const char *to, *readme;
    struct publish_report *r;
    struct err *err;
    json_t *kept; /* paths that the site has, each -> true */
};

typedef bool use_file(struct mirror *m, const char *path);

/* Calls use(path) for each file below root/below, in order. Names that begin with a dot are left
 * out, whatever they are: a clone has its .git there. */
static bool walk(struct mirror *m, const char *root, const char *below, use_file *use) {
    struct dirent **names = NULL;
    char *full = *below ? path_join(root, below) : xstrdup(root);
    int n = scandir(full, &names, NULL, alphasort);
    bool ok = n >= 0 || err_errno(m->err, ERR_FAILED, "could not read folder '%s'", full);
    free(full);
    for (int i = 0; i < n; i++) {
        struct stat st;
        char *path = *below ? path_join(below, names[i]->d_name) : xstrdup(names[i]->d_name);
        char *whole = path_join(root, path);
        if (ok && names[i]->d_name[0] != '.' && lstat(whole, &st) == 0)
            ok = S_ISDIR(st.st_mode) ? walk(m, root, path, use) : use(m, path);
        free(whole);
        free(path);
        free(names[i]);
    }
    free(names);
    return ok;
}

/* ---- what is there ---- */

static bool holds_nothing(const char *dir) {
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool none = true;
    while (d && (e = readdir(d)) != NULL)
        none = none && e->d_name[0] == '.';
    if (d)
        closedir(d);
    return none;
}

static bool holds_space(const char *dir) {
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    char *path = path_join(dir, README);
    bool is = file_read(path, FILE_MAX, &text, &ignored) && strstr(text.text, "sdk: static");
    free(path);
    strbuf_release(&text);
    return is;
}

/* A site may be replaced, and a Space of files; *ours: what it holds besides may go. */
static bool check_target(struct mirror *m, bool *ours) {
    char *marker = path_join(m->to, SITE_MARKER);
    struct stat st;
    *ours = file_exists(marker);
    free(marker);
    if (lstat(m->to, &st) != 0)
        return errno == ENOENT || err_errno(m->err, ERR_FAILED, "could not look at '%s'", m->to);
    if (!dir_exists(m->to))
        return err_set(m->err, ERR_INPUT, "'%s' is not a folder", m->to);
    if (*ours || holds_nothing(m->to) || (m->readme && holds_space(m->to)))
        return true;
    err_set(m->err, ERR_INPUT, "folder '%s' holds something else than a site", m->to);
    return err_hint(m->err, "name an empty folder, or one that this command made");
}

/* The folder as the kernel has it, or as it will be once it is made. The caller frees. */
static char *real_folder(const char *path) {
    char *at = xstrdup(path), *slash, *real;
    while (!(real = realpath(*at ? at : "/", NULL)) && (slash = strrchr(at, '/')))
        *slash = '\0';
    if (!real)
        real = realpath(".", NULL);
    free(at);
    return real;
}

static bool is_below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

/* A folder within the other would copy itself, or delete its source. */
static bool check_apart(const struct mirror *m) {
    char *from = realpath(m->o->dir, NULL), *to = real_folder(m->to);
    bool made = dir_exists(m->to); /* what is not there yet holds nothing */
    bool nested = from && to && (is_below(to, from) || (made && is_below(from, to)));
    free(from);
    free(to);
    return !nested ||
           err_set(m->err, ERR_USAGE, "'%s' and '%s' lie within each other", m->o->dir, m->to);
}

/* ---- files ---- */

static bool put_bytes(struct mirror *m, const char *path, const struct strbuf *body) {
    struct strbuf there = { 0 };
    struct err ignored = ERR_INIT;
    char *whole = path_join(m->to, path), *slash = strrchr(whole, '/');
    bool known = file_exists(whole), ok = true;
    bool same = known && file_read(whole, FILE_MAX, &there, &ignored) && there.len == body->len &&
                memcmp(strbuf_str(&there), strbuf_str(body), body->len) == 0;
    if (same)
        m->r->n_same++;
    else
        json_array_append_new(known ? m->r->changed : m->r->fresh, json_string(path));
    if (!same && !m->o->dry_run) {
        *slash = '\0';
        ok = dir_exists(whole) || dir_make(whole, m->err);
        *slash = '/';
        ok = ok && file_write_atomic(whole, strbuf_str(body), body->len, m->err);
    }
    strbuf_release(&there);
    free(whole);
    return ok;
}

/* Hosts of Spaces compress by themselves. */
static bool is_left_out(const struct mirror *m, const char *path) {
    return m->readme && (str_ends(path, ".gz") || str_ends(path, ".br"));
}

static bool copy_file(struct mirror *m, const char *path) {
    if (is_left_out(m, path))
        return true;
    struct strbuf body = { 0 };
    char *whole = path_join(m->o->dir, path);
    json_object_set_new(m->kept, path, json_true());
    bool ok = file_read(whole, FILE_MAX, &body, m->err) && put_bytes(m, path, &body);
    free(whole);
    strbuf_release(&body);
    return ok;
}

static bool drop_file(struct mirror *m, const char *path) {
    if (json_object_get(m->kept, path) || (m->readme && strcmp(path, README) == 0))
        return true;
    json_array_append_new(m->r->gone, json_string(path));
    if (m->o->dry_run)
        return true;
    char *whole = path_join(m->to, path), *slash;
    bool ok = unlink(whole) == 0 || err_errno(m->err, ERR_FAILED, "could not remove '%s'", whole);
    while (ok && (slash = strrchr(whole, '/')) && slash > whole + strlen(m->to)) {
        *slash = '\0'; /* folders that are empty now */
        if (rmdir(whole) != 0)
            break;
    }
    free(whole);
    return ok;
}

/* A README that is there was perhaps written by somebody: it stays. */
static bool put_readme(struct mirror *m) {
    struct strbuf body = { 0 };
    char *path = path_join(m->to, README);
    bool there = file_exists(path), ok = true;
    if (m->readme && !there) {
        strbuf_adds(&body, m->readme);
        ok = put_bytes(m, README, &body);
    }
    free(path);
    strbuf_release(&body);
    return ok;
}

static bool put_marker(struct mirror *m) {
    static const char TEXT[] = "put here by assay site publish\n";
    char *path = path_join(m->to, SITE_MARKER);
    bool ok = m->o->dry_run || file_exists(path) ||
              ((dir_exists(m->to) || dir_make(m->to, m->err)) &&
                  file_write_atomic(path, TEXT, sizeof TEXT - 1, m->err));
    free(path);
    return ok;
}

bool publish_folder(const struct publish_options *o, const char *to, const char *readme,
    struct publish_report *r, struct err *err) {
    struct mirror m = { o, to, readme, r, err, json_object() };
    bool ours, ok = *to || err_set(err, ERR_USAGE, "no folder to publish to");
    ok = ok && check_apart(&m) && check_target(&m, &ours) && put_marker(&m) &&
         walk(&m, o->dir, "", copy_file) && put_readme(&m) &&
         (!ours || walk(&m, to, "", drop_file));
    json_decref(m.kept);
    return ok;
}
