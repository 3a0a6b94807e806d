/* Numbers to text (see number.h).
 *
 * A float goes by Schubfach (R. Giulietti, 2020): of the decimals inside the interval that rounds
 * to it, the shortest, and of those the nearest, found with one 64-bit power of ten and no division
 * but by ten. A double goes by the 64 bits of a long double where these can tell, else it is tried
 * from 15 digits up. */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PAIRS[] = "000102030405060708091011121314151617181920212223242526272829303132"
                            "33343536373839404142434445464748495051525354555657585960616263646566"
                            "676869707172737475767778798081828384858687888990919293949596979899";

/* Digits of v, the last of them before `end`; returns where the first is. */
static char *digits_before(char *end, uint64_t v) {
    for (; v >= 100; v /= 100)
        memcpy(end -= 2, PAIRS + v % 100 * 2, 2);
    if (v >= 10)
        return memcpy(end - 2, PAIRS + v * 2, 2);
    *--end = (char)('0' + v);
    return end;
}

size_t number_uint(uint32_t v, char *out) {
    if (v < 100) {
        const size_t n = 1 + (v >= 10);
        memcpy(out, PAIRS + v * 2 + (2 - n), n);
        return n;
    }
    size_t n = 3;
    for (uint32_t rest = v / 1000; rest; rest /= 10)
        n++;
    digits_before(out + n, v);
    return n;
}

size_t number_int(int64_t v, char *out) {
    char text[NUMBER_TEXT_MAX], *end = text + sizeof text;
    char *from = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    if (v < 0)
        *--from = '-';
    size_t n = (size_t)(end - from);
    memcpy(out, from, n);
    out[n] = 0;
    return n;
}

/* ---- layout ---- */

/* A decimal d.ddd * 10^exponent. */
struct decimal_text {
    char digits[24];
    int n, exponent;
    bool negative;
};

static size_t exponent_form(const struct decimal_text *d, char *out) {
    char *o = out;
    *o++ = d->digits[0];
    if (d->n > 1) {
        *o++ = '.';
        memcpy(o, d->digits + 1, (size_t)d->n - 1);
        o += d->n - 1;
    }
    int e = abs(d->exponent);
    *o++ = 'e';
    *o++ = d->exponent < 0 ? '-' : '+';
    if (e < 10)
        *o++ = '0';
    o += number_int(e, o);
    return (size_t)(o - out);
}

static size_t plain_form(const struct decimal_text *d, char *out) {
    char *o = out;
    if (d->exponent < 0) {
        memcpy(o, "0.000", 5);
        o += 1 - d->exponent;
        memcpy(o, d->digits, (size_t)d->n);
        return (size_t)(o + d->n - out);
    }
    int whole = d->exponent + 1, given = d->n < whole ? d->n : whole;
    memcpy(o, d->digits, (size_t)given);
    memset(o + given, '0', (size_t)(whole - given));
    o += whole;
    *o++ = '.';
    int rest = d->n - given;
    memcpy(o, rest ? d->digits + given : "0", rest ? (size_t)rest : 1);
    return (size_t)(o + (rest ? rest : 1) - out);
}

/* Python's layout: exponent form from 1e16 up and below 1e-4. */
static size_t layout(struct decimal_text *d, char *out) {
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
    if (d->negative)
        *out = '-';
    char *o = out + d->negative;
    o += d->exponent < -4 || d->exponent >= 16 ? exponent_form(d, o) : plain_form(d, o);
    *o = 0;
    return (size_t)(o - out);
}

/* ---- floats ---- */

