/* Ops on single rows: gather, norm, gate, convert, rotate, pick, normalize, and pooling of a
 * segment's rows. Each writes rows from rows; threads share them out in batches. */
#include "harness/cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { GRAIN = 16 }; /* rows a work item */

/* One shape of arguments for the simple ops. */
struct row_op {
    struct rows x, y, out;
    enum norm_kind kind;
    const struct gating *gating;
    const struct learned_curve *curve;
    const float *gain, *bias, *weights;
    float eps, factor;
    bool add, gain_each; /* gain_each: every head has gains of its own */
    uint32_t n_heads, first;
    const struct table *table;
    const int32_t *ids;
    const uint32_t *index;
};

static void gather_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct row_op *op = arg;
    uint32_t n = op->out.buf->cols;
    float *space = cpu_scratch(c, thread);
    for (uint32_t i = from; i < to; i++) {
        float *out = row_at(op->out, i);
        float *row = op->add ? space : out;
        source_read(&op->table->source, (uint64_t)op->ids[i], 1, row);
        if (op->factor != 1)
            c->kernels->scale(n, op->factor, row);
        if (op->add)
            c->kernels->add(n, row, out);
    }
}

void cpu_gather(struct backend *b, const struct table *t, const int32_t *ids, float scale, bool add,
    struct rows x) {
    struct cpu *c = cpu_of(b);
    rows_check(x, (uint32_t)t->source.k);
    BUG_IF(x.buf->elem != ELEM_F32);
    for (uint32_t i = 0; i < x.n; i++)
        BUG_IF(ids[i] < 0 || (uint64_t)ids[i] >= t->source.n);
    struct row_op op = { .out = x, .table = t, .ids = ids, .factor = scale, .add = add };
    cpu_reserve(c, x.buf->cols * sizeof(float));
    cpu_rows(c, x.n, GRAIN, gather_rows, &op);
}

static void norm_rows(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct row_op *op = arg;
    bool direct = op->out.buf->elem == ELEM_F32;
    for (uint32_t i = from; i < to; i++) {
        float *y = direct ? row_at(op->out, i) : cpu_scratch(c, thread);
        c->kernels->norm(
            op->kind, op->x.buf->cols, row_at(op->x, i), op->gain, op->bias, op->eps, y);
        if (!direct)
            row_write(c, op->out, i, y);
    }
}

/* Arguments of a norm and of a renorm. */
static struct row_op norm_op(enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out) {
    uint32_t n = x.buf->cols;
    rows_check(x, n);
    rows_check(out, n);
    BUG_IF(x.buf->elem != ELEM_F32 || x.n != out.n || (gain && gain->n != n) ||
           (bias && bias->n != n));
    return (struct row_op) { .x = x,
        .out = out,
        .kind = kind,
        .eps = eps,
        .gain = gain ? gain->data : NULL,
        .bias = bias ? bias->data : NULL };
}

void cpu_norm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out) {
    struct cpu *c = cpu_of(b);
    struct row_op op = norm_op(kind, gain, bias, eps, x, out);
    cpu_reserve(c, x.buf->cols * sizeof(float));
    cpu_rows(c, x.n, GRAIN, norm_rows, &op);
}

static void renorm_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)thread;
    const struct row_op *op = arg;
    for (uint32_t i = from; i < to; i++) {
        float *x = row_at(op->x, i);
        c->kernels->norm(op->kind, op->x.buf->cols, x, op->gain, op->bias, op->eps, x);
        row_write(c, op->out, i, x);
    }
}

void cpu_renorm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out) {
    struct row_op op = norm_op(kind, gain, bias, eps, x, out);
    BUG_IF(x.buf == out.buf);
    cpu_rows(cpu_of(b), x.n, GRAIN, renorm_rows, &op);
}

static float cut(float x, float limit) {
    return x > limit ? limit : x < -limit ? -limit : x; /* NaN goes through */
}

/* The gate of gpt-oss: cut off, with a slope of its own, and up raised by one. */
static void gate_cut(const struct gating *g, uint32_t n, const float *gate, float *product) {
    float limit = (float)g->limit, alpha = (float)g->alpha;
    for (uint32_t i = 0; i < n; i++) {
        float x = limit > 0 && gate[i] > limit ? limit : gate[i];
        float up = limit > 0 ? cut(product[i], limit) : product[i];
        product[i] = (up + 1) * (x / (1 + expf(-alpha * x)));
    }
}

