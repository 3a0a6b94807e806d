/* See attend_lists.h. Lists that are overwritten may still be read by kernels that were launched
 * before: the copy is behind those in the stream. */
#include "harness/cuda/attend_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "harness/cuda/steps.h"

enum { LIST_ALIGN = 16 };

/* ---- what lists follow from ---- */

static void key_add(struct attend_key *k, const uint32_t *words, size_t n) {
    mem_grow(&k->words, &k->room, k->n + n, sizeof *k->words);
    memcpy(k->words + k->n, words, n * sizeof *words);
    k->n += n;
}

static void key_make(struct attend_key *k, const struct attend_work *how,
    const struct segment *segments, uint32_t n_segments) {
    const struct attend_tiles_args *a = how->a;
    const uint32_t head[] = { a->rule.causal, a->rule.ancestors_only, a->rule.window, a->group,
        how->height, how->partials_max, n_segments };
    k->n = 0;
    key_add(k, head, sizeof head / sizeof *head);
    for (uint32_t i = 0; i < n_segments; i++) {
        const struct segment *s = &segments[i];
        const uint32_t own[] = { s->row, s->n, s->position, s->slot, s->n_after, s->n_ancestors };
        key_add(k, own, sizeof own / sizeof *own);
        for (uint32_t j = 0; j < s->n_ancestors; j++)
            key_add(k, (const uint32_t[]) { s->ancestors[j].slot, s->ancestors[j].n }, 2);
    }
}

static bool key_equal(const struct attend_key *x, const struct attend_key *y) {
    return x->n == y->n && memcmp(x->words, y->words, x->n * sizeof *x->words) == 0;
}

/* ---- making lists ---- */

size_t attend_lists_bytes(const struct attend_counts *n) {
    enum { LISTS = 5 };
    return n->tiles * sizeof(struct attend_tile) + n->parts * sizeof(struct attend_part) +
           n->spans * sizeof(struct attend_span) +
           (n->items + n->joins) * sizeof(struct attend_item) + LISTS * LIST_ALIGN;
}

/* The host's copy may be overwritten. */
static void lists_settle(struct attend_lists *l) {
    if (l->sent != NULL)
        cuda_must(cudaEventSynchronize(l->sent), "lists of attention");
}

static void lists_send(struct cuda *c, struct attend_lists *l) {
    if (l->sent == NULL)
        cuda_must(cudaEventCreateWithFlags(&l->sent, cudaEventDisableTiming), "lists of attention");
    cuda_must(cudaMemcpyAsync(l->device, l->host.data, l->used, cudaMemcpyHostToDevice, c->stream),
        "lists of attention");
    cuda_must(cudaEventRecord(l->sent, c->stream), "lists of attention");
}

/* As much as the stage has, which grows with buffers and caches and not with steps. */
static void lists_grow(struct cuda *c, struct attend_lists *l, size_t need) {
    if (need <= l->bytes)
        return;
    size_t bytes = need < c->stage.bytes ? c->stage.bytes : need;
    struct err err = ERR_INIT;
    cuda_must(cudaStreamSynchronize(c->stream), "lists of attention");
    cuda_must(cudaFree(l->device), "lists of attention");
    host_room_free(&l->host);
    BUG_IF(!host_room_make(&l->host, bytes, "lists of attention", &err));
    memset(l->host.data, 0, bytes);
    l->bytes = bytes;
    cuda_must(cudaMalloc((void **)&l->device, bytes), "lists of attention");
}

/* Where the lists are to be: the host's side, and where the device will find them. */
struct lists_room {
    uint8_t *host;
    const uint8_t *device;
    size_t bytes, used;
};

/* Room for n elements. */
static void *take(struct lists_room *r, size_t n, size_t size, const uint8_t **device) {
    size_t at = (r->used + LIST_ALIGN - 1) / LIST_ALIGN * LIST_ALIGN;
    BUG_IF(at > r->bytes || n * size > r->bytes - at);
    r->used = at + n * size;
    *device = r->device + at;
    return r->host + at;
}

