/* The progress bar's text. It shows after half a second: where a test wants to see it, it waits for
 * longer, and says nothing about how long anything took. */
#include "check.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/progress.h"
#include "capture.h"

static void wait_until_shown(void) {
    const struct timespec longer = { 0, 700000000 };
    nanosleep(&longer, NULL);
}

static void short_work_shows_nothing(void **state) {
    (void)state;
    struct capture c;
    capture_begin(&c, true);
    struct progress *p = progress_start("quick", 10, "req");
    progress_add(p, 10);
    progress_end(p);
    assert_string_equal(capture_end(&c), "");
}

static void a_terminal_gets_a_bar_and_a_last_line(void **state) {
    (void)state;
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        print_message("skipped: there is no C.UTF-8 locale\n");
        skip();
    }
    struct capture c;
    capture_begin(&c, true);
    struct progress *p = progress_start("arc_easy", 4000, "req");
    wait_until_shown();
    progress_note(p, "41.2k tok/s");
    progress_add(p, 2000);
    progress_set(p, 4000);
    progress_end(p);
    const char *text = capture_end(&c);
    setlocale(LC_ALL, "C");
    assert_contains(
        text, "\r\033[Karc_easy:  50%|██████████          | 2000/4000 req [00:00<00:00, ");
    assert_contains(text, " req/s] 41.2k tok/s");
    assert_contains(text, "arc_easy: 100%|████████████████████| 4000/4000 req [");
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void without_utf8_the_bar_is_ascii(void **state) {
    (void)state;
    struct capture c;
    setlocale(LC_ALL, "C");
    capture_begin(&c, true);
    struct progress *p = progress_start("get", 200000000, "B");
    wait_until_shown();
    progress_set(p, 105000000);
    progress_end(p);
    assert_contains(capture_end(&c), "get:  52%|##########5         | 105M/200M B [");
}

static void work_of_unknown_size_has_no_bar(void **state) {
    (void)state;
    struct capture c;
    capture_begin(&c, true);
    struct progress *p = progress_start("read", 0, "rows");
    wait_until_shown();
    progress_add(p, 41);
    progress_end(p);
    const char *text = capture_end(&c);
    assert_contains(text, "read: 41 rows [00:0");
    assert_null(strchr(text, '|'));
}

static void a_series_has_a_bar_a_label(void **state) {
    (void)state;
    struct capture c;
    struct progress_series s = { 0 };
    capture_begin(&c, true);
    progress_series_set(&s, "loading", 0, 0, "tok");
    progress_series_set(&s, "one", 0, 10, "tok");
    wait_until_shown();
    progress_series_set(&s, "one", 10, 10, "tok");
    progress_series_set(&s, "two", 0, 20, "tok");
    wait_until_shown();
    progress_series_set(&s, "two", 5, 20, "tok");
    progress_series_end(&s);
    assert_null(s.bar);
    const char *text = capture_end(&c);
    assert_null(strstr(text, "loading"));
    assert_contains(text, "one: 100%");
    assert_contains(text, "two:  25%");
}

static void more_than_all_is_all(void **state) {
    (void)state;
    struct capture c;
    capture_begin(&c, true);
    struct progress *p = progress_start("x", 10, "req");
    wait_until_shown();
    progress_add(p, 25);
    progress_end(p);
    assert_contains(capture_end(&c), "x: 100%|####################| 25/10 req [");
}

static void where_nobody_watches_there_are_few_lines(void **state) {
    (void)state;
    struct capture c;
    capture_begin(&c, false);
    struct progress *p = progress_start("x", 1000, "req");
    wait_until_shown();
    for (int i = 0; i < 1000; i++) {
        progress_add(p, 1);
    }
    progress_end(p);
    const char *text = capture_end(&c);
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++) {
        lines++;
    }
    assert_in_range(lines, 9, 11);
    assert_null(strchr(text, '\r'));
    assert_contains(text, "x: 100%|");
}

static void it_can_be_silenced(void **state) {
    (void)state;
    static const char *const NAMES[] = { "ASSAY_NO_PROGRESS", "HF_HUB_DISABLE_PROGRESS_BARS" };
    for (size_t i = 0; i < 2; i++) {
        setenv(NAMES[i], "1", 1);
        assert_null(progress_start("x", 1, "req"));
        unsetenv(NAMES[i]);
    }
    progress_add(NULL, 1);
    progress_set(NULL, 1);
    progress_note(NULL, "x");
    progress_end(NULL);
}

static void *add_many(void *p) {
    for (int i = 0; i < 10000; i++) {
        progress_add(p, 1);
    }
    return NULL;
}

static void threads_add_to_one_bar(void **state) {
    (void)state;
    struct capture c;
    pthread_t threads[4];
    capture_begin(&c, true);
    struct progress *p = progress_start("x", 40000, "req");
    wait_until_shown();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, p), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    progress_end(p);
    assert_contains(capture_end(&c), "| 40.0k/40.0k req [");
}

/* Last: there is no way back. */
static void disabling_is_for_good(void **state) {
    (void)state;
    progress_disable();
    assert_null(progress_start("x", 1, "req"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_work_shows_nothing),
        cmocka_unit_test(a_terminal_gets_a_bar_and_a_last_line),
        cmocka_unit_test(without_utf8_the_bar_is_ascii),
        cmocka_unit_test(work_of_unknown_size_has_no_bar),
        cmocka_unit_test(a_series_has_a_bar_a_label),
        cmocka_unit_test(more_than_all_is_all),
        cmocka_unit_test(where_nobody_watches_there_are_few_lines),
        cmocka_unit_test(it_can_be_silenced),
        cmocka_unit_test(threads_add_to_one_bar),
        cmocka_unit_test(disabling_is_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
