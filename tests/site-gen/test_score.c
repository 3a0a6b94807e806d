#include "tests/site-gen/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/stats/scores.h"
#include "base/stats/paired.h"
#include "site-gen/site.h"
#include "site-gen/view.h"

/* Rows of equally weighted parts, ranked by the mean of their figures. */
static size_t rank(
    const struct part *parts, size_t n, size_t n_parts, bool higher, struct standing *out) {
    struct part copy[16];
    double values[16] = { 0 }, weights[16];
    assert_true(n * n_parts <= 16);
    for (size_t i = 0; i < n * n_parts; i++) {
        copy[i] = parts[i];
        values[i / n_parts] += parts[i].figure.value / (double)n_parts;
        weights[i % n_parts] = 1 / (double)n_parts;
    }
    struct contest c = { n, n_parts, values, copy, weights, higher };
    return rank_parts(&c, out).n_paired;
}

/* Rows of one part each, compared by their figures alone. */
static size_t rank_figures(const struct figure *f, size_t n, bool higher, struct standing *out) {
    struct part parts[8];
    assert_true(n <= 8);
    for (size_t i = 0; i < n; i++)
        parts[i] = (struct part) { f[i], NULL };
    return rank(parts, n, 1, higher, out);
}

static void ranks_are_intervals_of_what_the_data_can_tell(void **state) {
    (void)state;
    /* Six pairs can be tested, as the last has no error at all. Of them three are far apart; 0.60
     * and 0.64 (p = 0.005) are under 0.05 / 3, 0.61 and 0.64 (p = 0.034) are not under 0.05 / 2. */
    const struct figure f[] = { { 0.50, 0.01 }, { 0.60, 0.01 }, { 0.61, 0.01 }, { 0.64, 0.01 },
        { 0.1, NAN } };
    static const int WANT[5][4] = { { 4, 4, 5, 3 }, { 3, 2, 4, 2 }, { 2, 1, 4, 1 }, { 1, 1, 3, 1 },
        { 5, 1, 5, 3 } };
    struct standing s[5];
    assert_int_equal(rank_figures(f, 5, true, s), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(s[i].rank, WANT[i][0]);
        assert_int_equal(s[i].low, WANT[i][1]);
        assert_int_equal(s[i].high, WANT[i][2]);
        assert_int_equal(s[i].tier, WANT[i][3]);
    }
    assert_true(s[1].opens_tier && s[0].opens_tier);
    assert_false(s[3].opens_tier || s[2].opens_tier || s[4].opens_tier);
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

/* ---- paired ---- */

enum { DOCS = 400 };

/* "scores" of a record in which the first `right` documents but `lost` of them, from `from`, are
 * right; and the figure that belongs to them. */
static json_t *scores_of(
    size_t right, size_t from, size_t lost, const char *docs, struct figure *f) {
    double x[DOCS] = { 0 }, sum = 0;
    struct scores s;
    for (size_t i = 0; i < right; i++)
        x[i] = i < from || i >= from + lost;
    for (size_t i = 0; i < DOCS; i++)
        sum += x[i] / DOCS;
    *f = (struct figure) { sum, sqrt(sum * (1 - sum) / DOCS) };
    scores_pack(&s, x, NULL, DOCS);
    json_t *json =
        json_pack("{s:s, s:s, s:[o]}", "metric", "acc", "docs", docs, "parts", scores_json(&s));
    scores_release(&s);
    return json;
}

static void release_parts(struct part *parts, size_t n) {
    for (size_t i = 0; i < n; i++)
        json_decref((json_t *)(uintptr_t)parts[i].scores);
}

/* 60 % and 55 % of 400 are within their errors of each other (z = 1.4), but the second is right
 * nowhere where the first is wrong. */
static void shared_documents_tell_what_errors_cannot(void **state) {
    (void)state;
    struct part parts[2];
    struct standing s[2];
    parts[0].scores = scores_of(240, 0, 0, "a", &parts[0].figure);
    parts[1].scores = scores_of(240, 0, 20, "a", &parts[1].figure);
    assert_int_equal(rank(parts, 2, 1, true, s), 1);
    assert_int_equal(s[0].high, 1);
    assert_int_equal(s[1].low, 2);
    assert_int_equal(s[1].tier, 2);
    const json_t *kept = parts[1].scores;
    parts[1].scores = NULL;
    assert_int_equal(rank(parts, 2, 1, true, s), 0);
    assert_int_equal(s[0].high, 2);
    assert_int_equal(s[1].tier, 1);
    parts[1].scores = kept;
    release_parts(parts, 2);
}

static void scores_of_other_documents_or_of_no_such_figure_do_not_count(void **state) {
    (void)state;
    struct part parts[2];
    struct standing s[2];
    parts[0].scores = scores_of(240, 0, 0, "a", &parts[0].figure);
    parts[1].scores = scores_of(240, 0, 20, "b", &parts[1].figure);
    assert_int_equal(rank(parts, 2, 1, true, s), 0);
    json_object_set_new((json_t *)(uintptr_t)parts[1].scores, "docs", json_string("a"));
    assert_int_equal(rank(parts, 2, 1, true, s), 1);
    parts[1].figure.value += 0.02;
    assert_int_equal(rank(parts, 2, 1, true, s), 0);
    parts[1].figure.value -= 0.02;
    json_object_set_new((json_t *)(uintptr_t)parts[1].scores, "parts", json_string("<script>"));
    assert_int_equal(rank(parts, 2, 1, true, s), 0);
    json_object_set_new(
        (json_t *)(uintptr_t)parts[1].scores, "parts", json_pack("[{s:i}]", "n", 400));
    assert_int_equal(rank(parts, 2, 1, true, s), 0);
    release_parts(parts, 2);
}

/* Over two tasks, of which only one has the second model's scores: neither paired nor unpaired. */
static void a_mean_is_paired_task_by_task(void **state) {
    (void)state;
    struct part parts[4];
    struct standing s[2];
    parts[0].scores = scores_of(240, 0, 0, "a", &parts[0].figure);
    parts[1].scores = scores_of(100, 0, 0, "a", &parts[1].figure);
    parts[2].scores = scores_of(240, 0, 20, "a", &parts[2].figure);
    parts[3].scores = scores_of(100, 7, 2, "a", &parts[3].figure);
    assert_int_equal(rank(parts, 2, 2, true, s), 1);
    assert_int_equal(s[1].tier, 2);
    json_decref((json_t *)(uintptr_t)parts[2].scores);
    parts[2].scores = NULL;
    assert_int_equal(rank(parts, 2, 2, true, s), 0);
    assert_int_equal(s[1].tier, 1);
    release_parts(parts, 4);
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
    drop_board(&m);
}

static void a_difference_that_cannot_be_is_not_told(void **state) {
    (void)state;
    json_t *tests = json_pack("{s:f}", "detectable", 1.2);
    drop_undetectable(tests, 2);
    assert_non_null(json_object_get(tests, "detectable"));
    drop_undetectable(tests, 1);
    assert_null(json_object_get(tests, "detectable"));
    json_decref(tests);
}

/* By their errors 39.5 and 31.0 could not be told apart; but there are 30 questions that the first
 * got right alone and 13 the other way. 31.0 and 25.5 have 41 and 30. */
static void a_board_ranks_by_the_questions_that_models_share(void **state) {
    (void)state;
    struct made m;
    make_board(&m, fixture_demo());
    static const int WANT[3][4] = { { 1, 1, 1, 1 }, { 2, 2, 3, 2 }, { 3, 2, 3, 2 } };
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = row_at(&m, 1, i);
        assert_int_equal(json_get_int(row, "rank", 0), WANT[i][0]);
        assert_int_equal(json_get_int(row, "rank_low", 0), WANT[i][1]);
        assert_int_equal(json_get_int(row, "rank_high", 0), WANT[i][2]);
        assert_int_equal(json_get_int(row, "tier_number", 0), WANT[i][3]);
        assert_int_equal(json_get_bool(row, "tier", true), i == 1);
        assert_null(json_object_get(row, "parts"));
    }
    const json_t *sections = json_object_get(m.board, "sections");
    const json_t *embedding = json_object_get(json_array_get(sections, 0), "tests"),
                 *language = json_object_get(json_array_get(sections, 1), "tests");
    assert_int_equal(json_get_int(language, "pairs", 0), 3);
    assert_int_equal(json_get_int(language, "paired", 0), 3);
    assert_int_equal(json_get_int(language, "tiers", 0), 2);
    /* errors of the two neighbours: 43 and 71 of 200 are not alike, so 3.2 and 4.2 points */
    assert_true(fabs(json_get_number(language, "detectable", 0) - 2.8016 * 0.0369) < 0.001);
    assert_int_equal(json_get_int(embedding, "pairs", 0), 1);
    assert_int_equal(json_get_int(embedding, "paired", 9), 0);
    drop_board(&m);
}

