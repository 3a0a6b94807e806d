/* The parts of a site that are made by hands, and kept from one build to the next where nothing of
 * them is another: models with their runs, and tasks (see builder.h, memory.h). */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/builder.h"
#include "site-gen/compare.h"
#include "site-gen/items.h"
#include "site-gen/samples.h"
#include "site-gen/shelf.h"
#include "site-gen/view.h"

#define MODELS_AT_ONCE 50  /* off the shelf */
#define NAMES_AT_ONCE 1000 /* with those that are kept */

static bool put_model(
    struct builder *b, const char *name, const json_t *standings, struct err *err) {
    json_t *view = view_model(&b->world, name, standings);
    char *path = xstrdup(json_get_string(json_object_get(view, "model"), "path", ""));
    bool ok = put_model_feed(&b->outlet, view, err) && put_badges(&b->outlet, view, err);
    if (!ok)
        json_decref(view);
    ok = ok && put_view(b, "model.html", path, view, NULL, err);
    free(path);
    return ok;
}

/* A file of samples, below the page of them. */
struct below {
    struct builder *b;
    const char *path; /* of the page */
};

static bool put_below(void *arg, const char *name, const void *data, size_t n, struct err *err) {
    const struct below *at = arg;
    struct strbuf file = { 0 };
    strbuf_addf(&file, "%s%s", at->path + 1, name);
    bool ok = put_file(at->b, file.text, data, n, err);
    strbuf_release(&file);
    return ok;
}

/* Where there are samples they have a page below the run's, which shows a few of them. */
static bool put_samples(struct builder *b, const json_t *run, json_t *view, struct err *err) {
    struct strbuf path = { 0 }, file = { 0 };
    json_t *page = NULL;
    strbuf_addf(&path, "%ssamples/", json_get_string(view, "path", ""));
    strbuf_addf(&file, "%sindex.html", path.text + 1);
    struct below at = { b, path.text };
    bool ok = samples_make(&b->world, run, put_below, &at, &page, err);
    if (ok) {
        json_object_set_new(view, "samples", samples_brief(page, path.text));
        samples_finish(page, view);
    }
    if (ok && json_get_int(page, "n", 0) > 0)
        ok = put_page(b, "samples.html", path.text, file.text, page, NULL, err);
    json_decref(page);
    strbuf_release(&path);
    strbuf_release(&file);
    return ok;
}

static bool put_run(struct builder *b, const json_t *run, struct err *err) {
    if (!has_page(&b->world, json_get_int(run, "run_id", 0)))
        return true;
    json_t *view = view_run(&b->world, run);
    char *path = xstrdup(json_get_string(view, "path", ""));
    bool ok = put_samples(b, run, view, err);
    if (!ok)
        json_decref(view);
    ok = ok && put_view(b, "run.html", path, view, NULL, err);
    free(path);
    return ok;
}

static bool put_listed_runs(struct builder *b, const char *model, struct err *err) {
    json_t *view = view_listed_runs(&b->world, model);
    if (!view)
        return true;
    char *path = xstrdup(json_get_string(view, "path", ""));
    bool ok = put_view(b, "runs.html", path, view, NULL, err);
    free(path);
    return ok;
}

/* Runs of these models are taken off the shelf, in place of those before. */
static bool show_models(struct builder *b, const json_t *names, struct err *err) {
    if (!b->shelf)
        return true;
    json_t *runs = shelf_runs(b->shelf, names, b->world.last_listed),
           *results = shelf_results(b->shelf, names, b->world.last_listed);
    world_show(&b->world, runs, results);
    bool ok = shelf_ok(b->shelf, err);
    json_decref(runs);
    json_decref(results);
    return ok;
}

/* ---- parts that are kept: see memory.h ---- */

static char *part_key(const char *kind, const char *name) {
    struct strbuf key = { 0 };
    strbuf_addf(&key, "%s %s", kind, name);
    return strbuf_take(&key);
}

static void part_begin(struct builder *b, const char *kind, const char *name, const char *hash) {
    char *key = part_key(kind, name);
    memory_begin(&b->memory, key, hash);
    b->pages_before = b->n_pages;
    b->paths_before = json_array_size(b->paths);
    free(key);
}

static void part_end(struct builder *b) {
    json_t *paths = json_array();
    for (size_t i = b->paths_before; i < json_array_size(b->paths); i++)
        json_array_append(paths, json_array_get(b->paths, i));
    memory_end(&b->memory, paths, b->n_pages - b->pages_before);
}

