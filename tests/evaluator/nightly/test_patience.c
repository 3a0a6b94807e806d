/* How a hub that is away is waited for, on a clock of the test's own: the defaults of `assay
 * nightly` outlast an outage of ten minutes, and no outage costs more than the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evaluator/nightly/nightly.h"
#include "evaluator/nightly/patience.h"

#define TRY_S                                                                                      \
    70.0 // a try of a hub that swallows what it is sent: four times ten seconds and the waits
         // between

struct outage {
    double found_s; // when it was seen to be back; below 0: given up
    unsigned tries;
};

/* Away from 0 to `away_s`. */
static struct outage live_through(struct patience *p, double away_s, double try_s) {
    struct outage o = { .found_s = 0 };
    for (double now = 0;; o.tries++) {
        assert_true(o.tries < 1000);
        now += try_s;
        if (now - try_s >= away_s) {
            assert_true(patience_end(p, now));
            o.found_s = now;
            return o;
        }
        double rest = patience_rest(p, now);
        if (rest < 0) {
            o.found_s = -1;
            return o;
        }
        now += rest;
    }
}

static struct patience by_default(void) {
    return (struct patience) { .all_s = NIGHT_HUB_WAIT_S, .first_s = NIGHT_HUB_REST_S };
}

static void ten_minutes_are_outlasted_by_default(void **state) {
    (void)state;
    for (double try_s = 0.01; try_s < 2 * TRY_S; try_s += TRY_S) {
        struct patience p = by_default();
        struct outage o = live_through(&p, 600, try_s);
        assert_true(o.found_s >= 600);
        assert_true(o.found_s <= 600 + PATIENCE_REST_MAX_S + 2 * try_s); // and seen soon after
        assert_true(o.tries <= 6);                                       // without hammering at it
        assert_false(patience_spent(&p));
        assert_true(p.waited_s > 590 - try_s && p.waited_s <= o.found_s);
    }
}

static void a_short_outage_costs_little(void **state) {
    (void)state;
    struct patience p = by_default();
    assert_true(live_through(&p, 5, 0.01).found_s <= NIGHT_HUB_REST_S + 1);
}

static void a_hub_that_stays_away_is_given_up(void **state) {
    (void)state;
    for (double try_s = 0.01; try_s < 2 * TRY_S; try_s += TRY_S) {
        struct patience p = by_default();
        struct outage o = live_through(&p, 1e9, try_s);
        assert_true(o.found_s < 0 && patience_spent(&p));
        assert_true(p.waited_s >= NIGHT_HUB_WAIT_S && p.waited_s <= NIGHT_HUB_WAIT_S + 2 * try_s);
        assert_true(o.tries <= 40);
    }
}

static void outages_of_a_night_share_one_bound(void **state) {
    (void)state;
    struct patience p = by_default();
    unsigned n = 0;
    while (n < 100 && live_through(&p, 600, 1).found_s >= 0) {
        n++;
    }
    assert_true(n >= 7 && n <= 12);
    assert_true(p.waited_s <= NIGHT_HUB_WAIT_S + 2);
}

static void once_it_answers_waits_begin_anew(void **state) {
    (void)state;
    struct patience p = by_default();
    (void)live_through(&p, 3000, 1);
    assert_true(patience_rest(&p, 1e6) == NIGHT_HUB_REST_S);
    assert_false(patience_spent(&p));
    assert_true(patience_end(&p, 1e6 + 1));
    assert_false(patience_end(&p, 1e6 + 2)); // it had not been away
}

static void no_patience_is_none(void **state) {
    (void)state;
    struct patience p = { .all_s = 0, .first_s = 30 };
    assert_true(patience_rest(&p, 5) < 0);
    assert_true(patience_spent(&p));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_minutes_are_outlasted_by_default),
        cmocka_unit_test(a_short_outage_costs_little),
        cmocka_unit_test(a_hub_that_stays_away_is_given_up),
        cmocka_unit_test(outages_of_a_night_share_one_bound),
        cmocka_unit_test(once_it_answers_waits_begin_anew),
        cmocka_unit_test(no_patience_is_none),
    };
    return cmocka_run_group_tests_name("nightly_patience", tests, NULL, NULL);
}
