/* One model on several devices: every architecture that can be split, in models of noise that
 * between them have every part, gives what one device gives, but for the order of sums; and to the
 * bit what it gives by itself when each request is asked alone. TENSOR_PARALLEL_DEVICE is the
 * processor, or "cuda": on the shim, or on GPUs, of which there must be two; what takes more than
 * there are is left out, saying so. */
#include "weight_files.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "described.h"
#include "fp8_files.h"
#include "harness/harness.h"
#include "subjects.h"
#include "tests/harness/gpu_there.h"
#include "tiny_models.h"

/* Short ones, some that begin alike, and one on either side of a block of keys. */
static const uint32_t which[] = { 24, 25, 30, 33, 36, 17 };
enum { ASKED = sizeof which / sizeof *which };

static unsigned devices_there(void) {
    struct err ignored = ERR_INIT;
    const char *shim = getenv("ASSAY_SHIM_DEVICES");
    if (strcmp(TENSOR_PARALLEL_DEVICE, "cpu") == 0)
        return DEVICES_MAX;
    return shim ? (unsigned)strtoul(shim, NULL, 10) : gpu_count(&ignored);
}

static struct model *try_open(const char *folder, unsigned n, enum dtype dtype, struct err *err) {
    const struct model_options o = {
        .dtype = dtype, .device = TENSOR_PARALLEL_DEVICE, .threads = 2, .tensor_parallel = n
    };
    *err = (struct err)ERR_INIT;
    return model_open(folder, &o, err);
}

static struct model *open_on(const char *folder, unsigned n, enum dtype dtype) {
    struct err err;
    struct model *m = try_open(folder, n, dtype, &err);
    if (!m)
        fail_msg("%u devices: %s", n, err.msg);
    return m;
}

/* Takes the model. */
static void ask_model(
    const struct subject *subject, struct model *m, bool alone, struct answer answers[ASKED]) {
    struct err err = ERR_INIT;
    const struct run_options run = { .no_prefix_sharing = alone };
    size_t at_once = alone ? 1 : ASKED;
    for (size_t i = 0; i < ASKED; i += at_once)
        if (!subject->ask(m, which + i, at_once, &run, answers + i, &err))
            fail_msg("%u devices: %s", model_info(m)->n_devices, err.msg);
    model_close(m);
}

static void ask_on(const struct subject *subject, const char *folder, unsigned n, enum dtype dtype,
    bool alone, struct answer answers[ASKED]) {
    ask_model(subject, open_on(folder, n, dtype), alone, answers);
}

/* ---- comparing ---- */

static void check_near(
    const char *name, const struct answer *got, const struct answer *want, double tolerance) {
    double worst = 0;
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(got[i].n, want[i].n);
        for (size_t j = 0; j < want[i].n; j++) {
            double error =
                fabs(got[i].numbers[j] - want[i].numbers[j]) / (1 + fabs(want[i].numbers[j]));
            worst = error > worst ? error : worst;
            if (!(error <= tolerance))
                fail_msg("%s: number %zu of request %u is %.9g, one device says %.9g", name, j,
                    which[i], got[i].numbers[j], want[i].numbers[j]);
        }
    }
    print_message("%s: off by %.1e at most\n", name, worst);
}

static void check_same(
    const char *name, const struct answer *got, const struct answer *want, const char *than) {
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(got[i].n, want[i].n);
        if (memcmp(got[i].numbers, want[i].numbers, want[i].n * sizeof *want[i].numbers) != 0)
            fail_msg("%s: request %u is not what it is %s", name, which[i], than);
    }
}

static void release(struct answer answers[ASKED]) {
    for (size_t i = 0; i < ASKED; i++)
        answer_release(&answers[i]);
}

static const struct subject *subject_of(const char *folder) {
    struct model *m = open_on(folder, 1, DTYPE_F32);
    bool causal = model_info(m)->causal;
    model_close(m);
    return causal ? &subject_scores : &subject_vectors;
}

/* In f32 nearly what one device gives. In bf16 what is rounded between products may fall to either
 * side, and whatever a model does with that; so noise is asked only whether requests alone have the
 * bits that they have in a list. */
