/* Steps whose shape comes again: done by graphs they give the bits that launches give, whatever
 * changes from one step to the next; and where a graph is not for them, launches do it. Runs on a
 * device, and on the shim with the stand-in for the library of products. */
#include "weight_files.h"

#include <dlfcn.h>
#include <string.h>

#include "described.h"
#include "harness/cuda/load.h"
#include "harness/model/model.h"
#include "harness/model/step.h"
#include "tests/harness/cpu_world.h"
#include "tests/harness/gpu_there.h"
#include "tiny_models.h"

/* ---- the stand-ins ---- */

typedef unsigned count_fn(void);

static count_fn *count_find(const char *variable, const char *name) {
    const char *path = getenv(variable);
    void *library = path != NULL && path[0] != '\0' ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    union {
        void *symbol;
        count_fn *count;
    } found = { .symbol = library != NULL ? dlsym(library, name) : NULL };
    return found.count;
}

/* Graphs that the runtime was given, and products that the library was asked for; NULL: real ones,
 * which don't say. */
static count_fn *launched, *products;

static void tell_library(const char *word) {
    if (word != NULL)
        setenv("ASSAY_FAKE_CUBLASLT", word, 1);
    else
        unsetenv("ASSAY_FAKE_CUBLASLT");
}

static void graphs_set(bool on) {
    setenv("ASSAY_CUDA_GRAPHS", on ? "1" : "0", 1);
}

/* ---- models ---- */

enum { LANES = 3, PROMPT = 5, STEPS = 14 };

/* Generation's own steps: each lane feeds one token in each, its slots lie among the others'. */
struct decoding {
    struct model *m;
    struct kv_span spans[LANES][PROMPT + STEPS + 1];
    size_t n_spans[LANES];
    uint32_t positions[LANES], slot;
    float *logits; /* of every row that was read, one behind the other */
    size_t n_logits;
    uint64_t random;
};

static void feed(struct decoding *d, struct step *step, uint32_t lane, uint32_t n) {
    static const uint32_t last[PROMPT + 1] = { 0, 0, 1, 2, 3, 4 };
    int32_t ids[PROMPT];
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)(tiny_random(&d->random) % 37);
    step_add(step, &(struct step_part) { .ids = ids,
                       .n = n,
                       .position = d->positions[lane],
                       .slot = d->slot,
                       .ancestors = d->spans[lane],
                       .n_ancestors = d->n_spans[lane],
                       .reads = &last[n],
                       .n_reads = 1 });
    d->spans[lane][d->n_spans[lane]++] = (struct kv_span) { .slot = d->slot, .n = n };
    d->positions[lane] += n;
    d->slot += n;
}

static void run(struct decoding *d, struct step *step) {
    struct net *net = &d->m->net;
    const struct backend_ops *ops = net->backend->ops;
    struct step_view view = step_view(step);
    struct rows h = net_forward_head(net, &view);
    ops->logits(net->backend, net->head, net->head_bias, (float)net->spec.logit_scale,
        (float)net->spec.logit_softcap, h, d->logits + d->n_logits);
    d->n_logits += (size_t)h.n * net->spec.n_vocab;
    step_reset(step);
}

/* Prompts, each by itself; then as many lanes a step as `lanes` says. */
static float *decode(struct model *m, const uint32_t lanes[STEPS], size_t *n) {
    struct err err = ERR_INIT;
    struct decoding d = { .m = m, .random = 11 };
    struct step step = { 0 };
    d.logits = xcalloc((size_t)LANES * (STEPS + 1) * m->net.spec.n_vocab, sizeof *d.logits);
    if (!net_reserve_slots(&m->net, LANES * (PROMPT + STEPS), &err))
        fail_msg("%s", err.msg);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        feed(&d, &step, lane, PROMPT);
        run(&d, &step);
    }
    for (int i = 0; i < STEPS; i++) {
        for (uint32_t lane = 0; lane < lanes[i]; lane++)
            feed(&d, &step, lane, 1);
        run(&d, &step);
    }
    step_release(&step);
    *n = d.n_logits;
    return d.logits;
}

