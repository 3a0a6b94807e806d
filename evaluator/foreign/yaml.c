/* YAML out: block style, each string quoted unless nobody could take it for anything else. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "evaluator/foreign/foreign.h"

static bool is_plain(const char *s) {
    static const char *const WORDS[] = { "true", "false", "yes", "no", "on", "off", "null", "y",
        "n" };
    if (!isalpha((unsigned char)*s) || strlen(s) > 60) {
        return false;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (!strcasecmp(s, WORDS[i])) {
            return false;
        }
    }
    size_t n = strlen(s);
    return s[n - 1] != ' ' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-./ ()") == n;
}

/* YAML 1.1 takes only what has a point for a number. */
static void add_real(struct strbuf *out, double v) {
    char text[32];
    json_double_repr(v, text);
    size_t n = strcspn(text, "e");
    strbuf_addf(out, "%.*s%s%s", (int)n, text, strchr(text, '.') ? "" : ".0", text + n);
}

/* JSON's strings are YAML's double-quoted ones. */
static void add_scalar(struct strbuf *out, const json_t *value) {
    const char *text = json_string_value(value);
    if (text && is_plain(text) && strlen(text) == json_string_length(value)) {
        strbuf_adds(out, text);
        return;
    }
    if (json_is_real(value)) {
        add_real(out, json_real_value(value));
        return;
    }
    struct json_writer w;
    json_writer_init(&w, out, false);
    jw_json(&w, value);
}

static void pad(struct strbuf *out, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        strbuf_addc(out, ' ');
    }
}

static bool is_nested(const json_t *value) {
    return json_object_size(value) + json_array_size(value) > 0;
}

static void add_key(struct strbuf *out, const char *key) {
    json_t *text = json_string(key);
    add_scalar(out, text);
    json_decref(text);
    strbuf_addc(out, ':');
}

/* The first line of an item stands behind its dash. */
static void add_items(struct strbuf *out, const json_t *list, unsigned indent) {
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        pad(out, indent);
        strbuf_adds(out, "- ");
        if (!is_nested(item)) {
            add_scalar(out, item);
            strbuf_addc(out, '\n');
            continue;
        }
        struct strbuf inner = { 0 };
        foreign_yaml(&inner, item, indent + 2);
        strbuf_adds(out, strbuf_str(&inner) + indent + 2);
        strbuf_release(&inner);
    }
}

void foreign_yaml(struct strbuf *out, const json_t *value, unsigned indent) {
    const char *key;
    json_t *one;
    if (json_is_array(value)) {
        add_items(out, value, indent);
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, one) {
        pad(out, indent);
        add_key(out, key);
        if (is_nested(one)) {
            strbuf_addc(out, '\n');
            foreign_yaml(out, one, indent + (json_is_array(one) ? 0 : 2));
        } else {
            strbuf_addc(out, ' ');
            add_scalar(out, one);
            strbuf_addc(out, '\n');
        }
    }
}
