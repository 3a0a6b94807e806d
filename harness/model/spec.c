/* Reads a description's table into struct spec: every number against its range, every word against
 * a table, products checked. The ranges are ceilings that no real model reaches but that keep every
 * later size within 64 bits. */
#include "harness/model/spec.h"

#include <math.h>
#include <string.h>

/* A length is a count that may be absurd: nothing is sized by it, so it is cut instead of refused.
 */
enum field_kind { FIELD_COUNT, FIELD_LENGTH, FIELD_REAL, FIELD_FLAG };
enum { LENGTH_MAX = 1 << 28, WAVES_MAX = 1 << 26 };

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
    COUNT("task_types", n_task_types, 0, 1 << 16, 0),
    COUNT("embed_width", embed_width, 1, 1 << 16, 0),
    COUNT("value_dim", value_dim, 1, 1 << 13, 0),
    COUNT("q_rank", q_rank, 1, 1 << 16, 0),
    COUNT("kv_rank", kv_rank, 1, 1 << 16, 0),
    COUNT("inner_layers", inner_layers, 1, 1024, 1),
    COUNT("shared_layers", shared_layers, 1, 1024, 1),
    COUNT("labels", n_labels, 1, 1 << 20, 0),
    REAL("residual_scale", residual_scale, 1e-6, 1e6, 1),
    REAL("qkv_clip", qkv_clip, 1e-6, 1e6, 0),
    REAL("embedding_scale", embedding_scale, 1e-6, 1e6, 1),
    REAL("logit_scale", logit_scale, 1e-6, 1e6, 1),
    REAL("logit_softcap", logit_softcap, 1e-3, 1e6, 0),
    REAL("attention_scale", attention_scale, 1e-6, 1e6, 0),
    REAL("attention_softcap", attention_softcap, 1e-3, 1e6, 0),
    FLAG("causal", causal),
    FLAG("expects_bos", expects_bos),
    FLAG("gated", gated),
    FLAG("curved", curved),
    FLAG("permuted_qk", permuted_qk),
    FLAG("parallel", parallel),
    FLAG("projected_first", projected_first),
    FLAG("values_rotated", values_rotated),
    FLAG("scale_by_layer", scale_by_layer),
    FLAG("exact", exact),
};
static const struct field norm_fields[] = {
    { "eps", FIELD_REAL, offsetof(struct spec, norm_eps), 1e-14, 1, true, 0 },
    FLAG("after", norm_after),
    FLAG("bare", bare_norm),
    FLAG("residual", residual_normed),
    REAL("add", norm_add, -1, 1, 0),
};
static const struct field head_norm_fields[] = {
    FLAG("heads", heads_normed),
    FLAG("after_rope", normed_after_rope),
};
static const struct field gating_fields[] = {
    REAL("limit", gating.limit, 1e-3, 1e6, 0),
    REAL("alpha", gating.alpha, 1e-3, 1e3, 0),
};
static const struct field expert_fields[] = {
    NEEDED("count", experts.n, 1, 1 << 12),
    NEEDED("chosen", experts.n_chosen, 1, 256),
    NEEDED("ffn", experts.ffn_width, 1, 1 << 20),
    COUNT("shared", experts.shared_width, 0, 1 << 20, 0),
    COUNT("groups", experts.n_groups, 1, 256, 0),
    COUNT("groups_chosen", experts.n_groups_chosen, 1, 256, 0),
    COUNT("group_best", experts.group_best, 1, 256, 1),
    FLAG("renormalize", experts.renormalize),
    REAL("scale", experts.scale, 1e-6, 1e6, 1),
    REAL("near", experts.near, 0, 1e3, 0),
};
static const struct field mixing_fields[] = {
    NEEDED("channels", mixing.channels, 1, 1 << 17),
    NEEDED("state", mixing.state, 0, 1 << 10),
    COUNT("rank", mixing.rank, 1, 1 << 16, 0),
    NEEDED("taps", mixing.taps, 1, 16),
    COUNT("heads", mixing.heads, 1, 1 << 12, 0),
    COUNT("groups", mixing.groups, 1, 1 << 12, 1),
    REAL("step_min", mixing.step_min, 0, 1e6, 0),
    REAL("step_max", mixing.step_max, 0, 1e30, 1e30),
    COUNT("norm_groups", mixing.norm_groups, 1, 1 << 12, 1),
    FLAG("normed_ungated", mixing.normed_ungated),
    FLAG("corrects", mixing.corrects),
    REAL("norm_eps", mixing.norm_eps, 1e-14, 1, 0),
    FLAG("rates", mixing.rates),
};
static const struct field bias_fields[] = {
    REAL("max", bias.slope_max, 1, 64, 8),
    COUNT("buckets", bias.buckets, 2, 1 << 16, 32),
    COUNT("distance", bias.distance, 1, 1 << 20, 128),
    FLAG("log_buckets", bias.log_buckets),
    FLAG("query_to_place", bias.query_to_place),
    FLAG("key_to_place", bias.key_to_place),
};
static const struct field classifier_fields[] = {
    FLAG("many", classifier.many),
    FLAG("late", classifier.late),
};
static const struct field convolution_fields[] = {
    NEEDED("taps", convolution.taps, 1, 63),
};
static const struct field wave_fields[] = {
    { "steps", FIELD_REAL, offsetof(struct spec, wave_steps), 1, 1 << 16, true, 0 },
};
static const struct field learned_fields[] = {
    NEEDED("count", n_positions, 1, 1 << 28),
    COUNT("offset", position_offset, 0, 1 << 16, 0),
};

/* Fields of a struct rope by itself: a model can have two. */
#define ROPE_REAL(key, member, min, max, otherwise)                                                \
    { key, FIELD_REAL, offsetof(struct rope, member), min, max, false, otherwise }
#define ROPE_COUNT(key, member, min, max)                                                          \
    { key, FIELD_COUNT, offsetof(struct rope, member), min, max, false, 0 }
