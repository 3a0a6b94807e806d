/* Ops that look at a row or an element alone: norms, gates, curves, sums, limits. Arguments are
 * checked as the CPU backend checks them. See cuda.h. */
#include "harness/cuda/cuda.h"

_Static_assert((int)NORM_OF_LAYER == (int)NORM_LAYER && (int)NORM_OF_SQUARES == (int)NORM_RMS,
    "norms have one numbering");

/* ---- norms ---- */

static void check_gain(const struct vector *gain, const struct vector *bias, uint32_t n) {
    BUG_IF((gain != NULL && gain->n != n) || (bias != NULL && bias->n != n));
}

static struct norm_args norm_of(enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x) {
    struct device_rows rows = rows_view(x, x.buf->cols);
    BUG_IF(rows.bf16);
    return (struct norm_args) { .x = rows.data,
        .out = rows.data,
        .n = rows.n,
        .cols = rows.cols,
        .kind = (enum kernel_norm)kind,
        .gain = gain ? gain->data : NULL,
        .bias = bias ? bias->data : NULL,
        .n_gains = 1,
        .eps = eps };
}

void cuda_norm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct norm_args a = norm_of(kind, gain, bias, eps, x);
    struct device_rows to = rows_view(out, a.cols);
    check_gain(gain, bias, a.cols);
    BUG_IF(x.n != out.n);
    a.out = to.data;
    a.out_bf16 = to.bf16;
    cuda_must(launch_norm(&a, c->stream), "norm");
}

void cuda_renorm(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct norm_args a = norm_of(kind, gain, bias, eps, x);
    struct device_rows both = rows_view(out, a.cols);
    check_gain(gain, bias, a.cols);
    BUG_IF(x.n != out.n || x.buf == out.buf);
    a.both = both.data;
    a.both_bf16 = both.bf16;
    cuda_must(launch_norm(&a, c->stream), "renorm");
}

/* Gains of all heads or of each: the kernel takes them in turn. */
void cuda_norm_heads(struct backend *b, enum norm_kind kind, const struct vector *gain,
    const struct vector *bias, float eps, uint32_t n_heads, struct rows x) {
    struct cuda *c = cuda_enter(b);
    struct norm_args a = norm_of(kind, gain, bias, eps, x);
    uint32_t n = a.cols, dim = n / n_heads;
    BUG_IF(dim * n_heads != n || (gain && gain->n != dim && gain->n != n));
    BUG_IF(bias != NULL && (gain == NULL || bias->n != gain->n));
    a.n *= n_heads;
    a.cols = dim;
    a.n_gains = gain != NULL && gain->n == n ? n_heads : 1;
    cuda_must(launch_norm(&a, c->stream), "norm_heads");
}

void cuda_normalize(struct backend *b, struct rows x) {
    struct cuda *c = cuda_enter(b);
    struct norm_args a = norm_of(NORM_RMS, NULL, NULL, 0, x);
    a.kind = NORM_TO_LENGTH_1;
    cuda_must(launch_norm(&a, c->stream), "normalize");
}

/* ---- elements ---- */

static enum gate_kind gate_kind(const struct gating *g) {
    return g->sigmoid ? GATE_SIGMOID : g->alpha > 0 ? GATE_CUT : GATE_ACTIVATED;
}

void cuda_gate(
    struct backend *b, const struct gating *g, struct rows gate, struct rows up, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = out.buf->cols;
    struct gate_args a = { .gate = rows_view(gate, n),
        .up = rows_view(up, n),
        .out = rows_view(out, n),
        .kind = gate_kind(g),
        .activation = kernel_activation(g->activation),
        .limit = (float)g->limit,
        .alpha = (float)g->alpha };
    BUG_IF(gate.n != out.n || up.n != out.n);
    cuda_must(launch_gate(&a, c->stream), "gate");
}

void cuda_curve(
    struct backend *b, const struct learned_curve *curve, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct curve_args a = { .x = rows_view(x, out.buf->cols),
        .out = rows_view(out, out.buf->cols),
        .above = curve->above,
        .below = curve->below,
        .linear = curve->linear,
        .edge = curve->edge };
    BUG_IF(x.n != out.n || a.x.bf16);
    cuda_must(launch_curve(&a, c->stream), "curve");
}

void cuda_add(struct backend *b, float scale, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    struct device_rows from = rows_view(x, out.buf->cols), to = rows_view(out, out.buf->cols);
    BUG_IF(from.bf16 || to.bf16 || x.n != out.n);
    cuda_must(launch_add(scale, from, to, c->stream), "add");
}

void cuda_clip(struct backend *b, float limit, struct rows x) {
    struct cuda *c = cuda_enter(b);
    struct device_rows rows = rows_view(x, x.buf->cols);
    BUG_IF(rows.bf16);
    cuda_must(launch_clip(limit, rows, c->stream), "clip");
}
