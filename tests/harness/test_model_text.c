/* Reference numbers of texts through the harness door: sentence-transformers folders with their
 * modules, prompts and truncation, and lm-evaluation-harness's own answers for contexts, rolling
 * texts and generation. Skipped, saying so, where the shared fixtures are absent. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/harness.h"

static struct model *f32_open(const char *path) {
    struct err err = ERR_INIT;
    struct model *m = model_open(path, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    if (!m)
        fail_msg("%s: %s", path, err.msg);
    return m;
}

static json_t *reference_read(const char *folder) {
    struct err err = ERR_INIT;
    char *path = path_join(folder, "reference.json");
    json_t *json = json_parse_file(path, 64 << 20, &err);
    if (!json)
        fail_msg("%s", err.msg);
    free(path);
    return json;
}

static const char *text_of(const json_t *value) {
    return json_string_value(value);
}

/* ---- sentence-transformers ---- */

static void vectors_check(const char *what, struct model *m, const struct embed_options *o,
    const json_t *texts, const json_t *want) {
    struct err err = ERR_INIT;
    const size_t n = json_array_size(texts);
    const uint32_t width = model_embed_width(m, o, &err);
    if (width == 0)
        fail_msg("%s: %s", what, err.msg);
    struct embed_request *requests = xcalloc(n, sizeof *requests);
    float *vectors = xcalloc(n * width, sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        requests[i].text = text_of(json_array_get(texts, i));
        requests[i].text_n = json_string_length(json_array_get(texts, i));
    }
    if (!model_embed(m, o, requests, n, vectors, NULL, &err))
        fail_msg("%s: %s", what, err.msg);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(want, i);
        if (requests[i].err.class != ERR_NONE)
            fail_msg("%s: text %zu: %s", what, i, requests[i].err.msg);
        assert_int_equal(json_array_size(row), width);
        for (size_t c = 0; c < width; c++) {
            const double expected = json_number_value(json_array_get(row, c));
            if (!(fabs(expected - vectors[i * width + c]) <= 2e-5))
                fail_msg("%s: text %zu [%zu]: expected %.9g, got %.9g", what, i, c, expected,
                    vectors[i * width + c]);
        }
    }
    free(requests);
    free(vectors);
}

static void sentence_folder_check(const char *name) {
    struct strbuf below = { 0 };
    strbuf_addf(&below, "fixtures/st/%s", name);
    char *folder = shared_path(strbuf_str(&below));
    strbuf_release(&below);
    if (!folder)
        return;
    json_t *reference = reference_read(folder), *run;
    struct model *m = f32_open(folder);
    size_t i;
    json_array_foreach(json_object_get(reference, "runs"), i, run) {
        const json_t *kwargs = json_object_get(run, "kwargs");
        const bool normalize = json_get_bool(kwargs, "normalize_embeddings", false);
        const bool bare = !model_info(m)->has_pooling;
        if (normalize && !bare)
            continue; /* nothing asks a model with modules for that */
        const struct embed_options o = {
            .pooling = bare ? POOL_MEAN : POOL_AUTO,
            .no_normalize = bare && !normalize,
            .prompt_name = json_get_string(kwargs, "prompt_name", NULL),
            .prompt_text = json_get_string(kwargs, "prompt", NULL),
        };
        vectors_check(
            name, m, &o, json_object_get(reference, "texts"), json_object_get(run, "embeddings"));
    }
    model_close(m);
    json_decref(reference);
    free(folder);
}

