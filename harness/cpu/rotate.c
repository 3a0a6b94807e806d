/* Rotary positions. Angles are position · inv_freq in f32 and go through cosf and sinf, as the
 * reference does it; they are kept in a table by position (ROTARY_TABLES embeddings at most, the
 * least used is forgotten), beyond TABLE_MAX positions they are made anew for each row. */
#include "harness/cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { GRAIN = 32, TABLE_MAX = 1 << 16, TABLE_FIRST = 512 };

struct rotate_op {
    const struct rotary *rotary;
    const struct rotary_table *table;
    const uint32_t *positions;
    uint32_t n_heads, head_dim;
    struct rows x;
};

static void make_angles(const struct rotary *r, uint32_t position, float *angles) {
    uint32_t half = r->rotary_dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        float angle = (float)position * r->inv_freq[i];
        angles[i] = cosf(angle) * r->scale;
        angles[half + i] = sinf(angle) * r->scale;
    }
}

static bool same_rotary(const struct rotary *a, const struct rotary *b) {
    return a->inv_freq != NULL && a->rotary_dim == b->rotary_dim && a->scale == b->scale &&
           memcmp(a->inv_freq, b->inv_freq, a->rotary_dim / 2 * sizeof *a->inv_freq) == 0;
}

static void forget(struct rotary_table *t) {
    free((float *)t->of.inv_freq);
    free(t->angles);
    *t = (struct rotary_table) { 0 };
}

static struct rotary_table *find_table(struct cpu *c, const struct rotary *r) {
    struct rotary_table *oldest = &c->rotary[0];
    for (int i = 0; i < ROTARY_TABLES; i++) {
        if (same_rotary(&c->rotary[i].of, r))
            return &c->rotary[i];
        if (c->rotary[i].used < oldest->used)
            oldest = &c->rotary[i];
    }
    forget(oldest);
    size_t bytes = r->rotary_dim / 2 * sizeof *r->inv_freq;
    float *copy = xmalloc(bytes);
    memcpy(copy, r->inv_freq, bytes);
    oldest->of = *r;
    oldest->of.inv_freq = copy;
    return oldest;
}

static void extend_table(struct rotary_table *t, uint32_t need) {
    if (need > TABLE_MAX)
        need = TABLE_MAX;
    if (need <= t->n_positions)
        return;
    uint32_t n = t->n_positions == 0 ? TABLE_FIRST : t->n_positions;
    while (n < need)
        n *= 2;
    t->angles = xrealloc(t->angles, (size_t)n * t->of.rotary_dim * sizeof *t->angles);
    for (uint32_t p = t->n_positions; p < n; p++)
        make_angles(&t->of, p, t->angles + (size_t)p * t->of.rotary_dim);
    t->n_positions = n;
}

static void turn_interleaved(
    const struct kernels *k, uint32_t half, const float *angles, float *head, float *space) {
    for (uint32_t i = 0; i < half; i++) {
        space[i] = head[2 * i];
        space[half + i] = head[2 * i + 1];
    }
    k->turn(half, angles, angles + half, space, space + half);
    for (uint32_t i = 0; i < half; i++) {
        head[2 * i] = space[i];
        head[2 * i + 1] = space[half + i];
    }
}

static void rotate_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct rotate_op *op = arg;
    uint32_t dim = op->rotary->rotary_dim, half = dim / 2;
    float *space = cpu_scratch(c, thread), *made = space + dim;
    for (uint32_t i = from; i < to; i++) {
        uint32_t position = op->positions[i];
        const float *angles = op->table->angles + (size_t)position * dim;
        if (position >= op->table->n_positions) {
            make_angles(op->rotary, position, made);
            angles = made;
        }
        float *head = (float *)row_at(op->x, i) + op->rotary->first;
        for (uint32_t h = 0; h < op->n_heads; h++, head += op->head_dim) {
            if (op->rotary->interleaved)
                turn_interleaved(c->kernels, half, angles, head, space);
            else
                c->kernels->turn(half, angles, angles + half, head, head + half);
        }
    }
}

void cpu_rotate(struct backend *b, const struct rotary *r, const uint32_t *positions,
    uint32_t n_heads, uint32_t head_dim, struct rows x) {
    struct cpu *c = cpu_of(b);
    rows_check(x, n_heads * head_dim);
    BUG_IF(x.buf->elem != ELEM_F32 || r->rotary_dim + r->first > head_dim ||
           r->rotary_dim % 2 != 0 || r->rotary_dim == 0);
    uint32_t last = 0;
    for (uint32_t i = 0; i < x.n; i++)
        last = positions[i] > last ? positions[i] : last;
    struct rotary_table *table = find_table(c, r);
    table->used = ++c->rotary_clock;
    extend_table(table, last + 1);
    struct rotate_op op = { .rotary = r,
        .table = table,
        .positions = positions,
        .n_heads = n_heads,
        .head_dim = head_dim,
        .x = x };
    cpu_reserve(c, 2 * (size_t)r->rotary_dim * sizeof(float));
    cpu_rows(c, x.n, GRAIN, rotate_rows, &op);
}
