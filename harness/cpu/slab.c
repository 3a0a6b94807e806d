/* Regions of memory (see slab.h), straight from the kernel, which fills them with zeros. */
#include "harness/cpu/slab.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/mem.h"

enum { LINE = 64 };
#define HUGE_PAGE ((size_t)2 << 20)
#define REGION ((size_t)32 << 20)

struct slab {
    struct slab *next;
    void *map;
    size_t map_bytes;
    uint8_t *at;
    size_t left;
};

/* There in builds with AddressSanitizer, which knows of malloc's pieces only: it is told of ours,
 * so that a write past one is found here too. */
extern void __asan_poison_memory_region(void const volatile *, size_t) __attribute__((weak));
extern void __asan_unpoison_memory_region(void const volatile *, size_t) __attribute__((weak));

static void hide(const void *p, size_t bytes) {
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(p, bytes);
}

static void show(const void *p, size_t bytes) {
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(p, bytes);
}

static bool round_up(size_t n, size_t step, size_t *out) {
    return mem_add(n, step - 1, out) && (*out -= *out % step, true);
}

/* A region begins where a huge page can: the kernel is asked for one more than is needed. */
static struct slab *region_new(size_t bytes) {
    size_t size, map_bytes;
    if (!round_up(bytes < REGION ? REGION : bytes, HUGE_PAGE, &size) ||
        !mem_add(size, HUGE_PAGE, &map_bytes))
        return NULL;
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    struct slab *slab = xcalloc(1, sizeof *slab);
    size_t past = (size_t)((uintptr_t)map % HUGE_PAGE), skip = past ? HUGE_PAGE - past : 0;
    *slab = (struct slab) {
        .map = map, .map_bytes = map_bytes, .at = (uint8_t *)map + skip, .left = size
    };
    (void)madvise(slab->at, size, MADV_HUGEPAGE); /* a wish: small pages will do */
    hide(map, map_bytes);
    return slab;
}

/* The rest of a region is given up when a piece doesn't fit: it was never touched. A piece that is
 * a region by itself leaves the one at hand where it is. */
static struct slab *region_for(struct slabs *s, size_t bytes) {
    if (s->head != NULL && s->head->left >= bytes)
        return s->head;
    struct slab *slab = region_new(bytes);
    if (slab == NULL)
        return NULL;
    if (bytes > REGION && s->head != NULL) {
        slab->next = s->head->next;
        s->head->next = slab;
    } else {
        slab->next = s->head;
        s->head = slab;
    }
    return slab;
}

void *slab_take(struct slabs *s, size_t bytes) {
    size_t size;
    if (!mem_add(bytes, LINE, &size) || !round_up(size, LINE, &size)) /* a gap behind each */
        return NULL;
    struct slab *slab = region_for(s, size);
    if (slab == NULL)
        return NULL;
    void *piece = slab->at;
    slab->at += size;
    slab->left -= size;
    show(piece, bytes);
    return piece;
}

void slabs_release(struct slabs *s) {
    for (struct slab *slab = s->head, *next; slab != NULL; slab = next) {
        next = slab->next;
        show(slab->map, slab->map_bytes);
        munmap(slab->map, slab->map_bytes);
        free(slab);
    }
    s->head = NULL;
}
