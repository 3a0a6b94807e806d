/* See expand.h. A suite may name suites; the number of shots and the profile that an outer one
 * gives go before an inner one's. */
#include "evaluator/cli/expand.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/library.h"

enum { MAX_DEPTH = 8, NO_SHOTS = -1 };

bool expansion_init(struct expansion *e, const struct args *args, struct err *err) {
    *e = (struct expansion) {
        .args = args, .kinds = json_object(), .tasks = json_array(), .trees = json_array()
    };
    e->library = task_list(task_library_dir(args_get(args, "tasks", NULL)), task_files, err);
    return e->library != NULL;
}

void expansion_release(struct expansion *e) {
    json_decref(e->library);
    json_decref(e->kinds);
    json_decref(e->tasks);
    json_decref(e->trees);
}

/* ERR_NOT_FOUND for a name that the library doesn't have. */
static bool refuse_unknown(const json_t *library, const char *name, struct err *err) {
    const char *nearest = NULL;
    unsigned best = 4;
    size_t i;
    json_t *entry;
    json_array_foreach(library, i, entry) {
        unsigned d = edit_distance(name, json_get_string(entry, "name", ""), 3);
        if (d < best) {
            best = d;
            nearest = json_get_string(entry, "name", "");
        }
    }
    err_set(err, ERR_NOT_FOUND, "unknown task '%.100s'", name);
    return nearest ? err_hint(err, "did you mean '%s'? 'assay task ls' lists all", nearest)
                   : err_hint(err, "'assay task ls' lists all");
}

/* What a file makes: one look for all variants of a family's. What cannot be described is taken for
 * a task of no kind; loading it says what is wrong. */
static const char *kind_of(struct expansion *e, const char *file, const char *name) {
    json_t *known = json_object_get(e->kinds, file);
    if (!known) {
        struct err ignored = ERR_INIT;
        struct task *t = task_describe_named(e->args, name, &ignored);
        known = json_string(t ? task_kind_name(task_info(t)->kind) : "");
        json_object_set_new(e->kinds, file, known);
        task_free(t);
    }
    return json_string_value(known);
}

static bool is_suite(struct expansion *e, const char *file, const char *name) {
    return strcmp(kind_of(e, file, name), task_kind_name(TASK_SUITE)) == 0;
}

/* How a suite has its tasks asked. */
struct manner {
    int shots;           /* NO_SHOTS: nothing is said */
    const char *profile; /* NULL: nothing is said */
};

#define NO_MANNER                                                                                  \
    { NO_SHOTS, NULL }

static void put_manner(json_t *to, const struct manner *manner) {
    if (manner->shots != NO_SHOTS) {
        json_object_set_new(to, "shots", json_integer(manner->shots));
    }
    if (manner->profile) {
        json_object_set_new(to, "profile", json_string(manner->profile));
    }
}

/* A task that is there already in this manner; one that was asked for without a profile takes any.
 */
static json_t *find_task(const struct expansion *e, const char *name, const struct manner *manner) {
    size_t i;
    json_t *entry;
    json_array_foreach(e->tasks, i, entry) {
        const char *profile = json_get_string(entry, "profile", manner->profile);
        if (!strcmp(json_get_string(entry, "name", ""), name) &&
            json_get_int(entry, "shots", NO_SHOTS) == manner->shots &&
            (!manner->profile || !strcmp(profile, manner->profile))) {
            return entry;
        }
    }
    return NULL;
}

static void add_task(
    struct expansion *e, const char *name, const struct manner *manner, bool of_suite) {
    json_t *entry = find_task(e, name, manner);
    if (entry) {
        put_manner(entry, manner);
        return;
    }
    entry = json_pack("{s:s, s:b}", "name", name, "of_suite", (int)of_suite);
    put_manner(entry, manner);
    json_array_append_new(e->tasks, entry);
}

/* ---- suites ---- */

/* What a suite's file says of the number of shots of a member, which is named as the file names it.
 * The command line goes before that. */
static int shots_of(const struct expansion *e, const json_t *described, const char *member) {
    const json_t *shots = json_object_get(described, "shots");
    if (args_has(e->args, "shots")) {
        return NO_SHOTS;
    }
    if (json_is_integer(shots)) {
        return (int)json_integer_value(shots);
    }
    return (int)json_get_int(shots, member, NO_SHOTS);
}

/* What a task of this file or name is called in results. */
static char *name_of_task(struct expansion *e, const char *task) {
    struct err ignored = ERR_INIT;
    struct task *t = task_is_path(task) ? task_describe_named(e->args, task, &ignored) : NULL;
    char *name = xstrdup(t ? task_info(t)->name : task);
    task_free(t);
    return name;
}

/* kind: "" where it is not known. */
static void add_leaf(struct expansion *e, json_t *members, const char *task, const char *kind,
    const struct manner *manner) {
    char *name = name_of_task(e, task);
    json_t *leaf = json_pack("{s:s}", "task", name);
    if (*kind) {
        json_object_set_new(leaf, "kind", json_string(kind));
    }
    put_manner(leaf, manner);
    json_array_append_new(members, leaf);
    add_task(e, task, manner, true);
    free(name);
}

/* A node without members, from what the file says. */
static json_t *new_node(const struct task_info *info) {
    json_t *node = json_pack("{s:s, s:s, s:O*, s:[]}", "name", info->name, "mean",
        info->mean ? info->mean : "task", "title", json_object_get(info->described, "title"),
        "members");
    if (isfinite(info->baseline)) {
        json_object_set_new(node, "baseline", json_real(info->baseline));
    }
    return node;
}

