/* Texts that the model goes on with: asked as plain text or as a conversation, filtered, and held
 * against what is right (metric/answer.h), or against what they were told to do
 * (metric/instruct.h). */
#include <math.h>
#include <string.h>

#include "evaluator/eval/internal.h"
#include "evaluator/eval/likeness.h"
#include "evaluator/metric/answer.h"
#include "evaluator/metric/instruct.h"

enum { REPEATS_MAX = 1000 };

/* What came of one document. */
struct written {
    const char **texts;   /* [repeats] */
    bool *stopped;        /* by a stop string or the end of text, not by their number of tokens */
    const char **answers; /* [filters] */
    bool *unparsed;
    bool truncated;
};

/* What a document's text was told to do, and whether it does; looked at once. */
struct told {
    struct instructions *instructions;
    struct followed followed;
    bool looked;
    size_t filter; /* whose answer was looked at */
};

struct numbers {
    struct answer_rules *rules;
    struct instruct_tools *tools; /* NULL: no metric is of what was told */
    struct told *told;
    size_t n_told;
    struct likeness *likeness; /* NULL: no metric is of that */
    struct written *written;
    size_t repeats, filters, main; /* main: the filter of the main metric */
    double *scores;
};

/* ---- metrics and filters ---- */

enum metric {
    METRIC_EXACT,
    METRIC_ORIGINAL, /* the same, where the peer has a newer one of that name */
    METRIC_EM,
    METRIC_F1,
    METRIC_CORPUS,                          /* corpus_metric, one after the other */
    METRIC_TRUE = METRIC_CORPUS + CORPUS_N, /* the forms of each true_metric */
    METRIC_TRUE_LAST = METRIC_TRUE + TRUE_N * TRUE_FORMS - 1,
    METRIC_PROMPT_STRICT, /* from here on: of what was told */
    METRIC_PROMPT_LOOSE,
    METRIC_INST_STRICT,
    METRIC_INST_LOOSE,
    METRIC_STRICT,
    N_METRICS
};
static const char *const METRICS[N_METRICS] = { "exact_match", "exact_match_original", "em", "f1",
    "bleu", "chrf", "chrf++", "bleu_max", "bleu_acc", "bleu_diff", "rouge1_max", "rouge1_acc",
    "rouge1_diff", "rouge2_max", "rouge2_acc", "rouge2_diff", "rougeL_max", "rougeL_acc",
    "rougeL_diff", "prompt_level_strict_acc", "prompt_level_loose_acc", "inst_level_strict_acc",
    "inst_level_loose_acc", "strict_acc" };

/* "exact_match,strict": which metric on which filter. */
static bool metric_find(
    const struct numbers *numbers, const char *name, enum metric *metric, size_t *filter) {
    size_t n = strcspn(name, ",");
    const char *wanted = name[n] ? name + n + 1 : answer_filter_name(numbers->rules, 0);
    bool known = false;
    for (int i = 0; i < N_METRICS; i++) {
        if (strlen(METRICS[i]) == n && !strncmp(METRICS[i], name, n)) {
            *metric = (enum metric)i;
            known = true;
        }
    }
    for (*filter = 0; *filter < numbers->filters; (*filter)++) {
        if (!strcmp(answer_filter_name(numbers->rules, *filter), wanted)) {
            return known;
        }
    }
    return false;
}

static bool check_metrics(const struct eval *e, struct numbers *numbers, struct err *err) {
    enum metric metric;
    size_t filter;
    for (size_t i = 0; i < e->info->report.n; i++) {
        if (!metric_find(numbers, e->info->report.items[i], &metric, &filter)) {
            return eval_unknown(e->info->report.items[i], err);
        }
        if (metric >= METRIC_CORPUS && metric <= METRIC_TRUE_LAST && !numbers->likeness) {
            numbers->likeness = likeness_new(e->n * numbers->filters, err);
            if (!numbers->likeness) {
                return false;
            }
        }
        if (metric >= METRIC_PROMPT_STRICT && !numbers->tools) {
            numbers->tools = instruct_tools_new(NULL);
        }
    }
    return true;
}

/* ---- what was told ---- */

/* The right answer of such a document is the list of its instructions. */
static bool read_told(
    struct numbers *numbers, const struct task_doc *d, size_t doc, struct err *err) {
    const char *text = d->n_answers ? d->answers[0].spans[0] : "";
    if (!numbers->tools) {
        return true;
    }
    json_t *json = json_parse(text, strlen(text), "its instructions", err);
    struct told *t = &numbers->told[doc];
    t->instructions = json ? instructions_new(numbers->tools, json, err) : NULL;
    json_decref(json);
    return t->instructions || err_wrap(err, "document %zu", d->index);
}

