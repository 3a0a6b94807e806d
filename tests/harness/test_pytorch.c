/* PyTorch's files: what torch.save wrote is what safetensors has (fixtures/pytorch), whole and in
 * any pieces; and pickles that want more than tensors, or less than a file, are refused. */
#include "weight_files.h"

#include <string.h>

#include "archives.h"
#include "harness/formats/pickle.h"
#include "harness/formats/pytorch.h"

#define FIXTURES ASSAY_TESTS_DIR "/fixtures/pytorch/"

/* ---- what torch writes ---- */

static struct weights *open_at(const char *path) {
    struct err err = ERR_INIT;
    struct weights *w = weights_open(path, &err);
    if (!w)
        fail_msg("%s: %s", path, err.msg);
    return w;
}

static void tensors_equal(const struct tensor *a, const struct tensor *b, size_t piece) {
    float x[64], y[64];
    if (a->type != b->type || a->n_dims != b->n_dims || a->n_elements != b->n_elements ||
        memcmp(a->shape, b->shape, sizeof a->shape) != 0)
        fail_msg("%s has another type or shape", a->name);
    for (size_t from = 0; from < a->n_elements; from += piece) {
        const size_t n = a->n_elements - from < piece ? a->n_elements - from : piece;
        tensor_read_f32(a, from, n, x);
        tensor_read_f32(b, from, n, y);
        if (memcmp(x, y, n * sizeof *x) != 0)
            fail_msg("%s differs in elements %zu to %zu", a->name, from, from + n);
    }
}

static void weights_equal(const char *one, const char *other) {
    struct weights *a = open_at(one), *b = open_at(other);
    assert_int_equal(weights_count(a), weights_count(b));
    assert_true(weights_count(a) > 0);
    for (size_t i = 0; i < weights_count(a); i++) {
        const struct tensor *t = weights_at(a, i), *same = weights_find(b, t->name);
        if (!same)
            fail_msg("%s: there is no %s", other, t->name);
        tensors_equal(t, same, 64);
        tensors_equal(t, same, 7);
        weights_forget(a, t);
    }
    weights_close(a);
    weights_close(b);
}

static void what_was_saved_is_what_safetensors_has(void **state) {
    static const char *const names[] = { "dtypes.bin", "views.bin", "older.bin", "protocol-4.bin",
        "module.bin", "training.bin", "attributes.bin", "sharded" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char one[256], other[256];
        snprintf(one, sizeof one, FIXTURES "%s", names[i]);
        snprintf(other, sizeof other, FIXTURES "expected/%.*s.safetensors",
            (int)strcspn(names[i], "."), names[i]);
        weights_equal(one, other);
    }
}

static void adapters_of_both_formats_are_the_same(void **state) {
    (void)state;
    weights_equal(FIXTURES "lora", ASSAY_TESTS_DIR "/fixtures/packed/lora");
    weights_equal(FIXTURES "dora", ASSAY_TESTS_DIR "/fixtures/packed/dora");
}

static void what_lies_in_order_stays_in_the_file(void **state) {
    (void)state;
    struct weights *w = open_at(FIXTURES "views.bin");
    assert_string_equal(weights_format(w), "pytorch");
    const struct tensor *whole = weights_find(w, "whole"), *rows = weights_find(w, "rows");
    assert_ptr_equal(whole->data, weights_find(w, "tied")->data);
    assert_ptr_equal(rows->data, whole->data + 2 * 10 * sizeof(float));
    assert_null(rows->derived);
    assert_null(weights_find(w, "one")->derived); /* a dimension of 1 has no stride */
    assert_non_null(weights_find(w, "transposed")->derived);
    weights_close(w);
}

static void a_file_without_its_name_is_known_by_its_bytes(void **state) {
    static const char *const names[] = { "module.bin", "older.bin" };
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct strbuf bytes = { 0 };
        char path[256];
        snprintf(path, sizeof path, FIXTURES "%s", names[i]);
        assert_true(file_read(path, 1 << 20, &bytes, &err));
        char *blob = file_put(*state, "0badcafe", bytes.text, bytes.len);
        weights_equal(blob, path);
        free(blob);
        strbuf_release(&bytes);
    }
}

