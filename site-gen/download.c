/* Boards as CSV, and the page of downloads (see outlet.h). */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/outlet.h"
#include "site-gen/stow.h"

/* ---- CSV ---- */

/* What a spreadsheet may take for one: also the wide forms of the same characters. */
static bool is_formula(const char *s) {
    static const char *const WIDE[] = { "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
        "\xEF\xBC\xA0" };
    for (size_t i = 0; i < sizeof WIDE / sizeof *WIDE; i++) {
        if (strncmp(s, WIDE[i], 3) == 0)
            return true;
    }
    return *s && strchr("=+-@\t\r\n", *s);
}

static void add_text(struct strbuf *out, const char *s) {
    bool formula = is_formula(s);
    if (!formula && !s[strcspn(s, ",\"\r\n")]) {
        strbuf_adds(out, s);
        return;
    }
    strbuf_adds(out, formula ? "\"'" : "\"");
    for (; *s; s++) {
        strbuf_addc(out, *s);
        if (*s == '"')
            strbuf_addc(out, '"');
    }
    strbuf_addc(out, '"');
}

static void add_number(struct strbuf *out, const json_t *from, const char *key) {
    const json_t *v = json_object_get(from, key);
    char text[32];
    if (json_is_integer(v))
        strbuf_addf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v) && isfinite(json_real_value(v)))
        strbuf_adds(out, json_double_repr(json_real_value(v), text));
}

static const char *const FIGURE[] = { "value", "se", "low", "high", "n", NULL };
static const char *const RANK[] = { "rank", "rank_low", "rank_high", "tier_number", NULL };
static const char *const TEXT[] = { "revision", "licence", "architecture", "dtype", NULL };
static const char *const SIZE[] = { "params", "size_bytes", NULL };

static void add_numbers(struct strbuf *out, const json_t *from, const char *const *keys) {
    for (; *keys; keys++) {
        strbuf_addc(out, ',');
        add_number(out, from, *keys);
    }
}

static void add_names(struct strbuf *out, const char *const *keys) {
    for (; *keys; keys++)
        strbuf_addf(out, ",%s", *keys);
}

/* "task value", "task se" ...: the task's name is in each, as no header has two lines. */
static void add_headers(struct strbuf *out, const char *name) {
    struct strbuf one = { 0 };
    for (const char *const *key = FIGURE; *key; key++) {
        strbuf_reset(&one);
        strbuf_addf(&one, "%s %s", name, *key);
        strbuf_addc(out, ',');
        add_text(out, one.text);
    }
    strbuf_release(&one);
}

/* How zero-shot a model is, and the tasks that it was declared to be trained on. */
static void add_training(struct strbuf *out, const json_t *row, const json_t *tasks) {
    const json_t *zero = json_object_get(row, "zero_shot"), *task;
    struct strbuf names = { 0 };
    size_t i;
    strbuf_addc(out, ',');
    add_text(out, json_get_string(zero, "state", ""));
    strbuf_addc(out, ',');
    add_number(out, zero, "percent");
    json_array_foreach(tasks, i, task) {
        if (json_object_get(json_array_get(json_object_get(row, "cells"), i), "trained"))
            strbuf_addf(&names, "%s%s", names.len ? "; " : "", json_get_string(task, "name", ""));
    }
    strbuf_addc(out, ',');
    add_text(out, strbuf_str(&names));
    strbuf_release(&names);
}

static void add_row(struct strbuf *out, const json_t *row, const json_t *tasks) {
    const json_t *cells = json_object_get(row, "cells"), *cell;
    size_t i;
    add_text(out, json_get_string(json_object_get(row, "model"), "name", ""));
    for (const char *const *key = TEXT; *key; key++) {
        strbuf_addc(out, ',');
        add_text(out, json_get_string(row, *key, ""));
    }
    add_numbers(out, row, SIZE);
    add_numbers(out, row, RANK);
    add_numbers(out, json_object_get(row, "mean"), FIGURE);
    json_array_foreach(cells, i, cell) add_numbers(out, cell, FIGURE);
    add_training(out, row, tasks);
    strbuf_addf(out, ",%s\r\n",
        json_get_bool(json_object_get(row, "mark"), "imported", false) ? "imported" : "measured");
}

/* What was imported and has no rank: a line a result, in its task's columns alone. */
static void add_imported(struct strbuf *out, const json_t *line, const json_t *tasks) {
    const char *name = json_get_string(json_object_get(line, "task"), "name", "");
    const json_t *task;
    size_t i;
    add_text(out, json_get_string(json_object_get(line, "model"), "name", ""));
    strbuf_adds(out, ",,,,");
    add_numbers(out, NULL, SIZE);
    add_numbers(out, NULL, RANK);
    add_numbers(out, NULL, FIGURE);
    json_array_foreach(tasks, i, task) add_numbers(out,
        strcmp(json_get_string(task, "name", ""), name) ? NULL : json_object_get(line, "figure"),
        FIGURE);
    strbuf_adds(out, ",,,,imported\r\n");
}