static void a_board_can_spell_its_pairs_out(void **state) {
    (void)state;
    json_t *doc = fixture_demo(), *board = NULL;
    struct board_options options = { .pairs = true, .n_resamples = 2000, .seed = 1 };
    assert_ok(site_board(doc, "wordnet", &options, &board, &err));
    const json_t *sections = json_object_get(board, "sections"),
                 *embedding = json_array_get(sections, 0), *language = json_array_get(sections, 1);
    const json_t *pairs = json_object_get(language, "pairs"), *pair = json_array_get(pairs, 0);
    assert_int_equal(json_array_size(pairs), 3);
    assert_int_equal(json_get_int(language, "resamples", 0), 2000);
    /* 30 alone and 13 alone, of 200 */
    double p = mcnemar_mid(30, 13), d = 17.0 / 200, se = json_get_number(pair, "se", 0);
    assert_true(fabs(json_get_number(pair, "difference", 0) - d) < 1e-12);
    assert_true(fabs(json_get_number(pair, "p", 0) - p) < 1e-12);
    assert_true(fabs(json_get_number(pair, "p_holm", 0) - 2 * p) < 1e-12);
    assert_true(fabs(json_get_number(pair, "low", 0) - (d - Z95 * se)) < 0.3 * se);
    assert_true(json_get_bool(pair, "paired", false));
    pair = json_array_get(json_object_get(embedding, "pairs"), 0);
    assert_false(json_get_bool(pair, "paired", true));
    double unpaired = json_get_number(pair, "difference", 0) - Z95 * json_get_number(pair, "se", 0);
    assert_true(fabs(json_get_number(pair, "low", 0) - unpaired) < 1e-12);
    assert_null(json_object_get(json_array_get(json_object_get(language, "rows"), 0), "parts"));
    json_decref(board);
    json_decref(doc);
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
    const json_t *weights = json_object_get(section, "weights");
    assert_true(fabs(json_number_value(json_array_get(weights, 0)) - 0.8) < 1e-12);
    assert_true(fabs(json_number_value(json_array_get(weights, 1)) - 0.2) < 1e-12);
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

static json_t *by_mteb(json_t *doc, const char *mean) {
    return with_tree(doc, json_pack("{s:s, s:s, s:[{s:s}, {s:s, s:s}, {s:s}]}", "name", "wordnet",
                              "mean", mean, "members", "task", "WordNetGlossRetrieval", "task",
                              "WordNetGlossSTS", "kind", "sts", "task", "wordnet_definitions"));
}

/* On the board of mteb's rule a model without all tasks has a rank, by the votes that it has. */
static void votes_rank_a_board_by_bordas_rule(void **state) {
    (void)state;
    struct made m;
    make_board(&m, by_mteb(fixture_demo(), "borda"));
    const json_t *section = json_array_get(json_object_get(m.board, "sections"), 0),
                 *types = json_object_get(section, "types");
    assert_int_equal(json_array_size(types), 2);
    assert_string_equal(json_string_value(json_array_get(types, 0)), "Retrieval");
    assert_string_equal(json_string_value(json_array_get(types, 1)), "STS");
    assert_int_equal(json_get_int(section, "n_ranked", 0), 3);
    /* Of three models on retrieval 2, 1, 0 votes; of the two on the other task 2 and 1. */
    static const double VOTES[] = { 4, 2, 0 };
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = row_at(&m, 0, i), *borda = json_object_get(row, "borda");
        assert_true(json_get_number(borda, "votes", -1) == VOTES[i]);
        assert_int_equal(json_get_int(row, "rank", 0), i + 1);
        assert_false(json_get_bool(row, "tier", false));
    }
    const json_t *partial = row_at(&m, 0, 2), *means = json_object_get(partial, "means");
    assert_null(json_object_get(partial, "mean"));
    assert_null(json_object_get(partial, "rank_low"));
    assert_string_equal(
        json_get_string(json_object_get(means, "type"), "reason", ""), "WordNetGlossSTS: running");
    assert_non_null(json_object_get(json_array_get(json_object_get(partial, "types"), 0), "mean"));
    drop_board(&m);
}

