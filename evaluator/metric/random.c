/* Random numbers, bit for bit as CPython and numpy draw them: one MT19937, two ways to seed it and
 * two ways to take an integer below n from it.
 *
 * CPython (random.py, _randommodule.c): seeded by init_by_array over the seed's 32-bit words; an
 * integer below n is getrandbits(bit length of n), drawn again while too large; choices()
 * multiplies a 53-bit double. numpy.random.RandomState: seeded by the plain recurrence; an integer
 * up to n is a draw masked to n's bits, drawn again while too large. Permutations are Fisher and
 * Yates from the end in both. */
#include "evaluator/metric/metric.h"

#include <math.h>

#include "base/mem.h"

enum { N = 624, M = 397 };

static void seed_plain(struct mt19937 *r, uint32_t seed) {
    r->state[0] = seed;
    for (uint32_t i = 1; i < N; i++) {
        uint32_t before = r->state[i - 1];
        r->state[i] = 1812433253u * (before ^ before >> 30) + i;
    }
    r->next = N;
}

static void seed_words(struct mt19937 *r, const uint32_t *words, uint32_t n) {
    uint32_t *s = r->state, i = 1, j = 0;
    seed_plain(r, 19650218u);
    for (uint32_t step = N > n ? N : n; step > 0; step--) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1664525u) + words[j] + j;
        j = (j + 1) % n;
        if (++i == N) {
            s[0] = s[N - 1];
            i = 1;
        }
    }
    for (uint32_t step = N - 1; step > 0; step--) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1566083941u) - i;
        if (++i == N) {
            s[0] = s[N - 1];
            i = 1;
        }
    }
    s[0] = 0x80000000u;
}

static void refill(struct mt19937 *r) {
    uint32_t *s = r->state;
    for (unsigned i = 0; i < N; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7fffffffu);
        s[i] = s[(i + M) % N] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->next = 0;
}

static uint32_t draw(struct mt19937 *r) {
    if (r->next >= N)
        refill(r);
    uint32_t y = r->state[r->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void python_seed(struct mt19937 *r, uint64_t seed) {
    uint32_t words[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    seed_words(r, words, words[1] ? 2 : 1);
}

double python_random(struct mt19937 *r) {
    uint32_t a = draw(r) >> 5, b = draw(r) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* getrandbits(bits), 1 <= bits <= 64: low word first, the last one cut from above. */
static uint64_t draw_bits(struct mt19937 *r, unsigned bits) {
    if (bits <= 32)
        return draw(r) >> (32 - bits);
    uint64_t low = draw(r);
    return low | (uint64_t)(draw(r) >> (64 - bits)) << 32;
}

uint64_t python_randbelow(struct mt19937 *r, uint64_t n) {
    BUG_IF(n == 0);
    unsigned bits = 64 - (unsigned)__builtin_clzll(n);
    uint64_t x = draw_bits(r, bits);
    while (x >= n)
        x = draw_bits(r, bits);
    return x;
}

static void sample_from_pool(struct mt19937 *r, size_t n, size_t k, size_t *out) {
    size_t *pool = xcalloc(n, sizeof *pool);
    for (size_t i = 0; i < n; i++)
        pool[i] = i;
    for (size_t i = 0; i < k; i++) {
        size_t j = (size_t)python_randbelow(r, n - i);
        out[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
    free(pool);
}

static void sample_by_rejection(struct mt19937 *r, size_t n, size_t k, size_t *out) {
    uint64_t *taken = xcalloc(n / 64 + 1, sizeof *taken);
    for (size_t i = 0; i < k; i++) {
        size_t j;
        do
            j = (size_t)python_randbelow(r, n);
        while (taken[j / 64] >> j % 64 & 1);
        taken[j / 64] |= (uint64_t)1 << j % 64;
        out[i] = j;
    }
    free(taken);
}

void python_sample(struct mt19937 *r, size_t n, size_t k, size_t *out) {
    BUG_IF(k > n);
    /* CPython's guess of a set's size decides between two algorithms that draw differently. */
    double set_size = 21;
    if (k > 5)
        set_size += pow(4, ceil(log((double)k * 3) / log(4)));
    if ((double)n <= set_size)
        sample_from_pool(r, n, k, out);
    else
        sample_by_rejection(r, n, k, out);
}

void python_choices(struct mt19937 *r, size_t n, size_t k, size_t *out) {
    BUG_IF(n == 0 && k > 0);
    for (size_t i = 0; i < k; i++)
        out[i] = (size_t)(python_random(r) * (double)n);
}

static void swap(size_t *items, size_t i, size_t j) {
    size_t kept = items[i];
    items[i] = items[j];
    items[j] = kept;
}

void python_shuffle(struct mt19937 *r, size_t *items, size_t n) {
    for (size_t i = n; i-- > 1;)
        swap(items, i, (size_t)python_randbelow(r, i + 1));
}

void numpy_seed(struct mt19937 *r, uint32_t seed) {
    seed_plain(r, seed);
}

/* random_interval(): uniform on 0..max. */
static uint64_t draw_upto(struct mt19937 *r, uint64_t max) {
    if (max == 0)
        return 0;
    uint64_t mask = UINT64_MAX >> __builtin_clzll(max), x;
    do {
        x = max > UINT32_MAX ? (uint64_t)draw(r) << 32 : 0;
        x = (x | draw(r)) & mask;
    } while (x > max);
    return x;
}

void numpy_shuffle(struct mt19937 *r, size_t *items, size_t n) {
    for (size_t i = n; i-- > 1;)
        swap(items, i, (size_t)draw_upto(r, i));
}

void numpy_permutation(struct mt19937 *r, size_t n, size_t *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = i;
    numpy_shuffle(r, out, n);
}

double numpy_random(struct mt19937 *r) {
    return python_random(r);
}

uint64_t numpy_below(struct mt19937 *r, uint64_t n) {
    BUG_IF(n == 0);
    return draw_upto(r, n - 1);
}

void numpy_choice_init(struct numpy_choice *c, size_t n) {
    double p = (double)(1 / (float)n), sum = 0;
    *c = (struct numpy_choice) { n, xcalloc(n, sizeof *c->cumulated) };
    for (size_t i = 0; i < n; i++)
        c->cumulated[i] = sum += p;
    for (size_t i = 0; i < n; i++)
        c->cumulated[i] /= sum;
}

void numpy_choice_release(struct numpy_choice *c) {
    free(c->cumulated);
    *c = (struct numpy_choice) { 0 };
}

size_t numpy_choice_draw(const struct numpy_choice *c, struct mt19937 *r) {
    double x = numpy_random(r);
    size_t low = 0, high = c->n; /* the first that is above x */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->cumulated[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low < c->n ? low : c->n - 1;
}
