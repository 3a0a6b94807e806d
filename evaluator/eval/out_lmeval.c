/* lm-evaluation-harness's files: results_<time>.json and, with samples,
 * samples_<task>_<time>.jsonl, whose responses are Python's str() of floats and bools. Its filter
 * is always "none" for these kinds. */
#include <string.h>

#include "base/hash.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/write.h"

/* What a metric is called there. */
static const char *their_name(const char *metric) {
    static const char *const NAMES[][2] = { { "mc2", "acc" }, { "brier", "brier_score" } };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!strcmp(NAMES[i][0], metric)) {
            return NAMES[i][1];
        }
    }
    return metric;
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

static void write_responses(struct json_writer *j, const json_t *sample, size_t n) {
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
        jw_string(j, their_name(name));
    }
    jw_end_array(j);
}

static void write_sample(struct json_writer *j, const json_t *sample) {
    size_t n = json_array_size(json_object_get(sample, "loglikelihoods"));
    const char *name, *context = context_of(sample, 0);
    struct strbuf target = { 0 }, dump = { 0 };
    json_t *value, *doc = json_object_get(sample, "doc"), *empty = json_object();
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
    json_object_foreach(json_object_get(sample, "metrics"), name, value) {
        jw_kv_double(j, their_name(name), json_number_value(value));
    }
    jw_end_object(j);
    json_decref(empty);
    strbuf_release(&target);
    strbuf_release(&dump);
}

static bool write_samples(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    const char *at = w->samples, *end = w->samples + w->samples_n;
    bool ok = true;
    while (ok && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        json_t *sample = json_parse(at, n, "samples", err);
        ok = sample != NULL;
        if (ok) {
            struct json_writer j;
            json_writer_init(&j, &text, false);
            write_sample(&j, sample);
            strbuf_addc(&text, '\n');
        }
        json_decref(sample);
        at += n + 1;
    }
    strbuf_addf(&name, "samples_%s_%s.jsonl", w->task, w->time);
    ok = ok && write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}

/* ---- results ---- */

static void write_numbers(struct json_writer *j, const json_t *r) {
    const char *name;
    json_t *m;
    struct strbuf key = { 0 };
    jw_kv_string(j, "alias", json_get_string(r, "task", ""));
    jw_kv_string(j, "name", json_get_string(r, "task", ""));
    jw_kv_int(j, "sample_len", json_get_int(r, "n", 0));
    json_object_foreach(json_object_get(r, "metrics"), name, m) {
        strbuf_reset(&key);
        strbuf_addf(&key, "%s,none", their_name(name));
        jw_key(j, strbuf_str(&key));
        jw_json(j, json_object_get(m, "value"));
        strbuf_reset(&key);
        strbuf_addf(&key, "%s_stderr,none", their_name(name));
        jw_key(j, strbuf_str(&key));
        if (json_is_number(json_object_get(m, "stderr"))) {
            jw_json(j, json_object_get(m, "stderr"));
        } else {
            jw_string(j, "N/A");
        }
    }
    strbuf_release(&key);
}

static void write_config(struct json_writer *j, const json_t *r) {
    const json_t *data = json_object_get(r, "data");
    const char *name;
    json_t *m;
    jw_kv_string(j, "task", json_get_string(r, "task", ""));
    jw_kv_string(j, "dataset_path", json_get_string(data, "repo", NULL));
    jw_kv_string(j, "dataset_name", json_get_string(data, "config", NULL));
    jw_kv_string(j, "test_split", json_get_string(data, "split", NULL));
    jw_kv_string(j, "output_type",
        strcmp(json_get_string(r, "kind", ""), "choice") ? json_get_string(r, "kind", "")
                                                         : "multiple_choice");
    jw_kv_int(j, "num_fewshot", json_get_int(r, "shots", 0));
    jw_key(j, "metric_list");
    jw_array(j);
    json_object_foreach(json_object_get(r, "metrics"), name, m) {
        jw_object(j);
        jw_kv_string(j, "metric", their_name(name));
        jw_kv_bool(j, "higher_is_better", json_get_bool(r, "higher_is_better", true));
        jw_end_object(j);
    }
    jw_end_array(j);
    jw_key(j, "metadata");
    jw_object(j);
    jw_kv_int(j, "version", json_get_int(r, "version", 0));
    jw_kv_string(j, "task_sha256", json_get_string(r, "task_sha256", NULL));
    jw_kv_string(j, "data_sha256", json_get_string(r, "data_sha256", NULL));
    jw_end_object(j);
}

static void write_better(struct json_writer *j, const json_t *r) {
    const char *name;
    json_t *m;
    json_object_foreach(json_object_get(r, "metrics"), name, m) {
        jw_kv_bool(j, their_name(name), json_get_bool(r, "higher_is_better", true));
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

static void begin(struct json_writer *j, const char *key, const char *task) {
    jw_key(j, key);
    jw_object(j);
    jw_key(j, task);
}

/* {key: {task: {...}}} */
static void write_by_task(struct json_writer *j, const char *key, const json_t *r,
    void (*fields)(struct json_writer *, const json_t *)) {
    begin(j, key, json_get_string(r, "task", ""));
    jw_object(j);
    fields(j, r);
    jw_end_object(j);
    jw_end_object(j);
}

/* {key: {task: n}} */
static void write_number(
    struct json_writer *j, const char *key, const json_t *r, const char *field) {
    begin(j, key, json_get_string(r, "task", ""));
    jw_int(j, json_get_int(r, field, 0));
    jw_end_object(j);
}

static void write_counts(struct json_writer *j, const json_t *r) {
    jw_kv_int(j, "original", json_get_int(r, "n", 0));
    jw_kv_int(j, "effective", json_get_int(r, "n", 0));
}

static void write_document(struct json_writer *j, const struct writing *w) {
    const json_t *r = w->result;
    char seconds[32];
    jw_object(j);
    write_by_task(j, "results", r, write_numbers);
    begin(j, "group_subtasks", json_get_string(r, "task", ""));
    jw_array(j);
    jw_end_array(j);
    jw_end_object(j);
    write_by_task(j, "configs", r, write_config);
    write_number(j, "versions", r, "version");
    write_number(j, "n-shot", r, "shots");
    write_by_task(j, "higher_is_better", r, write_better);
    write_by_task(j, "n-samples", r, write_counts);
    jw_key(j, "config");
    jw_object(j);
    write_run(j, r);
    jw_end_object(j);
    jw_kv_string(j, "git_hash", json_get_string(r, "harness_build", NULL));
    jw_kv_double(j, "date", w->unix_time);
    jw_kv_string(j, "model_source", "assay");
    jw_kv_string(j, "model_name", json_get_string(r, "model", ""));
    jw_kv_string(j, "model_name_sanitized", w->model);
    jw_kv_string(j, "total_evaluation_time_seconds",
        json_double_repr(json_get_number(r, "seconds", 0), seconds));
    jw_end_object(j);
}

bool write_lmeval(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    write_document(&j, w);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "results_%s.json", w->time);
    bool ok =
        write_text(w, strbuf_str(&name), &text, err) && (!w->samples || write_samples(w, err));
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