/* How many instructions of a document are followed. */
static size_t count_followed(
    const struct numbers *numbers, size_t doc, size_t filter, bool loose, size_t *n) {
    struct told *t = &numbers->told[doc];
    size_t count = 0;
    if (!t->looked || t->filter != filter) {
        instructions_check(t->instructions, numbers->written[doc].answers[filter], &t->followed);
        t->looked = true;
        t->filter = filter;
    }
    *n = instructions_count(t->instructions);
    for (size_t i = 0; i < *n; i++) {
        count += loose ? t->followed.loose[i] : t->followed.strict[i];
    }
    return count;
}

/* Of the documents themselves (whole: all that was told is followed), or of their instructions, or
 * the mean of both, as the second Open LLM Leaderboard takes it. */
struct told_counts {
    double whole, followed, instructions, n;
};

static double told_value(enum metric metric, const struct told_counts *c) {
    double prompts = c->n > 0 ? c->whole / c->n : NAN,
           shares = c->instructions > 0 ? c->followed / c->instructions : NAN;
    switch (metric) {
    case METRIC_PROMPT_STRICT:
    case METRIC_PROMPT_LOOSE:
        return prompts;
    case METRIC_INST_STRICT:
    case METRIC_INST_LOOSE:
        return shares;
    default:
        return (prompts + shares) / 2;
    }
}

static struct told_counts counts_of(
    const struct numbers *numbers, enum metric metric, size_t doc, size_t filter) {
    bool loose = metric == METRIC_PROMPT_LOOSE || metric == METRIC_INST_LOOSE;
    size_t n, followed = count_followed(numbers, doc, filter, loose, &n);
    return (struct told_counts) { followed == n, (double)followed, (double)n, 1 };
}

struct told_sample {
    const struct told_counts *counts;
    enum metric metric;
};

static double told_statistic(const void *data, const size_t *index, size_t n) {
    const struct told_sample *s = data;
    struct told_counts sum = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct told_counts *c = &s->counts[index[i]];
        sum.whole += c->whole;
        sum.followed += c->followed;
        sum.instructions += c->instructions;
        sum.n += c->n;
    }
    return told_value(s->metric, &sum);
}

/* A share of all instructions: the harness has no standard error of it. */
static struct estimate measure_told(
    const struct eval *e, enum metric metric, size_t filter, size_t from, size_t n) {
    const struct numbers *numbers = e->kind;
    struct told_counts *counts = xcalloc(n + 1, sizeof *counts);
    for (size_t i = 0; i < n; i++) {
        counts[i] = counts_of(numbers, metric, from + i, filter);
    }
    struct told_sample sample = { counts, metric };
    struct estimate out = eval_corpus(e, told_statistic, &sample, from, n);
    out.stderr_ = metric == METRIC_STRICT ? out.stderr_ : NAN;
    free(counts);
    return out;
}

static double score_exact(
    struct answer_rules *rules, const struct task_doc *d, const char *answer) {
    const char **right = xcalloc(d->n_answers, sizeof *right);
    for (size_t i = 0; i < d->n_answers; i++) {
        right[i] = d->answers[i].spans[0];
    }
    double score = answer_exact(rules, answer, right, d->n_answers);
    free(right);
    return score;
}

static bool is_blank(const char *s) {
    return s[strspn(s, " \t\r\n\f\v")] == '\0';
}

/* The best over the right answers; one that begins with nothing counts for nothing, as the peer has
 * it. */
static double score_overlap(
    struct answer_rules *rules, const struct task_doc *d, const char *answer, bool f1) {
    double best = 0;
    for (size_t i = 0; i < d->n_answers; i++) {
        const struct task_answer *a = &d->answers[i];
        if (!is_blank(a->spans[0])) {
            struct answer_overlap o = answer_overlap(rules, answer, a->spans, a->n);
            best = fmax(best, f1 ? o.f1 : o.em);
        }
    }
    return best;
}

static double score(
    const struct numbers *numbers, const struct task_doc *d, size_t doc, const char *name) {
    enum metric metric;
    size_t filter;
    if (!metric_find(numbers, name, &metric, &filter)) {
        return NAN;
    }
    if (metric >= METRIC_PROMPT_STRICT) {
        struct told_counts c = counts_of(numbers, metric, doc, filter);
        return told_value(metric, &c);
    }
    const char *answer = numbers->written[doc].answers[filter];
    if (metric >= METRIC_TRUE) {
        unsigned which = metric - METRIC_TRUE;
        return likeness_true(numbers->likeness, (enum true_metric)(which / TRUE_FORMS),
            (enum true_form)(which % TRUE_FORMS), doc * numbers->filters + filter, answer, d);
    }
    if (metric >= METRIC_CORPUS) {
        return likeness_of_one(
            numbers->likeness, (enum corpus_metric)(metric - METRIC_CORPUS), answer, d);
    }
    return metric <= METRIC_ORIGINAL
               ? score_exact(numbers->rules, d, answer)
               : score_overlap(numbers->rules, d, answer, metric == METRIC_F1);
}

