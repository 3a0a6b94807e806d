/* Reading a file of packed weights, and the sums over it (see packs_file.h). */
#include "harness/cpu/packs_file.h"

#include <string.h>

#include "harness/cpu/packs_layout.h"

/* ---- sums ---- */

enum { SUM_BLOCK = 1 << 20, SUM_LANES = 8 };

static uint64_t stir(uint64_t h) {
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* Every step is a bijection of its lane, so damage to one word always shows; turning carries what
 * it did to all bits before the next comes. */
static void sum_stripe(uint64_t lanes[SUM_LANES], const uint8_t *data) {
    uint64_t words[SUM_LANES];
    memcpy(words, data, sizeof words);
    for (int i = 0; i < SUM_LANES; i++) {
        uint64_t h = (lanes[i] ^ words[i]) * 0x9e3779b97f4a7c15u;
        lanes[i] = h << 29 | h >> 35;
    }
}

static uint64_t sum_block(const uint8_t *data, size_t n) {
    enum { STRIPE = SUM_LANES * sizeof(uint64_t) };
    uint64_t lanes[SUM_LANES], sum = n;
    uint8_t last[STRIPE] = { 0 };
    for (int i = 0; i < SUM_LANES; i++)
        lanes[i] = stir((uint64_t)i + 1);
    size_t at = 0;
    for (; n - at >= STRIPE; at += STRIPE)
        sum_stripe(lanes, data + at);
    if (n > at)
        memcpy(last, data + at, n - at);
    sum_stripe(lanes, last);
    for (int i = 0; i < SUM_LANES; i++)
        sum = stir(sum ^ lanes[i]) + (uint64_t)i;
    return sum;
}

struct summing {
    const uint8_t *data;
    size_t n;
    uint64_t *sums;
};

static void sum_item(void *arg, unsigned thread, size_t item) {
    (void)thread;
    const struct summing *s = arg;
    size_t from = item * SUM_BLOCK, left = s->n - from;
    s->sums[item] = sum_block(s->data + from, left < SUM_BLOCK ? left : SUM_BLOCK);
}

uint64_t packs_sum(struct pool *pool, const void *data, size_t n) {
    size_t n_blocks = (n + SUM_BLOCK - 1) / SUM_BLOCK;
    struct summing s = { .data = data, .n = n, .sums = xcalloc(n_blocks + 1, sizeof *s.sums) };
    if (pool != NULL)
        pool_run(pool, n_blocks, sum_item, &s);
    for (size_t i = 0; pool == NULL && i < n_blocks; i++)
        sum_item(&s, 0, i);
    uint64_t sum =
        stir(n ^ sum_block((const uint8_t *)(const void *)s.sums, n_blocks * sizeof *s.sums));
    free(s.sums);
    return sum;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static const uint8_t *take(struct reader *r, uint64_t n) {
    if (r->failed || n > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += n;
    r->left -= (size_t)n;
    return at;
}

static uint64_t take_number(struct reader *r) {
    uint64_t number = 0;
    const uint8_t *at = take(r, sizeof number);
    if (at != NULL)
        memcpy(&number, at, sizeof number);
    return number;
}

static const char *take_text(struct reader *r, size_t *n) {
    uint64_t length = take_number(r);
    r->failed = r->failed || length > PACKS_KEY_MAX;
    *n = r->failed ? 0 : (size_t)length;
    return (const char *)take(r, *n);
}

static bool header_read(struct packs_header *h, const uint8_t *bytes, size_t size) {
    if (size < sizeof *h)
        return false;
    memcpy(h, bytes, sizeof *h);
    return memcmp(h->magic, PACKS_MAGIC, sizeof h->magic) == 0 && h->version == PACKS_VERSION &&
           h->sum == packs_header_sum(h) && h->file_bytes == size && h->index_at >= sizeof *h &&
           h->index_at <= size &&
           h->index_sum == packs_sum(NULL, bytes + h->index_at, size - h->index_at);
}

/* Matrices lie in order, none into another or into what is around them. */
static bool entry_read(struct reader *r, struct packs_entry *e, uint64_t *end, uint64_t index_at) {
    *e = (struct packs_entry) { .at = take_number(r) };
    e->bytes = take_number(r);
    e->sum = take_number(r);
    e->key = take_text(r, &e->key_n);
    bool fits = !r->failed && e->at % PACKS_ALIGN == 0 && e->at >= *end && e->at <= index_at &&
                e->bytes <= index_at - e->at;
    *end = fits ? e->at + e->bytes : 0;
    return fits;
}

static bool entries_read(struct packs_index *index, struct reader *r, uint64_t index_at) {
    uint64_t n = take_number(r), end = sizeof(struct packs_header);
    if (r->failed || n > PACKS_MATRICES_MAX)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        struct packs_entry e;
        if (!entry_read(r, &e, &end, index_at) ||
            !strmap_add(index->by_key, e.key, e.key_n, (int32_t)i))
            return false;
        mem_grow(&index->entries, &index->capacity, index->n + 1, sizeof e);
        index->entries[index->n++] = e;
    }
    return r->left == 0;
}

bool packs_read(struct packs_index *index, const uint8_t *bytes, size_t size, const char *form) {
    struct packs_header h;
    *index = (struct packs_index) { .by_key = strmap_new(64) };
    if (!header_read(&h, bytes, size))
        return false;
    struct reader r = { .at = bytes + h.index_at, .left = size - h.index_at };
    size_t form_n;
    const char *said = take_text(&r, &form_n);
    return said != NULL && form_n == strlen(form) && memcmp(said, form, form_n) == 0 &&
           entries_read(index, &r, h.index_at);
}

void packs_index_release(struct packs_index *index) {
    strmap_free(index->by_key);
    free(index->entries);
    *index = (struct packs_index) { 0 };
}
