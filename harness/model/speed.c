/* model_speed: a plan's FLOPs become seconds by running a step of the model and looking at the
 * clock. And what the device could give at most. */
#include <math.h>

#include "harness/model/model.h"
#include "harness/model/step.h"

enum { ROWS_FIRST = 32, ROWS_TIMED = 512 };
#define SECONDS_ENOUGH 1.0

struct trial {
    struct net *net;
    struct step step;
    int32_t *ids; /* zeros */
};

/* Seconds of one text of n tokens, all rows through all layers. */
static double trial_run(struct trial *t, uint32_t n) {
    double start = model_clock();
    step_reset(&t->step);
    step_add(&t->step, &(struct step_part) { .ids = t->ids, .n = n });
    struct step_view view = step_view(&t->step);
    view.n_reads = view.n;
    net_forward_hidden(t->net, &view);
    return model_clock() - start;
}

static double trial_flops(const struct spec *s, uint32_t n) {
    double pairs = s->causal ? n * (n + 1.0) / 2 : (double)n * n;
    return net_token_flops(s) * n + net_pair_flops(s) * pairs;
}

/* The first step makes tables and touches memory; only the last one counts, which is as long as
 * about a second allows. */
bool model_speed(struct model *m, double *flops_per_s, struct err *err) {
    uint32_t most = m->net.n_rows < m->info.max_length ? m->net.n_rows : m->info.max_length;
    uint32_t n = most < ROWS_FIRST ? most : ROWS_FIRST;
    most = most < ROWS_TIMED ? most : ROWS_TIMED;
    most = most < m->max_slots ? most : m->max_slots;
    if (!model_can_run(m, NULL, err) || !net_reserve_slots(&m->net, most, err))
        return false;
    struct trial t = { .net = &m->net, .ids = xcalloc(most, sizeof *t.ids) };
    double seconds = trial_run(&t, n);
    seconds = trial_run(&t, n);
    while (n < most && seconds * 2 < SECONDS_ENOUGH) {
        n = 2 * n < most ? 2 * n : most;
        seconds = trial_run(&t, n);
    }
    *flops_per_s = trial_flops(net_whole(&m->net), n) / (seconds > 0 ? seconds : 1e-9);
    step_release(&t.step);
    free(t.ids);
    return true;
}

double model_roof(struct model *m, double seconds) {
    struct backend *b = m->net.backend;
    return b->ops->roof ? ranks_count(&m->net) * b->ops->roof(b, seconds) : 0;
}

double model_stream(struct model *m, double seconds) {
    struct backend *b = m->net.backend;
    return b->ops->stream ? ranks_count(&m->net) * b->ops->stream(b, seconds) : 0;
}

/* The share of a layer's experts that n tokens choose, were each choice a draw. */
static double experts_met(const struct spec *s, uint32_t n) {
    double missed = 1 - (double)s->experts.n_chosen / s->experts.n;
    return 1 - pow(missed, n);
}

double model_step_bytes(const struct model *m, uint32_t n, uint32_t length) {
    const struct net *net = m->decoder ? m->decoder : &m->net;
    double experts = net->expert_bytes ? experts_met(&net->spec, n) : 0;
    return ranks_count(net) * ((double)net->product_bytes + experts * (double)net->expert_bytes +
                                  (double)n * length * (double)net_slot_bytes(net));
}
