/* The same bits: what a request gets depends on nothing but the request.
 *
 * The test is a matrix. Its rows are ways to run a list of requests: cut into batches, shuffled,
 * with nothing shared, on several threads, in little memory. Its columns are what is asked of which
 * model, in which dtype, with which matrix library. In each cell all answers are held, bit for bit,
 * against the truth of the column: each request alone, on one thread, in plenty of memory, with
 * nothing shared. A way that means to make steps short, or to spill texts, has to show that it did.
 *
 * Every way meets every model with every library; dtypes take turns, so that every column meets
 * every third way. With ASSAY_EVERY_CELL set none is left out, which takes three times as long.
 */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/cpu/kernels.h"
#include "described.h"
#include "subjects.h"
#include "tiny_models.h"

/* ---- rows ---- */

/* Zeroed: all requests in one list, in order, on one thread, in plenty of memory, sharing. */
struct way {
    const char *says;
    unsigned threads;
    uint32_t batch;
    bool shuffled, unshared, twice;
    bool used;     /* the model has answered other lists before */
    bool stopped;  /* ... and has been stopped in the middle of one */
    double memory; /* times the least that holds the longest request; 0: plenty */
};

static const struct way ways[] = {
    { "in_one_list", .threads = 1 },
    { "in_batches_of_one", .batch = 1 },
    { "in_batches_of_two", .batch = 2 },
    { "in_batches_of_seven", .batch = 7 },
    { "in_batches_of_sixty_four", .batch = 64 },
    { "with_nothing_shared", .unshared = true },
    { "shuffled", .shuffled = true },
    { "shuffled_in_batches_of_seven", .shuffled = true, .batch = 7 },
    { "shuffled_in_batches_of_two_with_nothing_shared", .shuffled = true, .batch = 2,
        .unshared = true },
    { "each_asked_twice", .twice = true, .shuffled = true },
    { "on_two_threads", .threads = 2 },
    { "on_two_threads_with_nothing_shared", .threads = 2, .unshared = true },
    { "on_three_threads_in_batches_of_sixty_four", .threads = 3, .batch = 64, .shuffled = true },
    { "in_the_least_memory", .memory = 1 },
    { "in_half_as_much_again", .memory = 1.5, .shuffled = true },
    { "in_twice_the_least_on_two_threads", .memory = 2, .threads = 2 },
    { "in_thrice_the_least_with_nothing_shared", .memory = 3, .unshared = true, .twice = true },
    { "by_a_model_that_has_answered_before", .used = true },
    { "by_a_model_that_was_stopped", .used = true, .stopped = true, .memory = 1.5 },
};

/* ---- columns ---- */

enum model_kind {
    LLAMA,
    CAPPED,
    LARGE,
    ENCODER,
    N_TINY,
    /* one for each further kind of attention: see described.c */
    SLOPES = N_TINY,
    SINKS,
    LATENT,
    LONG,
    DISTANCES,
    BUCKETS,
    RECURRENCE,
    HYBRID,
    N_KINDS
};
static const char *const kind_names[N_KINDS] = { "llama", "capped", "large", "encoder", "slopes",
    "sinks", "latent", "long", "distances", "buckets", "recurrence", "hybrid" };

/* How a list went. */
struct seen {
    uint64_t steps, longest, done; /* longest: rows of a step; done: progress so far */
    uint64_t stop_after;           /* steps; 0: never */
    struct run_stats stats;
};

struct column {
    const struct subject *subject;
    enum model_kind kind;
    enum dtype dtype;
    const char *gemm;
    char name[64];
    struct answer *truth; /* NULL: not known yet */
    struct seen plenty;   /* one list in plenty of memory */
    size_t least_memory;
};

static const struct {
    const struct subject *subject;
    enum model_kind kind;
} asked[] = {
    { &subject_scores, LLAMA },
    { &subject_scores, CAPPED },
    { &subject_scores, LARGE },
    { &subject_scores, SLOPES },
    { &subject_scores, SINKS },
    { &subject_scores, LATENT },
    { &subject_scores, LONG },
    { &subject_scores, RECURRENCE },
    { &subject_scores, HYBRID },
    { &subject_texts, LLAMA },
    { &subject_texts, CAPPED },
    { &subject_texts, SINKS },
    { &subject_texts, LONG },
    { &subject_texts, RECURRENCE },
    { &subject_texts, HYBRID },
    { &subject_vectors, ENCODER },
    { &subject_vectors, CAPPED },
    { &subject_vectors, DISTANCES },
    { &subject_vectors, BUCKETS },
};
static const char *const gemms[] = { "plain", "dnnl" };
static const enum dtype dtypes[] = { DTYPE_F32, DTYPE_BF16, DTYPE_INT8 };

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))
enum {
    N_WAYS = COUNT_OF(ways),
    N_ASKED = COUNT_OF(asked),
    N_GEMMS = COUNT_OF(gemms),
    N_DTYPES = COUNT_OF(dtypes),
    N_COLUMNS = N_ASKED * N_DTYPES * N_GEMMS,
    LIST_MAX = 256
};

