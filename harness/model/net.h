/* The network: a model's weights on a device, and the one forward pass over packed rows.
 *
 * Letters as in backend.h: T packed rows, C width, H query heads, G key and value heads, D head
 * width, F feed-forward width, V vocabulary. net_fill makes every weight,
 * net_reserve_* every buffer; net_forward allocates nothing. */
#ifndef ASSAY_HARNESS_MODEL_NET_H
#define ASSAY_HARNESS_MODEL_NET_H

#include "harness/model/cut.h"
#include "harness/model/spec.h"

/* One of a layer's experts. */
struct expert {
    struct matrix *up, *gate, *down; /* [F, C], [F, C], [C, F] of experts.ffn_width */
    struct vector *up_bias, *gate_bias, *down_bias;
};

/* Members are NULL where the model has no such part. Arrays of floats are on the host. */
struct layer {
    struct vector *attn_norm, *attn_norm_bias;  /* [C] */
    struct matrix *q_down, *kv_down, *k_shared; /* latent attention */
    struct vector *q_down_bias, *kv_down_bias, *k_shared_bias;
    struct vector *q_down_norm, *kv_down_norm;
    struct matrix *q, *k, *v, *o; /* [H*D, C], [G*D, C], [G*D, C], [C, H*D] */
    struct vector *q_bias, *k_bias, *v_bias, *o_bias;
    struct vector *q_norm, *q_norm_bias, *k_norm, *k_norm_bias;
    struct vector *attn_out_norm, *attn_out_norm_bias; /* [C] */
    struct matrix *attn_gate;                          /* [H*D, C] */
    struct vector *attn_gate_bias;
    const float *sinks;                     /* [H] */
    const float *buckets, *by_distance;     /* [buckets, H]; made of these: see attention_bias */
    struct matrix *distance_k, *distance_q; /* [H*D, C]; NULL: distances go through k and q */
    struct vector *distance_k_bias, *distance_q_bias;
    const float *key_places, *query_places; /* made of these: [2 * buckets, H*D] */
    struct matrix *mix_weight;
    struct matrix *mix_in, *mix_entry, *mix_gate, *mix_step_down, *mix_step, *mix_b, *mix_c,
        *mix_out;
    struct vector *mix_in_bias, *mix_entry_bias, *mix_gate_bias, *mix_step_bias, *mix_out_bias;
    struct vector *mix_step_norm, *mix_b_norm, *mix_c_norm, *mix_norm;
    const float *mix_taps, *mix_taps_bias, *mix_step_from, *mix_a, *mix_d;
    struct vector *cross_norm, *cross_norm_bias;          /* [C] */
    struct matrix *cross_q, *cross_k, *cross_v, *cross_o; /* as q, k, v, o */
    struct vector *cross_q_bias, *cross_k_bias, *cross_v_bias, *cross_o_bias;
    struct vector *mlp_norm, *mlp_norm_bias; /* [C] */
    struct matrix *up, *gate, *down;         /* [F, C], [F, C], [C, F] */
    struct vector *up_bias, *gate_bias, *down_bias;
    const float *curve_above, *curve_below, *curve_linear, *curve_edge; /* a number each */
    struct vector *mlp_out_norm, *mlp_out_norm_bias;                    /* [C] */
    struct matrix *router;                                              /* [experts, C] */
    struct vector *router_bias;
    const float *router_choice_bias; /* [experts] */
    struct matrix *shared_up, *shared_gate, *shared_down, *shared_weight;
    struct vector *shared_up_bias, *shared_gate_bias, *shared_down_bias;
    struct expert *experts; /* [experts] */
};

/* What goes through a feed-forward part of one width. */
struct ffn_room {
    struct buffer *gate, *up, *m; /* f32, f32, act: [T, F] */
};

/* Host scratch of routing: lists by row, then by expert. */
struct routes {
    float *logits;     /* [T, experts] */
    uint32_t *experts; /* [T, chosen], rising in a row */
    float *weights;    /* [T, chosen] */
    uint32_t *rows;    /* [T]: of the expert at hand; of all experts together [T * chosen] */
    float *row_weights;
    float *scores; /* [experts] */
    /* of all experts together: where a row's outputs stand, where an expert's begin */
    uint32_t *places, *first;    /* [T, chosen], [experts + 1] */
    struct matmul_group *groups; /* [experts] */
};

