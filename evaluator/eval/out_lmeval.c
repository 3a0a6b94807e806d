/* lm-evaluation-harness's files: results_<time>.json and, with samples,
 * samples_<task>_<time>.jsonl, whose responses are Python's str() of floats and bools, or the texts
 * that were generated. What was scored has the filter "none"; of texts each filter has a line. */
#include <string.h>

#include "base/hash.h"
#include "base/metrics.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/write.h"

/* What a metric is called there. `metrics` are all that the task reports: where "acc" is one of
 * them, another cannot have its name. */
static const char *their_name(const char *metric, const json_t *metrics) {
    static const char *const NAMES[][2] = { { "mc2", "acc" }, { "brier", "brier_score" } };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!strcmp(NAMES[i][0], metric)) {
            return json_object_get(metrics, NAMES[i][1]) ? metric : NAMES[i][1];
        }
    }
    return metric;
}

/* The harness resamples a list of aggregations that it has, which these are not in. */
static bool has_error(const char *metric) {
    static const char *const NONE[] = { "brier", "word_perplexity", "byte_perplexity",
        "bits_per_byte", "inst_level_strict_acc", "inst_level_loose_acc", "strict_acc" };
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        if (!strcmp(NONE[i], metric)) {
            return false;
        }
    }
    return true;
}

/* "exact_match,strict": the metric's own name, and its filter; "none" where it has none. */
static char *plain_metric(const char *metric) {
    return xstrndup(metric, strcspn(metric, ","));
}

static const char *filter_of(const char *metric) {
    size_t n = strcspn(metric, ",");
    return metric[n] ? metric + n + 1 : "none";
}

/* Whether a metric of that name came before it, on another filter. */
static bool came_before(const json_t *metrics, const char *metric) {
    const char *name;
    json_t *value;
    size_t n = strcspn(metric, ",");
    json_object_foreach((json_t *)(uintptr_t)metrics, name, value) {
        if (!strcmp(name, metric)) {
            return false;
        }
        if (strcspn(name, ",") == n && !strncmp(name, metric, n)) {
            return true;
        }
    }
    return false;
}

/* ---- samples ---- */

static void hash_text(struct json_writer *j, const char *key, const char *text, size_t n) {
    char hex[65];
    sha256_hex(text, n, hex);
    jw_kv_string(j, key, hex);
}

/* json.dumps(doc, indent=2, ensure_ascii=False) */
static void doc_dump(const json_t *doc, struct strbuf *out) {
    struct json_writer j;
    json_writer_init(&j, out, true);
    jw_json(&j, doc);
}

static const char *context_of(const json_t *sample, size_t choice) {
    const json_t *c = json_array_get(json_object_get(sample, "choices"), choice);
    const char *text = json_string_value(
        json_array_get(json_object_get(sample, "contexts"), (size_t)json_get_int(c, "context", 0)));
    return text ? text : "";
}

/* A multiple-choice sample has choices; the others have one target. */
static const char *continuation_of(const json_t *sample, size_t choice) {
    const json_t *c = json_array_get(json_object_get(sample, "choices"), choice);
    return json_get_string(c, "continuation", json_get_string(sample, "target", ""));
}

static void write_arguments(struct json_writer *j, const json_t *sample, size_t n) {
    jw_key(j, "arguments");
    jw_object(j);
    for (size_t i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof key, "gen_args_%zu", i);
        jw_key(j, key);
        jw_object(j);
        jw_kv_string(j, "arg_0", context_of(sample, i));
        jw_kv_string(j, "arg_1", continuation_of(sample, i));
        jw_end_object(j);
    }
    jw_end_object(j);
}

static void write_response(struct json_writer *j, const json_t *sample, size_t i) {
    char number[32];
    double ll = json_number_value(json_array_get(json_object_get(sample, "loglikelihoods"), i));
    jw_array(j);
    jw_string(j, json_double_repr(ll, number));
    jw_string(
        j, json_is_true(json_array_get(json_object_get(sample, "greedy"), i)) ? "True" : "False");
    jw_end_array(j);
}

/* A letter that was said is a text to the peer. */
static void write_said(struct json_writer *j, const char *said) {
    jw_key(j, "resps");
    jw_array(j);
    jw_array(j);
    jw_string(j, said);
    jw_end_array(j);
    jw_end_array(j);
    jw_key(j, "filtered_resps");
    jw_array(j);
    jw_string(j, said);
    jw_end_array(j);
}

