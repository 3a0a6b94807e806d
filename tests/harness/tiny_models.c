#include "tiny_models.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "weight_files.h"

uint32_t tiny_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* ---- weights ---- */

static void tensor_add(struct tiny *t, const char *name, uint32_t rows, uint32_t cols, float scale,
    float offset, uint64_t *state) {
    struct tiny_tensor *x = &t->tensors[t->n_tensors++];
    size_t n = (size_t)rows * (cols ? cols : 1);
    BUG_IF(t->n_tensors > sizeof t->tensors / sizeof t->tensors[0]);
    *x = (struct tiny_tensor) { .rows = rows, .cols = cols, .data = xcalloc(n, sizeof(float)) };
    snprintf(x->name, sizeof x->name, "%s", name);
    for (size_t i = 0; i < n; i++)
        x->data[i] = offset + scale * ((float)tiny_random(state) / 2147483648.0f - 1);
}

struct layer_tensor {
    const char *name;
    uint32_t rows, cols;
    float offset;
};

static void layers_add(
    struct tiny *t, const char *prefix, const struct layer_tensor *list, uint64_t *state) {
    for (uint32_t l = 0; l < t->layers; l++)
        for (const struct layer_tensor *x = list; x->name; x++) {
            char name[96];
            snprintf(name, sizeof name, "%s%u.%s", prefix, l, x->name);
            tensor_add(t, name, x->rows, x->cols, 0.3f, x->offset, state);
        }
}

static void llama_fill(struct tiny *t, uint64_t *state) {
    const uint32_t c = t->width, q = t->heads * t->head_dim, kv = t->kv_heads * t->head_dim;
    const struct layer_tensor list[] = {
        { "input_layernorm.weight", c, 0, 1 },
        { "self_attn.q_proj.weight", q, c, 0 },
        { "self_attn.k_proj.weight", kv, c, 0 },
        { "self_attn.v_proj.weight", kv, c, 0 },
        { "self_attn.o_proj.weight", c, q, 0 },
        { "post_attention_layernorm.weight", c, 0, 1 },
        { "mlp.gate_proj.weight", t->ffn, c, 0 },
        { "mlp.up_proj.weight", t->ffn, c, 0 },
        { "mlp.down_proj.weight", c, t->ffn, 0 },
        { 0 },
    };
    tensor_add(t, "model.embed_tokens.weight", t->vocab, c, 1, 0, state);
    layers_add(t, "model.layers.", list, state);
    tensor_add(t, "model.norm.weight", c, 0, 0.3f, 1, state);
    tensor_add(t, "lm_head.weight", t->vocab, c, 0.5f, 0, state);
}

static void bert_fill(struct tiny *t, uint64_t *state) {
    const uint32_t c = t->width;
    const struct layer_tensor list[] = {
        { "attention.self.query.weight", c, c, 0 },
        { "attention.self.query.bias", c, 0, 0 },
        { "attention.self.key.weight", c, c, 0 },
        { "attention.self.key.bias", c, 0, 0 },
        { "attention.self.value.weight", c, c, 0 },
        { "attention.self.value.bias", c, 0, 0 },
        { "attention.output.dense.weight", c, c, 0 },
        { "attention.output.dense.bias", c, 0, 0 },
        { "attention.output.LayerNorm.weight", c, 0, 1 },
        { "attention.output.LayerNorm.bias", c, 0, 0 },
        { "intermediate.dense.weight", t->ffn, c, 0 },
        { "intermediate.dense.bias", t->ffn, 0, 0 },
        { "output.dense.weight", c, t->ffn, 0 },
        { "output.dense.bias", c, 0, 0 },
        { "output.LayerNorm.weight", c, 0, 1 },
        { "output.LayerNorm.bias", c, 0, 0 },
        { 0 },
    };
    tensor_add(t, "embeddings.word_embeddings.weight", t->vocab, c, 1, 0, state);
    tensor_add(t, "embeddings.position_embeddings.weight", t->max_length, c, 0.3f, 0, state);
    tensor_add(t, "embeddings.token_type_embeddings.weight", 2, c, 0.3f, 0, state);
    tensor_add(t, "embeddings.LayerNorm.weight", c, 0, 0.3f, 1, state);
    tensor_add(t, "embeddings.LayerNorm.bias", c, 0, 0.3f, 0, state);
    layers_add(t, "encoder.layer.", list, state);
}

