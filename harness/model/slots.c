/* Counted slots: a linear search for the lowest run is enough, because a cache has some thousands
 * of slots and a step asks for a few runs. What a path holds is one reference on each slot; cutting
 * it in the middle of a span is the normal case, where branches part. */
#include "harness/model/slots.h"

#include "base/mem.h"

void slots_init(struct slots *s, uint32_t n) {
    *s = (struct slots) { .refs = xcalloc(n ? n : 1, sizeof *s->refs), .n = n, .n_free = n };
}

void slots_release(struct slots *s) {
    free(s->refs);
    *s = (struct slots) { 0 };
}

struct kv_span slots_take(struct slots *s, uint32_t want) {
    struct kv_span best = { 0 };
    for (uint32_t at = 0; at < s->n && best.n < want;) {
        uint32_t from = at;
        while (at < s->n && s->refs[at] == 0 && at - from < want)
            at++;
        if (at - from > best.n)
            best = (struct kv_span) { .slot = from, .n = at - from };
        if (at < s->n && s->refs[at] != 0)
            at++;
    }
    for (uint32_t i = 0; i < best.n; i++)
        s->refs[best.slot + i] = 1;
    s->n_free -= best.n;
    return best;
}

void slots_ref(struct slots *s, struct kv_span span) {
    for (uint32_t i = 0; i < span.n; i++)
        s->refs[span.slot + i]++;
}

void slots_unref(struct slots *s, struct kv_span span) {
    for (uint32_t i = 0; i < span.n; i++) {
        BUG_IF(s->refs[span.slot + i] == 0);
        s->n_free += --s->refs[span.slot + i] == 0;
    }
}

void slot_path_release(struct slot_path *p) {
    free(p->spans);
    *p = (struct slot_path) { 0 };
}

void slot_path_push(struct slot_path *p, struct kv_span span) {
    struct kv_span *last = p->n ? &p->spans[p->n - 1] : NULL;
    p->n_tokens += span.n;
    if (last && last->slot + last->n == span.slot) {
        last->n += span.n;
        return;
    }
    mem_grow(&p->spans, &p->capacity, p->n + 1, sizeof *p->spans);
    p->spans[p->n++] = span;
}

void slot_path_copy(struct slot_path *to, const struct slot_path *from, struct slots *s) {
    for (size_t i = 0; i < from->n; i++) {
        slots_ref(s, from->spans[i]);
        slot_path_push(to, from->spans[i]);
    }
}

void slot_path_cut(struct slot_path *p, uint32_t n_tokens, struct slots *s, struct slot_path *cut) {
    while (p->n_tokens > n_tokens) {
        struct kv_span *last = &p->spans[p->n - 1];
        uint32_t over = p->n_tokens - n_tokens, n = over < last->n ? over : last->n;
        struct kv_span end = { .slot = last->slot + last->n - n, .n = n };
        last->n -= n;
        p->n -= last->n == 0;
        p->n_tokens -= n;
        if (cut)
            slot_path_push(cut, end);
        else
            slots_unref(s, end);
    }
}
