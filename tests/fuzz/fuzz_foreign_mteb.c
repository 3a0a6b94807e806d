/* Bytes as MTEB's results of a task. */
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    return foreign_fuzz(FOREIGN_MTEB, bytes, size);
}
