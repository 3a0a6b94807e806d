/* A set of byte strings by their beginnings: which of them a text goes on with, a step a byte.
 *
 * One hash table holds every edge, so building is linear whatever the strings are. */
#ifndef ASSAY_HARNESS_TOKENIZER_MODEL_TOKEN_TRIE_H
#define ASSAY_HARNESS_TOKENIZER_MODEL_TOKEN_TRIE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct token_trie_edge {
    uint32_t key, to; /* (node << 8 | byte), the node it leads to; to 0: an empty slot */
};
struct token_trie {
    struct token_trie_edge *edges; /* open addressing, at most half full */
    int32_t *values;               /* one a node: -1 where no string ends */
    size_t n_slots, n_nodes, capacity;
    uint32_t first[256]; /* the root's edges, which are asked for most */
    uint64_t seed;
};

void token_trie_init(struct token_trie *t);
void token_trie_release(struct token_trie *t);
/* An empty string is left out; of equal strings the last value counts. */
MUST_CHECK bool token_trie_add(
    struct token_trie *t, const char *text, size_t n, int32_t value, struct err *err);

static inline uint64_t token_trie_hash(const struct token_trie *t, uint32_t key) {
    uint64_t h = (key ^ t->seed) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

/* The node that `byte` leads to, 0 if there is none; node 0 is the root. */
static inline uint32_t token_trie_step(const struct token_trie *t, uint32_t node, uint8_t byte) {
    if (node == 0) {
        return t->first[byte];
    }
    uint32_t key = node << 8 | byte;
    for (size_t i = token_trie_hash(t, key) & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        const struct token_trie_edge *e = &t->edges[i];
        if (e->to == 0 || e->key == key) {
            return e->to;
        }
    }
}

#endif
