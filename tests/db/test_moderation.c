/* What people decide: whom it bears on, that nothing slips by a decision that is being made, and
 * that none is without somebody and a reason. */
#include <stdio.h>

#include "tests/db/fixture.h"

/* Sets a short limit for waiting for locks: 55P03 where the statement would have to wait. */
#define IMPATIENT "SET lock_timeout = '100ms'; "

static void decide(struct fixture *f, const char *action, const char *subject) {
    char sql[300];
    snprintf(sql, sizeof sql, "SELECT moderate('%s', '%s', 'because', 'eve')", action, subject);
    fixture_sql(f, sql);
}

static const char *standing(struct fixture *f, const char *model) {
    char sql[300];
    snprintf(sql, sizeof sql, "SELECT coalesce(standing, '') FROM standing_of('%s')", model);
    return fixture_sql(f, sql);
}

static long long queued(struct fixture *f, const char *model) {
    char sql[400];
    snprintf(sql, sizeof sql,
        "SELECT count(*) FROM jobs JOIN revisions USING (revision_id) JOIN models m USING "
        "(model_id) WHERE m.name = '%s' AND state = 'queued'",
        model);
    return fixture_int(f, sql);
}

static void submit(struct fixture *f, const char *model) {
    json_decref(fixture_submit(f, model, 2));
}

static bool refused(struct fixture *f, const char *model) {
    struct err err = ERR_INIT;
    json_t *request = fixture_request(model, 2), *answer = db_submit(f->db, request, &err);
    bool is = !answer && err.class == ERR_UNSUPPORTED;
    json_decref(answer);
    json_decref(request);
    return is;
}

/* The call that hands in or holds such a request, as text. */
static const char *call(const char *function, const char *model, const char *more) {
    static char sql[8192];
    json_t *request = fixture_request(model, 2);
    char *text = json_dumps(request, JSON_COMPACT);
    snprintf(sql, sizeof sql, "SELECT * FROM %s('%s'%s)", function, text, more);
    free(text);
    json_decref(request);
    return sql;
}

static const char *impatient(const char *sql) {
    static char text[8300];
    snprintf(text, sizeof text, IMPATIENT "%s", sql);
    return text;
}

static void hold(struct fixture *f, const char *model) {
    fixture_sql(f, call("hold_submission", model, ", 'licence', 'none'"));
}

/* ---- whom it bears on ---- */

static void a_models_own_decision_goes_before_its_organisations(void **state) {
    struct fixture *f = *state;
    submit(f, "org/mine");
    submit(f, "org/other");
    submit(f, "orgs/far");
    decide(f, "approve", "org/mine");
    decide(f, "ban", "org/*");
    assert_string_equal(standing(f, "org/mine"), "approved");
    assert_string_equal(standing(f, "org/other"), "banned");
    assert_string_equal(standing(f, "orgs/far"), "");
    assert_int_equal(queued(f, "org/mine"), 2); // its jobs go on
    assert_int_equal(queued(f, "org/other"), 0);
    assert_int_equal(queued(f, "orgs/far"), 2);
    assert_false(refused(f, "org/mine"));
    assert_true(refused(f, "org/new"));
}

static void approving_an_organisation_leaves_those_that_are_banned_by_name(void **state) {
    struct fixture *f = *state;
    hold(f, "org/good");
    hold(f, "org/bad");
    decide(f, "ban", "org/bad");
    decide(f, "approve", "org/*");
    assert_int_equal(queued(f, "org/good"), 2);
    assert_int_equal(queued(f, "org/bad"), 0);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM moderation_queue"), 0);
}

/* A hub finds org/name under ORG/NAME, too. */
static void capitals_are_no_way_past_a_ban(void **state) {
    struct fixture *f = *state;
    decide(f, "ban", "Org/Name");
    assert_true(refused(f, "org/name"));
    decide(f, "ban", "org/name");
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM standings"), 1);
    decide(f, "unban", "ORG/NAME");
    assert_false(refused(f, "org/name"));
    decide(f, "ban", "ORG/*");
    assert_true(refused(f, "org/second"));
}

static void what_is_unbanned_may_be_banned_still(void **state) {
    struct fixture *f = *state;
    decide(f, "ban", "org/*");
    decide(f, "ban", "org/name");
    assert_string_equal(
        fixture_sql(f, "SELECT moderate('unban', 'org/name', 'x', 'eve') ->> 'standing'"),
        "banned");
}

/* ---- at the same moment ---- */

static void nothing_is_queued_beside_a_ban(void **state) {
    struct fixture *f = *state;
    void *ban = fixture_begin(f, "SELECT moderate('ban', 'org/name', 'spam', 'eve')");
    assert_string_equal(fixture_sqlstate(f, impatient(call("submit", "org/name", ""))), "55P03");
    assert_string_equal(fixture_sqlstate(f, impatient(call("submit", "other/name", ""))), "");
    fixture_commit(ban);
    assert_string_equal(fixture_sqlstate(f, call("submit", "org/name", "")), "ZA004");
    void *submission = fixture_begin(f, call("submit", "org/late", ""));
    const char *late = IMPATIENT "SELECT moderate('ban', 'org/late', 'spam', 'eve')";
    assert_string_equal(fixture_sqlstate(f, late), "55P03"); // it would not see those jobs
    fixture_commit(submission);
    decide(f, "ban", "org/late");
    assert_int_equal(queued(f, "org/late"), 0);
}

