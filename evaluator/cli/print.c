/* Whole documents to stdout (see print.h). */
#include "evaluator/cli/print.h"

#define KEY_WIDTH 26

static void print_value(const char *key, const json_t *value, int indent) {
    const char *name;
    json_t *item;
    if (json_is_object(value) && json_object_size(value)) {
        printf("%*s%s\n", indent, "", key);
        json_object_foreach((json_t *)(uintptr_t)value, name, item) {
            print_value(name, item, indent + 2);
        }
        return;
    }
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    printf("%*s%-*s %.300s\n", indent, "", KEY_WIDTH - indent, key, text ? text : json_string_value(value));
    free(text);
}

void print_document(const json_t *document, bool json) {
    const char *key;
    json_t *value;
    if (!json && json_is_object(document)) {
        json_object_foreach((json_t *)(uintptr_t)document, key, value) {
            print_value(key, value, 0);
        }
        return;
    }
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, true);
    jw_json(&w, document);
    puts(strbuf_str(&out));
    strbuf_release(&out);
}
