/* One evaluation from question to result. The kinds do the asking and the measuring; what is common
 * to all is here: time, groups by subset, clusters, the audit, and the fields of an assay.eval/1
 * result. */
#include "evaluator/eval/eval.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/stats/interval.h"
#include "base/strmap.h"
#include "evaluator/eval/internal.h"

static const struct eval_kind *const KINDS[TASK_N_KINDS] = {
    [TASK_CHOICE] = &eval_choice,
    [TASK_LOGLIKELIHOOD] = &eval_loglikelihood,
    [TASK_ROLLING] = &eval_rolling,
    [TASK_GENERATE] = &eval_generate,
    [TASK_STS] = &eval_sts,
    [TASK_RETRIEVAL] = &eval_retrieval,
    [TASK_PAIR] = &eval_pair,
    [TASK_RERANK] = &eval_rerank,
    [TASK_BITEXT] = &eval_bitext,
    [TASK_SUMMARY] = &eval_summary,
    [TASK_INSTRUCTION_RETRIEVAL] = &eval_instruction_retrieval,
    [TASK_CLASSIFICATION] = &eval_classification,
    [TASK_MULTILABEL] = &eval_multilabel,
    [TASK_CLUSTERING] = &eval_clustering,
};

const struct eval_kind *eval_kind_of(enum task_kind kind) {
    return KINDS[kind];
}

struct estimate eval_mean(const struct eval *e, const double *x, size_t from, size_t n) {
    return e->cluster ? estimate_mean_clustered(x + from, e->cluster + from, n)
                      : estimate_mean(x + from, n);
}

static struct estimate corpus_clustered(
    const struct eval *e, statistic_fn *f, const void *data, size_t from, size_t n) {
    double *shares = xcalloc(n + 1, sizeof *shares);
    size_t *all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        all[i] = i;
    }
    influence(f, data, n, shares);
    struct estimate out = estimate_mean_clustered(shares, e->cluster + from, n);
    out.value = f(data, all, n); /* of labels the mean of shares is only near it */
    free(all);
    free(shares);
    return out;
}

struct estimate eval_corpus(
    const struct eval *e, statistic_fn *f, const void *data, size_t from, size_t n) {
    if (e->cluster) {
        return corpus_clustered(e, f, data, from, n);
    }
    struct estimate out = estimate_bootstrap(f, data, n, EVAL_INTERVAL, EVAL_SEED);
    out.stderr_ = bootstrap_stderr(f, data, n, e->bootstrap);
    return out;
}

bool eval_unknown(const char *metric, struct err *err) {
    return err_set(err, ERR_BUG, "no way to measure '%s'", metric);
}

/* Keys to small numbers, in order of appearance; a document without one is a cluster of its own. */
void eval_number_clusters(struct eval *e) {
    struct strmap *keys = strmap_new(e->n);
    bool any = false;
    uint32_t next = 0;
    e->cluster = arena_alloc(&e->arena, e->n * sizeof *e->cluster);
    for (size_t i = 0; i < e->n; i++) {
        const char *key = e->docs[i].cluster;
        int32_t known = key ? strmap_find(keys, key, strlen(key)) : -1;
        any = any || key;
        e->cluster[i] = known >= 0 ? (uint32_t)known : next++;
        if (key && known < 0) {
            strmap_add(keys, key, strlen(key), (int32_t)e->cluster[i]);
        }
    }
    strmap_free(keys);
    if (!any) {
        e->cluster = NULL;
    }
}

/* ---- metrics to JSON ---- */