static void gate_rows(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct row_op *op = arg;
    uint32_t n = op->out.buf->cols;
    float *product = cpu_scratch(c, thread), *space = product + n;
    for (uint32_t i = from; i < to; i++) {
        if (op->gating->sigmoid) {
            memcpy(product, row_f32(c, op->y, i, space), n * sizeof *product);
            const float *gate = row_f32(c, op->x, i, space);
            for (uint32_t j = 0; j < n; j++)
                product[j] *= 1 / (1 + expf(-gate[j]));
        } else if (op->gating->alpha > 0) {
            memcpy(product, row_f32(c, op->y, i, space), n * sizeof *product);
            gate_cut(op->gating, n, row_f32(c, op->x, i, space), product);
        } else {
            c->kernels->activate(op->gating->activation, n, row_f32(c, op->x, i, space), product);
            c->kernels->multiply(n, row_f32(c, op->y, i, space), product);
        }
        row_write(c, op->out, i, product);
    }
}

void cpu_gate(
    struct backend *b, const struct gating *g, struct rows gate, struct rows up, struct rows out) {
    struct cpu *c = cpu_of(b);
    uint32_t n = out.buf->cols;
    rows_check(gate, n);
    rows_check(up, n);
    rows_check(out, n);
    BUG_IF(gate.n != out.n || up.n != out.n);
    struct row_op op = { .x = gate, .y = up, .out = out, .gating = g };
    cpu_reserve(c, 2 * (size_t)n * sizeof(float));
    cpu_rows(c, out.n, GRAIN, gate_rows, &op);
}

static void curve_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct row_op *op = arg;
    const struct learned_curve *k = op->curve;
    float *y = cpu_scratch(c, thread);
    for (uint32_t i = from; i < to; i++) {
        const float *row = row_at(op->x, i);
        for (uint32_t j = 0; j < op->x.buf->cols; j++) {
            float x = row[j], near = x < k->edge ? x : k->edge;
            float bent = x > 0 ? k->above * x * x : (expm1f(near) - x) * k->below;
            y[j] = bent + k->linear * x;
        }
        row_write(c, op->out, i, y);
    }
}

void cpu_curve(
    struct backend *b, const struct learned_curve *curve, struct rows x, struct rows out) {
    struct cpu *c = cpu_of(b);
    rows_check(x, out.buf->cols);
    rows_check(out, x.buf->cols);
    BUG_IF(x.n != out.n || x.buf->elem != ELEM_F32);
    struct row_op op = { .x = x, .out = out, .curve = curve };
    cpu_reserve(c, x.buf->cols * sizeof(float));
    cpu_rows(c, x.n, GRAIN, curve_rows, &op);
}

/* ---- heads ---- */

static void norm_head_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)thread;
    const struct row_op *op = arg;
    uint32_t dim = op->x.buf->cols / op->n_heads;
    for (uint32_t i = from; i < to; i++) {
        float *head = row_at(op->x, i);
        for (uint32_t h = 0; h < op->n_heads; h++, head += dim) {
            size_t at = op->gain_each ? (size_t)h * dim : 0;
            c->kernels->norm(op->kind, dim, head, op->gain ? op->gain + at : NULL,
                op->bias ? op->bias + at : NULL, op->eps, head);
        }
    }
}

void cpu_norm_heads(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, uint32_t n_heads, struct rows x) {
    uint32_t n = x.buf->cols, dim = n / n_heads;
    rows_check(x, dim * n_heads);
    BUG_IF(x.buf->elem != ELEM_F32 || (gain && gain->n != dim && gain->n != n) ||
           (bias && bias->n != gain->n));
    struct row_op op = { .x = x,
        .kind = kind,
        .eps = eps,
        .n_heads = n_heads,
        .gain_each = gain && gain->n == n,
        .gain = gain ? gain->data : NULL,
        .bias = bias ? bias->data : NULL };
    cpu_rows(cpu_of(b), x.n, GRAIN, norm_head_rows, &op);
}

static void spread_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)c;
    (void)thread;
    const struct row_op *op = arg;
    uint32_t n = op->x.buf->cols, dim = op->out.buf->cols / op->n_heads;
    for (uint32_t i = from; i < to; i++) {
        float *head = (float *)row_at(op->out, i) + op->first;
        for (uint32_t h = 0; h < op->n_heads; h++, head += dim)
            memcpy(head, row_at(op->x, i), n * sizeof *head);
    }
}

