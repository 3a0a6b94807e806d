/* Puts the weights on the device and makes scratch: every role of the spec through one table that
 * says where it lives. */
#include "harness/model/ranks.h"

#include <math.h>

/* Where a role's weight is kept: in struct net, in struct layer from ROLE_FIRST_OF_LAYER on, in
 * struct expert from ROLE_FIRST_OF_EXPERT on. */
#define GLOBAL(member) offsetof(struct net, member)
#define LAYER(member) offsetof(struct layer, member)
#define EXPERT(member) offsetof(struct expert, member)
static const size_t places[ROLE_N] = {
    [ROLE_EMBED] = GLOBAL(embed),
    [ROLE_POSITION] = GLOBAL(position),
    [ROLE_TOKEN_TYPE] = GLOBAL(token_type),
    [ROLE_TASK_TYPE] = GLOBAL(task_type),
    [ROLE_EMBED_NORM] = GLOBAL(embed_norm),
    [ROLE_EMBED_NORM_BIAS] = GLOBAL(embed_norm_bias),
    [ROLE_EMBED_PROJECT] = GLOBAL(embed_project),
    [ROLE_EMBED_PROJECT_BIAS] = GLOBAL(embed_project_bias),
    [ROLE_DISTANCES] = GLOBAL(distances),
    [ROLE_DISTANCES_NORM] = GLOBAL(distances_norm),
    [ROLE_DISTANCES_NORM_BIAS] = GLOBAL(distances_norm_bias),
    [ROLE_CONV] = GLOBAL(conv),
    [ROLE_CONV_BIAS] = GLOBAL(conv_bias),
    [ROLE_CONV_NORM] = GLOBAL(conv_norm),
    [ROLE_CONV_NORM_BIAS] = GLOBAL(conv_norm_bias),
    [ROLE_FINAL_NORM] = GLOBAL(final_norm),
    [ROLE_FINAL_NORM_BIAS] = GLOBAL(final_norm_bias),
    [ROLE_HEAD_PROJECT] = GLOBAL(head_project),
    [ROLE_HEAD_DENSE] = GLOBAL(head_dense),
    [ROLE_HEAD_DENSE_BIAS] = GLOBAL(head_dense_bias),
    [ROLE_HEAD_NORM] = GLOBAL(head_norm),
    [ROLE_HEAD_NORM_BIAS] = GLOBAL(head_norm_bias),
    [ROLE_HEAD] = GLOBAL(head),
    [ROLE_HEAD_BIAS] = GLOBAL(head_bias),
    [ROLE_CLASS_DENSE] = GLOBAL(class_dense),
    [ROLE_CLASS_DENSE_BIAS] = GLOBAL(class_dense_bias),
    [ROLE_CLASS_NORM] = GLOBAL(class_norm),
    [ROLE_CLASS_NORM_BIAS] = GLOBAL(class_norm_bias),
    [ROLE_CLASS_OUT] = GLOBAL(class_out),
    [ROLE_CLASS_OUT_BIAS] = GLOBAL(class_out_bias),
    [ROLE_ATTN_NORM] = LAYER(attn_norm),
    [ROLE_ATTN_NORM_BIAS] = LAYER(attn_norm_bias),
    [ROLE_Q_DOWN] = LAYER(q_down),
    [ROLE_Q_DOWN_BIAS] = LAYER(q_down_bias),
    [ROLE_Q_DOWN_NORM] = LAYER(q_down_norm),
    [ROLE_KV_DOWN] = LAYER(kv_down),
    [ROLE_KV_DOWN_BIAS] = LAYER(kv_down_bias),
    [ROLE_KV_DOWN_NORM] = LAYER(kv_down_norm),
    [ROLE_K_SHARED] = LAYER(k_shared),
    [ROLE_K_SHARED_BIAS] = LAYER(k_shared_bias),
    [ROLE_Q] = LAYER(q),
    [ROLE_Q_BIAS] = LAYER(q_bias),
    [ROLE_K] = LAYER(k),
    [ROLE_K_BIAS] = LAYER(k_bias),
    [ROLE_V] = LAYER(v),
    [ROLE_V_BIAS] = LAYER(v_bias),
    [ROLE_Q_NORM] = LAYER(q_norm),
    [ROLE_Q_NORM_BIAS] = LAYER(q_norm_bias),
    [ROLE_K_NORM] = LAYER(k_norm),
    [ROLE_K_NORM_BIAS] = LAYER(k_norm_bias),
    [ROLE_ATTN_GATE] = LAYER(attn_gate),
    [ROLE_ATTN_GATE_BIAS] = LAYER(attn_gate_bias),
    [ROLE_SINKS] = LAYER(sinks),
    [ROLE_BUCKETS] = LAYER(buckets),
    [ROLE_DISTANCE_K] = LAYER(distance_k),
    [ROLE_DISTANCE_K_BIAS] = LAYER(distance_k_bias),
    [ROLE_DISTANCE_Q] = LAYER(distance_q),
    [ROLE_DISTANCE_Q_BIAS] = LAYER(distance_q_bias),
    [ROLE_O] = LAYER(o),
    [ROLE_O_BIAS] = LAYER(o_bias),
    [ROLE_ATTN_OUT_NORM] = LAYER(attn_out_norm),
    [ROLE_ATTN_OUT_NORM_BIAS] = LAYER(attn_out_norm_bias),
    [ROLE_MIX_IN] = LAYER(mix_in),
    [ROLE_MIX_IN_BIAS] = LAYER(mix_in_bias),
    [ROLE_MIX_ENTRY] = LAYER(mix_entry),
    [ROLE_MIX_ENTRY_BIAS] = LAYER(mix_entry_bias),
    [ROLE_MIX_GATE] = LAYER(mix_gate),
    [ROLE_MIX_GATE_BIAS] = LAYER(mix_gate_bias),
    [ROLE_MIX_TAPS] = LAYER(mix_taps),
    [ROLE_MIX_TAPS_BIAS] = LAYER(mix_taps_bias),
    [ROLE_MIX_STEP_DOWN] = LAYER(mix_step_down),
    [ROLE_MIX_STEP_NORM] = LAYER(mix_step_norm),
    [ROLE_MIX_STEP] = LAYER(mix_step),
    [ROLE_MIX_STEP_BIAS] = LAYER(mix_step_bias),
    [ROLE_MIX_STEP_FROM] = LAYER(mix_step_from),
    [ROLE_MIX_WEIGHT] = LAYER(mix_weight),
    [ROLE_MIX_B] = LAYER(mix_b),
    [ROLE_MIX_B_NORM] = LAYER(mix_b_norm),
    [ROLE_MIX_C] = LAYER(mix_c),
    [ROLE_MIX_C_NORM] = LAYER(mix_c_norm),
    [ROLE_MIX_A] = LAYER(mix_a),
    [ROLE_MIX_D] = LAYER(mix_d),
    [ROLE_MIX_NORM] = LAYER(mix_norm),
    [ROLE_MIX_OUT] = LAYER(mix_out),
    [ROLE_MIX_OUT_BIAS] = LAYER(mix_out_bias),
    [ROLE_CROSS_NORM] = LAYER(cross_norm),
    [ROLE_CROSS_NORM_BIAS] = LAYER(cross_norm_bias),
    [ROLE_CROSS_Q] = LAYER(cross_q),
    [ROLE_CROSS_Q_BIAS] = LAYER(cross_q_bias),
    [ROLE_CROSS_K] = LAYER(cross_k),
    [ROLE_CROSS_K_BIAS] = LAYER(cross_k_bias),
    [ROLE_CROSS_V] = LAYER(cross_v),
    [ROLE_CROSS_V_BIAS] = LAYER(cross_v_bias),
    [ROLE_CROSS_O] = LAYER(cross_o),
    [ROLE_CROSS_O_BIAS] = LAYER(cross_o_bias),
    [ROLE_MLP_NORM] = LAYER(mlp_norm),
    [ROLE_MLP_NORM_BIAS] = LAYER(mlp_norm_bias),
    [ROLE_UP] = LAYER(up),
    [ROLE_UP_BIAS] = LAYER(up_bias),
    [ROLE_GATE] = LAYER(gate),
    [ROLE_GATE_BIAS] = LAYER(gate_bias),
    [ROLE_DOWN] = LAYER(down),
    [ROLE_DOWN_BIAS] = LAYER(down_bias),
    [ROLE_CURVE_ABOVE] = LAYER(curve_above),
    [ROLE_CURVE_BELOW] = LAYER(curve_below),
    [ROLE_CURVE_LINEAR] = LAYER(curve_linear),
    [ROLE_CURVE_EDGE] = LAYER(curve_edge),
    [ROLE_MLP_OUT_NORM] = LAYER(mlp_out_norm),
    [ROLE_MLP_OUT_NORM_BIAS] = LAYER(mlp_out_norm_bias),
    [ROLE_ROUTER] = LAYER(router),
    [ROLE_ROUTER_BIAS] = LAYER(router_bias),
    [ROLE_ROUTER_CHOICE_BIAS] = LAYER(router_choice_bias),
    [ROLE_SHARED_UP] = LAYER(shared_up),
    [ROLE_SHARED_UP_BIAS] = LAYER(shared_up_bias),
    [ROLE_SHARED_GATE] = LAYER(shared_gate),
    [ROLE_SHARED_GATE_BIAS] = LAYER(shared_gate_bias),
    [ROLE_SHARED_DOWN] = LAYER(shared_down),
    [ROLE_SHARED_DOWN_BIAS] = LAYER(shared_down_bias),
    [ROLE_SHARED_WEIGHT] = LAYER(shared_weight),
    [ROLE_EXPERT_UP] = EXPERT(up),
    [ROLE_EXPERT_UP_BIAS] = EXPERT(up_bias),
    [ROLE_EXPERT_GATE] = EXPERT(gate),
    [ROLE_EXPERT_GATE_BIAS] = EXPERT(gate_bias),
    [ROLE_EXPERT_DOWN] = EXPERT(down),
    [ROLE_EXPERT_DOWN_BIAS] = EXPERT(down_bias),
};