static const uint32_t steady[STEPS] = { 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3 };
static const uint32_t changing[STEPS] = { 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 3, 3, 1, 3 };

static struct model *open_model(const char *folder, enum dtype dtype) {
    struct err err = ERR_INIT;
    const struct model_options o = { .dtype = dtype, .device = "cuda", .threads = 2 };
    struct model *m = model_open(folder, &o, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    return m;
}

static const struct backend_caps *caps_of(const struct model *m) {
    return m->net.backend->ops->caps(m->net.backend);
}

/* What launches give; and what graphs give, with what became of the steps in *caps. */
static void check_decoding(const char *name, const char *folder, enum dtype dtype,
    const uint32_t lanes[STEPS], struct backend_caps *caps) {
    size_t n, n_want;
    graphs_set(false);
    struct model *plain = open_model(folder, dtype);
    float *want = decode(plain, lanes, &n_want);
    assert_int_equal(caps_of(plain)->n_replayed, 0);
    model_close(plain);
    graphs_set(true);
    struct model *m = open_model(folder, dtype);
    unsigned before = launched != NULL ? launched() : 0;
    float *got = decode(m, lanes, &n);
    *caps = *caps_of(m);
    if (launched != NULL)
        assert_int_equal(launched() - before, caps->n_replayed + caps->n_graphs);
    model_close(m);
    assert_int_equal(n, n_want);
    assert_same_bits(name, n, got, want);
    free(got);
    free(want);
}

/* Between them they have every part that a decoder may have, but for experts. */
static const char *const decoders[] = { "slopes", "clipped", "dynamic", "sandwich", "two-thetas",
    "norms-behind", "parallel", "transposed", "interleaved", "narrow", "recurrence",
    "recurrence-of-heads", "learned-curve", "short-convolutions", "waves", "dense-before-head",
    "corrections" };

static void decoding_by_graphs_gives_the_bits_of_launches(void **state) {
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        described_write(described_config(decoders[i]), 17, *state);
        for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
            struct backend_caps caps;
            check_decoding(decoders[i], *state, (enum dtype)dtype, steady, &caps);
            if (caps.n_replayed < STEPS / 2 || caps.n_graphs > 2)
                fail_msg("%s in %s: %u graphs, %u steps by them", decoders[i],
                    dtype_name((enum dtype)dtype), caps.n_graphs, (unsigned)caps.n_replayed);
        }
    }
}

static void another_number_of_lanes_is_another_graph(void **state) {
    struct backend_caps one, two;
    described_write(described_config("dynamic"), 17, *state);
    check_decoding("steady", *state, DTYPE_BF16, steady, &one);
    check_decoding("changing", *state, DTYPE_BF16, changing, &two);
    assert_int_equal(one.n_graphs, 2); /* one is of prompts */
    assert_int_equal(two.n_graphs, 3);
    assert_true(two.n_replayed > 0 && two.n_replayed < one.n_replayed);
}

/* The host reads which experts a row goes through: nothing there is a graph. */
static void steps_in_which_the_host_chooses_are_launched(void **state) {
    static const char *const names[] = { "experts", "nearest-experts", "hybrid" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct backend_caps caps;
        described_write(described_config(names[i]), 17, *state);
        check_decoding(names[i], *state, DTYPE_BF16, steady, &caps);
        assert_int_equal(caps.n_graphs, 0);
        assert_int_equal(caps.n_replayed, 0);
    }
}

