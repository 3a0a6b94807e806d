/* The selective recurrence: see struct recurrence. A segment replays its ancestors from position 0,
 * channel by channel, so that a row's bits don't depend on how its sequence was cut; a work item is
 * a segment × some channels. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cpu/recur.h"

enum { CHANNELS = 32 };

/* Channels that go through the convolution: of heads, what tokens bring in and read too. */
static uint32_t convolved(const struct recurrence *r) {
    return r->n_channels + (r->n_heads > 0 ? 2 * r->n_groups * r->n_state : 0);
}

/* Some channels of one sequence, from position 0 on. */
struct channels {
    const struct recur_op *op;
    uint32_t first, n;
    float recent[TAPS_MAX][CHANNELS]; /* the last tokens' channels, by position modulo taps */
    float *state;                     /* [n, S] */
};

static const uint8_t *cell(const struct recur_op *op, const uint8_t *cache, uint32_t slot) {
    const struct kv_cache *kv = op->kv;
    return cache + ((size_t)op->layer * kv->n_slots + slot) * kv->width * elem_bytes(kv->elem);
}

void recur_cell(const struct recur_op *op, const uint8_t *cache, uint32_t slot, uint32_t column,
    uint32_t n, float *out) {
    const uint8_t *at = cell(op, cache, slot) + (size_t)column * elem_bytes(op->kv->elem);
    if (op->kv->elem == ELEM_BF16)
        op->cpu->kernels->from_bf16(n, (const uint16_t *)(const void *)at, out);
    else
        memcpy(out, at, n * sizeof *out);
}

/* The convolution at `position`, whose token has just been taken in. */
static void channels_convolve(const struct channels *c, uint32_t position, float *u) {
    const struct recurrence *r = c->op->r;
    uint32_t taps = r->n_taps, seen = position + 1 < taps ? position + 1 : taps;
    for (uint32_t i = 0; i < c->n; i++) {
        const float *w = r->taps + (size_t)(c->first + i) * taps;
        float sum = r->taps_bias ? r->taps_bias[c->first + i] : 0;
        for (uint32_t back = 0; back < seen; back++)
            sum += w[taps - 1 - back] * c->recent[(position - back) % taps][i];
        u[i] = sum;
    }
    c->op->cpu->kernels->activate(r->activation, c->n, u, u);
}

float recur_softplus(float x) {
    return x > 20 ? x : log1pf(expf(x));
}

void recur_gate(const struct recur_op *op, uint32_t row, uint32_t first, uint32_t n, float *y) {
    float open[RECUR_GATED_MAX];
    if (!op->gate.buf)
        return;
    const float *gate = (const float *)row_at(op->gate, row) + first;
    op->cpu->kernels->activate(op->r->activation, n, gate, open);
    op->cpu->kernels->multiply(n, open, y);
}

void recur_write(const struct recur_op *op, uint32_t row, uint32_t first, uint32_t n, float *y) {
    if (op->out.buf->elem == ELEM_BF16)
        op->cpu->kernels->to_bf16(n, y, (uint16_t *)row_at(op->out, row) + first);
    else
        memcpy((float *)row_at(op->out, row) + first, y, n * sizeof *y);
}

void recur_walk(const struct segment *s, recur_token *token, void *arg) {
    uint32_t position = 0;
    for (uint32_t a = 0; a < s->n_ancestors; a++)
        for (uint32_t i = 0; i < s->ancestors[a].n; i++)
            token(arg, s, position++, s->ancestors[a].slot + i);
    for (uint32_t i = 0; i < s->n; i++)
        token(arg, s, position++, s->slot + i);
}

static void channels_step(struct channels *c, uint32_t slot, const float *u) {
    const struct recur_op *op = c->op;
    uint32_t n_state = op->r->n_state;
    float raw[CHANNELS], brought[STATE_MAX];
    recur_cell(op, op->kv->values, slot, c->first, c->n, raw);
    recur_cell(op, op->kv->values, slot, op->r->n_channels, n_state, brought);
    for (uint32_t i = 0; i < c->n; i++) {
        const float *decay = op->r->decay + (size_t)(c->first + i) * n_state;
        float *state = c->state + (size_t)i * n_state, step = recur_softplus(raw[i]);
        for (uint32_t s = 0; s < n_state; s++)
            state[s] = expf(-expf(decay[s]) * step) * state[s] + step * brought[s] * u[i];
    }
}

