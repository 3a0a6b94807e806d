/* Weights packed by other people's formats: what they stand for (fixtures/packed), read in any
 * pieces, and the refusal of parts that don't fit together. */
#include "weight_files.h"

#include <string.h>

#include "harness/formats/derived.h"

static size_t unhex(const char *hex, uint8_t *out) {
    const size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void read_in_pieces(const struct tensor *t, size_t piece, const float *want) {
    float got[4096];
    for (size_t from = 0; from < t->n_elements; from += piece) {
        const size_t n = t->n_elements - from < piece ? t->n_elements - from : piece;
        tensor_read_f32(t, from, n, got);
        for (size_t i = 0; i < n; i++)
            if (memcmp(&got[i], &want[from + i], sizeof got[i]) != 0)
                fail_msg("%s: element %zu is %.9g, not %.9g", t->name, from + i, (double)got[i],
                    (double)want[from + i]);
    }
}

static void packed_check(const json_t *row) {
    static float want[4096];
    struct err err = ERR_INIT;
    char path[512];
    const char *kind = json_get_string(row, "kind", "");
    snprintf(path, sizeof path, "%s/fixtures/packed/%s", ASSAY_TESTS_DIR, kind);
    struct weights *w = weights_open(path, &err);
    if (!w)
        fail_msg("%s: %s", kind, err.msg);
    const struct tensor *t = weights_find(w, json_get_string(row, "name", ""));
    const json_t *shape = json_object_get(row, "shape");
    if (!t)
        fail_msg("%s: there is no %s", kind, json_get_string(row, "name", ""));
    assert_int_equal(t->n_dims, json_array_size(shape));
    for (size_t i = 0; i < t->n_dims; i++)
        assert_int_equal(t->shape[i], json_integer_value(json_array_get(shape, i)));
    assert_int_equal(unhex(json_get_string(row, "f32", ""), (uint8_t *)want), 4 * t->n_elements);
    assert_true(tensor_type_is_real(t->type) && t->bytes > 0);
    read_in_pieces(t, 4096, want);
    read_in_pieces(t, 7, want);
    weights_forget(w, t);
    assert_true(weights_count(w) <= 5); /* no parts are left over */
    weights_close(w);
}

static void packed_weights_are_what_they_stand_for(void **state) {
    (void)state;
    struct strbuf rows = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;
    assert_true(file_read(ASSAY_TESTS_DIR "/fixtures/packed/expected.jsonl", 1 << 20, &rows, &err));
    for (char *line = strtok(rows.text, "\n"); line; line = strtok(NULL, "\n"), n++) {
        json_t *row = json_parse(line, strlen(line), "expected.jsonl", &err);
        packed_check(row);
        json_decref(row);
    }
    assert_int_equal(n, 48);
    strbuf_release(&rows);
}

/* ---- what doesn't fit ---- */

static const struct misfit {
    const char *config, *header;
    size_t bytes;
    enum err_class class;
    const char *says;
} misfits[] = {
    { "{\"quantization_config\": {\"quant_method\": \"aqlm\"}}", "{}", 0, ERR_UNSUPPORTED,
        "quantization method 'aqlm' is not supported" },
    { "{\"quantization_config\": {}}", "{}", 0, ERR_UNSUPPORTED, "quantization method ''" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\"}}",
        "{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[8,8],\"data_offsets\":[0,256]}}", 256,
        ERR_INPUT, "packed weight 'l.weight': its part '.scales' is missing" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 5}}",
        "{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[8,8],\"data_offsets\":[0,256]}}", 256,
        ERR_UNSUPPORTED, "5 bits are not supported" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"group_size\": 64}}",
        "{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[8,8],\"data_offsets\":[0,256]},"
        "\"l.scales\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[256,320]},"
        "\"l.qzeros\":{\"dtype\":\"I32\",\"shape\":[1,1],\"data_offsets\":[320,324]}}",
        324, ERR_INPUT, "scales have the wrong shape (1 x 8 are needed)" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"group_size\": 64}}",
        "{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[8,8],\"data_offsets\":[0,256]},"
        "\"l.scales\":{\"dtype\":\"F32\",\"shape\":[1,8],\"data_offsets\":[256,288]},"
        "\"l.qzeros\":{\"dtype\":\"I32\",\"shape\":[1,1],\"data_offsets\":[288,292]},"
        "\"l.g_idx\":{\"dtype\":\"I32\",\"shape\":[64],\"data_offsets\":[292,548]}}",
        548, ERR_INPUT, "a group that is not there" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"group_size\": 0}}",
        "{\"l.qweight\":{\"dtype\":\"I32\",\"shape\":[8,8],\"data_offsets\":[0,256]},"
        "\"l.scales\":{\"dtype\":\"F32\",\"shape\":[1,8],\"data_offsets\":[256,288]},"
        "\"l.qzeros\":{\"dtype\":\"I32\",\"shape\":[1,1],\"data_offsets\":[288,292]}}",
        292, ERR_INPUT, "group_size" },
    { "{}",
        "{\"l.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[4,4],\"data_offsets\":[0,16]},"
        "\"l.weight_scale\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[16,28]}}",
        28, ERR_INPUT, "fits no block size" },
    { "{}",
        "{\"l.weight\":{\"dtype\":\"U8\",\"shape\":[4,4],\"data_offsets\":[0,16]},"
        "\"l.weight_scale\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]}}",
        32, ERR_UNSUPPORTED, "U8 with scales is not supported" },
    { "{\"quantization_config\": {\"quant_method\": \"bitsandbytes\"}}",
        "{\"l.weight\":{\"dtype\":\"U8\",\"shape\":[8,1],\"data_offsets\":[0,8]},"
        "\"l.weight.quant_state.bitsandbytes__nf4\":{\"dtype\":\"U8\",\"shape\":[4],"
        "\"data_offsets\":[8,12]}}",
        12, ERR_INPUT, "l.weight" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"checkpoint_format\": \"marlin\"}}",
        "{}", 0, ERR_UNSUPPORTED, "in the layout 'marlin' are not supported" },
    { "{\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"sparsity_config\": "
      "{\"format\": \"sparse-24-bitmask\"}}}",
        "{}", 0, ERR_UNSUPPORTED, "in the layout 'sparse-24-bitmask'" },
    { "{\"quantization_config\": {\"quant_method\": \"awq\", \"backend\": \"llm-awq\"}}", "{}", 0,
        ERR_UNSUPPORTED, "in the layout 'llm-awq'" },
    { "{\"quantization_config\": {\"quant_method\": \"gptq\", \"dynamic\": {\"-:.*down.*\": {}, "
      "\"+:.*up.*\": {\"bits\": 8}}}}",
        "{}", 0, ERR_UNSUPPORTED, "for the modules '+:.*up.*' (dynamic)" },
    { "{\"quantization_config\": {\"load_in_8bit\": true}}",
        "{\"l.SCB\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"l.weight\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[8,12]},"
        "\"l.weight_format\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[12,13]}}",
        13, ERR_UNSUPPORTED, "only weights that lie by rows" },
    { "{\"quantization_config\": {\"quant_method\": \"compressed-tensors\"}}",
        "{\"l.weight_packed\":{\"dtype\":\"U8\",\"shape\":[1,16],\"data_offsets\":[0,16]},"
        "\"l.weight_scale\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[16,18]}}",
        18, ERR_INPUT, "scales have the wrong shape (1 x 1 are needed)" },
    { "{\"quantization_config\": {\"quant_method\": \"modelopt\"}}",
        "{\"l.weight\":{\"dtype\":\"U8\",\"shape\":[1,8],\"data_offsets\":[0,8]},"
        "\"l.weight_scale\":{\"dtype\":\"F8_E4M3\",\"shape\":[1,1],\"data_offsets\":[8,9]},"
        "\"l.weight_scale_2\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9,17]}}",
        17, ERR_INPUT, "not one scale of scales" },
    { "{\"quantization_config\": {\"quant_method\": \"mxfp4\"}}",
        "{\"x_blocks\":{\"dtype\":\"U8\",\"shape\":[1,1,2,16],\"data_offsets\":[0,32]},"
        "\"x_scales\":{\"dtype\":\"U8\",\"shape\":[1,2,1],\"data_offsets\":[32,34]}}",
        34, ERR_INPUT, "other shapes than experts have" },
};

