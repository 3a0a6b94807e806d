/* Samples read back, Assay's and lm-evaluation-harness's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/stats/scores.h"
#include "evaluator/eval/eval.h"

static struct sample_scores take(const char *lines, const char *metric, const char *filter) {
    struct err err = ERR_INIT;
    struct sample_scores s;
    if (!sample_scores_read(&s, lines, strlen(lines), metric, filter, &err)) {
        fail_msg("%s", err.msg);
    }
    return s;
}

static double value(const struct sample_scores *s) {
    size_t index[16];
    assert_true(s->n <= 16);
    for (size_t i = 0; i < s->n; i++) {
        index[i] = i;
    }
    return s->statistic(s->data, index, s->n);
}

static void expect(const char *lines, const char *metric, const char *filter, double want) {
    struct sample_scores s = take(lines, metric, filter);
    double got = value(&s);
    if (!(fabs(got - want) < 1e-12)) {
        fail_msg("%s is %.17g, not %.17g", metric, got, want);
    }
    sample_scores_release(&s);
}

#define OWN                                                                                        \
    "{\"doc_id\": 7, \"gold\": 1, \"prediction\": 1, \"loglikelihoods\": [-2, -1], "               \
    "\"metrics\": {\"acc\": 1, \"words\": 3, \"bytes\": 20, \"cosine\": 0.5, \"manhattan\": -3}, " \
    "\"cluster\": \"a\", \"subset\": \"x\"}\n"                                                     \
    "{\"doc_id\": 9, \"gold\": 0, \"prediction\": 1, \"loglikelihoods\": [-4, -1], "               \
    "\"metrics\": {\"acc\": 0, \"words\": 5, \"bytes\": 30, \"cosine\": 0.2, \"manhattan\": -2}, " \
    "\"subset\": \"x\"}\n"                                                                         \
    "{\"doc_id\": 2, \"gold\": 1, \"prediction\": 0, \"loglikelihoods\": [-3, -1], "               \
    "\"metrics\": {\"acc\": 0, \"words\": 4, \"bytes\": 10, \"cosine\": 0.9, \"manhattan\": -1}, " \
    "\"cluster\": \"a\", \"subset\": \"y\"}\n"

static void our_own_lines_make_every_metric(void **state) {
    (void)state;
    expect(OWN, "acc", NULL, 1.0 / 3);
    expect(OWN, "perplexity", NULL, exp(3));
    expect(OWN, "word_perplexity", NULL, exp(9.0 / 12));
    expect(OWN, "byte_perplexity", NULL, exp(9.0 / 60));
    expect(OWN, "bits_per_byte", NULL, 9.0 / 60 / log(2));
    expect(OWN, "f1", NULL, 0.5);
    expect(OWN, "mcc", NULL, -0.5);
    expect(OWN, "cosine_spearman", NULL, sqrt(3) / 2);
    expect(OWN, "spearman", NULL, sqrt(3) / 2);
    expect(OWN, "manhattan_pearson", NULL, 0);
}

static void documents_keep_their_names_groups_and_lines(void **state) {
    (void)state;
    struct sample_scores s = take(OWN, "acc", NULL);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.items[0].doc, 7);
    assert_int_equal(s.n_subsets, 2);
    assert_string_equal(s.subsets[s.items[2].subset], "y");
    assert_int_equal(s.n_clusters, 2);
    assert_int_equal(s.items[0].cluster, s.items[2].cluster);
    assert_int_not_equal(s.items[0].cluster, s.items[1].cluster);
    assert_memory_equal(s.items[1].line, "{\"doc_id\": 9,", 13);
    assert_int_equal(s.items[1].line[s.items[1].line_n - 1], '}');
    sample_scores_release(&s);
}

static void peers_lines_are_read_by_filter(void **state) {
    static const char LINES[] =
        "{\"doc_id\": 0, \"filter\": \"strict\", \"metrics\": [\"em\"], \"em\": 0, \"doc_hash\": "
        "\"aa\"}\n"
        "{\"doc_id\": 0, \"filter\": \"loose\", \"metrics\": [\"em\"], \"em\": 1.0}\n"
        "{\"doc_id\": 1, \"filter\": \"strict\", \"metrics\": [\"em\"], \"em\": 1.0}\n"
        "{\"doc_id\": 1, \"filter\": \"loose\", \"metrics\": [\"em\"], \"em\": true}"; /* no end */
    (void)state;
    expect(LINES, "em", NULL, 0.5);
    expect(LINES, "em", "loose", 1);
    struct sample_scores s = take(LINES, "em", "strict");
    assert_string_equal(s.items[0].hash, "aa");
    assert_null(s.items[1].hash);
    sample_scores_release(&s);
    expect("{\"metrics\": [\"word_perplexity\"], \"word_perplexity\": [-8, 4]}\n",
        "word_perplexity", NULL, exp(2));
    expect("{\"metrics\": [\"perplexity\"], \"perplexity\": -2}\n", "perplexity", NULL, exp(2));
    expect("{\"metrics\": [\"f1\"], \"f1\": [1, 1]}\n", "f1", NULL, 1);
    expect("{\"metrics\": [\"f1\"], \"f1\": 0.75}\n", "f1", NULL, 0.75); /* of one answer */
}

