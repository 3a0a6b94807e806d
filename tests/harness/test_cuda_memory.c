/* Memory of the CUDA backend: lists that go through the stage while earlier ones are still being
 * read, weights that come from the file in parts, activations out of one piece, and what is said
 * where something does not fit. */
#include "weight_files.h"

#include <stdlib.h>
#include <string.h>

#include "fp8_files.h"
#include "harness/cpu/kernels.h" /* bf16_from_f32 */
#include "harness/cuda/load.h"
#include "subjects.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

static struct backend *cuda_open(enum dtype dtype) {
    struct backend_config config = { .dtype = dtype, .threads = 3, .gemm = "plain" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

/* ---- the stage ---- */

enum { KINDS = 19 };

static struct table *numbered_table(struct backend *b) {
    float *numbers = world_alloc(KINDS * sizeof *numbers);
    for (int i = 0; i < KINDS; i++)
        numbers[i] = (float)(i + 1);
    return world_table(b, KINDS, 1, numbers);
}

static int32_t id_of(uint32_t op, uint32_t row) {
    return (int32_t)((row * (op % 7 + 1) + op) % KINDS);
}

/* So many ops that the ring comes round several times, and nobody waits for any of them. Every
 * third op asks for the list of the one before. */
static void lists_stay_until_they_have_been_read(void **state) {
    (void)state;
    enum { ROWS = 700, OPS = 900 };
    struct backend *b = cuda_open(DTYPE_F32);
    struct table *t = numbered_table(b);
    struct rows x = world_empty(b, ROWS, 1, ELEM_F32);
    float *want = world_alloc(ROWS * sizeof *want);
    int32_t ids[ROWS];
    for (uint32_t op = 0; op < OPS; op++) {
        for (uint32_t row = 0; row < ROWS; row++) {
            ids[row] = id_of(op % 3 == 2 ? op - 1 : op, row);
            want[row] += (float)(ids[row] + 1);
        }
        b->ops->gather(b, t, ids, 1, true, x);
    }
    assert_same_bits("sums", ROWS, world_read(b, x, 1), want);
    world_close(b);
}

/* A list that makes the stage larger, between others. */
static void a_stage_that_grows_loses_no_list(void **state) {
    (void)state;
    enum { FEW = 10, MANY = 40000 };
    struct backend *b = cuda_open(DTYPE_F32);
    struct table *t = numbered_table(b);
    struct rows few = world_empty(b, FEW, 1, ELEM_F32);
    int32_t *ids = world_alloc(MANY * sizeof *ids);
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = (int32_t)(i % KINDS);
    b->ops->gather(b, t, ids, 1, false, few);
    struct rows many = world_empty(b, MANY, 1, ELEM_F32);
    b->ops->gather(b, t, ids, 1, false, many);
    b->ops->gather(b, t, ids, 1, true, few);
    const float *got = world_read(b, few, 1), *all = world_read(b, many, 1);
    for (uint32_t i = 0; i < FEW; i++)
        assert_true(got[i] == 2 * (float)(i + 1));
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(all[i] == (float)(i % KINDS + 1));
    world_close(b);
}

/* ---- weights ---- */

enum { TALL = 5000, WIDE = 1024 }; /* more than one part, in either type */

static struct weight_source tall_source(enum tensor_type type) {
    size_t size = type == TENSOR_BF16 ? 2 : 4;
    uint8_t *data = world_alloc((size_t)TALL * WIDE * size);
    for (size_t i = 0; i < (size_t)TALL * WIDE; i++) {
        float x = (float)(int)(i * 7919 % 511) - 255;
        uint16_t rounded = bf16_from_f32(x);
        memcpy(data + i * size, size == 2 ? (void *)&rounded : (void *)&x, size);
    }
    struct tensor *t = world_alloc(sizeof *t);
    *t = (struct tensor) { .name = "tall",
        .type = type,
        .n_dims = 2,
        .shape = { TALL, WIDE },
        .n_elements = (uint64_t)TALL * WIDE,
        .data = data,
        .bytes = (size_t)TALL * WIDE * size };
    return (struct weight_source) { .tensor = t };
}

static void check_tall(enum tensor_type type) {
    struct backend *b = cuda_open(DTYPE_BF16);
    struct weight_source source = tall_source(type);
    struct err err = ERR_INIT;
    struct table *t = b->ops->table(b, &source, TALL, WIDE, &err);
    if (t == NULL)
        fail_msg("%s", err.msg);
    const int32_t ids[] = { 0, 2047, 2048, 4095, 4096, TALL - 1 };
    enum { N = sizeof ids / sizeof *ids };
    struct rows x = world_empty(b, N, WIDE, ELEM_F32);
    b->ops->gather(b, t, ids, 1, false, x);
    const float *got = world_read(b, x, WIDE);
    for (size_t i = 0; i < (size_t)N * WIDE; i++) {
        size_t at = (size_t)ids[i / WIDE] * WIDE + i % WIDE;
        assert_true(got[i] == (float)(int)(at * 7919 % 511) - 255);
    }
    world_close(b);
}

static void a_weight_arrives_whole_in_parts(void **state) {
    (void)state;
    check_tall(TENSOR_BF16);
    check_tall(TENSOR_F32);
}

/* out = rows of w: x picks them one by one. */
static float *transposed_rows(struct backend *b, uint32_t n, uint32_t k) {
    struct tensor t = { .name = "turned",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { k, n },
        .n_elements = (uint64_t)n * k,
        .data = (const uint8_t *)noise_new(5, (size_t)n * k, 1),
        .bytes = (size_t)n * k * sizeof(float) };
    struct weight_source source = { .tensor = &t, .transpose = true };
    struct err err = ERR_INIT;
    struct matrix *m = b->ops->matrix(b, &source, n, k, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    float *ones = world_alloc((size_t)k * k * sizeof *ones);
    for (uint32_t i = 0; i < k; i++)
        ones[i * k + i] = 1;
    struct rows x = world_rows(b, k, k, b->ops->caps(b)->act, ones);
    struct rows out = world_empty(b, k, n, ELEM_F32);
    b->ops->matmul(b, m, x, out, NULL);
    return world_read(b, out, n);
}

static void a_weight_that_lies_the_other_way_is_turned(void **state) {
    (void)state;
    enum { N = 150, K = 24 };
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct setting plain = { "plain", "plain", (enum dtype)dtype, 1 };
        struct backend *cuda = cuda_open((enum dtype)dtype), *cpu = world_open(&plain);
        assert_same_bits(
            "turned", (size_t)N * K, transposed_rows(cuda, N, K), transposed_rows(cpu, N, K));
        cpu->ops->close(cpu);
        world_close(cuda);
    }
}

static void weights_may_come_after_the_parts_were_given_back(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_BF16);
    struct table *first = numbered_table(b);
    b->ops->keep(b);
    struct table *second = numbered_table(b);
    struct rows x = world_empty(b, 2, 1, ELEM_F32);
    const int32_t ids[] = { 3, KINDS - 1 };
    b->ops->gather(b, first, ids, 1, false, x);
    b->ops->gather(b, second, ids, 1, true, x);
    const float *got = world_read(b, x, 1);
    assert_true(got[0] == 8 && got[1] == 2 * KINDS);
    world_close(b);
}

/* ---- what is there ---- */

enum { COLS = 1024, ROWS_EACH = 4096, BYTES_EACH = COLS * ROWS_EACH * 4 }; /* 16 MiB */

static void buffers_are_cut_out_of_one_piece(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_F32);
    struct err err = ERR_INIT;
    struct rows first = world_empty(b, ROWS_EACH, 1, ELEM_F32); /* the stage has its size then */
    assert_true(b->ops->reserve(b, 2, 2 * (size_t)BYTES_EACH, &err));
    uint64_t room = b->ops->memory_free(b);
    struct rows second = world_empty(b, ROWS_EACH, COLS, ELEM_F32);
    struct rows third = world_empty(b, ROWS_EACH, COLS, ELEM_F32);
    assert_int_equal(b->ops->memory_free(b), room);
    world_empty(b, ROWS_EACH, COLS, ELEM_F32); /* has its own */
    assert_true(b->ops->memory_free(b) <= room - BYTES_EACH);
    int32_t *zeros = world_alloc(ROWS_EACH * sizeof *zeros);
    float *ones = world_alloc(COLS * sizeof *ones);
    for (int i = 0; i < COLS; i++)
        ones[i] = 1;
    b->ops->gather(b, world_table(b, 1, COLS, ones), zeros, 1, false, second);
    const float *kept = world_read(b, third, COLS), *written = world_read(b, second, COLS);
    for (size_t i = 0; i < (size_t)ROWS_EACH * COLS; i++)
        assert_true(written[i] == 1 && kept[i] == 0);
    (void)first;
    world_close(b);
}

