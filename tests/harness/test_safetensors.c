/* Reading safetensors: what must be accepted, what must be refused and what the refusal says, and
 * the ceilings. Most bad files are one wrong header, so they are a table. */
#include "weight_files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/formats/formats.h"

#define ENTRY(name) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

/* Opens bytes as a bare .safetensors file. */
static struct weights *open_bytes(const char *dir, const void *bytes, size_t n, struct err *err) {
    char *path = file_put(dir, "w.safetensors", bytes, n);
    struct weights *w = weights_open(path, err);
    free(path);
    return w;
}

static struct weights *open_header(
    const char *dir, const char *header, size_t data_n, struct err *err) {
    struct strbuf file = { 0 };
    st_build(&file, header, data_n);
    struct weights *w = open_bytes(dir, file.text, file.len, err);
    strbuf_release(&file);
    return w;
}

static void tensors_are_found_with_type_shape_and_data(void **state) {
    struct err err = ERR_INIT;
    struct weights *w = open_header(*state,
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[9,12]},"
        "\"a\":{\"data_offsets\":[0,8],\"shape\":[2,1],\"dtype\":\"F32\"},"
        "\"scalar\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[8,9]},"
        "\"\\u00e9\\ud83d\\ude00\\n\":{\"dtype\":\"I64\",\"shape\":[4,0],\"data_offsets\":[9,9]}} "
        " ",
        12, &err);
    assert_non_null(w);
    assert_string_equal(weights_format(w), "safetensors");
    assert_null(weights_metadata(w));
    assert_int_equal(weights_count(w), 4);
    assert_string_equal(weights_at(w, 0)->name, "b");
    const struct tensor *a = weights_find(w, "a"), *b = weights_find(w, "b");
    assert_non_null(a);
    assert_int_equal(a->type, TENSOR_F32);
    assert_int_equal(a->n_dims, 2);
    assert_int_equal(a->shape[0], 2);
    assert_int_equal(a->shape[1], 1);
    assert_int_equal(a->bytes, 8);
    assert_memory_equal(a->data, "\0\1\2\3\4\5\6\7", 8);
    float numbers[3];
    tensor_read_f32(b, 0, 3, numbers);
    assert_true(numbers[0] == 9.0f && numbers[2] == 11.0f);
    assert_int_equal(weights_find(w, "scalar")->n_elements, 1);
    assert_int_equal(weights_find(w, "\xc3\xa9\xf0\x9f\x98\x80\n")->n_elements, 0);
    assert_null(weights_find(w, "c"));
    weights_close(w);
    assert_int_equal(err.class, ERR_NONE);
}

static void every_plain_dtype_is_known(void **state) {
    static const struct {
        const char *dtype;
        size_t bytes;
        enum tensor_type type;
    } rows[] = { { "F64", 8, TENSOR_F64 }, { "F32", 4, TENSOR_F32 }, { "F16", 2, TENSOR_F16 },
        { "BF16", 2, TENSOR_BF16 }, { "I64", 8, TENSOR_I64 }, { "I32", 4, TENSOR_I32 },
        { "I16", 2, TENSOR_I16 }, { "I8", 1, TENSOR_I8 }, { "U8", 1, TENSOR_U8 },
        { "BOOL", 1, TENSOR_BOOL } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf header = { 0 };
        struct err err = ERR_INIT;
        strbuf_addf(&header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%zu]}}",
            rows[i].dtype, 3 * rows[i].bytes);
        struct weights *w = open_header(*state, header.text, 3 * rows[i].bytes, &err);
        assert_non_null(w);
        assert_int_equal(weights_at(w, 0)->type, rows[i].type);
        weights_close(w);
        strbuf_release(&header);
    }
}

struct bad_header {
    const char *header;
    size_t data_n;
    enum err_class class;
    const char *says;
};

static void assert_bad_headers(const char *dir, const struct bad_header *bad, size_t n) {
    for (; n-- > 0; bad++) {
        struct err err = ERR_INIT;
        assert_null(open_header(dir, bad->header, bad->data_n, &err));
        assert_error(&err, bad->class, bad->says, "w.safetensors", NULL);
    }
}

#define ASSERT_BAD_HEADERS(dir, rows) assert_bad_headers(dir, rows, sizeof(rows) / sizeof *(rows))

