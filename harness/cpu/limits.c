/* What this processor gives right now: the roof that a product's speed is held against, and the
 * speed at which weights can be read. Every thread of the pool works until the time is over; the
 * figure is all of the work by all of the time, so a thread that came late, because the machine is
 * not ours alone, lowers it as it lowers a product's. */
#include "harness/cpu/cpu.h"
#include "harness/cpu/int8.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum { STEPS = 20000, CACHES = 4 };
#define STREAM_MIN ((size_t)64 << 20)
#define STREAM_MAX ((size_t)512 << 20)

struct effort {
    const struct cpu *cpu;
    double until;
    double *done; /* one a thread: FLOPs, or bytes */
    float *sink;  /* one a thread */
    const float *numbers;
    size_t n; /* of a thread's */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void multiply_on(void *arg, unsigned thread, size_t item) {
    const struct effort *e = arg;
    const struct roof *roof = &e->cpu->kernels->roof;
    float (*steps)(uint64_t) = roof->f32;
    uint32_t flops = roof->f32_flops;
    (void)item;
    if (e->cpu->gemm_int8 != NULL) {
        steps = gemm_int8_kernels(e->cpu->gemm_int8)->roof;
        flops = gemm_int8_kernels(e->cpu->gemm_int8)->roof_ops;
    } else if (e->cpu->caps.act == ELEM_BF16) {
        steps = roof->bf16;
        flops = roof->bf16_flops;
    }
    do {
        e->sink[thread] += steps(STEPS);
        e->done[thread] += (double)STEPS * flops;
    } while (now() < e->until);
}

static void read_on(void *arg, unsigned thread, size_t item) {
    const struct effort *e = arg;
    do {
        e->sink[thread] += e->cpu->kernels->roof.stream(e->n, e->numbers + item * e->n);
        e->done[thread] += (double)(e->n * sizeof *e->numbers);
    } while (now() < e->until);
}

/* An item a thread; a second where nothing could be measured is no second. */
static double effort_run(struct cpu *c, struct effort *e, double seconds, pool_fn *fn) {
    unsigned n = c->caps.threads;
    double total = 0, start = now();
    e->cpu = c;
    e->until = start + seconds;
    e->done = xcalloc(n, sizeof *e->done);
    e->sink = xcalloc(n, sizeof *e->sink);
    pool_run(c->pool, n, fn, e);
    double took = now() - start;
    for (unsigned t = 0; t < n; t++)
        total += e->done[t];
    free(e->done);
    free(e->sink);
    return took > 0 ? total / took : 0;
}

double cpu_roof(struct backend *b, double seconds) {
    struct effort e = { 0 };
    return effort_run(cpu_of(b), &e, seconds, multiply_on);
}

/* More than the caches hold, so that it comes from memory each time. */
static size_t stream_bytes(void) {
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t bytes = cache > 0 ? (size_t)cache * CACHES : STREAM_MIN;
    bytes = bytes < STREAM_MIN ? STREAM_MIN : bytes;
    return bytes < STREAM_MAX ? bytes : STREAM_MAX;
}

double cpu_stream(struct backend *b, double seconds) {
    struct cpu *c = cpu_of(b);
    struct err ignored = ERR_INIT;
    struct effort e = { .n = stream_bytes() / sizeof(float) / c->caps.threads };
    float *numbers = mem_try(e.n, c->caps.threads * sizeof *numbers, "a stream", &ignored);
    if (numbers == NULL)
        return 0;
    e.numbers = numbers;
    double speed = effort_run(c, &e, seconds, read_on);
    free(numbers);
    return speed;
}