/* Whether the part is kept, with its files; what is to come of it is *part. */
static bool part_keep(struct builder *b, const char *kind, const char *name, const char *hash,
    const json_t **part, struct err *err) {
    char *key = part_key(kind, name);
    bool ok = memory_keep(&b->memory, key, hash, part, err);
    free(key);
    return ok;
}

/* As if its pages had been made. */
static void part_count(struct builder *b, const json_t *part) {
    json_array_extend(b->paths, json_object_get(part, "paths"));
    b->n_pages += (int)json_get_int(part, "pages", 0);
}

/* ---- models ---- */

/* A model whose scores can be laid beside another's. */
static void list_compared(struct builder *b, const char *path) {
    json_array_append_new(
        b->compared, json_sprintf("%.*s", (int)strlen(path) - 4, path + 3)); // without /m/ and /
}

static char *scores_file(const char *path) {
    struct strbuf file = { 0 };
    strbuf_addf(&file, "api/v1%sscores.json", path);
    return strbuf_take(&file);
}

/* What the page of comparisons reads of a model, if it has results. */
static bool put_scores(struct builder *b, const char *model, struct err *err) {
    json_t *scores = scores_view(&b->world, model);
    if (!scores)
        return true;
    const char *path = json_get_string(json_object_get(scores, "model"), "path", "");
    char *file = scores_file(path);
    list_compared(b, path);
    bool ok = put_json(b, file, scores, err);
    free(file);
    json_decref(scores);
    return ok;
}

/* A page for the model, and for each of its runs. */
static bool put_model_and_runs(
    struct builder *b, const char *name, const json_t *standings, struct err *err) {
    size_t i;
    json_t *run;
    bool ok = put_model(b, name, standings, err) && put_scores(b, name, err) &&
              put_listed_runs(b, name, err);
    json_array_foreach(json_object_get(b->world.runs_of, name), i, run) ok =
        ok && put_run(b, run, err);
    return ok;
}

static bool has_file(const json_t *part, const char *name) {
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(part, "files"), i, file) {
        if (strcmp(json_string_value(file), name) == 0)
            return true;
    }
    return false;
}

static void count_model(struct builder *b, const char *name, const json_t *part) {
    json_t *ref = model_ref(&b->world, name);
    const char *path = json_get_string(ref, "path", "");
    char *file = scores_file(path);
    part_count(b, part);
    if (has_file(part, file))
        list_compared(b, path);
    free(file);
    json_decref(ref);
}

/* Models in their order. Of one that is kept there is its part; of others runs are to be read. */
struct portion {
    json_t *names, *read;
    json_t *hashes, *parts; /* of all; null: not kept */
};

static struct portion portion_new(void) {
    return (struct portion) { json_array(), json_array(), json_array(), json_array() };
}

static void portion_release(struct portion *p) {
    json_decref(p->names);
    json_decref(p->read);
    json_decref(p->hashes);
    json_decref(p->parts);
}

/* Portions that are put at once, and what all of them say. */
struct portions {
    struct portion *items;
    size_t n, room;
    const json_t *standings;
};

static bool put_portion(struct builder *hand, void *arg, size_t item, struct err *err) {
    const struct portions *all = arg;
    const struct portion *p = &all->items[item];
    size_t i;
    json_t *name;
    bool ok = json_array_size(p->read) == 0 || show_models(hand, p->read, err);
    json_array_foreach(p->names, i, name) {
        const json_t *part = json_array_get(p->parts, i);
        const char *text = json_string_value(name);
        if (json_is_object(part)) {
            count_model(hand, text, part);
        } else if (ok) {
            part_begin(hand, "model", text, json_string_value(json_array_get(p->hashes, i)));
            ok = put_model_and_runs(hand, text, all->standings, err);
            part_end(hand);
        }
    }
    return ok;
}

static bool put_portions(struct hands *hands, struct portions *all, struct err *err) {
    bool ok = hands_run(hands, all->n, put_portion, all, err);
    while (all->n)
        portion_release(&all->items[--all->n]);
    return ok;
}

/* Keeps the model's files where they are of what there is now. */
static bool add_to_portion(struct builder *b, struct portion *p, const char *name,
    const json_t *standings, struct err *err) {
    char hash[65] = "";
    const json_t *part = NULL;
    bool ok = true;
    if (b->shelf) {
        json_t *ref = model_ref(&b->world, name);
        sign_model(
            &b->signer, name, json_object_get(standings, json_get_string(ref, "path", "")), hash);
        ok = part_keep(b, "model", name, hash, &part, err);
        json_decref(ref);
    }
    json_array_append_new(p->names, json_string(name));
    json_array_append_new(p->hashes, json_string(hash));
    json_array_append_new(p->parts, part ? json_incref((json_t *)(uintptr_t)part) : json_null());
    if (!part)
        json_array_append_new(p->read, json_string(name));
    return ok;
}

