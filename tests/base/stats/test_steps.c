/* Steps in series: where asv 0.6.6 (step_detect.solve_potts_autogamma, unit weights) finds them,
 * and where it is known that they are. The noise was drawn once, by Python's random.gauss with
 * seed 8. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/stats/steps.h"

static const double TWO_STEPS[] = { 10.112025, 10.759924, 10.3286, 10.334142, 10.194572, 10.115375,
    10.205649, 9.998874, 9.791014, 9.741253, 9.664425, 10.101778, 10.200695, 10.528419, 10.185353,
    10.11692, 10.23447, 10.029607, 9.459119, 10.354496, 11.893125, 12.101538, 11.951319, 12.926281,
    12.385058, 12.161167, 11.683752, 12.307604, 11.757359, 12.390762, 11.565511, 12.006606,
    12.322363, 11.770018, 12.06862, 12.085254, 12.327694, 11.884463, 12.250467, 12.680289, 8.573702,
    8.769249, 9.180389, 8.832639, 8.61762, 9.482256, 9.337348, 9.382528, 9.375549, 9.264351,
    8.782516, 8.298622, 9.196789, 8.704452, 9.055283, 9.16196, 8.64759, 8.935707, 9.584157,
    9.28128 };

static const double NOISE[] = { 96.894295, 99.855157, 100.280643, 101.468927, 101.828816,
    100.137183, 99.778315, 102.087039, 97.286198, 102.6489, 100.963877, 99.217471, 99.041404,
    100.731445, 97.183496, 95.360058, 101.017167, 103.255932, 99.899093, 100.310264, 100.164115,
    98.178124, 101.028702, 101.875583, 100.235505, 102.041315, 98.037588, 100.691875, 98.597791,
    99.128453, 100.697993, 100.475072, 101.902925, 101.505453, 97.682157, 102.795923, 96.862573,
    99.902916, 100.715708, 99.909912 };

static const double SMALL_STEP[] = { 100.546936, 100.058443, 99.013314, 100.855301, 99.963476,
    99.070118, 100.074888, 99.983242, 100.352111, 99.410364, 100.183734, 99.816679, 101.64764,
    99.633478, 101.314843, 99.921091, 101.159882, 102.378878, 99.610629, 100.149866, 99.075225,
    99.278925, 99.428806, 100.097148, 100.94962, 100.914731, 99.502821, 100.152306, 98.506813,
    100.596806, 102.757104, 101.897429, 102.257003, 103.58571, 103.101635, 103.655541, 102.548532,
    103.158636, 102.755806, 101.449331, 102.836494, 102.862087, 102.300697, 103.802323, 105.18323,
    104.450581, 103.041806, 101.81894, 102.813958, 102.357064, 103.157397, 104.211292, 102.945145,
    101.557396, 104.37702, 103.057875, 104.385989, 102.106327, 105.54144, 101.756545 };

static const double UP_AND_BACK[] = { 1.006905, 1.041354, 0.868842, 0.959796, 0.918872, 1.087208,
    1.035567, 0.951357, 0.911353, 0.911228, 1.508691, 1.459035, 1.518673, 1.472788, 1.413643,
    1.591993, 1.524765, 1.464553, 1.482658, 1.566681, 1.041742, 0.936573, 1.07426, 0.968444,
    1.029371, 0.938511, 0.965784, 1.040224, 0.938773, 1.003874 };

struct expected {
    size_t to;
    double level;
};

static void check(const double *x, size_t n, const struct expected *e, size_t n_e) {
    struct piece pieces[STEPS_POINTS_MAX];
    size_t n_pieces = steps_find(x, n, 1, pieces);
    assert_int_equal(n_pieces, n_e);
    for (size_t i = 0; i < n_e; i++) {
        assert_int_equal(pieces[i].from, i ? e[i - 1].to : 0);
        assert_int_equal(pieces[i].to, e[i].to);
        assert_true(fabs(pieces[i].level - e[i].level) <= 1e-9);
    }
}
#define LENGTH(a) (sizeof(a) / sizeof *(a))
#define CHECK(x, ...)                                                                              \
    check(x, LENGTH(x), (const struct expected[]) { __VA_ARGS__ },                                 \
        LENGTH(((const struct expected[]) { __VA_ARGS__ })))

static void a_constant_series_is_one_piece(void **state) {
    (void)state;
    const double x[] = { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 };
    CHECK(x, { 12, 0.5 });
}

static void zeros_are_one_piece(void **state) {
    (void)state;
    const double x[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    CHECK(x, { 8, 0.0 });
}

static void an_exact_series_steps_where_it_changes(void **state) {
    (void)state;
    const double x[] = { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25 };
    CHECK(x, { 6, 0.5 }, { 12, 0.25 });
}

static void a_step_from_nothing_is_found(void **state) {
    (void)state;
    const double x[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0.3, 0.3, 0.3, 0.3 };
    CHECK(x, { 8, 0.0 }, { 12, 0.3 });
}

static void the_last_point_can_be_a_step(void **state) {
    (void)state;
    const double x[] = { 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 12 };
    CHECK(x, { 20, 10.0 }, { 21, 12.0 });
}

static void a_spike_is_a_piece_of_its_own(void **state) {
    (void)state;
    const double x[] = { 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 50, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 };
    CHECK(x, { 10, 5.0 }, { 11, 50.0 }, { 21, 5.0 });
}

static void two_points_that_differ_are_two_pieces(void **state) {
    (void)state;
    const double x[] = { 1, 2 };
    CHECK(x, { 1, 1.0 }, { 2, 2.0 });
}

static void noise_alone_is_one_piece(void **state) {
    (void)state;
    CHECK(NOISE, { 40, 100.258074 });
}

static void a_small_step_is_found_in_noise(void **state) {
    (void)state;
    CHECK(SMALL_STEP, { 30, 100.0666655 }, { 60, 102.903616 });
}

static void several_steps_are_found_where_they_were_made(void **state) {
    (void)state;
    CHECK(TWO_STEPS, { 20, 10.1511365 }, { 40, 12.093396 }, { 60, 9.1086215 });
    CHECK(UP_AND_BACK, { 10, 0.9555765 }, { 20, 1.4956745 }, { 30, 0.986159 });
}

static void short_pieces_can_be_refused(void **state) {
    (void)state;
    const double x[] = { 5, 5, 5, 5, 5, 50, 5, 5, 5, 5, 5 };
    struct piece pieces[LENGTH(x)];
    assert_int_equal(steps_find(x, LENGTH(x), 2, pieces), 1);
    assert_int_equal(steps_find(x, LENGTH(x), 1, pieces), 3);
}

static void nothing_has_no_pieces_and_one_point_has_one(void **state) {
    (void)state;
    const double x[] = { 3 };
    struct piece pieces[1];
    assert_int_equal(steps_find(x, 0, 1, pieces), 0);
    assert_int_equal(steps_find(x, 1, 3, pieces), 1);
    assert_true(pieces[0].level == 3);
}

/* ---- what a history can be ---- */