static void texts_are_the_same_with_graphs_and_without(void **state) {
    enum { PROMPTS = 4, MADE = 20 };
    struct generate_request r[2][PROMPTS];
    const int32_t ids[PROMPTS][3] = { { 5, 6, 7 }, { 5, 6, 9 }, { 30, 1, 4 }, { 12, 12, 12 } };
    struct err err = ERR_INIT;
    described_write(described_config("dynamic"), 23, *state);
    for (int on = 0; on < 2; on++) {
        graphs_set(on);
        struct model *m = open_model(*state, DTYPE_BF16);
        for (int i = 0; i < PROMPTS; i++)
            r[on][i] = (struct generate_request) { .prompt_ids = ids[i], .n_prompt_ids = 3 };
        const struct generate_options o = { .max_tokens = MADE, .run_on = true };
        if (!model_generate(m, &o, r[on], PROMPTS, NULL, &err))
            fail_msg("%s", err.msg);
        assert_true((caps_of(m)->n_replayed > 0) == on);
        model_close(m);
    }
    for (int i = 0; i < PROMPTS; i++) {
        assert_int_equal(r[0][i].n_ids, MADE);
        assert_memory_equal(r[0][i].ids, r[1][i].ids, MADE * sizeof *r[0][i].ids);
        for (int on = 0; on < 2; on++) {
            free(r[on][i].ids);
            free(r[on][i].text);
        }
    }
}

/* ---- ops ---- */

static struct backend *cuda_open(void) {
    struct backend_config config = { .dtype = DTYPE_BF16, .threads = 2, .gemm = "auto" };
    struct err err = ERR_INIT;
    graphs_set(true);
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL)
        fail_msg("%s", err.msg);
    return b;
}

enum { ROWS = 5, KINDS = 19 };
static const struct step_shape shape = { .n_rows = ROWS, .n_segments = 1, .n_reads = ROWS };

struct small {
    struct backend *b;
    struct table *numbers; /* row i is i + 1 */
    struct rows x, y;
};

static struct small small_open(void) {
    struct small s = { .b = cuda_open() };
    float *numbers = world_alloc(KINDS * sizeof *numbers);
    for (int i = 0; i < KINDS; i++)
        numbers[i] = (float)(i + 1);
    s.numbers = world_table(s.b, KINDS, 1, numbers);
    s.x = world_empty(s.b, ROWS, 1, ELEM_F32);
    s.y = world_empty(s.b, ROWS, 1, ELEM_F32);
    return s;
}

/* x = the numbers from `first` on, y = scale * x. */
static void small_ask(struct small *s, int first, float scale) {
    int32_t ids[ROWS];
    for (int i = 0; i < ROWS; i++)
        ids[i] = (first + i) % KINDS;
    s->b->ops->gather(s->b, s->numbers, ids, 1, false, s->x);
    s->b->ops->gather(s->b, s->numbers, ids, 0, false, s->y);
    s->b->ops->add(s->b, scale, s->x, s->y);
}

static void small_check(struct small *s, int first, float scale) {
    const float *got = world_read(s->b, s->y, 1);
    for (int i = 0; i < ROWS; i++)
        assert_true(got[i] == scale * (float)((first + i) % KINDS + 1));
}

static void small_step(struct small *s, int first, float scale) {
    if (s->b->ops->step_begin(s->b, &shape)) {
        small_ask(s, first, scale);
        s->b->ops->step_end(s->b);
    } else {
        small_ask(s, first, scale);
    }
    small_check(s, first, scale);
}

static void lists_may_change_under_a_graph(void **state) {
    (void)state;
    struct small s = small_open();
    for (int i = 0; i < 40; i++)
        small_step(&s, 3 * i, 2);
    assert_int_equal(s.b->ops->caps(s.b)->n_graphs, 1);
    assert_int_equal(s.b->ops->caps(s.b)->n_replayed, 37);
    world_close(s.b);
}

/* An argument that isn't what it was: the graph is not for it. */
static void a_step_with_another_argument_is_not_replayed(void **state) {
    (void)state;
    struct small s = small_open();
    for (int i = 0; i < 12; i++)
        small_step(&s, i, 2);
    uint64_t before = s.b->ops->caps(s.b)->n_replayed;
    assert_true(before > 0);
    small_step(&s, 0, 3);
    assert_int_equal(s.b->ops->caps(s.b)->n_replayed, before);
    small_step(&s, 0, 2);
    assert_int_equal(s.b->ops->caps(s.b)->n_replayed, before + 1);
    world_close(s.b);
}

/* More kinds of steps than there are graphs: the oldest make way, and what they take stays small.
 */
