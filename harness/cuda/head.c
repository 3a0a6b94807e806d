/* What is read of the head: log-probabilities of chosen tokens, and all logits of some rows. There
 * is no [T, V] array. Where tensor cores make the products, logits never leave a block: it writes
 * what its span of the vocabulary holds of each row (head_mma.cu), HEAD_ROWS rows at a time at
 * most. Elsewhere (f32, odd widths) logits of HEAD_ROWS rows × HEAD_SPAN tokens are made at a time,
 * in one piece of memory, and read from there (logprobs.cu). Spans are fixed by the vocabulary
 * alone, and a row's part of a product depends on the row alone, so the grouping of rows and
 * targets changes no bit. See cuda.h. */
#include "harness/cuda/steps.h"

#include <math.h>

#include "base/mem.h"

struct head {
    const struct matrix *weight;
    const struct vector *bias;
    float scale, softcap;
};

/* The piece of memory for logits holds masses of spans where there are none. */
static const size_t room_bytes = (size_t)HEAD_ROWS * HEAD_SPAN * sizeof(float);

static void check_head(const struct cuda *c, const struct head *h, struct rows x) {
    BUG_IF(x.buf->elem != c->caps.act || (h->bias != NULL && h->bias->n != h->weight->n));
}

static void copy_out(struct cuda *c, void *to, const void *from, size_t bytes) {
    cuda_must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c->stream), "head");
}

/* ---- logits ---- */

/* Logits, not yet capped, of the rows for tokens from `token` on. */
static struct device_rows span_logits(
    struct cuda *c, const struct head *h, struct device_rows x, uint32_t token) {
    uint32_t left = h->weight->n - token, cols = left < HEAD_SPAN ? left : HEAD_SPAN;
    struct matmul_args a = { .x = x,
        .out = { .data = c->logits, .n = x.n, .cols = cols },
        .bias = h->bias != NULL ? h->bias->data + token : NULL,
        .activation = KERNEL_NONE,
        .scale = h->scale };
    matrix_product(c, h->weight, token, &a);
    return a.out;
}

void cuda_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out) {
    struct cuda *c = cuda_enter(b);
    const struct head h = { head, bias, scale, softcap };
    struct device_rows all = rows_view(x, head->k);
    check_head(c, &h, x);
    step_leave(c, STEP_EVER);
    for (uint32_t row = 0, n; row < x.n; row += n) {
        n = x.n - row < HEAD_ROWS ? x.n - row : HEAD_ROWS;
        for (uint32_t token = 0; token < head->n; token += HEAD_SPAN) {
            struct device_rows span = span_logits(c, &h, rows_part(all, row, n), token);
            cuda_must(launch_cap(span, softcap, c->stream), "logits");
            size_t width = span.cols * sizeof *out;
            cuda_must(cudaMemcpy2DAsync(out + (size_t)row * head->n + token, head->n * sizeof *out,
                          span.data, width, width, n, cudaMemcpyDeviceToHost, c->stream),
                "logits");
        }
    }
    cuda_must(cudaStreamSynchronize(c->stream), "logits");
}

/* ---- targets ---- */

/* How many of the targets go together: of rows that fit, and no more than there is room for. */
static size_t count_some(const struct target *targets, size_t n, uint32_t rows_most) {
    size_t some = 1;
    while (some < n && some < HEAD_TARGETS && targets[some].row - targets[0].row < rows_most)
        some++;
    return some;
}

static void send_targets(struct cuda *c, const struct target *targets, size_t n) {
    for (size_t i = 0; i < n; i++)
        c->targets_host[i] = (struct kernel_target) { .row = targets[i].row - targets[0].row,
            .token = (uint32_t)targets[i].token };
    cuda_must(cudaMemcpyAsync(c->targets, c->targets_host, n * sizeof *c->targets,
                  cudaMemcpyHostToDevice, c->stream),
        "logprobs");
}

static void read_targets(struct cuda *c, struct target *targets, size_t n, uint32_t n_rows) {
    copy_out(c, c->targets_host, c->targets, n * sizeof *c->targets);
    copy_out(c, c->masses_host, c->masses, n_rows * sizeof *c->masses);
    cuda_must(cudaStreamSynchronize(c->stream), "logprobs");
    for (size_t i = 0; i < n; i++) {
        const struct kernel_mass *m = &c->masses_host[c->targets_host[i].row];
        targets[i].logit = (double)c->targets_host[i].logit;
        targets[i].mass = (struct mass) { m->max, m->best, m->sum };
        targets[i].logprob = targets[i].logit - (double)m->max - log(m->sum);
        targets[i].best = (uint32_t)targets[i].token == m->best;
    }
}

