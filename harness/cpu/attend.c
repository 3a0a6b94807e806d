/* Attention over the cache: an online softmax over blocks of KEY_BLOCK positions, counted from
 * position 0 of the sequence and never from the start of a span or a segment. A row meets the same
 * blocks in the same order, and within a block the same lanes, however its ancestors are cut, so
 * its bits are the same.
 *
 * A work item is one key head × a tile of queries (rows of a segment, or of several that begin with
 * the same keys, × the query heads that share the key head). For each block it gathers the keys,
 * transposed, and the values into small tiles and runs all its queries over them: scores[query,
 * key] = q · kᵀ        one lane a key, a chain over head_dim softmax step per query out[query, dim]
 * += p · v one lane a dim, a chain over the keys that the query sees Keys that a query does not see
 * are left out of all three, not multiplied by zero. */
#include "harness/cpu/attend.h"

#include <math.h>
#include <string.h>

/* ---- who sees what ---- */

static struct sight sight_of(const struct tile *t, uint32_t row) {
    const struct attention *a = t->op->a;
    uint64_t position = (uint64_t)t->segment->position + row,
             end = (uint64_t)t->segment->position + t->segment->n + t->segment->n_after;
    uint64_t from = 0, to = a->causal ? position + 1 : end;
    if (a->ancestors_only)
        return (struct sight) { 0, t->segment->position };
    if (a->window != 0) {
        from = position + 1 > a->window ? position + 1 - a->window : 0;
        if (!a->causal && position + a->window < to)
            to = position + a->window;
    }
    return (struct sight) { (uint32_t)from, (uint32_t)to };
}

static struct sight within(struct sight s, uint32_t block) {
    uint32_t from = s.from > block ? s.from - block : 0;
    uint32_t to = s.to > block ? s.to - block : 0;
    to = to < KEY_BLOCK ? to : KEY_BLOCK;
    return (struct sight) { from < to ? from : to, to };
}

/* ---- one block ---- */

/* The slot of a position; positions are asked for in rising order. */
static uint32_t slot_of(struct tile *t, uint32_t position) {
    const struct segment *s = t->segment;
    if (position >= s->position)
        return s->slot + (position - s->position);
    while (position - t->span_position >= s->ancestors[t->span].n)
        t->span_position += s->ancestors[t->span++].n;
    return s->ancestors[t->span].slot + (position - t->span_position);
}

static void gather(struct tile *t, uint32_t block, struct sight seen) {
    for (uint32_t j = seen.from; j < seen.to; j++)
        t->slots[j] = slot_of(t, block + j);
    t->op->ops->gather(t, t->slots, seen);
}

static void score(const struct tile *t, struct sight seen) {
    const struct kernels *k = t->op->cpu->kernels;
    for (uint32_t p = seen.from / k->panel * k->panel; p < seen.to; p += k->panel) {
        for (uint32_t i = 0; i < t->n_queries; i += k->tile)
            t->op->ops->score(t, i, t->n_queries - i < k->tile ? t->n_queries - i : k->tile, p);
    }
}

static void soften(const struct tile *t, uint32_t block) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    bool biased = has_bias(op->a);
    for (uint32_t i = 0; i < t->n_queries; i++) {
        struct sight s = t->all_seen ? (struct sight) { 0, KEY_BLOCK }
                                     : within(sight_of(t, t->row + i / op->group), block);
        t->sights[i] = s;
        if (s.from == s.to)
            continue;
        if (biased)
            attend_bias(t, i, block, s);
        float factor = op->ops->soften(t, i, s, biased ? 1 : op->a->scale);
        if (factor != 1)
            k->scale(op->dim_padded, factor, t->out + (size_t)i * op->dim_padded);
    }
}

static void add_one(const struct tile *t, uint32_t i, uint32_t from, uint32_t to) {
    if (from < to)
        t->op->ops->add(t, i, 1, from, to);
}

/* Keys that all queries of the micro-tile see go together; what lies before and after is added
 * query by query, so that each query adds its keys in order. */
static void add_values(const struct tile *t, uint32_t i, uint32_t n) {
    uint32_t from = 0, to = KEY_BLOCK, step = t->op->ops->step;
    for (uint32_t j = i; j < i + n; j++) {
        from = t->sights[j].from > from ? t->sights[j].from : from;
        to = t->sights[j].to < to ? t->sights[j].to : to;
    }
    from = (from + step - 1) / step * step;
    to = to / step * step;
    bool common = from < to;
    for (uint32_t j = i; j < i + n; j++)
        add_one(t, j, t->sights[j].from, common ? from : t->sights[j].to);
    if (!common)
        return;
    t->op->ops->add(t, i, n, from, to);
    for (uint32_t j = i; j < i + n; j++)
        add_one(t, j, to, t->sights[j].to);
}

static void attend_block(struct tile *t, uint32_t block, struct sight seen) {
    uint32_t step = t->op->cpu->kernels->tile;
    gather(t, block, seen);
    score(t, seen);
    soften(t, block);
    for (uint32_t i = 0; i < t->n_queries; i += step)
        add_values(t, i, t->n_queries - i < step ? t->n_queries - i : step);
}

