/* Bytes as a chat template, rendered over a small conversation. */
#include "harness/template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char request[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", "
        "\"content\": \"caf\\u00e9 \\ud83d\\ude00\"}, {\"role\": \"assistant\", \"content\": "
        "[{\"type\": \"text\", \"text\": \"t\"}]}], \"tools\": null, \"n\": 7, \"f\": -2.5, "
        "\"bos_token\": \"<s>\", \"add_generation_prompt\": true, \"d\": {\"a\": 1, \"b\": []}}";
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    json_t *variables = json_parse(request, sizeof request - 1, "request", NULL);
    struct template *t = template_parse((const char *)bytes, size, &err);
    if (t && !template_render(t, variables, 1767323045, &out, &err))
        BUG_IF(err.class == ERR_BUG || err.class == ERR_NONE || out.len);
    template_free(t);
    json_decref(variables);
    strbuf_release(&out);
    return 0;
}