/* The least sum of absolute deviations of x[0, n) in k pieces, by trying all cuts. */
static double least_by_trying(const double *x, size_t n, size_t k) {
    double best = INFINITY;
    for (size_t from = k - 1; from < n; from++) { // the last piece
        double head = k == 1 ? 0 : least_by_trying(x, from, k - 1), level = INFINITY;
        for (size_t c = from; c < n; c++) { // a median is one of the points
            double sum = 0;
            for (size_t i = from; i < n; i++) {
                sum += fabs(x[i] - x[c]);
            }
            level = fmin(level, sum);
        }
        best = fmin(best, head + level);
        if (k == 1) {
            break;
        }
    }
    return best;
}

/* Short series of few values, so of many ties: pieces cover them in order, none is empty,
 * neighbours differ, and no other cut into as many has less deviation. */
static void cuts_are_the_best_there_are(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 3000; seed++) {
        struct piece pieces[9];
        double x[9], sum = 0;
        unsigned s = seed * 2654435761u + 1;
        size_t n = 1 + seed % 9;
        for (size_t i = 0; i < n; i++) {
            s = s * 1664525u + 1013904223u;
            x[i] = (double)(s >> 24) / (seed % 2 ? 64 : 1) < 2 ? 1.5 : (double)(s >> 30);
        }
        size_t n_pieces = steps_find(x, n, 1, pieces);
        assert_true(n_pieces >= 1 && n_pieces <= n);
        for (size_t p = 0; p < n_pieces; p++) {
            assert_int_equal(pieces[p].from, p ? pieces[p - 1].to : 0);
            assert_true(pieces[p].to > pieces[p].from);
            assert_true(p == 0 || pieces[p].level != pieces[p - 1].level);
            sum += pieces[p].spread * (double)(pieces[p].to - pieces[p].from);
        }
        assert_int_equal(pieces[n_pieces - 1].to, n);
        assert_true(fabs(sum - least_by_trying(x, n, n_pieces)) <= 1e-9);
    }
}

