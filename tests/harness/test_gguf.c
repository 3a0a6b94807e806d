/* Reading GGUF: metadata, string arrays left in place, shapes turned round, every refusal and
 * ceiling; and the shared fixtures, whose dequantised tensors must be gguf-py's bit for bit. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/formats/formats.h"
#include "harness/harness.h"

#define ALIGNMENT 32
#define Q4_0 2
#define F32 0

static struct weights *open_file(const char *dir, struct strbuf *file, struct err *err) {
    char *path = file_put(dir, "m.gguf", file->text, file->len);
    struct weights *w = weights_open(path, err);
    free(path);
    strbuf_release(file);
    return w;
}

static const uint64_t dims_8[] = { 8, 0 }, dims_32x2[] = { 32, 2, 0 };

static void metadata_becomes_json_and_strings_stay_in_place(void **state) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 0, 8);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_key_string(&f, "general.name", "bad \xff utf-8");
    gguf_key_u32(&f, "llama.block_count", 4000000000u);
    gguf_key(&f, "llama.f", 6);
    strbuf_add(&f, &(float) { 0.5f }, 4);
    gguf_key(&f, "llama.b", 7);
    strbuf_addc(&f, 1);
    gguf_key(&f, "llama.i", 11);
    gguf_u64(&f, (uint64_t)-3);
    gguf_key_array(&f, "numbers", 3, 2);
    strbuf_add(&f, (int16_t[]) { -7, 9 }, 4);
    gguf_key_array(&f, "tokens", 8, 3);
    gguf_string(&f, "a");
    gguf_string(&f, "");
    gguf_string(&f, "\xfe raw");
    struct weights *w = open_file(*state, &f, &err);
    assert_non_null(w);
    assert_string_equal(weights_format(w), "gguf");
    const json_t *m = weights_metadata(w);
    assert_string_equal(json_get_string(m, "general.architecture", ""), "llama");
    assert_string_equal(json_get_string(m, "general.name", ""), "bad \xef\xbf\xbd utf-8");
    assert_int_equal(json_get_int(m, "llama.block_count", 0), 4000000000);
    assert_true(json_get_number(m, "llama.f", 0) == 0.5);
    assert_true(json_get_bool(m, "llama.b", false));
    assert_int_equal(json_get_int(m, "llama.i", 0), -3);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(m, "numbers"), 0)), -7);
    assert_null(json_object_get(m, "tokens"));
    struct gguf_strings it;
    const char *s;
    size_t n;
    assert_false(weights_strings(w, "numbers", &it));
    assert_true(weights_strings(w, "tokens", &it));
    assert_true(gguf_strings_next(&it, &s, &n) && n == 1 && *s == 'a');
    assert_true(gguf_strings_next(&it, &s, &n) && n == 0);
    assert_true(gguf_strings_next(&it, &s, &n) && n == 5 && memcmp(s, "\xfe raw", 5) == 0);
    assert_false(gguf_strings_next(&it, &s, &n));
    weights_close(w);
}

/* Two tensors: F32 [8] at 0, Q4_0 [2, 32] at 32. */
static void build_two(struct strbuf *f, uint32_t version) {
    gguf_begin(f, version, 2, 1);
    gguf_key_string(f, "general.architecture", "llama");
    gguf_tensor(f, "a", dims_8, F32, 0);
    gguf_tensor(f, "b", dims_32x2, Q4_0, 32);
    gguf_pad(f, ALIGNMENT);
    for (int i = 0; i < 8; i++)
        strbuf_add(f, &(float) { (float)i }, 4);
    for (int i = 0; i < 36; i++)
        strbuf_addc(f, 0);
}

static void tensors_have_their_rows_first(void **state) {
    for (uint32_t version = 2; version <= 3; version++) {
        struct strbuf f = { 0 };
        struct err err = ERR_INIT;
        build_two(&f, version);
        struct weights *w = open_file(*state, &f, &err);
        assert_non_null(w);
        const struct tensor *b = weights_find(w, "b");
        assert_int_equal(b->type, TENSOR_Q4_0);
        assert_int_equal(b->shape[0], 2);
        assert_int_equal(b->shape[1], 32);
        assert_int_equal(b->bytes, 36);
        float numbers[8];
        tensor_read_f32(weights_find(w, "a"), 0, 8, numbers);
        assert_true(numbers[7] == 7.0f);
        weights_close(w);
    }
}

