/* GGUF files as llama.cpp's converter writes them (fixtures/gguf): tiny models whose tensors were
 * rewritten on the way give what transformers says of the folders that they came from. And what a
 * file has that its architecture has not is refused, for it would be left out. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"

static char *fixture_path(const char *name, const char *ending) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, ASSAY_TESTS_DIR "/fixtures/gguf/%s%s", name, ending);
    return strbuf_take(&path);
}

static struct model *open_by(const char *path, struct err *err) {
    return model_open(path, &(struct model_options) { .dtype = DTYPE_F32, .device = "cpu" }, err);
}

static int32_t *ids_of(const json_t *row, const char *key, size_t *n) {
    const json_t *list = json_object_get(row, key);
    *n = json_array_size(list);
    int32_t *ids = xcalloc(*n + 1, sizeof *ids);
    for (size_t i = 0; i < *n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

/* Rounding errors of a sum grow as the root of its terms. */
static void row_check(struct model *m, const json_t *row) {
    struct err err = ERR_INIT;
    struct score_choice choice = { 0 };
    struct score_request r = { .choices = &choice, .n_choices = 1 };
    int32_t *context = ids_of(row, "context", &r.n_context_ids),
            *ids = ids_of(row, "ids", &choice.n_ids);
    r.context_ids = context;
    choice.ids = ids;
    if (!model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err))
        fail_msg("%s", err.msg);
    const double want = json_get_number(row, "loglikelihood", 0);
    if (!(fabs(choice.loglikelihood - want) <= 2e-5 * sqrt((double)choice.n_ids)))
        fail_msg(
            "%zu tokens: %.9g, transformers says %.9g", choice.n_ids, choice.loglikelihood, want);
    free(context);
    free(ids);
}

static void what_a_converter_rewrote_is_what_transformers_computes(void **state) {
    static const char *const NAMES[] = { "deepseek_v3", "glm4_moe", "mamba2", "olmo3", "t5" };
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct err err = ERR_INIT;
        char *file = fixture_path(NAMES[i], ".gguf"), *reference = fixture_path(NAMES[i], ".json");
        struct model *m = open_by(file, &err);
        json_t *rows = json_parse_file(reference, 1 << 20, &err);
        if (!m || !rows)
            fail_msg("%s: %s", NAMES[i], err.msg);
        assert_int_equal(json_array_size(rows), 3);
        for (size_t r = 0; r < 3; r++)
            row_check(m, json_array_get(rows, r));
        json_decref(rows);
        model_close(m);
        free(file);
        free(reference);
    }
}

/* One byte of a name differs: what was an optional bias, or a tensor of no role. */
static void a_tensor_of_no_role_is_refused(void **state) {
    struct err err = ERR_INIT, missing = ERR_INIT, left = ERR_INIT;
    struct strbuf bytes = { 0 };
    char *source = fixture_path("olmo3", ".gguf");
    assert_true(file_read(source, 1 << 20, &bytes, &err));
    char *at = memmem(bytes.text, bytes.len, "blk.3.attn_k_norm", 17);
    assert_non_null(at);
    memcpy(at, "blk.9.attn_k_norm", 17);
    char *path = file_put(*state, "m.gguf", bytes.text, bytes.len);
    assert_null(open_by(path, &missing));
    assert_error(&missing, ERR_INPUT, "blk.3.attn_k_norm.weight", NULL);
    memcpy(at, "blk.3.attn_k_norm", 17);
    at = memmem(bytes.text, bytes.len, "output.weight", 13); /* the head: there is a tied one */
    assert_non_null(at);
    memcpy(at, "outpux.weight", 13);
    free(path);
    path = file_put(*state, "m.gguf", bytes.text, bytes.len);
    assert_null(open_by(path, &left));
    assert_error(&left, ERR_UNSUPPORTED, "'outpux.weight' is no part of this architecture", NULL);
    free(path);
    free(source);
    strbuf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_converter_rewrote_is_what_transformers_computes),
        WITH_SCRATCH(a_tensor_of_no_role_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