static void parts_that_do_not_fit_are_refused(void **state) {
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        const struct misfit *bad = &misfits[i];
        struct strbuf file = { 0 };
        struct err err = ERR_INIT;
        st_build(&file, bad->header, bad->bytes);
        free(file_put(*state, "model.safetensors", file.text, file.len));
        free(file_put(*state, "config.json", bad->config, strlen(bad->config)));
        struct weights *w = weights_open(*state, &err);
        if (w)
            fail_msg("accepted: %s", bad->header);
        assert_error(&err, bad->class, bad->says, (const char *)*state, NULL);
        strbuf_release(&file);
    }
}

static void a_folder_without_packed_parts_is_left_alone(void **state) {
    struct strbuf file = { 0 };
    struct err err = ERR_INIT;
    st_build(&file,
        "{\"l.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"l.weight8\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[4,8]}}",
        8);
    free(file_put(*state, "model.safetensors", file.text, file.len));
    struct weights *w = weights_open(*state, &err);
    assert_non_null(w);
    assert_int_equal(weights_count(w), 2);
    assert_null(weights_at(w, 0)->derived);
    weights_close(w);
    strbuf_release(&file);
}

/* ---- adapters ---- */

static void put(const char *dir, const char *name, const char *text) {
    free(file_put(dir, name, text, strlen(text)));
}

