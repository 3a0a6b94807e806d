/* Bytes as a spool file, and its chunks as compressed samples. The sum at the end is put right
 * first, or nothing would get past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "db/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct spool_item item;
    struct err err = ERR_INIT;
    char sum[65];
    if (size < 64 || size > 1 << 20)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    sha256_hex(copy, size - 64, sum);
    memcpy(copy + size - 64, sum, 64);
    if (spool_parse(&item, copy, size, "fuzz", &err)) {
        for (size_t i = 0; i < item.n_chunks; i++) {
            size_t n;
            free(chunk_unpack(item.chunks[i].body, item.chunks[i].size, &n, &err));
        }
        spool_item_release(&item);
    }
    free(copy);
    return 0;
}
