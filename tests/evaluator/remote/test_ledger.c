/* What was paid: the sum is never less than that, whoever dies when. */
#include "tests/evaluator/folder.h"

#include <fcntl.h>

#include "evaluator/remote/ledger.h"

static struct ledger opened(const char *path, double ceiling) {
    struct ledger l;
    struct err err = ERR_INIT;
    if (!ledger_open(&l, path, ceiling, false, &err)) {
        fail_msg("%s", err.msg);
    }
    return l;
}

static void what_was_reserved_stands_until_it_is_settled(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    char *dir = folder_make(), *path = path_join(dir, "x.paid");
    struct ledger l = opened(path, 1e-9); /* a thousand units */
    assert_true(ledger_has_room(&l, 1000));
    assert_true(ledger_reserve(&l, 600, &err));
    assert_false(ledger_has_room(&l, 401));
    assert_true(ledger_reserve(&l, 400, &err));
    assert_true(ledger_settle(&l, 600, 50, &err));
    ledger_close(&l); /* the other is never settled: whoever asked it died */
    l = opened(path, 1e-9);
    assert_int_equal(l.sum, 450);
    assert_true(ledger_has_room(&l, 550));
    assert_false(ledger_has_room(&l, 551));
    assert_false(ledger_has_room(&l, INT64_MAX));
    ledger_close(&l);
    folder_remove(dir);
    free(path);
}

static void no_price_makes_room(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    int64_t sum;
    char *dir = folder_make(), *path = path_join(dir, "x.paid");
    struct ledger l = opened(path, 1e-9);
    assert_true(ledger_reserve(&l, 400, &err));
    assert_true(ledger_reserve(&l, 400, &err));
    assert_true(ledger_settle(&l, 400, INT64_MAX - 800, &err));
    assert_false(ledger_settle(&l, 400, INT64_MAX, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_false(ledger_has_room(&l, 1));
    ledger_close(&l);
    assert_true(ledger_read(path, &sum, &err)); /* what was written down can be read */
    assert_int_equal(sum, INT64_MAX - 400);
    folder_remove(dir);
    free(path);
}

static void one_at_a_time(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    char *dir = folder_make(), *path = path_join(dir, "x.paid");
    struct ledger l = opened(path, -1), second;
    assert_false(ledger_open(&second, path, -1, false, &err));
    assert_int_equal(err.class, ERR_BUSY);
    err = (struct err)ERR_INIT;
    assert_true(ledger_open(&second, path, -1, true, &err)); /* a plan only looks */
    ledger_close(&second);
    ledger_close(&l);
    folder_remove(dir);
    free(path);
}

static void a_torn_end_is_cut_off(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    int64_t sum;
    char *dir = folder_make(), *path = path_join(dir, "x.paid");
    folder_write(dir, "x.paid", "+0000000000000000007\n+00000000", 30);
    assert_true(ledger_read(path, &sum, &err));
    assert_int_equal(sum, 7);
    struct ledger l = opened(path, -1);
    assert_true(ledger_reserve(&l, 3, &err));
    ledger_close(&l);
    assert_true(ledger_read(path, &sum, &err));
    assert_int_equal(sum, 10);
    folder_write(dir, "x.paid", "+00000000000000000x7\n", 21);
    assert_false(ledger_read(path, &sum, &err));
    assert_int_equal(err.class, ERR_INPUT);
    folder_remove(dir);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_reserved_stands_until_it_is_settled),
        cmocka_unit_test(no_price_makes_room),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_torn_end_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
