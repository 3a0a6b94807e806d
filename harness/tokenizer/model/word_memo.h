/* Words that were seen before and what a token model made of them. Words repeat: of running text
 * most come from the memo.
 *
 * A slot holds one word and goes to the next one that lands on it. Longer words, and those of many
 * tokens, are not kept. */
#ifndef ASSAY_HARNESS_TOKENIZER_MODEL_WORD_MEMO_H
#define ASSAY_HARNESS_TOKENIZER_MODEL_WORD_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A token of a word, and the bytes of the word that it stands for. */
struct word_token {
    uint32_t id, from, to;
};
struct word {
    struct word_token *tokens;
    size_t n, capacity;
};
void word_add(struct word *w, uint32_t id, size_t from, size_t to);

struct word_memo_slot;
struct word_memo {
    struct word_memo_slot *slots; /* made at the first word that is put */
};
void word_memo_release(struct word_memo *m);

/* Appends a word's tokens to `out`; false if the memo doesn't have it. */
bool word_memo_get(const struct word_memo *m, const char *bytes, size_t n, struct word *out);
/* Keeps a word, if it is short. */
void word_memo_put(struct word_memo *m, const char *bytes, size_t n, const struct word *word);

#endif
