/* Bytes as a list of .eval_results. */
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    return foreign_fuzz(FOREIGN_EVAL_RESULTS, bytes, size);
}