static void write_responses(struct json_writer *j, const json_t *sample, size_t n) {
    const json_t *letter = json_object_get(sample, "letter");
    if (letter) {
        write_said(j, json_get_string(letter, "said", ""));
        return;
    }
    jw_key(j, "resps");
    jw_array(j);
    for (size_t i = 0; i < n; i++) {
        jw_array(j);
        write_response(j, sample, i);
        jw_end_array(j);
    }
    jw_end_array(j);
    jw_key(j, "filtered_resps");
    jw_array(j);
    for (size_t i = 0; i < n; i++) {
        write_response(j, sample, i);
    }
    jw_end_array(j);
}

/* str(target): the number of the right choice, a list of them, or the target's text. */
static void target_text(const json_t *sample, struct strbuf *out) {
    const json_t *gold = json_object_get(sample, "gold"), *item;
    size_t i;
    if (json_is_integer(gold)) {
        strbuf_addf(out, "%lld", (long long)json_integer_value(gold));
    } else if (json_is_array(gold)) {
        json_array_foreach(gold, i, item) {
            strbuf_addf(out, "%s%lld", i ? ", " : "[", (long long)json_integer_value(item));
        }
        strbuf_addc(out, ']');
    } else {
        strbuf_adds(out, json_get_string(sample, "target", ""));
    }
}

static void write_metrics(struct json_writer *j, const json_t *sample) {
    const char *name;
    json_t *value, *metrics = json_object_get(sample, "metrics");
    jw_key(j, "metrics");
    jw_array(j);
    json_object_foreach(metrics, name, value) {
        jw_string(j, their_name(name, metrics));
    }
    jw_end_array(j);
}

static void write_sample(struct json_writer *j, const json_t *sample) {
    size_t n = json_array_size(json_object_get(sample, "loglikelihoods"));
    const char *name, *context = context_of(sample, 0);
    struct strbuf target = { 0 }, dump = { 0 };
    json_t *value, *doc = json_object_get(sample, "doc"), *empty = json_object();
    json_t *metrics = json_object_get(sample, "metrics");
    doc = doc ? doc : empty;
    target_text(sample, &target);
    doc_dump(doc, &dump);
    jw_object(j);
    jw_kv_int(j, "doc_id", json_get_int(sample, "doc_id", 0));
    jw_key(j, "doc");
    jw_json(j, doc);
    jw_kv_string(j, "target", strbuf_str(&target));
    write_arguments(j, sample, n);
    write_responses(j, sample, n);
    jw_kv_string(j, "filter", "none");
    write_metrics(j, sample);
    hash_text(j, "doc_hash", strbuf_str(&dump), dump.len);
    hash_text(j, "prompt_hash", context, strlen(context));
    hash_text(j, "target_hash", strbuf_str(&target), target.len);
    json_object_foreach(metrics, name, value) {
        jw_kv_double(j, their_name(name, metrics), json_number_value(value));
    }
    jw_end_object(j);
    json_decref(empty);
    strbuf_release(&target);
    strbuf_release(&dump);
}

/* ---- samples of texts ---- */

/* Python's repr of a string. */
static void add_repr(struct strbuf *out, const char *s) {
    char quote = strchr(s, '\'') && !strchr(s, '"') ? '"' : '\'';
    strbuf_addc(out, quote);
    for (; *s; s++) {
        const char *known = strchr("\n\r\t", *s);
        if (known) {
            strbuf_addf(out, "\\%c", "nrt"[known - strchr("\n\r\t", '\n')]);
        } else if (*s == quote || *s == '\\') {
            strbuf_addf(out, "\\%c", *s);
        } else if ((unsigned char)*s < 32 || *s == 127) {
            strbuf_addf(out, "\\x%02x", (unsigned)*s);
        } else {
            strbuf_addc(out, *s);
        }
    }
    strbuf_addc(out, quote);
}

/* str() of what is right: a text, or a list of them. */
static void right_text(const json_t *sample, struct strbuf *out) {
    const json_t *gold = json_object_get(sample, "gold"), *one, *span;
    size_t i, k;
    if (json_array_size(gold) == 1 && json_is_string(json_array_get(gold, 0))) {
        strbuf_adds(out, json_string_value(json_array_get(gold, 0)));
        return;
    }
    strbuf_addc(out, '[');
    json_array_foreach(gold, i, one) {
        strbuf_adds(out, i ? ", " : "");
        if (json_is_string(one)) {
            add_repr(out, json_string_value(one));
            continue;
        }
        strbuf_addc(out, '(');
        json_array_foreach(one, k, span) {
            strbuf_adds(out, k ? ", " : "");
            add_repr(out, json_string_value(span));
        }
        strbuf_addc(out, ')');
    }
    strbuf_addc(out, ']');
}