/* Weights that stay in `act` elements where others have eight bits: their products decide between
 * neighbours (tokens, labels, experts), or are factors of a recurrence, whose errors add up over a
 * text. */
static bool is_precise(enum role role) {
    switch (role) {
    case ROLE_HEAD:
    case ROLE_CLASS_OUT:
    case ROLE_ROUTER:
    case ROLE_SHARED_WEIGHT:
    case ROLE_MIX_STEP_DOWN:
    case ROLE_MIX_STEP:
    case ROLE_MIX_WEIGHT:
    case ROLE_MIX_B:
    case ROLE_MIX_C:
        return true;
    default:
        return false;
    }
}

/* In eight bits, a row has a factor and a sum beside its numbers. */
uint64_t net_weight_bytes(const struct net *net, enum role role, uint32_t rows, uint32_t cols) {
    const struct backend_caps *caps = net->backend->ops->caps(net->backend);
    bool matrix = role_part(role) == PART_MATRIX, packed = matrix || role_part(role) == PART_TABLE;
    if (matrix && caps->packed == ELEM_INT8 && !is_precise(role))
        return (uint64_t)rows * (cols + 2 * sizeof(float));
    return (uint64_t)rows * cols * (packed && caps->act == ELEM_BF16 ? 2 : 4);
}