/* ---- a tile ---- */

static size_t space_floats(const struct attend *op) {
    size_t n = (size_t)op->most_queries;
    return KEY_BLOCK * (n > op->dim_padded ? n : op->dim_padded) + op->dim_padded;
}

static size_t tile_bytes(const struct attend *op) {
    size_t per_query = (size_t)op->dim_even + op->dim_padded + KEY_BLOCK + LANES + 1;
    size_t per_key = (size_t)op->dim_even + op->dim_padded;
    size_t floats = (size_t)op->most_queries * per_query + KEY_BLOCK * per_key + space_floats(op);
    return floats * sizeof(float) + (size_t)op->most_queries * sizeof(struct sight);
}

static void place_tile(struct tile *t, float *at) {
    const struct attend *op = t->op;
    size_t n = (size_t)op->most_queries;
    t->keys = at;
    t->values = at += (size_t)KEY_BLOCK * op->dim_even;
    t->scores = at += (size_t)KEY_BLOCK * op->dim_padded;
    t->out = at += n * KEY_BLOCK;
    t->sums = at += n * op->dim_padded;
    t->query_space = at += n * LANES;
    t->space = at += n * op->dim_even;
    t->max = at += space_floats(op);
    t->sights = (struct sight *)(void *)(at + n);
}

/* Queries stay where they are if they have the product's elements and one stride. */
static void take_queries(struct tile *t) {
    const struct attend *op = t->op;
    const struct buffer *q = op->q.buf;
    if (op->group == 1 && q->elem == op->kv->elem && op->dim == op->dim_even) {
        t->queries = tile_query(t, 0);
        t->query_stride = q->cols;
        return;
    }
    t->queries = t->query_space;
    t->query_stride = op->dim_even;
    op->ops->take_queries(t);
}

static void start_tile(struct tile *t) {
    const struct attend *op = t->op;
    take_queries(t);
    memset(t->out, 0, (size_t)t->n_queries * op->dim_padded * sizeof *t->out);
    memset(t->sums, 0, (size_t)t->n_queries * LANES * sizeof *t->sums);
    for (uint32_t i = 0; i < t->n_queries; i++)
        t->max[i] = -INFINITY;
    if (!op->a->sinks)
        return;
    for (uint32_t i = 0; i < t->n_queries; i++) { /* a sink is a key that all see, with no value */
        t->max[i] = op->a->sinks[t->head * op->group + i % op->group];
        t->sums[(size_t)i * LANES] = 1;
    }
}

static void finish_tile(const struct tile *t) {
    const struct attend *op = t->op;
    const struct kernels *k = op->cpu->kernels;
    for (uint32_t i = 0; i < t->n_queries; i++) {
        float *from = t->out + (size_t)i * op->dim_padded;
        size_t column = ((size_t)t->head * op->group + i % op->group) * op->dim;
        void *row = row_at(op->out, t->segment->row + t->row + i / op->group);
        k->scale(op->dim, 1 / k->lane_sum(t->sums + (size_t)i * LANES), from);
        if (op->out.buf->elem == ELEM_BF16)
            k->to_bf16(op->dim, from, (uint16_t *)row + column);
        else
            memcpy((float *)row + column, from, op->dim * sizeof *from);
    }
}

/* The part's own tile, inside the bundle's: its queries from `first` on. */
static struct tile part_tile(const struct tile *whole, const struct part *p, uint32_t first) {
    const struct attend *op = whole->op;
    struct tile t = *whole;
    t.segment = p->segment;
    t.row = p->row;
    t.n_rows = p->n_rows;
    t.n_queries = p->n_rows * op->group;
    t.queries =
        (const uint8_t *)whole->queries + first * whole->query_stride * elem_bytes(op->kv->elem);
    t.sights += first;
    t.sums += (size_t)first * LANES;
    t.max += first;
    t.out += (size_t)first * op->dim_padded;
    return t;
}

/* Keys from position `from` on. Sight moves forward with the row, so a part sees from its first
 * row's first key to its last row's last. */
static void attend_part(struct tile *t, uint32_t from) {
    struct sight all = { sight_of(t, t->row).from, sight_of(t, t->row + t->n_rows - 1).to };
    uint32_t block = all.from / KEY_BLOCK * KEY_BLOCK;
    for (block = block > from ? block : from; block < all.to; block += KEY_BLOCK)
        attend_block(t, block, within(all, block));
}

static void attend_tile(void *arg, unsigned thread, size_t item) {
    const struct attend *op = arg;
    const struct bundle *b = &op->bundles[item / op->a->n_kv_heads];
    const struct part *parts = op->parts + b->first_part;
    struct tile t = { .op = op,
        .segment = parts->segment,
        .head = (uint32_t)(item % op->a->n_kv_heads),
        .row = parts->row,
        .n_rows = b->n_queries / op->group,
        .n_queries = b->n_queries,
        .all_seen = true };
    place_tile(&t, cpu_scratch(op->cpu, thread));
    start_tile(&t);
    for (uint32_t block = 0; block < b->shared; block += KEY_BLOCK)
        attend_block(&t, block, (struct sight) { 0, KEY_BLOCK });
    t.all_seen = false;
    for (uint32_t i = 0, first = 0; i < b->n_parts; first += parts[i++].n_rows * op->group) {
        struct tile part = part_tile(&t, &parts[i], first);
        part.span = part.span_position = 0;
        attend_part(&part, b->shared);
    }
    finish_tile(&t);
}

