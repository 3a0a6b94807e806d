/* A weight with a LoRA adapter is W + scaling · B·A, where A is [rank, inputs] and B [outputs,
 * rank]; of a Conv1D or an embedding, whose W is [inputs, outputs], the product is transposed. DoRA
 * then brings each output's row of weights to a length that was learned with it.
 * Other tensors of the adapter (modules_to_save, biases) stand in place of the base's. What the
 * config asks for beyond that changes the sum, so it is refused. */
#include "harness/formats/adapter.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "harness/formats/delta.h"
#include "harness/formats/derived.h"
#include "harness/formats/pytorch.h"
#include "harness/formats/quoted.h"

#define ADAPTER_CONFIG_MAX (1u << 20)
#define RANK_MAX 4096
#define PATCH 256 /* elements that are summed at a time */

static bool is_there(const char *dir, const char *name) {
    char *path = path_join(dir, name);
    const bool there = file_exists(path);
    free(path);
    return there;
}

char *adapter_base(const char *dir) {
    const bool adapter = is_there(dir, "adapter_config.json") && !is_there(dir, "config.json");
    if (!adapter && !delta_is(dir))
        return NULL;
    char *base = path_join(dir, "base_model");
    struct stat st;
    if (lstat(base, &st) == 0 && S_ISDIR(st.st_mode)) /* a link would lead out of the folder */
        return base;
    free(base);
    return NULL;
}

char *model_file(const char *dir, const char *name) {
    char *base = is_there(dir, name) ? NULL : adapter_base(dir);
    char *path = path_join(base ? base : dir, name);
    free(base);
    return path;
}

/* ---- the config ---- */

static json_t *config_read(const char *dir, struct err *err) {
    char *path = path_join(dir, "adapter_config.json");
    json_t *config = json_parse_file(path, ADAPTER_CONFIG_MAX, err);
    free(path);
    return config;
}

bool adapter_base_name(const char *dir, char name[ADAPTER_BASE_NAME_MAX + 1]) {
    char *path = path_join(dir, delta_is(dir) ? "delta_config.json" : "adapter_config.json");
    json_t *config = json_parse_file(path, ADAPTER_CONFIG_MAX, NULL);
    free(path);
    const char *given = json_get_string(config, "base_model_name_or_path", "");
    const size_t n =
        strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/");
    const bool ok = n > 0 && n <= ADAPTER_BASE_NAME_MAX && given[n] == 0 && given[0] != '/' &&
                    given[0] != '.' && given[0] != '-';
    if (ok)
        memcpy(name, given, n + 1);
    json_decref(config);
    return ok;
}

json_t *adapter_describe(const char *dir) {
    char *base = delta_is(dir) ? NULL : adapter_base(dir);
    json_t *config = base ? config_read(dir, NULL) : NULL;
    json_t *out = config ? json_pack("{s:s, s:f, s:f}", "base",
                               json_get_string(config, "base_model_name_or_path", ""), "rank",
                               json_get_number(config, "r", 0), "alpha",
                               json_get_number(config, "lora_alpha", 0))
                         : NULL;
    free(base);
    json_decref(config);
    return out;
}

static bool config_check(const json_t *config, struct err *err) {
    static const char *const unknown[] = { "use_qalora", "lora_bias" };
    const char *type = json_get_string(config, "peft_type", "");
    struct quoted q;
    if (strcmp(type, "LORA") != 0)
        return err_set(err, ERR_UNSUPPORTED, "peft_type '%s' is not supported (LORA is)",
            quoted(&q, type, strlen(type)));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (json_get_bool(config, unknown[i], false))
            return err_set(err, ERR_UNSUPPORTED, "adapters with %s are not supported", unknown[i]);
    if (json_array_size(json_object_get(config, "layer_replication")))
        return err_set(err, ERR_UNSUPPORTED, "adapters that repeat layers are not supported");
    return true;
}

/* ---- names ---- */

