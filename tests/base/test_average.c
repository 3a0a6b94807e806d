/* Means of suites: lm-evaluation-harness's weighted ones with their pooled error, normalised ones,
 * suites in suites, and the reasons that stand in place of a mean. Figures of the harness are what
 * lm_eval 0.4.13's own functions gave (aggregate_subtask_metrics, pooled_sample_stderr,
 * unweighted_mean_stderr) for these parts. */
#include "check.h"

#include <math.h>

#include "base/average.h"

/* The leaves of these trees carry their own figures. */
static void find(const json_t *leaf, void *arg, struct average_part *out) {
    (void)arg;
    out->value = json_get_number(leaf, "value", NAN);
    out->se = json_get_number(leaf, "se", NAN);
    out->n = json_get_number(leaf, "n", 0);
    out->baseline = json_get_number(leaf, "baseline", NAN);
    out->profile = json_get_string(leaf, "profile", "lm-eval/0.4.13");
    out->metric = json_get_string(leaf, "metric", "acc");
    out->problem = json_get_string(leaf, "problem", NULL);
    out->left_out = json_get_bool(leaf, "left_out", false);
    out->kind = json_get_string(leaf, "kind_found", NULL);
}

static json_t *rows_of(const char *text) {
    struct err err = ERR_INIT;
    json_t *tree = json_parse(text, strlen(text), "tree", &err);
    if (!tree)
        fail_msg("%s", err.msg);
    json_t *rows = average_tree(tree, find, NULL);
    json_decref(tree);
    return rows;
}

static double number(const json_t *rows, size_t i, const char *key) {
    return json_get_number(json_array_get(rows, i), key, NAN);
}

static void near_to(double got, double want) {
    if (!(fabs(got - want) < 1e-12))
        fail_msg("%.15g, want %.15g", got, want);
}

#define PARTS                                                                                      \
    "{\"task\": \"a\", \"value\": 0.5, \"n\": 100, \"se\": 0.05, \"baseline\": 0.25},"             \
    "{\"task\": \"b\", \"value\": 0.25, \"n\": 250, \"se\": 0.0274, \"baseline\": 0.5},"           \
    "{\"task\": \"c\", \"value\": 0.8, \"n\": 30, \"se\": 0.0743, \"baseline\": 0.25}"

static void a_mean_by_size_and_its_error_are_the_harness_s(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"size\", \"members\": [" PARTS "]}");
    assert_int_equal(json_array_size(rows), 1);
    assert_true(number(rows, 0, "value") == 0.3592105263157895);
    assert_true(number(rows, 0, "stderr") == 0.023076216563944037);
    near_to(number(rows, 0, "high"), 0.3592105263157895 + 1.959963984540054 * 0.023076216563944037);
    assert_true(number(rows, 0, "n") == 380);
    assert_true(number(rows, 0, "n_tasks") == 3);
    assert_string_equal(json_get_string(json_array_get(rows, 0), "metric", ""), "acc");
    json_decref(rows);
}

static void a_plain_mean_counts_each_task_once(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"task\", \"members\": [" PARTS "]}");
    near_to(number(rows, 0, "value"), 0.5166666666666667);
    near_to(number(rows, 0, "stderr"), 0.0312183172726099);
    json_decref(rows);
}

/* (0.5 - 0.25) / 0.75 = 1/3; below chance is 0; (0.8 - 0.25) / 0.75. */
static void chance_is_at_zero_in_a_normalised_mean(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"normalised\", \"members\": [" PARTS "]}");
    near_to(number(rows, 0, "value"), (0.25 / 0.75 + 0 + 0.55 / 0.75) / 3);
    double a = 0.05 / 0.75, b = 0.0274 / 0.5, c = 0.0743 / 0.75;
    near_to(number(rows, 0, "stderr"), sqrt(a * a + b * b + c * c) / 3);
    json_decref(rows);
}

