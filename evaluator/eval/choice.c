/* Multiple choice. One request for each context of a document; with acc_mutual_info the choices are
 * also asked for alone, after nothing. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "evaluator/eval/internal.h"
#include "evaluator/metric/choice.h"
#include "evaluator/metric/statistic.h"

/* Everything that is known of one document after asking. */
struct answer {
    struct score_choice *choices;
    struct score_choice *alone; /* after an empty context; NULL unless a metric needs it */
    double *loglik;
    size_t pick;                       /* by the main metric's rule */
    const struct pick_request *letter; /* asked by letter: then there are no choices; else NULL */
};

#define NO_PICK SIZE_MAX

struct numbers {
    struct answer *answers;
    double *scores; /* of the metric that is being measured, one a document */
    uint32_t *gold, *predicted;
    struct pick_request *picks; /* of documents that were asked by letter; else NULL */
    size_t n_picks;
};

enum rule { RULE_PLAIN, RULE_POINTS, RULE_BYTES, RULE_GAIN };

static bool is_gold(const struct task_doc *d, size_t choice) {
    for (size_t i = 0; i < d->n_gold; i++) {
        if (d->gold[i] == choice) {
            return true;
        }
    }
    return false;
}

/* ---- asking ---- */

static void add_requests(struct eval *e, const struct task_doc *d, struct answer *a,
    struct score_request *requests, size_t *owner, size_t doc, size_t *n) {
    a->choices = arena_alloc(&e->arena, d->n_choices * sizeof *a->choices);
    /* Choices of one context lie together: a document lists them so, or has one context for each.
     */
    for (size_t c = 0; c < d->n_choices; c++) {
        struct score_choice *choice = &a->choices[c];
        choice->text = d->choices[c].continuation;
        choice->text_n = strlen(choice->text);
        if (c == 0 || d->choices[c].context != d->choices[c - 1].context) {
            const char *context = d->contexts[d->choices[c].context];
            requests[*n] = (struct score_request) {
                .context = context, .context_n = strlen(context), .choices = choice
            };
            owner[(*n)++] = doc;
        }
        requests[*n - 1].n_choices++;
    }
}

static void add_alone(struct eval *e, const struct task_doc *d, struct answer *a,
    struct score_request *requests, size_t *owner, size_t doc, size_t *n) {
    a->alone = arena_alloc(&e->arena, d->n_choices * sizeof *a->alone);
    for (size_t c = 0; c < d->n_choices; c++) {
        a->alone[c].text = d->choices[c].continuation;
        a->alone[c].text_n = strlen(a->alone[c].text);
    }
    requests[*n] =
        (struct score_request) { .context = "", .choices = a->alone, .n_choices = d->n_choices };
    owner[(*n)++] = doc;
}

static bool reports(const struct eval *e, const char *metric) {
    for (size_t i = 0; i < e->info->report.n; i++) {
        if (!strcmp(e->info->report.items[i], metric)) {
            return true;
        }
    }
    return false;
}

static enum rule rule_of(const char *metric) {
    if (!strcmp(metric, "acc_norm")) {
        return RULE_POINTS;
    }
    if (!strcmp(metric, "acc_bytes")) {
        return RULE_BYTES;
    }
    return strcmp(metric, "acc_mutual_info") ? RULE_PLAIN : RULE_GAIN;
}

/* The choice that a rule takes. */
static size_t pick(const struct task_doc *d, const struct answer *a, enum rule rule, size_t *ties) {
    size_t n = d->n_choices;
    if (a->letter) { /* one is said, whatever the rule */
        if (ties) {
            *ties = 1;
        }
        return a->letter->pick < 0 ? NO_PICK : (size_t)a->letter->pick;
    }
    double *numbers = xcalloc(3 * n, sizeof *numbers), *score = numbers, *length = numbers + n,
           *alone = numbers + 2 * n;
    for (size_t c = 0; c < n; c++) {
        length[c] = rule == RULE_POINTS  ? choice_length_points(d->choices[c].text)
                    : rule == RULE_BYTES ? choice_length_bytes(d->choices[c].text)
                                         : 1;
        alone[c] = rule == RULE_GAIN ? a->alone[c].loglikelihood : 0;
    }
    choice_scores(a->loglik, length, alone, n, score);
    size_t best = argmax_first(score, n);
    if (ties) {
        *ties = choice_ties(score, n);
    }
    free(numbers);
    return best;
}

