/* Matrices that stay in their file give the bits that expanded ones give: of every type that is
 * read, in whatever order a tensor has its rows, for few rows and many, on one thread and several.
 */
#include "weight_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fp8_files.h"
#include "tests/harness/cpu_world.h"

static struct backend *open_form(const struct setting *s, enum weights_form form, uint64_t room) {
    if (s->isa != NULL)
        setenv("ASSAY_ISA", s->isa, 1);
    else
        unsetenv("ASSAY_ISA");
    const struct backend_config config = { .dtype = s->dtype,
        .threads = s->threads,
        .gemm = s->gemm,
        .weights = form,
        .weight_room = room };
    struct err err = ERR_INIT;
    struct backend *b = backend_cpu_open(&config, &err);
    if (b == NULL)
        print_message("not run with isa %s: %s\n", s->isa, err.msg);
    return b;
}

static struct matrix *matrix_of(
    struct backend *b, const struct weight_source *s, uint32_t n, uint32_t k) {
    struct err err = ERR_INIT;
    struct matrix *m = b->ops->matrix(b, s, n, k, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    return m;
}

static bool in_file(struct backend *b, const struct matrix *m) {
    struct matrix_size size = b->ops->matrix_size(b, m);
    assert_true((size.memory == 0) != (size.file == 0));
    return size.memory == 0;
}

/* ---- tensors ---- */

/* A block whose numbers are finite, and whose products are. */
static void fill_block(const struct tensor_type_info *info, uint64_t *state, uint8_t *block) {
    float x[TENSOR_BLOCK_MAX];
    bool usable = false;
    while (!usable) {
        for (uint32_t i = 0; i < info->block_bytes; i++) {
            *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
            block[i] = (uint8_t)(*state >> 56);
        }
        info->to_f32(block, info->block_n, x);
        usable = true;
        for (uint32_t i = 0; i < info->block_n; i++)
            usable = usable && isfinite(x[i]) && fabsf(x[i]) < 1e19F;
    }
}

static struct tensor random_tensor(enum tensor_type type, uint64_t rows, uint64_t cols) {
    const struct tensor_type_info *info = tensor_type_info(type);
    size_t blocks = (size_t)(rows * cols / info->block_n);
    uint8_t *data = world_alloc(blocks * info->block_bytes);
    uint64_t state = 7 + (uint64_t)type;
    for (size_t i = 0; i < blocks; i++)
        fill_block(info, &state, data + i * info->block_bytes);
    return (struct tensor) { .name = "random",
        .type = type,
        .n_dims = 2,
        .shape = { rows, cols },
        .n_elements = rows * cols,
        .data = data,
        .bytes = blocks * info->block_bytes };
}

/* ---- products ---- */

struct shape {
    uint32_t n, k, rows;
};

/* With bias, activation and addition to what is there, so that finishing goes the same way too. */
static const float *product_of(
    struct backend *b, const struct matrix *m, const struct shape *shape) {
    struct rows x = world_rows(b, shape->rows, shape->k, b->ops->caps(b)->act,
        noise_new(5, (size_t)shape->rows * shape->k, 1));
    struct rows out = world_rows(
        b, shape->rows, shape->n, ELEM_F32, noise_new(6, (size_t)shape->rows * shape->n, 1));
    const struct epilogue e = { .bias = world_vector(b, shape->n, noise_new(8, shape->n, 1)),
        .activation = ACT_SILU,
        .scale = 0.5F,
        .accumulate = true };
    b->ops->matmul(b, m, x, out, &e);
    return world_read(b, out, shape->n);
}

static void check_same(const char *what, const struct setting *s, const struct weight_source *from,
    const struct shape *shape) {
    struct setting one = *s;
    char name[96];
    snprintf(
        name, sizeof name, "%s, %s, %s", what, s->isa, s->dtype == DTYPE_BF16 ? "bf16" : "f32");
    struct backend *packed = open_form(s, WEIGHTS_EXPANDED, 0),
                   *held = open_form(s, WEIGHTS_FILE, 0);
    one.threads = 1;
    struct backend *alone = open_form(&one, WEIGHTS_FILE, 0);
    struct matrix *m = matrix_of(held, from, shape->n, shape->k);
    assert_true(in_file(held, m));
    const float *want = product_of(packed, matrix_of(packed, from, shape->n, shape->k), shape);
    size_t n = (size_t)shape->rows * shape->n;
    assert_same_bits(name, n, product_of(held, m, shape), want);
    assert_same_bits(
        name, n, product_of(alone, matrix_of(alone, from, shape->n, shape->k), shape), want);
    packed->ops->close(packed);
    held->ops->close(held);
    alone->ops->close(alone);
}

static const char *const isas[] = { "plain", "avx2", "avx512", "avx512bf16" };
enum { N_ISAS = sizeof isas / sizeof *isas };

/* Whether this processor has it; each in f32 and in bf16. */
static bool setting_at(size_t i, struct setting *s) {
    *s = (struct setting) { isas[i / 2], "plain", i % 2 ? DTYPE_BF16 : DTYPE_F32, 3 };
    struct backend *b = open_form(s, WEIGHTS_FILE, 0);
    if (b != NULL)
        b->ops->close(b);
    return b != NULL;
}

static void every_type_gives_the_bits_of_its_expanded_form(void **state) {
    (void)state;
    static const struct shape shapes[] = { { 70, 512, 1 }, { 70, 512, 50 } };
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++) {
        for (int type = 0; setting_at(i, &s) && type < TENSOR_N_TYPES; type++) {
            if (tensor_type_info((enum tensor_type)type)->to_f32 == NULL)
                continue;
            struct tensor t = random_tensor((enum tensor_type)type, 70, 512);
            for (int r = 0; r < 2; r++)
                check_same(tensor_type_info(t.type)->name, &s,
                    &(struct weight_source) { .tensor = &t }, &shapes[r]);
            world_close(NULL);
        }
    }
}

