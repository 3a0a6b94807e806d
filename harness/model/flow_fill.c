/* Which tokens are in a step: a token of each text that is being made, then prompts, whoever came
 * first. A prompt takes what it can from the texts that begin as it does: from one that has ended,
 * or one under way, in whose keys and values it goes on in the same step; and it waits while one
 * that came before it is still being fed what both begin with.
 *
 * Texts grow, so slots can run out. Texts that have ended give theirs first, used longest ago
 * first; then the youngest under way, which is fed again later. The oldest is never made to wait.
 */
#include <string.h>

#include "harness/model/flow.h"

enum {
    SPARE = 16,        /* slots that a text takes at a time, so that its keys lie side by side */
    LEFT_A_TEXT = 16,  /* slots that are left to those who run when another comes in */
    BESIDE_MADE = 256, /* rows of prompts in a step in which texts are made: these wait for it */
    KEPT_MAX = 512,
};

/* ---- room ---- */

static void spare_return(struct flow *f, struct flow_text *t) {
    if (t->spare.n > 0)
        slots_unref(&f->slots, t->spare);
    t->spare = (struct kv_span) { 0 };
}

void flow_text_clear(struct flow *f, struct flow_text *t) {
    slot_path_cut(&t->path, 0, &f->slots, NULL);
    spare_return(f, t);
}

void flow_text_free(struct flow *f, struct flow_text *t) {
    flow_text_clear(f, t);
    *t->back = t->next;
    if (t->next)
        t->next->back = t->back;
    slot_path_release(&t->path);
    for (size_t i = 0; i < t->ask.n_stop; i++)
        free((char *)(uintptr_t)t->ask.stop[i]);
    free((void *)(uintptr_t)t->ask.stop);
    free(t->ids);
    free(t->logprobs);
    free(t->tops);
    free(t->text);
    free(t);
}

static void forget(struct flow *f, size_t i) {
    struct flow_text *t = f->kept[i];
    f->n_kept--;
    memmove(f->kept + i, f->kept + i + 1, (f->n_kept - i) * sizeof(struct flow_text *));
    t->kept = false;
    if (t->dropped)
        flow_text_free(f, t);
    else
        flow_text_clear(f, t);
}

void flow_keep(struct flow *f, struct flow_text *t) {
    spare_return(f, t);
    if (t->path.n_tokens == 0)
        return;
    if (f->n_kept == KEPT_MAX)
        forget(f, 0);
    mem_grow(&f->kept, &f->kept_capacity, f->n_kept + 1, sizeof(struct flow_text *));
    f->kept[f->n_kept++] = t;
    t->kept = true;
}

/* The youngest behind `i` that holds slots and has no rows in the step at hand. */
static bool spill_behind(struct flow *f, size_t i) {
    for (size_t k = f->n_live; k-- > i + 1;) {
        struct flow_text *t = f->live[k];
        if (t->in_step || (t->path.n_tokens == 0 && t->spare.n == 0))
            continue;
        flow_text_clear(f, t);
        f->figures.spilled++;
        return true;
    }
    return false;
}

static struct kv_span take(struct flow *f, size_t i, uint32_t want) {
    struct kv_span span = slots_take(&f->slots, want);
    while (span.n == 0) {
        if (f->n_kept > 0)
            forget(f, 0);
        else if (!spill_behind(f, i))
            break;
        span = slots_take(&f->slots, want);
    }
    return span;
}

/* Slots for the text's next tokens, that follow each other: at most `want`. */
static struct kv_span slots_for(struct flow *f, size_t i, uint32_t want) {
    struct flow_text *t = f->live[i];
    if (t->spare.n == 0)
        t->spare = take(f, i, want > SPARE ? want : SPARE);
    struct kv_span span = { .slot = t->spare.slot, .n = want < t->spare.n ? want : t->spare.n };
    t->spare.slot += span.n;
    t->spare.n -= span.n;
    return span;
}

/* ---- what another text has ---- */

/* Tokens that two lists begin with alike. */
static uint32_t common_of(const int32_t *x, const int32_t *y, uint32_t n) {
    enum { BLOCK = 32 };
    uint32_t at = 0;
    while (at + BLOCK <= n && memcmp(x + at, y + at, BLOCK * sizeof *x) == 0)
        at += BLOCK;
    while (at < n && x[at] == y[at])
        at++;
    return at;
}

static bool reads_more(const struct flow_text *t) {
    return t->ask.reads_prompt && t->n_known < t->n_prompt;
}

