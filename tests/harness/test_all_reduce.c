/* Devices that add up: the sum is that of the ranks in their order, to the bit, on all of them;
 * however many numbers there are; and where ranks come apart or one fails, the process ends and
 * says so. TENSOR_PARALLEL_DEVICE is the processor, or "cuda" where the tests run on the shim. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "harness/cuda/load.h"

enum { RANKS_MAX = 5, ROWS_MAX = 40, COLS = 33 };

struct rank {
    struct backend *b;
    struct buffer *x;
    uint32_t row, n;
    pthread_t thread;
};

static struct backend *open_one(uint32_t i) {
    const struct backend_config config = { .dtype = DTYPE_F32, .threads = 1, .gemm = "plain" };
    struct err err = ERR_INIT;
    char name[16];
    snprintf(name, sizeof name, "%s", TENSOR_PARALLEL_DEVICE);
    if (strcmp(name, "cuda") == 0)
        snprintf(name, sizeof name, "cuda:%u", i);
    struct backend *b = backend_device_open(name, &config, &err);
    if (b == NULL)
        fail_msg("%s: %s", name, err.msg);
    return b;
}

static bool try_join(struct rank *ranks, uint32_t n, struct err *err) {
    struct backend *all[RANKS_MAX];
    *err = (struct err)ERR_INIT;
    for (uint32_t i = 0; i < n; i++)
        all[i] = ranks[i].b = open_one(i);
    return all[0]->ops->join(all, n, err);
}

static void open_all(struct rank *ranks, uint32_t n) {
    struct err err;
    if (!try_join(ranks, n, &err))
        fail_msg("%s", err.msg);
    for (uint32_t i = 0; i < n; i++) {
        ranks[i].x = ranks[i].b->ops->buffer(ranks[i].b, ROWS_MAX, COLS, ELEM_F32, &err);
        assert_non_null(ranks[i].x);
    }
}

static void close_all(const struct rank *ranks, uint32_t n) {
    for (uint32_t i = n; i-- > 0;)
        ranks[i].b->ops->close(ranks[i].b);
}

static struct rows rows_of(const struct rank *r) {
    return (struct rows) { .buf = r->x, .row = r->row, .n = r->n };
}

/* Numbers of unlike size, so that another order gives other bits. */
static float number(uint32_t rank, uint32_t round, uint32_t i) {
    uint32_t z = (rank * 7919 + round * 104729 + i) * 2654435761U;
    float size = (float)(1U << (z >> 8 & 15));
    return ((float)(z >> 16) / 32768 - 1) * size + 1.0F / 3;
}

static uint32_t round_now;

/* A table of one row of the rank's numbers, gathered into all rows: the one way in. */
static void fill(const struct rank *r, uint32_t rank) {
    struct err err = ERR_INIT;
    static float data[RANKS_MAX][ROWS_MAX * COLS];
    int32_t ids[ROWS_MAX];
    for (uint32_t i = 0; i < r->n * COLS; i++)
        data[rank][i] = number(rank, round_now, i);
    for (uint32_t i = 0; i < r->n; i++)
        ids[i] = (int32_t)i;
    struct tensor *t = xcalloc(1, sizeof *t);
    *t = (struct tensor) { .name = "numbers",
        .type = TENSOR_F32,
        .n_dims = 2,
        .shape = { r->n, COLS },
        .n_elements = (uint64_t)r->n * COLS,
        .data = (const uint8_t *)data[rank],
        .bytes = (size_t)r->n * COLS * sizeof(float) };
    const struct weight_source source = { .tensor = t };
    struct table *table = r->b->ops->table(r->b, &source, r->n, COLS, &err);
    assert_non_null(table);
    r->b->ops->gather(r->b, table, ids, 1, false, rows_of(r));
    free(t);
}

static void *add_up(void *arg) {
    const struct rank *r = arg;
    r->b->ops->all_reduce(r->b, rows_of(r));
    r->b->ops->add(r->b, 0, rows_of(r), rows_of(r)); /* what follows in the stream */
    return NULL;
}

static void run_all(struct rank *ranks, uint32_t n, void *(*fn)(void *arg)) {
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&ranks[i].thread, NULL, fn, &ranks[i]), 0);
    for (uint32_t i = 0; i < n; i++)
        pthread_join(ranks[i].thread, NULL);
}