static void graphs_that_were_not_used_for_longest_make_way(void **state) {
    (void)state;
    enum { KIND = 24 };
    struct small s = small_open();
    for (int i = 0; i < 12; i++)
        small_step(&s, i, 1);
    size_t one = s.b->ops->caps(s.b)->graph_bytes;
    for (int round = 0; round < 2; round++)
        for (int kind = 2; kind < KIND; kind++)
            for (int i = 0; i < 4; i++)
                small_step(&s, i, (float)kind);
    assert_true(s.b->ops->caps(s.b)->n_graphs > KIND);
    if (launched != NULL) /* a real device rounds as it likes */
        assert_true(s.b->ops->caps(s.b)->graph_bytes <= 16 * one);
    world_close(s.b);
}

/* Shapes of which no step is like another are not recorded for ever. */
static void a_shape_that_no_graph_is_for_is_given_up(void **state) {
    (void)state;
    struct small s = small_open();
    for (int i = 0; i < 100; i++)
        small_step(&s, i, (float)i);
    assert_false(s.b->ops->step_begin(s.b, &shape));
    world_close(s.b);
}

static void the_host_may_read_in_the_middle_of_a_step(void **state) {
    (void)state;
    struct small s = small_open();
    bool begun = false;
    for (int i = 0; i < 4; i++) {
        bool kept = s.b->ops->step_begin(s.b, &shape);
        assert_false(kept && begun); /* it isn't tried again */
        begun = begun || kept;
        small_ask(&s, i, 2);
        small_check(&s, i, 2);
        small_ask(&s, i + 1, 3);
        if (kept)
            s.b->ops->step_end(s.b);
        small_check(&s, i + 1, 3);
    }
    assert_true(begun);
    assert_int_equal(s.b->ops->caps(s.b)->n_graphs, 0);
    world_close(s.b);
}

static void large_steps_are_launched(void **state) {
    (void)state;
    struct backend *b = cuda_open();
    const struct step_shape large = { .n_rows = 4096, .n_segments = 1, .n_reads = 1 };
    for (int i = 0; i < 4; i++)
        assert_false(b->ops->step_begin(b, &large));
    world_close(b);
}

