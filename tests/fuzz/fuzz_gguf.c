/* Bytes as a .gguf file; of what is accepted the last block of every tensor and all strings are
 * read. */
#include "harness/formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_all(const struct weights *w) {
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct tensor *t = weights_at(w, i);
        const size_t block_n = tensor_type_info(t->type)->block_n;
        float block[TENSOR_BLOCK_MAX];
        tensor_read_f32(t, t->n_elements - block_n, block_n, block);
    }
    for (size_t i = 0; i < w->n_arrays; i++) {
        struct gguf_strings it = w->arrays[i].strings;
        const char *s;
        volatile char last = 0;
        for (size_t n; gguf_strings_next(&it, &s, &n);)
            last = n ? s[n - 1] : last;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    struct weights *w = weights_new("gguf");
    if (gguf_read(w, bytes, size, &err))
        read_all(w);
    weights_close(w);
    return 0;
}
