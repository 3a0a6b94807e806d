/* Texts that come and go (harness.h): asking, running a step, reading it. */
#include "harness/model/flow.h"

#include <math.h>
#include <string.h>

#include "harness/model/choose.h"
#include "harness/model/pair.h"

enum { AT_ONCE = 64, SLOTS_DEFAULT = 16384 };

/* ---- opening ---- */

static uint32_t slots_wanted(const struct model *m, const struct flow_options *o) {
    uint32_t want = o->slots ? o->slots : 2 * m->info.max_length;
    if (!o->slots && want < SLOTS_DEFAULT)
        want = SLOTS_DEFAULT;
    return want < m->max_slots ? want : m->max_slots;
}

struct flow *flow_open(struct model *m, const struct flow_options *o, struct err *err) {
    if (!m->info.causal || m->decoder) {
        err_set(err, ERR_UNSUPPORTED, "'%s' is %s: it cannot generate", m->path,
            m->decoder ? "an encoder with a decoder" : "an encoder");
        return NULL;
    }
    uint32_t slots = slots_wanted(m, o);
    if (!model_can_run(m, NULL, err) || !net_reserve_slots(&m->net, slots, err))
        return NULL;
    struct flow *f = xcalloc(1, sizeof *f);
    f->model = m;
    f->at_once = o->at_once ? o->at_once : AT_ONCE;
    f->figures.slots = slots;
    slots_init(&f->slots, slots);
    f->logits = xcalloc((size_t)FLOW_LOGIT_ROWS * m->info.n_vocab, sizeof *f->logits);
    return f;
}

void flow_close(struct flow *f) {
    if (!f)
        return;
    while (f->first)
        flow_text_free(f, f->first);
    free(f->live);
    free(f->kept);
    free(f->reads);
    free(f->targets);
    free(f->target_reads);
    free(f->logits);
    step_release(&f->step);
    slots_release(&f->slots);
    free(f);
}

/* ---- asking ---- */

static bool ask_check(const struct flow *f, const struct flow_ask *ask, struct err *err) {
    const struct model *m = f->model;
    if (ask->n_ids == 0)
        return err_set(err, ERR_INPUT, "the prompt has no tokens");
    size_t all = ask->n_ids + ask->max_tokens;
    if (ask->n_ids > m->info.max_length || all > m->info.max_length)
        return err_set(err, ERR_INPUT,
            "%zu tokens of the prompt and %u to be made are more than the %u that the model takes",
            ask->n_ids, ask->max_tokens, m->info.max_length);
    if (all > f->slots.n)
        return err_set(err, ERR_INPUT,
            "%zu tokens of the prompt and %u to be made are more than the %u that there is memory "
            "for",
            ask->n_ids, ask->max_tokens, f->slots.n);
    return model_ids_check(m, ask->ids, ask->n_ids, err);
}

static const char **stops_copy(const struct flow_ask *ask) {
    const char **stop = xcalloc(ask->n_stop + 1, sizeof *stop);
    for (size_t i = 0; i < ask->n_stop; i++)
        stop[i] = xstrdup(ask->stop[i]);
    return stop;
}

void flow_numbers_reserve(struct flow_text *t) {
    size_t had = t->logprobs_capacity, n = (size_t)t->n + 1;
    if (!t->ask.reads && !t->ask.reads_prompt)
        return;
    mem_grow(&t->logprobs, &t->logprobs_capacity, n, sizeof *t->logprobs);
    for (size_t i = had; i < t->logprobs_capacity; i++)
        t->logprobs[i] = NAN;
    if (t->ask.n_top > 0)
        mem_grow(&t->tops, &t->tops_capacity, n * t->ask.n_top, sizeof *t->tops);
}

struct flow_text *flow_add(struct flow *f, const struct flow_ask *ask, struct err *err) {
    if (!ask_check(f, ask, err))
        return NULL;
    struct flow_text *t = xcalloc(1, sizeof *t);
    t->ask = *ask;
    t->ask.n_top = ask->n_top < FLOW_TOP_MAX ? ask->n_top : FLOW_TOP_MAX;
    if (!ask->reads && !ask->reads_prompt)
        t->ask.n_top = 0;
    t->ask.stop = stops_copy(ask);
    t->n = t->n_prompt = (uint32_t)ask->n_ids;
    mem_grow(&t->ids, &t->ids_capacity, ask->n_ids + 1, sizeof *t->ids);
    memcpy(t->ids, ask->ids, ask->n_ids * sizeof *t->ids);
    t->ask.ids = t->ids;
    t->n_known = 1; /* the first has none */
    uint32_t fed = flow_to_feed(t) + (ask->max_tokens ? ask->max_tokens - 1 : 0);
    t->class = rope_class(&f->model->net.spec.rope, fed);
    t->next = f->first;
    t->back = &f->first;
    if (t->next)
        t->next->back = &t->next;
    f->first = t;
    mem_grow(&f->live, &f->live_capacity, f->n_live + 1, sizeof(struct flow_text *));
    f->live[f->n_live++] = t;
    f->figures.waiting++;
    return t;
}

