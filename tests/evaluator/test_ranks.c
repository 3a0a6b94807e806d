/* The kinds that rank and compare texts, on made-up data with a subject whose vectors stand in its
 * texts, against what mteb scores with a model that reads the same (tests/fixtures/ranks). */
#include "task_main.h"

#include <math.h>

#include "base/stats/scores.h"
#include "evaluator/eval/agree.h"
#include "evaluator/eval/eval.h"
#include "tests/vectors.h"

#define RANKS ASSAY_TESTS_DIR "/fixtures/ranks/"

enum { WIDTH = 8 };

/* What the reader is: a model that says how its vectors are compared, and may give them length one.
 */
static struct {
    enum similarity similarity;
    bool unit;
} manner;

static void to_length_one(float *v) {
    double squares = 0;
    for (size_t k = 0; k < WIDTH; k++) {
        squares += (double)v[k] * (double)v[k];
    }
    for (size_t k = 0; k < WIDTH && squares > 0; k++) {
        v[k] = (float)(v[k] / sqrt(squares));
    }
}

/* A text's numbers, by eights, added up. */
static bool read_vectors(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    (void)self;
    (void)role;
    (void)prompt;
    (void)run;
    (void)err;
    memset(vectors, 0, n * WIDTH * sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        const char *at = requests[i].text;
        char *end;
        for (size_t k = 0;; k++, at = end) {
            float x = strtof(at, &end);
            if (end == at) {
                break;
            }
            vectors[i * WIDTH + k % WIDTH] += x;
        }
        if (manner.unit) {
            to_length_one(vectors + i * WIDTH);
        }
    }
    return true;
}

static struct subject reader(void) {
    return (struct subject) { .name = "assay/reader",
        .embed = read_vectors,
        .width = WIDTH,
        .similarity = manner.similarity };
}

static struct task *load(const char *name, long long limit) {
    char path[512];
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    snprintf(path, sizeof path, RANKS "%s.lua", name);
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.limit = limit;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s: %s", name, err.msg);
    }
    return t;
}

static json_t *evaluate(const char *name, long long limit, struct strbuf *samples) {
    struct err err = ERR_INIT;
    struct subject s = reader();
    struct task *t = load(name, limit);
    json_t *result = NULL;
    if (!eval_run(t, &s, NULL, &result, samples, &err)) {
        fail_msg("%s: %s", name, err.msg);
    }
    task_free(t);
    return result;
}

static double value_of(const json_t *result, const char *metric) {
    return json_get_number(
        json_object_get(json_object_get(result, "metrics"), metric), "value", NAN);
}

static json_t *wanted(const char *name) {
    struct err err = ERR_INIT;
    json_t *all = json_parse_file(RANKS "want.json", 1 << 20, &err);
    assert_non_null(all);
    json_t *want = json_incref(json_object_get(all, name));
    assert_non_null(want);
    json_decref(all);
    return want;
}

/* mteb rounds these to five places. */
static double tolerance(const char *metric) {
    static const char *const ROUNDED[] = { "ndcg_at", "map_at", "recall_at", "precision_at",
        "hit_rate_at", "accuracy" };
    for (size_t i = 0; i < sizeof ROUNDED / sizeof *ROUNDED; i++) {
        const char *at = strstr(metric, ROUNDED[i]);
        if (at && !strstr(metric, "nauc")) {
            return 5.1e-6;
        }
    }
    return 2e-6;
}

static void compare(const char *task, const char *section) {
    json_t *result = evaluate(task, 0, NULL), *want = wanted(section), *value;
    const char *metric;
    json_object_foreach(want, metric, value) {
        double got = value_of(result, metric);
        if (!(fabs(got - json_number_value(value)) <= tolerance(metric))) {
            fail_msg("%s: %s is %.9g, mteb has %.9g", task, metric, got, json_number_value(value));
        }
    }
    json_decref(want);
    json_decref(result);
}

