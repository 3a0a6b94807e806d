/* Parquet against the rows that were written, and every kind of damage: truncation and flipped
 * bytes may be refused or give rows, but never crash, and never silently lose a row. */
#include "rows.h"

/* The columns of `row` that `sample` has. */
static json_t *part_of(json_t *row, json_t *sample) {
    json_t *part = json_object(), *value;
    const char *key;
    json_object_foreach(sample, key, value) json_object_set(part, key, json_object_get(row, key));
    return part;
}

static void assert_file(json_t *want, const char *name) {
    struct err err;
    json_t *got = rows_of_file(FIXTURES, name, &err), *row;
    size_t i;
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    assert_int_equal(json_array_size(got), json_array_size(want));
    json_array_foreach(got, i, row) {
        json_t *part = part_of(json_array_get(want, i), row);
        assert_true(json_object_size(part) >= 3);
        if (!json_equal(row, part))
            fail_msg("%s: row %zu: %s is not %s", name, i, json_dumps(row, 0), json_dumps(part, 0));
        json_decref(part);
    }
    json_decref(got);
}

static void every_codec_page_and_encoding_gives_the_rows_written(void **state) {
    (void)state;
    static const char *const names[] = { "v1_snappy_dictionary.parquet",
        "v2_zstd_dictionary.parquet", "v1_gzip_plain.parquet", "v1_none_crc.parquet",
        "v2_none_plain.parquet", "v1_none_delta.parquet", "v2_snappy_delta.parquet",
        "two_level_lists.parquet" };
    struct err err;
    json_t *want = rows_of_file(FIXTURES, "rows.jsonl", &err);
    assert_int_equal(json_array_size(want), 60);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_file(want, names[i]);
    json_decref(want);
}

static void labels_come_from_the_files_own_features(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct data *d =
        data_open(&(struct data_source) { .dir = FIXTURES, .file = "labels.parquet" }, &err);
    assert_non_null(d);
    assert_string_equal(data_label(d, "label", 1), "yes");
    assert_string_equal(data_label(d, "tags", 0), "x");
    assert_null(data_label(d, "label", 2));
    data_close(d);
}

static void a_file_that_is_cut_off_is_refused(void **state) {
    struct err err = ERR_INIT;
    struct file_map map;
    assert_true(file_map(&map, FIXTURES "/labels.parquet", &err));
    for (size_t n = 0; n < map.size; n += 7) {
        put_bytes(*state, "cut.parquet", map.data, n);
        assert_refused(*state, "cut.parquet", 0, "footer");
    }
    file_unmap(&map);
}

/* One bit at a time, in bytes 4..to. What is still accepted must have all its rows, and where
 * `same`, the same ones. */
static void flip_bits(const char *dir, const char *name, size_t to, bool same) {
    struct err err = ERR_INIT;
    struct file_map map;
    char *path = path_join(FIXTURES, name);
    json_t *whole = rows_of_file(FIXTURES, name, &err);
    assert_true(file_map(&map, path, &err));
    uint8_t *bytes = xmalloc(map.size);
    for (size_t at = 4; at < map.size && at < to; at += 23) {
        memcpy(bytes, map.data, map.size);
        bytes[at] ^= (uint8_t)(1 << at % 8);
        put_bytes(dir, "flip.parquet", bytes, map.size);
        json_t *rows = rows_of_file(dir, "flip.parquet", &err);
        if (err.class != ERR_NONE)
            assert_non_null(strstr(err.msg, "flip.parquet"));
        else {
            assert_int_equal(json_array_size(rows), 60);
            assert_true(!same || json_equal(rows, whole));
        }
        json_decref(rows);
    }
    json_decref(whole);
    free(bytes);
    free(path);
    file_unmap(&map);
}

static void flipped_bits_never_lose_a_row_silently(void **state) {
    flip_bits(*state, "v1_snappy_dictionary.parquet", SIZE_MAX, false);
    flip_bits(*state, "v2_snappy_delta.parquet", SIZE_MAX, false);
    flip_bits(*state, "v2_none_plain.parquet", SIZE_MAX, false);
}

static void page_checksums_notice_flipped_bits(void **state) {
    flip_bits(*state, "v1_none_crc.parquet", 3000, true);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_page_and_encoding_gives_the_rows_written),
        cmocka_unit_test(labels_come_from_the_files_own_features),
        IN_FOLDER(a_file_that_is_cut_off_is_refused),
        IN_FOLDER(flipped_bits_never_lose_a_row_silently),
        IN_FOLDER(page_checksums_notice_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
