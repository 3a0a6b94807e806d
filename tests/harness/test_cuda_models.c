/* Whole models on the CUDA backend: every architecture that the processor runs, in models of noise
 * that between them have every part, gives what the processor gives; and to the bit what it gives
 * by itself when each request is asked alone with nothing shared. Skips, saying why, where there is
 * no device. */
#include "weight_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "described.h"
#include "harness/harness.h"
#include "subjects.h"
#include "tests/harness/cuda_world.h"
#include "tests/harness/gpu_there.h"

/* Short ones, some that begin alike, and one on either side of a block of keys. */
static const uint32_t which[] = { 24, 25, 30, 33, 36, 17 };
enum { ASKED = sizeof which / sizeof *which };

static struct model *open_on(const char *folder, const char *device, enum dtype dtype) {
    struct err err = ERR_INIT;
    const struct model_options o = { .dtype = dtype, .device = device, .threads = 2 };
    struct model *m = model_open(folder, &o, &err);
    if (!m)
        fail_msg("%s: %s", device, err.msg);
    return m;
}

static void ask(const char *name, const struct subject *subject, struct model *m, bool alone,
    struct answer answers[ASKED]) {
    struct err err = ERR_INIT;
    const struct run_options run = { .no_prefix_sharing = alone };
    size_t at_once = alone ? 1 : ASKED;
    for (size_t i = 0; i < ASKED; i += at_once)
        if (!subject->ask(m, which + i, at_once, &run, answers + i, &err))
            fail_msg("%s: %s", name, err.msg);
}

static void ask_on(const char *name, const struct subject *subject, const char *folder,
    const char *device, enum dtype dtype, bool alone, struct answer answers[ASKED]) {
    struct model *m = open_on(folder, device, dtype);
    ask(name, subject, m, alone, answers);
    model_close(m);
}

/* Of numbers about 1 in size. */
static double error_of(double got, double want) {
    return fabs(got - want) / (1 + fabs(want));
}

static void check_near(
    const char *name, const struct answer *got, const struct answer *want, double tolerance) {
    double most = 0;
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(got[i].n, want[i].n);
        for (size_t j = 0; j < want[i].n; j++) {
            double error = error_of(got[i].numbers[j], want[i].numbers[j]);
            if (!(error <= tolerance))
                fail_msg("%s: number %zu of request %u is %.9g, the processor says %.9g", name, j,
                    which[i], got[i].numbers[j], want[i].numbers[j]);
            most = error > most ? error : most;
        }
    }
    print_message("%s: %.2g of %.2g\n", name, most, tolerance);
}

static void check_same(const char *name, const struct answer *got, const struct answer *want) {
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(got[i].n, want[i].n);
        if (memcmp(got[i].numbers, want[i].numbers, want[i].n * sizeof *want[i].numbers) != 0)
            fail_msg("%s: request %u is not what it is alone", name, which[i]);
    }
}

static void check_finite(const char *name, const struct answer *got) {
    for (size_t i = 0; i < ASKED; i++)
        for (size_t j = 0; j < got[i].n; j++)
            if (!isfinite(got[i].numbers[j]))
                fail_msg("%s: number %zu of request %u is not finite", name, j, which[i]);
}

static void release(struct answer answers[ASKED]) {
    for (size_t i = 0; i < ASKED; i++)
        answer_release(&answers[i]);
}

/* In bf16 a sum that rounds the other way is off by 2^-8 of itself, and the layers behind it carry
 * that on. Allowed is about three times what was seen between the processor and the kernels on the
 * shim. */
#define NEAR_BF16 3e-3
static double tolerance_of(const char *name) {
    static const struct {
        const char *name;
        double tolerance;
    } others[] = { { "latent", 1.2e-2 }, { "two-thetas", 1.2e-2 }, { "buckets-of-layers", 1.2e-2 },
        { "buckets", 1.2e-2 }, { "unscaled-buckets", 8e-3 }, { "sandwich", 8e-3 },
        { "distances-apart", 6e-3 }, { "late-classes", 6e-3 }, { "experts-behind", 6e-3 },
        { "distances", 5e-3 }, { "slopes", 4e-3 }, { "corrections", 4e-3 }, { "both-ways", 4e-3 },
        { "experts", 4e-3 }, { "encoder and decoder", 4e-3 } };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0)
            return others[i].tolerance;
    return NEAR_BF16;
}

static const struct subject *subject_of(const char *folder) {
    struct model *m = open_on(folder, "cpu", DTYPE_F32);
    bool causal = model_info(m)->causal;
    model_close(m);
    return causal ? &subject_scores : &subject_vectors;
}

/* As the processor in the same dtype, and the same bits alone and in a list. */
static void check_model(const char *name, const struct subject *subject, const char *folder) {
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct answer got[ASKED] = { { 0 } }, alone[ASKED] = { { 0 } }, want[ASKED] = { { 0 } };
        ask_on(name, subject, folder, "cpu", (enum dtype)dtype, false, want);
        ask_on(name, subject, folder, "cuda", (enum dtype)dtype, false, got);
        ask_on(name, subject, folder, "cuda", (enum dtype)dtype, true, alone);
        check_finite(name, got);
        check_same(name, got, alone);
        check_near(name, got, want, dtype == DTYPE_F32 ? 1e-4 : tolerance_of(name));
        release(want);
        release(got);
        release(alone);
    }
}

static void every_architecture_runs_as_on_the_processor(void **state) {
    for (const struct described *d = described_models; d->name; d++) {
        described_write(d->config, 17, *state);
        check_model(d->name, subject_of(*state), *state);
    }
}

static void an_encoder_runs_with_its_decoder(void **state) {
    described_write(encoder_decoder_config, 29, *state);
    check_model("encoder and decoder", &subject_scores, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(every_architecture_runs_as_on_the_processor),
        WITH_SCRATCH(an_encoder_runs_with_its_decoder),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
