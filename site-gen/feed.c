/* Feeds of models and tasks, the map of the site, and how a browser searches it (see outlet.h). */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/outlet.h"
#include "site-gen/view.h"

#define ENTRIES_MAX 20
#define MAP_MAX 40000 /* the format allows 50,000 */

static const char *changed_at(const json_t *run) {
    const char *withdrawn = json_get_string(run, "superseded_at", NULL);
    return withdrawn ? withdrawn : json_get_string(run, "finished_at", "");
}

static int newest_first(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = strcmp(changed_at(y), changed_at(x));
    long long i = json_get_int(x, "run_id", 0), k = json_get_int(y, "run_id", 0);
    return order ? order : (k > i) - (k < i);
}

/* The last of the runs, with the time at which each became what it is; rows of a task become lines.
 */
static json_t *entries(const struct world *w, json_t **runs, size_t n) {
    json_t *list = json_array();
    if (n > 1) /* no list, no address of one */
        qsort(runs, n, sizeof *runs, newest_first);
    for (size_t i = 0; i < n && i < ENTRIES_MAX; i++) {
        json_t *entry =
            json_object_get(runs[i], "path") ? json_copy(runs[i]) : task_line(w, runs[i]);
        json_object_set_new(entry, "updated", json_string(changed_at(runs[i])));
        json_array_append_new(list, entry);
    }
    return list;
}

/* `path` of the page that it is of: "/m/org/name/". Takes nothing. */
static bool put_feed(const struct outlet *o, const char *path, const char *name, json_t **runs,
    size_t n, struct err *err) {
    if (!o->options->base_url)
        return true;
    json_t *list = entries(o->world, runs, n);
    const char *updated = json_get_string(json_array_get(list, 0), "updated", "");
    json_t *feed = json_pack(
        "{s:s, s:s, s:s, s:o}", "path", path, "name", name, "updated", updated, "runs", list);
    struct strbuf file = { 0 };
    strbuf_addf(&file, "%sfeed.atom", path + 1);
    bool ok = o->bare(o->builder, "feed_of.atom", file.text, feed, err);
    strbuf_release(&file);
    json_decref(feed);
    return ok;
}

bool put_model_feed(const struct outlet *o, const json_t *view, struct err *err) {
    const json_t *model = json_object_get(view, "model"), *all = json_object_get(view, "runs");
    size_t n = 0, i;
    json_t **runs = xcalloc(json_array_size(all) + 1, sizeof *runs), *run;
    json_array_foreach(all, i, run) runs[n++] = run;
    bool ok = put_feed(
        o, json_get_string(model, "path", ""), json_get_string(model, "name", ""), runs, n, err);
    free(runs);
    return ok;
}

bool put_task_feed(const struct outlet *o, const json_t *view, struct err *err) {
    const json_t *groups = json_object_get(view, "groups");
    size_t n = 0, i, k;
    json_t *group, *run, **runs = NULL;
    size_t capacity = 0;
    json_array_foreach(groups, i, group) {
        json_array_foreach(json_object_get(group, "rows"), k, run) {
            mem_grow(&runs, &capacity, n + 1, sizeof *runs);
            runs[n++] = run;
        }
    }
    bool ok = put_feed(
        o, json_get_string(view, "path", ""), json_get_string(view, "name", ""), runs, n, err);
    free(runs);
    return ok;
}

/* ---- the map ---- */

static bool put_map(const struct outlet *o, size_t from, const char *file, struct err *err) {
    json_t *paths = json_array(), *map;
    for (size_t i = from; i < json_array_size(o->paths) && i < from + MAP_MAX; i++)
        json_array_append(paths, json_array_get(o->paths, i));
    map = json_pack("{s:o}", "paths", paths);
    bool ok = o->bare(o->builder, "sitemap.xml", file, map, err);
    json_decref(map);
    return ok;
}

static bool put_maps(const struct outlet *o, struct err *err) {
    json_t *maps = json_array(), *index;
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(o->paths); i += MAP_MAX) {
        char name[40];
        snprintf(name, sizeof name, "sitemap-%zu.xml", i / MAP_MAX + 1);
        ok = put_map(o, i, name, err);
        json_array_append_new(maps, json_sprintf("/%s", name));
    }
    index = json_pack("{s:o}", "maps", maps);
    ok = ok && o->bare(o->builder, "sitemaps.xml", "sitemap.xml", index, err);
    json_decref(index);
    return ok;
}

bool put_sitemap(const struct outlet *o, struct err *err) {
    json_t *empty = json_object();
    bool ok =
        json_array_size(o->paths) > MAP_MAX ? put_maps(o, err) : put_map(o, 0, "sitemap.xml", err);
    ok = ok && o->bare(o->builder, "opensearch.xml", "opensearch.xml", empty, err);
    json_decref(empty);
    return ok;
}
