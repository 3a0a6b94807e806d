/* log p(token | row) for chosen tokens: the vocabulary goes through the GEMM door chunk by chunk,
 * and of each chunk only its maximum, the sum of its exponentials (f64) and the targets' logits are
 * kept.
 *
 * A work item is a block of rows × a span of SPAN chunks; what spans found is joined in order of
 * the vocabulary at the end. Spans are fixed by the vocabulary alone, so neither threads nor the
 * number of rows change a bit. Of a head that stays in its file an item is all rows × a part of a
 * span, and parts are joined to their span first, in the same order. */
#include "harness/cpu/strips.h"

enum { SPAN = 16 };

struct logprobs {
    struct cpu *cpu;
    const struct matrix *matrix;
    const struct gemm_weight *head; /* the matrix's */
    const float *bias;
    float scale, softcap;
    struct rows x;
    struct target *targets;
    size_t *first_target; /* [x.n + 1]: of each row */
    struct mass *masses;  /* [n_parts, x.n] */
    uint32_t n_blocks, n_parts;
    uint32_t part; /* chunks of a part of a span: SPAN or 1 */
};

static struct mass mass_of(
    const struct kernels *k, uint32_t n, const float *logits, uint32_t first_token) {
    size_t best;
    struct mass m = { .max = k->find_max(n, logits, &best) };
    m.best = first_token + (uint32_t)best;
    m.sum = k->exp_sum(n, logits, m.max == -INFINITY ? 0 : m.max);
    return m;
}

static void take_targets(
    const struct logprobs *l, uint32_t row, uint32_t n, const float *logits, uint32_t first_token) {
    for (size_t t = l->first_target[row]; t < l->first_target[row + 1]; t++) {
        uint32_t token = (uint32_t)l->targets[t].token;
        if (token >= first_token && token - first_token < n)
            l->targets[t].logit = (double)logits[token - first_token];
    }
}

static void read_chunk(const struct logprobs *l, const struct gemm_call *call, uint32_t chunk,
    uint32_t first_row, struct mass *masses) {
    const struct kernels *k = l->cpu->kernels;
    uint32_t columns = gemm_columns(call->weight, call->chunk),
             stride = gemm_stride(call->weight, call->chunk);
    uint32_t token = chunk * l->cpu->gemm->chunk;
    for (uint32_t i = 0; i < call->n_rows && first_row + i < l->x.n; i++) {
        float *logits = call->sums + (size_t)i * stride;
        if (l->bias != NULL)
            k->add(columns, l->bias + token, logits);
        if (l->scale != 1 || l->softcap > 0)
            k->cap(columns, l->scale, l->softcap, logits);
        take_targets(l, first_row + i, columns, logits, token);
        masses[first_row + i] =
            mass_join(masses[first_row + i], mass_of(k, columns, logits, token));
    }
}

static void read_span(void *arg, unsigned thread, size_t item) {
    const struct logprobs *l = arg;
    const struct cpu *c = l->cpu;
    uint32_t block = (uint32_t)(item % l->n_blocks), span = (uint32_t)(item / l->n_blocks);
    uint32_t first_row = block * c->gemm->row_block;
    struct mass *masses = l->masses + (size_t)span * l->x.n;
    float *sums = cpu_scratch(c, thread);
    struct gemm_call call = { .weight = l->head, .thread = thread, .sums = sums };
    block_call(c, l->x, block, sums + (size_t)c->gemm->row_block * c->gemm->chunk, &call);
    for (uint32_t i = first_row; i < l->x.n && i < first_row + c->gemm->row_block; i++)
        masses[i] = (struct mass) { .max = -INFINITY };
    for (uint32_t i = 0; i < SPAN && span * SPAN + i < l->head->n_chunks; i++) {
        call.chunk = span * SPAN + i;
        c->gemm->ops->multiply(&call);
        read_chunk(l, &call, call.chunk, first_row, masses);
    }
}

