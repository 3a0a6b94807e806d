/* GPT-2's alphabet: a printable character for each of the 256 bytes, so that a vocabulary of bytes
 * can be text. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_BYTE_LEVEL_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_BYTE_LEVEL_H

#include <stdint.h>

/* Bytes that print stand for themselves; the 68 others follow from U+0100 on. */
static inline uint32_t byte_level_char(uint8_t b) {
    if (b <= 0x20) {
        return 0x100u + b;
    }
    if (b >= 0x7f && b <= 0xa0) {
        return 0x121u + b - 0x7f;
    }
    return b == 0xad ? 0x143u : b;
}

/* The byte that a character stands for, or -1. */
static inline int byte_level_byte(uint32_t cp) {
    if (cp >= 0x100 && cp <= 0x120) {
        return (int)(cp - 0x100);
    }
    if (cp >= 0x121 && cp <= 0x142) {
        return (int)(cp - 0x121 + 0x7f);
    }
    if (cp == 0x143) {
        return 0xad;
    }
    return cp < 0x100 && byte_level_char((uint8_t)cp) == cp ? (int)cp : -1;
}

#define BYTE_LEVEL_REGEX                                                                           \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

#endif