static const struct bad_header not_json[] = {
    { "[]", 0, ERR_INPUT, "not a JSON object" },
    { " {}", 0, ERR_INPUT, "does not start with '{'" },
    { "\xef\xbb\xbf{}", 0, ERR_INPUT, "does not start with '{'" },
    { "{\"\xff\":1}", 0, ERR_INPUT, "not UTF-8" },
    { "{", 0, ERR_INPUT, "header length 1" },
    { "{,", 0, ERR_INPUT, "not valid JSON at byte 1: expected a string" },
    { "{}{}", 0, ERR_INPUT, "not valid JSON at byte 2: expected nothing" },
    { "{" ENTRY("a") ",}", 8, ERR_INPUT, "expected a string" },
    { "{\"a\" 1}", 0, ERR_INPUT, "expected ':'" },
    { "{\"a\":1}", 0, ERR_INPUT,
        "tensor 'a': not valid JSON at byte 5: expected '{', found \"1}\"" },
    { "{\"a", 0, ERR_INPUT, "expected the end of a string" },
    { "{\"a\n\":1}", 0, ERR_INPUT, "expected the end of a string" },
    { "{\"\\x\":1}", 0, ERR_INPUT, "expected a valid escape" },
    { "{\"\\ud800\":1}", 0, ERR_INPUT, "expected a valid escape" },
    { "{\"\\ud800\\ud800\":1}", 0, ERR_INPUT, "expected a valid escape" },
    { "{\"\\udc00\":1}", 0, ERR_INPUT, "expected a valid escape" },
    { "{\"a\\u0000\":1}", 0, ERR_INPUT, "expected a valid escape" },
    { "{\"\":{}}", 0, ERR_INPUT, "empty name" },
    { "{\"__metadata__\":{\"a\":1}}", 0, ERR_INPUT, "__metadata__ is not an object of strings" },
    { "{\"__metadata__\":[[[[]]]]}", 0, ERR_INPUT, "__metadata__ is not an object of strings" },
    { "{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, ERR_INPUT,
        "duplicate key 'a' in __metadata__" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, ERR_INPUT, "duplicate key '__metadata__'" },
    { "{" ENTRY("a") "," ENTRY("a") "}", 8, ERR_INPUT, "duplicate tensor name 'a'" },
    { "{" ENTRY("a") "," ENTRY("\\u0061") "}", 8, ERR_INPUT, "duplicate tensor name 'a'" },
    { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_INPUT, "tensor 'a' has no dtype" },
    { "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "tensor 'a' has no shape" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, ERR_INPUT, "tensor 'a' has no data_offsets" },
    { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
        ERR_INPUT, "duplicate key 'dtype' of tensor 'a'" },
    { "{\"a\":{\"stride\":[1]}}", 1, ERR_INPUT, "tensor 'a' has the unknown field 'stride'" },
};

static void fault_69_a_header_that_is_not_one_is_refused_with_its_reason_and_the_file(
    void **state) {
    ASSERT_BAD_HEADERS(*state, not_json);
}

static const struct bad_header bad_offsets[] = {
    { "{" ENTRY("a") "," ENTRY("b") "}", 8, ERR_INPUT, "tensor 'b' at offset 0 overlaps" },
    { "{" ENTRY("a") "}", 7, ERR_INPUT, "truncated: tensors take 8 bytes, the file holds 7" },
    { "{" ENTRY("a") "}", 9, ERR_INPUT, "the last 1 bytes are not covered" },
    { "{}", 1, ERR_INPUT, "the last 1 bytes are not covered" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, ERR_INPUT,
        "hole in the data: tensor 'a'" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,1]}}", 2, ERR_INPUT, "reversed" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 2, ERR_INPUT,
        "not two offsets" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0.0,1]}}", 2, ERR_INPUT,
        "found \"0.0,1]}}\"" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 2, ERR_INPUT,
        "data_offsets of tensor 'a'" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 2, ERR_INPUT,
        "not two offsets" },
};

static void fault_70_offsets_that_do_not_tile_the_data_are_refused(void **state) {
    ASSERT_BAD_HEADERS(*state, bad_offsets);
}

