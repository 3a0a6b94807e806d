/* Whole models on a GPU. In f32 each number is the processor's to within rounding; in both dtypes
 * what a request gets is the same bits alone, in one list, in batches of 64, with nothing shared,
 * shuffled, and from a model that has answered before. Skips, saying why, where there is no device.
 */
#include "weight_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_there.h"
#include "subjects.h"
#include "tiny_models.h"

enum { LIST_MAX = 256 };

static const struct cell {
    enum tiny_kind kind;
    uint32_t heads, kv_heads, head_dim, vocab; /* 0: as tiny_shape has them */
    const struct subject *subject;
    double near; /* in f32, of numbers about 1 in size */
} cells[] = {
    { TINY_LLAMA, 0, 0, 0, 0, &subject_scores, 2e-4 },
    { TINY_LLAMA, 4, 2, 64, 8300, &subject_scores, 5e-4 },
    { TINY_LLAMA, 2, 1, 128, 0, &subject_scores, 5e-4 },
    { TINY_LLAMA, 5, 1, 10, 0, &subject_scores, 2e-4 },
    { TINY_LLAMA, 0, 0, 0, 0, &subject_texts, 0.5 }, /* ids of a text: all or nothing */
    { TINY_BERT, 0, 0, 0, 0, &subject_vectors, 2e-4 },
};

static void folder_write(const struct cell *c, const char *folder) {
    struct tiny t = tiny_shape(c->kind);
    t.max_length = 1100;
    if (c->heads) {
        t.heads = c->heads, t.kv_heads = c->kv_heads, t.head_dim = c->head_dim;
    }
    t.vocab = c->vocab ? c->vocab : t.vocab;
    tiny_fill(&t, 7);
    tiny_write(&t, folder);
    if (t.vocab == 37)
        tiny_write_letters(folder);
    tiny_release(&t);
}

static struct model *open_on(const char *device, enum dtype dtype, const char *folder) {
    struct err err = ERR_INIT;
    const struct model_options options = { .device = device, .dtype = dtype };
    struct model *m = model_open(folder, &options, &err);
    if (m == NULL)
        fail_msg("%s on %s: %s", dtype_name(dtype), device, err.msg);
    return m;
}

static void ask(const struct cell *c, struct model *m, const uint32_t *which, size_t n,
    bool unshared, struct answer *answers) {
    struct err err = ERR_INIT;
    const struct run_options run = { .no_prefix_sharing = unshared };
    if (!c->subject->ask(m, which, n, &run, answers, &err))
        fail_msg("%s: %s", c->subject->name, err.msg);
}

static void release(struct answer *answers, size_t n) {
    for (size_t i = 0; i < n; i++)
        answer_release(&answers[i]);
    free(answers);
}

static struct answer *each_alone(const struct cell *c, struct model *m) {
    struct answer *answers = xcalloc(c->subject->n, sizeof *answers);
    for (uint32_t i = 0; i < c->subject->n; i++)
        ask(c, m, &i, 1, true, &answers[i]);
    return answers;
}

/* ---- the same bits ---- */

static const struct way {
    const char *says;
    size_t batch; /* 0: one list */
    bool unshared, shuffled;
} ways[] = {
    { "in one list", 0, false, false },
    { "in batches of 64", 64, false, false },
    { "packed with nothing shared", 0, true, false },
    { "shuffled in batches of 7", 7, false, true },
};

static uint32_t list_make(const struct way *w, uint32_t n, uint32_t *which) {
    uint64_t random = 5;
    for (uint32_t i = 0; i < n; i++)
        which[i] = i;
    for (uint32_t i = n; w->shuffled && i > 1; i--) {
        uint32_t j = tiny_random(&random) % i, swap = which[i - 1];
        which[i - 1] = which[j];
        which[j] = swap;
    }
    return n;
}

static void check_bits(
    const char *says, uint32_t request, const struct answer *want, const struct answer *got) {
    assert_int_equal(got->n, want->n);
    for (size_t i = 0; i < want->n; i++)
        if (memcmp(&got->numbers[i], &want->numbers[i], sizeof(double)) != 0)
            fail_msg("%s: number %zu of request %u is %.17g, alone %.17g", says, i, request,
                got->numbers[i], want->numbers[i]);
}

static void check_way(
    const struct way *w, const struct cell *c, struct model *m, const struct answer *alone) {
    uint32_t which[LIST_MAX], n = list_make(w, c->subject->n, which);
    size_t batch = w->batch ? w->batch : n;
    struct answer *answers = xcalloc(n, sizeof *answers);
    for (size_t at = 0; at < n; at += batch)
        ask(c, m, which + at, n - at < batch ? n - at : batch, w->unshared, answers + at);
    for (uint32_t i = 0; i < n; i++)
        check_bits(w->says, which[i], &alone[which[i]], &answers[i]);
    release(answers, n);
}

static void check_same(const struct cell *c, enum dtype dtype, const char *folder) {
    struct model *m = open_on("cuda", dtype, folder);
    struct answer *alone = each_alone(c, m);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(&ways[i], c, m, alone);
    model_close(m);
    release(alone, c->subject->n);
}

static void for_each_cell(
    void (*check)(const struct cell *c, enum dtype dtype, const char *folder), const char *root) {
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        char *folder = path_join(root, name);
        assert_true(dir_make(folder, &err));
        assert_true(cells[i].subject->n <= LIST_MAX);
        folder_write(&cells[i], folder);
        for (enum dtype dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
            check(&cells[i], dtype, folder);
        free(folder);
    }
}

static void a_request_gets_the_same_bits_whatever_is_beside_it(void **state) {
    for_each_cell(check_same, *state);
}

/* ---- the processor's numbers ---- */

static void check_near(const struct cell *c, enum dtype dtype, const char *folder) {
    if (dtype != DTYPE_F32)
        return;
    struct model *there = open_on("cuda", dtype, folder), *here = open_on("cpu", dtype, folder);
    struct answer *got = each_alone(c, there), *want = each_alone(c, here);
    for (uint32_t r = 0; r < c->subject->n; r++) {
        assert_int_equal(got[r].n, want[r].n);
        for (size_t i = 0; i < want[r].n; i++) {
            double off = fabs(got[r].numbers[i] - want[r].numbers[i]);
            if (!(off <= c->near * (1 + fabs(want[r].numbers[i]))))
                fail_msg("%s: number %zu of request %u is %.9g, on the processor %.9g",
                    c->subject->name, i, r, got[r].numbers[i], want[r].numbers[i]);
        }
    }
    release(got, c->subject->n);
    release(want, c->subject->n);
    model_close(there);
    model_close(here);
}

static void f32_is_the_processors_to_within_rounding(void **state) {
    for_each_cell(check_near, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(f32_is_the_processors_to_within_rounding),
        WITH_SCRATCH(a_request_gets_the_same_bits_whatever_is_beside_it),
    };
    return gpu_there() ? cmocka_run_group_tests(tests, NULL, NULL) : gpu_skip();
}
