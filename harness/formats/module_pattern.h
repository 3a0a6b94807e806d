/* How PEFT's configs name modules: by a regular expression for the end of a module's name, from one
 * of its dots on. Private to this folder. */
#ifndef ASSAY_HARNESS_FORMATS_MODULE_PATTERN_H
#define ASSAY_HARNESS_FORMATS_MODULE_PATTERN_H

#include "base/err.h"

/* *matches: the pattern is one for this module. Patterns that are none, or that search without end,
 * are errors. */
MUST_CHECK bool module_pattern_matches(
    const char *pattern, const char *module, bool *matches, struct err *err);

#endif
