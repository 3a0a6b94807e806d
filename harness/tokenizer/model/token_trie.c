/* Tries of tokens (see token_trie.h). */
#include "harness/tokenizer/model/token_trie.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

enum token_trie_limit {
    SLOTS_AT_FIRST = 1024,
    NODES_MAX = 1 << 23, /* a node's number and a byte fit 32 bits */
};

static struct token_trie_edge *slots_new(size_t n) {
    return xcalloc(n, sizeof(struct token_trie_edge));
}

void token_trie_init(struct token_trie *t) {
    *t = (struct token_trie) { .n_slots = SLOTS_AT_FIRST, .edges = slots_new(SLOTS_AT_FIRST) };
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != sizeof t->seed) {
        t->seed = (uint64_t)(uintptr_t)t->edges;
    }
    mem_grow(&t->values, &t->capacity, 1, sizeof *t->values);
    t->values[t->n_nodes++] = -1;
}

void token_trie_release(struct token_trie *t) {
    free(t->edges);
    free(t->values);
    *t = (struct token_trie) { 0 };
}

static void put_edge(struct token_trie *t, struct token_trie_edge edge) {
    size_t i = token_trie_hash(t, edge.key) & (t->n_slots - 1);
    while (t->edges[i].to) {
        i = (i + 1) & (t->n_slots - 1);
    }
    t->edges[i] = edge;
}

static void grow(struct token_trie *t) {
    struct token_trie_edge *old = t->edges;
    size_t n_old = t->n_slots;
    t->n_slots *= 2;
    t->edges = slots_new(t->n_slots);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].to) {
            put_edge(t, old[i]);
        }
    }
    free(old);
}

static uint32_t add_node(struct token_trie *t, uint32_t parent, uint8_t byte) {
    uint32_t node = (uint32_t)t->n_nodes;
    if (2 * t->n_nodes > t->n_slots) {
        grow(t);
    }
    mem_grow(&t->values, &t->capacity, t->n_nodes + 1, sizeof *t->values);
    t->values[t->n_nodes++] = -1;
    if (parent == 0) {
        t->first[byte] = node;
    } else {
        put_edge(t, (struct token_trie_edge) { parent << 8 | byte, node });
    }
    return node;
}

bool token_trie_add(
    struct token_trie *t, const char *text, size_t n, int32_t value, struct err *err) {
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)text[i];
        uint32_t next = token_trie_step(t, node, byte);
        if (!next && t->n_nodes == NODES_MAX) {
            return err_set(
                err, ERR_RESOURCE, "the vocab's tokens have more than %d beginnings", NODES_MAX);
        }
        node = next ? next : add_node(t, node, byte);
    }
    if (n) {
        t->values[node] = value;
    }
    return true;
}
