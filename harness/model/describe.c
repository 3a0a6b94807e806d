/* model_describe: what `model show` says, from the files alone, without a device. */
#include <string.h>

#include "base/file.h"
#include "harness/formats/adapter.h"
#include "harness/formats/delta.h"
#include "harness/model/model.h"

static const char *pooling_words[] = {
    [POOL_AUTO] = "auto",
    [POOL_MEAN] = "mean",
    [POOL_CLS] = "cls",
    [POOL_LAST] = "last",
    [POOL_MAX] = "max",
    [POOL_MEAN_SQRT] = "mean_sqrt",
    [POOL_WEIGHTED_MEAN] = "weighted_mean",
};

static json_t *module_json(const struct module *d) {
    if (d->kind == MODULE_NORMALIZE)
        return json_string("normalize");
    if (d->kind == MODULE_LAYER_NORM)
        return json_string("layer_norm");
    return json_pack("{s:s, s:i, s:i}", "type", "dense", "from", (int)d->n_in, "to", (int)d->n_out);
}

static json_t *modules_json(const struct modules *m) {
    json_t *out = json_object(), *poolings = json_array(), *chain = json_array();
    for (uint32_t i = 0; i < m->n_poolings; i++)
        json_array_append_new(poolings, json_string(pooling_words[m->poolings[i]]));
    for (uint32_t i = 0; i < m->n_chain; i++)
        json_array_append_new(chain, module_json(&m->chain[i]));
    json_object_set_new(out, "pooling", poolings);
    json_object_set_new(out, "then", chain);
    if (m->max_length)
        json_object_set_new(out, "max_length", json_integer(m->max_length));
    if (m->truncate_dim)
        json_object_set_new(out, "truncate_dim", json_integer(m->truncate_dim));
    if (m->exclude_prompt)
        json_object_set_new(out, "exclude_prompt", json_true());
    return out;
}

static json_t *tokenizer_json(const char *path) {
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(path, &err);
    if (!t)
        return err.class == ERR_NOT_FOUND ? json_null() : json_pack("{s:s}", "error", err.msg);
    const struct tokenizer_info *info = tokenizer_info(t);
    json_t *out = json_pack(
        "{s:I, s:b}", "vocab_size", (json_int_t)info->vocab_size, "adds_bos", info->adds_bos);
    const struct {
        const char *key;
        int32_t id;
    } ids[] = { { "bos", info->bos }, { "eos", info->eos }, { "pad", info->pad },
        { "unk", info->unk } };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i].id >= 0)
            json_object_set_new(out, ids[i].key, json_integer(ids[i].id));
    if (info->model_max_length)
        json_object_set_new(out, "max_length", json_integer(info->model_max_length));
    tokenizer_close(t);
    return out;
}

static json_t *templates_json(const char *path) {
    struct err err = ERR_INIT;
    struct chat_template *c = chat_template_open(path, &err);
    if (!c)
        return err.class == ERR_NOT_FOUND ? json_null() : json_pack("{s:s}", "error", err.msg);
    json_t *out = chat_template_describe(c);
    chat_template_close(c);
    return out;
}

/* Elements of the tensors that the model uses, each once: parts of one tensor, and layers that
 * share their weights, follow each other; what a decoder shares with its encoder (the embedding) is
 * among the encoder's first. */
struct counting {
    uint64_t n;
    const struct tensor **seen;
    size_t n_seen, capacity;
};

static bool counted(const struct counting *c, const struct tensor *t) {
    const size_t near = c->n_seen > 64 ? c->n_seen - 64 : 0;
    for (size_t i = 0; i < c->n_seen && i < ROLE_FIRST_OF_LAYER; i++)
        if (c->seen[i] == t)
            return true;
    for (size_t i = near; i < c->n_seen; i++)
        if (c->seen[i] == t)
            return true;
    return false;
}

