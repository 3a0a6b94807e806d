/* Configurations and descriptions: what a config.json says is held against ranges and against the
 * tensors that are really there; nothing in it can do more than be refused with a reason. */
#include "weight_files.h"

#include <string.h>

#include "harness/harness.h"
#include "harness/model/spec.h"
#include "described.h"
#include "tiny_models.h"

/* A tiny model whose config.json has one value replaced (NULL: removed). Returns what model_open
 * says. */
static struct err open_with(
    const char *folder, enum tiny_kind kind, const char *key, const char *value) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, kind, 1);
    tiny_write(&t, folder);
    tiny_release(&t);
    char *path = path_join(folder, "config.json");
    json_t *config = json_parse_file(path, 1 << 20, &err);
    assert_non_null(config);
    if (value)
        json_object_set_new(config, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(config, key);
    char *text = json_dumps(config, 0);
    free(file_put(folder, "config.json", text, strlen(text)));
    struct model *m = model_open(folder, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    model_close(m);
    free(text);
    free(path);
    json_decref(config);
    return err;
}

struct bad_value {
    enum tiny_kind kind;
    const char *key, *value;
    enum err_class class;
    const char *says;
};

static void assert_bad_values(const char *folder, const struct bad_value *bad, size_t n) {
    for (; n-- > 0; bad++) {
        const struct err err = open_with(folder, bad->kind, bad->key, bad->value);
        if (bad->class == ERR_NONE)
            assert_int_equal(err.class, ERR_NONE); /* absurd, but nothing is sized by it */
        else
            assert_error(&err, bad->class, bad->says, folder, NULL);
    }
}

static void fault_77_values_out_of_range_are_refused_by_name(void **state) {
    static const struct bad_value values[] = {
        { TINY_LLAMA, "num_hidden_layers", "0", ERR_INPUT, "'num_hidden_layers' is 0" },
        { TINY_LLAMA, "num_hidden_layers", "1000000", ERR_INPUT, "'num_hidden_layers' is 1000000" },
        { TINY_LLAMA, "num_hidden_layers", NULL, ERR_INPUT, "'num_hidden_layers' is missing" },
        { TINY_LLAMA, "hidden_size", "2147483648", ERR_INPUT, "'hidden_size'" },
        { TINY_LLAMA, "hidden_size", "9223372036854775807", ERR_INPUT, "'hidden_size'" },
        { TINY_LLAMA, "hidden_size", "-24", ERR_INPUT, "'hidden_size' is -24" },
        { TINY_LLAMA, "hidden_size", "\"24\"", ERR_INPUT, "'hidden_size' is not a whole number" },
        { TINY_LLAMA, "hidden_size", "24.5", ERR_INPUT, "'hidden_size' is not a whole number" },
        { TINY_LLAMA, "hidden_size", "[24]", ERR_INPUT, "'hidden_size' is not a whole number" },
        { TINY_LLAMA, "num_attention_heads", "0", ERR_INPUT, "'num_attention_heads' is 0" },
        { TINY_LLAMA, "num_attention_heads", "3", ERR_INPUT, "does not divide 'heads' 3" },
        { TINY_LLAMA, "num_key_value_heads", "8", ERR_INPUT, "'kv_heads' 8" },
        { TINY_LLAMA, "head_dim", "5", ERR_INPUT, "rotary" },
        { TINY_LLAMA, "max_position_embeddings", "10000000000", ERR_NONE, "" },
        { TINY_LLAMA, "rope_theta", "0", ERR_INPUT, "'rope_theta' is 0" },
        { TINY_LLAMA, "rms_norm_eps", "0", ERR_INPUT, "'rms_norm_eps' is 0" },
        { TINY_LLAMA, "hidden_act", "\"mystery\"", ERR_UNSUPPORTED, "hidden_act 'mystery'" },
        { TINY_LLAMA, "hidden_act", "7", ERR_INPUT, "hidden_act" },
        { TINY_LLAMA, "rope_scaling", "{\"type\":\"odd\",\"factor\":2.0}", ERR_UNSUPPORTED,
            "rope_type 'odd'" },
        { TINY_LLAMA, "rope_scaling", "{\"type\":\"linear\"}", ERR_INPUT,
            "'rope_scaling.factor' is missing" },
        { TINY_LLAMA, "tie_word_embeddings", "7", ERR_INPUT, "'tied'" },
        { TINY_LLAMA, "model_type", "\"made-up\"", ERR_UNSUPPORTED, "model type 'made-up'" },
        { TINY_LLAMA, "model_type", NULL, ERR_INPUT, "'model_type' is missing" },
        { TINY_BERT, "position_embedding_type", "\"relative_key\"", ERR_UNSUPPORTED,
            "relative_key" },
        { TINY_BERT, "num_attention_heads", "5", ERR_INPUT,
            "'heads' 5 does not divide 'width' 24" },
    };
    assert_bad_values(*state, values, sizeof values / sizeof values[0]);
}

static void fault_78_tensors_of_another_shape_than_described_are_refused_by_name(void **state) {
    static const struct bad_value values[] = {
        { TINY_LLAMA, "num_hidden_layers", "3", ERR_INPUT, "missing: 'model.layers.2." },
        { TINY_LLAMA, "hidden_size", "48", ERR_INPUT, "model.embed_tokens.weight" },
        { TINY_LLAMA, "num_key_value_heads", "4", ERR_INPUT, "k_proj" },
        { TINY_LLAMA, "head_dim", "8", ERR_INPUT, "q_proj" },
        { TINY_LLAMA, "vocab_size", "38", ERR_INPUT, "embed_tokens" },
        { TINY_LLAMA, "attention_bias", "true", ERR_INPUT, "8 tensors" },
        { TINY_BERT, "max_position_embeddings", "64", ERR_INPUT, "position_embeddings" },
        { TINY_BERT, "type_vocab_size", "3", ERR_INPUT, "token_type_embeddings" },
    };
    assert_bad_values(*state, values, sizeof values / sizeof values[0]);
}

/* More objects than a description's heap has room for: an error, where Lua alone would end the
 * process. */
static void a_configuration_that_fills_the_heap_is_refused(void **state) {
    struct strbuf value = { 0 };
    strbuf_addc(&value, '{');
    for (int i = 0; i < 200000; i++)
        strbuf_addf(&value, "%s\"k%d\": {}", i ? ", " : "", i);
    strbuf_addc(&value, '}');
    const struct err err = open_with(*state, TINY_LLAMA, "x", strbuf_str(&value));
    strbuf_release(&value);
    assert_error(&err, ERR_INPUT, "config.json", "bytes of memory", NULL);
}

static void an_unknown_type_is_told_which_are_known(void **state) {
    const struct err err = open_with(*state, TINY_LLAMA, "model_type", "\"made-up\"");
    assert_non_null(strstr(err.hint, "--arch"));
    assert_non_null(strstr(err.hint, "bert,"));
    assert_non_null(strstr(err.hint, " more")); /* it is whole */
}

static void tied_weights_need_no_head(void **state) {
    const struct err err = open_with(*state, TINY_LLAMA, "tie_word_embeddings", "true");
    assert_int_equal(err.class, ERR_NONE);
}

/* Opens a tiny model by a description given as text. */
static struct err open_by(const char *folder, const char *lua) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 2);
    tiny_write(&t, folder);
    tiny_release(&t);
    char *path = file_put(folder, "arch.lua", lua, strlen(lua));
    const struct model_options o = { .dtype = DTYPE_F32, .arch_file = path };
    struct model *m = model_open(folder, &o, &err);
    model_close(m);
    free(path);
    return err;
}

