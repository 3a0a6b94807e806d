/* See training.h. */
#include "site-gen/training.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/embed.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "site-gen/escape.h"

extern const struct embedded site_kin[];

#define SETS_MAX 2000 /* of a card: more than that nobody reads */
#define NAME_MAX_BYTES 96
#define BASES_DEPTH 8 /* from a model to what it was made from, and so on */
#define TASKS_TOLD 6

json_t *kin_load(void) {
    const struct embedded *file = embedded_find(site_kin, "kin.json");
    struct err err = ERR_INIT;
    json_t *kin = file ? json_parse((const char *)file->data, file->size, file->name, &err) : NULL;
    BUG_IF(!kin);
    return kin;
}

/* ---- names ---- */

/* "https://hub/datasets/Org/Name/tree/main" and "Org/Name@v1" to "org/name". The caller frees. */
static char *plain_name(const char *text) {
    static const char *const BEFORE[] = { "https://huggingface.co/", "https://hf.co/",
        "huggingface.co/", "hf.co/", "datasets/" };
    struct strbuf b = { 0 };
    text += strspn(text, " \t\r\n");
    for (size_t i = 0; i < sizeof BEFORE / sizeof *BEFORE; i++) {
        if (strncasecmp(text, BEFORE[i], strlen(BEFORE[i])) == 0)
            text += strlen(BEFORE[i]);
    }
    for (int slashes = 0; *text && !strchr("@#?: \t\r\n", *text); text++) {
        slashes += *text == '/';
        if (slashes > 1)
            break;
        strbuf_addc(&b, (char)tolower((unsigned char)*text));
    }
    while (b.len && b.text[b.len - 1] == '/')
        b.text[--b.len] = '\0';
    return b.len ? strbuf_take(&b) : xstrdup("");
}

/* "mmlu_*" stands for all that begin so. */
static bool is_called(const char *pattern, const char *name) {
    size_t n = strlen(pattern);
    return n && pattern[n - 1] == '*' ? strncasecmp(pattern, name, n - 1) == 0
                                      : strcasecmp(pattern, name) == 0;
}

static bool lists(const json_t *names, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(names, i, one) {
        if (name && is_called(json_string_value(one), name))
            return true;
    }
    return false;
}

/* Whether the group is about the task: by its name, or where it names no such task, by its data. */
static bool is_kin(const json_t *group, const char *task, const char *repo) {
    return lists(json_object_get(group, "tasks"), task) ||
           lists(json_object_get(group, "same"), repo);
}

/* ---- what the tasks of a section are declared by ---- */

enum how { HOW_DATA, HOW_NAME, HOW_TASK, HOW_SAME, HOW_WITHIN };

static const struct {
    const char *key, *words;
} HOWS[] = { [HOW_DATA] = { NULL, "names '%s', from which the data of this task come" },
    [HOW_NAME] = { NULL, "names this task, '%s'" },
    [HOW_TASK] = { "tasks", "names '%s', a task of the same data" },
    [HOW_SAME] = { "same", "names '%s', which has the same data" },
    [HOW_WITHIN] = { "within", "names '%s', of which the data of this task are a part" } };

struct sign_of {
    char *name;
    size_t task;
    enum how how;
};

struct signs {
    struct sign_of *of;
    size_t n, room;
};

static void signs_add(struct signs *s, const char *name, size_t task, enum how how) {
    mem_grow(&s->of, &s->room, s->n + 1, sizeof *s->of);
    s->of[s->n++] = (struct sign_of) { plain_name(name), task, how };
}

static void signs_add_task(
    struct signs *s, const struct world *w, size_t task, const char *name, const char *repo) {
    json_t *group, *one;
    size_t i, k;
    signs_add(s, name, task, HOW_NAME);
    if (repo)
        signs_add(s, repo, task, HOW_DATA);
    json_array_foreach(json_object_get(w->kin, "groups"), i, group) {
        for (enum how how = HOW_TASK; is_kin(group, name, repo) && how <= HOW_WITHIN; how++) {
            json_array_foreach(json_object_get(group, HOWS[how].key), k, one)
                signs_add(s, json_string_value(one), task, how);
        }
    }
}

