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

/* Waves are a table like a learned one, whose rows are sines, then cosines, of the position. */
/* What says how long a text may be, beside max_length: see length.c. `max_length` is what
 * config.json says of every text, or only of requests to score (T5), or nothing: the tokenizer's
 * counts. */
enum length_source { LENGTH_OF_CONFIG, LENGTH_OF_REQUESTS, LENGTH_OF_TOKENIZER };
enum position_kind { POSITION_NONE, POSITION_LEARNED, POSITION_WAVES, POSITION_ROTARY };
/* What the embedding's norm is of: tokens alone, with positions and types, or behind the
 * projection.
 */
enum embed_normed { NORMED_SUM, NORMED_TOKENS, NORMED_PROJECTED };
enum rope_kind {
    ROPE_PLAIN,
    ROPE_LINEAR,
    ROPE_BANDS,
    ROPE_YARN,
    ROPE_DYNAMIC,  /* by the length of the pass, from max_length on */
    ROPE_LONGROPE, /* one list of factors up to original_length, another beyond it */
};

struct rope {
    enum rope_kind kind;
    double theta, factor;
    uint32_t dim;   /* of each head that is rotated */
    uint32_t first; /* where these begin in a head */
    bool interleaved;
    double low_factor, high_factor; /* bands */
    double beta_fast, beta_slow;    /* yarn */
    bool unrounded;                 /* yarn: the ramp's ends are not rounded to whole dimensions */
    double attention_factor;        /* yarn, longrope; 0: what the rule says */
    double mscale, mscale_all;      /* yarn; both set: the factor is the ratio of what they give */
    uint32_t original_length;       /* bands, yarn, dynamic, longrope */
    const float *short_factors, *long_factors; /* longrope: [dim / 2] each */
};

/* What is added to scores by where query and key stand. */
enum bias_kind {
    BIAS_NONE,
    BIAS_SLOPES,       /* ALiBi: a slope a head times key - query */
    BIAS_SLOPES_BF16,  /* the same as Falcon rounds it: slope times key position, in bf16 */
    BIAS_BUCKETS,      /* T5, MPNet: a learned number a head and bucket of distances */
    BIAS_DISENTANGLED, /* DeBERTa: products of queries and keys with embeddings of distances */
};

/* How slopes go on where the number of heads is no power of two. */
enum slope_order { SLOPES_APPENDED, SLOPES_INTERLEAVED };

struct bias {
    enum bias_kind kind;
    enum slope_order order;
    double slope_max;           /* the exponent of the last slope: 8 */
    uint32_t buckets, distance; /* buckets of distances; the largest that has one of its own */
    bool log_buckets;           /* disentangled: DeBERTa v2's buckets, else plain distances */
    bool query_to_place, key_to_place; /* disentangled: which of the two products there are */
};

/* How experts are chosen, and what their outputs weigh. */
enum routing {
    ROUTE_SOFTMAX,
    ROUTE_SOFTMAX_AFTER, /* of the chosen alone */
    ROUTE_SIGMOID,
    ROUTE_NEAREST, /* one after the other, each by a softmax of those that come near it */
};

struct experts {
    uint32_t n, n_chosen, ffn_width; /* n 0: the model has none */
    uint32_t shared_width;           /* of the expert that every token passes; 0: none */
    uint32_t n_groups, n_groups_chosen, group_best; /* groups are chosen first, by the sum of their
                                                       group_best best experts; 0: no groups */
    enum routing routing;
    bool renormalize; /* the weights of the chosen sum to 1 */
    double scale;     /* of all weights, after that */
    double near;      /* what counts as near: a share of a score's size */
};

/* A recurrence (Mamba): channels, numbers of state a channel, width that steps are made from,
 * tokens that the convolution sees. channels 0: none. Heads (Mamba 2): one step and one decay for
 * so many channels, and what a token brings in and what it reads are convolved beside the channels,
 * for each group of heads. state 0 (LFM2): no recurrence, but a convolution between two gates. */
struct mixing {
    uint32_t channels, state, rank, taps;
    uint32_t heads, groups; /* heads 0: each channel has its own */
    double step_min, step_max;
    enum activation activation;
    bool rates;           /* decays lie in the file as what they mean, -exp(a), not as logarithms */
    uint32_t norm_groups; /* what comes out is normed in so many parts */
    bool corrects;        /* heads bring in what their state does not recall: a gated delta rule */
    bool normed_ungated;  /* ... before the gate, instead of behind it */
    double norm_eps;      /* of steps, of what they bring in, of what is read; 0: not normed */
};

