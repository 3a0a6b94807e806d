/* The forward pass: one, for every architecture. Optional parts are NULL in the weights and
 * skipped.
 *
 * Rows of one step may attend to each other in any depth: keys and values of all rows are stored
 * before a layer attends, so a question can stand in the same step as the preamble that it
 * continues. */
#include "harness/model/ranks.h"

#include <math.h>
#include <string.h>

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

/* What a product becomes: added to the residual stream, or normed first where a norm stands behind
 * the part. */
struct landing {
    const struct vector *norm, *norm_bias;
    struct rows x;
    bool partial; /* it is this device's part of a sum */
};

/* Several devices add up what they have of the product before it lands. */
static void matmul_land(struct net *net, const struct matrix *w, const struct vector *bias,
    struct rows h, const struct landing *to) {
    float scale = (float)net->spec.residual_scale;
    if (!to->norm && !to->partial) {
        net->backend->ops->matmul(net->backend, w, h, to->x,
            &(struct epilogue) { .bias = bias, .scale = scale, .accumulate = true });
        return;
    }
    struct rows y = part(net->y, h.n);
    matmul(net, w, bias, h, y);
    if (to->partial)
        net_sum(net, y);
    if (to->norm)
        norm(net, to->norm, to->norm_bias, y, y);
    net->backend->ops->add(net->backend, scale, y, to->x);
}

/* Rows that go on in a layer, and where they stand. */
struct standing {
    const uint32_t *positions;
    const struct segment *segments;
    uint32_t n_segments;
};

/* The streams of a layer: what is computed of all rows, and from the last layer's attention on of
 * those that are read. */
struct stream {
    struct rows mix_c;  /* of a recurrence: what rows read of the state */
    struct rows conv_y; /* what the convolution over embedded tokens gave */
    struct rows x, h,
        h_mlp; /* h_mlp: where feed-forward reads beside attention, by a norm of its own */
    struct standing at;
};

/* ---- embedding ---- */

/* The row of the table for each position; tokens that are not counted stand before the first. */
static void position_rows(struct net *net, const struct step_view *step) {
    const struct spec *s = &net->spec;
    for (uint32_t i = 0; i < step->n; i++)
        net->table_rows[i] = (int32_t)(step->positions[i] + s->position_offset);
    if (s->pad < 0)
        return;
    for (uint32_t g = 0; g < step->n_segments; g++) {
        const struct segment *seg = &step->segments[g];
        int32_t next = (int32_t)(seg->position + s->position_offset);
        for (uint32_t i = seg->row; i < seg->row + seg->n; i++)
            net->table_rows[i] = step->ids[i] == s->pad ? (int32_t)s->position_offset - 1 : next++;
    }
}

static void gather_rows(struct net *net, const struct table *table, struct rows x) {
    net->backend->ops->gather(net->backend, table, net->table_rows, 1, true, x);
}

static void embed_beside(struct net *net, const struct step_view *step, struct rows x) {
    if (net->position) {
        position_rows(net, step);
        gather_rows(net, net->position, x);
    }
    if (net->token_type) {
        for (uint32_t i = 0; i < step->n; i++)
            net->table_rows[i] = step->types ? step->types[i] : 0;
        gather_rows(net, net->token_type, x);
    }
    if (net->task_type) {
        memset(net->table_rows, 0, step->n * sizeof *net->table_rows);
        gather_rows(net, net->task_type, x);
    }
}

static void embed_norm(struct net *net, struct rows x) {
    if (net->embed_norm)
        norm(net, net->embed_norm, net->embed_norm_bias, x, x);
}

static void embed(struct net *net, const struct step_view *step, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    const struct spec *s = &net->spec;
    bool narrow = net->embed_project != NULL, first = narrow && s->projected_first;
    bool last = narrow && (first || s->embed_normed == NORMED_PROJECTED);
    struct rows e = narrow ? part(net->e, step->n) : x;
    ops->gather(net->backend, net->embed, step->ids, (float)s->embedding_scale, false, e);
    if (s->embed_normed == NORMED_TOKENS)
        embed_norm(net, e);
    if (!first)
        embed_beside(net, step, e);
    if (!last && s->embed_normed != NORMED_TOKENS)
        embed_norm(net, e);
    if (!narrow)
        return;
    struct rows act = part(net->e_act, step->n);
    ops->convert(net->backend, e, act);
    matmul(net, net->embed_project, net->embed_project_bias, act, x);
    if (first)
        embed_beside(net, step, x);
    if (last)
        embed_norm(net, x);
}

/* ---- attention ---- */

