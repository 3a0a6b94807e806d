/* Nights with a hub of our own making: what it does not answer for, how often it is asked, what is
 * told of a night that was stopped or lost its lock. Nothing is evaluated. */
#include <stdio.h>

#include "evaluator/nightly/nightly.h"
#include "tests/db/fixture.h"

#define CALLS_MAX 2000 // a night that asks without end is stopped, which is an error

struct stage {
    struct fixture *f;
    const char *broken[4];  // models that the hub never answers for
    int away_from, away_to; // calls during which it answers for none
    int n_calls, stop_at;   // 0: never
    const char *suite_gone;
    int n_asked_for_suite;
    atomic_bool stop;
    struct night_options o;
};

static void quiet(const char *line) {
    (void)line;
}

static bool find_suite(void *arg, const char *suite, struct err *err) {
    struct stage *s = arg;
    s->n_asked_for_suite++;
    return !s->suite_gone || strcmp(suite, s->suite_gone) ||
           err_set(err, ERR_NOT_FOUND, "there is no suite '%s'", suite);
}

static bool is_broken(const struct stage *s, const char *model) {
    for (size_t i = 0; i < 4 && s->broken[i]; i++) {
        if (!strcmp(s->broken[i], model))
            return true;
    }
    return false;
}

static json_t *make(
    void *arg, const char *model, const char *suite, const char *precision, struct err *err) {
    struct stage *s = arg;
    (void)suite;
    (void)precision;
    s->n_calls++;
    s->stop = s->stop || s->n_calls == s->stop_at || s->n_calls > CALLS_MAX;
    bool away = s->n_calls >= s->away_from && s->n_calls < s->away_to;
    if (away || is_broken(s, model)) {
        err_set(err, ERR_NETWORK, "could not fetch '%s'", model);
        return NULL;
    }
    return fixture_request(model, 1);
}

/* Models a/m1 to a/m<n>, on suite1, and a stage with patience for an hour but without waits. */
static void set(struct stage *s, void **state, int n) {
    *s = (struct stage) { .f = *state };
    for (int i = 1; i <= n; i++) {
        char model[16];
        snprintf(model, sizeof model, "a/m%d", i);
        json_decref(fixture_submit(s->f, model, 1));
    }
    s->o = (struct night_options) { .db = fixture_open(s->f, NULL), /* whose lock ends with it */
        .build = "test",
        .no_wait = true,
        .hub_wait_s = 3600,
        .stop = &s->stop,
        .log = quiet,
        .find_suite = find_suite,
        .make = make };
}

static json_t *run(struct stage *s) {
    json_t *report = NULL;
    s->o.arg = s;
    assert_ok(night_run(&s->o, &report, &err));
    db_close(s->o.db);
    return report;
}

static long long count(const json_t *report, const char *section, const char *key) {
    const json_t *v = json_object_get(json_object_get(report, section), key);
    return json_is_array(v) ? (long long)json_array_size(v) : json_integer_value(v);
}

static void a_model_that_the_hub_does_not_answer_for_costs_the_night_little(void **state) {
    struct stage s;
    set(&s, state, 6);
    s.broken[0] = "a/m1"; // before anything is known of the hub
    s.broken[1] = "a/m4";
    json_t *report = run(&s);
    assert_int_equal(count(report, "models", "checked"), 6);
    assert_int_equal(count(report, "models", "unchanged"), 4);
    assert_int_equal(count(report, "models", "unreachable"), 2);
    assert_int_equal(count(report, "hub", "outages"), 0); // it was there
    assert_true(s.n_calls <= 4 + 2 * 3 * 2);              // three tries each, and a witness
    json_decref(report);
}

static void a_hub_that_is_away_for_a_while_loses_no_model(void **state) {
    struct stage s;
    for (int from = 1; from <= 6; from += 5) {
        fixture_reset(state);
        set(&s, state, 6);
        s.away_from = from;
        s.away_to = from + 20;
        json_t *report = run(&s);
        assert_int_equal(count(report, "models", "unchanged"), 6);
        assert_int_equal(count(report, "hub", "outages"), 1);
        assert_null(json_object_get(json_object_get(report, "models"), "unreachable"));
        json_decref(report);
    }
}

