/* Bytes as .jsonl, .json and .txt, unpacked first where they begin as gzip or zstd do. */
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    read_rows(bytes, size, ".jsonl");
    read_rows(bytes, size, ".json");
    read_rows(bytes, size, ".txt");
    return 0;
}
