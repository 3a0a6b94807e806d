/* The best k documents for each query, of a stream of documents that need not be there all at once.
 *
 * A block of documents is multiplied with all queries, a tile at a time; while a tile of scores is
 * in the cache, each document's row is compared with what a score has to reach to matter to a query
 * (sixteen queries an instruction), and only what reaches it meets that query's heap. After some
 * thousands of documents hardly anything does.
 *
 * A heap's entries are whole numbers that sort as (score, place of the document's id) do, so that
 * there are no ties, and what is found does not depend on the order in which threads arrive. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/metric.h"
#include "harness/product.h"

enum { LANES = 16, GROUP = 64, TILE_ROWS_MAX = 1024, SLACK = 64 };

/* Queries that share a lock: how long their lists are, and what each asks for. */
struct group {
    pthread_mutex_t lock;
    float threshold[GROUP];
    uint64_t floor[GROUP]; /* the same as an entry: what is not above it does not matter */
    size_t held[GROUP];
};

struct top_k {
    struct product_columns *queries;
    size_t n_queries, k, n_docs;
    size_t room; /* of a list */
    size_t next; /* documents so far */
    const uint32_t *doc_rank;
    struct group *groups;
    uint64_t *entries; /* [n_queries, room] */
};

/* ---- entries ---- */

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Scores to numbers of the same order: negative ones count down. NaN is worse than all. */
static uint64_t entry_of(float score, uint32_t rank) {
    uint32_t bits = bits_of(isnan(score) ? -INFINITY : score + 0.0F); /* -0 is 0 */
    bits = bits & 0x80000000U ? ~bits : bits | 0x80000000U;
    return (uint64_t)bits << 32 | rank;
}