/* Rows that don't fill a panel, columns that are no multiple of a part of K, of a pair, of a block.
 */
static void odd_shapes_give_the_same_bits(void **state) {
    (void)state;
    static const struct shape shapes[] = { { 1, 1, 1 }, { 1, 2, 3 }, { 31, 257, 2 },
        { 33, 255, 49 }, { 300, 513, 13 }, { 1000, 64, 97 }, { 5, 3001, 1 }, { 48, 288, 12 } };
    static const enum tensor_type types[] = { TENSOR_F32, TENSOR_BF16, TENSOR_F16, TENSOR_Q8_0 };
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++) {
        for (size_t at = 0; setting_at(i, &s) && at < 4 * sizeof shapes / sizeof *shapes; at++) {
            const struct shape *shape = &shapes[at / 4];
            if (shape->k % tensor_type_info(types[at % 4])->block_n != 0)
                continue;
            struct tensor t = random_tensor(types[at % 4], shape->n, shape->k);
            check_same("an odd shape", &s, &(struct weight_source) { .tensor = &t }, shape);
            world_close(NULL);
        }
    }
}

/* The ways of struct weight_source, each on a type with blocks and on plain ones. */
static void rows_in_any_order_give_the_same_bits(void **state) {
    (void)state;
    static const struct row_scale scales[] = { { 40, 0.5F }, { 30, 3 } };
    static const struct {
        struct weight_source from;
        struct shape shape;
        bool sliced;
    } ways[] = {
        { { .row = 33, .n_rows = 100 }, { 100, 256, 5 }, false },
        { { .transpose = true }, { 256, 192, 5 }, false },
        { { .transpose = true, .row = 70, .n_rows = 90 }, { 90, 192, 5 }, false },
        { { .permute_heads = 3 }, { 192, 256, 5 }, false },
        { { .run = 8, .every = 24, .row = 8 }, { 64, 256, 5 }, false },
        { { .run = 6, .every = 6, .pad = 2 }, { 256, 256, 5 }, false },
        { { .run_columns = 32, .pad_columns = 16 }, { 192, 384, 5 }, false },
        { { .slice = 2 }, { 64, 256, 5 }, true },
        { { .slice = 3, .transpose = true }, { 256, 64, 5 }, true },
        { { .scales = scales, .n_scales = 2 }, { 192, 256, 5 }, false },
        { { .add = 1 }, { 192, 256, 5 }, false },
    };
    static const enum tensor_type types[] = { TENSOR_F32, TENSOR_BF16, TENSOR_Q4_0, TENSOR_Q8_0 };
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++) {
        for (size_t at = 0; setting_at(i, &s) && at < 4 * sizeof ways / sizeof *ways; at++) {
            struct tensor t = random_tensor(types[at % 4], 192, 256);
            struct weight_source from = ways[at / 4].from;
            if (ways[at / 4].sliced)
                t.n_dims = 3, t.shape[0] = 3, t.shape[1] = 64, t.shape[2] = 256;
            from.tensor = &t;
            check_same("a way of reading", &s, &from, &ways[at / 4].shape);
            world_close(NULL);
        }
    }
}