#define ROPE_FLAG(key, member)                                                                     \
    { key, FIELD_FLAG, offsetof(struct rope, member), 0, 1, false, 0 }
static const struct field rotary_fields[] = {
    ROPE_REAL("theta", theta, 1, 1e12, 10000),
    ROPE_COUNT("dim", dim, 2, 1 << 13),
    ROPE_COUNT("first", first, 0, 1 << 13),
    ROPE_FLAG("interleaved", interleaved),
    ROPE_REAL("factor", factor, 1e-3, 1e6, 0),
    ROPE_REAL("low_factor", low_factor, 1e-3, 1e6, 1),
    ROPE_REAL("high_factor", high_factor, 1e-3, 1e6, 4),
    ROPE_REAL("beta_fast", beta_fast, 1e-3, 1e6, 32),
    ROPE_REAL("beta_slow", beta_slow, 1e-3, 1e6, 1),
    ROPE_FLAG("unrounded", unrounded),
    ROPE_REAL("attention_factor", attention_factor, 1e-3, 1e3, 0),
    ROPE_REAL("mscale", mscale, 0, 1e3, 0),
    ROPE_REAL("mscale_all", mscale_all, 0, 1e3, 0),
    { "original_length", FIELD_LENGTH, offsetof(struct rope, original_length), 1, 0x1p63, false,
        2048 },
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
    { "gelu_python", ACT_GELU },
    { "gelu_python_tanh", ACT_GELU_TANH },
    { "gelu_accurate", ACT_GELU_TANH },
    { "silu", ACT_SILU },
    { "swish", ACT_SILU },
    { "relu", ACT_RELU },
    { "quick_gelu", ACT_QUICK_GELU },
    { "tanh", ACT_TANH },
    { "relu2", ACT_RELU_SQUARED },
    { "none", ACT_NONE },
    { 0, 0 },
};
static const struct word length_words[] = { { "config", LENGTH_OF_CONFIG },
    { "requests", LENGTH_OF_REQUESTS }, { "tokenizer", LENGTH_OF_TOKENIZER }, { 0, 0 } };
static const struct word position_words[] = { { "none", POSITION_NONE },
    { "learned", POSITION_LEARNED }, { "waves", POSITION_WAVES }, { "rotary", POSITION_ROTARY },
    { 0, 0 } };
static const char *word_of(const struct word *words, int value) {
    while (words->word && words->value != value)
        words++;
    BUG_IF(!words->word);
    return words->word;
}

const char *activation_name(enum activation activation) {
    return word_of(activation_words, (int)activation);
}

const char *position_name(enum position_kind position) {
    return word_of(position_words, (int)position);
}

const char *norm_name(enum norm_kind norm) {
    return word_of(norm_words, (int)norm);
}

static const struct word scaling_words[] = {
    { "default", ROPE_PLAIN },
    { "none", ROPE_PLAIN },
    { "linear", ROPE_LINEAR },
    { "llama3", ROPE_BANDS },
    { "yarn", ROPE_YARN },
    { "dynamic", ROPE_DYNAMIC },
    { "longrope", ROPE_LONGROPE },
    { 0, 0 },
};
static const struct word embed_normed_words[] = { { "sum", NORMED_SUM },
    { "tokens", NORMED_TOKENS }, { "projected", NORMED_PROJECTED }, { 0, 0 } };
static const struct word bias_words[] = {
    { "slopes", BIAS_SLOPES },
    { "slopes_bf16", BIAS_SLOPES_BF16 },
    { "buckets", BIAS_BUCKETS },
    { "disentangled", BIAS_DISENTANGLED },
    { 0, 0 },
};
static const struct word order_words[] = { { "appended", SLOPES_APPENDED },
    { "interleaved", SLOPES_INTERLEAVED }, { 0, 0 } };
static const struct word routing_words[] = { { "softmax", ROUTE_SOFTMAX },
    { "softmax_after", ROUTE_SOFTMAX_AFTER }, { "sigmoid", ROUTE_SIGMOID },
    { "nearest", ROUTE_NEAREST }, { 0, 0 } };
static const struct word pooling_words[] = { { "cls", POOL_CLS }, { "mean", POOL_MEAN },
    { "last", POOL_LAST }, { 0, 0 } };

