/* Listing and reading the task library. Order is by file name, so that a listing is the same
 * everywhere. */
#include "evaluator/task/tree.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/task/text.h"

enum { MAX_DEPTH = 4 };

bool tree_name_valid(const char *name) {
    if (!*name || strlen(name) > 255) {
        return false;
    }
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0 || *part == '.' || memchr(part, '\\', n)) {
            return false;
        }
        part += n;
        if (!*part) {
            return true;
        }
    }
}

bool tree_read(
    const struct task_tree *tree, const char *name, struct strbuf *out, struct err *err) {
    if (!tree_name_valid(name)) {
        return err_set(err, ERR_TASK, "'%s' is not the name of a file in the task library", name);
    }
    if (tree->dir) {
        char *path = path_join(tree->dir, name);
        bool ok = file_read(path, TREE_MAX_FILE, out, err);
        free(path);
        return ok;
    }
    const struct embedded *file = tree->builtin ? embedded_find(tree->builtin, name) : NULL;
    if (!file) {
        return err_set(err, ERR_NOT_FOUND, "no file '%s' in the task library", name);
    }
    strbuf_add(out, file->data, file->size);
    return true;
}

/* ---- names of files ---- */

struct names {
    char **items;
    size_t n, capacity;
};

static void names_add(struct names *names, char *name) {
    mem_grow(&names->items, &names->capacity, names->n + 1, sizeof *names->items);
    names->items[names->n++] = name;
}

static void names_release(struct names *names) {
    for (size_t i = 0; i < names->n; i++) {
        free(names->items[i]);
    }
    free(names->items);
}

static bool is_task_file(const char *name) {
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".lua") && strncmp(name, "kind/", 5) &&
           strncmp(name, "lib/", 4);
}

static bool walk(
    const char *dir, const char *below, unsigned depth, struct names *names, struct err *err) {
    char *path = *below ? path_join(dir, below) : xstrdup(dir);
    DIR *d = opendir(path);
    bool ok = d || err_errno(err, ERR_FAILED, "could not open directory '%s'", path);
    for (struct dirent *e; ok && d && (e = readdir(d)) != NULL;) {
        char *name = *below ? path_join(below, e->d_name) : xstrdup(e->d_name);
        char *full = path_join(dir, name);
        if (e->d_name[0] != '.' && dir_exists(full) && depth < MAX_DEPTH) {
            ok = walk(dir, name, depth + 1, names, err);
        } else if (e->d_name[0] != '.' && is_task_file(name)) {
            names_add(names, name);
            name = NULL;
        }
        free(full);
        free(name);
    }
    if (d) {
        closedir(d);
    }
    free(path);
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_files(const struct task_tree *tree, struct names *names, struct err *err) {
    if (tree->dir) {
        if (!walk(tree->dir, "", 0, names, err)) {
            return false;
        }
    } else {
        for (const struct embedded *f = tree->builtin; f && f->name; f++) {
            if (is_task_file(f->name)) {
                names_add(names, xstrdup(f->name));
            }
        }
    }
    if (names->n) {
        qsort(names->items, names->n, sizeof *names->items, by_name);
    }
    return true;
}

/* ---- families ---- */

static char *expand(const char *stem, size_t n, const char *variant, size_t n_variant) {
    struct strbuf b = { 0 };
    const char *at = memchr(stem, '@', n);
    strbuf_add(&b, stem, (size_t)(at - stem));
    strbuf_add(&b, variant, n_variant);
    strbuf_add(&b, at + 1, n - (size_t)(at + 1 - stem));
    return strbuf_take(&b);
}

/* Calls each for the variants that the first line of a family's file names. *more: false once it
 * said stop. */
static bool each_variant(const struct task_tree *tree, const char *file, const char *stem,
    size_t n_stem, tree_each_fn *each, void *arg, bool *more, struct err *err) {
    static const char intro[] = "-- variants:";
    struct strbuf text = { 0 };
    bool ok = tree_read(tree, file, &text, err);
    const char *at = strbuf_str(&text);
    if (ok && strncmp(at, intro, sizeof intro - 1)) {
        ok = err_set(err, ERR_TASK, "%s:1: a family begins with '%s' and their names", file, intro);
    }
    at += ok ? sizeof intro - 1 : 0;
    while (ok && *more) {
        at += strspn(at, " \t");
        size_t n = strcspn(at, " \t\r\n");
        if (n == 0) {
            break;
        }
        char *name = expand(stem, n_stem, at, n), *variant = xstrndup(at, n);
        *more = each(&(struct tree_entry) { file, name, variant }, arg);
        free(name);
        free(variant);
        at += n;
    }
    strbuf_release(&text);
    return ok;
}

bool tree_each(const struct task_tree *tree, tree_each_fn *each, void *arg, struct err *err) {
    struct names names = { 0 };
    bool ok = list_files(tree, &names, err), more = true;
    for (size_t i = 0; ok && more && i < names.n; i++) {
        const char *stem = path_base(names.items[i]);
        size_t n = strlen(stem) - 4;
        if (memchr(stem, '@', n)) {
            ok = each_variant(tree, names.items[i], stem, n, each, arg, &more, err);
        } else {
            char *name = xstrndup(stem, n);
            more = each(&(struct tree_entry) { names.items[i], name, NULL }, arg);
            free(name);
        }
    }
    names_release(&names);
    return ok;
}

/* ---- finding one ---- */

struct search {
    const char *name;
    char *file, *variant, *nearest;
    size_t distance;
};

static bool compare_entry(const struct tree_entry *entry, void *arg) {
    struct search *s = arg;
    if (!strcmp(entry->name, s->name)) {
        s->file = xstrdup(entry->file);
        s->variant = entry->variant ? xstrdup(entry->variant) : NULL;
        return false;
    }
    size_t distance = text_distance(entry->name, s->name);
    if (distance < s->distance) {
        s->distance = distance;
        free(s->nearest);
        s->nearest = xstrdup(entry->name);
    }
    return true;
}

bool tree_find(
    const struct task_tree *tree, const char *name, char **file, char **variant, struct err *err) {
    struct search s = { .name = name, .distance = 2 + strlen(name) / 3 };
    bool ok = tree_each(tree, compare_entry, &s, err);
    if (ok && !s.file) {
        ok = err_set(err, ERR_NOT_FOUND, "unknown task '%s'", name);
        if (s.nearest) {
            err_hint(err, "did you mean '%s'? 'assay task ls' lists all", s.nearest);
        } else {
            err_hint(err,
                "'assay task ls' lists all tasks; a path begins with '.' or '/' or ends in .lua");
        }
    }
    free(s.nearest);
    *file = ok ? s.file : NULL;
    *variant = ok ? s.variant : NULL;
    return ok;
}
