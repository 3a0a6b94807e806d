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

/* The second row points 6,000 times to the same MiB: as JSON it would be 6 GB. */
static void a_row_of_long_texts_is_refused_wherever_they_lie(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(count_rows("long_text_in_a_list.parquet", &err), 1);
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "long_text_in_a_list.parquet"));
    assert_non_null(strstr(err.msg, "': row 2: column 'l.list.element', row group 1"));
    assert_non_null(strstr(err.msg, "the row is over the ceiling of 16 MiB"));
}

/* Names stand in every struct of a list: as JSON this row would be 1 GB. */
static void a_row_of_long_names_is_refused_too(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(count_rows("long_names_in_a_list.parquet", &err), 0);
    assert_non_null(strstr(err.msg, "': row 1: column 'l.list.element.nnn"));
    assert_non_null(strstr(err.msg, "the row is over the ceiling of 16 MiB"));
}

/* Six columns, of each a page of 120 MB in 150 bytes. */
static void pages_of_many_columns_share_one_ceiling(void **state) {
    (void)state;
    static const char *const three[] = { "c0", "c3", "c5", NULL };
    struct err err;
    assert_int_equal(count_rows("long_pages.parquet", &err), 0);
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(
        strstr(err.msg, "long_pages.parquet': row 1: column 'c4', row group 1, page 1"));
    assert_non_null(strstr(err.msg, "take more than 512 MiB at once"));
    err = (struct err)ERR_INIT;
    struct data *d = data_open(
        &(struct data_source) { .dir = FIXTURES, .file = "long_pages.parquet", .columns = three },
        &err);
    assert_non_null(d);
    assert_non_null(data_row(d, &err));
    data_close(d);
}

/* 9 KB: what a row takes in the file says nothing of how many there may be. */
static void millions_of_equal_rows_are_no_reason_to_refuse(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(count_rows("many_rows.parquet", &err), 2000000);
    assert_int_equal(err.class, ERR_NONE);
}

static void a_number_of_rows_is_refused_as_too_large_or_as_inconsistent(void **state) {
    struct err err = ERR_INIT;
    struct file_map map;
    assert_refused(FIXTURES, "too_many_rows.parquet", 0,
        "parquet footer: 8589934592 rows are over the ceiling of 4294967296");
    assert_true(file_map(&map, FIXTURES "/labels.parquet", &err));
    uint8_t *bytes = xmalloc(map.size), *rows;
    memcpy(bytes, map.data, map.size);
    rows = memmem(bytes, map.size, "\x16\x06\x19", 3); /* 3 of them; then the row groups */
    assert_non_null(rows);
    rows[1] = 8;
    put_bytes(*state, "four.parquet", bytes, map.size);
    assert_refused(*state, "four.parquet", 0,
        "parquet footer: the file has 4 rows, but its row groups have 3 together");
    free(bytes);
    file_unmap(&map);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_many_rows_share_is_looked_at_once),
        cmocka_unit_test(a_row_of_long_texts_is_refused_wherever_they_lie),
        cmocka_unit_test(a_row_of_long_names_is_refused_too),
        cmocka_unit_test(pages_of_many_columns_share_one_ceiling),
        cmocka_unit_test(millions_of_equal_rows_are_no_reason_to_refuse),
        IN_FOLDER(a_number_of_rows_is_refused_as_too_large_or_as_inconsistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
