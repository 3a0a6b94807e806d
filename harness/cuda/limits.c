/* What this device gives right now: the roof that a product's speed is held against, and the speed
 * of its memory; by events in the stream, so that the host's part in it doesn't count. And the
 * host's threads, for work that stays beside the device's. See cuda.h. */
#include "harness/cuda/cuda.h"

/* What is measured grows until it takes so long, is so large, or no longer fits: a small device, or
 * the tests' one, is measured too. */
#define ENOUGH_MS 2.0
#define BATCH_MS 50.0
enum { SIDE_FIRST = 64, SIDE_LAST = 8192, ROOMS = 3 };
#define STREAM_FIRST ((size_t)1 << 20)
#define STREAM_LAST ((size_t)1 << 30)

/* One piece of work, done again and again. */
struct effort {
    double (*run)(struct cuda *c, struct effort *e); /* returns operations, or bytes */
    size_t size, last;                               /* side of a product, bytes of a copy */
    bool square;
    uint8_t *room[ROOMS];
};

static void effort_end(struct effort *e) {
    for (int i = 0; i < ROOMS; i++) {
        cudaFree(e->room[i]);
        e->room[i] = NULL;
    }
}

static struct device_rows room_of(const struct cuda *c, const struct effort *e, int i) {
    uint32_t side = (uint32_t)e->size;
    return (struct device_rows) {
        .data = e->room[i], .n = side, .cols = side, .bf16 = c->caps.act == ELEM_BF16
    };
}

/* Room for it, with noise in it: zeros take less power, and a device that is cool runs faster. */
static bool effort_begin(struct cuda *c, struct effort *e) {
    size_t bytes = e->square ? e->size * e->size * elem_bytes(c->caps.act) : e->size;
    for (int i = 0; i < ROOMS; i++) {
        void *room = NULL;
        if (cudaMalloc(&room, bytes) != cudaSuccess) {
            cudaGetLastError(); /* the next launch shall not fail for it */
            effort_end(e);
            return false;
        }
        e->room[i] = room;
        if (e->square)
            cuda_must(launch_noise(room_of(c, e, i), false, c->stream), "noise");
        else
            cuda_must(cudaMemsetAsync(room, i + 1, bytes, c->stream), "noise");
    }
    return true;
}

/* Milliseconds of `times` runs, and what they came to. */
static double effort_time(struct cuda *c, struct effort *e, uint32_t times, double *done) {
    cudaEvent_t start, end;
    float ms = 0;
    *done = 0;
    cuda_must(cudaEventCreate(&start), "a clock");
    cuda_must(cudaEventCreate(&end), "a clock");
    cuda_must(cudaEventRecord(start, c->stream), "a clock");
    for (uint32_t i = 0; i < times; i++)
        *done += e->run(c, e);
    cuda_must(cudaEventRecord(end, c->stream), "a clock");
    cuda_must(cudaEventSynchronize(end), "a clock");
    cuda_must(cudaEventElapsedTime(&ms, start, end), "a clock");
    cudaEventDestroy(start);
    cudaEventDestroy(end);
    return (double)ms;
}

/* The size that is large enough, or the largest that fits. */
static bool effort_grow(struct cuda *c, struct effort *e) {
    size_t fits = 0;
    double done;
    while (effort_begin(c, e)) {
        effort_time(c, e, 1, &done); /* the first is slow */
        bool enough = effort_time(c, e, 1, &done) >= ENOUGH_MS || e->size >= e->last;
        fits = e->size;
        if (enough)
            return true;
        effort_end(e);
        e->size *= 2;
    }
    e->size = fits;
    return fits > 0 && effort_begin(c, e);
}

static double effort_speed(struct cuda *c, struct effort *e, double seconds) {
    double done, total = 0, spent = 0;
    if (!effort_grow(c, e))
        return 0;
    double once = effort_time(c, e, 1, &done), fit = BATCH_MS / (once > 1e-3 ? once : 1e-3);
    do {
        spent += effort_time(c, e, fit < 1 ? 1 : (uint32_t)fit, &done);
        total += done;
    } while (spent < 1e3 * seconds);
    effort_end(e);
    return spent > 0 ? 1e3 * total / spent : 0;
}

static double product_run(struct cuda *c, struct effort *e) {
    struct matmul_args a = { .x = room_of(c, e, 0),
        .weight = e->room[1],
        .out = room_of(c, e, 2),
        .activation = KERNEL_NONE,
        .scale = 1 };
    cuda_product(c, &a);
    return 2.0 * (double)e->size * (double)e->size * (double)e->size;
}

double cuda_roof(struct backend *b, double seconds) {
    struct effort e = { .run = product_run, .size = SIDE_FIRST, .last = SIDE_LAST, .square = true };
    return effort_speed(cuda_enter(b), &e, seconds);
}

/* What is copied is read and written. */
static double copy_run(struct cuda *c, struct effort *e) {
    cuda_must(cudaMemcpyAsync(e->room[1], e->room[0], e->size, cudaMemcpyDeviceToDevice, c->stream),
        "stream");
    return 2.0 * (double)e->size;
}

double cuda_stream(struct backend *b, double seconds) {
    struct effort e = { .run = copy_run, .size = STREAM_FIRST, .last = STREAM_LAST };
    return effort_speed(cuda_enter(b), &e, seconds);
}

/* ---- the host's threads ---- */

void cuda_share(struct backend *b, size_t n, pool_fn *fn, void *arg) {
    pool_run(cuda_of(b)->pool, n, fn, arg);
}
