/* What the tests of the CUDA backend share: the same op on a device and on the CPU backend's plain
 * C kernels, from the same inputs, and what both made compared. Any number that is not finite
 * fails. */
#ifndef ASSAY_TESTS_CUDA_WORLD_H
#define ASSAY_TESTS_CUDA_WORLD_H

#include "tests/harness/cpu_world.h"

struct shape {
    uint32_t rows, cols, inner;
};

/* What an op made, as one list of numbers. */
struct made {
    float *data;
    size_t n;
};
float *made_room(struct made *m, size_t n);
void made_add(struct made *m, struct backend *b, struct rows x, uint32_t cols);

typedef void run_fn(struct backend *b, struct shape s, struct made *out);

enum { SHAPES_MAX = 7 };

struct op {
    const char *name;
    run_fn *run;
    double f32, bf16; /* tolerances; a rounded output may fall on the other side: 2^-8 */
    struct shape shapes[SHAPES_MAX]; /* up to one of no rows */
};

/* Each op on each of its shapes, on both. */
void ops_check(const struct op *ops, size_t n, enum dtype dtype);

struct backend *cuda_open(enum dtype dtype);

struct rows noise_rows(
    struct backend *b, uint32_t seed, uint32_t n, uint32_t cols, enum elem elem, float scale);
struct rows window(struct rows x, uint32_t from, uint32_t n);

/* n rows in the middle of a buffer: one before them, two behind; `whole`: all of it. */
struct rows noise_window(struct backend *b, uint32_t seed, uint32_t n, uint32_t cols,
    enum elem elem, float scale, struct rows *whole);

#endif
