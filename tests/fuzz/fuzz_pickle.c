/* Bytes as a file of PyTorch's, and as the pickle of an archive that has some storages; of what is
 * accepted every tensor is read. */
#include "archives.h"
#include "harness/formats/pytorch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void try_file(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    struct weights *w = weights_new("pytorch");
    if (pytorch_read(w, bytes, size, &err)) {
        for (size_t i = 0; i < weights_count(w); i++) {
            const struct tensor *t = weights_at(w, i);
            float one;
            for (size_t k = 0; k < t->n_elements; k++)
                tensor_read_f32(t, k, 1, &one);
        }
    } else
        BUG_IF(err.class == ERR_NONE);
    weights_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const uint8_t storage[96];
    struct archive a = { 0 };
    try_file(bytes, size);
    archive_add(&a, "a/data.pkl", bytes, size);
    archive_add(&a, "a/data/0", storage, sizeof storage);
    archive_add(&a, "a/data/1", storage, 8);
    archive_end(&a);
    try_file((const uint8_t *)a.file.text, a.file.len);
    archive_release(&a);
    return 0;
}
