/* A config, a line end, and bytes as a .safetensors file whose weights may be packed; of what is
 * accepted every element is read. */
#include <string.h>

#include "harness/formats/derived.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define ELEMENTS_MAX (1u << 20) /* a few parts can stand for very many */

static void read_all(const struct weights *w) {
    float out[1000];
    size_t total = 0;
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct tensor *t = weights_at(w, i);
        for (size_t from = 0; from < t->n_elements && total < ELEMENTS_MAX; from += 1000) {
            const size_t left = t->n_elements - from, n = left < 1000 ? left : 1000;
            tensor_read_f32(t, from, n, out);
            total += n;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const uint8_t *end = size ? memchr(bytes, '\n', size) : NULL;
    struct err err = ERR_INIT;
    if (!end)
        return 0;
    json_t *config = json_parse((const char *)bytes, (size_t)(end - bytes), "config", &err);
    struct weights *w = weights_new("safetensors");
    if (config && safetensors_read(w, end + 1, size - (size_t)(end + 1 - bytes), &err) &&
        weights_derive(w, config, &err))
        read_all(w);
    weights_close(w);
    json_decref(config);
    return 0;
}
