/* Puts the weights on the device and makes scratch: every role of the spec through one table that
 * says where it lives. */
#include "harness/model/net.h"

/* Where a role's weight is kept: in struct net, or in struct layer from ROLE_FIRST_OF_LAYER on. */
#define GLOBAL(member) offsetof(struct net, member)
#define LAYER(member) offsetof(struct layer, member)
static const size_t places[ROLE_N] = {
    [ROLE_EMBED] = GLOBAL(embed),
    [ROLE_POSITION] = GLOBAL(position),
    [ROLE_TOKEN_TYPE] = GLOBAL(token_type),
    [ROLE_EMBED_NORM] = GLOBAL(embed_norm),
    [ROLE_EMBED_NORM_BIAS] = GLOBAL(embed_norm_bias),
    [ROLE_FINAL_NORM] = GLOBAL(final_norm),
    [ROLE_FINAL_NORM_BIAS] = GLOBAL(final_norm_bias),
    [ROLE_HEAD] = GLOBAL(head),
    [ROLE_HEAD_BIAS] = GLOBAL(head_bias),
    [ROLE_ATTN_NORM] = LAYER(attn_norm),
    [ROLE_ATTN_NORM_BIAS] = LAYER(attn_norm_bias),
    [ROLE_Q] = LAYER(q),
    [ROLE_Q_BIAS] = LAYER(q_bias),
    [ROLE_K] = LAYER(k),
    [ROLE_K_BIAS] = LAYER(k_bias),
    [ROLE_V] = LAYER(v),
    [ROLE_V_BIAS] = LAYER(v_bias),
    [ROLE_O] = LAYER(o),
    [ROLE_O_BIAS] = LAYER(o_bias),
    [ROLE_MLP_NORM] = LAYER(mlp_norm),
    [ROLE_MLP_NORM_BIAS] = LAYER(mlp_norm_bias),
    [ROLE_UP] = LAYER(up),
    [ROLE_UP_BIAS] = LAYER(up_bias),
    [ROLE_GATE] = LAYER(gate),
    [ROLE_GATE_BIAS] = LAYER(gate_bias),
    [ROLE_DOWN] = LAYER(down),
    [ROLE_DOWN_BIAS] = LAYER(down_bias),
};

uint64_t net_weight_bytes(const struct net *net, enum role role, uint32_t rows, uint32_t cols) {
    bool bf16 = net->backend->ops->caps(net->backend)->act == ELEM_BF16;
    return role_part(role) == PART_VECTOR ? (uint64_t)rows * sizeof(float)
                                          : (uint64_t)rows * cols * (bf16 ? 2 : 4);
}

static bool weight_make(
    struct net *net, enum role role, const struct tensor *t, void *base, struct err *err) {
    const struct spec *s = &net->spec;
    struct backend *b = net->backend;
    uint32_t rows, cols;
    role_shape(s, role, &rows, &cols);
    struct weight_source source = { .tensor = t };
    if (s->permuted_qk && role == ROLE_Q)
        source.permute_heads = s->n_heads;
    if (s->permuted_qk && role == ROLE_K)
        source.permute_heads = s->n_kv_heads;
    void *made = NULL;
    switch (role_part(role)) {
    case PART_TABLE:
        made = b->ops->table(b, &source, rows, cols, err);
        break;
    case PART_MATRIX:
        made = b->ops->matrix(b, &source, rows, cols, err);
        break;
    case PART_VECTOR:
        made = b->ops->vector(b, &source, rows, err);
        break;
    }
    *(void **)((char *)base + places[role]) = made;
    net->n_parameters += t->n_elements;
    net->weight_bytes += role_part(role) == PART_TABLE
                             ? t->bytes /* read where it lies in the file */
                             : net_weight_bytes(net, role, rows, cols);
    return made || err_wrap(err, "tensor '%.128s'", t->name);
}

/* The head where it is the embedding: a copy packed for products. */
static bool tied_head_make(struct net *net, const struct tensor *embed, struct err *err) {
    const struct spec *s = &net->spec;
    struct weight_source source = { .tensor = embed };
    net->head = net->backend->ops->matrix(net->backend, &source, s->n_vocab, s->width, err);
    net->weight_bytes += net_weight_bytes(net, ROLE_HEAD, s->n_vocab, s->width);
    return net->head != NULL;
}

/* What has been packed need not lie in memory as pages of its file too. */
static bool weights_make(struct net *net, const struct net_tensors *tensors, struct err *err) {
    const struct spec *s = &net->spec;
    for (int r = 0; r < ROLE_FIRST_OF_LAYER; r++)
        if (tensors->global[r] && !weight_make(net, (enum role)r, tensors->global[r], net, err))
            return false;
    for (uint32_t l = 0; l < s->n_layers; l++)
        for (int r = ROLE_FIRST_OF_LAYER; r < ROLE_N; r++) {
            const struct tensor *t = tensors->layer[l][r];
            if (t && !weight_make(net, (enum role)r, t, &net->layers[l], err))
                return false;
            if (t)
                weights_forget(tensors->weights, t);
        }
    const struct tensor *embed = tensors->global[ROLE_EMBED], *head = tensors->global[ROLE_HEAD];
    bool ok = !s->causal || !s->tied || tied_head_make(net, embed, err);
    weights_forget(tensors->weights, embed);
    if (head)
        weights_forget(tensors->weights, head);
    return ok;
}

