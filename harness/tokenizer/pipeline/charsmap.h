/* SentencePiece's precompiled normalisation: beginnings of a text and what stands in their place.
 *
 * A blob holds the length of a trie, the trie (a double array of 32-bit units, as darts-clone
 * writes it), and the replacements, each ended by a NUL. All of it comes from a file: no index is
 * followed before it was compared with the array's length. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_CHARSMAP_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_CHARSMAP_H

#include "base/mem.h"
#include "harness/tokenizer/pipeline/stage.h"

struct charsmap {
    const uint32_t *units; /* in the arena, like the texts */
    const char *texts;
    size_t n_units, n_texts;
    bool plain[256]; /* bytes that are characters by themselves, and replaced by nothing */
};

MUST_CHECK bool charsmap_load(
    struct charsmap *c, const uint8_t *bytes, size_t n, struct arena *arena, struct err *err);

struct charsmap_match {
    const char *text; /* what stands in its place; NULL: nothing was found */
    size_t n_text, n; /* bytes of the replacement and of what is replaced */
};
struct charsmap_match charsmap_shortest(const struct charsmap *c, const char *s, size_t n);
/* One that ends with a character of the text. */
struct charsmap_match charsmap_longest(const struct charsmap *c, const char *s, size_t n);

/* The normalizer "Precompiled", for the table of normalizers. */
MUST_CHECK bool precompiled_load(
    struct stage *s, const json_t *config, struct arena *arena, struct err *err);
MUST_CHECK bool precompiled_apply(const struct stage *s, struct work *w, struct err *err);

#endif