static void a_suite_by_size_is_over_the_leaves_of_all_suites_within(void **state) {
    (void)state;
    json_t *rows =
        rows_of("{\"name\": \"all\", \"mean\": \"size\", \"members\": ["
                "{\"name\": \"one\", \"mean\": \"size\", \"members\": ["
                "{\"task\": \"a\", \"value\": 0.5, \"n\": 100, \"se\": 0.05},"
                "{\"task\": \"b\", \"value\": 0.25, \"n\": 250, \"se\": 0.0274}]},"
                "{\"name\": \"two\", \"title\": \"Two\", \"mean\": \"size\", \"members\": ["
                "{\"task\": \"c\", \"value\": 0.8, \"n\": 30, \"se\": 0.0743}]}]}");
    assert_int_equal(json_array_size(rows), 3);
    assert_true(number(rows, 0, "value") == 0.3592105263157895);
    assert_true(number(rows, 0, "stderr") == 0.023076216563944037);
    near_to(number(rows, 1, "value"), 112.5 / 350);
    assert_true(number(rows, 2, "value") == 0.8);
    assert_true(number(rows, 2, "depth") == 1);
    assert_string_equal(json_get_string(json_array_get(rows, 2), "title", ""), "Two");
    json_decref(rows);
}

/* A suite by size has its tasks' common chance; a normalised one is not normalised again. */
static void suites_within_a_normalised_mean_count_once(void **state) {
    (void)state;
    json_t *rows =
        rows_of("{\"name\": \"all\", \"mean\": \"normalised\", \"members\": ["
                "{\"name\": \"gpqa\", \"mean\": \"size\", \"members\": ["
                "{\"task\": \"a\", \"value\": 0.5, \"n\": 30, \"se\": 0.1, \"baseline\": 0.25},"
                "{\"task\": \"b\", \"value\": 0.25, \"n\": 10, \"se\": 0.1, \"baseline\": 0.25}]},"
                "{\"name\": \"bbh\", \"mean\": \"normalised\", \"members\": ["
                "{\"task\": \"c\", \"value\": 0.75, \"n\": 10, \"se\": 0.1, \"baseline\": 0.5},"
                "{\"task\": \"d\", \"value\": 0.1, \"n\": 10, \"se\": 0.1, \"baseline\": 0.5}]},"
                "{\"task\": \"e\", \"value\": 0.55, \"n\": 10, \"se\": 0.1, \"baseline\": 0.1}]}");
    double gpqa = (0.4375 - 0.25) / 0.75, bbh = (0.5 + 0) / 2, e = 0.45 / 0.9;
    near_to(number(rows, 0, "value"), (gpqa + bbh + e) / 3);
    near_to(number(rows, 1, "value"), 0.4375);
    near_to(number(rows, 2, "value"), bbh);
    json_decref(rows);
}

static const char *reason(const json_t *rows, size_t i) {
    assert_true(json_is_null(json_object_get(json_array_get(rows, i), "value")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, i), "stderr")));
    return json_get_string(json_array_get(rows, i), "reason", "");
}

static void a_missing_task_leaves_a_reason_in_its_place(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"all\", \"mean\": \"size\", \"members\": ["
                           "{\"name\": \"one\", \"mean\": \"size\", \"members\": [" PARTS "]},"
                           "{\"name\": \"two\", \"mean\": \"size\", \"members\": ["
                           "{\"task\": \"x\", \"problem\": \"not measured\"}]}]}");
    assert_string_equal(reason(rows, 0), "x: not measured");
    assert_true(number(rows, 1, "value") == 0.3592105263157895);
    assert_string_equal(reason(rows, 2), "x: not measured");
    json_decref(rows);
}

static void rule_sets_are_never_mixed(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"task\", \"members\": [" PARTS ","
                           "{\"task\": \"d\", \"value\": 1, \"n\": 3, \"se\": 0, \"profile\": "
                           "\"lighteval\"}]}");
    assert_string_equal(
        reason(rows, 0), "d: measured under 'lighteval', others under 'lm-eval/0.4.13'");
    json_decref(rows);
}

