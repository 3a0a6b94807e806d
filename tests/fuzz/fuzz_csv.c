/* Bytes as .csv and .tsv. */
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    read_rows(bytes, size, ".csv");
    read_rows(bytes, size, ".tsv");
    return 0;
}