static void check_model(
    const char *name, const struct subject *subject, const char *folder, unsigned n) {
    struct answer want[ASKED] = { { 0 } };
    if (n > devices_there()) {
        print_message("%s: left out, there are %u devices\n", name, devices_there());
        return;
    }
    ask_on(subject, folder, 1, DTYPE_F32, false, want);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct answer got[ASKED] = { { 0 } }, alone[ASKED] = { { 0 } };
        ask_on(subject, folder, n, (enum dtype)dtype, false, got);
        ask_on(subject, folder, n, (enum dtype)dtype, true, alone);
        check_same(name, got, alone, "alone");
        if (dtype == DTYPE_F32)
            check_near(name, got, want, 1e-5);
        release(got);
        release(alone);
    }
    release(want);
}

/* Into how many parts, of a few numbers, a model can be split; 0 and why where it can't at all. */
static bool can_split(const char *folder, unsigned n, char why[512]) {
    struct err err;
    struct model *m = try_open(folder, n, DTYPE_F32, &err);
    snprintf(why, 512, "%s", m ? "" : err.msg);
    bool can = m != NULL;
    model_close(m);
    if (!can && !strstr(why, "not split yet") && !strstr(why, "does not divide"))
        fail_msg("%s", why);
    return can;
}

static const char *refused(const char *name) {
    static const struct {
        const char *name, *why;
    } by_name[] = {
        { "recurrence", "a recurrence in each layer, which is not split yet" },
        { "recurrence-of-heads", "a recurrence in each layer, which is not split yet" },
        { "unscaled-buckets", "an encoder with a decoder, which is not split yet" },
    };
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
        if (strcmp(by_name[i].name, name) == 0)
            return by_name[i].why;
    return NULL;
}

/* The shim is slow: it takes every eighth, from its seed on, for the ops are tested on it one by
 * one. */
static bool is_left_out(size_t number) {
    const char *seed = getenv("ASSAY_SHIM_SEED");
    return getenv("ASSAY_SHIM_DEVICES") && seed && (number + strtoul(seed, NULL, 10)) % 8 != 0;
}

/* On three, where sums have an order, or as many as there are. */
static void every_architecture_gives_on_devices_what_it_gives_on_one(void **state) {
    const unsigned most = devices_there() < 3 ? devices_there() : 3;
    for (const struct described *d = described_models; d->name; d++) {
        char why[512];
        if (is_left_out((size_t)(d - described_models)))
            continue;
        described_write(d->config, 17, *state);
        const char *expected = refused(d->name);
        unsigned n = most;
        bool can = can_split(*state, n, why);
        if (!can && n > 2 && strstr(why, "does not divide"))
            can = can_split(*state, n = 2, why);
        if (!can && n < 3 && strstr(why, "does not divide"))
            continue; /* three heads on two devices */
        if (can != !expected || (expected && !strstr(why, expected)))
            fail_msg("%s: %s", d->name, can ? "is split" : why);
        if (can)
            check_model(d->name, subject_of(*state), *state, n);
    }
}

/* ---- one model more closely ---- */

static void write_wide(const char *folder) {
    struct tiny t = tiny_shape(TINY_LLAMA);
    t.heads = 8, t.kv_heads = 4, t.head_dim = 8, t.width = 64, t.ffn = 96;
    tiny_fill(&t, 5);
    tiny_write(&t, folder);
    tiny_release(&t);
}

static void heads_of_keys_are_shared_out_or_repeated(void **state) {
    write_wide(*state);
    check_model("2 devices", &subject_scores, *state, 2);
    check_model("4 devices", &subject_scores, *state, 4);
    check_model("8 devices, two for each head of keys", &subject_scores, *state, 8);
}

static void one_device_is_as_if_nobody_had_asked(void **state) {
    struct answer want[ASKED] = { { 0 } }, got[ASKED] = { { 0 } };
    write_wide(*state);
    ask_on(&subject_scores, *state, 0, DTYPE_F32, false, want);
    ask_on(&subject_scores, *state, 1, DTYPE_F32, false, got);
    check_same("1 device", got, want, "without the option");
    release(want);
    release(got);
}

/* bf16: the mean over a model's numbers, which noise moves less than any one of them. */
static void check_near_on_the_mean(
    const char *what, const struct answer one[ASKED], const struct answer two[ASKED]) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < ASKED; i++)
        for (size_t j = 0; j < one[i].n; j++, n++)
            sum += fabs(one[i].numbers[j] - two[i].numbers[j]) / (1 + fabs(one[i].numbers[j]));
    print_message("%s: off by %.1e on the mean\n", what, sum / (double)n);
    assert_true(sum / (double)n < 4e-3); /* a number has 8 bits */
}

