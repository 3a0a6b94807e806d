/* Policies: what is asked, what may be answered, what is shipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "evaluator/policy/policy.h"

static json_t *facts(const char *text) {
    struct err err = ERR_INIT;
    json_t *f = json_parse(text, strlen(text), "facts", &err);
    if (!f) {
        fail_msg("%s", err.msg);
    }
    return f;
}

static struct policy_verdict ask(const char *policy, const char *text) {
    struct err err = ERR_INIT;
    struct policy_verdict v = { 0 };
    json_t *f = facts(text);
    struct policy *p = policy_open(policy, &err);
    if (!p || !policy_ask(p, f, &v, &err)) {
        fail_msg("%s", err.msg);
    }
    policy_close(p);
    json_decref(f);
    return v;
}

/* The error of a policy with this text, asked of nothing in particular. */
static struct err error_of(const char *lua) {
    char path[] = "/tmp/assay-policy-XXXXXX";
    struct err err = ERR_INIT;
    struct policy_verdict v = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, lua, strlen(lua)) == (ssize_t)strlen(lua));
    close(fd);
    json_t *f = facts("{\"id\": \"org/name\"}");
    struct policy *p = policy_open(path, &err);
    if (p) {
        assert_false(policy_ask(p, f, &v, &err));
        assert_int_equal(v.answer, POLICY_ACCEPT); // untouched: callers look at the result first
    }
    policy_close(p);
    json_decref(f);
    unlink(path);
    return err;
}

/* ---- a policy that is kept ---- */

static char notes[4096];
static void note(bool warning, const char *line) {
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s: %s\n", warning ? "warning" : "note", line);
}

static void put(const char *path, const char *lua) {
    struct err err = ERR_INIT;
    assert_true(file_write_atomic(path, lua, strlen(lua), &err));
}

static const char *answer_of(struct policy_kept *kept) {
    struct err err = ERR_INIT;
    struct policy_verdict v = { 0 };
    json_t *f = facts("{\"id\": \"org/name\"}");
    struct policy *p = policy_kept_open(kept, &err);
    if (!p || !policy_ask(p, f, &v, &err)) {
        fail_msg("%s", err.msg);
    }
    policy_close(p);
    json_decref(f);
    return policy_answer_name(v.answer);
}