static const struct bad_header bad_shapes[] = {
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "wrong size: tensor 'a'" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, ERR_INPUT,
        "wrong size: tensor 'a'" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[-2],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "the shape of tensor 'a'" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "found \"1e0]" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "found \"01]" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551617],\"data_offsets\":[0,1]}}", 1,
        ERR_INPUT, "the shape of tensor 'a' is not" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
        ERR_INPUT, "the shape of tensor 'a' overflows" },
    { "{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693953],\"data_offsets\":[0,8]}}", 8,
        ERR_INPUT, "the shape of tensor 'a' overflows" },
    { "{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "unknown dtype 'F31'" },
    { "{\"a\":{\"dtype\":\"Q4_0\",\"shape\":[32],\"data_offsets\":[0,18]}}", 18, ERR_INPUT,
        "unknown dtype 'Q4_0'" },
    { "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_INPUT,
        "dtype of tensor 'a'" },
    { "{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_UNSUPPORTED,
        "tensor 'a' has dtype F6_E2M3, which is not supported" },
};

static void fault_71_shapes_and_types_that_cannot_be_are_refused(void **state) {
    ASSERT_BAD_HEADERS(*state, bad_shapes);
}

/* What another program would take for its own: a page in front, an archive behind the tensors or
 * between them. */
static void fault_86_a_file_that_is_something_else_too_is_refused(void **state) {
    static const char zip[] = "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                      page[] = "<!doctype html><script>alert(1)</script>";
    struct strbuf file = { 0 };
    struct err err = ERR_INIT;
    st_build(&file, "{" ENTRY("a") "}", 8);
    strbuf_add(&file, zip, sizeof zip - 1);
    assert_null(open_bytes(*state, file.text, file.len, &err));
    assert_error(&err, ERR_INPUT, "the last 22 bytes are not covered", NULL);
    assert_null(open_bytes(*state, page, sizeof page - 1, &err));
    assert_error(&err, ERR_INPUT, "past the limit", NULL);
    assert_null(open_header(*state,
        "{" ENTRY("a") ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[30,31]}}", 31,
        &err));
    assert_error(&err, ERR_INPUT, "hole in the data", NULL);
    strbuf_release(&file);
}

static void fault_72_names_are_escaped_in_messages(void **state) {
    struct err err = ERR_INIT;
    assert_null(open_header(
        *state, "{\"\\u001b[31m%n%s\\u202e../../x\":{\"dtype\":\"\\u0007\"}}", 0, &err));
    assert_error(&err, ERR_INPUT, "tensor '\\x1b[31m%n%s\\u202e../../x'", "dtype '\\x07'", NULL);
    for (const char *c = err.msg; *c; c++)
        assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
}

static void fault_68_header_lengths_are_held_against_the_file(void **state) {
    static const struct {
        uint64_t length;
        size_t file_n;
        const char *says;
    } rows[] = {
        { 0, 0, "too short: 0 bytes" },
        { 2, 7, "too short: 7 bytes" },
        { 0, 8, "header length 0 is too short" },
        { 1, 9, "header length 1 is too short" },
        { 2, 9, "header length 2 is more than the file holds" },
        { (uint64_t)1 << 63, 64, "header length 9223372036854775808 is past the limit" },
        { UINT64_MAX, 64, "header length 18446744073709551615 is past the limit" },
        { UINT64_MAX - 7, 64, "is past the limit" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[64] = { 0 };
        memcpy(bytes, &rows[i].length, 8);
        bytes[8] = '{';
        bytes[9] = '}';
        struct err err = ERR_INIT;
        assert_null(open_bytes(*state, bytes, rows[i].file_n, &err));
        assert_error(&err, ERR_INPUT, rows[i].says, "w.safetensors", NULL);
    }
}

/* ---- ceilings: one less, the limit, one more ---- */

static bool reads(const struct strbuf *file, struct err *err) {
    struct weights *w = weights_new("safetensors");
    const bool ok = safetensors_read(w, (const uint8_t *)file->text, file->len, err);
    weights_close(w);
    return ok;
}

/* Reads the file; past the limit it must be refused in these words. */
static void assert_limit(struct strbuf *file, bool within, const char *says) {
    struct err err = ERR_INIT;
    assert_int_equal(reads(file, &err), within);
    if (!within)
        assert_error(&err, ERR_INPUT, says, NULL);
    strbuf_release(file);
}

static void a_header_may_be_25_megabytes_long(void **state) {
    (void)state;
    char *header = xmalloc(SAFETENSORS_HEADER_MAX + 1);
    memset(header, ' ', SAFETENSORS_HEADER_MAX + 1);
    memcpy(header, "{}", 2);
    for (int more = -1; more <= 1; more++) {
        struct strbuf file = { 0 };
        st_build_n(&file, header, (size_t)(SAFETENSORS_HEADER_MAX + more), 0);
        assert_limit(&file, more <= 0, "past the limit");
    }
    free(header);
}

static void a_model_may_have_65536_tensors(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf header = { 0 }, file = { 0 };
        for (int i = 0; i < WEIGHTS_TENSORS_MAX + more; i++)
            strbuf_addf(&header,
                "%c\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? ',' : '{',
                i);
        strbuf_addc(&header, '}');
        st_build(&file, header.text, 0);
        strbuf_release(&header);
        assert_limit(&file, more <= 0, "more than 65536 tensors");
    }
}