/* What goes into a part: the residual stream, under the part's norm where norms stand before. */
static void part_input(struct net *net, const struct vector *gain, const struct vector *bias,
    struct rows x, struct rows h) {
    const struct spec *s = &net->spec;
    bool before = s->norm_before && (gain || s->bare_norm); /* a layer may be without */
    if (before && !s->residual_normed) {
        norm(net, gain, bias, x, h);
        return;
    }
    if (before)
        norm(net, gain, bias, x, x);
    net->backend->ops->convert(net->backend, x, h);
}

static void part_output(
    struct net *net, const struct vector *gain, const struct vector *bias, struct rows x) {
    if (net->spec.norm_after)
        norm(net, gain, bias, x, x);
}

/* Norms stand behind parts: what leaves one is what the next reads, so one pass gives both. */
static bool parts_meet(const struct net *net) {
    return net->spec.norm_after && net->backend->ops->renorm;
}

static void part_renorm(
    struct net *net, const struct vector *gain, const struct vector *bias, const struct stream *s) {
    net->backend->ops->renorm(
        net->backend, net->spec.norm, gain, bias, (float)net->spec.norm_eps, s->x, s->h);
}

/* Some heads of every row, with what is done to them before they meet. */
struct heads {
    uint32_t n;
    const struct vector *norm, *norm_bias;
    const uint32_t *positions;
    struct rows x;
};

static void heads_norm(struct net *net, const struct heads *h) {
    const struct spec *s = &net->spec;
    if (!h->norm)
        return;
    if (s->heads_normed)
        net->backend->ops->norm_heads(
            net->backend, s->head_norm, h->norm, h->norm_bias, (float)s->norm_eps, h->n, h->x);
    else
        net->backend->ops->norm(
            net->backend, s->head_norm, h->norm, h->norm_bias, (float)s->norm_eps, h->x, h->x);
}

static void rotate(struct net *net, uint32_t l, const uint32_t *positions, uint32_t n_heads,
    uint32_t head_dim, struct rows x) {
    const struct layer_spec *layer = &net->spec.layer[l];
    struct rotary rotary = layer->local ? net->sliding_rotary : net->rotary;
    if (!layer->rotated)
        return;
    if (head_dim == rotary.rotary_dim)
        rotary.first = 0;
    net->backend->ops->rotate(net->backend, &rotary, positions, n_heads, head_dim, x);
}

static void heads_prepare(struct net *net, uint32_t l, const struct heads *h) {
    const struct spec *s = &net->spec;
    if (!s->normed_after_rope)
        heads_norm(net, h);
    if (s->qkv_clip > 0)
        net->backend->ops->clip(net->backend, (float)s->qkv_clip, h->x);
    rotate(net, l, h->positions, h->n, s->head_dim, h->x);
    if (s->normed_after_rope)
        heads_norm(net, h);
}

/* Through a narrower row with a norm, where the model has one; else h itself. */
struct narrowing {
    const struct matrix *down;
    const struct vector *bias, *norm;
    struct buffer *f32, *act;
};

static struct rows latent(struct net *net, const struct narrowing *by, struct rows h) {
    if (!by->down)
        return h;
    struct rows x = part(by->f32, h.n), out = part(by->act, h.n);
    matmul(net, by->down, by->bias, h, x);
    if (by->norm)
        norm(net, by->norm, NULL, x, out);
    else
        net->backend->ops->convert(net->backend, x, out);
    return out;
}

/* The part of keys that all heads share, rotated once and put into each. */
static void keys_share(
    struct net *net, uint32_t l, const uint32_t *positions, struct rows h, struct rows k) {
    const struct spec *s = &net->spec;
    struct rows shared = part(net->k_shared, h.n);
    if (!net->layers[l].k_shared)
        return;
    matmul(net, net->layers[l].k_shared, net->layers[l].k_shared_bias, h, shared);
    rotate(net, l, positions, 1, s->rope.dim, shared);
    net->backend->ops->spread(net->backend, s->n_kv_heads, s->rope.first, shared, k);
}

/* Where keys are made: in the cache itself where they need nothing more, and stand in it as they
 * do in the step; where the device keeps what it is asked for, a place that doesn't go by the step.
 */
static struct rows keys_rows(const struct net *net, uint32_t l, const struct step_view *step) {
    const struct backend_ops *ops = net->backend->ops;
    return net->keys_done && step->slots_follow && !net->kept
               ? ops->kv_keys(net->kv, net->cache_layer[l], step->slots[0], step->n)
               : part(net->k, step->n);
}