/* A table that is read where it lies in the file is pages of the file, which nobody counts. */
static void table_count(struct net *net, const struct table *t, uint64_t bytes) {
    const struct backend_ops *ops = net->backend->ops;
    bool known = ops->table_size != NULL && t != NULL;
    net->weight_bytes += known ? ops->table_size(net->backend, t).memory : bytes;
}

/* Weights that products read are what a step costs however few its tokens are. */
static void matrix_count(struct net *net, enum role role, const struct matrix *m, uint64_t bytes) {
    const struct backend_ops *ops = net->backend->ops;
    struct matrix_size size = { .memory = bytes };
    if (ops->matrix_size != NULL && m != NULL)
        size = ops->matrix_size(net->backend, m);
    net->weight_bytes += size.memory;
    net->file_bytes += size.file;
    *(role >= ROLE_FIRST_OF_EXPERT ? &net->expert_bytes : &net->product_bytes) +=
        size.memory + size.file;
}

/* Is it the gain of a norm, which may be stored as w - 1? */
static bool is_gain(enum role role) {
    switch (role) {
    case ROLE_EMBED_NORM:
    case ROLE_FINAL_NORM:
    case ROLE_ATTN_NORM:
    case ROLE_Q_NORM:
    case ROLE_K_NORM:
    case ROLE_ATTN_OUT_NORM:
    case ROLE_CROSS_NORM:
    case ROLE_MLP_NORM:
    case ROLE_MLP_OUT_NORM:
        return true;
    default:
        return false;
    }
}

/* Where in its tensor the role's weight lies, as far as it is the net's. */
static struct weight_source source_of(
    const struct net *net, enum role role, const struct tensor *t, uint32_t expert) {
    const struct spec *s = net_whole(net);
    const struct role_names *names = &s->roles[role];
    struct weight_source source = { .tensor = t,
        .transpose = names->transposed,
        .row = names->from,
        .run = names->run,
        .every = names->every,
        .pad = names->pad,
        .scales = names->scales,
        .n_scales = names->n_scales,
        .add = is_gain(role) ? (float)s->norm_add : 0,
        .precise = is_precise(role),
        .part = cut_part(&net->cut, role) };
    bool vector = role_part(role) == PART_VECTOR;
    if (role >= ROLE_FIRST_OF_EXPERT && t->n_dims == (vector ? 2 : 3))
        source.slice = expert + 1;
    if (s->permuted_qk && (role == ROLE_Q || role == ROLE_Q_BIAS))
        source.permute_heads = s->n_heads;
    if (s->permuted_qk && (role == ROLE_K || role == ROLE_K_BIAS))
        source.permute_heads = s->n_kv_heads;
    if (mixing_is_padded(s, role)) {
        source.run = source.every = mixing_filled(s, role);
        source.pad = mixing_slot_width(&s->mixing) - source.run;
    }
    if (s->value_dim < s->head_dim && role == ROLE_O) {
        source.run_columns = s->value_dim;
        source.pad_columns = s->head_dim - s->value_dim;
    }
    return source;
}

/* The whole tensor as it is, on the host; one copy where layer after layer names the same. Decays
 * are kept as logarithms, whichever way the file has them. */
static const float *host_copy(struct net *net, enum role role, const struct tensor *t) {
    if (t == net->last_copied)
        return net->last_copy;
    float *copy = arena_alloc(&net->arena, t->n_elements * sizeof *copy);
    tensor_read_f32(t, 0, t->n_elements, copy);
    for (size_t i = 0; role == ROLE_MIX_A && net->spec.mixing.rates && i < t->n_elements; i++)
        copy[i] = logf(-copy[i]);
    net->last_copied = t;
    net->last_copy = copy;
    return copy;
}

/* A norm's gain can be one for all heads or one for each: the tensor says which. */
static uint32_t vector_length(
    const struct tensor *t, const struct weight_source *source, uint32_t n) {
    return source->run == 0 && source->row == 0 && source->slice == 0 && t->n_elements > n &&
                   t->n_dims == 2
               ? (uint32_t)t->n_elements
               : n;
}

/* How many of these numbers are the net's; the source says then where they lie. */
static uint32_t vector_part(
    const struct net *net, enum role role, struct weight_source *source, uint32_t rows) {
    uint32_t n = vector_length(source->tensor, source, rows);
    if (!is_cut(&net->cut) || n == rows)
        return n;
    struct share share = cut_of_heads(&net->cut, role);
    source->part = (struct weight_part) { .row = share.from, .of_rows = n };
    return share.n;
}

/* Numbers of the host's that are one a head are those of the net's heads. */
static const float *host_make(struct net *net, enum role role, const struct tensor *t) {
    const float *all = host_copy(net, role, t);
    return role == ROLE_SINKS ? all + net->cut.heads.from : all;
}

static bool weight_make(struct net *net, enum role role, const struct tensor *t, uint32_t expert,
    void *base, struct err *err) {
    const struct spec *s = net_whole(net);
    struct backend *b = net->backend;
    uint32_t rows, cols, of_rows, of_cols;
    if (!cut_has(&net->cut, role))
        return true;
    role_shape(s, role, &of_rows, &of_cols);
    cut_shape(&net->cut, role, &rows, &cols);
    struct weight_source source = source_of(net, role, t, expert);
    const void *made = NULL;
    switch (role_part(role)) {
    case PART_TABLE:
        made = b->ops->table(b, &source, rows, cols, err);
        break;
    case PART_MATRIX:
        made = b->ops->matrix(b, &source, rows, cols, err);
        break;
    case PART_VECTOR:
        made = b->ops->vector(b, &source, vector_part(net, role, &source, rows), err);
        break;
    case PART_HOST:
        made = host_make(net, role, t);
        break;
    }
    *(const void **)((char *)base + places[role]) = made;
    bool part = source.slice || s->roles[role].part;
    net->n_parameters += part ? (uint64_t)of_rows * of_cols : t->n_elements;
    uint64_t bytes = net_weight_bytes(net, role, rows, cols);
    if (role_part(role) == PART_MATRIX)
        matrix_count(net, role, made, bytes);
    else if (role_part(role) == PART_TABLE)
        table_count(net, made, bytes);
    else
        net->weight_bytes += bytes;
    return made || err_wrap(err, "tensor '%.128s'", t->name);
}