static void a_name_may_be_512_bytes_long(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf header = { 0 }, file = { 0 };
        strbuf_addf(&header, "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            WEIGHTS_NAME_MAX + more, 0);
        st_build(&file, header.text, 0);
        strbuf_release(&header);
        assert_limit(&file, more <= 0, "is 513 bytes long (the limit is 512)");
    }
}

static void a_tensor_may_have_8_dimensions(void **state) {
    (void)state;
    for (int n = TENSOR_MAX_DIMS - 1; n <= TENSOR_MAX_DIMS + 1; n++) {
        struct strbuf header = { 0 }, file = { 0 };
        struct err err = ERR_INIT;
        strbuf_adds(&header, "{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1");
        for (int i = 1; i < n; i++)
            strbuf_adds(&header, ",1");
        strbuf_adds(&header, "]}}");
        st_build(&file, header.text, 1);
        assert_int_equal(reads(&file, &err), n <= TENSOR_MAX_DIMS);
        if (n > TENSOR_MAX_DIMS)
            assert_error(&err, ERR_UNSUPPORTED, "more than 8 dimensions", NULL);
        strbuf_release(&header);
        strbuf_release(&file);
    }
}

/* An index of `n` shards, or of `n` tensors in one shard. */
static bool index_parses(int n, bool shards, struct err *err) {
    struct strbuf text = { 0 };
    strbuf_adds(&text, "{\"metadata\":{\"total_size\":1.5e3},\"weight_map\":");
    for (int i = 0; i < n; i++)
        strbuf_addf(&text, "%c\"t%d\":\"s%d.safetensors\"", i ? ',' : '{', i, shards ? i : 0);
    strbuf_adds(&text, "}}");
    struct shard_map map = { 0 };
    const bool ok = shard_map_parse(&map, ".safetensors", text.text, text.len, err);
    if (ok)
        assert_int_equal(map.n_shards, shards ? n : 1);
    shard_map_release(&map);
    strbuf_release(&text);
    return ok;
}

static void an_index_may_name_1024_shards_and_65536_tensors(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct err err = ERR_INIT;
        assert_int_equal(index_parses(WEIGHTS_SHARDS_MAX + more, true, &err), more <= 0);
        if (more > 0)
            assert_error(&err, ERR_INPUT, "more than 1024 shards", NULL);
        err = (struct err)ERR_INIT;
        assert_int_equal(index_parses(WEIGHTS_TENSORS_MAX + more, false, &err), more <= 0);
        if (more > 0)
            assert_error(&err, ERR_INPUT, "more than 65536 tensors", NULL);
    }
}

/* ---- folders ---- */

static void put_st(const char *dir, const char *name, const char *header, size_t data_n) {
    struct strbuf file = { 0 };
    st_build(&file, header, data_n);
    free(file_put(dir, name, file.text, file.len));
    strbuf_release(&file);
}

static void put_index(const char *dir, const char *weight_map) {
    struct strbuf text = { 0 };
    strbuf_addf(
        &text, "{\"metadata\":{\"total_size\":1,\"x\":[{}]},\"weight_map\":%s}", weight_map);
    free(file_put(dir, "model.safetensors.index.json", text.text, text.len));
    strbuf_release(&text);
}

static void shards_are_one_model(void **state) {
    struct err err = ERR_INIT;
    put_st(*state, "m-1.safetensors",
        "{" ENTRY("a") ","
                       "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]}}",
        9);
    put_st(*state, "m-2.safetensors", "{" ENTRY("b") "}", 8);
    put_index(*state, "{\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"}");
    struct weights *w = weights_open(*state, &err);
    assert_non_null(w);
    assert_int_equal(weights_count(w), 3);
    assert_string_equal(weights_at(w, 0)->name, "a"); /* shards in the order of their names */
    assert_non_null(weights_find(w, "b"));
    assert_non_null(weights_find(w, "x")); /* not in the index: an extra tensor */
    weights_close(w);
}