static float score_of(uint64_t entry) {
    uint32_t bits = (uint32_t)(entry >> 32);
    float score;
    bits = bits & 0x80000000U ? bits & 0x7fffffffU : ~bits;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* ---- lists ---- */

static void swap(uint64_t *x, size_t i, size_t j) {
    uint64_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
}

/* The middle of first, middle and last comes to the end. */
static uint64_t choose_pivot(uint64_t *x, size_t n) {
    size_t mid = n / 2, last = n - 1;
    if (x[mid] < x[0])
        swap(x, mid, 0);
    if (x[last] < x[0])
        swap(x, last, 0);
    if (x[mid] < x[last])
        swap(x, mid, last);
    return x[last];
}

/* The k highest of n come first, in no order. */
static void select_highest(uint64_t *x, size_t n, size_t k) {
    while (k > 0 && k < n) {
        uint64_t pivot = choose_pivot(x, n);
        size_t above = 0;
        for (size_t i = 0; i + 1 < n; i++)
            if (x[i] > pivot)
                swap(x, i, above++);
        swap(x, above, n - 1);
        if (k <= above) {
            n = above;
        } else {
            x += above + 1;
            n -= above + 1;
            k -= above + 1;
        }
    }
}

static void cut(struct top_k *t, struct group *g, size_t query, size_t lane) {
    uint64_t *list = t->entries + query * t->room, least = UINT64_MAX;
    select_highest(list, g->held[lane], t->k);
    for (size_t i = 0; i < t->k; i++)
        least = list[i] < least ? list[i] : least;
    g->held[lane] = t->k;
    g->floor[lane] = least;
    g->threshold[lane] = score_of(least);
}

static void offer(
    struct top_k *t, struct group *g, size_t query, size_t lane, float score, uint32_t rank) {
    uint64_t entry = entry_of(score, rank);
    if (entry <= g->floor[lane])
        return;
    t->entries[query * t->room + g->held[lane]++] = entry;
    if (g->held[lane] == t->room)
        cut(t, g, query, lane);
}

/* ---- which rows of a tile matter ---- */

typedef float lanes_f32 __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef int32_t lanes_i32 __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef size_t rows_fn(const struct product_tile *tile, size_t column, size_t n,
    const float *threshold, uint16_t *rows);

static inline __attribute__((always_inline)) bool any_set(const lanes_i32 *v) {
    uint64_t words[sizeof *v / sizeof(uint64_t)], any = 0;
    memcpy(words, v, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        any |= words[i];
    return any != 0;
}

/* Rows with a score, in n columns from `column`, that is not below its threshold; returns how many.
 */
static inline __attribute__((always_inline)) size_t rows_body(const struct product_tile *tile,
    size_t column, size_t n, const float *threshold, uint16_t *rows) {
    size_t found = 0;
    for (size_t row = 0; row < tile->n_rows; row++) {
        const float *sums = tile->sums + row * tile->stride + column;
        lanes_i32 above = { 0 };
        size_t i = 0;
        for (; i + LANES <= n; i += LANES)
            above |= ~(*(const lanes_f32 *)(const void *)(sums + i) <
                       *(const lanes_f32 *)(const void *)(threshold + i));
        bool any = any_set(&above);
        for (; i < n; i++)
            any |= !(sums[i] < threshold[i]);
        rows[found] = (uint16_t)row;
        found += any;
    }
    return found;
}

static size_t rows_plain(const struct product_tile *tile, size_t column, size_t n,
    const float *threshold, uint16_t *rows) {
    return rows_body(tile, column, n, threshold, rows);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t rows_avx2(const struct product_tile *tile,
    size_t column, size_t n, const float *threshold, uint16_t *rows) {
    return rows_body(tile, column, n, threshold, rows);
}

__attribute__((target("avx512f"))) static size_t rows_avx512(const struct product_tile *tile,
    size_t column, size_t n, const float *threshold, uint16_t *rows) {
    return rows_body(tile, column, n, threshold, rows);
}

static rows_fn *rows_choose(void) {
    if (__builtin_cpu_supports("avx512f"))
        return rows_avx512;
    return __builtin_cpu_supports("avx2") ? rows_avx2 : rows_plain;
}
#else
static rows_fn *rows_choose(void) {
    return rows_plain;
}
#endif

/* ---- a block of documents ---- */

struct block {
    struct top_k *top;
    rows_fn *rows;
};

static void scan_group(const struct block *b, const struct product_tile *tile, size_t column) {
    struct top_k *t = b->top;
    struct group *g = &t->groups[(tile->column + column) / GROUP];
    size_t left = tile->n_columns - column, n = left < GROUP ? left : GROUP;
    uint16_t rows[TILE_ROWS_MAX];
    pthread_mutex_lock(&g->lock);
    size_t n_rows = b->rows(tile, column, n, g->threshold, rows);
    for (size_t r = 0; r < n_rows; r++) {
        const float *sums = tile->sums + rows[r] * tile->stride + column;
        uint32_t rank = t->doc_rank[t->next + tile->row + rows[r]];
        for (size_t i = 0; i < n; i++)
            if (!(sums[i] < g->threshold[i]))
                offer(t, g, tile->column + column + i, i, sums[i], rank);
    }
    pthread_mutex_unlock(&g->lock);
}

static void scan_tile(void *arg, unsigned thread, const struct product_tile *tile) {
    (void)thread;
    BUG_IF(tile->column % GROUP != 0 || tile->n_rows > TILE_ROWS_MAX);
    for (size_t column = 0; column < tile->n_columns; column += GROUP)
        scan_group(arg, tile, column);
}

void top_k_add(struct top_k *t, const float *docs, size_t n) {
    BUG_IF(n > t->n_docs - t->next);
    struct block b = { t, rows_choose() };
    if (t->k > 0)
        product_tiles(t->queries, docs, n, scan_tile, &b);
    t->next += n;
}

/* ---- the whole ---- */

struct top_k *top_k_new(
    struct product_unit *unit, const struct top_k_options *options, struct err *err) {
    size_t cells, n_groups = (options->n_queries + GROUP - 1) / GROUP;
    struct top_k *t = xcalloc(1, sizeof *t);
    *t = (struct top_k) { .n_queries = options->n_queries,
        .k = options->k < options->n_docs ? options->k : options->n_docs,
        .n_docs = options->n_docs,
        .doc_rank = options->doc_rank };
    t->room = 2 * t->k + SLACK;
    t->groups = xcalloc(n_groups, sizeof *t->groups);
    for (size_t g = 0; g < n_groups; g++) {
        pthread_mutex_init(&t->groups[g].lock, NULL);
        for (size_t i = 0; i < GROUP; i++)
            t->groups[g].threshold[i] = -INFINITY;
    }
    bool ok = mem_mul(t->n_queries, t->room, &cells) ||
              err_set(err, ERR_RESOURCE, "%zu rankings of %zu do not fit", t->n_queries, t->k);
    ok = ok && (t->entries = mem_try(cells, sizeof *t->entries, "rankings", err)) != NULL;
    ok = ok && (t->queries = product_columns_new(unit, options->queries, options->n_queries,
                    options->width, false, err)) != NULL;
    if (!ok) {
        top_k_free(t);
        return NULL;
    }
    return t;
}

void top_k_free(struct top_k *t) {
    if (t == NULL)
        return;
    for (size_t g = 0; g < (t->n_queries + GROUP - 1) / GROUP; g++)
        pthread_mutex_destroy(&t->groups[g].lock);
    product_columns_free(t->queries);
    free(t->groups);
    free(t->entries);
    free(t);
}

static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

size_t top_k_take(struct top_k *t, size_t query, uint32_t *ranks, float *scores) {
    size_t held = t->groups[query / GROUP].held[query % GROUP], n = held < t->k ? held : t->k;
    uint64_t *list = t->entries + query * t->room;
    select_highest(list, held, n);
    qsort(list, n, sizeof *list, descending);
    for (size_t i = 0; i < n; i++) {
        ranks[i] = (uint32_t)list[i];
        scores[i] = score_of(list[i]);
    }
    return n;
}
