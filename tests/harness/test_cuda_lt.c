/* Products by cuBLASLt: numbers as the plain kernels of the CPU make them, the same bits for every
 * number of rows, and our own kernel wherever the library can't or mustn't. Runs on a device with
 * the library; on the shim with the stand-in for it (shim/fake_cublaslt.cc), which can also be told
 * to fail and to misbehave. */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "harness/cuda/load.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"

/* ---- the stand-in ---- */

typedef unsigned count_fn(void);
static count_fn *products, *live; /* NULL: it is the real library */

static count_fn *count_find(const char *name) {
    const char *path = getenv("ASSAY_CUBLASLT");
    void *library = path != NULL && path[0] != '\0' ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    union {
        void *symbol;
        count_fn *count;
    } found = { .symbol = library != NULL ? dlsym(library, name) : NULL };
    return found.count;
}

static void tell(const char *word) {
    if (word != NULL)
        setenv("ASSAY_FAKE_CUBLASLT", word, 1);
    else
        unsetenv("ASSAY_FAKE_CUBLASLT");
}

#define SKIP_WITHOUT_STAND_IN                                                                      \
    do {                                                                                           \
        (void)state;                                                                               \
        if (products == NULL)                                                                      \
            skip();                                                                                \
    } while (0)

/* ---- products ---- */

static struct backend *open_with(enum dtype dtype, const char *gemm, struct err *err) {
    struct backend_config config = { .dtype = dtype, .threads = 2, .gemm = gemm };
    return backend_cuda_open(&config, 0, err);
}

