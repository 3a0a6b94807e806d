/* The quick reader of JSON gives jansson's values, or leaves the document to jansson. */
#include "check.h"

#include "base/jsontree.h"

static json_t *jansson(const char *text, size_t n) {
    return json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* With types, lengths and the order of keys, which json_equal doesn't look at. */
static char *spelt(const json_t *json) {
    return json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

/* Both readers' values of a text are one; false where it is left to jansson. */
static bool compare(const char *text, size_t n) {
    json_t *quick = jsontree_parse(text, n, 48), *slow = jansson(text, n);
    bool read = quick != NULL;
    if (read) {
        assert_non_null(slow);
        assert_true(json_equal(quick, slow));
        char *a = spelt(quick), *b = spelt(slow);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
    json_decref(quick);
    json_decref(slow);
    return read;
}

static void what_is_read_is_what_jansson_reads(void **state) {
    (void)state;
    static const char *const DOCS[] = { "{}", "[]", "\"\"", "0", "-0", "-0.0", "null", "true",
        "false", " \t\r\n[ 1 , 2 ]\n ", "{\"b\": 1, \"a\": {\"b\": []}, \"\": \"\"}",
        "[9223372036854775807, -9223372036854775808, 999999999999999999]",
        "[0.1, 1e22, 1E-7, 1.5e+300, 5e-324, 123456789012345678.25, 1e-400, "
        "100000000000000000000.0]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 \\u0000.\"",
        "\"caf\xc3\xa9 \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80, and more than eight bytes\"",
        "[[[[[[[[]]]]]]], [[], [{}]]]" };
    for (size_t i = 0; i < sizeof DOCS / sizeof *DOCS; i++) {
        if (!compare(DOCS[i], strlen(DOCS[i])))
            fail_msg("left to jansson: %s", DOCS[i]);
    }
}

/* Documents with a byte changed, cut off or put in, at each place of them. */
static void damaged_documents_are_read_as_jansson_reads_them(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e1,\"\\u00e9\\ud83d\\ude00\\n\"],\"b\":{\"c\":true}}";
    static const char bytes[] = { 0, '"', '\\', '{', '}', '[', ']', ',', ':', '0', '9', '-', 'e',
        'u', ' ', '\x80' };
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char damaged[sizeof text];
        compare(text, i);
        for (size_t b = 0; b < sizeof bytes; b++) {
            memcpy(damaged, text, sizeof text);
            damaged[i] = bytes[b];
            compare(damaged, sizeof text - 1);
            memmove(damaged + i + 1, text + i, sizeof text - 1 - i);
            compare(damaged, sizeof text);
        }
    }
}

static void what_jansson_refuses_is_not_read(void **state) {
    (void)state;
    static const char *const BAD[] = { "", "{", "[", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}",
        "{\"a\":}", "{\"a\": 1,}", "{a: 1}", "{1: 1}", "{\"a\": 1, \"b\": 2, \"a\": 3}", "[1] 2",
        "nul", "nulll", "01", "-", "+1", "1.", ".5", "1e", "1e999", "NaN", "Infinity", "\"",
        "\"\\x\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\u12g4\"", "\"a\nb\"",
        "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\xef\xbb\xbf{}", "[1}", "{\"a\": 1]",
        /* and what is read otherwise: */
        "9223372036854775808", "{\"a\\u0000\": 1}" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (jsontree_parse(BAD[i], strlen(BAD[i]), 48))
            fail_msg("read: %s", BAD[i]);
    assert_null(jsontree_parse("[]\0", 3, 48));
    assert_null(jsontree_parse("\"\0\"", 3, 48));
}

static void depth_ends_where_it_is_told_to(void **state) {
    (void)state;
    static const char deep[] = "[[], {\"a\": [0]}, [[]]]";
    json_t *json = jsontree_parse(deep, sizeof deep - 1, 3);
    assert_non_null(json);
    json_decref(json);
    assert_null(jsontree_parse(deep, sizeof deep - 1, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_jansson_reads),
        cmocka_unit_test(damaged_documents_are_read_as_jansson_reads_them),
        cmocka_unit_test(what_jansson_refuses_is_not_read),
        cmocka_unit_test(depth_ends_where_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