static struct rows values_rows(const struct net *net, uint32_t l, const struct step_view *step) {
    const struct backend_ops *ops = net->backend->ops;
    return net->values_done && step->slots_follow && !net->kept
               ? ops->kv_values(net->kv, net->cache_layer[l], step->slots[0], step->n)
               : part(net->v, step->n);
}

static void keys_and_values(
    struct net *net, uint32_t l, const struct step_view *step, struct rows h) {
    const struct spec *s = &net->spec;
    const struct layer *w = &net->layers[l];
    struct rows k = keys_rows(net, l, step), v = values_rows(net, l, step);
    const struct narrowing by = { w->kv_down, w->kv_down_bias, w->kv_down_norm, net->kv_latent,
        net->kv_latent_act };
    struct rows from = latent(net, &by, h);
    matmul(net, w->k, w->k_bias, from, k);
    matmul(net, w->v, w->v_bias, from, v);
    if (s->qkv_clip > 0)
        net->backend->ops->clip(net->backend, (float)s->qkv_clip, v);
    if (s->values_rotated)
        rotate(net, l, step->positions, s->n_kv_heads, s->head_dim, v);
    if (w->k_shared)
        keys_share(net, l, step->positions, h, k);
    else
        heads_prepare(net, l,
            &(struct heads) { .n = s->n_kv_heads,
                .norm = w->k_norm,
                .norm_bias = w->k_norm_bias,
                .positions = step->positions,
                .x = k });
    const struct rows stored = { 0 };
    if (k.buf == net->k || v.buf == net->v)
        net->backend->ops->kv_store(net->backend, net->kv, net->cache_layer[l], step->slots,
            k.buf == net->k ? k : stored, v.buf == net->v ? v : stored);
}

static struct attention attention_of(const struct net *net, uint32_t l) {
    const struct spec *s = &net->spec;
    const struct layer *w = &net->layers[l];
    struct attention how = {
        .n_heads = s->n_heads,
        .n_kv_heads = s->n_kv_heads,
        .head_dim = s->head_dim,
        .scale = (float)(s->attention_scale / (s->scale_by_layer ? l + 1.0 : 1)),
        .causal = s->causal,
        .window = s->layer[l].window,
        .softcap = (float)s->attention_softcap,
        .bias = net->bias,
        .sinks = w->sinks,
    };
    how.bias.by_distance = w->by_distance;
    how.bias.key_places = w->key_places;
    how.bias.query_places = w->query_places;
    return how;
}

/* x += attention(h) */
static void attention(
    struct net *net, uint32_t l, const struct standing *at, struct rows h, struct rows x) {
    const struct layer *w = &net->layers[l];
    const struct attention how = attention_of(net, l);
    struct rows q = part(net->q, h.n), a = part(net->a, h.n);
    const struct narrowing by = { w->q_down, w->q_down_bias, w->q_down_norm, net->q_latent,
        net->q_latent_act };
    struct rows from = latent(net, &by, h);
    matmul(net, w->q, w->q_bias, from, q);
    heads_prepare(net, l,
        &(struct heads) { .n = how.n_heads,
            .norm = w->q_norm,
            .norm_bias = w->q_norm_bias,
            .positions = at->positions,
            .x = q });
    net->backend->ops->attend(
        net->backend, &how, net->kv, net->cache_layer[l], at->segments, at->n_segments, q, a);
    if (w->attn_gate) {
        struct rows gate = part(net->attn_gate, h.n);
        matmul(net, w->attn_gate, w->attn_gate_bias, h, gate);
        net->backend->ops->gate(net->backend, &(struct gating) { .sigmoid = true }, gate, a, a);
    }
    matmul_land(net, w->o, w->o_bias, a,
        &(struct landing) { w->attn_out_norm, w->attn_out_norm_bias, x, is_part(&net->cut.heads) });
}

/* ---- a recurrence in place of attention ---- */

static struct recurrence recurrence_of(const struct net *net, uint32_t l) {
    const struct mixing *m = &net->spec.mixing;
    const struct layer *w = &net->layers[l];
    return (struct recurrence) { .corrects = m->corrects,
        .n_channels = m->channels,
        .n_state = m->state,
        .n_taps = m->taps,
        .n_heads = m->heads,
        .n_groups = m->groups,
        .step_from = w->mix_step_from,
        .step_min = (float)m->step_min,
        .step_max = (float)m->step_max,
        .activation = m->activation,
        .taps = w->mix_taps,
        .taps_bias = w->mix_taps_bias,
        .decay = w->mix_a,
        .skip = w->mix_d };
}

