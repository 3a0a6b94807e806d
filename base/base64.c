/* See base64.h. */
#include "base/base64.h"

#include <string.h>

#include "base/mem.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct strbuf *out, const void *data, size_t n) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        char four[4] = { DIGITS[group >> 18], DIGITS[group >> 12 & 63],
            left > 1 ? DIGITS[group >> 6 & 63] : '=', left > 2 ? DIGITS[group & 63] : '=' };
        strbuf_add(out, four, 4);
    }
}

static int digit(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

uint8_t *base64_decode(const char *text, size_t *n) {
    size_t len = strlen(text), padding = 0;
    while (padding < 2 && padding < len && text[len - padding - 1] == '=')
        padding++;
    uint8_t *out = len % 4 ? NULL : xmalloc(len / 4 * 3 + 1);
    for (size_t i = 0; out && i < len; i += 4) {
        uint32_t group = 0;
        bool ok = true;
        for (size_t k = 0; k < 4; k++) {
            int d = i + k < len - padding ? digit(text[i + k]) : 0;
            ok = ok && d >= 0;
            group = group << 6 | (uint32_t)(d & 63);
        }
        for (size_t k = 0; k < 3; k++)
            out[i / 4 * 3 + k] = (uint8_t)(group >> (16 - 8 * k));
        if (!ok) {
            free(out);
            out = NULL;
        }
    }
    *n = out ? len / 4 * 3 - padding : 0;
    return out;
}
