/* Byte-pair encoding: a word begins as its characters, and the neighbouring pair of lowest rank
 * merges until none is left. Short words scan for that pair; long ones keep the candidates in a
 * heap, so that a word of a million characters takes n log n. Both find the same pairs in the same
 * order: by rank, then from the left. */
#include "harness/tokenizer/model/token_model.h"

#include <string.h>
#include <sys/random.h>

#include "base/utf8.h"

#define NO_RANK UINT32_MAX
#define SHORT_WORD 40

/* ---- merges ---- */

static uint64_t hash_pair(const struct merge_table *t, uint32_t left, uint32_t right) {
    uint64_t h = ((uint64_t)left << 32 | right) ^ t->seed;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static struct merge *merge_slot(const struct merge_table *t, uint32_t left, uint32_t right) {
    for (size_t i = hash_pair(t, left, right) & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        struct merge *m = &t->slots[i];
        if (m->rank == NO_RANK || (m->left == left && m->right == right)) {
            return m;
        }
    }
}

bool bpe_merges_begin(struct token_model *m, size_t n, struct err *err) {
    if (n > VOCAB_MERGES_MAX) {
        return err_set(err, ERR_INPUT, "there are more than %d merges", VOCAB_MERGES_MAX);
    }
    struct merge_table *t = &m->merges;
    for (t->n_slots = 16; t->n_slots < 2 * n; t->n_slots *= 2) {
    }
    free(t->slots);
    t->slots = mem_try(t->n_slots, sizeof *t->slots, "merges", err);
    if (!t->slots) {
        return false;
    }
    for (size_t i = 0; i < t->n_slots; i++) {
        t->slots[i].rank = NO_RANK;
    }
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != sizeof t->seed) {
        t->seed = (uint64_t)(uintptr_t)t->slots;
    }
    return true;
}

static bool token_id(const struct token_model *m, uint32_t rank, const char *text, size_t n,
    uint32_t *id, struct err *err) {
    int64_t found = vocab_find(&m->vocab, text, n);
    if (found < 0) {
        return err_set(err, ERR_INPUT, "merge %lu needs token '%.*s', which is not in the vocab",
            (unsigned long)rank + 1, (int)(n < 100 ? n : 100), text);
    }
    *id = (uint32_t)found;
    return true;
}

void bpe_merge_put(
    struct token_model *m, uint32_t left, uint32_t right, uint32_t rank, uint32_t id) {
    *merge_slot(&m->merges, left, right) = (struct merge) { left, right, rank, id };
}

bool bpe_merge_add(struct token_model *m, uint32_t rank, const char *left, size_t n_left,
    const char *right, size_t n_right, struct err *err) {
    char whole[2 * VOCAB_TOKEN_BYTES_MAX];
    size_t n_prefix = m->prefix ? strlen(m->prefix) : 0;
    uint32_t a = 0, b = 0, id = 0;
    if (!token_id(m, rank, left, n_left, &a, err) || !token_id(m, rank, right, n_right, &b, err)) {
        return false; /* both are in the vocabulary, so not longer than its tokens */
    }
    if (n_right < n_prefix) {
        return err_set(
            err, ERR_INPUT, "merge %lu is shorter than the prefix", (unsigned long)rank + 1);
    }
    memcpy(whole, left, n_left);
    memcpy(whole + n_left, right + n_prefix, n_right - n_prefix);
    if (!token_id(m, rank, whole, n_left + n_right - n_prefix, &id, err)) {
        return false;
    }
    bpe_merge_put(m, a, b, rank, id); /* of equal pairs the last counts */
    return true;
}

bool bpe_merge_add_line(
    struct token_model *m, uint32_t rank, const char *line, size_t n, struct err *err) {
    const char *space = memchr(line, ' ', n);
    size_t n_left = space ? (size_t)(space - line) : 0;
    if (!space || memchr(space + 1, ' ', n - n_left - 1)) {
        return err_set(err, ERR_INPUT, "merge %lu is not two tokens", (unsigned long)rank + 1);
    }
    return bpe_merge_add(m, rank, line, n_left, space + 1, n - n_left - 1, err);
}

void bpe_ready(struct token_model *m) {
    for (uint32_t cp = 0; cp < BPE_CHARS; cp++) {
        char text[4];
        m->chars[cp] = vocab_find(&m->vocab, text, utf8_encode(cp, text));
    }
    token_model_find_bytes(m);
    m->prefix = m->prefix && *m->prefix ? m->prefix : NULL;
    m->suffix = m->suffix && *m->suffix ? m->suffix : NULL;
}

static bool load_merge(struct token_model *m, uint32_t rank, const json_t *merge, struct err *err) {
    if (json_is_string(merge)) {
        return bpe_merge_add_line(
            m, rank, json_string_value(merge), json_string_length(merge), err);
    }
    const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    if (json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right)) {
        return err_set(err, ERR_INPUT, "merge %lu is not two tokens", (unsigned long)rank + 1);
    }
    return bpe_merge_add(m, rank, json_string_value(left), json_string_length(left),
        json_string_value(right), json_string_length(right), err);
}

