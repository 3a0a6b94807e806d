/* Reads a description's table into struct spec: every number against its range, every word against
 * a table, products checked. The ranges are ceilings that no real model reaches but that keep every
 * later size within 64 bits. */
#include "harness/model/spec.h"

#include <math.h>
#include <string.h>

/* A length is a count that may be absurd: nothing is sized by it, so it is cut instead of refused.
 */
enum field_kind { FIELD_COUNT, FIELD_LENGTH, FIELD_REAL, FIELD_FLAG };
enum { LENGTH_MAX = 1 << 28 };

/* One entry of a table of fields. Counts must be integers: "12" and 12.5 in a config.json are
 * refused. */
struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    double min, max;
    bool required;
    double otherwise; /* where absent and not required */
};

#define COUNT(key, member, min, max, otherwise)                                                    \
    { key, FIELD_COUNT, offsetof(struct spec, member), min, max, false, otherwise }
#define NEEDED(key, member, min, max)                                                              \
    { key, FIELD_COUNT, offsetof(struct spec, member), min, max, true, 0 }
#define LENGTH(key, member, otherwise)                                                             \
    { key, FIELD_LENGTH, offsetof(struct spec, member), 1, 0x1p63, false, otherwise }
#define REAL(key, member, min, max, otherwise)                                                     \
    { key, FIELD_REAL, offsetof(struct spec, member), min, max, false, otherwise }
#define FLAG(key, member)                                                                          \
    { key, FIELD_FLAG, offsetof(struct spec, member), 0, 1, false, 0 }

static const struct field top_fields[] = {
    NEEDED("layers", n_layers, 1, 1024),
    NEEDED("width", width, 1, 1 << 16),
    NEEDED("heads", n_heads, 1, 1 << 12),
    COUNT("kv_heads", n_kv_heads, 1, 1 << 12, 0),
    COUNT("head_dim", head_dim, 1, 1 << 13, 0),
    NEEDED("ffn", ffn_width, 1, 1 << 20),
    COUNT("vocab", n_vocab, 1, 1 << 24, 0),
    LENGTH("max_length", max_length, 2048),
    LENGTH("window", window, 0),
    COUNT("token_types", n_token_types, 0, 1 << 16, 0),
    REAL("embedding_scale", embedding_scale, 1e-6, 1e6, 1),
    REAL("logit_scale", logit_scale, 1e-6, 1e6, 1),
    REAL("logit_softcap", logit_softcap, 1e-3, 1e6, 0),
    REAL("attention_scale", attention_scale, 1e-6, 1e6, 0),
    REAL("attention_softcap", attention_softcap, 1e-3, 1e6, 0),
    FLAG("causal", causal),
    FLAG("gated", gated),
    FLAG("permuted_qk", permuted_qk),
};
static const struct field norm_fields[] = {
    { "eps", FIELD_REAL, offsetof(struct spec, norm_eps), 1e-14, 1, true, 0 },
    FLAG("after", norm_after),
};
static const struct field learned_fields[] = {
    NEEDED("count", n_positions, 1, 1 << 28),
    COUNT("offset", position_offset, 0, 1 << 16, 0),
};
static const struct field rotary_fields[] = {
    REAL("theta", rope.theta, 1, 1e12, 10000),
    COUNT("dim", rope.dim, 2, 1 << 13, 0),
    FLAG("interleaved", rope.interleaved),
};
static const struct field scaling_fields[] = {
    { "factor", FIELD_REAL, offsetof(struct spec, rope.factor), 1e-3, 1e6, true, 0 },
    REAL("low_factor", rope.low_factor, 1e-3, 1e6, 1),
    REAL("high_factor", rope.high_factor, 1e-3, 1e6, 4),
    REAL("beta_fast", rope.beta_fast, 1e-3, 1e6, 32),
    REAL("beta_slow", rope.beta_slow, 1e-3, 1e6, 1),
    REAL("attention_factor", rope.attention_factor, 1e-3, 1e3, 0),
    LENGTH("original_length", rope.original_length, 2048),
};

struct word {
    const char *word;
    int value;
};
static const struct word norm_words[] = { { "layer", NORM_LAYER }, { "rms", NORM_RMS }, { 0, 0 } };
static const struct word activation_words[] = {
    { "gelu", ACT_GELU },
    { "gelu_new", ACT_GELU_TANH },
    { "gelu_fast", ACT_GELU_TANH },
    { "gelu_pytorch_tanh", ACT_GELU_TANH },
    { "silu", ACT_SILU },
    { "swish", ACT_SILU },
    { "relu", ACT_RELU },
    { "quick_gelu", ACT_QUICK_GELU },
    { "tanh", ACT_TANH },
    { 0, 0 },
};
static const struct word position_words[] = { { "none", POSITION_NONE },
    { "learned", POSITION_LEARNED }, { "rotary", POSITION_ROTARY }, { 0, 0 } };