static const char *without_prefix(const char *name) {
    static const char prefix[] = "base_model.model.";
    return strncmp(name, prefix, sizeof prefix - 1) == 0 ? name + sizeof prefix - 1 : name;
}

/* The part of the name before `mark`, without PEFT's own prefix; NULL if there is no mark. */
static char *module_of(struct weights *a, const char *name, const char *mark) {
    const char *at = strstr(name, mark);
    if (!at)
        return NULL;
    name = without_prefix(name);
    return at < name ? NULL : arena_strndup(&a->arena, name, (size_t)(at - name));
}

static bool ends_with_part(const char *whole, const char *part) {
    const size_t n = strlen(whole), m = strlen(part);
    return n > m && whole[n - m - 1] == '.' && strcmp(whole + n - m, part) == 0;
}

/* The base's tensor: the adapter may have been made on a model whose names have a prefix that the
 * base's file lacks, or the other way round. */
static struct tensor *base_find(struct weights *base, const char *name) {
    const char *inner = strchr(name, '.');
    const struct tensor *t = weights_find(base, name);
    if (!t && inner)
        t = weights_find(base, inner + 1);
    struct tensor *found = NULL;
    for (size_t i = 0; !t && i < base->n_tensors; i++) {
        if (!ends_with_part(base->tensors[i].name, name))
            continue;
        if (found)
            return NULL; /* which one is meant can't be told */
        found = &base->tensors[i];
    }
    return t ? &base->tensors[t - base->tensors] : found;
}

/* ---- the sum ---- */

static void lora_row(const struct derived *d, uint64_t row, uint64_t from, uint64_t n, float *out) {
    tensor_read_f32(&d->parts[0], (size_t)(row * d->cols + from), (size_t)n, out);
    for (uint64_t at = 0; at < n; at += PATCH) {
        const uint64_t here = n - at < PATCH ? n - at : PATCH;
        float sum[PATCH] = { 0 };
        for (uint64_t k = 0; k < d->rank; k++)
            for (uint64_t i = 0; i < here; i++)
                sum[i] += d->transposed
                              ? d->b[(from + at + i) * d->rank + k] * d->a[k * d->rows + row]
                              : d->b[row * d->rank + k] * d->a[k * d->cols + from + at + i];
        for (uint64_t i = 0; i < here; i++)
            out[at + i] += sum[i] * d->scaling;
        for (uint64_t i = 0; d->gains && i < here; i++)
            out[at + i] *= d->gains[d->transposed ? from + at + i : row];
    }
}

/* Lengths of the sums' rows of weights, an output each. */
static void lengths_of(const struct derived *d, double *lengths) {
    float patch[PATCH];
    for (uint64_t row = 0; row < d->rows; row++)
        for (uint64_t from = 0; from < d->cols; from += PATCH) {
            const uint64_t n = d->cols - from < PATCH ? d->cols - from : PATCH;
            lora_row(d, row, from, n, patch);
            for (uint64_t i = 0; i < n; i++)
                lengths[d->transposed ? from + i : row] += (double)patch[i] * (double)patch[i];
        }
}

/* The tensor's numbers in the arena. */
static const float *numbers_of(struct weights *base, const struct tensor *t) {
    float *out = arena_alloc(&base->arena, (size_t)t->n_elements * sizeof *out);
    tensor_read_f32(t, 0, (size_t)t->n_elements, out);
    return out;
}

struct applying {
    struct weights *base, *adapter;
    const json_t *config;
    size_t n_applied;
    struct err *err;
};

static bool refuse(struct applying *p, const char *module, const char *why) {
    struct quoted q;
    return err_set(
        p->err, ERR_INPUT, "adapter of '%s': %s", quoted(&q, module, strlen(module)), why);
}

/* alpha_pattern names modules by the end of their names. */
static double alpha_of(const struct applying *p, const char *module) {
    const json_t *pattern = json_object_get(p->config, "alpha_pattern"), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)pattern, key, value) {
        if ((strcmp(key, module) == 0 || ends_with_part(module, key)) && json_is_number(value))
            return json_number_value(value);
    }
    return json_get_number(p->config, "lora_alpha", 1);
}

