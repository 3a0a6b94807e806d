/* How fast a large board is resampled: `script/bench stats`.
 *
 * 1,000 models on 40 tasks of 2,000 documents, 10,000 resamples shared by all models, and all
 * 499,500 pairs with their intervals: once with scores of 0 and 1, once with graded ones. The limit
 * is what a thread can read from its first-level cache, measured in the same run: 512 multiply-adds
 * of the inner loop read 3 vectors. It is set against processor time, so that others on the machine
 * don't count, and against all of it, drawing and adding up included. bench_stats [MODELS TASKS
 * DOCUMENTS RESAMPLES THREADS] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/stats/draw.h"
#include "base/stats/packed.h"
#include "base/stats/resample.h"
#include "base/stats/standing.h"

struct sizes {
    size_t models, tasks, docs, resamples, threads;
};

static double clock_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wall clock and processor time. */
struct times {
    double wall_s, cpu_s;
};

static void stretch_begin(struct times *began) {
    *began = (struct times) { clock_s(CLOCK_MONOTONIC), clock_s(CLOCK_PROCESS_CPUTIME_ID) };
}

static void stretch_end(const struct times *began, struct times *sum) {
    sum->wall_s += clock_s(CLOCK_MONOTONIC) - began->wall_s;
    sum->cpu_s += clock_s(CLOCK_PROCESS_CPUTIME_ID) - began->cpu_s;
}

static void demand(bool ok, const struct err *err) {
    if (!ok) {
        fprintf(stderr, "bench_stats: %s\n", err->msg);
        exit(1);
    }
}

/* ---- the board ---- */

/* Models of different strength on documents of different difficulty. */
static void fill_sheet(struct sheet *sheet, const struct sizes *z, size_t task, bool binary) {
    double *difficulty = xcalloc(z->docs, sizeof *difficulty), *x = xcalloc(z->docs, sizeof *x);
    struct draw d = draw_stream(1, task);
    for (size_t i = 0; i < z->docs; i++)
        difficulty[i] = draw_normal(&d);
    sheet_init(sheet, z->models);
    for (size_t m = 0; m < z->models; m++) {
        double skill = 2 * (double)m / (double)z->models - 1;
        struct scores scores;
        for (size_t i = 0; i < z->docs; i++) {
            double share = 1 / (1 + exp(difficulty[i] - skill)), u = draw_unit(&d);
            x[i] = binary ? u < share : share * u;
        }
        scores_pack(&scores, x, NULL, z->docs);
        BUG_IF(!sheet_put(sheet, m, &scores));
        scores_release(&scores);
    }
    free(difficulty);
    free(x);
}

/* ---- the limit ---- */

/* Bytes a second that a thread reads from its first-level cache: two blocks of 8 KiB compared over
 * and over by the C library, whose loop is little but loads. */
static double cache_bytes(void) {
    enum { BLOCK = 8192, TURNS = 100000, TRIES = 9 };
    static char a[BLOCK], b[BLOCK];
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        struct times began, used = { 0 };
        int differ = 0;
        stretch_begin(&began);
        for (int t = 0; t < TURNS; t++) {
            differ |= memcmp(a, b, BLOCK);
            __asm__ volatile("" : : : "memory"); /* each time anew */
        }
        stretch_end(&began, &used);
        BUG_IF(differ);
        best = fmax(best, 2.0 * TURNS * BLOCK / used.cpu_s);
    }
    return best;
}

/* ---- one kind of scores ---- */

struct measured {
    struct times sums, pairs;
};

static struct measured measure(const struct sizes *z, bool binary, struct pool *pool) {
    struct err err = ERR_INIT;
    struct resample r;
    struct measured m = { 0 };
    struct times began;
    demand(resample_init(&r, z->models, z->resamples, 7, pool, &err), &err);
    for (size_t task = 0; task < z->tasks; task++) {
        struct sheet sheet;
        fill_sheet(&sheet, z, task, binary);
        stretch_begin(&began);
        demand(resample_add(&r, &sheet, 1.0 / (double)z->tasks, task, &err), &err);
        stretch_end(&began, &m.sums);
        sheet_release(&sheet);
    }
    struct resampled *out = xcalloc(pair_count(z->models) + 1, sizeof *out);
    stretch_begin(&began);
    demand(resample_pairs(&r, out, &err), &err);
    stretch_end(&began, &m.pairs);
    free(out);
    resample_release(&r);
    return m;
}

static void report(const struct sizes *z, bool binary, const struct measured *m, double bytes) {
    double planes = binary ? 1 : 12;
    double adds = (double)z->models * (double)z->tasks * (double)z->docs * (double)z->resamples;
    printf("| %s | %.1f | %.1f | %.0f | %.0f | %.0f %% | %.1f | %.1f | %.1f |\n",
        binary ? "0 and 1" : "graded", m->sums.wall_s, m->sums.cpu_s, adds / m->sums.wall_s / 1e9,
        2 * adds * planes / m->sums.cpu_s / 1e9,
        100 * adds * planes / m->sums.cpu_s / (bytes * 512 / 192), m->pairs.wall_s, m->pairs.cpu_s,
        m->sums.wall_s + m->pairs.wall_s);
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct err err = ERR_INIT;
    size_t n[5] = { 1000, 40, 2000, 10000, pool_default_threads() };
    for (int i = 1; i < argc && i <= 5; i++)
        n[i - 1] = strtoul(argv[i], NULL, 10);
    struct sizes z = { n[0], n[1], n[2], n[3], n[4] };
    struct pool *pool = pool_new((unsigned)z.threads, &err);
    demand(pool != NULL, &err);
    double bytes = cache_bytes();
    printf("%zu models, %zu tasks of %zu documents, %zu resamples, %zu pairs; %zu threads, %s; a "
           "thread "
           "reads %.0f GB/s\n\n",
        z.models, z.tasks, z.docs, z.resamples, pair_count(z.models), z.threads,
        packed_kernels_choose()->name, bytes / 1e9);
    printf("| scores | sums, s | of processors | G multiply-adds/s | GOP/s a thread | share of the "
           "limit | "
           "pairs, s | of processors | together, s "
           "|\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for (int binary = 1; binary >= 0; binary--) {
        struct measured m = measure(&z, binary, pool);
        report(&z, binary, &m, bytes);
    }
    pool_free(pool);
    return 0;
}
