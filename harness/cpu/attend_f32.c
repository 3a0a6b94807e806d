/* Attention tiles on an f32 cache. keys: [panel][dim][lane]; values: as in the cache, one row a
 * key. */
#include "harness/cpu/attend.h"

#include <string.h>

static void take_queries(struct tile *t) {
    const struct attend *op = t->op;
    float *to = t->query_space;
    for (uint32_t i = 0; i < t->n_queries; i++, to += op->dim_even) {
        const float *row = tile_query(t, i / op->group);
        memcpy(to, row + (size_t)(i % op->group) * op->dim, op->dim * sizeof *to);
    }
}

/* A micro-tile of queries or less reads each value once: a copy would cost more than the product.
 * Rows must follow each other, and have no filling between them. */
static bool can_stay(const struct tile *t, const uint32_t *slots, struct sight seen) {
    if (t->n_queries > t->op->cpu->kernels->tile || t->op->dim != t->op->dim_padded)
        return false;
    for (uint32_t j = seen.from; j + 1 < seen.to; j++)
        if (slots[j + 1] != slots[j] + 1)
            return false;
    return seen.from < seen.to;
}

static void copy_values(const struct tile *t, const uint32_t *slots, struct sight seen) {
    const struct attend *op = t->op;
    for (uint32_t j = seen.from; j < seen.to; j++) {
        float *value = (float *)t->values + (size_t)j * op->dim_padded;
        memcpy(value, tile_cell(t, op->kv->values, slots[j]), op->dim * sizeof *value);
        memset(value + op->dim, 0, (op->dim_padded - op->dim) * sizeof *value);
    }
}

static void gather(struct tile *t, const uint32_t *slots, struct sight seen) {
    const struct attend *op = t->op;
    const float *keys[KEY_BLOCK] = { NULL };
    for (uint32_t j = seen.from; j < seen.to; j++)
        keys[j] = tile_cell(t, op->kv->keys, slots[j]);
    t->first = seen.from;
    t->in_place = can_stay(t, slots, seen) ? tile_cell(t, op->kv->values, slots[seen.from]) : NULL;
    if (t->in_place == NULL)
        copy_values(t, slots, seen);
    uint32_t panel = op->cpu->kernels->panel;
    for (uint32_t p = seen.from / panel * panel; p < seen.to; p += panel)
        op->cpu->kernels->transpose(op->dim, keys + p, (float *)t->keys + (size_t)p * op->dim);
}

static void score(const struct tile *t, uint32_t i, uint32_t n, uint32_t p) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    k->multiply_f32(n, op->dim, (const float *)t->queries + i * t->query_stride, t->query_stride,
        (float *)t->keys + (size_t)p * op->dim, k->panel, t->scores + (size_t)i * KEY_BLOCK + p,
        KEY_BLOCK, false);
}

static float soften(const struct tile *t, uint32_t i, struct sight seen, float scale) {
    return t->op->cpu->kernels->soften(t->scores + (size_t)i * KEY_BLOCK, seen.from, seen.to, scale,
        t->op->a->softcap, &t->max[i], t->sums + (size_t)i * LANES);
}

static void add(const struct tile *t, uint32_t i, uint32_t n, uint32_t from, uint32_t to) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    bool stays = t->in_place != NULL;
    size_t stride = stays ? op->kv->width : op->dim_padded;
    const float *values =
        stays ? t->in_place + (from - t->first) * stride : (const float *)t->values + from * stride;
    float *out = t->out + (size_t)i * op->dim_padded;
    for (uint32_t d = 0; d < op->dim_padded; d += k->panel)
        k->multiply_f32(n, to - from, t->scores + (size_t)i * KEY_BLOCK + from, KEY_BLOCK,
            values + d, stride, out + d, op->dim_padded, true);
}

const struct tile_ops tile_ops_f32 = {
    .step = 1,
    .take_queries = take_queries,
    .gather = gather,
    .score = score,
    .soften = soften,
    .add = add,
};
