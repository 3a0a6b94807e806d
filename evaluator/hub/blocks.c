/* See blocks.h. What a request brings goes into blocks, whole or in part; what was read to its end
 * makes room first, so that what others brought for later stays. */
#include "evaluator/hub/blocks.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/series.h"

enum {
    AHEAD_MAX = BLOCKS_MAX / 4,    /* of one request, in blocks: 16 MiB */
    EXACT_BYTES = BLOCK_BYTES / 4, /* a first read of so much is worth a request of its own */
};

struct block {
    size_t file;
    uint64_t index;   /* in its file */
    size_t from, to;  /* the part that is kept; to 0: nothing is */
    uint64_t used;    /* when, by the clock of `blocks` */
    bool read, spent; /* somebody read of it; to its end */
    uint8_t *bytes;   /* BLOCK_BYTES, made on first use */
};

struct blocks {
    struct block items[BLOCKS_MAX];
    blocks_fetch_fn *fetch;
    void *arg;
    uint64_t clock;
    struct series_set series;
    size_t ahead;     /* how far a request reaches, in blocks, if nothing else says less */
    size_t calm;      /* blocks that came since one was thrown out unread */
    bool wasted;      /* one was, by the request at hand */
    uint8_t *arrived; /* AHEAD_MAX blocks: one request's */
};

/* A part of a file. */
struct span {
    size_t file;
    uint64_t from, end;
};

struct blocks *blocks_new(blocks_fetch_fn *fetch, void *arg) {
    struct blocks *b = xcalloc(1, sizeof *b);
    b->fetch = fetch;
    b->arg = arg;
    b->ahead = AHEAD_MAX;
    b->calm = BLOCKS_MAX;
    b->arrived = xmalloc((size_t)AHEAD_MAX * BLOCK_BYTES);
    return b;
}

void blocks_free(struct blocks *b) {
    if (!b) {
        return;
    }
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        free(b->items[i].bytes);
    }
    series_release(&b->series);
    free(b->arrived);
    free(b);
}

/* ---- what is kept ---- */

static struct block *find(struct blocks *b, size_t file, uint64_t index) {
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        struct block *k = &b->items[i];
        if (k->to > 0 && k->file == file && k->index == index) {
            return k;
        }
    }
    return NULL;
}

static unsigned worth(const struct block *k) {
    return k->to == 0 ? 0 : k->spent ? 1 : 2;
}

/* The block that is worth least, and of these was used longest ago. */
static struct block *choose(struct blocks *b) {
    struct block *least = &b->items[0];
    for (size_t i = 1; i < BLOCKS_MAX; i++) {
        struct block *k = &b->items[i];
        if (worth(k) < worth(least) || (worth(k) == worth(least) && k->used < least->used)) {
            least = k;
        }
    }
    return least;
}

/* Bytes [from, to) of a block, the first of which is at *bytes, of which `next` is the first that
 * was not read yet. They go on with what is kept of it, or replace that; what was read already
 * takes nobody's place. */
static void keep(struct blocks *b, size_t file, uint64_t index, size_t from, size_t to, size_t next,
    const uint8_t *bytes) {
    struct block *k = find(b, file, index);
    bool grows = k && from <= k->to && k->from <= to;
    if (!k) {
        k = choose(b);
        if (next >= to && worth(k) == 2) {
            return;
        }
        b->wasted |= worth(k) == 2 && !k->read;
        k->read = false;
    }
    k->bytes = k->bytes ? k->bytes : xmalloc(BLOCK_BYTES);
    memcpy(k->bytes + from, bytes, to - from);
    k->file = file;
    k->index = index;
    k->from = grows && k->from < from ? k->from : from;
    k->to = grows && k->to > to ? k->to : to;
    k->read |= next > from;
    k->spent = next >= k->to;
    k->used = ++b->clock;
}

/* ---- what is asked for ---- */