static void graphs_can_be_turned_off(void **state) {
    (void)state;
    struct small s = small_open();
    world_close(s.b);
    setenv("ASSAY_CUDA_GRAPHS", "0", 1);
    struct backend_config config = { .dtype = DTYPE_BF16, .threads = 2, .gemm = "auto" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    for (int i = 0; i < 4; i++)
        assert_false(b->ops->step_begin(b, &shape));
    world_close(b);
    graphs_set(true);
}

/* ---- products by the library ---- */

struct multiplied {
    struct backend *b;
    struct matrix *w;
    struct rows x, out;
};

static struct multiplied multiplied_open(void) {
    enum { N = 24, K = 32 };
    struct multiplied p = { .b = cuda_open() };
    p.x = world_rows(p.b, ROWS, K, ELEM_BF16, noise_new(1, ROWS * K, 1));
    p.w = world_matrix(p.b, N, K, noise_new(2, N * K, 1));
    p.out = world_empty(p.b, ROWS, N, ELEM_F32);
    return p;
}

static float *multiplied_step(struct multiplied *p) {
    struct epilogue e = { .activation = ACT_GELU };
    bool kept = p->b->ops->step_begin(p->b, &shape);
    p->b->ops->matmul(p->b, p->w, p->x, p->out, &e);
    if (kept)
        p->b->ops->step_end(p->b);
    return world_read(p->b, p->out, 24);
}

static void products_of_the_library_are_captured_too(void **state) {
    (void)state;
    struct multiplied p = multiplied_open();
    const float *first = multiplied_step(&p);
    for (int i = 0; i < 6; i++)
        assert_same_bits("product", ROWS * 24, multiplied_step(&p), first);
    assert_int_equal(p.b->ops->caps(p.b)->n_graphs, 1);
    assert_true(p.b->ops->caps(p.b)->n_replayed > 2);
    unsigned before = products != NULL ? products() : 0;
    multiplied_step(&p);
    assert_int_equal(products != NULL ? products() : 0, before); /* the graph does it */
    world_close(p.b);
}

/* A library that allocates as it multiplies spoils the capture: the step is launched, each time. */
static void a_capture_that_is_spoilt_leaves_launches(void **state) {
    (void)state;
    if (products == NULL)
        skip();
    struct multiplied p = multiplied_open();
    const float *first = multiplied_step(&p);
    tell_library("allocates");
    for (int i = 0; i < 6; i++)
        assert_same_bits("product", ROWS * 24, multiplied_step(&p), first);
    assert_int_equal(p.b->ops->caps(p.b)->n_graphs, 0);
    assert_int_equal(p.b->ops->caps(p.b)->n_replayed, 0);
    tell_library(NULL);
    world_close(p.b);
}

/* The trial of a new kind of product stands in the middle of a step. */
static void a_plan_that_is_made_in_a_step_is_no_part_of_it(void **state) {
    (void)state;
    struct multiplied p = multiplied_open();
    const float *want = NULL;
    for (int i = 0; i < 5; i++) {
        bool kept = p.b->ops->step_begin(p.b, &shape);
        if (i > 0) { /* recorded for the first time, with a product of a new kind */
            struct epilogue e = { .activation = ACT_RELU };
            p.b->ops->matmul(p.b, p.w, p.x, p.out, &e);
        }
        if (kept)
            p.b->ops->step_end(p.b);
        const float *got = world_read(p.b, p.out, 24);
        if (i == 1)
            want = got;
        if (i > 1)
            assert_same_bits("product", ROWS * 24, got, want);
    }
    assert_int_equal(p.b->ops->caps(p.b)->n_graphs, 1);
    world_close(p.b);
}

/* Rows that are bf16 already are written down as all others are. */
static void rows_are_moved_as_the_step_says(void **state) {
    (void)state;
    enum { COLS = 32 };
    struct multiplied p = multiplied_open();
    struct rows y = world_empty(p.b, ROWS, COLS, ELEM_BF16);
    const float *want = world_read(p.b, p.x, COLS);
    for (int i = 0; i < 6; i++) {
        bool kept = p.b->ops->step_begin(p.b, &shape);
        p.b->ops->convert(p.b, p.x, y);
        if (kept)
            p.b->ops->step_end(p.b);
        assert_same_bits("rows", ROWS * COLS, world_read(p.b, y, COLS), want);
    }
    assert_int_equal(p.b->ops->caps(p.b)->n_graphs, 1);
    world_close(p.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(decoding_by_graphs_gives_the_bits_of_launches),
        WITH_SCRATCH(another_number_of_lanes_is_another_graph),
        WITH_SCRATCH(steps_in_which_the_host_chooses_are_launched),
        WITH_SCRATCH(texts_are_the_same_with_graphs_and_without),
        cmocka_unit_test(lists_may_change_under_a_graph),
        cmocka_unit_test(a_step_with_another_argument_is_not_replayed),
        cmocka_unit_test(graphs_that_were_not_used_for_longest_make_way),
        cmocka_unit_test(a_shape_that_no_graph_is_for_is_given_up),
        cmocka_unit_test(the_host_may_read_in_the_middle_of_a_step),
        cmocka_unit_test(large_steps_are_launched),
        cmocka_unit_test(graphs_can_be_turned_off),
        cmocka_unit_test(products_of_the_library_are_captured_too),
        cmocka_unit_test(a_capture_that_is_spoilt_leaves_launches),
        cmocka_unit_test(a_plan_that_is_made_in_a_step_is_no_part_of_it),
        cmocka_unit_test(rows_are_moved_as_the_step_says),
    };
    launched = count_find("ASSAY_CUDA_MODULE", "shim_graph_launches");
    products = count_find("ASSAY_CUBLASLT", "fake_cublaslt_products");
    if (!gpu_there())
        return gpu_skip();
    if (getenv("TESTS") != NULL)
        cmocka_set_test_filter(getenv("TESTS"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
