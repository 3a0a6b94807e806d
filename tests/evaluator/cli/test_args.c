/* The command line: every way to write an option, and every way to get one wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/args.h"

static const struct option SOME[] = {
    { "limit", 'l', "N", "" },
    { "max-mem", 0, "MIB", "" },
    { "task", 't', "T", "" },
    { NULL, 0, NULL, NULL },
};
static const struct option MORE[] = {
    { "quiet", 'q', NULL, "" },
    { "json", 0, NULL, "" },
    { NULL, 0, NULL, NULL },
};
static const struct option *const TABLES[] = { SOME, MORE, NULL };

/* The words are separated by single spaces; they must outlive args. */
static bool parse(struct args *args, const char *words, struct err *err) {
    static char text[256];
    static char *argv[64];
    int argc = 0;
    snprintf(text, sizeof text, "%s", words);
    for (char *rest = text; *rest || rest == text;) {
        char *space = strchr(rest, ' ');
        argv[argc++] = rest;
        if (!space) {
            break;
        }
        *space = 0;
        rest = space + 1;
    }
    *err = (struct err)ERR_INIT;
    return args_parse(args, TABLES, *words ? argc : 0, argv, err);
}

static void values_may_be_written_in_every_usual_way(void **state) {
    static const char *const SAME[] = { "--limit 5", "--limit=5", "-l 5", "-l5", "-l=5",
        "--limit 3 --limit 5" };
    struct args args;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) {
        assert_true(parse(&args, SAME[i], &err));
        assert_string_equal(args_get(&args, "limit", ""), "5");
        assert_int_equal(args.n_operands, 0);
    }
    assert_true(parse(&args, "--limit=", &err));
    assert_string_equal(args_get(&args, "limit", "x"), "");
    assert_true(parse(&args, "--limit=a=b", &err));
    assert_string_equal(args_get(&args, "limit", ""), "a=b");
    assert_true(
        parse(&args, "--limit --json", &err)); /* a value that looks like an option is the value */
    assert_string_equal(args_get(&args, "limit", ""), "--json");
    assert_false(args_has(&args, "json"));
}

static void underscores_are_dashes(void **state) {
    struct args args;
    struct err err;
    (void)state;
    assert_true(parse(&args, "--max_mem=9", &err));
    assert_string_equal(args_get(&args, "max-mem", ""), "9");
}

static void operands_stand_anywhere_and_two_dashes_end_options(void **state) {
    struct args args;
    struct err err;
    (void)state;
    assert_true(parse(&args, "a -q b - -- -q --json --", &err));
    assert_int_equal(args.n_operands, 6);
    assert_string_equal(args.operands[0], "a");
    assert_string_equal(args.operands[2], "-");
    assert_string_equal(args.operands[3], "-q");
    assert_string_equal(args.operands[5], "--");
    assert_true(args_has(&args, "quiet"));
    assert_false(args_has(&args, "json"));
    assert_true(parse(&args, "", &err));
    assert_int_equal(args.n_operands, 0);
}

static void wrong_options_are_usage_errors(void **state) {
    static const char *const BAD[] = { "--nope", "-x", "--quiet=1", "-q1", "--limit", "-l", "--",
        "---", "--=5", "-\xff" };
    struct args args;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        bool ends = !strcmp(BAD[i], "--");
        assert_int_equal(parse(&args, BAD[i], &err), ends);
        assert_int_equal(err.class, ends ? ERR_NONE : ERR_USAGE);
    }
}

static void a_slip_of_the_finger_gets_a_suggestion(void **state) {
    struct args args;
    struct err err;
    (void)state;
    assert_false(parse(&args, "--limti 5", &err));
    assert_non_null(strstr(err.msg, "'--limti'"));
    assert_non_null(strstr(err.hint, "'--limit'"));
    assert_false(parse(&args, "--qiet", &err));
    assert_non_null(strstr(err.hint, "'--quiet'"));
    assert_false(parse(&args, "--something-else", &err));
    assert_string_equal(err.hint, "");
}