static json_t *real_or_null(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *estimate_json(const struct estimate *e) {
    return json_pack("{s:o, s:o, s:o, s:o}", "value", real_or_null(e->value), "stderr",
        real_or_null(e->stderr_), "low", real_or_null(e->low), "high", real_or_null(e->high));
}

/* Every metric over documents from..from+n. */
static json_t *measure_all(
    struct eval *e, size_t from, size_t n, struct estimate *values, struct err *err) {
    const struct task_strings *report = &e->info->report;
    json_t *metrics = json_object();
    for (size_t i = 0; i < report->n; i++) {
        const char *name = report->items[i];
        if (!KINDS[e->info->kind]->measure(e, name, from, n, &values[i], err)) {
            json_decref(metrics);
            return NULL;
        }
        if (!isfinite(values[i].value)) {
            err_set(err, ERR_NUMERIC, "'%s' over %zu documents is not a number", name, n);
            json_decref(metrics);
            return NULL;
        }
        json_object_set_new(metrics, name, estimate_json(&values[i]));
    }
    return metrics;
}

/* ---- subsets ---- */

static size_t subset_end(const struct eval *e, size_t from) {
    size_t to = from;
    while (to < e->n && !strcmp(e->docs[to].subset, e->docs[from].subset)) {
        to++;
    }
    return to;
}

static bool is_declared(const struct eval *e, const char *subset) {
    for (size_t i = 0; i < e->info->subsets.n; i++) {
        if (!strcmp(e->info->subsets.items[i], subset)) {
            return true;
        }
    }
    return e->info->subsets.n == 0;
}

/* Over the subsets that the task declares. The squares of what the subsets' own intervals and
 * errors allow are summed: an interval made so stays within what a score can be. */
struct sums {
    double value, error, below, above;
};

static void sums_add(struct sums *s, const struct estimate *e) {
    s->value += e->value;
    s->error += e->stderr_ * e->stderr_;
    s->below += (e->value - e->low) * (e->value - e->low);
    s->above += (e->high - e->value) * (e->high - e->value);
}

static struct estimate sums_mean(const struct sums *s, size_t n) {
    double value = s->value / (double)n;
    return (struct estimate) { value, sqrt(s->error) / (double)n,
        value - sqrt(s->below) / (double)n, value + sqrt(s->above) / (double)n };
}

/* Without all declared subsets there is no value. */
static json_t *mean_of_subsets(const struct eval *e, const struct sums *sums, size_t n_declared) {
    json_t *metrics = json_object();
    bool whole = n_declared > 0 && n_declared >= e->info->subsets.n;
    for (size_t i = 0; i < e->info->report.n; i++) {
        struct estimate mean = { NAN, NAN, NAN, NAN };
        if (whole) {
            mean = sums_mean(&sums[i], n_declared);
        }
        json_object_set_new(metrics, e->info->report.items[i], estimate_json(&mean));
    }
    return metrics;
}

void eval_add_detail(struct eval *e, size_t from, size_t n, json_t *to) {
    if (KINDS[e->info->kind]->detail) {
        json_object_set_new(to, "experiments", KINDS[e->info->kind]->detail(e, from, n));
    }
}

static json_t *measure_subsets(struct eval *e, json_t **subsets, struct err *err) {
    size_t n_report = e->info->report.n, n_declared = 0;
    struct sums *sums = arena_alloc(&e->arena, n_report * sizeof *sums);
    struct estimate *values = arena_alloc(&e->arena, n_report * sizeof *values);
    *subsets = json_object();
    for (size_t from = 0, to; from < e->n; from = to) {
        to = subset_end(e, from);
        json_t *metrics = measure_all(e, from, to - from, values, err);
        if (!metrics) {
            json_decref(*subsets);
            *subsets = NULL;
            return NULL;
        }
        bool declared = is_declared(e, e->docs[from].subset);
        for (size_t i = 0; declared && i < n_report; i++) {
            sums_add(&sums[i], &values[i]);
        }
        json_t *one = json_pack("{s:I, s:o}", "n", (json_int_t)(to - from), "metrics", metrics);
        eval_add_detail(e, from, to - from, one);
        json_object_set_new(*subsets, e->docs[from].subset, one);
        n_declared += declared;
    }
    return mean_of_subsets(e, sums, n_declared);
}

json_t *eval_measure(struct eval *e, json_t **subsets, struct err *err) {
    *subsets = NULL;
    if (e->docs[0].subset) {
        return measure_subsets(e, subsets, err);
    }
    return measure_all(
        e, 0, e->n, arena_alloc(&e->arena, e->info->report.n * sizeof(struct estimate)), err);
}

/* ---- the result ---- */

static json_t *text_or_null(const char *s) {
    return s ? json_string(s) : json_null();
}

static json_t *strings_json(const struct task_strings *list) {
    json_t *out = json_array();
    for (size_t i = 0; i < list->n; i++) {
        json_array_append_new(out, json_string(list->items[i]));
    }
    return out;
}

static void add_identity(json_t *r, const struct eval *e) {
    const struct task_info *i = e->info;
    json_object_set_new(r, "model", json_string(e->subject->name));
    json_object_set_new(r, "revision", text_or_null(e->subject->revision));
    json_object_set_new(r, "task", json_string(i->name));
    json_object_set_new(r, "version", json_integer(i->version));
    json_object_set_new(r, "kind", json_string(task_kind_name(i->kind)));
    json_object_set_new(
        r, "profile", json_sprintf("%s%s", i->profile, e->asked_by ? e->asked_by : ""));
    json_object_set_new(r, "shots", json_integer(i->shots));
    json_object_set_new(r, "limit", i->limit ? json_integer(i->limit) : json_null());
    json_object_set_new(r, "seed", json_integer(i->seed));
    json_object_set_new(r, "bootstrap", json_integer(e->bootstrap));
    json_object_set_new(r, "n", json_integer((json_int_t)e->n));
    json_object_set_new(r, "main", json_string(i->main));
    json_object_set_new(r, "higher_is_better", json_boolean(i->higher_is_better));
    if (i->subsets.n) { /* what an overall value is the mean of */
        json_object_set_new(r, "declared_subsets", strings_json(&i->subsets));
    }
    if (i->kind == TASK_STS) { /* what gold scores are scaled by: the samples have them as given */
        json_object_set_new(r, "range", json_pack("[f, f]", i->range_low, i->range_high));
    }
    if (i->generation) { /* by what filters and metrics it was scored */
        json_object_set(r, "generation", (json_t *)(uintptr_t)i->generation);
    }
    if (e->subject->chat) {
        json_object_set_new(
            r, "template", json_string(e->subject->one_turn ? "one-turn" : "turns"));
        if (e->without_system) {
            json_object_set_new(r, "without_system", json_true());
        }
    }
    if (i->protocol) {
        json_object_set_new(r, "protocol", json_integer(i->protocol));
    }
}

/* What makes a score of texts say less than it seems to, beside what all kinds count. */
void eval_add_audit(const struct eval *e, json_t *audit) {
    if (e->asked_by) {
        json_object_set_new(audit, "unparsed", json_integer((json_int_t)e->audit.unparsed));
    }
    if (e->info->kind == TASK_GENERATE) {
        json_object_set_new(audit, "unparsed", json_integer((json_int_t)e->audit.unparsed));
        json_object_set_new(audit, "length", json_integer((json_int_t)e->audit.length));
        if (e->audit.may_abstain) {
            json_object_set_new(audit, "abstained", json_integer((json_int_t)e->audit.abstained));
        }
    }
}

static void add_provenance(
    json_t *r, const struct eval *e, const struct eval_options *options, double seconds) {
    const struct task_info *i = e->info;
    json_object_set_new(r, "audit",
        json_pack("{s:I, s:I, s:I, s:I}", "ties", (json_int_t)e->audit.ties, "truncated",
            (json_int_t)e->audit.truncated, "empty", (json_int_t)e->audit.empty, "nan",
            (json_int_t)e->audit.nan));
    eval_add_audit(e, json_object_get(r, "audit"));
    json_object_set_new(r, "data_sha256", json_string(i->data_sha256));
    json_object_set_new(r, "task_sha256", json_string(i->task_sha256));
    json_object_set_new(r, "tokens_asked", json_integer((json_int_t)e->stats.tokens_asked));
    json_object_set_new(r, "tokens_computed", json_integer((json_int_t)e->stats.tokens_computed));
    json_object_set_new(r, "seconds", json_real(seconds));
    json_object_set_new(r, "task_path", json_string(i->path));
    json_object_set_new(r, "data",
        json_pack("{s:o, s:o, s:o, s:o}", "repo", text_or_null(i->data_repo), "revision",
            text_or_null(i->data_revision), "config", text_or_null(i->data_config), "split",
            text_or_null(i->split)));
    json_object_set_new(r, "languages", strings_json(&i->languages));
    json_object_set_new(r, "baseline", real_or_null(i->baseline));
    json_object_set_new(r, "publish_samples", json_boolean(i->publish_samples));
    if (e->similarity != SIMILARITY_COSINE) {
        json_object_set_new(r, "similarity", json_string(similarity_name(e->similarity)));
    }
    json_object_set_new(r, "device", text_or_null(e->subject->device));
    json_object_set_new(r, "dtype", text_or_null(e->subject->dtype));
    json_object_set_new(r, "backend", text_or_null(e->subject->backend));
    json_object_set_new(r, "harness_build", text_or_null(options ? options->build : NULL));
    json_object_set_new(r, "sandbox", json_pack("{s:s}", "task_degraded", i->sandbox_degraded));
}

/* ---- samples ---- */

static void write_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    jw_object(w);
    jw_kv_int(w, "doc_id", (long long)d->index);
    if (d->subset) {
        jw_kv_string(w, "subset", d->subset);
    }
    if (d->cluster) {
        jw_kv_string(w, "cluster", d->cluster);
    }
    KINDS[e->info->kind]->sample(e, i, w);
    struct err ignored = ERR_INIT;
    json_t *row = d->row ? json_parse(d->row, strlen(d->row), "row", &ignored) : NULL;
    if (row) {
        jw_key(w, "doc");
        jw_json(w, row);
        json_decref(row);
    }
    jw_end_object(w);
}

