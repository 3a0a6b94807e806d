/* A tokenizer's pipeline: a flat list of stages, made from the JSON that tokenizer.json holds for
 * it.
 *
 * Each kind of part (normalizer, pre-tokenizer, decoder) is a const table of stage types; a
 * Sequence becomes its members. A type that isn't in the table is ERR_UNSUPPORTED by name, never
 * skipped. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_STAGE_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_STAGE_H

#include "base/mem.h"
#include "harness/tokenizer/regex/regex.h"
#include "harness/tokenizer/work.h"

struct decoding;
struct stage;

struct stage_type {
    const char *name;
    /* Reads the options; NULL if there are none. */
    bool (*load)(struct stage *s, const json_t *config, struct arena *arena, struct err *err);
    bool (*apply)(const struct stage *s, struct work *w, struct err *err);      /* on the way in */
    bool (*decode)(const struct stage *s, struct decoding *d, struct err *err); /* on the way out */
    void (*release)(const struct stage *s); /* what options hold outside the arena; NULL: nothing */
};

struct stage {
    const struct stage_type *type;
    const void *options; /* in the pipeline's arena */
    struct regex *regex; /* owned; NULL if the stage has none */
};

struct stage_kind {
    const char *name, *members; /* "normalizer", and the key of a Sequence's list */
    const struct stage_type *types;
    size_t n_types;
};
extern const struct stage_kind STAGE_NORMALIZER, STAGE_PRE_TOKENIZER, STAGE_DECODER;

struct pipeline {
    struct stage *stages;
    size_t n, capacity;
    struct arena arena;
};

/* Appends what `config` describes (null: nothing). */
MUST_CHECK bool pipeline_load(
    struct pipeline *p, const struct stage_kind *kind, const json_t *config, struct err *err);
void pipeline_add(struct pipeline *p, struct stage s);
void pipeline_release(struct pipeline *p);
MUST_CHECK bool pipeline_apply(const struct pipeline *p, struct work *w, struct err *err);
bool pipeline_has(const struct pipeline *p, const char *type);

/* A string option, length-limited and required; a pattern is {"String": s}, {"Regex": s} or a bare
 * string. */
MUST_CHECK bool stage_string(
    const json_t *config, const char *key, struct arena *arena, const char **out, struct err *err);
MUST_CHECK bool stage_pattern(struct stage *s, const json_t *config, struct err *err);

#endif