void cpu_spread(
    struct backend *b, uint32_t n_heads, uint32_t first, struct rows x, struct rows out) {
    uint32_t n = x.buf->cols, dim = out.buf->cols / n_heads;
    rows_check(x, n);
    rows_check(out, dim * n_heads);
    BUG_IF(x.buf->elem != ELEM_F32 || out.buf->elem != ELEM_F32 || x.n != out.n || first + n > dim);
    struct row_op op = { .x = x, .out = out, .n_heads = n_heads, .first = first };
    cpu_rows(cpu_of(b), x.n, GRAIN, spread_rows, &op);
}

/* ---- sums ---- */

static void add_rows(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)thread;
    const struct row_op *op = arg;
    uint32_t n = op->out.buf->cols;
    for (uint32_t i = from; i < to; i++) {
        uint32_t to_row = op->index ? op->index[i] : i;
        float factor = op->weights ? op->weights[i] : op->factor;
        c->kernels->scale_add(n, factor, row_at(op->x, i), row_at(op->out, to_row));
    }
}

void cpu_add(struct backend *b, float scale, struct rows x, struct rows out) {
    rows_check(x, out.buf->cols);
    rows_check(out, x.buf->cols);
    BUG_IF(x.buf->elem != ELEM_F32 || out.buf->elem != ELEM_F32 || x.n != out.n);
    struct row_op op = { .x = x, .out = out, .factor = scale };
    cpu_rows(cpu_of(b), x.n, GRAIN, add_rows, &op);
}

void cpu_scatter(struct backend *b, const uint32_t *index, const float *weights, struct rows x,
    struct rows out) {
    rows_check(x, out.buf->cols);
    rows_check(out, x.buf->cols);
    BUG_IF(x.buf->elem != ELEM_F32 || out.buf->elem != ELEM_F32);
    for (uint32_t i = 0; i < x.n; i++)
        BUG_IF(index[i] >= out.n);
    struct row_op op = { .x = x, .out = out, .index = index, .weights = weights };
    cpu_rows(cpu_of(b), x.n, GRAIN, add_rows, &op);
}

static void clip_rows(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)c;
    (void)thread;
    const struct row_op *op = arg;
    for (uint32_t i = from; i < to; i++) {
        float *x = row_at(op->x, i);
        for (uint32_t j = 0; j < op->x.buf->cols; j++)
            x[j] = cut(x[j], op->factor);
    }
}

void cpu_clip(struct backend *b, float limit, struct rows x) {
    rows_check(x, x.buf->cols);
    BUG_IF(x.buf->elem != ELEM_F32);
    struct row_op op = { .x = x, .factor = limit };
    cpu_rows(cpu_of(b), x.n, GRAIN, clip_rows, &op);
}

static void convert_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct row_op *op = arg;
    for (uint32_t i = from; i < to; i++)
        row_write(c, op->out, i, row_f32(c, op->x, i, cpu_scratch(c, thread)));
}

void cpu_convert(struct backend *b, struct rows x, struct rows out) {
    struct cpu *c = cpu_of(b);
    rows_check(x, out.buf->cols);
    rows_check(out, x.buf->cols);
    BUG_IF(x.n != out.n);
    struct row_op op = { .x = x, .out = out };
    cpu_reserve(c, x.buf->cols * sizeof(float));
    cpu_rows(c, x.n, GRAIN, convert_rows, &op);
}

static void pick_rows(const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)c;
    (void)thread;
    const struct row_op *op = arg;
    size_t bytes = op->x.buf->cols * elem_bytes(op->x.buf->elem);
    for (uint32_t i = from; i < to; i++)
        memcpy(row_at(op->out, i), row_at(op->x, op->index[i]), bytes);
}

void cpu_pick(struct backend *b, struct rows src, const uint32_t *index, struct rows dst) {
    rows_check(src, dst.buf->cols);
    rows_check(dst, src.buf->cols);
    BUG_IF(src.buf->elem != dst.buf->elem || src.buf == dst.buf);
    for (uint32_t i = 0; i < dst.n; i++)
        BUG_IF(index[i] >= src.n);
    struct row_op op = { .x = src, .out = dst, .index = index };
    cpu_rows(cpu_of(b), dst.n, GRAIN, pick_rows, &op);
}

