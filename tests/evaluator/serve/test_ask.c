#include "evaluator/serve/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool json(struct ask *ask, const char *text, struct err *err) {
    return ask_read_json(ask, text, strlen(text), err);
}

static bool form(struct ask *ask, const char *text, struct err *err) {
    return ask_read_form(ask, text, strlen(text), err);
}

static void json_and_form_mean_the_same(void **state) {
    (void)state;
    struct ask a, b;
    struct err err = ERR_INIT;
    assert_true(json(&a,
        "{\"model\": \"org/na-me\", \"suite\": \"s\", \"dtype\": \"f32\", \"priority\": 7}", &err));
    assert_true(form(&b, "model=org%2Fna-me&suite=+s+&dtype=f32&priority=7&revision=", &err));
    assert_true(ask_check(&a, NULL, &err) && ask_check(&b, NULL, &err));
    assert_memory_equal(&a, &b, sizeof a);
}

static void a_revision_behind_the_name_is_the_revision(void **state) {
    (void)state;
    struct ask a;
    struct err err = ERR_INIT;
    assert_true(json(&a, "{\"model\": \"org/x@refs/pr/1\", \"suite\": \"s\"}", &err));
    assert_true(ask_check(&a, NULL, &err));
    assert_string_equal(a.model, "org/x");
    assert_string_equal(a.revision, "refs/pr/1");
    assert_true(json(&a, "{\"model\": \"org/x@a\", \"revision\": \"b\", \"suite\": \"s\"}", &err));
    assert_false(ask_check(&a, NULL, &err));
}

static void a_field_that_is_not_known_is_refused_by_its_name(void **state) {
    (void)state;
    struct ask a;
    struct err err = ERR_INIT;
    assert_false(json(&a, "{\"model\": \"o/m\", \"suit\": \"s\"}", &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "'suit'"));
    assert_false(json(&a, "{\"form\": \"x\"}", &err));
    assert_false(form(&a, "model=o/m&suit=s", &err));
}

static void what_is_no_json_object_is_the_programs_mistake(void **state) {
    (void)state;
    static const char *const BAD[] = { "", "x", "[]", "7",
        "{\"model\":", "{\"model\": \"a\", \"model\": \"b\"}", "{} {}" };
    struct ask a;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        assert_false(json(&a, BAD[i], &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
}

static void values_of_another_type_or_too_long_are_refused(void **state) {
    (void)state;
    char text[3000];
    struct ask a;
    struct err err = ERR_INIT;
    assert_false(json(&a, "{\"model\": 7}", &err));
    assert_false(json(&a, "{\"priority\": \"7\"}", &err));
    assert_false(json(&a, "{\"priority\": 10}", &err));
    assert_false(json(&a, "{\"model\": \"a\\u0000b\"}", &err));
    memset(text, 'a', sizeof text);
    memcpy(text, "model=", 6);
    assert_false(ask_read_form(&a, text, 300, &err));
    assert_true(json(&a, "{\"revision\": null}", &err));
}

static void a_form_that_can_not_be_decoded_is_refused(void **state) {
    (void)state;
    static const char *const BAD[] = { "model=%", "model=%4", "model=%zz", "model=%ff",
        "model=a%00b", "model=a&model=b", "%=x", "a=1&b=2" };
    struct ask a;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        if (form(&a, BAD[i], &err)) {
            fail_msg("%s", BAD[i]);
        }
    }
}

static void fault_98_names_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const char *const BAD[] = { "a/b/c", "../x", "-rf/x", "x;id/y", "$(id)/x", "a\nb/c",
        "noslash", "a/b--c", "a/..", "a/b.git", "<img>/x", "'; DROP/x", "", "a/", "/b", "{a}/b",
        "a/b c", "=HYPERLINK(x)/y", "\xd0\xb0/b" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        struct ask a = { .priority = -1, .suite = "s" };
        snprintf(a.model, sizeof a.model, "%s", BAD[i]);
        if (ask_check(&a, NULL, &err)) {
            fail_msg("%s", BAD[i]);
        }
    }
}

static void no_name_reads_a_file_of_this_machine(void **state) {
    (void)state;
    static const char *const BAD[][3] = { { "data/model.json", "", "s" }, { "org/x.gguf", "", "s" },
        { "org/x.safetensors", "main", "s" }, { "org/x", "v1.gguf", "s" },
        { "org/x", "", "mine.lua" }, { "org/x@b.json", "", "s" } };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        struct ask a = { .priority = -1 };
        snprintf(a.model, sizeof a.model, "%s", BAD[i][0]);
        snprintf(a.revision, sizeof a.revision, "%s", BAD[i][1]);
        snprintf(a.suite, sizeof a.suite, "%s", BAD[i][2]);
        if (ask_check(&a, NULL, &err)) {
            fail_msg("%s@%s on %s", BAD[i][0], BAD[i][1], BAD[i][2]);
        }
    }
}

static void only_suites_that_are_offered_can_be_asked_for(void **state) {
    (void)state;
    json_t *offered = json_pack("[s, s]", "e2e", "mteb");
    struct err err = ERR_INIT;
    struct ask a = { .priority = -1, .suite = "mteb", .model = "a/b" };
    assert_true(ask_check(&a, offered, &err));
    strcpy(a.suite, "mtebx");
    assert_false(ask_check(&a, offered, &err));
    strcpy(a.suite, "../x");
    assert_false(ask_check(&a, NULL, &err));
    json_decref(offered);
}

static void a_query_number_is_digits(void **state) {
    (void)state;
    assert_int_equal(query_number(NULL, 5), 5);
    assert_int_equal(query_number("17", 5), 17);
    assert_int_equal(query_number("-1", 5), -1);
    assert_int_equal(query_number("1x", 5), -1);
    assert_int_equal(query_number("99999999999999999999", 5), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_form_mean_the_same),
        cmocka_unit_test(a_revision_behind_the_name_is_the_revision),
        cmocka_unit_test(a_field_that_is_not_known_is_refused_by_its_name),
        cmocka_unit_test(what_is_no_json_object_is_the_programs_mistake),
        cmocka_unit_test(values_of_another_type_or_too_long_are_refused),
        cmocka_unit_test(a_form_that_can_not_be_decoded_is_refused),
        cmocka_unit_test(fault_98_names_outside_the_grammar_are_refused),
        cmocka_unit_test(no_name_reads_a_file_of_this_machine),
        cmocka_unit_test(only_suites_that_are_offered_can_be_asked_for),
        cmocka_unit_test(a_query_number_is_digits),
    };
    return cmocka_run_group_tests_name("evaluator.serve_ask", tests, NULL, NULL);
}