/* ---- what both asking and taking back begin with ---- */

static void release(void *kind) {
    struct numbers *numbers = kind;
    for (size_t i = 0; i < numbers->n_told; i++) {
        instructions_free(numbers->told[i].instructions);
    }
    instruct_tools_free(numbers->tools);
    likeness_free(numbers->likeness);
    answer_rules_free(numbers->rules);
}

static struct numbers *make_numbers(struct eval *e, struct err *err) {
    const json_t *how = e->info->generation;
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    long long repeats = json_get_int(how, "repeats", 1);
    numbers->rules = answer_rules_new(how, err);
    if (!numbers->rules) {
        return NULL;
    }
    e->kind = numbers;
    e->release_kind = release;
    numbers->repeats = repeats >= 1 && repeats <= REPEATS_MAX ? (size_t)repeats : 1;
    numbers->filters = answer_filters(numbers->rules);
    numbers->told = arena_alloc(&e->arena, (e->n + 1) * sizeof *numbers->told);
    numbers->n_told = e->n;
    numbers->written = arena_alloc(&e->arena, (e->n + 1) * sizeof *numbers->written);
    numbers->scores = arena_alloc(&e->arena, (e->n + 1) * sizeof *numbers->scores);
    for (size_t i = 0; i < e->n; i++) {
        struct written *w = &numbers->written[i];
        w->texts = arena_alloc(&e->arena, numbers->repeats * sizeof *w->texts);
        w->stopped = arena_alloc(&e->arena, numbers->repeats * sizeof *w->stopped);
        w->answers = arena_alloc(&e->arena, numbers->filters * sizeof *w->answers);
        w->unparsed = arena_alloc(&e->arena, numbers->filters * sizeof *w->unparsed);
    }
    enum metric ignored;
    return check_metrics(e, numbers, err) &&
                   (metric_find(numbers, e->info->main, &ignored, &numbers->main) ||
                       eval_unknown(e->info->main, err))
               ? numbers
               : NULL;
}

/* All texts of a document are there. */
static void take_written(
    struct eval *e, struct numbers *numbers, struct written *w, const struct task_doc *d) {
    struct answer_given given = { w->texts, numbers->repeats, d->offered, d->n_offered };
    bool by_length = false;
    for (size_t f = 0; f < numbers->filters; f++) {
        char *answer = answer_filtered(numbers->rules, f, &given, &w->unparsed[f]);
        w->answers[f] = arena_strdup(&e->arena, answer);
        free(answer);
    }
    for (size_t i = 0; i < numbers->repeats; i++) {
        by_length = by_length || !w->stopped[i];
    }
    e->audit.unparsed += w->unparsed[numbers->main];
    e->audit.length += by_length;
    e->audit.truncated += w->truncated;
}

static void count_abstained(struct eval *e, const struct numbers *numbers, const struct written *w,
    const struct task_doc *d) {
    if (answer_may_abstain(numbers->rules)) {
        score_exact(numbers->rules, d, w->answers[numbers->main]);
        e->audit.abstained += answer_abstained(numbers->rules);
        e->audit.may_abstain = true;
    }
}

/* ---- asking ---- */

static bool take_answer(
    struct eval *e, const struct generate_request *r, size_t doc, size_t repeat, struct err *err) {
    struct written *w = &((struct numbers *)e->kind)->written[doc];
    if (r->err.class != ERR_NONE) {
        *err = r->err;
        return err_wrap(err, "document %zu", e->docs[doc].index);
    }
    w->texts[repeat] = arena_strdup(&e->arena, r->text ? r->text : "");
    w->stopped[repeat] = r->stopped;
    w->truncated = w->truncated || r->n_truncated > 0;
    return true;
}