static void what_chance_is_must_be_known_to_normalise(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"normalised\", \"members\": ["
                           "{\"name\": \"in\", \"mean\": \"size\", \"members\": [" PARTS "]}]}");
    assert_string_equal(reason(rows, 0), "in: the score of chance is not known");
    json_decref(rows);
    rows = rows_of("{\"name\": \"s\", \"mean\": \"normalised\", \"members\": [{\"name\": \"in\", "
                   "\"mean\": \"size\", \"baseline\": 0.2, \"members\": [" PARTS "]}]}");
    near_to(number(rows, 0, "value"), (0.3592105263157895 - 0.2) / 0.8);
    json_decref(rows);
}

static void reasons_are_counted_once_there_are_many(void **state) {
    (void)state;
    json_t *rows = rows_of(
        "{\"name\": \"s\", \"mean\": \"task\", \"members\": ["
        "{\"task\": \"a\", \"problem\": \"queued\"}, {\"task\": \"b\", \"problem\": \"queued\"},"
        "{\"task\": \"c\", \"problem\": \"queued\"}, {\"task\": \"d\", \"problem\": \"queued\"},"
        "{\"task\": \"e\", \"problem\": \"queued\"}]}");
    assert_string_equal(reason(rows, 0), "a: queued; b: queued; c: queued; and 2 more");
    json_decref(rows);
}

static void what_is_left_out_takes_no_part(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"task\", \"members\": ["
                           "{\"task\": \"a\", \"value\": 0.5, \"n\": 3, \"se\": 0.1},"
                           "{\"task\": \"b\", \"left_out\": true}, {\"name\": \"t\", \"members\": ["
                           "{\"task\": \"c\", \"left_out\": true}]}]}");
    assert_int_equal(json_array_size(rows), 1);
    near_to(number(rows, 0, "value"), 0.5);
    assert_true(number(rows, 0, "n_tasks") == 1);
    json_decref(rows);
}

/* ---- mteb's means ----
 *
 * Figures are what mteb 2.20.0's own functions gave (benchmarks/_create_table.py:
 * _get_means_per_types, _skipna_false_mean, _borda_rank_from_long) for these scores. */

#define MTEB_PARTS(scifact)                                                                        \
    "{\"task\": \"STS12\", \"kind\": \"sts\", \"value\": 0.7, \"n\": 9, \"se\": 0.1},"             \
    "{\"task\": \"ArguAna\", \"kind\": \"retrieval\", \"value\": 0.5, \"n\": 9, \"se\": 0.2},"     \
    "{\"task\": \"STS13\", \"kind_found\": \"sts\", \"value\": 0.8, \"n\": 9, \"se\": 0.1},"       \
    "{\"name\": \"twelve\", \"mean\": \"task\", \"members\": [{\"task\": \"SciFact\", \"kind\": "  \
    "\"retrieval\", " scifact "}]},"                                                               \
    "{\"task\": \"BIOSSES\", \"kind\": \"sts\", \"value\": 0.6, \"n\": 9, \"se\": 0.1}"

static const json_t *figure_under(const json_t *rows, const char *key) {
    return json_object_get(json_object_get(json_array_get(rows, 0), "means"), key);
}

static void types_of_tasks_count_once_in_a_mean_by_type(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"type\", \"members\": [" MTEB_PARTS(
        "\"value\": 0.4, \"n\": 9, \"se\": 0.2") "]}");
    near_to(number(rows, 0, "value"), 0.575);
    near_to(json_get_number(figure_under(rows, "task"), "value", NAN), 0.6);
    near_to(json_get_number(figure_under(rows, "type"), "value", NAN), 0.575);
    const json_t *types = json_object_get(json_array_get(rows, 0), "types");
    assert_int_equal(json_array_size(types), 2);
    assert_string_equal(json_get_string(json_array_get(types, 0), "type", ""), "STS");
    near_to(number(types, 0, "value"), 0.7);
    near_to(number(types, 1, "value"), 0.45);
    assert_true(number(types, 1, "n_tasks") == 2);
    double sts = sqrt(0.03) / 3, retrieval = sqrt(0.08) / 2;
    near_to(number(types, 0, "stderr"), sts);
    near_to(number(rows, 0, "stderr"), sqrt(sts * sts + retrieval * retrieval) / 2);
    json_decref(rows);
}

