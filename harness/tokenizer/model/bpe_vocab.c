/* Merges of a BPE vocabulary that comes without a list of them (SentencePiece, tiktoken): a token
 * arises from any two others that make it up, sooner the lower its id or rank.
 *
 * For each token, walking it forwards and backwards through tries of all tokens finds every place
 * to cut it, so this takes time in the bytes of the vocabulary. */
#include "harness/tokenizer/model/token_model.h"

#include <stdlib.h>
#include <string.h>

struct way {
    uint32_t left, right, id, rank;
};

struct ways {
    struct way *items;
    size_t n, capacity;
    struct token_trie forwards, backwards;
    size_t first; /* of the token at hand */
    int32_t right[VOCAB_TOKEN_BYTES_MAX + 1];
};

static bool index_tokens(struct ways *w, const struct vocab *v, struct err *err) {
    char turned[VOCAB_TOKEN_BYTES_MAX];
    token_trie_init(&w->forwards);
    token_trie_init(&w->backwards);
    for (size_t i = 0; i < v->n; i++) {
        const struct vocab_entry *e = &v->entries[i];
        for (uint32_t k = 0; k < e->n; k++) {
            turned[k] = e->text[e->n - 1 - k];
        }
        if (!token_trie_add(&w->forwards, e->text, e->n, (int32_t)e->id, err) ||
            !token_trie_add(&w->backwards, turned, e->n, (int32_t)e->id, err)) {
            return false;
        }
    }
    return true;
}

/* right[k]: the token that the text's last n - k bytes are, or -1. */
static void find_right(struct ways *w, const char *text, size_t n) {
    uint32_t node = 0;
    size_t k = n;
    for (; k > 0 && (node = token_trie_step(&w->backwards, node, (uint8_t)text[k - 1])); k--) {
        w->right[k - 1] = w->backwards.values[node];
    }
    while (k > 0) {
        w->right[--k] = -1;
    }
}

static bool add_ways(struct ways *w, const struct vocab_entry *e, uint32_t rank, struct err *err) {
    uint32_t node = 0;
    find_right(w, e->text, e->n);
    w->first = w->n;
    for (size_t k = 0; k + 1 < e->n; k++) {
        node = token_trie_step(&w->forwards, node, (uint8_t)e->text[k]);
        if (!node) {
            break;
        }
        int32_t left = w->forwards.values[node];
        if (left < 0 || w->right[k + 1] < 0) {
            continue;
        }
        if (w->n == VOCAB_MERGES_MAX) {
            return err_set(
                err, ERR_INPUT, "the vocab's tokens merge in more than %d ways", VOCAB_MERGES_MAX);
        }
        mem_grow(&w->items, &w->capacity, w->n + 1, sizeof *w->items);
        w->items[w->n++] = (struct way) { (uint32_t)left, (uint32_t)w->right[k + 1], e->id, rank };
    }
    return true;
}

static int compare_halves(const void *a, const void *b) {
    const struct way *x = a, *y = b;
    return x->left != y->left ? (x->left > y->left) - (x->left < y->left)
                              : (x->right > y->right) - (x->right < y->right);
}

/* The last entry of an id that is twice in the vocabulary has lost its text to another token. */
static bool find_ways(struct ways *w, const struct vocab *v, enum bpe_order order,
    const uint32_t *ranks, struct err *err) {
    for (size_t i = 0; i < v->n; i++) {
        const struct vocab_entry *e = &v->entries[v->by_id[i]];
        if (ranks && ranks[e->id] == UINT32_MAX) {
            continue; /* never arises */
        }
        if (!add_ways(w, e, ranks ? ranks[e->id] : 0, err)) {
            return false;
        }
        if (order == BPE_BY_HALVES && w->n > w->first) {
            qsort(w->items + w->first, w->n - w->first, sizeof *w->items, compare_halves);
        }
    }
    return true;
}

static bool make(
    struct token_model *m, enum bpe_order order, const uint32_t *ranks, struct err *err) {
    struct ways *w = xcalloc(1, sizeof *w);
    bool ok = index_tokens(w, &m->vocab, err) && find_ways(w, &m->vocab, order, ranks, err) &&
              bpe_merges_begin(m, w->n, err);
    for (size_t i = 0; ok && i < w->n; i++) {
        const struct way *y = &w->items[i];
        bpe_merge_put(m, y->left, y->right, ranks ? y->rank : (uint32_t)i, y->id);
    }
    if (ok) {
        bpe_ready(m);
    }
    token_trie_release(&w->forwards);
    token_trie_release(&w->backwards);
    free(w->items);
    free(w);
    return ok;
}

bool bpe_make_merges(struct token_model *m, enum bpe_order order, struct err *err) {
    return make(m, order, NULL, err);
}

bool bpe_make_ranked_merges(struct token_model *m, const uint32_t *ranks, struct err *err) {
    return make(m, BPE_BY_RANK, ranks, err);
}
