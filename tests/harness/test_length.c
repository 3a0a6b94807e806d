/* How many tokens of a text are kept, and which: every place that can say so, in folders that the
 * tests write. What is expected was measured with sentence-transformers 6.2.0 (`max_seq_length` and
 * the ids that its tokenizer made), lm_eval 0.4.13 (`max_length`) and transformers 5.23.0. */
#include "described.h"
#include "tiny_models.h"
#include "weight_files.h"

#include <string.h>

#include "harness/model/model.h"

enum { POSITIONS = 48, LETTERS = 1500 };

static void put(const char *folder, const char *name, const char *text) {
    if (text)
        free(file_put(folder, name, text, strlen(text)));
}

static void modules_put(const char *folder) {
    struct err err = ERR_INIT;
    char *pooling = path_join(folder, "1_Pooling");
    assert_true(dir_make(pooling, &err));
    put(pooling, "config.json", "{\"word_embedding_dimension\":24,\"pooling_mode\":\"mean\"}");
    put(folder, "modules.json",
        "[{\"type\":\"a.Transformer\",\"path\":\"\"},{\"type\":\"a.Pooling\",\"path\":\"1_"
        "Pooling\"}"
        "]");
    free(pooling);
}

static void tiny_put(const char *folder, enum tiny_kind kind, uint32_t positions) {
    struct tiny t = tiny_shape(kind);
    t.max_length = positions;
    tiny_fill(&t, 7);
    tiny_write(&t, folder);
    tiny_release(&t);
    tiny_write_letters(folder);
}