static const char *const role_keys[ROLE_N] = {
    [ROLE_EMBED] = "embed",
    [ROLE_POSITION] = "position",
    [ROLE_TOKEN_TYPE] = "token_type",
    [ROLE_TASK_TYPE] = "task_type",
    [ROLE_EMBED_NORM] = "embed_norm",
    [ROLE_EMBED_NORM_BIAS] = "embed_norm_bias",
    [ROLE_EMBED_PROJECT] = "embed_project",
    [ROLE_EMBED_PROJECT_BIAS] = "embed_project_bias",
    [ROLE_BUCKETS] = "buckets",
    [ROLE_DISTANCES] = "distances",
    [ROLE_DISTANCES_NORM] = "distances_norm",
    [ROLE_DISTANCES_NORM_BIAS] = "distances_norm_bias",
    [ROLE_CONV] = "conv",
    [ROLE_CONV_BIAS] = "conv_bias",
    [ROLE_CONV_NORM] = "conv_norm",
    [ROLE_CONV_NORM_BIAS] = "conv_norm_bias",
    [ROLE_FINAL_NORM] = "final_norm",
    [ROLE_FINAL_NORM_BIAS] = "final_norm_bias",
    [ROLE_HEAD_PROJECT] = "head_project",
    [ROLE_HEAD_DENSE] = "head_dense",
    [ROLE_HEAD_DENSE_BIAS] = "head_dense_bias",
    [ROLE_HEAD_NORM] = "head_norm",
    [ROLE_HEAD_NORM_BIAS] = "head_norm_bias",
    [ROLE_HEAD] = "head",
    [ROLE_HEAD_BIAS] = "head_bias",
    [ROLE_CLASS_DENSE] = "class_dense",
    [ROLE_CLASS_DENSE_BIAS] = "class_dense_bias",
    [ROLE_CLASS_NORM] = "class_norm",
    [ROLE_CLASS_NORM_BIAS] = "class_norm_bias",
    [ROLE_CLASS_OUT] = "class_out",
    [ROLE_CLASS_OUT_BIAS] = "class_out_bias",
    [ROLE_ATTN_NORM] = "attn_norm",
    [ROLE_ATTN_NORM_BIAS] = "attn_norm_bias",
    [ROLE_Q_DOWN] = "q_down",
    [ROLE_Q_DOWN_BIAS] = "q_down_bias",
    [ROLE_Q_DOWN_NORM] = "q_down_norm",
    [ROLE_KV_DOWN] = "kv_down",
    [ROLE_KV_DOWN_BIAS] = "kv_down_bias",
    [ROLE_KV_DOWN_NORM] = "kv_down_norm",
    [ROLE_K_SHARED] = "k_shared",
    [ROLE_K_SHARED_BIAS] = "k_shared_bias",
    [ROLE_Q] = "q",
    [ROLE_Q_BIAS] = "q_bias",
    [ROLE_K] = "k",
    [ROLE_K_BIAS] = "k_bias",
    [ROLE_V] = "v",
    [ROLE_V_BIAS] = "v_bias",
    [ROLE_Q_NORM] = "q_norm",
    [ROLE_Q_NORM_BIAS] = "q_norm_bias",
    [ROLE_K_NORM] = "k_norm",
    [ROLE_K_NORM_BIAS] = "k_norm_bias",
    [ROLE_ATTN_GATE] = "attn_gate",
    [ROLE_ATTN_GATE_BIAS] = "attn_gate_bias",
    [ROLE_SINKS] = "sinks",
    [ROLE_DISTANCE_K] = "distance_k",
    [ROLE_DISTANCE_K_BIAS] = "distance_k_bias",
    [ROLE_DISTANCE_Q] = "distance_q",
    [ROLE_DISTANCE_Q_BIAS] = "distance_q_bias",
    [ROLE_O] = "o",
    [ROLE_O_BIAS] = "o_bias",
    [ROLE_ATTN_OUT_NORM] = "attn_out_norm",
    [ROLE_ATTN_OUT_NORM_BIAS] = "attn_out_norm_bias",
    [ROLE_MIX_IN] = "mix_in",
    [ROLE_MIX_IN_BIAS] = "mix_in_bias",
    [ROLE_MIX_ENTRY] = "mix_entry",
    [ROLE_MIX_ENTRY_BIAS] = "mix_entry_bias",
    [ROLE_MIX_GATE] = "mix_gate",
    [ROLE_MIX_GATE_BIAS] = "mix_gate_bias",
    [ROLE_MIX_TAPS] = "mix_taps",
    [ROLE_MIX_TAPS_BIAS] = "mix_taps_bias",
    [ROLE_MIX_STEP_DOWN] = "mix_step_down",
    [ROLE_MIX_STEP_NORM] = "mix_step_norm",
    [ROLE_MIX_STEP] = "mix_step",
    [ROLE_MIX_STEP_BIAS] = "mix_step_bias",
    [ROLE_MIX_STEP_FROM] = "mix_step_from",
    [ROLE_MIX_WEIGHT] = "mix_weight",
    [ROLE_MIX_B] = "mix_b",
    [ROLE_MIX_B_NORM] = "mix_b_norm",
    [ROLE_MIX_C] = "mix_c",
    [ROLE_MIX_C_NORM] = "mix_c_norm",
    [ROLE_MIX_A] = "mix_a",
    [ROLE_MIX_D] = "mix_d",
    [ROLE_MIX_NORM] = "mix_norm",
    [ROLE_MIX_OUT] = "mix_out",
    [ROLE_MIX_OUT_BIAS] = "mix_out_bias",
    [ROLE_CROSS_NORM] = "cross_norm",
    [ROLE_CROSS_NORM_BIAS] = "cross_norm_bias",
    [ROLE_CROSS_Q] = "cross_q",
    [ROLE_CROSS_Q_BIAS] = "cross_q_bias",
    [ROLE_CROSS_K] = "cross_k",
    [ROLE_CROSS_K_BIAS] = "cross_k_bias",
    [ROLE_CROSS_V] = "cross_v",
    [ROLE_CROSS_V_BIAS] = "cross_v_bias",
    [ROLE_CROSS_O] = "cross_o",
    [ROLE_CROSS_O_BIAS] = "cross_o_bias",
    [ROLE_MLP_NORM] = "mlp_norm",
    [ROLE_MLP_NORM_BIAS] = "mlp_norm_bias",
    [ROLE_UP] = "up",
    [ROLE_UP_BIAS] = "up_bias",
    [ROLE_GATE] = "gate",
    [ROLE_GATE_BIAS] = "gate_bias",
    [ROLE_DOWN] = "down",
    [ROLE_DOWN_BIAS] = "down_bias",
    [ROLE_CURVE_ABOVE] = "curve_above",
    [ROLE_CURVE_BELOW] = "curve_below",
    [ROLE_CURVE_LINEAR] = "curve_linear",
    [ROLE_CURVE_EDGE] = "curve_edge",
    [ROLE_MLP_OUT_NORM] = "mlp_out_norm",
    [ROLE_MLP_OUT_NORM_BIAS] = "mlp_out_norm_bias",
    [ROLE_ROUTER] = "router",
    [ROLE_ROUTER_BIAS] = "router_bias",
    [ROLE_ROUTER_CHOICE_BIAS] = "router_choice_bias",
    [ROLE_SHARED_UP] = "shared_up",
    [ROLE_SHARED_UP_BIAS] = "shared_up_bias",
    [ROLE_SHARED_GATE] = "shared_gate",
    [ROLE_SHARED_GATE_BIAS] = "shared_gate_bias",
    [ROLE_SHARED_DOWN] = "shared_down",
    [ROLE_SHARED_DOWN_BIAS] = "shared_down_bias",
    [ROLE_SHARED_WEIGHT] = "shared_weight",
    [ROLE_EXPERT_UP] = "expert_up",
    [ROLE_EXPERT_UP_BIAS] = "expert_up_bias",
    [ROLE_EXPERT_GATE] = "expert_gate",
    [ROLE_EXPERT_GATE_BIAS] = "expert_gate_bias",
    [ROLE_EXPERT_DOWN] = "expert_down",
    [ROLE_EXPERT_DOWN_BIAS] = "expert_down_bias",
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
    const json_t *table, const struct field *fields, size_t n, void *base, struct err *err) {
    const json_t *called = json_object_get(table, "called");
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(table, fields[i].key);
        const char *name = json_get_string(called, fields[i].key, fields[i].key);
        bool ok = value ? field_take(value, &fields[i], name, base, err)
                        : field_default(&fields[i], name, base, err);
        if (!ok)
            return false;
    }
    return true;
}
#define FIELDS_READ(table, fields, base, err)                                                      \
    fields_read(table, fields, sizeof(fields) / sizeof(fields)[0], base, err)

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

