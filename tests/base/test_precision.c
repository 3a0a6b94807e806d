/* Which dtypes come with a warning. */
#include "check.h"

#include "base/precision.h"

static void only_what_changes_answers_has_a_caveat(void **state) {
    static const char *const PLAIN[] = { NULL, "", "auto", "f32", "bf16", "f16", "int", "int80" };
    (void)state;
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        assert_null(precision_caveat(PLAIN[i]));
    assert_non_null(strstr(precision_caveat("int8"), "one in twenty"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_changes_answers_has_a_caveat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
