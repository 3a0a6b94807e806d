/* See ids.h. Open addressing with linear probing, at most three quarters full. An id is looked at
 * only where 32 bits of its hash are equal, so that ids that lie on disk stay there. */
#include "evaluator/task/ids.h"

#include <string.h>

#include "base/mem.h"
#include "base/strhash.h"

struct slot {
    uint32_t tag, number; /* of the passage, from 1; 0: empty */
};

struct ids {
    struct slot *slots;
    size_t n_slots, count; /* n_slots: a power of two */
    uint64_t seed;
};

struct ids *ids_new(void) {
    struct ids *ids = xcalloc(1, sizeof *ids);
    ids->n_slots = 1024;
    ids->slots = xcalloc(ids->n_slots, sizeof *ids->slots);
    ids->seed = strhash_seed(ids->slots);
    return ids;
}

void ids_free(struct ids *ids) {
    if (ids) {
        free(ids->slots);
        free(ids);
    }
}

/* Corpora may have the same ids. */
static uint64_t hash_of(const struct ids *ids, size_t corpus, const char *id) {
    return strhash(strhash_mix(ids->seed + corpus), id, strlen(id));
}

size_t ids_find(
    const struct ids *ids, const struct task_retrieval *r, size_t corpus, const char *id) {
    uint64_t hash = hash_of(ids, corpus, id);
    const struct task_corpus *c = &r->corpora[corpus];
    for (size_t i = hash & (ids->n_slots - 1);; i = (i + 1) & (ids->n_slots - 1)) {
        const struct slot *s = &ids->slots[i];
        if (!s->number) {
            return SIZE_MAX;
        }
        size_t at = s->number - 1;
        if (s->tag == hash >> 32 && at - c->from < c->n && !strcmp(r->passages[at].id, id)) {
            return at;
        }
    }
}

static void put(struct ids *ids, uint64_t hash, size_t passage) {
    size_t i = hash & (ids->n_slots - 1);
    while (ids->slots[i].number) {
        i = (i + 1) & (ids->n_slots - 1);
    }
    ids->slots[i] = (struct slot) { (uint32_t)(hash >> 32), (uint32_t)passage + 1 };
}

static void grow(struct ids *ids, const struct task_retrieval *r) {
    free(ids->slots);
    ids->n_slots *= 2;
    ids->slots = xcalloc(ids->n_slots, sizeof *ids->slots);
    for (size_t k = 0, at = 0; at < ids->count; k++) {
        for (size_t end = r->corpora[k].from + r->corpora[k].n; at < end && at < ids->count; at++) {
            put(ids, hash_of(ids, k, r->passages[at].id), at);
        }
    }
}

void ids_add(struct ids *ids, const struct task_retrieval *r) {
    size_t last = r->n_passages - 1;
    BUG_IF(ids->count != last || last >= UINT32_MAX);
    if ((ids->count + 1) * 4 > ids->n_slots * 3) {
        grow(ids, r);
    }
    put(ids, hash_of(ids, r->n_corpora - 1, r->passages[last].id), last);
    ids->count++;
}
