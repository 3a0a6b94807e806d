/* A form, a line end, and bytes as a file of packed weights; of what is accepted every matrix is
 * summed and every key is found. */
#include <string.h>

#include "harness/cpu/packs_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_all(const struct packs_index *index, const uint8_t *bytes) {
    for (size_t i = 0; i < index->n; i++) {
        const struct packs_entry *e = &index->entries[i];
        BUG_IF(strmap_find(index->by_key, e->key, e->key_n) != (int32_t)i);
        packs_sum(NULL, bytes + e->at, (size_t)e->bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const uint8_t *end = size ? memchr(bytes, '\n', size) : NULL;
    struct packs_index index;
    if (!end)
        return 0;
    char *form = xstrndup((const char *)bytes, (size_t)(end - bytes));
    if (packs_read(&index, end + 1, size - (size_t)(end + 1 - bytes), form))
        read_all(&index, end + 1);
    packs_index_release(&index);
    free(form);
    return 0;
}