/* ---- several files ---- */

/* Part `no` of 2 with one tensor of its own, named `name`; only the first has other keys. */
static void put_part(
    const char *dir, const char *file, uint16_t no, const char *name, int32_t all) {
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 1, no ? 3 : 4);
    if (!no)
        gguf_key_string(&f, "general.architecture", "llama");
    gguf_key(&f, "split.no", 2);
    strbuf_add(&f, &no, sizeof no);
    gguf_key(&f, "split.count", 2);
    strbuf_add(&f, &(uint16_t) { 2 }, 2);
    gguf_key(&f, "split.tensors.count", 5);
    strbuf_add(&f, &all, sizeof all);
    gguf_tensor(&f, name, dims_8, F32, 0);
    gguf_pad(&f, ALIGNMENT);
    for (int i = 0; i < 8; i++)
        strbuf_add(&f, &(float) { (float)(i + 10 * no) }, 4);
    free(file_put(dir, file, f.text, f.len));
    strbuf_release(&f);
}

static struct weights *open_in(const char *dir, const char *file, struct err *err) {
    char *path = path_join(dir, file);
    struct weights *w = weights_open(path, err);
    free(path);
    return w;
}

static void any_part_stands_for_all_of_them(void **state) {
    static const char *const FILES[] = { "m-00001-of-00002.gguf", "m-00002-of-00002.gguf" };
    put_part(*state, FILES[0], 0, "a", 2);
    put_part(*state, FILES[1], 1, "b", 2);
    for (int i = 0; i < 2; i++) {
        struct err err = ERR_INIT;
        struct weights *w = open_in(*state, FILES[i], &err);
        if (!w)
            fail_msg("%s", err.msg);
        float last;
        assert_int_equal(weights_count(w), 2);
        tensor_read_f32(weights_find(w, "b"), 7, 1, &last);
        assert_true(last == 17);
        assert_string_equal(
            json_get_string(weights_metadata(w), "general.architecture", ""), "llama");
        weights_close(w);
    }
}

static void parts_that_do_not_go_together_are_named(void **state) {
    struct err err = ERR_INIT;
    put_part(*state, "n-00001-of-00002.gguf", 0, "a", 2);
    assert_null(open_in(*state, "n-00001-of-00002.gguf", &err));
    assert_error(&err, ERR_NOT_FOUND, "n-00002-of-00002.gguf' is missing", NULL);
    put_part(*state, "n-00002-of-00002.gguf", 0, "b", 2);
    assert_null(open_in(*state, "n-00001-of-00002.gguf", &err));
    assert_error(&err, ERR_INPUT, "this is part 1 of 2, by its name part 2 of 2", NULL);
    put_part(*state, "n-00002-of-00002.gguf", 1, "a", 2);
    assert_null(open_in(*state, "n-00001-of-00002.gguf", &err));
    assert_error(&err, ERR_INPUT, "duplicate tensor name 'a'", NULL);
    put_part(*state, "n-00002-of-00002.gguf", 1, "b", 3);
    assert_null(open_in(*state, "n-00001-of-00002.gguf", &err));
    assert_error(&err, ERR_INPUT, "hold 2 tensors together, not the 3", NULL);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct strbuf f = { 0 };
    build_two(&f, 3);
    for (size_t n = 0; n < f.len; n++) {
        struct err err = ERR_INIT;
        struct weights *w = weights_new("gguf");
        uint8_t *exact = xmalloc(n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, f.text, n);
        exact = xrealloc(exact, n ? n : 1);
        assert_false(gguf_read(w, exact, n, &err));
        assert_int_equal(err.class, ERR_INPUT);
        weights_close(w);
        free(exact);
    }
    strbuf_release(&f);
}

