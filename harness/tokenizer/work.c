/* Texts being rewritten and cut (see work.h). Two buffers take turns, so nothing is allocated per
 * piece. */
#include "harness/tokenizer/work.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "harness/tokenizer/regex/regex.h"
#include "harness/tokenizer/token_list.h"
#include "harness/tokenizer/unicode/unicode.h"
#include "harness/tokenizer/model/vocab.h"

/* What normalizing may make of a text: the longest decomposition is eleven times as long, and bytes
 * as characters twice that. */
enum growth {
    GROWTH_TIMES = 64,
    GROWTH_FREE = 64 * 1024,
    GROWTH_MAX = 1 << 30,
};

/* Checked here before the call, because it is done for every character. */
static inline void text_reserve(struct text *t, size_t need, bool want_align) {
    if (need <= t->capacity && (!want_align || need <= t->align_capacity)) {
        return;
    }
    mem_grow(&t->bytes, &t->capacity, need, 1);
    if (want_align) {
        mem_grow(&t->align, &t->align_capacity, need, sizeof *t->align);
    }
}

void work_begin(
    struct work *w, const char *text, size_t n, bool want_align, struct token_list *out) {
    w->want_align = want_align;
    w->out = out;
    w->first_token = out->n;
    w->overflow = false;
    w->steps = 0;
    w->trim = (struct trim_rule) { 0 };
    w->n_segments = w->n_cps = 0;
    w->ceiling = n < GROWTH_MAX / GROWTH_TIMES ? n * GROWTH_TIMES + GROWTH_FREE : GROWTH_MAX;
    text_reserve(&w->text, n + 1, want_align);
    memcpy(w->text.bytes, text, n);
    w->text.n = n;
    uint32_t cp = 0;
    for (size_t i = 0; want_align && i < n; i++) {
        cp += i > 0 && ((unsigned char)text[i] & 0xc0) != 0x80;
        w->text.align[i] = (struct token_span) { cp, cp + 1 };
    }
    work_pieces_begin(w);
    work_piece(w, 0, n, PIECE_NO_ID);
    work_pieces_end(w);
}

void work_release(struct work *w) {
    free(w->text.bytes);
    free(w->text.align);
    free(w->spare.bytes);
    free(w->spare.align);
    free(w->pieces.items);
    free(w->spare_pieces.items);
    free(w->segments);
    free(w->bpe.symbols);
    free(w->bpe.heap);
    free(w->lattice);
    free(w->cps);
    free(w->changes);
    free(w->word.tokens);
    word_memo_release(&w->memo);
    regex_scratch_free(w->regex);
    *w = (struct work) { 0 };
}

/* ---- the shelf ---- */

struct work_shelf {
    pthread_mutex_t lock;
    struct work *top;
};

/* What a work may hold while nobody uses it: a text as long as these is rare. */
#define SHELVED_TEXT_BYTES ((size_t)1 << 20)

