/* See decimal.h. A quotient of two doubles is right where both are exact; elsewhere the digits are
 * written out and read by the C library, which rounds once. */
#include "evaluator/data/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_POWER = 22 };

/* Divides the magnitude by ten; the remainder. */
static unsigned divide(uint8_t *magnitude, size_t n) {
    unsigned rest = 0;
    for (size_t i = 0; i < n; i++) {
        rest = rest << 8 | magnitude[i];
        magnitude[i] = (uint8_t)(rest / 10);
        rest %= 10;
    }
    return rest;
}

static bool is_zero(const uint8_t *magnitude, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (magnitude[i])
            return false;
    return true;
}

static double read_digits(uint8_t *magnitude, size_t n, bool negative, unsigned scale) {
    char text[3 * DECIMAL_MAX_BYTES + 16], *end = text + sizeof text - 16, *at = end;
    do
        *--at = (char)('0' + divide(magnitude, n));
    while (!is_zero(magnitude, n));
    snprintf(end, 16, "e-%u", scale);
    double d = strtod(at, NULL);
    return negative ? -d : d;
}

static void negate(uint8_t *p, size_t n) {
    unsigned carry = 1;
    for (size_t i = n; i-- > 0;) {
        carry += (uint8_t)~p[i];
        p[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

double decimal_from_bytes(const uint8_t *bytes, size_t n, unsigned scale) {
    uint8_t magnitude[DECIMAL_MAX_BYTES];
    if (n > DECIMAL_MAX_BYTES)
        return NAN;
    bool negative = n > 0 && bytes[0] >= 128;
    memcpy(magnitude, bytes, n);
    if (negative)
        negate(magnitude, n);
    return read_digits(magnitude, n, negative, scale);
}

double decimal_from_int(int64_t i, unsigned scale) {
    static const double powers[EXACT_POWER + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
        1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (-(1ll << 53) <= i && i <= 1ll << 53 && scale <= EXACT_POWER)
        return (double)i / powers[scale];
    uint8_t bytes[8];
    for (int b = 0; b < 8; b++)
        bytes[b] = (uint8_t)((uint64_t)i >> (56 - 8 * b));
    return decimal_from_bytes(bytes, sizeof bytes, scale);
}