static struct backend *cuda_open(enum dtype dtype) {
    struct err err = ERR_INIT;
    struct backend *b = open_with(dtype, "auto", &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

static bool by_library(const struct backend *b) {
    return strncmp(b->ops->caps(b)->gemm, "cublasLt ", 9) == 0;
}

static struct rows noise_rows(
    struct backend *b, uint32_t seed, uint32_t n, uint32_t cols, enum elem elem) {
    return world_rows(b, n, cols, elem, noise_new(seed, (size_t)n * cols, 1));
}

static struct rows window(struct rows x, uint32_t from, uint32_t n) {
    return (struct rows) { .buf = x.buf, .row = x.row + from, .n = n };
}

struct product {
    uint32_t rows, n, k;
    enum elem out;
    enum activation activation;
    float scale;
    bool bias, accumulate;
};

enum { AROUND = 2 }; /* rows before and behind those that are written */

/* The whole buffer of the result, so that what lies around the rows is seen too. */
static float *run(struct backend *b, const struct product *p) {
    struct rows x = noise_rows(b, 1, p->rows + AROUND, p->k, b->ops->caps(b)->act);
    struct matrix *w =
        world_matrix(b, p->n, p->k, noise_new(2, (size_t)p->n * p->k, 1 / sqrtf((float)p->k)));
    struct rows out = noise_rows(b, 3, p->rows + 2 * AROUND, p->n, p->out);
    struct epilogue e = { .activation = p->activation,
        .scale = p->scale,
        .accumulate = p->accumulate,
        .bias = p->bias ? world_vector(b, p->n, noise_new(7, p->n, 1)) : NULL };
    b->ops->matmul(b, w, window(x, AROUND, p->rows), window(out, AROUND, p->rows), &e);
    return world_read(b, out, p->n);
}

static void compare(
    struct backend *cuda, struct backend *cpu, enum dtype dtype, const struct product *p) {
    char what[128];
    snprintf(what, sizeof what, "%u x %u (%u) act %d scale %g bias %d add %d out %d in %s", p->rows,
        p->n, p->k, (int)p->activation, (double)p->scale, p->bias, p->accumulate, (int)p->out,
        dtype_name(dtype));
    assert_close(what, (size_t)(p->rows + 2 * AROUND) * p->n, run(cuda, p), run(cpu, p),
        p->out == ELEM_BF16 ? 1e-2 : 1e-5);
}

static void check_product(enum dtype dtype, const struct product *p) {
    struct setting plain = { "plain", "plain", dtype, 1 };
    struct backend *cuda = cuda_open(dtype), *cpu = world_open(&plain);
    compare(cuda, cpu, dtype, p);
    cpu->ops->close(cpu);
    world_close(cuda);
}

/* The library finishes some of these, we finish the others; odd widths of rows, of either side,
 * are among them. */
static const struct {
    uint32_t rows, n, k;
} shapes[] = { { 1, 8, 8 }, { 5, 16, 24 }, { 33, 24, 64 }, { 3, 17, 16 }, { 2, 30, 8 },
    { 4, 12, 9 }, { 130, 20, 16 } };

static void check_shape(enum dtype dtype, enum elem out, size_t shape) {
    static const enum activation activations[] = { ACT_NONE, ACT_GELU, ACT_GELU_TANH, ACT_RELU };
    struct setting plain = { "plain", "plain", dtype, 1 };
    struct backend *cuda = cuda_open(dtype), *cpu = world_open(&plain);
    for (size_t a = 0; a < sizeof activations / sizeof *activations; a++) {
        for (int bits = 0; bits < 8; bits++) {
            struct product p = { .rows = shapes[shape].rows,
                .n = shapes[shape].n,
                .k = shapes[shape].k,
                .out = out,
                .activation = activations[a],
                .scale = bits & 1 ? 0.5F : 0,
                .bias = bits & 2,
                .accumulate = bits & 4 };
            if (!p.accumulate || out == ELEM_F32)
                compare(cuda, cpu, dtype, &p);
        }
    }
    cpu->ops->close(cpu);
    world_close(cuda);
}

static void check_kinds(enum dtype dtype, enum elem out) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(dtype, out, i);
}

static void products_agree_with_plain_c_in_f32(void **state) {
    (void)state;
    check_kinds(DTYPE_F32, ELEM_F32);
}

static void products_agree_with_plain_c_in_bf16(void **state) {
    (void)state;
    check_kinds(DTYPE_BF16, ELEM_F32);
    check_kinds(DTYPE_BF16, ELEM_BF16);
}

/* More sums than wait at once: rows go in several pieces. */
static void wide_products_are_finished_in_pieces(void **state) {
    (void)state;
    check_product(DTYPE_BF16, &(struct product) { .rows = 600,
                                  .n = 8192,
                                  .k = 8,
                                  .out = ELEM_BF16,
                                  .activation = ACT_SILU,
                                  .bias = true });
}

/* ---- the same bits ---- */

/* Rows [0, most) all at once, then the first m, the last m, and one from the middle, for every m.
 */
static void check_rows_alike(
    enum dtype dtype, enum elem kind, const struct epilogue *how, uint32_t most, uint32_t step) {
    enum { N = 40, K = 64 };
    struct backend *b = cuda_open(dtype);
    struct rows x = noise_rows(b, 1, most, K, b->ops->caps(b)->act);
    struct matrix *w = world_matrix(b, N, K, noise_new(2, N * K, 1));
    struct vector *bias = world_vector(b, N, noise_new(4, N, 1));
    struct epilogue e = *how;
    e.bias = how->activation == ACT_NONE ? NULL : bias;
    struct rows all = world_empty(b, most, N, kind), some = world_empty(b, most, N, kind);
    b->ops->matmul(b, w, x, all, &e);
    float *want = world_read(b, all, N), *got = calloc((size_t)most * N, sizeof *got);
    for (uint32_t m = 1; m <= most; m += step) {
        const uint32_t from[] = { 0, most - m, (most - m) / 2 };
        for (int i = 0; i < 3; i++) {
            b->ops->matmul(b, w, window(x, from[i], m), window(some, 0, m), &e);
            b->ops->download(b, window(some, 0, m), got);
            char what[64];
            snprintf(what, sizeof what, "%u rows from %u", m, from[i]);
            assert_same_bits(what, (size_t)m * N, got, want + (size_t)from[i] * N);
        }
    }
    free(got);
    world_close(b);
}

static void check_bits(uint32_t most, uint32_t step) {
    const struct epilogue plain = { 0 }, gelu = { .activation = ACT_GELU },
                          gelu_tanh = { .activation = ACT_GELU_TANH };
    check_rows_alike(DTYPE_F32, ELEM_F32, &plain, most, step);
    check_rows_alike(DTYPE_F32, ELEM_F32, &gelu, most, step);
    check_rows_alike(DTYPE_BF16, ELEM_F32, &plain, most, step);
    check_rows_alike(DTYPE_BF16, ELEM_BF16, &plain, most, step);
    check_rows_alike(DTYPE_BF16, ELEM_BF16, &gelu, most, step);
    check_rows_alike(DTYPE_BF16, ELEM_BF16, &gelu_tanh, most, step);
}

/* On the shim not each number of rows: it takes long there. */
static void a_row_is_the_same_among_any_number_of_rows(void **state) {
    (void)state;
    check_bits(300, products == NULL ? 1 : 13);
}

static void residuals_are_the_same_among_any_number_of_rows(void **state) {
    (void)state;
    enum { T = 150, N = 24, K = 32 };
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct backend *b = cuda_open((enum dtype)dtype);
        struct rows x = noise_rows(b, 1, T, K, b->ops->caps(b)->act);
        struct matrix *w = world_matrix(b, N, K, noise_new(2, N * K, 1));
        struct epilogue add = { .accumulate = true };
        struct rows all = noise_rows(b, 3, T, N, ELEM_F32), one = noise_rows(b, 3, T, N, ELEM_F32);
        b->ops->matmul(b, w, x, all, &add);
        for (uint32_t t = 0; t < T; t++)
            b->ops->matmul(b, w, window(x, t, 1), window(one, t, 1), &add);
        assert_same_bits("residual", (size_t)T * N, world_read(b, one, N), world_read(b, all, N));
        world_close(b);
    }
}