static struct {
    void *folder;
    char *folders[N_KINDS];
    const char *arch_files[N_KINDS];
    struct column columns[N_COLUMNS];
} world;

static struct tiny shape_of(enum model_kind kind) {
    struct tiny t = tiny_shape(kind == ENCODER ? TINY_BERT : TINY_LLAMA);
    t.max_length = 2 * KEY_BLOCK + 64;
    if (kind == LLAMA)
        t.max_length = 1100; /* longer than a step may ever be */
    if (kind == CAPPED) {    /* all that bends attention; one key head for all, odd widths */
        t.layers = 3, t.heads = 5, t.kv_heads = 1, t.head_dim = 10, t.ffn = 33;
        t.window = 75, t.attention_cap = 2, t.logit_cap = 20;
    }
    if (kind == LARGE) /* a vocabulary that is read in several parts */
        t.kv_heads = 4, t.vocab = 8300;
    return t;
}

static void models_write(const char *folder) {
    struct err err = ERR_INIT;
    for (enum model_kind k = 0; k < N_KINDS; k++) {
        world.folders[k] = path_join(folder, kind_names[k]);
        if (!dir_make(world.folders[k], &err))
            fail_msg("%s", err.msg);
        if (k >= N_TINY) {
            described_write(described_config(kind_names[k]), 70 + k, world.folders[k]);
            tiny_write_letters(world.folders[k]);
            continue;
        }
        struct tiny t = shape_of(k);
        tiny_fill(&t, 70 + k);
        tiny_write(&t, world.folders[k]);
        if (t.vocab == 37)
            tiny_write_letters(world.folders[k]);
        world.arch_files[k] = tiny_arch(&t);
        tiny_release(&t);
    }
}

static void columns_name(void) {
    for (size_t i = 0; i < N_COLUMNS; i++) {
        struct column *c = &world.columns[i];
        *c = (struct column) { .subject = asked[i / (N_DTYPES * N_GEMMS)].subject,
            .kind = asked[i / (N_DTYPES * N_GEMMS)].kind,
            .dtype = dtypes[i / N_GEMMS % N_DTYPES],
            .gemm = gemms[i % N_GEMMS] };
        snprintf(c->name, sizeof c->name, "%s, %s, %s, %s", c->subject->name,
            path_base(world.folders[c->kind]), dtype_name(c->dtype), c->gemm);
    }
}

static struct model *column_open(
    const struct column *c, unsigned threads, size_t memory, struct err *err) {
    const struct model_options options = { .dtype = c->dtype,
        .device = "cpu",
        .threads = threads ? threads : 1,
        .arch_file = world.arch_files[c->kind],
        .gemm = c->gemm,
        .memory_bytes = memory };
    return model_open(world.folders[c->kind], &options, err);
}

/* ---- running ---- */

/* Is called after each step. */
static bool step_seen(uint64_t done, uint64_t total, void *arg) {
    struct seen *seen = arg;
    uint64_t rows = done - (done < seen->done ? 0 : seen->done);
    assert_true(done <= total);
    seen->steps++;
    seen->longest = rows > seen->longest ? rows : seen->longest;
    seen->done = done;
    return seen->stop_after == 0 || seen->steps < seen->stop_after;
}

static bool list_ask(const struct column *c, struct model *m, const uint32_t *which, size_t n,
    bool unshared, struct seen *seen, struct answer *answers, struct err *err) {
    seen->done = 0;
    const struct run_options run = { .no_prefix_sharing = unshared,
        .progress = step_seen,
        .progress_arg = seen,
        .stats = &seen->stats };
    return c->subject->ask(m, which, n, &run, answers, err);
}

static void answers_release(struct answer *answers, size_t n) {
    for (size_t i = 0; i < n; i++)
        answer_release(&answers[i]);
    free(answers);
}