static void check_segment(const struct attend *op, const struct segment *s) {
    uint64_t before = 0;
    for (uint32_t i = 0; i < s->n_ancestors; i++) {
        before += s->ancestors[i].n;
        BUG_IF((uint64_t)s->ancestors[i].slot + s->ancestors[i].n > op->kv->n_slots);
    }
    BUG_IF(before != s->position ||
           (!op->a->ancestors_only && (uint64_t)s->slot + s->n + s->n_after > op->kv->n_slots));
    BUG_IF((uint64_t)s->row + s->n > op->q.n);
}

void cpu_attend(struct backend *b, const struct attention *a, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows q, struct rows out) {
    struct cpu *c = cpu_of(b);
    rows_check(q, a->n_heads * a->head_dim);
    rows_check(out, a->n_heads * a->head_dim);
    BUG_IF(q.n != out.n || layer >= kv->n_layers || a->n_heads % a->n_kv_heads != 0);
    BUG_IF(q.buf->elem != ELEM_F32 && (q.buf->elem != kv->elem || a->bias.rows != NULL));
    BUG_IF(kv->width != a->n_kv_heads * a->head_dim);
    uint32_t panel = c->kernels->panel;
    struct attend op = {
        .cpu = c,
        .a = a,
        .kv = kv,
        .layer_bytes = (size_t)layer * kv->n_slots * kv->width * elem_bytes(kv->elem),
        .segments = segments,
        .n_segments = n_segments,
        .group = a->n_heads / a->n_kv_heads,
        .ops = kv->elem == ELEM_BF16 ? &tile_ops_bf16 : &tile_ops_f32,
        .dim = a->head_dim,
        .dim_even = (a->head_dim + 1) / 2 * 2,
        .dim_padded = (a->head_dim + panel - 1) / panel * panel,
        .q = q,
        .out = out,
    };
    for (uint32_t s = 0; s < n_segments; s++)
        check_segment(&op, &segments[s]);
    bundles_make(&op);
    cpu_reserve(c, tile_bytes(&op));
    pool_run(c->pool, op.n_bundles * a->n_kv_heads, attend_tile, &op);
}

/* ---- the cache ---- */

struct store {
    struct kv_cache *kv;
    uint32_t layer;
    const uint32_t *slots;
    struct rows k, v;
};

static void store_row(
    const struct cpu *c, const struct store *op, uint8_t *cache, struct rows x, uint32_t i) {
    size_t bytes = op->kv->width * elem_bytes(op->kv->elem);
    uint8_t *to = cache + ((size_t)op->layer * op->kv->n_slots + op->slots[i]) * bytes;
    if (op->kv->elem != x.buf->elem)
        c->kernels->to_bf16(op->kv->width, row_at(x, i), (uint16_t *)(void *)to);
    else
        memcpy(to, row_at(x, i), bytes);
}

static void store_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)thread;
    const struct store *op = arg;
    for (uint32_t i = from; i < to; i++) {
        if (op->k.buf != NULL)
            store_row(c, op, op->kv->keys, op->k, i);
        if (op->v.buf != NULL)
            store_row(c, op, op->kv->values, op->v, i);
    }
}

static void check_stored(const struct kv_cache *kv, struct rows x, uint32_t n) {
    if (x.buf == NULL)
        return;
    rows_check(x, kv->width);
    BUG_IF((x.buf->elem != ELEM_F32 && x.buf->elem != kv->elem) || x.n != n);
}

void cpu_kv_store(struct backend *b, struct kv_cache *kv, uint32_t layer, const uint32_t *slots,
    struct rows k, struct rows v) {
    uint32_t n = k.buf != NULL ? k.n : v.n;
    check_stored(kv, k, n);
    check_stored(kv, v, n);
    BUG_IF(layer >= kv->n_layers);
    for (uint32_t i = 0; i < n; i++)
        BUG_IF(slots[i] >= kv->n_slots);
    struct store op = { .kv = kv, .layer = layer, .slots = slots, .k = k, .v = v };
    cpu_rows(cpu_of(b), n, 32, store_rows, &op);
}

struct rows cpu_kv_keys(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n) {
    BUG_IF(layer >= kv->n_layers);
    return (struct rows) { .buf = &kv->key_rows[layer], .row = slot, .n = n };
}

struct rows cpu_kv_values(struct kv_cache *kv, uint32_t layer, uint32_t slot, uint32_t n) {
    BUG_IF(layer >= kv->n_layers);
    return (struct rows) { .buf = &kv->value_rows[layer], .row = slot, .n = n };
}
