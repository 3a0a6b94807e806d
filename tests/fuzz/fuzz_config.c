/* Bytes as a config.json, and as a GGUF's metadata: what the architecture descriptions make of it,
 * held against the ranges of the spec. */
#include "base/json.h"
#include "harness/model/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void describe(const json_t *config, bool gguf) {
    struct err err = ERR_INIT;
    struct arena arena = { 0 };
    struct spec spec;
    const struct arch_source source = { .config = config, .gguf = gguf, .what = "input" };
    if (arch_describe(&source, &arena, &spec, &err) && spec.position == POSITION_ROTARY) {
        float *inv_freq = arena_alloc(&arena, spec.rope.dim / 2 * sizeof *inv_freq);
        rope_frequencies(&spec.rope, rope_class(&spec.rope, 1 << 20), inv_freq);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    json_t *config = json_parse((const char *)bytes, size, "input", &err);
    if (json_is_object(config)) {
        describe(config, false);
        describe(config, true);
    }
    json_decref(config);
    return 0;
}