/* ---- where products go ---- */

/* Our kernel fills its tiles, and blocks are filled: neither shows. */
static void check_by_library(enum dtype dtype, const struct product *p) {
    struct backend *b = cuda_open(dtype);
    if (by_library(b)) {
        run(b, p);
        if (b->ops->rows_filled(b) != 0)
            fail_msg("%llu rows filled: out %d act %d add %d in %s",
                (unsigned long long)b->ops->rows_filled(b), (int)p->out, (int)p->activation,
                p->accumulate, dtype_name(dtype));
    }
    world_close(b);
}

static void a_library_that_is_there_makes_the_products_whatever_the_rows(void **state) {
    (void)state;
    struct product p = { .rows = 70, .n = 256, .k = 128, .out = ELEM_F32 };
    check_by_library(DTYPE_F32, &p);
    check_by_library(DTYPE_BF16, &p);
    p.accumulate = p.bias = true;
    check_by_library(DTYPE_F32, &p);
    check_by_library(DTYPE_BF16, &p);
    p.accumulate = false;
    p.out = ELEM_BF16;
    check_by_library(DTYPE_BF16, &p);
    p.activation = ACT_GELU;
    check_by_library(DTYPE_BF16, &p);
    p.activation = ACT_GELU_TANH;
    check_by_library(DTYPE_BF16, &p);
}

/* ---- the stand-in's faults ---- */

static void the_caps_say_which_library(void **state) {
    SKIP_WITHOUT_STAND_IN;
    struct backend *b = cuda_open(DTYPE_BF16);
    assert_string_equal(b->ops->caps(b)->gemm, "cublasLt 13.2.3");
    world_close(b);
}

static const struct product usual = {
    .rows = 70, .n = 24, .k = 32, .out = ELEM_F32, .activation = ACT_NONE
};

static void widths_that_do_not_align_go_to_our_kernel(void **state) {
    SKIP_WITHOUT_STAND_IN;
    struct product odd = usual;
    odd.k = 33;
    unsigned before = products();
    check_product(DTYPE_BF16, &odd);
    assert_int_equal(products(), before);
    check_product(DTYPE_BF16, &usual);
    assert_true(products() > before);
}

