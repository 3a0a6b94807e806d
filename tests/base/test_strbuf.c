/* The growing string: always ended, never past its ceiling. */
#include "check.h"

#include "base/strbuf.h"

static void appending_in_every_way_gives_one_string(void **state) {
    (void)state;
    struct strbuf b = { 0 };
    assert_string_equal(strbuf_str(&b), "");
    strbuf_adds(&b, "one");
    strbuf_addc(&b, ' ');
    strbuf_add(&b, "two!", 3);
    strbuf_addf(&b, " %d", 3);
    assert_string_equal(strbuf_str(&b), "one two 3");
    assert_int_equal(b.len, 9);
    strbuf_reset(&b);
    assert_string_equal(strbuf_str(&b), "");
    assert_int_equal(b.len, 0);
    strbuf_release(&b);
}

static void it_grows_as_far_as_needed(void **state) {
    (void)state;
    struct strbuf b = { 0 };
    for (int i = 0; i < 100000; i++) {
        strbuf_addc(&b, (char)('a' + i % 26));
    }
    assert_int_equal(b.len, 100000);
    assert_int_equal(strlen(b.text), 100000);
    assert_int_equal(b.text[99999], 'a' + 99999 % 26);
    strbuf_release(&b);
}

static void the_ceiling_itself_fits_and_one_more_does_not(void **state) {
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 8);
    strbuf_adds(&b, "12345678");
    assert_false(b.overflow);
    strbuf_addc(&b, '9');
    assert_true(b.overflow);
    assert_string_equal(strbuf_str(&b), "12345678");
    strbuf_release(&b);
}

/* A later, shorter piece must not slip in behind a gap. */
static void overflow_is_sticky_until_reset(void **state) {
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 8);
    strbuf_adds(&b, "12345");
    strbuf_adds(&b, "6789");
    strbuf_addc(&b, 'x');
    strbuf_addf(&b, "%s", "");
    assert_true(b.overflow);
    assert_string_equal(strbuf_str(&b), "12345");
    strbuf_reset(&b);
    assert_false(b.overflow);
    strbuf_adds(&b, "again");
    assert_string_equal(strbuf_str(&b), "again");
    strbuf_addf(&b, "%d", 12345);
    assert_true(b.overflow);
    strbuf_release(&b);
    assert_int_equal(b.max, 8);
}

static void taking_leaves_an_empty_buffer(void **state) {
    (void)state;
    struct strbuf b = { 0 };
    char *nothing = strbuf_take(&b);
    assert_string_equal(nothing, "");
    strbuf_adds(&b, "text");
    char *text = strbuf_take(&b);
    assert_string_equal(text, "text");
    assert_string_equal(strbuf_str(&b), "");
    strbuf_adds(&b, "new");
    assert_string_equal(text, "text");
    free(text);
    free(nothing);
    strbuf_release(&b);
}

static void nul_bytes_are_bytes(void **state) {
    (void)state;
    struct strbuf b = { 0 };
    strbuf_add(&b, "a\0b", 3);
    strbuf_add(&b, NULL, 0);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.text, "a\0b", 4);
    strbuf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending_in_every_way_gives_one_string),
        cmocka_unit_test(it_grows_as_far_as_needed),
        cmocka_unit_test(the_ceiling_itself_fits_and_one_more_does_not),
        cmocka_unit_test(overflow_is_sticky_until_reset),
        cmocka_unit_test(taking_leaves_an_empty_buffer),
        cmocka_unit_test(nul_bytes_are_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
