/* Numbers as the shortest text that reads back as the same number, fast enough for millions. */
#ifndef ASSAY_NUMBER_H
#define ASSAY_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 40 /* bytes that any of these texts takes, with its NUL */

/* Decimal digits into `out`, NUL-terminated; returns how many bytes were written before the NUL. */
size_t number_int(int64_t v, char *out);

/* The same without a NUL: one to ten digits. */
size_t number_uint(uint32_t v, char *out);

/* A finite number in Python's layout of it: 0.1, 1e-07, 1.0. */
size_t number_float(float v, char *out);
size_t number_double(double v, char *out);

#endif