static int32_t id_of(const json_t *value) {
    json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
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

/* A list of positive numbers, kept in the arena. */
static bool factors_read(const json_t *table, const char *key, const float **out, uint32_t n,
    struct arena *arena, struct err *err) {
    const json_t *list = json_object_get(table, key);
    if (json_array_size(list) != n)
        return err_set(err, ERR_INPUT, "'%s' is not a list of %u numbers", key, n);
    float *factors = arena_alloc(arena, n * sizeof *factors);
    for (uint32_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);
        factors[i] = (float)json_number_value(x);
        if (!json_is_number(x) || !(factors[i] > 1e-6F && factors[i] < 1e6F))
            return err_set(err, ERR_INPUT, "'%s' holds what is not a factor", key);
    }
    *out = factors;
    return true;
}

static bool rope_read(
    const json_t *table, struct rope *rope, struct arena *arena, struct err *err) {
    int kind;
    if (!FIELDS_READ(table, rotary_fields, rope, err) ||
        !word_read(table, "scaling", scaling_words, &kind, err))
        return false;
    rope->kind = (enum rope_kind)kind;
    bool scaled = kind != ROPE_PLAIN && kind != ROPE_LONGROPE;
    if (scaled && rope->factor == 0)
        return err_set(err, ERR_INPUT, "'%s' is missing",
            json_get_string(json_object_get(table, "called"), "factor", "factor"));
    uint32_t n = (uint32_t)json_array_size(json_object_get(table, "short_factors"));
    if (kind != ROPE_LONGROPE)
        return true;
    if (n < 1 || n > 1 << 12)
        return err_set(err, ERR_INPUT, "'short_factors' is not a list of numbers");
    if (rope->dim == 0)
        rope->dim = 2 * n;
    if (rope->dim != 2 * n)
        return err_set(err, ERR_INPUT, "%u 'short_factors' are not half of %u", n, rope->dim);
    return factors_read(table, "short_factors", &rope->short_factors, n, arena, err) &&
           factors_read(table, "long_factors", &rope->long_factors, n, arena, err);
}

static bool rotary_read(
    const json_t *position, struct spec *spec, struct arena *arena, struct err *err) {
    const json_t *sliding = json_object_get(position, "sliding");
    spec->has_sliding_rope = sliding != NULL;
    return rope_read(position, &spec->rope, arena, err) &&
           (!sliding || rope_read(sliding, &spec->sliding_rope, arena, err));
}

static bool position_read(
    const json_t *position, struct spec *spec, struct arena *arena, struct err *err) {
    int kind;
    if (!json_is_object(position))
        return err_set(err, ERR_INPUT, "'position' is missing");
    if (!word_read(position, "kind", position_words, &kind, err))
        return err_wrap(err, "position");
    spec->position = (enum position_kind)kind;
    bool waves = kind == POSITION_WAVES, table = waves || kind == POSITION_LEARNED;
    if ((table && !FIELDS_READ(position, learned_fields, spec, err)) ||
        (waves && !FIELDS_READ(position, wave_fields, spec, err)) ||
        (kind == POSITION_ROTARY && !rotary_read(position, spec, arena, err)))
        return err_wrap(err, "position");
    spec->pad = id_of(json_object_get(position, "pad"));
    return true;
}

/* ---- parts that a model may have ---- */

static bool bias_read(const json_t *bias, struct spec *spec, struct err *err) {
    int kind = BIAS_NONE, order = SLOPES_APPENDED;
    if (!bias)
        return true;
    if (!word_read(bias, "kind", bias_words, &kind, err) ||
        !FIELDS_READ(bias, bias_fields, spec, err) ||
        (json_object_get(bias, "order") && !word_read(bias, "order", order_words, &order, err)))
        return err_wrap(err, "bias");
    spec->bias.kind = (enum bias_kind)kind;
    spec->bias.order = (enum slope_order)order;
    if (kind == BIAS_BUCKETS && (spec->bias.buckets < 4 || spec->bias.buckets % 2 != 0))
        return err_set(err, ERR_INPUT, "bias: %u 'buckets' cannot be halved", spec->bias.buckets);
    return true;
}

/* q and k are normed, by a norm of their own kind. */
static bool head_norm_read(const json_t *norm, struct spec *spec, struct err *err) {
    int kind;
    if (!norm)
        return true;
    if (!word_read(norm, "kind", norm_words, &kind, err) ||
        !FIELDS_READ(norm, head_norm_fields, spec, err))
        return err_wrap(err, "qk_norm");
    spec->head_norm = (enum norm_kind)kind;
    return true;
}

