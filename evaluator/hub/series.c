/* See series.h. */
#include "evaluator/hub/series.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/blocks.h"

enum { NEAR = 4096 };

void series_release(struct series_set *set) {
    for (size_t i = 0; i < set->n_claims; i++) {
        free(set->claims[i].lowest);
    }
    free(set->claims);
}

/* A reader may leave out a little. */
struct series *series_find(struct series_set *set, size_t file, uint64_t at) {
    struct series *best = NULL, *oldest = &set->items[0];
    for (size_t i = 0; i < SERIES_MAX; i++) {
        struct series *s = &set->items[i];
        bool near = s->run > 0 && s->file == file && s->at <= at && at - s->at < NEAR;
        if (near && (!best || s->at > best->at)) {
            best = s;
        }
        if (s->used < oldest->used) {
            oldest = s;
        }
    }
    if (!best) {
        best = oldest;
        *best = (struct series) { .file = file };
    }
    return best;
}

void series_read(struct series_set *set, struct series *s, uint64_t at, size_t n) {
    s->run += n;
    s->at = at + n;
    s->used = ++set->clock;
}

size_t series_rivals(const struct series_set *set, const struct series *s) {
    size_t n = 0;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        n += set->items[i].used > 0 && set->items[i].used >= s->fetched;
    }
    return n > 0 ? n : 1;
}

/* ---- claims ---- */

static struct claims *claims_of(struct series_set *set, size_t file, uint64_t size) {
    if (file >= set->n_claims) {
        mem_grow(&set->claims, &set->claims_capacity, file + 1, sizeof *set->claims);
        memset(set->claims + set->n_claims, 0, (file + 1 - set->n_claims) * sizeof *set->claims);
        set->n_claims = file + 1;
    }
    struct claims *c = &set->claims[file];
    if (!c->lowest) {
        c->n = (size_t)(size / BLOCK_BYTES) + 1;
        c->lowest = xcalloc(c->n, sizeof *c->lowest);
    }
    return c;
}

/* From a place in this block to the next one. */
static bool was_read_through(const struct claims *c, uint64_t from) {
    uint64_t b = from / BLOCK_BYTES;
    return c->lowest[b] > 0 && c->lowest[b] - 1 <= from % BLOCK_BYTES && b + 1 < c->n &&
           c->lowest[b + 1] == 1;
}

/* A new series in the midst of what was read: the file is read once more, and nothing is anybody's.
 */
void series_claim(
    struct series_set *set, struct series *s, uint64_t size, uint64_t from, uint64_t end) {
    struct claims *c = claims_of(set, s->file, size);
    uint64_t first = from / BLOCK_BYTES;
    if (s->run == 0 && was_read_through(c, from)) {
        memset(c->lowest, 0, c->n * sizeof *c->lowest);
    }
    for (uint64_t b = first; b < c->n && b * BLOCK_BYTES < end; b++) {
        uint32_t lowest = b == first ? (uint32_t)(from % BLOCK_BYTES) + 1 : 1;
        c->lowest[b] = c->lowest[b] == 0 || lowest < c->lowest[b] ? lowest : c->lowest[b];
    }
    s->fetched = set->clock;
}

uint64_t series_free_until(
    const struct series_set *set, const struct series *s, uint64_t at, uint64_t end) {
    if (s->file >= set->n_claims) {
        return end;
    }
    const struct claims *c = &set->claims[s->file];
    for (uint64_t b = at / BLOCK_BYTES; b < c->n && b * BLOCK_BYTES < end; b++) {
        uint64_t began = b * BLOCK_BYTES + c->lowest[b] - 1;
        if (c->lowest[b] > 0 && began > at) {
            return began < end ? began : end;
        }
    }
    return end;
}