static void a_cache_that_is_freed_gives_its_memory_back(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_BF16);
    struct err err = ERR_INIT;
    struct kv_cache *small = b->ops->kv_cache(b, 4, 4096, 1024, &err);
    assert_non_null(small);
    b->ops->kv_free(b, small);
    uint64_t room = b->ops->memory_free(b);
    struct kv_cache *kv = b->ops->kv_cache(b, 4, 4096, 1024, &err);
    assert_non_null(kv);
    assert_true(b->ops->memory_free(b) <= room - 4 * 4096 * 1024 * 4);
    b->ops->kv_free(b, kv);
    assert_int_equal(b->ops->memory_free(b), room);
    world_close(b);
}

static void what_does_not_fit_is_refused_with_what_there_is(void **state) {
    (void)state;
    struct backend *b = cuda_open(DTYPE_F32);
    struct err err = ERR_INIT;
    assert_null(b->ops->buffer(b, 1 << 20, 1 << 28, ELEM_F32, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    assert_non_null(strstr(err.msg, "activations"));
    assert_non_null(strstr(err.msg, "MiB are free"));
    assert_non_null(strstr(err.hint, "--device cpu"));
    struct rows x = world_empty(b, 1, 1, ELEM_F32); /* and the device goes on */
    b->ops->gather(b, numbered_table(b), &(int32_t) { 4 }, 1, false, x);
    assert_true(*world_read(b, x, 1) == 5);
    world_close(b);
}

/* ---- models ---- */

static struct model *tiny_open(const char *folder, struct err *err) {
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 3);
    tiny_write(&t, folder);
    tiny_release(&t);
    const struct model_options o = {
        .dtype = DTYPE_F32, .device = "cuda", .gemm = "plain", .threads = 2
    };
    return model_open(folder, &o, err);
}

/* The shim's device has as much memory as it is told. */
static void memory_set(uint64_t bytes) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    setenv("ASSAY_SHIM_MEMORY", text, 1);
}

