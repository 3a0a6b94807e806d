/* Bytes as a .parquet file: footer, pages, encodings, assembly of rows, labels. */
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    read_rows(bytes, size, ".parquet");
    return 0;
}
