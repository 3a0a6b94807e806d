/* What a kernel that runs on the host stands on: the threads of one block, their barriers, the
 * operations of a warp and copies under way. Kernels see it through cuda_runtime.h, shim_launch.h
 * and shim_mma.h.
 *
 * Threads are fibers. Each runs until it has to wait, in an order that follows from the seed
 * (ASSAY_SHIM_SEED): 0 is ascending, 1 descending, others are shuffled anew for every block; odd
 * ones take blocks from the last to the first. So a barrier that is missing changes what comes out
 * under some seed, and tests run several. Where no thread can go on, because some wait for others
 * that have returned or wait elsewhere, that is said, with the kernel's name, and the process
 * aborts.
 *
 * Memory that nobody has written is SHIM_POISON: as floats it is NaN, of either width. */
#ifndef ASSAY_SHIM_BLOCK_H
#define ASSAY_SHIM_BLOCK_H

#include <functional>
#include <stddef.h>
#include <stdint.h>
#include <vector>

#include <cuda_runtime_api.h>

enum { SHIM_WARP = 32, SHIM_THREADS_MAX = 1024, SHIM_POISON = 0xff };

/* The place in the source that called, as a function's default argument. */
struct shim_site {
    const char *file;
    int line;
};
#define SHIM_HERE                                                                                  \
    { __builtin_FILE(), __builtin_LINE() }

struct shim_copy {
    void *to;
    uint8_t bytes[16];
    unsigned group;
};

struct shim_thread {
    uint3 index;
    struct fiber *fiber;
    enum { RUNS, AT_BARRIER, AT_WARP, RETURNED } state;
    /* where it waits, and for whom */
    const char *what;
    struct shim_site site;
    uint32_t mask;
    void *part;
    std::vector<shim_copy> copies; /* that have not arrived */
    unsigned n_groups;             /* committed */
};

struct shim_block {
    dim3 grid, size;
    uint3 index;
    void *shared;
};

extern struct shim_thread *shim_thread_now;
extern struct shim_block shim_block_now;

struct shim_launch {
    const char *kernel;
    dim3 grid, block;
    size_t shared_bytes;
    std::function<void()> run; /* what one thread does */
};

/* All blocks, one after the other. */
void shim_run(const struct shim_launch &launch);
unsigned shim_seed(void);
/* Says what is wrong, in which kernel and block, and aborts. */
[[noreturn]] void shim_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits for every thread of the block. */
void shim_barrier(struct shim_site site);

/* Waits for the lanes of `mask`; the last that comes performs the operation for all of them.
 * parts[lane] is what that lane gave as `part`. */
typedef void shim_perform(void *const parts[SHIM_WARP], uint32_t mask);
void shim_warp(
    const char *what, struct shim_site site, uint32_t mask, void *part, shim_perform *perform);

/* 16 bytes that arrive when they are waited for; until then the place holds poison. */
void shim_copy_begin(void *to, const void *from, bool there);
void shim_copy_commit(void);
void shim_copy_wait(unsigned n_newest);

#endif
