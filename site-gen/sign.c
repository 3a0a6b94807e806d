/* See sign.h. */
#include "site-gen/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/shelf.h"
#include "site-gen/view.h"

/* With the end of the text, so that two of them are never taken for two others. */
static void add_text(struct sha256 *h, const char *text) {
    sha256_add(h, text ? text : "\xFF", text ? strlen(text) + 1 : 2);
}

static void add_json(struct sha256 *h, const json_t *value) {
    char *text = value ? json_text(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    add_text(h, text);
    free(text);
}

static void add_without(struct sha256 *h, const json_t *row, const char *const *keys) {
    json_t *rest = json_copy((json_t *)(uintptr_t)row);
    for (; *keys; keys++)
        json_object_del(rest, *keys);
    add_json(h, rest);
    json_decref(rest);
}

/* ---- the site ---- */

/* A program that can't be read is another each time: nothing is kept. */
static void add_program(struct sha256 *h) {
    char hex[65];
    struct err ignored = ERR_INIT;
    if (!sha256_file("/proc/self/exe", hex, &ignored))
        snprintf(hex, sizeof hex, "%p", (void *)&hex);
    add_text(h, hex);
}

void sign_program(
    const struct world *w, const json_t *globals, const struct site_options *o, char hex[65]) {
    static const char *const AS_OF[] = { "as_of", NULL };
    static const char *const COUNTS[] = { "n_models", "updated_at", "paused", NULL };
    struct sha256 *h = sha256_new();
    size_t i;
    json_t *task;
    add_program(h);
    add_without(h, globals, AS_OF);
    add_text(h, o->base_url);
    add_text(h, o->hub_url);
    add_text(h, o->file_links ? "files" : o->plain ? "plain" : "");
    add_json(h, w->suite_titles);
    json_array_foreach(world_list(w, "tasks"), i, task) add_without(h, task, COUNTS);
    sha256_end(h, hex);
}

/* ---- its parts ---- */

static void sign_models(const struct world *w, char hex[65]) {
    static const char *const SAID[] = { "model", "revision", "kind", "params", NULL };
    struct sha256 *h = sha256_new();
    size_t i;
    json_t *row;
    json_array_foreach(world_list(w, "models"), i, row) {
        for (const char *const *key = SAID; *key; key++)
            add_json(h, json_object_get(row, *key));
    }
    sha256_end(h, hex);
}

void signer_open(struct signer *s, const struct world *w) {
    *s = (struct signer) { .world = w,
        .model_marks = shelf_model_marks(w->shelf, w->last_listed),
        .task_marks = shelf_task_marks(w->shelf, w->last_listed) };
    sign_models(w, s->models);
}

void signer_close(struct signer *s) {
    json_decref(s->model_marks);
    json_decref(s->task_marks);
    *s = (struct signer) { 0 };
}

/* Each section once. */
static void add_section(struct signer *s, struct sha256 *h, const json_t *place) {
    const json_t *section = json_object_get(place, "section");
    size_t i = 0;
    while (i < s->n_sections && s->sections[i].section != section)
        i++;
    char own[65], *hex = i < SIGNED_SECTIONS_MAX ? s->sections[i].hex : own;
    if (i == s->n_sections) {
        struct sha256 *of = sha256_new();
        json_t *said = section_said(place);
        add_json(of, said);
        json_decref(said);
        sha256_end(of, hex);
        if (i < SIGNED_SECTIONS_MAX)
            s->sections[s->n_sections++].section = section;
    }
    add_text(h, hex);
}

static void add_row(struct sha256 *h, const json_t *place) {
    json_t *said = row_said(place), *cells = json_incref(json_object_get(said, "cells"));
    json_object_del(said, "cells");
    add_json(h, said);
    if (json_is_string(cells)) /* put away: no text */
        sha256_add(h, json_string_value(cells), json_string_length(cells));
    else
        add_json(h, cells);
    json_decref(cells);
    json_decref(said);
}

void sign_model(struct signer *s, const char *name, const json_t *places, char hex[65]) {
    struct sha256 *h = sha256_new();
    json_t *view = view_model(s->world, name, NULL), *place;
    size_t i;
    add_text(h, json_get_string(s->model_marks, name, NULL));
    add_json(h, view);
    json_array_foreach(places, i, place) {
        add_section(s, h, place);
        add_row(h, place);
    }
    json_decref(view);
    sha256_end(h, hex);
}

void sign_task(const struct signer *s, const json_t *line, char hex[65]) {
    struct sha256 *h = sha256_new();
    char id[32];
    snprintf(id, sizeof id, "%lld", json_get_int(line, "task_id", 0));
    add_text(h, json_get_string(s->task_marks, id, NULL));
    add_text(h, s->models);
    add_json(h, line);
    sha256_end(h, hex);
}
