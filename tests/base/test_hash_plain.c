/* SHA-256 without libcrypto: published values, and every length around the borders of its blocks
 * by pieces and at once. */
#include "check.h"

#include "base/hash.h"

static const char *hash(const char *text) {
    static char hex[65];
    sha256_hex(text, strlen(text), hex);
    return hex;
}

static void it_gives_the_published_values(void **state) {
    (void)state;
    assert_string_equal(
        hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(
        hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void pieces_are_hashed_as_the_whole(void **state) {
    (void)state;
    char text[200], whole[65], pieces[65];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(7 * i);
    }
    for (size_t n = 0; n <= sizeof text; n++) {
        struct sha256 *h = sha256_new();
        sha256_hex(text, n, whole);
        for (size_t at = 0; at < n; at += 9) {
            sha256_add(h, text + at, n - at < 9 ? n - at : 9);
        }
        sha256_end(h, pieces);
        assert_string_equal(pieces, whole);
    }
}

static void a_million_bytes_are_hashed(void **state) {
    (void)state;
    char piece[1000], hex[65];
    struct sha256 *h = sha256_new();
    memset(piece, 'a', sizeof piece);
    for (int i = 0; i < 1000; i++) {
        sha256_add(h, piece, sizeof piece);
    }
    sha256_end(h, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_the_published_values),
        cmocka_unit_test(pieces_are_hashed_as_the_whole),
        cmocka_unit_test(a_million_bytes_are_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