/* The head where it is the embedding: a copy packed for products. */
static bool has_tied_head(const struct spec *s) {
    return s->causal && s->tied;
}

static struct weight_source tied_head_source(const struct net *net, const struct tensor *embed) {
    return (struct weight_source) {
        .tensor = embed, .precise = is_precise(ROLE_HEAD), .part = cut_part(&net->cut, ROLE_HEAD)
    };
}

static bool tied_head_make(struct net *net, const struct tensor *embed, struct err *err) {
    uint32_t rows = net->cut.vocab.n, cols = spec_hidden_width(&net->spec);
    struct weight_source source = tied_head_source(net, embed);
    net->head = net->backend->ops->matrix(net->backend, &source, rows, cols, err);
    matrix_count(net, ROLE_HEAD, net->head, net_weight_bytes(net, ROLE_HEAD, rows, cols));
    return net->head != NULL;
}

static bool experts_make(
    struct net *net, const struct net_tensors *tensors, uint32_t l, struct err *err) {
    struct layer *layer = &net->layers[l];
    uint32_t n = net->spec.experts.n;
    layer->experts = arena_alloc(&net->arena, n * sizeof *layer->experts);
    for (uint32_t e = 0; e < n; e++)
        for (int r = ROLE_FIRST_OF_EXPERT; r < ROLE_N; r++) {
            const struct tensor *t = tensors->experts[l][e][r - ROLE_FIRST_OF_EXPERT];
            if (t && !weight_make(net, (enum role)r, t, e, &layer->experts[e], err))
                return false;
        }
    for (uint32_t e = 0; e < n; e++)
        for (int r = ROLE_FIRST_OF_EXPERT; r < ROLE_N; r++)
            if (tensors->experts[l][e][r - ROLE_FIRST_OF_EXPERT])
                weights_forget(tensors->weights, tensors->experts[l][e][r - ROLE_FIRST_OF_EXPERT]);
    return true;
}

/* A layer that shares its weights with that of the group before it has no more of its own. */
static bool layer_is_shared(const struct spec *s, uint32_t l) {
    return l / s->inner_layers % s->shared_layers != 0;
}

static bool layer_make(
    struct net *net, const struct net_tensors *tensors, uint32_t l, struct err *err) {
    if (layer_is_shared(&net->spec, l)) {
        net->layers[l] = net->layers[l - net->spec.inner_layers];
        return true;
    }
    for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_FIRST_OF_EXPERT; r++) {
        const struct tensor *t = tensors->layer[l][r];
        if (t && !weight_make(net, (enum role)r, t, 0, &net->layers[l], err))
            return false;
    }
    for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_FIRST_OF_EXPERT; r++)
        if (tensors->layer[l][r])
            weights_forget(tensors->weights, tensors->layer[l][r]);
    return !tensors->experts[l] || experts_make(net, tensors, l, err);
}

/* What has been packed need not lie in memory as pages of its file too. */
bool net_fill(struct net *net, const struct net_tensors *tensors, struct err *err) {
    const struct spec *s = &net->spec;
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        if (tensors->global[r] && !weight_make(net, (enum role)r, tensors->global[r], 0, net, err))
            return false;
    for (uint32_t l = 0; l < s->n_layers; l++)
        if (!layer_make(net, tensors, l, err))
            return false;
    const struct tensor *embed = tensors->global[ROLE_EMBED], *head = tensors->global[ROLE_HEAD];
    bool ok = !has_tied_head(s) || tied_head_make(net, embed, err);
    weights_forget(tensors->weights, embed);
    if (head)
        weights_forget(tensors->weights, head);
    return ok;
}

static void rotary_make(
    struct net *net, const struct rope *rope, struct rotary *rotary, float **inv_freq) {
    if (!*inv_freq)
        *inv_freq = arena_alloc(&net->arena, rope->dim / 2 * sizeof **inv_freq);
    *rotary = (struct rotary) {
        .rotary_dim = rope->dim,
        .first = rope->first,
        .inv_freq = *inv_freq,
        .interleaved = rope->interleaved,
        .scale = rope_frequencies(rope, net->length_class, *inv_freq),
    };
}

static void rotaries_make(struct net *net) {
    const struct spec *s = &net->spec;
    if (s->position != POSITION_ROTARY)
        return;
    rotary_make(net, &s->rope, &net->rotary, &net->inv_freq);
    if (s->has_sliding_rope)
        rotary_make(net, &s->sliding_rope, &net->sliding_rotary, &net->sliding_inv_freq);
}

static void length_set(struct net *net, uint32_t length) {
    net->length_class = rope_class(&net->spec.rope, length);
    rotaries_make(net);
}