static void a_kept_policy_is_read_again_when_its_file_is_another(void **state) {
    char dir[] = "/tmp/assay-policy-XXXXXX", path[64];
    struct err err = ERR_INIT;
    atomic_uint asked = 0;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/p.lua", dir);
    assert_null(policy_kept_new(path, &asked, note, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    put(path,
        "n = 0 return function() n = n + 1 return n == 1 and accept() or refuse('a', 'b') end");
    struct policy_kept *kept = policy_kept_new(path, &asked, note, &err);
    assert_non_null(kept);
    assert_string_equal(answer_of(kept), "accept");
    assert_string_equal(answer_of(kept), "accept"); // nothing is left from one question to the next
    assert_string_equal(notes, "");
    put(path, "return function() return hold('look', 'a person is to look') end");
    assert_string_equal(answer_of(kept), "hold");
    assert_non_null(strstr(notes, "was read again"));
    put(path, "return function(");
    assert_string_equal(answer_of(kept), "hold");
    assert_non_null(strstr(notes, "warning: policy '"));
    size_t n = strlen(notes);
    assert_string_equal(answer_of(kept), "hold");
    assert_int_equal(strlen(notes), n); // said once
    unlink(path);
    assert_string_equal(answer_of(kept), "hold");
    asked++;
    assert_string_equal(answer_of(kept), "hold");
    policy_kept_free(kept);
    rmdir(dir);
}

static void a_kept_policy_is_read_again_when_that_is_asked_for(void **state) {
    struct err err = ERR_INIT;
    atomic_uint asked = 0;
    (void)state;
    struct policy_kept *kept = policy_kept_new("default", &asked, note, &err);
    notes[0] = 0;
    assert_string_equal(answer_of(kept), "accept");
    assert_string_equal(notes, "");
    asked++;
    assert_string_equal(answer_of(kept), "accept");
    assert_string_equal(notes, "note: policy 'default' was read again\n");
    policy_kept_free(kept);
}

static void the_default_takes_all_but_copies(void **state) {
    (void)state;
    assert_int_equal(ask("default", "{\"id\": \"a/b\"}").answer, POLICY_ACCEPT);
    struct policy_verdict v = ask("default", "{\"id\": \"a/b\", \"duplicate_of\": \"c/d\"}");
    assert_int_equal(v.answer, POLICY_REFUSE);
    assert_string_equal(v.code, "duplicate");
    assert_non_null(strstr(v.reason, "c/d"));
}

static void a_public_board_asks_for_a_licence(void **state) {
    (void)state;
    static const struct {
        const char *facts, *code;
        enum policy_answer answer;
    } CASES[] = {
        { "{\"id\": \"a/b\", \"kind\": \"hub\", \"licence\": \"MIT\"}", "", POLICY_ACCEPT },
        { "{\"id\": \"a/b\", \"kind\": \"hub\"}", "no-licence", POLICY_HOLD },
        { "{\"id\": \"a/b\", \"kind\": \"hub\", \"licence\": \"mine\"}", "licence", POLICY_HOLD },
        { "{\"id\": \"a/b\", \"kind\": \"local\", \"licence\": \"mit\"}", "not-public",
            POLICY_REFUSE },
        { "{\"id\": \"a/b\", \"kind\": \"hub\", \"licence\": \"mit\", \"params\": 90000000000}",
            "too-large", POLICY_REFUSE },
        { "{\"id\": \"a/b\", \"kind\": \"hub\", \"licence\": \"mit\", \"tags\": "
          "[\"not-for-all-audiences\"]}",
            "sensitive", POLICY_HOLD },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct policy_verdict v = ask("public", CASES[i].facts);
        assert_int_equal(v.answer, CASES[i].answer);
        assert_string_equal(v.code, CASES[i].code);
    }
}

static void a_policy_that_fails_accepts_nothing(void **state) {
    (void)state;
    static const char *const BROKEN[] = { "return 1", "retur", "return function(m) error('x') end",
        "return function(m) return m.card.x end", "return function(m) return true end",
        "return function(m) end", "return function(m) return { answer = 'perhaps' } end",
        "return function(m) return refuse('no reason given') end",
        "return function(m) return refuse('Not A Code', 'because') end",
        "return function(m) return hold('', 'because') end",
        "return function(m) while true do end end",
        "local t = {} return function(m) while true do t[#t + 1] = ('x'):rep(1e6) end end",
        "return function(m) return os and accept() end" };
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        struct err err = error_of(BROKEN[i]);
        if (err.class != ERR_TASK) {
            fail_msg("%s: %s", BROKEN[i], err.msg);
        }
    }
}

/* A policy is asked of many models; each has a budget of its own. */
static void a_policy_is_asked_again_and_again(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct policy *p = policy_open("public", &err);
    json_t *f = facts("{\"id\": \"a/b\", \"kind\": \"hub\", \"licence\": \"mit\"}");
    for (int i = 0; i < 100000; i++) {
        struct policy_verdict v = { .answer = POLICY_HOLD };
        assert_true(policy_ask(p, f, &v, &err) && v.answer == POLICY_ACCEPT);
    }
    json_decref(f);
    policy_close(p);
}

static void an_unknown_policy_is_not_found(void **state) {
    (void)state;
    static const char *const NAMES[] = { "nowhere", "prelude", "./nowhere.lua", "../default" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct err err = ERR_INIT;
        assert_null(policy_open(NAMES[i], &err));
        assert_int_equal(err.class, ERR_NOT_FOUND);
    }
}

static void facts_come_from_hub_card_and_files(void **state) {
    (void)state;
    json_t *model =
        facts("{\"name\": \"org/x\", \"kind\": \"hub\", \"commit\": \"abc\", \"licence\": null, "
              "\"params\": 0, \"card\": {\"library_name\": \"peft\", \"base_model\": "
              "[\"big/base\"], \"tags\": [\"card\"]}, \"hub\": {\"likes\": 3, "
              "\"tags\": [\"hub\"]}, \"manifest\": {\"gated\": true, \"abilities\": [\"score\"]}}");
    json_t *f = policy_facts(model, "ann", NULL);
    assert_string_equal(json_get_string(f, "org", ""), "org");
    assert_string_equal(json_get_string(f, "library", ""), "peft");
    assert_string_equal(json_get_string(f, "submitter", ""), "ann");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(f, "base_models"), 0)), "big/base");
    assert_string_equal(json_string_value(json_array_get(json_object_get(f, "tags"), 0)), "hub");
    assert_int_equal(json_get_int(f, "likes", 0), 3);
    assert_true(json_get_bool(f, "gated", false));
    assert_null(json_object_get(f, "licence"));
    assert_null(json_object_get(f, "params")); // not known, which is not none
    assert_null(json_object_get(f, "duplicate_of"));
    json_decref(f);
    json_decref(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_policy_is_read_again_when_its_file_is_another),
        cmocka_unit_test(a_kept_policy_is_read_again_when_that_is_asked_for),
        cmocka_unit_test(the_default_takes_all_but_copies),
        cmocka_unit_test(a_public_board_asks_for_a_licence),
        cmocka_unit_test(a_policy_that_fails_accepts_nothing),
        cmocka_unit_test(a_policy_is_asked_again_and_again),
        cmocka_unit_test(an_unknown_policy_is_not_found),
        cmocka_unit_test(facts_come_from_hub_card_and_files),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
