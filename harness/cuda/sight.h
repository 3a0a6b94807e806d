/* What a row of attention sees, as C and all kernels for it have it: it follows from the row's
 * position and, for rows that see ahead, from where its segment ends. See struct attention. */
#ifndef ASSAY_HARNESS_CUDA_SIGHT_H
#define ASSAY_HARNESS_CUDA_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define ON_BOTH static __host__ __device__ __forceinline__
#else
#define ON_BOTH static inline
#endif

struct attend_rule {
    bool causal, ancestors_only;
    uint32_t window; /* 0: none */
};

/* Positions [from, to). */
struct attend_sight {
    uint32_t from, to;
};

/* Of the row at a position of a segment, which has positions `own`, those behind it that no row is
 * asked of included. Both ends move forward with the position. */
ON_BOTH struct attend_sight attend_sees(
    struct attend_rule rule, struct attend_sight own, uint64_t position) {
    uint64_t from = 0, to = rule.causal ? position + 1 : own.to;
    if (rule.ancestors_only) {
        to = own.from;
    } else if (rule.window != 0) {
        from = position + 1 > rule.window ? position + 1 - rule.window : 0;
        if (!rule.causal && position + rule.window < to)
            to = position + rule.window;
    }
    struct attend_sight sight = { (uint32_t)from, (uint32_t)to };
    return sight;
}

#endif