/* A description of Llama with more tensors or other fields: parts that nothing runs together. */
static void parts_that_contradict_each_other_are_refused(void **state) {
    static const struct {
        const char *tensors, *fields, *says;
    } cases[] = {
        { "t.curve_above = 'x'", "", "'curve_above' and 'curved'" },
        { "t.position = 'x'", "position = { kind = 'waves', count = 1 << 27, steps = 12 },",
            "as waves of width 24" },
        { "t.head_project, t.class_dense = 'x', 'y'", "", "behind a projection" },
        { "t.mix_entry = 'x' t.mix_in, t.mix_gate, t.mix_taps, t.mix_step, t.mix_step_from, "
          "t.mix_a, "
          "t.mix_d, t.mix_out = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'",
            "mixing = { channels = 8, state = 2, heads = 2, taps = 4 },",
            "'mix_entry' and mixing.state" },
        { "t.sinks = { name = 'norm.weight', run = 1, every = 1, pad = 65535 }", "",
            "'model.norm.weight' can only be taken whole" }, /* four heads would have read 0 of it
                                                              */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf lua = { 0 };
        strbuf_addf(&lua,
            "local d = include 'decoder' return { config = function(c) "
            "local t = d.tensors { d.norms, d.attention, d.ffn } %s "
            "return d.spec(c, { %s tensors = t }) end }",
            cases[i].tensors, cases[i].fields);
        const struct err err = open_by(*state, strbuf_str(&lua));
        if (err.class == ERR_NONE || !strstr(err.msg, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.msg, cases[i].says);
        strbuf_release(&lua);
    }
}

static void hostile_descriptions_are_errors(void **state) {
    static const struct {
        const char *lua, *says;
    } cases[] = {
        { "", "did not return a table" },
        { "return 7", "did not return a table" },
        { "return {", "arch.lua" },
        { "while true do end", "" },
        { "return { config = function(c) while true do end end }", "" },
        { "return { config = function(c) return 7 end }", "did not return a table" },
        { "return { config = function(c) return c.hidden_size.x end }", "arch.lua" },
        { "return setmetatable({}, { __index = function() error 'no' end })",
            "no function 'config'" },
        { "return { config = function(c) return setmetatable({}, { __index = error }) end }",
            "did not return a table" },
        { "return { config = function(c) local t = {} t.t = t return t end }", "" },
        { "return { config = function(c) return { layers = 2, width = 24, heads = 4, ffn = 40, "
          "norm = { kind = 'rms',"
          " eps = 1e-5 }, activation = 'silu', position = { kind = 'none' }, tensors = { embed = "
          "'%s%n' } } end }",
            "tensors" },
        { "return { config = function(c) return { layers = 2, width = 24, heads = 4, ffn = 40, "
          "norm = { kind = 'rms',"
          " eps = 1e-5 }, activation = 'silu', position = { kind = 'none' }, tensors = { embed = { "
          "1, 2 } } } end }",
            "list of strings" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct err err = open_by(*state, cases[i].lua);
        if (err.class != ERR_INPUT && err.class != ERR_UNSUPPORTED)
            fail_msg("case %zu: class %s: %s", i, err_info(err.class)->name, err.msg);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.msg, cases[i].says);
    }
}

static void a_description_of_ones_own_replaces_the_built_in_one(void **state) {
    const struct err err = open_by(*state,
        "local layer = 'model.layers.%d.'\n"
        "return { name = 'mine', config = function(c) return {\n"
        "  layers = 1, width = c.hidden_size, heads = c.num_attention_heads, kv_heads = "
        "c.num_key_value_heads,\n"
        "  ffn = c.intermediate_size, max_length = 48, causal = true, gated = true, activation = "
        "'relu',\n"
        "  norm = { kind = 'rms', eps = 1e-5 }, position = { kind = 'none' }, tied = true,\n"
        "  tensors = { embed = 'model.embed_tokens.weight', attn_norm = layer .. "
        "'input_layernorm.weight',\n"
        "    mlp_norm = layer .. 'post_attention_layernorm.weight', q = layer .. "
        "'self_attn.q_proj.weight',\n"
        "    k = layer .. 'self_attn.k_proj.weight', v = layer .. 'self_attn.v_proj.weight',\n"
        "    o = layer .. 'self_attn.o_proj.weight', gate = layer .. 'mlp.gate_proj.weight',\n"
        "    up = layer .. 'mlp.up_proj.weight', down = layer .. 'mlp.down_proj.weight' } } end "
        "}\n");
    if (err.class != ERR_NONE)
        fail_msg("%s", err.msg);
}

static void a_model_is_described_without_running_it(void **state) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 3);
    snprintf(t.tensors[t.n_tensors].name, sizeof t.tensors[0].name, "odd.one");
    t.tensors[t.n_tensors].rows = 2;
    t.tensors[t.n_tensors++].data = xcalloc(2, sizeof(float));
    tiny_write(&t, *state);
    tiny_release(&t);
    json_t *d = model_describe(*state, NULL, &err);
    if (!d)
        fail_msg("%s", err.msg);
    assert_string_equal(json_get_string(d, "architecture", ""), "llama");
    assert_int_equal(json_get_int(d, "parameters", 0),
        2 * 37 * 24 + 24 + 2 * (2 * 24 + 2 * 24 * 24 + 2 * 12 * 24 + 3 * 40 * 24));
    const json_t *memory = json_object_get(json_object_get(d, "memory"), "bf16");
    assert_int_equal(json_get_int(memory, "weight_bytes", 0), 2 * json_get_int(d, "parameters", 0));
    assert_int_equal(json_get_int(memory, "bytes_a_token", 0), 2 * 2 * 2 * 12);
    json_t *extra = json_object_get(d, "extra_tensors");
    assert_int_equal(json_array_size(extra), 1);
    assert_string_equal(json_string_value(json_array_get(extra, 0)), "odd.one");
    json_decref(d);
}

