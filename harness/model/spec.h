/* The spec: what an architecture's Lua description says about one model, as plain numbers that C
 * has checked.
 *
 * A description (harness/arch/NAME.lua, or --arch FILE.lua) is a Lua table that maps a config.json
 * or a GGUF's metadata to a table of these fields; arch.c runs it in a sandbox, spec.c reads every
 * field against a range. Nothing in here is trusted further than that: net.c then holds it against
 * the tensors that are really in the file. */
#ifndef ASSAY_HARNESS_MODEL_SPEC_H
#define ASSAY_HARNESS_MODEL_SPEC_H

#include "base/json.h"
#include "base/mem.h"
#include "harness/backend.h"

enum position_kind { POSITION_NONE, POSITION_LEARNED, POSITION_ROTARY };
enum rope_kind { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN };

struct rope {
    enum rope_kind kind;
    double theta, factor;
    uint32_t dim; /* of each head, from its start, that is rotated */
    bool interleaved;
    double low_factor, high_factor; /* llama3 */
    double beta_fast, beta_slow;    /* yarn */
    double attention_factor;        /* yarn; 0: 0.1 ln(factor) + 1 */
    uint32_t original_length;       /* llama3, yarn */
};

/* The parts that a tensor can play. Those from ROLE_FIRST_OF_LAYER on exist once a layer. */
enum role {
    ROLE_EMBED,
    ROLE_POSITION,
    ROLE_TOKEN_TYPE,
    ROLE_EMBED_NORM,
    ROLE_EMBED_NORM_BIAS,
    ROLE_FINAL_NORM,
    ROLE_FINAL_NORM_BIAS,
    ROLE_HEAD,
    ROLE_HEAD_BIAS,
    ROLE_FIRST_OF_LAYER,
    ROLE_ATTN_NORM = ROLE_FIRST_OF_LAYER,
    ROLE_ATTN_NORM_BIAS,
    ROLE_Q,
    ROLE_Q_BIAS,
    ROLE_K,
    ROLE_K_BIAS,
    ROLE_V,
    ROLE_V_BIAS,
    ROLE_O,
    ROLE_O_BIAS,
    ROLE_MLP_NORM,
    ROLE_MLP_NORM_BIAS,
    ROLE_UP,
    ROLE_UP_BIAS,
    ROLE_GATE,
    ROLE_GATE_BIAS,
    ROLE_DOWN,
    ROLE_DOWN_BIAS,
    ROLE_N,
};

#define SPEC_MAX_NAMES 4
#define SPEC_MAX_PREFIXES 8
#define SPEC_MAX_IGNORE 32
#define SPEC_MAX_EOS 16

struct role_names {
    const char
        *names[SPEC_MAX_NAMES]; /* spellings, the first that exists counts; '%d' is the layer */
    uint32_t n;                 /* 0: this model has no such tensor */
};

struct spec {
    const char *name; /* of the description: "llama" */
    uint32_t n_layers, width, n_heads, n_kv_heads, head_dim, ffn_width;
    uint32_t n_vocab;    /* 0 until net.c has seen the embedding */
    uint32_t max_length; /* tokens that the model takes */
    uint32_t window;     /* sliding attention window, 0: none */
    uint32_t n_positions,
        position_offset; /* learned positions: rows of the table, number of the first */
    uint32_t n_token_types;
    bool causal, gated;
    bool norm_after;  /* after the residual addition (BERT) instead of before the part (Llama) */
    bool permuted_qk; /* rows of q and k in GGUF's interleaved order */
    bool tied;        /* the head is the embedding */
    bool tied_if_missing;
    enum norm_kind norm;
    enum activation activation;
    enum position_kind position;
    struct rope rope;
    double norm_eps, embedding_scale, logit_scale, logit_softcap;
    double attention_scale; /* 0: 1 / sqrt(head_dim) */
    double attention_softcap;
    struct role_names roles[ROLE_N];
    const char *prefixes[SPEC_MAX_PREFIXES]; /* put before names; the one under which the embedding
                                                is found counts */
    uint32_t n_prefixes;
    const char *ignore[SPEC_MAX_IGNORE]; /* endings of tensor names that are known not to matter */
    uint32_t n_ignore;
    int32_t eos[SPEC_MAX_EOS]; /* ids that end a text, from the model's own configuration */
    uint32_t n_eos;
    int32_t bos; /* -1: not said */
};

/* Reads a description's table, as JSON. Strings are copied into the arena. */
MUST_CHECK bool spec_read(
    const json_t *table, struct arena *arena, struct spec *spec, struct err *err);

const char *role_key(
    enum role role); /* "q", "embed_norm_bias": the key in a description's `tensors` */

/* Describes a model: `config` is config.json's object or a GGUF's metadata. arch_file NULL: chosen
 * by model_type. */
struct arch_source {
    const json_t *config;
    bool gguf;
    const char *arch_file;
    const char *what; /* for messages: the path of config.json or of the .gguf */
};
MUST_CHECK bool arch_describe(
    const struct arch_source *source, struct arena *arena, struct spec *spec, struct err *err);

/* inv_freq[rope->dim / 2]; returns the factor for sin and cos. */
float rope_frequencies(const struct rope *rope, float *inv_freq);

#endif