/* A part of what tokens bring in, or of what they read, normed where the model does so. */
static void part_norm(struct net *net, const struct vector *gain, struct rows x, struct rows out) {
    double eps = net->spec.mixing.norm_eps;
    if (eps > 0)
        net->backend->ops->norm(net->backend, NORM_RMS, gain, NULL, (float)eps, x, out);
    else if (out.buf != x.buf)
        net->backend->ops->convert(net->backend, x, out);
}

/* Steps of channels, what they bring in and what rows read, made from the convolved ones. The
 * cache is written twice, for the convolution looks at channels in it. */
static void steps_of_channels(
    struct net *net, uint32_t l, const struct step_view *step, const struct recurrence *r) {
    const struct backend_ops *ops = net->backend->ops;
    const struct layer *w = &net->layers[l];
    uint32_t n = step->n;
    struct rows v = part(net->mix_v, n), u = part(net->mixed, n), u_act = part(net->mixed_act, n),
                low = part(net->mix_low, n), low_act = part(net->mix_low_act, n),
                brought = part(net->mix_b, n), read = part(net->mix_c, n);
    ops->convolve(
        net->backend, r, net->mix_kv, net->mix_layer[l], step->segments, step->n_segments, u);
    ops->convert(net->backend, u, u_act);
    matmul(net, w->mix_step_down, NULL, u_act, low);
    part_norm(net, w->mix_step_norm, low, low_act);
    matmul(net, w->mix_step, w->mix_step_bias, low_act, v);
    matmul(net, w->mix_b, NULL, u_act, brought);
    part_norm(net, w->mix_b_norm, brought, brought);
    ops->spread(net->backend, 1, r->n_channels, brought, v);
    matmul(net, w->mix_c, NULL, u_act, read);
    part_norm(net, w->mix_c_norm, read, read);
}

/* Of heads: what has been convolved goes into the slot as it is, and steps behind what it brings
 * in, where what is read stood. */
static void steps_of_heads(struct net *net, uint32_t l, const struct step_view *step,
    const struct recurrence *r, struct rows h) {
    const struct backend_ops *ops = net->backend->ops;
    const struct layer *w = &net->layers[l];
    struct rows v = part(net->mix_v, step->n), u = part(net->mix_c, step->n),
                steps = part(net->mix_step, step->n);
    ops->convolve(
        net->backend, r, net->mix_kv, net->mix_layer[l], step->segments, step->n_segments, u);
    matmul(net, w->mix_step, w->mix_step_bias, h, steps);
    ops->spread(net->backend, 1, 0, u, v);
    ops->spread(net->backend, 1, r->n_channels + r->n_groups * r->n_state, steps, v);
}

/* Of heads that correct: what goes into the convolution, out of three products. */
static void thirds_join(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    const struct mixing *m = &net->spec.mixing;
    uint32_t all = m->groups * m->state;
    struct rows narrow = part(net->mix_b, h.n), channels = part(net->mixed, h.n);
    matmul(net, w->mix_c, NULL, h, narrow);
    net->backend->ops->spread(net->backend, 1, 0, narrow, x);
    matmul(net, w->mix_b, NULL, h, narrow);
    net->backend->ops->spread(net->backend, 1, all, narrow, x);
    matmul(net, w->mix_in, w->mix_in_bias, h, channels);
    net->backend->ops->spread(net->backend, 1, 2 * all, channels, x);
}

/* ... and what a slot holds behind what came out of it. */
static void steps_of_corrections(struct net *net, uint32_t l, const struct step_view *step,
    const struct recurrence *r, struct rows h) {
    const struct backend_ops *ops = net->backend->ops;
    const struct layer *w = &net->layers[l];
    uint32_t from = mixing_convolved(&net->spec.mixing);
    struct rows v = part(net->mix_v, step->n), u = part(net->mix_c, step->n),
                steps = part(net->mix_step, step->n);
    ops->convolve(
        net->backend, r, net->mix_kv, net->mix_layer[l], step->segments, step->n_segments, u);
    ops->spread(net->backend, 1, 0, u, v);
    matmul(net, w->mix_step, w->mix_step_bias, h, steps);
    ops->spread(net->backend, 1, from, steps, v);
    matmul(net, w->mix_weight, NULL, h, steps);
    ops->spread(net->backend, 1, from + r->n_heads, steps, v);
}