static bool load(struct token_model *m, const json_t *config, struct err *err) {
    const json_t *merges = json_object_get(config, "merges");
    if (merges && !json_is_array(merges)) {
        return err_set(err, ERR_INPUT, "merges is not a list");
    }
    if (json_get_number(config, "dropout", 0) != 0) {
        return err_set(err, ERR_UNSUPPORTED, "merges are dropped at random ('dropout')");
    }
    m->byte_fallback = json_get_bool(config, "byte_fallback", false);
    m->fuse_unk = json_get_bool(config, "fuse_unk", false);
    m->ignore_merges = json_get_bool(config, "ignore_merges", false);
    if (!bpe_merges_begin(m, json_array_size(merges), err)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *merge = json_array_get(merges, i);
        if (!load_merge(m, (uint32_t)i, merge, err)) {
            return false;
        }
    }
    bpe_ready(m);
    return true;
}

/* ---- a word's characters ---- */

static void push_symbol(struct bpe_scratch *s, uint32_t id, size_t n) {
    if (s->n == s->capacity) {
        mem_grow(&s->symbols, &s->capacity, s->n + 1, sizeof *s->symbols);
    }
    s->symbols[s->n++] = (struct bpe_symbol) { .id = id, .n = (uint32_t)n };
}

/* A character as the vocabulary has it: with the prefix of what continues a word, the suffix of
 * what ends one. Without these it is a part of the text. */
static struct view spell(
    const struct token_model *m, struct view in, size_t at, size_t n, struct strbuf *out) {
    bool first = at == 0, last = at + n == in.n;
    if ((first || !m->prefix) && (!last || !m->suffix)) {
        return (struct view) { .bytes = in.bytes + at, .n = n };
    }
    strbuf_reset(out);
    strbuf_adds(out, first || !m->prefix ? "" : m->prefix);
    strbuf_add(out, in.bytes + at, n);
    strbuf_adds(out, last && m->suffix ? m->suffix : "");
    return (struct view) { .bytes = strbuf_str(out), .n = out->len };
}

static int64_t char_id(const struct token_model *m, struct view spelt, size_t n, uint32_t cp) {
    return spelt.n == n && cp < BPE_CHARS ? m->chars[cp]
                                          : vocab_find(&m->vocab, spelt.bytes, spelt.n);
}

static bool push_bytes(const struct token_model *m, struct bpe_scratch *s, struct view spelt) {
    for (size_t i = 0; i < spelt.n; i++) {
        if (m->bytes[(unsigned char)spelt.bytes[i]] < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < spelt.n; i++) {
        push_symbol(s, (uint32_t)m->bytes[(unsigned char)spelt.bytes[i]], 1);
    }
    return true;
}

static void flush_unknown(const struct token_model *m, struct bpe_scratch *s, size_t *n_unknown) {
    if (*n_unknown) {
        push_symbol(s, (uint32_t)m->unk_id, *n_unknown);
        *n_unknown = 0;
    }
}

static bool push_unknown(const struct token_model *m, struct bpe_scratch *s, size_t n,
    size_t *n_unknown, struct err *err) {
    if (!m->unk_token) {
        return true;
    }
    if (m->unk_id < 0) {
        return err_set(err, ERR_INPUT, "unknown token '%s' is not in the vocab", m->unk_token);
    }
    if (!m->fuse_unk) {
        flush_unknown(m, s, n_unknown);
    }
    *n_unknown += n;
    return true;
}

/* A character that isn't in the vocabulary becomes its bytes, or the unknown token, or (without
 * one) nothing. An unknown token is put down only when a known character or the end follows, as in
 * the reference. */
static bool split_chars(
    const struct token_model *m, struct bpe_scratch *s, struct view in, struct err *err) {
    struct strbuf spelling = { 0 };
    size_t n_unknown = 0;
    bool ok = true;
    s->n = 0;
    for (size_t at = 0, n; ok && at < in.n; at += n) {
        uint32_t cp = (unsigned char)in.bytes[at];
        n = cp < 0x80 ? 1 : utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(n == 0);
        struct view spelt = spell(m, in, at, n, &spelling);
        int64_t id = char_id(m, spelt, n, cp);
        if (id >= 0) {
            flush_unknown(m, s, &n_unknown);
            push_symbol(s, (uint32_t)id, n);
        } else if (!m->byte_fallback || !push_bytes(m, s, spelt)) {
            ok = push_unknown(m, s, n, &n_unknown, err);
        }
    }
    flush_unknown(m, s, &n_unknown);
    strbuf_release(&spelling);
    return ok;
}

/* ---- merging ---- */

static void merge_short(const struct token_model *m, struct bpe_scratch *s) {
    struct bpe_symbol *y = s->symbols;
    uint32_t rank[SHORT_WORD], id[SHORT_WORD];
    size_t n = s->n;
    for (size_t i = 0; i + 1 < n; i++) {
        const struct merge *pair = merge_slot(&m->merges, y[i].id, y[i + 1].id);
        rank[i] = pair->rank;
        id[i] = pair->id;
    }
    for (;;) {
        size_t best = 0;
        uint32_t lowest = NO_RANK;
        for (size_t i = 0; i + 1 < n; i++) {
            if (rank[i] < lowest) {
                lowest = rank[i];
                best = i;
            }
        }
        if (lowest == NO_RANK) {
            break;
        }
        y[best].id = id[best];
        y[best].n += y[best + 1].n;
        n--;
        for (size_t i = best + 1; i < n; i++) {
            y[i] = y[i + 1];
            rank[i - 1] = rank[i];
            id[i - 1] = id[i];
        }
        for (size_t i = best ? best - 1 : 0; i <= best && i + 1 < n; i++) {
            const struct merge *pair = merge_slot(&m->merges, y[i].id, y[i + 1].id);
            rank[i] = pair->rank;
            id[i] = pair->id;
        }
    }
    s->n = n;
}

static bool before(const struct bpe_candidate *a, const struct bpe_candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct bpe_scratch *s, struct bpe_candidate c) {
    mem_grow(&s->heap, &s->heap_capacity, s->n_heap + 1, sizeof *s->heap);
    size_t i = s->n_heap++;
    for (; i > 0 && before(&c, &s->heap[(i - 1) / 4]); i = (i - 1) / 4) {
        s->heap[i] = s->heap[(i - 1) / 4];
    }
    s->heap[i] = c;
}

static struct bpe_candidate heap_pop(struct bpe_scratch *s) {
    struct bpe_candidate top = s->heap[0], last = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t best = i;
        const struct bpe_candidate *lowest = &last;
        for (size_t child = 4 * i + 1; child <= 4 * i + 4 && child < s->n_heap; child++) {
            if (before(&s->heap[child], lowest)) {
                lowest = &s->heap[child];
                best = child;
            }
        }
        if (best == i) {
            break;
        }
        s->heap[i] = *lowest;
        i = best;
    }
    s->heap[i] = last;
    return top;
}