static void fault_84_versions_and_byte_orders_that_are_not_read_are_named(void **state) {
    static const struct {
        uint32_t version;
        const char *says;
    } rows[] = { { 0, "GGUF version 0" }, { 1, "GGUF version 1" }, { 4, "GGUF version 4" },
        { 0x03000000, "a big-endian file (version 3)" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf f = { 0 };
        struct err err = ERR_INIT;
        gguf_begin(&f, rows[i].version, 0, 0);
        assert_null(open_file(*state, &f, &err));
        assert_error(&err, ERR_UNSUPPORTED, rows[i].says, "m.gguf", NULL);
    }
}

static void a_pointer_to_a_file_elsewhere_is_told_from_a_broken_one(void **state) {
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    strbuf_adds(&f, pointer);
    assert_null(open_file(*state, &f, &err));
    assert_error(&err, ERR_INPUT, "Git LFS pointer", "m.gguf", NULL);
}

/* ---- bad metadata ---- */

/* A file whose second key is made by `make`. */
static void assert_bad_key(
    const char *dir, void (*make)(struct strbuf *), enum err_class class, const char *says) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 0, 2);
    gguf_key_string(&f, "general.architecture", "llama");
    make(&f);
    for (int i = 0; i < 64; i++)
        strbuf_addc(&f, 0);
    assert_null(open_file(dir, &f, &err));
    assert_error(&err, class, says, "m.gguf", NULL);
}

static void key_length_huge(struct strbuf *f) {
    gguf_u64(f, UINT64_MAX);
}
static void key_empty(struct strbuf *f) {
    gguf_key_u32(f, "", 1);
}
static void key_not_utf8(struct strbuf *f) {
    gguf_key_u32(f, "\xc0\x80", 1);
}
static void key_twice(struct strbuf *f) {
    gguf_key_string(f, "general.architecture", "gpt2");
}
static void key_of_type_13(struct strbuf *f) {
    gguf_key(f, "k\x1b[2J", 13);
}
static void array_of_arrays(struct strbuf *f) {
    gguf_key_array(f, "k", 9, 1);
}
static void array_of_type_99(struct strbuf *f) {
    gguf_key_array(f, "k", 99, 1);
}
static void array_huge(struct strbuf *f) {
    gguf_key_array(f, "k", 0, (uint64_t)1 << 62);
}
static void array_of_strings_huge(struct strbuf *f) {
    gguf_key_array(f, "k", 8, (uint64_t)1 << 61);
}
static void array_times_size_overflows(struct strbuf *f) {
    gguf_key_array(f, "k", 10, ((uint64_t)1 << 61) + 1);
}
static void string_past_end(struct strbuf *f) {
    gguf_key(f, "k", 8);
    gguf_u64(f, 65);
}
static void number_nan(struct strbuf *f) {
    gguf_key(f, "k", 6);
    strbuf_add(f, &(float) { NAN }, 4);
}
static void array_with_infinity(struct strbuf *f) {
    gguf_key_array(f, "k", 12, 1);
    strbuf_add(f, &(double) { INFINITY }, 8);
}
static void alignment_0(struct strbuf *f) {
    gguf_key_u32(f, "general.alignment", 0);
}
static void alignment_13(struct strbuf *f) {
    gguf_key_u32(f, "general.alignment", 13);
}
static void alignment_of_type_string(struct strbuf *f) {
    gguf_key_string(f, "general.alignment", "32");
}
static void part_of_a_split(struct strbuf *f) {
    gguf_key(f, "split.count", 2);
    strbuf_add(f, &(uint16_t) { 3 }, 2);
}

