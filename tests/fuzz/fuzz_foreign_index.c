/* Bytes as a README with a model-index. */
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    return foreign_fuzz(FOREIGN_MODEL_INDEX, bytes, size);
}
