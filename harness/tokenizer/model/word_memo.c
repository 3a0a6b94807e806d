/* See word_memo.h. */
#include "harness/tokenizer/model/word_memo.h"

#include <string.h>

#include "base/mem.h"

enum { SLOTS = 1 << 15, WORD_BYTES = 32, WORD_TOKENS = 5 };

/* One line of the processor's cache, and begins where one does. */
struct word_memo_slot {
    _Alignas(64) uint32_t ids[WORD_TOKENS];
    uint8_t from[WORD_TOKENS], to[WORD_TOKENS];
    uint8_t n_bytes, n_tokens; /* n_bytes 0: empty */
    char bytes[WORD_BYTES];
};

void word_add(struct word *w, uint32_t id, size_t from, size_t to) {
    if (w->n == w->capacity)
        mem_grow(&w->tokens, &w->capacity, w->n + 1, sizeof *w->tokens);
    w->tokens[w->n++] = (struct word_token) { id, (uint32_t)from, (uint32_t)to };
}

void word_memo_release(struct word_memo *m) {
    free(m->slots);
    m->slots = NULL;
}

static size_t slot_of(const char *bytes, size_t n) {
    const uint64_t mix = 0x9fb21c651e98df25u;
    uint64_t h = n * mix, part;
    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&part, bytes, 8);
        h = (h ^ part) * mix;
        h ^= h >> 32;
    }
    part = 0;
    memcpy(&part, bytes, n);
    h = (h ^ part) * mix;
    return (h >> 40) % SLOTS;
}

bool word_memo_get(const struct word_memo *m, const char *bytes, size_t n, struct word *out) {
    if (!m->slots || n == 0 || n > WORD_BYTES)
        return false;
    const struct word_memo_slot *s = &m->slots[slot_of(bytes, n)];
    if (s->n_bytes != n || memcmp(s->bytes, bytes, n) != 0)
        return false;
    for (size_t i = 0; i < s->n_tokens; i++)
        word_add(out, s->ids[i], s->from[i], s->to[i]);
    return true;
}

/* Where there's no room for it, words are taken apart each time. */
static bool begin(struct word_memo *m) {
    struct err no_room = { 0 };
    m->slots = mem_try(SLOTS, sizeof *m->slots, "words", &no_room);
    return m->slots != NULL;
}

void word_memo_put(struct word_memo *m, const char *bytes, size_t n, const struct word *word) {
    if (n == 0 || n > WORD_BYTES || word->n > WORD_TOKENS)
        return;
    if (!m->slots && !begin(m))
        return;
    struct word_memo_slot *s = &m->slots[slot_of(bytes, n)];
    s->n_bytes = (uint8_t)n;
    s->n_tokens = (uint8_t)word->n;
    memcpy(s->bytes, bytes, n);
    for (size_t i = 0; i < word->n; i++) {
        s->ids[i] = word->tokens[i].id;
        s->from[i] = (uint8_t)word->tokens[i].from;
        s->to[i] = (uint8_t)word->tokens[i].to;
    }
}
