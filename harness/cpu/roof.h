/* The loops that show what a processor gives: multiply-adds that nothing but registers holds back,
 * and numbers read one after the other. Written once over a type and its operations, as
 * simd_kernels.h is. Sums have names of their own: an array of them would live in memory with some
 * compilers, and the figure would fall to less than half.
 *
 * Twelve chains hide the latency of two multiply-adds a cycle, of four cycles each, and leave
 * registers for the operands where there are sixteen. (An instruction set with more of both has
 * said so before.) A sum is a factor of the next step: a product of two constants would be made
 * once. */
#ifndef ASSAY_HARNESS_CPU_ROOF_H
#define ASSAY_HARNESS_CPU_ROOF_H

#ifndef ROOF_EACH
enum { ROOF_CHAINS = 12 };
#define ROOF_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#endif

#define ROOF_DECLARE(i) chain##i = ROOF_SET((float)i),
#define ROOF_ADD(i) total = ROOF_PLUS(total, chain##i);
#define ROOF_STEP(i) chain##i = ROOF_MULTIPLY_ADD(chain##i, a, b);
#define ROOF_READ(i) chain##i = ROOF_PLUS(chain##i, ROOF_LOAD(x + (size_t)(i)*ROOF_LANES));

/* float name(uint64_t steps): `steps` multiply-adds on each chain; what it returns means nothing
 * and keeps them from being left out. */
#define ROOF_MULTIPLY(name, type)                                                                  \
    static float name(uint64_t steps) {                                                            \
        type a = ROOF_SET(0.9999F), b = ROOF_SET(1e-6F), ROOF_EACH(ROOF_DECLARE) total = a;        \
        for (uint64_t k = 0; k < steps; k++) {                                                     \
            ROOF_EACH(ROOF_STEP)                                                                   \
        }                                                                                          \
        ROOF_EACH(ROOF_ADD)                                                                        \
        return ROOF_SUM(total);                                                                    \
    }

/* float name(n, x): reads n numbers, of which the last few may be left out. */
#define ROOF_STREAM(name, type)                                                                    \
    static float name(size_t n, const float *x) {                                                  \
        type ROOF_EACH(ROOF_DECLARE) total = ROOF_SET(0);                                          \
        const float *end = x + n / (ROOF_CHAINS * ROOF_LANES) * (ROOF_CHAINS * ROOF_LANES);        \
        for (; x < end; x += ROOF_CHAINS * ROOF_LANES) {                                           \
            ROOF_EACH(ROOF_READ)                                                                   \
        }                                                                                          \
        ROOF_EACH(ROOF_ADD)                                                                        \
        return ROOF_SUM(total);                                                                    \
    }

#endif