/* ---- bytes with scales ---- */

/* Scales of everything, of rows, of blocks that parts of K don't come out even with. */
static const struct fp8_layout layouts[] = { { "one scale", 0, 0, TENSOR_F32 },
    { "a scale a row", 1, 0, TENSOR_BF16 }, { "blocks of 128 x 128", 128, 128, TENSOR_F32 },
    { "blocks of 10 x 24", 10, 24, TENSOR_F32 },
    { "blocks of 64 x 300", 64, 300, TENSOR_F8_E8M0 } };
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

static void check_scaled(const char *folder, const struct fp8_layout *layout,
    const struct shape *shape, const struct weight_source *how) {
    struct err err = ERR_INIT;
    uint32_t k = how->part.of_columns ? (uint32_t)how->part.of_columns : shape->k;
    size_t n = (size_t)300 * k;
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    fp8_noise(5, n, bytes);
    fp8_write(folder, layout, 300, k, bytes);
    free(bytes);
    struct weights *w = weights_open(folder, &err);
    if (w == NULL)
        fail_msg("%s: %s", layout->name, err.msg);
    struct weight_source from = *how;
    from.tensor = weights_find(w, "l.weight");
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++)
        if (setting_at(i, &s))
            check_same(layout->name, &s, &from, shape);
    weights_close(w);
    world_close(NULL);
}

