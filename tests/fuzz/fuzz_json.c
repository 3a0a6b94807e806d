/* Bytes as a JSON document; what is accepted must be written and read again as the same, and what
 * the quick reader accepts must be what jansson reads. */
#include "base/json.h"
#include "base/jsontree.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void compare_readers(const char *text, size_t n) {
    json_t *quick = jsontree_parse(text, n, 48);
    if (!quick)
        return;
    json_t *slow =
        json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    BUG_IF(!slow || !json_equal(quick, slow));
    json_decref(slow);
    json_decref(quick);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    compare_readers((const char *)bytes, size);
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