struct net {
    struct spec spec;        /* of the device's part, where it has one */
    struct backend *backend; /* closed with the net */
    struct cut cut;
    struct ranks *ranks; /* where it leads several devices' nets; NULL: it is alone, or led */
    struct rotary rotary, sliding_rotary;
    struct attention_bias bias;                  /* what layers share of it */
    struct table *embed, *position, *token_type; /* [V, E], [positions, E], [types, E] */
    struct table *task_type;                     /* [types of tasks, E] */
    struct vector *embed_norm, *embed_norm_bias, *final_norm, *final_norm_bias;
    struct matrix *embed_project; /* [C, E] */
    struct vector *embed_project_bias;
    struct table *distances; /* [2 * buckets, C] */
    struct vector *distances_norm, *distances_norm_bias;
    struct matrix *conv; /* [C, C * taps] */
    struct vector *conv_bias, *conv_norm, *conv_norm_bias;
    struct matrix *head_project; /* [E, C] */
    struct matrix *head_dense;   /* [C, C] */
    struct vector *head_dense_bias, *head_norm, *head_norm_bias;
    struct matrix *head;                    /* [V, C or E], of a part V as cut.vocab has it */
    struct vector *head_bias;               /* [V] */
    struct matrix *class_dense, *class_out; /* [C, C], [labels, C] */
    struct vector *class_dense_bias, *class_norm, *class_norm_bias, *class_out_bias;
    struct layer *layers;
    uint64_t n_parameters; /* elements of the tensors in use; a tied head counts once */
    uint64_t weight_bytes; /* what they take, as they are on the device */
    uint64_t file_bytes;   /* of matrices that stay in their file */
    uint64_t product_bytes, expert_bytes; /* of both, matrices: of all tokens, of experts */

    /* Scratch for n_rows rows. x: residual stream; h: input of matrix products; h_mlp: that of a
     * feed-forward part with a norm of its own beside attention; y: what a part gives before its
     * norm; a: output of attention. */
    uint32_t n_rows;
    struct buffer *x, *h, *x_read, *h_read; /* f32, act, f32, act: [T, C] */
    struct rows head_rows;                  /* what net_forward_head gave last */
    struct buffer *pooled;                  /* f32 [T, C or E] */
    struct buffer *h_mlp, *h_mlp_read, *y;  /* act, act, f32: [T, C] */
    struct buffer *e, *e_act;               /* f32, act: [T, E] */
    struct buffer *attn_gate;               /* f32 [T, H*D] */
    struct buffer *q, *k, *v, *a;           /* f32 [T, H*D], [T, G*D], [T, G*D]; act [T, H*D] */
    struct buffer *conv_in, *conv_y, *conv_y_read; /* act [T, C * taps], f32 [T, C] */
    struct buffer *q_latent, *q_latent_act, *kv_latent, *kv_latent_act, *k_shared;
    struct ffn_room ffn, expert, shared;
    struct buffer *mix_x, *mix_v;                         /* what slots hold: f32 [T, slot width] */
    struct buffer *mixed, *mixed_act;                     /* f32, act [T, channels] */
    struct buffer *mix_low, *mix_low_act, *mix_step;      /* f32, act [T, rank], f32 [T, heads] */
    struct buffer *mix_gate, *mix_b, *mix_c, *mix_c_read; /* mix_c: what rows read of the state */
    struct buffer *expert_h, *experts_y, *router, *shared_weight, *labels;
    int32_t *table_rows; /* [T]: learned positions, token types */
    struct routes routes;
    struct kv_cache *kv, *mix_kv; /* of layers that attend, and of those with a recurrence */
    uint32_t n_slots, n_kv_layers, n_mix_layers;
    uint32_t *cache_layer, *mix_layer; /* [n_layers]: which of these a layer is */
    struct kv_cache *cross_kv;         /* of the encoder's text at hand */
    struct kv_span cross;
    struct segment *cross_segments; /* [T] */
    uint32_t *cross_slots;          /* [T] */
    bool borrows_backend;           /* another net closes it */
    bool keys_done, values_done;    /* as their product gives them: act elements, from the first */
    bool kept;                      /* the step at hand is written down by the device: step_begin */

    float *inv_freq, *sliding_inv_freq;
    const struct tensor *last_copied; /* to the host, and where it lies */
    const float *last_copy;
    uint32_t length_class; /* of the pass that the frequencies are for */
    struct arena arena;    /* names, layers, host scratch */
};

/* The tensors that the spec names, found in the file and held against the shapes that the spec
 * gives them. */
struct net_tensors {
    const struct tensor *global[ROLE_FIRST_OF_LAYER];
    const struct tensor *(*layer)[ROLE_N]; /* [n_layers] */
    const struct tensor *(
        **experts)[ROLE_N - ROLE_FIRST_OF_EXPERT]; /* [n_layers][experts], or NULL */
    const struct weights *weights;
    json_t *extra; /* names of tensors that nothing uses and the description doesn't ignore: an
                      array, the caller's */
};

/* What kind of weight a role is, and the rows and columns that the spec gives it (a vector has 1
 * column). */
enum part_kind { PART_VECTOR, PART_MATRIX, PART_TABLE, PART_HOST };
enum part_kind role_part(enum role role);
void role_shape(const struct spec *s, enum role role, uint32_t *rows, uint32_t *cols);

/* Does the file have this role's tensor (of the first layer)? */
bool net_tensors_have(const struct spec *spec, const struct weights *weights, enum role role);

/* Fills in what only the tensors can say (vocabulary, tied head). Names of missing tensors are in
 * the error. */
MUST_CHECK bool net_tensors_find(struct spec *spec, const struct weights *weights,
    struct arena *arena, struct net_tensors *out, struct err *err);