static int by_name(const void *a, const void *b) {
    const struct sign_of *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order)
        return order;
    return x->task != y->task ? (x->task > y->task) - (x->task < y->task)
                              : (int)x->how - (int)y->how;
}

static const char *repo_of(const struct world *w, const json_t *column) {
    const json_t *task = world_task(w, json_get_int(column, "task_id", 0));
    return json_get_string(
        json_object_get(json_object_get(task, "definition"), "data"), "repo", NULL);
}

static struct signs signs_of(const struct world *w, const json_t *columns) {
    struct signs s = { 0 };
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column)
        signs_add_task(&s, w, i, json_get_string(column, "name", ""), repo_of(w, column));
    if (s.n)
        qsort(s.of, s.n, sizeof *s.of, by_name);
    return s;
}

static void signs_release(struct signs *s) {
    for (size_t i = 0; i < s->n; i++)
        free(s->of[i].name);
    free(s->of);
}

/* The first of that name, or s->n. */
static size_t signs_find(const struct signs *s, const char *name) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(s->of[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- what a card declares ---- */

static void add_set(json_t *sets, const char *name, const char *by) {
    if (*name && json_array_size(sets) < SETS_MAX)
        json_array_append_new(sets, json_pack("{s:s, s:s*}", "name", name, "by", by));
}

/* A name, a list of them, or, as older files of mteb have it, names with their splits. */
static bool add_sets(json_t *sets, const json_t *said, const char *by) {
    size_t i;
    const char *name;
    json_t *one;
    if (json_is_string(said))
        add_set(sets, json_string_value(said), by);
    json_array_foreach(said, i, one) {
        if (json_is_string(one))
            add_set(sets, json_string_value(one), by);
    }
    json_object_foreach((json_t *)(uintptr_t)said, name, one) add_set(sets, name, by);
    return json_is_string(said) || json_array_size(said) || json_object_size(said);
}

/* A list of mteb's that is there says so, even if it is empty: trained on none of its tasks. An
 * empty `datasets` is what is left of a form. */
static bool add_card(json_t *sets, const json_t *card, const char *by) {
    const json_t *tasks = json_object_get(card, "training_datasets");
    bool named = add_sets(sets, json_object_get(card, "datasets"), by),
         listed = json_is_array(tasks) || json_is_object(tasks);
    return add_sets(sets, tasks, by) || named || listed;
}

static const json_t *newest_of(const struct world *w, const char *model) {
    const json_t *all = json_object_get(w->models, model);
    return json_array_get(all, json_array_size(all) - 1);
}

static bool is_among(const json_t *bases, const char *model) {
    size_t i;
    json_t *base;
    json_array_foreach(bases, i, base) {
        if (!strcmp(json_get_string(base, "model", ""), model))
            return true;
    }
    return false;
}

struct training {
    const struct world *w;
    const char *model;
    json_t *sets, *bases; /* as training_view has them */
    bool says;
};

static void add_bases(struct training *t, const json_t *card, int depth);

static void add_base(struct training *t, const char *model, int depth) {
    const json_t *newest = newest_of(t->w, model), *card = json_object_get(newest, "card");
    if (!strcmp(model, t->model) || is_among(t->bases, model) ||
        json_array_size(t->bases) >= BASES_DEPTH)
        return;
    bool says = add_card(t->sets, card, model);
    json_array_append_new(t->bases, json_pack("{s:s, s:s}", "model", model, "state",
                                        says     ? "declares"
                                        : newest ? "declares nothing"
                                                 : "not here"));
    if (depth < BASES_DEPTH)
        add_bases(t, card, depth + 1);
}

static void add_bases(struct training *t, const json_t *card, int depth) {
    const json_t *said = json_object_get(card, "base_model"), *one;
    size_t i;
    if (json_is_string(said))
        add_base(t, json_string_value(said), depth);
    json_array_foreach(said, i, one) {
        if (json_is_string(one))
            add_base(t, json_string_value(one), depth);
    }
}

static struct training training_of(
    const struct world *w, const char *model, const json_t *revision) {
    struct training t = { .w = w, .model = model, .sets = json_array(), .bases = json_array() };
    const json_t *card = json_object_get(revision, "card");
    t.says = add_card(t.sets, card, NULL);
    add_bases(&t, card, 1);
    return t;
}

static void training_release(struct training *t) {
    json_decref(t->sets);
    json_decref(t->bases);
}

json_t *training_view(const struct world *w, const json_t *revision) {
    struct training t = training_of(w, json_get_string(revision, "model", ""), revision);
    return json_pack("{s:b, s:o, s:o}", "says", t.says, "sets", t.sets, "bases", t.bases);
}

/* ---- one beside the other ---- */

/* `set` as the evidence of `sign`: "its card names ...". */
static json_t *told(const json_t *set, const struct sign_of *sign) {
    const char *by = json_get_string(set, "by", NULL), *name = json_get_string(set, "name", "");
    struct strbuf b = { 0 }, shown = { 0 };
    if (by)
        strbuf_addf(&b, "the card of '%.*s', which it was made from, ",
            (int)clip_utf8(by, strlen(by), NAME_MAX_BYTES), by);
    else
        strbuf_adds(&b, "its card ");
    strbuf_add(&shown, name, clip_utf8(name, strlen(name), NAME_MAX_BYTES));
    const char *words = HOWS[sign->how].words, *at = strstr(words, "%s");
    strbuf_addf(&b, "%.*s%s%s", (int)(at - words), words, strbuf_str(&shown), at + 2);
    json_t *text = json_string(strbuf_str(&b));
    strbuf_release(&b);
    strbuf_release(&shown);
    return text;
}

static void mark_cells(const struct signs *s, const json_t *set, const json_t *cells) {
    char *name = plain_name(json_get_string(set, "name", ""));
    for (size_t i = signs_find(s, name); i < s->n && !strcmp(s->of[i].name, name); i++) {
        json_t *cell = json_array_get(cells, s->of[i].task);
        if (!json_object_get(cell, "trained")) /* the first set speaks, and the nearest relation */
            json_object_set_new(cell, "trained", told(set, &s->of[i]));
    }
    free(name);
}

/* "A, B and 3 more". */
static void add_tasks(struct strbuf *b, const json_t *cells, const json_t *columns, size_t n) {
    size_t i, k = 0;
    json_t *cell;
    json_array_foreach(cells, i, cell) {
        if (!json_object_get(cell, "trained") || ++k > TASKS_TOLD)
            continue;
        const char *name = json_get_string(json_array_get(columns, i), "name", "");
        strbuf_addf(b, "%s%.*s", k > 1 ? ", " : "",
            (int)clip_utf8(name, strlen(name), NAME_MAX_BYTES), name);
    }
    if (n > TASKS_TOLD)
        strbuf_addf(b, " and %zu more", n - TASKS_TOLD);
}

static json_t *said_of(
    const struct training *t, const json_t *cells, const json_t *columns, size_t n) {
    size_t all = json_array_size(columns), sets = json_array_size(t->sets);
    struct strbuf b = { 0 };
    strbuf_adds(&b, !t->says ? "its card names no training data"
                    : n      ? "cards name training data of "
                    : sets   ? ""
                             : "its card says that it was trained on none of these data");
    if (!t->says && n)
        strbuf_adds(&b, "; what it was made from was trained on ");
    if (n)
        strbuf_addf(&b, "%zu of %zu task%s: ", n, all, all == 1 ? "" : "s");
    if (n)
        add_tasks(&b, cells, columns, n);
    else if (t->says && sets)
        strbuf_addf(&b,
            "none of the %zu data set%s that cards name is known to hold data of %zu task%s", sets,
            sets == 1 ? "" : "s", all, all == 1 ? "" : "s");
    json_t *text = json_string(strbuf_str(&b));
    strbuf_release(&b);
    return text;
}

static json_t *zero_shot(const struct training *t, const json_t *cells, const json_t *columns) {
    size_t all = json_array_size(columns), n = 0, i;
    json_t *cell;
    json_array_foreach(cells, i, cell) n += json_object_get(cell, "trained") != NULL;
    const char *state = n && n == all ? "no" : n ? "in part" : t->says ? "declared" : "unknown";
    json_t *view = json_pack("{s:s, s:I, s:o}", "state", state, "n_trained", (json_int_t)n, "told",
        said_of(t, cells, columns, n));
    if (t->says && all)
        json_object_set_new(view, "percent", json_integer((json_int_t)((all - n) * 100 / all)));
    return view;
}

/* ---- documents in corpora ---- */

json_t *overlaps_view(const struct world *w, long long task) {
    json_t *list = json_array(), *row;
    size_t i;
    json_array_foreach(world_list(w, "overlaps"), i, row) {
        long long found = json_get_int(row, "contaminated", 0);
        size_t at = json_array_size(list);
        if (json_get_int(row, "task_id", 0) != task)
            continue;
        while (at && json_get_int(json_array_get(list, at - 1), "contaminated", 0) < found)
            at--;
        json_array_insert(list, at, row);
    }
    return list;
}

static void mark_overlaps(const struct world *w, json_t *columns) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        json_t *all = overlaps_view(w, json_get_int(column, "task_id", 0)),
               *most = json_copy(json_array_get(all, 0));
        if (json_get_int(most, "contaminated", 0) > 0) {
            json_object_set_new(most, "told",
                json_sprintf(
                    "%lld of %lld documents have %lld words in a row of the corpus '%.200s'",
                    json_get_int(most, "contaminated", 0), json_get_int(most, "documents", 0),
                    json_get_int(most, "n", 0), json_get_string(most, "corpus", "")));
            json_object_set(column, "overlap", most);
        }
        json_decref(most);
        json_decref(all);
    }
}