static void an_index_may_be_16_mebibytes_long(void **state) {
    static const char map[] = "{\"weight_map\":{\"a\":\"m-1.safetensors\"}}";
    put_st(*state, "m-1.safetensors", "{" ENTRY("a") "}", 8);
    char *text = xmalloc(SAFETENSORS_INDEX_MAX + 1);
    memset(text, ' ', SAFETENSORS_INDEX_MAX + 1);
    memcpy(text, map, sizeof map - 1);
    for (int more = -1; more <= 1; more++) {
        struct err err = ERR_INIT;
        free(file_put(
            *state, "model.safetensors.index.json", text, SAFETENSORS_INDEX_MAX + (size_t)more));
        struct weights *w = weights_open(*state, &err);
        assert_int_equal(w != NULL, more <= 0);
        if (!w)
            assert_error(&err, ERR_INPUT, "model.safetensors.index.json", NULL);
        weights_close(w);
    }
    free(text);
}

static void shards_may_be_links_as_in_a_download_cache(void **state) {
    struct err err = ERR_INIT;
    char *blobs = path_join(*state, "blobs"), *snapshot = path_join(*state, "snapshot");
    assert_true(dir_make(blobs, &err) && dir_make(snapshot, &err));
    put_st(blobs, "0123abcd", "{" ENTRY("a") "}", 8);
    char *link_path = path_join(snapshot, "model.safetensors");
    assert_int_equal(symlink("../blobs/0123abcd", link_path), 0);
    struct weights *w = weights_open(snapshot, &err);
    assert_non_null(w);
    assert_int_equal(weights_count(w), 1);
    weights_close(w);
    char *blob = path_join(blobs, "0123abcd"); /* the blob by itself: told by its bytes */
    w = weights_open(blob, &err);
    assert_non_null(w);
    weights_close(w);
    free(blob);
    free(link_path);
    free(blobs);
    free(snapshot);
}

static void fault_74_an_index_names_plain_safetensors_files_only(void **state) {
    static const char *const names[] = { "/etc/passwd", "../x.safetensors", "a/../../b.safetensors",
        "sub/x.safetensors", "C:x.safetensors", "\\\\\\\\h\\\\s.safetensors", "pytorch_model.bin",
        ".safetensors", ".hidden.safetensors", "..", "", "x.safetensors\\n", "x\\u001b.safetensors",
        "x.SAFETENSORS" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct strbuf map = { 0 };
        struct err err = ERR_INIT;
        strbuf_addf(&map, "{\"a\":\"%s\"}", names[i]);
        put_index(*state, map.text);
        assert_null(weights_open(*state, &err));
        assert_error(
            &err, ERR_INPUT, "weight_map names the path '", "model.safetensors.index.json", NULL);
        strbuf_release(&map);
    }
}

static const struct bad_index {
    const char *weight_map;
    enum err_class class;
    const char *says;
} bad_indexes[] = {
    { "{\"a\":\"m-2.safetensors\",\"b\":\"m-2.safetensors\"}", ERR_INPUT,
        "tensor 'a' is not in shard 'm-2.safetensors'" },
    { "{\"a\":\"m-1.safetensors\",\"b\":\"m-1.safetensors\",\"d\":\"m-2.safetensors\"}", ERR_INPUT,
        "tensor 'b' is not in shard 'm-1.safetensors'" },
    { "{\"a\":\"m-1.safetensors\",\"c\":\"m-1.safetensors\"}", ERR_INPUT,
        "tensor 'c' is not in shard 'm-1.safetensors'" },
    { "{\"a\":\"m-3.safetensors\"}", ERR_NOT_FOUND, "m-3.safetensors" },
    { "{\"a\":\"fifo.safetensors\"}", ERR_INPUT, "fifo.safetensors" },
    { "{\"a\":\"dir.safetensors\"}", ERR_INPUT, "dir.safetensors" },
    { "{\"a\":\"m-1.safetensors\",\"a\":\"m-1.safetensors\"}", ERR_INPUT,
        "duplicate tensor name 'a'" },
    { "{\"a\":\"m-1.safetensors\",\"aa\":\"copy.safetensors\"}", ERR_INPUT,
        "duplicate tensor name 'a'" },
    { "{\"a\":7}", ERR_INPUT, "weight_map: the shard of tensor 'a'" },
    { "{}", ERR_INPUT, "weight_map is empty" },
    { "[]", ERR_INPUT, "expected '{'" },
    { "{},\"weight_map\":{}", ERR_INPUT, "duplicate key 'weight_map'" },
    { "{},\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ERR_INPUT,
        "nested too deep" },
};