static void a_mean_by_type_ranks_a_board_that_asks_for_it(void **state) {
    (void)state;
    struct made m;
    make_board(&m, by_mteb(fixture_demo(), "type"));
    const json_t *row = row_at(&m, 0, 0), *means = json_object_get(row, "means");
    double type =
        json_get_number(json_object_get(json_object_get(means, "type"), "mean"), "value", NAN);
    assert_true(fabs(type - (0.5361 + 0.4118) / 2) < 1e-12);
    assert_true(json_get_number(json_object_get(row, "mean"), "value", 0) == type);
    assert_null(json_object_get(row_at(&m, 0, 2), "rank"));
    assert_int_equal(json_get_int(json_object_get(row, "borda"), "rank", 0), 1);
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

/* A page of a run shows all that its task reports. */
static void a_task_that_goes_up_may_report_what_goes_down(void **state) {
    (void)state;
    json_t *definition = json_pack("{s:b}", "higher_is_better", 1),
           *acc = metric_view("acc", "acc", definition),
           *perplexity = metric_view("perplexity", "acc", definition),
           *brier = metric_view("brier", "acc", definition);
    assert_true(json_get_bool(acc, "higher", false) && json_get_bool(acc, "percent", false));
    assert_false(json_get_bool(perplexity, "higher", true));
    assert_false(json_get_bool(brier, "higher", true) || json_get_bool(brier, "percent", true));
    json_decref(brier);
    json_decref(perplexity);
    json_decref(acc);
    json_decref(definition);
}

static void how_values_lie_is_a_digit_a_place(void **state) {
    (void)state;
    double values[1002] = { 0.999, 1 };
    char one[SPREAD_PLACES + 1], all[SPREAD_PLACES + 1];
    for (size_t i = 2; i < 1002; i++)
        values[i] = 0.5;
    places_of(values, 1, 0, 1, one);
    assert_int_equal(strlen(one), SPREAD_PLACES);
    assert_int_equal(one[SPREAD_PLACES - 1], '9');
    assert_int_equal(strspn(one, "0"), SPREAD_PLACES - 1);
    places_of(values, 1002, 0, 1, all);
    assert_int_equal(all[SPREAD_PLACES / 2], '9');
    assert_int_equal(all[SPREAD_PLACES - 1], '1'); /* few, but not none */
}

static void a_task_s_page_has_the_best_of_many(void **state) {
    (void)state;
    json_t *few = json_array(), *many = json_array();
    struct world w = { .runs = json_object(), .tasks = json_object(), .models = json_object() };
    for (int i = 0; i < TASK_ROWS_MAX + 5; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d", i);
        json_object_set_new(
            w.runs, id, json_pack("{s:i, s:s, s:s}", "run_id", i, "model", "a/b", "task", "t"));
        json_array_append_new(
            i < 3 ? few : many, json_pack("{s:i, s:i}", "run_id", i, "rank", i + 1));
    }
    json_t *view = json_pack("{s:[{s:o}, {s:o}]}", "groups", "rows", few, "rows", many);
    finish_task(&w, view);
    const json_t *groups = json_object_get(view, "groups"), *cut = json_array_get(groups, 1);
    const json_t *lines = json_object_get(cut, "rows");
    assert_int_equal(json_array_size(json_object_get(json_array_get(groups, 0), "rows")), 3);
    assert_null(json_object_get(json_array_get(groups, 0), "n_rows"));
    assert_int_equal(json_array_size(lines), TASK_ROWS_MAX);
    assert_int_equal(json_integer_value(json_object_get(cut, "n_rows")), TASK_ROWS_MAX + 2);
    assert_int_equal(json_get_int(json_array_get(lines, 0), "run_id", 0), 3);
    assert_int_equal(json_get_int(json_array_get(lines, 0), "rank", 0), 4);
    assert_string_equal(json_get_string(json_array_get(lines, 0), "path", ""), "/m/a/b/r/3/");
    json_decref(view);
    json_decref(w.runs);
    json_decref(w.tasks);
    json_decref(w.models);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_goes_up_may_report_what_goes_down),
        cmocka_unit_test(ranks_are_intervals_of_what_the_data_can_tell),
        cmocka_unit_test(equal_values_share_a_rank_and_lower_may_be_better),
        cmocka_unit_test(shared_documents_tell_what_errors_cannot),
        cmocka_unit_test(scores_of_other_documents_or_of_no_such_figure_do_not_count),
        cmocka_unit_test(a_mean_is_paired_task_by_task),
        cmocka_unit_test(heat_runs_from_the_fifth_to_the_ninety_fifth_percentile),
        cmocka_unit_test(a_suite_is_split_by_what_is_asked_of_a_model),
        cmocka_unit_test(a_mean_is_over_the_sections_own_tasks),
        cmocka_unit_test(a_difference_that_cannot_be_is_not_told),
        cmocka_unit_test(a_board_ranks_by_the_questions_that_models_share),
        cmocka_unit_test(a_board_can_spell_its_pairs_out),
        cmocka_unit_test(a_partial_row_has_a_reason_instead_of_a_mean),
        cmocka_unit_test(scores_on_other_data_are_not_averaged_with_the_rest),
        cmocka_unit_test(a_suite_by_size_weighs_its_tasks),
        cmocka_unit_test(a_suite_within_a_suite_has_a_column_of_its_own),
        cmocka_unit_test(votes_rank_a_board_by_bordas_rule),
        cmocka_unit_test(a_mean_by_type_ranks_a_board_that_asks_for_it),
        cmocka_unit_test(a_mean_is_never_over_other_versions_rules_or_shots),
        cmocka_unit_test(slugs_are_safe_and_never_clash),
        cmocka_unit_test(how_values_lie_is_a_digit_a_place),
        cmocka_unit_test(a_task_s_page_has_the_best_of_many),
    };
    return cmocka_run_group_tests_name("site-gen.score", tests, NULL, NULL);
}
