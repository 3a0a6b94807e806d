/* Blocks of one size each, out of one range of addresses (see json_pool.h). */
#include "base/json_pool.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STEP 16 /* sizes are multiples of it */
#define N_SIZES (JSON_POOL_BLOCK_MAX / STEP)
#define SLAB ((size_t)1 << 18)   /* blocks of one size lie side by side */
#define RANGE ((size_t)16 << 30) /* addresses, not memory: pages come as they are touched */
#define N_SLABS (RANGE / SLAB)

/* A free block is a place in a list. */
struct block {
    struct block *next;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *range; /* NULL: there is none */
static atomic_size_t slabs_taken;
static unsigned char size_of_slab[N_SLABS];
static _Thread_local struct block *free_blocks[N_SIZES];

static void reserve(void) {
    void *at = mmap(
        NULL, RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    range = at == MAP_FAILED ? NULL : at;
}

/* Cuts a slab into blocks, and gives the first. */
static void *new_slab(size_t which) {
    size_t slab = range ? atomic_fetch_add(&slabs_taken, 1) : N_SLABS, size = (which + 1) * STEP;
    if (slab >= N_SLABS)
        return NULL;
    size_of_slab[slab] = (unsigned char)which;
    char *first = range + slab * SLAB;
    for (size_t n = SLAB / size; n-- > 1;) { /* so that the list goes upwards */
        struct block *block = (struct block *)(void *)(first + n * size);
        block->next = free_blocks[which];
        free_blocks[which] = block;
    }
    return first;
}

void *json_pool_alloc(size_t n) {
    if (n > JSON_POOL_BLOCK_MAX)
        return malloc(n);
    size_t which = n ? (n - 1) / STEP : 0;
    struct block *block = free_blocks[which];
    if (block) {
        free_blocks[which] = block->next;
        return block;
    }
    pthread_once(&once, reserve);
    void *first = new_slab(which);
    return first ? first : malloc(n ? n : 1);
}

/* An address below the range wraps around to far above it. */
void json_pool_free(void *block) {
    uintptr_t at = (uintptr_t)block - (uintptr_t)range;
    if (!range || at >= RANGE) {
        free(block);
        return;
    }
    struct block *free_block = block;
    size_t which = size_of_slab[at / SLAB];
    free_block->next = free_blocks[which];
    free_blocks[which] = free_block;
}

void json_pool_use(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    json_set_alloc_funcs(json_pool_alloc, json_pool_free);
#endif
}