static void fault_84_bad_metadata_is_refused_with_its_reason(void **state) {
    assert_bad_key(
        *state, key_length_huge, ERR_INPUT, "metadata key: string length 18446744073709551615");
    assert_bad_key(*state, key_empty, ERR_INPUT, "metadata key '' is empty");
    assert_bad_key(*state, key_not_utf8, ERR_INPUT, "metadata key '\\xc0\\x80'");
    assert_bad_key(*state, key_twice, ERR_INPUT, "duplicate metadata key 'general.architecture'");
    assert_bad_key(
        *state, key_of_type_13, ERR_INPUT, "metadata 'k\\x1b[2J': unknown value type 13");
    assert_bad_key(*state, array_of_arrays, ERR_UNSUPPORTED, "metadata 'k': nested array");
    assert_bad_key(*state, array_of_type_99, ERR_INPUT, "unknown value type 99");
    assert_bad_key(*state, array_huge, ERR_INPUT, "array length 4611686018427387904");
    assert_bad_key(*state, array_of_strings_huge, ERR_INPUT, "array length");
    assert_bad_key(*state, array_times_size_overflows, ERR_INPUT, "array length");
    assert_bad_key(*state, string_past_end, ERR_INPUT, "string length 65 runs past the end");
    assert_bad_key(*state, number_nan, ERR_INPUT, "metadata 'k' holds a number that is not finite");
    assert_bad_key(
        *state, array_with_infinity, ERR_INPUT, "metadata 'k' holds a number that is not finite");
    assert_bad_key(*state, alignment_0, ERR_INPUT, "alignment 0 is not a power of two");
    assert_bad_key(*state, alignment_13, ERR_INPUT, "alignment 13 is not a power of two");
    assert_bad_key(*state, alignment_of_type_string, ERR_INPUT, "general.alignment is not a u32");
    assert_bad_key(*state, part_of_a_split, ERR_UNSUPPORTED, "one of 3 parts of a split file");
}

static void a_file_without_architecture_is_refused(void **state) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 0, 1);
    gguf_key_u32(&f, "general.architecture", 1);
    assert_null(open_file(*state, &f, &err));
    assert_error(&err, ERR_INPUT, "no general.architecture", NULL);
}

/* ---- bad tensors ---- */

static const struct bad_tensor {
    uint64_t dims[6];
    uint32_t type;
    uint64_t offset;
    enum err_class class;
    const char *says;
} bad_tensors[] = {
    { { 1, 1, 1, 1, 1 }, F32, 0, ERR_INPUT, "tensor 't': 5 dimensions" },
    { { (uint64_t)-1 }, F32, 0, ERR_INPUT, "dimensions overflow" },
    { { (uint64_t)1 << 32, (uint64_t)1 << 32 }, F32, 0, ERR_INPUT, "dimensions overflow" },
    { { (uint64_t)1 << 62 }, F32, 0, ERR_INPUT, "dimensions overflow" },
    { { 0x7fffffffffffffc0 / 4 }, F32, 0, ERR_INPUT, "truncated: tensor 't'" },
    { { 33 }, Q4_0, 0, ERR_INPUT, "a row of 33 is not a multiple of Q4_0's block size 32" },
    { { 16, 2 }, Q4_0, 0, ERR_INPUT, "a row of 16" },
    { { 100 }, 12, 0, ERR_INPUT, "Q4_K's block size 256" },
    { { 512 }, 12, 0, ERR_INPUT, "truncated: tensor 't' takes 288 bytes" },
    { { 8 }, 4, 0, ERR_UNSUPPORTED, "tensor 't': unknown ggml type 4" },
    { { 8 }, 4242, 0, ERR_UNSUPPORTED, "unknown ggml type 4242" },
    { { 8 }, F32, 16, ERR_INPUT, "offset 16 of tensor 't' does not keep the alignment of 32" },
    { { 8 }, F32, (uint64_t)1 << 40, ERR_INPUT,
        "offset 1099511627776 of tensor 't' is past the end" },
    { { 8 }, F32, UINT64_MAX - 31, ERR_INPUT, "is past the end" },
    { { 65 }, F32, 0, ERR_INPUT, "truncated: tensor 't' takes 260 bytes" },
};

static void fault_84_bad_tensors_are_refused_with_their_reason(void **state) {
    for (size_t i = 0; i < sizeof bad_tensors / sizeof *bad_tensors; i++) {
        const struct bad_tensor *bad = &bad_tensors[i];
        struct strbuf f = { 0 };
        struct err err = ERR_INIT;
        gguf_begin(&f, 3, 1, 1);
        gguf_key_string(&f, "general.architecture", "llama");
        gguf_tensor(&f, "t", bad->dims, bad->type, bad->offset);
        gguf_pad(&f, ALIGNMENT);
        for (int j = 0; j < 256; j++)
            strbuf_addc(&f, 0);
        assert_null(open_file(*state, &f, &err));
        assert_error(&err, bad->class, bad->says, "m.gguf", NULL);
    }
}

