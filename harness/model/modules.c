/* Reading is strict about what changes numbers (types, modes, widths) and lenient about the rest.
 * What stands behind pooling runs on the host in double: they see one vector a text. */
#include "harness/model/modules.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

enum { JSON_MAX = 1 << 20 };

/* folder/sub/name as JSON; NULL with err untouched where it doesn't exist. */
static json_t *read_optional(
    const char *folder, const char *sub, const char *name, bool *ok, struct err *err) {
    char *dir = path_join(folder, sub), *path = path_join(dir, name);
    json_t *json = NULL;
    *ok = true;
    if (file_exists(path)) {
        json = json_parse_file(path, JSON_MAX, err);
        *ok = json != NULL;
    }
    free(dir);
    free(path);
    return json;
}

/* A path of modules.json is one folder below the model: no way out of it. */
static bool subfolder_valid(const char *path) {
    return path && path[0] != '/' && !strstr(path, "..") && strlen(path) < 128;
}

/* ---- pooling ---- */

static const struct {
    const char *flag, *mode;
    enum pooling pooling;
} pooling_modes[] = {
    /* in the order in which sentence-transformers concatenates them */
    { "pooling_mode_cls_token", "cls", POOL_CLS },
    { "pooling_mode_max_tokens", "max", POOL_MAX },
    { "pooling_mode_mean_tokens", "mean", POOL_MEAN },
    { "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", POOL_MEAN_SQRT },
    { "pooling_mode_weightedmean_tokens", "weightedmean", POOL_WEIGHTED_MEAN },
    { "pooling_mode_lasttoken", "lasttoken", POOL_LAST },
};
enum { N_POOLING_MODES = sizeof pooling_modes / sizeof pooling_modes[0] };