static void fault_76_code_that_a_model_brings_is_named_and_not_run(void **state) {
    struct err err = ERR_INIT;
    const char config[] = "{\"model_type\":\"strange\",\"auto_map\":{\"AutoConfig\":\"a.B\","
                          "\"AutoModelForCausalLM\":\"modeling_strange.StrangeLM\"}}";
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 3);
    tiny_write(&t, *state);
    tiny_release(&t);
    free(file_put(*state, "config.json", config, sizeof config - 1));
    assert_null(model_describe(*state, NULL, &err));
    assert_error(
        &err, ERR_UNSUPPORTED, "'strange'", "'modeling_strange.StrangeLM'", "never run", NULL);
}

static void an_encoder_is_described_with_its_decoder(void **state) {
    struct err err = ERR_INIT;
    described_write(encoder_decoder_config, 3, *state);
    json_t *d = model_describe(*state, NULL, &err);
    if (!d)
        fail_msg("%s", err.msg);
    const int attention = 4 * (24 * 24 + 24), norm = 2 * 24, ffn = 2 * 24 * 20 + 24 + 20;
    assert_int_equal(json_get_int(d, "parameters", 0),
        37 * 24 /* which both read */ + 37 * 24 /* the head */ + 2 * (322 * 24 + norm) +
            2 * (attention + ffn + 2 * norm) + 2 * (2 * attention + ffn + 3 * norm));
    assert_int_equal(json_get_int(json_object_get(d, "decoder"), "layers", 0), 2);
    assert_int_equal(json_array_size(json_object_get(d, "extra_tensors")), 0);
    const json_t *memory = json_object_get(json_object_get(d, "memory"), "f32");
    assert_int_equal(json_get_int(memory, "bytes_a_token", 0), 2 * 4 * 2 * 2 * 24);
    json_decref(d);
}