static void a_hub_that_stays_away_is_asked_a_few_times_and_not_for_each(void **state) {
    struct stage s;
    set(&s, state, 12);
    s.o.hub_wait_s = 0;
    s.away_from = 3;
    s.away_to = 1000000;
    json_t *report = run(&s);
    assert_int_equal(count(report, "models", "checked"), 12);
    assert_int_equal(count(report, "models", "unchanged"), 2);
    assert_int_equal(count(report, "models", "unreachable"), 10);
    assert_true(s.n_calls <= 6);
    json_decref(report);
}

static void a_suite_that_is_no_more_is_told_once(void **state) {
    struct stage s;
    struct err why = ERR_INIT;
    set(&s, state, 3);
    s.suite_gone = "suite1";
    json_t *report = run(&s);
    assert_int_equal(count(report, "suites", "gone"), 1);
    assert_int_equal(count(report, "models", "checked"), 0);
    assert_int_equal(s.n_asked_for_suite, 1);
    assert_int_equal(s.n_calls, 0);
    assert_false(night_verdict(report, &why));
    json_decref(report);
}

static void jobs_that_nobody_waits_for_are_no_failure(void **state) {
    struct stage s;
    struct err why = ERR_INIT;
    set(&s, state, 2);
    json_t *report = run(&s);
    assert_int_equal(count(report, "jobs", "unfinished"), 2);
    assert_true(night_verdict(report, &why));
    json_decref(report);
}

/* Whoever runs nights has the role of operators, and calls functions. */
static void an_operator_runs_a_night_and_builds_the_site(void **state) {
    struct stage s;
    char site[100];
    set(&s, state, 2);
    snprintf(site, sizeof site, "%s/site", s.f->home);
    db_close(s.o.db);
    s.o.db = fixture_open(s.f, "assay_ops");
    s.o.site = site;
    json_t *report = run(&s);
    assert_int_equal(count(report, "models", "unchanged"), 2);
    assert_true(count(report, "site", "pages") > 0);
    json_decref(report);
}

static void a_night_that_is_stopped_tells_what_it_had_found(void **state) {
    struct stage s;
    struct err err = ERR_INIT;
    json_t *report = NULL;
    set(&s, state, 5);
    s.stop_at = 3;
    s.o.arg = &s;
    assert_false(night_run(&s.o, &report, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    db_close(s.o.db);
    assert_string_equal(
        fixture_sql(s.f, "SELECT concat_ws(' ', outcome, report #>> '{models,checked}', report ->> "
                         "'outcome', report ? 'stopped') FROM nights"),
        "stopped 3 stopped t");
}

static void a_night_that_lost_its_place_tells_nothing_any_more(void **state) {
    struct fixture *f = *state;
    fixture_sql(f, "SELECT begin_night('one')");
    assert_string_equal(fixture_sql(f, "SELECT tell_night(1, 'well', '{}')"), "t");
    fixture_sql(f, "SELECT begin_night('two')");
    assert_string_equal(fixture_sql(f, "SELECT tell_night(1, 'failures', '{\"a\": 1}')"), "f");
    assert_string_equal(fixture_sql(f, "SELECT outcome FROM nights WHERE night_id = 1"), "well");
    assert_string_equal(fixture_sql(f, "SELECT tell_night(2, 'well', '{}')"), "t");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup(f, fixture_reset)
        CASE(a_model_that_the_hub_does_not_answer_for_costs_the_night_little),
        CASE(a_hub_that_is_away_for_a_while_loses_no_model),
        CASE(a_hub_that_stays_away_is_asked_a_few_times_and_not_for_each),
        CASE(a_suite_that_is_no_more_is_told_once),
        CASE(jobs_that_nobody_waits_for_are_no_failure),
        CASE(an_operator_runs_a_night_and_builds_the_site),
        CASE(a_night_that_is_stopped_tells_what_it_had_found),
        CASE(a_night_that_lost_its_place_tells_nothing_any_more),
    };
    return FIXTURE_MAIN("nightly_night", tests);
}