static bool pooling_named(struct modules *m, const char *mode, struct err *err) {
    for (int i = 0; mode && i < N_POOLING_MODES; i++) {
        if (strcmp(pooling_modes[i].mode, mode) == 0 && m->n_poolings < POOLINGS_MAX) {
            m->poolings[m->n_poolings++] = pooling_modes[i].pooling;
            return true;
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "pooling mode '%.64s' is not known", mode ? mode : "?");
}

static bool pooling_read(struct modules *m, const json_t *config, uint32_t width, struct err *err) {
    const json_t *mode = json_object_get(config, "pooling_mode");
    json_int_t dimension = json_get_int(
        config, "embedding_dimension", json_get_int(config, "word_embedding_dimension", width));
    if (dimension != width)
        return err_set(err, ERR_INPUT, "pooling over %lld numbers, but the model has %u",
            (long long)dimension, width);
    m->exclude_prompt = !json_get_bool(config, "include_prompt", true);
    if (json_is_string(mode))
        return pooling_named(m, json_string_value(mode), err);
    for (size_t i = 0; i < json_array_size(mode); i++)
        if (!pooling_named(m, json_string_value(json_array_get(mode, i)), err))
            return false;
    for (int i = 0; !mode && i < N_POOLING_MODES; i++)
        if (json_get_bool(config, pooling_modes[i].flag, false))
            m->poolings[m->n_poolings++] = pooling_modes[i].pooling;
    return m->n_poolings > 0 || err_set(err, ERR_INPUT, "no pooling mode is on");
}

/* ---- dense ---- */

static const struct {
    const char *ending;
    enum activation activation;
} dense_activations[] = {
    { ".Identity", ACT_NONE },
    { ".Tanh", ACT_TANH },
    { ".ReLU", ACT_RELU },
    { ".GELU", ACT_GELU },
    { ".SiLU", ACT_SILU },
};

static bool dense_activation(struct module *d, const json_t *config, struct err *err) {
    const char *name = json_get_string(config, "activation_function", "torch.nn.Tanh");
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof dense_activations / sizeof dense_activations[0]; i++) {
        size_t end = strlen(dense_activations[i].ending);
        if (n >= end && strcmp(name + n - end, dense_activations[i].ending) == 0) {
            d->activation = dense_activations[i].activation;
            return true;
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "activation '%.128s' is not known", name);
}

static float *module_tensor(struct modules *m, const struct weights *w, const char *name,
    uint64_t rows, uint64_t cols, struct err *err) {
    const struct tensor *t = weights_find(w, name);
    bool fits = t && t->shape[0] == rows &&
                (cols == 0 ? t->n_dims == 1 : t->n_dims == 2 && t->shape[1] == cols);
    if (!fits) {
        err_set(err, ERR_INPUT, "tensor '%s' is missing or has another shape", name);
        return NULL;
    }
    float *out = arena_alloc(&m->arena, t->n_elements * sizeof *out);
    tensor_read_f32(t, 0, t->n_elements, out);
    return out;
}

/* The weights beside a module's configuration; older modules have PyTorch's. */
static struct weights *module_weights(const char *dir, struct err *err) {
    char *path = path_join(dir, "model.safetensors");
    if (!file_exists(path)) {
        free(path);
        path = path_join(dir, "pytorch_model.bin");
    }
    struct weights *w = weights_open(path, err);
    free(path);
    return w;
}

static bool dense_weights(
    struct modules *m, struct module *d, const char *dir, bool bias, struct err *err) {
    struct weights *w = module_weights(dir, err);
    bool ok = w != NULL;
    if (ok) {
        d->weight = module_tensor(m, w, "linear.weight", d->n_out, d->n_in, err);
        ok = d->weight != NULL;
    }
    if (ok && bias) {
        d->bias = module_tensor(m, w, "linear.bias", d->n_out, 0, err);
        ok = d->bias != NULL;
    }
    weights_close(w);
    return ok;
}

static bool dense_read(struct modules *m, const json_t *config, const char *dir, uint32_t n_in,
    struct module *d, struct err *err) {
    json_int_t in = json_get_int(config, "in_features", 0),
               out = json_get_int(config, "out_features", 0);
    if (in != n_in || out < 1 || out > 1 << 16)
        return err_set(err, ERR_INPUT, "a dense module from %lld to %lld numbers after %u",
            (long long)in, (long long)out, n_in);
    *d = (struct module) { .kind = MODULE_DENSE, .n_in = n_in, .n_out = (uint32_t)out };
    return dense_activation(d, config, err) &&
           dense_weights(m, d, dir, json_get_bool(config, "bias", true), err);
}

/* ---- layer norm ---- */

static bool layer_norm_read(struct modules *m, const json_t *config, const char *dir, uint32_t n,
    struct module *d, struct err *err) {
    json_int_t dimension = json_get_int(config, "dimension", 0);
    if (dimension != n)
        return err_set(
            err, ERR_INPUT, "a layer norm of %lld numbers after %u", (long long)dimension, n);
    struct weights *w = module_weights(dir, err);
    if (!w)
        return false;
    *d = (struct module) { .kind = MODULE_LAYER_NORM, .n_in = n, .n_out = n };
    d->weight = module_tensor(m, w, "norm.weight", n, 0, err);
    d->bias = d->weight ? module_tensor(m, w, "norm.bias", n, 0, err) : NULL;
    weights_close(w);
    return d->bias != NULL;
}

/* ---- modules.json ---- */

static bool pooling_module(
    struct modules *m, const char *folder, const char *sub, uint32_t width, struct err *err) {
    bool ok;
    json_t *config = read_optional(folder, sub, "config.json", &ok, err);
    if (ok && !config)
        ok = err_set(err, ERR_INPUT, "'%s/config.json' is missing", sub);
    ok = ok && pooling_read(m, config, width, err);
    json_decref(config);
    return ok;
}

typedef bool module_read_fn(struct modules *m, const json_t *config, const char *dir, uint32_t n_in,
    struct module *d, struct err *err);

/* A module with weights, behind those that the chain has. */
static bool weighted_module(struct modules *m, const char *folder, const char *sub, uint32_t width,
    module_read_fn *read, struct err *err) {
    bool ok;
    uint32_t n_in = modules_width(m, width * m->n_poolings);
    json_t *config = read_optional(folder, sub, "config.json", &ok, err);
    char *dir = path_join(folder, sub);
    if (ok && !config)
        ok = err_set(err, ERR_INPUT, "'%s/config.json' is missing", sub);
    ok = ok && read(m, config, dir, n_in, &m->chain[m->n_chain], err);
    m->n_chain += ok;
    free(dir);
    json_decref(config);
    return ok || err_wrap(err, "module '%s'", sub);
}

/* The last word of a type: "sentence_transformers.models.Pooling" or a newer path to the same
 * class. */
static const char *last_word(const char *type) {
    const char *dot = strrchr(type, '.');
    return dot ? dot + 1 : type;
}

static bool module_read(struct modules *m, const char *folder, const json_t *entry, size_t i,
    uint32_t width, struct err *err) {
    const char *type = last_word(json_get_string(entry, "type", ""));
    const char *sub = json_get_string(entry, "path", "");
    if (!subfolder_valid(sub))
        return err_set(err, ERR_INPUT, "module path '%.64s' leaves the folder", sub);
    if (i == 0)
        return strcmp(type, "Transformer") == 0 ||
               err_set(err, ERR_UNSUPPORTED, "module type '%.64s' is not supported", type);
    if (i == 1 && strcmp(type, "Pooling") == 0)
        return pooling_module(m, folder, sub, width, err) || err_wrap(err, "module '%s'", sub);
    if (i < 2 || m->n_chain == MODULES_MAX)
        return err_set(err, ERR_UNSUPPORTED,
            "module type '%.64s' is not supported at place %zu of modules.json", type, i);
    if (strcmp(type, "Normalize") == 0) {
        m->chain[m->n_chain++] = (struct module) { .kind = MODULE_NORMALIZE };
        return true;
    }
    if (strcmp(type, "Dropout") == 0) /* does something in training alone */
        return true;
    if (strcmp(type, "Dense") == 0)
        return weighted_module(m, folder, sub, width, dense_read, err);
    if (strcmp(type, "LayerNorm") == 0)
        return weighted_module(m, folder, sub, width, layer_norm_read, err);
    return err_set(err, ERR_UNSUPPORTED, "module type '%.64s' is not supported", type);
}

static bool chain_read(
    struct modules *m, const char *folder, const json_t *list, uint32_t width, struct err *err) {
    if (!json_is_array(list) || json_array_size(list) < 1)
        return err_set(err, ERR_INPUT, "modules.json is not a list of modules");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!module_read(m, folder, json_array_get(list, i), i, width, err))
            return false;
    return true;
}