struct tiny tiny_shape(enum tiny_kind kind) {
    return (struct tiny) { .kind = kind,
        .layers = 2,
        .width = 24,
        .heads = 4,
        .kv_heads = kind == TINY_LLAMA ? 2 : 4,
        .head_dim = 6,
        .ffn = 40,
        .vocab = 37,
        .max_length = 48 };
}

void tiny_fill(struct tiny *t, uint32_t seed) {
    uint64_t state = seed;
    if (t->kind == TINY_LLAMA)
        llama_fill(t, &state);
    else
        bert_fill(t, &state);
}

void tiny_init(struct tiny *t, enum tiny_kind kind, uint32_t seed) {
    *t = tiny_shape(kind);
    tiny_fill(t, seed);
}

void tiny_release(struct tiny *t) {
    for (size_t i = 0; i < t->n_tensors; i++)
        free(t->tensors[i].data);
    t->n_tensors = 0;
}

float *tiny_weight(const struct tiny *t, const char *name) {
    for (size_t i = 0; i < t->n_tensors; i++)
        if (strcmp(t->tensors[i].name, name) == 0)
            return t->tensors[i].data;
    return NULL;
}

/* ---- files ---- */

static const char *model_type(const struct tiny *t) {
    if (t->kind == TINY_BERT)
        return "bert";
    return t->window ? "mistral" : "llama";
}

static void config_write(const struct tiny *t, const char *folder) {
    struct strbuf text = { 0 };
    strbuf_addf(&text,
        "{\"model_type\":\"%s\",\"num_hidden_layers\":%u,\"hidden_size\":%u,\"num_attention_"
        "heads\":%u,"
        "\"intermediate_size\":%u,\"vocab_size\":%u,\"max_position_embeddings\":%u",
        model_type(t), t->layers, t->width, t->heads, t->ffn, t->vocab, t->max_length);
    if (t->kind == TINY_LLAMA)
        strbuf_addf(&text,
            ",\"num_key_value_heads\":%u,\"head_dim\":%u,\"rms_norm_eps\":1e-5,\"hidden_act\":"
            "\"silu\","
            "\"rope_theta\":10000.0,\"tie_word_embeddings\":false,\"bos_token_id\":1,\"eos_token_"
            "id\":2",
            t->kv_heads, t->head_dim);
    else
        strbuf_adds(
            &text, ",\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"hidden_act\":\"gelu\"");
    if (t->window)
        strbuf_addf(&text, ",\"sliding_window\":%u", t->window);
    if (t->attention_cap > 0)
        strbuf_addf(&text, ",\"attn_logit_softcapping\":%g", t->attention_cap);
    if (t->logit_cap > 0)
        strbuf_addf(&text, ",\"final_logit_softcapping\":%g", t->logit_cap);
    strbuf_addc(&text, '}');
    free(file_put(folder, "config.json", text.text, text.len));
    strbuf_release(&text);
}

const char *tiny_arch(const struct tiny *t) {
    bool caps = t->attention_cap > 0 || t->logit_cap > 0;
    return caps ? ASSAY_TESTS_DIR "/harness/capped.lua" : NULL;
}

void tiny_write_letters(const char *folder) {
    struct strbuf json = { 0 };
    strbuf_adds(&json, "{\"version\": \"1.0\", \"added_tokens\": [], \"normalizer\": null, "
                       "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                       "\"trim_offsets\": true, \"use_regex\": true}, "
                       "\"post_processor\": null, \"decoder\": {\"type\": \"ByteLevel\", "
                       "\"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true}, "
                       "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                       "\"merges\": [], \"vocab\": {\"\\u0120\": 0");
    int id = 1;
    for (char c = 'a'; c <= 'z'; c++) {
        strbuf_addf(&json, ", \"%c\": %d", c, id++);
    }
    for (char c = '0'; c <= '9'; c++) {
        strbuf_addf(&json, ", \"%c\": %d", c, id++);
    }
    strbuf_adds(&json, "}}}\n");
    free(file_put(folder, "tokenizer.json", json.text, json.len));
    strbuf_release(&json);
}

