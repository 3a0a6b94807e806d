/* Rows that are passed over: reading goes on behind them as if they had been read. */
#include "rows.h"

/* All rows but those from `at` to `at + n`, which are skipped. */
static json_t *rows_but(const struct data_source *source, size_t at, uint64_t n) {
    struct err err = ERR_INIT;
    struct data *d = data_open(source, &err);
    json_t *rows = json_array(), *row = NULL;
    assert_non_null(d);
    while (json_array_size(rows) < at && (row = data_next(d, &err)))
        json_array_append_new(rows, row);
    if (!data_skip(d, n, &err))
        fail_msg("%s", err.msg);
    while ((row = data_next(d, &err)))
        json_array_append_new(rows, row);
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    data_close(d);
    return rows;
}

static void assert_skips(const struct data_source *source, size_t n_rows) {
    struct err err;
    json_t *all = rows_of(source, &err);
    assert_int_equal(json_array_size(all), n_rows);
    for (size_t at = 0; at <= n_rows; at += at < 3 ? 1 : 17)
        for (size_t n = 0; at + n <= n_rows + 2; n++) {
            json_t *got = rows_but(source, at, n);
            size_t behind = at + n < n_rows ? at + n : n_rows;
            assert_int_equal(json_array_size(got), at + n_rows - behind);
            for (size_t i = 0; i < json_array_size(got); i++)
                if (!json_equal(
                        json_array_get(got, i), json_array_get(all, i < at ? i : i - at + behind)))
                    fail_msg(
                        "%s: %zu rows skipped at %zu: row %zu differs", source->file, n, at, i);
            json_decref(got);
        }
    json_decref(all);
}

static void reading_goes_on_behind_skipped_lines_and_records(void **state) {
    static const struct {
        const char *name, *text;
    } files[] = {
        { "x.jsonl", "{\"a\": 1}\n\n  \n{\"a\": \"\\n\"}\r\n{\"a\": 3}\n{\"a\": 4}" },
        { "x.csv", "a,b\n1,\"two\n\"\"lines\"\"\"\n\n3,4\n5,6\n7,8\n" },
        { "x.tsv", "a\tb\n1\t2\n3\t4\n5\t6\n7\t8" },
        { "x.txt", "one\n\nthree\nfour\n" },
        { "x.json", "[{\"a\": \"]}\"}, {\"a\": [1, {}]},\n{\"a\": 3}, {}]" },
        { "seq.json", "{\"a\": 1}\n{\"a\": 2} {\"a\": 3}\n{\"a\": 4}\n" },
        { "columns.json", "{\"a\": [1, 2, 3, 4],\n\"b\": [5, 6, 7, 8]}" },
        { "keyed.json", "{\"k\": {\"a\": 1},\n\"l\": {}, \"m\": {\"a\": []}, \"n\": {\"b\": 1}}" },
        { "wrapped.json",
            "{\"v\": 1,\n\"data\": [{\"a\": 1}, {\"a\": 2}, {\"a\": 3}, {\"a\": 4}]}" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct data_source source = { .dir = *state, .file = files[i].name };
        source.format = strcmp(files[i].name, "x.txt") == 0 ? "lines" : NULL;
        put(*state, files[i].name, files[i].text);
        assert_skips(&source, 4);
    }
}

static void reading_goes_on_behind_skipped_values_of_columns(void **state) {
    (void)state;
    static const char *const files[] = { "v1_snappy_dictionary", "v2_zstd_dictionary",
        "v1_none_crc", "v1_none_delta", "v2_snappy_delta", "two_level_lists", "wide_plain_v2",
        "wide_fallback_v1", "wide_delta_v2" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.parquet", files[i]);
        assert_skips(&(struct data_source) { .dir = FIXTURES, .file = name },
            strncmp(name, "wide", 4) == 0 ? 24 : 60);
    }
}

static void skipping_goes_on_in_the_next_file(void **state) {
    put(*state, "data/test-00000-of-00002.jsonl", "{\"a\": 1}\n{\"a\": 2}\n");
    put(*state, "data/test-00001-of-00002.jsonl", "{\"a\": 3}\n{\"a\": 4}\n{\"a\": 5}\n");
    assert_skips(&(struct data_source) { .dir = *state, .split = "test" }, 5);
}

/* Nobody looks at what nobody asked for. */
static void what_is_skipped_is_not_parsed(void **state) {
    put(*state, "x.jsonl", "{\"a\": 1}\nno JSON at all\n{\"a\": 3}\n");
    json_t *rows = rows_but(&(struct data_source) { .dir = *state, .file = "x.jsonl" }, 1, 1);
    assert_json(rows, "[{\"a\": 1}, {\"a\": 3}]");
    json_decref(rows);
}

static void damage_that_hides_the_end_of_a_row_is_named(void **state) {
    struct err err = ERR_INIT;
    put(*state, "x.json", "[{\"a\": 1}, {\"a\": [}");
    struct data *d = data_open(&(struct data_source) { .dir = *state, .file = "x.json" }, &err);
    assert_false(data_skip(d, 3, &err));
    assert_non_null(strstr(err.msg, "x.json"));
    assert_non_null(strstr(err.msg, "row 2"));
    data_close(d);
}

/* The file as if it were on a hub, with a count of what is read. */
struct counted {
    const char *path;
    uint64_t n;
};

static bool read_counted(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    struct counted *c = arg;
    (void)path;
    (void)err;
    FILE *f = fopen(c->path, "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fread(into, 1, n, f), n);
    fclose(f);
    c->n += n;
    return true;
}

static uint64_t bytes_read(const char *dir, uint64_t size, uint64_t skip) {
    struct err err = ERR_INIT;
    struct counted counted = { FIXTURES "/v1_snappy_dictionary.parquet", 0 };
    const struct data_remote_file file = { "data/test-00000-of-00001.parquet", size, "" };
    const struct data_remote remote = { &file, 1, read_counted, &counted };
    struct data *d =
        data_open(&(struct data_source) { .dir = dir, .split = "test", .remote = &remote }, &err);
    assert_non_null(d);
    assert_true(data_skip(d, skip, &err));
    while (data_row(d, &err)) {
    }
    assert_int_equal(err.class, ERR_NONE);
    data_close(d);
    return counted.n;
}

static void row_groups_of_skipped_rows_stay_unread(void **state) {
    struct stat st;
    assert_int_equal(stat(FIXTURES "/v1_snappy_dictionary.parquet", &st), 0);
    uint64_t all = bytes_read(*state, (uint64_t)st.st_size, 0);
    assert_true(bytes_read(*state, (uint64_t)st.st_size, 50) < all);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reading_goes_on_behind_skipped_lines_and_records),
        cmocka_unit_test(reading_goes_on_behind_skipped_values_of_columns),
        IN_FOLDER(skipping_goes_on_in_the_next_file),
        IN_FOLDER(what_is_skipped_is_not_parsed),
        IN_FOLDER(damage_that_hides_the_end_of_a_row_is_named),
        IN_FOLDER(row_groups_of_skipped_rows_stay_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
