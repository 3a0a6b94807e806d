/* A vocabulary: token texts and their ids. Ids may be sparse (nothing is sized by the largest) and
 * repeated. */
#ifndef ASSAY_HARNESS_TOKENIZER_MODEL_VOCAB_H
#define ASSAY_HARNESS_TOKENIZER_MODEL_VOCAB_H

#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"

enum vocab_limit {
    VOCAB_TOKENS_MAX = 2 * 1000 * 1000,
    VOCAB_TOKEN_BYTES_MAX = 4096,
    VOCAB_MERGES_MAX = 4 * 1000 * 1000,
};

struct vocab_entry {
    const char *text; /* NUL-terminated, in the vocabulary's arena */
    uint32_t n, id;
};

struct vocab {
    struct arena arena;
    struct strmap *index;
    struct vocab_entry *entries; /* in the order they were added */
    uint32_t *by_id;             /* entries sorted by id; made by vocab_seal */
    size_t n, capacity;
    uint32_t n_longest;
};

void vocab_init(struct vocab *v, size_t expected);
void vocab_release(struct vocab *v);
/* A text that is there already is ERR_INPUT. */
MUST_CHECK bool vocab_add(
    struct vocab *v, const char *text, size_t n, uint32_t id, struct err *err);
/* A text that is there already goes by the new id from now on; the old one still has its text. */
MUST_CHECK bool vocab_put(
    struct vocab *v, const char *text, size_t n, uint32_t id, struct err *err);
/* {"token": id, ...} */
MUST_CHECK bool vocab_add_json(struct vocab *v, const json_t *object, struct err *err);
void vocab_seal(struct vocab *v);

int64_t vocab_find(const struct vocab *v, const char *text, size_t n); /* -1 if absent */
const struct vocab_entry *vocab_at(
    const struct vocab *v, uint32_t id); /* NULL if absent; after vocab_seal */

#endif