static void put_tensors(const char *dir, const char *name, const char *header, size_t bytes) {
    struct strbuf file = { 0 };
    st_build(&file, header, bytes);
    free(file_put(dir, name, file.text, file.len));
    strbuf_release(&file);
}

#define PAIR(a, b)                                                                                 \
    "{\"base_model.model.l.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":" a                        \
    ",\"data_offsets\":[0,"                                                                        \
    "16]},\"base_model.model.l.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":" b                    \
    ",\"data_offsets\":[16,32]}}"

static const struct {
    const char *config, *header;
    size_t bytes;
    enum err_class class;
    const char *says;
} bad_adapters[] = {
    { "{\"peft_type\": \"IA3\"}", PAIR("[1,4]", "[4,1]"), 32, ERR_UNSUPPORTED, "peft_type 'IA3'" },
    { "{\"peft_type\": \"LORA\", \"lora_bias\": true}", PAIR("[1,4]", "[4,1]"), 32, ERR_UNSUPPORTED,
        "lora_bias" },
    { "{\"peft_type\": \"LORA\", \"target_parameters\": [\"experts.up\"]}", PAIR("[1,4]", "[4,1]"),
        32, ERR_UNSUPPORTED, "target_parameters" },
    { "{\"peft_type\": \"LORA\", \"trainable_token_indices\": {\"embed\": [1]}}",
        PAIR("[1,4]", "[4,1]"), 32, ERR_UNSUPPORTED, "trainable_token_indices" },
    { "{\"peft_type\": \"LORA\", \"init_lora_weights\": \"pissa_niter_4\"}", PAIR("[1,4]", "[4,1]"),
        32, ERR_UNSUPPORTED, "init_lora_weights 'pissa_niter_4'" },
    { "{\"peft_type\": \"LORA\", \"alpha_pattern\": {\"(\": 3}}", PAIR("[1,4]", "[4,1]"), 32,
        ERR_UNSUPPORTED, "the pattern '(' for modules is not understood" },
    { "{\"peft_type\": \"LORA\", \"alpha_pattern\": {\"(a|a|aa)*[bc]\": 3}}",
        "{\"base_model.model.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.lora_A.weight\":{\"dtype\":"
        "\"F32\",\"shape\":[1,4],\"data_offsets\":[0,16]},"
        "\"base_model.model.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.lora_B.weight\":{\"dtype\":"
        "\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]}}",
        32, ERR_UNSUPPORTED, "searches without end" },
    { "{\"peft_type\": \"LORA\", \"use_dora\": true}", PAIR("[1,4]", "[4,1]"), 32, ERR_INPUT,
        "lora_magnitude_vector) are missing" },
    { "{\"peft_type\": \"LORA\"}", PAIR("[1,4]", "[2,2]"), 32, ERR_INPUT, "do not fit" },
    { "{\"peft_type\": \"LORA\"}", PAIR("[2,2]", "[2,2]"), 32, ERR_INPUT, "do not fit" },
    { "{\"peft_type\": \"LORA\"}",
        "{\"base_model.model.l.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[1,4],"
        "\"data_offsets\":[0,16]}}",
        16, ERR_INPUT, "second matrix is missing" },
    { "{\"peft_type\": \"LORA\"}",
        "{\"base_model.model.l.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[4,1],"
        "\"data_offsets\":[0,16]}}",
        16, ERR_INPUT, "first matrix is missing" },
    { "{\"peft_type\": \"LORA\"}",
        "{\"base_model.model.l.lora_magnitude_vector\":{\"dtype\":\"F32\",\"shape\":[4],"
        "\"data_offsets\":[0,16]}}",
        16, ERR_INPUT, "not understood" },
    { "{\"peft_type\": \"LORA\"}",
        "{\"base_model.model.l.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
        "}",
        16, ERR_INPUT, "another shape" },
    { "{\"peft_type\": \"LORA\"}", "{}", 0, ERR_INPUT, "it changes nothing" },
    { "{\"peft_type\": \"LORA\"}",
        "{\"l.lora_A.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,4],\"data_offsets\":[0,16]},"
        "\"l.lora_B.0.weight\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]},"
        "\"l.lora_A.1.weight\":{\"dtype\":\"F32\",\"shape\":[1,4],\"data_offsets\":[32,48]},"
        "\"l.lora_B.1.weight\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[48,64]}}",
        64, ERR_INPUT, "another pair of matrices is for the same weight" },
};

