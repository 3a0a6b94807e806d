/* Allocation: alignment, overflow, growth, arenas. */
#include "check.h"

#include "base/mem.h"

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    size_t out = 0;
    assert_true(mem_mul(3, 4, &out));
    assert_int_equal(out, 12);
    assert_false(mem_mul(SIZE_MAX / 2, 3, &out));
    assert_true(mem_mul(0, SIZE_MAX, &out));
    assert_true(mem_add(SIZE_MAX - 1, 1, &out));
    assert_false(mem_add(SIZE_MAX, 1, &out));
}

static void large_memory_is_aligned_and_zeroed(void **state) {
    (void)state;
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct err err = ERR_INIT;
        unsigned char *p = mem_try(sizes[i], 1, "test", &err);
        assert_ok(p, &err);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(p[k], 0);
        }
        free(p);
    }
}

static void memory_that_cannot_be_had_is_an_error(void **state) {
    (void)state;
    static const struct {
        size_t n, size;
    } cases[] = { { SIZE_MAX / 4, 8 }, { SIZE_MAX, 1 }, { SIZE_MAX - 60, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = ERR_INIT;
        assert_null(mem_try(cases[i].n, cases[i].size, "the weights", &err));
        assert_int_equal(err.class, ERR_RESOURCE);
        assert_contains(err.msg, "the weights");
    }
}

static void growing_keeps_what_was_there(void **state) {
    (void)state;
    int *items = NULL;
    size_t capacity = 0;
    for (size_t n = 0; n < 1000; n++) {
        mem_grow(&items, &capacity, n + 1, sizeof *items);
        assert_true(capacity > n);
        items[n] = (int)n;
    }
    for (int n = 0; n < 1000; n++) {
        assert_int_equal(items[n], n);
    }
    const size_t before = capacity;
    mem_grow(&items, &capacity, 5, sizeof *items);
    assert_int_equal(capacity, before);
    free(items);
}

static void arenas_hand_out_zeroed_aligned_memory_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = { 1, 15, 16, 17, 1000, 65536, 200000, 3 };
    struct arena a = { 0 };
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *p = arena_alloc(&a, sizes[i]);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(p[k], 0);
            }
            memset(p, 0xaa, sizes[i]); // the second round must not see it
        }
        assert_true(a.used >= 266588);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_release(&a);
    assert_null(a.head);
    arena_release(&a);
}

static void arenas_copy_and_print_strings(void **state) {
    (void)state;
    struct arena a = { 0 };
    char *whole = arena_strdup(&a, "whole");
    char *part = arena_strndup(&a, "partial", 4);
    char *printed = arena_printf(&a, "%s-%03d", whole, 7);
    assert_string_equal(whole, "whole");
    assert_string_equal(part, "part");
    assert_string_equal(printed, "whole-007");
    arena_release(&a);
}

static void small_allocations_of_nothing_can_be_freed(void **state) {
    (void)state;
    void *p = xmalloc(0), *q = xcalloc(0, 8);
    assert_non_null(p);
    assert_non_null(q);
    p = xrealloc(p, 0);
    assert_non_null(p);
    free(p);
    free(q);
    char *s = xstrndup("abc", 2);
    assert_string_equal(s, "ab");
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(large_memory_is_aligned_and_zeroed),
        cmocka_unit_test(memory_that_cannot_be_had_is_an_error),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(arenas_hand_out_zeroed_aligned_memory_of_any_size),
        cmocka_unit_test(arenas_copy_and_print_strings),
        cmocka_unit_test(small_allocations_of_nothing_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