static void folders_of_sentence_transformers_embed_as_their_modules_say(void **state) {
    (void)state;
    static const char *const names[] = { "pool-mean-normalize", "pool-cls", "pool-max",
        "pool-lasttoken", "pool-sqrtlen", "pool-weightedmean", "pool-cls-mean-concat",
        "pool-mode-new-style", "dense-tanh", "dense2-identity-normalize", "matryoshka-16",
        "matryoshka-norm-before", "no-modules-json" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sentence_folder_check(names[i]);
}

static void prompts_are_put_before_texts_and_can_be_left_out_of_pooling(void **state) {
    (void)state;
    sentence_folder_check("prompts-e5-style");
    sentence_folder_check("prompts-instructor-excluded");
}

static void long_texts_lose_their_end_but_not_their_special_tokens(void **state) {
    (void)state;
    sentence_folder_check("maxlen-20");
}

/* ---- lm-evaluation-harness ---- */

static void near_to(
    const char *what, size_t i, const char *text, double want, double got, size_t n) {
    const double tolerance = fmax(1e-3, 2e-4 * sqrt((double)n));
    if (!(fabs(want - got) <= tolerance))
        fail_msg("%s %zu (\"%.40s\"): expected %.9g, got %.9g", what, i, text, want, got);
}

static void loglikelihood_check(
    struct model *m, const struct score_options *o, const json_t *rows) {
    struct err err = ERR_INIT;
    json_t *row;
    size_t i;
    json_array_foreach((json_t *)rows, i, row) {
        const json_t *context = json_object_get(row, "context"),
                     *text = json_object_get(row, "continuation");
        struct score_choice c = { .text = text_of(text), .text_n = json_string_length(text) };
        struct score_request r = { .context = text_of(context),
            .context_n = json_string_length(context),
            .choices = &c,
            .n_choices = 1 };
        if (!model_score(m, o, &r, 1, NULL, &err) || r.err.class != ERR_NONE)
            fail_msg("loglikelihood %zu: %s%s", i, err.msg, r.err.msg);
        near_to("loglikelihood", i, r.context, json_get_number(row, "logprob", NAN),
            c.loglikelihood, c.n_tokens);
        assert_int_equal(c.greedy, json_get_bool(row, "is_greedy", false));
        assert_int_equal(c.n_bytes, c.text_n);
    }
}

static void rolling_check(struct model *m, const struct score_options *o, const json_t *rows) {
    struct err err = ERR_INIT;
    json_t *row;
    size_t i;
    json_array_foreach((json_t *)rows, i, row) {
        const json_t *text = json_object_get(row, "text");
        struct score_choice c = { .text = text_of(text), .text_n = json_string_length(text) };
        struct score_request r = { .rolling = true, .choices = &c, .n_choices = 1 };
        if (!model_score(m, o, &r, 1, NULL, &err) || r.err.class != ERR_NONE)
            fail_msg("rolling %zu: %s%s", i, err.msg, r.err.msg);
        near_to("rolling", i, c.text, json_get_number(row, "logprob", NAN), c.loglikelihood,
            c.n_tokens);
    }
}

static void generate_check(struct model *m, const struct score_options *o, const json_t *rows) {
    struct err err = ERR_INIT;
    json_t *row;
    size_t i;
    json_array_foreach((json_t *)rows, i, row) {
        const json_t *context = json_object_get(row, "context"),
                     *kwargs = json_object_get(row, "kwargs");
        const json_t *until = json_object_get(kwargs, "until");
        const char *stop[4];
        struct generate_request r = { .prompt = text_of(context),
            .prompt_n = json_string_length(context),
            .stop = stop,
            .n_stop = json_array_size(until) };
        for (size_t s = 0; s < r.n_stop && s < 4; s++)
            stop[s] = text_of(json_array_get(until, s));
        const struct generate_options g = {
            .max_tokens = (uint32_t)json_get_int(kwargs, "max_gen_toks", 0), .add_bos = o->add_bos
        };
        if (!model_generate(m, &g, &r, 1, NULL, &err) || r.err.class != ERR_NONE)
            fail_msg("generate %zu: %s%s", i, err.msg, r.err.msg);
        assert_string_equal(r.text, json_get_string(row, "text", ""));
        free(r.text);
        free(r.ids);
    }
}

static void lm_eval_check(const char *name, enum add_bos add_bos) {
    char *folder = shared_path(name);
    if (!folder)
        return;
    json_t *reference = reference_read(folder);
    const struct score_options o = { .add_bos = add_bos };
    struct model *m = f32_open(folder);
    loglikelihood_check(m, &o, json_object_get(reference, "loglikelihood"));
    rolling_check(m, &o, json_object_get(reference, "rolling"));
    generate_check(m, &o, json_object_get(reference, "generate"));
    model_close(m);
    json_decref(reference);
    free(folder);
}

static void texts_are_split_and_scored_as_lm_evaluation_harness_does(void **state) {
    (void)state;
    lm_eval_check("fixtures/e2e/lmeval-llama-nobos", ADD_BOS_AUTO);
}

static void a_tokenizer_that_adds_bos_is_let_to(void **state) {
    (void)state;
    lm_eval_check("fixtures/e2e/lmeval-llama-bos", ADD_BOS_AUTO);
}

static void bos_can_be_asked_for(void **state) {
    (void)state;
    lm_eval_check("fixtures/e2e/lmeval-llama-addbos", ADD_BOS_YES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_of_sentence_transformers_embed_as_their_modules_say),
        cmocka_unit_test(prompts_are_put_before_texts_and_can_be_left_out_of_pooling),
        cmocka_unit_test(long_texts_lose_their_end_but_not_their_special_tokens),
        cmocka_unit_test(texts_are_split_and_scored_as_lm_evaluation_harness_does),
        cmocka_unit_test(a_tokenizer_that_adds_bos_is_let_to),
        cmocka_unit_test(bos_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