static void fault_74_a_bad_index_is_refused_with_its_reason(void **state) {
    struct err err = ERR_INIT;
    put_st(*state, "m-1.safetensors", "{" ENTRY("a") "}", 8);
    put_st(*state, "copy.safetensors", "{" ENTRY("a") "}", 8);
    put_st(*state, "m-2.safetensors",
        "{" ENTRY("b") ",\"d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]}}", 8);
    char *fifo = path_join(*state, "fifo.safetensors"), *dir = path_join(*state, "dir.safetensors");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_true(dir_make(dir, &err));
    for (size_t i = 0; i < sizeof bad_indexes / sizeof *bad_indexes; i++) {
        err = (struct err)ERR_INIT;
        put_index(*state, bad_indexes[i].weight_map);
        assert_null(weights_open(*state, &err));
        assert_error(&err, bad_indexes[i].class, bad_indexes[i].says, NULL);
    }
    free(file_put(*state, "model.safetensors.index.json", "{\"metadata\":{}}", 15));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_INPUT, "there is no weight_map", NULL);
    free(fifo);
    free(dir);
}

static void a_folder_without_safetensors_says_what_it_has(void **state) {
    struct err err = ERR_INIT;
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_NOT_FOUND, "has no model.safetensors", *state, NULL);
    free(file_put(*state, "flax_model.msgpack", "", 0));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "in flax_model.msgpack only", *state, NULL);
    static const char pointer[] =
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    free(file_put(*state, "model.safetensors", pointer, sizeof pointer - 1));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_INPUT, "Git LFS pointer", *state, NULL);
    assert_non_null(strstr(err.hint, "git lfs pull"));
}

/* ---- the shared corpus ---- */

static bool starts_with(const char *s, const char *prefix) {
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Everything in the corpus that is for the weight readers to judge, told by path. */
static bool is_ours(const char *file) {
    return starts_with(file, "safetensors/") || starts_with(file, "models/index-") ||
           starts_with(file, "models/weights-are-") || starts_with(file, "models/ok-");
}

static void malformed_files_behave_as_the_manifest_says(void **state) {
    (void)state;
    char *folder = shared_path("fixtures/malformed");
    if (!folder)
        skip();
    assert_int_not_equal(malformed_check(folder, is_ours), 0);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(tensors_are_found_with_type_shape_and_data),
        WITH_SCRATCH(every_plain_dtype_is_known),
        WITH_SCRATCH(fault_69_a_header_that_is_not_one_is_refused_with_its_reason_and_the_file),
        WITH_SCRATCH(fault_70_offsets_that_do_not_tile_the_data_are_refused),
        WITH_SCRATCH(fault_71_shapes_and_types_that_cannot_be_are_refused),
        WITH_SCRATCH(fault_86_a_file_that_is_something_else_too_is_refused),
        WITH_SCRATCH(fault_72_names_are_escaped_in_messages),
        WITH_SCRATCH(fault_68_header_lengths_are_held_against_the_file),
        cmocka_unit_test(a_header_may_be_25_megabytes_long),
        cmocka_unit_test(a_model_may_have_65536_tensors),
        cmocka_unit_test(a_name_may_be_512_bytes_long),
        cmocka_unit_test(a_tensor_may_have_8_dimensions),
        cmocka_unit_test(an_index_may_name_1024_shards_and_65536_tensors),
        WITH_SCRATCH(shards_are_one_model),
        WITH_SCRATCH(an_index_may_be_16_mebibytes_long),
        WITH_SCRATCH(shards_may_be_links_as_in_a_download_cache),
        WITH_SCRATCH(fault_74_an_index_names_plain_safetensors_files_only),
        WITH_SCRATCH(fault_74_a_bad_index_is_refused_with_its_reason),
        WITH_SCRATCH(a_folder_without_safetensors_says_what_it_has),
        cmocka_unit_test(malformed_files_behave_as_the_manifest_says),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