static void safetensors_are_preferred(void **state) {
    struct strbuf file = { 0 };
    st_build(&file, "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
    free(file_put(*state, "model.safetensors", file.text, file.len));
    free(file_put(*state, "pytorch_model.bin", "PK", 2));
    struct weights *w = open_at(*state);
    assert_string_equal(weights_format(w), "safetensors");
    weights_close(w);
    strbuf_release(&file);
}

/* ---- what is refused ---- */

static void fault_76_what_is_more_than_tensors_is_refused_by_name(void **state) {
    static const struct {
        const char *file, *says;
    } files[] = {
        { "whole-module.pt", "calls for 'torch.nn.modules.linear.Linear'" },
        { "sparse.pt", "calls for 'torch._utils._rebuild_sparse_tensor'" },
        { "complex.pt", "calls for 'torch.ComplexFloatStorage'" },
        { "repeated.pt", "tensor 'repeated' repeats elements" },
        { "list.pt", "no tensors by their names" },
        { "two-models.pt", "several sets of them" },
        { "script.pt", "TorchScript program" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct err err = ERR_INIT;
        char path[256];
        snprintf(path, sizeof path, FIXTURES "%s", files[i].file);
        assert_null(weights_open(path, &err));
        assert_error(&err, ERR_UNSUPPORTED, files[i].says, path, NULL);
        assert_non_null(strstr(err.hint, "save_pretrained"));
    }
}

/* The pieces of a pickle: {"w": a tensor of two by three floats in storage "0", which has 24
 * bytes}. */
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define STORAGE(key, n)                                                                            \
    "((U\x07storagectorch\nFloatStorage\nU\x01" key "U\x03"                                        \
    "cpu" n "tQ"
#define N_6 "K\x06"
#define SHAPE "K\x02K\x03\x86"
#define STRIDE "K\x03K\x01\x86"
#define TENSOR(storage, offset, shape, stride)                                                     \
    REBUILD storage offset shape stride "\x89"                                                     \
                                        "ccollections\nOrderedDict\n)RtR"
#define SAVED(tensor)                                                                              \
    "\x80\x02}U\x01"                                                                               \
    "w" tensor "s."
#define GOOD TENSOR(STORAGE("0", N_6), "K\x00", SHAPE, STRIDE)
#define NOTED(text) text, sizeof text - 1

static bool read_pickle(const void *pickle, size_t n, struct err *err) {
    static const uint8_t storage[24];
    struct archive a = { 0 };
    archive_add(&a, "a/data.pkl", pickle, n);
    archive_add(&a, "a/byteorder", "little", 6);
    archive_add(&a, "a/data/0", storage, sizeof storage);
    archive_end(&a);
    struct weights *w = weights_new("pytorch");
    const bool ok = pytorch_read(w, (const uint8_t *)a.file.text, a.file.len, err);
    if (ok)
        assert_int_equal(weights_count(w), 1);
    weights_close(w);
    archive_release(&a);
    return ok;
}

static const struct bad {
    const char *pickle;
    size_t n;
    enum err_class class;
    const char *says;
} bads[] = {
    /* what would be run */
    { NOTED("\x80\x02"
            "cposix\nsystem\nU\x02ls\x85R."),
        ERR_UNSUPPORTED, "calls for 'posix.system'" },
    { NOTED("\x80\x04\x8c\x08"
            "builtins\x8c\x04"
            "eval\x93."),
        ERR_UNSUPPORTED, "calls for 'builtins.eval'" },
    { NOTED("\x80\x02"
            "ctorch\nload\n."),
        ERR_UNSUPPORTED, "calls for 'torch.load'" },
    { NOTED("\x80\x02"
            "ccollections\nOrderedDict\x00\n)R."),
        ERR_UNSUPPORTED, "'collections.OrderedDict\\x00'" },
    { NOTED("\x80\x02"
            "c\n\n."),
        ERR_UNSUPPORTED, "calls for '.'" },
    { NOTED("\x80\x02"
            "cx\x1b[31m\ny\n."),
        ERR_UNSUPPORTED, "'x\\x1b[31m.y'" },
    { NOTED("\x80\x02(U\x02lsiposix\nsystem\n."), ERR_UNSUPPORTED, "operation 0x69" },
    { NOTED("\x80\x02(cposix\nsystem\nU\x02lso."), ERR_UNSUPPORTED, "'posix.system'" },
    { NOTED("\x80\x02"
            "ccollections\nOrderedDict\n)\x81."),
        ERR_UNSUPPORTED, "operation 0x81" },
    { NOTED("\x80\x02\x82\x01."), ERR_UNSUPPORTED, "operation 0x82" },
    { NOTED("\x80\x02}2."), ERR_UNSUPPORTED, "operation 0x32" },
    { NOTED("\x80\x02U\x01x)R."), ERR_INPUT, "a call of something that has no name" },
    { NOTED("\x80\x02"
            "ctorch\ndevice\n]R."),
        ERR_INPUT, "a call of something that has no name" },
    { NOTED("\x80\x02"
            "ctorch\ndevice\n)R}b."),
        ERR_INPUT, "attributes of something" },
    /* what is no program */
    { NOTED(""), ERR_INPUT, "no pickle" },
    { NOTED("}."), ERR_INPUT, "no pickle" },
    { NOTED("\x80\x06}."), ERR_INPUT, "a protocol that is not read" },
    { NOTED("\x80\x02"), ERR_INPUT, "truncated at byte 2" },
    { NOTED("\x80\x02U\x05x."), ERR_INPUT, "truncated" },
    { NOTED("\x80\x02X\xff\xff\xff\xffx."), ERR_INPUT, "a text that is too long" },
    { NOTED("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffx."), ERR_INPUT, "too long" },
    { NOTED("\x80\x02"
            "ctorch"),
        ERR_INPUT, "truncated" },
    { NOTED("\x80\x02."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x02\x86."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x02}(."), ERR_INPUT, "ends within something" },
    { NOTED("\x80\x02}(\x85."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x02t."), ERR_INPUT, "there is no mark" },
    { NOTED("\x80\x02}(U\x01"
            "au."),
        ERR_INPUT, "takes none" },
    { NOTED("\x80\x02NU\x01"
            "aNs."),
        ERR_INPUT, "takes none" },
    { NOTED("\x80\x02}a."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x02h\x00."), ERR_INPUT, "a memo that was never written" },
    { NOTED("\x80\x02}q\x05h\x04."), ERR_INPUT, "a memo that was never written" },
    { NOTED("\x80\x02}r\xff\xff\xff\xff."), ERR_INPUT, "a memo that is too large" },
    { NOTED("\x80\x02q\x00."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x02NQ."), ERR_INPUT, "a persistent id that is no tuple" },
    { NOTED("\x80\x04N\x85\x93."), ERR_INPUT, "nothing is on the stack" },
    { NOTED("\x80\x04NN\x93."), ERR_INPUT, "a global without a name" },
    { NOTED("\x80\x02"
            "ccollections\nOrderedDict\n]N\x85"
            "a\x85R."),
        ERR_INPUT, "no pairs" },
    /* what is no tensor */
    { NOTED("\x80\x02N."), ERR_UNSUPPORTED, "no tensors by their names" },
    { NOTED("\x80\x02}U\x01w}s."), ERR_UNSUPPORTED, "no tensors by their names" },
    { NOTED("\x80\x02}K\x01" GOOD "s."), ERR_INPUT, "name is not a text" },
    { NOTED("\x80\x02}(U\x01w" GOOD "U\x01w" GOOD "u."), ERR_INPUT, "duplicate tensor name 'w'" },
    { NOTED("\x80\x02}U\x02\xff\xfe" GOOD "s."), ERR_INPUT, "is not UTF-8" },
    { NOTED(SAVED(REBUILD ")R")), ERR_INPUT, "tensor 'w' has no storage" },
    { NOTED(SAVED(TENSOR("(N", "K\x00", SHAPE, STRIDE))), ERR_INPUT, "has no storage" },
    { NOTED(SAVED(TENSOR("((U\x07storageNtQ", "K\x00", SHAPE, STRIDE))), ERR_INPUT,
        "has no storage" },
    { NOTED(SAVED(TENSOR(STORAGE("9", N_6), "K\x00", SHAPE, STRIDE))), ERR_INPUT,
        "a storage that is not in the file" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00", SHAPE, "K\x01\x85"))), ERR_INPUT,
        "no shape, strides and offset" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "N", SHAPE, STRIDE))), ERR_INPUT,
        "no shape, strides and offset" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x01", SHAPE, STRIDE))), ERR_INPUT,
        "past the end of its storage" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "J\xff\xff\xff\xff", SHAPE, STRIDE))), ERR_INPUT,
        "no shape, strides and offset" },
    { NOTED(SAVED(
          TENSOR(STORAGE("0", N_6), "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", SHAPE, STRIDE))),
        ERR_INPUT, "past the end of its storage" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00", "K\x02K\x04\x86", "K\x04K\x01\x86"))),
        ERR_INPUT, "past the end of its storage" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00", SHAPE, "K\x04K\x01\x86"))), ERR_INPUT,
        "past the end of its storage" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00", SHAPE, "K\x00K\x01\x86"))), ERR_UNSUPPORTED,
        "repeats elements" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00", "J\xff\xff\xff\xffK\x03\x86", STRIDE))),
        ERR_INPUT, "are no sizes" },
    { NOTED(SAVED(TENSOR(STORAGE("0", N_6), "K\x00",
          "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", "K\x01K\x01K\x01\x87"))),
        ERR_INPUT, "a shape that overflows" },
    { NOTED(SAVED(TENSOR(
          STORAGE("0", N_6), "K\x00", SHAPE, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x01\x86"))),
        ERR_INPUT, "past the end of its storage" },
    { NOTED(SAVED(
          TENSOR(STORAGE("0", N_6), "K\x00", "(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t",
              "(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t"))),
        ERR_UNSUPPORTED, "more than 8 dimensions" },
    { NOTED(SAVED(REBUILD STORAGE("0", N_6) "K\x00" SHAPE STRIDE "\x89"
                                            "ccollections\nOrderedDict\n)R}U\x03neg\x88stR")),
        ERR_UNSUPPORTED, "tensor 'w' is a view that negates" },
};

static void a_bad_pickle_is_refused_with_its_reason(void **state) {
    struct err err = ERR_INIT;
    (void)state;
    assert_true(read_pickle(NOTED(SAVED(GOOD)), &err));
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        err = (struct err)ERR_INIT;
        if (read_pickle(bads[i].pickle, bads[i].n, &err))
            fail_msg("accepted: %zu (%s)", i, bads[i].says);
        assert_error(&err, bads[i].class, bads[i].says, NULL);
    }
}

static void every_beginning_of_a_pickle_is_refused(void **state) {
    static const char whole[] = SAVED(GOOD);
    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct err err = ERR_INIT;
        assert_false(read_pickle(whole, n, &err));
        assert_int_not_equal(err.class, ERR_NONE);
    }
}

/* Programs that would grow: of n times the same, between two ends. */
static void repeated_check(
    const char *begin, const char *one, size_t one_n, size_t n, const char *says) {
    struct strbuf pickle = { 0 };
    struct err err = ERR_INIT;
    strbuf_addf(&pickle, "\x80\x02%s", begin);
    for (size_t i = 0; i < n; i++)
        strbuf_add(&pickle, one, one_n);
    strbuf_addc(&pickle, '.');
    if (read_pickle(pickle.text, pickle.len, &err))
        fail_msg("accepted: %s", says);
    assert_error(&err, ERR_INPUT, says, NULL);
    strbuf_release(&pickle);
}

static void what_grows_has_a_ceiling(void **state) {
    (void)state;
    repeated_check("", NOTED("N"), 70000, "the stack is too high");
    repeated_check("", NOTED("("), 300, "too many marks");
    repeated_check("]", NOTED("Na"), PICKLE_VALUES_MAX, "too many values");
    repeated_check("Nq\x01]",
        NOTED("h\x01h\x01h\x01\x87"
              "a"),
        PICKLE_ITEMS_MAX / 4 + 1, "too many items");
}

static void a_small_tensor_may_have_many_names(void **state) {
    struct strbuf pickle = { 0 };
    struct err err = ERR_INIT;
    (void)state;
    strbuf_add(&pickle, NOTED("\x80\x02}U\x01"
                              "w" GOOD "q\x01s"));
    for (int i = 0; i < 60000; i++) {
        strbuf_addf(&pickle, "U\x05%05d", i);
        strbuf_add(&pickle, NOTED("h\x01s"));
    }
    strbuf_addc(&pickle, '.');
    static const uint8_t storage[24];
    struct archive a = { 0 };
    archive_add(&a, "a/data.pkl", pickle.text, pickle.len);
    archive_add(&a, "a/data/0", storage, sizeof storage);
    archive_end(&a);
    struct weights *w = weights_new("pytorch");
    assert_true(pytorch_read(w, (const uint8_t *)a.file.text, a.file.len, &err));
    weights_close(w);
    archive_release(&a);
    strbuf_release(&pickle);
}

static void many_names_of_a_large_tensor_are_refused(void **state) {
    struct strbuf pickle = { 0 }, storage = { 0 };
    struct archive a = { 0 };
    struct err err = ERR_INIT;
    (void)state;
    strbuf_add(&pickle, NOTED("\x80\x02}U\x01"
                              "w" TENSOR(STORAGE("0", "M\x60\xea"), "K\x00", "M\x60\xea\x85",
                                  "K\x01\x85") "q\x01s"));
    for (int i = 0; i < 16; i++)
        strbuf_addf(&pickle, "U\x02%02dh\x01s", i);
    strbuf_addc(&pickle, '.');
    for (int i = 0; i < 60000; i++)
        strbuf_add(&storage, "\0\0\0", 4);
    archive_add(&a, "a/data.pkl", pickle.text, pickle.len);
    archive_add(&a, "a/data/0", storage.text, storage.len);
    archive_end(&a);
    struct weights *w = weights_new("pytorch");
    assert_false(pytorch_read(w, (const uint8_t *)a.file.text, a.file.len, &err));
    assert_error(&err, ERR_INPUT, "tensor '15' and those before it share storages", NULL);
    weights_close(w);
    archive_release(&a);
    strbuf_release(&pickle);
    strbuf_release(&storage);
}

/* ---- archives ---- */

static void archive_build(struct archive *a, const char *order) {
    static const uint8_t storage[24];
    archive_add(a, "a/data.pkl", NOTED(SAVED(GOOD)));
    archive_add(a, "a/byteorder", order, strlen(order));
    archive_add(a, "a/data/0", storage, sizeof storage);
}

static bool read_archive(const struct archive *a, struct err *err) {
    struct weights *w = weights_new("pytorch");
    uint8_t *exact = xmalloc(a->file.len); /* so that a sanitizer sees a read past the end */
    memcpy(exact, a->file.text, a->file.len);
    const bool ok = pytorch_read(w, exact, a->file.len, err);
    weights_close(w);
    free(exact);
    return ok;
}

static void archives_may_have_64_bit_numbers(void **state) {
    struct archive a = { .wide = true };
    struct err err = ERR_INIT;
    (void)state;
    archive_build(&a, "little");
    archive_end(&a);
    if (!read_archive(&a, &err))
        fail_msg("%s", err.msg);
    archive_release(&a);
}

static void an_archive_is_held_against_the_file(void **state) {
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct archive a = { .wide = wide };
        archive_build(&a, "little");
        archive_end(&a);
        const size_t whole = a.file.len;
        for (a.file.len = 0; a.file.len < whole; a.file.len++) {
            struct err err = ERR_INIT;
            assert_false(read_archive(&a, &err));
        }
        for (size_t i = 0; i < whole; i++) { /* any byte bent: read or refused, within the file */
            struct err err = ERR_INIT;
            a.file.text[i] = (char)~a.file.text[i];
            (void)!read_archive(&a, &err);
            a.file.text[i] = (char)~a.file.text[i];
        }
        archive_release(&a);
    }
}

static void archive_refused(struct archive *a, enum err_class class, const char *says) {
    struct err err = ERR_INIT;
    archive_end(a);
    if (read_archive(a, &err))
        fail_msg("accepted: %s", says);
    assert_error(&err, class, says, NULL);
    archive_release(a);
}

static void an_archive_that_is_another_one_is_refused(void **state) {
    struct archive a = { 0 };
    (void)state;
    archive_build(&a, "big");
    archive_refused(&a, ERR_UNSUPPORTED, "not little-endian");
    archive_build(&a, "little");
    archive_add(&a, "a/data/0", "", 0);
    archive_refused(&a, ERR_INPUT, "'a/data/0' is there twice");
    archive_build(&a, "little");
    archive_add(&a, "b/data.pkl", "", 0);
    archive_refused(&a, ERR_INPUT, "several data.pkl");
    archive_add(&a, "a/b/data.pkl", "", 0);
    archive_refused(&a, ERR_UNSUPPORTED, "no data.pkl");
    archive_build(&a, "little");
    a.directory.text[10] = 8; /* the first member's method */
    archive_refused(&a, ERR_UNSUPPORTED, "'a/data.pkl' is compressed");
    archive_build(&a, "little");
    a.directory.text[8] = 1; /* its flags */
    archive_refused(&a, ERR_UNSUPPORTED, "or encrypted");
    archive_build(&a, "little");
    a.directory.text[42] = 1; /* where it lies */
    archive_refused(&a, ERR_INPUT, "is not where the directory has it");
    archive_build(&a, "little");
    a.directory.text[46] = 'b'; /* its name */
    archive_refused(&a, ERR_INPUT, "has another name where it lies");
}

/* ---- the older format ---- */

#define MAGIC "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."
#define VERSION "\x80\x02M\xe9\x03."
#define SYSTEM "\x80\x02}U\x0dlittle_endian\x88s."
#define KEYS                                                                                       \
    "\x80\x02]U\x01"                                                                               \
    "0a."
#define LENGTH "\x06\0\0\0\0\0\0\0"
#define PART "U\x01vK\x03K\x03\x87" /* of a storage, from its fourth number on */
#define ZEROS_24 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void an_older_file_is_held_to_its_parts(void **state) {
    static const struct bad olds[] = {
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) KEYS LENGTH ZEROS_24), ERR_NONE, NULL },
        { NOTED("\x80\x02}." VERSION SYSTEM SAVED(GOOD) KEYS), ERR_UNSUPPORTED,
            "not one of PyTorch's" },
        { NOTED(MAGIC "\x80\x02K\x01." SYSTEM SAVED(GOOD) KEYS), ERR_UNSUPPORTED, "of a version" },
        { NOTED(MAGIC VERSION "\x80\x02}." SAVED(GOOD) KEYS), ERR_UNSUPPORTED, "little-endian" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) "\x80\x02}."), ERR_INPUT, "no list of storages" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) "\x80\x02]."), ERR_INPUT, "not in the file" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) "\x80\x02]U\x01"
                                                 "1a."),
            ERR_INPUT, "that no tensor names" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) KEYS LENGTH), ERR_INPUT,
            "storage '0' is truncated" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) KEYS "\xff\xff\xff\xff\xff\xff\xff\x7f" ZEROS_24),
            ERR_INPUT, "storage '0' is truncated" },
        { NOTED(MAGIC VERSION SYSTEM SAVED(GOOD) "\x80\x02](U\x01"
                                                 "0U\x01"
                                                 "0e." LENGTH ZEROS_24 LENGTH ZEROS_24),
            ERR_INPUT, "two storages with one key" },
        { NOTED(MAGIC VERSION SYSTEM "\x80\x02}U\x01"
                                     "v" GOOD "sU\x01"
                                     "w" TENSOR(STORAGE("0", N_6 PART), "K\x00", "K\x03\x85",
                                         "K\x01\x85") "s." KEYS LENGTH ZEROS_24),
            ERR_INPUT, "tensor 'w' has no storage of its own" },
        { NOTED(MAGIC), ERR_INPUT, "no pickle" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof olds / sizeof *olds; i++) {
        struct err err = ERR_INIT;
        struct weights *w = weights_new("pytorch");
        const bool ok = pytorch_read(w, (const uint8_t *)olds[i].pickle, olds[i].n, &err);
        assert_int_equal(ok, olds[i].class == ERR_NONE);
        if (!ok)
            assert_error(&err, olds[i].class, olds[i].says, NULL);
        weights_close(w);
    }
}