static void list_or_fail(const struct column *c, struct model *m, const uint32_t *which, size_t n,
    bool unshared, struct seen *seen, struct answer *answers) {
    struct err err = ERR_INIT;
    if (!list_ask(c, m, which, n, unshared, seen, answers, &err))
        fail_msg("%s: %s", c->name, err.msg);
}

static bool longest_fits(const struct column *c, size_t memory) {
    struct err err = ERR_INIT;
    struct seen seen = { 0 };
    struct answer answer = { 0 };
    struct model *m = column_open(c, 1, memory, &err);
    bool fits = m && list_ask(c, m, &(uint32_t) { 0 }, 1, false, &seen, &answer, &err);
    if (!fits && err.class != ERR_RESOURCE && err.class != ERR_INPUT)
        fail_msg("%s: %s", c->name, err.msg);
    answer_release(&answer);
    model_close(m);
    return fits;
}

/* To within one part in a hundred, by geometric means: the sizes span many powers of two. */
static size_t memory_least(const struct column *c) {
    size_t no = 1, yes = (size_t)64 << 20;
    while (yes - no > yes / 100) {
        size_t middle = (size_t)sqrt((double)no * (double)yes);
        if (longest_fits(c, middle))
            yes = middle;
        else
            no = middle;
    }
    return yes;
}

/* The truth of a column. False where this build or processor has no such column. */
static bool column_know(struct column *c) {
    struct err err = ERR_INIT;
    if (c->truth)
        return true;
    struct model *m = column_open(c, 1, 0, &err);
    if (!m && err.class == ERR_UNSUPPORTED) {
        print_message("not run: %s: %s\n", c->name, err.msg);
        return false;
    }
    if (!m)
        fail_msg("%s: %s", c->name, err.msg);
    uint32_t n = c->subject->n, which[LIST_MAX];
    struct answer *truth = xcalloc(n, sizeof *truth), *answers = xcalloc(n, sizeof *answers);
    struct seen seen = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        which[i] = i;
        list_or_fail(c, m, &i, 1, true, &seen, &truth[i]);
    }
    list_or_fail(c, m, which, n, false, &c->plenty, answers);
    answers_release(answers, n);
    model_close(m);
    c->least_memory = memory_least(c);
    c->truth = truth;
    return true;
}

/* ---- a cell ---- */

static void answer_check(
    const struct way *w, const struct column *c, uint32_t number, const struct answer *got) {
    const struct answer *want = &c->truth[number];
    if (got->n != want->n)
        fail_msg("%s, %s: request %u got %zu numbers, alone %zu", c->name, w->says, number, got->n,
            want->n);
    for (size_t i = 0; i < want->n; i++)
        if (memcmp(&got->numbers[i], &want->numbers[i], sizeof(double)) != 0)
            fail_msg("%s, %s: number %zu of request %u is %.17g, alone %.17g", c->name, w->says, i,
                number, got->numbers[i], want->numbers[i]);
}

static uint32_t list_make(const struct way *w, const struct column *c, uint32_t *which) {
    uint32_t n = c->subject->n * (w->twice ? 2 : 1);
    uint64_t random = (uint64_t)(w - ways);
    assert_true(n <= LIST_MAX);
    for (uint32_t i = 0; i < n; i++)
        which[i] = i % c->subject->n;
    for (uint32_t i = n; w->shuffled && i > 1; i--) {
        uint32_t j = tiny_random(&random) % i, swap = which[i - 1];
        which[i - 1] = which[j];
        which[j] = swap;
    }
    return n;
}

/* Leaves behind what a model has after work: a cache full of numbers, grown scratch, perhaps a run
 * cut off. */
static void model_use(const struct way *w, const struct column *c, struct model *m) {
    static const uint32_t other[] = { 40, 3, 19, 7, 33, 0, 20, 1 };
    struct answer answers[COUNT_OF(other)] = { 0 };
    struct seen seen = { .stop_after = w->stopped ? 2 : 0 };
    struct err err = ERR_INIT;
    bool ok = list_ask(c, m, other, COUNT_OF(other), false, &seen, answers, &err);
    assert_int_equal(err.class, w->stopped ? ERR_INTERRUPTED : ERR_NONE);
    assert_int_equal(ok, !w->stopped);
    for (size_t i = 0; i < COUNT_OF(other); i++)
        answer_release(&answers[i]);
}