static bool run_requests(struct eval *e, struct numbers *numbers, struct generate_request *requests,
    size_t n, struct err *err) {
    const json_t *how = e->info->generation;
    struct generate_options options = {
        .max_tokens = (uint32_t)json_get_int(how, "max_tokens", 256),
        .temperature = json_get_number(how, "temperature", 0),
        .seed = (uint64_t)e->info->seed,
    };
    bool ok = e->subject->generate(e->subject->self, &options, requests, n, &e->run, err);
    for (size_t i = 0; ok && !e->plan && i < n; i++) {
        ok = take_answer(e, &requests[i], i / numbers->repeats, i % numbers->repeats, err);
    }
    for (size_t i = 0; i < n; i++) {
        free(requests[i].text);
        free(requests[i].ids);
    }
    for (size_t i = 0; ok && !e->plan && i < e->n; i++) {
        take_written(e, numbers, &numbers->written[i], &e->docs[i]);
        count_abstained(e, numbers, &numbers->written[i], &e->docs[i]);
    }
    return ok;
}

static bool ask(struct eval *e, struct err *err) {
    if (!e->subject->generate) {
        return err_set(err, ERR_UNSUPPORTED,
            "'%s' cannot generate text: task '%s' needs a causal language model", e->subject->name,
            e->info->name);
    }
    if (strcmp(e->info->rules, "lm-eval/0.4.13") != 0) {
        return err_set(err, ERR_UNSUPPORTED,
            "task '%s': how texts are generated by the rules '%s' is not known here", e->info->name,
            e->info->rules);
    }
    struct numbers *numbers = make_numbers(e, err);
    if (!numbers) {
        return false;
    }
    size_t n = e->n * numbers->repeats;
    const json_t *stop = json_object_get(e->info->generation, "stop");
    const char **stops = arena_alloc(&e->arena, (json_array_size(stop) + 1) * sizeof *stops);
    size_t n_stop = 0;
    for (size_t i = 0; i < json_array_size(stop); i++) {
        const char *one = json_string_value(json_array_get(stop, i));
        if (one && *one) {
            stops[n_stop++] = one;
        }
    }
    struct generate_request *requests = xcalloc(n + 1, sizeof *requests);
    bool ok = true;
    for (size_t i = 0; ok && i < e->n; i++) {
        ok = read_told(numbers, &e->docs[i], i, err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *prompt = e->docs[i / numbers->repeats].contexts[0];
        requests[i] = (struct generate_request) { .prompt = prompt,
            .prompt_n = strlen(prompt),
            .stop = stops,
            .n_stop = n_stop,
            .draw = i % numbers->repeats };
    }
    ok = ok && run_requests(e, numbers, requests, n, err);
    free(requests);
    return ok;
}

/* ---- taking back what was said ---- */

static bool recall_right(
    struct eval *e, const json_t *sample, struct task_doc *doc, struct err *err) {
    const json_t *list = json_object_get(sample, "gold");
    doc->n_answers = json_array_size(list);
    doc->answers = arena_alloc(&e->arena, (doc->n_answers + 1) * sizeof *doc->answers);
    for (size_t i = 0; i < doc->n_answers; i++) {
        json_t *one = json_array_get(list, i);
        json_t *holder = json_is_array(one) ? json_pack("{s:O}", "gold", one)
                                            : json_pack("{s:[O]}", "gold", one);
        struct task_answer *a = &doc->answers[i];
        bool ok = recall_texts(e, holder, "gold", &a->spans, &a->n, err);
        json_decref(holder);
        if (!ok || a->n == 0) {
            return recall_fail(sample, "'gold' is not a list of answers", err);
        }
    }
    return doc->n_answers || recall_fail(sample, "it has no 'gold'", err);
}

static bool recall_texts_of(struct eval *e, const struct numbers *numbers, const json_t *sample,
    struct written *w, struct err *err) {
    const json_t *list = json_object_get(sample, "generations");
    if (json_array_size(list) != numbers->repeats) {
        return recall_fail(sample, "'generations' is not a list of one for each repetition", err);
    }
    for (size_t i = 0; i < numbers->repeats; i++) {
        const json_t *one = json_array_get(list, i);
        const char *finish = json_get_string(one, "finish", "");
        if (!recall_text(e, one, "text", &w->texts[i], err)) {
            return err_wrap(err, "document %lld", json_get_int(sample, "doc_id", -1));
        }
        w->stopped[i] = !strcmp(finish, "stop");
        if (!w->stopped[i] && strcmp(finish, "length") != 0) {
            return recall_fail(sample, "'finish' is neither stop nor length", err);
        }
    }
    w->truncated = json_get_bool(sample, "truncated", false);
    return true;
}

static bool recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e, err);
    if (!numbers || !recall_texts(e, sample, "contexts", &doc->contexts, &doc->n_contexts, err) ||
        !recall_right(e, sample, doc, err) ||
        !recall_texts(e, sample, "choices", &doc->offered, &doc->n_offered, err) ||
        !recall_texts(e, sample, "wrong", &doc->wrong, &doc->n_wrong, err) ||
        !read_told(numbers, doc, i, err) ||
        !recall_texts_of(e, numbers, sample, &numbers->written[i], err)) {
        return false;
    }
    take_written(e, numbers, &numbers->written[i], doc);
    count_abstained(e, numbers, &numbers->written[i], doc);
    return true;
}