static void outliers_do_not_move_a_level(void **state) {
    (void)state;
    double x[60];
    struct piece pieces[60];
    for (size_t i = 0; i < 60; i++) {
        x[i] = SMALL_STEP[i];
    }
    x[7] = 1e6;
    x[41] = -1e6;
    static const double LEVELS[] = { 100.07, 1e6, 100.07, 102.9, -1e6, 102.9 };
    assert_int_equal(steps_find(x, 60, 1, pieces), 6); // pieces of their own, and the step is seen
    assert_int_equal(pieces[2].to, 30);
    for (size_t i = 0; i < 6; i++) {
        assert_true(fabs(pieces[i].level - LEVELS[i]) < 0.5);
    }
}

static void two_and_three_points_are_told(void **state) {
    (void)state;
    const double same[] = { 2, 2, 2 }, back[] = { 2, 3, 2 }, up[] = { 2, 2, 3 };
    CHECK(same, { 3, 2.0 });
    CHECK(back, { 3, 2.0 }); // there and back is too little to tell
    CHECK(up, { 2, 2.0 }, { 3, 3.0 });
    struct piece pieces[3];
    assert_int_equal(steps_find(up, 3, 2, pieces), 1); // speeds: one point is no piece
}

static void sizes_do_not_matter(void **state) {
    (void)state;
    static const double SCALES[] = { 1e-300, 1e-9, 1, 1e9, 1e300 };
    for (size_t k = 0; k < LENGTH(SCALES); k++) {
        double x[12];
        struct piece pieces[12];
        for (size_t i = 0; i < 12; i++) {
            x[i] = (i < 6 ? 1 : -1) * SCALES[k];
        }
        assert_int_equal(steps_find(x, 12, 1, pieces), 2);
        assert_int_equal(pieces[0].to, 6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_series_is_one_piece),
        cmocka_unit_test(zeros_are_one_piece),
        cmocka_unit_test(an_exact_series_steps_where_it_changes),
        cmocka_unit_test(a_step_from_nothing_is_found),
        cmocka_unit_test(the_last_point_can_be_a_step),
        cmocka_unit_test(a_spike_is_a_piece_of_its_own),
        cmocka_unit_test(two_points_that_differ_are_two_pieces),
        cmocka_unit_test(noise_alone_is_one_piece),
        cmocka_unit_test(a_small_step_is_found_in_noise),
        cmocka_unit_test(several_steps_are_found_where_they_were_made),
        cmocka_unit_test(short_pieces_can_be_refused),
        cmocka_unit_test(cuts_are_the_best_there_are),
        cmocka_unit_test(outliers_do_not_move_a_level),
        cmocka_unit_test(two_and_three_points_are_told),
        cmocka_unit_test(sizes_do_not_matter),
        cmocka_unit_test(nothing_has_no_pieces_and_one_point_has_one),
    };
    return cmocka_run_group_tests_name("stats_steps", tests, NULL, NULL);
}