/* 10^k for k in [-31, 45], as a number in [2^63, 2^64), rounded up. */
static const uint64_t POWERS[] = {
    // clang-format off
    0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e,
    0x9e74d1b791e07e49, 0xc612062576589ddb, 0xf79687aed3eec552, 0x9abe14cd44753b53,
    0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
    0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c,
    0x901d7cf73ab0acda, 0xb424dc35095cd810, 0xe12e13424bb40e14, 0x8cbccc096f5088cc,
    0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
    0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c,
    0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b, 0xcccccccccccccccd, 0x8000000000000000,
    0xa000000000000000, 0xc800000000000000, 0xfa00000000000000, 0x9c40000000000000,
    0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000,
    0xee6b280000000000, 0x9502f90000000000, 0xba43b74000000000, 0xe8d4a51000000000,
    0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000,
    0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000, 0xad78ebc5ac620000,
    0xd8d726b7177a8000, 0x878678326eac9000, 0xa968163f0a57b400, 0xd3c21bcecceda100,
    0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
    0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e,
    0xc5371912364ce306, 0xf684df56c3e01bc7, 0x9a130b963a6c115d, 0xc097ce7bc90715b4,
    0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
    0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70,
    0xb35dbf821ae4f38c,
    // clang-format on
};

/* floor(log10(2^q)), floor(log10(3/4 2^q)), floor(log2(10^k)): exact for every float. */
static int log10_pow2(int q) {
    return (q * 1262611) >> 22;
}
static int log10_three_quarters_pow2(int q) {
    return (q * 1262611 - 524031) >> 22;
}
static int log2_pow10(int k) {
    return (k * 1741647) >> 19;
}

/* The upper half of a product, its last bit set where anything was cut off. */
static uint32_t round_to_odd(uint64_t power, uint32_t v) {
    __uint128_t p = (__uint128_t)power * v;
    return (uint32_t)(p >> 64) | ((uint32_t)(p >> 32) > 1);
}

/* v = c 2^q and the interval that rounds to it, in quarters of 10^k. */
struct interval {
    uint32_t low, middle, high;
    int k;
};

static struct interval interval_of(uint32_t c, int q, bool nearer_below) {
    struct interval i = { .k = nearer_below ? log10_three_quarters_pow2(q) : log10_pow2(q) };
    const int shift = q + log2_pow10(-i.k) + 1;
    const uint64_t power = POWERS[31 - i.k];
    const uint32_t odd = c & 1; /* ends of the interval round to the even neighbour */
    i.low = round_to_odd(power, (4 * c - 2 + nearer_below) << shift) + odd;
    i.middle = round_to_odd(power, (4 * c) << shift);
    i.high = round_to_odd(power, (4 * c + 2) << shift) - odd;
    return i;
}

/* The decimal *s 10^k, k returned: one digit less where just one such number is inside. */
static int shortest_in(struct interval i, uint32_t *s) {
    const uint32_t whole = i.middle / 4, tens = whole / 10;
    if (whole >= 10) {
        const bool below = i.low <= 40 * tens, above = 40 * tens + 40 <= i.high;
        if (below != above) {
            *s = tens + above;
            return i.k + 1;
        }
    }
    const bool below = i.low <= 4 * whole, above = 4 * whole + 4 <= i.high;
    const uint32_t half = 4 * whole + 2;
    const bool up = i.middle > half || (i.middle == half && whole % 2);
    *s = whole + (below != above ? above : up);
    return i.k;
}

size_t number_float(float v, char *out) {
    uint32_t bits, s = 0;
    memcpy(&bits, &v, sizeof bits);
    const uint32_t fraction = bits & 0x7fffff, biased = bits >> 23 & 0xff;
    struct decimal_text d = { .negative = bits >> 31 };
    int exponent = 0;
    if (biased)
        exponent = shortest_in(
            interval_of(fraction | 1u << 23, (int)biased - 150, fraction == 0 && biased > 1), &s);
    else if (fraction)
        exponent = shortest_in(interval_of(fraction, -149, false), &s);
    char *end = d.digits + sizeof d.digits, *from = digits_before(end, s);
    d.n = (int)(end - from);
    d.exponent = exponent + d.n - 1;
    memmove(d.digits, from, (size_t)d.n);
    return layout(&d, out);
}

/* ---- doubles ---- */

static bool reads_back(const char *text, double v) {
    return strtod(text, NULL) == v;
}

/* Adds one to the last digit of "d.ddde±xx"; false where that would carry all the way. */
static bool bump(char *text) {
    for (char *at = strchr(text, 'e'); at-- > text;) {
        if (*at >= '0' && *at < '9') {
            ++*at;
            return true;
        }
        if (*at == '9')
            *at = '0';
    }
    return false;
}

