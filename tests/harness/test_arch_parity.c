/* An architecture is a description and no C: tiny models of transformers' (fixtures/arch), by
 * descriptions that are built in, and one by a file that only stands beside it, give transformers'
 * own log-probabilities; with adapters (fixtures/adapters), PEFT's. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"

static char *fixture_path(const char *name) {
    return path_join(ASSAY_TESTS_DIR "/fixtures/arch", name);
}

static struct model *open_by(const char *name, const char *arch_file, struct err *err) {
    char *folder = fixture_path(name), *arch = arch_file ? fixture_path(arch_file) : NULL;
    const struct model_options o = { .dtype = DTYPE_F32, .device = "cpu", .arch_file = arch };
    struct model *m = model_open(folder, &o, err);
    free(folder);
    free(arch);
    return m;
}

static json_t *reference_of(const char *name) {
    struct err err = ERR_INIT;
    char *folder = fixture_path(name), *path = path_join(folder, "reference.json");
    json_t *root = json_parse_file(path, 1 << 20, &err);
    if (!root)
        fail_msg("%s", err.msg);
    free(folder);
    free(path);
    return root;
}

/* Every token's log-probability behind those before it. */
static size_t sequence_check(struct model *m, const json_t *sequence) {
    struct err err = ERR_INIT;
    const json_t *list = json_object_get(sequence, "ids"),
                 *wants = json_object_get(sequence, "next_logprobs");
    size_t n = json_array_size(list);
    int32_t *ids = xcalloc(n, sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    for (size_t i = 1; i < n; i++) {
        struct score_choice next = { .ids = &ids[i], .n_ids = 1 };
        struct score_request r = {
            .context_ids = ids, .n_context_ids = i, .choices = &next, .n_choices = 1
        };
        if (!model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err))
            fail_msg("%s", err.msg);
        double want = json_number_value(json_array_get(wants, i - 1));
        if (!(fabs(next.loglikelihood - want) <= 2e-5))
            fail_msg("token %zu: %.9g, transformers says %.9g", i, next.loglikelihood, want);
    }
    free(ids);
    return n - 1;
}

static void model_check(const char *name, const char *arch_file) {
    struct err err = ERR_INIT;
    struct model *m = open_by(name, arch_file, &err);
    if (!m)
        fail_msg("%s: %s", name, err.msg);
    json_t *root = reference_of(name);
    const json_t *sequences = json_object_get(root, "sequences");
    size_t n_checked = 0;
    for (size_t s = 0; s < json_array_size(sequences); s++)
        n_checked += sequence_check(m, json_array_get(sequences, s));
    assert_int_equal(n_checked, 50);
    json_decref(root);
    model_close(m);
}

static void a_built_in_description_is_what_transformers_computes(void **state) {
    (void)state;
    model_check("persimmon", NULL);
    model_check("biogpt", NULL);
}

static void an_adapter_is_what_peft_runs(void **state) {
    static const char *const names[] = { "tied", "tied-saved", "conv1d" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "../adapters/%s", names[i]);
        model_check(path, NULL);
    }
}

static void a_description_of_ones_own_computes_it_too(void **state) {
    (void)state;
    model_check("biogpt", "biogpt.lua");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_in_description_is_what_transformers_computes),
        cmocka_unit_test(an_adapter_is_what_peft_runs),
        cmocka_unit_test(a_description_of_ones_own_computes_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