void mark_training(const struct world *w, json_t *section) {
    json_t *columns = json_object_get(section, "tasks");
    struct signs signs = signs_of(w, columns);
    json_t *row, *set;
    size_t i, k;
    json_array_foreach(json_object_get(section, "rows"), i, row) {
        const json_t *cells = json_object_get(row, "cells");
        const char *model = json_get_string(row, "id", "");
        struct training t =
            training_of(w, model, world_revision(w, model, json_get_string(row, "revision", "?")));
        json_array_foreach(t.sets, k, set) mark_cells(&signs, set, cells);
        json_object_set_new(row, "zero_shot", zero_shot(&t, cells, columns));
        training_release(&t);
    }
    signs_release(&signs);
    mark_overlaps(w, columns);
}

/* ---- a task ---- */

static void add_names(json_t *to, const json_t *names, const char *but) {
    size_t i;
    json_t *one;
    json_array_foreach(names, i, one) {
        if (!but || strcasecmp(json_string_value(one), but))
            json_array_append(to, one);
    }
}

json_t *kin_view(const struct world *w, const char *task, const char *repo) {
    json_t *view = json_pack("{s:[], s:[]}", "same", "within"), *group;
    size_t i;
    json_array_foreach(json_object_get(w->kin, "groups"), i, group) {
        if (!is_kin(group, task, repo))
            continue;
        add_names(json_object_get(view, "same"), json_object_get(group, "same"), repo);
        add_names(json_object_get(view, "within"), json_object_get(group, "within"), NULL);
    }
    if (json_array_size(json_object_get(view, "same")) +
        json_array_size(json_object_get(view, "within")))
        return view;
    json_decref(view);
    return NULL;
}