static const struct word scaling_words[] = {
    { "default", ROPE_PLAIN },
    { "none", ROPE_PLAIN },
    { "linear", ROPE_LINEAR },
    { "llama3", ROPE_LLAMA3 },
    { "yarn", ROPE_YARN },
    { 0, 0 },
};

static const char *const role_keys[ROLE_N] = {
    [ROLE_EMBED] = "embed",
    [ROLE_POSITION] = "position",
    [ROLE_TOKEN_TYPE] = "token_type",
    [ROLE_EMBED_NORM] = "embed_norm",
    [ROLE_EMBED_NORM_BIAS] = "embed_norm_bias",
    [ROLE_FINAL_NORM] = "final_norm",
    [ROLE_FINAL_NORM_BIAS] = "final_norm_bias",
    [ROLE_HEAD] = "head",
    [ROLE_HEAD_BIAS] = "head_bias",
    [ROLE_ATTN_NORM] = "attn_norm",
    [ROLE_ATTN_NORM_BIAS] = "attn_norm_bias",
    [ROLE_Q] = "q",
    [ROLE_Q_BIAS] = "q_bias",
    [ROLE_K] = "k",
    [ROLE_K_BIAS] = "k_bias",
    [ROLE_V] = "v",
    [ROLE_V_BIAS] = "v_bias",
    [ROLE_O] = "o",
    [ROLE_O_BIAS] = "o_bias",
    [ROLE_MLP_NORM] = "mlp_norm",
    [ROLE_MLP_NORM_BIAS] = "mlp_norm_bias",
    [ROLE_UP] = "up",
    [ROLE_UP_BIAS] = "up_bias",
    [ROLE_GATE] = "gate",
    [ROLE_GATE_BIAS] = "gate_bias",
    [ROLE_DOWN] = "down",
    [ROLE_DOWN_BIAS] = "down_bias",
};

const char *role_key(enum role role) {
    return role_keys[role];
}

/* A number in range, or the reason why not; `name` is what the configuration calls it. */
static bool number_take(
    const json_t *value, const struct field *f, const char *name, double *out, struct err *err) {
    bool whole = f->kind != FIELD_REAL;
    if (whole ? !json_is_integer(value) : !json_is_number(value))
        return err_set(err, ERR_INPUT, "'%s' is not a %snumber", name, whole ? "whole " : "");
    *out = json_number_value(value);
    if (!(*out >= f->min && *out <= f->max))
        return err_set(
            err, ERR_INPUT, "'%s' is %.17g, which is not in %g to %g", name, *out, f->min, f->max);
    return true;
}

static bool field_take(
    const json_t *value, const struct field *f, const char *name, char *base, struct err *err) {
    void *member = base + f->offset;
    double v = 0;
    if (f->kind == FIELD_FLAG) {
        *(bool *)member = json_is_true(value);
        return json_is_boolean(value) || err_set(err, ERR_INPUT, "'%s' is not true or false", name);
    }
    if (!number_take(value, f, name, &v, err))
        return false;
    if (f->kind == FIELD_REAL)
        *(double *)member = v;
    else
        *(uint32_t *)member = f->kind == FIELD_LENGTH && v > LENGTH_MAX ? LENGTH_MAX : (uint32_t)v;
    return true;
}

static bool field_default(const struct field *f, const char *name, char *base, struct err *err) {
    void *member = base + f->offset;
    if (f->required)
        return err_set(err, ERR_INPUT, "'%s' is missing", name);
    if (f->kind == FIELD_REAL)
        *(double *)member = f->otherwise;
    else if (f->kind != FIELD_FLAG)
        *(uint32_t *)member = (uint32_t)f->otherwise;
    return true;
}

/* `called` beside the fields says what the configuration calls them: messages are for people who
 * look there. */
static bool fields_read(
    const json_t *table, const struct field *fields, size_t n, struct spec *spec, struct err *err) {
    const json_t *called = json_object_get(table, "called");
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(table, fields[i].key);
        const char *name = json_get_string(called, fields[i].key, fields[i].key);
        bool ok = value ? field_take(value, &fields[i], name, (char *)spec, err)
                        : field_default(&fields[i], name, (char *)spec, err);
        if (!ok)
            return false;
    }
    return true;
}
#define FIELDS_READ(table, fields, spec, err)                                                      \
    fields_read(table, fields, sizeof(fields) / sizeof(fields)[0], spec, err)

