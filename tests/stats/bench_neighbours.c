/* The best thousand of a corpus for each of many queries: `bench_neighbours DOCS WIDTH QUERIES K
 * ROUNDS`. Prints one JSON object: how long each round took, what part that is of the fastest plain
 * product that this machine makes in single precision, and the most memory that it took. Passages
 * are made a block at a time, as an evaluation makes them; making them is not counted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/pool.h"
#include "evaluator/metric/metric.h"
#include "harness/product.h"

enum { BLOCK = 16384, LIMIT_ROWS = 3072, LIMIT_COLUMNS = 1024, LIMIT_K = 384, LIMIT_TIMES = 8 };

/* Seconds on the wall, and of processors: the ones that count where others work here too. */
struct moment {
    double wall, cpu;
};

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct moment now(void) {
    return (struct moment) { seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID) };
}

static void add_since(struct moment *spent, struct moment began) {
    struct moment at = now();
    spent->wall += at.wall - began.wall;
    spent->cpu += at.cpu - began.cpu;
}

/* Noise in [-1, 1): the same for the same block. */
static void fill(uint64_t seed, size_t n, float *out) {
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        out[i] = (float)(state >> 40) / (float)(1 << 23) - 1;
    }
}

static void ignore(void *arg, unsigned thread, const struct product_tile *tile) {
    (void)arg;
    (void)thread;
    (void)tile;
}

/* FLOPs a second of a product that lies in the caches, by the faster library, on the wall and of a
 * processor. */
static void product_speed(struct pool *pool, const char *library, struct moment *fastest) {
    struct err err = ERR_INIT;
    struct product_unit *unit = product_unit_open(pool, library, &err);
    if (!unit) {
        return;
    }
    float *rows = xcalloc((size_t)LIMIT_ROWS * LIMIT_K, sizeof *rows);
    float *columns = xcalloc((size_t)LIMIT_COLUMNS * LIMIT_K, sizeof *columns);
    fill(1, (size_t)LIMIT_ROWS * LIMIT_K, rows);
    fill(2, (size_t)LIMIT_COLUMNS * LIMIT_K, columns);
    struct product_columns *c =
        product_columns_new(unit, columns, LIMIT_COLUMNS, LIMIT_K, false, &err);
    for (int i = 0; c && i < LIMIT_TIMES; i++) {
        struct moment spent = { 0, 0 }, began = now();
        product_tiles(c, rows, LIMIT_ROWS, ignore, NULL);
        add_since(&spent, began);
        double work = 2.0 * LIMIT_ROWS * LIMIT_COLUMNS * LIMIT_K;
        fastest->wall = fmax(fastest->wall, work / spent.wall);
        fastest->cpu = fmax(fastest->cpu, work / spent.cpu);
    }
    product_columns_free(c);
    product_unit_close(unit);
    free(rows);
    free(columns);
}

struct work {
    size_t n_docs, width, n_queries, k;
    uint32_t *rank;
    float *queries, *block;
};

/* What is spent on ranking. */
static struct moment rank_all(const struct work *w, struct product_unit *unit) {
    struct err err = ERR_INIT;
    struct moment spent = { 0, 0 }, began = now();
    struct top_k_options o = { w->queries, w->n_queries, w->width, w->n_docs, w->k, w->rank };
    struct top_k *top = top_k_new(unit, &o, &err);
    if (!top) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    add_since(&spent, began);
    for (size_t at = 0; at < w->n_docs; at += BLOCK) {
        size_t n = w->n_docs - at < BLOCK ? w->n_docs - at : BLOCK;
        fill(100 + at, n * w->width, w->block);
        began = now();
        top_k_add(top, w->block, n);
        add_since(&spent, began);
    }
    began = now();
    uint32_t *ranks = xcalloc(w->k, sizeof *ranks);
    float *scores = xcalloc(w->k, sizeof *scores);
    for (size_t q = 0; q < w->n_queries; q++) {
        top_k_take(top, q, ranks, scores);
    }
    free(ranks);
    free(scores);
    top_k_free(top);
    add_since(&spent, began);
    return spent;
}

static size_t argument(int argc, char **argv, int i, size_t otherwise) {
    return argc > i ? strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    struct work w = { argument(argc, argv, 1, 1000000), argument(argc, argv, 2, 384),
        argument(argc, argv, 3, 1000), argument(argc, argv, 4, 1000), NULL, NULL, NULL };
    size_t rounds = argument(argc, argv, 5, 3);
    struct pool *pool = pool_new(pool_default_threads(), &err);
    struct product_unit *unit = pool ? product_unit_open(pool, NULL, &err) : NULL;
    if (!unit) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    w.rank = xcalloc(w.n_docs, sizeof *w.rank);
    for (size_t i = 0; i < w.n_docs; i++) {
        w.rank[i] = (uint32_t)i;
    }
    w.queries = xcalloc(w.n_queries * w.width, sizeof *w.queries);
    w.block = xcalloc(BLOCK * w.width, sizeof *w.block);
    fill(3, w.n_queries * w.width, w.queries);
    printf("{\"unit\": \"%s\", \"threads\": %u, \"docs\": %zu, \"width\": %zu, \"queries\": %zu, "
           "\"k\": %zu, \"rounds\": [",
        product_unit_name(unit), pool_n_threads(pool), w.n_docs, w.width, w.n_queries, w.k);
    for (size_t i = 0; i < rounds; i++) {
        struct moment limit = { 0, 0 };
        product_speed(pool, "plain", &limit);
        product_speed(pool, "dnnl", &limit);
        struct moment spent = rank_all(&w, unit);
        double work = 2.0 * (double)w.n_docs * (double)w.width * (double)w.n_queries;
        printf("%s{\"seconds\": %.4f, \"cpu_seconds\": %.4f, \"flops\": %.4g, \"limit\": %.4g, "
               "\"share\": %.4f, \"share_of_cpu\": %.4f}",
            i ? ", " : "", spent.wall, spent.cpu, work / spent.wall, limit.wall,
            work / spent.wall / limit.wall, work / spent.cpu / limit.cpu);
        fflush(stdout);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("], \"peak_rss_bytes\": %ld}\n", usage.ru_maxrss * 1024);
    product_unit_close(unit);
    pool_free(pool);
    free(w.rank);
    free(w.queries);
    free(w.block);
    return 0;
}
