/* Scores packed, as JSON and back; JSON that is none. */
#include "base/stats/scores.h"

#include "base/stats/draw.h"
#include "tests/vectors.h"

static void right_and_wrong_are_kept_as_they_are(void **state) {
    (void)state;
    double x[77];
    for (size_t i = 0; i < 77; i++)
        x[i] = i * i % 7 < 3;
    struct scores s, back;
    scores_pack(&s, x, NULL, 77);
    json_t *json = scores_json(&s);
    assert_non_null(json_object_get(json, "bits"));
    assert_true(scores_parse(&back, json));
    assert_true(back.binary && !back.cluster && back.n == 77);
    for (size_t i = 0; i < 77; i++)
        assert_same(scores_at(&back, i), x[i]);
    json_decref(json);
    scores_release(&s);
    scores_release(&back);
}

static void other_numbers_are_kept_to_a_level(void **state) {
    (void)state;
    double x[500];
    uint32_t cluster[500];
    struct draw d = draw_stream(5, 0);
    for (size_t i = 0; i < 500; i++) {
        x[i] = 40 * draw_normal(&d) - 300;
        cluster[i] = (uint32_t)(i / 3 * 7 % 65536);
    }
    struct scores s, back;
    scores_pack(&s, x, cluster, 500);
    json_t *json = scores_json(&s);
    assert_true(scores_parse(&back, json));
    for (size_t i = 0; i < 500; i++) {
        assert_near(scores_at(&back, i), x[i], s.step * 0.5000001);
        assert_int_equal(back.cluster[i], cluster[i]);
    }
    assert_true(s.step < 0.1);
    json_decref(json);
    scores_release(&s);
    scores_release(&back);
}

static void one_value_and_huge_ones_have_a_form(void **state) {
    (void)state;
    const double same[] = { 0.3, 0.3 }, huge[] = { -1.7e308, 1.7e308 };
    struct scores s;
    scores_pack(&s, same, NULL, 2);
    assert_same(scores_at(&s, 1), 0.3);
    scores_release(&s);
    scores_pack(&s, huge, NULL, 2);
    assert_true(isfinite(s.step));
    assert_int_equal(s.level[0], 0);
    scores_release(&s);
}

static void what_is_not_scores_is_refused(void **state) {
    static const char *const BAD[] = { "{}", "[]", "null", "{\"n\": 8}",
        "{\"n\": 8, \"bits\": \"\"}", "{\"n\": 8, \"bits\": \"AAA=\"}",
        "{\"n\": -8, \"bits\": \"AA==\"}", "{\"n\": 0, \"bits\": \"\"}",
        "{\"n\": 9e18, \"bits\": \"AA==\"}", "{\"n\": 8, \"bits\": \"<b>=\"}",
        "{\"n\": 8, \"bits\": 7}",
        "{\"n\": 1, \"low\": 0, \"step\": 1, \"levels\": \"ABA=\"}", /* level 4096 */
        "{\"n\": 1, \"low\": 0, \"levels\": \"AAA=\"}",
        "{\"n\": 1, \"low\": \"x\", \"step\": 1, \"levels\": \"AAA=\"}",
        "{\"n\": 8, \"bits\": \"AA==\", \"clusters\": \"AAA=\"}",
        "{\"n\": 3037000500, \"low\": 0, \"step\": 1, \"levels\": \"AAA=\"}" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        json_t *json = json_loads(BAD[i], JSON_DECODE_ANY, NULL);
        struct scores s;
        if (scores_parse(&s, json))
            fail_msg("taken: %s", BAD[i]);
        json_decref(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_and_wrong_are_kept_as_they_are),
        cmocka_unit_test(other_numbers_are_kept_to_a_level),
        cmocka_unit_test(one_value_and_huge_ones_have_a_form),
        cmocka_unit_test(what_is_not_scores_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
