/* See shim_block.h. The thread that has to wait picks the next one that can run, first among its
 * own warp, and changes to it straight away; the last one of a block changes back to shim_run.
 *
 * Built without sanitizers, since warps come here for each number that they exchange: nothing in
 * this file touches a kernel's memory but to poison what it allocated itself. */
#include <shim_block.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber.h"

struct shim_thread *shim_thread_now;
struct shim_block shim_block_now;

enum { WARPS_MAX = SHIM_THREADS_MAX / SHIM_WARP };

static struct shim_thread threads[SHIM_THREADS_MAX];
static struct fiber *main_fiber;
static const struct shim_launch *launch;
static unsigned n_threads, n_warps, n_at_barrier, n_returned;
static uint32_t at_warp[WARPS_MAX]; /* lanes that wait for an operation of their warp */
static unsigned warp_order[WARPS_MAX], lane_order[SHIM_WARP], lane_place[SHIM_WARP];
static uint32_t ready[WARPS_MAX]; /* places in lane_order whose lanes can run */

void shim_report(const char *format, ...) {
    fflush(stdout);
    if (launch != NULL)
        fprintf(stderr, "shim: kernel '%s', block (%u, %u, %u): ", launch->kernel,
            shim_block_now.index.x, shim_block_now.index.y, shim_block_now.index.z);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* ---- the order ---- */

unsigned shim_seed(void) {
    const char *seed = getenv("ASSAY_SHIM_SEED");
    return seed == NULL ? 0 : (unsigned)strtoul(seed, NULL, 10);
}

static uint32_t draw(uint64_t *state) {
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(*state >> 33);
}

static void order_fill(unsigned *order, unsigned n, unsigned seed, uint64_t *state) {
    for (unsigned i = 0; i < n; i++)
        order[i] = seed == 1 ? n - 1 - i : i;
    for (unsigned i = n; seed > 1 && i > 1; i--) {
        unsigned j = draw(state) % i, kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

/* ---- who runs ---- */

static unsigned number_of(const struct shim_thread *t) {
    return (unsigned)(t - threads);
}

static void set_state(struct shim_thread *t, decltype(shim_thread::state) state) {
    uint32_t place = 1U << lane_place[number_of(t) % SHIM_WARP];
    uint32_t *warp = &ready[number_of(t) / SHIM_WARP];
    *warp = state == shim_thread::RUNS ? *warp | place : *warp & ~place;
    t->state = state;
}

static struct shim_thread *ready_in(unsigned warp) {
    unsigned first = warp * SHIM_WARP;
    return ready[warp] == 0 ? NULL : &threads[first + lane_order[__builtin_ctz(ready[warp])]];
}

/* Of the thread's own warp, else of the first that has one. */
static struct shim_thread *ready_near(const struct shim_thread *t) {
    struct shim_thread *next = ready_in(number_of(t) / SHIM_WARP);
    for (unsigned i = 0; next == NULL && i < n_warps; i++)
        next = ready_in(warp_order[i]);
    return next;
}

static void describe(const struct shim_thread *t, char *out, size_t bytes) {
    switch (t->state) {
    case shim_thread::RUNS:
        snprintf(out, bytes, "can run");
        return;
    case shim_thread::RETURNED:
        snprintf(out, bytes, "have returned");
        return;
    case shim_thread::AT_BARRIER:
        snprintf(out, bytes, "wait at %s, %s:%d", t->what, t->site.file, t->site.line);
        return;
    case shim_thread::AT_WARP:
        snprintf(out, bytes, "wait in %s for lanes %08x, %s:%d", t->what, t->mask, t->site.file,
            t->site.line);
    }
}

/* Threads wait for others that do not come: who is where. */
[[noreturn]] static void stuck(void) {
    char text[4096] = "", line[512], next[512];
    for (unsigned i = 0, first = 0; i < n_threads; i++) {
        describe(&threads[i], line, sizeof line);
        if (i + 1 < n_threads)
            describe(&threads[i + 1], next, sizeof next);
        if (i + 1 < n_threads && strcmp(line, next) == 0)
            continue;
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "\n  threads %u to %u %s", first, i, line);
        first = i + 1;
    }
    shim_report("threads have diverged:%s", text);
}

static void change_to(struct shim_thread *next) {
    struct shim_thread *self = shim_thread_now;
    if (next == self)
        return;
    shim_thread_now = next;
    fiber_change(self->fiber, next->fiber);
}

static void pass_on(void) {
    struct shim_thread *next = ready_near(shim_thread_now);
    if (next == NULL)
        stuck();
    change_to(next);
}

static void wait_at(
    decltype(shim_thread::state) state, const char *what, struct shim_site site, uint32_t mask) {
    set_state(shim_thread_now, state);
    shim_thread_now->what = what;
    shim_thread_now->site = site;
    shim_thread_now->mask = mask;
}

static bool same_wait(const struct shim_thread *a, const struct shim_thread *b) {
    return a->site.line == b->site.line && a->mask == b->mask &&
           (a->site.file == b->site.file || strcmp(a->site.file, b->site.file) == 0);
}

/* ---- barriers and warps ---- */

void shim_barrier(struct shim_site site) {
    struct shim_thread *self = shim_thread_now;
    wait_at(shim_thread::AT_BARRIER, "a barrier", site, 0);
    if (++n_at_barrier < n_threads) {
        pass_on();
        return;
    }
    for (unsigned i = 0; i < n_threads; i++) {
        if (!same_wait(&threads[i], self))
            stuck();
    }
    for (unsigned i = 0; i < n_threads; i++)
        set_state(&threads[i], shim_thread::RUNS);
    n_at_barrier = 0;
    change_to(ready_in(warp_order[0]));
}

/* The lanes of `mask` all wait, and so for each other; else one has come to another place. */
static void perform_all(
    struct shim_thread *lanes, unsigned lane, uint32_t mask, shim_perform *perform) {
    void *parts[SHIM_WARP] = {};
    for (unsigned i = 0; i < SHIM_WARP; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        if (!same_wait(&lanes[i], &lanes[lane]))
            stuck();
        parts[i] = lanes[i].part;
    }
    perform(parts, mask);
    for (unsigned i = 0; i < SHIM_WARP; i++) {
        if (mask >> i & 1)
            set_state(&lanes[i], shim_thread::RUNS);
    }
}

void shim_warp(
    const char *what, struct shim_site site, uint32_t mask, void *part, shim_perform *perform) {
    struct shim_thread *self = shim_thread_now;
    unsigned warp = number_of(self) / SHIM_WARP, lane = number_of(self) % SHIM_WARP;
    if ((mask >> lane & 1) == 0)
        shim_report("%s at %s:%d: lane %u is not among those it names, %08x", what, site.file,
            site.line, lane, mask);
    self->part = part;
    wait_at(shim_thread::AT_WARP, what, site, mask);
    at_warp[warp] |= 1U << lane;
    if ((at_warp[warp] & mask) == mask) {
        perform_all(&threads[warp * SHIM_WARP], lane, mask, perform);
        at_warp[warp] &= ~mask;
    }
    pass_on();
}

/* ---- blocks ---- */

/* What each fiber does all its life: one thread of one block after the other. */
static void thread_body(void) {
    for (;;) {
        launch->run();
        struct shim_thread *self = shim_thread_now;
        set_state(self, shim_thread::RETURNED);
        if (++n_returned == n_threads)
            fiber_change(self->fiber, main_fiber);
        else
            pass_on();
    }
}

static uint3 place(unsigned i, dim3 size) {
    return { i % size.x, i / size.x % size.y, i / size.x / size.y };
}

static void threads_begin(unsigned seed, unsigned block) {
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + block;
    order_fill(warp_order, n_warps, seed, &state);
    order_fill(lane_order, SHIM_WARP, seed, &state);
    for (unsigned i = 0; i < SHIM_WARP; i++)
        lane_place[lane_order[i]] = i;
    memset(ready, 0, sizeof ready);
    for (unsigned i = 0; i < n_threads; i++) {
        struct shim_thread *t = &threads[i];
        if (t->fiber == NULL)
            t->fiber = fiber_new(thread_body);
        t->index = place(i, launch->block);
        set_state(t, shim_thread::RUNS);
        t->copies.clear();
        t->n_groups = 0;
    }
    memset(at_warp, 0, sizeof at_warp);
    n_at_barrier = n_returned = 0;
}

static void block_run(unsigned seed, unsigned block) {
    shim_block_now.index = place(block, launch->grid);
    memset(shim_block_now.shared, SHIM_POISON, launch->shared_bytes);
    threads_begin(seed, block);
    shim_thread_now = ready_in(warp_order[0]);
    fiber_change(main_fiber, shim_thread_now->fiber);
}

void shim_run(const struct shim_launch &l) {
    unsigned seed = shim_seed(), n_blocks = l.grid.x * l.grid.y * l.grid.z;
    if (main_fiber == NULL)
        main_fiber = fiber_adopt();
    launch = &l;
    n_threads = l.block.x * l.block.y * l.block.z;
    n_warps = (n_threads + SHIM_WARP - 1) / SHIM_WARP;
    /* just as many bytes as were asked for: ASan sees one more */
    shim_block_now = { l.grid, l.block, {}, malloc(l.shared_bytes) };
    for (unsigned i = 0; i < n_blocks; i++)
        block_run(seed, seed % 2 ? n_blocks - 1 - i : i);
    free(shim_block_now.shared);
    launch = NULL;
}