static void bytes_with_scales_give_the_same_bits(void **state) {
    static const struct shape shapes[] = { { 300, 328, 3 }, { 300, 37, 50 }, { 300, 512, 1 } };
    const struct weight_source all = { 0 }, part = { .row = 101, .n_rows = 70 },
                               zeros = { .run = 6, .every = 6, .pad = 2 },
                               columns = { .part = { .column = 72, .of_columns = 336 } };
    for (int l = 0; l < N_LAYOUTS; l++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_scaled(*state, &layouts[l], &shapes[i], &all);
    check_scaled(*state, &layouts[2], &(struct shape) { 70, 264, 9 }, &part);
    check_scaled(*state, &layouts[2], &(struct shape) { 400, 264, 9 }, &zeros);
    for (int l = 0; l < N_LAYOUTS; l++)
        check_scaled(*state, &layouts[l], &(struct shape) { 300, 264, 9 }, &columns);
}

/* Row r is byte r and zeros: a product with ones is its number, or none in either form. */
static void every_byte_is_the_same_number(void **state) {
    (void)state;
    enum { BYTES = 256, WIDE = 8 };
    uint8_t bytes[BYTES * WIDE] = { 0 };
    for (int i = 0; i < BYTES; i++)
        bytes[i * WIDE] = (uint8_t)i;
    const struct tensor t = { .name = "bytes",
        .type = TENSOR_F8_E4M3,
        .n_dims = 2,
        .shape = { BYTES, WIDE },
        .n_elements = sizeof bytes,
        .data = bytes,
        .bytes = sizeof bytes };
    const float ones[WIDE] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++) {
        float made[2][BYTES], exact;
        for (int held = 0; setting_at(i, &s) && held < 2; held++) {
            struct backend *b = open_form(&s, held ? WEIGHTS_FILE : WEIGHTS_EXPANDED, 0);
            struct matrix *m = matrix_of(b, &(struct weight_source) { .tensor = &t }, BYTES, WIDE);
            struct rows y = world_empty(b, 1, BYTES, ELEM_F32);
            b->ops->matmul(b, m, world_rows(b, 1, WIDE, b->ops->caps(b)->act, ones), y, NULL);
            b->ops->download(b, y, made[held]);
            world_close(b);
        }
        for (int byte = 0; setting_at(i, &s) && byte < BYTES; byte++) {
            tensor_read_f32(&t, (size_t)byte * WIDE, 1, &exact);
            bool none = (byte & 127) == 127;
            assert_true(none ? isnan(made[0][byte]) && isnan(made[1][byte])
                             : made[0][byte] == exact && made[1][byte] == exact);
        }
    }
}

/* ---- heads ---- */

enum { WIDTH = 64, ROWS = 60, TARGETS = 3 * ROWS };

static void head_read(struct backend *b, const struct tensor *t, uint32_t vocab, uint32_t n_rows,
    struct target *targets, float *logits) {
    struct matrix *head = matrix_of(b, &(struct weight_source) { .tensor = t }, vocab, WIDTH);
    struct vector *bias = world_vector(b, vocab, noise_new(11, vocab, 1));
    struct rows x =
        world_rows(b, n_rows, WIDTH, b->ops->caps(b)->act, noise_new(4, (size_t)n_rows * WIDTH, 1));
    for (uint32_t i = 0; i < 3 * n_rows; i++)
        targets[i] = (struct target) { .row = i / 3, .token = (int32_t)(i * 7919 % vocab) };
    b->ops->logprobs(b, head, bias, 0.5F, 20, x, targets, 3 * (size_t)n_rows);
    b->ops->logits(b, head, bias, 0.5F, 20, x, logits);
}

/* Vocabularies of less than a chunk, of a span of chunks and some, and of more. */
static void a_head_gives_the_same_logits_and_log_probabilities(void **state) {
    (void)state;
    static const uint32_t vocabs[] = { 200, 4500, 9000 }, rows[] = { 1, ROWS };
    struct setting s;
    for (size_t i = 0; i < 2 * N_ISAS; i++) {
        for (size_t at = 0; setting_at(i, &s) && at < 6; at++) {
            uint32_t vocab = vocabs[at / 2], n = rows[at % 2];
            struct tensor t = random_tensor(TENSOR_Q4_0, vocab, WIDTH);
            struct target want[TARGETS], got[TARGETS];
            float *logits[2] = { world_alloc((size_t)n * vocab * sizeof(float)),
                world_alloc((size_t)n * vocab * sizeof(float)) };
            struct backend *packed = open_form(&s, WEIGHTS_EXPANDED, 0),
                           *held = open_form(&s, WEIGHTS_FILE, 0);
            head_read(packed, &t, vocab, n, want, logits[0]);
            head_read(held, &t, vocab, n, got, logits[1]);
            assert_same_bits("logits", (size_t)n * vocab, logits[1], logits[0]);
            for (uint32_t j = 0; j < 3 * n; j++) {
                assert_true(isfinite(want[j].logprob) && got[j].logprob == want[j].logprob);
                assert_int_equal(got[j].best, want[j].best);
            }
            packed->ops->close(packed);
            held->ops->close(held);
            world_close(NULL);
        }
    }
}

