/* What attention adds to scores by where query and key stand. Each score depends on its query, its
 * key and their two positions alone. */
#include "harness/cpu/attend.h"

#include <string.h>

/* Where a query stands, and its head. */
struct query {
    uint32_t head;
    int64_t position;
};

static struct query query_of(const struct tile *t, uint32_t i) {
    uint32_t group = t->op->group;
    return (struct query) { t->head * group + i % group,
        (int64_t)t->segment->position + t->row + i / group };
}

static int64_t clipped(int64_t x, uint32_t reach) {
    return x > (int64_t)reach ? (int64_t)reach : x < -(int64_t)reach ? -(int64_t)reach : x;
}

static void add_slopes(
    const struct tile *t, struct query q, uint32_t block, struct sight seen, float *scores) {
    const struct attention *a = t->op->a;
    float slope = a->bias.slopes[q.head];
    for (uint32_t j = seen.from; j < seen.to; j++) {
        const int64_t ahead =
            (int64_t)block + j - q.position; /* of an encoder's keys, to both sides */
        scores[j] = scores[j] * a->scale + slope * (float)(ahead > 0 ? -ahead : ahead);
    }
}

static float rounded(float x) {
    return bf16_to_f32(bf16_from_f32(x));
}

/* The slope, the key's position and their product are rounded, and the sum is scaled. */
static void add_slopes_bf16(
    const struct tile *t, struct query q, uint32_t block, struct sight seen, float *scores) {
    const struct attention *a = t->op->a;
    float slope = rounded(a->bias.slopes[q.head]);
    for (uint32_t j = seen.from; j < seen.to; j++)
        scores[j] = (scores[j] + rounded(slope * rounded((float)(block + j)))) * a->scale;
}

static void add_by_distance(
    const struct tile *t, struct query q, uint32_t block, struct sight seen, float *scores) {
    const struct attention *a = t->op->a;
    uint32_t reach = a->bias.reach;
    const float *list = a->bias.by_distance + (size_t)q.head * (2 * (size_t)reach + 1) + reach;
    for (uint32_t j = seen.from; j < seen.to; j++)
        scores[j] = scores[j] * a->scale + list[clipped((int64_t)block + j - q.position, reach)];
}

/* In one order, whatever the compiler makes of it: eight sums, then these. */
static float dot(const float *x, const float *y, uint32_t n) {
    float sums[8] = { 0 };
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (uint32_t lane = 0; lane < 8; lane++)
            sums[lane] += x[i + lane] * y[i + lane];
    for (uint32_t lane = 0; i + lane < n; lane++)
        sums[lane] += x[i + lane] * y[i + lane];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
           ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* A key as f32: where it lies, or brought into `space`. */
static const float *key_of(const struct tile *t, uint32_t slot, float *space) {
    const struct attend *op = t->op;
    const void *cell = tile_cell(t, op->kv->keys, slot);
    if (op->kv->elem == ELEM_F32)
        return cell;
    op->cpu->kernels->from_bf16(op->dim, cell, space);
    return space;
}

static void add_disentangled(
    const struct tile *t, uint32_t i, uint32_t block, struct sight seen, float *scores) {
    const struct attend *op = t->op;
    const struct attention_bias *b = &op->a->bias;
    struct query q = query_of(t, i);
    const float *query =
        (const float *)tile_query(t, i / op->group) + (size_t)(i % op->group) * op->dim;
    size_t width = (size_t)op->a->n_heads * op->dim, column = (size_t)q.head * op->dim;
    float *room = (float *)t->space + (size_t)t->n_queries * KEY_BLOCK / 2; /* behind the weights */
    size_t last = SIZE_MAX;
    float to_place = 0; /* many distances in a row share a place */
    for (uint32_t j = seen.from; j < seen.to; j++) {
        int64_t distance = clipped(q.position - ((int64_t)block + j), b->reach);
        size_t at = b->rows[distance + b->reach] * width + column;
        float sum = scores[j];
        if (b->key_places && at != last)
            to_place = dot(query, b->key_places + at, op->dim);
        last = at;
        if (b->key_places)
            sum += to_place;
        if (b->query_places)
            sum += dot(key_of(t, t->slots[j], room), b->query_places + at, op->dim);
        scores[j] = sum * op->a->scale;
    }
}

void attend_bias(const struct tile *t, uint32_t i, uint32_t block, struct sight seen) {
    const struct attention_bias *b = &t->op->a->bias;
    float *scores = t->scores + (size_t)i * KEY_BLOCK;
    if (b->rows)
        add_disentangled(t, i, block, seen, scores);
    else if (b->by_distance)
        add_by_distance(t, query_of(t, i), block, seen, scores);
    else if (b->bf16)
        add_slopes_bf16(t, query_of(t, i), block, seen, scores);
    else
        add_slopes(t, query_of(t, i), block, seen, scores);
}
