/* See columns.h. */
#include "evaluator/cli/columns.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static void make_plain(char plain[64], const char *name) {
    size_t n = 0;
    for (; *name && n + 1 < 64; name++) {
        if (isalnum((unsigned char)*name)) {
            plain[n++] = (char)tolower((unsigned char)*name);
        }
    }
    plain[n] = 0;
}

static struct column *column_get(struct columns *c, const char *name) {
    for (size_t i = 0; i < c->n; i++) {
        if (!strcmp(c->items[i].name, name)) {
            return &c->items[i];
        }
    }
    mem_grow(&c->items, &c->capacity, c->n + 1, sizeof *c->items);
    struct column *new = &c->items[c->n++];
    *new = (struct column) { .name = arena_strdup(&c->arena, name),
        .text = true,
        .number = true,
        .integer = true,
        .list = true,
        .labelled = true,
        .low = INFINITY,
        .high = -INFINITY,
        .distinct = json_object() };
    make_plain(new->plain, name);
    return new;
}

static bool is_list_of_texts(const json_t *v) {
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (!json_is_string(json_array_get(v, i))) {
            return false;
        }
    }
    return json_array_size(v) > 0;
}

/* Reads the whole of a text as a number. */
static double number_of(const json_t *v) {
    const char *s = json_string_value(v);
    char *end;
    if (json_is_number(v)) {
        return json_number_value(v);
    }
    double x = s && *s ? strtod(s, &end) : NAN;
    return s && *s && !end[strspn(end, " ")] ? x : NAN;
}

const char *column_value(struct columns *c, const struct column *column, const json_t *row) {
    const json_t *v = json_object_get(row, column->name);
    char text[40];
    if (json_is_string(v)) {
        return json_string_value(v);
    }
    if (json_is_integer(v)) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        json_double_repr(json_real_value(v), text);
    } else {
        return NULL;
    }
    return arena_strdup(&c->arena, text);
}

static void note_distinct(struct columns *c, struct column *column, const json_t *row) {
    const char *text = column_value(c, column, row);
    if (!column->distinct || !text) {
        return;
    }
    json_object_set_new(
        column->distinct, text, json_integer(json_get_int(column->distinct, text, 0) + 1));
    if (json_object_size(column->distinct) > COLUMN_DISTINCT_MAX) {
        json_decref(column->distinct);
        column->distinct = NULL;
    }
}

bool column_is_empty(const struct column *column, const json_t *row) {
    const json_t *v = json_object_get(row, column->name);
    return !v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v));
}

static void note_value(struct columns *c, struct column *column, const json_t *row) {
    const json_t *v = json_object_get(row, column->name);
    bool empty = column_is_empty(column, row);
    double x = number_of(v);
    column->n++;
    column->n_empty += empty;
    if (empty) {
        return;
    }
    column->text = column->text && json_is_string(v);
    column->number = column->number && isfinite(x);
    column->integer = column->integer && isfinite(x) && x == floor(x) && fabs(x) < 1e9;
    column->list = column->list && is_list_of_texts(v);
    column->labelled = column->labelled && is_list_of_texts(json_object_get(v, "text")) &&
                       is_list_of_texts(json_object_get(v, "label"));
    column->low = x < column->low ? x : column->low;
    column->high = x > column->high ? x : column->high;
    column->length += (double)json_string_length(v);
    note_distinct(c, column, row);
}

json_t *column_labels(const struct columns *c, const struct column *column) {
    const json_t *names = json_object_get(c->labels, column->name);
    json_t *list = json_array();
    for (size_t i = 0; i < json_object_size(names); i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        const char *name = json_get_string(names, number, NULL);
        if (!name) {
            json_array_clear(list);
            break;
        }
        json_array_append_new(list, json_string(name));
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

void columns_find(struct columns *c, const json_t *rows, const json_t *labels) {
    size_t i;
    json_t *row, *ignored;
    const char *name;
    *c = (struct columns) { .rows = rows, .labels = labels };
    json_array_foreach(rows, i, row) {
        json_object_foreach(row, name, ignored) {
            column_get(c, name);
        }
    }
    for (size_t k = 0; k < c->n; k++) {
        struct column *column = &c->items[k];
        json_array_foreach(rows, i, row) {
            note_value(c, column, row);
        }
        size_t there = column->n - column->n_empty;
        column->length = there ? column->length / (double)there : 0;
        column->text = column->text && there;
        column->number = column->number && there;
        column->integer = column->integer && there;
        column->list = column->list && there;
        column->labelled = column->labelled && there;
    }
}

void columns_release(struct columns *c) {
    for (size_t i = 0; i < c->n; i++) {
        json_decref(c->items[i].distinct);
    }
    free(c->items);
    arena_release(&c->arena);
}

const struct column *column_find(const struct columns *c, const char *name) {
    for (size_t i = 0; i < c->n; i++) {
        if (!strcmp(c->items[i].name, name)) {
            return &c->items[i];
        }
    }
    return NULL;
}

const struct column *column_named(
    const struct columns *c, const char *const *names, column_fits_fn *fits) {
    for (; *names; names++) {
        for (size_t i = 0; i < c->n; i++) {
            if (!strcmp(c->items[i].plain, *names) && fits(&c->items[i])) {
                return &c->items[i];
            }
        }
    }
    return NULL;
}

bool column_is_text(const struct column *c) {
    return c->text;
}

bool column_is_number(const struct column *c) {
    return c->number;
}

bool column_is_any(const struct column *c) {
    (void)c;
    return true;
}
