/* model_score: requests become token sequences (pair.c), sequences a prefix tree (tree.c), the tree
 * numbers (sched.c), and numbers sums, each in the order of its own tokens. */
#include <math.h>
#include <string.h>

#include "harness/model/model.h"
#include "harness/model/pair.h"
#include "harness/model/sched.h"

/* Which numbers belong to a choice. A request that failed has no choices here. */
struct answer {
    struct score_choice *choice;
    size_t sink, n;
};

/* A request's part of the answers and of the numbers, and how many of these are still to come. */
struct question {
    size_t answers, n_answers, sinks, n_sinks, n_left;
};

/* A text for an encoder. */
struct encoded {
    const int32_t *ids;
    uint32_t n;
};

struct scorer {
    struct model *model;
    const struct run_options *run;
    struct score_request *requests;
    struct pair_rule rule;
    struct arena ids; /* of all sequences; dies with the call */
    struct tree_sequence *sequences;
    struct answer *answers;
    struct question *questions; /* [requests] */
    size_t n_sequences, n_answers, sequences_capacity, answers_capacity;
    size_t n_sinks;
    struct read_result *results; /* [n_sinks] */
    struct encoded *texts;       /* what a decoder looks at, each once; its number is the class */
    size_t n_texts, texts_capacity;
    uint32_t text; /* the one whose rows the decoder has, from 1 on; 0: none */
};

static void scorer_release(struct scorer *s) {
    pair_rule_release(&s->rule);
    arena_release(&s->ids);
    free(s->sequences);
    free(s->answers);
    free(s->questions);
    free(s->results);
    free(s->texts);
}

/* ---- requests to sequences ---- */

static void sequence_add(struct scorer *s, const int32_t *ids, uint32_t n, uint32_t first_read) {
    mem_grow(&s->sequences, &s->sequences_capacity, s->n_sequences + 1, sizeof *s->sequences);
    s->sequences[s->n_sequences++] = (struct tree_sequence) { .ids = ids,
        .n = n,
        .first_read = first_read,
        .sink = s->n_sinks,
        .length_class = rope_class(&s->model->net.spec.rope, n) };
    s->n_sinks += n - first_read;
}

static void answer_add(struct scorer *s, struct score_choice *c, size_t sink) {
    mem_grow(&s->answers, &s->answers_capacity, s->n_answers + 1, sizeof *s->answers);
    s->answers[s->n_answers++] =
        (struct answer) { .choice = c, .sink = sink, .n = s->n_sinks - sink };
    c->n_tokens = (uint32_t)(s->n_sinks - sink);
}

/* Tokens of a request: texts are cut as lm-evaluation-harness cuts them, ids are taken as they are
 * where the model can. */
static uint32_t length_limit(const struct scorer *s, const struct score_choice *c) {
    return c->text ? s->model->info.max_length : model_longest(s->model);
}

/* One context with one continuation: cut from the left to what the model takes. */
static bool pair_add(struct scorer *s, struct score_request *r, struct score_choice *c,
    const int32_t *ids, size_t n, uint32_t n_context, struct err *err) {
    uint32_t max_length = length_limit(s, c);
    size_t n_choice = n - n_context;
    if (n_choice > max_length)
        return err_set(err, ERR_INPUT, "a continuation of %zu tokens is longer than the model's %u",
            n_choice, max_length);
    size_t cut = n > (size_t)max_length + 1 ? n - max_length - 1 : 0;
    r->n_truncated += (uint32_t)cut;
    size_t sink = s->n_sinks;
    sequence_add(s, ids + cut, (uint32_t)(n - cut - 1), (uint32_t)(n - cut - 1 - n_choice));
    answer_add(s, c, sink);
    return true;
}

static const int32_t *ids_keep(struct scorer *s, const struct token_list *list) {
    int32_t *ids = arena_alloc(&s->ids, list->n * sizeof *ids);
    memcpy(ids, list->ids, list->n * sizeof *ids);
    return ids;
}

static bool text_choices_add(struct scorer *s, struct score_request *r, struct err *err) {
    struct pair_context context;
    struct token_list list = { 0 };
    bool ok = pair_context_init(&context, &s->rule, r->context, r->context_n, err);
    for (size_t i = 0; ok && i < r->n_choices; i++) {
        struct score_choice *c = &r->choices[i];
        uint32_t n_context;
        token_list_reset(&list);
        ok = pair_split(&s->rule, &context, c->text, c->text_n, &list, &n_context, err) &&
             pair_add(s, r, c, ids_keep(s, &list), list.n, n_context, err);
        c->n_bytes = (uint32_t)c->text_n;
    }
    token_list_release(&list);
    pair_context_release(&context);
    return ok;
}

