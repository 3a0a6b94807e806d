/* Builds the tree: sort, measure what neighbours share, and give each read to the sequence that
 * computes its row.
 *
 * The owner of a row is found on a stack of branch points: in the sorted order the path of a
 * sequence consists of parts of earlier ones, and the stack holds exactly those parts. */
#include "harness/model/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Any order will do that keeps equal beginnings together and puts a beginning before what continues
 * it. */
static int by_ids(const void *a, const void *b) {
    const struct tree_sequence *x = a, *y = b;
    if (x->length_class != y->length_class)
        return x->length_class < y->length_class ? -1 : 1;
    uint32_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->ids, y->ids, n * sizeof *x->ids) : 0;
    if (order == 0)
        order = (x->n > y->n) - (x->n < y->n);
    return order ? order : (x->sink > y->sink) - (x->sink < y->sink);
}

static uint32_t common(const struct tree_sequence *x, const struct tree_sequence *y) {
    uint32_t i = 0, n = x->n < y->n ? x->n : y->n;
    if (x->length_class != y->length_class)
        return 0;
    while (i < n && x->ids[i] == y->ids[i])
        i++;
    return i;
}

static void count(struct tree *t) {
    for (size_t i = 0; i < t->n_sequences; i++) {
        const struct tree_sequence *s = &t->sequences[i];
        t->n_asked += s->n;
        t->n_rows += s->n - s->shared;
        t->n_pairs += ((double)s->n * (s->n + 1.0) - (double)s->shared * (s->shared + 1.0)) / 2;
        t->depth = s->n > t->depth ? s->n : t->depth;
        t->n_reads += s->n - s->first_read;
    }
}

/* A read with the sequence that computes its row. */
struct owned_read {
    size_t owner;
    struct tree_read read;
};

static int by_owner(const void *a, const void *b) {
    const struct owned_read *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    if (x->read.position != y->read.position)
        return x->read.position < y->read.position ? -1 : 1;
    return (x->read.sink > y->read.sink) - (x->read.sink < y->read.sink);
}

/* The branch points above the current sequence: entry i owns positions from .. next entry's from
 * - 1. */
struct owners {
    struct owner {
        size_t sequence;
        uint32_t from;
    } * items;
    size_t n, capacity;
};

static void owners_enter(struct owners *o, size_t sequence, uint32_t from) {
    while (o->n > 0 && o->items[o->n - 1].from >= from)
        o->n--;
    mem_grow(&o->items, &o->capacity, o->n + 1, sizeof *o->items);
    o->items[o->n++] = (struct owner) { .sequence = sequence, .from = from };
}

static size_t owner_of(const struct owners *o, uint32_t position) {
    size_t low = 0, high = o->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (o->items[middle].from <= position)
            low = middle;
        else
            high = middle;
    }
    return o->items[low].sequence;
}

static void reads_collect(struct tree *t, struct owned_read *out) {
    struct owners owners = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < t->n_sequences; i++) {
        const struct tree_sequence *s = &t->sequences[i];
        if (s->n > s->shared)
            owners_enter(&owners, i, s->shared);
        for (uint32_t p = s->first_read; p < s->n; p++)
            out[n++] = (struct owned_read) {
                .owner = owner_of(&owners, p),
                .read = { .position = p,
                    .token = s->ids[p + 1],
                    .sink = s->sink + p - s->first_read },
            };
    }
    free(owners.items);
}

static void reads_assign(struct tree *t) {
    struct owned_read *owned = xcalloc(t->n_reads ? t->n_reads : 1, sizeof *owned);
    t->reads = xcalloc(t->n_reads ? t->n_reads : 1, sizeof *t->reads);
    reads_collect(t, owned);
    qsort(owned, t->n_reads, sizeof *owned, by_owner);
    for (size_t i = 0; i < t->n_reads; i++) {
        struct tree_sequence *s = &t->sequences[owned[i].owner];
        if (s->n_reads++ == 0)
            s->reads = i;
        bool new_row = i == 0 || owned[i].owner != owned[i - 1].owner ||
                       owned[i].read.position != owned[i - 1].read.position;
        t->n_logit_rows += new_row;
        t->reads[i] = owned[i].read;
    }
    free(owned);
}

void tree_build(struct tree *t, struct tree_sequence *sequences, size_t n, bool share) {
    *t = (struct tree) { .sequences = sequences, .n_sequences = n };
    if (n > 1)
        qsort(sequences, n, sizeof *sequences, by_ids);
    for (size_t i = 0; i < n; i++) {
        sequences[i].shared = share && i > 0 ? common(&sequences[i - 1], &sequences[i]) : 0;
        sequences[i].reads = sequences[i].n_reads = 0;
    }
    count(t);
    reads_assign(t);
}

void tree_release(struct tree *t) {
    free(t->sequences);
    free(t->reads);
    *t = (struct tree) { 0 };
}