void section_csv(const json_t *section, struct strbuf *out) {
    size_t i;
    json_t *task, *row;
    strbuf_adds(out, "model");
    add_names(out, TEXT);
    add_names(out, SIZE);
    add_names(out, RANK);
    add_headers(out, "mean");
    json_array_foreach(json_object_get(section, "tasks"), i, task)
        add_headers(out, json_get_string(task, "name", ""));
    strbuf_adds(out, ",zero_shot,zero_shot_percent,trained_on,origin\r\n");
    json_array_foreach(json_object_get(section, "rows"), i, row) {
        json_t *whole = row_unstowed(row);
        add_row(out, whole, json_object_get(section, "tasks"));
        json_decref(whole);
    }
    json_array_foreach(json_object_get(section, "imported"), i, row)
        add_imported(out, row, json_object_get(section, "tasks"));
}

/* ---- the files ---- */

static json_t *listing(const char *path, const struct strbuf *body, const char *schema) {
    char hex[65];
    sha256_hex(strbuf_str(body), body->len, hex);
    return json_pack("{s:s, s:I, s:s, s:s}", "path", path, "bytes", (json_int_t)body->len, "sha256",
        hex, "schema", schema);
}

/* Appends {"title", "path" of the page, "files"} of the board's CSV files. */
static bool put_section(const struct outlet *o, const json_t *board, const json_t *section,
    json_t *files, struct err *err) {
    struct strbuf path = { 0 }, body = { 0 };
    const char *at = json_get_string(board, "path", "/s//");
    strbuf_addf(&path, "/data/%.*s-%s.csv", (int)strlen(at) - 4, at + 3,
        json_get_string(section, "id", ""));
    section_csv(section, &body);
    json_t *file = listing(path.text, &body, "CSV, UTF-8");
    json_object_set_new(
        file, "what", json_sprintf("%s, one row a model", json_get_string(section, "title", "")));
    json_array_append_new(files, file);
    bool ok = o->file(o->builder, path.text + 1, strbuf_str(&body), body.len, err);
    strbuf_release(&path);
    strbuf_release(&body);
    return ok;
}

static json_t *listed_at(const struct outlet *o, const char *path) {
    size_t i;
    json_t *file;
    json_array_foreach(o->listed, i, file) {
        if (!strcmp(json_get_string(file, "path", ""), path))
            return file;
    }
    return NULL;
}

static bool put_board(
    const struct outlet *o, const json_t *board, json_t *boards, struct err *err) {
    json_t *files = json_array(), *section;
    const char *at = json_get_string(board, "path", "/s//");
    size_t i;
    bool ok = true;
    json_t *name = json_sprintf("/api/v1%.*s.json", (int)strlen(at) - 1, at);
    json_t *whole = listed_at(o, json_string_value(name));
    if (whole) {
        json_t *file = json_copy(whole);
        json_object_set_new(
            file, "what", json_string("The whole board: sections, rows, intervals"));
        json_array_append_new(files, file);
    }
    json_decref(name);
    json_array_foreach(json_object_get(board, "sections"), i, section) ok =
        ok && put_section(o, board, section, files, err);
    json_array_append_new(
        boards, json_pack("{s:O*, s:O*, s:O*, s:o}", "title", json_object_get(board, "title"),
                    "path", json_object_get(board, "path"), "licence",
                    json_object_get(board, "licence"), "files", files));
    return ok;
}

/* What is listed of the JSON files and belongs to no board. */
static json_t *others(const struct outlet *o) {
    json_t *list = json_array(), *file;
    size_t i;
    json_array_foreach(o->listed, i, file) {
        if (!str_begins(json_get_string(file, "path", ""), "/api/v1/s/"))
            json_array_append(list, file);
    }
    return list;
}

bool put_downloads(const struct outlet *o, struct err *err) {
    json_t *boards = json_array(), *board;
    size_t i;
    bool ok = true;
    json_array_foreach(o->boards, i, board) ok = ok && put_board(o, board, boards, err);
    json_t *page = json_pack(
        "{s:s, s:o, s:o}", "schema", "assay.site.data/1", "boards", boards, "files", others(o));
    if (!ok) {
        json_decref(page);
        return false;
    }
    return o->page(o->builder, "data.html", "/data/", page, NULL, 0, err);
}
