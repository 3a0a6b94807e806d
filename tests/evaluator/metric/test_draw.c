/* Which rows are drawn, by the generators of numpy, by datasets and by mteb: equal to theirs. */
#include "evaluator/metric/draw.h"

#include "learn_vectors.h"

static void numpys_state_draws_as_recorded(void **state) {
    (void)state;
    json_t *draws = learn_vectors("draws"), *v;
    size_t i, order[50];
    json_array_foreach(json_object_get(draws, "state"), i, v) {
        struct mt19937 r;
        struct numpy_choice choice;
        numpy_seed(&r, (uint32_t)json_get_int(v, "seed", 0));
        for (size_t j = 0; j < 12; j++)
            assert_int_equal(numpy_below(&r, 1000),
                json_integer_value(json_array_get(json_object_get(v, "randint"), j)));
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(numpy_below(&r, 5000000000u),
                json_integer_value(json_array_get(json_object_get(v, "wide"), j)));
        assert_int_equal(numpy_below(&r, 1), 0); /* and takes nothing from the stream */
        for (size_t j = 0; j < 3; j++)
            assert_same(numpy_random(&r),
                json_number_value(json_array_get(json_object_get(v, "random"), j)));
        numpy_choice_init(&choice, 700);
        for (size_t j = 0; j < 12; j++)
            assert_int_equal(numpy_choice_draw(&choice, &r),
                json_integer_value(json_array_get(json_object_get(v, "choice"), j)));
        numpy_choice_release(&choice);
        numpy_permutation(&r, 50, order);
        assert_sizes(order, json_object_get(v, "without"));
    }
    assert_int_equal(i, 3);
    json_decref(draws);
}

static void numpys_generator_draws_as_recorded(void **state) {
    (void)state;
    json_t *draws = learn_vectors("draws"), *v;
    size_t i, out[500];
    json_array_foreach(json_object_get(draws, "generator"), i, v) {
        struct pcg64 r;
        generator_seed(&r, (uint64_t)json_get_int(v, "seed", 0));
        for (size_t j = 0; j < 30; j++)
            out[j] = j;
        generator_shuffle(&r, out, 30);
        generator_shuffle(&r, out, 30);
        assert_sizes(out, json_object_get(v, "shuffle_twice"));
        generator_permutation(&r, 37, out);
        assert_sizes(out, json_object_get(v, "permutation"));
        generator_choice(&r, 20, 6, out);
        assert_sizes(out, json_object_get(v, "floyd"));
        generator_choice(&r, 20000, 500, out);
        assert_sizes(out, json_object_get(v, "tail"));
    }
    assert_int_equal(i, 3);
    json_decref(draws);
}

static void a_split_is_datasets_own(void **state) {
    (void)state;
    json_t *all = learn_vectors("reductions"), *v = json_object_get(all, "split");
    size_t k = (size_t)json_get_int(v, "k", 0), out[64];
    draw_split((size_t)json_get_int(v, "n", 0), k, 42, out);
    assert_sizes(out, json_object_get(v, "out"));
    json_decref(all);
}

static void a_stratified_split_is_datasets_own(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *all = learn_vectors("reductions"), *v;
    size_t i;
    json_array_foreach(json_object_get(all, "stratified"), i, v) {
        size_t n, out[600], k = (size_t)json_get_int(v, "k", 0);
        uint32_t *classes = integers(v, "classes", &n), n_classes = 0;
        for (size_t j = 0; j < n; j++)
            n_classes = classes[j] >= n_classes ? classes[j] + 1 : n_classes;
        assert_true(draw_stratified(classes, n, n_classes, k, 42, out, &err));
        assert_sizes(out, json_object_get(v, "out"));
        free(classes);
    }
    assert_int_equal(i, 4);
    json_decref(all);
}

static void a_label_of_one_row_cannot_be_split(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    uint32_t classes[] = { 0, 0, 0, 1, 1, 1, 2 };
    size_t out[7];
    assert_false(draw_stratified(classes, 7, 3, 3, 42, out, &err));
    assert_int_equal(err.class, ERR_INPUT);
}

/* [[labels of row 0], ...] */
struct rows {
    struct draw_labels labels;
    uint32_t list[4096];
    size_t first[512];
};

static struct rows *rows_of(const json_t *rows) {
    struct rows *r = xcalloc(1, sizeof *r);
    size_t n = 0;
    r->labels = (struct draw_labels) { r->list, r->first, json_array_size(rows), 32 };
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (json_is_integer(row))
            r->list[n++] = (uint32_t)json_integer_value(row);
        for (size_t j = 0; j < json_array_size(row); j++)
            r->list[n++] = (uint32_t)json_integer_value(json_array_get(row, j));
        r->first[i + 1] = n;
    }
    return r;
}

static void iterative_stratification_is_mtebs(void **state) {
    (void)state;
    json_t *all = learn_vectors("reductions"), *v;
    size_t i;
    json_array_foreach(json_object_get(all, "iterative"), i, v) {
        struct rows *rows = rows_of(json_object_get(v, "rows"));
        size_t out[512];
        size_t n = draw_iterative(&rows->labels, (size_t)json_get_int(v, "k", 0), 42, out);
        assert_int_equal(n, json_array_size(json_object_get(v, "out")));
        assert_sizes(out, json_object_get(v, "out"));
        free(rows);
    }
    assert_int_equal(i, 2);
    json_decref(all);
}

static void shuffles_of_experiments_compose(void **state) {
    (void)state;
    json_t *all = learn_vectors("examples"), *want;
    struct rows *rows = rows_of(json_object_get(all, "labels"));
    size_t i, out[512], *order = counting(rows->labels.n);
    json_array_foreach(json_object_get(all, "draws"), i, want) {
        struct mt19937 r;
        numpy_seed(&r, 42);
        numpy_shuffle(&r, order, rows->labels.n);
        assert_int_equal(draw_undersample(&rows->labels, order, 3, out), json_array_size(want));
        assert_sizes(out, want);
    }
    assert_int_equal(i, 4);
    free(order);
    free(rows);
    json_decref(all);
}

static void a_row_is_taken_while_any_of_its_labels_lacks_some(void **state) {
    (void)state;
    json_t *all = learn_vectors("examples"), *want;
    struct rows *rows = rows_of(json_object_get(all, "rows"));
    struct pcg64 r;
    size_t i, out[512];
    generator_seed(&r, 42);
    json_array_foreach(json_object_get(all, "sets"), i, want) {
        size_t *order = counting(rows->labels.n);
        generator_shuffle(&r, order, rows->labels.n);
        assert_int_equal(draw_undersample(&rows->labels, order, 3, out), json_array_size(want));
        assert_sizes(out, want);
        free(order);
    }
    assert_int_equal(i, 4);
    free(rows);
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpys_state_draws_as_recorded),
        cmocka_unit_test(numpys_generator_draws_as_recorded),
        cmocka_unit_test(a_split_is_datasets_own),
        cmocka_unit_test(a_stratified_split_is_datasets_own),
        cmocka_unit_test(a_label_of_one_row_cannot_be_split),
        cmocka_unit_test(iterative_stratification_is_mtebs),
        cmocka_unit_test(shuffles_of_experiments_compose),
        cmocka_unit_test(a_row_is_taken_while_any_of_its_labels_lacks_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