static void write_generation_kwargs(struct json_writer *j, const json_t *generation) {
    double temperature = json_get_number(generation, "temperature", 0);
    jw_object(j);
    jw_key(j, "until");
    jw_json(j, json_object_get(generation, "stop"));
    jw_kv_int(j, "max_gen_toks", json_get_int(generation, "max_tokens", 256));
    jw_kv_bool(j, "do_sample", temperature > 0);
    jw_kv_double(j, "temperature", temperature);
    jw_end_object(j);
}

static void write_texts(struct json_writer *j, const json_t *sample) {
    const json_t *one;
    size_t i;
    jw_key(j, "resps");
    jw_array(j);
    jw_array(j);
    json_array_foreach(json_object_get(sample, "generations"), i, one) {
        jw_string(j, json_get_string(one, "text", ""));
    }
    jw_end_array(j);
    jw_end_array(j);
}

static void write_filtered(struct json_writer *j, const json_t *sample, const char *filter) {
    const char *name;
    json_t *value, *metrics = json_object_get(sample, "metrics");
    jw_key(j, "filtered_resps");
    jw_array(j);
    jw_string(j, json_get_string(json_object_get(sample, "filtered"), filter, ""));
    jw_end_array(j);
    jw_kv_string(j, "filter", filter);
    jw_key(j, "metrics");
    jw_array(j);
    json_object_foreach(metrics, name, value) {
        if (!strcmp(filter_of(name), filter)) {
            char *plain = plain_metric(name);
            jw_string(j, plain);
            free(plain);
        }
    }
    jw_end_array(j);
    json_object_foreach(metrics, name, value) {
        if (!strcmp(filter_of(name), filter)) {
            char *plain = plain_metric(name);
            jw_kv_double(j, plain, json_number_value(value));
            free(plain);
        }
    }
}

/* What a filter made of the texts of a document. */
static void write_answer(
    struct json_writer *j, const json_t *sample, const json_t *generation, const char *filter) {
    const char *context = context_of(sample, 0);
    json_t *doc = json_object_get(sample, "doc"), *empty = json_object();
    struct strbuf right = { 0 }, dump = { 0 };
    doc = doc ? doc : empty;
    right_text(sample, &right);
    doc_dump(doc, &dump);
    jw_object(j);
    jw_kv_int(j, "doc_id", json_get_int(sample, "doc_id", 0));
    jw_key(j, "doc");
    jw_json(j, doc);
    jw_kv_string(j, "target", strbuf_str(&right));
    jw_key(j, "arguments");
    jw_object(j);
    jw_key(j, "gen_args_0");
    jw_object(j);
    jw_kv_string(j, "arg_0", context);
    jw_key(j, "arg_1");
    write_generation_kwargs(j, generation);
    jw_end_object(j);
    jw_end_object(j);
    write_texts(j, sample);
    write_filtered(j, sample, filter);
    hash_text(j, "doc_hash", strbuf_str(&dump), dump.len);
    hash_text(j, "prompt_hash", context, strlen(context));
    hash_text(j, "target_hash", strbuf_str(&right), right.len);
    jw_end_object(j);
    json_decref(empty);
    strbuf_release(&right);
    strbuf_release(&dump);
}

/* All documents; of what a filter made of them where there is one. */
static bool write_lines(
    const struct writing *w, const char *filter, struct strbuf *text, struct err *err) {
    struct json_lines lines = { w->samples, w->samples_n, 0 };
    const char *line;
    for (size_t n; json_lines_next(&lines, &line, &n);) {
        json_t *sample = json_parse(line, n, "samples", err);
        struct json_writer j;
        if (!sample) {
            return false;
        }
        json_writer_init(&j, text, false);
        if (filter) {
            write_answer(&j, sample, json_object_get(w->result, "generation"), filter);
        } else {
            write_sample(&j, sample);
        }
        strbuf_addc(text, '\n');
        json_decref(sample);
    }
    return true;
}

/* One filter after the other, as the harness has them. */
static bool write_by_filter(
    const struct writing *w, const json_t *generation, struct strbuf *text, struct err *err) {
    const json_t *filters = json_object_get(generation, "filters");
    bool ok = json_array_size(filters) > 0 || write_lines(w, "none", text, err);
    for (size_t i = 0; ok && i < json_array_size(filters); i++) {
        ok = write_lines(w, json_get_string(json_array_get(filters, i), "name", "none"), text, err);
    }
    return ok;
}

