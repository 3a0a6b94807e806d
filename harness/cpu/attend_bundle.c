/* Which rows go over their keys together. A segment is cut into parts of a tile's height; parts of
 * short segments that follow each other and begin with the same ancestors (choices of a
 * question, questions behind one preamble) are one bundle, for which the keys of that span are
 * gathered once. Which rows share a bundle changes no bit of them. */
#include "harness/cpu/attend.h"

enum {
    QUERIES = 96,      /* of a part, unless one row has more */
    QUERIES_ALL = 192, /* of a bundle of several */
    ITEMS_A_THREAD = 8,
};

static bool is_biased(const struct attention *a) {
    return a->window != 0 || has_bias(a);
}

/* Whole blocks of keys that both segments begin with. */
static uint32_t begin_alike(const struct segment *a, const struct segment *b) {
    const struct kv_span *x = a->ancestors, *y = b->ancestors;
    uint32_t most = a->n_ancestors < b->n_ancestors ? a->n_ancestors : b->n_ancestors, n = 0;
    for (uint32_t i = 0; i < most && x[i].slot == y[i].slot; i++) {
        n += x[i].n < y[i].n ? x[i].n : y[i].n;
        if (x[i].n != y[i].n)
            break;
    }
    return n / KEY_BLOCK * KEY_BLOCK;
}

static uint32_t row_of(const struct part *p) {
    return p->segment->row + p->row;
}

static size_t count_parts(const struct attend *op) {
    size_t n = 0;
    for (uint32_t s = 0; s < op->n_segments; s++)
        n += (op->segments[s].n + op->tile_rows - 1) / op->tile_rows;
    return n;
}

static void cut_segments(struct attend *op) {
    for (uint32_t s = 0; s < op->n_segments; s++) {
        const struct segment *seg = &op->segments[s];
        for (uint32_t row = 0; row < seg->n; row += op->tile_rows) {
            uint32_t left = seg->n - row, n = left < op->tile_rows ? left : op->tile_rows;
            op->parts[op->n_parts++] = (struct part) { .segment = seg, .row = row, .n_rows = n };
        }
    }
}

/* Queries of a bundle, at most: few enough that every thread has some to do. */
static uint32_t bundle_limit(const struct attend *op) {
    uint64_t all = (uint64_t)op->q.n * op->group * op->a->n_kv_heads;
    uint64_t limit = all / ((uint64_t)op->cpu->caps.threads * ITEMS_A_THREAD);
    return limit > QUERIES_ALL ? QUERIES_ALL : limit < QUERIES ? QUERIES : (uint32_t)limit;
}

/* Takes the part into the bundle before it, if they belong together. */
static bool joins(struct attend *op, const struct part *p, uint32_t limit) {
    if (op->n_bundles == 0 || is_biased(op->a))
        return false;
    struct bundle *b = &op->bundles[op->n_bundles - 1];
    const struct part *first = &op->parts[b->first_part], *last = p - 1;
    uint32_t shared = begin_alike(first->segment, p->segment), n = p->n_rows * op->group;
    if (b->n_parts > 1 && shared < b->shared / 2) /* too little of what the others share */
        return false;
    if (b->n_parts > 1 && shared > b->shared)
        shared = b->shared;
    if (shared == 0 || b->n_queries + n > limit || row_of(last) + last->n_rows != row_of(p))
        return false;
    b->n_parts++;
    b->n_queries += n;
    b->shared = shared;
    return true;
}

void bundles_make(struct attend *op) {
    op->tile_rows = op->group >= QUERIES ? 1 : QUERIES / op->group;
    size_t n = count_parts(op);
    op->parts = cpu_shared(op->cpu, n * (sizeof *op->parts + sizeof *op->bundles));
    op->bundles = (struct bundle *)(void *)(op->parts + n);
    cut_segments(op);
    uint32_t limit = bundle_limit(op);
    for (size_t i = 0; i < n; i++) {
        const struct part *p = &op->parts[i];
        if (joins(op, p, limit))
            continue;
        op->bundles[op->n_bundles++] =
            (struct bundle) { .first_part = i, .n_parts = 1, .n_queries = p->n_rows * op->group };
    }
    for (size_t i = 0; i < op->n_bundles; i++) {
        uint32_t queries = op->bundles[i].n_queries;
        op->most_queries = queries > op->most_queries ? queries : op->most_queries;
    }
}
