/* Truncation: the result is a model of fewer layers that opens, nothing of the source is touched, a
 * failure leaves nothing behind. */
#include "weight_files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/formats/truncate.h"
#include "harness/harness.h"

static char *below(const char *dir, const char *name) {
    return path_join(dir, name);
}

/* ---- config ---- */

/* Cuts a config given as text to 2 layers and compares with what it should be. */
static void assert_cut(const char *config, const char *want) {
    struct err err = ERR_INIT;
    json_t *got = json_parse(config, strlen(config), "config", &err);
    json_t *expected = json_parse(want, strlen(want), "expected", &err);
    assert_non_null(got);
    assert_non_null(expected);
    assert_true(config_cut(got, 2, &err));
    if (!json_equal(got, expected)) {
        char *text = json_dumps(got, JSON_COMPACT);
        fail_msg("%s became %s", config, text);
    }
    json_decref(got);
    json_decref(expected);
}

static void each_family_of_config_is_cut_by_the_keys_that_it_has(void **state) {
    (void)state;
    assert_cut("{\"num_hidden_layers\":6,\"hidden_size\":8}",
        "{\"num_hidden_layers\":2,\"hidden_size\":8}");
    assert_cut("{\"n_layer\":3,\"n_head\":4}", "{\"n_layer\":2,\"n_head\":4}");
    assert_cut("{\"n_layers\":3}", "{\"n_layers\":2}");
    assert_cut("{\"num_layers\":4,\"num_decoder_layers\":4}",
        "{\"num_layers\":2,\"num_decoder_layers\":2}");
    assert_cut("{\"num_layers\":4,\"num_decoder_layers\":1}",
        "{\"num_layers\":2,\"num_decoder_layers\":1}");
    assert_cut("{\"num_hidden_layers\":4,\"layer_types\":[\"a\",\"b\",\"a\",\"b\"],\"no_rope_"
               "layers\":[1,1,1,0]}",
        "{\"num_hidden_layers\":2,\"layer_types\":[\"a\",\"b\"],\"no_rope_layers\":[1,1]}");
    assert_cut("{\"num_layers\":12,\"attention_types\":[[[\"g\",\"l\"],6]],\"attention_layers\":["
               "\"g\",\"l\",\"g\"]}",
        "{\"num_layers\":2,\"attention_types\":[[[\"g\",\"l\"],1]],\"attention_layers\":[\"g\","
        "\"l\"]}");
    assert_cut("{\"num_layers\":3,\"attention_types\":[[[\"g\"],1],[[\"l\"],2]]}",
        "{\"num_layers\":2,\"attention_types\":[[[\"g\",\"l\"],1]]}");
    assert_cut("{\"model_type\":\"gemma3\",\"text_config\":{\"num_hidden_layers\":6}}",
        "{\"model_type\":\"gemma3\",\"text_config\":{\"num_hidden_layers\":2}}");
}

