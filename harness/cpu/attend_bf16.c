/* Attention tiles on a bf16 cache: queries and softmax weights are rounded to bf16 too, so that
 * both products run on pairs, with f32 sums. keys:   [panel][dim / 2][lane] of pairs (dims 2i, 2i +
 * 1) values: [key / 2][dim] of pairs (keys 2j, 2j + 1) space:  weights [n_queries, KEY_BLOCK], then
 * a pair row for add_half A pair of which a query sees one key is added with the other half
 * blanked, not times zero: a key that a query does not see must not touch it even if it is NaN. */
#include "harness/cpu/attend.h"

#include <string.h>

static uint16_t *weights_of(const struct tile *t, uint32_t i) {
    return (uint16_t *)t->space + (size_t)i * KEY_BLOCK;
}

static void take_queries(struct tile *t) {
    const struct attend *op = t->op;
    uint16_t *to = t->query_space;
    bool rounded = op->q.buf->elem == ELEM_BF16;
    for (uint32_t i = 0; i < t->n_queries; i++, to += op->dim_even) {
        const void *row = tile_query(t, i / op->group);
        size_t at = (size_t)(i % op->group) * op->dim;
        to[op->dim_even - 1] = 0;
        if (rounded)
            memcpy(to, (const uint16_t *)row + at, op->dim * sizeof *to);
        else
            op->cpu->kernels->to_bf16(op->dim, (const float *)row + at, to);
    }
}

/* Pairs of a key; a key of odd width is copied to `padded`, its last pair filled with zero. */
static const float *key_pairs(const struct attend *op, const uint16_t *key, uint16_t *padded) {
    if (op->dim == op->dim_even)
        return (const float *)(const void *)key;
    memcpy(padded, key, op->dim * sizeof *key);
    padded[op->dim] = 0;
    return (const float *)(const void *)padded;
}

static void gather_keys(const struct tile *t, const uint32_t *slots, struct sight seen) {
    const struct attend *op = t->op;
    uint32_t panel = op->cpu->kernels->panel, n_pairs = op->dim_even / 2;
    for (uint32_t p = seen.from / panel * panel; p < seen.to; p += panel) {
        const float *keys[PANEL_MAX] = { NULL };
        for (uint32_t j = 0; j < panel; j++) {
            if (p + j >= seen.from && p + j < seen.to)
                keys[j] = key_pairs(op, tile_cell(t, op->kv->keys, slots[p + j]),
                    (uint16_t *)t->space + (size_t)j * op->dim_even);
        }
        op->cpu->kernels->transpose(n_pairs, keys, (float *)t->keys + (size_t)p * n_pairs);
    }
}

static const uint16_t *value_of(
    const struct tile *t, const uint32_t *slots, struct sight seen, uint32_t j) {
    return j < seen.from || j >= seen.to ? NULL : tile_cell(t, t->op->kv->values, slots[j]);
}

static void gather(struct tile *t, const uint32_t *slots, struct sight seen) {
    const struct attend *op = t->op;
    gather_keys(t, slots, seen);
    for (uint32_t j = seen.from / 2 * 2; j < seen.to; j += 2) {
        uint32_t *pairs = (uint32_t *)t->values + (size_t)(j / 2) * op->dim_padded;
        op->cpu->kernels->interleave(op->dim, value_of(t, slots, seen, j),
            value_of(t, slots, seen, j + 1), (uint16_t *)pairs);
        memset(pairs + op->dim, 0, (op->dim_padded - op->dim) * sizeof *pairs);
    }
}

static void score(const struct tile *t, uint32_t i, uint32_t n, uint32_t p) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    const uint32_t *keys = (uint32_t *)t->keys + (size_t)p * (op->dim_even / 2);
    k->multiply_bf16(n, op->dim_even, (const uint16_t *)t->queries + i * t->query_stride,
        t->query_stride, (const uint16_t *)keys, 2 * (size_t)k->panel,
        t->scores + (size_t)i * KEY_BLOCK + p, KEY_BLOCK, false);
}

static float soften(const struct tile *t, uint32_t i, struct sight seen, float scale) {
    return t->op->cpu->kernels->soften_bf16(t->scores + (size_t)i * KEY_BLOCK, seen.from, seen.to,
        scale, t->op->a->softcap, &t->max[i], t->sums + (size_t)i * LANES, weights_of(t, i));
}

static void add_pairs(const struct tile *t, uint32_t i, uint32_t n, uint32_t from, uint32_t to) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    const uint32_t *values = (uint32_t *)t->values + (size_t)(from / 2) * op->dim_padded;
    float *out = t->out + (size_t)i * op->dim_padded;
    if (from >= to)
        return;
    for (uint32_t d = 0; d < op->dim_padded; d += k->panel)
        k->multiply_bf16(n, to - from, weights_of(t, i) + from, KEY_BLOCK,
            (const uint16_t *)(values + d), 2 * (size_t)op->dim_padded, out + d, op->dim_padded,
            true);
}

static void add_half(const struct tile *t, uint32_t i, uint32_t j) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    const uint32_t *values = (uint32_t *)t->values + (size_t)(j / 2) * op->dim_padded;
    uint32_t *half = (uint32_t *)t->space + (size_t)t->n_queries * KEY_BLOCK / 2;
    uint16_t pair[2] = { 0, 0 };
    pair[j % 2] = weights_of(t, i)[j];
    for (uint32_t d = 0; d < op->dim_padded; d++)
        half[d] = values[d] & (j % 2 == 0 ? 0xffffU : 0xffff0000U);
    for (uint32_t d = 0; d < op->dim_padded; d += k->panel)
        k->multiply_bf16(1, 2, pair, 2, (const uint16_t *)(half + d), 0,
            t->out + (size_t)i * op->dim_padded + d, op->dim_padded, true);
}

static void add(const struct tile *t, uint32_t i, uint32_t n, uint32_t from, uint32_t to) {
    if (from < to && from % 2 != 0)
        add_half(t, i, from++);
    add_pairs(t, i, n, from, to / 2 * 2);
    if (from < to && to % 2 != 0)
        add_half(t, i, to - 1);
}

const struct tile_ops tile_ops_bf16 = {
    .step = 2,
    .take_queries = take_queries,
    .gather = gather,
    .score = score,
    .soften = soften,
    .add = add,
};
