/* The map from byte strings to numbers. */
#include "check.h"

#include <stdio.h>

#include "base/strmap.h"

static void what_was_added_is_found_and_nothing_else(void **state) {
    (void)state;
    enum { N = 20000 };
    struct strmap *m = strmap_new(0);
    char key[32];
    for (int i = 0; i < N; i++) {
        int n = snprintf(key, sizeof key, "key %d", i);
        assert_true(strmap_add(m, key, (size_t)n, i));
    }
    assert_int_equal(strmap_count(m), N);
    for (int i = 0; i < N; i++) {
        int n = snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(strmap_find(m, key, (size_t)n), i);
        n = snprintf(key, sizeof key, "kex %d", i);
        assert_int_equal(strmap_find(m, key, (size_t)n), -1);
    }
    strmap_free(m);
}

static void the_first_value_of_a_key_stays(void **state) {
    (void)state;
    struct strmap *m = strmap_new(10);
    assert_true(strmap_add(m, "a", 1, 5));
    assert_false(strmap_add(m, "a", 1, 6));
    assert_int_equal(strmap_find(m, "a", 1), 5);
    assert_int_equal(strmap_count(m), 1);
    strmap_free(m);
}

static void keys_are_bytes_of_any_length(void **state) {
    (void)state;
    struct strmap *m = strmap_new(1);
    static const struct {
        const char *key;
        size_t n;
    } keys[] = { { "", 0 }, { "\0", 1 }, { "\0\0", 2 }, { "a\0b", 3 }, { "a", 1 },
        { "12345678", 8 }, { "12345678\0", 9 }, { "123456789", 9 }, { "\0\0\0\0\0\0\0\0", 8 } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_true(strmap_add(m, keys[i].key, keys[i].n, (int32_t)i));
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(strmap_find(m, keys[i].key, keys[i].n), i);
    }
    strmap_free(m);
}

static void keys_are_copied(void **state) {
    (void)state;
    struct strmap *m = strmap_new(1);
    char key[] = "mine";
    assert_true(strmap_add(m, key, 4, 1));
    key[0] = 'f';
    assert_int_equal(strmap_find(m, "mine", 4), 1);
    assert_int_equal(strmap_find(m, "fine", 4), -1);
    strmap_free(m);
    strmap_free(NULL);
}

/* The number may be a stranger's: memory is taken for what arrives, not for what is promised. */
static void a_promise_of_endless_keys_takes_no_endless_memory(void **state) {
    (void)state;
    struct strmap *m = strmap_new(SIZE_MAX / 2);
    assert_true(strmap_add(m, "a", 1, 1));
    assert_int_equal(strmap_find(m, "a", 1), 1);
    strmap_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(the_first_value_of_a_key_stays),
        cmocka_unit_test(keys_are_bytes_of_any_length),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(a_promise_of_endless_keys_takes_no_endless_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
