/* Bytes as a JSON document; what is accepted must be written and read again as the same. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    json_t *json = json_parse((const char *)bytes, size, "fuzz", &err);
    BUG_IF(!json && err.class != ERR_INPUT);
    if (json) {
        struct strbuf out = { 0 };
        struct json_writer w;
        json_writer_init(&w, &out, size % 2);
        jw_json(&w, json);
        json_t *again = json_parse(strbuf_str(&out), out.len, "again", &err);
        BUG_IF(!again || !json_equal(json, again));
        json_decref(again);
        strbuf_release(&out);
        json_decref(json);
    }
    return 0;
}