static void a_model_that_does_not_fit_is_refused_before_it_is_read(void **state) {
    if (getenv("ASSAY_SHIM_SEED") == NULL)
        skip();
    const uint64_t all = (uint64_t)1 << 30, some = (uint64_t)64 << 20;
    memory_set(all);
    struct err err = ERR_INIT;
    struct backend *b = cuda_open(DTYPE_F32);
    uint64_t taken = all - b->ops->memory_free(b);
    world_close(b);
    struct model *m = tiny_open(*state, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    uint64_t weights = model_info(m)->weight_bytes;
    model_close(m);

    memory_set(taken + weights / 2);
    assert_null(tiny_open(*state, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    assert_non_null(strstr(err.msg, "the weights take"));
    assert_non_null(strstr(err.msg, "MiB free"));

    memory_set(taken + weights + some); /* shorter steps, and all goes on */
    m = tiny_open(*state, &err);
    assert_non_null(m);
    model_close(m);
    unsetenv("ASSAY_SHIM_MEMORY");
}

/* ---- which weights are expanded ---- */

/* Bytes without scales: a row of them has its 512 and room for a scale for each 128. */
enum { MADE = 6, TALL_N = 256, K = 512 };
enum { EXPANDED = TALL_N * K * 2, HELD = TALL_N * (K + 16), TABLE = 37 * K * 4 };

static struct weight_source bytes_source(struct tensor *t) {
    *t = (struct tensor) { .name = "bytes",
        .type = TENSOR_F8_E4M3,
        .n_dims = 2,
        .shape = { TALL_N, K },
        .n_elements = TALL_N * K,
        .data = world_alloc(TALL_N * K),
        .bytes = TALL_N * K };
    return (struct weight_source) { .tensor = t };
}

/* How many of the matrices are expanded in a room for them and a table, which comes last; what
 * they take, and the strip where one is not expanded, is no more than the room. */
static int n_expanded(enum weights_form form, uint64_t room, bool told) {
    struct backend_config config = {
        .dtype = DTYPE_BF16, .gemm = "plain", .threads = 1, .weights = form, .weight_room = room
    };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    struct tensor bytes, rows = { .name = "rows", .type = TENSOR_F32, .n_dims = 2 };
    rows.shape[0] = 37, rows.shape[1] = K, rows.n_elements = 37 * K;
    rows.data = world_alloc(TABLE);
    rows.bytes = TABLE;
    struct weight_source source = bytes_source(&bytes), table = { .tensor = &rows };
    for (int i = 0; told && i < MADE; i++)
        b->ops->expect(b, WEIGHT_MATRIX, &source, TALL_N, K);
    if (told)
        b->ops->expect(b, WEIGHT_TABLE, &table, 37, K);
    uint64_t before = b->ops->memory_free(b);
    int n = 0;
    for (int i = 0; i < MADE; i++) {
        const struct matrix *m = b->ops->matrix(b, &source, TALL_N, K, &err);
        assert_non_null(m);
        uint64_t size = b->ops->matrix_size(b, m).memory;
        assert_true(size == EXPANDED || size == HELD);
        n += size == EXPANDED;
    }
    const struct table *t = b->ops->table(b, &table, 37, K, &err);
    assert_non_null(t);
    assert_int_equal(b->ops->table_size(b, t).memory, TABLE);
    uint64_t taken = before - b->ops->memory_free(b);
    assert_true(!told || form != WEIGHTS_AUTO || taken <= room || n == 0);
    world_close(b);
    return n;
}

static void room_is_kept_for_what_is_still_to_come(void **state) {
    if (getenv("ASSAY_SHIM_SEED") == NULL)
        skip(); /* a device allocates in pieces of its own size */
    (void)state;
    const uint64_t least = TABLE + MADE * HELD + EXPANDED /* the strip */, more = EXPANDED - HELD;
    assert_int_equal(n_expanded(WEIGHTS_AUTO, least, true), 0);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, least + more - 1, true), 0);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, least + more, true), 1);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, least + 2 * more, true), 2);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, TABLE + MADE * EXPANDED - 1, true), 3);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, TABLE + MADE * EXPANDED, true), MADE);
    assert_int_equal(n_expanded(WEIGHTS_AUTO, 2 * EXPANDED, false), 2); /* as they come */
    assert_int_equal(n_expanded(WEIGHTS_EXPANDED, least, true), MADE);
    assert_int_equal(n_expanded(WEIGHTS_FILE, TABLE + MADE * EXPANDED, true), 0);
}