static void check_targets(
    const struct matrix *head, struct rows x, const struct target *targets, size_t n) {
    for (size_t i = 0; i < n; i++) {
        BUG_IF(targets[i].row >= x.n || (i > 0 && targets[i].row < targets[i - 1].row));
        BUG_IF(targets[i].token < 0 || (uint32_t)targets[i].token >= head->n);
    }
}

/* ---- by tensor cores ---- */

static uint32_t count_spans(const struct head *h) {
    return (h->weight->n + HEAD_TOKENS - 1) / HEAD_TOKENS;
}

/* Of rows so many masses fit; whole tiles of them, where there are as many. */
static uint32_t rows_most(const struct head *h) {
    enum { TILE = 128 };
    size_t fit = room_bytes / (count_spans(h) * sizeof(struct span_mass));
    BUG_IF(fit == 0);
    fit = fit < HEAD_ROWS ? fit : HEAD_ROWS;
    return (uint32_t)(fit < TILE ? fit : fit / TILE * TILE);
}

/* Where each row's targets begin, and where the last one's end, on the device. */
static const uint32_t *index_targets(struct cuda *c, size_t n, uint32_t n_rows) {
    const void *on_device;
    stage_begin(c);
    uint32_t *first = stage_room(c, ((size_t)n_rows + 1) * sizeof *first, &on_device);
    size_t i = 0;
    for (uint32_t row = 0; row < n_rows; row++) {
        first[row] = (uint32_t)i;
        while (i < n && c->targets_host[i].row == row)
            i++;
    }
    first[n_rows] = (uint32_t)n;
    stage_send(c);
    return on_device;
}

static struct head_args tokens_of(
    const struct head_args *all, uint32_t token, uint32_t n, const void *weight) {
    struct head_args a = *all;
    a.first_token = token;
    a.n_tokens = n;
    a.weight = weight;
    return a;
}

/* All spans of the rows: at once, or expanded strip by strip. */
static void read_spans(struct cuda *c, const struct matrix *m, struct head_args *all) {
    bool strips = packed_by_strips(m, all->x.n);
    uint32_t width = strips ? packed_strip(c, m) : m->n;
    all->blocks = strips ? KERNEL_PLAIN : m->blocks;
    for (uint32_t token = 0, n; token < m->n; token += n) {
        n = m->n - token < width ? m->n - token : width;
        const void *weight = strips ? (const void *)packed_expand(c, m, token, n) : m->data;
        struct head_args a = tokens_of(all, token, n, weight);
        cuda_must(launch_head_spans(&a, c->stream), "logprobs");
    }
}

static void read_fused(struct cuda *c, const struct head *h, struct device_rows x, size_t n) {
    union {
        float *logits;
        struct span_mass *masses;
    } room = { .logits = c->logits };
    struct head_args a = { .x = x,
        .bias = h->bias != NULL ? h->bias->data : NULL,
        .scale = h->scale,
        .softcap = h->softcap,
        .n_spans = count_spans(h),
        .masses = room.masses,
        .targets = c->targets,
        .first_target = index_targets(c, n, x.n) };
    read_spans(c, h->weight, &a);
    cuda_must(launch_head_join(a.masses, a.n_spans, x.n, c->masses, c->stream), "logprobs");
}

/* ---- by logits in memory ---- */

static void read_logits(struct cuda *c, const struct head *h, struct device_rows x, size_t n) {
    for (uint32_t token = 0; token < h->weight->n; token += HEAD_SPAN) {
        struct span_args a = { .logits = span_logits(c, h, x, token),
            .first_token = token,
            .softcap = h->softcap,
            .masses = c->masses,
            .targets = c->targets,
            .n_targets = (uint32_t)n };
        cuda_must(launch_span(&a, c->stream), "logprobs");
    }
}

void cuda_logprobs(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, struct target *targets, size_t n) {
    struct cuda *c = cuda_enter(b);
    const struct head h = { head, bias, scale, softcap };
    struct device_rows all = rows_view(x, head->k);
    bool fused = all.bf16 && head->k % 8 == 0;
    uint32_t at_once = fused ? rows_most(&h) : HEAD_ROWS;
    check_head(c, &h, x);
    step_leave(c, STEP_EVER);
    check_targets(head, x, targets, n);
    for (size_t from = 0, some; from < n; from += some) {
        some = count_some(targets + from, n - from, at_once);
        uint32_t first = targets[from].row, n_rows = targets[from + some - 1].row - first + 1;
        send_targets(c, targets + from, some);
        (fused ? read_fused : read_logits)(c, &h, rows_part(all, first, n_rows), some);
        read_targets(c, targets + from, some, n_rows);
    }
}