static void a_missing_task_takes_both_means_and_that_of_its_type(void **state) {
    (void)state;
    json_t *rows = rows_of("{\"name\": \"s\", \"mean\": \"borda\", \"members\": [" MTEB_PARTS(
        "\"problem\": \"not measured\"") "]}");
    const json_t *types = json_object_get(json_array_get(rows, 0), "types");
    assert_string_equal(reason(rows, 0), "SciFact: not measured");
    assert_true(json_is_null(json_object_get(figure_under(rows, "task"), "value")));
    assert_true(json_is_null(json_object_get(figure_under(rows, "type"), "value")));
    assert_string_equal(
        json_get_string(figure_under(rows, "type"), "reason", ""), "SciFact: not measured");
    near_to(number(types, 0, "value"), 0.7);
    assert_string_equal(reason(types, 1), "SciFact: not measured");
    json_decref(rows);
}

static void scores_are_given_a_member_at_a_time(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    const char *text = "{\"name\": \"s\", \"mean\": \"borda\", \"members\": [" MTEB_PARTS(
        "\"problem\": \"queued\"") ", {\"task\": \"a\", \"left_out\": true}]}";
    json_t *tree = json_parse(text, strlen(text), "tree", &err);
    double scores[6];
    assert_int_equal(average_scores(tree, find, NULL, scores), 6);
    near_to(scores[0], 0.7);
    near_to(scores[2], 0.8);
    assert_true(isnan(scores[3]));
    near_to(scores[4], 0.6);
    assert_true(isnan(scores[5]));
    json_decref(tree);
}

static void ranks_by_bordas_rule_are_mteb_s(void **state) {
    enum { MODELS = 6, TASKS = 9 };
    static const double SCORES[MODELS * TASKS] = { 0.125, 0.0, 0.125, NAN, 0.0, 0.0, NAN, 0.375,
        NAN, 0.375, 0.25, 0.5, NAN, 0.125, NAN, NAN, 0.375, 0.25, 0.125, 0.0, NAN, 0.375, 0.125,
        0.25, 0.375, 0.125, 0.25, 0.375, 0.5, NAN, 0.375, 0.25, NAN, 0.375, 0.5, 0.375, 0.25, 0.375,
        0.25, 0.0, 0.375, 0.375, 0.25, 0.0, 0.125, NAN, NAN, 0.125, 0.25, 0.0, 0.25, 0.375, 0.125,
        0.125 };
    static const size_t RANKS[MODELS] = { 6, 4, 3, 1, 2, 5 };
    double votes[MODELS];
    size_t rank[MODELS];
    (void)state;
    average_borda(SCORES, MODELS, TASKS, votes, rank);
    for (size_t m = 0; m < MODELS; m++)
        assert_int_equal(rank[m], RANKS[m]);
}

static void equal_votes_share_the_best_rank(void **state) {
    static const double SCORES[] = { 0.9, 0.1, 0.1, 0.9, 0.5, NAN };
    double votes[3];
    size_t rank[3];
    (void)state;
    average_borda(SCORES, 3, 2, votes, rank);
    near_to(votes[0], 2 + 1); /* of the second task, two have a score */
    near_to(votes[1], 0 + 2);
    near_to(votes[2], 1);
    static const double EQUAL[] = { 0.9, 0.1, 0.1, 0.9, 0.5, 0.5, 0, 0 };
    double four[4];
    size_t place[4];
    average_borda(EQUAL, 4, 2, four, place);
    assert_int_equal(place[0], 1);
    assert_int_equal(place[1], 1);
    assert_int_equal(place[2], 1);
    assert_int_equal(place[3], 4);
}

static void kinds_have_mteb_s_names(void **state) {
    (void)state;
    assert_string_equal(average_type("summary"), "Summarization");
    assert_string_equal(average_type("pair"), "PairClassification");
    assert_string_equal(average_type("choice"), "choice");
}

/* ---- weights ---- */

static void add_weight(const json_t *leaf, double weight, void *arg) {
    double *weights = arg;
    weights[*json_get_string(leaf, "task", "a") - 'a'] += weight;
}

