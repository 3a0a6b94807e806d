/* See overlap.h. */
#include "evaluator/metric/overlap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "evaluator/metric/letters.h"

#define BASE 0x9E3779B97F4A7C15u /* of the polynomial over a window's words */
#define TEXTS_MAX ((size_t)1 << 30)
#define GRAMS_MAX ((size_t)1 << 30)
#define KEPT_MAX ((size_t)1 << 16) /* bytes of the corpus that are kept before old words go */

struct gram {
    uint64_t hash;
    size_t at; /* in the texts */
    uint32_t n;
    uint32_t last; /* of its documents: place in `uses` and one, 0: none */
    bool seen;
};

/* A document of a gram, and the one before it. */
struct use {
    uint32_t document, before;
};

/* The last words of what is read, joined by blanks in `text`. */
struct window {
    struct strbuf text;
    size_t *starts; /* of the last n words, in a ring */
    uint64_t *hashes;
    uint64_t hash;
    uint64_t n_words; /* since the text began */
};

struct overlap {
    unsigned n;
    uint64_t outgoing; /* what the oldest word counts for, after the next one came */
    struct window documents, corpus;
    struct gram *grams;
    struct use *uses;
    uint32_t *slots; /* place in grams and one; 0: free */
    struct overlap_document *list;
    size_t n_grams, grams_room, n_uses, uses_room, n_slots, n_list, list_room;
    size_t
        longest; /* word of the benchmark: a longer one of the corpus is in none of its n-grams */
    uint64_t n_words;
    struct strbuf word;
};

/* ---- windows ---- */

static void window_init(struct window *w, unsigned n) {
    w->starts = xcalloc(n, sizeof *w->starts);
    w->hashes = xcalloc(n, sizeof *w->hashes);
}

static void window_release(struct window *w) {
    strbuf_release(&w->text);
    free(w->starts);
    free(w->hashes);
}

static void window_begin(struct window *w) {
    w->hash = 0;
    w->n_words = 0;
}