static struct model *opened(const char *folder) {
    struct err err = ERR_INIT;
    struct model *m = model_open(folder, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static uint32_t length_in(const char *folder) {
    struct model *m = opened(folder);
    uint32_t length = length_of_texts(m);
    model_close(m);
    return length;
}

/* ---- how many ---- */

struct saying {
    const char *file, *text; /* of the Transformer module */
    const char *tokenizer;
    uint32_t table,
        rotated; /* tokens where positions have a table of 48, and where they have none */
};

static const struct saying sayings[] = {
    { NULL, NULL, "{}", 48, 48 },
    { NULL, NULL, "{\"model_max_length\":30}", 30, 30 },
    { NULL, NULL, "{\"max_len\":25}", 25, 25 },
    { NULL, NULL, "{\"model_max_length\":1e30}", 48, 48 },
    { NULL, NULL, "{\"model_max_length\":512}", 48, 48 },
    { "sentence_bert_config.json", "{\"max_seq_length\":20}", "{\"model_max_length\":30}", 20, 20 },
    { "sentence_bert_config.json", "{\"max_seq_length\":40}", "{\"model_max_length\":30}", 40, 40 },
    { "sentence_bert_config.json", "{\"max_seq_length\":null}", "{\"model_max_length\":30}", 30,
        30 },
    { "sentence_bert_config.json", "{\"max_seq_length\":300}", "{}", 48, 300 },
    { "sentence_bert_config.json", "{}", "{}", 48, 48 },
    { "sentence_bert_config.json", "{\"processor_kwargs\":{\"model_max_length\":17}}", "{}", 17,
        17 },
    { "sentence_bert_config.json",
        "{\"max_seq_length\":20,\"tokenizer_args\":{\"model_max_length\":17}}", "{}", 17, 17 },
    { "sentence_bert_config.json",
        "{\"max_seq_length\":20,\"processing_kwargs\":{\"text\":{\"max_length\":11}}}", "{}", 11,
        11 },
    { "sentence_roberta_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
    { "sentence_distilbert_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
    { "sentence_camembert_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
    { "sentence_albert_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
    { "sentence_xlm-roberta_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
    { "sentence_xlnet_config.json", "{\"max_seq_length\":20}", "{}", 20, 20 },
};

static void saying_check(const char *folder, const struct saying *s, uint32_t want) {
    put(folder, "tokenizer_config.json", s->tokenizer);
    if (s->file)
        put(folder, s->file, s->text);
    uint32_t got = length_in(folder);
    if (got != want)
        fail_msg(
            "%s %s: %u tokens, not %u", s->file ? s->text : "no file", s->tokenizer, got, want);
    char *path = s->file ? path_join(folder, s->file) : NULL;
    assert_true(!path || remove(path) == 0);
    free(path);
}

static void the_module_counts_before_the_tokenizer_and_the_configuration(void **state) {
    for (enum tiny_kind kind = TINY_LLAMA; kind <= TINY_BERT; kind++) {
        tiny_put(*state, kind, POSITIONS);
        modules_put(*state);
        for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++)
            saying_check(
                *state, &sayings[i], kind == TINY_BERT ? sayings[i].table : sayings[i].rotated);
    }
}

static void a_folder_without_modules_has_no_transformer_module_to_say_anything(void **state) {
    tiny_put(*state, TINY_BERT, POSITIONS);
    put(*state, "sentence_bert_config.json", "{\"max_seq_length\":20}");
    assert_int_equal(length_in(*state), POSITIONS);
    modules_put(*state);
    assert_int_equal(length_in(*state), 20);
}

static void request_length_check(
    const char *folder, const char *config, const char *tokenizer, uint32_t want) {
    described_write(config, 3, folder);
    tiny_write_letters(folder);
    put(folder, "tokenizer_config.json", tokenizer);
    struct model *m = opened(folder);
    if (model_info(m)->max_length != want)
        fail_msg("%s %s: %u, not %u", config, tokenizer, model_info(m)->max_length, want);
    model_close(m);
}

#define BLOOM                                                                                      \
    "{\"model_type\":\"bloom\",\"vocab_size\":37,\"hidden_size\":24,\"n_head\":6,\"n_layer\":2"
#define MPT "{\"model_type\":\"mpt\",\"vocab_size\":37,\"d_model\":24,\"n_heads\":6,\"n_layers\":2"

/* What Bloom's and MPT's configurations say of lengths are no keys that lm-evaluation-harness looks
 * for. */
static void a_configuration_without_a_length_leaves_it_to_the_tokenizer(void **state) {
    static const char unlimited[] = "{\"model_max_length\":1e30}",
                      short_one[] = "{\"model_max_length\":77}";
    request_length_check(*state, BLOOM ",\"seq_length\":320}", short_one, 77);
    request_length_check(*state, BLOOM ",\"seq_length\":320}", unlimited, 2048);
    request_length_check(*state, MPT ",\"max_seq_len\":320}", short_one, 77);
    request_length_check(*state, MPT ",\"max_seq_len\":320}", unlimited, 2048);
    request_length_check(*state, BLOOM ",\"n_positions\":50}", short_one, 50);
    request_length_check(*state, BLOOM ",\"max_position_embeddings\":50}", short_one, 50);
    request_length_check(*state, BLOOM ",\"n_ctx\":50}", short_one, 50);
}

/* ---- which ---- */

/* The ids of "abcdef" where four are kept. */
static void four_kept(const char *folder, const char *tokenizer, int32_t first) {
    struct err err = ERR_INIT;
    struct token_list list = { 0 };
    struct embed_request r = { .text = "abcdef", .text_n = 6 };
    put(folder, "tokenizer_config.json", tokenizer);
    struct model *m = opened(folder);
    if (!model_embed_tokens(m, &(struct embed_options) { 0 }, &r, &list, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(list.n, 4);
    assert_true(r.truncated);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(list.ids[i], first + i);
    token_list_release(&list);
    model_close(m);
}

/* Writes tokenizer.json again, with a truncation of its own. */
static void truncation_put(const char *folder, const char *truncation) {
    struct err err = ERR_INIT;
    char *path = path_join(folder, "tokenizer.json");
    json_t *doc = json_parse_file(path, 1 << 20, &err);
    json_object_set_new(doc, "truncation", json_loads(truncation, 0, NULL));
    assert_int_equal(json_dump_file(doc, path, 0), 0);
    json_decref(doc);
    free(path);
}

static void the_tokenizer_says_which_side_is_cut_and_tokenizer_json_only_where_it_does_not(
    void **state) {
    tiny_put(*state, TINY_BERT, POSITIONS);
    modules_put(*state);
    four_kept(*state, "{\"model_max_length\":4}", 1);
    four_kept(*state, "{\"model_max_length\":4,\"truncation_side\":\"left\"}", 3);
    truncation_put(*state,
        "{\"direction\":\"Left\",\"max_length\":2,\"strategy\":\"OnlySecond\",\"stride\":1}");
    four_kept(*state, "{\"model_max_length\":4}", 3);
    four_kept(*state, "{\"model_max_length\":4,\"truncation_side\":\"right\"}", 1);
}

/* ---- as many as it takes ---- */

/* 1421 is no multiple of a block of rows. */
static void a_text_as_long_as_the_model_takes_is_embedded_whole(void **state) {
    struct err err = ERR_INIT;
    char text[LETTERS];
    memset(text, 'a', sizeof text);
    for (enum tiny_kind kind = TINY_LLAMA; kind <= TINY_BERT; kind++) {
        tiny_put(*state, kind, 1421);
        modules_put(*state);
        struct model *m = opened(*state);
        struct embed_request r = { .text = text, .text_n = sizeof text };
        float vector[24];
        if (!model_embed(m, &(struct embed_options) { 0 }, &r, 1, vector, NULL, &err) ||
            r.err.class != ERR_NONE)
            fail_msg("%s%s", err.msg, r.err.msg);
        assert_int_equal(r.n_asked, 1421);
        assert_true(r.truncated);
        model_close(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(the_module_counts_before_the_tokenizer_and_the_configuration),
        WITH_SCRATCH(a_folder_without_modules_has_no_transformer_module_to_say_anything),
        WITH_SCRATCH(a_configuration_without_a_length_leaves_it_to_the_tokenizer),
        WITH_SCRATCH(
            the_tokenizer_says_which_side_is_cut_and_tokenizer_json_only_where_it_does_not),
        WITH_SCRATCH(a_text_as_long_as_the_model_takes_is_embedded_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
