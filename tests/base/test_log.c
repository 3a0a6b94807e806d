/* Log lines: what is shown, what never is. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "capture.h"

#define TOKEN "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"

static void secrets_are_blanked(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "token " TOKEN " is bad", "token *** is bad" },
        { TOKEN, "***" },
        { "'" TOKEN "', '" TOKEN "'", "'***', '***'" },
        { "key sk-proj-abcdefghijklmnop_0123456789 is bad", "key *** is bad" },
        { "Authorization: Bearer abc.def-123", "Authorization: Bearer ***" },
        { "authorization: bearer   abc", "authorization: bearer   ***" },
        { "Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***" },
        { "host=h password=pw user=u", "host=h password=** user=u" },
        { "password='two words' user=u", "password='***' user=u" },
        { "PGPASSWORD=secret1 x", "PGPASSWORD=*** x" },
        { "{\"password\": \"pass word\", \"a\": 1}", "{\"password\": \"***\", \"a\": 1}" },
        { "api_key=sk-123456&x=1", "api_key=***&x=1" },
        { "postgres://user:s3cr3t@db/x", "postgres://user:***@db/x" },
        { "https://cdn.example/a/b?X-Amz-Credential=AK&X-Amz-Signature=ab12 failed",
            "https://cdn.example/a/b?*** failed" },
        { "GET https://h/f?Expires=1&Signature=abc&Key-Pair-Id=K", "GET https://h/f?***" },
        { "two: https://h/f?token=abc https://h/g?sig=def.",
            "two: https://h/f?*** https://h/g?***" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s", cases[i].text);
        log_redact(text);
        assert_string_equal(text, cases[i].want);
    }
}

static void what_is_no_secret_stays(void **state) {
    (void)state;
    static const char *const PLAIN[] = { "", "hf_hub download", "HF_TOKEN is not set",
        "unknown token: '<s>'", "https://hub.example/api/models?limit=10&cursor=abc",
        "tokens=12 tokens_computed=10", "http://localhost:5432/x", "a password is needed",
        "no bearer", "time 12:30@noon", "task-abcdefghijklmnopqrstuvwxyz", "sk-learn" };
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s", PLAIN[i]);
        log_redact(text);
        assert_string_equal(text, PLAIN[i]);
    }
}

static void lines_are_logfmt_where_nobody_watches(void **state) {
    (void)state;
    struct capture c;
    log_set_level(LOG_INFO);
    capture_begin(&c, false);
    log_line(LOG_WARN, "job %d said \"%s\" with %s", 7, "no\nmore", TOKEN);
    log_line(LOG_DEBUG, "not shown");
    const char *text = capture_end(&c);
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    assert_contains(text, "Z level=warn msg=\"job 7 said \\\"no more\\\" with ***\"\n");
    assert_null(strstr(text, "not shown"));
    assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
}

static void lines_are_words_on_a_terminal(void **state) {
    (void)state;
    struct capture c;
    log_set_level(LOG_INFO);
    capture_begin(&c, true);
    log_line(LOG_INFO, "hello");
    log_line(LOG_ERROR, "oh \x1b[31mred");
    const char *text = capture_end(&c);
    assert_string_equal(text, "assay: hello\r\nassay: error: oh  [31mred\r\n");
}

static void the_environment_sets_the_level(void **state) {
    (void)state;
    struct capture c;
    setenv("ASSAY_LOG_LEVEL", "debug", 1);
    log_set_level(LOG_ERROR);
    capture_begin(&c, false);
    log_line(LOG_DEBUG, "seen");
    assert_contains(capture_end(&c), "seen");
    setenv("ASSAY_LOG_LEVEL", "error", 1);
    log_set_level(LOG_INFO);
    capture_begin(&c, false);
    log_line(LOG_WARN, "unseen");
    assert_string_equal(capture_end(&c), "");
    unsetenv("ASSAY_LOG_LEVEL");
    log_set_level(LOG_INFO);
}

static void errors_are_one_line_with_a_hint_below(void **state) {
    (void)state;
    struct capture c;
    struct err err = ERR_INIT;
    err_set(&err, ERR_AUTH, "cannot get 'a\x1b]0;x\xc2\x9b/b': %s", TOKEN);
    err_hint(&err, "set HF_TOKEN");
    capture_begin(&c, false);
    log_error(&err, false);
    assert_string_equal(
        capture_end(&c), "assay: error: cannot get 'a ]0;x  /b': ***\n  hint: set HF_TOKEN\n");
    assert_contains(err.msg, TOKEN); // the caller's own stays as it was
    err.hint[0] = 0;
    capture_begin(&c, false);
    log_error(&err, false);
    assert_null(strstr(capture_end(&c), "hint"));
}

static void errors_as_json_are_one_document(void **state) {
    (void)state;
    struct capture c;
    struct err err = ERR_INIT;
    err_set(&err, ERR_AUTH, "cannot get \"x\" with %s", TOKEN);
    capture_begin(&c, false);
    log_error(&err, true);
    const char *text = capture_end(&c);
    json_t *json = json_parse(text, strlen(text), "error", &err);
    assert_ok(json, &err);
    assert_string_equal(json_get_string(json, "schema", ""), "assay.error/1");
    assert_int_equal(json_get_int(json, "code", 0), 5);
    assert_string_equal(json_get_string(json, "error", ""), "auth");
    assert_string_equal(json_get_string(json, "message", ""), "cannot get \"x\" with ***");
    assert_true(json_is_null(json_object_get(json, "hint")));
    assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_blanked),
        cmocka_unit_test(what_is_no_secret_stays),
        cmocka_unit_test(lines_are_logfmt_where_nobody_watches),
        cmocka_unit_test(lines_are_words_on_a_terminal),
        cmocka_unit_test(the_environment_sets_the_level),
        cmocka_unit_test(errors_are_one_line_with_a_hint_below),
        cmocka_unit_test(errors_as_json_are_one_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