/* A convolution over the embedded tokens, added to what the first layer gives and normed with it
 * (DeBERTa); taps 0: none. */
struct convolution {
    uint32_t taps;
    enum activation activation;
};

/* What a layer has of its own. */
struct layer_spec {
    uint32_t window;            /* 0: none */
    bool rotated, local;        /* local: by the second rope, `sliding_rope` */
    bool sparse;                /* experts in place of one feed-forward part */
    bool attends, mixes, feeds; /* has attention, a recurrence, a feed-forward part */
};

/* A classifier on top: rows are pooled, go through a dense layer and a norm where there are such,
 * and become one number a label. */
struct classifier {
    enum pooling pooling;
    enum activation activation;
    bool many; /* labels don't exclude each other */
    bool late; /* rows go through the dense layer, and are pooled then */
};

/* The parts that a tensor can play. Those from ROLE_FIRST_OF_LAYER on exist once a layer, those
 * from ROLE_FIRST_OF_EXPERT on once an expert of a layer. */
enum role {
    ROLE_EMBED,
    ROLE_POSITION,
    ROLE_TOKEN_TYPE,
    ROLE_TASK_TYPE,
    ROLE_EMBED_NORM,
    ROLE_EMBED_NORM_BIAS,
    ROLE_EMBED_PROJECT,
    ROLE_EMBED_PROJECT_BIAS,
    ROLE_DISTANCES,
    ROLE_DISTANCES_NORM,
    ROLE_DISTANCES_NORM_BIAS,
    ROLE_CONV,
    ROLE_CONV_BIAS,
    ROLE_CONV_NORM,
    ROLE_CONV_NORM_BIAS,
    ROLE_FINAL_NORM,
    ROLE_FINAL_NORM_BIAS,
    ROLE_HEAD_PROJECT,
    ROLE_HEAD,
    ROLE_HEAD_BIAS,
    ROLE_HEAD_DENSE,
    ROLE_HEAD_DENSE_BIAS,
    ROLE_HEAD_NORM,
    ROLE_HEAD_NORM_BIAS,
    ROLE_CLASS_DENSE,
    ROLE_CLASS_DENSE_BIAS,
    ROLE_CLASS_NORM,
    ROLE_CLASS_NORM_BIAS,
    ROLE_CLASS_OUT,
    ROLE_CLASS_OUT_BIAS,
    ROLE_FIRST_OF_LAYER,
    ROLE_ATTN_NORM = ROLE_FIRST_OF_LAYER,
    ROLE_ATTN_NORM_BIAS,
    ROLE_Q_DOWN,
    ROLE_Q_DOWN_BIAS,
    ROLE_Q_DOWN_NORM,
    ROLE_KV_DOWN,
    ROLE_KV_DOWN_BIAS,
    ROLE_KV_DOWN_NORM,
    ROLE_K_SHARED,
    ROLE_K_SHARED_BIAS,
    ROLE_Q,
    ROLE_Q_BIAS,
    ROLE_K,
    ROLE_K_BIAS,
    ROLE_V,
    ROLE_V_BIAS,
    ROLE_Q_NORM,
    ROLE_Q_NORM_BIAS,
    ROLE_K_NORM,
    ROLE_K_NORM_BIAS,
    ROLE_ATTN_GATE,
    ROLE_ATTN_GATE_BIAS,
    ROLE_SINKS,
    ROLE_BUCKETS,
    ROLE_DISTANCE_K,
    ROLE_DISTANCE_K_BIAS,
    ROLE_DISTANCE_Q,
    ROLE_DISTANCE_Q_BIAS,
    ROLE_O,
    ROLE_O_BIAS,
    ROLE_ATTN_OUT_NORM,
    ROLE_ATTN_OUT_NORM_BIAS,
    ROLE_MIX_IN,
    ROLE_MIX_IN_BIAS,
    ROLE_MIX_ENTRY,
    ROLE_MIX_ENTRY_BIAS,
    ROLE_MIX_GATE,
    ROLE_MIX_GATE_BIAS,
    ROLE_MIX_TAPS,
    ROLE_MIX_TAPS_BIAS,
    ROLE_MIX_STEP_DOWN,
    ROLE_MIX_STEP_NORM,
    ROLE_MIX_STEP,
    ROLE_MIX_STEP_BIAS,
    ROLE_MIX_STEP_FROM,
    ROLE_MIX_WEIGHT,
    ROLE_MIX_B,
    ROLE_MIX_B_NORM,
    ROLE_MIX_C,
    ROLE_MIX_C_NORM,
    ROLE_MIX_A,
    ROLE_MIX_D,
    ROLE_MIX_NORM,
    ROLE_MIX_OUT,
    ROLE_MIX_OUT_BIAS,
    ROLE_CROSS_NORM,
    ROLE_CROSS_NORM_BIAS,
    ROLE_CROSS_Q,
    ROLE_CROSS_Q_BIAS,
    ROLE_CROSS_K,
    ROLE_CROSS_K_BIAS,
    ROLE_CROSS_V,
    ROLE_CROSS_V_BIAS,
    ROLE_CROSS_O,
    ROLE_CROSS_O_BIAS,
    ROLE_MLP_NORM,
    ROLE_MLP_NORM_BIAS,
    ROLE_UP,
    ROLE_UP_BIAS,
    ROLE_GATE,
    ROLE_GATE_BIAS,
    ROLE_DOWN,
    ROLE_DOWN_BIAS,
    ROLE_CURVE_ABOVE,
    ROLE_CURVE_BELOW,
    ROLE_CURVE_LINEAR,
    ROLE_CURVE_EDGE,
    ROLE_MLP_OUT_NORM,
    ROLE_MLP_OUT_NORM_BIAS,
    ROLE_ROUTER,
    ROLE_ROUTER_BIAS,
    ROLE_ROUTER_CHOICE_BIAS,
    ROLE_SHARED_UP,
    ROLE_SHARED_UP_BIAS,
    ROLE_SHARED_GATE,
    ROLE_SHARED_GATE_BIAS,
    ROLE_SHARED_DOWN,
    ROLE_SHARED_DOWN_BIAS,
    ROLE_SHARED_WEIGHT,
    ROLE_FIRST_OF_EXPERT,
    ROLE_EXPERT_UP = ROLE_FIRST_OF_EXPERT,
    ROLE_EXPERT_UP_BIAS,
    ROLE_EXPERT_GATE,
    ROLE_EXPERT_GATE_BIAS,
    ROLE_EXPERT_DOWN,
    ROLE_EXPERT_DOWN_BIAS,
    ROLE_N,
};