/* What the model needs of a device beyond what every device has. */
static unsigned abilities_needed(const struct spec *s) {
    unsigned can = 0;
    bool out_norms = s->roles[ROLE_ATTN_OUT_NORM].n > 0 || s->roles[ROLE_MLP_OUT_NORM].n > 0;
    can |= s->heads_normed && s->roles[ROLE_Q_NORM].n > 0 ? CAN_HEAD_NORMS : 0;
    can |= s->bias.kind != BIAS_NONE ? CAN_BIAS : 0;
    can |= s->roles[ROLE_SINKS].n > 0 ? CAN_SINKS : 0;
    bool gated = s->gating.limit > 0 || s->gating.alpha > 0 || s->roles[ROLE_ATTN_GATE].n > 0;
    can |= gated ? CAN_GATING : 0;
    can |= out_norms || s->qkv_clip > 0 || s->kv_rank > 0 ? CAN_ADD : 0;
    can |= s->experts.n > 0 ? CAN_EXPERTS : 0;
    can |= s->mixing.channels > 0 ? CAN_RECUR : 0;
    can |= s->roles[ROLE_CROSS_Q].n > 0 ? CAN_CROSS : 0;
    can |= s->rope.first > 0 ? CAN_ROTARY_INNER : 0;
    can |= s->convolution.taps > 0 ? CAN_UNFOLD : 0;
    can |= s->curved ? CAN_CURVE : 0;
    return can;
}

static bool abilities_check(const struct spec *s, struct backend *b, struct err *err) {
    static const char *const names[] = { "norms of heads", "attention biases", "attention sinks",
        "gates of its own kind", "norms behind a part", "experts", "a rotation inside heads",
        "attention to an encoder", "a recurrence", "a convolution",
        "an activation with learned numbers" };
    unsigned lacks = abilities_needed(s) & ~b->ops->caps(b)->can;
    if (!lacks)
        return true;
    err_set(err, ERR_UNSUPPORTED, "the model has %s, which %s cannot run yet",
        names[__builtin_ctz(lacks)], b->ops->caps(b)->name);
    return err_hint(err, "use --device cpu");
}

/* ---- what is to come ---- */

static void weight_expect(
    const struct net *net, enum role role, const struct tensor *t, uint32_t expert) {
    static const enum weight_kind kinds[] = {
        [PART_VECTOR] = WEIGHT_VECTOR, [PART_MATRIX] = WEIGHT_MATRIX, [PART_TABLE] = WEIGHT_TABLE
    };
    enum part_kind part = role_part(role);
    uint32_t rows, cols;
    if (!t || part == PART_HOST || !cut_has(&net->cut, role))
        return;
    cut_shape(&net->cut, role, &rows, &cols);
    struct weight_source source = source_of(net, role, t, expert);
    if (part == PART_VECTOR)
        rows = vector_part(net, role, &source, rows);
    net->backend->ops->expect(net->backend, kinds[part], &source, rows, cols);
}

static void layer_expect(const struct net *net, const struct net_tensors *tensors, uint32_t l) {
    for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_FIRST_OF_EXPERT; r++)
        weight_expect(net, (enum role)r, tensors->layer[l][r], 0);
    for (uint32_t e = 0; tensors->experts[l] && e < net->spec.experts.n; e++)
        for (int r = ROLE_FIRST_OF_EXPERT; r < ROLE_N; r++)
            weight_expect(net, (enum role)r, tensors->experts[l][e][r - ROLE_FIRST_OF_EXPERT], e);
}

void net_expect(const struct net *net, const struct net_tensors *tensors) {
    const struct spec *s = &net->spec;
    if (!net->backend->ops->expect)
        return;
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        weight_expect(net, (enum role)r, tensors->global[r], 0);
    for (uint32_t l = 0; l < s->n_layers; l++)
        if (!layer_is_shared(s, l))
            layer_expect(net, tensors, l);
    if (has_tied_head(s)) {
        struct weight_source source = tied_head_source(net, tensors->global[ROLE_EMBED]);
        net->backend->ops->expect(
            net->backend, WEIGHT_MATRIX, &source, net->cut.vocab.n, spec_hidden_width(s));
    }
}

bool net_room_check(const struct net *net, struct err *err) {
    const struct backend_ops *ops = net->backend->ops;
    bool own = ops->memory_free && ops->expected;
    uint64_t least = own ? ops->expected(net->backend) : 0,
             room = own ? ops->memory_free(net->backend) : 0;
    if (least <= room)
        return true;
    err_set(err, ERR_RESOURCE, "the weights take %llu MiB%s, and %s has %llu MiB free",
        (unsigned long long)(least >> 20) + 1, is_cut(&net->cut) ? " of each device" : "",
        ops->caps(net->backend)->name, (unsigned long long)(room >> 20));
    return err_hint(err,
        "use --device cpu, a smaller --dtype, a device with more memory, or several "
        "with --tensor-parallel");
}

/* Layers of an encoder share one: it never looks back past a step. */
void net_caches_count(struct net *net) {
    const struct spec *s = &net->spec;
    net->cache_layer = arena_alloc(&net->arena, s->n_layers * sizeof *net->cache_layer);
    net->mix_layer = arena_alloc(&net->arena, s->n_layers * sizeof *net->mix_layer);
    net->n_kv_layers = s->causal ? 0 : 1;
    net->n_mix_layers = 0;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        net->cache_layer[l] = s->causal ? net->n_kv_layers : 0;
        net->mix_layer[l] = net->n_mix_layers;
        net->n_kv_layers += s->causal && s->layer[l].attends ? 1 : 0;
        net->n_mix_layers += s->layer[l].mixes ? 1 : 0;
    }
}

bool net_open(struct net *net, const struct cut *cut, struct backend *backend, struct err *err) {
    *net = (struct net) { .spec = cut_spec(cut), .backend = backend, .cut = *cut };
    net->layers = arena_alloc(&net->arena, net->spec.n_layers * sizeof *net->layers);
    net_caches_count(net);
    rotaries_make(net);
    return abilities_check(&net->spec, backend, err);
}