/* A choice of no characters has no score per character. */
static bool check_lengths(const struct eval *e, struct err *err) {
    bool by_length = reports(e, "acc_norm") || reports(e, "acc_bytes");
    for (size_t i = 0; by_length && i < e->n; i++) {
        for (size_t c = 0; c < e->docs[i].n_choices; c++) {
            if (!*e->docs[i].choices[c].text) {
                return err_set(err, ERR_NUMERIC,
                    "document %zu: choice %zu is empty and cannot be normalised by its length",
                    e->docs[i].index, c);
            }
        }
    }
    return true;
}

/* These metrics have no meaning where nothing is right; others count such a document as wrong. */
static bool needs_gold(const struct eval *e) {
    return reports(e, "brier") || reports(e, "mcc") || reports(e, "f1");
}

static bool check_gold(const struct eval *e, struct err *err) {
    bool needed = needs_gold(e);
    for (size_t i = 0; needed && i < e->n; i++) {
        if (e->docs[i].n_gold == 0) {
            return err_set(err, ERR_TASK, "document %zu has no right answer", e->docs[i].index);
        }
    }
    return true;
}

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    e->kind = numbers;
    numbers->answers = arena_alloc(&e->arena, e->n * sizeof *numbers->answers);
    numbers->scores = arena_alloc(&e->arena, e->n * sizeof *numbers->scores);
    numbers->gold = arena_alloc(&e->arena, e->n * sizeof *numbers->gold);
    numbers->predicted = arena_alloc(&e->arena, e->n * sizeof *numbers->predicted);
    return numbers;
}

/* All numbers of a document are there: what the main metric takes. */
static void take_pick(struct eval *e, const struct task_doc *d, struct answer *a) {
    size_t ties;
    a->loglik = arena_alloc(&e->arena, d->n_choices * sizeof *a->loglik);
    for (size_t c = 0; c < d->n_choices; c++) {
        a->loglik[c] = a->choices[c].loglikelihood;
    }
    a->pick = pick(d, a, rule_of(e->info->main), &ties);
    e->audit.ties += ties > 1;
}

static void release_picks(void *kind) {
    struct numbers *numbers = kind;
    for (size_t i = 0; i < numbers->n_picks; i++) {
        free(numbers->picks[i].said);
    }
    free(numbers->picks);
}

static void hold_picks(struct eval *e, size_t n) {
    struct numbers *numbers = e->kind;
    numbers->picks = xcalloc(n + 1, sizeof *numbers->picks);
    numbers->n_picks = n;
    e->release_kind = release_picks;
}

static bool ask_letters(struct eval *e, struct numbers *numbers, struct err *err) {
    hold_picks(e, e->n);
    if (!letters_ask(e, numbers->picks, err)) {
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        struct answer *a = &numbers->answers[i];
        a->letter = &numbers->picks[i];
        a->pick = pick(&e->docs[i], a, RULE_PLAIN, NULL);
    }
    return true;
}

static bool choice_ask(struct eval *e, struct err *err) {
    struct numbers *numbers = make_numbers(e);
    if (!e->subject->score && e->subject->pick) {
        return ask_letters(e, numbers, err);
    }
    bool alone = reports(e, "acc_mutual_info");
    size_t most = 0, n = 0;
    for (size_t i = 0; i < e->n; i++) {
        most += e->docs[i].n_choices + alone;
    }
    struct score_request *requests = xcalloc(most, sizeof *requests);
    size_t *owner = xcalloc(most, sizeof *owner);
    for (size_t i = 0; i < e->n; i++) {
        add_requests(e, &e->docs[i], &numbers->answers[i], requests, owner, i, &n);
        if (alone) {
            add_alone(e, &e->docs[i], &numbers->answers[i], requests, owner, i, &n);
        }
    }
    bool ok = check_gold(e, err) && check_lengths(e, err) && eval_score(e, requests, owner, n, err);
    free(requests);
    free(owner);
    for (size_t i = 0; ok && i < e->n; i++) {
        take_pick(e, &e->docs[i], &numbers->answers[i]);
    }
    return ok;
}

