/* The network: a model's weights on a device, and the one forward pass over packed rows.
 *
 * Letters as in backend.h: T packed rows, C width, H query heads, G key and value heads, D head
 * width, F feed-forward width, V vocabulary. net_open makes every weight and every buffer;
 * net_forward allocates nothing. */
#ifndef ASSAY_HARNESS_MODEL_NET_H
#define ASSAY_HARNESS_MODEL_NET_H

#include "harness/model/spec.h"

/* Members are NULL where the model has no such part. */
struct layer {
    struct vector *attn_norm, *attn_norm_bias; /* [C] */
    struct matrix *q, *k, *v, *o;              /* [H*D, C], [G*D, C], [G*D, C], [C, H*D] */
    struct vector *q_bias, *k_bias, *v_bias, *o_bias;
    struct vector *mlp_norm, *mlp_norm_bias; /* [C] */
    struct matrix *up, *gate, *down;         /* [F, C], [F, C], [C, F] */
    struct vector *up_bias, *gate_bias, *down_bias;
};

struct net {
    struct spec spec;
    struct backend *backend; /* closed with the net */
    struct rotary rotary;
    struct table *embed, *position, *token_type; /* [V, C], [positions, C], [types, C] */
    struct vector *embed_norm, *embed_norm_bias, *final_norm, *final_norm_bias; /* [C] */
    struct matrix *head;                                                        /* [V, C] */
    struct vector *head_bias;                                                   /* [V] */
    struct layer *layers;
    uint64_t n_parameters; /* elements of the tensors in use; a tied head counts once */
    uint64_t weight_bytes; /* what they take, as they are on the device */

    /* Scratch for n_rows rows. x: residual stream; h: input of matrix products; a: output of
     * attention. */
    uint32_t n_rows;
    struct buffer *x, *h, *x_read, *h_read, *pooled; /* f32, act, f32, act, f32: [T, C] */
    struct buffer *q, *k, *v, *a; /* f32 [T, H*D], [T, G*D], [T, G*D]; act [T, H*D] */
    struct buffer *gate, *up, *m; /* f32, f32, act: [T, F] */
    int32_t *table_rows;          /* [T]: learned positions, token types */
    struct kv_cache *kv;
    uint32_t n_slots, n_kv_layers;

    float *inv_freq;
    struct arena arena; /* names, layers, host scratch */
};

/* The tensors that the spec names, found in the file and held against the shapes that the spec
 * gives them. */
struct net_tensors {
    const struct tensor *global[ROLE_FIRST_OF_LAYER];
    const struct tensor *(*layer)[ROLE_N]; /* [n_layers] */
    const struct weights *weights;
    json_t *extra; /* names of tensors that nothing uses and the description doesn't ignore: an
                      array, the caller's */
};

/* What kind of weight a role is, and the rows and columns that the spec gives it (a vector has 1
 * column). */
enum part_kind { PART_VECTOR, PART_MATRIX, PART_TABLE };
enum part_kind role_part(enum role role);
void role_shape(const struct spec *s, enum role role, uint32_t *rows, uint32_t *cols);

/* Fills in what only the tensors can say (vocabulary, tied head). Names of missing tensors are in
 * the error. */
MUST_CHECK bool net_tensors_find(struct spec *spec, const struct weights *weights,
    struct arena *arena, struct net_tensors *out, struct err *err);

/* Takes the backend, also on failure. */
MUST_CHECK bool net_open(struct net *net, const struct spec *spec,
    const struct net_tensors *tensors, struct backend *backend, struct err *err);
void net_close(struct net *net);

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
    const uint32_t *positions, *slots;
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
/* A step of which nothing is read: the last layer ends with its keys and values. */
void net_forward_keys(struct net *net, const struct step_view *step);

#endif