/* Unknown words are models of a kind that we don't run. */
static bool word_read(
    const json_t *table, const char *key, const struct word *words, int *out, struct err *err) {
    const char *s = json_string_value(json_object_get(table, key));
    const char *name = json_get_string(json_object_get(table, "called"), key, key);
    if (!s)
        return err_set(err, ERR_INPUT, "'%s' is missing or not a string", name);
    for (; words->word; words++) {
        if (strcmp(words->word, s) == 0) {
            *out = words->value;
            return true;
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "%s '%.64s' is not known", name, s);
}

static bool norm_read(const json_t *norm, struct spec *spec, struct err *err) {
    int kind;
    if (!json_is_object(norm))
        return err_set(err, ERR_INPUT, "'norm' is missing");
    if (!word_read(norm, "kind", norm_words, &kind, err) ||
        !FIELDS_READ(norm, norm_fields, spec, err))
        return err_wrap(err, "norm");
    spec->norm = (enum norm_kind)kind;
    return true;
}

static bool rotary_read(const json_t *position, struct spec *spec, struct err *err) {
    int kind;
    if (!FIELDS_READ(position, rotary_fields, spec, err) ||
        !word_read(position, "scaling", scaling_words, &kind, err))
        return false;
    spec->rope.kind = (enum rope_kind)kind;
    return kind == ROPE_PLAIN || FIELDS_READ(position, scaling_fields, spec, err);
}

static bool position_read(const json_t *position, struct spec *spec, struct err *err) {
    int kind;
    if (!json_is_object(position))
        return err_set(err, ERR_INPUT, "'position' is missing");
    if (!word_read(position, "kind", position_words, &kind, err))
        return err_wrap(err, "position");
    spec->position = (enum position_kind)kind;
    if ((kind == POSITION_LEARNED && !FIELDS_READ(position, learned_fields, spec, err)) ||
        (kind == POSITION_ROTARY && !rotary_read(position, spec, err)))
        return err_wrap(err, "position");
    return true;
}

/* A list of strings that has its own place in the spec. */
struct strings {
    const char *key;
    const char **out;
    uint32_t max, *n;
};

/* A string or a list of strings; absent and empty are the same. */
static bool strings_read(
    const json_t *table, const struct strings *list, struct arena *arena, struct err *err) {
    const json_t *value = json_object_get(table, list->key);
    *list->n = 0;
    if (json_is_string(value)) {
        list->out[(*list->n)++] = arena_strdup(arena, json_string_value(value));
        return true;
    }
    if (json_array_size(value) > list->max)
        return err_set(err, ERR_INPUT, "'%s' has more than %u entries", list->key, list->max);
    if (value && !json_is_array(value) && json_object_size(value) > 0)
        return err_set(err, ERR_INPUT, "'%s' is not a list of strings", list->key);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *s = json_string_value(json_array_get(value, i));
        if (!s)
            return err_set(err, ERR_INPUT, "'%s' is not a list of strings", list->key);
        list->out[(*list->n)++] = arena_strdup(arena, s);
    }
    return true;
}

static bool tensors_read(
    const json_t *table, struct arena *arena, struct spec *spec, struct err *err) {
    const json_t *tensors = json_object_get(table, "tensors");
    if (!json_is_object(tensors))
        return err_set(err, ERR_INPUT, "'tensors' is missing");
    for (int r = 0; r < ROLE_N; r++) {
        struct role_names *names = &spec->roles[r];
        struct strings list = { role_keys[r], names->names, SPEC_MAX_NAMES, &names->n };
        if (!strings_read(tensors, &list, arena, err))
            return err_wrap(err, "tensors");
    }
    struct strings prefixes = { "prefixes", spec->prefixes, SPEC_MAX_PREFIXES, &spec->n_prefixes };
    struct strings ignore = { "ignore", spec->ignore, SPEC_MAX_IGNORE, &spec->n_ignore };
    if (!strings_read(table, &prefixes, arena, err) || !strings_read(table, &ignore, arena, err))
        return false;
    if (spec->n_prefixes == 0)
        spec->prefixes[spec->n_prefixes++] = "";
    return true;
}

