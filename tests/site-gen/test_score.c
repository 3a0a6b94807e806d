#include "tests/site-gen/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "site-gen/view.h"

static void ranks_are_intervals_of_what_the_data_can_tell(void **state) {
    (void)state;
    /* differences over sqrt(2) * 0.01: 0.7 (no), 2.8 (yes), 3.5; the last has no error at all */
    const struct figure f[] = { { 0.50, 0.01 }, { 0.60, 0.01 }, { 0.61, 0.01 }, { 0.64, 0.01 },
        { 0.1, NAN } };
    struct standing s[5];
    rank_figures(f, 5, true, s);
    const int expected[5][3] = { { 4, 4, 5 }, { 3, 2, 4 }, { 2, 2, 4 }, { 1, 1, 2 }, { 5, 1, 5 } };
    const int high[5] = { 5, 4, 4, 2, 5 };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(s[i].rank, expected[i][0]);
        assert_int_equal(s[i].low, expected[i][1]);
        assert_int_equal(s[i].high, high[i]);
    }
    assert_true(s[2].opens_tier); /* significantly below 0.64 */
    assert_false(s[1].opens_tier);
    assert_true(s[0].opens_tier);
    assert_false(s[4].opens_tier);
}

static void equal_values_share_a_rank_and_lower_may_be_better(void **state) {
    (void)state;
    const struct figure f[] = { { 12.0, 0.1 }, { 9.0, 0.1 }, { 9.0, 0.1 } };
    struct standing s[3];
    rank_figures(f, 3, false, s);
    assert_int_equal(s[0].rank, 3);
    assert_int_equal(s[1].rank, 1);
    assert_int_equal(s[2].rank, 1);
    assert_int_equal(s[1].high, 2);
    rank_figures(f, 0, true, s);
}

static void heat_runs_from_the_fifth_to_the_ninety_fifth_percentile(void **state) {
    (void)state;
    double v[101];
    for (int i = 0; i <= 100; i++)
        v[i] = i;
    struct heat_scale s = heat_scale(v, 101);
    assert_true(s.low == 5 && s.high == 95);
    assert_int_equal(heat_bucket(s, 0, true), 0);
    assert_int_equal(heat_bucket(s, 50, true), 10);
    assert_int_equal(heat_bucket(s, 99, true), 20);
    assert_int_equal(heat_bucket(s, 99, false), 0);
    double one = 3;
    assert_int_equal(heat_bucket(heat_scale(&one, 1), 3, true), 0);
    assert_int_equal(heat_bucket(heat_scale(NULL, 0), 3, true), 0);
}

/* ---- boards ---- */

struct made {
    struct world world;
    json_t *doc, *board;
};

static void make_board(struct made *m, json_t *doc) {
    m->doc = doc;
    assert_ok(world_init(&m->world, doc, NULL, &err));
    m->board = view_board(&m->world, json_array_get(json_object_get(doc, "suites"), 0));
}

static void drop_board(struct made *m) {
    json_decref(m->board);
    world_release(&m->world);
    json_decref(m->doc);
}

static json_t *row_at(const struct made *m, size_t section, size_t row) {
    const json_t *s = json_array_get(json_object_get(m->board, "sections"), section);
    return json_array_get(json_object_get(s, "rows"), row);
}

static const char *name_of(const json_t *row) {
    return json_get_string(json_object_get(row, "model"), "short", "");
}

static void a_suite_is_split_by_what_is_asked_of_a_model(void **state) {
    (void)state;
    struct made m;
    make_board(&m, fixture_demo());
    const json_t *sections = json_object_get(m.board, "sections");
    assert_int_equal(json_array_size(sections), 2);
    assert_string_equal(json_get_string(json_array_get(sections, 0), "id", ""), "embedding");
    assert_int_equal(json_array_size(json_object_get(json_array_get(sections, 0), "tasks")), 2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(sections, 1), "rows")), 3);
    assert_string_equal(name_of(row_at(&m, 0, 0)), "all-MiniLM-L6-v2");
    assert_string_equal(name_of(row_at(&m, 1, 0)), "SmolLM2-135M-Instruct");
    drop_board(&m);
}