/* Every tensor in use, with its role; the same one as often as it is used. */
typedef bool tensor_fn(void *arg, enum role role, const struct tensor *t, struct err *err);
MUST_CHECK bool net_tensors_visit(
    const struct spec *s, const struct net_tensors *t, tensor_fn *fn, void *arg, struct err *err);

/* Takes the backend, also on failure. The cut says which part of the model is the net's. Weights
 * come next: of all nets of a backend it is said what they will be, then whether these find room
 * there (ERR_RESOURCE), before one is read. */
MUST_CHECK bool net_open(
    struct net *net, const struct cut *cut, struct backend *backend, struct err *err);
void net_expect(const struct net *net, const struct net_tensors *tensors);
MUST_CHECK bool net_room_check(const struct net *net, struct err *err);
MUST_CHECK bool net_fill(struct net *net, const struct net_tensors *tensors, struct err *err);
void net_close(struct net *net);

/* The spec of the whole model. */
static inline const struct spec *net_whole(const struct net *net) {
    return net->cut.whole ? net->cut.whole : &net->spec;
}

/* Roles whose rows are filled with zeros up to the width of a slot, and how many rows the file has.
 */
bool mixing_is_padded(const struct spec *s, enum role role);
uint32_t mixing_filled(const struct spec *s, enum role role);

/* Says which layer of a cache each layer has. */
void net_caches_count(struct net *net);

/* Bytes of a role's weight as it lies on the device; a table is counted as the same elements. */
uint64_t net_weight_bytes(const struct net *net, enum role role, uint32_t rows, uint32_t cols);

/* Bytes of scratch that a row takes, and of keys and values that a slot takes. */
size_t net_row_bytes(struct net *net);
size_t net_slot_bytes(const struct net *net);

/* Makes scratch for n_rows rows; once. */
MUST_CHECK bool net_reserve_rows(struct net *net, uint32_t n_rows, struct err *err);

/* Makes sure of n_slots slots. An encoder, which never looks back past a step, shares one layer of
 * cache. */
MUST_CHECK bool net_reserve_slots(struct net *net, uint32_t n_slots, struct err *err);

/* Keys and values that the decoder's layers make of an encoder's rows (f32): what follows looks at
 * these. */
MUST_CHECK bool net_cross_reserve(struct net *net, struct err *err);
void net_cross_store(struct net *net, struct rows encoded);

/* Frequencies for passes of this length, where they depend on it. */
void net_set_length(struct net *net, uint32_t length);

/* relative.c: what attention adds by distance, made when the weights are there. */
void net_bias_make(struct net *net);

/* experts.c: x += the chosen experts' outputs, weighed. */
void net_experts(struct net *net, const struct layer *w, struct rows h, struct rows x);
/* forward.c: one feed-forward part into `out`, or added to it. */
struct ffn_part {
    const struct matrix *up, *gate, *down;
    const struct vector *up_bias, *gate_bias, *down_bias;
    const struct learned_curve *curve; /* of what has no gate; NULL: the model's activation */
    struct ffn_room room;
    float scale;
    bool add;
};
void net_ffn(struct net *net, const struct ffn_part *p, struct rows h, struct rows out);

/* What this device has of a sum over all of them becomes the sum. */
void net_sum(struct net *net, struct rows x);

/* FLOPs of one token through all layers, of one attention score with its value in all layers, and
 * of one row of logits: multiplications and additions of matrix products only. */
double net_token_flops(const struct spec *spec);
double net_pair_flops(const struct spec *spec);
double net_logit_flops(const struct spec *spec);

/* One packed run. Rows that are read (in order) are the only ones that go past keys and values in
 * the last layer; their own positions and segments come with them. n_reads = n: all rows are read.
 */
struct step_view {
    uint32_t n, n_segments, n_reads, n_read_segments;
    const int32_t *ids;
    const uint8_t *types; /* of tokens; NULL: all 0 */
    const uint32_t *positions, *slots;
    bool slots_follow; /* each slot is the one behind the last */
    const struct segment *segments;
    const uint32_t *reads;
    const uint32_t *read_positions;
    const struct segment *read_segments;
};

/* Runs the step and returns the rows read after the last layer: f32, final norm applied (for
 * pooling) ... */
struct rows net_forward_hidden(struct net *net, const struct step_view *step);
/* ... or act elements, as the head wants them. */
struct rows net_forward_head(struct net *net, const struct step_view *step);
/* log p of tokens after rows that net_forward_head gave, sorted by row; all logits of some of these
 * rows, on the host [n, V]. */
void net_logprobs(struct net *net, struct rows h, struct target *targets, size_t n);
void net_logits(struct net *net, struct rows h, float *out);
/* Rows through the classifier's dense layer, in place, where it stands before pooling. */
void net_classify_rows(struct net *net, struct rows x);
/* The classifier's numbers of n pooled rows (net->pooled), on the host: [n, labels]. */
void net_classify(struct net *net, uint32_t n, float *out);
/* A step of which nothing is read: the last layer ends with its keys and values. */
void net_forward_keys(struct net *net, const struct step_view *step);

#endif