static bool experts_read(const json_t *experts, struct spec *spec, struct err *err) {
    int routing;
    struct experts *e = &spec->experts;
    if (!experts)
        return true;
    if (!word_read(experts, "routing", routing_words, &routing, err) ||
        !FIELDS_READ(experts, expert_fields, spec, err))
        return err_wrap(err, "experts");
    e->routing = (enum routing)routing;
    if (e->n_chosen > e->n)
        return err_set(err, ERR_INPUT, "experts: %u cannot be chosen of %u", e->n_chosen, e->n);
    if (e->n_groups && (e->n % e->n_groups != 0 || e->n_groups_chosen > e->n_groups ||
                           e->n_groups_chosen == 0 || e->group_best > e->n / e->n_groups ||
                           e->n / e->n_groups * e->n_groups_chosen < e->n_chosen))
        return err_set(err, ERR_INPUT, "experts: %u of %u groups do not suit %u of %u experts",
            e->n_groups_chosen, e->n_groups, e->n_chosen, e->n);
    return true;
}

static bool mixing_read(const json_t *mixing, struct spec *spec, struct err *err) {
    struct mixing *m = &spec->mixing;
    int activation = ACT_SILU;
    if (!mixing)
        return true;
    if (!FIELDS_READ(mixing, mixing_fields, spec, err) ||
        (json_object_get(mixing, "activation") &&
            !word_read(mixing, "activation", activation_words, &activation, err)))
        return err_wrap(err, "mixing");
    m->activation = (enum activation)activation;
    bool recurs = m->state > 0;
    if (recurs ? (m->heads == 0) != (m->rank > 0) : m->heads > 0 || m->rank > 0)
        return err_set(err, ERR_INPUT, "mixing: a state takes either 'heads' or 'rank'");
    if (m->heads > 0 && (m->channels % m->heads != 0 || m->heads % m->groups != 0 ||
                            m->channels / m->heads > 1 << 10))
        return err_set(err, ERR_INPUT, "mixing: %u channels do not suit %u heads in %u groups",
            m->channels, m->heads, m->groups);
    if (m->corrects && m->heads == 0)
        return err_set(err, ERR_INPUT, "mixing: 'corrects' takes 'heads'");
    if (m->channels % m->norm_groups != 0 || m->step_min > m->step_max)
        return err_set(err, ERR_INPUT, "mixing: 'norm_groups' or 'step_min' is out of range");
    return true;
}

uint32_t mixing_convolved(const struct mixing *m) {
    return m->channels + (m->heads > 0 ? 2 * m->groups * m->state : 0);
}

/* Keys are what goes into the convolution. Values: of channels with their own steps, these and what
 * they bring in; of heads, what has been convolved, and steps in place of what was read; of heads
 * that correct, all of it with steps and weights behind. */
uint32_t mixing_slot_width(const struct mixing *m) {
    if (m->corrects)
        return mixing_convolved(m) + 2 * m->heads;
    uint32_t values = m->channels + (m->heads > 0 ? m->groups * m->state + m->heads : m->state);
    return values > mixing_convolved(m) ? values : mixing_convolved(m);
}

/* `pooling`: optional, for nearly all files leave it to sentence-transformers' modules. */
static bool pooling_read(const json_t *table, struct spec *spec, struct err *err) {
    int pooling = POOL_AUTO;
    if (json_object_get(table, "pooling") &&
        !word_read(table, "pooling", pooling_words, &pooling, err))
        return false;
    spec->pooling = (enum pooling)pooling;
    return true;
}

/* A convolution beside the first layer: as many neighbours on both sides of a token. */
static bool convolution_read(const json_t *table, struct spec *spec, struct err *err) {
    int activation;
    if (!table)
        return true;
    if (!FIELDS_READ(table, convolution_fields, spec, err) ||
        !word_read(table, "activation", activation_words, &activation, err))
        return err_wrap(err, "convolution");
    spec->convolution.activation = (enum activation)activation;
    return spec->convolution.taps % 2 == 1 ||
           err_set(err, ERR_UNSUPPORTED, "convolution: %u taps are not supported: an odd number is",
               spec->convolution.taps);
}

/* Words at either end of the layers. */
static bool ends_words_read(const json_t *table, struct spec *spec, struct err *err) {
    int activation = ACT_NONE, normed = NORMED_SUM;
    if ((json_object_get(table, "head_activation") &&
            !word_read(table, "head_activation", activation_words, &activation, err)) ||
        (json_object_get(table, "embed_normed") &&
            !word_read(table, "embed_normed", embed_normed_words, &normed, err)))
        return false;
    spec->head_activation = (enum activation)activation;
    spec->embed_normed = (enum embed_normed)normed;
    return true;
}

static bool gating_read(const json_t *table, struct spec *spec, struct err *err) {
    const json_t *gating = json_object_get(table, "gating");
    if (gating && !FIELDS_READ(gating, gating_fields, spec, err))
        return err_wrap(err, "gating");
    spec->gating.activation = spec->activation;
    return true;
}

static bool classifier_read(const json_t *classifier, struct spec *spec, struct err *err) {
    int pooling, activation = ACT_NONE;
    spec->has_classifier = classifier != NULL;
    if (!classifier)
        return true;
    if (!word_read(classifier, "pooling", pooling_words, &pooling, err) ||
        (json_object_get(classifier, "activation") &&
            !word_read(classifier, "activation", activation_words, &activation, err)) ||
        !FIELDS_READ(classifier, classifier_fields, spec, err))
        return err_wrap(err, "classifier");
    spec->classifier.pooling = (enum pooling)pooling;
    spec->classifier.activation = (enum activation)activation;
    return true;
}

/* Is layer l in the list `key` of the table? Without a list: what is said `otherwise`. */
static bool layer_flag(
    const json_t *table, const char *key, uint32_t l, bool otherwise, struct err *err, bool *ok) {
    const json_t *list = json_object_get(table, key), *flag = json_array_get(list, l);
    if (!list || json_is_boolean(list))
        return list ? json_is_true(list) : otherwise;
    if (!json_is_boolean(flag))
        *ok = err_set(err, ERR_INPUT, "'%s' does not say of layer %u true or false", key, l);
    return json_is_true(flag);
}