/* ---- taking back what was said ---- */

static bool recall_choices(
    struct eval *e, const json_t *sample, struct task_doc *doc, struct err *err) {
    const json_t *list = json_object_get(sample, "choices");
    doc->n_choices = json_array_size(list);
    if (doc->n_choices < 2) {
        return recall_fail(sample, "it has no 'choices'", err);
    }
    doc->choices = arena_alloc(&e->arena, doc->n_choices * sizeof *doc->choices);
    for (size_t c = 0; c < doc->n_choices; c++) {
        const json_t *choice = json_array_get(list, c);
        long long context = json_get_int(choice, "context", 0);
        if (!recall_text(e, choice, "text", &doc->choices[c].text, err) ||
            !recall_text(e, choice, "continuation", &doc->choices[c].continuation, err)) {
            return err_wrap(err, "document %lld", json_get_int(sample, "doc_id", -1));
        }
        if (context < 0 || (size_t)context >= doc->n_contexts) {
            return recall_fail(sample, "a choice belongs to a context that is not there", err);
        }
        doc->choices[c].context = (size_t)context;
    }
    return true;
}

static bool recall_gold(
    struct eval *e, const json_t *sample, struct task_doc *doc, struct err *err) {
    const json_t *gold = json_object_get(sample, "gold");
    bool one = json_is_integer(gold);
    if (!one && !json_is_array(gold)) {
        return recall_fail(sample, "it has no 'gold'", err);
    }
    doc->n_gold = one ? 1 : json_array_size(gold);
    doc->gold = arena_alloc(&e->arena, (doc->n_gold + 1) * sizeof *doc->gold);
    for (size_t i = 0; i < doc->n_gold; i++) {
        const json_t *v = one ? gold : json_array_get(gold, i);
        long long index = json_is_integer(v) ? json_integer_value(v) : -1;
        if (index < 0 || (size_t)index >= doc->n_choices) {
            return recall_fail(sample, "'gold' is none of its choices", err);
        }
        doc->gold[i] = (size_t)index;
    }
    return doc->n_gold || !needs_gold(e) ||
           recall_fail(sample, "it has no right answer, which a metric needs", err);
}

static bool recall_answer(struct eval *e, const json_t *sample, const struct task_doc *doc,
    struct answer *a, struct err *err) {
    size_t n = doc->n_choices;
    const json_t *greedy = json_object_get(sample, "greedy");
    double *loglik = recall_numbers(e, sample, "loglikelihoods", n, err), *alone = loglik;
    if (loglik && reports(e, "acc_mutual_info")) {
        alone = recall_numbers(e, sample, "alone", n, err);
        a->alone = arena_alloc(&e->arena, n * sizeof *a->alone);
    }
    if (!loglik || !alone) {
        return false;
    }
    a->choices = arena_alloc(&e->arena, n * sizeof *a->choices);
    for (size_t c = 0; c < n; c++) {
        a->choices[c].loglikelihood = loglik[c];
        a->choices[c].greedy = json_is_true(json_array_get(greedy, c));
        if (a->alone) {
            a->alone[c].loglikelihood = alone[c];
        }
    }
    return json_array_size(greedy) == n ||
           recall_fail(sample, "'greedy' is not a list of one for each choice", err);
}

