/* Byte strings to numbers: open addressing with linear probing, at most half full (see strmap.h).
 */
#include "base/strmap.h"

#include <string.h>

#include "base/mem.h"
#include "base/strhash.h"

/* `expected` may come from a stranger's file: above this the table grows only as keys really
 * arrive. */
#define EXPECTED_SLOTS_MAX ((size_t)1 << 22)

struct slot {
    uint64_t hash;   /* 0: empty */
    uint32_t key, n; /* where the key's bytes lie in `keys`, in units of bytes */
    int32_t value;
};

struct strmap {
    struct slot *slots;
    size_t n_slots, count;
    char *keys;
    size_t keys_used, keys_capacity;
    uint64_t seed;
};

static uint64_t hash_bytes(uint64_t seed, const char *key, size_t n) {
    uint64_t h = strhash(seed, key, n);
    return h ? h : 1;
}

struct strmap *strmap_new(size_t expected) {
    struct strmap *m = xcalloc(1, sizeof *m);
    m->n_slots = 64;
    while (m->n_slots < 2 * expected && m->n_slots < EXPECTED_SLOTS_MAX) {
        m->n_slots *= 2;
    }
    m->slots = xcalloc(m->n_slots, sizeof *m->slots);
    m->seed = strhash_seed(m->slots);
    return m;
}

void strmap_free(struct strmap *m) {
    if (m) {
        free(m->slots);
        free(m->keys);
        free(m);
    }
}

static struct slot *probe(const struct strmap *m, uint64_t hash, const char *key, size_t n) {
    for (size_t i = hash & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
        struct slot *s = &m->slots[i];
        if (!s->hash ||
            (s->hash == hash && s->n == n && (n == 0 || !memcmp(m->keys + s->key, key, n)))) {
            return s;
        }
    }
}

static void grow(struct strmap *m) {
    struct slot *old = m->slots;
    size_t n_old = m->n_slots;
    m->n_slots *= 2;
    m->slots = xcalloc(m->n_slots, sizeof *m->slots);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].hash) {
            *probe(m, old[i].hash, m->keys + old[i].key, old[i].n) = old[i];
        }
    }
    free(old);
}

bool strmap_add(struct strmap *m, const char *key, size_t n, int32_t value) {
    BUG_IF(value < 0);
    BUG_IF(n > UINT32_MAX || m->keys_used > UINT32_MAX - n);
    uint64_t hash = hash_bytes(m->seed, key, n);
    struct slot *s = probe(m, hash, key, n);
    if (s->hash) {
        return false;
    }
    mem_grow(&m->keys, &m->keys_capacity, m->keys_used + n + 1, 1);
    if (n) {
        memcpy(m->keys + m->keys_used, key, n);
    }
    *s = (struct slot) {
        .hash = hash, .key = (uint32_t)m->keys_used, .n = (uint32_t)n, .value = value
    };
    m->keys_used += n;
    if (++m->count * 2 > m->n_slots) {
        grow(m);
    }
    return true;
}

int32_t strmap_find(const struct strmap *m, const char *key, size_t n) {
    const struct slot *s = probe(m, hash_bytes(m->seed, key, n), key, n);
    return s->hash ? s->value : -1;
}

size_t strmap_count(const struct strmap *m) {
    return m->count;
}
