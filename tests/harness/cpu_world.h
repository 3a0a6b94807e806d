/* What the tests of the CPU backend share: a backend on a given instruction set, weights and
 * activations made of reproducible noise, and comparisons that fail on anything non-finite. */
#ifndef ASSAY_TESTS_CPU_WORLD_H
#define ASSAY_TESTS_CPU_WORLD_H

#include "harness/backend.h"

struct setting {
    const char *isa;  /* ASSAY_ISA, or NULL */
    const char *gemm; /* "plain", "dnnl" */
    enum dtype dtype;
    unsigned threads;
};

/* NULL where this processor or build cannot (the test then says so and goes on). */
struct backend *world_open(const struct setting *setting);
/* And all that was made with world_* for any backend; b may be NULL. */
void world_close(struct backend *b);

/* Noise in [-scale, scale), the same for the same seed. */
void noise(uint32_t seed, size_t n, float scale, float *out);
float *noise_new(uint32_t seed, size_t n, float scale); /* freed by world_close */
void *world_alloc(size_t bytes);                        /* zeroed, freed by world_close */

struct matrix *world_matrix(struct backend *b, uint32_t n, uint32_t k, const float *data);
struct matrix *world_precise(struct backend *b, uint32_t n, uint32_t k, const float *data);
struct vector *world_vector(struct backend *b, uint32_t n, const float *data);
struct table *world_table(struct backend *b, uint32_t n, uint32_t c, const float *data);

/* A buffer that holds exactly these rows. */
struct rows world_rows(
    struct backend *b, uint32_t n, uint32_t cols, enum elem elem, const float *data);
struct rows world_empty(struct backend *b, uint32_t n, uint32_t cols, enum elem elem);
float *world_read(
    struct backend *b, struct rows x, uint32_t cols); /* as f32; freed by world_close */

/* |got - want| <= tolerance * (1 + |want|) for each, all finite. */
void assert_close(
    const char *what, size_t n, const float *got, const float *want, double tolerance);
/* The same bits; says where they differ. */
void assert_same_bits(const char *what, size_t n, const float *got, const float *want);

#endif