void net_close(struct net *net) {
    ranks_close(net->ranks);
    if (net->backend && !net->borrows_backend)
        net->backend->ops->close(net->backend);
    free(net->cross_segments);
    free(net->cross_slots);
    free(net->table_rows);
    free(net->routes.logits);
    free(net->routes.experts);
    free(net->routes.weights);
    free(net->routes.rows);
    free(net->routes.row_weights);
    free(net->routes.scores);
    free(net->routes.places);
    free(net->routes.first);
    free(net->routes.groups);
    arena_release(&net->arena);
    *net = (struct net) { 0 };
}

void net_sum(struct net *net, struct rows x) {
    if (is_cut(&net->cut))
        net->backend->ops->all_reduce(net->backend, x);
}

/* ---- scratch ---- */

/* Every buffer with its width: the one list for sizes and for making them. */
struct scratch {
    struct buffer **buffer;
    uint32_t cols;
    enum elem elem;
};
enum { N_SCRATCH = 50 };

/* `width` where the model has such a part. */
static uint32_t where(bool has, uint32_t width) {
    return has ? width : 0;
}

/* Queries that go from their product to attention as they are come in the device's elements. */
static enum elem queries_elem(const struct net *net) {
    const struct spec *s = &net->spec;
    const struct backend_caps *caps = net->backend->ops->caps(net->backend);
    bool done = (caps->can & CAN_ACT_QUERIES) && s->qkv_clip <= 0 && s->roles[ROLE_Q_NORM].n == 0 &&
                s->bias.kind != BIAS_DISENTANGLED;
    for (uint32_t l = 0; l < s->n_layers; l++)
        done = done && !s->layer[l].rotated;
    return done ? caps->act : ELEM_F32;
}

/* Values, and keys, that go from their product into the cache as they are: in the device's elements
 * whether they are made there or come by kv_store, for a product that gives other elements may be
 * another algorithm. */
static bool values_done(const struct net *net) {
    return net->backend->ops->kv_values && net->spec.qkv_clip <= 0 && !net->spec.values_rotated;
}

static bool keys_done(const struct net *net) {
    const struct spec *s = &net->spec;
    bool done = net->backend->ops->kv_keys && s->qkv_clip <= 0 && s->roles[ROLE_K_NORM].n == 0 &&
                s->roles[ROLE_K_SHARED].n == 0;
    for (uint32_t l = 0; l < s->n_layers; l++)
        done = done && !s->layer[l].rotated;
    return done;
}

/* Rows that go through experts at once, for one of a step: all that it chose, where the device
 * takes experts together. */
static uint32_t expert_rows(const struct net *net) {
    return net->backend->ops->matmul_groups ? net->spec.experts.n_chosen : 1;
}

static void scratch_list(struct net *net, struct scratch out[N_SCRATCH]) {
    const struct spec *s = &net->spec;
    const struct experts *x = &s->experts;
    enum elem act = net->backend->ops->caps(net->backend)->act;
    const struct mixing *m = &s->mixing;
    bool heads = m->heads > 0, attends = net->n_kv_layers > 0;
    uint32_t c = s->width, q = where(attends, s->n_heads * s->head_dim),
             kv = where(attends, s->n_kv_heads * s->head_dim);
    uint32_t slot = where(m->channels > 0, mixing_slot_width(m));
    uint32_t read = heads || m->state == 0 ? mixing_convolved(m) : m->state;
    uint32_t taps = s->convolution.taps, curved = where(s->curved, s->ffn_width);
    bool beside = s->parallel && s->roles[ROLE_MLP_NORM].n > 0,
         out_norm = s->roles[ROLE_ATTN_OUT_NORM].n > 0 || s->roles[ROLE_MLP_OUT_NORM].n > 0;
    bool projects = s->roles[ROLE_EMBED_PROJECT].n > 0 || s->roles[ROLE_HEAD_PROJECT].n > 0;
    bool sums = is_cut(&net->cut);
    uint32_t narrow = where(projects, s->embed_width);
    const struct scratch list[N_SCRATCH] = {
        { &net->x, c, ELEM_F32 },
        { &net->h, c, act },
        { &net->x_read, c, ELEM_F32 },
        { &net->h_read, c, act },
        { &net->h_mlp, where(beside, c), act },
        { &net->h_mlp_read, where(beside, c), act },
        { &net->y, where(out_norm || x->n > 0 || sums, c), ELEM_F32 },
        { &net->pooled, spec_hidden_width(s), ELEM_F32 },
        { &net->e, narrow, ELEM_F32 },
        { &net->e_act, narrow, act },
        { &net->conv_in, taps * c, act },
        { &net->conv_y, where(taps > 0, c), ELEM_F32 },
        { &net->conv_y_read, where(taps > 0, c), ELEM_F32 },
        { &net->q_latent, s->q_rank, ELEM_F32 },
        { &net->q_latent_act, s->q_rank, act },
        { &net->kv_latent, s->kv_rank, ELEM_F32 },
        { &net->kv_latent_act, s->kv_rank, act },
        { &net->k_shared, where(s->roles[ROLE_K_SHARED].n > 0, s->rope.dim), ELEM_F32 },
        { &net->q, q, queries_elem(net) },
        { &net->k, kv, keys_done(net) ? act : ELEM_F32 },
        { &net->v, kv, values_done(net) ? act : ELEM_F32 },
        { &net->a, q, act },
        { &net->attn_gate, where(s->roles[ROLE_ATTN_GATE].n > 0, q), ELEM_F32 },
        { &net->ffn.gate, where(s->gated, s->ffn_width), ELEM_F32 },
        { &net->ffn.up, s->gated ? s->ffn_width : curved, ELEM_F32 },
        { &net->ffn.m, s->ffn_width, act },
        { &net->expert.gate, where(s->gated, x->ffn_width), ELEM_F32 },
        { &net->expert.up, where(s->gated, x->ffn_width), ELEM_F32 },
        { &net->expert.m, x->ffn_width, act },
        { &net->shared.gate, where(s->gated, x->shared_width), ELEM_F32 },
        { &net->shared.up, where(s->gated, x->shared_width), ELEM_F32 },
        { &net->shared.m, x->shared_width, act },
        { &net->mix_x, slot, ELEM_F32 },
        { &net->mix_v, slot, ELEM_F32 },
        { &net->mixed, m->channels, ELEM_F32 },
        { &net->mixed_act, m->channels, act },
        { &net->mix_low, m->rank, ELEM_F32 },
        { &net->mix_low_act, m->rank, act },
        { &net->mix_step, m->heads, ELEM_F32 },
        { &net->mix_gate, m->channels, ELEM_F32 },
        { &net->mix_b, m->corrects ? m->groups * m->state : where(!heads, m->state), ELEM_F32 },
        { &net->mix_c, read, ELEM_F32 },
        { &net->mix_c_read, read, ELEM_F32 },
        { &net->expert_h, where(x->n > 0, c), act },
        { &net->experts_y, where(x->n > 0 && (s->roles[ROLE_MLP_OUT_NORM].n > 0 || sums), c),
            ELEM_F32 },
        { &net->router, x->n, ELEM_F32 },
        { &net->shared_weight, where(s->roles[ROLE_SHARED_WEIGHT].n > 0, 1), ELEM_F32 },
        { &net->labels, where(s->has_classifier, s->n_labels), ELEM_F32 },
    };
    for (int i = 0; i < N_SCRATCH; i++)
        out[i] = list[i];
}