static void bf16_stays_near_one_device(void **state) {
    struct answer one[ASKED] = { { 0 } }, two[ASKED] = { { 0 } };
    write_wide(*state);
    ask_on(&subject_scores, *state, 1, DTYPE_BF16, false, one);
    ask_on(&subject_scores, *state, 2, DTYPE_BF16, false, two);
    check_near_on_the_mean("bf16", one, two);
    release(one);
    release(two);
}

/* ---- weights of a byte ---- */

/* By one library whatever the form: on a processor with matrix tiles, expanded weights would be
 * multiplied by oneDNN, and those in their file, which it cannot read, by ours. */
static struct model *open_kept(const char *folder, unsigned n, enum weights_form form) {
    struct err err = ERR_INIT;
    const struct model_options o = { .dtype = DTYPE_BF16,
        .device = TENSOR_PARALLEL_DEVICE,
        .gemm = strcmp(TENSOR_PARALLEL_DEVICE, "cpu") == 0 ? "plain" : NULL,
        .threads = 2,
        .tensor_parallel = n,
        .weights = form };
    struct model *m = model_open(folder, &o, &err);
    if (!m)
        fail_msg("%u devices: %s", n, err.msg);
    return m;
}

static void check_kept(const char *what, const char *folder) {
    struct answer one[ASKED] = { { 0 } }, expanded[ASKED] = { { 0 } }, kept[ASKED] = { { 0 } };
    ask_model(&subject_scores, open_kept(folder, 1, WEIGHTS_EXPANDED), false, one);
    ask_model(&subject_scores, open_kept(folder, 2, WEIGHTS_EXPANDED), false, expanded);
    ask_model(&subject_scores, open_kept(folder, 2, WEIGHTS_FILE), false, kept);
    check_same(what, kept, expanded, "expanded");
    check_near_on_the_mean(what, one, kept);
    release(one);
    release(expanded);
    release(kept);
}

/* Between blocks of scales, and within them. */
static void bytes_are_cut_with_their_scales(void **state) {
    static const struct {
        const char *what;
        uint32_t head_dim, ffn;
    } cuts[] = { { "between blocks", 64, 384 }, { "within blocks", 32, 264 } };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct tiny t = tiny_shape(TINY_LLAMA);
        t.heads = 4, t.kv_heads = 2, t.head_dim = cuts[i].head_dim, t.width = 136;
        t.ffn = cuts[i].ffn;
        tiny_fill(&t, 7);
        fp8_write_tiny(&t, *state);
        tiny_release(&t);
        check_kept(cuts[i].what, *state);
    }
}

static void numbers_that_do_not_divide_are_refused_with_those_that_do(void **state) {
    struct err err;
    write_wide(*state);
    assert_null(try_open(*state, 3, DTYPE_F32, &err));
    assert_int_equal(err.class, ERR_USAGE);
    assert_non_null(strstr(err.msg, "--tensor-parallel 3 does not divide the model's 8 heads"));
    assert_non_null(strstr(err.hint, "2, 4 and 8"));
    assert_null(try_open(*state, 16, DTYPE_F32, &err));
    assert_null(try_open(*state, 1000, DTYPE_F32, &err));
    assert_non_null(strstr(err.hint, "2, 4 and 8"));
}

static void an_encoder_with_a_decoder_is_refused_by_name(void **state) {
    struct err err;
    described_write(encoder_decoder_config, 29, *state);
    assert_null(try_open(*state, 3, DTYPE_F32, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "--tensor-parallel: the model has an encoder with a decoder, "
                                    "which is not split yet"));
}

/* Greedy tokens: they come from whole rows of logits, put together of what devices have. */
static void texts_are_those_of_one_device(void **state) {
    struct answer one[ASKED] = { { 0 } }, two[ASKED] = { { 0 } };
    write_wide(*state);
    tiny_write_letters(*state);
    ask_on(&subject_texts, *state, 1, DTYPE_F32, false, one);
    ask_on(&subject_texts, *state, devices_there() < 4 ? 2 : 4, DTYPE_F32, false, two);
    check_same("texts", two, one, "on one device");
    release(one);
    release(two);
}

