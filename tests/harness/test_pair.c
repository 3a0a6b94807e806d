/* The rules of scoring that need no model: trailing white space, rolling windows. Splits of real
 * texts are in test_model_text.c. */
#include "weight_files.h"

#include <string.h>

#include "harness/model/pair.h"

static size_t stripped(const char *text) {
    return pair_rstrip(text, strlen(text));
}

static void white_space_at_the_end_is_what_python_calls_so(void **state) {
    (void)state;
    assert_int_equal(stripped("a b \t\n\v\f\r"), 3);
    assert_int_equal(stripped("a\x1c\x1d\x1e\x1f"), 1);
    assert_int_equal(stripped("a\xc2\x85\xc2\xa0"), 1); /* next line, no-break space */
    assert_int_equal(
        stripped("a\xe1\x9a\x80\xe2\x80\x8a\xe3\x80\x80"), 1); /* ogham, hair, ideographic */
    assert_int_equal(stripped("a\xe2\x80\x8b"), 4);            /* zero width space is none */
    assert_int_equal(stripped("a\xc2"), 2);                    /* not UTF-8 */
    assert_int_equal(stripped("a\xa0"), 2);
    assert_int_equal(stripped(" \n"), 0);
    assert_int_equal(stripped(""), 0);
}

/* lm-evaluation-harness's example: 10 tokens after a prefix, 4 at a time. */
static void windows_are_disjoint_and_the_last_is_filled_to_the_left(void **state) {
    (void)state;
    static const struct pair_window want[] = { { 0, 4, 0 }, { 4, 8, 0 }, { 6, 10, 2 } };
    struct pair_window w;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(pair_window(11, 4, i, &w));
        assert_memory_equal(&w, &want[i], sizeof w);
    }
    assert_false(pair_window(11, 4, 3, &w));
    assert_false(pair_window(1, 4, 0, &w));
    assert_false(pair_window(0, 4, 0, &w));
}

static void every_token_is_scored_in_one_window(void **state) {
    (void)state;
    for (uint32_t n = 0; n < 40; n++)
        for (uint32_t max = 1; max < 12; max++) {
            struct pair_window w;
            uint32_t next = 1; /* token to be predicted next */
            for (uint32_t i = 0; pair_window(n, max, i, &w); i++) {
                assert_int_equal(w.from + w.first_read + 1, next);
                assert_true(w.to - w.from <= max && w.to < n);
                next = w.to + 1;
            }
            assert_int_equal(next, n > 0 ? n : 1);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_at_the_end_is_what_python_calls_so),
        cmocka_unit_test(windows_are_disjoint_and_the_last_is_filled_to_the_left),
        cmocka_unit_test(every_token_is_scored_in_one_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
