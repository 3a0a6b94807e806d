/* Pipelines from JSON (see stage.h). */
#include "harness/tokenizer/pipeline/stage.h"

#include <string.h>

enum stage_limit {
    DEPTH_MAX = 32,    /* nested Sequences */
    STAGES_MAX = 1024, /* in all */
    STRING_BYTES_MAX = 64 * 1024,
};

static const struct stage_type *type_find(const struct stage_kind *kind, const char *name) {
    for (size_t i = 0; i < kind->n_types; i++) {
        if (strcmp(kind->types[i].name, name) == 0) {
            return &kind->types[i];
        }
    }
    return NULL;
}

void pipeline_add(struct pipeline *p, struct stage s) {
    mem_grow(&p->stages, &p->capacity, p->n + 1, sizeof *p->stages);
    p->stages[p->n++] = s;
}

static bool load(struct pipeline *p, const struct stage_kind *kind, const json_t *config, int depth,
    struct err *err);

static bool load_sequence(struct pipeline *p, const struct stage_kind *kind, const json_t *config,
    int depth, struct err *err) {
    const json_t *members = json_object_get(config, kind->members);
    if (!json_is_array(members)) {
        return err_set(err, ERR_INPUT, "%s 'Sequence' has no list '%s'", kind->name, kind->members);
    }
    for (size_t i = 0; i < json_array_size(members); i++) {
        if (!load(p, kind, json_array_get(members, i), depth + 1, err)) {
            return false;
        }
    }
    return true;
}

static bool load(struct pipeline *p, const struct stage_kind *kind, const json_t *config, int depth,
    struct err *err) {
    const char *name = json_get_string(config, "type", NULL);
    if (depth > DEPTH_MAX) {
        return err_set(err, ERR_INPUT, "%s sequences are nested to a depth of more than %d",
            kind->name, DEPTH_MAX);
    }
    if (!name) {
        return err_set(err, ERR_INPUT, "a %s has no type", kind->name);
    }
    if (strcmp(name, "Sequence") == 0) {
        return load_sequence(p, kind, config, depth, err);
    }
    struct stage s = { .type = type_find(kind, name) };
    if (!s.type) {
        return err_set(err, ERR_UNSUPPORTED, "%s type '%.64s' is not supported", kind->name, name);
    }
    if (p->n == STAGES_MAX) {
        return err_set(err, ERR_INPUT, "more than %d %ss", STAGES_MAX, kind->name);
    }
    if (s.type->load && !s.type->load(&s, config, &p->arena, err)) {
        regex_free(s.regex);
        return err_wrap(err, "%s '%s'", kind->name, name);
    }
    pipeline_add(p, s);
    return true;
}

bool pipeline_load(
    struct pipeline *p, const struct stage_kind *kind, const json_t *config, struct err *err) {
    return !config || json_is_null(config) || load(p, kind, config, 0, err);
}

void pipeline_release(struct pipeline *p) {
    for (size_t i = 0; i < p->n; i++) {
        regex_free(p->stages[i].regex);
        if (p->stages[i].type->release) {
            p->stages[i].type->release(&p->stages[i]);
        }
    }
    free(p->stages);
    arena_release(&p->arena);
    *p = (struct pipeline) { 0 };
}

bool pipeline_apply(const struct pipeline *p, struct work *w, struct err *err) {
    for (size_t i = 0; i < p->n; i++) {
        if (!p->stages[i].type->apply(&p->stages[i], w, err)) {
            return err_wrap(err, "'%s'", p->stages[i].type->name);
        }
        if (w->overflow) {
            return err_set(err, ERR_INPUT, "'%s' makes a text longer than %zu bytes",
                p->stages[i].type->name, w->ceiling);
        }
    }
    return true;
}

bool pipeline_has(const struct pipeline *p, const char *type) {
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->stages[i].type->name, type) == 0) {
            return true;
        }
    }
    return false;
}

bool stage_string(
    const json_t *config, const char *key, struct arena *arena, const char **out, struct err *err) {
    const json_t *value = json_object_get(config, key);
    if (!json_is_string(value)) {
        return err_set(err, ERR_INPUT, "option '%s' is not a string", key);
    }
    if (json_string_length(value) > STRING_BYTES_MAX) {
        return err_set(
            err, ERR_INPUT, "option '%s' is longer than %d bytes", key, STRING_BYTES_MAX);
    }
    *out = arena_strdup(arena, json_string_value(value));
    return true;
}

bool stage_pattern(struct stage *s, const json_t *config, struct err *err) {
    const json_t *pattern = json_object_get(config, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_is_string(pattern) ? pattern : json_object_get(pattern, "String");
    if (json_is_string(regex)) {
        s->regex = regex_new(json_string_value(regex), json_string_length(regex), err);
    } else if (json_is_string(literal)) {
        s->regex = regex_new_literal(json_string_value(literal), json_string_length(literal), err);
    } else {
        return err_set(err, ERR_INPUT, "option 'pattern' is neither a string nor a regex");
    }
    return s->regex != NULL;
}
