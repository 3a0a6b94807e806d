/* One continuation a document: after a context (loglikelihood), or a whole text (rolling). */
#include <string.h>

#include "evaluator/eval/internal.h"
#include "evaluator/metric/statistic.h"

struct numbers {
    struct score_choice *answers;
    double *loglik, *greedy, *words, *bytes;
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    double **lists[] = { &numbers->loglik, &numbers->greedy, &numbers->words, &numbers->bytes };
    e->kind = numbers;
    numbers->answers = arena_alloc(&e->arena, e->n * sizeof *numbers->answers);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = arena_alloc(&e->arena, e->n * sizeof **lists[i]);
    }
    return numbers;
}

static void take_answer(struct numbers *numbers, size_t i, const struct task_doc *d) {
    numbers->loglik[i] = numbers->answers[i].loglikelihood;
    numbers->greedy[i] = numbers->answers[i].greedy;
    numbers->words[i] = d->words;
    numbers->bytes[i] = d->bytes;
}

static bool ask(struct eval *e, bool rolling, struct err *err) {
    struct numbers *numbers = make_numbers(e);
    struct score_request *requests = xcalloc(e->n, sizeof *requests);
    for (size_t i = 0; i < e->n; i++) {
        const struct task_doc *d = &e->docs[i];
        struct score_choice *c = &numbers->answers[i];
        c->text = d->choices[0].continuation;
        c->text_n = strlen(c->text);
        requests[i] = (struct score_request) { .rolling = rolling, .choices = c, .n_choices = 1 };
        if (!rolling) {
            requests[i].context = d->contexts[0];
            requests[i].context_n = strlen(d->contexts[0]);
        }
    }
    bool ok = eval_score(e, requests, NULL, e->n, err);
    free(requests);
    for (size_t i = 0; ok && i < e->n; i++) {
        take_answer(numbers, i, &e->docs[i]);
    }
    return ok;
}

/* ---- taking back what was said ---- */

static bool recall_counts(const json_t *sample, struct task_doc *doc, struct err *err) {
    const json_t *metrics = json_object_get(sample, "metrics");
    return recall_number(sample, metrics, "words", &doc->words, err) &&
           recall_number(sample, metrics, "bytes", &doc->bytes, err) &&
           ((doc->words >= 0 && doc->bytes >= 1) ||
               recall_fail(sample, "'words' and 'bytes' are not counts", err));
}

static bool recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    struct task_choice *choice = arena_alloc(&e->arena, sizeof *choice);
    const json_t *greedy = json_array_get(json_object_get(sample, "greedy"), 0);
    if (!recall_texts(e, sample, "contexts", &doc->contexts, &doc->n_contexts, err) ||
        !recall_text(e, sample, "target", &choice->text, err)) {
        return false;
    }
    choice->continuation = choice->text;
    doc->choices = choice;
    doc->n_choices = 1;
    double *loglik = recall_numbers(e, sample, "loglikelihoods", 1, err);
    if (!loglik || (e->info->kind == TASK_ROLLING && !recall_counts(sample, doc, err))) {
        return false;
    }
    numbers->answers[i].loglikelihood = loglik[0];
    numbers->answers[i].greedy = json_is_true(greedy);
    take_answer(numbers, i, doc);
    return json_is_boolean(greedy) || recall_fail(sample, "it has no 'greedy'", err);
}

static bool loglikelihood_ask(struct eval *e, struct err *err) {
    return ask(e, false, err);
}

static bool rolling_ask(struct eval *e, struct err *err) {
    return ask(e, true, err);
}

static bool measure(struct eval *e, const char *metric, size_t from, size_t n, struct estimate *out,
    struct err *err) {
    const struct numbers *numbers = e->kind;
    struct weighted by_words = { numbers->loglik + from, numbers->words + from };
    struct weighted by_bytes = { numbers->loglik + from, numbers->bytes + from };
    if (!strcmp(metric, "acc")) {
        *out = eval_mean(e, numbers->greedy, from, n);
    } else if (!strcmp(metric, "perplexity")) {
        *out = eval_corpus(e, statistic_perplexity, numbers->loglik + from, from, n);
    } else if (!strcmp(metric, "word_perplexity")) {
        *out = eval_corpus(e, statistic_weighted_perplexity, &by_words, from, n);
    } else if (!strcmp(metric, "byte_perplexity")) {
        *out = eval_corpus(e, statistic_weighted_perplexity, &by_bytes, from, n);
    } else if (!strcmp(metric, "bits_per_byte")) {
        *out = eval_corpus(e, statistic_bits_per_weight, &by_bytes, from, n);
    } else {
        return eval_unknown(metric, err);
    }
    return true;
}

static void sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct score_choice *c = &((const struct numbers *)e->kind)->answers[i];
    eval_prompt_hash(w, d->n_contexts ? d->contexts : (const char *[]) { "" }, 1);
    jw_key(w, "contexts");
    jw_array(w);
    if (d->n_contexts) {
        jw_string(w, d->contexts[0]);
    }
    jw_end_array(w);
    jw_kv_string(w, "target", d->choices[0].text);
    jw_key(w, "loglikelihoods");
    jw_array(w);
    jw_double(w, c->loglikelihood);
    jw_end_array(w);
    jw_key(w, "greedy");
    jw_array(w);
    jw_bool(w, c->greedy);
    jw_end_array(w);
    jw_kv_bool(w, "correct", c->greedy);
    jw_key(w, "metrics");
    jw_object(w);
    if (e->info->kind == TASK_LOGLIKELIHOOD) {
        jw_kv_double(w, "acc", c->greedy);
    } else {
        jw_kv_double(w, "words", d->words);
        jw_kv_double(w, "bytes", d->bytes);
    }
    jw_end_object(w);
}

const struct eval_kind eval_loglikelihood = {
    .ask = loglikelihood_ask, .measure = measure, .sample = sample, .recall = recall
};
const struct eval_kind eval_rolling = {
    .ask = rolling_ask, .measure = measure, .sample = sample, .recall = recall
};
