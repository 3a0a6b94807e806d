/* Parts that few architectures have, each in a tiny model of transformers' (fixtures/parts): what
 * is scored, embedded and classified is what transformers computes. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"

enum { LONGEST = 64, WIDEST = 64 };

struct ids {
    int32_t list[LONGEST];
    size_t n;
};

static struct ids ids_of(const json_t *sequence, const char *key) {
    const json_t *list = json_object_get(sequence, key);
    struct ids ids = { .n = json_array_size(list) };
    assert_in_range(ids.n, 1, LONGEST);
    for (size_t i = 0; i < ids.n; i++)
        ids.list[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

static void numbers_check(
    const char *name, const json_t *want, const float *got, double tolerance) {
    for (size_t i = 0; i < json_array_size(want); i++) {
        double x = json_number_value(json_array_get(want, i));
        if (!(fabs((double)got[i] - x) <= tolerance))
            fail_msg("%s: number %zu is %.9g, transformers says %.9g", name, i, (double)got[i], x);
    }
}

/* log p of each of the tokens behind those before it: of a text, or of labels behind an encoder's.
 */
static void scored_check(const char *name, struct model *m, const json_t *sequence) {
    struct err err = ERR_INIT;
    const json_t *labels = json_object_get(sequence, "labels");
    struct ids context = ids_of(sequence, "ids"),
               fed = labels ? ids_of(sequence, "labels") : context;
    size_t first = labels ? 0 : 1;
    struct score_choice choices[LONGEST];
    struct score_request requests[LONGEST];
    float got[LONGEST];
    for (size_t i = first; i < fed.n; i++) {
        choices[i] = (struct score_choice) { .ids = labels ? fed.list : &fed.list[i],
            .n_ids = labels ? i + 1 : 1 };
        requests[i] = (struct score_request) { .context_ids = context.list,
            .n_context_ids = labels ? context.n : i,
            .choices = &choices[i],
            .n_choices = 1 };
    }
    if (!model_score(m, &(struct score_options) { 0 }, requests + first, fed.n - first, NULL, &err))
        fail_msg("%s: %s", name, err.msg);
    for (size_t i = first; i < fed.n; i++)
        got[i - first] = (float)(choices[i].loglikelihood -
                                 (labels && i > 0 ? choices[i - 1].loglikelihood : 0));
    const char *key = labels ? "label_logprobs" : "next_logprobs";
    numbers_check(name, json_object_get(sequence, key), got, 2e-5);
}

static void embedded_check(const char *name, struct model *m, const json_t *sequence) {
    struct err err = ERR_INIT;
    const json_t *want = json_object_get(sequence, "mean");
    const struct embed_options options = { .pooling = POOL_MEAN, .no_normalize = true };
    struct ids ids = ids_of(sequence, "ids");
    struct embed_request r = { .ids = ids.list, .n_ids = ids.n };
    float got[WIDEST];
    assert_int_equal(model_embed_width(m, &options, &err), json_array_size(want));
    if (!model_embed(m, &options, &r, 1, got, NULL, &err) || r.err.class != ERR_NONE)
        fail_msg("%s: %s%s", name, err.msg, r.err.msg);
    numbers_check(name, want, got, 5e-6);
}

static void classified_check(const char *name, struct model *m, const json_t *sequence) {
    struct err err = ERR_INIT;
    const json_t *want = json_object_get(sequence, "logits");
    struct ids ids = ids_of(sequence, "ids");
    struct classify_request r = { .ids = ids.list, .n_ids = ids.n };
    float got[WIDEST], scores[WIDEST];
    assert_int_equal(model_labels(m, &err), json_array_size(want));
    if (!model_classify(m, &r, 1, got, scores, NULL, &err) || r.err.class != ERR_NONE)
        fail_msg("%s: %s%s", name, err.msg, r.err.msg);
    numbers_check(name, want, got, 1e-5);
}

