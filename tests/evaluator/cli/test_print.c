/* Text from strangers on its way to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/print.h"

static void prints(const char *from, size_t max, const char *to) {
    char *text = printable(from, max);
    assert_string_equal(text, to);
    free(text);
}

static void what_steers_a_terminal_is_replaced(void **state) {
    (void)state;
    prints("plain text, na\xc3\xafve", 100, "plain text, na\xc3\xafve");
    prints("\x1b[2J\x07\r\n\t\x7f", 100, "?[2J?????");
    prints("\xc2\x9b"
           "31m",
        100, "?31m"); /* the same in one letter of ISO 6429 */
    prints("\xff\xc0\xafx", 100, "???x");
    prints("", 100, "");
}

static void long_text_is_cut_between_letters(void **state) {
    (void)state;
    prints("abcdef", 3, "abc");
    prints("ab\xc3\xaf", 3, "ab");
    prints("ab\xc3\xaf", 4, "ab\xc3\xaf");
    prints("abc", 0, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_steers_a_terminal_is_replaced),
        cmocka_unit_test(long_text_is_cut_between_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