static void pairs_score_as_mteb_scores_them(void **state) {
    (void)state;
    compare("pair", "pair");
}

static void one_row_of_lists_is_as_many_pairs(void **state) {
    (void)state;
    json_t *rows = evaluate("pair", 0, NULL), *lists = evaluate("pair_lists", 0, NULL);
    assert_int_equal(json_get_int(lists, "n", 0), 66);
    assert_same(value_of(lists, "max_ap"), value_of(rows, "max_ap"));
    assert_same(value_of(lists, "dot_f1"), value_of(rows, "dot_f1"));
    json_decref(lists);
    lists = evaluate("pair_lists", 7, NULL); /* a limit is on pairs */
    assert_int_equal(json_get_int(lists, "n", 0), 7);
    json_decref(rows);
    json_decref(lists);
}

static void clusters_change_the_error_and_not_the_score(void **state) {
    (void)state;
    json_t *loose = evaluate("pair", 0, NULL), *tied = evaluate("pair_clustered", 0, NULL);
    assert_same(value_of(tied, "max_ap"), value_of(loose, "max_ap"));
    assert_same(value_of(tied, "cosine_f1"), value_of(loose, "cosine_f1"));
    json_decref(loose);
    json_decref(tied);
}

static void bitext_scores_as_mteb_scores_it(void **state) {
    (void)state;
    compare("bitext", "bitext");
}

static void a_sentence_is_sought_among_those_of_its_subset(void **state) {
    (void)state;
    json_t *one = evaluate("bitext", 0, NULL), *both = evaluate("bitext_subsets", 0, NULL);
    assert_int_equal(json_object_size(json_object_get(both, "subsets")), 2);
    assert_same(value_of(both, "f1"), value_of(one, "f1"));
    assert_same(value_of(json_object_get(json_object_get(both, "subsets"), "two"), "accuracy"),
        value_of(one, "accuracy"));
    json_decref(one);
    json_decref(both);
}

static void summaries_score_by_both_protocols(void **state) {
    (void)state;
    compare("summary", "summary");
    compare("summary_protocol_1", "summary_protocol_1");
}

/* mteb leaves out a text as soon as one of its similarities is the same for all. */
static void a_text_of_equal_similarities_says_nothing(void **state) {
    (void)state;
    json_t *result = evaluate("summary_equal", 0, NULL);
    assert_same(value_of(result, "cosine_spearman"), 1);
    json_decref(result);
}

static void retrieval_scores_as_mteb_scores_it(void **state) {
    (void)state;
    compare("retrieval", "retrieval");
}

static void reranking_scores_as_mteb_scores_it(void **state) {
    (void)state;
    compare("rerank", "rerank");
}

static void instructions_score_as_mteb_scores_them(void **state) {
    (void)state;
    compare("instruction_retrieval", "instruction_retrieval");
}

/* ---- what every kind does ---- */

static const char *const ALL[] = { "pair", "pair_clustered", "bitext", "bitext_subsets", "summary",
    "summary_protocol_1", "retrieval", "rerank", "instruction_retrieval", "sts" };

static void compare_metrics(const char *task, const json_t *before, const json_t *after) {
    const char *metric;
    json_t *m;
    json_object_foreach(json_object_get(before, "metrics"), metric, m) {
        const json_t *now = json_object_get(json_object_get(after, "metrics"), metric);
        if (!json_equal(m, (json_t *)(uintptr_t)now)) {
            fail_msg("%s: %s comes out as another", task, metric);
        }
    }
}

static void samples_hold_all(void) {
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        struct err err = ERR_INIT;
        struct strbuf samples = { 0 }, again = { 0 };
        json_t *result = evaluate(ALL[i], 0, &samples), *rescored;
        if (!eval_rescore(result, samples.text, samples.len, &rescored, &again, &err)) {
            fail_msg("%s: %s", ALL[i], err.msg);
        }
        compare_metrics(ALL[i], result, rescored);
        assert_string_equal(samples.text, again.text);
        json_decref(result);
        json_decref(rescored);
        strbuf_release(&samples);
        strbuf_release(&again);
    }
}

