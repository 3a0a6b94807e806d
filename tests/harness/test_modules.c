/* sentence-transformers modules, read from folders that the tests write: poolings in both
 * spellings, chains, prompts, and what is refused. Whole models with modules are in
 * test_model_text.c. */
#include "weight_files.h"

#include <math.h>
#include <string.h>

#include "harness/model/modules.h"

#define TRANSFORMER "{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"\"}"
#define POOLING "{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"1_Pooling\"}"
#define NORMALIZE "{\"type\":\"sentence_transformers.models.Normalize\",\"path\":\"2_Normalize\"}"
#define DROPOUT "{\"type\":\"sentence_transformers.models.Dropout\",\"path\":\"2_Dropout\"}"
#define LAYER_NORM "{\"type\":\"a.layer_norm.LayerNorm\",\"path\":\"3_LayerNorm\"}"
#define DENSE "{\"type\":\"sentence_transformers.models.Dense\",\"path\":\"2_Dense\"}"

static void put(const char *folder, const char *sub, const char *name, const char *text) {
    struct err err = ERR_INIT;
    char *dir = path_join(folder, sub);
    assert_true(dir_make(dir, &err));
    free(file_put(dir, name, text, strlen(text)));
    free(dir);
}

static struct err open_as(
    struct modules *m, const char *folder, const char *list, const char *pooling) {
    struct err err = ERR_INIT;
    put(folder, ".", "modules.json", list);
    put(folder, "1_Pooling", "config.json", pooling);
    if (!modules_open(m, folder, 4, &err))
        modules_close(m);
    return err;
}

static void a_folder_without_modules_has_none(void **state) {
    struct modules m;
    struct err err = ERR_INIT;
    assert_true(modules_open(&m, *state, 4, &err));
    assert_false(m.present);
    modules_close(&m);
}

static void both_spellings_of_pooling_are_read(void **state) {
    struct modules m;
    struct err err = open_as(&m, *state, "[" TRANSFORMER "," POOLING "]",
        "{\"word_embedding_dimension\":4,\"pooling_mode_mean_tokens\":true,\"pooling_mode_cls_"
        "token\":true}");
    assert_int_equal(err.class, ERR_NONE);
    assert_int_equal(m.n_poolings, 2);
    assert_int_equal(m.poolings[0], POOL_CLS); /* the order in which they are concatenated */
    assert_int_equal(m.poolings[1], POOL_MEAN);
    modules_close(&m);
    err = open_as(&m, *state, "[" TRANSFORMER "," POOLING "," NORMALIZE "]",
        "{\"embedding_dimension\":4,\"pooling_mode\":\"lasttoken\",\"include_prompt\":false}");
    assert_int_equal(err.class, ERR_NONE);
    assert_int_equal(m.n_poolings, 1);
    assert_int_equal(m.poolings[0], POOL_LAST);
    assert_true(m.exclude_prompt);
    assert_int_equal(m.n_chain, 1);
    modules_close(&m);
}

static void a_transformer_alone_has_a_length_and_no_pooling(void **state) {
    struct modules m;
    put(*state, ".", "sentence_bert_config.json", "{\"max_seq_length\":20}");
    const struct err err = open_as(&m, *state, "[" TRANSFORMER "]", "{}");
    assert_int_equal(err.class, ERR_NONE);
    assert_false(m.present);
    assert_int_equal(m.max_length, 20);
    modules_close(&m);
}