static void live_remove(struct flow *f, const struct flow_text *t) {
    size_t i = 0;
    while (i < f->n_live && f->live[i] != t)
        i++;
    BUG_IF(i == f->n_live);
    f->n_live--;
    memmove(f->live + i, f->live + i + 1, (f->n_live - i) * sizeof(struct flow_text *));
}

void flow_drop(struct flow *f, struct flow_text *t) {
    t->dropped = true;
    if (!flow_has_ended(t)) {
        f->figures.running -= t->state == FLOW_RUNS;
        f->figures.waiting -= t->state == FLOW_WAITS;
        live_remove(f, t);
        flow_keep(f, t); /* what is there is there: it may be asked again */
    }
    if (!t->kept)
        flow_text_free(f, t);
}

/* ---- the text that is made ---- */

/* Bytes at the end of a text that the next token may change: of a character that is not whole, or
 * of what may become a stop string. */
static size_t unsure(const struct flow_text *t, const char *text, size_t n) {
    size_t most = 0;
    for (size_t at = n; at >= 3 && memcmp(text + at - 3, "\xef\xbf\xbd", 3) == 0; at -= 3)
        most += 3;
    for (size_t i = 0; i < t->ask.n_stop; i++) {
        size_t length = strlen(t->ask.stop[i]);
        for (size_t k = length < n ? length : n; k > most; k--)
            if (memcmp(text + n - k, t->ask.stop[i], k) == 0)
                most = k;
    }
    return most;
}

/* What was sure stays so: a tokenizer that changes its mind about a text is heard at the end. */
static void text_take(struct flow_text *t, struct strbuf *text, bool ended) {
    size_t n = text->len;
    char *made = strbuf_take(text);
    if (ended && t->state == FLOW_STOPPED)
        n = choose_cut(made, t->ask.stop, t->ask.n_stop);
    size_t sure = ended ? n : n - unsure(t, made, n);
    bool agrees = t->n_sure <= n && (t->n_sure == 0 || memcmp(t->text, made, t->n_sure) == 0);
    free(t->text);
    t->text = made;
    t->text_n = n;
    if (agrees && sure > t->n_sure)
        t->n_sure = sure;
    if (t->n_sure > n)
        t->n_sure = n;
}

static void text_make(struct flow *f, struct flow_text *t, bool ended) {
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    const struct tokenizer *tokenizer = f->model->tokenizer;
    if (!ended && !t->ask.as_it_goes)
        return;
    if (tokenizer &&
        !tokenizer_decode(tokenizer, t->ids + t->n_prompt, t->n - t->n_prompt, true, &text, &err)) {
        t->state = FLOW_FAILED;
        t->err = err;
    }
    text_take(t, &text, ended);
    strbuf_release(&text);
}

/* ---- reading ---- */

static void fail(struct flow_text *t) {
    t->state = FLOW_FAILED;
    err_set(&t->err, ERR_NUMERIC,
        "logits are not finite: the model's weights or activations hold NaN or infinity");
}

static void advance(struct flow *f, struct flow_text *t, int32_t token) {
    mem_grow(&t->ids, &t->ids_capacity, (size_t)t->n + 2, sizeof *t->ids);
    t->ask.ids = t->ids;
    t->ids[t->n] = token;
    f->figures.made++;
    if (!t->ask.run_on && choose_is_end(&f->model->net.spec, token)) {
        t->has_end = true;
        t->state = FLOW_STOPPED;
    } else {
        t->n++;
        uint32_t made = t->n - t->n_prompt;
        if (choose_hits_stop(
                f->model->tokenizer, t->ids + t->n_prompt, made, t->ask.stop, t->ask.n_stop))
            t->state = FLOW_STOPPED;
        else if (made == t->ask.max_tokens)
            t->state = FLOW_LENGTH;
        else
            f->figures.asked++;
    }
    text_make(f, t, flow_has_ended(t));
}

static bool is_likelier(const float *logits, uint32_t a, int32_t than) {
    return than < 0 || logits[a] > logits[than];
}

/* The n likeliest of a row, the first of equals first, and what all of it weighs. */
static double tops_find(const float *logits, uint32_t n_vocab, unsigned n, int32_t *top) {
    double sum = 0;
    for (unsigned k = 0; k < n; k++)
        top[k] = -1;
    for (uint32_t v = 0; v < n_vocab; v++) {
        unsigned at = n;
        while (at > 0 && is_likelier(logits, v, top[at - 1]))
            at--;
        if (at == n)
            continue;
        memmove(top + at + 1, top + at, (n - 1 - at) * sizeof *top);
        top[at] = (int32_t)v;
    }
    for (uint32_t v = 0; v < n_vocab; v++)
        sum += exp((double)logits[v] - (double)logits[top[0]]);
    return (double)logits[top[0]] + log(sum);
}

