/* Ids on their way back to text: a list of strings that decoders rewrite. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_DECODING_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_DECODING_H

#include <stdint.h>

#include "base/strbuf.h"

struct string_list {
    struct strbuf text;
    size_t *ends; /* where each string ends in `text` */
    size_t n, capacity;
};

struct decoding {
    struct string_list strings, spare;
    bool inner; /* one token as it is inside a longer text: ends aren't trimmed, bytes may be half a
                   character */
};

void decoding_release(struct decoding *d);
void decoding_add(struct decoding *d, const char *s, size_t n);

/* WordPiece's tidying: no space before punctuation and contractions. `do_not` also makes " do not"
 * a contraction. */
void decoding_clean_up(const char *s, size_t n, bool do_not, struct strbuf *out);

#endif