static void other_things_in_a_bin_are_told_apart(void **state) {
    static const char pointer[] =
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    char tar[512] = { 0 };
    struct err err = ERR_INIT;
    memcpy(tar + 257, "ustar", 5);
    free(file_put(*state, "pytorch_model.bin", pointer, sizeof pointer - 1));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_INPUT, "Git LFS pointer", *state, NULL);
    err = (struct err)ERR_INIT;
    free(file_put(*state, "pytorch_model.bin", tar, sizeof tar));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "a tar archive", *state, NULL);
    err = (struct err)ERR_INIT;
    free(file_put(*state, "pytorch_model.bin", "", 0));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_INPUT, "it is empty", *state, NULL);
}

static void an_index_of_bins_names_bins(void **state) {
    static const char index[] = "{\"weight_map\": {\"a\": \"model-1.safetensors\"}}";
    struct err err = ERR_INIT;
    free(file_put(*state, "pytorch_model.bin.index.json", index, sizeof index - 1));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_INPUT, "must be a plain *.bin file name", *state, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_what_safetensors_has),
        cmocka_unit_test(adapters_of_both_formats_are_the_same),
        cmocka_unit_test(what_lies_in_order_stays_in_the_file),
        WITH_SCRATCH(a_file_without_its_name_is_known_by_its_bytes),
        WITH_SCRATCH(safetensors_are_preferred),
        cmocka_unit_test(fault_76_what_is_more_than_tensors_is_refused_by_name),
        cmocka_unit_test(a_bad_pickle_is_refused_with_its_reason),
        cmocka_unit_test(every_beginning_of_a_pickle_is_refused),
        cmocka_unit_test(what_grows_has_a_ceiling),
        cmocka_unit_test(a_small_tensor_may_have_many_names),
        cmocka_unit_test(many_names_of_a_large_tensor_are_refused),
        cmocka_unit_test(archives_may_have_64_bit_numbers),
        cmocka_unit_test(an_archive_is_held_against_the_file),
        cmocka_unit_test(an_archive_that_is_another_one_is_refused),
        cmocka_unit_test(an_older_file_is_held_to_its_parts),
        WITH_SCRATCH(other_things_in_a_bin_are_told_apart),
        WITH_SCRATCH(an_index_of_bins_names_bins),
    };
    return cmocka_run_group_tests_name("pytorch", tests, NULL, NULL);
}