/* Bytes of the text that the ids stand for, where there is a tokenizer to say so. */
static uint32_t decoded_bytes(const struct scorer *s, const int32_t *ids, size_t n) {
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    uint32_t bytes = 0;
    if (s->model->tokenizer &&
        tokenizer_decode(s->model->tokenizer, ids, n, false, &text, &ignored))
        bytes = (uint32_t)text.len;
    strbuf_release(&text);
    return bytes;
}

/* The number of the text for the encoder; equal ones are one. */
static uint32_t text_number(struct scorer *s, const int32_t *ids, size_t n) {
    for (size_t i = s->n_texts; i > 0; i--)
        if (s->texts[i - 1].n == n && memcmp(s->texts[i - 1].ids, ids, n * sizeof *ids) == 0)
            return (uint32_t)i - 1;
    mem_grow(&s->texts, &s->texts_capacity, s->n_texts + 1, sizeof *s->texts);
    s->texts[s->n_texts] = (struct encoded) { .ids = ids, .n = (uint32_t)n };
    return (uint32_t)s->n_texts++;
}

/* The encoder takes the context, and the decoder the choice behind its first token. */
static bool seq2seq_add(struct scorer *s, struct score_choice *c, const struct token_list *context,
    const struct token_list *choice, struct err *err) {
    const struct model *m = s->model;
    size_t sink = s->n_sinks;
    uint32_t longest = m->info.max_length < m->net.n_rows ? m->info.max_length : m->net.n_rows;
    if (context->n == 0 || choice->n == 0)
        return err_set(err, ERR_INPUT, "the %s has no ids", choice->n ? "context" : "choice");
    if (context->n > longest || choice->n > m->decoder->spec.max_length)
        return err_set(err, ERR_INPUT, "%zu and %zu tokens are more than the model's %u",
            context->n, choice->n, longest);
    if (!model_ids_check(m, context->ids, context->n, err) ||
        !model_ids_check(m, choice->ids, choice->n, err))
        return false;
    int32_t *ids = arena_alloc(&s->ids, (choice->n + 1) * sizeof *ids);
    ids[0] = m->decoder->spec.start;
    memcpy(ids + 1, choice->ids, choice->n * sizeof *ids);
    sequence_add(s, ids, (uint32_t)choice->n, 0);
    s->sequences[s->n_sequences - 1].length_class =
        text_number(s, ids_keep(s, context), context->n);
    answer_add(s, c, sink);
    return true;
}

/* A list that is only read. */
static struct token_list ids_view(const int32_t *ids, size_t n) {
    union {
        const int32_t *in;
        int32_t *out;
    } cast = { .in = ids };
    return (struct token_list) { .ids = cast.out, .n = n };
}

static bool seq2seq_choice_add(struct scorer *s, struct score_request *r, struct score_choice *c,
    const struct token_list *context, struct err *err) {
    static const struct encode_options bare = { .no_special = true };
    if (!c->text) {
        struct token_list choice = ids_view(c->ids, c->n_ids);
        c->n_bytes = decoded_bytes(s, c->ids, c->n_ids);
        return seq2seq_add(s, c, context, &choice, err);
    }
    struct token_list choice = { 0 };
    (void)r;
    c->n_bytes = (uint32_t)c->text_n;
    bool ok = tokenizer_encode(s->model->tokenizer, c->text, c->text_n, &bare, &choice, err) &&
              seq2seq_add(s, c, context, &choice, err);
    token_list_release(&choice);
    return ok;
}

static bool seq2seq_request_add(struct scorer *s, struct score_request *r, struct err *err) {
    static const struct encode_options whole = { 0 };
    struct token_list made = { 0 };
    struct token_list context = ids_view(r->context_ids, r->n_context_ids);
    if (r->rolling)
        return err_set(err, ERR_UNSUPPORTED, "an encoder with a decoder scores no rolling texts");
    bool ok = !r->context ||
              tokenizer_encode(s->model->tokenizer, r->context, r->context_n, &whole, &made, err);
    for (size_t i = 0; ok && i < r->n_choices; i++)
        ok = seq2seq_choice_add(s, r, &r->choices[i], r->context ? &made : &context, err);
    token_list_release(&made);
    return ok;
}

