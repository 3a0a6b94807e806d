/* Classifiers and clusterings: the same iterations, predictions and clusters as scipy's and
 * scikit-learn's. */
#include "evaluator/metric/learn.h"

#include "evaluator/metric/lbfgs.h"
#include "evaluator/metric/metric.h"
#include "learn_vectors.h"

/* ---- L-BFGS ---- */

struct rosenbrock {
    size_t n, n_calls;
};

static double rosenbrock(void *arg, const double *x, double *g) {
    struct rosenbrock *r = arg;
    double sum = 0;
    r->n_calls++;
    memset(g, 0, r->n * sizeof *g);
    for (size_t i = 0; i + 1 < r->n; i++) {
        double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        sum += 100 * a * a + b * b;
        g[i] += -400 * x[i] * a - 2 * b;
        g[i + 1] += 200 * a;
    }
    return sum;
}

static void minima_are_found_in_as_many_iterations(void **state) {
    (void)state;
    json_t *all = learn_vectors("minima"), *v;
    size_t i;
    json_array_foreach(all, i, v) {
        struct rosenbrock r = { (size_t)json_get_int(v, "n", 0), 0 };
        struct lbfgs_options options = { (unsigned)json_get_int(v, "max_iter", 0), 50,
            64 * 2.220446049250313e-16, 1e-4 };
        double x[30];
        for (size_t j = 0; j < r.n; j++)
            x[j] = j % 2 ? 1 : -1.2;
        struct lbfgs_end end = lbfgs(rosenbrock, &r, x, r.n, &options);
        assert_int_equal(end.n_iter, json_get_int(v, "n_iter", 0));
        assert_int_equal(end.n_evaluations, json_get_int(v, "n_evaluations", 0));
        assert_int_equal(r.n_calls, end.n_evaluations);
        assert_int_equal(end.converged, options.max_iter > end.n_iter);
        assert_near(end.value, number(v, "value"), 1e-6 * (1 + number(v, "value")));
        for (size_t j = 0; j < r.n; j++)
            assert_near(x[j], json_number_value(json_array_get(json_object_get(v, "x"), j)), 1e-6);
    }
    assert_int_equal(i, 4);
    json_decref(all);
}

static void where_the_gradient_is_flat_nothing_moves(void **state) {
    (void)state;
    struct rosenbrock r = { 2, 0 };
    struct lbfgs_options options = { 100, 50, 1e-14, 1e-4 };
    double x[2] = { 1, 1 };
    struct lbfgs_end end = lbfgs(rosenbrock, &r, x, 2, &options);
    assert_true(end.converged);
    assert_int_equal(end.n_iter, 0);
    assert_int_equal(end.n_evaluations, 1);
}

/* ---- products ---- */

/* Whatever there is behind the last whole lanes counts as well. */
static void wide_products_are_products(void **state) {
    (void)state;
    float a[70], b[70];
    for (size_t i = 0; i < 70; i++) {
        a[i] = (float)(i % 7) - 3;
        b[i] = (float)(i % 5) - 2;
    }
    for (size_t n = 0; n <= 70; n++) {
        double want = 0;
        for (size_t i = 0; i < n; i++)
            want += (double)a[i] * (double)b[i];
        assert_same(wide_dot(a, b, n), want);
    }
}

/* ---- logistic regression ---- */

static double most(const double *x, size_t n) {
    double max = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, fabs(x[i]));
    return max;
}

static void regressions_predict_what_scikit_learns_do(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *all = learn_vectors("regressions"), *v;
    size_t i;
    json_array_foreach(all, i, v) {
        size_t n_x, n_labels, n_weights, n_intercepts, n = (size_t)json_get_int(v, "n", 0);
        uint32_t width = (uint32_t)json_get_int(v, "width", 0), out[200];
        float *x = thousandths(v, "x", &n_x);
        uint32_t *labels = integers(v, "labels", &n_labels);
        double *weights = numbers(v, "weights", &n_weights);
        double *intercepts = numbers(v, "intercepts", &n_intercepts);
        size_t *at = counting(n);
        struct vectors vectors = { x, width, at, n };
        struct logistic l;
        assert_true(
            logistic_fit(&l, &vectors, labels, (uint32_t)json_get_int(v, "n_classes", 0), &err));
        assert_int_equal(l.n_iter, json_get_int(v, "n_iter", 0));
        assert_true(l.converged);
        for (size_t j = 0; j < n_weights; j++)
            assert_near((double)l.weights[j], weights[j], 1e-4 * most(weights, n_weights));
        for (size_t j = 0; j < n_intercepts; j++)
            assert_near((double)l.intercepts[j], intercepts[j], 1e-4 * most(weights, n_weights));
        assert_true(logistic_predict(&l, x + n * width, n_x / width - n, out, &err));
        assert_u32(out, json_object_get(v, "predicted"));
        logistic_release(&l);
        free(at);
        free(intercepts);
        free(weights);
        free(labels);
        free(x);
    }
    assert_int_equal(i, 4);
    json_decref(all);
}

