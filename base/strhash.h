/* A keyed hash of byte strings, for tables of names that come from strangers. */
#ifndef ASSAY_STRHASH_H
#define ASSAY_STRHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static inline uint64_t strhash_mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static inline uint64_t strhash(uint64_t seed, const char *key, size_t n) {
    uint64_t h = seed ^ n * 0x9e3779b97f4a7c15u;
    while (n >= 8) {
        uint64_t word;
        memcpy(&word, key, 8);
        h = strhash_mix(h ^ word);
        key += 8;
        n -= 8;
    }
    uint64_t word = 0;
    if (n) {
        memcpy(&word, key, n);
    }
    return strhash_mix(h ^ word);
}

/* Differs from process to process; `address` of something does where there is no better. */
static inline uint64_t strhash_seed(const void *address) {
    uint64_t seed;
    return getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed
               ? seed
               : (uint64_t)(uintptr_t)address;
}

#endif
