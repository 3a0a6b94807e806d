/* Parquet against the rows that were written, and every kind of damage: truncation and flipped
 * bytes may be refused or give rows, but never crash, and never silently lose a row. */
#include <lz4.h>

#include "evaluator/data/decimal.h"
#include "evaluator/data/little.h"
#include "evaluator/data/parquet_codec.h"
#include "evaluator/data/parquet_value.h"
#include "rows.h"

#define FLAT "i32 i64 u32 f32 f64 f16 b s bin ls"

/* The columns of `row` that `sample` has. */
static json_t *part_of(json_t *row, json_t *sample) {
    json_t *part = json_object(), *value;
    const char *key;
    json_object_foreach(sample, key, value) json_object_set(part, key, json_object_get(row, key));
    return part;
}

/* The columns of `row` that `names` lists, between spaces; NULL: all of them. */
static json_t *named_part(json_t *row, const char *names) {
    json_t *part = names ? json_object() : json_incref(row);
    for (const char *at = names; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        json_t *value = json_object_getn(row, at, n);
        assert_non_null(value);
        json_object_setn(part, at, n, value);
        at += n;
    }
    return part;
}

/* A fixture and the columns that it was written with; NULL: all that the rows have. */
struct written {
    const char *name, *columns;
};

static void assert_file(json_t *want, const struct written *file) {
    const char *name = file->name;
    struct err err;
    json_t *got = rows_of_file(FIXTURES, name, &err), *row;
    size_t i;
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    assert_int_equal(json_array_size(got), json_array_size(want));
    json_array_foreach(got, i, row) {
        json_t *part = named_part(json_array_get(want, i), file->columns);
        if (!json_equal(row, part))
            fail_msg("%s: row %zu: %s is not %s", name, i, json_dumps(row, 0), json_dumps(part, 0));
        json_decref(part);
    }
    json_decref(got);
}

static void every_codec_page_and_encoding_gives_the_rows_written(void **state) {
    (void)state;
    static const struct written files[] = {
        { "v1_snappy_dictionary.parquet", NULL },
        { "v2_zstd_dictionary.parquet", NULL },
        { "v1_gzip_plain.parquet", NULL },
        { "v2_none_plain.parquet", NULL },
        { "v1_none_crc.parquet", FLAT },
        { "v1_none_delta.parquet", FLAT },
        { "v2_snappy_delta.parquet", FLAT },
        { "two_level_lists.parquet", "ls lli lst" },
    };
    struct err err;
    json_t *want = rows_of_file(FIXTURES, "rows.jsonl", &err);
    assert_int_equal(json_array_size(want), 60);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_file(want, &files[i]);
    json_decref(want);
}

static void every_type_of_value_is_read_from_every_kind_of_file(void **state) {
    (void)state;
    static const char *const names[] = { "wide_none_v1", "wide_none_v2", "wide_snappy_v1",
        "wide_snappy_v2", "wide_gzip_v1", "wide_gzip_v2", "wide_zstd_v1", "wide_zstd_v2",
        "wide_brotli_v1", "wide_brotli_v2", "wide_lz4_v1", "wide_lz4_v2", "wide_plain_v1",
        "wide_plain_v2", "wide_delta_v1", "wide_delta_v2", "wide_fallback_v1", "wide_fallback_v2",
        "wide_integers_v1", "wide_integers_v2" };
    struct err err;
    json_t *want = rows_of_file(FIXTURES, "wide.jsonl", &err);
    assert_int_equal(json_array_size(want), 24);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.parquet", names[i]);
        assert_file(want, &(struct written) { name, NULL });
    }
    assert_file(want, &(struct written) { "wide_int96.parquet", "ns i8 s" });
    json_decref(want);
}