/* All rows by a chunk, which is made for them. */
static void read_strip(
    const struct logprobs *l, unsigned thread, uint32_t chunk, struct mass *masses) {
    const struct cpu *c = l->cpu;
    float *sums = cpu_scratch(c, thread);
    struct gemm_call call = { .thread = thread, .sums = sums };
    call.weight = strip_make(c, l->matrix, chunk * c->gemm->chunk, gemm_columns(l->head, chunk),
        (uint8_t *)sums + block_room(c, l->head));
    for (uint32_t block = 0; block < l->n_blocks; block++) {
        block_call(c, l->x, block, sums + (size_t)c->gemm->row_block * c->gemm->chunk, &call);
        c->gemm->ops->multiply(&call);
        read_chunk(l, &call, chunk, block * c->gemm->row_block, masses);
    }
}

static void read_part(void *arg, unsigned thread, size_t item) {
    const struct logprobs *l = arg;
    struct mass *masses = l->masses + item * l->x.n;
    for (uint32_t i = 0; i < l->x.n; i++)
        masses[i] = (struct mass) { .max = -INFINITY };
    for (uint32_t i = 0; i < l->part && item * l->part + i < l->head->n_chunks; i++)
        read_strip(l, thread, (uint32_t)item * l->part + i, masses);
}

/* Whole spans where every thread gets some; else chunk by chunk, which can be joined in the order
 * that a span has: nothing between can. */
static uint32_t part_of(const struct cpu *c, const struct gemm_weight *head) {
    return head->n_chunks / SPAN >= 4 * c->caps.threads ? SPAN : 1;
}

/* What a span found, which begins with this part. */
static struct mass span_mass(const struct logprobs *l, uint32_t part, uint32_t row) {
    struct mass span = l->masses[(size_t)part * l->x.n + row];
    for (uint32_t i = 1; i < SPAN / l->part && part + i < l->n_parts; i++)
        span = mass_join(span, l->masses[(size_t)(part + i) * l->x.n + row]);
    return span;
}

static void join_row(const struct logprobs *l, uint32_t row) {
    struct mass all = span_mass(l, 0, row);
    for (uint32_t part = SPAN / l->part; part < l->n_parts; part += SPAN / l->part)
        all = mass_join(all, span_mass(l, part, row));
    double log_sum = log(all.sum);
    for (size_t t = l->first_target[row]; t < l->first_target[row + 1]; t++) {
        struct target *target = &l->targets[t];
        target->mass = all;
        target->logprob = target->logit - (double)all.max - log_sum;
        target->best = (uint32_t)target->token == all.best;
    }
}

static void index_targets(struct logprobs *l, size_t n) {
    size_t t = 0;
    for (uint32_t row = 0; row < l->x.n; row++) {
        l->first_target[row] = t;
        for (; t < n && l->targets[t].row == row; t++)
            BUG_IF(l->targets[t].token < 0 || (uint32_t)l->targets[t].token >= l->head->n);
    }
    l->first_target[l->x.n] = t;
    BUG_IF(t != n); /* not sorted, or a row out of range */
}

void cpu_logprobs(struct backend *b, const struct matrix *head, const struct vector *bias,
    float scale, float softcap, struct rows x, struct target *targets, size_t n) {
    struct cpu *c = cpu_of(b);
    const struct gemm *g = c->gemm;
    rows_check(x, head->weight->k);
    BUG_IF(head->weight->gemm != g || x.buf->elem != g->elem ||
           (bias != NULL && bias->n != head->weight->n));
    struct logprobs l = { .cpu = c,
        .matrix = head,
        .head = head->weight,
        .bias = bias ? bias->data : NULL,
        .scale = scale,
        .softcap = softcap,
        .x = x,
        .targets = targets };
    l.n_blocks = block_count(c, x.n);
    bool in_file = head->source != NULL;
    l.part = in_file ? part_of(c, head->weight) : SPAN;
    l.n_parts = (head->weight->n_chunks + l.part - 1) / l.part;
    size_t mass_bytes = (size_t)l.n_parts * x.n * sizeof *l.masses;
    l.masses = cpu_shared(c, mass_bytes + ((size_t)x.n + 1) * sizeof *l.first_target);
    l.first_target = (size_t *)(void *)((uint8_t *)l.masses + mass_bytes);
    index_targets(&l, n);
    block_count_filled(c, x.n);
    cpu_reserve(c, block_room(c, l.head) + (in_file ? strips_room(c, head, g->chunk) : 0));
    pool_run(c->pool, (size_t)(in_file ? 1 : l.n_blocks) * l.n_parts,
        in_file ? read_part : read_span, &l);
    for (uint32_t row = 0; row < x.n; row++)
        join_row(&l, row);
}
