/* What became of results: the change log, and a board beside an older state of it (outlet.h). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/outlet.h"
#include "site-gen/view.h"

#define EVENTS_MAX 1000
#define BOARD_BYTES_MAX ((size_t)256 << 20)

/* ---- the change log ---- */

/* The run that stands in its place: the same model, revision, task and configuration. NULL: none.
 */
static const json_t *successor(const json_t *standing, const json_t *run) {
    static const char *const SAME[] = { "revision", "task_id", "config" };
    const json_t *runs = json_object_get(standing, json_get_string(run, "model", "")), *other;
    size_t i;
    json_array_foreach(runs, i, other) {
        bool same = true;
        for (size_t k = 0; k < sizeof SAME / sizeof *SAME; k++)
            same =
                same && json_equal(json_object_get(run, SAME[k]), json_object_get(other, SAME[k]));
        if (same)
            return other;
    }
    return NULL;
}

/* Of runs those that stand, by their model. New. */
static json_t *standing_runs(const json_t *runs) {
    json_t *map = json_object(), *run;
    size_t i;
    json_array_foreach(runs, i, run) {
        const char *model = json_get_string(run, "model", "");
        json_t *list = json_object_get(map, model);
        if (!json_get_bool(run, "current", false))
            continue;
        if (!list) {
            list = json_array();
            json_object_set_new(map, model, list);
        }
        json_array_append(list, run);
    }
    return map;
}

static json_t *run_event(const struct world *w, const json_t *standing, const json_t *run) {
    const json_t *next = successor(standing, run);
    return json_pack("{s:O, s:s, s:s*, s:o, s:o*}", "at", json_object_get(run, "superseded_at"),
        "kind", next ? "corrected" : "retracted", "why",
        json_get_string(run, "superseded_why", NULL), "run", run_line(w, run), "by",
        next ? run_line(w, next) : NULL);
}

static json_t *stone_event(const struct world *w, const json_t *stone) {
    return json_pack("{s:s, s:s, s:s, s:o}", "at", json_get_string(stone, "withdrawn_at", ""),
        "kind", "withdrawn", "why", json_get_string(stone, "reason", ""), "model",
        model_ref(w, json_get_string(stone, "model", "")));
}

static json_t *suite_event(const json_t *suite) {
    char *part = slug(json_get_string(suite, "suite", ""));
    const char *title = json_get_string(
        json_object_get(suite, "definition"), "title", json_get_string(suite, "suite", ""));
    json_t *event = json_pack("{s:s, s:s, s:s, s:o, s:I}", "at",
        json_get_string(suite, "created_at", ""), "kind", "suite", "title", title, "path",
        json_sprintf("/s/%s/", part), "version", (json_int_t)json_get_int(suite, "version", 0));
    free(part);
    return event;
}

static int newest_first(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = strcmp(json_get_string(y, "at", ""), json_get_string(x, "at", ""));
    long long i = json_get_int(json_object_get(x, "run"), "run_id", 0),
              k = json_get_int(json_object_get(y, "run"), "run_id", 0);
    return order ? order : (k > i) - (k < i);
}

/* What was read for this page; a document without that has all runs. */
static const json_t *corrections(const struct world *w) {
    const json_t *list = world_list(w, "corrections");
    return json_is_array(list) ? list : world_list(w, "runs");
}

static json_t *events_of(const struct world *w) {
    const json_t *runs = corrections(w);
    json_t *all = json_array(), *standing = standing_runs(runs), *row;
    size_t i;
    json_array_foreach(runs, i, row) {
        if (json_is_string(json_object_get(row, "superseded_at")))
            json_array_append_new(all, run_event(w, standing, row));
    }
    json_decref(standing);
    json_array_foreach(world_list(w, "tombstones"), i, row)
        json_array_append_new(all, stone_event(w, row));
    json_array_foreach(world_list(w, "suites"), i, row) {
        if (json_get_int(row, "version", 0) > 1)
            json_array_append_new(all, suite_event(row));
    }
    size_t n = json_array_size(all);
    json_t **sorted = xcalloc(n + 1, sizeof *sorted), *out = json_array();
    for (i = 0; i < n; i++)
        sorted[i] = json_array_get(all, i);
    qsort(sorted, n, sizeof *sorted, newest_first);
    for (i = 0; i < n && i < EVENTS_MAX; i++)
        json_array_append(out, sorted[i]);
    free(sorted);
    json_decref(all);
    return out;
}

/* ---- two states of a board ---- */

static char *row_key(const json_t *row) {
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s %s %s", json_get_string(json_object_get(row, "model"), "path", ""),
        json_get_string(row, "precision", ""), json_get_string(row, "weight_type", ""));
    return strbuf_take(&b);
}

static json_t *rows_by_key(const json_t *section) {
    json_t *map = json_object(), *row;
    size_t i;
    json_array_foreach(json_object_get(section, "rows"), i, row) {
        char *key = row_key(row);
        json_object_set(map, key, row);
        free(key);
    }
    return map;
}