/* A document that was asked by letter. */
static bool recall_letter(
    struct eval *e, size_t i, const json_t *sample, const struct task_doc *doc, struct err *err) {
    struct numbers *numbers = e->kind;
    const json_t *said = json_object_get(sample, "prediction");
    long long which = json_is_integer(said) ? json_integer_value(said) : -1;
    if (!letters_measure(e->info->main)) {
        return recall_fail(sample, "it was asked by letter, which says nothing of its metric", err);
    }
    if ((!json_is_null(said) && which < 0) || which >= (long long)doc->n_choices) {
        return recall_fail(sample, "'prediction' is none of its choices", err);
    }
    if (!numbers->picks) {
        hold_picks(e, e->n);
    }
    numbers->picks[i].pick = (int)which;
    numbers->answers[i].letter = &numbers->picks[i];
    numbers->answers[i].pick = which < 0 ? NO_PICK : (size_t)which;
    e->audit.unparsed += which < 0;
    e->asked_by = "";
    return true;
}

static bool choice_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    if (json_object_get(sample, "letter")) {
        return recall_texts(e, sample, "contexts", &doc->contexts, &doc->n_contexts, err) &&
               recall_choices(e, sample, doc, err) && recall_gold(e, sample, doc, err) &&
               recall_letter(e, i, sample, doc, err);
    }
    if (!recall_texts(e, sample, "contexts", &doc->contexts, &doc->n_contexts, err) ||
        !recall_choices(e, sample, doc, err) || !recall_gold(e, sample, doc, err) ||
        !recall_answer(e, sample, doc, &numbers->answers[i], err)) {
        return false;
    }
    take_pick(e, doc, &numbers->answers[i]);
    return true;
}

/* ---- measuring ---- */

typedef double doc_score_fn(const struct task_doc *d, const struct answer *a);

static double score_acc(const struct task_doc *d, const struct answer *a) {
    return is_gold(d, pick(d, a, RULE_PLAIN, NULL));
}

static double score_acc_norm(const struct task_doc *d, const struct answer *a) {
    return is_gold(d, pick(d, a, RULE_POINTS, NULL));
}

static double score_acc_bytes(const struct task_doc *d, const struct answer *a) {
    return is_gold(d, pick(d, a, RULE_BYTES, NULL));
}

static double score_gain(const struct task_doc *d, const struct answer *a) {
    return is_gold(d, pick(d, a, RULE_GAIN, NULL));
}

/* Greedy decoding would give a right answer. */
static double score_exact(const struct task_doc *d, const struct answer *a) {
    bool any = false;
    for (size_t i = 0; i < d->n_gold; i++) {
        any = any || a->choices[d->gold[i]].greedy;
    }
    return any;
}

static double score_brier(const struct task_doc *d, const struct answer *a) {
    return choice_brier(a->loglik, d->n_choices, d->gold[0]);
}

static double score_mc2(const struct task_doc *d, const struct answer *a) {
    bool *right = xcalloc(d->n_choices, sizeof *right);
    for (size_t c = 0; c < d->n_choices; c++) {
        right[c] = is_gold(d, c);
    }
    double share = choice_mc2(a->loglik, right, d->n_choices);
    free(right);
    return share;
}

static const struct {
    const char *metric;
    doc_score_fn *score;
} means[] = {
    { "acc", score_acc },
    { "acc_norm", score_acc_norm },
    { "acc_bytes", score_acc_bytes },
    { "acc_mutual_info", score_gain },
    { "exact_match", score_exact },
    { "brier", score_brier },
    { "mc2", score_mc2 },
};

static bool measure_labels(
    struct eval *e, statistic_fn *f, size_t from, size_t n, struct estimate *out, struct err *err) {
    struct numbers *numbers = e->kind;
    struct labelled l = { numbers->gold, numbers->predicted, 0 };
    for (size_t i = 0; i < n; i++) {
        const struct task_doc *d = &e->docs[from + i];
        numbers->gold[i] = (uint32_t)d->gold[0];
        numbers->predicted[i] = (uint32_t)pick(d, &numbers->answers[from + i], RULE_PLAIN, NULL);
        l.n_classes = d->n_choices > l.n_classes ? (uint32_t)d->n_choices : l.n_classes;
    }
    if (l.n_classes > 64) {
        return err_set(err, ERR_UNSUPPORTED, "a metric over labels takes at most 64 of them");
    }
    *out = eval_corpus(e, f, &l, from, n);
    return true;
}