static void a_description_says_what_the_model_is_made_of(void **state) {
    struct err err = ERR_INIT;
    struct tiny t;
    tiny_init(&t, TINY_LLAMA, 3);
    tiny_write(&t, *state);
    tiny_release(&t);
    json_t *d = model_describe(*state, NULL, &err);
    if (!d)
        fail_msg("%s", err.msg);
    assert_string_equal(json_get_string(json_object_get(d, "norm"), "kind", ""), "rms");
    assert_string_equal(json_get_string(json_object_get(d, "norm"), "place", ""), "before");
    assert_string_equal(json_get_string(d, "position", ""), "rotary");
    assert_string_equal(json_get_string(d, "activation", ""), "silu");
    assert_true(json_get_bool(d, "gated", false));
    json_decref(d);
}

/* ---- what a configuration leaves out ---- */

/* The spec of such a configuration; names and lists in it live in the arena. */
static struct spec described(const char *config, struct arena *arena) {
    struct err err = ERR_INIT;
    struct spec spec;
    json_t *json = json_parse(config, strlen(config), "config", &err);
    const struct arch_source source = { .config = json, .what = "config.json" };
    if (!json || !arch_describe(&source, arena, &spec, &err))
        fail_msg("%s: %s", config, err.msg);
    json_decref(json);
    return spec;
}