/* Old releases named the file after the model's class. An empty file is as good as none. */
static json_t *transformer_config_read(const char *folder, const char *sub, struct err *err) {
    static const char *const names[] = { "sentence_bert_config.json",
        "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json",
        "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json" };
    bool ok = true;
    json_t *config = NULL;
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        json_decref(config);
        config = read_optional(folder, sub, names[i], &ok, err);
        if (json_object_size(config) > 0)
            return config;
    }
    json_decref(config);
    return ok ? json_object() : NULL;
}

/* Nearest to the call first: what the tokenizer is called with, what it is made with, and the
 * module's own word. */
static const json_t *length_find(const json_t *config) {
    static const char *const makings[] = { "processor_kwargs", "tokenizer_args" };
    const json_t *call = json_object_get(json_object_get(config, "processing_kwargs"), "text");
    const json_t *found = json_object_get(call, "max_length");
    for (size_t i = 0; i < 2 && !json_is_number(found); i++)
        found = json_object_get(json_object_get(config, makings[i]), "model_max_length");
    return json_is_number(found) ? found : json_object_get(config, "max_seq_length");
}

static bool length_read(struct modules *m, const char *folder, const char *sub, struct err *err) {
    json_t *config = transformer_config_read(folder, sub, err);
    const json_t *said = length_find(config);
    double n = json_number_value(said);
    bool ok = config != NULL;
    if (ok && json_is_number(said) && !(n >= 0 && n <= 1 << 28 && n == floor(n)))
        ok = err_set(err, ERR_INPUT, "the Transformer module's length is %.9g", n);
    if (ok)
        m->max_length = (uint32_t)n;
    json_decref(config);
    return ok;
}

