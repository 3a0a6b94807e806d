/* The gated delta rule: a head's state is a matrix [S, P] that recalls, for what a token brings in,
 * the channels that came with it; the token's own replace what was recalled, by its weight. What
 * the convolution gave lies in the cache, so tokens of ancestors are taken from there. A work item
 * is a segment × a head; sums over the state run in the order of its numbers. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/recur.h"

enum { WIDTH_MAX = 1024 };

/* One head of one sequence, and where its parts lie in a row of the convolution. */
struct delta {
    const struct recur_op *op;
    uint32_t number, width; /* width: P */
    uint32_t read_at, brought_at, channels_at, steps_at;
    float *state; /* [S, P] */
};

/* x scaled to length `length`. */
static void unit(uint32_t n, float length, float *x) {
    float sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    float by = length / sqrtf(sum + 1e-6F);
    for (uint32_t i = 0; i < n; i++)
        x[i] *= by;
}

static void delta_step(const struct delta *d, uint32_t slot) {
    const struct recur_op *op = d->op;
    const struct recurrence *r = op->r;
    const struct kernels *k = op->cpu->kernels;
    float u[WIDTH_MAX], brought[STATE_MAX], recalled[WIDTH_MAX] = { 0 }, step, weight;
    const uint8_t *values = op->kv->values;
    recur_cell(op, values, slot, d->steps_at + d->number, 1, &step);
    recur_cell(op, values, slot, d->steps_at + r->n_heads + d->number, 1, &weight);
    recur_cell(op, values, slot, d->brought_at, r->n_state, brought);
    recur_cell(op, values, slot, d->channels_at, d->width, u);
    unit(r->n_state, 1, brought);
    step = recur_softplus(step + r->step_from[d->number]);
    k->scale((size_t)r->n_state * d->width, expf(-expf(r->decay[d->number]) * step), d->state);
    for (uint32_t s = 0; s < r->n_state; s++)
        k->scale_add(d->width, brought[s], d->state + (size_t)s * d->width, recalled);
    float open = 1 / (1 + expf(-weight));
    for (uint32_t i = 0; i < d->width; i++)
        u[i] = open * (u[i] - recalled[i]);
    for (uint32_t s = 0; s < r->n_state; s++)
        k->scale_add(d->width, brought[s], u, d->state + (size_t)s * d->width);
}

static void delta_out(const struct delta *d, uint32_t row) {
    const struct recur_op *op = d->op;
    const struct recurrence *r = op->r;
    float y[WIDTH_MAX] = { 0 }, read[STATE_MAX];
    memcpy(read, (const float *)row_at(op->read, row) + d->read_at, r->n_state * sizeof *read);
    unit(r->n_state, 1 / sqrtf((float)r->n_state), read);
    for (uint32_t s = 0; s < r->n_state; s++)
        op->cpu->kernels->scale_add(d->width, read[s], d->state + (size_t)s * d->width, y);
    recur_gate(op, row, d->number * d->width, d->width, y);
    recur_write(op, row, d->number * d->width, d->width, y);
}

static void delta_take(void *arg, const struct segment *s, uint32_t position, uint32_t slot) {
    const struct delta *d = arg;
    delta_step(d, slot);
    if (position >= s->position)
        delta_out(d, s->row + (position - s->position));
}

static void delta_run(void *arg, unsigned thread, size_t item) {
    const struct recur_op *op = arg;
    const struct recurrence *r = op->r;
    uint32_t number = (uint32_t)(item % r->n_heads), width = r->n_channels / r->n_heads,
             group = number / (r->n_heads / r->n_groups), all = r->n_groups * r->n_state;
    struct delta d = { .op = op,
        .number = number,
        .width = width,
        .read_at = group * r->n_state,
        .brought_at = all + group * r->n_state,
        .channels_at = 2 * all + number * width,
        .steps_at = 2 * all + r->n_channels,
        .state = cpu_scratch(op->cpu, thread) };
    memset(d.state, 0, (size_t)r->n_state * width * sizeof *d.state);
    recur_walk(&op->segments[item / r->n_heads], delta_take, &d);
}

void recur_delta(struct cpu *c, struct recur_op *op, uint32_t n_segments) {
    const struct recurrence *r = op->r;
    BUG_IF(r->n_channels / r->n_heads > WIDTH_MAX);
    cpu_reserve(c, (size_t)r->n_state * (r->n_channels / r->n_heads) * sizeof(float));
    pool_run(c->pool, (size_t)n_segments * r->n_heads, delta_run, op);
}