static void a_mean_is_over_the_sections_own_tasks(void **state) {
    (void)state;
    struct made m;
    make_board(&m, fixture_demo());
    const json_t *mean = json_object_get(row_at(&m, 0, 0), "mean");
    double se = sqrt(0.0214 * 0.0214 + 0.0431 * 0.0431) / 2;
    assert_true(fabs(json_get_number(mean, "value", 0) - (0.5361 + 0.4118) / 2) < 1e-12);
    assert_true(fabs(json_get_number(mean, "se", 0) - se) < 1e-12);
    assert_true(fabs(json_get_number(mean, "high", 0) - (0.47395 + Z95 * se)) < 1e-12);
    /* 0.474 against 0.381: 0.093 apart, and 1.96 * sqrt(se^2 + se'^2) = 0.067 */
    assert_int_equal(json_get_int(row_at(&m, 0, 0), "rank_high", 0), 1);
    /* 39.5 and 31.0 cannot be told apart, 39.5 and 25.5 can; nor 31.0 and 25.5 */
    assert_int_equal(json_get_int(row_at(&m, 1, 0), "rank_high", 0), 2);
    assert_int_equal(json_get_int(row_at(&m, 1, 1), "rank_low", 0), 1);
    assert_int_equal(json_get_int(row_at(&m, 1, 2), "rank_low", 0), 2);
    drop_board(&m);
}

static void a_partial_row_has_a_reason_instead_of_a_mean(void **state) {
    (void)state;
    struct made m;
    make_board(&m, fixture_demo());
    const json_t *row = row_at(&m, 0, 2);
    assert_string_equal(name_of(row), "all-MiniLM-L6-v2-1L");
    assert_null(json_object_get(row, "mean"));
    assert_null(json_object_get(row, "rank"));
    assert_string_equal(json_get_string(row, "reason", ""), "WordNetGlossSTS: running");
    drop_board(&m);
}

static void scores_on_other_data_are_not_averaged_with_the_rest(void **state) {
    (void)state;
    struct made m;
    json_t *doc = fixture_demo(), *run;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        if (json_get_int(run, "run_id", 0) == 8) /* the STS of the model with three layers */
            json_object_set_new(run, "data_sha256", json_string("other"));
    }
    make_board(&m, doc);
    const json_t *row = row_at(&m, 0, 1);
    json_t *all = json_object_get(json_array_get(json_object_get(m.board, "sections"), 0), "rows");
    int without = 0;
    json_array_foreach(all, i, row) without +=
        strstr(json_get_string(row, "reason", ""), "measured on other data") != NULL;
    assert_int_equal(without, 1);
    drop_board(&m);
}

/* ---- suites that say how they are averaged ---- */

static json_t *with_tree(json_t *doc, json_t *tree) {
    json_t *suite = json_array_get(json_object_get(doc, "suites"), 0);
    json_object_set_new(json_object_get(suite, "definition"), "tree", tree);
    return doc;
}

/* The demo's two embedding tasks have 400 questions each; one is asked less of here. */
static void a_suite_by_size_weighs_its_tasks(void **state) {
    (void)state;
    struct made m;
    json_t *doc = fixture_demo(), *row;
    size_t i;
    json_array_foreach(json_object_get(doc, "board"), i, row) {
        if (json_get_int(row, "task_id", 0) == 3)
            json_object_set_new(row, "n", json_integer(100));
    }
    make_board(
        &m, with_tree(doc, json_pack("{s:s, s:s, s:[{s:s}, {s:s}, {s:s}]}", "name", "wordnet",
                               "mean", "size", "members", "task", "wordnet_definitions", "task",
                               "WordNetGlossRetrieval", "task", "WordNetGlossSTS")));
    const json_t *mean = json_object_get(row_at(&m, 0, 0), "mean"),
                 *section = json_array_get(json_object_get(m.board, "sections"), 0);
    assert_true(
        fabs(json_get_number(mean, "value", 0) - (400 * 0.5361 + 100 * 0.4118) / 500) < 1e-12);
    double pooled = (399 * 400 * 0.0214 * 0.0214 + 99 * 100 * 0.0431 * 0.0431) / (500 - 2) / 500;
    assert_true(fabs(json_get_number(mean, "se", 0) - sqrt(pooled)) < 1e-12);
    assert_true(json_get_int(mean, "n", 0) == 500);
    assert_string_equal(json_get_string(section, "mean", ""), "size");
    /* The language models have one of the three tasks: a mean of that one. */
    mean = json_object_get(row_at(&m, 1, 0), "mean");
    assert_true(fabs(json_get_number(mean, "value", 0) - 0.395) < 1e-12);
    drop_board(&m);
}