static void what_is_not_understood_is_refused(void **state) {
    static const struct {
        const char *list, *pooling;
        enum err_class class;
        const char *says;
    } cases[] = {
        { "{}", "{}", ERR_INPUT, "modules.json" },
        { "[]", "{}", ERR_INPUT, "not a list of modules" },
        { "[" TRANSFORMER "," POOLING "]", "{}", ERR_INPUT, "no pooling mode" },
        { "[" TRANSFORMER "," POOLING "]", "{\"pooling_mode\":\"guess\"}", ERR_UNSUPPORTED,
            "'guess'" },
        { "[" TRANSFORMER "," POOLING "]",
            "{\"pooling_mode\":\"mean\",\"word_embedding_dimension\":5}", ERR_INPUT, "5 numbers" },
        { "[{\"type\":\"x.CLIPModel\",\"path\":\"\"}," POOLING "]", "{}", ERR_UNSUPPORTED,
            "'CLIPModel'" },
        { "[" TRANSFORMER "," POOLING ",{\"type\":\"a.b.WordWeights\",\"path\":\"2\"}]",
            "{\"pooling_mode\":\"mean\"}", ERR_UNSUPPORTED, "'WordWeights'" },
        { "[" TRANSFORMER ",{\"type\":\"a.Pooling\",\"path\":\"../out\"}]", "{}", ERR_INPUT,
            "leaves the folder" },
        { "[" TRANSFORMER "," POOLING "," DENSE "]", "{\"pooling_mode\":\"mean\"}", ERR_INPUT,
            "2_Dense/config.json" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct modules m;
        const struct err err = open_as(&m, *state, cases[i].list, cases[i].pooling);
        assert_error(&err, cases[i].class, cases[i].says, *state, NULL);
    }
}

static void dense_check(const char *folder, const char *file, const struct strbuf *bytes) {
    struct modules m;
    char *dir = path_join(folder, "2_Dense"), *path = file_put(dir, file, bytes->text, bytes->len);
    const struct err err = open_as(
        &m, folder, "[" TRANSFORMER "," POOLING "," DENSE "]", "{\"pooling_mode\":\"mean\"}");
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    float x[4] = { 1, 2, 3, 4 }, scratch[4];
    assert_int_equal(modules_width(&m, 4), 2);
    assert_int_equal(modules_widest(&m, 4), 4);
    assert_int_equal(modules_apply(&m, true, x, 4, scratch), 2);
    assert_true(fabs(x[0] - tanh(1.25)) < 1e-7 && fabs(x[1] - tanh(0.75)) < 1e-7);
    modules_close(&m);
    assert_int_equal(remove(path), 0);
    free(path);
    free(dir);
}

static void a_dense_module_multiplies_adds_and_bends(void **state) {
    struct strbuf file = { 0 };
    struct err err = ERR_INIT;
    const float weights[] = { 1, 0, 0, 0, 0, 0.5f, 0, 0, 0.25f,
        -0.25f }; /* two rows of four, then two biases */
    const char *header =
        "{\"linear.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]},"
        "\"linear.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}";
    const uint64_t n = strlen(header);
    strbuf_add(&file, &n, sizeof n);
    strbuf_adds(&file, header);
    strbuf_add(&file, weights, sizeof weights);
    put(*state, "2_Dense", "config.json",
        "{\"in_features\":4,\"out_features\":2,\"bias\":true,"
        "\"activation_function\":\"torch.nn.modules.activation.Tanh\"}");
    dense_check(*state, "model.safetensors", &file);
    strbuf_reset(&file);
    assert_true(file_read(ASSAY_TESTS_DIR "/fixtures/pytorch/dense.bin", 1 << 20, &file, &err));
    dense_check(*state, "pytorch_model.bin", &file);
    strbuf_release(&file);
}

static void a_layer_norm_centres_and_scales_and_dropout_does_nothing(void **state) {
    struct modules m;
    struct strbuf file = { 0 };
    const float weights[] = { 1, 1, 2, 2, 0, 0, 0, 0.5f };
    const char *header =
        "{\"norm.weight\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
        "\"norm.bias\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,32]}}";
    const uint64_t n = strlen(header);
    const char *list = "[" TRANSFORMER "," POOLING "," DROPOUT "," LAYER_NORM "]";
    strbuf_add(&file, &n, sizeof n);
    strbuf_adds(&file, header);
    strbuf_add(&file, weights, sizeof weights);
    put(*state, "3_LayerNorm", "config.json", "{\"dimension\":4}");
    char *dir = path_join(*state, "3_LayerNorm");
    free(file_put(dir, "model.safetensors", file.text, file.len));
    struct err err = open_as(&m, *state, list, "{\"pooling_mode\":\"mean\"}");
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
    float x[4] = { 1, 2, 3, 4 }, scratch[4];
    const double unit = 1 / sqrt(1.25 + 1e-5);
    assert_int_equal(modules_apply(&m, true, x, 4, scratch), 4);
    assert_true(fabs(x[0] + 1.5 * unit) < 1e-6 && fabs(x[2] - unit) < 1e-6);
    assert_true(fabs(x[3] - 3 * unit - 0.5) < 1e-6);
    modules_close(&m);
    put(*state, "3_LayerNorm", "config.json", "{\"dimension\":5}");
    err = open_as(&m, *state, list, "{\"pooling_mode\":\"mean\"}");
    assert_error(&err, ERR_INPUT, "3_LayerNorm", "5 numbers after 4", NULL);
    strbuf_release(&file);
    free(dir);
}

static void prompts_and_lengths_come_from_their_files(void **state) {
    struct modules m;
    put(*state, ".", "sentence_bert_config.json",
        "{\"max_seq_length\":20,\"do_lower_case\":false}");
    put(*state, ".", "config_sentence_transformers.json",
        "{\"prompts\":{\"query\":\"query: "
        "\"},\"default_prompt_name\":\"query\",\"truncate_dim\":3,"
        "\"similarity_fn_name\":\"dot\"}");
    struct err err =
        open_as(&m, *state, "[" TRANSFORMER "," POOLING "]", "{\"pooling_mode\":\"mean\"}");
    assert_int_equal(err.class, ERR_NONE);
    assert_int_equal(m.max_length, 20);
    assert_int_equal(m.truncate_dim, 3);
    assert_string_equal(m.default_prompt, "query");
    assert_int_equal(m.similarity, SIMILARITY_DOT);
    modules_close(&m);
    put(*state, ".", "config_sentence_transformers.json",
        "{\"prompts\":{},\"default_prompt_name\":\"query\"}");
    err = open_as(&m, *state, "[" TRANSFORMER "," POOLING "]", "{\"pooling_mode\":\"mean\"}");
    assert_error(&err, ERR_INPUT, "'query'", NULL);
    put(*state, ".", "config_sentence_transformers.json", "{\"similarity_fn_name\":\"taste\"}");
    err = open_as(&m, *state, "[" TRANSFORMER "," POOLING "]", "{\"pooling_mode\":\"mean\"}");
    assert_error(&err, ERR_UNSUPPORTED, "'taste'", NULL);
    put(*state, ".", "config_sentence_transformers.json", "{\"similarity_fn_name\":null}");
    err = open_as(&m, *state, "[" TRANSFORMER "," POOLING "]", "{\"pooling_mode\":\"mean\"}");
    assert_int_equal(m.similarity, SIMILARITY_COSINE);
    modules_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(a_folder_without_modules_has_none),
        WITH_SCRATCH(both_spellings_of_pooling_are_read),
        WITH_SCRATCH(a_transformer_alone_has_a_length_and_no_pooling),
        WITH_SCRATCH(what_is_not_understood_is_refused),
        WITH_SCRATCH(a_dense_module_multiplies_adds_and_bends),
        WITH_SCRATCH(a_layer_norm_centres_and_scales_and_dropout_does_nothing),
        WITH_SCRATCH(prompts_and_lengths_come_from_their_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