/* Rows of a buffer for one of a step. */
static uint32_t rows_each(const struct net *net, const struct scratch *s) {
    struct buffer *const *const of_experts[] = { &net->y, &net->expert.gate, &net->expert.up,
        &net->expert.m, &net->expert_h };
    uint32_t each = expert_rows(net);
    for (size_t i = 0; i < sizeof of_experts / sizeof *of_experts; i++)
        if (s->buffer == of_experts[i])
            return each > 1 ? each : 1;
    return 1;
}

static size_t scratch_row(const struct net *net, const struct scratch *s) {
    return (size_t)s->cols * rows_each(net, s) * (s->elem == ELEM_F32 ? 4 : 2);
}

/* Bytes of the host's lists for a row. */
static size_t host_row_bytes(const struct net *net) {
    const struct experts *x = &net->spec.experts;
    return sizeof *net->table_rows + x->n * sizeof(float) +
           where(x->n > 0, x->n_chosen + 1) * (sizeof(uint32_t) + sizeof(float)) +
           (size_t)where(x->n > 0, 2 * (expert_rows(net) - 1)) * sizeof(uint32_t);
}

size_t net_row_bytes(struct net *net) {
    struct scratch list[N_SCRATCH];
    size_t bytes = host_row_bytes(net);
    scratch_list(net, list);
    uint32_t widest = 0;
    for (int i = 0; i < N_SCRATCH; i++) {
        bytes += scratch_row(net, &list[i]);
        widest = list[i].cols > widest ? list[i].cols : widest;
    }
    if (net->backend->ops->caps(net->backend)->packed == ELEM_INT8)
        bytes += (size_t)widest * 2 + sizeof(float); /* a row in eight bits, and its factor */
    return bytes;
}

static void routes_make(struct net *net, uint32_t n_rows) {
    const struct experts *x = &net->spec.experts;
    struct routes *r = &net->routes;
    if (x->n == 0)
        return;
    r->logits = xcalloc((size_t)n_rows * x->n, sizeof *r->logits);
    r->experts = xcalloc((size_t)n_rows * x->n_chosen, sizeof *r->experts);
    r->weights = xcalloc((size_t)n_rows * x->n_chosen, sizeof *r->weights);
    r->rows = xcalloc((size_t)n_rows * expert_rows(net), sizeof *r->rows);
    r->row_weights = xcalloc(n_rows, sizeof *r->row_weights);
    r->scores = xcalloc((size_t)2 * x->n, sizeof *r->scores);
    if (net->backend->ops->matmul_groups == NULL)
        return;
    r->places = xcalloc((size_t)n_rows * x->n_chosen, sizeof *r->places);
    r->first = xcalloc((size_t)x->n + 1, sizeof *r->first);
    r->groups = xcalloc(x->n, sizeof *r->groups);
}

size_t net_slot_bytes(const struct net *net) {
    const struct spec *s = &net->spec;
    size_t mix = net->n_mix_layers == 0 ? 0
                                        : net->backend->ops->kv_bytes_per_slot(net->backend,
                                              net->n_mix_layers, mixing_slot_width(&s->mixing));
    return mix + net->backend->ops->kv_bytes_per_slot(
                     net->backend, net->n_kv_layers, s->n_kv_heads * s->head_dim);
}

/* A device that wants to makes all of scratch at once. */
static bool scratch_reserve(
    struct net *net, const struct scratch list[N_SCRATCH], uint32_t n_rows, struct err *err) {
    size_t bytes = 0;
    uint32_t n = 0;
    for (int i = 0; i < N_SCRATCH; i++) {
        bytes += n_rows * scratch_row(net, &list[i]);
        n += list[i].cols > 0;
    }
    const struct backend_ops *ops = net->backend->ops;
    return !ops->reserve || ops->reserve(net->backend, n, bytes, err) ||
           err_wrap(err, "scratch for %u rows", n_rows);
}