static uint64_t hash_word(const char *word, size_t n) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)word[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

/* True once there are n words. */
static bool window_add(
    const struct overlap *o, struct window *w, const char *word, size_t n_bytes) {
    size_t place = w->n_words % o->n;
    uint64_t h = hash_word(word, n_bytes);
    w->hash = w->hash * BASE + h;
    if (w->n_words >= o->n)
        w->hash -= w->hashes[place] * o->outgoing;
    if (w->text.len)
        strbuf_addc(&w->text, ' ');
    w->starts[place] = w->text.len;
    w->hashes[place] = h;
    strbuf_add(&w->text, word, n_bytes);
    return ++w->n_words >= o->n;
}

/* Where the window's words begin in its text. */
static size_t window_from(const struct overlap *o, const struct window *w) {
    return w->starts[w->n_words % o->n];
}

/* Forgets what is before the window. */
static void window_trim(const struct overlap *o, struct window *w) {
    if (w->text.len < KEPT_MAX)
        return;
    size_t from = w->n_words >= o->n ? window_from(o, w) : w->n_words ? w->starts[0] : w->text.len;
    memmove(w->text.text, w->text.text + from, w->text.len - from);
    w->text.len -= from;
    w->text.text[w->text.len] = '\0';
    for (unsigned i = 0; i < o->n; i++)
        w->starts[i] -= from; /* of words that are gone nobody asks */
}

/* ---- words ---- */

static bool is_punctuation(unsigned char c) {
    return (c > 32 && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') ||
           (c > 'z' && c < 127);
}

/* The next word as it is compared, in o->word; false at the end. */
static bool next_word(struct overlap *o, const char **at, const char *end) {
    size_t n;
    for (const char *raw; (raw = letters_word(at, end, &n));) {
        strbuf_reset(&o->word);
        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)raw[i];
            if (!is_punctuation(c))
                strbuf_addc(&o->word, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
        }
        if (o->word.len)
            return true;
    }
    return false;
}

/* ---- the table ---- */

static size_t slot_of(const struct overlap *o, uint64_t hash) {
    hash ^= hash >> 32;
    return (size_t)(hash * 0xD6E8FEB86659FD93u >> 20) & (o->n_slots - 1);
}

/* The slot where such an n-gram is, or would be. */
static size_t find(const struct overlap *o, uint64_t hash, const char *text, size_t n) {
    size_t i = slot_of(o, hash);
    for (; o->slots[i]; i = (i + 1) & (o->n_slots - 1)) {
        const struct gram *g = &o->grams[o->slots[i] - 1];
        if (g->hash == hash && g->n == n && !memcmp(o->documents.text.text + g->at, text, n))
            break;
    }
    return i;
}

static void grow_slots(struct overlap *o) {
    free(o->slots);
    o->n_slots *= 2;
    o->slots = xcalloc(o->n_slots, sizeof *o->slots);
    for (size_t g = 0; g < o->n_grams; g++) {
        size_t i = slot_of(o, o->grams[g].hash);
        while (o->slots[i])
            i = (i + 1) & (o->n_slots - 1);
        o->slots[i] = (uint32_t)g + 1;
    }
}

static struct gram *gram_of_window(struct overlap *o) {
    struct window *w = &o->documents;
    size_t at = window_from(o, w), n = w->text.len - at;
    if (2 * (o->n_grams + 1) > o->n_slots)
        grow_slots(o);
    size_t slot = find(o, w->hash, w->text.text + at, n);
    if (!o->slots[slot]) {
        mem_grow(&o->grams, &o->grams_room, o->n_grams + 1, sizeof *o->grams);
        o->grams[o->n_grams] = (struct gram) { .hash = w->hash, .at = at, .n = (uint32_t)n };
        o->slots[slot] = (uint32_t)++o->n_grams;
    }
    return &o->grams[o->slots[slot] - 1];
}

static void note_gram(struct overlap *o) {
    struct gram *g = gram_of_window(o);
    uint32_t document = (uint32_t)(o->n_list - 1);
    if (g->last && o->uses[g->last - 1].document == document)
        return;
    mem_grow(&o->uses, &o->uses_room, o->n_uses + 1, sizeof *o->uses);
    o->uses[o->n_uses] = (struct use) { document, g->last };
    g->last = (uint32_t)++o->n_uses;
    o->list[document].grams++;
}

/* ---- the door ---- */

struct overlap *overlap_new(unsigned n) {
    BUG_IF(n < OVERLAP_N_MIN || n > OVERLAP_N_MAX);
    struct overlap *o = xcalloc(1, sizeof *o);
    o->n = n;
    o->outgoing = 1;
    for (unsigned i = 0; i < n; i++)
        o->outgoing *= BASE;
    o->n_slots = 1024;
    o->slots = xcalloc(o->n_slots, sizeof *o->slots);
    window_init(&o->documents, n);
    window_init(&o->corpus, n);
    return o;
}

void overlap_free(struct overlap *o) {
    if (!o)
        return;
    window_release(&o->documents);
    window_release(&o->corpus);
    strbuf_release(&o->word);
    free(o->grams);
    free(o->uses);
    free(o->slots);
    free(o->list);
    free(o);
}

void overlap_begin_document(struct overlap *o) {
    mem_grow(&o->list, &o->list_room, o->n_list + 1, sizeof *o->list);
    o->list[o->n_list++] = (struct overlap_document) { 0 };
}

bool overlap_add(struct overlap *o, const char *text, size_t n, struct err *err) {
    const char *end = text + n;
    BUG_IF(o->n_list == 0);
    window_begin(&o->documents);
    while (next_word(o, &text, end)) {
        if (o->documents.text.len + o->word.len >= TEXTS_MAX || o->n_grams >= GRAMS_MAX ||
            o->n_uses >= GRAMS_MAX || o->n_list > UINT32_MAX)
            return err_set(err, ERR_RESOURCE, "the documents' texts are over 1 GiB");
        o->longest = o->word.len > o->longest ? o->word.len : o->longest;
        if (window_add(o, &o->documents, o->word.text, o->word.len))
            note_gram(o);
    }
    return true;
}

void overlap_begin_text(struct overlap *o) {
    window_begin(&o->corpus);
}

static void note_found(struct overlap *o, uint32_t gram, struct overlap_place place) {
    struct gram *g = &o->grams[gram];
    if (g->seen)
        return;
    g->seen = true;
    for (uint32_t use = g->last; use; use = o->uses[use - 1].before) {
        struct overlap_document *d = &o->list[o->uses[use - 1].document];
        if (d->found++ == 0) {
            d->first = gram;
            d->place = place;
        }
    }
}

void overlap_search(struct overlap *o, const char *text, size_t n, struct overlap_place place) {
    struct window *w = &o->corpus;
    const char *end = text + n;
    while (next_word(o, &text, end)) {
        o->n_words++;
        if (o->word.len > o->longest) {
            window_begin(w);
            continue;
        }
        bool whole = window_add(o, w, o->word.text, o->word.len);
        size_t from = whole ? window_from(o, w) : 0;
        uint32_t gram =
            whole ? o->slots[find(o, w->hash, w->text.text + from, w->text.len - from)] : 0;
        if (gram)
            note_found(o, gram - 1, place);
        window_trim(o, w);
    }
}

size_t overlap_n_documents(const struct overlap *o) {
    return o->n_list;
}

const struct overlap_document *overlap_document(const struct overlap *o, size_t i) {
    return &o->list[i];
}

const char *overlap_gram(const struct overlap *o, uint32_t gram, size_t *n) {
    const struct gram *g = &o->grams[gram];
    *n = g->n;
    return o->documents.text.text + g->at;
}

size_t overlap_n_grams(const struct overlap *o) {
    return o->n_grams;
}

uint64_t overlap_n_words(const struct overlap *o) {
    return o->n_words;
}