/* Whether a model opens, with all that a step needs; what does not fit is said so. `answer` or
 * NULL: what it says to a short request. */
static bool fits(const char *folder, enum weights_form form, struct answer *answer) {
    const struct model_options o = {
        .dtype = DTYPE_BF16, .device = "cuda", .gemm = "plain", .threads = 2, .weights = form
    };
    const struct run_options run = { 0 };
    const uint32_t shortest = 1;
    struct err err = ERR_INIT;
    struct model *m = model_open(folder, &o, &err);
    if (m == NULL && err.class != ERR_RESOURCE)
        fail_msg("%s", err.msg);
    if (m != NULL && answer != NULL && !subject_scores.ask(m, &shortest, 1, &run, answer, &err))
        fail_msg("%s", err.msg);
    bool open = m != NULL;
    model_close(m);
    return open;
}

static void check_same_answers(const char *folder) {
    struct answer held = { 0 }, chosen = { 0 };
    assert_true(fits(folder, WEIGHTS_FILE, &held) && fits(folder, WEIGHTS_AUTO, &chosen));
    assert_true(held.n > 0 && held.n == chosen.n);
    assert_memory_equal(held.numbers, chosen.numbers, held.n * sizeof *held.numbers);
    answer_release(&held);
    answer_release(&chosen);
}