static void a_config_is_cut_to_fewer_layers_but_not_to_none(void **state) {
    (void)state;
    static const struct {
        const char *config;
        unsigned layers;
        enum err_class class;
        const char *says;
    } rows[] = {
        { "{\"n_layer\":6}", 0, ERR_USAGE, "cannot keep 0 layers" },
        { "{\"n_layer\":6}", 5, ERR_NONE, NULL },
        { "{\"n_layer\":6}", 6, ERR_USAGE, "cannot keep 6 layers of a model that has 6" },
        { "{\"n_layer\":6}", 7, ERR_USAGE, "cannot keep 7 layers" },
        { "{\"n_layer\":-1}", 1, ERR_UNSUPPORTED, "no key of the config says" },
        { "{\"n_layer\":\"6\"}", 1, ERR_UNSUPPORTED, "no key of the config says" },
        { "{}", 1, ERR_UNSUPPORTED, "no key of the config says" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = ERR_INIT;
        json_t *config = json_parse(rows[i].config, strlen(rows[i].config), "config", &err);
        assert_non_null(config);
        assert_int_equal(config_cut(config, rows[i].layers, &err), rows[i].class == ERR_NONE);
        assert_error(&err, rows[i].class, rows[i].says, NULL);
        json_decref(config);
    }
}

/* ---- folders ---- */

/* A small model of three layers in *state/source, as a download cache lays it out: links to blobs.
 */
static char *folder_make(const char *dir) {
    static const char config[] =
        "{\"model_type\":\"bert\",\"num_hidden_layers\":3,\"layer_norm_eps\":1e-12}";
    struct strbuf w = { 0 };
    struct err err = ERR_INIT;
    char *source = below(dir, "source"), *pooling = below(source, "1_Pooling"), *blob, *at;
    assert_true(dir_make(pooling, &err));
    st_build(&w, "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    blob = file_put(dir, "blob", w.text, w.len);
    at = below(source, "model.safetensors");
    assert_int_equal(symlink("../blob", at), 0);
    free(file_put(source, "config.json", config, sizeof config - 1));
    free(file_put(source, "tokenizer.json", "{}", 2));
    free(file_put(source, "pytorch_model.bin", "x", 1));
    free(file_put(source, ".revision", "x", 1));
    free(file_put(pooling, "config.json", "{}", 2));
    strbuf_release(&w);
    free(at);
    free(blob);
    free(pooling);
    return source;
}

static bool holds(const char *dir, const char *name) {
    char *path = below(dir, name);
    struct stat st;
    const bool yes = lstat(path, &st) == 0;
    free(path);
    return yes;
}

static void a_folder_gets_links_and_a_smaller_config(void **state) {
    struct err err = ERR_INIT;
    char *source = folder_make(*state), *target = below(*state, "new/target");
    if (!model_truncate(source, target, 2, &err))
        fail_msg("%s", err.msg);
    char *config_path = below(target, "config.json"),
         *weights_path = below(target, "model.safetensors");
    json_t *config = json_parse_file(config_path, 1 << 20, &err);
    assert_int_equal(json_get_int(config, "num_hidden_layers", 0), 2);
    assert_true(json_get_number(config, "layer_norm_eps", 0) == 1e-12);
    json_decref(config);
    struct stat link_stat, blob_stat;
    char *blob = below(*state, "blob");
    assert_int_equal(stat(weights_path, &link_stat), 0);
    assert_int_equal(stat(blob, &blob_stat), 0);
    assert_true(link_stat.st_ino == blob_stat.st_ino); /* no copy */
    struct weights *w = weights_open(target, &err);
    assert_non_null(w);
    weights_close(w);
    assert_true(holds(target, "tokenizer.json") && holds(target, "1_Pooling/config.json"));
    assert_false(holds(target, "pytorch_model.bin") || holds(target, ".revision"));
    char *original = below(source, "config.json");
    config = json_parse_file(original, 1 << 20, &err);
    assert_int_equal(json_get_int(config, "num_hidden_layers", 0), 3);
    json_decref(config);
    free(original);
    free(blob);
    free(weights_path);
    free(config_path);
    free(target);
    free(source);
}

/* Where there are no safetensors, what PyTorch wrote is the model. */
static void a_folder_of_pytorchs_keeps_them(void **state) {
    struct err err = ERR_INIT;
    struct strbuf bin = { 0 };
    char *source = folder_make(*state), *target = below(*state, "target"),
         *safetensors = below(source, "model.safetensors"), *pooling = below(source, "1_Pooling");
    assert_int_equal(unlink(safetensors), 0);
    assert_true(file_read(ASSAY_TESTS_DIR "/fixtures/pytorch/module.bin", 1 << 20, &bin, &err));
    free(file_put(source, "pytorch_model.bin", bin.text, bin.len));
    free(file_put(source, "model.onnx", "x", 1));
    free(file_put(pooling, "pytorch_model.bin", bin.text, bin.len));
    if (!model_truncate(source, target, 2, &err))
        fail_msg("%s", err.msg);
    assert_true(holds(target, "pytorch_model.bin"));
    assert_true(holds(target, "1_Pooling/pytorch_model.bin"));
    assert_false(holds(target, "model.onnx"));
    strbuf_release(&bin);
    free(pooling);
    free(safetensors);
    free(target);
    free(source);
}

static void a_folder_that_cannot_be_cut_leaves_nothing_behind(void **state) {
    struct err err = ERR_INIT;
    char *source = folder_make(*state), *target = below(*state, "target");
    assert_false(model_truncate(source, target, 0, &err));
    assert_error(&err, ERR_USAGE, "cannot keep 0 layers", NULL);
    assert_false(model_truncate(source, target, 3, &err));
    assert_error(&err, ERR_USAGE, "cannot keep 3 layers of a model that has 3", source, NULL);
    free(file_put(source, "model.safetensors", "short", 5)); /* through the link */
    assert_false(model_truncate(source, target, 2, &err));
    assert_error(&err, ERR_INPUT, "too short", NULL);
    assert_false(holds(*state, "target"));
    char *inside = below(source, "1_Pooling/target");
    assert_false(model_truncate(source, inside, 2, &err));
    assert_error(&err, ERR_USAGE, "cannot be made inside", NULL);
    free(inside);
    assert_true(dir_make(target, &err));
    assert_false(model_truncate(source, target, 2, &err));
    assert_error(&err, ERR_USAGE, "exists already", target, NULL);
    assert_false(model_truncate("/nonexistent/model", "/nonexistent/target", 2, &err));
    assert_error(&err, ERR_NOT_FOUND, "/nonexistent/model", NULL);
    free(target);
    free(source);
}

/* ---- GGUF ---- */

/* Three layers, one tensor each of 36 bytes, and one before and one after; the bytes of tensor i
 * are all i + 1. */
static char *gguf_make(const char *dir, const char *count_key) {
    static const char *const names[] = { "token_embd.weight", "blk.0.x", "blk.1.x", "blk.2.x",
        "blk.10.x", "output" };
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 6, 7);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_key_string(&f, "general.name", "Tiny");
    gguf_key_u32(&f, "llama.nextn_predict_layers", 1);
    gguf_key_u32(&f, count_key, 3);
    gguf_key_array(&f, "llama.attention.head_count_kv", 4, 3);
    gguf_u32(&f, 5), gguf_u32(&f, 6), gguf_u32(&f, 7);
    gguf_key_array(&f, "tokenizer.ggml.tokens", 8, 1);
    gguf_string(&f, "\xff");
    gguf_key_u32(&f, "general.alignment", 64);
    for (uint64_t i = 0; i < 6; i++)
        gguf_tensor(&f, names[i], (const uint64_t[]) { 32, 2, 0 }, 2, i * 64);
    gguf_pad(&f, 64);
    for (int i = 0; i < 6; i++) {
        for (int b = 0; b < 36; b++)
            strbuf_addc(&f, (char)(i + 1));
        gguf_pad(&f, 64);
    }
    char *path = file_put(dir, "source.gguf", f.text, f.len);
    strbuf_release(&f);
    return path;
}

static void assert_bytes(const struct weights *w, const char *name, uint8_t value) {
    const struct tensor *t = weights_find(w, name);
    assert_non_null(t);
    assert_int_equal(t->bytes, 36);
    for (size_t i = 0; i < t->bytes; i++)
        assert_int_equal(t->data[i], value);
}

static void a_gguf_file_gets_a_new_header_and_the_kept_tensors(void **state) {
    struct err err = ERR_INIT;
    char *source = gguf_make(*state, "llama.block_count"),
         *target = below(*state, "new/target.gguf");
    if (!model_truncate(source, target, 2, &err))
        fail_msg("%s", err.msg);
    struct weights *w = weights_open(target, &err);
    assert_non_null(w);
    const json_t *m = weights_metadata(w);
    assert_int_equal(json_get_int(m, "llama.block_count", 0), 2);
    assert_string_equal(json_get_string(m, "general.name", ""), "Tiny (first 2 layers)");
    assert_int_equal(json_array_size(json_object_get(m, "llama.attention.head_count_kv")), 2);
    assert_int_equal(json_get_int(m, "llama.nextn_predict_layers", 9), 0);
    assert_int_equal(json_get_int(m, "general.alignment", 0), 64);
    struct gguf_strings it;
    const char *s;
    size_t n;
    assert_true(weights_strings(w, "tokenizer.ggml.tokens", &it) && gguf_strings_next(&it, &s, &n));
    assert_true(n == 1 && *s == '\xff');
    assert_int_equal(weights_count(w), 4);
    assert_bytes(w, "token_embd.weight", 1);
    assert_bytes(w, "blk.0.x", 2);
    assert_bytes(w, "blk.1.x", 3);
    assert_bytes(w, "output", 6);
    assert_null(weights_find(w, "blk.2.x"));
    assert_null(weights_find(w, "blk.10.x"));
    weights_close(w);
    free(target);
    free(source);
}

static void a_gguf_file_that_cannot_be_cut_leaves_nothing_behind(void **state) {
    struct err err = ERR_INIT;
    char *source = gguf_make(*state, "llama.block_count"), *target = below(*state, "target.gguf");
    assert_false(model_truncate(source, target, 3, &err));
    assert_error(&err, ERR_USAGE, "cannot keep 3 layers of a model that has 3", source, NULL);
    free(source);
    source = gguf_make(*state, "gpt2.block_count");
    assert_false(model_truncate(source, target, 2, &err));
    assert_error(&err, ERR_UNSUPPORTED, "no key 'llama.block_count'", NULL);
    free(file_put(*state, "source.gguf", "GGUF", 4));
    assert_false(model_truncate(source, target, 2, &err));
    assert_error(&err, ERR_INPUT, "too short", source, NULL);
    assert_false(holds(*state, "target.gguf"));
    free(target);
    free(source);
}

/* ---- the shared fixtures ---- */

/* Every kept tensor is byte for byte the source's. */
static void assert_same_tensors(const char *source, const char *target) {
    struct err err = ERR_INIT;
    struct weights *a = weights_open(source, &err), *b = weights_open(target, &err);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(weights_count(b) > 0 && weights_count(b) <= weights_count(a));
    for (size_t i = 0; i < weights_count(b); i++) {
        const struct tensor *t = weights_at(b, i), *s = weights_find(a, t->name);
        assert_non_null(s);
        assert_int_equal(t->bytes, s->bytes);
        assert_memory_equal(t->data, s->data, t->bytes);
    }
    weights_close(a);
    weights_close(b);
}

static void shared_models_are_cut(void **state) {
    static const char *const models[] = { "bert-base-f32", "llama-tied-sharded-bf16", "gpt-neo-f32",
        "t5-small-style-f32", "mpt-f32" };
    char *folder = shared_path("fixtures/models");
    if (!folder)
        skip();
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct err err = ERR_INIT;
        char *source = below(folder, models[i]), *target = below(*state, models[i]);
        if (!model_truncate(source, target, 1, &err))
            fail_msg("%s", err.msg);
        assert_same_tensors(source, target);
        free(target);
        free(source);
    }
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_of_config_is_cut_by_the_keys_that_it_has),
        cmocka_unit_test(a_config_is_cut_to_fewer_layers_but_not_to_none),
        WITH_SCRATCH(a_folder_gets_links_and_a_smaller_config),
        WITH_SCRATCH(a_folder_of_pytorchs_keeps_them),
        WITH_SCRATCH(a_folder_that_cannot_be_cut_leaves_nothing_behind),
        WITH_SCRATCH(a_gguf_file_gets_a_new_header_and_the_kept_tensors),
        WITH_SCRATCH(a_gguf_file_that_cannot_be_cut_leaves_nothing_behind),
        WITH_SCRATCH(shared_models_are_cut),
    };
    return cmocka_run_group_tests_name("truncate", tests, NULL, NULL);
}