static json_t *place_of(const json_t *row) {
    static const char *const COPIED[] = { "model", "dtype", "mark", "mean", "rank", "rank_low",
        "rank_high", NULL };
    json_t *place = json_object();
    copy_fields(place, row, COPIED);
    return place;
}

static bool same_place(const json_t *a, const json_t *b) {
    const json_t *x = json_object_get(a, "mean"), *y = json_object_get(b, "mean");
    return ((!x && !y) || json_equal(x, y)) &&
           json_get_int(a, "rank", 0) == json_get_int(b, "rank", 0);
}

static json_t *section_changes(const json_t *before, const json_t *after) {
    json_t *old = rows_by_key(before), *now = rows_by_key(after), *row;
    json_t *entered = json_array(), *left = json_array(), *moved = json_array();
    const char *key;
    json_object_foreach(now, key, row) {
        const json_t *was = json_object_get(old, key);
        json_t *place = place_of(row);
        if (was)
            json_object_set_new(place, "before", place_of(was));
        if (!was || !same_place(was, row))
            json_array_append(was ? moved : entered, place);
        json_decref(place);
    }
    json_object_foreach(old, key, row) {
        if (!json_object_get(now, key))
            json_array_append_new(left, place_of(row));
    }
    json_decref(old);
    json_decref(now);
    const json_t *named = after ? after : before;
    return json_pack("{s:O*, s:O*, s:o, s:o, s:o, s:i, s:i}", "id", json_object_get(named, "id"),
        "title", json_object_get(named, "title"), "entered", entered, "left", left, "moved", moved,
        "n_before", (int)json_array_size(json_object_get(before, "rows")), "n",
        (int)json_array_size(json_object_get(after, "rows")));
}

static const json_t *section_called(const json_t *board, const char *id) {
    size_t i;
    json_t *section;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        if (strcmp(json_get_string(section, "id", ""), id) == 0)
            return section;
    }
    return NULL;
}

json_t *board_changes(const json_t *before, const json_t *after) {
    json_t *sections = json_array(), *section;
    size_t i;
    json_array_foreach(json_object_get(after, "sections"), i, section)
        json_array_append_new(sections,
            section_changes(section_called(before, json_get_string(section, "id", "")), section));
    json_array_foreach(json_object_get(before, "sections"), i, section) {
        if (!section_called(after, json_get_string(section, "id", "")))
            json_array_append_new(sections, section_changes(section, NULL));
    }
    return json_pack("{s:s, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:o}", "schema",
        "assay.site.changes/1", "title", json_object_get(after, "title"), "board",
        json_object_get(after, "path"), "since", json_object_get(before, "updated_at"),
        "updated_at", json_object_get(after, "updated_at"), "version_before",
        json_object_get(before, "version"), "version", json_object_get(after, "version"),
        "sections", sections);
}

/* The board as the older state of the site had it; *before NULL where it had none. */
static bool read_before(const char *since, const json_t *board, json_t **before, struct err *err) {
    const char *path = json_get_string(board, "path", "/s//");
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%s/api/v1%.*s.json", since, (int)strlen(path) - 1, path);
    bool there = file_exists(name.text);
    *before = there ? json_parse_file(name.text, BOARD_BYTES_MAX, err) : NULL;
    bool ok = !there || *before;
    if (*before && strcmp(json_get_string(*before, "schema", ""), "assay.site.board/1") != 0) {
        ok = err_set(err, ERR_SCHEMA, "'%s' is no board of schema 'assay.site.board/1'", name.text);
        json_decref(*before);
        *before = NULL;
    }
    strbuf_release(&name);
    return ok;
}

/* One page; `list` gets {"title", "path"} of it. */
static bool put_board(const struct outlet *o, const json_t *board, json_t *list, struct err *err) {
    json_t *before;
    struct strbuf path = { 0 };
    if (!read_before(o->options->since, board, &before, err))
        return false;
    if (!before)
        return true;
    strbuf_addf(&path, "%schanges/", json_get_string(board, "path", "/"));
    json_array_append_new(list,
        json_pack("{s:O*, s:s}", "title", json_object_get(board, "title"), "path", path.text));
    bool ok =
        o->page(o->builder, "changes.html", path.text, board_changes(before, board), NULL, 0, err);
    json_decref(before);
    strbuf_release(&path);
    return ok;
}

bool put_changes(const struct outlet *o, struct err *err) {
    json_t *boards = json_array(), *board;
    size_t i;
    bool ok = true;
    if (o->options->since && !dir_exists(o->options->since))
        ok = err_set(err, ERR_NOT_FOUND, "there is no folder '%s'", o->options->since);
    json_array_foreach(o->options->since ? o->boards : NULL, i, board) ok =
        ok && put_board(o, board, boards, err);
    if (!ok) {
        json_decref(boards);
        return false;
    }
    return o->page(o->builder, "changelog.html", "/changelog/",
        json_pack("{s:s, s:o, s:o}", "schema", "assay.site.changelog/1", "events",
            events_of(o->world), "boards", boards),
        NULL, 0, err);
}