static bool tensor_count(void *arg, enum role role, const struct tensor *t, struct err *err) {
    struct counting *c = arg;
    (void)role;
    (void)err;
    if (counted(c, t))
        return true;
    mem_grow(&c->seen, &c->capacity, c->n_seen + 1, sizeof(const struct tensor *));
    c->seen[c->n_seen++] = t;
    c->n += t->n_elements;
    return true;
}

static uint64_t parameters(const struct model_source *s) {
    struct counting c = { 0 };
    struct err err = ERR_INIT;
    const struct spec *decoder = s->spec.decoder;
    bool ok = net_tensors_visit(&s->spec, &s->tensors, tensor_count, &c, &err) &&
              (!decoder || net_tensors_visit(decoder, &s->decoder_tensors, tensor_count, &c, &err));
    free(c.seen);
    return ok ? c.n : 0;
}

/* Tensors that nothing of the model uses: of what an encoder leaves over, its decoder takes some.
 */
static json_t *extra_json(const struct model_source *s) {
    json_t *out = json_array(), *left_by_decoder = json_object(), *name;
    size_t i;
    json_array_foreach(s->decoder_tensors.extra, i, name)
        json_object_set_new(left_by_decoder, json_string_value(name), json_true());
    json_array_foreach(s->tensors.extra, i,
        name) if (!s->spec.decoder || json_object_get(left_by_decoder, json_string_value(name)))
        json_array_append(out, name);
    json_decref(left_by_decoder);
    return out;
}

static const char *norm_place(const struct spec *s) {
    return s->norm_after ? "after" : s->norm_before ? "before" : "inside";
}

static json_t *experts_json(const struct experts *e) {
    return json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)e->n, "chosen",
        (json_int_t)e->n_chosen, "ffn", (json_int_t)e->ffn_width, "shared",
        (json_int_t)e->shared_width);
}

/* Layers of each kind, where they aren't all alike. */
static void layers_describe(const struct spec *s, json_t *out) {
    json_int_t windowed = 0, sparse = 0, recurrent = 0;
    uint32_t window = 0;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        windowed += s->layer[l].window > 0;
        sparse += s->layer[l].sparse;
        recurrent += s->layer[l].mixes;
        window = s->layer[l].window ? s->layer[l].window : window;
    }
    if (windowed)
        json_object_set_new(out, "window",
            json_pack("{s:I, s:I}", "tokens", (json_int_t)window, "layers", windowed));
    if (sparse)
        json_object_set_new(out, "experts", experts_json(&s->experts));
    if (sparse)
        json_object_set_new(out, "expert_layers", json_integer(sparse));
    if (recurrent)
        json_object_set_new(out, "recurrent_layers", json_integer(recurrent));
}

/* What the model is made of, as it was understood. */
static void parts_describe(const struct spec *s, json_t *out) {
    json_object_set_new(out, "norm",
        json_pack("{s:s, s:s, s:f}", "kind", norm_name(s->norm), "place", norm_place(s), "eps",
            s->norm_eps));
    json_object_set_new(out, "position", json_string(position_name(s->position)));
    if (s->position == POSITION_ROTARY)
        json_object_set_new(out, "rope_theta", json_real(s->rope.theta));
    json_object_set_new(out, "activation", json_string(activation_name(s->activation)));
    json_object_set_new(out, "gated", json_boolean(s->gated));
    layers_describe(s, out);
}

static json_t *decoder_json(const struct spec *d) {
    json_t *out = json_pack("{s:I, s:I, s:I, s:I}", "layers", (json_int_t)d->n_layers, "width",
        (json_int_t)d->width, "heads", (json_int_t)d->n_heads, "ffn", (json_int_t)d->ffn_width);
    json_object_set_new(out, "tied", json_boolean(d->tied));
    return out;
}

