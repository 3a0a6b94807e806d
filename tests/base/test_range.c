/* Parts of a file that HTTP asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/range.h"

static void part_is(const char *header, uint64_t size, uint64_t from, uint64_t n) {
    uint64_t at = 0, got = 0;
    assert_int_equal(range_parse(header, size, &at, &got), RANGE_OK);
    assert_int_equal(at, from);
    assert_int_equal(got, n);
}

static enum range kind(const char *header, uint64_t size) {
    uint64_t from, n;
    return range_parse(header, size, &from, &n);
}

static void three_forms_name_a_part(void **state) {
    (void)state;
    part_is("bytes=0-0", 10, 0, 1);
    part_is("bytes=3-5", 10, 3, 3);
    part_is("bytes=3-", 10, 3, 7);
    part_is("bytes=3-99", 10, 3, 7);
    part_is("bytes=-4", 10, 6, 4);
    part_is("bytes=-99", 10, 0, 10);
    part_is("bytes=9-18446744073709551615", 10, 9, 1);
}

static void what_lies_past_the_end_is_told_apart(void **state) {
    (void)state;
    assert_int_equal(kind("bytes=10-", 10), RANGE_PAST_END);
    assert_int_equal(kind("bytes=10-12", 10), RANGE_PAST_END);
    assert_int_equal(kind("bytes=0-", 0), RANGE_PAST_END);
    assert_int_equal(kind("bytes=-0", 10), RANGE_PAST_END);
    assert_int_equal(kind("bytes=-5", 0), RANGE_PAST_END);
}

static void what_is_no_range_is_as_if_it_were_not_there(void **state) {
    static const char *const NONE[] = { NULL, "", "bytes", "bytes=", "bytes=-", "bytes=a-",
        "bytes=5", "bytes=5-3", "bytes=1-2,4-5", "bytes=1-2 ", "bytes= 1-2", "bytes=+1-2",
        "bytes=-1-2", "items=1-2", "bytes=1--2", "bytes=99999999999999999999-",
        "bytes=-99999999999999999999" };
    (void)state;
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        assert_int_equal(kind(NONE[i], 10), RANGE_NONE);
    }
}

static void a_part_is_of_one_version_alone(void **state) {
    (void)state;
    assert_true(range_is_of(NULL, "\"a\""));
    assert_true(range_is_of("\"a\"", "\"a\""));
    assert_false(range_is_of("\"b\"", "\"a\""));
    assert_false(range_is_of("W/\"a\"", "\"a\""));
    assert_false(range_is_of("Wed, 21 Oct 2015 07:28:00 GMT", "\"a\""));
}

static void it_is_said_which_part_was_sent(void **state) {
    char text[RANGE_TEXT_SIZE];
    (void)state;
    range_text(text, 3, 4, 10);
    assert_string_equal(text, "bytes 3-6/10");
    range_text(text, 0, 0, 10);
    assert_string_equal(text, "bytes */10");
    range_text(text, 0, UINT64_MAX, UINT64_MAX);
    assert_string_equal(text, "bytes 0-18446744073709551614/18446744073709551615");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_forms_name_a_part),
        cmocka_unit_test(what_lies_past_the_end_is_told_apart),
        cmocka_unit_test(what_is_no_range_is_as_if_it_were_not_there),
        cmocka_unit_test(a_part_is_of_one_version_alone),
        cmocka_unit_test(it_is_said_which_part_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