static double mean_of(const json_t *tree) {
    json_t *rows = average_tree(tree, find, NULL);
    double value = number(rows, 0, "value");
    json_decref(rows);
    return value;
}

static json_t *leaf_of(json_t *suite, char name) {
    size_t i;
    json_t *member, *found = NULL;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        const char *task = json_get_string(member, "task", "");
        found = found ? found : *task == name ? member : *task ? NULL : leaf_of(member, name);
    }
    return found;
}

static void a_weight_is_what_the_mean_grows_by(void **state) {
    static const char *const TREES[] = { "task", "size", "normalised", "type", "borda" };
    (void)state;
    for (size_t outer = 0; outer < 5; outer++)
        for (size_t inner = 0; inner < 5; inner++) {
            struct err err = ERR_INIT;
            char text[1024];
            double weights[5] = { 0 };
            snprintf(text, sizeof text,
                "{\"name\": \"s\", \"mean\": \"%s\", \"members\": [" PARTS
                ", {\"name\": \"t\", \"mean\": \"%s\", \"baseline\": 0.2, \"members\": [{\"task\": "
                "\"d\", \"kind\": \"sts\", \"value\": 0.6, \"n\": 10, \"baseline\": 0.1}, "
                "{\"task\": \"e\", "
                "\"value\": "
                "0.9, \"n\": 40, \"baseline\": 0.3}]}, {\"task\": \"c\", \"left_out\": true}]}",
                TREES[outer], TREES[inner]);
            json_t *tree = json_parse(text, strlen(text), "tree", &err);
            assert_non_null(tree);
            average_weights(tree, find, NULL, add_weight, weights);
            for (int i = 0; i < 5; i++) {
                json_t *leaf = leaf_of(tree, (char)('a' + i));
                double v = json_get_number(leaf, "value", NAN), step = 0x1p-10;
                /* b is below chance, where a normalised mean does not grow */
                double start = fmax(v, json_get_number(leaf, "baseline", 0));
                json_object_set_new(leaf, "value", json_real(start));
                double before = mean_of(tree);
                json_object_set_new(leaf, "value", json_real(start + step));
                near_to((mean_of(tree) - before) / step, weights[i]);
                json_object_set_new(leaf, "value", json_real(v));
            }
            json_decref(tree);
        }
}

static void an_error_that_is_unknown_stays_so(void **state) {
    (void)state;
    json_t *rows = rows_of(
        "{\"name\": \"s\", \"mean\": \"size\", \"members\": ["
        "{\"task\": \"a\", \"value\": 0.5, \"n\": 1}, {\"task\": \"b\", \"value\": 1, \"n\": 1}]}");
    near_to(number(rows, 0, "value"), 0.75);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "stderr")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "low")));
    json_decref(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mean_by_size_and_its_error_are_the_harness_s),
        cmocka_unit_test(a_plain_mean_counts_each_task_once),
        cmocka_unit_test(chance_is_at_zero_in_a_normalised_mean),
        cmocka_unit_test(a_suite_by_size_is_over_the_leaves_of_all_suites_within),
        cmocka_unit_test(suites_within_a_normalised_mean_count_once),
        cmocka_unit_test(a_missing_task_leaves_a_reason_in_its_place),
        cmocka_unit_test(rule_sets_are_never_mixed),
        cmocka_unit_test(what_chance_is_must_be_known_to_normalise),
        cmocka_unit_test(reasons_are_counted_once_there_are_many),
        cmocka_unit_test(what_is_left_out_takes_no_part),
        cmocka_unit_test(types_of_tasks_count_once_in_a_mean_by_type),
        cmocka_unit_test(a_missing_task_takes_both_means_and_that_of_its_type),
        cmocka_unit_test(scores_are_given_a_member_at_a_time),
        cmocka_unit_test(ranks_by_bordas_rule_are_mteb_s),
        cmocka_unit_test(equal_votes_share_the_best_rank),
        cmocka_unit_test(kinds_have_mteb_s_names),
        cmocka_unit_test(a_weight_is_what_the_mean_grows_by),
        cmocka_unit_test(an_error_that_is_unknown_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