static void assert_bad_pair(
    const char *dir, const char *second, uint64_t offset, const char *says) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 2, 1);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_tensor(&f, "t", (const uint64_t[]) { 9, 0 }, F32, 0);
    gguf_tensor(&f, second, dims_8, F32, offset);
    gguf_pad(&f, ALIGNMENT);
    for (int j = 0; j < 256; j++)
        strbuf_addc(&f, 0);
    assert_null(open_file(dir, &f, &err));
    assert_error(&err, ERR_INPUT, says, NULL);
}

static void fault_84_tensors_share_neither_names_nor_bytes(void **state) {
    assert_bad_pair(*state, "t", 64, "duplicate tensor name 't'");
    assert_bad_pair(*state, "u", 32, "tensor 'u' at offset 32 overlaps");
    assert_bad_pair(*state, "", 64, "empty name");
}

static void a_zero_dimension_is_refused(void **state) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 1, 1);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_string(&f, "t");
    gguf_u32(&f, 1);
    gguf_u64(&f, 0);
    gguf_u32(&f, F32);
    gguf_u64(&f, 0);
    assert_null(open_file(*state, &f, &err));
    assert_error(&err, ERR_INPUT, "tensor 't': one of its dimensions is 0", NULL);
}

/* ---- ceilings: one less, the limit, one more ---- */

static void assert_limit(struct strbuf *f, bool within, const char *says) {
    struct err err = ERR_INIT;
    struct weights *w = weights_new("gguf");
    assert_int_equal(gguf_read(w, (const uint8_t *)f->text, f->len, &err), within);
    if (!within)
        assert_error(&err, ERR_INPUT, says, NULL);
    weights_close(w);
    strbuf_release(f);
}

static void fault_84_a_file_may_have_100000_keys(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf f = { 0 };
        gguf_begin(&f, 3, 0, (uint64_t)(GGUF_KEYS_MAX + more));
        gguf_key_string(&f, "general.architecture", "llama");
        for (int i = 1; i < GGUF_KEYS_MAX + more; i++) {
            char key[16];
            snprintf(key, sizeof key, "%d", i);
            gguf_key_u32(&f, key, 1);
        }
        assert_limit(&f, more <= 0, "metadata count 100001");
    }
}

static void a_file_may_have_65536_tensors(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf f = { 0 };
        const int n = WEIGHTS_TENSORS_MAX + more;
        gguf_begin(&f, 3, (uint64_t)n, 2);
        gguf_key_string(&f, "general.architecture", "llama");
        gguf_key_u32(&f, "general.alignment", 1);
        for (int i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "%d", i);
            gguf_tensor(&f, name, (const uint64_t[]) { 1, 0 }, 24, (uint64_t)i); /* I8 */
        }
        for (int i = 0; i < n; i++)
            strbuf_addc(&f, 0);
        assert_limit(&f, more <= 0, "tensor count 65537");
    }
}

static void arrays_may_hold_4_million_numbers(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf f = { 0 };
        const size_t n = (size_t)(GGUF_ARRAY_VALUES_MAX + (unsigned)more) - 100;
        char *zeros = xcalloc(n, 1);
        gguf_begin(&f, 3, 0, 3);
        gguf_key_string(&f, "general.architecture", "llama");
        gguf_key_array(&f, "a", 0, 100);
        strbuf_add(&f, zeros, 100);
        gguf_key_array(&f, "b", 0, n);
        strbuf_add(&f, zeros, n);
        free(zeros);
        assert_limit(&f, more <= 0, "more than 4194304 numbers in all");
    }
}

static void strings_may_take_64_megabytes(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf f = { 0 };
        const size_t others = sizeof "general.architecture" - 1 + sizeof "llama" - 1 + 1,
                     n = GGUF_STRING_BYTES_MAX + (size_t)more - others;
        char *zeros = xcalloc(n, 1);
        gguf_begin(&f, 3, 0, 2);
        gguf_key_string(&f, "general.architecture", "llama");
        gguf_key_array(&f, "k", 8, 1);
        gguf_u64(&f, n);
        strbuf_add(&f, zeros, n);
        free(zeros);
        assert_limit(&f, more <= 0, "strings of more than 67108864 bytes");
    }
}

