/* Inside the data room: numbers as files have them, whatever the machine's order: little-endian
 * integers, and varints, seven bits a byte, the lowest first. */
#ifndef ASSAY_DATA_LITTLE_H
#define ASSAY_DATA_LITTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of n bytes, at most 8. */
static inline uint64_t little(const uint8_t *p, size_t n) {
    uint64_t value = 0;
    for (size_t i = n; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

/* Steps over it; false where it ends too late, or the bytes do first. */
static inline bool varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Signed numbers, small ones of either sign first. */
static inline int64_t zigzag(uint64_t u) {
    return (int64_t)(u >> 1 ^ -(u & 1));
}

#endif