bool net_open(struct net *net, const struct spec *spec, const struct net_tensors *tensors,
    struct backend *backend, struct err *err) {
    *net = (struct net) { .spec = *spec, .backend = backend };
    net->layers = arena_alloc(&net->arena, spec->n_layers * sizeof *net->layers);
    net->n_kv_layers = spec->causal ? spec->n_layers : 1;
    if (spec->position == POSITION_ROTARY) {
        net->inv_freq = arena_alloc(&net->arena, spec->rope.dim / 2 * sizeof *net->inv_freq);
        net->rotary = (struct rotary) {
            .rotary_dim = spec->rope.dim,
            .inv_freq = net->inv_freq,
            .interleaved = spec->rope.interleaved,
            .scale = rope_frequencies(&spec->rope, net->inv_freq),
        };
    }
    return weights_make(net, tensors, err);
}

void net_close(struct net *net) {
    if (net->backend)
        net->backend->ops->close(net->backend);
    free(net->table_rows);
    arena_release(&net->arena);
    *net = (struct net) { 0 };
}

/* ---- scratch ---- */

/* Every buffer with its width: the one list for sizes and for making them. */
struct scratch {
    struct buffer **buffer;
    uint32_t cols;
    enum elem elem;
};
enum { N_SCRATCH = 12 };

static void scratch_list(struct net *net, struct scratch out[N_SCRATCH]) {
    const struct spec *s = &net->spec;
    enum elem act = net->backend->ops->caps(net->backend)->act;
    uint32_t c = s->width, q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    uint32_t gated = s->gated ? s->ffn_width : 0;
    const struct scratch list[N_SCRATCH] = {
        { &net->x, c, ELEM_F32 },
        { &net->h, c, act },
        { &net->x_read, c, ELEM_F32 },
        { &net->h_read, c, act },
        { &net->pooled, c, ELEM_F32 },
        { &net->q, q, ELEM_F32 },
        { &net->k, kv, ELEM_F32 },
        { &net->v, kv, ELEM_F32 },
        { &net->a, q, act },
        { &net->gate, gated, ELEM_F32 },
        { &net->up, gated, ELEM_F32 },
        { &net->m, s->ffn_width, act },
    };
    for (int i = 0; i < N_SCRATCH; i++)
        out[i] = list[i];
}

size_t net_row_bytes(struct net *net) {
    struct scratch list[N_SCRATCH];
    size_t bytes = sizeof *net->table_rows;
    scratch_list(net, list);
    for (int i = 0; i < N_SCRATCH; i++)
        bytes += (size_t)list[i].cols * (list[i].elem == ELEM_F32 ? 4 : 2);
    return bytes;
}

size_t net_slot_bytes(const struct net *net) {
    return net->backend->ops->kv_bytes_per_slot(
        net->backend, net->n_kv_layers, net->spec.n_kv_heads * net->spec.head_dim);
}

bool net_reserve_rows(struct net *net, uint32_t n_rows, struct err *err) {
    struct scratch list[N_SCRATCH];
    BUG_IF(net->n_rows != 0);
    scratch_list(net, list);
    for (int i = 0; i < N_SCRATCH; i++) {
        if (list[i].cols == 0)
            continue;
        *list[i].buffer =
            net->backend->ops->buffer(net->backend, n_rows, list[i].cols, list[i].elem, err);
        if (!*list[i].buffer)
            return err_wrap(err, "scratch for %u rows", n_rows);
    }
    net->table_rows = xcalloc(n_rows, sizeof *net->table_rows);
    net->n_rows = n_rows;
    return true;
}

bool net_reserve_slots(struct net *net, uint32_t n_slots, struct err *err) {
    if (n_slots <= net->n_slots)
        return true;
    if (net->kv && net->backend->ops->kv_free)
        net->backend->ops->kv_free(net->backend, net->kv);
    net->kv = NULL;
    net->n_slots = 0;
    struct kv_cache *kv = net->backend->ops->kv_cache(
        net->backend, net->n_kv_layers, n_slots, net->spec.n_kv_heads * net->spec.head_dim, err);
    if (!kv)
        return err_wrap(err, "keys and values of %u tokens", n_slots);
    net->kv = kv;
    net->n_slots = n_slots;
    return true;
}

/* ---- counting ---- */

double net_token_flops(const struct spec *s) {
    double c = s->width, q = (double)s->n_heads * s->head_dim,
           kv = (double)s->n_kv_heads * s->head_dim;
    return 2.0 * s->n_layers * (2 * c * q + 2 * c * kv + (s->gated ? 3 : 2) * c * s->ffn_width);
}

double net_pair_flops(const struct spec *s) {
    return 4.0 * s->n_layers * s->n_heads * s->head_dim;
}

double net_logit_flops(const struct spec *s) {
    return 2.0 * s->width * s->n_vocab;
}