#define SIZES                                                                                      \
    "\"num_hidden_layers\":4,\"hidden_size\":32,\"num_attention_heads\":8,\"intermediate_size\":"  \
    "40,"                                                                                          \
    "\"vocab_size\":61"

static void what_a_configuration_leaves_out_its_type_says(void **state) {
    (void)state;
    struct arena arena = { 0 };
    struct spec s = described("{\"model_type\":\"gemma2\"," SIZES "}", &arena);
    assert_true(s.attention_softcap == 50 && s.logit_softcap == 30);
    assert_int_equal(s.n_kv_heads, 4);
    assert_int_equal(s.head_dim, 256);
    assert_int_equal(s.layer[0].window, 4096);
    assert_int_equal(s.max_length, 8192);
    s = described("{\"model_type\":\"gpt_oss\",\"num_local_experts\":4," SIZES "}", &arena);
    assert_int_equal(s.rope.kind, ROPE_YARN);
    assert_true(s.rope.factor == 32 && s.rope.theta == 150000 && s.rope.unrounded);
    assert_int_equal(s.rope.original_length, 4096);
    s = described("{\"model_type\":\"cwm\"," SIZES "}", &arena);
    assert_int_equal(s.rope.kind, ROPE_BANDS);
    s = described(
        "{\"model_type\":\"granitemoeshared\",\"num_local_experts\":4," SIZES "}", &arena);
    assert_int_equal(s.experts.shared_width, 0);
    assert_true(s.attention_scale == 1);
    s = described("{\"model_type\":\"mistral\"," SIZES "}", &arena);
    assert_int_equal(s.layer[0].window, 4096);
    arena_release(&arena);
}

static void null_says_that_there_is_none(void **state) {
    (void)state;
    struct arena arena = { 0 };
    struct spec s =
        described("{\"model_type\":\"gemma2\",\"attn_logit_softcapping\":null," SIZES "}", &arena);
    assert_true(s.attention_softcap == 0 && s.logit_softcap == 30);
    s = described("{\"model_type\":\"mistral\",\"sliding_window\":null," SIZES "}", &arena);
    assert_int_equal(s.layer[0].window, 0);
    arena_release(&arena);
}

/* transformers: GptOssConfig(rope_scaling=None).rope_parameters["rope_type"] is "yarn". */
static void a_rotation_that_is_null_is_that_of_the_type(void **state) {
    (void)state;
    struct arena arena = { 0 };
    struct spec s = described("{\"model_type\":\"gpt_oss\",\"num_local_experts\":4,"
                              "\"rope_scaling\":null," SIZES "}",
        &arena);
    assert_int_equal(s.rope.kind, ROPE_YARN);
    s = described("{\"model_type\":\"llama\",\"rope_scaling\":null," SIZES "}", &arena);
    assert_int_equal(s.rope.kind, ROPE_PLAIN);
    arena_release(&arena);
}

static void of_a_model_with_several_parts_the_text_is_described(void **state) {
    (void)state;
    struct arena arena = { 0 };
    struct spec s = described("{\"model_type\":\"gemma3\",\"vision_config\":{\"hidden_size\":7},"
                              "\"text_config\":{\"model_type\":\"gemma3_text\"," SIZES "}}",
        &arena);
    assert_int_equal(s.width, 32);
    assert_int_equal(s.head_dim, 256);
    arena_release(&arena);
}

static void other_words_for_the_same_are_understood(void **state) {
    (void)state;
    struct arena arena = { 0 };
    struct spec s =
        described("{\"model_type\":\"gpt2\",\"max_position_embeddings\":77," SIZES "}", &arena);
    assert_int_equal(s.n_layers, 4);
    assert_int_equal(s.n_heads, 8);
    assert_int_equal(s.n_positions, 77);
    arena_release(&arena);
}

/* Of the lengths that a rotation was made for, the one outside its settings counts; without one, it
 * is the whole length. */
