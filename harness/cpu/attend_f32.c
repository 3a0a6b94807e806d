/* Attention tiles on an f32 cache. keys: [panel][dim][lane]; values: as in the cache, one row a
 * key. */
#include "harness/cpu/attend.h"

#include <string.h>

static void take_queries(const struct tile *t) {
    size_t n = (size_t)t->op->group * t->op->dim;
    for (uint32_t r = 0; r < t->n_rows; r++)
        memcpy((float *)t->queries + r * n, tile_query(t, r), n * sizeof(float));
}

static void gather(const struct tile *t, const uint32_t *slots, struct sight seen) {
    const struct attend *op = t->op;
    const float *keys[KEY_BLOCK] = { NULL };
    for (uint32_t j = seen.from; j < seen.to; j++) {
        float *value = (float *)t->values + (size_t)j * op->dim_padded;
        keys[j] = tile_cell(t, op->kv->keys, slots[j]);
        memcpy(value, tile_cell(t, op->kv->values, slots[j]), op->dim * sizeof *value);
        memset(value + op->dim, 0, (op->dim_padded - op->dim) * sizeof *value);
    }
    uint32_t panel = op->cpu->kernels->panel;
    for (uint32_t p = seen.from / panel * panel; p < seen.to; p += panel)
        op->cpu->kernels->transpose(op->dim, keys + p, (float *)t->keys + (size_t)p * op->dim);
}

static void score(const struct tile *t, uint32_t i, uint32_t n, uint32_t p) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    k->multiply_f32(n, op->dim, (float *)t->queries + (size_t)i * op->dim, op->dim,
        (float *)t->keys + (size_t)p * op->dim, k->panel, t->scores + (size_t)i * KEY_BLOCK + p,
        KEY_BLOCK, false);
}

static void add(const struct tile *t, uint32_t i, uint32_t n, uint32_t from, uint32_t to) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    const float *values = (float *)t->values + (size_t)from * op->dim_padded;
    float *out = t->out + (size_t)i * op->dim_padded;
    for (uint32_t d = 0; d < op->dim_padded; d += k->panel)
        k->multiply_f32(n, to - from, t->scores + (size_t)i * KEY_BLOCK + from, KEY_BLOCK,
            values + d, op->dim_padded, out + d, op->dim_padded, true);
}

const struct tile_ops tile_ops_f32 = {
    .step = 1,
    .take_queries = take_queries,
    .gather = gather,
    .score = score,
    .add = add,
};
