/* The documents on which two results part. */
#ifndef ASSAY_COMPARE_FLIPS_H
#define ASSAY_COMPARE_FLIPS_H

#include "evaluator/compare/aligned.h"

/* At most `most` of them, those that the second does worse on first and as many of the others; of
 * scores that are not 0 and 1 the farthest apart. [{"doc", "subset"?, "a", "b", "gold"?,
 * "question"?, "right"?, "answer_a"?, "answer_b"?}]; the caller owns it. */
json_t *flips_view(const struct aligned *d, size_t most);

#endif