static int32_t id_of(const json_t *value) {
    json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

/* `eos` is an id or a list of ids, `bos` an id; anything else means that there is none. */
static void ends_read(const json_t *table, struct spec *spec) {
    const json_t *eos = json_object_get(table, "eos");
    size_t n = json_is_array(eos) ? json_array_size(eos) : 1;
    spec->n_eos = 0;
    for (size_t i = 0; i < n && spec->n_eos < SPEC_MAX_EOS; i++) {
        int32_t id = id_of(json_is_array(eos) ? json_array_get(eos, i) : eos);
        if (id >= 0)
            spec->eos[spec->n_eos++] = id;
    }
    spec->bos = id_of(json_object_get(table, "bos"));
}

static bool tied_read(const json_t *table, struct spec *spec, struct err *err) {
    const json_t *tied = json_object_get(table, "tied");
    spec->tied = json_is_true(tied);
    spec->tied_if_missing =
        json_is_string(tied) && strcmp(json_string_value(tied), "if missing") == 0;
    if (!tied || json_is_boolean(tied) || spec->tied_if_missing)
        return true;
    return err_set(err, ERR_INPUT, "'tied' is not true, false or \"if missing\"");
}

/* Defaults that depend on other fields, and what must hold between fields. */
static bool spec_relate(struct spec *s, struct err *err) {
    if (s->n_kv_heads == 0)
        s->n_kv_heads = s->n_heads;
    if (s->n_kv_heads > s->n_heads || s->n_heads % s->n_kv_heads != 0)
        return err_set(
            err, ERR_INPUT, "'kv_heads' %u does not divide 'heads' %u", s->n_kv_heads, s->n_heads);
    if (s->head_dim == 0) {
        if (s->width % s->n_heads != 0)
            return err_set(
                err, ERR_INPUT, "'heads' %u does not divide 'width' %u", s->n_heads, s->width);
        s->head_dim = s->width / s->n_heads;
    }
    if ((uint64_t)s->n_heads * s->head_dim > 1 << 20)
        return err_set(
            err, ERR_INPUT, "%u heads of width %u are too wide", s->n_heads, s->head_dim);
    if (s->attention_scale == 0)
        s->attention_scale = 1 / sqrt(s->head_dim);
    if (s->position == POSITION_ROTARY && s->rope.dim == 0)
        s->rope.dim = s->head_dim;
    if (s->position == POSITION_ROTARY && (s->rope.dim > s->head_dim || s->rope.dim % 2 != 0))
        return err_set(
            err, ERR_INPUT, "rotary 'dim' %u does not fit 'head_dim' %u", s->rope.dim, s->head_dim);
    if (s->position == POSITION_LEARNED) {
        if (s->position_offset >= s->n_positions)
            return err_set(err, ERR_INPUT, "position 'offset' %u leaves no positions of %u",
                s->position_offset, s->n_positions);
        if (s->max_length > s->n_positions - s->position_offset)
            s->max_length = s->n_positions - s->position_offset;
    }
    return true;
}

/* Parts without which there is nothing to run. */
static bool roles_check(const struct spec *s, struct err *err) {
    static const enum role always[] = { ROLE_EMBED, ROLE_ATTN_NORM, ROLE_Q, ROLE_K, ROLE_V, ROLE_O,
        ROLE_MLP_NORM, ROLE_UP, ROLE_DOWN };
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (s->roles[always[i]].n == 0)
            return err_set(err, ERR_INPUT, "tensors: '%s' is missing", role_keys[always[i]]);
    if (s->gated != (s->roles[ROLE_GATE].n > 0))
        return err_set(err, ERR_INPUT, "tensors: 'gate' and 'gated' contradict each other");
    if ((s->position == POSITION_LEARNED) != (s->roles[ROLE_POSITION].n > 0))
        return err_set(
            err, ERR_INPUT, "tensors: 'position' and position.kind contradict each other");
    if ((s->n_token_types > 0) != (s->roles[ROLE_TOKEN_TYPE].n > 0))
        return err_set(
            err, ERR_INPUT, "tensors: 'token_type' and 'token_types' contradict each other");
    if (s->causal && s->roles[ROLE_HEAD].n == 0 && !s->tied)
        return err_set(err, ERR_INPUT, "tensors: a causal model needs 'head' or tied = true");
    return true;
}

bool spec_read(const json_t *table, struct arena *arena, struct spec *spec, struct err *err) {
    *spec = (struct spec) { .bos = -1 };
    int activation;
    if (!json_is_object(table))
        return err_set(err, ERR_INPUT, "the description did not return a table");
    const char *unsupported = json_get_string(table, "unsupported", NULL);
    if (unsupported)
        return err_set(err, ERR_UNSUPPORTED, "%.200s is not supported", unsupported);
    if (!FIELDS_READ(table, top_fields, spec, err) ||
        !norm_read(json_object_get(table, "norm"), spec, err) ||
        !word_read(table, "activation", activation_words, &activation, err) ||
        !position_read(json_object_get(table, "position"), spec, err) ||
        !tied_read(table, spec, err) || !tensors_read(table, arena, spec, err))
        return false;
    spec->activation = (enum activation)activation;
    ends_read(table, spec);
    return spec_relate(spec, err) && roles_check(spec, err);
}