/* What its encoding and comparing go by, unless a call says otherwise. */
static bool defaults_read(struct modules *m, const char *folder, struct err *err) {
    bool ok;
    json_t *config = read_optional(folder, "", "config_sentence_transformers.json", &ok, err);
    json_int_t dim = json_get_int(config, "truncate_dim", 0);
    const char *chosen = json_get_string(config, "default_prompt_name", NULL);
    const char *similarity = json_get_string(config, "similarity_fn_name", NULL);
    json_t *prompts = json_object_get(config, "prompts");
    if (dim > 0 && dim < 1 << 20)
        m->truncate_dim = (uint32_t)dim;
    if (json_is_object(prompts))
        m->prompts = json_incref(prompts);
    if (ok && chosen) {
        m->default_prompt = arena_strdup(&m->arena, chosen);
        if (!json_is_string(json_object_get(prompts, chosen)))
            ok = err_set(err, ERR_INPUT, "default prompt '%.64s' is not among the prompts", chosen);
    }
    ok = ok && (!similarity || similarity_parse(similarity, &m->similarity, err));
    json_decref(config);
    return ok;
}

static const char *transformer_path(const json_t *list) {
    return json_get_string(json_array_get(list, 0), "path", "");
}

bool modules_open(struct modules *m, const char *folder, uint32_t width, struct err *err) {
    bool ok;
    *m = (struct modules) { 0 };
    json_t *list = read_optional(folder, "", "modules.json", &ok, err);
    m->present = json_array_size(list) > 1;
    ok = ok && (!list || (chain_read(m, folder, list, width, err) &&
                             length_read(m, folder, transformer_path(list), err)));
    ok = ok && defaults_read(m, folder, err);
    json_decref(list);
    return ok || err_wrap(err, "%s", folder);
}

void modules_close(struct modules *m) {
    json_decref(m->prompts);
    arena_release(&m->arena);
    *m = (struct modules) { 0 };
}

/* ---- running ---- */

static double activate(enum activation a, double x) {
    switch (a) {
    case ACT_TANH:
        return tanh(x);
    case ACT_RELU:
        return x > 0 ? x : 0;
    case ACT_GELU:
        return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
    case ACT_SILU:
        return x / (1 + exp(-x));
    default:
        return x;
    }
}

void vector_normalize(float *x, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    double length = fmax(sqrt(sum), 1e-12);
    for (uint32_t i = 0; i < n; i++)
        x[i] = (float)(x[i] / length);
}

static void dense_apply(const struct module *d, float *vector, float *scratch) {
    memcpy(scratch, vector, d->n_in * sizeof *scratch);
    for (uint32_t o = 0; o < d->n_out; o++) {
        const float *w = d->weight + (size_t)o * d->n_in;
        double sum = d->bias ? d->bias[o] : 0;
        for (uint32_t i = 0; i < d->n_in; i++)
            sum += (double)w[i] * scratch[i];
        vector[o] = (float)activate(d->activation, sum);
    }
}

/* As torch.nn.LayerNorm, whose module has no other eps. */
static void layer_norm_apply(const struct module *d, float *x) {
    double mean = 0, square = 0;
    for (uint32_t i = 0; i < d->n_in; i++)
        mean += x[i];
    mean /= d->n_in;
    for (uint32_t i = 0; i < d->n_in; i++)
        square += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / sqrt(square / d->n_in + 1e-5);
    for (uint32_t i = 0; i < d->n_in; i++)
        x[i] = (float)((x[i] - mean) * scale * d->weight[i] + d->bias[i]);
}

uint32_t modules_apply(
    const struct modules *m, bool normalize, float *vector, uint32_t n, float *scratch) {
    for (uint32_t i = 0; i < m->n_chain; i++) {
        if (m->chain[i].kind == MODULE_DENSE) {
            dense_apply(&m->chain[i], vector, scratch);
            n = m->chain[i].n_out;
        } else if (m->chain[i].kind == MODULE_LAYER_NORM) {
            layer_norm_apply(&m->chain[i], vector);
        } else if (normalize) {
            vector_normalize(vector, n);
        }
    }
    return n;
}

uint32_t modules_width(const struct modules *m, uint32_t pooled) {
    for (uint32_t i = 0; i < m->n_chain; i++)
        if (m->chain[i].kind == MODULE_DENSE)
            pooled = m->chain[i].n_out;
    return pooled;
}

uint32_t modules_widest(const struct modules *m, uint32_t pooled) {
    for (uint32_t i = 0; i < m->n_chain; i++)
        if (m->chain[i].kind == MODULE_DENSE && m->chain[i].n_out > pooled)
            pooled = m->chain[i].n_out;
    return pooled;
}
