/* The kernels of packed.h, written once with vectors of the compiler's. A packed_<isa>.c defines
 * PACKED_KERNELS as the name of its table, includes this, and is compiled with that instruction
 * set's flags; nothing else may include it. */
#include "base/stats/packed.h"

typedef uint16_t lanes __attribute__((vector_size(2 * LANES)));

enum { TABLES = 2 }; /* 32 KiB: what a first-level cache holds */

static void make_table(lanes table[1 << GROUP], const uint16_t *weights) {
    table[0] = (lanes) { 0 };
    for (size_t bit = 0; bit < GROUP; bit++) {
        const lanes *weight = (const lanes *)(const void *)(weights + bit * LANES);
        for (size_t i = 0; i < (size_t)1 << bit; i++)
            table[((size_t)1 << bit) + i] = table[i] + *weight;
    }
}

static void add_two(lanes table[TABLES][1 << GROUP], const uint8_t *first, const uint8_t *second,
    size_t n_rows, lanes *sums) {
    for (size_t row = 0; row < n_rows; row++)
        sums[row] += table[0][first[row]] + table[1][second[row]];
}

static void add_weights(const uint8_t *bytes, size_t stride, const uint16_t *weights,
    size_t n_groups, size_t n_rows, uint16_t *sums) {
    lanes table[TABLES][1 << GROUP], *out = (lanes *)(void *)sums;
    size_t group = 0;
    for (; group + TABLES <= n_groups; group += TABLES) {
        for (size_t k = 0; k < TABLES; k++)
            make_table(table[k], weights + (group + k) * GROUP * LANES);
        add_two(table, bytes + group * stride, bytes + (group + 1) * stride, n_rows, out);
    }
    if (group < n_groups) {
        make_table(table[0], weights + group * GROUP * LANES);
        for (size_t row = 0; row < n_rows; row++)
            out[row] += table[0][bytes[group * stride + row]];
    }
}

static size_t count_differing(const uint64_t *a, const uint64_t *b, size_t n_words) {
    size_t count = 0;
    for (size_t i = 0; i < n_words; i++)
        count += (size_t)__builtin_popcountll(a[i] ^ b[i]);
    return count;
}

static size_t count_below(const float *x, size_t n, float bound) {
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += x[i] < bound;
    return count;
}

/* Few are wanted: most stretches are passed over with a glance. */
static size_t gather(const float *x, size_t n, float low, float high, float *out, size_t max) {
    enum { STRETCH = 32 };
    size_t found = 0;
    for (size_t from = 0; from < n; from += STRETCH) {
        size_t to = from + STRETCH < n ? from + STRETCH : n;
        int any = 0;
        for (size_t i = from; i < to; i++)
            any |= (x[i] >= low) & (x[i] < high);
        for (size_t i = from; any && i < to && found < max; i++)
            if (x[i] >= low && x[i] < high)
                out[found++] = x[i];
    }
    return found;
}

enum { PARTIAL = 16 };

static void subtract(
    const float *a, const float *b, size_t n, float *out, double *sum, double *squares) {
    double sums[PARTIAL] = { 0 }, more[PARTIAL] = { 0 };
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] - b[i];
    for (size_t i = 0; i < n; i += PARTIAL)
        for (size_t k = 0; k < PARTIAL && i + k < n; k++) {
            sums[k] += out[i + k];
            more[k] += (double)out[i + k] * out[i + k];
        }
    *sum = *squares = 0;
    for (size_t k = 0; k < PARTIAL; k++) {
        *sum += sums[k];
        *squares += more[k];
    }
}

const struct packed_kernels PACKED_KERNELS = { PACKED_NAME, add_weights, count_differing,
    count_below, gather, subtract };