static void a_suite_within_a_suite_has_a_column_of_its_own(void **state) {
    (void)state;
    struct made m;
    json_t *inner = json_pack("{s:s, s:s, s:s, s:[{s:s}]}", "name", "sts", "title", "Similarity",
        "mean", "task", "members", "task", "WordNetGlossSTS");
    json_t *other = json_pack("{s:s, s:s, s:[{s:s}]}", "name", "choice", "mean", "task", "members",
        "task", "wordnet_definitions");
    make_board(&m, with_tree(fixture_demo(), json_pack("{s:s, s:s, s:[o, {s:s}, o]}", "name",
                                                 "wordnet", "mean", "normalised", "members", inner,
                                                 "task", "WordNetGlossRetrieval", other)));
    const json_t *section = json_array_get(json_object_get(m.board, "sections"), 0),
                 *groups = json_object_get(section, "groups"), *row = row_at(&m, 0, 0);
    assert_int_equal(json_array_size(groups), 1); /* the other one is of the other section */
    assert_string_equal(json_get_string(json_array_get(groups, 0), "title", ""), "Similarity");
    const json_t *of_row = json_array_get(json_object_get(row, "groups"), 0);
    assert_true(json_get_number(json_object_get(of_row, "mean"), "value", 0) == 0.4118);
    double retrieval = (0.5361 - 0.0023) / (1 - 0.0023);
    assert_true(fabs(json_get_number(json_object_get(row, "mean"), "value", 0) -
                     (retrieval + 0.4118) / 2) < 1e-12);
    drop_board(&m);
}

/* The STS run of the model with three layers, not shown on the board, with `key` changed. */
static const char *reason_with(struct made *m, const char *in, const char *key, json_t *value) {
    json_t *doc = fixture_demo(), *row;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, row) {
        if (json_get_int(row, "run_id", 0) == 8)
            json_object_set(in ? json_object_get(row, in) : row, key, value);
    }
    json_decref(value);
    json_array_foreach(json_object_get(doc, "board"), i, row) {
        if (json_get_int(row, "run_id", 0) == 8)
            json_array_remove(json_object_get(doc, "board"), i--);
    }
    make_board(m, doc);
    for (i = 0; i < 3; i++) {
        if (strcmp(name_of(row_at(m, 0, i)), "all-MiniLM-L6-v2-3L") == 0)
            return json_get_string(row_at(m, 0, i), "reason", "");
    }
    return "";
}

static void a_mean_is_never_over_other_versions_rules_or_shots(void **state) {
    (void)state;
    static const struct {
        const char *in, *key, *text;
        int number;
        const char *reason;
    } CASES[] = {
        { NULL, "task_version", NULL, 2, "measured as version 2 of the task, not 1" },
        { "config", "profile", "lighteval", 0, "measured under 'lighteval'" },
        { "config", "shots", NULL, 5, "measured with shots 5, not 0" },
        { "config", "limit", NULL, 7, "measured with limit 7, not 400" },
        { NULL, "task_id", NULL, 99, "measured with another file of the task" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made m;
        json_t *value = CASES[i].text ? json_string(CASES[i].text) : json_integer(CASES[i].number);
        const char *reason = reason_with(&m, CASES[i].in, CASES[i].key, value);
        if (!strstr(reason, CASES[i].reason))
            fail_msg("'%s' does not say '%s'", reason, CASES[i].reason);
        drop_board(&m);
    }
}

static void slugs_are_safe_and_never_clash(void **state) {
    (void)state;
    static const char *const NAMES[] = { "..", ".", "", "a/b", "../a", "a b", "a?b", "-x",
        "\xE2\x80\xAE" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char *s = slug(NAMES[i]);
        assert_true(*s && *s != '.' && *s != '-' && !strpbrk(s, "/ ?\\%"));
        for (size_t k = 0; k < i; k++) {
            char *other = slug(NAMES[k]);
            assert_string_not_equal(s, other);
            free(other);
        }
        free(s);
    }
    char *plain = slug("wordnet_definitions-1.0");
    assert_string_equal(plain, "wordnet_definitions-1.0");
    free(plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_intervals_of_what_the_data_can_tell),
        cmocka_unit_test(equal_values_share_a_rank_and_lower_may_be_better),
        cmocka_unit_test(heat_runs_from_the_fifth_to_the_ninety_fifth_percentile),
        cmocka_unit_test(a_suite_is_split_by_what_is_asked_of_a_model),
        cmocka_unit_test(a_mean_is_over_the_sections_own_tasks),
        cmocka_unit_test(a_partial_row_has_a_reason_instead_of_a_mean),
        cmocka_unit_test(scores_on_other_data_are_not_averaged_with_the_rest),
        cmocka_unit_test(a_suite_by_size_weighs_its_tasks),
        cmocka_unit_test(a_suite_within_a_suite_has_a_column_of_its_own),
        cmocka_unit_test(a_mean_is_never_over_other_versions_rules_or_shots),
        cmocka_unit_test(slugs_are_safe_and_never_clash),
    };
    return cmocka_run_group_tests_name("site-gen.score", tests, NULL, NULL);
}