static void adapters_that_do_not_fit_are_refused(void **state) {
    const char *dir = *state;
    char *base = path_join(dir, "base_model");
    struct err err = ERR_INIT;
    assert_true(dir_make(base, &err));
    put(base, "config.json", "{}");
    put_tensors(base, "model.safetensors",
        "{\"l.weight\":{\"dtype\":\"F32\",\"shape\":[4,4],\"data_offsets\":[0,64]},"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.weight\":{\"dtype\":\"F32\",\"shape\":[4,4],"
        "\"data_offsets\":[64,128]}}",
        128);
    for (size_t i = 0; i < sizeof bad_adapters / sizeof *bad_adapters; i++) {
        struct err why = ERR_INIT;
        put(dir, "adapter_config.json", bad_adapters[i].config);
        put_tensors(
            dir, "adapter_model.safetensors", bad_adapters[i].header, bad_adapters[i].bytes);
        if (weights_open(dir, &why))
            fail_msg("accepted: %s", bad_adapters[i].says);
        assert_error(&why, bad_adapters[i].class, bad_adapters[i].says, dir, NULL);
    }
    free(base);
}

static void put_floats(
    const char *dir, const char *name, const char *header, const float *numbers, size_t n) {
    struct strbuf file = { 0 };
    st_build(&file, header, 0);
    strbuf_add(&file, numbers, n * sizeof *numbers);
    free(file_put(dir, name, file.text, file.len));
    strbuf_release(&file);
}