/* Tokens that the text can begin with, of the donor's first n, `common` of which are alike. Of a
 * prompt that is read, the row before the first other token is read for that one, and the rows
 * before it were read there. */
static uint32_t usable(
    const struct flow_text *t, const struct flow_text *donor, uint32_t common, uint32_t n) {
    n = n < common ? n : common;
    if (reads_more(t))
        n = n < donor->n_prompt ? n : donor->n_prompt;
    bool own_row = reads_more(t) || n == flow_to_feed(t); /* one at least is read by the text */
    return n - (own_row && n > 0);
}

static bool can_give(const struct flow_text *t, const struct flow_text *donor) {
    return donor->class == t->class &&
           (!reads_more(t) || (donor->ask.reads_prompt && donor->ask.n_top == t->ask.n_top));
}

/* How much of the text there is already, and whose it is. wait: one that came before it is still
 * being fed more of it. */
struct found {
    struct flow_text *donor;
    uint32_t n;
    bool wait;
};

/* How much of the text there will be. */
static uint32_t look(struct found *best, const struct flow_text *t, struct flow_text *donor) {
    uint32_t theirs = donor->kept ? donor->path.n_tokens : flow_to_feed(donor);
    uint32_t most = flow_to_feed(t);
    if (!can_give(t, donor))
        return 0;
    uint32_t common = common_of(t->ids, donor->ids, theirs < most ? theirs : most);
    uint32_t n = usable(t, donor, common, donor->path.n_tokens);
    if (n > best->n)
        *best = (struct found) { .donor = donor, .n = n };
    return usable(t, donor, common, theirs);
}

static struct found find(struct flow *f, size_t i) {
    struct found best = { 0 };
    uint32_t promised = 0;
    for (size_t k = 0; k < f->n_kept; k++)
        look(&best, f->live[i], f->kept[k]);
    for (size_t k = 0; k < i; k++) {
        uint32_t later = look(&best, f->live[i], f->live[k]);
        promised = later > promised ? later : promised;
    }
    best.wait = promised > best.n;
    return best;
}

static void numbers_copy(struct flow_text *t, const struct flow_text *from, uint32_t n) {
    for (uint32_t i = 1; i <= n; i++)
        t->logprobs[i] = from->logprobs[i];
    if (t->tops)
        memcpy(t->tops + t->ask.n_top, from->tops + t->ask.n_top,
            (size_t)n * t->ask.n_top * sizeof *t->tops);
}

/* Used now, so forgotten last. */
static void refresh(struct flow *f, const struct flow_text *donor) {
    for (size_t k = 0; donor->kept && k + 1 < f->n_kept; k++) {
        if (f->kept[k] == donor) {
            struct flow_text *moved = f->kept[k];
            memmove(f->kept + k, f->kept + k + 1, (f->n_kept - k - 1) * sizeof(struct flow_text *));
            f->kept[f->n_kept - 1] = moved;
            return;
        }
    }
}

static void share(struct flow *f, struct flow_text *t, struct found found) {
    bool reads = reads_more(t);
    slot_path_copy(&t->path, &found.donor->path, &f->slots);
    slot_path_cut(&t->path, found.n, &f->slots, NULL);
    t->n_shared = found.n > t->n_shared ? found.n : t->n_shared;
    if (t->n_shared > t->n_prompt)
        t->n_shared = t->n_prompt;
    if (reads) {
        if (found.donor->kept)
            numbers_copy(t, found.donor, found.n);
        else
            t->source = found.donor; /* which may get some of them in this very step */
        t->n_copied = found.n;
        t->n_known = found.n + 1;
    }
    refresh(f, found.donor);
}

/* ---- feeding ---- */

/* Rows of [at, at + n) that are read, which are noted with the rows of the step that they become.
 */
static size_t reads_note(
    struct flow *f, struct flow_text *t, uint32_t at, uint32_t n, uint32_t *offsets) {
    uint32_t row = (uint32_t)f->step.n_reads, to_feed = flow_to_feed(t);
    size_t n_offsets = 0;
    for (uint32_t p = at; p < at + n; p++) {
        bool prompt = t->ask.reads_prompt && p + 1 < t->n_prompt && p + 1 >= t->n_known;
        bool chooses = t->ask.max_tokens && p + 1 == to_feed;
        if (!prompt && !chooses)
            continue;
        offsets[n_offsets] = p - at;
        mem_grow(&f->reads, &f->reads_capacity, f->n_reads + 1, sizeof *f->reads);
        f->reads[f->n_reads++] = (struct flow_read) {
            .text = t, .row = row + (uint32_t)n_offsets++, .token = p + 1, .chooses = chooses
        };
    }
    return n_offsets;
}

