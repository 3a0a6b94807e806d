/* Random numbers for our own resampling and simulations: splitmix64, one 64-bit word of state, so
 * that a stream of its own for every resample costs nothing and results depend on no thread. What
 * has to equal a reference draws with evaluator/metric's Mersenne Twister instead. */
#ifndef ASSAY_DRAW_H
#define ASSAY_DRAW_H

#include <stdint.h>

struct draw {
    uint64_t state;
};

static inline uint64_t draw_word(struct draw *d) {
    uint64_t x = d->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The stream of this number under this seed: unrelated to those of other numbers. */
static inline struct draw draw_stream(uint64_t seed, uint64_t number) {
    struct draw d = { seed };
    d.state = draw_word(&d) ^ number * 0xd1342543de82ef95u;
    d.state = draw_word(&d);
    return d;
}

/* 0 .. n - 1, n <= 2^32. The bias is below n / 2^32, a thousandth of what 10,000 draws can show. */
static inline uint32_t draw_below(struct draw *d, uint64_t n) {
    return (uint32_t)((draw_word(d) >> 32) * n >> 32);
}

static inline double draw_unit(struct draw *d) { /* 0 <= x < 1 */
    return (double)(draw_word(d) >> 11) * 0x1p-53;
}

double draw_normal(struct draw *d);

#endif
