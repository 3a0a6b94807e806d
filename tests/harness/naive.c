/* See naive.h. */
#include "naive.h"

#include "harness/model/modules.h"

/* Nothing of an earlier run is left to be read by mistake. */
static void cache_renew(struct net *net, uint32_t n) {
    struct err err = ERR_INIT;
    if (net->kv && net->backend->ops->kv_free) {
        net->backend->ops->kv_free(net->backend, net->kv);
        net->kv = NULL;
        net->n_slots = 0;
    }
    BUG_IF(!net_reserve_slots(net, n, &err));
}

typedef struct rows forward_fn(struct net *net, const struct step_view *step);

static struct rows run_by(forward_fn *forward, struct net *net, const int32_t *ids, uint32_t n) {
    uint32_t *places = xcalloc(n, sizeof *places);
    BUG_IF(n == 0 || n > net->n_rows);
    for (uint32_t i = 0; i < n; i++)
        places[i] = i;
    cache_renew(net, n);
    net_set_length(net, rope_class(&net->spec.rope, n));
    const struct segment all = { .n = n };
    const struct rows out = forward(net, &(struct step_view) { .n = n,
                                             .ids = ids,
                                             .positions = places,
                                             .slots = places,
                                             .segments = &all,
                                             .n_segments = 1,
                                             .n_reads = n });
    free(places);
    return out;
}

struct rows naive_run(struct net *net, const int32_t *ids, uint32_t n) {
    return run_by(net_forward_head, net, ids, n);
}

static struct rows one_row(struct rows run, uint32_t row) {
    return (struct rows) { .buf = run.buf, .row = run.row + row, .n = 1 };
}

struct target naive_read(struct net *net, struct rows run, uint32_t row, int32_t token) {
    struct target target = { .token = token };
    net->backend->ops->logprobs(net->backend, net->head, net->head_bias,
        (float)net->spec.logit_scale, (float)net->spec.logit_softcap, one_row(run, row), &target,
        1);
    return target;
}

int32_t naive_best(struct net *net, const int32_t *ids, uint32_t n) {
    float *logits = xcalloc(net->spec.n_vocab, sizeof *logits);
    net->backend->ops->logits(net->backend, net->head, net->head_bias, (float)net->spec.logit_scale,
        (float)net->spec.logit_softcap, one_row(naive_run(net, ids, n), n - 1), logits);
    int32_t best = 0;
    for (uint32_t v = 1; v < net->spec.n_vocab; v++)
        if (logits[v] > logits[best])
            best = (int32_t)v;
    free(logits);
    return best;
}

void naive_vector(
    struct net *net, const int32_t *ids, uint32_t n, enum pooling pooling, float *out) {
    const struct rows x = run_by(net_forward_hidden, net, ids, n);
    const struct rows pooled = { .buf = net->pooled, .n = 1 };
    net->backend->ops->pool(net->backend, pooling, x, &(struct segment) { .n = n }, 1, pooled);
    net->backend->ops->download(net->backend, pooled, out);
    vector_normalize(out, net->spec.width);
}