static bool shapes_check(struct applying *p, const char *module, const struct tensor *w,
    const struct tensor *a, const struct tensor *b, bool transposed) {
    const uint64_t in = transposed ? w->shape[0] : w->shape[1],
                   out = transposed ? w->shape[1] : w->shape[0];
    if (w->n_dims != 2 || a->n_dims != 2 || b->n_dims != 2 || a->shape[0] != b->shape[1] ||
        a->shape[1] != in || b->shape[0] != out || !w->n_elements)
        return refuse(p, module, "its matrices do not fit the base's weight");
    if (!a->shape[0] || a->shape[0] > RANK_MAX)
        return refuse(p, module, "its rank is 0 or too large");
    return (a->type <= TENSOR_BF16 && b->type <= TENSOR_BF16) ||
           refuse(p, module, "its matrices are not real numbers");
}

/* The learned lengths, as what each output is multiplied by. */
static bool gains_settle(
    struct applying *p, const char *module, const struct tensor *lengths, struct derived *d) {
    const uint64_t outputs = d->transposed ? d->cols : d->rows;
    if (lengths->n_elements != outputs || lengths->type > TENSOR_BF16)
        return refuse(p, module, "its lengths (lora_magnitude_vector) are not one an output");
    const float *learned = numbers_of(p->base, lengths);
    float *gains = arena_alloc(&p->base->arena, (size_t)outputs * sizeof *gains);
    double *now = xcalloc((size_t)outputs, sizeof *now);
    lengths_of(d, now);
    bool ok = true;
    for (uint64_t i = 0; i < outputs; i++) {
        gains[i] = (float)((double)learned[i] / sqrt(now[i]));
        ok = ok && isfinite(gains[i]);
    }
    free(now);
    d->gains = gains;
    return ok || refuse(p, module, "an output's weights have no length");
}

static bool apply_pair(struct applying *p, const char *module, const struct tensor *a,
    const struct tensor *b, const struct tensor *lengths, bool transposed) {
    char *name = arena_printf(&p->base->arena, "%s.weight", module);
    struct tensor *w = base_find(p->base, name);
    if (!b)
        return refuse(p, module, "its second matrix is missing");
    if (!w)
        return refuse(p, module, "the base has no such weight, or several");
    if (!shapes_check(p, module, w, a, b, transposed))
        return false;
    struct derived *d = arena_alloc(&p->base->arena, sizeof *d);
    const double rank = (double)a->shape[0];
    *d = (struct derived) { .row = lora_row,
        .rows = w->shape[0],
        .cols = w->shape[1],
        .rank = (uint32_t)a->shape[0],
        .transposed = transposed };
    d->parts[0] = *w;
    d->a = numbers_of(p->base, a);
    d->b = numbers_of(p->base, b);
    d->scaling = (float)(alpha_of(p, module) /
                         (json_get_bool(p->config, "use_rslora", false) ? sqrt(rank) : rank));
    if (lengths && !gains_settle(p, module, lengths, d))
        return false;
    w->derived = d;
    p->n_applied++;
    return true;
}

/* A tensor that stands in place of the base's. Its numbers live in the adapter's file, which is
 * closed: they are copied. */
