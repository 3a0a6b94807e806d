/* What is read of the head. Of several devices each has some tokens of the vocabulary: it says what
 * rows hold of those, and that is put together in the order of the devices, which is that of the
 * tokens. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "harness/model/ranks.h"

/* The net's own rows that stand where these of the leader do. */
static struct rows own_rows(const struct net *net, struct rows h) {
    return (struct rows) { .buf = net->head_rows.buf, .row = h.row, .n = h.n };
}

static void logprobs_of(struct net *net, struct rows h, struct target *targets, size_t n) {
    net->backend->ops->logprobs(net->backend, net->head, net->head_bias,
        (float)net->spec.logit_scale, (float)net->spec.logit_softcap, h, targets, n);
}

static void logits_of(struct net *net, struct rows h, float *out) {
    net->backend->ops->logits(net->backend, net->head, net->head_bias, (float)net->spec.logit_scale,
        (float)net->spec.logit_softcap, h, out);
}

/* ---- log-probabilities ---- */

struct reading {
    struct rows h;
    const struct target *targets;
    size_t n;
    struct target *parts; /* [devices, n] */
};

static bool is_of(const struct share *s, int32_t token) {
    return (uint32_t)token >= s->from && (uint32_t)token - s->from < s->n;
}

/* A token of another device's is asked for as the first: its row's sum is wanted all the same. */
static bool part_read(struct net *net, void *arg, struct err *err) {
    const struct reading *r = arg;
    const struct share *own = &net->cut.vocab;
    struct target *parts = r->parts + net->cut.index * r->n;
    (void)err;
    for (size_t i = 0; i < r->n; i++) {
        int32_t token = r->targets[i].token;
        parts[i] = (struct target) { .row = r->targets[i].row,
            .token = is_of(own, token) ? token - (int32_t)own->from : 0 };
    }
    logprobs_of(net, own_rows(net, r->h), parts, r->n);
    for (size_t i = 0; i < r->n; i++) {
        parts[i].best = is_of(own, r->targets[i].token); /* from here on: has it */
        parts[i].mass.best += own->from;
    }
    return true;
}

/* One target of all devices' parts: sums of exponentials by the largest logit of all, of which the
 * first token counts. A sum that is NaN stays so. */
static void target_join(struct target *t, const struct target *part, size_t stride, uint32_t n) {
    struct mass all = part->mass;
    double logit = part->logit;
    for (uint32_t i = 1; i < n; i++) {
        const struct target *p = part + i * stride;
        all = mass_join(all, p->mass);
        logit = p->best ? p->logit : logit;
    }
    t->logit = logit;
    t->mass = all;
    t->logprob = logit - (double)all.max - log(all.sum);
    t->best = (uint32_t)t->token == all.best;
}

void net_logprobs(struct net *net, struct rows h, struct target *targets, size_t n) {
    uint32_t devices = ranks_count(net);
    if (devices == 1) {
        logprobs_of(net, h, targets, n);
        return;
    }
    struct reading r = { h, targets, n, xcalloc(devices * n, sizeof *r.parts) };
    (void)!ranks_each(net, part_read, &r, NULL);
    for (size_t i = 0; i < n; i++)
        target_join(&targets[i], r.parts + i, n, devices);
    free(r.parts);
}

/* ---- all logits ---- */

struct copying {
    struct rows h;
    float *out; /* [rows, V] */
};

static bool part_copy(struct net *net, void *arg, struct err *err) {
    const struct copying *c = arg;
    const struct share *own = &net->cut.vocab;
    float *logits = xcalloc((size_t)c->h.n * own->n, sizeof *logits);
    (void)err;
    logits_of(net, own_rows(net, c->h), logits);
    for (uint32_t i = 0; i < c->h.n; i++)
        memcpy(c->out + (size_t)i * own->of + own->from, logits + (size_t)i * own->n,
            own->n * sizeof *logits);
    free(logits);
    return true;
}

void net_logits(struct net *net, struct rows h, float *out) {
    struct copying c = { h, out };
    if (ranks_count(net) == 1)
        logits_of(net, h, out);
    else
        (void)!ranks_each(net, part_copy, &c, NULL);
}