static void normalize_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    (void)thread;
    const struct row_op *op = arg;
    for (uint32_t i = from; i < to; i++) {
        float *x = row_at(op->x, i);
        float length = sqrtf(c->kernels->sum_squares(op->x.buf->cols, x));
        c->kernels->scale(op->x.buf->cols, 1 / (length < 1e-12F ? 1e-12F : length), x);
    }
}

void cpu_normalize(struct backend *b, struct rows x) {
    rows_check(x, x.buf->cols);
    BUG_IF(x.buf->elem != ELEM_F32);
    struct row_op op = { .x = x };
    cpu_rows(cpu_of(b), x.n, GRAIN, normalize_rows, &op);
}

void cpu_download(struct backend *b, struct rows x, float *out) {
    struct cpu *c = cpu_of(b);
    rows_check(x, x.buf->cols);
    for (uint32_t i = 0; i < x.n; i++) {
        float *to = out + (size_t)i * x.buf->cols;
        const float *row = row_f32(c, x, i, to);
        if (row != to)
            memcpy(to, row, x.buf->cols * sizeof *to);
    }
}

/* ---- pooling ---- */

struct pooling_op {
    enum pooling pooling;
    struct rows x, out;
    const struct segment *segments;
};

static void pool_sum(
    const struct cpu *c, const struct pooling_op *op, const struct segment *s, float *out) {
    uint32_t n = op->out.buf->cols;
    memset(out, 0, n * sizeof *out);
    for (uint32_t i = 0; i < s->n; i++)
        c->kernels->add(n, row_at(op->x, s->row + i), out);
}

static void pool_weighted(
    const struct cpu *c, const struct pooling_op *op, const struct segment *s, float *out) {
    uint32_t n = op->out.buf->cols;
    memset(out, 0, n * sizeof *out);
    for (uint32_t i = 0; i < s->n; i++)
        c->kernels->scale_add(n, (float)(i + 1), row_at(op->x, s->row + i), out);
    c->kernels->scale(n, (float)(1 / (0.5 * s->n * (s->n + 1.0))), out);
}

static void pool_max(
    const struct cpu *c, const struct pooling_op *op, const struct segment *s, float *out) {
    uint32_t n = op->out.buf->cols;
    memcpy(out, row_at(op->x, s->row), n * sizeof *out);
    for (uint32_t i = 1; i < s->n; i++)
        c->kernels->maximum(n, row_at(op->x, s->row + i), out);
}

struct pooling_run {
    const struct cpu *cpu;
    struct pooling_op op;
};

static void pool_segment(void *arg, unsigned thread, size_t item) {
    (void)thread;
    const struct pooling_run *run = arg;
    const struct pooling_op *op = &run->op;
    const struct segment *s = &op->segments[item];
    const struct cpu *c = run->cpu;
    float *out = row_at(op->out, (uint32_t)item);
    uint32_t n = op->out.buf->cols;
    switch (op->pooling) {
    case POOL_AUTO:
    case POOL_MEAN:
        pool_sum(c, op, s, out);
        c->kernels->scale(n, 1 / (float)s->n, out);
        break;
    case POOL_MEAN_SQRT:
        pool_sum(c, op, s, out);
        c->kernels->scale(n, 1 / sqrtf((float)s->n), out);
        break;
    case POOL_WEIGHTED_MEAN:
        pool_weighted(c, op, s, out);
        break;
    case POOL_CLS:
        memcpy(out, row_at(op->x, s->row), n * sizeof *out);
        break;
    case POOL_LAST:
        memcpy(out, row_at(op->x, s->row + s->n - 1), n * sizeof *out);
        break;
    case POOL_MAX:
        pool_max(c, op, s, out);
        break;
    }
}

void cpu_pool(struct backend *b, enum pooling pooling, struct rows x,
    const struct segment *segments, uint32_t n_segments, struct rows out) {
    struct cpu *c = cpu_of(b);
    rows_check(x, out.buf->cols);
    rows_check(out, x.buf->cols);
    BUG_IF(x.buf->elem != ELEM_F32 || out.buf->elem != ELEM_F32 || out.n != n_segments);
    for (uint32_t i = 0; i < n_segments; i++)
        BUG_IF(
            segments[i].n == 0 || segments[i].row > x.n || segments[i].n > x.n - segments[i].row);
    struct pooling_run run = { .cpu = c,
        .op = { .pooling = pooling, .x = x, .out = out, .segments = segments } };
    pool_run(c->pool, n_segments, pool_segment, &run);
}
