/* The thread team: each item once, in every size of team and list, with runs following each other
 * at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pool.h"

enum { ITEMS = 1000 };

struct tally {
    _Atomic unsigned seen[ITEMS];
    _Atomic unsigned wrong_thread;
    unsigned n_threads;
};

static void count(void *arg, unsigned thread, size_t item) {
    struct tally *t = arg;
    atomic_fetch_add(&t->seen[item], 1);
    if (thread >= t->n_threads)
        atomic_fetch_add(&t->wrong_thread, 1);
}

static void check_runs(unsigned n_threads, size_t n_items, unsigned n_runs) {
    struct err err = ERR_INIT;
    struct pool *p = pool_new(n_threads, &err);
    struct tally *t = calloc(1, sizeof *t);
    assert_non_null(p);
    assert_int_equal(pool_n_threads(p), n_threads);
    t->n_threads = n_threads;
    for (unsigned r = 0; r < n_runs; r++)
        pool_run(p, n_items, count, t);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(t->seen[i], i < n_items ? n_runs : 0);
    assert_int_equal(t->wrong_thread, 0);
    pool_free(p);
    free(t);
}

static void every_item_runs_once(void **state) {
    (void)state;
    check_runs(1, ITEMS, 3);
    check_runs(2, ITEMS, 3);
    check_runs(7, ITEMS, 3);
    check_runs(7, 3, 50);
    check_runs(3, 1, 5);
    check_runs(3, 0, 5);
}

static void runs_may_follow_each_other_at_once(void **state) {
    (void)state;
    check_runs(2, 2, 3000);
    check_runs(4, 5, 1000);
}

static void write_plain(void *arg, unsigned thread, size_t item) {
    (void)thread;
    ((unsigned *)arg)[item]++;
}

static void what_items_wrote_is_seen_after_the_run(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct pool *p = pool_new(3, &err);
    unsigned written[64] = { 0 };
    assert_non_null(p);
    for (unsigned r = 1; r <= 200; r++) {
        pool_run(p, 64, write_plain, written);
        for (int i = 0; i < 64; i++)
            assert_int_equal(written[i], r);
        if (r % 50 == 0)
            usleep(2000); /* long enough for the team to fall asleep */
    }
    pool_free(p);
}

static void a_team_of_none_is_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    assert_null(pool_new(0, &err));
    assert_int_equal(err.class, ERR_USAGE);
    assert_null(pool_new(100000, &err));
    pool_free(NULL);
}

static void the_environment_says_how_many(void **state) {
    (void)state;
    setenv("ASSAY_THREADS", "5", 1);
    assert_int_equal(pool_default_threads(), 5);
    setenv("ASSAY_THREADS", "none", 1);
    unsigned n = pool_default_threads();
    unsetenv("ASSAY_THREADS");
    assert_int_equal(pool_default_threads(), n);
    assert_in_range(n, 1, 512);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_runs_once),
        cmocka_unit_test(runs_may_follow_each_other_at_once),
        cmocka_unit_test(what_items_wrote_is_seen_after_the_run),
        cmocka_unit_test(a_team_of_none_is_refused),
        cmocka_unit_test(the_environment_says_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
