#include "evaluator/serve/sign.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "evaluator/serve/serve.h"

enum { BLOCK = 64, HASH = 32 };

static int digit(char c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void bytes_of(const char hex[65], uint8_t bytes[HASH]) {
    for (int i = 0; i < HASH; i++) {
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
}

/* The hash of a padded key and what follows it. */
static void keyed(
    const uint8_t pad[BLOCK], uint8_t with, const void *text, size_t n, char hex[65]) {
    uint8_t block[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        block[i] = pad[i] ^ with;
    }
    struct sha256 *h = sha256_new();
    sha256_add(h, block, BLOCK);
    sha256_add(h, text, n);
    sha256_end(h, hex);
}

void sign_hex(const void *key, size_t key_n, const void *text, size_t n, char hex[65]) {
    uint8_t pad[BLOCK] = { 0 }, inner[HASH];
    if (key_n > BLOCK) {
        sha256_hex(key, key_n, hex);
        bytes_of(hex, pad);
    } else {
        memcpy(pad, key, key_n);
    }
    keyed(pad, 0x36, text, n, hex);
    bytes_of(hex, inner);
    keyed(pad, 0x5c, inner, HASH, hex);
}

void sign_for(const char *key, const char *purpose, const char *value, char hex[65]) {
    struct strbuf text = { 0 };
    strbuf_addf(&text, "%s:%s", purpose, value);
    sign_hex(key, strlen(key), strbuf_str(&text), text.len, hex);
    strbuf_release(&text);
}

void random_hex(char *hex, size_t n) {
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        uint8_t byte;
        BUG_IF(getrandom(&byte, 1, 0) != 1);
        hex[2 * i] = DIGITS[byte >> 4];
        hex[2 * i + 1] = DIGITS[byte & 15];
    }
    hex[2 * n] = 0;
}

bool secret_equal(const char *a, const char *b) {
    size_t n = strlen(a);
    if (n != strlen(b)) { // lengths are no secret
        return false;
    }
    volatile unsigned char differs = 0;
    for (size_t i = 0; i < n; i++) {
        differs = (unsigned char)(differs | (a[i] ^ b[i]));
    }
    return !differs;
}

void serve_token_make(char token[SERVE_TOKEN_SIZE]) {
    memcpy(token, "assay_", 6);
    random_hex(token + 6, 20);
}

void serve_webhook_secret(const char *service_key, long long token, char hex[65]) {
    char value[32];
    snprintf(value, sizeof value, "%lld", token);
    sign_for(service_key, "webhooks of token", value, hex);
}