/* What later tokens need of these: their channels, their steps and what these bring in. */
static void channels_store(
    struct net *net, uint32_t l, const struct step_view *step, struct rows h) {
    const struct backend_ops *ops = net->backend->ops;
    const struct layer *w = &net->layers[l];
    const struct recurrence r = recurrence_of(net, l);
    struct rows x = part(net->mix_x, step->n), v = part(net->mix_v, step->n);
    if (r.corrects)
        thirds_join(net, w, h, x);
    else
        matmul(net, w->mix_in, w->mix_in_bias, h, x);
    if (w->mix_entry) {
        matmul(net, w->mix_entry, w->mix_entry_bias, h, v);
        ops->gate(net->backend, &(struct gating) { .activation = ACT_NONE }, v, x, x);
    }
    ops->kv_store(net->backend, net->mix_kv, net->mix_layer[l], step->slots, x, x);
    if (r.n_state == 0) {
        ops->convolve(net->backend, &r, net->mix_kv, net->mix_layer[l], step->segments,
            step->n_segments, part(net->mix_c, step->n));
        return;
    }
    if (r.corrects)
        steps_of_corrections(net, l, step, &r, h);
    else if (r.n_heads > 0)
        steps_of_heads(net, l, step, &r, h);
    else
        steps_of_channels(net, l, step, &r);
    ops->kv_store(net->backend, net->mix_kv, net->mix_layer[l], step->slots, x, v);
}

/* What the state gave, under its gate and norm, in the model's order of these. `read`: what each
 * row reads of the state; without a state, what the convolution gave. */
static struct rows mixed(
    struct net *net, uint32_t l, const struct standing *at, struct rows read, struct rows gate) {
    const struct backend_ops *ops = net->backend->ops;
    const struct vector *gain = net->layers[l].mix_norm;
    const struct mixing *m = &net->spec.mixing;
    const struct recurrence r = recurrence_of(net, l);
    struct rows y = part(net->mixed, gate.n), out = part(net->mixed_act, gate.n);
    const struct gating opens = { .activation = m->activation }, plain = { 0 };
    if (m->state == 0) {
        ops->gate(net->backend, &plain, gate, read, out);
        return out;
    }
    bool ungated = gain && m->normed_ungated;
    ops->recur(net->backend, &r, net->mix_kv, net->mix_layer[l], at->segments, at->n_segments, read,
        ungated ? (struct rows) { 0 } : gate, gain ? y : out);
    if (gain)
        ops->norm_heads(
            net->backend, NORM_RMS, gain, NULL, (float)net->spec.norm_eps, m->norm_groups, y);
    if (ungated)
        ops->gate(net->backend, &opens, gate, y, out);
    else if (gain)
        ops->convert(net->backend, y, out);
    return out;
}

/* x += recurrence(h) */
static void mix(struct net *net, uint32_t l, const struct standing *at, struct rows read,
    struct rows h, struct rows x) {
    const struct layer *w = &net->layers[l];
    struct rows gate = part(net->mix_gate, h.n);
    matmul(net, w->mix_gate, w->mix_gate_bias, h, gate);
    matmul_land(net, w->mix_out, w->mix_out_bias, mixed(net, l, at, read, gate),
        &(struct landing) { .x = x });
}

/* ---- attention to an encoder ---- */

void net_cross_store(struct net *net, struct rows encoded) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows h = part(net->h, encoded.n), k = part(net->k, encoded.n),
                v = part(net->v, encoded.n);
    ops->convert(net->backend, encoded, h);
    for (uint32_t l = 0; l < net->spec.n_layers; l++) {
        const struct layer *w = &net->layers[l];
        matmul(net, w->cross_k, w->cross_k_bias, h, k);
        matmul(net, w->cross_v, w->cross_v_bias, h, v);
        ops->kv_store(net->backend, net->cross_kv, l, net->cross_slots, k, v);
    }
    net->cross = (struct kv_span) { .slot = 0, .n = encoded.n };
}

/* x += attention of h to the encoder's rows: each segment has these for ancestors. */
static void cross_attention(
    struct net *net, uint32_t l, const struct standing *at, struct rows h, struct rows x) {
    const struct layer *w = &net->layers[l];
    if (!w->cross_q)
        return;
    struct attention how = attention_of(net, l);
    how.bias = (struct attention_bias) { 0 };
    how.causal = false;
    how.ancestors_only = true;
    how.window = 0;
    for (uint32_t i = 0; i < at->n_segments; i++)
        net->cross_segments[i] = (struct segment) { .row = at->segments[i].row,
            .n = at->segments[i].n,
            .position = net->cross.n,
            .ancestors = &net->cross,
            .n_ancestors = 1 };
    struct rows q = part(net->q, h.n), a = part(net->a, h.n);
    part_input(net, w->cross_norm, w->cross_norm_bias, x, h);
    matmul(net, w->cross_q, w->cross_q_bias, h, q);
    net->backend->ops->attend(
        net->backend, &how, net->cross_kv, l, net->cross_segments, at->n_segments, q, a);
    matmul_land(net, w->cross_o, w->cross_o_bias, a, &(struct landing) { .x = x });
    part_output(net, w->cross_norm, w->cross_norm_bias, x);
}

