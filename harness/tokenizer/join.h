/* Two texts as one list of ids, as encoders that compare texts want them: what the post-processor
 * of tokenizer.json says of pairs, or else the way of BERT. */
#ifndef ASSAY_HARNESS_TOKENIZER_JOIN_H
#define ASSAY_HARNESS_TOKENIZER_JOIN_H

#include "harness/harness.h"

/* A piece of the joined list: a special token, or one of the two texts. */
struct join_piece {
    enum { JOIN_TOKEN, JOIN_FIRST, JOIN_SECOND } kind;
    uint32_t id;  /* of a token */
    uint8_t type; /* token type, 0 or 1 */
};

/* pieces NULL: nothing was said. */
struct join {
    struct join_piece *pieces;
    size_t n, capacity;
};
MUST_CHECK bool join_load(struct join *join, const json_t *post_processor, struct err *err);
void join_release(struct join *join);

/* A text. */
struct join_text {
    const char *text;
    size_t n;
};

/* Ids of two texts with their token types (types->ids), at most `limit`: the longer text loses
 * tokens first, on the side that the tokenizer cuts. */
MUST_CHECK bool tokenizer_join(const struct tokenizer *t, const struct join_text texts[2],
    uint32_t limit, struct token_list *ids, struct token_list *types, bool *truncated,
    struct err *err);

#endif
