/* The reader of submissions: the first byte says whether the rest is a form, JSON, or the values of
 * headers. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_headers(const char *text) {
    char word[64];
    struct in6_addr peer = IN6ADDR_LOOPBACK_INIT;
    struct network proxy = { .address = IN6ADDR_LOOPBACK_INIT, .bits = 128 };
    (void)header_bearer(text, word, sizeof word);
    (void)header_cookie(text, "a", word, sizeof word);
    (void)header_key_valid(text);
    (void)header_accepts(text, "gzip");
    (void)header_matches(text, "\"a\"");
    (void)header_same_origin(NULL, text, "a");
    (void)header_host_valid(text);
    (void)query_number(text, 0);
    header_client(text, &peer, &proxy, 1);
    if (network_parse(text, &proxy)) {
        (void)network_has(&proxy, &peer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ask ask;
    struct err err = ERR_INIT;
    if (size == 0) {
        return 0;
    }
    char *text = xcalloc(size, 1); // its own memory: a read past it shows
    memcpy(text, data + 1, size - 1);
    if (*data == 'h') {
        read_headers(text);
    } else if (*data == 'f' ? ask_read_form(&ask, text, size - 1, &err)
                            : ask_read_json(&ask, text, size - 1, &err)) {
        (void)!ask_check(&ask, NULL, &err);
        BUG_IF(memchr(ask.model, 0, sizeof ask.model) == NULL);
    }
    free(text);
    return 0;
}
