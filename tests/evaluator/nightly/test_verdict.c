/* What a night's report comes to: its exit code, and what people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "evaluator/nightly/night.h"

static json_t *parsed(const char *text) {
    struct err err = ERR_INIT;
    json_t *report = json_parse(text, strlen(text), "report", &err);
    if (!report) {
        fail_msg("%s", err.msg);
    }
    return report;
}

static int exit_code_of(const char *text) {
    struct err err = ERR_INIT;
    json_t *report = parsed(text);
    bool well = night_verdict(report, &err);
    json_decref(report);
    return well ? 0 : err_info(err.class)->exit_code;
}

static void exit_codes_say_how_it_went(void **state) {
    (void)state;
    static const struct {
        const char *report;
        int code;
    } CASES[] = { { "{}", 0 },
        { "{\"models\": {\"moved\": [1], \"refused\": [1], \"held\": [1]}}", 0 },
        { "{\"models\": {\"gated\": [1]}}", 1 }, { "{\"models\": {\"gone\": [1]}}", 1 },
        { "{\"models\": {\"unreachable\": [1]}}", 1 }, { "{\"models\": {\"failed\": [1]}}", 1 },
        { "{\"suites\": {\"gone\": [1]}}", 1 }, { "{\"jobs\": {\"failed\": [1]}}", 1 },
        { "{\"jobs\": {\"unfinished\": 3}}", 1 },
        { "{\"jobs\": {\"unfinished\": 3}, \"no_wait\": true}", 0 }, // nobody waited for them
        { "{\"canary\": {\"runs\": [{\"run\": 1, \"failed\": \"x\"}]}}", 1 },
        { "{\"site\": {\"failed\": \"x\"}}", 1 }, { "{\"site\": {\"pages\": 3}}", 0 },
        { "{\"frozen\": \"x\", \"models\": {\"gated\": [1]}}", 10 } };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int code = exit_code_of(CASES[i].report);
        if (code != CASES[i].code) {
            fail_msg("%s: %d instead of %d", CASES[i].report, code, CASES[i].code);
        }
    }
}

static void has(const struct strbuf *text, const char *words) {
    if (!strstr(strbuf_str(text), words)) {
        fail_msg("no '%s' in:\n%s", words, strbuf_str(text));
    }
}

static void the_text_tells_what_happened(void **state) {
    (void)state;
    json_t *report = parsed("{\"outcome\": \"stopped\", \"stopped\": \"the plug\", \"suites\": "
                            "{\"gone\": [{\"suite\": \"old\", \"why\": \"there is none\"}]}, "
                            "\"models\": {\"gated\": [{\"model\": \"a/b\", \"suite\": \"s\", "
                            "\"class\": \"auth\", \"why\": \"no\"}], \"more\": {\"gated\": 7}}}");
    struct strbuf text = { 0 };
    night_text(report, &text);
    has(&text, "STOPPED   the plug");
    has(&text, "suite     old is left alone: there is none");
    has(&text, "a/b on s: auth: no");
    has(&text, "and 7 more");
    strbuf_release(&text);
    json_decref(report);
}

/* A hub with a million faults does not make a report that no database takes. */
static void lists_have_a_bound(void **state) {
    (void)state;
    struct night n = { .report = json_object() };
    for (int i = 0; i < NIGHT_LIST_MAX + 5; i++) {
        night_note(&n, "models", "gated", json_pack("{s:i}", "i", i));
    }
    const json_t *models = json_object_get(n.report, "models");
    assert_int_equal(json_array_size(json_object_get(models, "gated")), NIGHT_LIST_MAX);
    assert_int_equal(json_get_int(json_object_get(models, "more"), "gated", 0), 5);
    json_decref(n.report);
}

static void what_a_stranger_says_is_words(void **state) {
    (void)state;
    char large[5000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    static const char *const SAID[] = { "\x1b[2Jgone", "a\nb", "\xff\xfe", "\xe2\x82", "" };
    for (size_t i = 0; i < sizeof SAID / sizeof *SAID; i++) {
        json_t *words = night_words(SAID[i]);
        assert_true(json_is_string(words));
        for (const char *c = json_string_value(words); *c; c++) {
            assert_true((unsigned char)*c >= ' ');
        }
        json_decref(words);
    }
    json_t *words = night_words(large);
    assert_true(json_string_length(words) < 1000);
    json_decref(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_say_how_it_went),
        cmocka_unit_test(the_text_tells_what_happened),
        cmocka_unit_test(lists_have_a_bound),
        cmocka_unit_test(what_a_stranger_says_is_words),
    };
    return cmocka_run_group_tests_name("nightly_verdict", tests, NULL, NULL);
}