/* An empty list of context ids is an empty context: the prefix token stands for it. */
static bool id_choice_add(
    struct scorer *s, struct score_request *r, struct score_choice *c, struct err *err) {
    const int32_t *context = r->context_ids;
    size_t n_context = r->n_context_ids;
    if (n_context == 0) {
        if (s->model->prefix_token < 0)
            return err_set(err, ERR_INPUT,
                "the context is empty, and the model has no BOS or EOS "
                "to stand for it");
        context = &s->model->prefix_token;
        n_context = 1;
    }
    if (c->n_ids == 0)
        return err_set(err, ERR_INPUT, "a choice has no ids");
    if (!model_ids_check(s->model, context, n_context, err) ||
        !model_ids_check(s->model, c->ids, c->n_ids, err))
        return false;
    int32_t *ids = arena_alloc(&s->ids, (n_context + c->n_ids) * sizeof *ids);
    memcpy(ids, context, n_context * sizeof *ids);
    memcpy(ids + n_context, c->ids, c->n_ids * sizeof *ids);
    c->n_bytes = decoded_bytes(s, c->ids, c->n_ids);
    return pair_add(s, r, c, ids, n_context + c->n_ids, (uint32_t)n_context, err);
}

/* The list begins with the token that stands before the text. */
static bool windows_add(
    struct scorer *s, struct score_request *r, const int32_t *ids, size_t n, struct err *err) {
    if (n > UINT32_MAX)
        return err_set(err, ERR_INPUT, "a text of %zu tokens is too long", n);
    struct pair_window w;
    size_t sink = s->n_sinks;
    for (uint32_t i = 0; pair_window((uint32_t)n, s->model->info.max_length, i, &w); i++)
        sequence_add(s, ids + w.from, w.to - w.from, w.first_read);
    answer_add(s, &r->choices[0], sink);
    return true;
}

static bool rolling_text_add(struct scorer *s, struct score_request *r, struct err *err) {
    struct score_choice *c = &r->choices[0];
    struct token_list list = { 0 };
    bool ok = s->rule.prefix_token >= 0 ||
              err_set(err, ERR_INPUT, "the model has no BOS or EOS to begin a rolling text with");
    ok = ok && pair_encode(&s->rule, c->text, c->text_n, &list, err);
    if (ok) {
        int32_t *ids = arena_alloc(&s->ids, (list.n + 1) * sizeof *ids);
        ids[0] = s->rule.prefix_token;
        if (list.n > 0)
            memcpy(ids + 1, list.ids, list.n * sizeof *ids);
        c->n_bytes = (uint32_t)c->text_n;
        ok = windows_add(s, r, ids, list.n + 1, err);
    }
    token_list_release(&list);
    return ok;
}

static bool rolling_ids_add(struct scorer *s, struct score_request *r, struct err *err) {
    struct score_choice *c = &r->choices[0];
    if (c->n_ids == 0)
        return err_set(err, ERR_INPUT, "no ids to score");
    if (!model_ids_check(s->model, c->ids, c->n_ids, err))
        return false;
    c->n_bytes = decoded_bytes(s, c->ids + 1, c->n_ids - 1);
    return windows_add(s, r, c->ids, c->n_ids, err);
}

static bool id_choices_add(struct scorer *s, struct score_request *r, struct err *err) {
    for (size_t i = 0; i < r->n_choices; i++)
        if (!id_choice_add(s, r, &r->choices[i], err))
            return false;
    return true;
}

static bool request_add(struct scorer *s, struct score_request *r, struct err *err) {
    if (r->n_choices == 0 || (r->rolling && r->n_choices != 1))
        return err_set(err, ERR_INPUT, "a request needs %s", r->rolling ? "one text" : "choices");
    if (s->model->decoder)
        return seq2seq_request_add(s, r, err);
    if (r->rolling)
        return r->choices[0].text ? rolling_text_add(s, r, err) : rolling_ids_add(s, r, err);
    if (r->context)
        return text_choices_add(s, r, err);
    return id_choices_add(s, r, err);
}

static bool wants_text(const struct score_request *r) {
    return r->context || (r->rolling && r->n_choices > 0 && r->choices[0].text);
}

