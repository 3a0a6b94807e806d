/* JSON read strictly, and written so that Python, and we, read the same back. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static json_t *parse(const char *text, struct err *err) {
    return json_parse(text, strlen(text), "text", err);
}

/* What CPython 3.11 prints for repr(). */
static const struct {
    double v;
    const char *repr;
} REPR[] = {
    { 0.0, "0.0" },
    { -0.0, "-0.0" },
    { 1, "1.0" },
    { -1.5, "-1.5" },
    { 0.1, "0.1" },
    { 1.0 / 3, "0.3333333333333333" },
    { 2.0 / 3, "0.6666666666666666" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 100, "100.0" },
    { 123456.789, "123456.789" },
    { 1e-4, "0.0001" },
    { 0.00012345, "0.00012345" },
    { 1e-5, "1e-05" },
    { 1.5e-7, "1.5e-07" },
    { 1e-7, "1e-07" },
    { 1e15, "1000000000000000.0" },
    { 1e16, "1e+16" },
    { 123456789012345680.0, "1.2345678901234568e+17" },
    { 9007199254740993.0, "9007199254740992.0" },
    { 1e22, "1e+22" },
    { 1e23, "1e+23" },
    { 1e100, "1e+100" },
    { DBL_MAX, "1.7976931348623157e+308" },
    { DBL_MIN, "2.2250738585072014e-308" },
    { DBL_EPSILON, "2.220446049250313e-16" },
    /* subnormal numbers have fewer digits */
    { 4.9406564584124654e-324, "5e-324" },
    { 1.265e-321, "1.265e-321" },
    /* powers of two, where the nearest 16 digits don't read back but the next ones do */
    { 0x1p-957, "8.209073602596753e-289" },
    { 0x1p-44, "5.684341886080802e-14" },
};

static void doubles_print_as_python_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REPR / sizeof *REPR; i++) {
        char buffer[32];
        assert_string_equal(json_double_repr(REPR[i].v, buffer), REPR[i].repr);
    }
}

static void every_double_reads_back_as_itself_from_few_bytes(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) {
            continue;
        }
        char buffer[32];
        json_double_repr(v, buffer);
        assert_true(strlen(buffer) < 26);
        double back = strtod(buffer, NULL);
        assert_memory_equal(&back, &v, sizeof v);
    }
}

static const char *float_text(float v, char out[64]) {
    struct strbuf b = { 0 };
    struct json_writer w;
    json_writer_init(&w, &b, false);
    jw_float(&w, v);
    snprintf(out, 64, "%s", strbuf_str(&b));
    strbuf_release(&b);
    return out;
}

static void floats_print_no_more_digits_than_they_have(void **state) {
    (void)state;
    char text[64];
    assert_string_equal(float_text(0.1f, text), "0.1");
    assert_string_equal(float_text(1.0f / 3, text), "0.33333334");
    assert_string_equal(float_text(16777216.0f, text), "16777216.0");
    assert_string_equal(float_text(-2.5e-8f, text), "-2.5e-08");
    assert_string_equal(float_text(FLT_MAX, text), "3.4028235e+38");
    assert_string_equal(float_text(1.40129846e-45f, text), "1e-45");
    uint32_t bits = 1;
    for (int i = 0; i < 200000; i++, bits += 21474u) {
        float v, back;
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v)) {
            back = strtof(float_text(v, text), NULL);
            assert_memory_equal(&back, &v, sizeof v);
        }
    }
}

static void the_writer_keeps_commas_and_nesting(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_object(&w);
    jw_kv_string(&w, "s", "x");
    jw_kv_string(&w, "none", NULL);
    jw_kv_int(&w, "i", -9223372036854775807 - 1);
    jw_kv_double(&w, "d", 0.5);
    jw_kv_bool(&w, "b", true);
    jw_key(&w, "a");
    jw_array(&w);
    jw_int(&w, 1);
    jw_array(&w);
    jw_end_array(&w);
    jw_object(&w);
    jw_end_object(&w);
    jw_null(&w);
    jw_end_array(&w);
    jw_end_object(&w);
    assert_string_equal(strbuf_str(&out),
        "{\"s\": \"x\", \"none\": null, \"i\": -9223372036854775808, \"d\": 0.5, "
        "\"b\": true, \"a\": [1, [], {}, null]}");
    assert_false(w.non_finite);
    strbuf_release(&out);
}