static void tensors_may_have_4_dimensions_and_names_512_bytes(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct strbuf f = { 0 };
        char name[WEIGHTS_NAME_MAX + 2];
        snprintf(name, sizeof name, "%0*d", WEIGHTS_NAME_MAX + more, 0);
        const uint64_t dims[] = { 1, 1, 1, more == 0, 0 };
        gguf_begin(&f, 3, 1, 1);
        gguf_key_string(&f, "general.architecture", "llama");
        gguf_tensor(&f, name, dims, F32, 0);
        gguf_pad(&f, ALIGNMENT);
        gguf_u32(&f, 0);
        assert_limit(&f, more <= 0, "is 513 bytes long");
    }
}

/* ---- the shared fixtures ---- */

static bool is_gguf(const char *file) {
    return strncmp(file, "gguf/", 5) == 0;
}

static void malformed_files_behave_as_the_manifest_says(void **state) {
    (void)state;
    char *folder = shared_path("fixtures/malformed");
    if (!folder)
        skip();
    assert_int_not_equal(malformed_check(folder, is_gguf), 0);
    free(folder);
}

/* The reference prints nine digits, which name one f32 each. */
static void assert_ends(const char *name, const double *got, size_t n, const json_t *want) {
    assert_int_equal(json_array_size(want), n);
    for (size_t i = 0; i < n; i++) {
        const float g = (float)got[i], w = (float)json_number_value(json_array_get(want, i));
        if (memcmp(&g, &w, sizeof g) != 0)
            fail_msg("%s: %.9g, not %.9g", name, (double)g, (double)w);
    }
}

static void assert_sum(const char *name, double got, double want, double scale) {
    if (!(fabs(got - want) <= 1e-6 * scale))
        fail_msg("%s: sum %.9g, not %.9g", name, got, want);
}

static bool compare_tensor(const struct tensor_report *r, void *arg, struct err *err) {
    (void)err;
    const json_t *tensors = *(json_t *const *)arg, *t;
    size_t i;
    json_array_foreach(tensors, i, t) {
        if (strcmp(json_get_string(t, "name", ""), r->name) != 0)
            continue;
        assert_string_equal(r->dtype, json_get_string(t, "type", ""));
        const json_t *shape = json_object_get(t, "shape");
        assert_int_equal(json_array_size(shape), r->n_dims);
        for (size_t d = 0; d < r->n_dims; d++)
            assert_int_equal(r->shape[d], json_integer_value(json_array_get(shape, d)));
        assert_ends(r->name, r->first8, r->n_first, json_object_get(t, "first8"));
        assert_ends(r->name, r->last8, r->n_last, json_object_get(t, "last8"));
        const double abs_sum = json_get_number(t, "abs_sum", NAN);
        assert_sum(r->name, r->abs_sum, abs_sum, abs_sum);
        assert_sum(r->name, r->sum, json_get_number(t, "sum", NAN), abs_sum);
        return true;
    }
    /* Of biases the references say nothing. */
    const char *dot = strrchr(r->name, '.');
    if (!dot || strcmp(dot, ".bias") != 0)
        fail_msg("tensor '%s' is not in the reference", r->name);
    return true;
}

static void compare_fixture(const char *folder, const char *name) {
    struct strbuf file = { 0 }, reference = { 0 };
    struct err err = ERR_INIT;
    strbuf_addf(&file, "%s/%s.gguf", folder, name);
    strbuf_addf(&reference, "%s/%s.reference.json", folder, name);
    json_t *root = json_parse_file(reference.text, 64u << 20, &err);
    assert_non_null(root);
    const json_t *tensors = json_object_get(root, "tensors");
    if (!model_tensors(file.text, compare_tensor, &tensors, &err))
        fail_msg("%s", err.msg);
    json_decref(root);
    strbuf_release(&file);
    strbuf_release(&reference);
}