static void nothing_of_the_library_is_left_behind(void **state) {
    SKIP_WITHOUT_STAND_IN;
    assert_int_equal(live(), 0);
    struct backend *b = cuda_open(DTYPE_BF16);
    run(b, &usual);
    assert_true(live() > 0);
    world_close(b);
    assert_int_equal(live(), 0);
}

static void a_call_that_fails_leaves_our_kernel(void **state) {
    SKIP_WITHOUT_STAND_IN;
    static const char *const calls[] = { "cublasLtCreate", "cublasLtMatmulDescCreate",
        "cublasLtMatmulDescSetAttribute", "cublasLtMatrixLayoutCreate",
        "cublasLtMatrixLayoutSetAttribute", "cublasLtMatmulPreferenceCreate",
        "cublasLtMatmulPreferenceSetAttribute", "cublasLtMatmulAlgoGetHeuristic",
        "cublasLtMatmulAlgoConfigGetAttribute", "cublasLtMatmul", "none" };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        tell(calls[i]);
        unsigned before = products();
        check_product(DTYPE_BF16, &usual);
        check_product(DTYPE_F32, &usual);
        assert_int_equal(products(), before);
        assert_int_equal(live(), 0);
    }
    tell(NULL);
}

/* In f32 the library has to say that it multiplies in f32; bf16 doesn't ask for more. */
static void an_algorithm_that_does_not_say_how_it_counts_is_not_taken_in_f32(void **state) {
    SKIP_WITHOUT_STAND_IN;
    tell("cublasLtMatmulAlgoCapGetAttribute");
    unsigned before = products();
    check_product(DTYPE_F32, &usual);
    assert_int_equal(products(), before);
    tell(NULL);
}

static void an_algorithm_that_wants_room_gets_it_where_there_is_no_other(void **state) {
    SKIP_WITHOUT_STAND_IN;
    tell("room");
    unsigned before = products();
    check_product(DTYPE_BF16, &usual);
    assert_true(products() > before);
    tell(NULL);
}

static void an_algorithm_that_goes_by_the_number_of_rows_runs_in_blocks(void **state) {
    SKIP_WITHOUT_STAND_IN;
    tell("by_rows");
    struct backend *b = cuda_open(DTYPE_BF16);
    run(b, &usual);
    assert_int_equal(b->ops->rows_filled(b), 128 - usual.rows);
    world_close(b);
    check_kinds(DTYPE_BF16, ELEM_F32);
    check_bits(300, 37);
    residuals_are_the_same_among_any_number_of_rows(state);
    tell(NULL);
}

static void an_algorithm_that_goes_by_place_is_not_taken(void **state) {
    SKIP_WITHOUT_STAND_IN;
    tell("by_place");
    struct backend *b = cuda_open(DTYPE_BF16);
    run(b, &usual);
    unsigned tried = products();
    run(b, &usual);
    assert_int_equal(products(), tried);
    world_close(b);
    check_product(DTYPE_BF16, &usual);
    tell(NULL);
}

/* What is said of the products of `usual`, told so. */
static char *said_of(const char *word) {
    char path[] = "/tmp/assay-lt-said-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    tell(word);
    setenv("ASSAY_CUBLASLT_SAY", path, 1);
    struct backend *b = cuda_open(DTYPE_BF16);
    run(b, &usual);
    run(b, &usual);
    world_close(b);
    unsetenv("ASSAY_CUBLASLT_SAY");
    tell(NULL);
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    assert_true(file_read(path, 1 << 16, &text, &err));
    unlink(path);
    return strbuf_take(&text);
}