/* Numbers of a token from all logits of the row before it. */
static void numbers_of_logits(
    const struct flow *f, struct flow_text *t, uint32_t at, const float *logits) {
    int32_t top[FLOW_TOP_MAX + 1];
    unsigned n_vocab = f->model->info.n_vocab, n = t->ask.n_top ? t->ask.n_top : 1;
    n = n < n_vocab ? n : n_vocab;
    double all = tops_find(logits, n_vocab, n, top);
    t->logprobs[at] = (double)logits[t->ids[at]] - all;
    for (unsigned k = 0; k < t->ask.n_top; k++)
        t->tops[(size_t)at * t->ask.n_top + k] = (struct flow_top) { .id = k < n ? top[k] : -1,
            .logprob = k < n ? (double)logits[top[k]] - all : NAN };
}

/* The same from what the head says of one token: it knows the likeliest, too. */
static void numbers_of_target(struct flow_text *t, uint32_t at, const struct target *target) {
    double best = -log(target->mass.sum);
    bool is_best = (uint32_t)t->ids[at] == target->mass.best;
    t->logprobs[at] = is_best ? best : target->logprob;
    if (t->ask.n_top == 1)
        t->tops[at] = (struct flow_top) { .id = (int32_t)target->mass.best, .logprob = best };
}

static bool needs_logits(const struct flow_read *r) {
    return r->text->ask.n_top > 1 || (r->chooses && r->text->ask.temperature > 0);
}

static void settle(struct flow_text *t, uint32_t token) {
    if (t->n_known == token)
        t->n_known = token + 1;
    if (!isfinite(t->logprobs[token]))
        fail(t);
}

static void read_logits(struct flow *f, const struct flow_read *r, const float *logits) {
    struct flow_text *t = r->text;
    uint32_t n_vocab = f->model->info.n_vocab;
    const struct flow_ask *ask = &t->ask;
    int32_t token = !r->chooses ? t->ids[r->token]
                    : ask->temperature > 0
                        ? choose_drawn(logits, n_vocab, ask->temperature, ask->top_p,
                              choose_luck(choose_seed(ask->seed, ask->draw), t->n - t->n_prompt))
                        : choose_best(logits, n_vocab);
    if (flow_has_ended(t))
        return;
    if (token < 0) {
        fail(t);
        return;
    }
    if (!r->chooses || ask->reads) {
        flow_numbers_reserve(t);
        t->ids[r->token] = token; /* there is room for one more */
        numbers_of_logits(f, t, r->token, logits);
    }
    if (r->chooses)
        advance(f, t, token);
    else
        settle(t, r->token);
}

static void read_target(struct flow *f, const struct flow_read *r, const struct target *target) {
    struct flow_text *t = r->text;
    if (flow_has_ended(t))
        return;
    if (!isfinite(target->mass.sum) || !isfinite(target->mass.max)) {
        fail(t);
        return;
    }
    int32_t best = (int32_t)target->mass.best;
    if (!r->chooses || t->ask.reads) {
        flow_numbers_reserve(t);
        if (r->chooses)
            t->ids[r->token] = best;
        numbers_of_target(t, r->token, target);
    }
    if (r->chooses)
        advance(f, t, best);
    else
        settle(t, r->token);
}

/* Reads are in the order of rows, each row once. Few of them need all logits: those are had for
 * some rows at a time. */
static void read_all_logits(struct flow *f, struct rows h) {
    struct net *net = &f->model->net;
    uint32_t n_vocab = f->model->info.n_vocab;
    for (size_t i = 0; i < f->n_reads;) {
        if (!needs_logits(&f->reads[i])) {
            i++;
            continue;
        }
        size_t n = 1; /* those that follow it and need them, too */
        while (n < FLOW_LOGIT_ROWS && i + n < f->n_reads && needs_logits(&f->reads[i + n]))
            n++;
        struct rows part = { .buf = h.buf, .row = h.row + f->reads[i].row, .n = (uint32_t)n };
        net_logits(net, part, f->logits);
        for (size_t k = 0; k < n; k++)
            read_logits(f, &f->reads[i + k], f->logits + k * n_vocab);
        i += n;
    }
}

