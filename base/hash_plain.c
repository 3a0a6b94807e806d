/* SHA-256 by FIPS 180-4, for builds without libcrypto (see hash.h): bytes in memory only. */
#include "base/hash.h"

#include <string.h>

#include "base/mem.h"

enum { BLOCK = 64, ROUNDS = 64 };

struct sha256 {
    uint32_t state[8];
    uint64_t n; /* bytes so far */
    uint8_t block[BLOCK];
};

static const uint32_t constants[ROUNDS] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
    0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static uint32_t turn(uint32_t x, unsigned by) {
    return x >> by | x << (32 - by);
}

/* The 64 words that a block becomes. */
static void spread(const uint8_t *block, uint32_t w[ROUNDS]) {
    for (size_t i = 0; i < 16; i++) {
        const uint8_t *b = block + 4 * i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (size_t i = 16; i < ROUNDS; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
}

static void compress(uint32_t state[8], const uint8_t *block) {
    uint32_t w[ROUNDS], s[8];
    spread(block, w);
    memcpy(s, state, sizeof s);
    for (size_t i = 0; i < ROUNDS; i++) {
        uint32_t e = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25),
                 choice = (s[4] & s[5]) ^ (~s[4] & s[6]),
                 first = s[7] + e + choice + constants[i] + w[i],
                 a = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22),
                 majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first;
        s[0] = first + a + majority;
    }
    for (size_t i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

struct sha256 *sha256_new(void) {
    static const uint32_t begin[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
        0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    struct sha256 *h = xcalloc(1, sizeof *h);
    memcpy(h->state, begin, sizeof begin);
    return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t n) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++) {
        h->block[h->n++ % BLOCK] = bytes[i];
        if (h->n % BLOCK == 0) {
            compress(h->state, h->block);
        }
    }
}

/* A one, zeros, and the number of bits at the end of a block. */
void sha256_end(struct sha256 *h, char hex[65]) {
    static const uint8_t one = 0x80, zero = 0;
    const uint64_t bits = 8 * h->n;
    sha256_add(h, &one, 1);
    while (h->n % BLOCK != BLOCK - 8) {
        sha256_add(h, &zero, 1);
    }
    for (int i = 7; i >= 0; i--) {
        sha256_add(h, &(uint8_t) { (uint8_t)(bits >> 8 * i) }, 1);
    }
    for (size_t i = 0; i < 8; i++) {
        snprintf(hex + 8 * i, 9, "%08x", h->state[i]);
    }
    free(h);
}

void sha256_hex(const void *data, size_t n, char hex[65]) {
    struct sha256 *h = sha256_new();
    sha256_add(h, data, n);
    sha256_end(h, hex);
}