/* What layers have of their own: `sliding`, `unrotated`, `sparse`, `attends`, `mixes` and `feeds`
 * are lists of true and false. */
static bool layers_read(
    const json_t *table, struct spec *spec, struct arena *arena, struct err *err) {
    bool ok = true, mixing = spec->mixing.channels > 0;
    bool feeds = spec->roles[ROLE_UP].n > 0 || spec->experts.n > 0;
    spec->layer = arena_alloc(arena, spec->n_layers * sizeof *spec->layer);
    for (uint32_t l = 0; ok && l < spec->n_layers; l++) {
        bool sliding = layer_flag(table, "sliding", l, spec->window > 0, err, &ok);
        bool mixes = mixing && layer_flag(table, "mixes", l, true, err, &ok);
        spec->layer[l] = (struct layer_spec) {
            .attends = layer_flag(table, "attends", l, !mixes, err, &ok),
            .mixes = mixes,
            .feeds = feeds && layer_flag(table, "feeds", l, true, err, &ok),
            .window = sliding ? spec->window : 0,
            .rotated = spec->position == POSITION_ROTARY &&
                       !layer_flag(table, "unrotated", l, false, err, &ok),
            .local = sliding && spec->has_sliding_rope,
        };
        spec->layer[l].sparse = spec->experts.n > 0 && spec->layer[l].feeds &&
                                layer_flag(table, "sparse", l, true, err, &ok);
    }
    return ok;
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

static const struct field part_fields[] = {
    { "from", FIELD_COUNT, offsetof(struct role_names, from), 0, 1 << 24, false, 0 },
    { "run", FIELD_COUNT, offsetof(struct role_names, run), 1, 1 << 24, false, 0 },
    { "every", FIELD_COUNT, offsetof(struct role_names, every), 1, 1 << 24, false, 0 },
    { "pad", FIELD_COUNT, offsetof(struct role_names, pad), 0, 1 << 16, false, 0 },
    { "transposed", FIELD_FLAG, offsetof(struct role_names, transposed), 0, 1, false, 0 },
    { "part", FIELD_FLAG, offsetof(struct role_names, part), 0, 1, false, 0 },
    { "optional", FIELD_FLAG, offsetof(struct role_names, optional), 0, 1, false, 0 },
};

/* `scale`: a factor of all rows, or a list of pairs, how many rows and their factor. */
static bool scales_read(const json_t *value, struct role_names *names, struct err *err) {
    size_t n = json_array_size(value);
    bool ok = n <= SPEC_MAX_SCALES && (!value || json_is_number(value) || json_is_array(value));
    names->n_scales = !value ? 0 : json_is_number(value) ? 1 : (uint32_t)n;
    if (ok && json_is_number(value))
        names->scales[0] = (struct row_scale) { UINT32_MAX, (float)json_number_value(value) };
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *pair = json_array_get(value, i), *rows = json_array_get(pair, 0);
        ok = id_of(rows) >= 0 && json_is_number(json_array_get(pair, 1));
        names->scales[i] = (struct row_scale) { (uint32_t)json_integer_value(rows),
            (float)json_number_value(json_array_get(pair, 1)) };
    }
    for (uint32_t i = 0; ok && i < names->n_scales; i++)
        ok = fabsf(names->scales[i].factor) < 1e6F;
    return ok ||
           err_set(err, ERR_INPUT, "'scale' is not a factor, nor a short list of [rows, factor]");
}

/* A role's names, or a table with `name` and where the part lies in the tensor. */
static bool role_read(const json_t *tensors, enum role role, struct role_names *names,
    struct arena *arena, struct err *err) {
    const json_t *value = json_object_get(tensors, role_keys[role]);
    const char *key = role_keys[role];
    if (json_object_get(value, "name")) {
        if (!FIELDS_READ(value, part_fields, names, err) ||
            !scales_read(json_object_get(value, "scale"), names, err))
            return err_wrap(err, "%s", key);
        if (names->run > 0 && names->every < names->run)
            return err_set(err, ERR_INPUT, "%s: 'every' is less than 'run'", key);
        names->part = names->part || names->from > 0 || names->run > 0;
        tensors = value;
        key = "name";
    }
    struct strings list = { key, names->names, SPEC_MAX_NAMES, &names->n };
    return strings_read(tensors, &list, arena, err);
}