static json_t *info_json(const struct model_source *s) {
    const struct spec *spec = &s->spec;
    uint64_t bytes;
    const char *dtype = model_weight_dtype(s->weights, &bytes);
    json_t *out = json_object();
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        { "parameters", parameters(s) },
        { "weight_bytes", bytes },
        { "layers", spec->n_layers },
        { "width", spec->width },
        { "heads", spec->n_heads },
        { "kv_heads", spec->n_kv_heads },
        { "head_dim", spec->head_dim },
        { "ffn", spec->ffn_width },
        { "vocab", spec->n_vocab },
        { "max_length", spec->max_length },
    };
    json_object_set_new(out, "architecture", json_string(spec->name));
    json_object_set_new(out, "format", json_string(weights_format(s->weights)));
    json_object_set_new(out, "weight_dtype", json_string(dtype));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(out, numbers[i].key, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(out, "causal", json_boolean(spec->causal));
    json_object_set_new(out, "tied", json_boolean(spec->tied));
    parts_describe(spec, out);
    if (spec->decoder)
        json_object_set_new(out, "decoder", decoder_json(spec->decoder));
    return out;
}

static json_t *delta_json(const char *path) {
    char base[ADAPTER_BASE_NAME_MAX + 1];
    return json_pack("{s:s?}", "base", adapter_base_name(path, base) ? base : NULL);
}

static json_t *config_json(const json_t *config) {
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)config, key, value) {
        if (!json_is_array(value) || json_array_size(value) <= 64)
            json_object_set(out, key, value);
    }
    return out;
}

/* Numbers that a token leaves in the caches of its net's layers. */
static uint64_t token_row(const struct spec *s) {
    return 2ull * s->n_layers * s->n_kv_heads * s->head_dim;
}

/* What the weights take as they are computed with, and each token of a text beside them. */
static json_t *memory_json(const struct model_source *s) {
    static const struct {
        const char *name;
        uint64_t weight, head, cached; /* bytes of a number */
    } dtypes[] = { { "f32", 4, 4, 4 }, { "bf16", 2, 2, 2 }, { "int8", 1, 2, 2 } };
    const struct spec *spec = &s->spec;
    const uint64_t head = spec->causal ? (uint64_t)spec->n_vocab * spec_hidden_width(spec) : 0;
    const uint64_t n = parameters(s) > head ? parameters(s) - head : 0,
                   row = token_row(spec) + (spec->decoder ? token_row(spec->decoder) : 0);
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        json_object_set_new(out, dtypes[i].name,
            json_pack("{s:I, s:I}", "weight_bytes",
                (json_int_t)(n * dtypes[i].weight + head * dtypes[i].head), "bytes_a_token",
                (json_int_t)(row * dtypes[i].cached)));
    return out;
}

json_t *model_describe(const char *path, const char *arch_file, struct err *err) {
    struct model_source s;
    struct modules modules = { 0 };
    json_t *out = NULL;
    bool ok = model_source_open(&s, path, arch_file, err);
    if (ok && strcmp(weights_format(s.weights), "gguf") != 0)
        ok = modules_open(&modules, path, spec_hidden_width(&s.spec), err);
    if (ok) {
        out = info_json(&s);
        json_object_set_new(out, "memory", memory_json(&s));
        json_object_set_new(out, "modules", modules.present ? modules_json(&modules) : json_null());
        json_object_set_new(out, "similarity", json_string(similarity_name(modules.similarity)));
        json_object_set_new(
            out, "prompts", modules.prompts ? json_incref(modules.prompts) : json_object());
        if (modules.default_prompt)
            json_object_set_new(out, "default_prompt", json_string(modules.default_prompt));
        json_object_set_new(out, "tokenizer", tokenizer_json(path));
        json_object_set_new(out, "chat_templates", templates_json(path));
        json_object_set_new(out, "adapter", adapter_describe(path));
        if (delta_is(path))
            json_object_set_new(out, "delta", delta_json(path));
        json_object_set_new(out, "config", config_json(s.config));
        json_object_set_new(out, "extra_tensors", extra_json(&s));
    }
    modules_close(&modules);
    model_source_close(&s);
    return out;
}
