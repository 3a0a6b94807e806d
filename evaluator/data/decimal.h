/* Inside the data room: a decimal, an integer and how many of its digits stand behind the point, to
 * the nearest double. */
#ifndef ASSAY_DATA_DECIMAL_H
#define ASSAY_DATA_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_MAX_BYTES = 32, DECIMAL_EXACT_POWERS = 23 };

/* 10^i, those that a double has without rounding: products and quotients with a whole number up to
 * 2^53 are rounded once, which is right (Clinger). */
extern const double decimal_powers[DECIMAL_EXACT_POWERS];

double decimal_from_int(int64_t i, unsigned scale);
/* Big-endian two's complement, at most DECIMAL_MAX_BYTES; NaN where there are more. */
double decimal_from_bytes(const uint8_t *bytes, size_t n, unsigned scale);

#endif
