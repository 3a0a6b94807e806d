/* The leaves of a board (see leaves.h). */
#include "site-gen/leaves.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/columns.h"

#define TASKS_SHOWN_MAX                                                                            \
    16 /* columns of tasks on a page; all others are a list of links, and picked */

static const char *path_of(const json_t *board) {
    return json_get_string(board, "path", "/");
}

/* ---- pages ---- */

static size_t rows_in(const json_t *section) {
    return json_array_size(json_object_get(section, "rows"));
}

static size_t pages_of(const json_t *board) {
    size_t most = 0, i;
    json_t *section;
    json_array_foreach(json_object_get(board, "sections"), i, section) most =
        rows_in(section) > most ? rows_in(section) : most;
    return most <= ROWS_FIRST ? 1 : 1 + (most - ROWS_FIRST + ROWS_A_PAGE - 1) / ROWS_A_PAGE;
}

static size_t first_row(size_t number) {
    return number < 2 ? 0 : ROWS_FIRST + (number - 2) * ROWS_A_PAGE;
}

/* How many of a section's tasks have a column on the page. */
static size_t tasks_shown(const json_t *section) {
    size_t n = json_array_size(json_object_get(section, "tasks"));
    bool means = json_array_size(json_object_get(section, "types")) ||
                 json_array_size(json_object_get(section, "groups"));
    return n <= TASKS_SHOWN_MAX ? n : means ? 0 : TASKS_SHOWN_MAX;
}

static json_t *picked(const json_t *from, const char *const *keys) {
    json_t *out = json_object();
    for (; *keys; keys++) {
        json_t *v = json_object_get(from, *keys);
        if (v)
            json_object_set(out, *keys, v);
    }
    return out;
}

/* The row with the cells that the page has a column for: a page is made of what it shows. */
static json_t *row_leaf(json_t *row, size_t shown) {
    const json_t *cells = json_object_get(row, "cells");
    if (json_array_size(cells) <= shown)
        return json_incref(row);
    json_t *leaf = json_copy(row), *few = json_array();
    for (size_t i = 0; i < shown; i++)
        json_array_append(few, json_array_get(cells, i));
    json_object_set_new(leaf, "cells", few);
    return leaf;
}

static json_t *task_leaves(const json_t *section) {
    static const char *const SHOWN[] = { "name", "path", "key", "metric", "in_mean", "overlap",
        NULL };
    json_t *list = json_array(), *task;
    size_t i;
    json_array_foreach(json_object_get(section, "tasks"), i, task)
        json_array_append_new(list, picked(task, SHOWN));
    return list;
}

static json_t *section_leaf(const json_t *section, size_t number) {
    size_t from = first_row(number), n = number < 2 ? ROWS_FIRST : ROWS_A_PAGE;
    size_t shown = tasks_shown(section);
    const json_t *rows = json_object_get(section, "rows");
    json_t *leaf = json_copy((json_t *)(uintptr_t)section), *part = json_array();
    for (size_t i = from; i < from + n && i < json_array_size(rows); i++)
        json_array_append_new(part, row_leaf(json_array_get(rows, i), shown));
    if (number > 1)
        json_object_del(leaf, "others");
    json_object_set_new(leaf, "rows", part);
    json_object_set_new(leaf, "tasks", task_leaves(section));
    json_object_set_new(leaf, "from", json_integer((json_int_t)from + 1));
    json_object_set_new(leaf, "total", json_integer((json_int_t)json_array_size(rows)));
    json_object_set_new(leaf, "shown", json_integer((json_int_t)shown));
    return leaf;
}

static json_t *page_path(const json_t *board, size_t number) {
    return number < 2 ? json_string(path_of(board))
                      : json_sprintf("%spage/%zu/", path_of(board), number);
}

json_t *board_leaf(const json_t *board, size_t number) {
    size_t n = pages_of(board), at = number < 2 ? 1 : number, i;
    json_t *leaf = json_copy((json_t *)(uintptr_t)board), *sections = json_array(), *section;
    json_array_foreach(json_object_get(board, "sections"), i, section)
        json_array_append_new(sections, section_leaf(section, at));
    json_object_set_new(leaf, "sections", sections);
    json_object_set_new(leaf, "page", json_integer((json_int_t)at));
    json_object_set_new(leaf, "n_pages", json_integer((json_int_t)n));
    json_object_set_new(leaf, "choose", json_sprintf("%schoose/", path_of(board)));
    if (at > 1)
        json_object_set_new(leaf, "previous", page_path(board, at - 1));
    if (at < n)
        json_object_set_new(leaf, "next", page_path(board, at + 1));
    return leaf;
}

static bool put_pages(const json_t *board, const struct leaf_sink *sink, struct err *err) {
    bool ok = true;
    for (size_t number = 2; ok && number <= pages_of(board); number++) {
        json_t *leaf = board_leaf(board, number), *path = page_path(board, number);
        ok = sink->page(sink->arg, "board_page.html", json_string_value(path), leaf, err);
        json_decref(leaf);
        json_decref(path);
    }
    return ok;
}

