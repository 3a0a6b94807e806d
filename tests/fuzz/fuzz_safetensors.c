/* Bytes as a .safetensors file and as the text of an index; of what is accepted every tensor is
 * read. */
#include "harness/formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    struct weights *w = weights_new("safetensors");
    if (safetensors_read(w, bytes, size, &err)) {
        for (size_t i = 0; i < weights_count(w); i++) {
            const struct tensor *t = weights_at(w, i);
            float one;
            if (t->n_elements)
                tensor_read_f32(t, t->n_elements - 1, 1, &one);
        }
    }
    weights_close(w);
    struct shard_map map = { 0 };
    if (!shard_map_parse(&map, ".safetensors", (const char *)bytes, size, &err))
        BUG_IF(err.class == ERR_NONE);
    shard_map_release(&map);
    return 0;
}
