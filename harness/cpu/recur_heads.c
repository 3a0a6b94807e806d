/* The recurrence of heads (Mamba 2): a head's state is a matrix [S, P] of its P channels, which
 * decays as one. What the convolution gave lies in the cache, so tokens of ancestors are taken from
 * there. A work item is a segment × a head; sums over the state run in the order of its numbers. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/recur.h"

enum { WIDTH_MAX = RECUR_GATED_MAX };

/* One head of one sequence. */
struct head {
    const struct recur_op *op;
    uint32_t number, width, group; /* width: P */
    float *state;                  /* [S, P] */
};

static float step_of(const struct head *h, uint32_t slot) {
    const struct recurrence *r = h->op->r;
    float step;
    recur_cell(h->op, h->op->kv->values, slot, r->n_channels + r->n_groups * r->n_state + h->number,
        1, &step);
    step = recur_softplus(step + r->step_from[h->number]);
    return step < r->step_min ? r->step_min : step > r->step_max ? r->step_max : step;
}

/* state = exp(-exp(decay) * step) * state + step * brought * u; u: the token's channels. */
static void head_step(const struct head *h, uint32_t slot, float *u) {
    const struct recur_op *op = h->op;
    const struct recurrence *r = op->r;
    const struct kernels *k = op->cpu->kernels;
    float brought[STATE_MAX], step = step_of(h, slot);
    float keep = expf(-expf(r->decay[h->number]) * step);
    recur_cell(op, op->kv->values, slot, h->number * h->width, h->width, u);
    recur_cell(
        op, op->kv->values, slot, r->n_channels + h->group * r->n_state, r->n_state, brought);
    k->scale((size_t)r->n_state * h->width, keep, h->state);
    for (uint32_t s = 0; s < r->n_state; s++)
        k->scale_add(h->width, step * brought[s], u, h->state + (size_t)s * h->width);
}

/* out = (state · read + skip * u) * activation(gate), where there is a gate. */
static void head_out(const struct head *h, uint32_t row, const float *u) {
    const struct recur_op *op = h->op;
    const struct recurrence *r = op->r;
    const struct kernels *k = op->cpu->kernels;
    const float *read = (const float *)row_at(op->read, row) + r->n_channels +
                        (size_t)(r->n_groups + h->group) * r->n_state;
    float y[WIDTH_MAX] = { 0 };
    uint32_t first = h->number * h->width;
    for (uint32_t s = 0; s < r->n_state; s++)
        k->scale_add(h->width, read[s], h->state + (size_t)s * h->width, y);
    k->scale_add(h->width, r->skip[h->number], u, y);
    recur_gate(op, row, first, h->width, y);
    recur_write(op, row, first, h->width, y);
}

static void head_take(void *arg, const struct segment *s, uint32_t position, uint32_t slot) {
    const struct head *h = arg;
    float u[WIDTH_MAX];
    head_step(h, slot, u);
    if (position >= s->position)
        head_out(h, s->row + (position - s->position), u);
}

static void head_run(void *arg, unsigned thread, size_t item) {
    const struct recur_op *op = arg;
    const struct recurrence *r = op->r;
    struct head h = { .op = op,
        .number = (uint32_t)(item % r->n_heads),
        .width = r->n_channels / r->n_heads,
        .state = cpu_scratch(op->cpu, thread) };
    h.group = h.number / (r->n_heads / r->n_groups);
    memset(h.state, 0, (size_t)r->n_state * h.width * sizeof *h.state);
    recur_walk(&op->segments[item / r->n_heads], head_take, &h);
}

void recur_heads(struct cpu *c, struct recur_op *op, uint32_t n_segments) {
    const struct recurrence *r = op->r;
    BUG_IF(r->n_channels / r->n_heads > WIDTH_MAX);
    cpu_reserve(c, (size_t)r->n_state * (r->n_channels / r->n_heads) * sizeof(float));
    pool_run(c->pool, (size_t)n_segments * r->n_heads, head_run, op);
}