struct work_shelf *work_shelf_new(void) {
    struct work_shelf *shelf = xcalloc(1, sizeof *shelf);
    pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

static void work_free(struct work *w) {
    work_release(w);
    free(w);
}

void work_shelf_free(struct work_shelf *shelf) {
    if (!shelf)
        return;
    while (shelf->top) {
        struct work *w = shelf->top;
        shelf->top = w->below;
        work_free(w);
    }
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

struct work *work_take(struct work_shelf *shelf) {
    pthread_mutex_lock(&shelf->lock);
    struct work *w = shelf->top;
    if (w)
        shelf->top = w->below;
    pthread_mutex_unlock(&shelf->lock);
    return w ? w : xcalloc(1, sizeof *w);
}

void work_return(struct work_shelf *shelf, struct work *w) {
    if (w->text.capacity > SHELVED_TEXT_BYTES || w->spare.capacity > SHELVED_TEXT_BYTES) {
        work_free(w);
        return;
    }
    pthread_mutex_lock(&shelf->lock);
    w->below = shelf->top;
    shelf->top = w;
    pthread_mutex_unlock(&shelf->lock);
}

struct view work_view(const struct work *w, const struct piece *p) {
    return (struct view) {
        .bytes = w->text.bytes + p->from,
        .align = w->want_align ? w->text.align + p->from : NULL,
        .n = p->to - p->from,
    };
}

void work_pieces_begin(struct work *w) {
    w->spare_pieces.n = 0;
}

void work_piece(struct work *w, size_t from, size_t to, int64_t id) {
    if (from == to) {
        return;
    }
    struct piece_list *l = &w->spare_pieces;
    if (l->n == l->capacity) {
        mem_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items);
    }
    l->items[l->n++] = (struct piece) { (uint32_t)from, (uint32_t)to, id };
}

void work_pieces_end(struct work *w) {
    struct piece_list l = w->pieces;
    w->pieces = w->spare_pieces;
    w->spare_pieces = l;
}

void work_transform(struct work *w, transform_fn *each, const void *options) {
    w->spare.n = 0;
    text_reserve(&w->spare, w->text.n + 1, w->want_align);
    work_pieces_begin(w);
    for (size_t i = 0; i < w->pieces.n; i++) {
        const struct piece *p = &w->pieces.items[i];
        struct view in = work_view(w, p);
        size_t from = w->spare.n;
        if (p->id == PIECE_NO_ID) {
            each(w, options, in);
        } else {
            work_copy(w, in, 0, in.n);
        }
        work_piece(w, from, w->spare.n, p->id);
    }
    work_pieces_end(w);
    struct text t = w->text;
    w->text = w->spare;
    w->spare = t;
}

static bool has_room(struct work *w, size_t n) {
    w->overflow = w->overflow || n > w->ceiling - w->spare.n;
    w->steps += n;
    return !w->overflow;
}

void work_put(struct work *w, const char *bytes, size_t n, struct view in, size_t at) {
    struct text *t = &w->spare;
    if (!has_room(w, n)) {
        return;
    }
    text_reserve(t, t->n + n, w->want_align);
    if (n == 1) {
        t->bytes[t->n] = *bytes;
    } else {
        memcpy(t->bytes + t->n, bytes, n);
    }
    for (size_t i = 0; w->want_align && i < n; i++) {
        t->align[t->n + i] = in.align[at];
    }
    t->n += n;
}

void work_put_cp(struct work *w, uint32_t cp, struct view in, size_t at) {
    char bytes[4];
    size_t n = utf8_encode(cp, bytes);
    work_put(w, bytes, n, in, at);
}

void work_copy(struct work *w, struct view in, size_t from, size_t to) {
    struct text *t = &w->spare;
    size_t n = to - from;
    if (!has_room(w, n)) {
        return;
    }
    text_reserve(t, t->n + n, w->want_align);
    memcpy(t->bytes + t->n, in.bytes + from, n);
    if (w->want_align) {
        memcpy(t->align + t->n, in.align + from, n * sizeof *t->align);
    }
    t->n += n;
}

void work_change(struct work *w, uint32_t cp, int32_t change) {
    if (w->n_cps == w->cps_capacity || w->n_cps == w->changes_capacity) {
        mem_grow(&w->cps, &w->cps_capacity, w->n_cps + 1, sizeof *w->cps);
        mem_grow(&w->changes, &w->changes_capacity, w->n_cps + 1, sizeof *w->changes);
    }
    w->cps[w->n_cps] = cp;
    w->changes[w->n_cps++] = change;
}

static size_t skip_char(struct view in, size_t at) {
    for (at++; at < in.n && ((unsigned char)in.bytes[at] & 0xc0) == 0x80; at++) {
    }
    return at < in.n ? at : in.n;
}

void work_write_changes(struct work *w, struct view in) {
    size_t at = 0; /* where the next input character begins */
    for (size_t i = 0; i < w->n_cps; i++) {
        int32_t change = w->changes[i];
        size_t of = change > 0 ? (at ? at - 1 : 0) : at;
        work_put_cp(w, w->cps[i], in, of < in.n ? of : in.n - 1);
        for (int32_t n = change > 0 ? 0 : 1 - change; n > 0 && at < in.n; n--) {
            at = skip_char(in, at);
        }
    }
}

void work_segment(struct work *w, size_t from, size_t to, bool match) {
    if (w->n_segments == w->segments_capacity) {
        mem_grow(&w->segments, &w->segments_capacity, w->n_segments + 1, sizeof *w->segments);
    }
    w->steps++;
    w->segments[w->n_segments++] = (struct segment) { (uint32_t)from, (uint32_t)to, match };
}

/* A match joins what stands before it, unless that is a match itself; before it may stand nothing
 * (an empty match, turned round), and that counts. */
static void merge_with_previous(struct work *w, uint32_t base) {
    struct segment last = { 0 };
    bool previous = false;
    for (size_t i = 0; i < w->n_segments; i++) {
        const struct segment *s = &w->segments[i];
        if (i > 0 && s->match && !previous) {
            last.to = s->to;
        } else {
            work_piece(w, base + last.from, base + last.to, PIECE_NO_ID);
            last = *s;
        }
        previous = s->match;
    }
    work_piece(w, base + last.from, base + last.to, PIECE_NO_ID);
}

/* A match joins what stands after it, unless that is a match itself. */
static void merge_with_next(struct work *w, uint32_t base) {
    for (size_t i = 0; i < w->n_segments; i++) {
        const struct segment *s = &w->segments[i];
        if (s->match && i + 1 < w->n_segments && !w->segments[i + 1].match) {
            work_piece(w, base + s->from, base + s[1].to, PIECE_NO_ID);
            i++;
        } else {
            work_piece(w, base + s->from, base + s->to, PIECE_NO_ID);
        }
    }
}

/* Neighbouring segments of one kind become one piece. */
static void join_contiguous(struct work *w, uint32_t base) {
    for (size_t i = 0; i < w->n_segments;) {
        size_t end = i + 1;
        while (end < w->n_segments && w->segments[end].match == w->segments[i].match) {
            end++;
        }
        work_piece(w, base + w->segments[i].from, base + w->segments[end - 1].to, PIECE_NO_ID);
        i = end;
    }
}

static void cut(struct work *w, uint32_t base, enum split_behavior behavior) {
    switch (behavior) {
    case SPLIT_MERGED_WITH_PREVIOUS:
        merge_with_previous(w, base);
        return;
    case SPLIT_MERGED_WITH_NEXT:
        merge_with_next(w, base);
        return;
    case SPLIT_CONTIGUOUS:
        join_contiguous(w, base);
        return;
    case SPLIT_REMOVED:
    case SPLIT_ISOLATED:
        break;
    }
    for (size_t i = 0; i < w->n_segments; i++) {
        const struct segment *s = &w->segments[i];
        if (behavior == SPLIT_ISOLATED || !s->match) {
            work_piece(w, base + s->from, base + s->to, PIECE_NO_ID);
        }
    }
}

bool work_split(struct work *w, find_fn *find, const void *options, enum split_behavior behavior,
    struct err *err) {
    work_pieces_begin(w);
    for (size_t i = 0; i < w->pieces.n; i++) {
        const struct piece *p = &w->pieces.items[i];
        if (p->id != PIECE_NO_ID) {
            work_piece(w, p->from, p->to, p->id);
            continue;
        }
        w->n_segments = 0;
        if (!find(w, options, work_view(w, p), err)) {
            return false;
        }
        cut(w, p->from, behavior);
    }
    work_pieces_end(w);
    return true;
}

/* ---- tokens ---- */

static bool is_blank(uint32_t cp) {
    return cp == 0x120 || unicode_is_space(cp); /* U+0120 is the byte-level alphabet's space */
}

static void count_blanks(const char *s, size_t n, uint32_t *leading, uint32_t *trailing) {
    bool seen = false;
    *leading = *trailing = 0;
    for (size_t at = 0, len; at < n; at += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + at, n - at, &cp);
        len = len ? len : 1;
        bool blank = is_blank(cp);
        seen = seen || !blank;
        *leading += !seen;
        *trailing = blank ? *trailing + 1 : 0;
    }
}

