/* site_check: what a finished site must keep, read from its files alone (site.h).
 *
 * The HTML is held to stricter rules than a browser's: every element that is not void is closed, in
 * order; attributes are in double quotes; ids are unique; nothing is inline; links that leave the
 * site say so; links within it are answered. */
#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "site-gen/site.h"

#define NESTING_MAX 200
#define FILE_MAX ((size_t)256 << 20)
#define PROBLEMS_MAX 200

struct page {
    const char *root, *path; /* the site's folder; the page within it */
    struct site_report *report;
    const char *at, *end;
    char open[NESTING_MAX][24]; /* elements that wait for their end */
    int depth;
    struct strmap *ids;
    struct strbuf fragments; /* "#x" links of this page, NUL-separated */
};

static void problem(struct page *p, const char *fmt, const char *what) {
    if (p->report->n_problems++ < PROBLEMS_MAX) {
        strbuf_addf(&p->report->problems, "%s: ", p->path);
        strbuf_addf(&p->report->problems, "%s%s%s\n", fmt, *what ? " " : "", what);
    }
}

/* ---- links ---- */

static void unescape(char *s) {
    char *to = s;
    while (*s) {
        unsigned v;
        if (strncmp(s, "&amp;", 5) == 0) {
            *to++ = '&';
            s += 5;
        } else if (*s == '%' && sscanf(s + 1, "%2x", &v) == 1 && v) {
            *to++ = (char)v;
            s += 3;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* Takes "." and ".." out of the path of a link that starts in the page's folder; false if it leads
 * out of the site. */
static bool resolve(const struct page *p, const char *link, struct strbuf *out) {
    const char *slash = strrchr(p->path, '/');
    if (*link != '/' && slash)
        strbuf_add(out, p->path, (size_t)(slash - p->path) + 1);
    const char *at = *link == '/' ? link + 1 : link;
    while (*at) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            if (out->len == 0)
                return false;
            out->len--;
            while (out->len && out->text[out->len - 1] != '/')
                out->len--;
            out->text[out->len] = '\0';
        } else if (!(n == 1 && *at == '.')) {
            strbuf_add(out, at, n);
            strbuf_adds(out, at[n] ? "/" : "");
        }
        at += n + (at[n] == '/');
    }
    return true;
}

static void check_local(struct page *p, const char *link) {
    char *copy = xstrndup(link, strcspn(link, "?#"));
    unescape(copy);
    struct strbuf path = { 0 };
    bool inside = strcmp(p->path, "404.html") == 0 || resolve(p, copy, &path);
    if (path.len == 0 || path.text[path.len - 1] == '/')
        strbuf_adds(&path, "index.html");
    char *file = path_join(p->root, path.text);
    /* 404.html is shown anywhere: its links begin with the path where the site will lie */
    if (strcmp(p->path, "404.html") != 0 && (!inside || !file_exists(file)))
        problem(p, "a link to nowhere:", link);
    free(file);
    free(copy);
    strbuf_release(&path);
}

static void check_link(struct page *p, const char *link, const char *rel) {
    p->report->n_links++;
    if (*link == '#') {
        strbuf_add(&p->fragments, link + 1, strlen(link));
        if (!link[1])
            problem(p, "an empty link", "");
    } else if (strncasecmp(link, "https://", 8) == 0) {
        if (!rel || (strcmp(rel, "canonical") != 0 && !strstr(rel, "noopener nofollow ugc")))
            problem(p, "a link that leaves the site without rel=\"noopener nofollow ugc\":", link);
    } else if (memchr(link, ':', strcspn(link, "/?#"))) {
        problem(p, "a link with a scheme that is not https:", link);
    } else if (*link != '?') {
        check_local(p, link);
    }
}

/* ---- elements ---- */

struct element {
    char name[24];
    bool closing, self_closed;
    char *link, *rel; /* link: href or src */
    bool has_src;
};

static void element_release(struct element *e) {
    free(e->link);
    free(e->rel);
}

static bool is_void(const char *name) {
    static const char *const VOID[] = { "area", "base", "br", "col", "embed", "hr", "img", "input",
        "link", "meta", "source", "track", "wbr" };
    for (size_t i = 0; i < sizeof VOID / sizeof *VOID; i++) {
        if (strcmp(VOID[i], name) == 0)
            return true;
    }
    return false;
}

static void take_name(struct page *p, char *name, size_t size) {
    size_t n = 0;
    while (
        p->at < p->end && (isalnum((unsigned char)*p->at) || (*p->at && strchr("-:_", *p->at)))) {
        if (n + 1 < size)
            name[n++] = *p->at;
        p->at++;
    }
    name[n] = '\0';
}

static void use_attribute(struct page *p, struct element *e, const char *name, char *value) {
    bool link = strcmp(name, "href") == 0 || strcmp(name, "src") == 0;
    if (strncasecmp(name, "on", 2) == 0 || strcasecmp(name, "style") == 0)
        problem(p, "an inline handler or style:", name);
    if (strcmp(name, "id") == 0 && !strmap_add(p->ids, value, strlen(value), 0))
        problem(p, "an id that is there twice:", value);
    e->has_src = e->has_src || strcmp(name, "src") == 0;
    char **keep = link ? &e->link : strcmp(name, "rel") == 0 ? &e->rel : NULL;
    if (keep && !*keep)
        *keep = value;
    else
        free(value);
}

static bool take_attribute(struct page *p, struct element *e) {
    char name[40];
    take_name(p, name, sizeof name);
    if (!*name || p->at == p->end)
        return false;
    if (*p->at != '=')
        return true;
    if (p->end - p->at < 2 || p->at[1] != '"')
        return false;
    const char *from = p->at + 2, *to = memchr(from, '"', (size_t)(p->end - from));
    if (!to)
        return false;
    p->at = to + 1;
    if (memchr(from, '<', (size_t)(to - from)))
        problem(p, "a '<' in an attribute:", name);
    use_attribute(p, e, name, xstrndup(from, (size_t)(to - from)));
    return true;
}

/* From behind "<" to behind ">". */
static bool take_element(struct page *p, struct element *e) {
    e->closing = p->at < p->end && *p->at == '/';
    p->at += e->closing;
    take_name(p, e->name, sizeof e->name);
    if (!*e->name)
        return false;
    while (p->at < p->end && *p->at != '>') {
        if (isspace((unsigned char)*p->at)) {
            p->at++;
        } else if (*p->at == '/' && p->end - p->at > 1 && p->at[1] == '>') {
            e->self_closed = true;
            p->at++;
        } else if (!take_attribute(p, e)) {
            return false;
        }
    }
    return p->at++ < p->end;
}

static void close_element(struct page *p, const char *name) {
    if (p->depth && strcmp(p->open[p->depth - 1], name) == 0)
        p->depth--;
    else
        problem(p, "an end without its beginning:", name);
}

static void use_element(struct page *p, const struct element *e) {
    if (e->closing) {
        close_element(p, e->name);
        return;
    }
    if (strcmp(e->name, "style") == 0 || (strcmp(e->name, "script") == 0 && !e->has_src))
        problem(p, "an inline script or style", "");
    if (strcmp(e->name, "script") == 0 && p->end - p->at > 1 && *p->at != '<')
        problem(p, "a script with content", "");
    if (e->link)
        check_link(p, e->link, e->rel);
    if (is_void(e->name) || e->self_closed)
        return;
    if (p->depth == NESTING_MAX) {
        problem(p, "elements nested too deeply", "");
        p->depth = 0;
    }
    memcpy(p->open[p->depth++], e->name, sizeof e->name);
}

static void check_fragments(struct page *p) {
    for (size_t i = 0; i < p->fragments.len; i += strlen(p->fragments.text + i) + 1) {
        const char *id = p->fragments.text + i;
        if (strmap_find(p->ids, id, strlen(id)) < 0)
            problem(p, "a link to an id that is not there:", id);
    }
}

/* False where it cannot go on. */
static bool check_tag(struct page *p) {
    const char *start = p->at;
    if ((size_t)(p->end - p->at) >= 9 && strncasecmp(p->at, "!doctype ", 9) == 0) {
        p->at = memchr(p->at, '>', (size_t)(p->end - p->at));
        return p->at && p->at++;
    }
    struct element e = { 0 };
    bool ok = take_element(p, &e);
    if (ok)
        use_element(p, &e);
    element_release(&e);
    if (!ok) {
        char where[60];
        snprintf(
            where, sizeof where, "<%.*s", (int)(p->end - start > 50 ? 50 : p->end - start), start);
        problem(p, "markup that is not well-formed:", where);
    }
    return ok;
}

static void check_html(struct page *p, const char *text, size_t n) {
    p->at = text;
    p->end = text + n;
    p->ids = strmap_new(64);
    if (n < 15 || strncasecmp(text, "<!doctype html>", 15) != 0)
        problem(p, "no <!doctype html>", "");
    if (!memmem(text, n, "Content-Security-Policy", 23))
        problem(p, "no content security policy", "");
    while (p->at < p->end) {
        const char *lt = memchr(p->at, '<', (size_t)(p->end - p->at));
        p->at = lt ? lt + 1 : p->end;
        if (lt && !check_tag(p))
            break;
    }
    if (p->at == p->end && p->depth)
        problem(p, "an element without its end:", p->open[p->depth - 1]);
    check_fragments(p);
    strmap_free(p->ids);
    strbuf_release(&p->fragments);
}

/* ---- weights ---- */

static size_t gzip_size(const void *data, size_t n) {
    z_stream z = { 0 };
    size_t total = 0;
    unsigned char out[16384];
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return n;
    z.next_in = (void *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    int end = Z_OK;
    while (end == Z_OK) {
        z.next_out = out;
        z.avail_out = sizeof out;
        end = deflate(&z, Z_FINISH);
        total += sizeof out - z.avail_out;
    }
    deflateEnd(&z);
    return total;
}

/* The budget of a file, compressed; 0: none. */
static size_t budget_of(const char *path) {
    if (str_ends(path, ".css"))
        return 8 << 10;
    if (str_ends(path, ".js"))
        return 20 << 10;
    if (strcmp(path, "index.html") == 0)
        return 40 << 10;
    return str_ends(path, ".html") ? 60 << 10 : 0;
}

static void check_weight(struct page *p, const void *data, size_t n) {
    size_t budget = budget_of(p->path), size = budget ? gzip_size(data, n) : 0;
    if (size > budget) {
        char what[80];
        snprintf(what, sizeof what, "%zu bytes compressed, more than %zu", size, budget);
        problem(p, "too heavy:", what);
    }
}

/* ---- the walk ---- */

static bool check_file(const char *root, const char *path, struct site_report *r, struct err *err) {
    struct page p = { .root = root, .path = path, .report = r };
    struct strbuf text = { 0 };
    char *full = path_join(root, path);
    bool ok = file_read(full, FILE_MAX, &text, err);
    free(full);
    if (ok) {
        r->n_files++;
        r->bytes += text.len;
        check_weight(&p, strbuf_str(&text), text.len);
        if (str_ends(path, ".html")) {
            r->n_pages++;
            check_html(&p, strbuf_str(&text), text.len);
        }
    }
    strbuf_release(&text);
    return ok;
}

static bool check_dir(const char *root, const char *path, struct site_report *r, struct err *err);

static bool check_entry(
    const char *root, const char *path, struct site_report *r, struct err *err) {
    struct stat st;
    char *full = path_join(root, path);
    bool known = lstat(full, &st) == 0;
    free(full);
    if (!known)
        return err_errno(err, ERR_FAILED, "could not look at '%s'", path);
    if (S_ISDIR(st.st_mode))
        return check_dir(root, path, r, err);
    return !S_ISREG(st.st_mode) || check_file(root, path, r, err);
}

static bool check_dir(const char *root, const char *path, struct site_report *r, struct err *err) {
    char *full = *path ? path_join(root, path) : xstrdup(root);
    struct dirent **names = NULL;
    int n = scandir(full, &names, NULL, alphasort);
    free(full);
    if (n < 0)
        return err_errno(err, ERR_NOT_FOUND, "could not read folder '%s/%s'", root, path);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        if (ok && names[i]->d_name[0] != '.') {
            char *inner = *path ? path_join(path, names[i]->d_name) : xstrdup(names[i]->d_name);
            ok = check_entry(root, inner, r, err);
            free(inner);
        }
        free(names[i]);
    }
    free(names);
    return ok;
}

bool site_check(const char *dir, struct site_report *report, struct err *err) {
    if (!check_dir(dir, "", report, err))
        return false;
    if (report->n_pages == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no site in '%s'", dir);
    if (report->n_problems == 0)
        return true;
    return err_set(err, ERR_NEGATIVE, "the site in '%s' has %d problem%s", dir, report->n_problems,
        report->n_problems == 1 ? "" : "s");
}