static void fixtures_dequantise_to_the_reference_bit_for_bit(void **state) {
    (void)state;
    static const char *const names[] = { "llama-f32", "llama-f16", "llama-bf16", "llama-q8_0",
        "llama-q4_0", "llama-q4_1", "llama-q5_0", "llama-q5_1", "qwen3-q8_0", "gemma-q4_0",
        "llama-q2_k", "llama-q3_k", "llama-q4_k", "llama-q5_k", "llama-q6_k", "llama-iq4_nl",
        "llama-iq4_xs", "llama-iq3_xxs", "llama-iq2_xs", "llama-iq1_s", "llama-tq2_0",
        "qwen2-q4_k_m-mix" };
    char *folder = shared_path("fixtures/gguf");
    if (!folder)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        compare_fixture(folder, names[i]);
    free(folder);
}

static bool count_and_check(const struct tensor_report *r, void *arg, struct err *err) {
    ++*(int *)arg;
    if (strcmp(r->name, "a") == 0) {
        assert_int_equal(r->n_first, 8);
        assert_true(r->first8[7] == 7 && r->last8[0] == 0 && r->sum == 28 && r->abs_sum == 28);
        return true;
    }
    return err_set(err, ERR_INTERRUPTED, "stopped at '%s'", r->name);
}

static void a_report_can_be_stopped(void **state) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    build_two(&f, 3);
    char *path = file_put(*state, "m.gguf", f.text, f.len);
    int n = 0;
    assert_false(model_tensors(path, count_and_check, &n, &err));
    assert_error(&err, ERR_INTERRUPTED, "stopped at 'b'", NULL);
    assert_int_equal(n, 2);
    free(path);
    strbuf_release(&f);
}

static bool check_odd(const struct tensor_report *r, void *arg, struct err *err) {
    (void)arg;
    (void)err;
    if (strcmp(r->name, "short") == 0) {
        assert_int_equal(r->n_first, 3);
        assert_int_equal(r->n_last, 3);
        assert_true(r->first8[0] == 1 && isnan(r->first8[1]) && r->last8[2] == -INFINITY);
        assert_true(isnan(r->sum) && isnan(r->abs_sum));
    } else {
        assert_int_equal(r->n_first, 0);
        assert_true(r->sum == 0);
    }
    return true;
}

static void reports_show_what_is_not_finite_and_what_is_short(void **state) {
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    st_build(&f,
        "{\"short\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[12,12]}}",
        0);
    strbuf_add(&f, (float[]) { 1, NAN, -INFINITY }, 12);
    char *path = file_put(*state, "w.safetensors", f.text, f.len);
    assert_true(model_tensors(path, check_odd, NULL, &err));
    free(path);
    strbuf_release(&f);
}

/* Llama 3's factors come as a tensor, and are part of the description. */
static void factors_of_the_rotation_are_metadata(void **state) {
    static const uint64_t dims[] = { 2, 0 };
    static const float factors[] = { 1.0f, 8.0f };
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 1, 1);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_tensor(&f, "rope_freqs.weight", dims, 0, 0);
    gguf_pad(&f, 32);
    strbuf_add(&f, factors, sizeof factors);
    char *path = file_put(*state, "factors.gguf", f.text, f.len);
    struct weights *w = weights_open(path, &err);
    assert_non_null(w);
    const json_t *list = json_object_get(weights_metadata(w), "rope_freqs.weight");
    assert_int_equal(json_array_size(list), 2);
    assert_true(json_number_value(json_array_get(list, 1)) == 8.0);
    weights_close(w);
    free(path);
    strbuf_release(&f);
}