/* What the way promises, besides bits. */
static void seen_check(const struct way *w, const struct column *c, const struct seen *seen) {
    const struct run_stats *got = &seen->stats, *plenty = &c->plenty.stats;
    bool texts = c->subject == &subject_texts, whole = !w->batch && !w->twice;
    assert_int_equal(got->tokens_padded, 0);
    if (!w->twice)
        assert_int_equal(got->tokens_asked, plenty->tokens_asked);
    if (w->unshared && !(texts && w->memory > 0))
        assert_int_equal(got->tokens_computed, got->tokens_asked);
    if (whole && !w->unshared && !(texts && w->memory > 0)) /* little memory costs nothing else */
        assert_int_equal(got->tokens_computed, plenty->tokens_computed);
    if (w->memory > 0 && (seen->longest >= c->plenty.longest || seen->steps <= c->plenty.steps))
        fail_msg("%s, %s: steps are not shorter: %llu of %llu rows at most, in plenty %llu of %llu",
            c->name, w->says, (unsigned long long)seen->steps, (unsigned long long)seen->longest,
            (unsigned long long)c->plenty.steps, (unsigned long long)c->plenty.longest);
    /* Of the first models' sizes it is known that their slots are what is short. */
    if (w->memory > 0 && w->memory <= 1.5 && texts && c->kind < N_TINY &&
        got->tokens_computed <= plenty->tokens_computed)
        fail_msg("%s, %s: nothing was spilled", c->name, w->says);
}

static void cell_check(const struct way *w, struct column *c) {
    uint32_t which[LIST_MAX], n = list_make(w, c, which), batch = w->batch ? w->batch : n;
    struct err err = ERR_INIT;
    struct model *m =
        column_open(c, w->threads, (size_t)(w->memory * (double)c->least_memory), &err);
    if (!m)
        fail_msg("%s, %s: %s", c->name, w->says, err.msg);
    if (w->used)
        model_use(w, c, m);
    struct answer *answers = xcalloc(n, sizeof *answers);
    struct seen seen = { 0 };
    for (uint32_t i = 0; i < n; i += batch)
        list_or_fail(
            c, m, which + i, n - i < batch ? n - i : batch, w->unshared, &seen, answers + i);
    for (uint32_t i = 0; i < n; i++)
        answer_check(w, c, which[i], &answers[i]);
    seen_check(w, c, &seen);
    answers_release(answers, n);
    model_close(m);
}

/* ---- the matrix ---- */

struct row {
    const struct way *way;
    const struct subject *subject;
    char name[96];
};

/* The libraries' products are a matter of the first models: the others are here for what they
 * attend to. */
static bool is_asked(const struct column *c, const struct subject *subject) {
    return c->subject == subject && (c->kind < N_TINY || !strcmp(c->gemm, "plain"));
}

/* The library counts so that a way's two cells of a model are of two dtypes. */
static bool has_its_turn(const struct way *w, const struct column *c) {
    size_t turn = (size_t)(w - ways) + c->kind + !strcmp(c->gemm, "plain");
    return getenv("ASSAY_EVERY_CELL") || dtypes[turn % N_DTYPES] == c->dtype;
}

static void row_check(void **state) {
    const struct row *r = *state;
    size_t n_cells = 0;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        struct column *c = &world.columns[i];
        if (!is_asked(c, r->subject) || !has_its_turn(r->way, c) || !column_know(c))
            continue;
        cell_check(r->way, c);
        n_cells++;
    }
    assert_true(n_cells > 0);
}

/* The state of a group would hide that of its tests. */
static int world_setup(void **state) {
    (void)state;
    if (scratch_setup(&world.folder) != 0)
        return -1;
    models_write(world.folder);
    columns_name();
    return 0;
}

static int world_teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (world.columns[i].truth)
            answers_release(world.columns[i].truth, world.columns[i].subject->n);
    for (size_t k = 0; k < N_KINDS; k++)
        free(world.folders[k]);
    return scratch_teardown(&world.folder);
}

int main(void) {
    static const struct subject *const subjects[] = { &subject_scores, &subject_texts,
        &subject_vectors };
    static struct row rows[COUNT_OF(subjects) * N_WAYS];
    static struct CMUnitTest tests[COUNT_OF(rows)];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct row *r = &rows[i];
        *r = (struct row) { .way = &ways[i % N_WAYS], .subject = subjects[i / N_WAYS] };
        snprintf(r->name, sizeof r->name, "%s_are_the_same_%s", r->subject->name, r->way->says);
        tests[i] =
            (struct CMUnitTest) { .name = r->name, .test_func = row_check, .initial_state = r };
    }
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