/* How much a request for `want`, of which nothing is kept at its beginning, is to bring. */
static struct span reach(
    struct blocks *b, struct series *s, const struct span *want, uint64_t size) {
    size_t rivals = s->run == 0 ? 1 : series_rivals(&b->series, s), n = want->end - want->from;
    uint64_t first = want->from / BLOCK_BYTES, ahead = s->run / BLOCK_BYTES;
    struct span part = *want;
    if (rivals > BLOCKS_MAX / 2 || (s->run == 0 && n >= EXACT_BYTES)) {
        return part;
    }
    ahead = ahead < b->ahead ? ahead : b->ahead;
    ahead = ahead < BLOCKS_MAX / rivals ? ahead : BLOCKS_MAX / rivals - 1;
    uint64_t last = (want->end - 1) / BLOCK_BYTES;
    last = last > first + ahead ? last : first + ahead;
    uint64_t end = (last + 1) * BLOCK_BYTES < size ? (last + 1) * BLOCK_BYTES : size;
    end = series_free_until(&b->series, s, want->from, end);
    part.from = s->run == 0 ? first * BLOCK_BYTES : part.from;
    part.end = end > part.end ? end : part.end;
    return part;
}

/* Up to the first block that is kept already, and as much as a request takes. */
static void cut(struct blocks *b, struct span *part, uint64_t at) {
    uint64_t most = part->from + (uint64_t)AHEAD_MAX * BLOCK_BYTES;
    part->end = part->end < most ? part->end : most;
    for (uint64_t i = at / BLOCK_BYTES; i * BLOCK_BYTES < part->end; i++) {
        const struct block *k = find(b, part->file, i);
        uint64_t kept = k ? i * BLOCK_BYTES + k->from : 0;
        if (k && kept > at) {
            part->end = kept < part->end ? kept : part->end;
            return;
        }
    }
}

/* After a request: what was fetched too early says to reach less far, and a whole memory of blocks
 * that were all read, to try further again. */
static void learn(struct blocks *b, size_t n) {
    if (b->wasted) {
        b->ahead = b->ahead > 1 ? b->ahead / 2 : 1;
        b->calm = 0;
    } else {
        b->calm += n;
        b->ahead = b->calm >= BLOCKS_MAX && b->ahead < AHEAD_MAX ? 2 * b->ahead : b->ahead;
    }
    b->wasted = false;
}

/* What arrived, of which everything before `next` is read at once. */
static void keep_all(struct blocks *b, const struct span *part, uint64_t next) {
    for (uint64_t at = part->from, end; at < part->end; at = end) {
        uint64_t begun = at / BLOCK_BYTES * BLOCK_BYTES;
        end = begun + BLOCK_BYTES < part->end ? begun + BLOCK_BYTES : part->end;
        keep(b, part->file, begun / BLOCK_BYTES, (size_t)(at - begun), (size_t)(end - begun),
            next > begun ? (size_t)(next - begun) : 0, b->arrived + (at - part->from));
    }
    learn(b, (size_t)((part->end - part->from + BLOCK_BYTES - 1) / BLOCK_BYTES));
}

/* The first bytes of `want`, from the network; how many, or 0 on failure. */
static size_t bring(struct blocks *b, struct series *s, const struct span *want, uint64_t size,
    uint8_t *into, struct err *err) {
    struct span part = reach(b, s, want, size);
    cut(b, &part, want->from);
    if (!b->fetch(b->arg, part.file, part.from, b->arrived, (size_t)(part.end - part.from), err)) {
        return 0;
    }
    uint64_t next = want->end < part.end ? want->end : part.end;
    memcpy(into, b->arrived + (want->from - part.from), (size_t)(next - want->from));
    series_claim(&b->series, s, size, part.from, part.end);
    keep_all(b, &part, next);
    return (size_t)(next - want->from);
}

/* The first bytes of `want`, as far as they are kept side by side. */
static size_t take_kept(struct blocks *b, const struct span *want, uint8_t *into) {
    struct block *k = find(b, want->file, want->from / BLOCK_BYTES);
    size_t from = (size_t)(want->from % BLOCK_BYTES);
    if (!k || from < k->from || from >= k->to) {
        return 0;
    }
    uint64_t left = want->end - want->from;
    size_t n = k->to - from < left ? k->to - from : (size_t)left;
    memcpy(into, k->bytes + from, n);
    k->used = ++b->clock;
    k->read = true;
    k->spent |= from + n == k->to;
    return n;
}

bool blocks_read(struct blocks *b, size_t file, uint64_t size, uint64_t at, void *into, size_t n,
    struct err *err) {
    struct series *s = series_find(&b->series, file, at);
    struct span want = { file, at, at + n };
    for (size_t done = 0, got; want.from < want.end; want.from += got, done += got) {
        uint8_t *to = (uint8_t *)into + done;
        got = take_kept(b, &want, to);
        if (got == 0 && (got = bring(b, s, &want, size, to, err)) == 0) {
            return false;
        }
    }
    series_read(&b->series, s, at, n);
    return true;
}