/* A failed request takes back what it has added. */
static void question_add(struct scorer *s, struct score_request *r, struct question *q) {
    size_t first = s->n_sequences;
    *q = (struct question) { .answers = s->n_answers, .sinks = s->n_sinks };
    r->err = (struct err)ERR_INIT;
    r->n_truncated = 0;
    r->n_asked = 0;
    if (!request_add(s, r, &r->err)) {
        s->n_sequences = first;
        s->n_answers = q->answers;
        s->n_sinks = q->sinks;
    }
    q->n_answers = s->n_answers - q->answers;
    q->n_sinks = q->n_left = s->n_sinks - q->sinks;
    for (size_t i = first; i < s->n_sequences; i++)
        r->n_asked += s->sequences[i].n;
}

static bool requests_add(struct scorer *s, size_t n, struct err *err) {
    s->questions = xcalloc(n ? n : 1, sizeof *s->questions);
    for (size_t i = 0; i < n; i++) {
        if (wants_text(&s->requests[i]) && !model_text(s->model, err))
            return false;
        question_add(s, &s->requests[i], &s->questions[i]);
    }
    return true;
}

/* ---- numbers to answers ---- */

/* False where the sum is not a finite number. */
static bool answer_sum(const struct answer *a, const struct read_result *results) {
    double sum = 0;
    bool greedy = true;
    for (size_t i = 0; i < a->n; i++) {
        sum += results[a->sink + i].logprob;
        greedy = greedy && results[a->sink + i].best;
    }
    a->choice->loglikelihood = sum;
    a->choice->greedy = greedy;
    return isfinite(sum);
}

/* All numbers of a request are there. */
static bool question_finish(struct scorer *s, size_t i, struct err *err) {
    const struct question *q = &s->questions[i];
    struct err *own = &s->requests[i].err;
    for (size_t a = q->answers; a < q->answers + q->n_answers; a++)
        if (!answer_sum(&s->answers[a], s->results) && own->class == ERR_NONE)
            err_set(own, ERR_NUMERIC,
                "the log-likelihood is not a finite number: the model's weights or activations "
                "hold NaN or infinity");
    if (own->class != ERR_NONE || !s->run || !s->run->answered)
        return true;
    return s->run->answered(i, s->run->answered_arg) || err_set(err, ERR_INTERRUPTED, "stopped");
}

/* The request whose number this is: the last one that begins at or before it. */
static size_t question_of(const struct scorer *s, size_t n, size_t sink) {
    size_t low = 0, high = n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->questions[middle].sinks <= sink)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct finishing {
    struct scorer *scorer;
    size_t n; /* requests */
};

static bool take_results(void *arg, const size_t *sinks, size_t n, struct err *err) {
    const struct finishing *f = arg;
    for (size_t i = 0; i < n; i++) {
        size_t at = question_of(f->scorer, f->n, sinks[i]);
        if (--f->scorer->questions[at].n_left == 0 && !question_finish(f->scorer, at, err))
            return false;
    }
    return true;
}

/* A text of one token has nothing to be read: its sum is 0 from the start. */
static bool finish_empty(struct scorer *s, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++)
        if (s->questions[i].n_sinks == 0 && s->questions[i].n_answers > 0 &&
            !question_finish(s, i, err))
            return false;
    return true;
}

/* ---- the run ---- */

static void stats_add(
    struct run_stats *stats, const struct net *net, const struct tree *t, size_t work_bytes) {
    const struct spec *s = &net->spec;
    uint64_t bytes = net->weight_bytes + work_bytes;
    stats->tokens_asked += t->n_asked;
    stats->tokens_computed += t->n_rows;
    stats->flops += net_token_flops(s) * (double)t->n_rows + net_pair_flops(s) * t->n_pairs +
                    net_logit_flops(s) * (double)t->n_logit_rows;
    stats->memory_bytes = bytes > stats->memory_bytes ? bytes : stats->memory_bytes;
}

/* The net that scores: an encoder's decoder, where there is one. */
static struct net *scoring_net(const struct scorer *s) {
    return s->model->decoder ? s->model->decoder : &s->model->net;
}

/* Before steps of another text: the encoder runs over it, whole, and the decoder keeps its rows. */
static bool text_encode(void *arg, uint32_t number, struct err *err) {
    struct scorer *s = ((const struct finishing *)arg)->scorer;
    struct net *net = &s->model->net;
    if (!s->model->decoder || s->text == number + 1)
        return true;
    struct step step = { 0 };
    step_add(&step, &(struct step_part) {
                        .ids = s->texts[number].ids, .n = s->texts[number].n, .whole = true });
    bool ok = net_reserve_slots(net, net->n_rows, err);
    if (ok) {
        struct step_view view = step_view(&step);
        view.n_reads = view.n;
        net_cross_store(s->model->decoder, net_forward_hidden(net, &view));
        s->text = number + 1;
    }
    step_release(&step);
    return ok;
}

