/* The pool that jansson may take its values from. */
#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_pool.h"

enum { N = 20000 };

static size_t size_at(size_t i) {
    return i * 37 % (2 * JSON_POOL_BLOCK_MAX);
}

static void fill(unsigned char **blocks, size_t salt) {
    for (size_t i = 0; i < N; i++) {
        blocks[i] = json_pool_alloc(size_at(i));
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)((i + salt) % 251), size_at(i));
    }
}

static void check_and_free(unsigned char **blocks, size_t salt) {
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < size_at(i); k++)
            assert_int_equal(blocks[i][k], (i + salt) % 251);
        json_pool_free(blocks[i]);
    }
}

static void blocks_do_not_overlap(void **state) {
    (void)state;
    static unsigned char *blocks[N], *more[N];
    fill(blocks, 0);
    fill(more, 100);
    check_and_free(blocks, 0);
    fill(blocks, 50); /* what was freed is given again */
    check_and_free(more, 100);
    check_and_free(blocks, 50);
}

static void what_was_freed_is_given_again(void **state) {
    (void)state;
    void *one = json_pool_alloc(40);
    json_pool_free(one);
    assert_ptr_equal(json_pool_alloc(33), one); /* the same size of block */
    json_pool_free(one);
}

static void malloc_s_own_go_back_to_it(void **state) {
    (void)state;
    json_pool_free(malloc(24)); /* a sanitizer would tell */
    json_pool_free(NULL);
    json_pool_free(json_pool_alloc(JSON_POOL_BLOCK_MAX + 1));
}

static void *free_elsewhere(void *arg) {
    static unsigned char *own[N];
    check_and_free(arg, 7);
    fill(own, 9); /* of what came from the other thread, too */
    check_and_free(own, 9);
    return NULL;
}

static void another_thread_may_free(void **state) {
    (void)state;
    static unsigned char *blocks[N], *mine[N];
    pthread_t thread;
    fill(blocks, 7);
    assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, blocks), 0);
    fill(mine, 11);
    check_and_free(mine, 11);
    pthread_join(thread, NULL);
}

static void a_text_is_free_s_whatever_jansson_uses(void **state) {
    (void)state;
    json_set_alloc_funcs(json_pool_alloc, json_pool_free);
    json_t *v = json_pack("{s:i, s:[s]}", "a", 1, "b", "c");
    char *text = json_text(v, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":1,\"b\":[\"c\"]}");
    free(text);
    assert_null(json_text(json_object_get(v, "a"), JSON_COMPACT)); /* no list and no object */
    json_decref(v);
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(what_was_freed_is_given_again),
        cmocka_unit_test(malloc_s_own_go_back_to_it),
        cmocka_unit_test(another_thread_may_free),
        cmocka_unit_test(a_text_is_free_s_whatever_jansson_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
