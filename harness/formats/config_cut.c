/* A config.json with fewer layers. Which keys count layers differs by family; those that are there
 * are cut, and the first of them in this list is the model's number of layers. */
#include "harness/formats/truncate.h"

#include <string.h>

static const char *const count_keys[] = {
    "num_hidden_layers", "n_layer", "n_layers", "num_layers", /* by family */
    "encoder_layers", "decoder_layers", "num_decoder_layers", /* BART, T5 */
};

/* One entry a layer. */
static const char *const list_keys[] = { "layer_types", "mlp_layer_types", "attention_layers",
    "no_rope_layers", "layers_block_type" };

#define N_OF(array) (sizeof(array) / sizeof *(array))

bool layers_check(unsigned layers, uint64_t has, struct err *err) {
    if (!layers)
        return err_set(err, ERR_USAGE, "cannot keep 0 layers");
    if (layers >= has)
        return err_set(err, ERR_USAGE, "cannot keep %u layers of a model that has %llu", layers,
            (unsigned long long)has);
    return true;
}

/* The model's own number of layers; -1 if no key says. */
static json_int_t layers_count(const json_t *config) {
    for (size_t i = 0; i < N_OF(count_keys); i++) {
        const json_t *n = json_object_get(config, count_keys[i]);
        if (json_is_integer(n))
            return json_integer_value(n);
    }
    return -1;
}

static void list_cut(json_t *list, size_t layers) {
    while (json_array_size(list) > layers)
        json_array_remove(list, json_array_size(list) - 1);
}

/* GPT-Neo spells its list as [[["global", "local"], 12]]: twelve times the two. Written back as one
 * list, once. */
static void attention_types_cut(json_t *config, size_t layers) {
    const json_t *types = json_object_get(config, "attention_types"), *pair;
    size_t i;
    json_t *all = json_array();
    json_array_foreach(types, i, pair) {
        json_int_t times = json_integer_value(json_array_get(pair, 1));
        for (;
             times > 0 && json_array_size(all) < layers && json_array_size(json_array_get(pair, 0));
             times--)
            json_array_extend(all, json_array_get(pair, 0));
    }
    list_cut(all, layers);
    if (json_array_size(all) == layers)
        json_object_set_new(config, "attention_types", json_pack("[[Oi]]", all, 1));
    json_decref(all);
}

bool config_cut(json_t *config, unsigned layers, struct err *err) {
    json_int_t has = layers_count(config);
    json_t *text_config = json_object_get(config, "text_config");
    if (has < 0 && json_is_object(text_config))
        return config_cut(text_config, layers, err);
    if (has < 0)
        return err_set(err, ERR_UNSUPPORTED, "no key of the config says how many layers there are");
    if (!layers_check(layers, (uint64_t)has, err))
        return false;
    for (size_t i = 0; i < N_OF(count_keys); i++) {
        const json_t *n = json_object_get(config, count_keys[i]);
        if (json_is_integer(n) && json_integer_value(n) > layers)
            json_object_set_new(config, count_keys[i], json_integer(layers));
    }
    for (size_t i = 0; i < N_OF(list_keys); i++)
        list_cut(json_object_get(config, list_keys[i]), layers);
    attention_types_cut(config, layers);
    return true;
}