/* No number is larger than the limit, and no sum. */
static float clipped(float x, float limit) {
    return x > limit ? limit : x < -limit ? -limit : x;
}

static void check_sum(const struct rank *ranks, uint32_t n, uint32_t n_rows, float limit) {
    float *got = xcalloc((size_t)n_rows * COLS + 1, sizeof *got);
    for (uint32_t rank = 0; rank < n; rank++) {
        ranks[rank].b->ops->download(ranks[rank].b, rows_of(&ranks[rank]), got);
        for (uint32_t i = 0; i < n_rows * COLS; i++) {
            volatile float want = clipped(number(0, round_now, i), limit);
            for (uint32_t k = 1; k < n; k++) /* rounded at each step */
                want += clipped(number(k, round_now, i), limit);
            want = clipped(want, limit);
            if (memcmp(&got[i], (const void *)&want, sizeof want) != 0)
                fail_msg("rank %u of %u, number %u of %u rows: %.9g, not %.9g", rank, n, i, n_rows,
                    (double)got[i], (double)want);
        }
    }
    free(got);
}

static void sums_are_of_the_ranks_in_their_order(void **state) {
    static const uint32_t counts[] = { 1, 2, 7, 31, ROWS_MAX };
    (void)state;
    for (uint32_t n = 2; n <= RANKS_MAX; n++) {
        struct rank ranks[RANKS_MAX] = { { 0 } };
        open_all(ranks, n);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            round_now++;
            for (uint32_t i = 0; i < n; i++) {
                ranks[i].n = counts[k];
                ranks[i].row = ROWS_MAX - counts[k] > 3 ? 3 : 0;
                fill(&ranks[i], i);
            }
            run_all(ranks, n, add_up);
            check_sum(ranks, n, counts[k], INFINITY);
        }
        close_all(ranks, n);
    }
}

/* ---- in a step that a device writes down ---- */

enum { STEPS = 4, LIMIT = 100 }; /* the second of a shape is the first that is written down */

static void *clip_and_add_up(void *arg) {
    const struct rank *r = arg;
    const struct backend_ops *ops = r->b->ops;
    const struct step_shape shape = { .n_rows = r->n, .n_segments = 1, .n_reads = r->n };
    bool kept = ops->step_begin && ops->step_begin(r->b, &shape);
    ops->clip(r->b, LIMIT, rows_of(r));
    ops->all_reduce(r->b, rows_of(r));
    ops->clip(r->b, LIMIT, rows_of(r));
    if (kept)
        ops->step_end(r->b);
    return NULL;
}

/* What the step was asked for before the sum is done before it, and the rest behind it. */
static void a_sum_within_a_step_stands_where_it_was_asked_for(void **state) {
    struct rank ranks[2] = { { 0 } };
    (void)state;
    open_all(ranks, 2);
    for (int step = 0; step < STEPS; step++) {
        round_now++;
        for (uint32_t i = 0; i < 2; i++) {
            ranks[i].n = 7, ranks[i].row = 3;
            fill(&ranks[i], i);
        }
        run_all(ranks, 2, clip_and_add_up);
        check_sum(ranks, 2, 7, LIMIT);
    }
    close_all(ranks, 2);
}

/* A sum of a row is the same whichever rows stand beside it: that of one row alone is checked
 * against the same numbers above. Here: no rows at all, which all ranks go through all the same. */
static void no_rows_are_no_sum(void **state) {
    (void)state;
    struct rank ranks[3] = { { 0 } };
    open_all(ranks, 3);
    run_all(ranks, 3, add_up);
    close_all(ranks, 3);
}

/* ---- what goes wrong ---- */

/* Runs fn in a process of its own, which has to end by an error that says `why`, and soon. There
 * the stand-in's call `fails`, if that is one. */