static void parts_are_what_a_record_keeps(void **state) {
    (void)state;
    struct sample_scores s = take(OWN, "acc", NULL);
    json_t *kept = sample_scores_json(&s, "acc", NULL), *parts = json_object_get(kept, "parts");
    struct scores x, y;
    assert_int_equal(json_array_size(parts), 2);
    assert_true(scores_parse(&x, json_array_get(parts, 0)));
    assert_true(scores_parse(&y, json_array_get(parts, 1)));
    assert_int_equal(x.n, 2);
    assert_true(scores_at(&x, 0) == 1 && scores_at(&x, 1) == 0);
    assert_int_equal(y.n, 1);
    assert_true(x.cluster && y.cluster && x.cluster[0] == y.cluster[0]);
    scores_release(&x);
    scores_release(&y);
    struct sample_scores other =
        take(OWN "{\"doc_id\": 3, \"metrics\": {\"acc\": 1}}\n", "acc", NULL);
    json_t *more = sample_scores_json(&other, "acc", NULL);
    assert_string_not_equal(json_get_string(kept, "docs", ""), json_get_string(more, "docs", ""));
    json_decref(more);
    json_decref(kept);
    sample_scores_release(&other);
    sample_scores_release(&s);
}

/* OWN has 7 and 9 in x, 2 in y. */
static void only_subsets_that_are_declared_count(void **state) {
    (void)state;
    struct sample_scores s = take(OWN, "acc", NULL);
    json_t *x = json_pack("[s]", "x"), *none = json_array();
    json_t *kept = sample_scores_json(&s, "acc", x), *all = sample_scores_json(&s, "acc", NULL);
    assert_true(sample_scores_value(&s, NULL) == 0.25);
    assert_true(sample_scores_value(&s, none) == 0.25);
    assert_true(sample_scores_value(&s, x) == 0.5);
    assert_int_equal(json_array_size(json_object_get(kept, "parts")), 1);
    assert_int_equal(json_array_size(json_object_get(all, "parts")), 2);
    assert_string_not_equal(json_get_string(kept, "docs", ""), json_get_string(all, "docs", ""));
    json_decref(all);
    json_decref(kept);
    json_decref(none);
    json_decref(x);
    sample_scores_release(&s);
}

/* One pair has no correlation. */
static void what_is_no_number_is_not_kept(void **state) {
    (void)state;
    struct sample_scores s = take(OWN, "spearman", NULL);
    assert_null(sample_scores_json(&s, "spearman", NULL));
    sample_scores_release(&s);
}

static void lines_that_are_no_samples_are_refused(void **state) {
    static const struct {
        const char *lines, *metric;
        enum err_class class;
    } BAD[] = { { "", "acc", ERR_INPUT }, { "[]\n", "acc", ERR_INPUT },
        { "{\"a\"\n", "acc", ERR_INPUT }, { "{}\n", "acc", ERR_UNSUPPORTED },
        { OWN "{}\n", "acc", ERR_UNSUPPORTED }, { OWN, "v_measure", ERR_UNSUPPORTED },
        { "{\"gold\": 70, \"prediction\": 1}\n", "f1", ERR_UNSUPPORTED },
        { "{\"gold\": 0.5, \"prediction\": 1}\n", "mcc", ERR_UNSUPPORTED } };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        struct sample_scores s;
        assert_false(
            sample_scores_read(&s, BAD[i].lines, strlen(BAD[i].lines), BAD[i].metric, NULL, &err));
        assert_int_equal(err.class, BAD[i].class);
        sample_scores_release(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_lines_make_every_metric),
        cmocka_unit_test(documents_keep_their_names_groups_and_lines),
        cmocka_unit_test(peers_lines_are_read_by_filter),
        cmocka_unit_test(parts_are_what_a_record_keeps),
        cmocka_unit_test(only_subsets_that_are_declared_count),
        cmocka_unit_test(what_is_no_number_is_not_kept),
        cmocka_unit_test(lines_that_are_no_samples_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