static bool tensors_read(
    const json_t *table, struct arena *arena, struct spec *spec, struct err *err) {
    const json_t *tensors = json_object_get(table, "tensors");
    if (!json_is_object(tensors))
        return err_set(err, ERR_INPUT, "'tensors' is missing");
    for (int r = 0; r < ROLE_N; r++)
        if (!role_read(tensors, (enum role)r, &spec->roles[r], arena, err))
            return err_wrap(err, "tensors");
    struct strings prefixes = { "prefixes", spec->prefixes, SPEC_MAX_PREFIXES, &spec->n_prefixes };
    struct strings ignore = { "ignore", spec->ignore, SPEC_MAX_IGNORE, &spec->n_ignore };
    if (!strings_read(table, &prefixes, arena, err) || !strings_read(table, &ignore, arena, err))
        return false;
    if (spec->n_prefixes == 0)
        spec->prefixes[spec->n_prefixes++] = "";
    return true;
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

/* Heads: how many, how wide, and whether that goes together. */
static bool heads_relate(struct spec *s, struct err *err) {
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
    if (s->value_dim == 0)
        s->value_dim = s->head_dim;
    if (s->value_dim > s->head_dim)
        return err_set(err, ERR_UNSUPPORTED,
            "values of width %u beside keys of %u are not supported", s->value_dim, s->head_dim);
    if (s->attention_scale == 0)
        s->attention_scale = 1 / sqrt(s->head_dim);
    return true;
}

static bool rope_relate(const struct spec *s, struct rope *rope, struct err *err) {
    if (rope->dim == 0)
        rope->dim = s->head_dim - (rope->first < s->head_dim ? rope->first : 0);
    if ((uint64_t)rope->first + rope->dim > s->head_dim || rope->dim % 2 != 0)
        return err_set(
            err, ERR_INPUT, "rotary 'dim' %u does not fit 'head_dim' %u", rope->dim, s->head_dim);
    return true;
}

/* Learned positions: how many tokens the table is for. */
static bool learned_relate(struct spec *s, struct err *err) {
    if (s->position_offset >= s->n_positions)
        return err_set(err, ERR_INPUT, "position 'offset' %u leaves no positions of %u",
            s->position_offset, s->n_positions);
    if (s->max_length > s->n_positions - s->position_offset)
        s->max_length = s->n_positions - s->position_offset;
    return true;
}

/* Defaults that depend on other fields, and what must hold between fields. */
static bool spec_relate(struct spec *s, struct err *err) {
    if (!heads_relate(s, err))
        return false;
    if (s->embed_width == 0)
        s->embed_width = s->width;
    if (s->position == POSITION_ROTARY &&
        (!rope_relate(s, &s->rope, err) ||
            (s->has_sliding_rope && !rope_relate(s, &s->sliding_rope, err))))
        return false;
    bool table = s->position == POSITION_LEARNED || s->position == POSITION_WAVES;
    if (table && !learned_relate(s, err))
        return false;
    /* no file bounds a table that is made */
    if (s->position == POSITION_WAVES && (uint64_t)s->n_positions * s->width > WAVES_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%u positions as waves of width %u are not supported",
            s->n_positions, s->width);
    s->norm_before = !s->norm_after && (s->bare_norm || s->roles[ROLE_ATTN_NORM].n > 0);
    return true;
}

/* Which roles depend on which flags of the spec. */
struct demand {
    enum role role;
    bool wanted;
    const char *because;
};

/* Parts without which there is nothing to run, and parts that contradict each other. */
static bool roles_check(const struct spec *s, struct err *err) {
    bool experts = s->experts.n > 0, dense = false, attention = false, mixing = false;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        const struct layer_spec *layer = &s->layer[l];
        attention = attention || layer->attends;
        mixing = mixing || layer->mixes;
        dense = dense || (layer->feeds && !layer->sparse) || (!layer->mixes && !experts);
    }
    bool recurs = mixing && s->mixing.state > 0, heads = mixing && s->mixing.heads > 0,
         ranked = recurs && !heads, curved = s->curved, corrects = heads && s->mixing.corrects;
    const struct demand demands[] = {
        { ROLE_EMBED, true, "every model" },
        { ROLE_Q, attention, "attention" },
        { ROLE_K, attention, "attention" },
        { ROLE_V, attention, "attention" },
        { ROLE_O, attention, "attention" },
        { ROLE_MIX_IN, mixing, "'mixing'" },
        { ROLE_MIX_GATE, mixing, "'mixing'" },
        { ROLE_MIX_ENTRY, mixing && !recurs, "mixing.state" },
        { ROLE_MIX_TAPS, mixing, "'mixing'" },
        { ROLE_MIX_STEP_DOWN, ranked, "mixing.rank" },
        { ROLE_MIX_STEP, recurs, "mixing.state" },
        { ROLE_MIX_STEP_FROM, heads, "mixing.heads" },
        { ROLE_MIX_B, ranked || corrects, "'mixing'" },
        { ROLE_MIX_C, ranked || corrects, "'mixing'" },
        { ROLE_MIX_WEIGHT, corrects, "mixing.corrects" },
        { ROLE_MIX_A, recurs, "mixing.state" },
        { ROLE_MIX_D, recurs && !corrects, "mixing.state" },
        { ROLE_MIX_OUT, mixing, "'mixing'" },
        { ROLE_UP, dense, "a layer without experts" },
        { ROLE_DOWN, dense, "a layer without experts" },
        { ROLE_GATE, dense && s->gated, "'gated'" },
        { ROLE_ATTN_NORM, s->norm_after, "norm.after" },
        { ROLE_MLP_NORM, s->norm_after, "norm.after" },
        { ROLE_EMBED_PROJECT, s->embed_width != s->width, "'embed_width'" },
        { ROLE_POSITION, s->position == POSITION_LEARNED, "position.kind" },
        { ROLE_POSITION, s->position == POSITION_WAVES, "position.kind" },
        { ROLE_TOKEN_TYPE, s->n_token_types > 0, "'token_types'" },
        { ROLE_TASK_TYPE, s->n_task_types > 0, "'task_types'" },
        { ROLE_BUCKETS, s->bias.kind == BIAS_BUCKETS, "bias.kind" },
        { ROLE_DISTANCES, s->bias.kind == BIAS_DISENTANGLED, "bias.kind" },
        { ROLE_CONV, s->convolution.taps > 0, "'convolution'" },
        { ROLE_CONV_NORM, s->convolution.taps > 0, "'convolution'" },
        { ROLE_CURVE_ABOVE, curved, "'curved'" },
        { ROLE_CURVE_BELOW, curved, "'curved'" },
        { ROLE_Q_DOWN, s->q_rank > 0, "'q_rank'" },
        { ROLE_KV_DOWN, s->kv_rank > 0, "'kv_rank'" },
        { ROLE_ROUTER, experts, "'experts'" },
        { ROLE_EXPERT_UP, experts, "'experts'" },
        { ROLE_EXPERT_DOWN, experts, "'experts'" },
        { ROLE_EXPERT_GATE, experts && s->gated, "'gated'" },
        { ROLE_SHARED_UP, s->experts.shared_width > 0, "experts.shared" },
        { ROLE_SHARED_DOWN, s->experts.shared_width > 0, "experts.shared" },
        { ROLE_CLASS_OUT, s->has_classifier, "'classifier'" },
        { ROLE_CLASS_DENSE, s->has_classifier && s->classifier.late, "classifier.late" },
    };
    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++)
        if (demands[i].wanted && s->roles[demands[i].role].n == 0)
            return err_set(err, ERR_INPUT, "tensors: '%s' is missing: %s needs it",
                role_keys[demands[i].role], demands[i].because);
    if (s->gated != (s->roles[ROLE_GATE].n > 0 || s->roles[ROLE_EXPERT_GATE].n > 0))
        return err_set(err, ERR_INPUT, "tensors: 'gate' and 'gated' contradict each other");
    bool table = s->position == POSITION_LEARNED || s->position == POSITION_WAVES;
    if (table != (s->roles[ROLE_POSITION].n > 0))
        return err_set(
            err, ERR_INPUT, "tensors: 'position' and position.kind contradict each other");
    if ((s->n_token_types > 0) != (s->roles[ROLE_TOKEN_TYPE].n > 0))
        return err_set(
            err, ERR_INPUT, "tensors: 'token_type' and 'token_types' contradict each other");
    if (s->causal && s->roles[ROLE_HEAD].n == 0 && !s->tied)
        return err_set(err, ERR_INPUT, "tensors: a causal model needs 'head' or tied = true");
    if (mixing && (!s->causal || s->parallel || s->norm_after))
        return err_set(err, ERR_UNSUPPORTED, "a recurrence is not run so");
    bool projected = s->roles[ROLE_HEAD_PROJECT].n > 0;
    if (projected && (s->roles[ROLE_CLASS_DENSE].n > 0 || s->roles[ROLE_CLASS_NORM].n > 0))
        return err_set(err, ERR_UNSUPPORTED,
            "a classifier's dense layer or norm behind a projection is not run");
    if (recurs && s->roles[ROLE_MIX_ENTRY].n > 0)
        return err_set(
            err, ERR_INPUT, "tensors: 'mix_entry' and mixing.state contradict each other");
    if (curved != (s->roles[ROLE_CURVE_ABOVE].n > 0))
        return err_set(err, ERR_INPUT, "tensors: 'curve_above' and 'curved' contradict each other");
    if (curved && (s->gated || experts))
        return err_set(err, ERR_UNSUPPORTED, "an activation with learned numbers is not run so");
    if (s->convolution.taps > 0 && s->causal)
        return err_set(err, ERR_UNSUPPORTED, "a convolution in a decoder is not supported");
    if (s->bias.kind == BIAS_DISENTANGLED && s->causal)
        return err_set(
            err, ERR_UNSUPPORTED, "disentangled attention in a decoder is not supported");
    return true;
}