/* Only these columns, in the file's order. */
static void columns_that_nobody_asked_for_are_left_out(void **state) {
    (void)state;
    static const char *const columns[] = { "lst", "i64", NULL }, *const none[] = { "nope", NULL };
    struct err err;
    struct data_source source = { .file = FIXTURES "/wide_plain_v2.parquet", .columns = columns };
    json_t *all = rows_of_file(FIXTURES, "wide.jsonl", &err), *got = rows_of(&source, &err), *row;
    size_t i;
    assert_int_equal(json_array_size(got), 24);
    json_array_foreach(got, i, row) {
        json_t *part = part_of(json_array_get(all, i), row);
        assert_int_equal(json_object_size(row), 2);
        assert_true(json_equal(row, part));
        json_decref(part);
    }
    json_decref(got);
    source.columns = none;
    got = rows_of(&source, &err);
    assert_non_null(strstr(err.msg, "there is no column 'nope'"));
    json_decref(got);
    json_decref(all);
}

static bool wants_word(void *arg, const char *column, size_t n) {
    return strlen(arg) == n && memcmp(arg, column, n) == 0;
}

/* A hint, unlike columns that are asked for. */
static void columns_that_are_not_wanted_are_left_out_and_known(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct data_source source = { .file = FIXTURES "/wide_plain_v2.parquet",
        .wants = wants_word,
        .wants_arg = (char[]) { "i64" } };
    struct data *d = data_open(&source, &err);
    assert_non_null(d);
    assert_int_equal(data_row(d, &err)->n, 1);
    assert_true(data_leaves_out(d, "lst", 3) && data_leaves_out_any(d));
    assert_false(data_leaves_out(d, "i64", 3) || data_leaves_out(d, "nope", 4));
    data_close(d);
    source.wants_arg = (char[]) { "nope" }; /* nothing is left: then nothing is left out */
    d = data_open(&source, &err);
    assert_non_null(d);
    assert_true(data_row(d, &err)->n > 1);
    assert_false(data_leaves_out_any(d));
    data_close(d);
}

/* What is not asked for is not looked at either: damage there goes unnoticed. */
static void only_the_pages_of_those_columns_are_read(void **state) {
    static const char *const columns[] = { "i32", NULL };
    struct err err = ERR_INIT;
    struct file_map map;
    assert_true(file_map(&map, FIXTURES "/v1_none_crc.parquet", &err));
    uint8_t *bytes = xmalloc(map.size);
    memcpy(bytes, map.data, map.size);
    memset(bytes + map.size / 2, 0xee, 64); /* in the midst of another column */
    put_bytes(*state, "hurt.parquet", bytes, map.size);
    assert_refused(*state, "hurt.parquet", 0, "page");
    char *path = path_join(*state, "hurt.parquet");
    json_t *rows = rows_of(&(struct data_source) { .file = path, .columns = columns }, &err);
    assert_int_equal(err.class, ERR_NONE);
    assert_int_equal(json_array_size(rows), 60);
    json_decref(rows);
    free(path);
    free(bytes);
    file_unmap(&map);
}

/* ---- codecs and encodings that pyarrow does not write ---- */

static size_t put_frame(uint8_t *to, const char *text, size_t n) {
    int packed = LZ4_compress_default(text, (char *)to + 8, (int)n, 400);
    assert_true(packed > 0);
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(n >> (24 - 8 * i));
        to[4 + i] = (uint8_t)((unsigned)packed >> (24 - 8 * i));
    }
    return 8 + (size_t)packed;
}

static void hadoops_lz4_is_read_with_and_without_its_frames(void **state) {
    (void)state;
    const char *text = "to be or not to be, that is the question, to be or not to be";
    uint8_t in[1000], out[200];
    size_t n = strlen(text), half = n / 2, size = put_frame(in, text, half);
    size += put_frame(in + size, text + half, n - half);
    assert_true(pq_unpack(5, in, size, out, n));
    assert_memory_equal(out, text, n);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(pq_unpack(5, in, cut, out, n));
    assert_false(pq_unpack(5, in, size, out, n + 1));
    assert_false(pq_unpack(5, in, size, out, n - 1));
    int raw = LZ4_compress_default(text, (char *)in, (int)n, 1000);
    assert_true(pq_unpack(5, in, (size_t)raw, out, n));
    assert_true(pq_unpack(7, in, (size_t)raw, out, n));
    assert_memory_equal(out, text, n);
    assert_false(pq_unpack(3, in, (size_t)raw, out, n));
    assert_null(pq_codec_name(3));
}