static void who_asks_is_told_what_became_of_each_kind_of_product(void **state) {
    SKIP_WITHOUT_STAND_IN;
    static const struct {
        const char *word, *says;
    } cases[] = { { NULL, "algorithm 0, tile -1, stages -1, workspace 0; rows are alike\n" },
        { "by_rows", "; rows differ, and are alike in blocks of 128\n" },
        { "by_place", "; not used: rows differ, in blocks too\n" },
        { "cublasLtMatmulAlgoGetHeuristic", ": not used: no algorithm, or no memory" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *said = said_of(cases[i].word);
        char kind[64];
        snprintf(kind, sizeof kind, "n %u, k %u, bf16 to ", usual.n, usual.k);
        assert_non_null(strstr(said, kind));
        assert_non_null(strstr(said, cases[i].says));
        free(said);
    }
}

static void a_refusal_later_ends_the_process(void **state) {
    SKIP_WITHOUT_STAND_IN;
    pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        struct backend *b = cuda_open(DTYPE_BF16);
        run(b, &usual);
        tell("cublasLtMatmul");
        run(b, &usual);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

/* ---- memory that is short ---- */

/* What the shim's device has, in all; 0: as much as ever. */
static void memory_set(uint64_t bytes) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    if (bytes != 0)
        setenv("ASSAY_SHIM_MEMORY", text, 1);
    else
        unsetenv("ASSAY_SHIM_MEMORY");
}

/* Nothing more can be had. */
static void memory_take(struct backend *b) {
    const uint64_t all = (uint64_t)1 << 30;
    memory_set(all);
    memory_set(all - b->ops->memory_free(b));
}

struct narrow {
    struct backend *b;
    struct rows x, out;
    struct matrix *w;
};

static struct narrow narrow_open(void) {
    enum { ROWS = 70, N = 24, K = 32 };
    struct narrow n = { .b = cuda_open(DTYPE_BF16) };
    n.x = noise_rows(n.b, 1, ROWS, K, ELEM_BF16);
    n.w = world_matrix(n.b, N, K, noise_new(2, N * K, 1));
    n.out = world_empty(n.b, ROWS, N, ELEM_F32);
    return n;
}

static float *narrow_run(struct narrow *n) {
    n->b->ops->matmul(n->b, n->w, n->x, n->out, &(struct epilogue) { 0 });
    return world_read(n->b, n->out, 24);
}

/* The same choice, and weights as they were: of an algorithm that is good, of one that goes in
 * blocks where there is room for these, and of one that is not taken. */
static void check_trial_without_memory(const char *word) {
    tell(word);
    struct narrow with = narrow_open(), without = narrow_open();
    unsigned before = products();
    const float *want = narrow_run(&with);
    unsigned tried = products() - before;
    uint64_t filled = with.b->ops->rows_filled(with.b);
    memory_take(without.b);
    assert_same_bits("without memory", 70 * 24, narrow_run(&without), want);
    assert_int_equal(products() - before, 2 * tried);
    assert_int_equal(without.b->ops->rows_filled(without.b), filled);
    memory_set(0);
    assert_same_bits("with memory again", 70 * 24, narrow_run(&without), want);
    without.b->ops->close(without.b);
    world_close(with.b);
    tell(NULL);
}

static void a_trial_that_finds_no_memory_comes_to_the_same(void **state) {
    SKIP_WITHOUT_STAND_IN;
    check_trial_without_memory(NULL);
    check_trial_without_memory("room");
}

/* Whoever is to die of it, and what it says. */
static void check_ends(const char *word, bool short_of_memory, const char *says) {
    int ends[2], status = 0;
    char text[1024] = "";
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        struct narrow n = narrow_open();
        tell(word);
        if (short_of_memory)
            memory_take(n.b);
        narrow_run(&n);
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(n > 0 && (WIFSIGNALED(status) || WEXITSTATUS(status) != 0));
    if (strstr(text, says) == NULL)
        fail_msg("'%s' is not in: %s", says, text);
}

static void memory_that_cannot_be_done_without_is_no_reason_for_another_algorithm(void **state) {
    SKIP_WITHOUT_STAND_IN;
    check_ends("by_rows", true, "a block of rows on the device");
    check_ends("starves", false, "use --gemm plain");
}

/* ---- without the library ---- */

static char *library; /* that the environment names */

static void no_library_is_no_obstacle(void **state) {
    (void)state;
    setenv("ASSAY_CUBLASLT", "/nowhere/libcublasLt.so", 1);
    struct backend *b = cuda_open(DTYPE_BF16);
    assert_string_equal(b->ops->caps(b)->gemm, "plain");
    world_close(b);
    check_product(DTYPE_BF16, &usual);
}

static void a_library_that_is_asked_for_must_be_there(void **state) {
    (void)state;
    static const char *const names[] = { "", "/nowhere/libcublasLt.so", "libm.so.6" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("ASSAY_CUBLASLT", names[i], 1);
        struct err err = ERR_INIT;
        assert_null(open_with(DTYPE_BF16, "cublaslt", &err));
        assert_int_equal(err.class, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "no cuBLASLt"));
        assert_non_null(strstr(err.hint, "ASSAY_CUBLASLT"));
    }
}