static void model_check(const char *name) {
    static const struct {
        const char *task;
        void (*check)(const char *name, struct model *m, const json_t *sequence);
    } tasks[] = { { "score", scored_check }, { "seq2seq", scored_check },
        { "embed", embedded_check }, { "classify", classified_check } };
    struct err err = ERR_INIT;
    char *parts = path_join(ASSAY_TESTS_DIR "/fixtures/parts", name);
    char *file = path_join(parts, "reference.json");
    const struct model_options o = { .dtype = DTYPE_F32, .device = "cpu" };
    struct model *m = model_open(parts, &o, &err);
    if (!m)
        fail_msg("%s: %s", name, err.msg);
    json_t *root = json_parse_file(file, 1 << 20, &err);
    const json_t *sequences = json_object_get(root, "sequences");
    const char *task = json_get_string(root, "task", "");
    size_t n_checked = 0;
    for (size_t t = 0; t < sizeof tasks / sizeof tasks[0]; t++)
        for (size_t s = 0; strcmp(tasks[t].task, task) == 0 && s < json_array_size(sequences);
             s++) {
            tasks[t].check(name, m, json_array_get(sequences, s));
            n_checked++;
        }
    assert_int_equal(n_checked, 3);
    json_decref(root);
    model_close(m);
    free(parts);
    free(file);
}

static void check_all(const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        model_check(names[i]);
}
#define CHECK_ALL(...)                                                                             \
    do {                                                                                           \
        static const char *const names[] = { __VA_ARGS__ };                                        \
        check_all(names, sizeof names / sizeof names[0]);                                          \
    } while (0)

static void the_embedding_is_normed_where_the_model_norms_it(void **state) {
    (void)state;
    CHECK_ALL("narrow-embedding", "norm-of-tokens");
}

static void a_convolution_stands_beside_the_first_layer(void **state) {
    (void)state;
    CHECK_ALL("convolution", "convolution-one-layer");
}

static void a_group_shares_several_layers(void **state) {
    (void)state;
    CHECK_ALL("inner-layers");
}

static void encoders_have_further_types_and_rotations(void **state) {
    (void)state;
    CHECK_ALL("task-types", "rotated-values", "rotary-encoder");
}

static void rows_are_as_wide_as_the_projection_behind_them(void **state) {
    (void)state;
    CHECK_ALL("narrow-rows", "narrow-rows-classified");
}

static void ids_beyond_the_length_are_classified_where_the_rotation_goes_by_it(void **state) {
    (void)state;
    CHECK_ALL("rotation-by-length");
}

static void recurrences_are_gated_and_normed_in_their_order(void **state) {
    (void)state;
    CHECK_ALL("norm-before-gate", "short-convolution");
}

static void heads_correct_what_they_recall(void **state) {
    (void)state;
    CHECK_ALL("corrections", "corrections-in-parts");
}

static void experts_stand_beside_shared_ones(void **state) {
    (void)state;
    CHECK_ALL("shared-biases", "shared-expert-and-head-norms");
}

static void an_activation_has_learned_numbers(void **state) {
    (void)state;
    CHECK_ALL("learned-curve");
}

static void positions_are_waves_without_a_table(void **state) {
    (void)state;
    CHECK_ALL("waves", "waves-behind-norms", "waves-from-two");
}

static void a_dense_layer_stands_before_the_head(void **state) {
    (void)state;
    CHECK_ALL("dense-before-head", "dense-before-head-windowed");
}

static void layers_differ_in_thetas_biases_and_windows(void **state) {
    (void)state;
    CHECK_ALL("sinks-and-thetas", "one-bias", "window-pattern");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_embedding_is_normed_where_the_model_norms_it),
        cmocka_unit_test(a_convolution_stands_beside_the_first_layer),
        cmocka_unit_test(a_group_shares_several_layers),
        cmocka_unit_test(encoders_have_further_types_and_rotations),
        cmocka_unit_test(rows_are_as_wide_as_the_projection_behind_them),
        cmocka_unit_test(ids_beyond_the_length_are_classified_where_the_rotation_goes_by_it),
        cmocka_unit_test(recurrences_are_gated_and_normed_in_their_order),
        cmocka_unit_test(heads_correct_what_they_recall),
        cmocka_unit_test(experts_stand_beside_shared_ones),
        cmocka_unit_test(an_activation_has_learned_numbers),
        cmocka_unit_test(positions_are_waves_without_a_table),
        cmocka_unit_test(a_dense_layer_stands_before_the_head),
        cmocka_unit_test(layers_differ_in_thetas_biases_and_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