static void a_rotation_was_made_for_its_whole_length_where_nothing_else_is_said(void **state) {
    (void)state;
    static const struct {
        const char *more;
        uint32_t length;
    } cases[] = {
        { "", 1000 },
        { "\"original_max_position_embeddings\":250,", 250 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = { 0 };
        struct strbuf config = { 0 };
        strbuf_addf(&config,
            "{\"model_type\":\"llama\",\"max_position_embeddings\":1000,%s\"rope_parameters\":"
            "{\"rope_type\":\"yarn\",\"rope_theta\":10000.0,\"factor\":4.0}," SIZES "}",
            cases[i].more);
        assert_int_equal(
            described(strbuf_str(&config), &arena).rope.original_length, cases[i].length);
        strbuf_release(&config);
        arena_release(&arena);
    }
}

/* ---- the malformed corpus ---- */

/* What opening the folder says, or what scoring four tokens says where opening finds nothing. */
static struct err try_folder(const char *folder) {
    struct err err = ERR_INIT;
    struct model *m = model_open(folder, &(struct model_options) { .dtype = DTYPE_F32 }, &err);
    if (!m)
        return err;
    const int32_t ids[] = { 1, 2, 3, 4 };
    struct score_choice c = { .ids = ids, .n_ids = 4 };
    struct score_request r = { .rolling = true, .choices = &c, .n_choices = 1 };
    assert_true(model_score(m, &(struct score_options) { 0 }, &r, 1, NULL, &err));
    model_close(m);
    return r.err;
}

static void malformed_folders_are_refused_by_name(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    char *folder = shared_path("fixtures/malformed");
    if (!folder)
        return;
    char *path = path_join(folder, "manifest.json");
    json_t *manifest = json_parse_file(path, 1 << 20, &err), *item;
    size_t i, tried = 0;
    json_array_foreach(json_object_get(manifest, "items"), i, item) {
        if (strcmp(json_get_string(item, "format", ""), "model folder") != 0)
            continue;
        char *below = path_join(folder, json_get_string(item, "file", ""));
        const struct err said = try_folder(below);
        const char *expect = json_get_string(item, "expect", "");
        if ((strcmp(expect, "accept") == 0) != (said.class == ERR_NONE))
            fail_msg("%s: to be %sed, but: '%s'", below, expect, said.msg);
        if (said.class != ERR_NONE && said.class != ERR_NUMERIC &&
            !strstr(said.msg, path_base(below)))
            fail_msg("%s is not named: '%s'", below, said.msg);
        free(below);
        tried++;
    }
    assert_true(tried > 20);
    json_decref(manifest);
    free(path);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(fault_77_values_out_of_range_are_refused_by_name),
        WITH_SCRATCH(fault_78_tensors_of_another_shape_than_described_are_refused_by_name),
        WITH_SCRATCH(an_unknown_type_is_told_which_are_known),
        WITH_SCRATCH(tied_weights_need_no_head),
        WITH_SCRATCH(hostile_descriptions_are_errors),
        WITH_SCRATCH(a_configuration_that_fills_the_heap_is_refused),
        WITH_SCRATCH(parts_that_contradict_each_other_are_refused),
        WITH_SCRATCH(a_description_of_ones_own_replaces_the_built_in_one),
        WITH_SCRATCH(a_model_is_described_without_running_it),
        WITH_SCRATCH(fault_76_code_that_a_model_brings_is_named_and_not_run),
        WITH_SCRATCH(an_encoder_is_described_with_its_decoder),
        WITH_SCRATCH(a_description_says_what_the_model_is_made_of),
        cmocka_unit_test(what_a_configuration_leaves_out_its_type_says),
        cmocka_unit_test(null_says_that_there_is_none),
        cmocka_unit_test(a_rotation_that_is_null_is_that_of_the_type),
        cmocka_unit_test(of_a_model_with_several_parts_the_text_is_described),
        cmocka_unit_test(other_words_for_the_same_are_understood),
        cmocka_unit_test(a_rotation_was_made_for_its_whole_length_where_nothing_else_is_said),
        cmocka_unit_test(malformed_folders_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
