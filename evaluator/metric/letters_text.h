/* A text as its characters, for what looks back and forth in it. */
#ifndef ASSAY_LETTERS_TEXT_H
#define ASSAY_LETTERS_TEXT_H

#include "evaluator/metric/letters.h"

struct letters {
    uint32_t *c; /* [n] */
    size_t n;
};
/* What is not UTF-8 is U+FFFD, a byte each. */
struct letters letters_of(const char *s, size_t n);
void letters_release(struct letters *l);
void letters_add(struct strbuf *out, const uint32_t *c, size_t n);

#endif
