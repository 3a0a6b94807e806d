/* See blocks.h. */
#include "evaluator/hub/blocks.h"

#include <string.h>

#include "base/mem.h"

enum { AHEAD_MAX = BLOCKS_MAX / 4 }; /* of one request, in blocks: 16 MiB */

struct block {
    size_t file;
    uint64_t index; /* in its file */
    size_t n;       /* bytes; 0: nothing is kept here */
    uint64_t used;  /* when, by the clock of `blocks` */
    bool read;
    uint8_t *bytes; /* BLOCK_BYTES, made on first use */
};

struct blocks {
    struct block items[BLOCKS_MAX];
    blocks_fetch_fn *fetch;
    void *arg;
    uint64_t clock;
    size_t ahead;     /* how far a request reaches, in blocks */
    size_t calm;      /* blocks that came since one was thrown out unread */
    bool wasted;      /* one was, by the request at hand */
    uint8_t *arrived; /* AHEAD_MAX blocks: one request's */
};

struct blocks *blocks_new(blocks_fetch_fn *fetch, void *arg) {
    struct blocks *b = xcalloc(1, sizeof *b);
    b->fetch = fetch;
    b->arg = arg;
    b->ahead = 4;
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
    free(b->arrived);
    free(b);
}

static struct block *find(struct blocks *b, size_t file, uint64_t index) {
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        struct block *k = &b->items[i];
        if (k->n > 0 && k->file == file && k->index == index) {
            return k;
        }
    }
    return NULL;
}

/* The block that was used longest ago. */
static struct block *throw_out(struct blocks *b) {
    struct block *oldest = &b->items[0];
    for (size_t i = 1; i < BLOCKS_MAX; i++) {
        if (b->items[i].used < oldest->used) {
            oldest = &b->items[i];
        }
    }
    b->wasted |= oldest->n > 0 && !oldest->read;
    oldest->n = 0;
    return oldest;
}

static void keep(struct blocks *b, size_t file, uint64_t index, const uint8_t *bytes, size_t n) {
    struct block *k = throw_out(b);
    k->bytes = k->bytes ? k->bytes : xmalloc(BLOCK_BYTES);
    memcpy(k->bytes, bytes, n);
    k->file = file;
    k->index = index;
    k->n = n;
    k->used = ++b->clock;
    k->read = false;
}

/* How many blocks from `first` on one request is to bring: at least those up to `last`, as far as
 * they are missing in a row. */
static size_t reach(struct blocks *b, size_t file, uint64_t first, uint64_t last, uint64_t end) {
    bool goes_on = first > 0 && find(b, file, first - 1);
    size_t want = (size_t)(last - first + 1);
    if (goes_on) {
        want = want > b->ahead ? want : b->ahead;
        b->ahead = b->calm >= BLOCKS_MAX && b->ahead < AHEAD_MAX ? 2 * b->ahead : b->ahead;
    }
    want = want < AHEAD_MAX ? want : AHEAD_MAX;
    size_t n = 1;
    while (n < want && first + n < end && !find(b, file, first + n)) {
        n++;
    }
    return n;
}

/* After a request: what was fetched too early says to reach less far, and a whole memory of blocks
 * that were all read, to try further again. */
static void learn(struct blocks *b, size_t n) {
    if (b->wasted) {
        b->ahead = b->ahead > 1 ? b->ahead / 2 : 1;
        b->calm = 0;
    } else {
        b->calm += n;
    }
    b->wasted = false;
}

static bool bring(
    struct blocks *b, size_t file, uint64_t size, uint64_t first, uint64_t last, struct err *err) {
    uint64_t end = (size + BLOCK_BYTES - 1) / BLOCK_BYTES, at = first * BLOCK_BYTES;
    uint64_t bytes = (uint64_t)reach(b, file, first, last, end) * BLOCK_BYTES;
    bytes = bytes < size - at ? bytes : size - at;
    if (!b->fetch(b->arg, file, at, b->arrived, (size_t)bytes, err)) {
        return false;
    }
    for (uint64_t done = 0; done < bytes; done += BLOCK_BYTES) {
        uint64_t left = bytes - done;
        keep(b, file, (at + done) / BLOCK_BYTES, b->arrived + done,
            left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES);
    }
    learn(b, (size_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES));
    return true;
}

bool blocks_read(struct blocks *b, size_t file, uint64_t size, uint64_t at, void *into, size_t n,
    struct err *err) {
    while (n > 0) {
        uint64_t index = at / BLOCK_BYTES, last = (at + n - 1) / BLOCK_BYTES;
        struct block *k = find(b, file, index);
        if (!k && !bring(b, file, size, index, last, err)) {
            return false;
        }
        k = k ? k : find(b, file, index);
        size_t from = (size_t)(at % BLOCK_BYTES), part = k->n - from < n ? k->n - from : n;
        memcpy(into, k->bytes + from, part);
        k->used = ++b->clock;
        k->read = true;
        into = (uint8_t *)into + part;
        at += part;
        n -= part;
    }
    return true;
}