bool write_lmeval_samples(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    const json_t *generation = json_object_get(w->result, "generation");
    bool ok =
        generation ? write_by_filter(w, generation, &text, err) : write_lines(w, NULL, &text, err);
    strbuf_addf(&name, "samples_%s_%s.jsonl", w->task, w->file->time);
    ok = ok && write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}

/* ---- results ---- */

void write_stderr(struct json_writer *j, const char *metric, const json_t *value) {
    struct strbuf key = { 0 };
    char *plain = plain_metric(metric);
    strbuf_addf(&key, "%s_stderr,%s", plain, filter_of(metric));
    free(plain);
    jw_key(j, strbuf_str(&key));
    if (json_is_number(value)) {
        jw_json(j, value);
    } else {
        jw_string(j, "N/A");
    }
    strbuf_release(&key);
}

static void write_numbers(struct json_writer *j, const json_t *r) {
    const char *name;
    json_t *m, *metrics = json_object_get(r, "metrics");
    jw_kv_string(j, "alias", json_get_string(r, "task", ""));
    jw_kv_string(j, "name", json_get_string(r, "task", ""));
    jw_kv_int(j, "sample_len", json_get_int(r, "n", 0));
    json_object_foreach(metrics, name, m) {
        const char *theirs = their_name(name, metrics);
        struct strbuf key = { 0 };
        strbuf_addf(&key, strchr(theirs, ',') ? "%s" : "%s,none", theirs);
        jw_key(j, strbuf_str(&key));
        jw_json(j, json_object_get(m, "value"));
        write_stderr(j, theirs, has_error(name) ? json_object_get(m, "stderr") : NULL);
        strbuf_release(&key);
    }
}

static bool is_better_higher(const json_t *r, const char *metric) {
    return metric_rule_of(metric, json_get_string(r, "main", ""), r).higher;
}

static const char *output_type(const char *kind) {
    return !strcmp(kind, "choice")     ? "multiple_choice"
           : !strcmp(kind, "generate") ? "generate_until"
                                       : kind;
}

static void write_config(struct json_writer *j, const json_t *r) {
    const json_t *data = json_object_get(r, "data");
    const char *name;
    json_t *m, *metrics = json_object_get(r, "metrics");
    jw_kv_string(j, "task", json_get_string(r, "task", ""));
    jw_kv_string(j, "dataset_path", json_get_string(data, "repo", NULL));
    jw_kv_string(j, "dataset_name", json_get_string(data, "config", NULL));
    jw_kv_string(j, "test_split", json_get_string(data, "split", NULL));
    jw_kv_string(j, "output_type", output_type(json_get_string(r, "kind", "")));
    jw_kv_int(j, "num_fewshot", json_get_int(r, "shots", 0));
    jw_key(j, "metric_list");
    jw_array(j);
    json_object_foreach(metrics, name, m) {
        if (came_before(metrics, name)) {
            continue;
        }
        char *plain = plain_metric(their_name(name, metrics));
        jw_object(j);
        jw_kv_string(j, "metric", plain);
        jw_kv_bool(j, "higher_is_better", is_better_higher(r, name));
        jw_end_object(j);
        free(plain);
    }
    jw_end_array(j);
    if (json_object_get(r, "generation")) {
        jw_key(j, "generation_kwargs");
        write_generation_kwargs(j, json_object_get(r, "generation"));
    }
    jw_key(j, "metadata");
    jw_object(j);
    jw_kv_int(j, "version", json_get_int(r, "version", 0));
    jw_kv_string(j, "task_sha256", json_get_string(r, "task_sha256", NULL));
    jw_kv_string(j, "data_sha256", json_get_string(r, "data_sha256", NULL));
    jw_end_object(j);
}

static void write_better(struct json_writer *j, const json_t *r) {
    const char *name;
    json_t *m, *metrics = json_object_get(r, "metrics");
    json_object_foreach(metrics, name, m) {
        if (!came_before(metrics, name)) {
            char *plain = plain_metric(their_name(name, metrics));
            jw_kv_bool(j, plain, is_better_higher(r, name));
            free(plain);
        }
    }
}