static void nothing_is_held_that_is_just_approved(void **state) {
    struct fixture *f = *state;
    void *approval = fixture_begin(f, "SELECT moderate('approve', 'org/*', 'fine', 'eve')");
    assert_string_equal(
        fixture_sqlstate(f, impatient(call("hold_submission", "org/a", ", 'x', 'x'"))), "55P03");
    fixture_commit(approval);
    assert_string_equal(fixture_sql(f, call("hold_submission", "org/a", ", 'x', 'x'")), "approved");
}

static void two_people_decide_one_after_the_other(void **state) {
    struct fixture *f = *state;
    hold(f, "org/name");
    void *one = fixture_begin(f, "SELECT moderate('approve', 'org/name', 'fine', 'ann')");
    const char *other = IMPATIENT "SELECT moderate('ban', 'org/*', 'spam', 'eve')";
    assert_string_equal(fixture_sqlstate(f, other), "55P03");
    fixture_commit(one);
    decide(f, "ban", "org/name");
    assert_int_equal(
        fixture_int(f, "SELECT count(*) FROM held_submissions WHERE decision = 'approved'"), 1);
    assert_int_equal(queued(f, "org/name"), 0);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM submissions"), 1);
}

/* ---- who and why ---- */

static void no_decision_is_without_a_reason_and_somebody(void **state) {
    struct fixture *f = *state;
    submit(f, "org/name");
    static const char *const CALLS[] = { "moderate('ban', 'org/name', '', 'eve')",
        "moderate('ban', 'org/name', NULL, 'eve')", "moderate('ban', 'org/name', 'x', ' ')",
        "moderate('ban', 'org/name', repeat('x', 251), 'eve')",
        "moderate('ban', 'name', 'x', 'eve')", "moderate('ban', '*/*', 'x', 'eve')",
        "moderate('burn', 'org/name', 'x', 'eve')", "moderate(NULL, 'org/name', 'x', 'eve')",
        "freeze_publication('', 'eve')", "unfreeze_publication('x', '')",
        "unfreeze_publication(NULL, 'eve')", "pin_canary(1, true, '', 'eve')" };
    long long before = fixture_int(f, "SELECT count(*) FROM audit");
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT %s", CALLS[i]);
        if (strcmp(fixture_sqlstate(f, sql), "ZA001") != 0)
            fail_msg("%s: %s", CALLS[i], fixture_sqlstate(f, sql));
    }
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM audit"), before);
    assert_int_equal(queued(f, "org/name"), 2);
}

static void a_freeze_is_lifted_by_a_person_and_the_record_keeps_both(void **state) {
    struct fixture *f = *state;
    assert_string_equal(fixture_sql(f, "SELECT unfreeze_publication('x', 'eve')"), "f");
    assert_string_equal(fixture_sql(f, "SELECT freeze_publication('run 3', 'nightly')"), "t");
    assert_string_equal(fixture_sql(f, "SELECT freeze_publication('run 4', 'nightly')"), "f");
    assert_string_equal(
        fixture_sql(f, "SELECT reason FROM site_publication"), "run 3"); // the first
    assert_string_equal(fixture_sql(f, "SELECT unfreeze_publication('seen', 'eve')"), "t");
    assert_string_equal(fixture_sql(f, "SELECT frozen_at IS NULL FROM site_publication"), "t");
    assert_string_equal(
        fixture_sql(f, "SELECT concat_ws(' ', action, actor, reason, data ->> 'was', data ? "
                       "'since') FROM audit ORDER BY audit_id DESC LIMIT 1"),
        "unfreeze eve seen run 3 t");
    static const char *const ROLES[] = { "assay_worker", "assay_submitter", "assay_site" };
    for (size_t i = 0; i < 3; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SET ROLE %s; SELECT unfreeze_publication('x', 'y')", ROLES[i]);
        assert_string_equal(fixture_sqlstate(f, sql), "42501");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup(f, fixture_reset)
        CASE(a_models_own_decision_goes_before_its_organisations),
        CASE(approving_an_organisation_leaves_those_that_are_banned_by_name),
        CASE(capitals_are_no_way_past_a_ban),
        CASE(what_is_unbanned_may_be_banned_still),
        CASE(nothing_is_queued_beside_a_ban),
        CASE(nothing_is_held_that_is_just_approved),
        CASE(two_people_decide_one_after_the_other),
        CASE(no_decision_is_without_a_reason_and_somebody),
        CASE(a_freeze_is_lifted_by_a_person_and_the_record_keeps_both),
    };
    return FIXTURE_MAIN("db_moderation", tests);
}