bool eval_write_sample(const struct eval *e, size_t i, struct strbuf *samples, struct err *err) {
    struct json_writer w;
    json_writer_init(&w, samples, false);
    write_sample(e, i, &w);
    strbuf_addc(samples, '\n');
    return !w.non_finite ||
           err_set(err, ERR_NUMERIC, "document %zu has a number that is not finite", i);
}

bool eval_write_samples(const struct eval *e, struct strbuf *samples, struct err *err) {
    for (size_t i = 0; samples && i < e->n; i++) {
        if (!eval_write_sample(e, i, samples, err)) {
            return false;
        }
    }
    return !samples || !samples->overflow ||
           err_set(err, ERR_RESOURCE, "the samples do not fit their buffer");
}

void eval_add_scores(json_t *result, const char *main, const struct strbuf *samples) {
    struct sample_scores scores;
    struct err ignored = ERR_INIT;
    json_object_del(result, "scores");
    if (samples &&
        sample_scores_read(&scores, strbuf_str(samples), samples->len, main, NULL, &ignored)) {
        json_t *json =
            sample_scores_json(&scores, main, json_object_get(result, "declared_subsets"));
        if (json) {
            json_object_set_new(result, "scores", json);
        }
        sample_scores_release(&scores);
    }
}

/* ---- the door ---- */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static json_t *make_result(
    struct eval *e, const struct eval_options *options, double began, struct err *err) {
    json_t *subsets, *metrics = eval_measure(e, &subsets, err);
    if (!metrics) {
        return NULL;
    }
    json_t *r = json_object();
    add_identity(r, e);
    json_object_set_new(r, "metrics", metrics);
    if (e->prompts) {
        json_object_set(r, "prompts", e->prompts);
    }
    if (subsets) {
        json_object_set_new(r, "subsets", subsets);
    } else {
        eval_add_detail(e, 0, e->n, r);
    }
    add_provenance(r, e, options, now_s() - began);
    return r;
}

