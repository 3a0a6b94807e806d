/* Memory: small allocations that end the process when they fail, and arenas, one per lifetime.
 * Large or device memory, and whatever a stranger's file sizes, goes through mem_try, which
 * reports ERR_RESOURCE. */
#ifndef ASSAY_MEM_H
#define ASSAY_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

/* 64-byte aligned, zeroed, freed by free(). n * size is checked. NULL and ERR_RESOURCE on
 * failure. */
MUST_CHECK void *mem_try(size_t n, size_t size, const char *what, struct err *err);

/* Grows *items (of `size` bytes each) so that it holds at least `need`; doubles. */
void mem_grow(void *items, size_t *capacity, size_t need, size_t size);

/* a * b and a + b for sizes from outside: false on overflow. */
MUST_CHECK bool mem_mul(size_t a, size_t b, size_t *out);
MUST_CHECK bool mem_add(size_t a, size_t b, size_t *out);

/* An arena hands out memory that dies all at once. A zeroed struct is a valid empty arena. */
struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out, for ceilings and statistics */
};
void *arena_alloc(struct arena *a, size_t size); /* zeroed, 16-byte aligned */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_reset(struct arena *a);   /* keeps one block for reuse */
void arena_release(struct arena *a); /* frees everything */

#endif