static void samples_hold_all_that_metrics_are_made_of(void **state) {
    (void)state;
    samples_hold_all();
    manner.similarity = SIMILARITY_DOT;
    samples_hold_all();
    manner.similarity = SIMILARITY_COSINE;
}

static json_t *evaluate_by(enum similarity similarity, bool unit, const char *name) {
    manner.similarity = similarity;
    manner.unit = unit;
    json_t *result = evaluate(name, 0, NULL);
    manner.similarity = SIMILARITY_COSINE;
    manner.unit = false;
    return result;
}

/* Where vectors have length one the two are the same; where not, a model's word counts. */
static void a_model_that_compares_by_dot_product_is_ranked_so(void **state) {
    (void)state;
    static const struct {
        const char *task, *metric;
    } rows[] = { { "retrieval", "ndcg_at_10" }, { "rerank", "map_at_1000" },
        { "summary", "spearman" }, { "sts", "spearman" }, { "pair", "similarity_ap" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *cosine = evaluate_by(SIMILARITY_COSINE, false, rows[i].task),
               *unit = evaluate_by(SIMILARITY_DOT, true, rows[i].task),
               *dot = evaluate_by(SIMILARITY_DOT, false, rows[i].task);
        const double by_cosine = value_of(cosine, rows[i].metric);
        assert_true(fabs(value_of(unit, rows[i].metric) - by_cosine) < 1e-6);
        if (!(fabs(value_of(dot, rows[i].metric) - by_cosine) > 1e-4)) {
            fail_msg("%s: still by cosine", rows[i].task);
        }
        assert_string_equal(json_get_string(dot, "similarity", "cosine"), "dot");
        assert_null(json_object_get(cosine, "similarity"));
        json_decref(cosine);
        json_decref(unit);
        json_decref(dot);
    }
    json_t *far = evaluate_by(SIMILARITY_EUCLIDEAN, false, "pair");
    assert_same(value_of(far, "similarity_ap"), value_of(far, "euclidean_ap"));
    json_decref(far);
}

static void what_ranks_by_neither_is_refused(void **state) {
    (void)state;
    static const char *const TASKS[] = { "retrieval", "rerank", "bitext", "summary" };
    manner.similarity = SIMILARITY_EUCLIDEAN;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++) {
        struct err err = ERR_INIT;
        struct subject s = reader();
        struct task *t = load(TASKS[i], 0);
        json_t *result = NULL;
        assert_false(eval_run(t, &s, NULL, &result, NULL, &err));
        assert_int_equal(err.class, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "euclidean"));
        task_free(t);
    }
    manner.similarity = SIMILARITY_COSINE;
}

/* The mean of what is kept of documents is the score, whatever a metric is made of. */
static void scores_of_documents_average_to_the_main_metric(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        struct strbuf samples = { 0 };
        struct scores scores;
        json_t *result = evaluate(ALL[i], 0, &samples);
        const char *main = json_get_string(result, "main", "");
        const json_t *kept = json_object_get(json_object_get(result, "scores"), "parts");
        double sum = 0;
        if (!scores_parse(&scores, json_array_get(kept, 0))) {
            fail_msg("%s keeps no scores of documents", ALL[i]);
        }
        for (size_t k = 0; k < scores.n; k++) {
            sum += scores_at(&scores, k) / (double)scores.n;
        }
        if (!(fabs(sum - value_of(result, main)) <= scores.step)) {
            fail_msg("%s: %s is %g, its documents' %g", ALL[i], main, value_of(result, main), sum);
        }
        scores_release(&scores);
        strbuf_release(&samples);
        json_decref(result);
    }
}

/* The line of a document, and the passages that it shows. */
static const char *line_of(const char *text, size_t doc, size_t *n) {
    while (doc--) {
        text = strchr(text, '\n') + 1;
    }
    *n = strcspn(text, "\n");
    return text;
}