static struct task *describe_suite(struct expansion *e, const char *name, struct err *err) {
    struct task *suite = task_describe_named(e->args, name, err);
    if (suite && task_info(suite)->kind != TASK_SUITE) {
        err_set(err, ERR_USAGE, "'%s' is a task, not a suite: use --task", name);
        task_free(suite);
        return NULL;
    }
    return suite;
}

/* One step of the walk over suites within suites. */
struct walk {
    struct expansion *e;
    int depth;
    struct manner manner; /* what the suites above say */
    struct strbuf *hash;  /* of the files passed */
};

static json_t *walk_suite(const struct walk *w, const char *name, struct err *err);

/* One member by its own name: a suite or a task. */
static bool walk_member(
    const struct walk *w, json_t *node, const char *file, const char *name, struct err *err) {
    json_t *members = json_object_get(node, "members");
    if (!is_suite(w->e, file, name)) {
        add_leaf(w->e, members, name, kind_of(w->e, file, name), &w->manner);
        return true;
    }
    json_t *inner = walk_suite(w, name, err);
    if (inner) {
        json_array_append_new(members, inner);
    }
    return inner != NULL;
}

/* A member as the file names it: a path, a name, or a glob, which means tasks. */
static bool walk_named(const struct walk *w, json_t *node, const char *pattern, struct err *err) {
    if (task_is_path(pattern)) {
        return walk_member(w, node, pattern, pattern, err);
    }
    bool any = false, ok = true;
    size_t i;
    json_t *entry;
    json_array_foreach(w->e->library, i, entry) {
        const char *name = json_get_string(entry, "name", ""),
                   *file = json_get_string(entry, "file", "");
        bool exact = !strcmp(name, pattern);
        if (exact || (fnmatch(pattern, name, 0) == 0 && !is_suite(w->e, file, name))) {
            any = true;
            ok = ok && walk_member(w, node, file, name, err);
        }
    }
    return ok && (any || refuse_unknown(w->e->library, pattern, err));
}

static json_t *walk_suite(const struct walk *w, const char *name, struct err *err) {
    struct task *suite = w->depth < MAX_DEPTH ? describe_suite(w->e, name, err) : NULL;
    if (w->depth == MAX_DEPTH) {
        err_set(err, ERR_TASK, "suite '%s': suites are nested too deeply", name);
    }
    if (!suite) {
        return NULL;
    }
    const struct task_info *info = task_info(suite);
    json_t *node = new_node(info);
    bool ok = true;
    strbuf_addf(w->hash, "%s\n", info->task_sha256);
    for (size_t i = 0; ok && i < info->tasks.n; i++) {
        struct walk inner = *w;
        inner.depth++;
        if (inner.manner.shots == NO_SHOTS) {
            inner.manner.shots = shots_of(w->e, info->described, info->tasks.items[i]);
        }
        if (!inner.manner.profile && !args_has(w->e->args, "profile")) {
            inner.manner.profile = json_get_string(info->described, "profile", NULL);
        }
        ok = walk_named(&inner, node, info->tasks.items[i], err);
    }
    if (!ok) {
        err_wrap(err, "suite '%s'", info->name);
        json_decref(node);
        node = NULL;
    }
    task_free(suite);
    return node;
}

/* The hash of a suite's own file where it is the only one. */
static void suite_sha256(const struct strbuf *hashes, char hex[65]) {
    if (hashes->len == 65) {
        memcpy(hex, strbuf_str(hashes), 64);
        hex[64] = '\0';
    } else {
        sha256_hex(strbuf_str(hashes), hashes->len, hex);
    }
}

static bool define(struct expansion *e, const char *name, json_t *tree, const struct strbuf *hashes,
    json_t **definition, struct err *err) {
    char hex[65];
    struct task *suite = describe_suite(e, name, err);
    if (!suite) {
        return false;
    }
    const struct task_info *info = task_info(suite);
    json_t *described = json_copy((json_t *)(uintptr_t)info->described);
    json_object_set(described, "tree", tree);
    suite_sha256(hashes, hex);
    *definition = json_pack("{s:s, s:I, s:s, s:o}", "name", info->name, "version",
        (json_int_t)info->version, "sha256", hex, "definition", described);
    task_free(suite);
    return true;
}

bool expand_suite(struct expansion *e, const char *name, json_t **definition, struct err *err) {
    struct strbuf hashes = { 0 };
    json_t *tree =
        walk_suite(&(struct walk) { .e = e, .manner = NO_MANNER, .hash = &hashes }, name, err);
    bool ok = tree && (!definition || define(e, name, tree, &hashes, definition, err));
    if (ok) {
        json_array_append(e->trees, tree);
    }
    json_decref(tree);
    strbuf_release(&hashes);
    return ok;
}

/* ---- tasks ---- */

static bool expand_path(struct expansion *e, const char *path, struct err *err) {
    if (is_suite(e, path, path)) {
        return expand_suite(e, path, NULL, err);
    }
    add_task(e, path, &(struct manner)NO_MANNER, false);
    return true;
}

bool expand_task(struct expansion *e, const char *name, struct err *err) {
    if (task_is_path(name)) {
        return expand_path(e, name, err);
    }
    bool any = false;
    size_t i;
    json_t *entry;
    json_array_foreach(e->library, i, entry) {
        const char *known = json_get_string(entry, "name", "");
        if (fnmatch(name, known, 0) != 0) {
            continue;
        }
        bool suite = is_suite(e, json_get_string(entry, "file", ""), known);
        if (suite && !strcmp(name, known)) {
            return expand_suite(e, name, NULL, err);
        }
        any = any || !suite;
        if (!suite) {
            add_task(e, known, &(struct manner)NO_MANNER, false);
        }
    }
    return any || refuse_unknown(e->library, name, err);
}
