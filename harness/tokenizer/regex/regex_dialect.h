/* From Oniguruma's dialect of regular expressions, which tokenizers are written in, to PCRE2's. */
#ifndef ASSAY_HARNESS_TOKENIZER_REGEX_REGEX_DIALECT_H
#define ASSAY_HARNESS_TOKENIZER_REGEX_REGEX_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Appends the translation. `wide`: classes know the code points assigned after PCRE2's tables. */
MUST_CHECK bool regex_translate(
    const char *pattern, size_t n, bool wide, struct strbuf *out, struct err *err);

#endif