static void read_targets(struct flow *f, struct rows h) {
    size_t n = 0;
    mem_grow(&f->targets, &f->targets_capacity, f->n_reads + 1, sizeof *f->targets);
    mem_grow(
        &f->target_reads, &f->target_reads_capacity, f->n_reads + 1, sizeof(struct flow_read *));
    for (size_t i = 0; i < f->n_reads; i++) {
        struct flow_read *r = &f->reads[i];
        if (needs_logits(r))
            continue;
        f->targets[n] =
            (struct target) { .row = r->row, .token = r->chooses ? 0 : r->text->ids[r->token] };
        f->target_reads[n++] = r;
    }
    if (n > 0)
        net_logprobs(&f->model->net, h, f->targets, n);
    for (size_t i = 0; i < n; i++)
        read_target(f, f->target_reads[i], &f->targets[i]);
}

/* Numbers that came with another text's keys and values, in the order in which they came. */
static void copy_numbers(struct flow *f) {
    for (size_t i = 0; i < f->n_live; i++) {
        struct flow_text *t = f->live[i];
        if (!t->source)
            continue;
        uint32_t n_top = t->ask.n_top;
        for (uint32_t k = 1; k <= t->n_copied && k < t->n_prompt; k++) {
            t->logprobs[k] = t->source->logprobs[k];
            if (!isfinite(t->logprobs[k]))
                fail(t);
        }
        if (n_top)
            memcpy(t->tops + n_top, t->source->tops + n_top,
                (size_t)t->n_copied * n_top * sizeof *t->tops);
        t->source = NULL;
    }
}

/* Of a prompt that is read and has no more to be made, all is there. */
static void end_readers(struct flow *f) {
    for (size_t i = 0; i < f->n_live; i++) {
        struct flow_text *t = f->live[i];
        if (!flow_has_ended(t) && t->ask.max_tokens == 0 && t->state == FLOW_RUNS &&
            t->path.n_tokens == flow_to_feed(t)) {
            t->state = FLOW_LENGTH;
            text_make(f, t, true);
        }
    }
}

static void sweep(struct flow *f) {
    size_t left = 0;
    for (size_t i = 0; i < f->n_live; i++) {
        struct flow_text *t = f->live[i];
        if (!flow_has_ended(t)) {
            f->live[left++] = t;
            continue;
        }
        f->figures.running--;
        if (t->state == FLOW_FAILED)
            flow_text_clear(f, t);
        flow_keep(f, t);
    }
    f->n_live = left;
}

/* ---- a step ---- */

static void step_run(struct flow *f) {
    struct net *net = &f->model->net;
    struct step_view view = step_view(&f->step);
    net_set_length(net, f->class);
    f->figures.steps++;
    if (view.n_reads == 0) {
        net_forward_keys(net, &view);
        return;
    }
    struct rows h = net_forward_head(net, &view);
    read_targets(f, h);
    read_all_logits(f, h);
}

bool flow_step(struct flow *f, struct err *err) {
    (void)err;
    if (f->n_live == 0)
        return true;
    for (size_t tries = 0; tries <= f->n_live; tries++) { /* as many classes there may be */
        flow_fill(f);
        bool entered = f->step.n > 0;
        for (size_t i = 0; !entered && i < f->n_live; i++)
            entered = f->live[i]->state == FLOW_RUNS && f->live[i]->ask.max_tokens == 0 &&
                      f->live[i]->path.n_tokens == flow_to_feed(f->live[i]);
        if (entered)
            break;
        BUG_IF(tries == f->n_live);
    }
    if (f->step.n > 0)
        step_run(f);
    copy_numbers(f);
    end_readers(f);
    sweep(f);
    return true;
}

bool flow_idle(const struct flow *f) {
    return f->n_live == 0;
}

/* ---- telling ---- */

struct flow_told flow_told(const struct flow_text *t) {
    uint32_t n_read = t->n + t->has_end;
    return (struct flow_told) {
        .state = t->state,
        .ids = t->ids,
        .n_prompt = t->n_prompt,
        .n = t->n,
        .n_read = n_read,
        .logprobs = t->logprobs,
        .tops = t->tops,
        .n_top = t->ask.n_top,
        .text = t->text,
        .text_n = t->text_n,
        .n_sure = t->n_sure,
        .n_shared = t->n_shared,
        .err = t->err,
    };
}

struct flow_figures flow_figures(const struct flow *f) {
    struct flow_figures figures = f->figures;
    figures.slots_used = f->slots.n - f->slots.n_free;
    return figures;
}

bool model_prompt_ids(const struct model *m, enum add_bos add_bos, const char *text, size_t n,
    struct token_list *out, struct err *err) {
    struct score_options options = { .add_bos = add_bos };
    struct pair_rule rule = { 0 };
    bool ok = model_text(m, err) &&
              pair_rule_init(
                  &rule, m->tokenizer, m->prefix_token, m->net.spec.expects_bos, &options, err) &&
              pair_encode(&rule, text, n, out, err);
    pair_rule_release(&rule);
    return ok;
}
