/* Where English sentences end, as nltk's Punkt finds it (Kiss & Strunk 2006), and the words of a
 * text as nltk's word_tokenize cuts them. Both of nltk 3.10.
 *
 * Which words are abbreviations, begin sentences or stand beside each other is not known here: it
 * lies in a folder with nltk's files of English (abbrev_types.txt, collocations.tab,
 * sent_starters.txt, ortho_context.tab; script/languages lays them out). */
#ifndef ASSAY_SENTENCES_H
#define ASSAY_SENTENCES_H

#include <stddef.h>

#include "base/err.h"

struct sentences;
MUST_CHECK struct sentences *sentences_open(const char *dir, struct err *err);
void sentences_close(struct sentences *s); /* NULL is fine */

/* The parts of a text, one after the other; f may be NULL. Returns how many there are. */
typedef void sentence_fn(void *arg, const char *sentence, size_t n);
size_t sentences_each(
    const struct sentences *s, const char *text, size_t n, sentence_fn *f, void *arg);

/* Cuts sentences into words. Not for two threads at once. */
struct word_cutter;
MUST_CHECK struct word_cutter *word_cutter_new(struct err *err);
void word_cutter_free(struct word_cutter *w); /* NULL is fine */
/* The words of a sentence with single blanks between and around them; the caller frees. */
char *word_cutter_cut(struct word_cutter *w, const char *sentence, size_t n);

#endif