/* A kind may ask several times: progress goes on where the last call ended. Where it has said how
 * many texts there will be, those that are still to come are taken to be like those so far. */
static bool pass_on(uint64_t done, uint64_t total, void *arg) {
    struct eval *e = arg;
    double known = (double)(e->done_before + total),
           share = e->texts > e->n_begun ? (double)e->n_begun / (double)e->texts : 1;
    bool go_on = e->options->progress(
        e->done_before + done, (uint64_t)(known / share), e->options->progress_arg);
    e->done_before += done >= total ? total : 0;
    return go_on;
}

bool eval_begin(struct eval *e, const struct task *task, const struct subject *subject,
    const struct eval_options *options, struct err *err) {
    *e = (struct eval) { .info = task_info(task),
        .subject = subject,
        .similarity = subject->similarity,
        .options = options };
    if (!KINDS[e->info->kind]) {
        return err_set(err, ERR_USAGE, "'%s' is a suite, not a task", e->info->name);
    }
    e->bootstrap = options && options->bootstrap ? options->bootstrap : EVAL_BOOTSTRAP;
    e->docs = task_docs(task, &e->n);
    e->retrieval = task_retrieval(task);
    e->training = task_training(task);
    e->samplings = task_samplings(task, &e->n_samplings);
    e->run = (struct run_options) { .stats = &e->stats,
        .progress = options && options->progress ? pass_on : NULL,
        .progress_arg = e };
    return true;
}

void eval_end(struct eval *e) {
    if (e->release_kind) {
        e->release_kind(e->kind);
    }
    json_decref(e->prompts);
    arena_release(&e->arena);
}

bool eval_ask(struct eval *e, struct err *err) {
    return (!e->subject->chat || eval_chat(e, err)) && KINDS[e->info->kind]->ask(e, err);
}

bool eval_plan(const struct task *task, const struct subject *subject, struct run_stats *stats,
    struct err *err) {
    struct eval e;
    bool ok = eval_begin(&e, task, subject, NULL, err);
    e.plan = true;
    ok = ok && eval_ask(&e, err);
    *stats = e.stats;
    eval_end(&e);
    return ok;
}

bool eval_run(const struct task *task, const struct subject *subject,
    const struct eval_options *options, json_t **result, struct strbuf *samples, struct err *err) {
    struct eval e;
    double began = now_s();
    json_t *made = NULL;
    *result = NULL;
    if (!eval_begin(&e, task, subject, options, err)) {
        return false;
    }
    eval_number_clusters(&e);
    if (eval_ask(&e, err)) {
        made = make_result(&e, options, began, err);
    }
    bool ok = made && eval_write_samples(&e, samples, err);
    if (ok) {
        eval_add_scores(made, e.info->main, samples);
        *result = made;
    } else {
        json_decref(made);
    }
    eval_end(&e);
    return ok;
}
