/* Rows with their neighbours, so that a convolution over tokens is one matrix product: a weight [C,
 * C, taps] as the file has it is a matrix [C, C * taps], and a row here has its numbers in that
 * order. */
#include "base/mem.h"
#include "harness/cpu/cpu.h"

enum { GRAIN = 16 }; /* rows a work item */

struct unfold_op {
    struct rows x, out;
    uint32_t taps;
    const uint32_t *first, *end; /* [T]: the segment of each row */
};

static void unfold_row(const struct unfold_op *op, uint32_t t, float *row) {
    uint32_t cols = op->x.buf->cols, taps = op->taps;
    for (uint32_t j = 0; j < taps; j++) {
        int64_t at = (int64_t)t + j - taps / 2;
        bool there = at >= op->first[t] && at < op->end[t];
        const float *x = there ? row_at(op->x, (uint32_t)at) : NULL;
        for (uint32_t i = 0; i < cols; i++)
            row[(size_t)i * taps + j] = x ? x[i] : 0;
    }
}

static void unfold_rows(
    const struct cpu *c, void *arg, unsigned thread, uint32_t from, uint32_t to) {
    const struct unfold_op *op = arg;
    float *row = cpu_scratch(c, thread);
    for (uint32_t t = from; t < to; t++) {
        unfold_row(op, t, row);
        row_write(c, op->out, t, row);
    }
}

void cpu_unfold(struct backend *b, uint32_t taps, const struct segment *segments,
    uint32_t n_segments, struct rows x, struct rows out) {
    struct cpu *c = cpu_of(b);
    rows_check(x, out.buf->cols / taps);
    rows_check(out, x.buf->cols * taps);
    BUG_IF(x.n != out.n || x.buf->elem != ELEM_F32);
    uint32_t *first = cpu_shared(c, (size_t)2 * x.n * sizeof *first), *end = first + x.n;
    for (uint32_t g = 0; g < n_segments; g++)
        for (uint32_t i = 0; i < segments[g].n; i++) {
            first[segments[g].row + i] = segments[g].row;
            end[segments[g].row + i] = segments[g].row + segments[g].n;
        }
    struct unfold_op op = { .x = x, .out = out, .taps = taps, .first = first, .end = end };
    cpu_reserve(c, (size_t)out.buf->cols * sizeof(float));
    cpu_rows(c, x.n, GRAIN, unfold_rows, &op);
}