/* A file of the architecture with metadata and no tensors: what is said of it. */
static struct err open_bare(const char *folder, const char *name) {
    static const char *const NUMBERS[] = { "block_count", "embedding_length",
        "attention.head_count", "feed_forward_length", "context_length", "expert_count",
        "expert_used_count" };
    struct strbuf f = { 0 };
    struct err err = ERR_INIT;
    gguf_begin(&f, 3, 0, 10);
    gguf_key_string(&f, "general.architecture", name);
    for (size_t i = 0; i < 7; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%s", name, NUMBERS[i]);
        gguf_key_u32(&f, key, i == 1 || i == 3 ? 8 : i == 4 ? 64 : i >= 5 ? 0 : 2);
    }
    for (size_t i = 0; i < 2; i++) {
        char key[64];
        const float eps = 1e-5f;
        snprintf(key, sizeof key, "%s.attention.layer_norm%s_epsilon", name, i ? "_rms" : "");
        gguf_key(&f, key, 6);
        strbuf_add(&f, &eps, sizeof eps);
    }
    gguf_pad(&f, 32);
    char *path = file_put(folder, "bare.gguf", f.text, f.len);
    struct model *m = model_open(path, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    assert_null(m);
    free(path);
    strbuf_release(&f);
    return err;
}

/* Each architecture's metadata is understood so far that only tensors are missing. */
static void architectures_are_known_by_the_names_of_their_files(void **state) {
    static const char *const NAMES[] = { "llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3",
        "phi2", "phi3", "starcoder", "starcoder2", "stablelm", "nemotron", "gptneox", "gpt2",
        "bloom", "mpt", "falcon", "command-r", "cohere2", "olmo", "olmo2", "granite", "smollm3",
        "qwen2moe", "qwen3moe", "olmoe", "granitemoe", "bert", "nomic-bert" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct err err = open_bare(*state, NAMES[i]);
        if (!strstr(err.msg, "missing: 'token_embd.weight'")) {
            fail_msg("%s: %s", NAMES[i], err.msg);
        }
    }
    /* sizes are missing or nothing to calculate with: the message names one */
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct strbuf f = { 0 };
        struct err bad = ERR_INIT;
        char key[64];
        gguf_begin(&f, 3, 0, 2);
        gguf_key_string(&f, "general.architecture", NAMES[i]);
        snprintf(key, sizeof key, "%s.attention.head_count", NAMES[i]);
        gguf_key_string(&f, key, "many");
        gguf_pad(&f, 32);
        char *path = file_put(*state, "sizeless.gguf", f.text, f.len);
        assert_null(model_open(path, &(struct model_options) { .dtype = DTYPE_F32 }, &bad));
        assert_error(&bad, ERR_INPUT, "sizeless.gguf", "'", NULL);
        assert_null(strstr(bad.msg, "attempt to"));
        free(path);
        strbuf_release(&f);
    }
    struct err err = open_bare(*state, "perceptron");
    assert_error(&err, ERR_UNSUPPORTED, "'perceptron'", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(metadata_becomes_json_and_strings_stay_in_place),
        WITH_SCRATCH(tensors_have_their_rows_first),
        WITH_SCRATCH(any_part_stands_for_all_of_them),
        WITH_SCRATCH(parts_that_do_not_go_together_are_named),
        cmocka_unit_test(every_truncation_is_refused),
        WITH_SCRATCH(fault_84_versions_and_byte_orders_that_are_not_read_are_named),
        WITH_SCRATCH(a_pointer_to_a_file_elsewhere_is_told_from_a_broken_one),
        WITH_SCRATCH(fault_84_bad_metadata_is_refused_with_its_reason),
        WITH_SCRATCH(a_file_without_architecture_is_refused),
        WITH_SCRATCH(fault_84_bad_tensors_are_refused_with_their_reason),
        WITH_SCRATCH(fault_84_tensors_share_neither_names_nor_bytes),
        WITH_SCRATCH(a_zero_dimension_is_refused),
        cmocka_unit_test(fault_84_a_file_may_have_100000_keys),
        cmocka_unit_test(a_file_may_have_65536_tensors),
        cmocka_unit_test(arrays_may_hold_4_million_numbers),
        cmocka_unit_test(strings_may_take_64_megabytes),
        cmocka_unit_test(tensors_may_have_4_dimensions_and_names_512_bytes),
        cmocka_unit_test(malformed_files_behave_as_the_manifest_says),
        cmocka_unit_test(fixtures_dequantise_to_the_reference_bit_for_bit),
        WITH_SCRATCH(a_report_can_be_stopped),
        WITH_SCRATCH(reports_show_what_is_not_finite_and_what_is_short),
        WITH_SCRATCH(factors_of_the_rotation_are_metadata),
        WITH_SCRATCH(architectures_are_known_by_the_names_of_their_files),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
