/* The error pattern and the table of classes, which the queue and the exit codes hang on. */
#include "check.h"

#include <errno.h>

static void an_error_carries_class_and_message_and_reads_as_false(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    assert_false(err_set(&err, ERR_INPUT, "bad '%s'", "x"));
    assert_int_equal(err.class, ERR_INPUT);
    assert_string_equal(err.msg, "bad 'x'");
    assert_false(err_hint(&err, "try %d", 7));
    assert_string_equal(err.hint, "try 7");
    err_set(&err, ERR_FAILED, "another");
    assert_string_equal(err.hint, "");
}

static void a_caller_that_does_not_care_passes_null(void **state) {
    (void)state;
    assert_false(err_set(NULL, ERR_BUG, "x"));
    assert_false(err_hint(NULL, "x"));
    assert_false(err_wrap(NULL, "x"));
    assert_false(err_errno(NULL, ERR_FAILED, "x"));
}

static void wrapping_puts_context_in_front(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    err_set(&err, ERR_TASK, "no column 'a'");
    err_wrap(&err, "row %d", 3);
    err_wrap(&err, "task 'x'");
    assert_string_equal(err.msg, "task 'x': row 3: no column 'a'");
    assert_int_equal(err.class, ERR_TASK);
}

static void a_message_may_be_made_of_itself(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    err_set(&err, ERR_TASK, "inner");
    err_set(&err, ERR_INPUT, "outer %s", err.msg);
    assert_string_equal(err.msg, "outer inner");
}

/* The whole struct is filled with junk first: an end that nobody wrote would show. */
static void a_message_that_is_too_long_is_cut_and_ended(void **state) {
    (void)state;
    struct err err;
    char context[600];
    memset(&err, 'j', sizeof err);
    memset(context, 'c', sizeof context - 1);
    context[sizeof context - 1] = 0;
    err_set(&err, ERR_INPUT, "short");
    err.msg[sizeof err.msg - 1] = 'j';
    err_wrap(&err, "%s", context);
    assert_int_equal(strnlen(err.msg, sizeof err.msg), sizeof err.msg - 1);
    err_set(&err, ERR_INPUT, "%s", context);
    assert_int_equal(strnlen(err.msg, sizeof err.msg), sizeof err.msg - 1);
    err_hint(&err, "%s", context);
    assert_int_equal(strnlen(err.hint, sizeof err.hint), sizeof err.hint - 1);
}

/* Half a letter at the end would not be UTF-8, and a database would refuse it. */
static void a_cut_leaves_no_half_letter(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    char text[1024] = "";
    for (int i = 0; i < 300; i++)
        strcat(text, "\xe2\x82\xac");
    err_set(&err, ERR_INPUT, "%s", text);
    assert_int_equal(strlen(err.msg), 510);
    err_wrap(&err, "ab");
    assert_int_equal(strlen(err.msg), 4 + 507);
    err_hint(&err, "%s", text);
    assert_int_equal(strlen(err.hint), 255);
}

static void errno_decides_the_class_where_it_knows_better(void **state) {
    (void)state;
    static const struct {
        int number;
        enum err_class class;
    } cases[] = { { ENOSPC, ERR_NODE }, { EDQUOT, ERR_NODE }, { EIO, ERR_NODE },
        { EMFILE, ERR_NODE }, { ENOENT, ERR_NOT_FOUND }, { ENOMEM, ERR_RESOURCE },
        { EACCES, ERR_FAILED } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = ERR_INIT;
        errno = cases[i].number;
        err_errno(&err, ERR_FAILED, "could not open '%s'", "f");
        assert_int_equal(err.class, cases[i].class);
        assert_contains(err.msg, "could not open 'f': ");
        assert_contains(err.msg, strerror(cases[i].number));
    }
}

static void classes_have_the_documented_exit_codes_and_actions(void **state) {
    (void)state;
    static const struct {
        enum err_class class;
        int code;
        enum err_action action;
    } want[] = {
        { ERR_FAILED, 1, ERR_ACTION_DEAD },
        { ERR_USAGE, 2, ERR_ACTION_DEAD },
        { ERR_NOT_FOUND, 3, ERR_ACTION_DEAD },
        { ERR_NETWORK, 4, ERR_ACTION_RETRY },
        { ERR_AUTH, 5, ERR_ACTION_DEAD },
        { ERR_UNSUPPORTED, 6, ERR_ACTION_DEAD },
        { ERR_INPUT, 7, ERR_ACTION_DEAD },
        { ERR_TASK, 6, ERR_ACTION_DEAD },
        { ERR_RESOURCE, 6, ERR_ACTION_RETRY },
        { ERR_NUMERIC, 6, ERR_ACTION_DEAD },
        { ERR_CRASH, 6, ERR_ACTION_QUARANTINE },
        { ERR_NODE, 1, ERR_ACTION_RELEASE },
        { ERR_DB, 4, ERR_ACTION_RETRY },
        { ERR_SCHEMA, 7, ERR_ACTION_RELEASE },
        { ERR_BUSY, 8, ERR_ACTION_DEAD },
        { ERR_INTERRUPTED, 9, ERR_ACTION_RELEASE },
        { ERR_NEGATIVE, 10, ERR_ACTION_DEAD },
        { ERR_BUG, 1, ERR_ACTION_DEAD },
    };
    assert_int_equal(sizeof want / sizeof *want, ERR_N_CLASSES - 1);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct err_info *info = err_info(want[i].class);
        assert_int_equal(info->exit_code, want[i].code);
        assert_int_equal(info->action, want[i].action);
        assert_int_equal(err_class_find(info->name), want[i].class);
    }
    assert_int_equal(err_class_find("no such class"), ERR_BUG);
    assert_ptr_equal(err_info((enum err_class)1000), err_info(ERR_BUG));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_class_and_message_and_reads_as_false),
        cmocka_unit_test(a_caller_that_does_not_care_passes_null),
        cmocka_unit_test(wrapping_puts_context_in_front),
        cmocka_unit_test(a_message_may_be_made_of_itself),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_and_ended),
        cmocka_unit_test(a_cut_leaves_no_half_letter),
        cmocka_unit_test(errno_decides_the_class_where_it_knows_better),
        cmocka_unit_test(classes_have_the_documented_exit_codes_and_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
