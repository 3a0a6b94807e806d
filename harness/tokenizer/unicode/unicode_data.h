/* The generated tables behind unicode.h; written by script/unicode_tables.py. */
#ifndef ASSAY_HARNESS_TOKENIZER_UNICODE_UNICODE_DATA_H
#define ASSAY_HARNESS_TOKENIZER_UNICODE_UNICODE_DATA_H

#include <stddef.h>
#include <stdint.h>

struct unicode_run {
    uint32_t from;  /* up to the next run's */
    uint16_t flags; /* enum unicode_flag */
    uint8_t ccc;    /* canonical combining class */
};
struct unicode_decomposition {
    uint32_t cp;
    uint16_t at, n; /* code points in UNICODE_POOL */
};
struct unicode_composition {
    uint32_t first, second, whole;
};
struct unicode_category {
    const char *name, *ranges;
};
struct unicode_mapping {
    uint32_t from, to;
};
struct unicode_script_run {
    uint32_t from;
    uint16_t script;
};

extern const struct unicode_run UNICODE_RUNS[];
extern const size_t UNICODE_N_RUNS;
extern const uint16_t UNICODE_PAGES[4352];
extern const struct unicode_decomposition UNICODE_CANONICAL[], UNICODE_COMPATIBLE[];
extern const size_t UNICODE_N_CANONICAL, UNICODE_N_COMPATIBLE;
extern const uint32_t UNICODE_POOL[];
extern const struct unicode_composition UNICODE_COMPOSITIONS[];
extern const size_t UNICODE_N_COMPOSITIONS;
extern const struct unicode_mapping UNICODE_LOWER[];
extern const size_t UNICODE_N_LOWER;
extern const struct unicode_script_run UNICODE_SCRIPTS[];
extern const size_t UNICODE_N_SCRIPTS;
/* What each general category ("L", "Lu") gained after Unicode 14, as a regular expression's class
 * writes it; ends in a NULL name. */
extern const struct unicode_category UNICODE_NEW_CATEGORIES[];

#endif