void tiny_write(const struct tiny *t, const char *folder) {
    struct strbuf header = { 0 }, file = { 0 };
    size_t at = 0;
    for (size_t i = 0; i < t->n_tensors; i++) {
        const struct tiny_tensor *x = &t->tensors[i];
        size_t bytes = (size_t)x->rows * (x->cols ? x->cols : 1) * sizeof(float);
        strbuf_addf(
            &header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%u", i ? "," : "{", x->name, x->rows);
        if (x->cols)
            strbuf_addf(&header, ",%u", x->cols);
        strbuf_addf(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    strbuf_addc(&header, '}');
    uint64_t n = header.len;
    strbuf_add(&file, &n, sizeof n);
    strbuf_add(&file, header.text, header.len);
    for (size_t i = 0; i < t->n_tensors; i++) {
        const struct tiny_tensor *x = &t->tensors[i];
        strbuf_add(&file, x->data, (size_t)x->rows * (x->cols ? x->cols : 1) * sizeof(float));
    }
    free(file_put(folder, "model.safetensors", file.text, file.len));
    strbuf_release(&header);
    strbuf_release(&file);
    config_write(t, folder);
}

/* ---- the naive forward pass ---- */

/* out[n, rows] = x[n, cols] · wᵀ + bias */
static void product(const float *w, const float *bias, uint32_t rows, uint32_t cols,
    const double *x, size_t n, double *out) {
    for (size_t t = 0; t < n; t++)
        for (uint32_t r = 0; r < rows; r++) {
            double sum = bias ? bias[r] : 0;
            for (uint32_t i = 0; i < cols; i++)
                sum += (double)w[(size_t)r * cols + i] * x[t * cols + i];
            out[t * rows + r] = sum;
        }
}

static const float *layer_weight(const struct tiny *t, uint32_t l, const char *name) {
    char full[96];
    snprintf(full, sizeof full, "%s%u.%s",
        t->kind == TINY_LLAMA ? "model.layers." : "encoder.layer.", l, name);
    const float *w = tiny_weight(t, full);
    BUG_IF(!w);
    return w;
}

static void rms_norm(const float *gain, uint32_t c, const double *x, size_t n, double *out) {
    for (size_t t = 0; t < n; t++) {
        double sum = 0;
        for (uint32_t i = 0; i < c; i++)
            sum += x[t * c + i] * x[t * c + i];
        for (uint32_t i = 0; i < c; i++)
            out[t * c + i] = x[t * c + i] / sqrt(sum / c + 1e-5) * gain[i];
    }
}

static void layer_norm(const float *gain, const float *bias, uint32_t c, double *x, size_t n) {
    for (size_t t = 0; t < n; t++) {
        double mean = 0, var = 0, *row = x + t * c;
        for (uint32_t i = 0; i < c; i++)
            mean += row[i] / c;
        for (uint32_t i = 0; i < c; i++)
            var += (row[i] - mean) * (row[i] - mean) / c;
        for (uint32_t i = 0; i < c; i++)
            row[i] = (row[i] - mean) / sqrt(var + 1e-12) * gain[i] + bias[i];
    }
}

static void rotate_half(double *x, size_t n, uint32_t heads, uint32_t d) {
    for (size_t t = 0; t < n; t++)
        for (uint32_t h = 0; h < heads; h++)
            for (uint32_t i = 0; i < d / 2; i++) {
                double *v = x + (t * heads + h) * d, a = v[i], b = v[i + d / 2];
                double angle = (double)t * pow(10000, -2.0 * i / d);
                v[i] = a * cos(angle) - b * sin(angle);
                v[i + d / 2] = b * cos(angle) + a * sin(angle);
            }
}

static double capped(double x, double cap) {
    return cap > 0 ? cap * tanh(x / cap) : x;
}

static void attend(const struct tiny *t, const double *q, const double *k, const double *v,
    size_t n, double *out) {
    const uint32_t d = t->head_dim, group = t->heads / t->kv_heads;
    double *score = xcalloc(n, sizeof *score);
    for (size_t i = 0; i < n; i++)
        for (uint32_t h = 0; h < t->heads; h++) {
            size_t seen = t->kind == TINY_LLAMA ? i + 1 : n;
            size_t from = t->window && i + 1 > t->window ? i + 1 - t->window : 0;
            double top = -INFINITY, total = 0;
            for (size_t j = from; j < seen; j++) {
                score[j] = 0;
                for (uint32_t x = 0; x < d; x++)
                    score[j] +=
                        q[(i * t->heads + h) * d + x] * k[(j * t->kv_heads + h / group) * d + x];
                score[j] = capped(score[j] / sqrt(d), t->attention_cap);
                top = fmax(top, score[j]);
            }
            for (size_t j = from; j < seen; j++)
                total += score[j] = exp(score[j] - top);
            for (uint32_t x = 0; x < d; x++) {
                double sum = 0;
                for (size_t j = from; j < seen; j++)
                    sum += score[j] / total * v[(j * t->kv_heads + h / group) * d + x];
                out[(i * t->heads + h) * d + x] = sum;
            }
        }
    free(score);
}

struct room {
    double *h, *q, *k, *v, *a, *g, *u, *o;
};

static void llama_layer(const struct tiny *t, uint32_t l, struct room *r, double *x, size_t n) {
    const uint32_t c = t->width, q = t->heads * t->head_dim, kv = t->kv_heads * t->head_dim,
                   f = t->ffn;
    rms_norm(layer_weight(t, l, "input_layernorm.weight"), c, x, n, r->h);
    product(layer_weight(t, l, "self_attn.q_proj.weight"), NULL, q, c, r->h, n, r->q);
    product(layer_weight(t, l, "self_attn.k_proj.weight"), NULL, kv, c, r->h, n, r->k);
    product(layer_weight(t, l, "self_attn.v_proj.weight"), NULL, kv, c, r->h, n, r->v);
    rotate_half(r->q, n, t->heads, t->head_dim);
    rotate_half(r->k, n, t->kv_heads, t->head_dim);
    attend(t, r->q, r->k, r->v, n, r->a);
    product(layer_weight(t, l, "self_attn.o_proj.weight"), NULL, c, q, r->a, n, r->o);
    for (size_t i = 0; i < n * c; i++)
        x[i] += r->o[i];
    rms_norm(layer_weight(t, l, "post_attention_layernorm.weight"), c, x, n, r->h);
    product(layer_weight(t, l, "mlp.gate_proj.weight"), NULL, f, c, r->h, n, r->g);
    product(layer_weight(t, l, "mlp.up_proj.weight"), NULL, f, c, r->h, n, r->u);
    for (size_t i = 0; i < n * f; i++)
        r->g[i] = r->g[i] / (1 + exp(-r->g[i])) * r->u[i];
    product(layer_weight(t, l, "mlp.down_proj.weight"), NULL, c, f, r->g, n, r->o);
    for (size_t i = 0; i < n * c; i++)
        x[i] += r->o[i];
}

static void bert_layer(const struct tiny *t, uint32_t l, struct room *r, double *x, size_t n) {
    const uint32_t c = t->width, f = t->ffn;
    static const char *const names[] = { "query", "key", "value" };
    double *outs[] = { r->q, r->k, r->v };
    for (int i = 0; i < 3; i++) {
        char weight[64], bias[64];
        snprintf(weight, sizeof weight, "attention.self.%s.weight", names[i]);
        snprintf(bias, sizeof bias, "attention.self.%s.bias", names[i]);
        product(layer_weight(t, l, weight), layer_weight(t, l, bias), c, c, x, n, outs[i]);
    }
    attend(t, r->q, r->k, r->v, n, r->a);
    product(layer_weight(t, l, "attention.output.dense.weight"),
        layer_weight(t, l, "attention.output.dense.bias"), c, c, r->a, n, r->o);
    for (size_t i = 0; i < n * c; i++)
        x[i] += r->o[i];
    layer_norm(layer_weight(t, l, "attention.output.LayerNorm.weight"),
        layer_weight(t, l, "attention.output.LayerNorm.bias"), c, x, n);
    product(layer_weight(t, l, "intermediate.dense.weight"),
        layer_weight(t, l, "intermediate.dense.bias"), f, c, x, n, r->g);
    for (size_t i = 0; i < n * f; i++)
        r->g[i] = 0.5 * r->g[i] * (1 + erf(r->g[i] / sqrt(2)));
    product(layer_weight(t, l, "output.dense.weight"), layer_weight(t, l, "output.dense.bias"), c,
        f, r->g, n, r->o);
    for (size_t i = 0; i < n * c; i++)
        x[i] += r->o[i];
    layer_norm(layer_weight(t, l, "output.LayerNorm.weight"),
        layer_weight(t, l, "output.LayerNorm.bias"), c, x, n);
}

static void embed(const struct tiny *t, const int32_t *ids, size_t n, double *x) {
    const uint32_t c = t->width;
    const bool llama = t->kind == TINY_LLAMA;
    const float *words =
        tiny_weight(t, llama ? "model.embed_tokens.weight" : "embeddings.word_embeddings.weight");
    const float *places = llama ? NULL : tiny_weight(t, "embeddings.position_embeddings.weight");
    const float *types = llama ? NULL : tiny_weight(t, "embeddings.token_type_embeddings.weight");
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < c; j++)
            x[i * c + j] = (double)words[(size_t)ids[i] * c + j] +
                           (llama ? 0 : (double)places[i * c + j] + types[j]);
    if (!llama)
        layer_norm(tiny_weight(t, "embeddings.LayerNorm.weight"),
            tiny_weight(t, "embeddings.LayerNorm.bias"), c, x, n);
}

void tiny_hidden(const struct tiny *t, const int32_t *ids, size_t n, double *out) {
    const size_t c = t->width, f = t->ffn;
    double *all = xcalloc(n * (6 * c + 2 * f), sizeof *all);
    struct room r = { .h = all,
        .q = all + n * c,
        .k = all + 2 * n * c,
        .v = all + 3 * n * c,
        .a = all + 4 * n * c,
        .o = all + 5 * n * c,
        .g = all + 6 * n * c,
        .u = all + n * (6 * c + f) };
    embed(t, ids, n, out);
    for (uint32_t l = 0; l < t->layers; l++) {
        if (t->kind == TINY_LLAMA)
            llama_layer(t, l, &r, out, n);
        else
            bert_layer(t, l, &r, out, n);
    }
    if (t->kind == TINY_LLAMA)
        rms_norm(tiny_weight(t, "model.norm.weight"), t->width, out, n, out);
    free(all);
}

void tiny_logprobs(const struct tiny *t, const int32_t *ids, size_t n, double *out) {
    double *x = xcalloc(n * t->width, sizeof *x);
    tiny_hidden(t, ids, n, x);
    product(tiny_weight(t, "lm_head.weight"), NULL, t->vocab, t->width, x, n, out);
    for (size_t i = 0; i < n; i++) {
        double *row = out + i * t->vocab, top = -INFINITY, total = 0;
        for (uint32_t v = 0; v < t->vocab; v++)
            top = fmax(top, row[v] = capped(row[v], t->logit_cap));
        for (uint32_t v = 0; v < t->vocab; v++)
            total += exp(row[v] - top);
        for (uint32_t v = 0; v < t->vocab; v++)
            row[v] -= top + log(total);
    }
    free(x);
}