#define SPEC_MAX_NAMES 4
#define SPEC_MAX_PREFIXES 8
#define SPEC_MAX_IGNORE 32
#define SPEC_MAX_EOS 16
#define SPEC_MAX_SCALES 4

struct role_names {
    const char
        *names[SPEC_MAX_NAMES]; /* spellings, the first that exists counts; '%d' is the layer (its
                                   group, where layers have inner ones, '%i'), '%e' the expert,
                                   '%h' a head of q or k whose norm is a tensor of its own */
    uint32_t n;                 /* 0: this model has no such tensor */
    bool optional;              /* a file may be without it */
    /* Where the tensor holds more than this part: see struct weight_source. */
    bool transposed, part;
    uint32_t from, run, every, pad;
    struct row_scale scales[SPEC_MAX_SCALES]; /* factors of its rows */
    uint32_t n_scales;
};

struct spec {
    const char *name; /* of the description: "llama" */
    uint32_t n_layers, width, n_heads, n_kv_heads, head_dim, ffn_width;
    uint32_t n_vocab;    /* 0 until net.c has seen the embedding */
    uint32_t max_length; /* tokens that the model takes */
    enum length_source length_source;
    uint32_t window;      /* sliding attention window, 0: none */
    uint32_t embed_width; /* of the tables, where a projection stands behind them; else `width` */
    uint32_t value_dim;   /* of a head's values, where they are narrower than its keys */
    uint32_t q_rank,
        kv_rank; /* latent attention: widths that q, and k and v, are made from; 0: none */
    uint32_t inner_layers;  /* layers that a group has of its own, one after the other; 1 */
    uint32_t shared_layers; /* groups in a row with one set of weights; 1 */
    uint32_t n_labels;      /* of the classifier; 0: there is none, or its tensor says how many */
    int32_t pad;            /* learned positions: a token that is not counted; -1: all count */
    uint32_t n_positions,
        position_offset; /* learned positions: rows of the table, number of the first */
    double wave_steps; /* waves: each is 10000 to the power of 1/steps longer than the one before */
    uint32_t n_token_types;
    uint32_t n_task_types; /* a table beside that of types: its first row is every token's */
    bool causal, gated;
    bool curved; /* the activation has learned numbers, a layer its own: see struct learned_curve */
    bool expects_bos; /* no text without BOS was seen in training: without one, scores collapse */
    bool norm_after;  /* after the residual addition (BERT) instead of before the part (Llama) */
    bool norm_before; /* before each part; neither: only what comes out of a part is normed (OLMo 2)
                       */
    bool bare_norm;   /* without gains */
    bool residual_normed; /* the residual goes on from the normed row (BLOOM's option) */
    bool parallel;        /* attention and feed-forward read the same row */
    bool projected_first; /* the projection stands before positions are added (OPT) */
    enum embed_normed embed_normed;
    bool values_rotated;    /* values are rotated as keys are (RoFormer's option) */
    bool heads_normed;      /* q and k are normed head by head; else over all heads at once */
    bool normed_after_rope; /* ... once they have been rotated */
    bool scale_by_layer; /* layer i divides its attention scores by i too, counted from 1 (GPT-2's
                            option) */
    bool has_classifier;
    bool headless;    /* a decoder whose file has no head: it can't score */
    bool permuted_qk; /* rows of q and k in GGUF's interleaved order */
    bool tied;        /* the head is the embedding */
    bool tied_if_missing;
    bool exact; /* a tensor of the file that is in no role is none of this model: it is refused */
    enum norm_kind norm;
    enum activation activation;
    enum pooling pooling; /* how rows become a vector, where the model's file says so; POOL_AUTO */
    enum activation head_activation; /* behind the dense layer before a head, where there is one */
    enum position_kind position;
    struct rope rope, sliding_rope;
    bool has_sliding_rope;
    struct bias bias;
    struct experts experts;
    struct mixing mixing;
    struct convolution convolution;
    struct classifier classifier;
    struct gating gating;
    struct layer_spec *layer; /* [n_layers] */
    double norm_eps, norm_add, embedding_scale, logit_scale, logit_softcap;
    double residual_scale; /* of what a part adds to the residual stream */
    double qkv_clip;       /* q, k and v are cut to this; 0: not */
    enum norm_kind head_norm;
    double attention_scale; /* 0: 1 / sqrt(head_dim) */
    double attention_softcap;
    struct role_names roles[ROLE_N];
    const char *prefixes[SPEC_MAX_PREFIXES]; /* put before names; the one under which the embedding
                                                is found counts */
    uint32_t n_prefixes;
    const char *ignore[SPEC_MAX_IGNORE]; /* endings of tensor names that are known not to matter, or
                                            after a '^' beginnings */
    uint32_t n_ignore;
    int32_t eos[SPEC_MAX_EOS]; /* ids that end a text, from the model's own configuration */
    uint32_t n_eos;
    int32_t bos;          /* -1: not said */
    int32_t start;        /* what a decoder beside an encoder begins with; -1: not said */
    struct spec *decoder; /* of an encoder: what looks at its rows, where the file has one */
};