static void plain_does_not_look_for_the_library(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct backend *b = open_with(DTYPE_BF16, "plain", &err);
    assert_non_null(b);
    assert_false(by_library(b));
    world_close(b);
}

static int library_again(void **state) {
    (void)state;
    if (library != NULL)
        setenv("ASSAY_CUBLASLT", library, 1);
    else
        unsetenv("ASSAY_CUBLASLT");
    tell(NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(products_agree_with_plain_c_in_f32, library_again),
        cmocka_unit_test_teardown(products_agree_with_plain_c_in_bf16, library_again),
        cmocka_unit_test_teardown(wide_products_are_finished_in_pieces, library_again),
        cmocka_unit_test_teardown(a_row_is_the_same_among_any_number_of_rows, library_again),
        cmocka_unit_test_teardown(residuals_are_the_same_among_any_number_of_rows, library_again),
        cmocka_unit_test_teardown(
            a_library_that_is_there_makes_the_products_whatever_the_rows, library_again),
        cmocka_unit_test_teardown(the_caps_say_which_library, library_again),
        cmocka_unit_test_teardown(widths_that_do_not_align_go_to_our_kernel, library_again),
        cmocka_unit_test_teardown(nothing_of_the_library_is_left_behind, library_again),
        cmocka_unit_test_teardown(a_call_that_fails_leaves_our_kernel, library_again),
        cmocka_unit_test_teardown(
            an_algorithm_that_does_not_say_how_it_counts_is_not_taken_in_f32, library_again),
        cmocka_unit_test_teardown(
            an_algorithm_that_wants_room_gets_it_where_there_is_no_other, library_again),
        cmocka_unit_test_teardown(
            an_algorithm_that_goes_by_the_number_of_rows_runs_in_blocks, library_again),
        cmocka_unit_test_teardown(an_algorithm_that_goes_by_place_is_not_taken, library_again),
        cmocka_unit_test_teardown(
            who_asks_is_told_what_became_of_each_kind_of_product, library_again),
        cmocka_unit_test_teardown(a_refusal_later_ends_the_process, library_again),
        cmocka_unit_test_teardown(a_trial_that_finds_no_memory_comes_to_the_same, library_again),
        cmocka_unit_test_teardown(
            memory_that_cannot_be_done_without_is_no_reason_for_another_algorithm, library_again),
        cmocka_unit_test_teardown(no_library_is_no_obstacle, library_again),
        cmocka_unit_test_teardown(a_library_that_is_asked_for_must_be_there, library_again),
        cmocka_unit_test_teardown(plain_does_not_look_for_the_library, library_again),
    };
    library = getenv("ASSAY_CUBLASLT") != NULL ? strdup(getenv("ASSAY_CUBLASLT")) : NULL;
    products = count_find("fake_cublaslt_products");
    live = count_find("fake_cublaslt_live");
    if (!gpu_there())
        return gpu_skip();
    if (getenv("TESTS") != NULL)
        cmocka_set_test_filter(getenv("TESTS"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(library);
    return failed;
}
