/* Which matrices are expanded, where that is left to the device: in the order of making, each for
 * which there is room beside what all that are still to come take at least. What there will be is
 * said ahead (backend.h: expect); weights of which nobody said anything get room as they come.
 *
 * So, if all of them fit in some form, the last one finds its room, however much the first ones
 * took. What every backend counts by. */
#ifndef ASSAY_HARNESS_CPU_BUDGET_H
#define ASSAY_HARNESS_CPU_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that a weight takes in the device's memory: expanded, and if it is not; the same, where it
 * has to be. */
struct weight_cost {
    uint64_t expanded, least;
};

struct budget {
    uint64_t room;           /* for all weights */
    uint64_t taken, to_come; /* by those that are made; by the others, at least */
    struct weight_cost all;
    uint64_t spare; /* needed beside them once one is not expanded */
};

static inline uint64_t budget_less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static inline void budget_expect(struct budget *b, struct weight_cost cost) {
    b->to_come += cost.least;
    b->all.expanded += cost.expanded;
    b->all.least += cost.least;
}

/* What all of them take at least. */
static inline uint64_t budget_least(const struct budget *b) {
    uint64_t held = b->all.least + b->spare;
    return b->all.expanded < held ? b->all.expanded : held;
}

static inline bool budget_expands(const struct budget *b, struct weight_cost cost) {
    uint64_t spare = b->all.expanded > b->room ? b->spare : 0;
    uint64_t others = budget_less(b->to_come, cost.least);
    return cost.expanded <= budget_less(b->room, b->taken + others + spare);
}

static inline void budget_take(struct budget *b, struct weight_cost cost, uint64_t bytes) {
    b->taken += bytes;
    b->to_come = budget_less(b->to_come, cost.least);
}

#endif
