/* Draws equal to CPython's and numpy's: recorded vectors, and the draws that published evaluations
 * rest on. */
#include "evaluator/metric/metric.h"

#include "vectors.h"

static void assert_indices(const size_t *got, const json_t *want) {
    for (size_t i = 0; i < json_array_size(want); i++)
        assert_int_equal(got[i], json_integer_value(json_array_get(want, i)));
}

static void check_samples(struct mt19937 *r, const json_t *cases) {
    size_t i;
    json_t *c;
    assert_int_equal(json_array_size(cases), 9);
    json_array_foreach(cases, i, c) {
        size_t k = (size_t)json_get_int(c, "k", 0), *out = xcalloc(k, sizeof *out);
        python_sample(r, (size_t)json_get_int(c, "n", 0), k, out);
        assert_indices(out, json_object_get(c, "out"));
        free(out);
    }
}

static void check_below(struct mt19937 *r, const json_t *cases) {
    size_t i;
    json_t *c;
    json_array_foreach(cases, i, c) {
        uint64_t n = strtoull(json_string_value(json_array_get(c, 0)), NULL, 10);
        uint64_t want = strtoull(json_string_value(json_array_get(c, 1)), NULL, 10);
        assert_true(python_randbelow(r, n) == want);
    }
}

static void python_draws_equal_the_recorded_ones(void **state) {
    (void)state;
    json_t *all = vectors_load("python"), *v;
    size_t i, out[64];
    json_array_foreach(all, i, v) {
        struct mt19937 r;
        python_seed(&r, strtoull(json_get_string(v, "seed", ""), NULL, 10));
        for (size_t j = 0; j < 3; j++)
            assert_same(python_random(&r),
                json_number_value(json_array_get(json_object_get(v, "random"), j)));
        check_below(&r, json_object_get(v, "below"));
        check_samples(&r, json_object_get(v, "sample"));
        python_choices(&r, 1000, 20, out);
        assert_indices(out, json_object_get(v, "choices"));
        for (size_t j = 0; j < 50; j++)
            out[j] = j;
        python_shuffle(&r, out, 50);
        assert_indices(out, json_object_get(v, "shuffle"));
    }
    assert_int_equal(i, 6);
    json_decref(all);
}

static void numpy_draws_equal_the_recorded_ones(void **state) {
    (void)state;
    json_t *all = vectors_load("numpy"), *v;
    size_t i, out[1000];
    json_array_foreach(all, i, v) {
        struct mt19937 r;
        numpy_seed(&r, (uint32_t)json_get_int(v, "seed", 0));
        numpy_permutation(&r, 100, out);
        assert_indices(out, json_object_get(v, "permutation"));
        for (size_t j = 0; j < 1000; j++)
            out[j] = j;
        numpy_shuffle(&r, out, 1000);
        numpy_shuffle(&r, out, 1000);
        assert_indices(out, json_object_get(v, "shuffle_twice"));
    }
    assert_int_equal(i, 3);
    json_decref(all);
}

static void assert_draws(const size_t *got, const size_t *want, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got[i], want[i]);
}

/* lm-evaluation-harness: Random(1234).sample over the pool, not reset between documents. */
static void few_shot_draws_are_those_of_lm_eval(void **state) {
    (void)state;
    static const size_t hellaswag[2][11] = {
        { 28883, 7657, 490, 5940, 38156, 2288, 5500, 6450, 23241, 15519, 1142 },
        { 2019, 1038, 22681, 31735, 30379, 9735, 5982, 11999, 7498, 958, 32970 },
    };
    static const size_t arc[25] = { 902, 239, 15, 185, 71, 171, 201, 726, 484, 35, 63, 32, 708, 991,
        949, 304, 186, 374, 234, 29, 1030, 996, 511, 132, 1108 };
    static const size_t gsm8k[2][5] = { { 6374, 3610, 957, 61, 742 },
        { 7462, 6610, 4769, 286, 5501 } };
    struct mt19937 r;
    size_t out[25];
    python_seed(&r, 1234);
    for (size_t doc = 0; doc < 2; doc++) {
        python_sample(&r, 39905, 11, out);
        assert_draws(out, hellaswag[doc], 11);
    }
    python_seed(&r, 1234);
    python_sample(&r, 1119, 25, out);
    assert_draws(out, arc, 25);
    python_seed(&r, 1234);
    for (size_t doc = 0; doc < 2; doc++) {
        python_sample(&r, 7473, 5, out);
        assert_draws(out, gsm8k[doc], 5);
    }
}

/* MTEB's classification: each experiment shuffles the list that the one before left, with a fresh
 * RandomState(42). */
static void composed_shuffles_are_those_of_mteb(void **state) {
    (void)state;
    enum { N = 10003 };
    static const size_t first[8] = { 6883, 5836, 8601, 2545, 8697, 5573, 576, 6832 };
    static const size_t second[8] = { 1774, 4068, 3356, 8599, 7657, 6646, 2122, 4144 };
    static size_t items[N];
    struct mt19937 r;
    for (size_t i = 0; i < N; i++)
        items[i] = i;
    numpy_seed(&r, 42);
    numpy_shuffle(&r, items, N);
    assert_draws(items, first, 8);
    numpy_seed(&r, 42);
    numpy_shuffle(&r, items, N);
    assert_draws(items, second, 8);
}

/* MTEB's clustering: one Random(42) goes on from the sample to the choices. */
static void clustering_draws_are_those_of_mteb(void **state) {
    (void)state;
    static const size_t sampled[8] = { 1824, 409, 4506, 4012, 3657, 2286, 1679, 8935 };
    static const size_t chosen[8] = { 343, 88, 326, 184, 122, 318, 91, 9 };
    struct mt19937 r;
    size_t out[400];
    python_seed(&r, 42);
    python_sample(&r, 10000, 400, out);
    assert_draws(out, sampled, 8);
    python_choices(&r, 400, 8, out);
    assert_draws(out, chosen, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(python_draws_equal_the_recorded_ones),
        cmocka_unit_test(numpy_draws_equal_the_recorded_ones),
        cmocka_unit_test(few_shot_draws_are_those_of_lm_eval),
        cmocka_unit_test(composed_shuffles_are_those_of_mteb),
        cmocka_unit_test(clustering_draws_are_those_of_mteb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