/* Reads a description's table, as JSON. Strings are copied into the arena. */
MUST_CHECK bool spec_read(
    const json_t *table, struct arena *arena, struct spec *spec, struct err *err);

const char *role_key(
    enum role role); /* "q", "embed_norm_bias": the key in a description's `tensors` */

/* Their words in a description; of several spellings the first. */
const char *activation_name(enum activation activation);
const char *position_name(enum position_kind position);
const char *norm_name(enum norm_kind norm);

/* Width of the rows that a pass ends with: what is pooled, and what goes into a head. */
uint32_t spec_hidden_width(const struct spec *s);

/* Of a recurrence: channels that are convolved, and numbers that a token's slot has for keys and
 * for values. */
uint32_t mixing_convolved(const struct mixing *m);
uint32_t mixing_slot_width(const struct mixing *m);

/* Describes a model: `config` is config.json's object or a GGUF's metadata. arch_file NULL: chosen
 * by model_type. */
struct arch_source {
    const json_t *config;
    bool gguf;
    const struct weights *weights; /* NULL: names of tensors are not known */
    const char *arch_file;
    const char *what; /* for messages: the path of config.json or of the .gguf */
};
MUST_CHECK bool arch_describe(
    const struct arch_source *source, struct arena *arena, struct spec *spec, struct err *err);

/* inv_freq[rope->dim / 2] for a pass of `length` tokens; returns the factor for sin and cos. */
float rope_frequencies(const struct rope *rope, uint32_t length, float *inv_freq);

/* Passes of which lengths share their frequencies: the same number for all that do. */
uint32_t rope_class(const struct rope *rope, uint32_t length);

#endif