/* Below a power of two the neighbour is half as far away as above it, so that the nearest short
 * decimal may read back as another number where the next one up does not. */
static bool bumped_reads_back(char *text, double v) {
    char up[NUMBER_TEXT_MAX];
    int exponent;
    strcpy(up, text);
    if (fabs(frexp(v, &exponent)) != 0.5 || !bump(up) || !reads_back(up, v))
        return false;
    strcpy(text, up);
    return true;
}

/* From "d.ddde±xx". */
static struct decimal_text scanned(const char *scientific) {
    struct decimal_text d = { .negative = *scientific == '-' };
    const char *at = scientific + d.negative;
    for (; *at != 'e'; at++)
        if (*at != '.')
            d.digits[d.n++] = *at;
    d.exponent = atoi(at + 1);
    return d;
}

/* ---- most doubles, in long double ---- */

#define SCALE_MAX                                                                                  \
    27                /* 10^27 is 5^27 * 2^27, and 5^27 has 63 bits: a long double has it exactly  \
                       */
#define DIGITS_MAX 17 /* of them every double is one */
/* What a product of a 17-digit number may be off by, and more: an 80-bit one lies 2^-8 apart. */
#define SLACK 0.0625L

static const long double TENS[SCALE_MAX + 1] = { 1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L,
    1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L,
    1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L };

/* v * 10^scale, of which 17 digits stand before the point. */
static long double scaled(double v, int *scale) {
    int binary;
    (void)frexp(v, &binary);
    *scale = DIGITS_MAX - 1 - (int)floor((binary - 1) * 0.30102999566398120);
    if (*scale < 0 || *scale > SCALE_MAX)
        return 0;
    long double x = v * TENS[*scale];
    if (x >= 1e17L && *scale > 0) /* the power of two said a little less */
        x = v * TENS[--*scale];
    return x;
}

/* The shortest of 15, 16 and 17 digits that reads back, as a whole number; 0 where a product's
 * last bits would decide, and all that is as far from 1 as that it can't be had so. */
static uint64_t nearest_digits(double v, int *scale) {
    long double x = scaled(v, scale);
    if (LDBL_MANT_DIG < 64 || x < 1e16L || x >= 1e17L)
        return 0;
    int binary;
    if (frexp(v, &binary) == 0.5) /* neighbours at two distances */
        return 0;
    const long double half = ldexpl(1, binary - DBL_MANT_DIG - 1) * TENS[*scale];
    for (uint64_t unit = 100; unit; unit /= 10) {
        const long double in_units = x / (long double)unit;
        const uint64_t whole = (uint64_t)(in_units + 0.5L);
        const long double off = fabsl((long double)whole - in_units) * (long double)unit;
        if (fabsl(off - (long double)unit / 2) < SLACK || fabsl(off - half) < SLACK)
            return 0;
        if (off < half)
            return whole * unit;
    }
    return 0;
}

static bool in_long_double(double v, struct decimal_text *d) {
    int scale;
    uint64_t whole = nearest_digits(fabs(v), &scale);
    if (!whole)
        return false;
    d->exponent = -scale;
    d->negative = v < 0;
    char text[NUMBER_TEXT_MAX], *end = text + sizeof text, *from;
    for (; whole % 10 == 0; whole /= 10)
        d->exponent++;
    from = digits_before(end, whole);
    d->n = (int)(end - from);
    memcpy(d->digits, from, (size_t)d->n);
    d->exponent += d->n - 1;
    return true;
}

/* ---- any double ---- */

static struct decimal_text tried(double v) {
    char text[NUMBER_TEXT_MAX];
    int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; /* subnormal numbers have fewer */
    for (;; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, v);
        if (digits == DBL_DECIMAL_DIG || reads_back(text, v) || bumped_reads_back(text, v))
            break;
    }
    return scanned(text);
}

size_t number_double(double v, char *out) {
    struct decimal_text d = { 0 };
    if (!in_long_double(v, &d))
        d = tried(v);
    return layout(&d, out);
}