/* Which way a square weight lies is the base's affair: PEFT goes by the module. */
static void a_square_weight_lies_as_the_base_does(void **state) {
    static const struct {
        const char *config, *second, *shape;
        float sum[4];
    } bases[] = {
        { "true", "l.k_proj", "[3,4]", { 3, 6, 5, 10 } },
        { "false", "h.c_attn", "[2,6]", { 3, 5, 6, 10 } }, /* Conv1D */
        { "true", "h.c_attn", "[6,2]", { 3, 6, 5, 10 } },  /* the same name, of a linear layer */
    };
    static const float numbers[] = { 1, 2, 3, 5 }, zeros[16];
    const char *dir = *state;
    struct err err = ERR_INIT;
    char *base = path_join(dir, "base_model");
    assert_true(dir_make(base, &err));
    put(base, "config.json", "{}");
    put_floats(dir, "adapter_model.safetensors",
        "{\"x.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
        "\"x.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[8,16]}}",
        numbers, 4);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        char text[512];
        float sum[4];
        snprintf(text, sizeof text,
            "{\"peft_type\": \"LORA\", \"lora_alpha\": 1, \"fan_in_fan_out\": %s}",
            bases[i].config);
        put(dir, "adapter_config.json", text);
        snprintf(text, sizeof text,
            "{\"x.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
            "\"%s.weight\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[16,64]}}",
            bases[i].second, bases[i].shape);
        put_floats(base, "model.safetensors", text, zeros, 16);
        struct weights *w = weights_open(dir, &err);
        if (!w)
            fail_msg("%s", err.msg);
        tensor_read_f32(weights_find(w, "x.weight"), 0, 4, sum);
        assert_memory_equal(sum, bases[i].sum, sizeof sum);
        weights_close(w);
    }
    free(base);
}

/* What was trained whole has one place: of two names that end alike neither is it. */
static void a_whole_tensor_with_two_places_is_refused(void **state) {
    static const struct {
        const char *names[2];
        bool ok;
    } bases[] = {
        { { "m.a.norm", "m.x.norm" }, true },
        { { "m.a.norm", "m.xa.norm" }, true }, /* no whole part alike */
        { { "m.a.norm", "n.a.norm" }, false },
        { { "a.norm", "n.a.norm" }, true }, /* the very name goes first */
    };
    const char *dir = *state;
    struct err err = ERR_INIT;
    char *base = path_join(dir, "base_model");
    assert_true(dir_make(base, &err));
    put(base, "config.json", "{}");
    put(dir, "adapter_config.json", "{\"peft_type\": \"LORA\"}");
    put_tensors(dir, "adapter_model.safetensors",
        "{\"base_model.model.a.norm.weight\":{\"dtype\":\"F32\",\"shape\":[1],"
        "\"data_offsets\":[0,4]}}",
        4);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        char text[512];
        err = (struct err)ERR_INIT;
        snprintf(text, sizeof text,
            "{\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
            bases[i].names[0], bases[i].names[1]);
        put_tensors(base, "model.safetensors", text, 8);
        struct weights *w = weights_open(dir, &err);
        assert_int_equal(w != NULL, bases[i].ok);
        if (w)
            assert_int_equal(weights_count(w), 2); /* in place, not beside */
        else
            assert_error(&err, ERR_INPUT, "several such tensors", NULL);
        weights_close(w);
    }
    free(base);
}