/* ---- feed-forward ---- */

/* What stands before the last product. */
static struct rows ffn_middle(struct net *net, const struct ffn_part *p, struct rows h) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows m = part(p->room.m, h.n);
    if (p->curve) {
        struct rows x = part(p->room.up, h.n);
        matmul(net, p->up, p->up_bias, h, x);
        ops->curve(net->backend, p->curve, x, m);
        return m;
    }
    if (!p->gate) {
        ops->matmul(net->backend, p->up, h, m,
            &(struct epilogue) { .bias = p->up_bias, .activation = net->spec.activation });
        return m;
    }
    struct rows gate = part(p->room.gate, h.n), up = part(p->room.up, h.n);
    matmul(net, p->gate, p->gate_bias, h, gate);
    matmul(net, p->up, p->up_bias, h, up);
    ops->gate(net->backend, &net->spec.gating, gate, up, m);
    return m;
}

void net_ffn(struct net *net, const struct ffn_part *p, struct rows h, struct rows out) {
    net->backend->ops->matmul(net->backend, p->down, ffn_middle(net, p, h), out,
        &(struct epilogue) { .bias = p->down_bias, .scale = p->scale, .accumulate = p->add });
}

/* x += experts(h), normed first where a norm stands behind the part: then they add to nothing, as
 * they do where devices add up what each has of them. */
static void experts_land(struct net *net, const struct layer *w, struct rows h, struct rows x) {
    const struct backend_ops *ops = net->backend->ops;
    if (!w->mlp_out_norm && !is_cut(&net->cut)) {
        net_experts(net, w, h, x);
        return;
    }
    struct rows y = part(net->experts_y, h.n);
    ops->convert(net->backend, x, y);
    ops->add(net->backend, -1, x, y);
    net_experts(net, w, h, y);
    net_sum(net, y);
    if (w->mlp_out_norm)
        norm(net, w->mlp_out_norm, w->mlp_out_norm_bias, y, y);
    ops->add(net->backend, 1, y, x);
}

/* A layer's curve, its numbers made positive as they are trained. */
static struct learned_curve curve_of(const struct layer *w) {
    float linear = w->curve_linear ? *w->curve_linear : 0.5F;
    return (struct learned_curve) { .above = log1pf(expf(*w->curve_above)),
        .below = linear + log1pf(expf(*w->curve_below)),
        .linear = linear,
        .edge = w->curve_edge ? *w->curve_edge : -1e-6F };
}

/* x += feed-forward(h) */
static void feed_forward(struct net *net, uint32_t l, struct rows h, struct rows x) {
    const struct layer *w = &net->layers[l];
    if (net->spec.layer[l].sparse) {
        experts_land(net, w, h, x);
        return;
    }
    const struct learned_curve curve = w->curve_above ? curve_of(w) : (struct learned_curve) { 0 };
    const struct ffn_part p = { .up = w->up,
        .gate = w->gate,
        .up_bias = w->up_bias,
        .gate_bias = w->gate_bias,
        .curve = w->curve_above ? &curve : NULL,
        .room = net->ffn };
    matmul_land(net, w->down, w->down_bias, ffn_middle(net, &p, h),
        &(struct landing) { w->mlp_out_norm, w->mlp_out_norm_bias, x, is_cut(&net->cut) });
}

/* ---- layers ---- */

static struct stream stream_read(
    struct net *net, const struct step_view *step, const struct stream *s) {
    const struct backend_ops *ops = net->backend->ops;
    struct stream read = { .x = part(net->x_read, step->n_reads),
        .h = part(net->h_read, step->n_reads),
        .at = { step->read_positions, step->read_segments, step->n_read_segments } };
    ops->pick(net->backend, s->x, step->reads, read.x);
    ops->pick(net->backend, s->h, step->reads, read.h);
    if (s->mix_c.buf) {
        read.mix_c = part(net->mix_c_read, step->n_reads);
        ops->pick(net->backend, s->mix_c, step->reads, read.mix_c);
    }
    if (s->conv_y.buf) {
        read.conv_y = part(net->conv_y_read, step->n_reads);
        ops->pick(net->backend, s->conv_y, step->reads, read.conv_y);
    }
    if (s->h_mlp.buf) {
        read.h_mlp = part(net->h_mlp_read, step->n_reads);
        ops->pick(net->backend, s->h_mlp, step->reads, read.h_mlp);
    }
    return read;
}

