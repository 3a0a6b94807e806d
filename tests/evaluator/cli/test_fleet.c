/* assay worker --gpus: which GPUs a list means, and the words that each worker is started with. The
 * driver is the tests' own (ctest sets LD_LIBRARY_PATH); FAKE_GPUS says how many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/fleet.h"

extern const struct command cmd_worker;

static bool parse(const char *gpus, const char *list, struct fleet *f, struct err *err) {
    setenv("FAKE_GPUS", gpus, 1);
    *err = (struct err)ERR_INIT;
    return fleet_parse(list, f, err);
}

static void all_means_each_that_is_there(void **state) {
    struct fleet f;
    struct err err;
    (void)state;
    assert_true(parse("4", "all", &f, &err));
    assert_int_equal(f.n, 4);
    assert_int_equal(f.gpus[3], 3);
}

static void a_list_names_them_in_its_order(void **state) {
    struct fleet f;
    struct err err;
    (void)state;
    assert_true(parse("4", "2,0", &f, &err));
    assert_int_equal(f.n, 2);
    assert_int_equal(f.gpus[0], 2);
    assert_int_equal(f.gpus[1], 0);
}

static void what_is_not_there_or_no_list_is_refused(void **state) {
    static const char *const lists[] = { "4", "0,4", "0,0", "", ",", "0,", "0;1", "-1", "x",
        "0 1" };
    struct fleet f;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (parse("4", lists[i], &f, &err)) {
            fail_msg("'%s' was taken", lists[i]);
        }
        assert_int_equal(err.class, ERR_USAGE);
    }
}

static void a_machine_without_gpus_says_so(void **state) {
    struct fleet f;
    struct err err;
    (void)state;
    assert_false(parse("0", "all", &f, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.hint, "assay doctor"));
}

static void a_worker_gets_what_was_given_and_a_device(void **state) {
    char *given[] = { "--drain", "--gpus", "1,3", "--hub=./mirror", "-j", "2" };
    const struct option *tables[] = { cmd_worker.options[0], cmd_worker.options[1], NULL };
    const char *const want[] = { "assay", "worker", "--drain", "--hub=./mirror", "--threads=2",
        "--device=cuda:3", "--no-progress", NULL };
    struct args args;
    struct fleet f;
    struct err err;
    (void)state;
    assert_true(args_parse(&args, tables, 6, given, &err));
    assert_true(parse("4", args_get(&args, "gpus", ""), &f, &err));
    char **argv = fleet_argv(&f, 1, &args);
    for (size_t i = 0; want[i] || argv[i]; i++) {
        assert_non_null(argv[i]);
        assert_non_null(want[i]);
        assert_string_equal(argv[i], want[i]);
        free(argv[i]);
    }
    free(argv);
}

static void a_worker_may_have_several_that_follow_each_other(void **state) {
    struct fleet f;
    struct err err;
    (void)state;
    assert_true(parse("8", "all", &f, &err) && fleet_group(&f, 4, &err));
    assert_true(f.n == 2 && f.gpus[0] == 0 && f.gpus[1] == 4);
    assert_true(parse("8", "2,3,6,7", &f, &err) && fleet_group(&f, 2, &err));
    assert_true(f.n == 2 && f.gpus[0] == 2 && f.gpus[1] == 6);
    assert_true(parse("8", "5,1", &f, &err) && fleet_group(&f, 1, &err));
    assert_true(f.n == 2 && f.gpus[0] == 5);
    assert_true(parse("8", "all", &f, &err));
    assert_false(fleet_group(&f, 3, &err));
    assert_int_equal(err.class, ERR_USAGE);
    assert_true(parse("8", "0,2", &f, &err));
    assert_false(fleet_group(&f, 2, &err));
    assert_non_null(strstr(err.msg, "follow each other"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_means_each_that_is_there),
        cmocka_unit_test(a_list_names_them_in_its_order),
        cmocka_unit_test(what_is_not_there_or_no_list_is_refused),
        cmocka_unit_test(a_machine_without_gpus_says_so),
        cmocka_unit_test(a_worker_gets_what_was_given_and_a_device),
        cmocka_unit_test(a_worker_may_have_several_that_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