static void push_pair(const struct token_model *m, struct bpe_scratch *s, int32_t at) {
    int32_t next = at < 0 ? -1 : s->symbols[at].next;
    if (next >= 0) {
        const struct merge *pair = merge_slot(&m->merges, s->symbols[at].id, s->symbols[next].id);
        if (pair->rank != NO_RANK) {
            heap_push(s, (struct bpe_candidate) { pair->rank, (uint32_t)at, pair->id });
        }
    }
}

static void merge_long(const struct token_model *m, struct work *w) {
    struct bpe_scratch *s = &w->bpe;
    struct bpe_symbol *y = s->symbols;
    s->n_heap = 0;
    for (size_t i = 0; i < s->n; i++) {
        y[i].prev = (int32_t)i - 1;
        y[i].next = i + 1 < s->n ? (int32_t)i + 1 : -1;
    }
    for (size_t i = 0; i < s->n; i++) {
        push_pair(m, s, (int32_t)i);
    }
    while (s->n_heap) {
        struct bpe_candidate top = heap_pop(s);
        w->steps++;
        int32_t next = y[top.at].next;
        if (y[top.at].n == 0 || next < 0) {
            continue;
        }
        const struct merge *pair = merge_slot(&m->merges, y[top.at].id, y[next].id);
        if (pair->rank == NO_RANK || pair->id != top.id) {
            continue; /* one of the two has merged with another meanwhile */
        }
        y[top.at].id = top.id;
        y[top.at].n += y[next].n;
        y[top.at].next = y[next].next;
        y[next].n = 0;
        if (y[top.at].next >= 0) {
            y[y[top.at].next].prev = (int32_t)top.at;
        }
        push_pair(m, s, y[top.at].prev);
        push_pair(m, s, (int32_t)top.at);
    }
}

static bool encode(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    struct view in = work_view(w, p);
    if (m->ignore_merges) {
        int64_t id = vocab_find(&m->vocab, in.bytes, in.n);
        if (id >= 0) {
            word_add(&w->word, (uint32_t)id, 0, in.n);
            return true;
        }
    }
    if (!split_chars(m, &w->bpe, in, err)) {
        return false;
    }
    w->steps += w->bpe.n;
    if (w->bpe.n <= SHORT_WORD) {
        merge_short(m, &w->bpe);
    } else {
        merge_long(m, w);
    }
    size_t at = 0, end;
    for (size_t i = 0; i < w->bpe.n; i++, at = end) {
        const struct bpe_symbol *s = &w->bpe.symbols[i];
        end = at + s->n < in.n ? at + s->n : in.n; /* a prefix's bytes stand for no text */
        if (s->n) {
            word_add(&w->word, s->id, at, end);
        }
    }
    return true;
}

const struct token_model_type TOKEN_MODEL_BPE = { .name = "BPE", .load = load, .encode = encode };