static void varints_end_within_ten_bytes_and_within_the_data(void **state) {
    (void)state;
    static const uint8_t bytes[] = { 0xac, 0x02, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
        0x80, 0x80, 0x01 };
    const uint8_t *at = bytes;
    uint64_t value;
    assert_true(varint(&at, bytes + 2, &value));
    assert_int_equal(value, 300);
    assert_ptr_equal(at, bytes + 2);
    assert_false(varint(&at, bytes + sizeof bytes, &value));
    at = bytes;
    assert_false(varint(&at, bytes + 1, &value));
    assert_int_equal(zigzag(3), -2);
    assert_int_equal(zigzag(UINT64_MAX), INT64_MIN);
    assert_int_equal(little(bytes, 3), 0x8002ac);
}

/* The example of the format's Encodings.md: 0 to 7, three bits each. */
static void levels_packed_from_the_high_end_are_read(void **state) {
    (void)state;
    static const uint8_t bytes[] = { 0x05, 0x39, 0x77 };
    struct pq_runs runs;
    uint32_t value;
    pq_runs_init_packed(&runs, bytes, sizeof bytes, 3);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(pq_runs_next(&runs, &value));
        assert_int_equal(value, i);
    }
    assert_false(pq_runs_next(&runs, &value));
}

static void decimals_are_the_nearest_doubles(void **state) {
    (void)state;
    static const uint8_t third[] = { 0x19, 0x13, 0xf7, 0x9a, 0x2f, 0x1b, 0x5b, 0x0e, 0xd5, 0x55,
        0x55, 0x55, 0x55 };
    static const uint8_t least[] = { 0x80, 0, 0, 0, 0, 0, 0, 0 }, minus[] = { 0xff };
    assert_true(decimal_from_int(12345, 2) == 123.45);
    assert_true(decimal_from_int(INT64_MIN, 0) == -9223372036854775808.0);
    assert_true(decimal_from_int(INT64_MIN, 5) == -92233720368547.75808);
    assert_true(decimal_from_bytes(least, 8, 5) == -92233720368547.75808);
    assert_true(decimal_from_bytes(minus, 1, 1) == -0.1);
    assert_true(decimal_from_bytes(NULL, 0, 3) == 0);
    assert_true(decimal_from_bytes(third, sizeof third, 30) == 1.9868836108340653);
    assert_true(decimal_from_bytes(third, 33, 0) != decimal_from_bytes(third, 33, 0)); /* NaN */
}

/* Python's text of each stands beside it; one of them would be text as it is stored. */
static void uuids_are_text_in_their_usual_form(void **state) {
    (void)state;
    assert_rows(FIXTURES, "uuids.parquet",
        "[{\"id\": \"80000000-0000-0000-0000-000000000005\","
        " \"s\": \"80000000-0000-0000-0000-000000000005\"},"
        " {\"id\": null, \"s\": null},"
        " {\"id\": \"61626364-6566-6768-696a-6b6c6d6e6f70\","
        " \"s\": \"61626364-6566-6768-696a-6b6c6d6e6f70\"}]");
}

/* JSON objects would keep one of them. */
static void columns_of_one_name_are_refused(void **state) {
    (void)state;
    assert_refused(FIXTURES, "same_name_twice.parquet", 0, "two columns are named 'a'");
    assert_refused(
        FIXTURES, "same_name_in_a_struct.parquet", 0, "two columns within 's' are named 'b'");
}

static void lists_nest_as_deep_as_anybody_wants_but_not_without_end(void **state) {
    (void)state;
    struct err err;
    json_t *rows = rows_of_file(FIXTURES, "lists_40_deep.parquet", &err);
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    const json_t *v = json_object_get(json_array_get(rows, 0), "l");
    for (int depth = 1; depth < 40; depth++, v = json_array_get(v, 0))
        assert_int_equal(json_array_size(v), 1);
    assert_int_equal(json_integer_value(json_array_get(v, 0)), 1);
    json_decref(rows);
    assert_refused(FIXTURES, "lists_200_deep.parquet", 0, "nest more than 128 levels deep");
}