static bool choice_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    struct numbers *numbers = e->kind;
    for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
        if (!strcmp(means[m].metric, metric)) {
            for (size_t i = from; i < from + n; i++) {
                numbers->scores[i] = means[m].score(&e->docs[i], &numbers->answers[i]);
            }
            *out = eval_mean(e, numbers->scores, from, n);
            return true;
        }
    }
    if (!strcmp(metric, "mcc")) {
        return measure_labels(e, statistic_mcc, from, n, out, err);
    }
    return strcmp(metric, "f1") ? eval_unknown(metric, err)
                                : measure_labels(e, statistic_f1, from, n, out, err);
}

/* ---- one document ---- */

static void write_texts(const struct task_doc *d, struct json_writer *w) {
    jw_key(w, "contexts");
    jw_array(w);
    for (size_t i = 0; i < d->n_contexts; i++) {
        jw_string(w, d->contexts[i]);
    }
    jw_end_array(w);
    jw_key(w, "choices");
    jw_array(w);
    for (size_t c = 0; c < d->n_choices; c++) {
        jw_object(w);
        jw_kv_string(w, "text", d->choices[c].text);
        jw_kv_string(w, "continuation", d->choices[c].continuation);
        jw_kv_int(w, "context", (long long)d->choices[c].context);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_gold(const struct task_doc *d, struct json_writer *w) {
    jw_key(w, "gold");
    if (d->n_gold == 1) {
        jw_int(w, (long long)d->gold[0]);
        return;
    }
    jw_array(w);
    for (size_t i = 0; i < d->n_gold; i++) {
        jw_int(w, (long long)d->gold[i]);
    }
    jw_end_array(w);
}

static void write_numbers(const struct task_doc *d, const struct answer *a, struct json_writer *w) {
    jw_key(w, "loglikelihoods");
    jw_array(w);
    for (size_t c = 0; c < d->n_choices; c++) {
        jw_double(w, a->loglik[c]);
    }
    jw_end_array(w);
    if (a->alone) {
        jw_key(w, "alone");
        jw_array(w);
        for (size_t c = 0; c < d->n_choices; c++) {
            jw_double(w, a->alone[c].loglikelihood);
        }
        jw_end_array(w);
    }
    jw_key(w, "greedy");
    jw_array(w);
    for (size_t c = 0; c < d->n_choices; c++) {
        jw_bool(w, a->choices[c].greedy);
    }
    jw_end_array(w);
}

/* What was said of the letters, and of each its log-probability where there is one. */
static void write_letter(const struct task_doc *d, const struct answer *a, struct json_writer *w) {
    const struct pick_request *p = a->letter;
    jw_key(w, "letter");
    jw_object(w);
    jw_kv_string(w, "by", p->by_logprobs ? "logprobs" : "text");
    jw_kv_string(w, "said", p->said ? p->said : "");
    jw_key(w, "logprobs");
    jw_array(w);
    for (size_t c = 0; p->by_logprobs && c < d->n_choices; c++) {
        if (isnan(p->logprobs[c])) {
            jw_null(w);
        } else {
            jw_double(w, p->logprobs[c]);
        }
    }
    jw_end_array(w);
    jw_end_object(w);
}

static void choice_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct answer *a = &((const struct numbers *)e->kind)->answers[i];
    eval_prompt_hash(w, d->contexts, 1);
    write_texts(d, w);
    write_gold(d, w);
    if (a->pick == NO_PICK) {
        jw_key(w, "prediction");
        jw_null(w);
    } else {
        jw_kv_int(w, "prediction", (long long)a->pick);
    }
    jw_kv_bool(w, "correct", is_gold(d, a->pick));
    (a->letter ? write_letter : write_numbers)(d, a, w);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
        if (reports(e, means[m].metric)) {
            jw_kv_double(w, means[m].metric, means[m].score(d, a));
        }
    }
    jw_end_object(w);
}

const struct eval_kind eval_choice = {
    .ask = choice_ask, .measure = choice_measure, .sample = choice_sample, .recall = choice_recall
};