static void big_write(const char *folder) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.layers = 4, t.width = 512, t.head_dim = 128, t.ffn = 1024;
    tiny_fill(&t, 7);
    fp8_write_tiny(&t, folder);
    tiny_release(&t);
}

/* From a device on which no form fits to one that holds all: where one fits, it is found. */
static void weights_that_fit_in_some_form_are_held(void **state) {
    if (getenv("ASSAY_SHIM_SEED") == NULL)
        skip();
    enum { STEPS = 12 };
    const uint64_t all = (uint64_t)1 << 30, held_bytes = 10000000;
    int n_held = 0, n_expanded = 0;
    big_write(*state);
    memory_set(all);
    struct backend *b = cuda_open(DTYPE_BF16);
    uint64_t taken = all - b->ops->memory_free(b);
    world_close(b);
    for (uint64_t i = 0; i < STEPS; i++) {
        memory_set(taken + held_bytes * (4 + i) / 5);
        bool held = fits(*state, WEIGHTS_FILE, NULL), chosen = fits(*state, WEIGHTS_AUTO, NULL),
             expanded = fits(*state, WEIGHTS_EXPANDED, NULL);
        assert_true(chosen || !(held || expanded));
        if (held && n_held == 2)
            check_same_answers(*state);
        n_held += held;
        n_expanded += expanded;
    }
    unsetenv("ASSAY_SHIM_MEMORY");
    assert_true(n_expanded > 0 && n_held > n_expanded + 2 && n_held < STEPS);
}

/* Nor does it fail what comes after it: CUDA hands an error out once more, at the next launch. */
static void what_cannot_be_made_is_said_once(void **state) {
    enum { N = 4 };
    (void)state;
    if (getenv("ASSAY_SHIM_SEED") == NULL)
        skip();
    struct err err = ERR_INIT;
    struct backend_config config = { .dtype = DTYPE_F32, .threads = 1, .gemm = "plain" };
    setenv("ASSAY_SHIM_EVENTS", "0", 1);
    assert_null(backend_cuda_open(&config, 0, &err));
    assert_int_equal(err.class, ERR_RESOURCE);
    unsetenv("ASSAY_SHIM_EVENTS");
    struct backend *b = cuda_open(DTYPE_F32);
    struct rows x = world_empty(b, N, N, ELEM_F32);
    setenv("ASSAY_SHIM_EVENTS", "0", 1);
    struct tensor tensor = { .name = "a gain",
        .type = TENSOR_F32,
        .n_dims = 1,
        .shape = { N },
        .n_elements = N,
        .data = (const uint8_t *)noise_new(1, N, 1),
        .bytes = N * sizeof(float) };
    assert_null(b->ops->vector(b, &(struct weight_source) { .tensor = &tensor }, N, &err));
    unsetenv("ASSAY_SHIM_EVENTS");
    b->ops->clip(b, 1, x);
    world_close(b);
}