static void one_label_teaches_nothing(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    float x[] = { 1, 2, 3 };
    size_t at[] = { 0, 1, 2 };
    uint32_t labels[] = { 0, 0, 0 };
    struct vectors vectors = { x, 1, at, 3 };
    struct logistic l;
    assert_false(logistic_fit(&l, &vectors, labels, 1, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_non_null(strstr(err.msg, "the same label"));
}

/* ---- k-means ---- */

static size_t *draw(const json_t *v, size_t *n) {
    size_t sample = (size_t)json_get_int(v, "sample", 0), rows = (size_t)json_get_int(v, "n", 0);
    struct mt19937 r;
    *n = sample ? sample : rows;
    size_t *at = counting(*n);
    if (sample) {
        python_seed(&r, 42);
        python_choices(&r, rows, sample, at);
    }
    return at;
}

static void clusters_are_scikit_learns(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *all = learn_vectors("clusterings"), *v;
    size_t i;
    json_array_foreach(all, i, v) {
        size_t n_x, n, *at = draw(v, &n);
        float *x = thousandths(v, "x", &n_x);
        uint32_t *labels = xcalloc(n, sizeof *labels);
        struct vectors vectors = { x, (uint32_t)json_get_int(v, "width", 0), at, n };
        struct kmeans_options options = { (uint32_t)json_get_int(v, "n_clusters", 0),
            (size_t)json_get_int(v, "batch", 0), 42 };
        struct kmeans_end end;
        assert_true(kmeans_fit(&vectors, &options, labels, &end, &err));
        assert_int_equal(end.n_steps, json_get_int(v, "n_steps", 0));
        assert_u32(labels, json_object_get(v, "labels"));
        free(labels);
        free(x);
        free(at);
    }
    assert_int_equal(i, 4);
    json_decref(all);
}

static void there_are_no_more_clusters_than_texts(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    float x[] = { 1, 2, 3 };
    size_t at[] = { 0, 1, 2 };
    uint32_t labels[3];
    struct vectors vectors = { x, 1, at, 3 };
    struct kmeans_options options = { 4, 500, 42 };
    assert_false(kmeans_fit(&vectors, &options, labels, NULL, &err));
    assert_int_equal(err.class, ERR_INPUT);
    options.n_clusters = 3;
    assert_true(kmeans_fit(&vectors, &options, labels, NULL, &err));
    assert_true(labels[0] != labels[1] && labels[1] != labels[2] && labels[0] != labels[2]);
}

/* ---- neighbours ---- */

static void neighbours_vote_as_scikit_learns_do(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *v = learn_vectors("neighbours");
    size_t n_x, n_has, n = (size_t)json_get_int(v, "n", 0);
    uint32_t width = (uint32_t)json_get_int(v, "width", 0);
    float *x = thousandths(v, "x", &n_x);
    uint32_t *wide = integers(v, "has", &n_has);
    const json_t *want = json_object_get(v, "predicted");
    size_t n_queries = n_x / width - n, *at = counting(n);
    uint8_t *has = xcalloc(n_has, 1), *out = xcalloc(n_queries * 4, 1);
    for (size_t i = 0; i < n_has; i++)
        has[i] = (uint8_t)wide[i];
    struct vectors vectors = { x, width, at, n };
    assert_true(neighbours_predict(&vectors, has, 4, 5, x + n * width, n_queries, out, &err));
    assert_int_equal(json_array_size(want), n_queries * 4);
    for (size_t i = 0; i < n_queries * 4; i++)
        assert_int_equal(out[i], json_integer_value(json_array_get(want, i)));
    free(out);
    free(has);
    free(at);
    free(wide);
    free(x);
    json_decref(v);
}

static void of_equal_distances_the_earlier_is_nearer(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    float x[] = { 1, 1, 1, -1 }, query = 0;
    size_t at[] = { 0, 1, 2, 3 };
    uint8_t has[] = { 0, 1, 0, 1 }, out = 9;
    struct vectors vectors = { x, 1, at, 4 };
    assert_true(neighbours_predict(&vectors, has, 1, 3, &query, 1, &out, &err));
    assert_int_equal(out, 0);
    assert_false(neighbours_predict(&vectors, has, 1, 5, &query, 1, &out, &err));
    assert_int_equal(err.class, ERR_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minima_are_found_in_as_many_iterations),
        cmocka_unit_test(where_the_gradient_is_flat_nothing_moves),
        cmocka_unit_test(wide_products_are_products),
        cmocka_unit_test(regressions_predict_what_scikit_learns_do),
        cmocka_unit_test(one_label_teaches_nothing),
        cmocka_unit_test(clusters_are_scikit_learns),
        cmocka_unit_test(there_are_no_more_clusters_than_texts),
        cmocka_unit_test(neighbours_vote_as_scikit_learns_do),
        cmocka_unit_test(of_equal_distances_the_earlier_is_nearer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