/* ---- which form ---- */

/* Room for one of two: the first that comes has it, and a smaller one behind them what is left. */
static void what_fits_is_expanded_in_the_order_of_making(void **state) {
    (void)state;
    const struct setting s = { NULL, "plain", DTYPE_F32, 1 };
    struct tensor t = random_tensor(TENSOR_Q8_0, 96, 64);
    const struct weight_source all = { .tensor = &t }, some = { .tensor = &t, .n_rows = 10 };
    struct backend *b = open_form(&s, WEIGHTS_AUTO, 96 * 64 * 4 + 10 * 64 * 4);
    assert_false(in_file(b, matrix_of(b, &all, 96, 64)));
    struct matrix *second = matrix_of(b, &all, 96, 64);
    assert_true(in_file(b, second));
    assert_int_equal(b->ops->matrix_size(b, second).file, t.bytes);
    assert_false(in_file(b, matrix_of(b, &some, 10, 64)));
    assert_true(in_file(b, matrix_of(b, &some, 10, 64)));
    b->ops->close(b);
    b = open_form(&s, WEIGHTS_AUTO, 0);
    assert_false(in_file(b, matrix_of(b, &all, 96, 64)));
    world_close(b);
}

/* A matrix that cannot stay comes last: what is announced keeps its room. */
static void room_is_kept_for_what_has_to_be_expanded(void **state) {
    (void)state;
    const struct setting s = { NULL, "plain", DTYPE_F32, 1 };
    struct tensor t = random_tensor(TENSOR_Q8_0, 96, 64);
    const struct weight_source from = { .tensor = &t };
    for (int told = 0; told < 2; told++) {
        struct backend *b = open_form(&s, WEIGHTS_AUTO, 96 * 64 * 4 + 4);
        if (told) {
            b->ops->expect(b, WEIGHT_MATRIX, &from, 96, 64);
            b->ops->expect(b, WEIGHT_MATRIX, &from, 384, 16);
            assert_int_equal(b->ops->expected(b), 96 * 64 * 4);
        }
        assert_int_equal(in_file(b, matrix_of(b, &from, 96, 64)), told);
        assert_false(in_file(b, matrix_of(b, &from, 384, 16)));
        b->ops->close(b);
    }
    world_close(NULL);
}

/* oneDNN's layouts are its own: what is asked to stay is expanded there, and so is a source whose
 * blocks go from one row to the next. */
static void what_cannot_stay_in_the_file_is_expanded(void **state) {
    (void)state;
    struct tensor t = random_tensor(TENSOR_Q8_0, 96, 64);
    const struct weight_source from = { .tensor = &t };
    struct backend *b =
        open_form(&(struct setting) { NULL, "dnnl", DTYPE_F32, 1 }, WEIGHTS_FILE, 0);
    if (b != NULL) {
        assert_false(in_file(b, matrix_of(b, &from, 96, 64)));
        b->ops->close(b);
    }
    b = open_form(&(struct setting) { NULL, "plain", DTYPE_F32, 1 }, WEIGHTS_FILE, 0);
    assert_false(in_file(b, matrix_of(b, &from, 384, 16)));
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_the_bits_of_its_expanded_form),
        cmocka_unit_test(odd_shapes_give_the_same_bits),
        cmocka_unit_test(rows_in_any_order_give_the_same_bits),
        WITH_SCRATCH(bytes_with_scales_give_the_same_bits),
        cmocka_unit_test(every_byte_is_the_same_number),
        cmocka_unit_test(a_head_gives_the_same_logits_and_log_probabilities),
        cmocka_unit_test(what_fits_is_expanded_in_the_order_of_making),
        cmocka_unit_test(room_is_kept_for_what_has_to_be_expanded),
        cmocka_unit_test(what_cannot_stay_in_the_file_is_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
