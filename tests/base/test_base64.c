/* RFC 4648's own examples, and texts that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static const struct {
    const char *plain, *text;
} KNOWN[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "+//+" } };

static void known_texts_go_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        struct strbuf out = { 0 };
        size_t n, len = strlen(KNOWN[i].plain);
        base64_add(&out, KNOWN[i].plain, len);
        assert_string_equal(strbuf_str(&out), KNOWN[i].text);
        uint8_t *bytes = base64_decode(KNOWN[i].text, &n);
        assert_non_null(bytes);
        assert_int_equal(n, len);
        assert_memory_equal(bytes, KNOWN[i].plain, n);
        free(bytes);
        strbuf_release(&out);
    }
}

static void what_is_no_base64_is_refused(void **state) {
    static const char *const BAD[] = { "Z", "Zg=", "Zg", "Zm9v=", "Z===", "====", "Zm 9", "Zm9\n",
        "=m9v", "Zm=v", "Zm9\xff", "Zg==Zg==" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        size_t n = 1;
        assert_null(base64_decode(BAD[i], &n));
        assert_int_equal(n, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_go_both_ways),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