/* Attention and feed-forward, one after the other or both from the row that stands before them. */
static void layer_finish(struct net *net, uint32_t l, const struct stream *s) {
    const struct layer *w = &net->layers[l];
    const struct layer_spec *has = &net->spec.layer[l];
    if (has->mixes)
        mix(net, l, &s->at, s->mix_c, s->h, s->x);
    if (has->attends)
        attention(net, l, &s->at, s->h, s->x);
    if (!has->feeds)
        return;
    if (net->spec.parallel) {
        feed_forward(net, l, s->h_mlp.buf ? s->h_mlp : s->h, s->x);
        return;
    }
    if (parts_meet(net) && !w->cross_q) {
        part_renorm(net, w->attn_norm, w->attn_norm_bias, s);
    } else {
        part_output(net, w->attn_norm, w->attn_norm_bias, s->x);
        cross_attention(net, l, &s->at, s->h, s->x);
        part_input(net, w->mlp_norm, w->mlp_norm_bias, s->x, s->h);
    }
    feed_forward(net, l, s->h, s->x);
}

/* The convolution over the embedded tokens, behind its activation; no rows where there is none. */
static struct rows convolve(struct net *net, const struct step_view *step, struct rows x) {
    const struct convolution *c = &net->spec.convolution;
    if (c->taps == 0)
        return (struct rows) { 0 };
    struct rows in = part(net->conv_in, step->n), y = part(net->conv_y, step->n);
    net->backend->ops->unfold(net->backend, c->taps, step->segments, step->n_segments, x, in);
    net->backend->ops->matmul(net->backend, net->conv, in, y,
        &(struct epilogue) { .bias = net->conv_bias, .activation = c->activation });
    return y;
}

/* Behind the first layer. */
static void convolution_land(struct net *net, const struct stream *s) {
    net->backend->ops->add(net->backend, 1, s->conv_y, s->x);
    norm(net, net->conv_norm, net->conv_norm_bias, s->x, s->x);
}

static void layer_enter(struct net *net, uint32_t l, const struct stream *s) {
    const struct layer *w = &net->layers[l];
    if (s->h_mlp.buf)
        norm(net, w->mlp_norm, w->mlp_norm_bias, s->x, s->h_mlp);
    part_input(net, w->attn_norm, w->attn_norm_bias, s->x, s->h);
}

/* Behind a layer's last part, and into the next layer where there is one. */
static void layer_leave(struct net *net, uint32_t l, const struct stream *s) {
    const struct layer *w = &net->layers[l];
    bool last = l + 1 == net->spec.n_layers, lands = l == 0 && s->conv_y.buf,
         normed = net->spec.layer[l].feeds && !net->spec.parallel;
    if (normed && !last && !lands && parts_meet(net)) {
        part_renorm(net, w->mlp_norm, w->mlp_norm_bias, s);
        return;
    }
    if (normed)
        part_output(net, w->mlp_norm, w->mlp_norm_bias, s->x);
    if (lands)
        convolution_land(net, s);
    if (!last)
        layer_enter(net, l + 1, s);
}

/* All layers; the rows read of the residual stream. */
static struct rows layers(struct net *net, const struct step_view *step) {
    struct stream s = { .x = part(net->x, step->n),
        .h = part(net->h, step->n),
        .h_mlp = part(net->h_mlp, net->h_mlp ? step->n : 0),
        .mix_c = part(net->mix_c, net->mix_c ? step->n : 0),
        .at = { step->positions, step->segments, step->n_segments } };
    embed(net, step, s.x);
    s.conv_y = convolve(net, step, s.x);
    layer_enter(net, 0, &s);
    for (uint32_t l = 0; l < net->spec.n_layers; l++) {
        if (net->spec.layer[l].mixes)
            channels_store(net, l, step, s.h);
        if (net->spec.layer[l].attends)
            keys_and_values(net, l, step, s.h);
        bool last = l + 1 == net->spec.n_layers;
        if (last && step->n_reads == 0)
            break;
        if (last && step->n_reads < step->n)
            s = stream_read(net, step, &s);
        layer_finish(net, l, &s);
        layer_leave(net, l, &s);
    }
    return s.x;
}

static bool has_final_norm(const struct net *net) {
    return net->final_norm || (net->spec.bare_norm && net->spec.norm_before);
}