static bool feed(struct flow *f, size_t i, uint32_t room) {
    struct flow_text *t = f->live[i];
    uint32_t offsets[1024];
    enum { MOST = sizeof offsets / sizeof *offsets };
    while (room > 0 && t->path.n_tokens < flow_to_feed(t)) {
        uint32_t at = t->path.n_tokens, want = flow_to_feed(t) - at;
        want = want < room ? want : room;
        struct kv_span span = slots_for(f, i, want < MOST ? want : MOST);
        if (span.n == 0)
            return false;
        size_t n_reads = reads_note(f, t, at, span.n, offsets);
        step_add(&f->step, &(struct step_part) {
                               .ids = t->ids + at,
                               .n = span.n,
                               .position = at,
                               .slot = span.slot,
                               .ancestors = t->path.spans,
                               .n_ancestors = t->path.n,
                               .reads = offsets,
                               .n_reads = n_reads,
                           });
        slot_path_push(&t->path, span);
        t->in_step = true;
        f->figures.computed += span.n;
        room -= span.n;
    }
    return true;
}

/* Is there room for all of a prompt, beside what those who run may need soon? Texts that have ended
 * make some. */
static bool has_room(struct flow *f, const struct flow_text *t) {
    size_t need = flow_to_feed(t) - t->path.n_tokens + (size_t)LEFT_A_TEXT * f->figures.running;
    while (f->slots.n_free < need && f->n_kept > 0)
        forget(f, 0);
    return f->slots.n_free >= need;
}

/* A text without keys and values begins: false where it waits. */
static bool enter(struct flow *f, size_t i) {
    struct flow_text *t = f->live[i];
    struct found found = find(f, i);
    if (found.wait)
        return false;
    uint32_t n_known = t->n_known;
    flow_numbers_reserve(t);
    if (found.n > 0)
        share(f, t, found);
    if (i > 0 && !has_room(f, t)) {
        slot_path_cut(&t->path, 0, &f->slots, NULL);
        t->source = NULL;
        t->n_known = n_known;
        return false;
    }
    if (t->state == FLOW_WAITS) {
        t->state = FLOW_RUNS;
        f->figures.running++;
        f->figures.waiting--;
        f->figures.asked += flow_to_feed(t);
    }
    return true;
}

/* A step has one class: those that there are take turns. */
static void class_choose(struct flow *f) {
    bool has_next = false;
    uint32_t next = 0, least = f->live[0]->class;
    for (size_t i = 0; i < f->n_live; i++) {
        uint32_t class = f->live[i]->class;
        if (class > f->class && (!has_next || class < next)) {
            next = class;
            has_next = true;
        }
        least = class < least ? class : least;
    }
    f->class = has_next ? next : least;
}

/* Is one token all that it lacks? */
static bool is_made(const struct flow_text *t) {
    return t->path.n_tokens > 0 && t->path.n_tokens + 1 == flow_to_feed(t);
}

void flow_fill(struct flow *f) {
    uint32_t rows = f->model->net.n_rows;
    step_reset(&f->step);
    f->n_reads = 0;
    if (f->n_live == 0)
        return;
    class_choose(f);
    for (size_t i = 0; i < f->n_live; i++)
        f->live[i]->in_step = false;
    for (size_t i = 0; i < f->n_live && f->step.n < rows; i++)
        if (f->live[i]->class == f->class && is_made(f->live[i]))
            feed(f, i, 1);
    uint32_t room = rows - (uint32_t)f->step.n;
    if (f->step.n > 0 && room > BESIDE_MADE)
        room = BESIDE_MADE;
    uint32_t tried = 0;
    for (size_t i = 0; i < f->n_live && room > 0; i++) {
        struct flow_text *t = f->live[i];
        size_t before = f->step.n;
        if (t->state == FLOW_WAITS && (f->figures.running >= f->at_once || tried++ >= f->at_once))
            continue; /* texts behind it may run already: of another class, or with less to hold */
        if (t->class != f->class || t->in_step || (t->path.n_tokens == 0 && !enter(f, i)))
            continue;
        feed(f, i, room);
        room -= (uint32_t)(f->step.n - before);
    }
}