static void pretty_output_is_indented_by_two(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, true);
    jw_object(&w);
    jw_key(&w, "a");
    jw_array(&w);
    jw_int(&w, 1);
    jw_int(&w, 2);
    jw_end_array(&w);
    jw_key(&w, "e");
    jw_array(&w);
    jw_end_array(&w);
    jw_end_object(&w);
    assert_string_equal(strbuf_str(&out), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"e\": []\n}");
    strbuf_release(&out);
}

static void numbers_that_are_none_become_null_and_are_reported(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_array(&w);
    jw_double(&w, NAN);
    jw_float(&w, -INFINITY);
    jw_end_array(&w);
    assert_string_equal(strbuf_str(&out), "[null, null]");
    assert_true(w.non_finite);
    strbuf_release(&out);
}

static void strings_are_escaped_and_always_utf8(void **state) {
    (void)state;
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_string_n(&w, "\"\\/\b\f\n\r\t\0\x01\x1f\x7f\u20ac", 15);
    assert_string_equal(
        strbuf_str(&out), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\u20ac\"");
    strbuf_reset(&out);
    jw_string_n(&w,
        "a\xff\xe2\x82"
        "b",
        5);
    assert_string_equal(strbuf_str(&out), "\"a\ufffd\ufffd"
                                          "b\"");
    strbuf_release(&out);
}

static void a_parsed_document_is_written_with_its_keys_in_order(void **state) {
    (void)state;
    const char *text = "{\"z\": 1, \"a\": [true, false, null, 1.5, \"\\u0000x\"], \"m\": {}}";
    struct err err = ERR_INIT;
    json_t *json = parse(text, &err);
    assert_ok(json, &err);
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_json(&w, json);
    assert_string_equal(strbuf_str(&out), text);
    strbuf_release(&out);
    json_decref(json);
}

static void malformed_documents_are_refused_by_name(void **state) {
    (void)state;
    static const char *const BAD[] = { "", " ", "{", "[1,]", "{\"a\": 1,}", "{'a': 1}", "[1] x",
        "{\"a\": 1, \"a\": 2}", "nul", "01", "\"\\ud800\"", "\"\xff\"", "[1e999]", "NaN",
        "[1]\n[2]" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        if (parse(BAD[i], &err)) {
            fail_msg("accepted: %s", BAD[i]);
        }
        assert_int_equal(err.class, ERR_INPUT);
        assert_contains(err.msg, "'text'");
    }
}

static json_t *nested(int depth, struct err *err) {
    char text[8192];
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return json_parse(text, 2 * (size_t)depth, "text", err);
}