/* `decoder`: a description of its own, whose layers look at the rows of this one. */
static bool decoder_read(
    const json_t *table, struct arena *arena, struct spec *spec, struct err *err) {
    const json_t *decoder = json_object_get(table, "decoder");
    if (!decoder)
        return true;
    if (json_object_get(decoder, "decoder"))
        return err_set(err, ERR_INPUT, "a decoder cannot have a decoder");
    spec->decoder = arena_alloc(arena, sizeof *spec->decoder);
    if (!spec_read(decoder, arena, spec->decoder, err))
        return err_wrap(err, "decoder");
    const struct spec *d = spec->decoder;
    if (!d->causal || spec->causal || d->width != spec->width || d->roles[ROLE_CROSS_Q].n == 0 ||
        d->roles[ROLE_CROSS_K].n == 0 || d->roles[ROLE_CROSS_V].n == 0 ||
        d->roles[ROLE_CROSS_O].n == 0 || d->position == POSITION_ROTARY || d->start < 0 ||
        spec->roles[ROLE_HEAD_PROJECT].n > 0)
        return err_set(err, ERR_UNSUPPORTED, "this decoder does not go with its encoder");
    return true;
}

static bool length_source_read(const json_t *table, struct spec *spec, struct err *err) {
    int source = LENGTH_OF_CONFIG;
    if (json_object_get(table, "length") && !word_read(table, "length", length_words, &source, err))
        return false;
    spec->length_source = (enum length_source)source;
    return true;
}

bool spec_read(const json_t *table, struct arena *arena, struct spec *spec, struct err *err) {
    *spec = (struct spec) { .bos = -1, .pad = -1 };
    int activation;
    if (!json_is_object(table))
        return err_set(err, ERR_INPUT, "the description did not return a table");
    const char *unsupported = json_get_string(table, "unsupported", NULL);
    if (unsupported)
        return err_set(err, ERR_UNSUPPORTED, "%.200s is not supported", unsupported);
    if (!FIELDS_READ(table, top_fields, spec, err) || !length_source_read(table, spec, err) ||
        !norm_read(json_object_get(table, "norm"), spec, err) ||
        !word_read(table, "activation", activation_words, &activation, err) ||
        !position_read(json_object_get(table, "position"), spec, arena, err) ||
        !bias_read(json_object_get(table, "bias"), spec, err) ||
        !head_norm_read(json_object_get(table, "qk_norm"), spec, err) ||
        !experts_read(json_object_get(table, "experts"), spec, err) ||
        !mixing_read(json_object_get(table, "mixing"), spec, err) ||
        !convolution_read(json_object_get(table, "convolution"), spec, err) ||
        !ends_words_read(table, spec, err) ||
        !classifier_read(json_object_get(table, "classifier"), spec, err) ||
        !tied_read(table, spec, err) || !tensors_read(table, arena, spec, err))
        return false;
    spec->activation = (enum activation)activation;
    ends_read(table, spec);
    spec->start = id_of(json_object_get(table, "start"));
    return gating_read(table, spec, err) && pooling_read(table, spec, err) &&
           layers_read(table, spec, arena, err) && spec_relate(spec, err) &&
           roles_check(spec, err) && decoder_read(table, arena, spec, err);
}