/* What comes out of the last layer, as matrix products take it: under the final norm. */
static struct rows final_act(struct net *net, struct rows x) {
    struct rows h = part(net->h, x.n);
    if (has_final_norm(net))
        norm(net, net->final_norm, net->final_norm_bias, x, h);
    else
        net->backend->ops->convert(net->backend, x, h);
    return h;
}

/* ---- what is read ---- */

/* Of the hidden states: under the final norm, or narrower. */
static struct rows forward_hidden(struct net *net, const struct step_view *step) {
    struct rows x = layers(net, step);
    if (net->head_project) {
        struct rows narrow = part(net->e, x.n);
        matmul(net, net->head_project, NULL, final_act(net, x), narrow);
        return narrow;
    }
    if (has_final_norm(net))
        norm(net, net->final_norm, net->final_norm_bias, x, x);
    return x;
}

/* h through the dense layer that stands before a head, and its norm; `x`: room. */
static void head_dense(struct net *net, struct rows h, struct rows x) {
    net->backend->ops->matmul(net->backend, net->head_dense, h, x,
        &(struct epilogue) {
            .bias = net->head_dense_bias, .activation = net->spec.head_activation });
    if (net->head_norm)
        norm(net, net->head_norm, net->head_norm_bias, x, h);
    else
        net->backend->ops->convert(net->backend, x, h);
}

/* What the head reads. */
static struct rows forward_head(struct net *net, const struct step_view *step) {
    struct rows x = layers(net, step), h = final_act(net, x);
    if (net->head_dense)
        head_dense(net, h, x);
    if (!net->head_project)
        return h;
    struct rows narrow = part(net->e_act, x.n);
    matmul(net, net->head_project, NULL, h, narrow);
    return narrow;
}

/* ---- passes of all devices ---- */

/* One of several devices doesn't write down what it is asked for: it meets the others in the middle
 * of a step, and doing a step again would pass over that. */
static void step_begin(struct net *net, const struct step_view *step) {
    const struct backend_ops *ops = net->backend->ops;
    const struct step_shape shape = {
        .n_rows = step->n, .n_segments = step->n_segments, .n_reads = step->n_reads
    };
    net->kept = !is_cut(&net->cut) && ops->step_begin && ops->step_begin(net->backend, &shape);
}

static void step_end(struct net *net) {
    if (net->kept)
        net->backend->ops->step_end(net->backend);
    net->kept = false;
}

struct pass {
    struct rows (*run)(struct net *net, const struct step_view *step);
    const struct step_view *step;
};

static bool pass_run(struct net *net, void *arg, struct err *err) {
    const struct pass *p = arg;
    (void)err;
    step_begin(net, p->step);
    net->head_rows = p->run(net, p->step);
    step_end(net);
    return true;
}

static struct rows forward(struct net *net, const struct pass *p) {
    struct pass pass = *p;
    (void)!ranks_each(net, pass_run, &pass, NULL);
    return net->head_rows;
}

struct rows net_forward_hidden(struct net *net, const struct step_view *step) {
    return forward(net, &(struct pass) { forward_hidden, step });
}

struct rows net_forward_head(struct net *net, const struct step_view *step) {
    return forward(net, &(struct pass) { forward_head, step });
}

void net_forward_keys(struct net *net, const struct step_view *step) {
    BUG_IF(step->n_reads != 0);
    forward(net, &(struct pass) { layers, step });
}

/* ---- classifiers ---- */

void net_classify_rows(struct net *net, struct rows x) {
    struct rows h = part(net->h, x.n);
    if (!net->spec.classifier.late)
        return;
    net->backend->ops->convert(net->backend, x, h);
    net->backend->ops->matmul(net->backend, net->class_dense, h, x,
        &(struct epilogue) {
            .bias = net->class_dense_bias, .activation = net->spec.classifier.activation });
}

void net_classify(struct net *net, uint32_t n, float *out) {
    const struct backend_ops *ops = net->backend->ops;
    struct rows x = part(net->pooled, n), labels = part(net->labels, n),
                h = part(net->head_project ? net->e_act : net->h, n);
    if (net->class_dense && !net->spec.classifier.late) {
        struct rows wide = part(net->x_read, n);
        ops->convert(net->backend, x, h);
        ops->matmul(net->backend, net->class_dense, h, wide,
            &(struct epilogue) {
                .bias = net->class_dense_bias, .activation = net->spec.classifier.activation });
        x = wide;
    }
    if (net->class_norm)
        norm(net, net->class_norm, net->class_norm_bias, x, h);
    else
        ops->convert(net->backend, x, h);
    matmul(net, net->class_out, net->class_out_bias, h, labels);
    ops->download(net->backend, labels, out);
}