static bool put_each_model(struct builder *b, struct hands *hands, struct err *err) {
    const char *name;
    json_t *revisions, *standings = standings_index(b->boards);
    struct portions all = { .standings = standings, .room = hands_at_once(hands) };
    bool ok = true;
    all.items = xcalloc(all.room, sizeof *all.items);
    if (b->shelf)
        world_show(&b->world, NULL, NULL);
    json_object_foreach(b->world.models, name, revisions) {
        (void)revisions;
        struct portion *p = all.n ? &all.items[all.n - 1] : NULL;
        if (!p || json_array_size(p->read) == MODELS_AT_ONCE ||
            json_array_size(p->names) == NAMES_AT_ONCE) {
            ok = ok && (all.n < all.room || put_portions(hands, &all, err));
            p = &all.items[all.n++];
            *p = portion_new();
        }
        ok = ok && add_to_portion(b, p, name, standings, err);
        if (!ok)
            break;
    }
    ok = ok && put_portions(hands, &all, err);
    while (all.n)
        portion_release(&all.items[--all.n]);
    free(all.items);
    json_decref(standings);
    return ok;
}

bool put_models(struct builder *b, struct hands *hands, struct err *err) {
    return put_each_model(b, hands, err) &&
           put_view(b, "models.html", "/m/", view_models(&b->world), NULL, err) &&
           put_view(b, "compare.html", "/compare/", compare_view(b->compared), NULL, err);
}

/* ---- tasks ---- */

/* Each name once, in the order of the list. */
static json_t *task_names(const struct world *w) {
    json_t *names = json_object(), *task;
    size_t i;
    json_array_foreach(world_list(w, "tasks"), i, task)
        json_object_set_new(names, json_get_string(task, "task", ""), json_true());
    return names;
}

static bool put_task(struct builder *b, const char *name, struct err *err) {
    json_t *view = view_task(&b->world, name);
    char *path = xstrdup(json_get_string(view, "path", ""));
    bool ok = put_task_feed(&b->outlet, view, err) && items_add(&b->world, view, err);
    finish_task(
        &b->world, view); /* what is new need not be the best, nor what all have in common */
    if (!ok)
        json_decref(view);
    ok = ok && put_view(b, "task.html", path, view, NULL, err);
    free(path);
    return ok;
}

struct tasks {
    json_t *lines; /* of the list, which says nothing of models */
    const json_t **parts;
};

static bool put_listed_task(struct builder *hand, void *arg, size_t item, struct err *err) {
    const struct tasks *all = arg;
    const json_t *line = json_array_get(all->lines, item);
    const char *name = json_get_string(line, "name", "");
    char hash[65];
    if (all->parts[item]) {
        part_count(hand, all->parts[item]);
        return true;
    }
    if (!hand->shelf)
        return put_task(hand, name, err);
    sign_task(&hand->signer, line, hash);
    part_begin(hand, "task", name, hash);
    bool ok = put_task(hand, name, err);
    part_end(hand);
    return ok;
}

static bool keep_task(struct builder *b, const json_t *line, const json_t **part, struct err *err) {
    char hash[65];
    sign_task(&b->signer, line, hash);
    return part_keep(b, "task", json_get_string(line, "name", ""), hash, part, err);
}

bool put_tasks(struct builder *b, struct hands *hands, struct err *err) {
    json_t *names = task_names(&b->world), *unused, *line;
    struct tasks all = { json_array(), xcalloc(json_object_size(names) + 1, sizeof *all.parts) };
    const char *name;
    size_t i;
    bool ok = true;
    json_object_foreach(names, name, unused) {
        (void)unused;
        json_array_append_new(all.lines, view_task_line(&b->world, name));
    }
    json_array_foreach(all.lines, i, line) ok =
        ok && (!b->shelf || keep_task(b, line, &all.parts[i], err));
    ok = ok && hands_run(hands, json_array_size(all.lines), put_listed_task, &all, err);
    json_decref(names);
    free(all.parts);
    json_t *list = json_pack("{s:s, s:o}", "schema", "assay.site.tasks/1", "tasks", all.lines);
    if (!ok) {
        json_decref(list);
        return false;
    }
    return put_view(b, "tasks.html", "/t/", list, NULL, err);
}