static bool tree_run(struct scorer *s, size_t n, const struct tree *tree,
    const struct sched_plan *plan, struct err *err) {
    struct net *net = scoring_net(s);
    struct finishing finishing = { .scorer = s, .n = n };
    struct sched_run run = { .options = s->run,
        .total = tree->n_rows,
        .on_results = take_results,
        .on_class = text_encode,
        .arg = &finishing };
    uint64_t filled = net->backend->ops->rows_filled(net->backend);
    s->results = xcalloc(s->n_sinks ? s->n_sinks : 1, sizeof *s->results);
    bool ok = finish_empty(s, n, err) &&
              (tree->n_rows == 0 || sched_reads(net, plan, tree, s->results, &run, err));
    if (s->run && s->run->stats)
        s->run->stats->rows_filled += net->backend->ops->rows_filled(net->backend) - filled;
    return ok;
}

static bool scorer_run(struct scorer *s, size_t n, struct err *err) {
    struct tree tree;
    struct sched_plan plan = { 0 };
    const struct run_options *run = s->run;
    tree_build(&tree, s->sequences, s->n_sequences, !(run && run->no_prefix_sharing));
    s->sequences = NULL; /* the tree's now */
    bool ok = tree.n_rows == 0 ||
              sched_plan(&plan, scoring_net(s), s->model->max_slots, tree.depth, tree.n_rows, err);
    if (ok && !(run && run->plan_only))
        ok = tree_run(s, n, &tree, &plan, err);
    if (ok && run && run->stats)
        stats_add(run->stats, scoring_net(s), &tree, plan.bytes);
    tree_release(&tree);
    return ok;
}

bool model_score(struct model *m, const struct score_options *options,
    struct score_request *requests, size_t n, const struct run_options *run, struct err *err) {
    double start = model_clock();
    if (!m->info.causal && !m->decoder)
        return err_set(
            err, ERR_UNSUPPORTED, "'%s' is an encoder: it cannot score continuations", m->path);
    struct scorer s = { .model = m, .run = run, .requests = requests };
    bool ok = model_can_run(m, run, err) &&
              pair_rule_init(
                  &s.rule, m->tokenizer, m->prefix_token, m->net.spec.expects_bos, options, err) &&
              requests_add(&s, n, err) && scorer_run(&s, n, err);
    scorer_release(&s);
    if (run && run->stats) {
        run->stats->items += n;
        run->stats->seconds += model_clock() - start;
    }
    return ok;
}

/* ---- looking ---- */

static bool rolling_tokens(const struct pair_rule *rule, const struct score_choice *c,
    struct token_list *out, uint32_t *n_context, struct err *err) {
    if (rule->prefix_token < 0)
        return err_set(err, ERR_INPUT, "the model has no BOS or EOS to begin a rolling text with");
    mem_grow(&out->ids, &out->capacity, out->n + 1, sizeof *out->ids);
    out->ids[out->n++] = rule->prefix_token;
    *n_context = 1;
    return pair_encode(rule, c->text, c->text_n, out, err);
}

static bool choice_tokens(const struct pair_rule *rule, const struct score_request *r,
    const struct score_choice *c, struct token_list *out, uint32_t *n_context, struct err *err) {
    struct pair_context context;
    bool ok = pair_context_init(&context, rule, r->context, r->context_n, err) &&
              pair_split(rule, &context, c->text, c->text_n, out, n_context, err);
    pair_context_release(&context);
    return ok;
}

bool model_score_tokens(struct model *m, const struct score_options *options,
    const struct score_request *request, size_t choice, struct token_list *out, uint32_t *n_context,
    uint32_t *n_cut, struct err *err) {
    const struct score_choice *c = &request->choices[choice];
    struct pair_rule rule;
    size_t from = out->n, limit = (size_t)m->info.max_length + 1;
    if (!model_text(m, err) || !pair_rule_init(&rule, m->tokenizer, m->prefix_token,
                                   m->net.spec.expects_bos, options, err))
        return false;
    bool ok = request->rolling ? rolling_tokens(&rule, c, out, n_context, err)
                               : choice_tokens(&rule, request, c, out, n_context, err);
    size_t n = out->n - from;
    *n_cut = ok && !request->rolling && n > limit ? (uint32_t)(n - limit) : 0;
    pair_rule_release(&rule);
    return ok;
}