static void repeated_options_and_comma_lists_are_one_list(void **state) {
    static const char *const WANTED[] = { "a", "b", "c", "d" };
    struct args args;
    struct err err;
    (void)state;
    assert_true(parse(&args, "-t a,b --limit 1 -t ,c,, --task= --task=d", &err));
    for (unsigned i = 0; i < 4; i++) {
        char *item = args_item(&args, "task", i);
        assert_string_equal(item, WANTED[i]);
        free(item);
    }
    assert_null(args_item(&args, "task", 4));
    assert_null(args_item(&args, "quiet", 0));
}

static void numbers_are_checked(void **state) {
    static const char *const BAD[] = { "-1", "+1", " 1", "1x", "", "0x10", "1.5",
        "99999999999999999999999", "101" };
    struct args args;
    struct err err;
    unsigned long v;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        args = (struct args) { .n_given = 1, .given[0] = { .option = SOME, .value = BAD[i] } };
        err = (struct err)ERR_INIT;
        assert_false(args_get_uint(&args, "limit", 7, 100, &v, &err));
        assert_int_equal(err.class, ERR_USAGE);
    }
    assert_true(
        parse(&args, "--limit 100", &err) && args_get_uint(&args, "limit", 7, 100, &v, &err));
    assert_int_equal(v, 100);
    assert_true(args_get_uint(&args, "max-mem", 7, 100, &v, &err));
    assert_int_equal(v, 7);
}

static void real_numbers_are_finite(void **state) {
    static const char *const BAD[] = { "nan", "inf", "1e999", "", "1,5", "x" };
    struct args args;
    struct err err;
    double v;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        args = (struct args) { .n_given = 1, .given[0] = { .option = SOME, .value = BAD[i] } };
        err = (struct err)ERR_INIT;
        assert_false(args_get_double(&args, "limit", 0, &v, &err));
        assert_int_equal(err.class, ERR_USAGE);
    }
    assert_true(parse(&args, "--limit -0.5", &err) && args_get_double(&args, "limit", 1, &v, &err));
    assert_true(v == -0.5);
}

static void more_than_can_be_kept_is_refused(void **state) {
    static char word[] = "x", flag[] = "-q";
    char *argv[ARGS_MAX_VALUES + 1];
    struct args args;
    struct err err = ERR_INIT;
    (void)state;
    for (int i = 0; i <= ARGS_MAX_VALUES; i++) {
        argv[i] = word;
    }
    assert_true(args_parse(&args, TABLES, ARGS_MAX_VALUES, argv, &err));
    assert_false(args_parse(&args, TABLES, ARGS_MAX_VALUES + 1, argv, &err));
    for (int i = 0; i <= ARGS_MAX_VALUES; i++) {
        argv[i] = flag;
    }
    assert_true(args_parse(&args, TABLES, ARGS_MAX_VALUES, argv, &err));
    assert_false(args_parse(&args, TABLES, ARGS_MAX_VALUES + 1, argv, &err));
}

static void edit_distance_counts_and_stops(void **state) {
    char longest[70];
    (void)state;
    assert_int_equal(edit_distance("kitten", "sitting", 9), 3);
    assert_int_equal(edit_distance("", "abc", 9), 3);
    assert_int_equal(edit_distance("abc", "abc", 0), 0);
    assert_int_equal(edit_distance("kitten", "sitting", 2), 3);
    memset(longest, 'a', sizeof longest);
    longest[69] = 0;
    assert_int_equal(edit_distance(longest, "a", 2), 3);
    longest[64] = 0;
    assert_int_equal(edit_distance(longest, longest, 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_may_be_written_in_every_usual_way),
        cmocka_unit_test(underscores_are_dashes),
        cmocka_unit_test(operands_stand_anywhere_and_two_dashes_end_options),
        cmocka_unit_test(wrong_options_are_usage_errors),
        cmocka_unit_test(a_slip_of_the_finger_gets_a_suggestion),
        cmocka_unit_test(repeated_options_and_comma_lists_are_one_list),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(real_numbers_are_finite),
        cmocka_unit_test(more_than_can_be_kept_is_refused),
        cmocka_unit_test(edit_distance_counts_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
