/* Bytes as a JSON document; what is accepted must be written and read again as the same, and what
 * the quick reader accepts must be what jansson makes of it. */
#include "base/json.h"
#include "base/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    json_t *json = json_parse((const char *)bytes, size, "fuzz", &err);
    BUG_IF(!json && err.class != ERR_INPUT);
    json_t *quick = err.class ? NULL : json_read((const char *)bytes, size);
    if (quick) {
        json_t *slow = json_loadb((const char *)bytes, size,
            JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        BUG_IF(!slow || !json_equal(quick, slow));
        json_decref(slow);
        json_decref(quick);
    }
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
