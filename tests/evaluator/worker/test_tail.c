/* The last lines of a job: cut, cleaned, and no more of them than are kept. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "evaluator/worker/tail.h"

static struct tail tail;

static void take(const char *text) {
    tail_take(&tail, text, strlen(text));
}

static void assert_text(const char *expected) {
    char *text = tail_text(&tail);
    assert_string_equal(text, expected);
    free(text);
}

static int begin(void **state) {
    (void)state;
    tail_reset(&tail);
    return 0;
}

static void lines_are_kept_as_they_come(void **state) {
    (void)state;
    take("one\ntw");
    take("o\nthree");
    assert_text("one\ntwo\nthree\n");
}

static void what_steers_a_terminal_or_is_no_text_is_replaced(void **state) {
    (void)state;
    take("a\033[2Jb\tc\x7f\n\xff\n");
    assert_text("a [2Jb c \n\xef\xbf\xbd\n");
}

static void a_secret_is_not_kept(void **state) {
    (void)state;
    take("Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123\n");
    char *text = tail_text(&tail);
    assert_null(strstr(text, "abcdefghij"));
    free(text);
}

static void only_the_last_fifty_are_there(void **state) {
    (void)state;
    for (int i = 0; i < 120; i++) {
        char line[16];
        snprintf(line, sizeof line, "%d\n", i);
        take(line);
    }
    char *text = tail_text(&tail);
    assert_int_equal(strncmp(text, "70\n", 3), 0);
    assert_non_null(strstr(text, "\n119\n"));
    free(text);
}

static void a_line_without_an_end_is_cut(void **state) {
    (void)state;
    for (int i = 0; i < 10000; i++) {
        take("xxxxxxxxxx");
    }
    char *text = tail_text(&tail);
    assert_int_equal(strlen(text), TAIL_LINE_MAX + 1);
    free(text);
}

static void a_note_has_the_time_in_front(void **state) {
    (void)state;
    tail_note(&tail, "loading %s", "the model");
    char *text = tail_text(&tail);
    assert_int_equal(text[2], ':');
    assert_non_null(strstr(text, "Z loading the model\n"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_kept_as_they_come, begin),
        cmocka_unit_test_setup(what_steers_a_terminal_or_is_no_text_is_replaced, begin),
        cmocka_unit_test_setup(a_secret_is_not_kept, begin),
        cmocka_unit_test_setup(only_the_last_fifty_are_there, begin),
        cmocka_unit_test_setup(a_line_without_an_end_is_cut, begin),
        cmocka_unit_test_setup(a_note_has_the_time_in_front, begin),
    };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC); /* what is passed on */
    dup2(null, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
