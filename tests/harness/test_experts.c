/* Experts taken together against one after the other: the same bits, on a backend that makes the
 * two ops of the former from those that every backend has, as the door defines them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/model/net.h"
#include "tests/harness/cpu_world.h"

enum { C = 24, F = 40, EXPERTS = 7, CHOSEN = 3, T = 33 };

/* ---- the two ops, by others ---- */

static void groups_by_products(struct backend *b, const struct matmul_group *groups,
    uint32_t n_groups, enum activation activation, struct rows x, struct rows out) {
    for (uint32_t i = 0; i < n_groups; i++) {
        const struct matmul_group *g = &groups[i];
        struct epilogue e = { .bias = g->bias, .activation = activation };
        b->ops->matmul(b, g->w, (struct rows) { x.buf, x.row + g->row, g->n },
            (struct rows) { out.buf, out.row + g->row, g->n }, &e);
    }
}

static void adding_by_scatters(struct backend *b, const uint32_t *places, const float *weights,
    uint32_t n_each, struct rows x, struct rows out) {
    struct rows some = world_empty(b, out.n, C, ELEM_F32);
    uint32_t at[T], rows[T];
    float weight[T];
    for (uint32_t e = 0; e < n_each; e++) {
        for (uint32_t i = 0; i < out.n; i++) {
            rows[i] = i;
            at[i] = places[i * n_each + e];
            weight[i] = weights[i * n_each + e];
        }
        b->ops->pick(b, x, at, some);
        b->ops->scatter(b, rows, weight, some, out);
    }
}

/* ---- a layer of experts ---- */

static struct matrix *matrix(struct backend *b, uint32_t seed, uint32_t n, uint32_t k) {
    return world_matrix(b, n, k, noise_new(seed, (size_t)n * k, 0.5F));
}

static struct expert expert_new(struct backend *b, uint32_t seed, bool gated) {
    return (struct expert) { .up = matrix(b, seed, F, C),
        .gate = gated ? matrix(b, seed + 1, F, C) : NULL,
        .down = matrix(b, seed + 2, C, F),
        .up_bias = world_vector(b, F, noise_new(seed + 3, F, 1)),
        .down_bias = world_vector(b, C, noise_new(seed + 4, C, 1)) };
}

static struct buffer *room(struct backend *b, uint32_t cols, enum elem elem) {
    return world_empty(b, T * CHOSEN, cols, elem).buf;
}

static void net_make(struct net *net, struct layer *layer, struct backend *b, bool gated) {
    enum elem act = b->ops->caps(b)->act;
    *net = (struct net) { .backend = b };
    net->spec.activation = ACT_GELU;
    net->spec.gated = gated;
    net->spec.gating = (struct gating) { .activation = ACT_SILU };
    net->spec.residual_scale = 0.75;
    net->spec.experts = (struct experts) { .n = EXPERTS,
        .n_chosen = CHOSEN,
        .ffn_width = F,
        .routing = ROUTE_SOFTMAX,
        .renormalize = true,
        .scale = 1.5 };
    net->expert = (struct ffn_room) { room(b, F, ELEM_F32), room(b, F, ELEM_F32), room(b, F, act) };
    net->expert_h = room(b, C, act);
    net->y = room(b, C, ELEM_F32);
    net->router = room(b, EXPERTS, ELEM_F32);
    net->routes = (struct routes) { .logits = world_alloc(T * EXPERTS * sizeof(float)),
        .experts = world_alloc(T * CHOSEN * sizeof(uint32_t)),
        .weights = world_alloc(T * CHOSEN * sizeof(float)),
        .rows = world_alloc(T * CHOSEN * sizeof(uint32_t)),
        .row_weights = world_alloc(T * sizeof(float)),
        .scores = world_alloc(2 * EXPERTS * sizeof(float)),
        .places = world_alloc(T * CHOSEN * sizeof(uint32_t)),
        .first = world_alloc((EXPERTS + 1) * sizeof(uint32_t)),
        .groups = world_alloc(EXPERTS * sizeof(struct matmul_group)) };
    *layer = (struct layer) { .router = matrix(b, 1, EXPERTS, C) };
    layer->experts = world_alloc(EXPERTS * sizeof *layer->experts);
    for (uint32_t e = 0; e < EXPERTS; e++)
        layer->experts[e] = expert_new(b, 10 * (e + 1), gated);
}

/* What the layer makes of n rows, with or without the two ops. */
static float *layer_run(enum dtype dtype, bool gated, bool together, uint32_t n) {
    struct backend *b = world_open(&(struct setting) { "plain", "plain", dtype, 2 });
    assert_non_null(b);
    const struct backend_ops *own = b->ops;
    struct backend_ops ops = *own;
    ops.matmul_groups = together ? groups_by_products : NULL;
    ops.gather_add = adding_by_scatters;
    b->ops = &ops;
    struct net net;
    struct layer layer;
    net_make(&net, &layer, b, gated);
    struct rows h = world_rows(b, n, C, ops.caps(b)->act, noise_new(2, n * C, 1));
    struct rows x = world_rows(b, n, C, ELEM_F32, noise_new(3, n * C, 1));
    net_experts(&net, &layer, h, x);
    float *out = malloc(n * C * sizeof *out);
    assert_non_null(out);
    ops.download(b, x, out);
    b->ops = own;
    world_close(b);
    return out;
}

static void experts_together_have_the_bits_of_one_after_the_other(void **state) {
    (void)state;
    static const uint32_t counts[] = { 1, 2, T };
    for (int i = 0; i < 12; i++) {
        enum dtype dtype = i % 2 ? DTYPE_BF16 : DTYPE_F32;
        uint32_t n = counts[i / 4];
        float *want = layer_run(dtype, i / 2 % 2, false, n);
        float *got = layer_run(dtype, i / 2 % 2, true, n);
        assert_same_bits("experts", n * C, got, want);
        free(want);
        free(got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experts_together_have_the_bits_of_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