/* ---- on the way back ---- */

/* More than wait at once; the device writes over what was fetched as soon as it may. */
static void what_is_fetched_is_as_it_was_then(void **state) {
    (void)state;
    enum { TIMES = 50, ROWS = 3 };
    struct backend *b = cuda_open(DTYPE_F32);
    struct table *t = numbered_table(b);
    struct rows x = world_empty(b, ROWS, 1, ELEM_F32);
    float got[TIMES][ROWS] = { 0 };
    for (int i = 0; i < TIMES; i++) {
        const int32_t ids[ROWS] = { i % KINDS, (i + 1) % KINDS, 7 };
        b->ops->gather(b, t, ids, 1, false, x);
        b->ops->fetch(b, x, got[i]);
    }
    b->ops->gather(b, t, (const int32_t[ROWS]) { 0 }, 1, false, x);
    b->ops->settle(b);
    for (int i = 0; i < TIMES; i++)
        assert_true(got[i][0] == (float)(i % KINDS + 1) &&
                    got[i][1] == (float)((i + 1) % KINDS + 1) && got[i][2] == 8);
    b->ops->settle(b); /* nothing is under way: nothing happens */
    world_close(b);
}

static void a_fetch_of_any_size_finds_room(void **state) {
    (void)state;
    enum { MANY = 300000 };
    struct backend *b = cuda_open(DTYPE_F32);
    struct rows small = world_rows(b, 1, 2, ELEM_F32, (const float[]) { 3, 4 });
    struct rows large = world_empty(b, MANY, 2, ELEM_F32);
    float first[2] = { 0 }, *all = world_alloc((size_t)MANY * 2 * sizeof *all);
    memset(all, 0xff, (size_t)MANY * 2 * sizeof *all);
    b->ops->fetch(b, small, first);
    b->ops->fetch(b, large, all);
    b->ops->settle(b);
    assert_true(first[0] == 3 && first[1] == 4);
    for (size_t i = 0; i < (size_t)MANY * 2; i++)
        assert_true(all[i] == 0);
    world_close(b);
}

/* ---- threads of the host ---- */

static void item_count(void *arg, unsigned thread, size_t item) {
    unsigned char *seen = arg;
    assert_true(thread < 3);
    seen[item]++;
}

static void work_of_the_host_is_shared_among_its_threads(void **state) {
    (void)state;
    enum { N = 100 };
    unsigned char seen[N] = { 0 };
    struct backend *b = cuda_open(DTYPE_F32);
    assert_int_equal(b->ops->caps(b)->threads, 3);
    b->ops->share(b, N, item_count, seen);
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    world_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_stay_until_they_have_been_read),
        cmocka_unit_test(a_stage_that_grows_loses_no_list),
        cmocka_unit_test(a_weight_arrives_whole_in_parts),
        cmocka_unit_test(a_weight_that_lies_the_other_way_is_turned),
        cmocka_unit_test(weights_may_come_after_the_parts_were_given_back),
        cmocka_unit_test(buffers_are_cut_out_of_one_piece),
        cmocka_unit_test(a_cache_that_is_freed_gives_its_memory_back),
        cmocka_unit_test(what_does_not_fit_is_refused_with_what_there_is),
        cmocka_unit_test(what_cannot_be_made_is_said_once),
        WITH_SCRATCH(a_model_that_does_not_fit_is_refused_before_it_is_read),
        cmocka_unit_test(room_is_kept_for_what_is_still_to_come),
        WITH_SCRATCH(weights_that_fit_in_some_form_are_held),
        cmocka_unit_test(what_is_fetched_is_as_it_was_then),
        cmocka_unit_test(a_fetch_of_any_size_finds_room),
        cmocka_unit_test(work_of_the_host_is_shared_among_its_threads),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