static void check_dies(void (*fn)(void), const char *fails, const char *why) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        alarm(120); /* a guard against hanging */
        if (fails)
            setenv("ASSAY_FAKE_NCCL", fails, 1);
        fn();
        _exit(0);
    }
    close(pipes[1]);
    char said[4096] = "";
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n < sizeof said - 1; n += (size_t)(got > 0 ? got : 0))
        got = read(pipes[0], said + n, sizeof said - 1 - n);
    close(pipes[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(said, why) == NULL)
        fail_msg("it should say '%s'; status %d: %s", why, status, said);
}

static void come_with_unlike_lists(void) {
    struct rank ranks[3] = { { 0 } };
    open_all(ranks, 3);
    for (uint32_t i = 0; i < 3; i++)
        ranks[i].n = i == 1 ? 4 : 5;
    run_all(ranks, 3, add_up);
}

static void ranks_that_come_apart_end_the_process(void **state) {
    (void)state;
    check_dies(come_with_unlike_lists, NULL,
        strcmp(TENSOR_PARALLEL_DEVICE, "cpu") ? "come apart" : "rows");
}

static void come_with_like_lists(void) {
    struct rank ranks[3] = { { 0 } };
    open_all(ranks, 3);
    for (int again = 0; again < 3; again++) {
        for (uint32_t i = 0; i < 3; i++)
            ranks[i].n = 5;
        run_all(ranks, 3, add_up);
    }
}

/* One rank's call fails: the others, which wait for it, don't wait for ever. */
static void a_rank_that_fails_ends_the_process(void **state) {
    (void)state;
    if (!getenv("ASSAY_NCCL") || !*getenv("ASSAY_NCCL"))
        skip();
    const char *why = "NCCL 2.27.5: unhandled system error";
    check_dies(come_with_like_lists, "ncclGroupEnd", why);
    check_dies(come_with_like_lists, "ncclCommGetAsyncError", why);
}

static void a_library_that_is_named_and_cannot_is_an_error(void **state) {
    (void)state;
    struct err err;
    struct rank ranks[2] = { { 0 } };
    if (!getenv("ASSAY_NCCL") || !*getenv("ASSAY_NCCL"))
        skip();
    setenv("ASSAY_FAKE_NCCL", "ncclCommInitAll", 1);
    assert_false(try_join(ranks, 2, &err));
    assert_non_null(strstr(err.msg, "could not bring 2 devices together"));
    close_all(ranks, 2);
    unsetenv("ASSAY_FAKE_NCCL");
    char *named = xstrdup(getenv("ASSAY_NCCL"));
    setenv("ASSAY_NCCL", "/nowhere/libnccl.so", 1);
    assert_false(try_join(ranks, 2, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    close_all(ranks, 2);
    setenv("ASSAY_NCCL", named, 1);
    free(named);
}

/* A device that has no events joins nothing, and is none the worse for it: CUDA hands an error out
 * once more, at the next launch. */
static void devices_that_cannot_join_go_on_alone(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    if (strcmp(TENSOR_PARALLEL_DEVICE, "cuda") != 0 || !getenv("ASSAY_SHIM_DEVICES"))
        skip();
    struct rank ranks[2] = { { .b = open_one(0), .n = 3 }, { .b = open_one(1), .n = 3 } };
    struct backend *all[] = { ranks[0].b, ranks[1].b };
    setenv("ASSAY_SHIM_EVENTS", "0", 1);
    assert_false(all[0]->ops->join(all, 2, &err));
    unsetenv("ASSAY_SHIM_EVENTS");
    assert_int_equal(err.class, ERR_NODE);
    for (int i = 0; i < 2; i++) {
        ranks[i].x = all[i]->ops->buffer(all[i], ROWS_MAX, COLS, ELEM_F32, &err);
        assert_non_null(ranks[i].x);
        all[i]->ops->clip(all[i], 1, rows_of(&ranks[i]));
    }
    close_all(ranks, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_that_come_apart_end_the_process), /* forks: before any thread */
        cmocka_unit_test(a_rank_that_fails_ends_the_process),
        cmocka_unit_test(sums_are_of_the_ranks_in_their_order),
        cmocka_unit_test(a_sum_within_a_step_stands_where_it_was_asked_for),
        cmocka_unit_test(no_rows_are_no_sum),
        cmocka_unit_test(a_library_that_is_named_and_cannot_is_an_error),
        cmocka_unit_test(devices_that_cannot_join_go_on_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