/* ---- measuring ---- */

static struct estimate measure_corpus(
    const struct eval *e, enum corpus_metric metric, size_t filter, size_t from, size_t n) {
    const struct numbers *numbers = e->kind;
    const char **texts = xcalloc(n + 1, sizeof *texts);
    for (size_t i = 0; i < n; i++) {
        texts[i] = numbers->written[from + i].answers[filter];
    }
    struct estimate out = likeness_corpus(numbers->likeness, e, metric, texts, from, n);
    free(texts);
    return out;
}

static bool measure(struct eval *e, const char *metric, size_t from, size_t n, struct estimate *out,
    struct err *err) {
    struct numbers *numbers = e->kind;
    enum metric which;
    size_t filter;
    (void)err; /* which metrics there are was checked at the beginning */
    bool known = metric_find(numbers, metric, &which, &filter);
    if (known && which > METRIC_PROMPT_LOOSE) {
        *out = measure_told(e, which, filter, from, n);
        return true;
    }
    if (known && which >= METRIC_CORPUS && which < METRIC_TRUE) {
        *out = measure_corpus(e, (enum corpus_metric)(which - METRIC_CORPUS), filter, from, n);
        return true;
    }
    for (size_t i = from; i < from + n; i++) {
        numbers->scores[i] = score(numbers, &e->docs[i], i, metric);
    }
    *out = eval_mean(e, numbers->scores, from, n);
    return true;
}

/* ---- one document ---- */

static void write_right(const struct task_doc *d, struct json_writer *w) {
    jw_key(w, "gold");
    jw_array(w);
    for (size_t i = 0; i < d->n_answers; i++) {
        const struct task_answer *a = &d->answers[i];
        if (a->n == 1) {
            jw_string(w, a->spans[0]);
            continue;
        }
        jw_array(w);
        for (size_t k = 0; k < a->n; k++) {
            jw_string(w, a->spans[k]);
        }
        jw_end_array(w);
    }
    jw_end_array(w);
}

static void write_texts(
    struct json_writer *w, const char *key, const char *const *texts, size_t n) {
    if (n) {
        jw_key(w, key);
        jw_array(w);
        for (size_t i = 0; i < n; i++) {
            jw_string(w, texts[i]);
        }
        jw_end_array(w);
    }
}

static void write_written(
    const struct numbers *numbers, const struct written *wr, struct json_writer *w) {
    jw_key(w, "generations");
    jw_array(w);
    for (size_t i = 0; i < numbers->repeats; i++) {
        jw_object(w);
        jw_kv_string(w, "text", wr->texts[i]);
        jw_kv_string(w, "finish", wr->stopped[i] ? "stop" : "length");
        jw_end_object(w);
    }
    jw_end_array(w);
    if (wr->truncated) {
        jw_kv_bool(w, "truncated", true);
    }
    jw_key(w, "filtered");
    jw_object(w);
    for (size_t f = 0; f < numbers->filters; f++) {
        const char *name = answer_filter_name(numbers->rules, f);
        jw_kv_string(w, *name ? name : "none", wr->answers[f]);
    }
    jw_end_object(w);
}

static void sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct numbers *numbers = e->kind;
    const struct written *wr = &numbers->written[i];
    const char *prompt = d->n_contexts
                             ? d->contexts[0]
                             : ""; /* of samples that are scored again there may be none */
    eval_prompt_hash(w, &prompt, 1);
    jw_key(w, "contexts");
    jw_array(w);
    jw_string(w, prompt);
    jw_end_array(w);
    write_right(d, w);
    write_texts(w, "choices", d->offered, d->n_offered);
    write_texts(w, "wrong", d->wrong, d->n_wrong);
    write_written(numbers, wr, w);
    jw_kv_bool(w, "unparsed", wr->unparsed[numbers->main]);
    jw_kv_bool(w, "correct", score(numbers, d, i, e->info->main) == 1);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        const char *name = e->info->report.items[m];
        jw_kv_double(w, name, score(numbers, d, i, name));
    }
    jw_end_object(w);
}

const struct eval_kind eval_generate = {
    .ask = ask, .measure = measure, .sample = sample, .recall = recall
};
