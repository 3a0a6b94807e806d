/* Scores of labels, of sets of labels and of clusterings: equal to scikit-learn's, and what single
 * documents add to them. */
#include "evaluator/metric/classes.h"

#include "learn_vectors.h"

static struct classified classified_of(const json_t *v, double *values) {
    struct classified c = { .n_classes = (uint32_t)json_get_int(v, "n_classes", 0),
        .values = values };
    c.gold = integers(v, "gold", &c.n);
    c.predicted = integers(v, "predicted", &c.n);
    for (uint32_t k = 0; k < c.n_classes; k++)
        values[k] = k;
    return c;
}

static void classified_release(struct classified *c) {
    free((uint32_t *)(uintptr_t)c->gold);
    free((uint32_t *)(uintptr_t)c->predicted);
}

static void scores_of_labels_are_scikit_learns(void **state) {
    (void)state;
    json_t *all = learn_vectors("labels"), *v, *want;
    const char *name;
    size_t i, n = 0;
    json_array_foreach(all, i, v) {
        double values[16];
        struct classified c = classified_of(v, values);
        json_object_foreach(json_object_get(v, "scores"), name, want) {
            assert_true(classes_know(name));
            assert_near(classes_score(name, &c, NULL), json_number_value(want), 1e-12);
            n++;
        }
        classified_release(&c);
    }
    assert_int_equal(n, 9 + 7 + 7);
    json_decref(all);
}

/* n times the score of all less n - 1 times that of all but one. */
static void what_a_document_adds_is_what_is_lost_without_it(void **state) {
    (void)state;
    json_t *all = learn_vectors("labels"), *v, *ignored;
    const char *name;
    size_t i;
    json_array_foreach(all, i, v) {
        double values[16], adds[100];
        struct classified c = classified_of(v, values);
        json_object_foreach(json_object_get(v, "scores"), name, ignored) {
            double whole = classes_score(name, &c, adds);
            struct classified rest = c;
            rest.n--; /* all but the last */
            double want = (double)c.n * whole - (double)rest.n * classes_score(name, &rest, NULL);
            assert_near(adds[rest.n], want, 1e-9);
        }
        classified_release(&c);
    }
    json_decref(all);
}

static void a_class_that_nobody_has_counts_for_nothing(void **state) {
    (void)state;
    uint32_t gold[] = { 0, 0, 2 }, predicted[] = { 0, 2, 2 };
    double values[] = { 0, 1, 2 };
    struct classified c = { gold, predicted, 3, 3, values };
    assert_near(classes_score("f1", &c, NULL), 2.0 / 3, 1e-15);
    assert_near(classes_score("precision", &c, NULL), 0.75, 1e-15);
}

static void average_precision_is_of_two_labels_one_of_them_1(void **state) {
    (void)state;
    uint32_t gold[] = { 0, 1, 2 }, predicted[] = { 0, 1, 2 };
    double values[] = { 0, 1, 2 }, others[] = { 2, 3, 4 };
    struct classified c = { gold, predicted, 3, 3, values };
    assert_true(isnan(classes_score("ap", &c, NULL)));
    c.n = 2;
    assert_near(classes_score("ap", &c, NULL), 1, 0);
    c.values = others;
    assert_true(isnan(classes_score("ap", &c, NULL)));
}

static struct labelsets sets_of(const json_t *v) {
    size_t n_all;
    uint32_t *gold = integers(v, "gold", &n_all), *predicted = integers(v, "predicted", &n_all);
    uint8_t *a = xcalloc(n_all, 1), *b = xcalloc(n_all, 1);
    for (size_t i = 0; i < n_all; i++) {
        a[i] = (uint8_t)gold[i];
        b[i] = (uint8_t)predicted[i];
    }
    free(gold);
    free(predicted);
    size_t n_labels = (size_t)json_get_int(v, "n_labels", 0);
    return (struct labelsets) { a, b, n_all / n_labels, n_labels };
}

static void scores_of_sets_are_scikit_learns(void **state) {
    (void)state;
    json_t *v = learn_vectors("sets"), *want;
    struct labelsets s = sets_of(v), rest = s;
    const char *name;
    size_t n = 0;
    rest.n--;
    json_object_foreach(json_object_get(v, "scores"), name, want) {
        double adds[64], whole = labelsets_score(name, &s, adds);
        assert_true(labelsets_know(name));
        assert_near(whole, json_number_value(want), 1e-12);
        assert_near(adds[rest.n],
            (double)s.n * whole - (double)rest.n * labelsets_score(name, &rest, NULL), 1e-9);
        n++;
    }
    assert_int_equal(n, 4);
    free((uint8_t *)(uintptr_t)s.gold);
    free((uint8_t *)(uintptr_t)s.predicted);
    json_decref(v);
}

static void assert_v_measure(const struct partition *p, const json_t *want) {
    struct v_measure m = v_measure(p);
    assert_int_equal(json_array_size(want), 3);
    assert_near(m.homogeneity, json_number_value(json_array_get(want, 0)), 1e-12);
    assert_near(m.completeness, json_number_value(json_array_get(want, 1)), 1e-12);
    assert_near(m.v, json_number_value(json_array_get(want, 2)), 1e-12);
}

static void v_measures_are_scikit_learns(void **state) {
    (void)state;
    json_t *all = learn_vectors("partitions"), *v;
    size_t i, n, n_times;
    json_array_foreach(all, i, v) {
        uint32_t *gold = integers(v, "gold", &n), *cluster = integers(v, "cluster", &n);
        double *times = numbers(v, "times", &n_times);
        struct partition p = { gold, cluster, NULL, n, (uint32_t)json_get_int(v, "n_classes", 0),
            (uint32_t)json_get_int(v, "n_clusters", 0) };
        assert_v_measure(&p, json_object_get(v, "once"));
        p.times = times;
        assert_v_measure(&p, json_object_get(v, "often"));
        free(gold);
        free(cluster);
        free(times);
    }
    assert_int_equal(i, 5);
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_of_labels_are_scikit_learns),
        cmocka_unit_test(what_a_document_adds_is_what_is_lost_without_it),
        cmocka_unit_test(a_class_that_nobody_has_counts_for_nothing),
        cmocka_unit_test(average_precision_is_of_two_labels_one_of_them_1),
        cmocka_unit_test(scores_of_sets_are_scikit_learns),
        cmocka_unit_test(v_measures_are_scikit_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