/* ---- columns ---- */

/* Named by what is in it, so that it may be kept for good. New; NULL with the error set. */
static json_t *put_columns(const json_t *board, const json_t *section, const char *part,
    json_t *columns, const struct leaf_sink *sink, struct err *err) {
    struct strbuf text = { 0 }, file = { 0 };
    struct json_writer w;
    char hex[65];
    json_writer_init(&w, &text, false);
    jw_json(&w, columns);
    strbuf_addc(&text, '\n');
    sha256_hex(text.text, text.len, hex);
    strbuf_addf(&file, "%sdata/%s-%s.%.16s.json", path_of(board) + 1,
        json_get_string(section, "id", ""), part, hex);
    bool ok = sink->file(sink->arg, file.text, text.text, text.len, err);
    json_t *path = ok ? json_sprintf("/%s", file.text) : NULL;
    strbuf_release(&text);
    strbuf_release(&file);
    json_decref(columns);
    return path;
}

/* Names of files beside the first, which all are in one folder. */
static bool put_tasks(const json_t *board, const json_t *section, json_t *files,
    const struct leaf_sink *sink, struct err *err) {
    size_t n = json_array_size(json_object_get(section, "tasks"));
    for (size_t from = 0; from < n; from += COLUMNS_A_FILE) {
        char part[32];
        snprintf(part, sizeof part, "tasks-%zu", from / COLUMNS_A_FILE);
        json_t *path =
            put_columns(board, section, part, columns_of_tasks(section, from), sink, err);
        if (!path)
            return false;
        json_array_append_new(files, json_string(strrchr(json_string_value(path), '/') + 1));
        json_decref(path);
    }
    return true;
}

static bool put_data(
    const json_t *board, json_t *section, const struct leaf_sink *sink, struct err *err) {
    json_t *files = json_array(), *path = NULL;
    columns_name(section);
    if (put_tasks(board, section, files, sink, err))
        path = put_columns(board, section, "core", columns_core(board, section, files), sink, err);
    json_decref(files);
    if (path)
        json_object_set_new(section, "data", path);
    return path != NULL;
}

/* ---- the chooser ---- */

struct candidate {
    const json_t *row;
    double size, value;
};

static int by_size(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->value < y->value) - (x->value > y->value);
}

static json_t *choice_view(const json_t *row, const json_t *before) {
    static const char *const COPIED[] = { "model", "mean", "params", "memory_bytes", "tokens_per_s",
        "licence", "dtype", "rank", "rank_low", "rank_high", "mark", NULL };
    json_t *out = picked(row, COPIED);
    if (before) {
        const json_t *was = json_object_get(before, "mean"), *is = json_object_get(row, "mean");
        json_object_set_new(out, "gain",
            json_real(json_get_number(is, "value", 0) - json_get_number(was, "value", 0)));
        json_object_set_new(out, "same_tier",
            json_boolean(json_equal(
                json_object_get(row, "tier_number"), json_object_get(before, "tier_number"))));
    }
    return out;
}

/* Sizes upwards, those that score more than all before them. */
static json_t *front_of(const json_t *section) {
    const json_t *rows = json_object_get(section, "rows"), *before = NULL;
    struct candidate *all = xcalloc(json_array_size(rows) + 1, sizeof *all);
    json_t *front = json_array(), *row;
    double best = -INFINITY;
    size_t n = 0, i;
    json_array_foreach(rows, i, row) {
        double size = json_get_number(row, "params", 0),
               value = json_get_number(json_object_get(row, "mean"), "value", NAN);
        if (size > 0 && isfinite(value))
            all[n++] = (struct candidate) { row, size, value };
    }
    qsort(all, n, sizeof *all, by_size);
    for (i = 0; i < n; i++) {
        if (all[i].value > best) {
            json_array_append_new(front, choice_view(all[i].row, before));
            best = all[i].value;
            before = all[i].row;
        }
    }
    free(all);
    return front;
}

json_t *view_choose(const json_t *board) {
    static const char *const COPIED[] = { "id", "title", "asked", "data", "n_ranked", NULL };
    json_t *sections = json_array(), *section;
    size_t i;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_t *part = picked(section, COPIED);
        json_object_set_new(part, "front", front_of(section));
        json_array_append_new(sections, part);
    }
    return json_pack("{s:s, s:O*, s:O, s:o}", "schema", "assay.site.choose/1", "title",
        json_object_get(board, "title"), "path", json_object_get(board, "path"), "sections",
        sections);
}

static bool put_choose(const json_t *board, const struct leaf_sink *sink, struct err *err) {
    json_t *view = view_choose(board), *path = json_sprintf("%schoose/", path_of(board));
    bool ok = sink->page(sink->arg, "choose.html", json_string_value(path), view, err);
    json_decref(view);
    json_decref(path);
    return ok;
}

bool board_publish(json_t *board, const struct leaf_sink *sink, struct err *err) {
    size_t i;
    json_t *section;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        if (!put_data(board, section, sink, err))
            return false;
    }
    return put_pages(board, sink, err) && put_choose(board, sink, err);
}
