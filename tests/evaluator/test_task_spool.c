/* Texts that are put away on disk are where they were, and what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "evaluator/task/spool.h"

enum { TEXTS = 5000 };

static void text_of(size_t i, char *out, size_t size) {
    snprintf(out, size, "%zu %.*s", i, (int)(i % 97),
        "a passage of some length, as passages go, that says nothing in particular, at some "
        "length");
}

static void texts_stay_where_they_are(void **state) {
    struct err err = ERR_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct spool *s = spool_new(4 * page);
    const char **at = xcalloc(TEXTS, sizeof *at);
    char text[200];
    (void)state;
    for (size_t i = 0; i < TEXTS; i++) {
        text_of(i, text, sizeof text);
        at[i] = spool_add(s, text, strlen(text), &err);
        assert_non_null(at[i]);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < TEXTS; i++) {
            text_of(i, text, sizeof text);
            assert_string_equal(at[i], text);
        }
        spool_forget(s);
    }
    free(at);
    spool_free(s);
}

static void a_text_that_fits_no_segment_is_refused(void **state) {
    struct err err = ERR_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct spool *s = spool_new(page);
    char *text = xcalloc(page + 1, 1);
    (void)state;
    memset(text, 'x', page);
    assert_null(spool_add(s, text, page, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    const char *longest = spool_add(s, text, page - 1, &err);
    assert_int_equal(strlen(longest), page - 1);
    assert_string_equal(spool_add(s, "next", 4, &err), "next");
    assert_int_equal(strlen(longest), page - 1);
    free(text);
    spool_free(s);
}

static void without_a_disk_it_is_an_error(void **state) {
    struct err err = ERR_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct spool *s = spool_new(page);
    char *text = xcalloc(page, 1), *before = getenv("TMPDIR");
    (void)state;
    before = before ? xstrdup(before) : NULL;
    setenv("TMPDIR", "/no/such/folder", 1);
    memset(text, 'x', page - 1);
    assert_non_null(spool_add(s, text, page - 1, &err));
    assert_null(spool_add(s, text, page - 1, &err));
    assert_non_null(strstr(err.msg, "could not make a file for the corpus in '/no/such/folder'"));
    before ? setenv("TMPDIR", before, 1) : unsetenv("TMPDIR");
    free(before);
    free(text);
    spool_free(s);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stay_where_they_are),
        cmocka_unit_test(a_text_that_fits_no_segment_is_refused),
        cmocka_unit_test(without_a_disk_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
