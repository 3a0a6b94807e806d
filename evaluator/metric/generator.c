/* numpy's newer generator, bit for bit: a seed sequence that mixes the seed into a pool of four
 * words, PCG64 (XSL-RR) drawn from in halves of 32 bits, and integers below n by Lemire's
 * multiplication, in shuffles by masking. */
#include <math.h>

#include "base/mem.h"
#include "evaluator/metric/metric.h"

enum { POOL = 4 };

/* ---- SeedSequence ---- */

static uint32_t mix_in(uint32_t value, uint32_t *constant) {
    value ^= *constant;
    *constant *= 0x931e8875u;
    value *= *constant;
    return value ^ value >> 16;
}

static uint32_t mix(uint32_t x, uint32_t y) {
    uint32_t z = 0xca01f9ddu * x - 0x4973f715u * y;
    return z ^ z >> 16;
}

static void fill_pool(uint64_t seed, uint32_t pool[POOL]) {
    uint32_t words[POOL] = { (uint32_t)seed, (uint32_t)(seed >> 32) }, constant = 0x43b0d7e5u;
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = mix_in(words[i], &constant);
    for (unsigned from = 0; from < POOL; from++)
        for (unsigned to = 0; to < POOL; to++)
            if (from != to)
                pool[to] = mix(pool[to], mix_in(pool[from], &constant));
}

static void generate(const uint32_t pool[POOL], uint64_t out[POOL]) {
    uint32_t constant = 0x8b51f9ddu, words[2 * POOL];
    for (unsigned i = 0; i < 2 * POOL; i++) {
        uint32_t value = pool[i % POOL] ^ constant;
        constant *= 0x58f38dedu;
        value *= constant;
        words[i] = value ^ value >> 16;
    }
    for (unsigned i = 0; i < POOL; i++)
        out[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
}

/* ---- PCG64 ---- */

static unsigned __int128 pair(uint64_t high, uint64_t low) {
    return (unsigned __int128)high << 64 | low;
}

static void step(struct pcg64 *r) {
    r->state = r->state * pair(2549297995355413924u, 4865540595714422341u) + r->increment;
}

static uint64_t draw64(struct pcg64 *r) {
    step(r);
    uint64_t x = (uint64_t)(r->state >> 64) ^ (uint64_t)r->state;
    unsigned turn = (unsigned)(r->state >> 122);
    return x >> turn | x << (-turn & 63);
}

/* The lower half of a draw first, then the upper. */
static uint32_t draw32(struct pcg64 *r) {
    if (r->has_half) {
        r->has_half = false;
        return r->half;
    }
    uint64_t x = draw64(r);
    r->has_half = true;
    r->half = (uint32_t)(x >> 32);
    return (uint32_t)x;
}

void generator_seed(struct pcg64 *r, uint64_t seed) {
    uint32_t pool[POOL];
    uint64_t words[POOL];
    fill_pool(seed, pool);
    generate(pool, words);
    *r = (struct pcg64) { .increment = pair(words[2], words[3]) << 1 | 1 };
    step(r);
    r->state += pair(words[0], words[1]);
    step(r);
}

uint64_t generator_below(struct pcg64 *r, uint64_t n) {
    BUG_IF(n == 0 || n > UINT32_MAX);
    if (n == 1)
        return 0;
    uint64_t product = (uint64_t)draw32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (uint32_t)((UINT32_MAX - (n - 1)) % n);
        while ((uint32_t)product < threshold)
            product = (uint64_t)draw32(r) * n;
    }
    return product >> 32;
}

/* ---- orders and choices ---- */

static void swap(size_t *items, size_t i, size_t j) {
    size_t kept = items[i];
    items[i] = items[j];
    items[j] = kept;
}

/* The last items of a shuffle from the end, down to `first`. */
static void shuffle_down_to(struct pcg64 *r, size_t *items, size_t n, size_t first) {
    for (size_t i = n; i-- > first;)
        swap(items, i, (size_t)generator_below(r, i + 1));
}

/* shuffle() and permutation() take integers as RandomState does: masked, again while too large. */
static size_t draw_upto(struct pcg64 *r, size_t max) {
    uint32_t mask = UINT32_MAX >> __builtin_clz((uint32_t)max), x;
    do
        x = draw32(r) & mask;
    while (x > max);
    return x;
}

void generator_shuffle(struct pcg64 *r, size_t *items, size_t n) {
    BUG_IF(n > UINT32_MAX);
    for (size_t i = n; i-- > 1;)
        swap(items, i, draw_upto(r, i));
}

void generator_permutation(struct pcg64 *r, size_t n, size_t *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = i;
    generator_shuffle(r, out, n);
}

/* Floyd's sampling: each new place takes a number up to it, or itself where that one is taken. */
static void choose_by_set(struct pcg64 *r, size_t n, size_t k, size_t *out) {
    uint64_t *taken = xcalloc(n / 64 + 1, sizeof *taken);
    for (size_t j = n - k; j < n; j++) {
        size_t x = (size_t)generator_below(r, j + 1);
        if (taken[x / 64] >> x % 64 & 1)
            x = j;
        taken[x / 64] |= (uint64_t)1 << x % 64;
        out[j - (n - k)] = x;
    }
    free(taken);
    shuffle_down_to(r, out, k, 1);
}

void generator_choice(struct pcg64 *r, size_t n, size_t k, size_t *out) {
    BUG_IF(k > n);
    if (n <= 10000 || k <= n / 50) {
        choose_by_set(r, n, k, out);
        return;
    }
    size_t *all = xcalloc(n, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = i;
    shuffle_down_to(r, all, n, n - k > 1 ? n - k : 1);
    for (size_t i = 0; i < k; i++)
        out[i] = all[n - k + i];
    free(all);
}