static bool rows_reserve(struct net *net, uint32_t n_rows, struct err *err) {
    struct scratch list[N_SCRATCH];
    BUG_IF(net->n_rows != 0);
    net->keys_done = keys_done(net);
    net->values_done = values_done(net);
    scratch_list(net, list);
    if (!scratch_reserve(net, list, n_rows, err))
        return false;
    for (int i = 0; i < N_SCRATCH; i++) {
        if (!list[i].buffer || list[i].cols == 0)
            continue;
        *list[i].buffer = net->backend->ops->buffer(
            net->backend, n_rows * rows_each(net, &list[i]), list[i].cols, list[i].elem, err);
        if (!*list[i].buffer)
            return err_wrap(err, "scratch for %u rows", n_rows);
    }
    net->table_rows = xcalloc(n_rows, sizeof *net->table_rows);
    routes_make(net, n_rows);
    net->n_rows = n_rows;
    net_bias_make(net);
    return true;
}

bool net_cross_reserve(struct net *net, struct err *err) {
    const struct spec *s = &net->spec;
    net->cross_kv = net->backend->ops->kv_cache(
        net->backend, s->n_layers, net->n_rows, s->n_kv_heads * s->head_dim, err);
    net->cross_segments = xcalloc(net->n_rows, sizeof *net->cross_segments);
    net->cross_slots = xcalloc(net->n_rows, sizeof *net->cross_slots);
    for (uint32_t i = 0; i < net->n_rows; i++)
        net->cross_slots[i] = i;
    return net->cross_kv || err_wrap(err, "an encoder's rows");
}

/* A cache in place of another; none where no layer needs it. */
static bool cache_renew(struct net *net, struct kv_cache **kv, uint32_t n_layers, uint32_t width,
    uint32_t n_slots, struct err *err) {
    if (*kv && net->backend->ops->kv_free)
        net->backend->ops->kv_free(net->backend, *kv);
    *kv = NULL;
    if (n_layers == 0)
        return true;
    *kv = net->backend->ops->kv_cache(net->backend, n_layers, n_slots, width, err);
    return *kv || err_wrap(err, "keys and values of %u tokens", n_slots);
}

static bool slots_reserve(struct net *net, uint32_t n_slots, struct err *err) {
    const struct spec *s = &net->spec;
    if (n_slots <= net->n_slots)
        return true;
    net->n_slots = 0;
    if (!cache_renew(net, &net->kv, net->n_kv_layers, s->n_kv_heads * s->head_dim, n_slots, err) ||
        !cache_renew(
            net, &net->mix_kv, net->n_mix_layers, mixing_slot_width(&s->mixing), n_slots, err))
        return false;
    net->n_slots = n_slots;
    return true;
}

/* ---- of all devices ---- */

static bool rows_reserve_each(struct net *net, void *arg, struct err *err) {
    return rows_reserve(net, *(uint32_t *)arg, err);
}

bool net_reserve_rows(struct net *net, uint32_t n_rows, struct err *err) {
    return ranks_each(net, rows_reserve_each, &n_rows, err);
}

static bool slots_reserve_each(struct net *net, void *arg, struct err *err) {
    return slots_reserve(net, *(uint32_t *)arg, err);
}

bool net_reserve_slots(struct net *net, uint32_t n_slots, struct err *err) {
    return ranks_each(net, slots_reserve_each, &n_slots, err);
}

static bool length_set_each(struct net *net, void *arg, struct err *err) {
    (void)err;
    length_set(net, *(uint32_t *)arg);
    return true;
}

void net_set_length(struct net *net, uint32_t length) {
    uint32_t class = rope_class(&net->spec.rope, length);
    if (class != net->length_class)
        (void)!ranks_each(net, length_set_each, &length, NULL);
}

/* ---- counting ---- */

/* Of a recurrence: into it, its gate and out of it, and what steps and states are made with. */
static double mixing_macs(const struct spec *s) {
    const struct mixing *m = &s->mixing;
    double c = s->width, n = m->channels;
    if (m->state == 0)
        return 4 * c * n;
    if (m->heads > 0)
        return c * (2 * n + mixing_convolved(m) + (m->corrects ? 2 : 1) * m->heads);
    return 3 * c * n + 2 * n * (m->rank + m->state);
}

/* Multiplications of one token in layer l. */
static double layer_macs(const struct spec *s, uint32_t l) {
    double c = s->width, q = (double)s->n_heads * s->head_dim,
           kv = (double)s->n_kv_heads * s->head_dim, products = s->gated ? 3 : 2;
    const struct experts *x = &s->experts;
    double from_q = s->q_rank ? s->q_rank : c, from_kv = s->kv_rank ? s->kv_rank : c;
    const struct layer_spec *layer = &s->layer[l];
    double mixing = layer->mixes ? mixing_macs(s) : 0;
    double attention =
        layer->attends ? c * q + from_q * q + 2 * from_kv * kv + c * s->q_rank + c * s->kv_rank : 0;
    if (layer->attends && s->roles[ROLE_ATTN_GATE].n > 0)
        attention += c * q;
    double ffn = layer->sparse
                     ? (double)x->n_chosen * x->ffn_width + x->shared_width + x->n / products
                     : s->ffn_width;
    return mixing + attention + (layer->feeds ? products * c * ffn : 0);
}

double net_token_flops(const struct spec *s) {
    double c = s->width, macs = c * c * s->convolution.taps;
    for (uint32_t l = 0; l < s->n_layers; l++)
        macs += layer_macs(s, l);
    return 2 * macs;
}

double net_pair_flops(const struct spec *s) {
    double layers = 0;
    for (uint32_t l = 0; l < s->n_layers; l++)
        layers += s->layer[l].attends ? 1 : 0;
    return 4.0 * layers * s->n_heads * s->head_dim;
}

double net_logit_flops(const struct spec *s) {
    double c = s->width, dense = s->roles[ROLE_HEAD_DENSE].n > 0 ? c * c : 0;
    return 2 * (dense + (double)spec_hidden_width(s) * s->n_vocab);
}