static void trim_span(const struct work *w, const struct piece *p, uint32_t id, struct view in,
    struct token_span *span) {
    bool own = p->id == PIECE_NO_ID && id != w->covers;
    const struct vocab_entry *e = own ? vocab_at(w->vocab, id) : NULL;
    uint32_t leading, trailing;
    count_blanks(e ? e->text : in.bytes, e ? e->n : in.n, &leading, &trailing);
    bool first = (w->out->n == w->first_token && !w->trim.behind) || span->from == 0;
    if (first && w->trim.add_prefix_space && leading == 1) {
        leading = 0; /* the space that was put before the text */
    }
    if (leading) {
        span->from = span->from + leading < span->to ? span->from + leading : span->to;
    }
    if (trailing && span->to >= trailing) {
        span->to = span->to - trailing > span->from ? span->to - trailing : span->from;
    }
}

void work_emit(struct work *w, const struct piece *p, uint32_t id, size_t from, size_t to) {
    struct token_span span = { 0 };
    if (w->want_align && w->out->want_spans && to > from) {
        span.from = w->text.align[p->from + from].from;
        span.to = w->text.align[p->from + to - 1].to;
        if (w->trim.trim) {
            struct view in = { .bytes = w->text.bytes + p->from + from, .n = to - from };
            trim_span(w, p, id, in, &span);
        }
    }
    token_list_add(w->out, (int32_t)id, span);
}

void work_emit_word(struct work *w, const struct piece *p) {
    for (size_t i = 0; i < w->word.n; i++) {
        const struct word_token *t = &w->word.tokens[i];
        work_emit(w, p, t->id, t->from, t->to);
    }
}

bool work_all_below(const struct work *w, unsigned char limit) {
    const unsigned char *s = (const unsigned char *)w->text.bytes;
    unsigned char high = 0;
    for (size_t i = 0; i < w->text.n; i++) {
        high = s[i] > high ? s[i] : high;
    }
    return high < limit;
}