/* Data in parallel: half of the requests each on two devices that have the whole model. */
static void any_device_gives_the_bits_of_the_first(void **state) {
    struct err err = ERR_INIT;
    struct answer want[ASKED] = { { 0 } }, got[ASKED] = { { 0 } };
    struct model *m[2];
    const struct run_options run = { 0 };
    bool cuda = strcmp(TENSOR_PARALLEL_DEVICE, "cuda") == 0;
    write_wide(*state);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        ask_on(&subject_scores, *state, 1, (enum dtype)dtype, false, want);
        for (int i = 0; i < 2; i++) {
            const struct model_options o = { .dtype = (enum dtype)dtype,
                .device = !cuda ? "cpu"
                          : i   ? "cuda:1"
                                : "cuda:0",
                .threads = 1 + (unsigned)i };
            m[i] = model_open(*state, &o, &err);
            assert_non_null(m[i]);
        }
        for (size_t i = 0; i < ASKED; i++)
            assert_true(subject_scores.ask(m[i % 2], which + i, 1, &run, got + i, &err));
        check_same("two devices", got, want, "on one");
        model_close(m[0]);
        model_close(m[1]);
        release(want);
        release(got);
    }
}

/* What is recorded says how many devices there were, for they are part of what gave the numbers. */
static void a_model_says_how_many_devices_it_is_on(void **state) {
    write_wide(*state);
    struct model *one = open_on(*state, 1, DTYPE_F32), *two = open_on(*state, 2, DTYPE_F32);
    const struct model_info *of_one = model_info(one), *of_two = model_info(two);
    char want[80];
    snprintf(want, sizeof want, "%s x2", of_one->backend);
    assert_string_equal(of_two->backend, want);
    assert_true(of_one->n_devices == 1 && of_two->n_devices == 2);
    assert_int_equal(of_two->n_heads, of_one->n_heads);
    assert_int_equal(of_two->n_parameters, of_one->n_parameters);
    assert_null(model_device_info(one).sums);
    const char *sums = model_device_info(two).sums, *nccl = getenv("ASSAY_NCCL");
    bool cuda = strcmp(TENSOR_PARALLEL_DEVICE, "cuda") == 0;
    assert_non_null(sums);
    if (!cuda || (nccl && !*nccl))
        assert_string_equal(sums, cuda ? "copies" : "memory");
    else if (nccl)
        assert_memory_equal(sums, "NCCL ", strlen("NCCL "));
    model_close(one);
    model_close(two);
}

/* What weights came through is given back on each device, not on the first alone. */
static void no_device_keeps_what_weights_came_through(void **state) {
    typedef size_t bytes_fn(void);
    const char *path = getenv("ASSAY_CUDA_MODULE");
    void *module = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    union {
        void *symbol;
        bytes_fn *bytes;
    } pinned = { .symbol = module ? dlsym(module, "shim_pinned_bytes") : NULL };
    if (!pinned.symbol)
        skip();
    write_wide(*state);
    struct model *m = open_on(*state, 1, DTYPE_BF16);
    size_t of_one = pinned.bytes();
    model_close(m);
    m = open_on(*state, 4, DTYPE_BF16);
    if (pinned.bytes() > 4 * of_one)
        fail_msg("%zu bytes are pinned for 4 devices, %zu for one", pinned.bytes(), of_one);
    model_close(m);
    assert_int_equal(pinned.bytes(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(every_architecture_gives_on_devices_what_it_gives_on_one),
        WITH_SCRATCH(heads_of_keys_are_shared_out_or_repeated),
        WITH_SCRATCH(one_device_is_as_if_nobody_had_asked),
        WITH_SCRATCH(bf16_stays_near_one_device),
        WITH_SCRATCH(bytes_are_cut_with_their_scales),
        WITH_SCRATCH(numbers_that_do_not_divide_are_refused_with_those_that_do),
        WITH_SCRATCH(an_encoder_with_a_decoder_is_refused_by_name),
        WITH_SCRATCH(texts_are_those_of_one_device),
        WITH_SCRATCH(any_device_gives_the_bits_of_the_first),
        WITH_SCRATCH(a_model_says_how_many_devices_it_is_on),
        WITH_SCRATCH(no_device_keeps_what_weights_came_through),
    };
    if (devices_there() < 2) {
        printf("skipped: there are %u devices here, and it takes two\n", devices_there());
        return gpu_skip();
    }
    if (getenv("TESTS") != NULL)
        cmocka_set_test_filter(getenv("TESTS"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
