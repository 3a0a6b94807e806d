/* Hashes against published vectors and git's own answer. */
#include "check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void sha256_gives_the_published_values(void **state) {
    (void)state;
    char hex[65];
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, ABC);
    sha256_hex("", 0, hex);
    assert_string_equal(hex, EMPTY);
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    struct sha256 *h = sha256_new();
    for (int i = 0; i < 1000; i++) {
        sha256_add(h, piece, sizeof piece);
    }
    sha256_end(h, hex);
    assert_string_equal(hex, MILLION_A);
}

static void files_are_hashed_as_their_bytes_and_as_git_does(void **state) {
    (void)state;
    char path[] = "/tmp/assay-hash-XXXXXX", hex[65], blob[41];
    int fd = mkstemp(path);
    struct err err = ERR_INIT;
    assert_true(fd >= 0);
    assert_ok(git_blob_file(path, blob, &err), &err);
    assert_string_equal(blob, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"); // git's empty blob
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_ok(sha256_file(path, hex, &err), &err);
    assert_string_equal(hex, ABC);
    assert_ok(git_blob_file(path, blob, &err), &err);
    assert_string_equal(
        blob, "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"); // printf abc | git hash-object --stdin
    unlink(path);
    assert_false(sha256_file(path, hex, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(sha256_file(path, hex, &err)); // and does not wait for a writer
    assert_int_equal(err.class, ERR_INPUT);
    unlink(path);
    assert_false(git_blob_file("/", blob, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(files_are_hashed_as_their_bytes_and_as_git_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
