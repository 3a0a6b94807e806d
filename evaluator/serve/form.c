#include "evaluator/serve/form.h"

#include <ctype.h>
#include <string.h>

enum { FIELDS_MAX = 32, NAME_MAX_BYTES = 64 };

static int hex_digit(char c) {
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* %XX and '+'; false where a percent sign begins nothing. */
static bool decode(const char *text, size_t n, struct strbuf *out) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '%') {
            if (i + 2 >= n) {
                return false;
            }
            int a = hex_digit(text[i + 1]), b = hex_digit(text[i + 2]);
            if (a < 0 || b < 0) {
                return false;
            }
            strbuf_addc(out, (char)(a << 4 | b));
            i += 2;
        } else {
            strbuf_addc(out, text[i] == '+' ? ' ' : text[i]);
        }
    }
    return true;
}

static bool read_pair(
    const char *pair, size_t n, size_t value_max, form_field_fn *each, void *arg, struct err *err) {
    struct strbuf name, value;
    strbuf_init(&name, NAME_MAX_BYTES);
    strbuf_init(&value, value_max);
    const char *equals = memchr(pair, '=', n);
    size_t len = equals ? (size_t)(equals - pair) : n;
    bool ok = decode(pair, len, &name) && !name.overflow &&
              (!equals || decode(equals + 1, n - len - 1, &value)) &&
              !memchr(strbuf_str(&name), 0, name.len);
    ok = ok ? each(arg, &name, &value, err)
            : err_set(err, ERR_INPUT, "the body is no form: a field can't be decoded");
    strbuf_release(&name);
    strbuf_release(&value);
    return ok;
}

bool form_read(
    const char *body, size_t n, size_t value_max, form_field_fn *each, void *arg, struct err *err) {
    for (size_t at = 0, fields = 0; at < n; fields++) {
        const char *end = memchr(body + at, '&', n - at);
        size_t len = end ? (size_t)(end - body) - at : n - at;
        if (fields == FIELDS_MAX) {
            return err_set(err, ERR_INPUT, "the form has more than %d fields", FIELDS_MAX);
        }
        if (len && !read_pair(body + at, len, value_max, each, arg, err)) {
            return false;
        }
        at += len + 1;
    }
    return true;
}