/* Spans, of which most steps have a few more than the last, behind the others. */
static void lists_place(
    struct attend_lists *l, struct lists_room *r, const struct attend_counts *n) {
    struct attend_work *w = &l->work;
    const uint8_t *tiles, *parts, *spans, *items, *joins;
    w->tiles = take(r, n->tiles, sizeof *w->tiles, &tiles);
    w->parts = take(r, n->parts, sizeof *w->parts, &parts);
    w->items = take(r, n->items, sizeof *w->items, &items);
    w->joins = take(r, n->joins, sizeof *w->joins, &joins);
    w->spans = take(r, n->spans, sizeof *w->spans, &spans);
    l->tiles = (const void *)tiles;
    l->parts = (const void *)parts;
    l->spans = (const void *)spans;
    l->items = (const void *)items;
    l->joins = (const void *)joins;
}

static void fill(struct attend_lists *l, struct lists_room *r, const struct attend_counts *counts,
    const struct segment *segments, uint32_t n_segments) {
    lists_place(l, r, counts);
    attend_fill(&l->work, segments, n_segments);
    l->work.a = NULL; /* the call's */
}

/* In memory of their own, for as long as nobody needs it for others. */
static void fill_own(struct cuda *c, struct attend_lists *l, const struct attend_counts *counts,
    const struct segment *segments, uint32_t n_segments) {
    lists_settle(l);
    lists_grow(c, l, attend_lists_bytes(counts));
    struct lists_room room = { .host = l->host.data, .device = l->device, .bytes = l->bytes };
    fill(l, &room, counts, segments, n_segments);
    l->used = room.used;
    lists_send(c, l);
}

/* Among those of the step that is recorded, for this step. */
static void fill_of_step(struct cuda *c, struct attend_lists *l, const struct attend_counts *counts,
    const struct segment *segments, uint32_t n_segments) {
    const void *device;
    struct lists_room room = { .bytes = attend_lists_bytes(counts) };
    room.host = step_lists_room(&step_on(c)->lists, room.bytes, &device);
    room.device = device;
    memset(room.host, 0, room.bytes);
    fill(l, &room, counts, segments, n_segments);
}

/* ---- which are there ---- */

static struct attend_lists *find(struct attend_shelf *shelf, uint64_t step) {
    for (size_t i = 0; i < ATTEND_LISTS; i++)
        if (shelf->lists[i].step == step && key_equal(&shelf->lists[i].key, &shelf->asked))
            return &shelf->lists[i];
    return NULL;
}

static struct attend_lists *oldest(struct attend_shelf *shelf) {
    struct attend_lists *l = &shelf->lists[0];
    for (size_t i = 1; i < ATTEND_LISTS; i++)
        l = shelf->lists[i].asked < l->asked ? &shelf->lists[i] : l;
    return l;
}

const struct attend_lists *attend_lists_get(struct cuda *c, struct attend_shelf *shelf,
    const struct attend_work *how, const struct segment *segments, uint32_t n_segments,
    const struct attend_counts *counts) {
    if (step_on(c) != NULL && !step_lists_fit(&step_on(c)->lists, attend_lists_bytes(counts)))
        step_leave(c, STEP_EVER);
    key_make(&shelf->asked, how, segments, n_segments);
    struct attend_lists *l = find(shelf, step_number(c));
    shelf->n_asked++;
    if (l == NULL) {
        l = oldest(shelf);
        l->key.n = 0;
        key_add(&l->key, shelf->asked.words, shelf->asked.n);
        l->work = *how;
        l->step = step_number(c);
        (l->step != 0 ? fill_of_step : fill_own)(c, l, counts, segments, n_segments);
    }
    l->asked = shelf->n_asked;
    return l;
}

void attend_shelf_release(struct attend_shelf *shelf) {
    for (size_t i = 0; i < ATTEND_LISTS; i++) {
        cudaFree(shelf->lists[i].device);
        if (shelf->lists[i].sent != NULL)
            cudaEventDestroy(shelf->lists[i].sent);
        host_room_free(&shelf->lists[i].host);
        free(shelf->lists[i].key.words);
    }
    free(shelf->asked.words);
    *shelf = (struct attend_shelf) { 0 };
}
