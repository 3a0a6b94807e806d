/* The readers of submissions and of what is asked live: the first byte says whether the rest is a
 * form, JSON, or the values of headers. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/header.h"
#include "evaluator/serve/live.h"

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

/* The first byte says what the model is asked for. */
static void read_live(const char *text, size_t n, bool form) {
    struct live_ask ask;
    struct err err = ERR_INIT;
    enum live_kind kind = (enum live_kind)(n ? (unsigned char)*text % N_LIVE_KINDS : 0);
    text += n > 0;
    n -= n > 0;
    if (form ? live_ask_form(&ask, kind, text, n, &err)
             : live_ask_json(&ask, kind, text, n, &err)) {
        BUG_IF(!json_is_object(ask.fields) || strlen(ask.form) >= sizeof ask.form);
    }
    live_ask_release(&ask);
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
    } else if (*data == 'l' || *data == 'L') {
        read_live(text, size - 1, *data == 'l');
    } else if (*data == 'f' ? ask_read_form(&ask, text, size - 1, &err)
                            : ask_read_json(&ask, text, size - 1, &err)) {
        (void)!ask_check(&ask, NULL, &err);
        BUG_IF(memchr(ask.model, 0, sizeof ask.model) == NULL);
    }
    free(text);
    return 0;
}
