/* See stow.h. */
#include "site-gen/stow.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* ---- a value as bytes: numbers as they are in memory, for nobody but this process ---- */

static void put_bytes(struct strbuf *out, const char *text, size_t n) {
    uint32_t length = (uint32_t)n;
    BUG_IF(n > UINT32_MAX);
    strbuf_add(out, (const char *)&length, sizeof length);
    strbuf_add(out, text, n);
}

static void put_value(struct strbuf *out, const json_t *v) {
    uint32_t n = (uint32_t)(json_is_array(v) ? json_array_size(v) : json_object_size(v));
    strbuf_addc(out, (char)json_typeof(v));
    if (json_is_real(v)) {
        double x = json_real_value(v);
        strbuf_add(out, (const char *)&x, sizeof x);
    } else if (json_is_integer(v)) {
        json_int_t x = json_integer_value(v);
        strbuf_add(out, (const char *)&x, sizeof x);
    } else if (json_is_string(v)) {
        put_bytes(out, json_string_value(v), json_string_length(v));
    } else if (json_is_array(v)) {
        strbuf_add(out, (const char *)&n, sizeof n);
        for (size_t i = 0; i < n; i++)
            put_value(out, json_array_get(v, i));
    } else if (json_is_object(v)) {
        const char *key;
        json_t *field;
        strbuf_add(out, (const char *)&n, sizeof n);
        json_object_foreach((json_t *)(uintptr_t)v, key, field) {
            strbuf_add(out, key, strlen(key) + 1);
            put_value(out, field);
        }
    }
}

static void take(const char **at, void *to, size_t n) {
    memcpy(to, *at, n);
    *at += n;
}

static json_t *take_value(const char **at);

static json_t *take_list(const char **at, bool named) {
    json_t *list = named ? json_object() : json_array();
    uint32_t n;
    take(at, &n, sizeof n);
    for (uint32_t i = 0; i < n; i++) {
        const char *key = *at;
        *at += named ? strlen(key) + 1 : 0;
        json_t *v = take_value(at);
        if (named)
            json_object_set_new_nocheck(list, key, v);
        else
            json_array_append_new(list, v);
    }
    return list;
}

static json_t *take_value(const char **at) {
    json_type type = (json_type) * (*at)++;
    double real;
    json_int_t integer;
    uint32_t n;
    switch (type) {
    case JSON_REAL:
        take(at, &real, sizeof real);
        return json_real(real);
    case JSON_INTEGER:
        take(at, &integer, sizeof integer);
        return json_integer(integer);
    case JSON_STRING:
        take(at, &n, sizeof n);
        *at += n;
        return json_stringn_nocheck(*at - n, n);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return take_list(at, type == JSON_OBJECT);
    case JSON_TRUE:
        return json_true();
    case JSON_FALSE:
        return json_false();
    default:
        return json_null();
    }
}

/* ---- rows ---- */

/* What is known of the runs of a row's cells, where these are compared by more than their figures.
 */
static json_t *runs_of(const struct world *w, const json_t *cells) {
    json_t *runs = json_array(), *cell;
    size_t i;
    json_array_foreach(cells, i, cell) {
        const json_t *run = world_run(w, json_get_int(cell, "run", 0));
        if (!json_object_get(run, "record"))
            continue;
        json_t *copy = json_copy((json_t *)(uintptr_t)run);
        json_object_del(copy, "data_sha256"); /* which the cell has */
        json_array_append_new(runs, copy);
    }
    return runs;
}

static void stow(const struct world *w, json_t *row) {
    json_t *cells = json_object_get(row, "cells"),
           *all = json_pack("{s:O, s:o}", "cells", cells, "runs", runs_of(w, cells));
    struct strbuf bytes = { 0 };
    put_value(&bytes, all);
    BUG_IF(bytes.overflow);
    json_object_set_new(row, "cells", /* in the same place of the row */
        json_stringn_nocheck(strbuf_str(&bytes), bytes.len));
    strbuf_release(&bytes);
    json_decref(all);
}

void board_stow(const struct world *w, json_t *board) {
    json_t *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            if (json_is_array(json_object_get(row, "cells")))
                stow(w, row);
        }
    }
}

/* *runs is given to the caller where there are any. */
static json_t *unstow(const json_t *row, json_t **runs) {
    const char *text = json_get_string(row, "cells", NULL);
    *runs = NULL;
    if (!text)
        return json_incref((json_t *)(uintptr_t)row);
    json_t *whole = json_copy((json_t *)(uintptr_t)row), *all = take_value(&text);
    json_object_set(whole, "cells", json_object_get(all, "cells"));
    *runs = json_incref(json_object_get(all, "runs"));
    json_decref(all);
    return whole;
}

json_t *row_unstowed(const json_t *row) {
    json_t *runs, *whole = unstow(row, &runs);
    json_decref(runs);
    return whole;
}

json_t *row_with_runs(const struct world *w, const json_t *row) {
    json_t *runs, *whole = unstow(row, &runs);
    if (runs)
        world_show(w, runs, NULL);
    json_decref(runs);
    return whole;
}

json_t *board_unstowed(const json_t *board) {
    json_t *whole = json_copy((json_t *)(uintptr_t)board), *sections = json_array(), *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_t *copy = json_copy(section), *rows = json_array();
        json_array_foreach(json_object_get(section, "rows"), k, row)
            json_array_append_new(rows, row_unstowed(row));
        json_object_set_new(copy, "rows", rows);
        json_array_append_new(sections, copy);
    }
    json_object_set_new(whole, "sections", sections);
    return whole;
}