enum { PASSAGES_MAX = 100 };

static size_t add_shown(const json_t *sample, const char **passages, size_t n) {
    size_t at;
    json_t *p;
    json_array_foreach(json_object_get(sample, "ranking"), at, p) {
        const char *id = json_get_string(p, "id", "");
        bool there = false;
        for (size_t i = 0; i < n; i++) {
            there = there || !strcmp(passages[i], id);
        }
        if (!there && n < PASSAGES_MAX) {
            passages[n++] = id;
        }
    }
    return n;
}

/* What checks single samples of a stored result: they are asked among few others. */
static void documents_asked_by_themselves_say_the_same(void **state) {
    static const size_t DOCS[] = { 1, 3, 6 };
    (void)state;
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        struct err err = ERR_INIT;
        struct strbuf all = { 0 }, some = { 0 }, part = { 0 };
        struct subject s = reader();
        const char *passages[PASSAGES_MAX];
        json_t *samples[3], *result = evaluate(ALL[i], 0, &all);
        size_t n_passages = 0, n;
        for (size_t k = 0; k < 3; k++) {
            const char *line = line_of(all.text, DOCS[k], &n);
            strbuf_add(&some, line, n + 1);
            samples[k] = json_parse(line, n, "sample", &err);
            n_passages = add_shown(samples[k], passages, n_passages);
        }
        struct task *t = load(ALL[i], 0);
        struct eval_part asked = { DOCS, 3, passages, n_passages };
        if (!eval_part(t, &s, &asked, NULL, &part, &err)) {
            fail_msg("%s: %s", ALL[i], err.msg);
        }
        struct agree_docs agree = { .dtype = "f32", .n_shown = 3 };
        assert_true(agree_docs_lines(&agree, some.text, some.len, part.text, part.len, &err));
        if (agree_docs_verdict(&agree) != AGREE_BITS) {
            fail_msg("%s: %s", ALL[i], json_dumps(agree.differing, 0));
        }
        agree_docs_release(&agree);
        for (size_t k = 0; k < 3; k++) {
            json_decref(samples[k]);
        }
        task_free(t);
        json_decref(result);
        strbuf_release(&all);
        strbuf_release(&some);
        strbuf_release(&part);
    }
}

static void every_score_has_an_error_and_an_interval(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        json_t *result = evaluate(ALL[i], 0, NULL);
        const json_t *m = json_object_get(
            json_object_get(result, "metrics"), json_get_string(result, "main", ""));
        double value = json_get_number(m, "value", NAN);
        assert_true(json_get_number(m, "stderr", NAN) > 0);
        assert_true(json_get_number(m, "low", NAN) <= value);
        assert_true(json_get_number(m, "high", NAN) >= value);
        json_decref(result);
    }
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_score_as_mteb_scores_them),
        cmocka_unit_test(one_row_of_lists_is_as_many_pairs),
        cmocka_unit_test(clusters_change_the_error_and_not_the_score),
        cmocka_unit_test(bitext_scores_as_mteb_scores_it),
        cmocka_unit_test(a_sentence_is_sought_among_those_of_its_subset),
        cmocka_unit_test(summaries_score_by_both_protocols),
        cmocka_unit_test(a_text_of_equal_similarities_says_nothing),
        cmocka_unit_test(retrieval_scores_as_mteb_scores_it),
        cmocka_unit_test(reranking_scores_as_mteb_scores_it),
        cmocka_unit_test(instructions_score_as_mteb_scores_them),
        cmocka_unit_test(samples_hold_all_that_metrics_are_made_of),
        cmocka_unit_test(a_model_that_compares_by_dot_product_is_ranked_so),
        cmocka_unit_test(what_ranks_by_neither_is_refused),
        cmocka_unit_test(scores_of_documents_average_to_the_main_metric),
        cmocka_unit_test(documents_asked_by_themselves_say_the_same),
        cmocka_unit_test(every_score_has_an_error_and_an_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
