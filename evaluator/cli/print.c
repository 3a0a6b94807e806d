/* Whole documents to stdout (see print.h). */
#include "evaluator/cli/print.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define KEY_WIDTH 26
#define VALUE_MAX 300

char *printable(const char *s, size_t max) {
    size_t n = strlen(s), taken = 0;
    struct strbuf out = { 0 };
    while (taken < n) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + taken, n - taken, &cp);
        bool plain = len && cp >= 0x20 && (cp < 0x7f || cp > 0x9f);
        len = len ? len : 1;
        if (out.len + len > max) {
            break;
        }
        strbuf_add(&out, plain ? s + taken : "?", plain ? len : 1);
        taken += len;
    }
    return strbuf_take(&out);
}

static void print_line(const char *key, const char *value, int indent) {
    char *left = printable(key, VALUE_MAX), *right = value ? printable(value, VALUE_MAX) : NULL;
    if (right) {
        printf("%*s%-*s %s\n", indent, "", KEY_WIDTH - indent, left, right);
    } else {
        printf("%*s%s\n", indent, "", left);
    }
    free(left);
    free(right);
}

static void print_value(const char *key, const json_t *value, int indent) {
    const char *name;
    json_t *item;
    if (json_is_object(value) && json_object_size(value)) {
        print_line(key, NULL, indent);
        json_object_foreach((json_t *)(uintptr_t)value, name, item) {
            print_value(name, item, indent + 2);
        }
        return;
    }
    struct strbuf text = { 0 };
    struct json_writer w;
    json_writer_init(&w, &text, false);
    jw_json(&w, value);
    print_line(key, json_is_string(value) ? json_string_value(value) : strbuf_str(&text), indent);
    strbuf_release(&text);
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
