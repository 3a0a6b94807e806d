/* Which documents of a benchmark have an n-gram of words in common with a corpus.
 *
 * Words are as lm-evaluation-harness's decontamination has them: ASCII letters in lower case, ASCII
 * punctuation left out, parted by what Python calls white space; a word that was punctuation alone
 * is none. A document is contaminated if any of its n-grams is in the corpus. N-grams do not reach
 * from one text of a document into another.
 *
 * The benchmark's n-grams are in memory, the corpus goes by: 56 bytes a distinct n-gram (twice that
 * while the list grows), the benchmark's texts once, and of the corpus the last n words. What is
 * found by its hash is compared to the byte. */
#ifndef ASSAY_OVERLAP_H
#define ASSAY_OVERLAP_H

#include <stdint.h>

#include "base/err.h"

enum { OVERLAP_N = 13, OVERLAP_N_MIN = 2, OVERLAP_N_MAX = 100 };

struct overlap_place {
    size_t file;
    uint64_t row; /* from 1 */
};

struct overlap_document {
    uint32_t grams, found; /* distinct ones; grams 0: it has fewer than n words in a row */
    uint32_t first;        /* the gram that was found first, for overlap_gram */
    struct overlap_place place;
};

struct overlap;
struct overlap *overlap_new(unsigned n);
void overlap_free(struct overlap *o);

/* The benchmark first: a document, then its texts. ERR_RESOURCE where there are too many. */
void overlap_begin_document(struct overlap *o);
MUST_CHECK bool overlap_add(struct overlap *o, const char *text, size_t n, struct err *err);

/* Then the corpus: a text begins, and comes in parts that end where a word does. */
void overlap_begin_text(struct overlap *o);
void overlap_search(struct overlap *o, const char *text, size_t n, struct overlap_place place);

size_t overlap_n_documents(const struct overlap *o);
const struct overlap_document *overlap_document(const struct overlap *o, size_t i);
/* The words of an n-gram, not ended by NUL. */
const char *overlap_gram(const struct overlap *o, uint32_t gram, size_t *n);
size_t overlap_n_grams(const struct overlap *o);   /* distinct ones of the benchmark */
uint64_t overlap_n_words(const struct overlap *o); /* of the corpus so far */

#endif
