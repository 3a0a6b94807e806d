/* Parquet files that are small and would become large, in time or in memory: each is read within
 * its ceiling, or refused with file, row, column and reason. */
#include "rows.h"

/* Rows of a fixture, read and not kept; *err says what ended it. */
static size_t count_rows(const char *name, struct err *err) {
    size_t n = 0;
    *err = (struct err)ERR_INIT;
    struct data *d = data_open(&(struct data_source) { .dir = FIXTURES, .file = name }, err);
    while (d && data_row(d, err))
        n++;
    data_close(d);
    return n;
}

/* 300,000 rows of the same MiB: 300 GB, if each were looked at. The alarm is a hang guard. */
static void a_text_that_many_rows_share_is_looked_at_once(void **state) {
    (void)state;
    struct err err;
    alarm(60);
    assert_int_equal(count_rows("long_text_in_rows.parquet", &err), 300000);
    alarm(0);
    assert_int_equal(err.class, ERR_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_many_rows_share_is_looked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