/* A config beside it makes no whole model of an adapter; weights do. */
static void an_adapter_may_have_a_config_of_its_own(void **state) {
    const char *dir = *state;
    char *base = path_join(dir, "base_model");
    struct err err = ERR_INIT;
    const struct tensor *t;
    float one;
    assert_true(dir_make(base, &err));
    put(base, "config.json", "{}");
    put(dir, "config.json", "{}");
    put(dir, "adapter_config.json", "{\"peft_type\": \"LORA\", \"lora_alpha\": 1}");
    put_tensors(base, "model.safetensors",
        "{\"l.weight\":{\"dtype\":\"U8\",\"shape\":[4,4],\"data_offsets\":[0,16]}}", 16);
    put_tensors(dir, "adapter_model.safetensors", PAIR("[1,4]", "[4,1]"), 32);
    struct weights *w = weights_open(dir, &err);
    assert_non_null(w);
    t = weights_find(w, "l.weight");
    assert_non_null(t->derived);
    weights_close(w);
    put_tensors(dir, "model.safetensors",
        "{\"l.weight\":{\"dtype\":\"U8\",\"shape\":[4,4],\"data_offsets\":[0,16]}}", 16);
    w = weights_open(dir, &err);
    assert_non_null(w);
    tensor_read_f32(weights_find(w, "l.weight"), 15, 1, &one);
    assert_true(one == 15.0f);
    weights_close(w);
    free(base);
}

static void an_adapter_without_its_base_is_refused_by_name(void **state) {
    struct err err = ERR_INIT;
    put(*state, "adapter_config.json", "{\"peft_type\": \"LORA\"}");
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "an adapter without its base model", NULL);
    assert_non_null(strstr(err.hint, "base_model"));
}

/* Who has the adapter only is told which model it was made on; a name that no hub could have is not
 * repeated. */
static void an_adapter_without_its_base_names_it(void **state) {
    static const struct {
        const char *config, *hint;
    } cases[] = {
        { "{\"base_model_name_or_path\": \"org/base-1\"}", "hub pull org/base-1'" },
        { "{\"base_model_name_or_path\": \"../x y\"}", "the base model's folder" },
        { "{}", "the base model's folder" },
        { "[", "the base model's folder" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = ERR_INIT;
        free(file_put(*state, "adapter_config.json", cases[i].config, strlen(cases[i].config)));
        assert_null(weights_open(*state, &err));
        assert_error(&err, ERR_UNSUPPORTED, "without its base model", NULL);
        assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

/* A delta is nothing without its base, and fits no other. */
static void a_delta_is_added_to_its_base_only(void **state) {
    static const char name[] = "{\"base_model_name_or_path\": \"org/base\"}";
    static const struct {
        const char *header, *says;
    } cases[] = {
        { "{\"l\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}",
            "delta of 'l': the base has no such tensor" },
        { "{\"k\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}",
            "delta of 'k': it has another shape" },
        { "{}", "the delta has no tensors" },
    };
    struct err err = ERR_INIT;
    struct strbuf file = { 0 };
    free(file_put(*state, "delta_config.json", name, strlen(name)));
    assert_null(weights_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "the difference from a base model", NULL);
    assert_non_null(strstr(err.hint, "hub pull org/base'"));
    char *base = path_join(*state, "base_model");
    assert_true(dir_make(base, &err));
    st_build(&file, "{\"k\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16);
    free(file_put(base, "model.safetensors", file.text, file.len));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err refused = ERR_INIT;
        strbuf_reset(&file);
        st_build(&file, cases[i].header, cases[i].header[1] == '}' ? 0 : 16);
        free(file_put(*state, "model.safetensors", file.text, file.len));
        assert_null(weights_open(*state, &refused));
        assert_error(&refused, ERR_INPUT, cases[i].says, NULL);
    }
    strbuf_release(&file);
    free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_weights_are_what_they_stand_for),
        WITH_SCRATCH(parts_that_do_not_fit_are_refused),
        WITH_SCRATCH(a_folder_without_packed_parts_is_left_alone),
        WITH_SCRATCH(adapters_that_do_not_fit_are_refused),
        WITH_SCRATCH(a_square_weight_lies_as_the_base_does),
        WITH_SCRATCH(a_whole_tensor_with_two_places_is_refused),
        WITH_SCRATCH(an_adapter_may_have_a_config_of_its_own),
        WITH_SCRATCH(an_adapter_without_its_base_is_refused_by_name),
        WITH_SCRATCH(an_adapter_without_its_base_names_it),
        WITH_SCRATCH(a_delta_is_added_to_its_base_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
