/* See decimal.h. A quotient of two doubles is right where both are exact; elsewhere the digits are
 * written out and read by the C library, which rounds once. */
#include "evaluator/data/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMBS = DECIMAL_MAX_BYTES / 4, DIGITS = 9 };
#define POWER 1000000000u // of DIGITS

const double decimal_powers[DECIMAL_EXACT_POWERS] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

/* A magnitude: 32 bits each, the highest first. */
struct magnitude {
    uint32_t limbs[LIMBS];
    size_t first; /* that is not zero; LIMBS if none is */
};

static void skip_zeros(struct magnitude *m) {
    while (m->first < LIMBS && m->limbs[m->first] == 0)
        m->first++;
}

static void read_magnitude(struct magnitude *m, const uint8_t *bytes, size_t n, bool negative) {
    uint64_t carry = negative;
    *m = (struct magnitude) { 0 };
    for (size_t i = 0; i < DECIMAL_MAX_BYTES; i++) {
        uint8_t byte = i < n ? bytes[n - 1 - i] : negative ? 0xff : 0;
        carry += negative ? (uint8_t)~byte : byte;
        m->limbs[LIMBS - 1 - i / 4] |= (uint32_t)(carry & 0xff) << i % 4 * 8;
        carry >>= 8;
    }
    skip_zeros(m);
}

/* Divides by POWER; the remainder. */
static uint32_t divide(struct magnitude *m) {
    uint64_t rest = 0;
    for (size_t i = m->first; i < LIMBS; i++) {
        rest = rest << 32 | m->limbs[i];
        m->limbs[i] = (uint32_t)(rest / POWER);
        rest %= POWER;
    }
    skip_zeros(m);
    return (uint32_t)rest;
}

static double read_digits(struct magnitude *m, unsigned scale) {
    enum { ROOM = 3 * DECIMAL_MAX_BYTES };
    char text[ROOM + 16], *at = text + ROOM;
    snprintf(at, 16, "e-%u", scale);
    do {
        uint32_t part = divide(m);
        for (int i = 0; i < DIGITS; i++, part /= 10)
            *--at = (char)('0' + part % 10);
    } while (m->first < LIMBS);
    return strtod(at, NULL);
}

double decimal_from_bytes(const uint8_t *bytes, size_t n, unsigned scale) {
    struct magnitude m;
    if (n > DECIMAL_MAX_BYTES)
        return NAN;
    bool negative = n > 0 && bytes[0] >= 128;
    read_magnitude(&m, bytes, n, negative);
    if (m.first == LIMBS - 1 && scale < DECIMAL_EXACT_POWERS) {
        int64_t small = (int64_t)m.limbs[LIMBS - 1];
        return decimal_from_int(negative ? -small : small, scale);
    }
    double d = read_digits(&m, scale);
    return negative ? -d : d;
}

double decimal_from_int(int64_t i, unsigned scale) {
    if (-(1ll << 53) <= i && i <= 1ll << 53 && scale < DECIMAL_EXACT_POWERS)
        return (double)i / decimal_powers[scale];
    uint8_t bytes[8];
    for (int b = 0; b < 8; b++)
        bytes[b] = (uint8_t)((uint64_t)i >> (56 - 8 * b));
    return decimal_from_bytes(bytes, sizeof bytes, scale);
}