static void write_run(struct json_writer *j, const json_t *r) {
    static const char *const seeds[] = { "random_seed", "numpy_seed", "torch_seed" };
    jw_kv_string(j, "model", "assay");
    jw_key(j, "model_args");
    jw_object(j);
    jw_kv_string(j, "pretrained", json_get_string(r, "model", ""));
    jw_kv_string(j, "revision", json_get_string(r, "revision", NULL));
    jw_kv_string(j, "dtype", json_get_string(r, "dtype", NULL));
    jw_end_object(j);
    jw_kv_string(j, "model_dtype", json_get_string(r, "dtype", NULL));
    jw_kv_string(j, "model_revision", json_get_string(r, "revision", NULL));
    jw_kv_string(j, "model_sha", json_get_string(r, "revision", NULL));
    jw_kv_string(j, "batch_size", "auto");
    jw_kv_string(j, "device", json_get_string(r, "device", NULL));
    jw_kv_string(j, "use_cache", NULL);
    jw_key(j, "limit");
    jw_json(j, json_object_get(r, "limit"));
    jw_kv_int(j, "bootstrap_iters", json_get_int(r, "bootstrap", EVAL_BOOTSTRAP));
    jw_key(j, "gen_kwargs");
    jw_object(j);
    jw_end_object(j);
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        jw_kv_int(j, seeds[i], i ? 1234 : 0);
    }
    jw_kv_int(j, "fewshot_seed", json_get_int(r, "seed", 1234));
}

/* ---- the document ---- */

typedef void fields_fn(struct json_writer *j, const json_t *result);

static void write_version(struct json_writer *j, const json_t *r) {
    jw_int(j, json_get_int(r, "version", 0));
}

static void write_shots(struct json_writer *j, const json_t *r) {
    jw_int(j, json_get_int(r, "shots", 0));
}

static void write_no_members(struct json_writer *j, const json_t *r) {
    (void)r;
    jw_array(j);
    jw_end_array(j);
}

/* "original" is the size of the whole split, which is not known where it was not read to its end.
 */
static void write_counts(struct json_writer *j, const json_t *r) {
    if (!json_is_integer(json_object_get(r, "limit"))) {
        jw_kv_int(j, "original", json_get_int(r, "n", 0));
    }
    jw_kv_int(j, "effective", json_get_int(r, "n", 0));
}

/* task: value, of all tasks; with `object` what `fields` writes are the value's own. */
static void write_tasks(
    struct json_writer *j, const struct results_file *f, bool object, fields_fn *fields) {
    size_t i;
    json_t *r;
    json_array_foreach(f->results, i, r) {
        if (result_embeds(r)) {
            continue;
        }
        jw_key(j, json_get_string(r, "task", ""));
        if (object) {
            jw_object(j);
        }
        fields(j, r);
        if (object) {
            jw_end_object(j);
        }
    }
}

static void write_by_task(struct json_writer *j, const char *key, const struct results_file *f,
    bool object, fields_fn *fields) {
    jw_key(j, key);
    jw_object(j);
    write_tasks(j, f, object, fields);
    jw_end_object(j);
}

static void write_results(struct json_writer *j, const struct results_file *f) {
    jw_key(j, "results");
    jw_object(j);
    write_tasks(j, f, true, write_numbers);
    write_group_scores(j, f->groups);
    jw_end_object(j);
    if (f->groups) {
        jw_key(j, "groups");
        jw_object(j);
        write_group_scores(j, f->groups);
        jw_end_object(j);
    }
    jw_key(j, "group_subtasks");
    jw_object(j);
    write_tasks(j, f, false, write_no_members);
    write_group_members(j, f->groups);
    jw_end_object(j);
}

static double seconds_of(const struct results_file *f) {
    double sum = 0;
    size_t i;
    json_t *r;
    json_array_foreach(f->results, i, r) sum += json_get_number(r, "seconds", 0);
    return sum;
}

/* What all its results have in common is said by the first. */
static void write_document(struct json_writer *j, const struct results_file *f) {
    const json_t *r = json_array_get(f->results, 0);
    char seconds[32];
    jw_object(j);
    write_results(j, f);
    write_by_task(j, "configs", f, true, write_config);
    write_by_task(j, "versions", f, false, write_version);
    write_by_task(j, "n-shot", f, false, write_shots);
    write_by_task(j, "higher_is_better", f, true, write_better);
    write_by_task(j, "n-samples", f, true, write_counts);
    jw_key(j, "config");
    jw_object(j);
    write_run(j, r);
    jw_end_object(j);
    jw_kv_string(j, "git_hash", json_get_string(r, "harness_build", NULL));
    jw_kv_double(j, "date", f->unix_time);
    jw_kv_string(j, "model_source", "assay");
    jw_kv_string(j, "model_name", json_get_string(r, "model", ""));
    jw_kv_string(j, "model_name_sanitized", f->model);
    jw_kv_string(j, "total_evaluation_time_seconds", json_double_repr(seconds_of(f), seconds));
    jw_end_object(j);
}

bool write_lmeval_results(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    write_document(&j, w->file);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "results_%s.json", w->file->time);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
