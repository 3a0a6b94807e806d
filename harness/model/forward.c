/* The forward pass: one, for every architecture. Optional parts are NULL in the weights and
 * skipped.
 *
 * Rows of one step may attend to each other in any depth: keys and values of all rows are stored
 * before a layer attends, so a question can stand in the same step as the preamble that it
 * continues. */
#include "harness/model/net.h"

static struct rows part(struct buffer *buf, uint32_t n) {
    return (struct rows) { .buf = buf, .n = n };
}

static void norm(struct net *net, const struct vector *gain, const struct vector *bias,
    struct rows x, struct rows out) {
    net->backend->ops->norm(
        net->backend, net->spec.norm, gain, bias, (float)net->spec.norm_eps, x, out);
}

static void matmul(struct net *net, const struct matrix *w, const struct vector *bias,
    struct rows x, struct rows out) {
    net->backend->ops->matmul(net->backend, w, x, out, &(struct epilogue) { .bias = bias });
}

/* x += h · wᵀ + bias */
static void matmul_add(struct net *net, const struct matrix *w, const struct vector *bias,
    struct rows h, struct rows x) {
    net->backend->ops->matmul(
        net->backend, w, h, x, &(struct epilogue) { .bias = bias, .accumulate = true });
}

static void rotate(struct net *net, const uint32_t *positions, uint32_t n_heads, struct rows x) {
    if (net->spec.position == POSITION_ROTARY)
        net->backend->ops->rotate(
            net->backend, &net->rotary, positions, n_heads, net->spec.head_dim, x);
}

static void embed(struct net *net, const struct step_view *step, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    const struct spec *s = &net->spec;
    ops->gather(net->backend, net->embed, step->ids, (float)s->embedding_scale, false, x);
    if (net->position) {
        for (uint32_t i = 0; i < step->n; i++)
            net->table_rows[i] = (int32_t)(step->positions[i] + s->position_offset);
        ops->gather(net->backend, net->position, net->table_rows, 1, true, x);
    }
    if (net->token_type) {
        for (uint32_t i = 0; i < step->n; i++)
            net->table_rows[i] = 0;
        ops->gather(net->backend, net->token_type, net->table_rows, 1, true, x);
    }
    if (net->embed_norm)
        norm(net, net->embed_norm, net->embed_norm_bias, x, x);
}

/* What goes into a part: the residual stream, under the part's norm where norms stand before. */
static void part_input(struct net *net, const struct vector *gain, const struct vector *bias,
    struct rows x, struct rows h) {
    if (net->spec.norm_after)
        net->backend->ops->convert(net->backend, x, h);
    else
        norm(net, gain, bias, x, h);
}

static void part_output(
    struct net *net, const struct vector *gain, const struct vector *bias, struct rows x) {
    if (net->spec.norm_after)
        norm(net, gain, bias, x, x);
}

static void keys_and_values(
    struct net *net, uint32_t l, const struct step_view *step, struct rows h) {
    const struct layer *w = &net->layers[l];
    struct rows k = part(net->k, step->n), v = part(net->v, step->n);
    matmul(net, w->k, w->k_bias, h, k);
    matmul(net, w->v, w->v_bias, h, v);
    rotate(net, step->positions, net->spec.n_kv_heads, k);
    net->backend->ops->kv_store(net->backend, net->kv, l % net->n_kv_layers, step->slots, k, v);
}

/* x += attention(h), for rows at these positions in these segments. */
static void attention(struct net *net, uint32_t l, const uint32_t *positions,
    const struct segment *segments, uint32_t n_segments, struct rows h, struct rows x) {
    const struct spec *s = &net->spec;
    const struct layer *w = &net->layers[l];
    const struct attention how = {
        .n_heads = s->n_heads,
        .n_kv_heads = s->n_kv_heads,
        .head_dim = s->head_dim,
        .scale = (float)s->attention_scale,
        .causal = s->causal,
        .window = s->window,
        .softcap = (float)s->attention_softcap,
    };
    struct rows q = part(net->q, h.n), a = part(net->a, h.n);
    matmul(net, w->q, w->q_bias, h, q);
    rotate(net, positions, s->n_heads, q);
    net->backend->ops->attend(
        net->backend, &how, net->kv, l % net->n_kv_layers, segments, n_segments, q, a);
    matmul_add(net, w->o, w->o_bias, a, x);
}

/* x += feed-forward(h) */
static void feed_forward(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows m = part(net->m, h.n);
    if (net->spec.gated) {
        struct rows gate = part(net->gate, h.n), up = part(net->up, h.n);
        matmul(net, w->gate, w->gate_bias, h, gate);
        matmul(net, w->up, w->up_bias, h, up);
        ops->gate(net->backend, net->spec.activation, gate, up, m);
    } else {
        ops->matmul(net->backend, w->up, h, m,
            &(struct epilogue) { .bias = w->up_bias, .activation = net->spec.activation });
    }
    matmul_add(net, w->down, w->down_bias, m, x);
}

/* All layers; the rows read of the residual stream. */
static struct rows layers(struct net *net, const struct step_view *step) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows x = part(net->x, step->n), h = part(net->h, step->n);
    const uint32_t *positions = step->positions;
    const struct segment *segments = step->segments;
    uint32_t n_segments = step->n_segments;
    embed(net, step, x);
    for (uint32_t l = 0; l < net->spec.n_layers; l++) {
        const struct layer *w = &net->layers[l];
        part_input(net, w->attn_norm, w->attn_norm_bias, x, h);
        keys_and_values(net, l, step, h);
        bool last = l + 1 == net->spec.n_layers;
        if (last && step->n_reads == 0)
            break;
        if (last && step->n_reads < step->n) {
            struct rows x_read = part(net->x_read, step->n_reads);
            struct rows h_read = part(net->h_read, step->n_reads);
            ops->pick(net->backend, x, step->reads, x_read);
            ops->pick(net->backend, h, step->reads, h_read);
            x = x_read, h = h_read, positions = step->read_positions;
            segments = step->read_segments, n_segments = step->n_read_segments;
        }
        attention(net, l, positions, segments, n_segments, h, x);
        part_output(net, w->attn_norm, w->attn_norm_bias, x);
        part_input(net, w->mlp_norm, w->mlp_norm_bias, x, h);
        feed_forward(net, w, h, x);
        part_output(net, w->mlp_norm, w->mlp_norm_bias, x);
    }
    return x;
}

struct rows net_forward_hidden(struct net *net, const struct step_view *step) {
    struct rows x = layers(net, step);
    if (net->final_norm)
        norm(net, net->final_norm, net->final_norm_bias, x, x);
    return x;
}

struct rows net_forward_head(struct net *net, const struct step_view *step) {
    struct rows x = layers(net, step), h = part(net->h, x.n);
    if (net->final_norm)
        norm(net, net->final_norm, net->final_norm_bias, x, h);
    else
        net->backend->ops->convert(net->backend, x, h);
    return h;
}

void net_forward_keys(struct net *net, const struct step_view *step) {
    BUG_IF(step->n_reads != 0);
    layers(net, step);
}
