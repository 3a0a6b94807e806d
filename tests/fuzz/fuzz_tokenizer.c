/* Bytes as a tokenizer.json (or tekken.json); with what is accepted a text is tokenised and given
 * back. */
#include "tokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    use_and_close(tokenizer_from_json((const char *)bytes, size, "fuzz", &err));
    return 0;
}
