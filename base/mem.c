/* Allocation and arenas (see mem.h). */
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"

/* No crash, as there is no mistake to be found: an end with an exit code that says why. What was
 * being done is lost, and nothing that was done. */
static void *must(void *p) {
    if (!p) {
        fputs("assay: out of memory\n", stderr);
        _exit(err_info(ERR_RESOURCE)->exit_code);
    }
    return p;
}

static bool spent(void) {
    return fault("malloc");
}

void *xmalloc(size_t size) {
    return must(spent() ? NULL : malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size) {
    return must(spent() ? NULL : calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size) {
    return must(spent() ? NULL : realloc(p, size ? size : 1));
}

char *xstrdup(const char *s) {
    return must(spent() ? NULL : strdup(s));
}

char *xstrndup(const char *s, size_t n) {
    return must(spent() ? NULL : strndup(s, n));
}

bool mem_mul(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

bool mem_add(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

void *mem_try(size_t n, size_t size, const char *what, struct err *err) {
    size_t bytes, padded;
    if (!mem_mul(n, size, &bytes) || !mem_add(bytes, 63, &padded)) {
        err_set(err, ERR_RESOURCE, "cannot hold %s: %zu times %zu bytes", what, n, size);
        return NULL;
    }
    padded &= ~(size_t)63;
    void *p = aligned_alloc(64, padded ? padded : 64);
    if (!p) {
        err_set(err, ERR_RESOURCE, "could not get %zu bytes of memory for %s", bytes, what);
        return NULL;
    }
    return memset(p, 0, padded);
}

void mem_grow(void *items, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity) {
        return;
    }
    size_t wanted = *capacity ? *capacity : 16, bytes;
    while (wanted < need) {
        BUG_IF(!mem_mul(wanted, 2, &wanted));
    }
    BUG_IF(!mem_mul(wanted, size, &bytes));
    void *p;
    memcpy(&p, items, sizeof p);
    p = xrealloc(p, bytes);
    memcpy(items, &p, sizeof p);
    *capacity = wanted;
}

/* ---- arenas ---- */

#define BLOCK_BYTES ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

static struct arena_block *new_block(size_t need) {
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES, bytes;
    BUG_IF(!mem_add(size, sizeof(struct arena_block), &bytes));
    struct arena_block *b = xmalloc(bytes);
    b->next = NULL;
    b->used = 0;
    b->size = size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    size_t need;
    BUG_IF(!mem_add(size, 15, &need));
    need &= ~(size_t)15;
    if (!a->head || a->head->size - a->head->used < need) {
        struct arena_block *b = new_block(need);
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->data + a->head->used;
    a->head->used += need;
    a->used += need;
    return memset(p, 0, need);
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    BUG_IF(n < 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void arena_reset(struct arena *a) {
    while (a->head && a->head->next) {
        struct arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    if (a->head) {
        a->head->used = 0;
    }
    a->used = 0;
}

void arena_release(struct arena *a) {
    arena_reset(a);
    free(a->head);
    a->head = NULL;
}