/* What comes out at row `row`: act elements. */
static void channels_out(const struct channels *c, uint32_t row, const float *u) {
    const struct recur_op *op = c->op;
    const float *read = row_at(op->read, row);
    uint32_t n_state = op->r->n_state;
    float y[CHANNELS];
    for (uint32_t i = 0; i < c->n; i++) {
        float sum = 0;
        for (uint32_t s = 0; s < n_state; s++)
            sum += c->state[(size_t)i * n_state + s] * read[s];
        y[i] = sum + op->r->skip[c->first + i] * u[i];
    }
    recur_gate(op, row, c->first, c->n, y);
    recur_write(op, row, c->first, c->n, y);
}

static void token_take(void *arg, const struct segment *s, uint32_t position, uint32_t slot) {
    struct channels *c = arg;
    const struct recur_op *op = c->op;
    bool convolution = op->u.buf != NULL, own = position >= s->position;
    uint32_t row = s->row + (position - s->position);
    float u[CHANNELS];
    recur_cell(op, op->kv->keys, slot, c->first, c->n, c->recent[position % op->r->n_taps]);
    if (convolution && !own)
        return;
    channels_convolve(c, position, u);
    if (convolution) {
        memcpy((float *)row_at(op->u, row) + c->first, u, c->n * sizeof *u);
        return;
    }
    channels_step(c, slot, u);
    if (own)
        channels_out(c, row, u);
}

static void segment_run(void *arg, unsigned thread, size_t item) {
    const struct recur_op *op = arg;
    const struct segment *s = &op->segments[item / op->n_blocks];
    struct channels c = { .op = op, .first = (uint32_t)(item % op->n_blocks) * CHANNELS };
    uint32_t left = convolved(op->r) - c.first;
    c.n = left < CHANNELS ? left : CHANNELS;
    c.state = cpu_scratch(op->cpu, thread);
    memset(c.state, 0, (size_t)c.n * op->r->n_state * sizeof *c.state);
    recur_walk(s, token_take, &c);
}

static void run(struct cpu *c, struct recur_op *op, uint32_t n_segments) {
    op->n_blocks = (convolved(op->r) + CHANNELS - 1) / CHANNELS;
    cpu_reserve(c, (size_t)CHANNELS * op->r->n_state * sizeof(float));
    pool_run(c->pool, (size_t)n_segments * op->n_blocks, segment_run, op);
}

/* What a slot must have room for: see struct recurrence. */
static void recurrence_check(const struct recurrence *r, const struct kv_cache *kv) {
    uint32_t values =
        r->corrects
            ? convolved(r) + 2 * r->n_heads
            : r->n_channels + (r->n_heads > 0 ? r->n_groups * r->n_state + r->n_heads : r->n_state);
    BUG_IF(kv->width < convolved(r) || kv->width < values || r->n_taps > TAPS_MAX ||
           r->n_state > STATE_MAX);
}

void cpu_convolve(struct backend *b, const struct recurrence *r, struct kv_cache *kv,
    uint32_t layer, const struct segment *segments, uint32_t n_segments, struct rows u) {
    struct cpu *c = cpu_of(b);
    recurrence_check(r, kv);
    rows_check(u, convolved(r));
    struct recur_op op = {
        .cpu = c, .r = r, .kv = kv, .layer = layer, .segments = segments, .u = u
    };
    run(c, &op, n_segments);
}

void cpu_recur(struct backend *b, const struct recurrence *r, struct kv_cache *kv, uint32_t layer,
    const struct segment *segments, uint32_t n_segments, struct rows read, struct rows gate,
    struct rows out) {
    struct cpu *c = cpu_of(b);
    recurrence_check(r, kv);
    rows_check(read, r->n_heads > 0 ? convolved(r) : r->n_state);
    if (gate.buf)
        rows_check(gate, r->n_channels);
    rows_check(out, r->n_channels);
    struct recur_op op = { .cpu = c,
        .r = r,
        .kv = kv,
        .layer = layer,
        .segments = segments,
        .read = read,
        .gate = gate,
        .out = out };
    if (r->corrects)
        recur_delta(c, &op, n_segments);
    else if (r->n_heads > 0)
        recur_heads(c, &op, n_segments);
    else
        run(c, &op, n_segments);
}
