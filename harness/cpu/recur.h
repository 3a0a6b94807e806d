/* What both recurrences share: a layer's cache by slot, and the walk over a sequence's tokens. */
#ifndef ASSAY_HARNESS_CPU_RECUR_H
#define ASSAY_HARNESS_CPU_RECUR_H

#include "harness/cpu/cpu.h"

enum { TAPS_MAX = 16, STATE_MAX = 1024, RECUR_GATED_MAX = 1024 };

struct recur_op {
    const struct cpu *cpu;
    const struct recurrence *r;
    const struct kv_cache *kv;
    uint32_t layer, n_blocks;
    const struct segment *segments;
    struct rows u, read, gate, out; /* u: a convolution only */
};

/* n numbers of a slot from `column` on, as f32; `cache` is kv->keys or kv->values. */
void recur_cell(const struct recur_op *op, const uint8_t *cache, uint32_t slot, uint32_t column,
    uint32_t n, float *out);

/* A segment's sequence from position 0 on: its ancestors' tokens, then its own. */
typedef void recur_token(void *arg, const struct segment *s, uint32_t position, uint32_t slot);
void recur_walk(const struct segment *s, recur_token *token, void *arg);

/* y *= activation(gate) in columns [first, first + n) of a row, where there is a gate; n is at most
 * RECUR_GATED_MAX. */
void recur_gate(const struct recur_op *op, uint32_t row, uint32_t first, uint32_t n, float *y);

/* n numbers to columns [first, first + n) of row `row` of the output, in its elements. */
void recur_write(const struct recur_op *op, uint32_t row, uint32_t first, uint32_t n, float *y);

float recur_softplus(float x);

/* recur_delta.c: heads that correct what they recall. */
void recur_delta(struct cpu *c, struct recur_op *op, uint32_t n_segments);

/* recur_heads.c: a step and a decay a head. */
void recur_heads(struct cpu *c, struct recur_op *op, uint32_t n_segments);

#endif
