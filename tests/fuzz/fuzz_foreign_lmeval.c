/* Bytes as lm-evaluation-harness's results. */
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    return foreign_fuzz(FOREIGN_LM_EVAL, bytes, size);
}
