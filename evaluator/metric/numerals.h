/* Numbers in English words, as the Python package word2number reads them. */
#ifndef ASSAY_NUMERALS_H
#define ASSAY_NUMERALS_H

/* "two hundred and five" -> "205"; what is no number's word is passed over. NULL: there is none, or
 * they make no number. The caller frees. */
char *numeral(const char *words);

#endif
