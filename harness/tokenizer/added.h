/* Added tokens: texts that are found before the model sees anything, each with its own id. */
#ifndef ASSAY_HARNESS_TOKENIZER_ADDED_H
#define ASSAY_HARNESS_TOKENIZER_ADDED_H

#include "harness/tokenizer/pipeline/stage.h"
#include "harness/tokenizer/model/token_model.h"

struct added_token {
    const char *text;
    const char *pattern; /* what is looked for: `text`, normalized where `normalized` */
    size_t n, n_pattern;
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
    bool literal;     /* looked for in the normalized text as it is */
    bool never_found; /* no text stands for it */
};

/* Tokens by their bytes. Nodes of one level are linked; the first level is a table. */
struct added_node {
    uint32_t child, sibling; /* 0: none */
    int32_t token;           /* -1: none ends here */
    unsigned char byte;
};
struct added_trie {
    struct added_node *nodes;
    size_t n, capacity;
    uint32_t first[256];
};

struct added {
    struct arena arena;
    struct strmap *index; /* by text */
    struct added_token *tokens;
    uint32_t *by_id;
    size_t n, capacity;
    uint32_t next; /* id for a text that the model doesn't know */
    struct added_trie raw, normalized;
};

void added_init(struct added *a);
void added_release(struct added *a);

/* The id is the model's for a text that it knows, else the next after all others, as in the
 * reference; a text that is there already takes the new flags. */
void added_put(struct added *a, const struct token_model *m, struct added_token token);
/* The list in tokenizer.json. */
MUST_CHECK bool added_load(
    struct added *a, const struct token_model *m, const json_t *list, struct err *err);
void added_mark_special(struct added *a, const struct token_model *m, const char *text);
/* Once all are there: normalizes what is to be, builds the tries. */
MUST_CHECK bool added_seal(struct added *a, const struct pipeline *normalizers, struct err *err);

/* Cuts the pieces at the tokens that are looked for before (or after) normalizing. */
void added_split(const struct added *a, bool normalized, struct work *w);

const struct added_token *added_at(const struct added *a, uint32_t id);
/* The reference compares what decoders see, so a special token that normalizing changes isn't
 * skipped. */
bool added_is_special(const struct added *a, const char *text, size_t n);
int64_t added_find(const struct added *a, const char *text, size_t n); /* id or -1 */

#endif
