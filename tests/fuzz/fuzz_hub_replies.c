/* Bytes as what a hub says beside its bodies: waits, ranges, the next page, and names of links in a
 * cache that others write to. Whatever it says, what is made of it stays within its bounds. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/retry.h"
#include "evaluator/hub/tidy.h"
#include "evaluator/hub/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_wait(long s) {
    BUG_IF(s < -1 || s > RETRY_ASKED_MAX_S);
}

static void check_range(const char *text) {
    uint64_t from, to, size;
    BUG_IF(content_range_parse(text, &from, &to, &size) &&
           (from >= 1000000000000000000u || to >= 1000000000000000000u));
}

static void check_next(const char *text) {
    char *next = url_next_page(text, "https://hub.example/x");
    BUG_IF(next && (next[0] != '/' || next[1] == '/'));
    free(next);
}

static void check_url(const char *text) {
    struct err err = ERR_INIT;
    char *host = url_host(text);
    free(host);
    BUG_IF(url_token_allowed(text) && !url_redirect_allowed("http://hub.example/", text, &err));
    enum address_kind kind = url_address_kind(text);
    BUG_IF(address_allowed(ADDRESS_PUBLIC, kind) && kind != ADDRESS_PUBLIC);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    uint64_t n;
    char *text = xstrndup((const char *)bytes, size);
    check_wait(retry_after_parse(text, 1700000000));
    check_wait(retry_limit_parse(text));
    check_range(text);
    check_next(text);
    check_url(text);
    BUG_IF(hub_size_parse(text, &n, &err) != (err.class == ERR_NONE));
    free(text);
    return 0;
}