/* What can be read can be written, in an object of ours as well. */
static void a_pointer_to_a_document_elsewhere_is_told_from_a_broken_one(void **state) {
    struct err err = ERR_INIT;
    (void)state;
    assert_null(parse("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_contains(err.msg, "'text'");
    assert_contains(err.msg, "Git LFS pointer");
    assert_contains(err.hint, "git lfs pull");
}

static void nesting_is_limited_to_what_can_be_written(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    assert_null(nested(49, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_null(nested(4000, &err));
    json_t *deepest = nested(48, &err);
    assert_ok(deepest, &err);
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    for (int i = 0; i < 16; i++) {
        jw_array(&w);
    }
    jw_json(&w, deepest);
    for (int i = 0; i < 16; i++) {
        jw_end_array(&w);
    }
    assert_int_equal(out.len, 128);
    strbuf_release(&out);
    json_decref(deepest);
    /* brackets in strings, also behind escapes, are not nesting */
    const char *text =
        "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\", \"\\\\\", 1]";
    json_t *flat = parse(text, &err);
    assert_ok(flat, &err);
    json_decref(flat);
}

static void fields_have_defaults_for_absent_and_wrong_types(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *o = parse("{\"s\": \"x\", \"i\": 3, \"d\": 2.5, \"b\": true, \"n\": null}", &err);
    assert_ok(o, &err);
    assert_string_equal(json_get_string(o, "s", "-"), "x");
    assert_string_equal(json_get_string(o, "i", "-"), "-");
    assert_null(json_get_string(o, "n", NULL));
    assert_int_equal(json_get_int(o, "i", 9), 3);
    assert_int_equal(json_get_int(o, "d", 9), 9);
    assert_true(json_get_number(o, "i", 9) == 3);
    assert_true(json_get_number(o, "d", 9) == 2.5);
    assert_true(json_get_number(o, "s", 9) == 9);
    assert_true(json_get_bool(o, "b", false));
    assert_false(json_get_bool(o, "i", false));
    assert_true(json_get_bool(o, "absent", true));
    assert_int_equal(json_get_int(NULL, "i", 9), 9);
    json_decref(o);
}

static void files_are_read_up_to_their_ceiling(void **state) {
    (void)state;
    char path[] = "/tmp/assay-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "[1, 2]", 6), 6);
    close(fd);
    struct err err = ERR_INIT;
    json_t *json = json_parse_file(path, 6, &err);
    assert_ok(json, &err);
    json_decref(json);
    assert_null(json_parse_file(path, 5, &err));
    assert_int_equal(err.class, ERR_INPUT);
    unlink(path);
    assert_null(json_parse_file(path, 6, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
}

static void infinity_in_a_file_of_pythons_is_null(void **state) {
    static const char text[] =
        "{\"a\": [0.0, Infinity], \"b\": -Infinity, \"c\": \"\\\"Infinity\"}";
    (void)state;
    char path[] = "/tmp/assay-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    struct err err = ERR_INIT;
    json_t *json = json_parse_python_file(path, 1 << 10, &err);
    assert_ok(json, &err);
    assert_true(json_is_null(json_array_get(json_object_get(json, "a"), 1)));
    assert_true(json_is_null(json_object_get(json, "b")));
    assert_string_equal(json_get_string(json, "c", ""), "\"Infinity");
    json_decref(json);
    assert_null(json_parse_file(path, 1 << 10, &err));
    assert_int_equal(err.class, ERR_INPUT);
    unlink(path);
}

static void lines_are_walked_with_or_without_the_last_newline(void **state) {
    static const struct {
        const char *text, *want;
    } CASES[] = { { "", "" }, { "a", "a." }, { "a\n", "a." }, { "a\n\nb", "a..b." }, { "\n", "." },
        { "a\nbc\n", "a.bc." } };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct json_lines lines = { CASES[i].text, strlen(CASES[i].text), 0 };
        struct strbuf got = { 0 };
        const char *line;
        size_t number = 0;
        for (size_t n; json_lines_next(&lines, &line, &n);) {
            strbuf_addf(&got, "%.*s.", (int)n, line);
            assert_int_equal(lines.number, ++number);
        }
        assert_string_equal(strbuf_str(&got), CASES[i].want);
        strbuf_release(&got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_walked_with_or_without_the_last_newline),
        cmocka_unit_test(doubles_print_as_python_does),
        cmocka_unit_test(every_double_reads_back_as_itself_from_few_bytes),
        cmocka_unit_test(floats_print_no_more_digits_than_they_have),
        cmocka_unit_test(the_writer_keeps_commas_and_nesting),
        cmocka_unit_test(pretty_output_is_indented_by_two),
        cmocka_unit_test(numbers_that_are_none_become_null_and_are_reported),
        cmocka_unit_test(strings_are_escaped_and_always_utf8),
        cmocka_unit_test(a_parsed_document_is_written_with_its_keys_in_order),
        cmocka_unit_test(malformed_documents_are_refused_by_name),
        cmocka_unit_test(a_pointer_to_a_document_elsewhere_is_told_from_a_broken_one),
        cmocka_unit_test(nesting_is_limited_to_what_can_be_written),
        cmocka_unit_test(fields_have_defaults_for_absent_and_wrong_types),
        cmocka_unit_test(files_are_read_up_to_their_ceiling),
        cmocka_unit_test(infinity_in_a_file_of_pythons_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
