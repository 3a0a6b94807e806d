/* Ops that move rows, and products: arguments checked as the CPU backend checks them, lists staged,
 * kernels launched. See cuda.h. */
#include "harness/cuda/steps.h"

_Static_assert(
    (int)KERNEL_NONE == (int)ACT_NONE && (int)KERNEL_GELU == (int)ACT_GELU &&
        (int)KERNEL_GELU_TANH == (int)ACT_GELU_TANH && (int)KERNEL_SILU == (int)ACT_SILU &&
        (int)KERNEL_RELU == (int)ACT_RELU && (int)KERNEL_QUICK_GELU == (int)ACT_QUICK_GELU &&
        (int)KERNEL_TANH == (int)ACT_TANH && (int)KERNEL_RELU_SQUARED == (int)ACT_RELU_SQUARED,
    "activations have one numbering");

enum kernel_activation kernel_activation(enum activation a) {
    return (enum kernel_activation)a;
}

struct device_rows rows_view(struct rows r, uint32_t cols) {
    BUG_IF(r.buf == NULL || r.buf->cols != cols);
    BUG_IF(r.row > r.buf->n_rows || r.n > r.buf->n_rows - r.row);
    size_t row_bytes = cols * elem_bytes(r.buf->elem);
    return (struct device_rows) {
        .data = r.buf->data + r.row * row_bytes,
        .n = r.n,
        .cols = cols,
        .bf16 = r.buf->elem == ELEM_BF16,
    };
}

struct device_rows rows_part(struct device_rows r, uint32_t from, uint32_t n) {
    BUG_IF(from > r.n || n > r.n - from);
    r.data = (uint8_t *)r.data + (size_t)from * r.cols * (r.bf16 ? 2 : 4);
    r.n = n;
    return r;
}

void cuda_gather(struct backend *b, const struct table *t, const int32_t *ids, float scale,
    bool add, struct rows x) {
    struct cuda *c = cuda_enter(b);
    struct gather_args a = { .x = rows_view(x, t->cols),
        .table = t->data,
        .table_bf16 = t->elem == ELEM_BF16,
        .scale = scale,
        .add = add };
    BUG_IF(a.x.bf16);
    for (uint32_t i = 0; i < x.n; i++)
        BUG_IF(ids[i] < 0 || (uint32_t)ids[i] >= t->n);
    stage_begin(c);
    a.ids = stage_add(c, ids, x.n * sizeof *ids);
    stage_send(c);
    cuda_must(launch_gather(&a, c->stream), "gather");
}

void cuda_matmul(struct backend *b, const struct matrix *w, struct rows x, struct rows out,
    const struct epilogue *epilogue) {
    static const struct epilogue none;
    struct cuda *c = cuda_enter(b);
    const struct epilogue *e = epilogue == NULL ? &none : epilogue;
    struct matmul_args a = { .x = rows_view(x, w->k),
        .out = rows_view(out, w->n),
        .bias = e->bias ? e->bias->data : NULL,
        .bias_bf16 = e->bias ? e->bias->bf16 : NULL,
        .activation = kernel_activation(e->activation),
        .scale = e->scale != 0 ? e->scale : 1,
        .accumulate = e->accumulate };
    BUG_IF(x.buf->elem != c->caps.act || out.n != x.n || (e->accumulate && a.out.bf16));
    BUG_IF(e->bias != NULL && e->bias->n != w->n);
    matrix_product(c, w, 0, &a);
}

void cuda_convert(struct backend *b, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = x.buf->cols;
    BUG_IF(x.n != out.n);
    cuda_must(launch_convert(rows_view(x, n), rows_view(out, n), c->stream), "convert");
}

void cuda_rotate(struct backend *b, const struct rotary *r, const uint32_t *positions,
    uint32_t n_heads, uint32_t head_dim, struct rows x) {
    struct cuda *c = cuda_enter(b);
    struct rotate_args a = { .x = rows_view(x, n_heads * head_dim),
        .n_heads = n_heads,
        .head_dim = head_dim,
        .first = r->first,
        .half = r->rotary_dim / 2,
        .scale = r->scale,
        .interleaved = r->interleaved };
    BUG_IF(a.x.bf16 || r->rotary_dim % 2 != 0 || a.half == 0 || a.half > ROTATE_PAIRS_MAX);
    BUG_IF((uint64_t)r->rotary_dim + r->first > head_dim);
    stage_begin(c);
    a.positions = stage_add(c, positions, x.n * sizeof *positions);
    a.inv_freq = stage_add(c, r->inv_freq, a.half * sizeof *r->inv_freq);
    stage_send(c);
    cuda_must(launch_rotate(&a, c->stream), "rotate");
}

void cuda_pick(struct backend *b, struct rows src, const uint32_t *index, struct rows dst) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = dst.buf->cols;
    BUG_IF(src.buf->elem != dst.buf->elem || src.buf == dst.buf);
    for (uint32_t i = 0; i < dst.n; i++)
        BUG_IF(index[i] >= src.n);
    stage_begin(c);
    const uint32_t *on_device = stage_add(c, index, dst.n * sizeof *index);
    stage_send(c);
    cuda_must(launch_pick(rows_view(src, n), on_device, rows_view(dst, n), c->stream), "pick");
}

void cuda_scatter(struct backend *b, const uint32_t *index, const float *weights, struct rows x,
    struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = out.buf->cols;
    struct device_rows from = rows_view(x, n), to = rows_view(out, n);
    BUG_IF(from.bf16 || to.bf16 || x.buf == out.buf);
    for (uint32_t i = 0; i < x.n; i++)
        BUG_IF(index[i] >= out.n);
    stage_begin(c);
    const uint32_t *index_at = stage_add(c, index, x.n * sizeof *index);
    const float *weights_at = stage_add(c, weights, x.n * sizeof *weights);
    stage_send(c);
    cuda_must(launch_scatter(from, index_at, weights_at, to, c->stream), "scatter");
}

void cuda_spread(
    struct backend *b, uint32_t n_heads, uint32_t first, struct rows x, struct rows out) {
    struct cuda *c = cuda_enter(b);
    uint32_t n = x.buf->cols, dim = out.buf->cols / n_heads;
    struct device_rows from = rows_view(x, n), to = rows_view(out, dim * n_heads);
    BUG_IF(from.bf16 || to.bf16 || x.n != out.n || (uint64_t)first + n > dim || x.buf == out.buf);
    cuda_must(launch_spread(from, to, n_heads, first, c->stream), "spread");
}

/* bf16 becomes f32 on the device, in the memory for logits, some rows at a time. */
void cuda_download(struct backend *b, struct rows x, float *out) {
    struct cuda *c = cuda_enter(b);
    uint32_t cols = x.buf->cols, at_once = HEAD_ROWS * HEAD_SPAN / cols;
    struct device_rows from = rows_view(x, cols);
    BUG_IF(at_once == 0);
    step_leave(c, STEP_EVER);
    for (uint32_t row = 0, n; row < x.n; row += n) {
        n = x.n - row < at_once ? x.n - row : at_once;
        struct device_rows part = rows_part(from, row, n);
        struct device_rows f32 = { .data = c->logits, .n = n, .cols = cols };
        if (part.bf16)
            cuda_must(launch_convert(part, f32, c->stream), "download");
        cuda_must(cudaMemcpyAsync(out + (size_t)row * cols, part.bf16 ? f32.data : part.data,
                      (size_t)n * cols * sizeof *out, cudaMemcpyDeviceToHost, c->stream),
            "download");
    }
    cuda_must(cudaStreamSynchronize(c->stream), "download");
}
