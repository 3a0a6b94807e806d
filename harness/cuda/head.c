/* What is read of the head: log-probabilities of chosen tokens, and all logits of some rows. Logits
 * are made for HEAD_ROWS rows × HEAD_SPAN tokens at a time, in one piece of memory: there is no
 * [T, V] array. Spans are fixed by the vocabulary alone, and a row's part of a product depends on
 * the row alone, so the grouping of rows and targets changes no bit. See cuda.h. */
#include "harness/cuda/cuda.h"

#include <math.h>

#include "base/mem.h"

struct head {
    const struct matrix *weight;
    const struct vector *bias;
    float scale, softcap;
};

static void check_head(const struct cuda *c, const struct head *h, struct rows x) {
    BUG_IF(x.buf->elem != c->caps.act || (h->bias != NULL && h->bias->n != h->weight->n));
}

/* Logits, not yet capped, of the rows for tokens from `token` on. */
static struct device_rows span_logits(
    struct cuda *c, const struct head *h, struct device_rows x, uint32_t token) {
    uint32_t left = h->weight->n - token, cols = left < HEAD_SPAN ? left : HEAD_SPAN;
    size_t row_bytes = h->weight->k * elem_bytes(c->caps.act);
    struct matmul_args a = { .x = x,
        .out = { .data = c->logits, .n = x.n, .cols = cols },
        .weight = h->weight->data + token * row_bytes,
        .bias = h->bias != NULL ? h->bias->data + token : NULL,
        .activation = KERNEL_NONE,
        .scale = h->scale };
    cuda_product(c, &a);
    return a.out;
}

static void copy_out(struct cuda *c, void *to, const void *from, size_t bytes) {
    cuda_must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c->stream), "head");
}

void cuda_logits(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, float *out) {
    struct cuda *c = cuda_enter(b);
    const struct head h = { head, bias, scale, softcap };
    struct device_rows all = rows_view(x, head->k);
    check_head(c, &h, x);
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

/* How many of the targets go together: of rows that fit, and no more than there is room for. */
static size_t count_some(const struct target *targets, size_t n) {
    size_t some = 1;
    while (some < n && some < HEAD_TARGETS && targets[some].row - targets[0].row < HEAD_ROWS)
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
        targets[i].logprob = (double)c->targets_host[i].logit - (double)m->max - log(m->sum);
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

void cuda_logprobs(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, struct target *targets, size_t n) {
    struct cuda *c = cuda_enter(b);
    const struct head h = { head, bias, scale, softcap };
    struct device_rows all = rows_view(x, head->k);
    check_head(c, &h, x);
    check_targets(head, x, targets, n);
    for (size_t from = 0, some; from < n; from += some) {
        some = count_some(targets + from, n - from);
        uint32_t first = targets[from].row, n_rows = targets[from + some - 1].row - first + 1;
        send_targets(c, targets + from, some);
        for (uint32_t token = 0; token < head->n; token += HEAD_SPAN) {
            struct span_args a = { .logits =
                                       span_logits(c, &h, rows_part(all, first, n_rows), token),
                .first_token = token,
                .softcap = softcap,
                .masses = c->masses,
                .targets = c->targets,
                .n_targets = (uint32_t)some };
            cuda_must(launch_span(&a, c->stream), "logprobs");
        }
        read_targets(c, targets + from, some, n_rows);
    }
}