static void an_encrypted_footer_is_called_one(void **state) {
    struct err err = ERR_INIT;
    struct file_map map;
    assert_true(file_map(&map, FIXTURES "/labels.parquet", &err));
    uint8_t *bytes = xmalloc(map.size);
    memcpy(bytes, map.data, map.size);
    memcpy(bytes, "PARE", 4);
    memcpy(bytes + map.size - 4, "PARE", 4);
    put_bytes(*state, "locked.parquet", bytes, map.size);
    assert_refused(*state, "locked.parquet", 0, "the parquet footer is encrypted");
    free(bytes);
    file_unmap(&map);
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

/* What became of files with a flipped bit. */
struct flips {
    unsigned refused, equal, other; /* other: accepted, with other values */
};

/* One bit at a time, in bytes 4..to. What is still accepted must have all its rows. */
static struct flips flip_bits(const char *dir, const char *name, size_t to) {
    struct flips flips = { 0 };
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
        if (err.class != ERR_NONE) {
            assert_non_null(strstr(err.msg, "flip.parquet"));
            flips.refused++;
        } else {
            assert_int_equal(json_array_size(rows), json_array_size(whole));
            *(json_equal(rows, whole) ? &flips.equal : &flips.other) += 1;
        }
        json_decref(rows);
    }
    json_decref(whole);
    free(bytes);
    free(path);
    file_unmap(&map);
    return flips;
}

static void damage_is_named_by_row_group_column_and_page(void **state) {
    struct err err = ERR_INIT;
    struct file_map map;
    assert_true(file_map(&map, FIXTURES "/v1_none_crc.parquet", &err));
    uint8_t *bytes = xmalloc(map.size);
    memcpy(bytes, map.data, map.size);
    bytes[200] ^= 4;
    put_bytes(*state, "flip.parquet", bytes, map.size);
    assert_refused(*state, "flip.parquet", 0, "row 1: column 'i32', row group 1, page 1: ");
    free(bytes);
    file_unmap(&map);
}

static void flipped_bits_never_lose_a_row_silently(void **state) {
    static const char *const names[] = { "v1_snappy_dictionary.parquet", "v2_snappy_delta.parquet",
        "v2_none_plain.parquet", "wide_delta_v2.parquet", "wide_brotli_v1.parquet" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct flips flips = flip_bits(*state, names[i], SIZE_MAX);
        assert_true(flips.refused > 0 && flips.equal > 0 && flips.other > 0);
    }
}

static void page_checksums_notice_flipped_bits(void **state) {
    struct flips flips = flip_bits(*state, "v1_none_crc.parquet", 3000);
    assert_true(flips.refused > 0 && flips.equal > 0 && flips.other == 0);
    flips = flip_bits(*state, "wide_fallback_v2.parquet", 8000);
    assert_true(flips.refused > 0 && flips.equal > 0 && flips.other == 0);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_page_and_encoding_gives_the_rows_written),
        cmocka_unit_test(every_type_of_value_is_read_from_every_kind_of_file),
        cmocka_unit_test(columns_that_nobody_asked_for_are_left_out),
        cmocka_unit_test(columns_that_are_not_wanted_are_left_out_and_known),
        IN_FOLDER(only_the_pages_of_those_columns_are_read),
        cmocka_unit_test(hadoops_lz4_is_read_with_and_without_its_frames),
        cmocka_unit_test(varints_end_within_ten_bytes_and_within_the_data),
        cmocka_unit_test(levels_packed_from_the_high_end_are_read),
        cmocka_unit_test(decimals_are_the_nearest_doubles),
        cmocka_unit_test(uuids_are_text_in_their_usual_form),
        cmocka_unit_test(columns_of_one_name_are_refused),
        cmocka_unit_test(lists_nest_as_deep_as_anybody_wants_but_not_without_end),
        IN_FOLDER(an_encrypted_footer_is_called_one),
        cmocka_unit_test(labels_come_from_the_files_own_features),
        IN_FOLDER(a_file_that_is_cut_off_is_refused),
        IN_FOLDER(damage_is_named_by_row_group_column_and_page),
        IN_FOLDER(flipped_bits_never_lose_a_row_silently),
        IN_FOLDER(page_checksums_notice_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