static bool apply_whole(struct applying *p, const struct tensor *t) {
    char name[WEIGHTS_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s", without_prefix(t->name));
    char *infix = strstr(name, "modules_to_save.default.");
    if (infix)
        memmove(infix, infix + 24, strlen(infix + 24) + 1);
    struct tensor *w = base_find(p->base, name);
    if (w && (w->n_dims != t->n_dims || memcmp(w->shape, t->shape, t->n_dims * sizeof *t->shape)))
        return refuse(p, name, "it has another shape than the base's tensor");
    if (!w)
        w = weights_add(p->base, name, strlen(name), p->err);
    if (!w)
        return false;
    const char *kept = w->name;
    if (t->derived) { /* out of order in the file: the numbers themselves */
        *w = (struct tensor) { .type = TENSOR_F32, .n_dims = t->n_dims };
        memcpy(w->shape, t->shape, sizeof w->shape);
        if (!tensor_measure(w))
            return refuse(p, name, "its shape overflows");
        w->data = (const uint8_t *)numbers_of(p->base, t);
    } else {
        uint8_t *data = arena_alloc(&p->base->arena, t->bytes);
        if (t->bytes)
            memcpy(data, t->data, t->bytes);
        *w = *t;
        w->data = data;
    }
    w->name = kept;
    p->n_applied++;
    return true;
}

static const struct tensor *other_half(
    struct applying *p, const char *name, const char *mark, const char *other) {
    char full[WEIGHTS_NAME_MAX + 64];
    const char *at = strstr(name, mark);
    snprintf(full, sizeof full, "%.*s%s%s", (int)(at - name), name, other, at + strlen(mark));
    return weights_find(p->adapter, full);
}

/* DoRA's lengths beside the first matrix: older files have them without a suffix. */
static bool lengths_find(
    struct applying *p, const char *name, const char *mark, const struct tensor **out) {
    static const char other[] = ".lora_magnitude_vector";
    char bare[WEIGHTS_NAME_MAX + 64];
    snprintf(bare, sizeof bare, "%.*s%s", (int)(strstr(name, mark) - name), name, other);
    const struct tensor *t = other_half(p, name, mark, other);
    *out = t ? t : weights_find(p->adapter, bare);
    const bool wanted = json_get_bool(p->config, "use_dora", false);
    return !wanted || *out || refuse(p, name, "its lengths (lora_magnitude_vector) are missing");
}

static bool apply_one(struct applying *p, const struct tensor *t) {
    static const struct {
        const char *a, *b;
        bool embedding;
    } pairs[] = { { ".lora_A", ".lora_B", false },
        { ".lora_embedding_A", ".lora_embedding_B", true } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *module = module_of(p->adapter, t->name, pairs[i].a);
        const struct tensor *lengths = NULL;
        if (module)
            return lengths_find(p, t->name, pairs[i].a, &lengths) &&
                   apply_pair(p, module, t, other_half(p, t->name, pairs[i].a, pairs[i].b), lengths,
                       pairs[i].embedding || json_get_bool(p->config, "fan_in_fan_out", false));
        if (module_of(p->adapter, t->name, pairs[i].b))
            return other_half(p, t->name, pairs[i].b, pairs[i].a) ||
                   refuse(p, t->name, "its first matrix is missing");
    }
    if (json_get_bool(p->config, "use_dora", false) && strstr(t->name, ".lora_magnitude_vector"))
        return true; /* taken with its matrices */
    return strstr(t->name, "lora_") ? refuse(p, t->name, "a part that is not understood")
                                    : apply_whole(p, t);
}

static bool matrices_read(struct weights *w, const char *dir, struct err *err) {
    static const char older[] = "adapter_model.bin", name[] = "adapter_model.safetensors";
    const bool is_older = !is_there(dir, name) && is_there(dir, older);
    char *path = path_join(dir, is_older ? older : name);
    const bool ok =
        is_older ? pytorch_file_read(w, path, err) : safetensors_file_read(w, path, err);
    free(path);
    return ok;
}

bool adapter_apply(struct weights *base, const char *dir, struct err *err) {
    struct applying p = { .base = base, .adapter = weights_new("safetensors"), .err = err };
    json_t *config = config_read(dir, err);
    p.config = config;
    bool ok = config && config_check(config, err) && matrices_read(p.adapter, dir, err);
    for (size_t i = 0; ok && i < weights_count(p.adapter); i++)
        ok = apply_one(&p, weights_at(p.adapter, i));
    if (ok && !p.n_applied)
        ok = err_set(err, ERR_INPUT, "it changes nothing");
    if (!ok)
        err_wrap(err, "cannot apply the adapter in '%s'", dir);
    weights_close(p.adapter);
    json_decref(config);
    return ok;
}
