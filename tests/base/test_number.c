/* Numbers as text: the shortest that reads back, whatever the number. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/number.h"

static float float_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The fewest digits that read back. */
static int fewest_digits(float v) {
    char text[NUMBER_TEXT_MAX];
    for (int n = 1; n < FLT_DECIMAL_DIG; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, (double)v);
        if (strtof(text, NULL) == v)
            return n;
    }
    return FLT_DECIMAL_DIG;
}

/* Digits that count: without the point, the exponent, and zeros at either end. */
static int digits_in(const char *text) {
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '0')
            zeros += n > 0;
        else if (*text >= '1' && *text <= '9') {
            n += zeros + 1;
            zeros = 0;
        }
    }
    return n;
}

static void assert_shortest(uint32_t bits) {
    char text[NUMBER_TEXT_MAX];
    const float v = float_of(bits);
    if (!isfinite(v))
        return;
    const size_t n = number_float(v, text);
    assert_int_equal(n, strlen(text));
    const float back = strtof(text, NULL);
    if (memcmp(&back, &v, sizeof v) != 0)
        fail_msg("%08lx is %s", (unsigned long)bits, text);
    if (v != 0 && digits_in(text) > fewest_digits(v))
        fail_msg("%08lx has shorter names than %s", (unsigned long)bits, text);
}

static void floats_read_back_from_the_fewest_digits(void **state) {
    (void)state;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 30011)
        assert_shortest((uint32_t)bits);
}

/* Powers of two, where the interval is narrower below; the least and the greatest; subnormals. */
static void floats_at_the_edges_do_too(void **state) {
    (void)state;
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (uint32_t near = 0; near < 3; near++)
            assert_shortest((exponent << 23) + near - 1);
    for (uint32_t bits = 0; bits < 2000; bits++)
        assert_shortest(bits);
}

static void assert_shortest_double(double v) {
    char text[NUMBER_TEXT_MAX], fewer[NUMBER_TEXT_MAX], nearest[NUMBER_TEXT_MAX];
    number_double(v, text);
    if (strtod(text, NULL) != v)
        fail_msg("%a is %s", v, text);
    int n = digits_in(text);
    if (n > 1) {
        snprintf(fewer, sizeof fewer, "%.*e", n - 2, v);
        if (strtod(fewer, NULL) == v)
            fail_msg("%s has the shorter name %s", text, fewer);
    }
    snprintf(nearest, sizeof nearest, "%.*e", n > 0 ? n - 1 : 0, v);
    if (strtod(nearest, NULL) == v && strtold(nearest, NULL) != strtold(text, NULL))
        fail_msg("%s is nearer than %s", nearest, text);
}

static void doubles_do_too(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252;
    for (int i = 0; i < 400000; i++) {
        double v;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v))
            assert_shortest_double(v);
        v = (double)(bits >> 11) / (double)(UINT64_C(1) << 53); /* as most are that we print */
        assert_shortest_double(v);
        assert_shortest_double(-1e6 * v);
        assert_shortest_double((double)(bits % 1000000) / 1000); /* of few digits */
    }
    for (int power = -60; power < 100; power++) {
        const double at = ldexp(1, power);
        assert_shortest_double(at);
        assert_shortest_double(nextafter(at, 0));
        assert_shortest_double(nextafter(at, INFINITY));
        assert_shortest_double(0.75 * at);
    }
    for (int k = -30; k < 30; k++) {
        assert_shortest_double(pow(10, k));
        assert_shortest_double(nextafter(pow(10, k), 0));
        assert_shortest_double(9.5 * pow(10, k));
    }
}

static void floats_look_as_numpy_prints_them(void **state) {
    (void)state;
    static const struct {
        float v;
        const char *text;
    } rows[] = {
        { 0, "0.0" },
        { -0.0f, "-0.0" },
        { 1, "1.0" },
        { -0.1f, "-0.1" },
        { 1.0f / 3, "0.33333334" },
        { 123456.79f, "123456.79" },
        { 16777216, "16777216.0" },
        { 1e-4f, "0.0001" },
        { 1e-5f, "1e-05" },
        { 1e16f, "1e+16" },
        { FLT_MAX, "3.4028235e+38" },
        { FLT_MIN, "1.1754944e-38" },
        { 1.4e-45f, "1e-45" },
        /* a power of two, whose nearest name of eight digits doesn't read back, but the next does
         */
        { 0x1p-96f, "1.2621775e-29" },
    };
    char text[NUMBER_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        number_float(rows[i].v, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void whole_numbers_of_every_length(void **state) {
    (void)state;
    char text[NUMBER_TEXT_MAX], expected[NUMBER_TEXT_MAX];
    uint64_t v = 1;
    for (int digits = 1; digits < 20; digits++, v *= 10)
        for (int near = -1; near <= 1; near++) {
            const int64_t some = (int64_t)v + near;
            sprintf(expected, "%lld", (long long)some);
            const size_t n = number_int(some, text);
            assert_int_equal(n, strlen(expected));
            assert_string_equal(text, expected);
            sprintf(expected, "%lld", (long long)-some);
            number_int(-some, text);
            assert_string_equal(text, expected);
            if (some > UINT32_MAX)
                continue;
            sprintf(expected, "%lld", (long long)some);
            text[number_uint((uint32_t)some, text)] = 0;
            assert_string_equal(text, expected);
        }
    number_int(INT64_MIN, text);
    assert_string_equal(text, "-9223372036854775808");
    text[number_uint(UINT32_MAX, text)] = 0;
    assert_string_equal(text, "4294967295");
}

static void lists_of_numbers_are_written_as_one_by_one(void **state) {
    (void)state;
    static const uint32_t v[] = { 0, 7, 10, 99, 100, 4294967295u };
    for (size_t n = 0; n <= 3; n++) {
        struct strbuf b = { 0 };
        struct json_writer w;
        json_writer_init(&w, &b, false);
        jw_object(&w);
        jw_key(&w, "ids");
        jw_uints(&w, v, 2 * n);
        jw_key(&w, "pairs");
        jw_uint_pairs(&w, v, n);
        jw_end_object(&w);
        static const char *const expected[] = { "{\"ids\": [], \"pairs\": []}",
            "{\"ids\": [0, 7], \"pairs\": [[0, 7]]}",
            "{\"ids\": [0, 7, 10, 99], \"pairs\": [[0, 7], [10, 99]]}",
            "{\"ids\": [0, 7, 10, 99, 100, 4294967295], \"pairs\": [[0, 7], [10, 99], [100, "
            "4294967295]]}" };
        assert_string_equal(strbuf_str(&b), expected[n]);
        strbuf_release(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_read_back_from_the_fewest_digits),
        cmocka_unit_test(floats_at_the_edges_do_too),
        cmocka_unit_test(doubles_do_too),
        cmocka_unit_test(floats_look_as_numpy_prints_them),
        cmocka_unit_test(whole_numbers_of_every_length),
        cmocka_unit_test(lists_of_numbers_are_written_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
