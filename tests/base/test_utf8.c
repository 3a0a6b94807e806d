/* UTF-8 against the table of the Unicode standard, and repair as CPython 3.11 does it. */
#include "check.h"

#include <stdlib.h>

#include "base/utf8.h"

static void every_code_point_survives_encoding_and_decoding(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10ffff + 2; cp++) {
        char bytes[4];
        size_t n = utf8_encode(cp, bytes);
        if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
            assert_int_equal(n, 0);
            continue;
        }
        uint32_t back = 0xffffffff;
        assert_int_equal(n, cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_decode(bytes, n, &back), n);
        assert_int_equal(back, cp);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(utf8_decode(bytes, cut, &back), 0);
        }
    }
}

/* bytes.decode("utf-8", "replace"), printed by CPython 3.11. */
static const struct {
    const char *bytes, *repaired;
    size_t length;
} BROKEN[] = {
    { "\x80", "\ufffd", 1 }, // a tail without a head
    { "a\xff"
      "b",
        "a\ufffd"
        "b",
        3 },                                              // never a byte of UTF-8
    { "\xc0\xaf", "\ufffd\ufffd", 2 },                    // overlong '/'
    { "\xc1\xbf", "\ufffd\ufffd", 2 },                    // overlong
    { "\xe0\x80\xaf", "\ufffd\ufffd\ufffd", 3 },          // overlong '/' in three bytes
    { "\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd", 4 } // and in four
    ,
    { "\xed\xa0\x80", "\ufffd\ufffd\ufffd", 3 },          // a surrogate
    { "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd", 4 } // past U+10FFFF
    ,
    { "\xf5\x80", "\ufffd\ufffd", 2 },
    { "\xe2\x82", "\ufffd", 2 }, // cut at the end: one mark for the part
    { "\xf0\x9f\x98", "\ufffd", 3 },
    { "\xf0\x9f"
      "A",
        "\ufffd"
        "A",
        3 }, // cut by another letter
    { "\xe2\x82\xe2\x82\xac", "\ufffd\u20ac", 3 },
    { "\xf1\x80\x80\xe1\x80\xc2", "\ufffd\ufffd\ufffd", 6 },
    { "\xc2\xa9\xc3", "\u00a9\ufffd", 2 },
};

static void broken_bytes_are_found_counted_and_repaired(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        const char *bytes = BROKEN[i].bytes;
        size_t n = strlen(bytes), out_n = 0;
        assert_false(utf8_valid(bytes, n));
        assert_int_equal(utf8_length(bytes, n), BROKEN[i].length);
        char *repaired = utf8_repair(bytes, n, &out_n);
        assert_string_equal(repaired, BROKEN[i].repaired);
        assert_int_equal(out_n, strlen(BROKEN[i].repaired));
        assert_true(utf8_valid(repaired, out_n));
        free(repaired);
    }
}

static void valid_text_is_left_alone(void **state) {
    (void)state;
    static const char text[] = "a\0\u00e9\u20ac\U0001f600\uffff\ue000\U0010ffff";
    size_t n = sizeof text - 1, out_n = 0;
    assert_true(utf8_valid(text, n));
    assert_int_equal(utf8_length(text, n), 8);
    char *same = utf8_repair(text, n, &out_n);
    assert_int_equal(out_n, n);
    assert_memory_equal(same, text, n + 1);
    free(same);
    assert_true(utf8_valid("", 0));
    assert_int_equal(utf8_length("", 0), 0);
    same = utf8_repair("", 0, &out_n);
    assert_int_equal(out_n, 0);
    free(same);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives_encoding_and_decoding),
        cmocka_unit_test(broken_bytes_are_found_counted_and_repaired),
        cmocka_unit_test(valid_text_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
