/* Opening a model: files, description, tensors, device, tokenizer, modules, and how much memory is
 * for what. */
#include "harness/model/model.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "harness/formats/adapter.h"

enum {
    ROWS_DEFAULT = 1024,      /* of a step: enough for matrix products to run at full speed */
    ROWS_MAX_ENCODER = 16384, /* the longest text that an encoder takes in one step */
};

/* ---- words ---- */

static const char *const dtype_names[] = {
    [DTYPE_AUTO] = "auto",
    [DTYPE_F32] = "f32",
    [DTYPE_BF16] = "bf16",
    [DTYPE_F16] = "f16",
    [DTYPE_INT8] = "int8",
};

const char *dtype_name(enum dtype dtype) {
    return dtype_names[dtype];
}

bool dtype_parse(const char *name, enum dtype *out, struct err *err) {
    for (size_t i = 0; i < sizeof dtype_names / sizeof dtype_names[0]; i++) {
        if (strcmp(dtype_names[i], name) == 0) {
            *out = (enum dtype)i;
            return true;
        }
    }
    return err_set(err, ERR_USAGE, "dtype '%.32s' is not one of auto, f32, bf16, f16, int8", name);
}

static const struct {
    const char *name;
    enum pooling pooling;
} pooling_names[] = {
    { "auto", POOL_AUTO },
    { "mean", POOL_MEAN },
    { "cls", POOL_CLS },
    { "last", POOL_LAST },
    { "lasttoken", POOL_LAST },
    { "max", POOL_MAX },
    { "mean_sqrt", POOL_MEAN_SQRT },
    { "mean_sqrt_len_tokens", POOL_MEAN_SQRT },
    { "weighted_mean", POOL_WEIGHTED_MEAN },
    { "weightedmean", POOL_WEIGHTED_MEAN },
};

static const char *const similarity_names[] = { [SIMILARITY_COSINE] = "cosine",
    [SIMILARITY_DOT] = "dot",
    [SIMILARITY_MANHATTAN] = "manhattan",
    [SIMILARITY_EUCLIDEAN] = "euclidean" };

const char *similarity_name(enum similarity similarity) {
    return similarity_names[similarity];
}

bool similarity_parse(const char *name, enum similarity *out, struct err *err) {
    for (unsigned i = 0; i < sizeof similarity_names / sizeof similarity_names[0]; i++) {
        if (strcmp(similarity_names[i], name) == 0) {
            *out = (enum similarity)i;
            return true;
        }
    }
    return err_set(err, ERR_UNSUPPORTED,
        "similarity '%.32s' is not one of cosine, dot, manhattan, euclidean", name);
}

bool pooling_parse(const char *name, enum pooling *out, struct err *err) {
    for (size_t i = 0; i < sizeof pooling_names / sizeof pooling_names[0]; i++) {
        if (strcmp(pooling_names[i].name, name) == 0) {
            *out = pooling_names[i].pooling;
            return true;
        }
    }
    return err_set(err, ERR_USAGE,
        "pooling '%.32s' is not one of auto, mean, cls, last, max, mean_sqrt, weighted_mean", name);
}

double model_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- files ---- */

static bool is_gguf(const struct weights *w) {
    return w && strcmp(weights_format(w), "gguf") == 0;
}

bool model_config_read(
    const char *path, const struct weights *weights, json_t **out, struct err *err) {
    if (is_gguf(weights)) {
        *out = json_incref((json_t *)weights_metadata(weights));
        return true;
    }
    char *file = model_file(path, "config.json");
    *out = json_parse_python_file(file, MODEL_CONFIG_MAX, err);
    bool ok = *out && (json_is_object(*out) ||
                          err_set(err, ERR_INPUT, "'%s' does not hold an object", file));
    free(file);
    return ok;
}

/* generation_config.json can name more ids that end a text. */
static bool generation_config_read(struct spec *spec, const char *folder, struct err *err) {
    char *file = model_file(folder, "generation_config.json");
    json_t *json = NULL;
    bool ok = true;
    if (file_exists(file)) {
        json = json_parse_file(file, MODEL_CONFIG_MAX, err);
        ok = json != NULL;
    }
    const json_t *eos = json_object_get(json, "eos_token_id");
    size_t n = json_is_array(eos) ? json_array_size(eos) : 1;
    for (size_t i = 0; i < n && spec->n_eos < SPEC_MAX_EOS; i++) {
        const json_t *id = json_is_array(eos) ? json_array_get(eos, i) : eos;
        if (json_is_integer(id) && json_integer_value(id) >= 0 &&
            json_integer_value(id) <= INT32_MAX)
            spec->eos[spec->n_eos++] = (int32_t)json_integer_value(id);
    }
    json_decref(json);
    free(file);
    return ok;
}

bool model_source_open(
    struct model_source *s, const char *path, const char *arch_file, struct err *err) {
    *s = (struct model_source) { .weights = weights_open(path, err) };
    if (!s->weights || !model_config_read(path, s->weights, &s->config, err))
        return false;
    const struct arch_source source = {
        .config = s->config,
        .gguf = is_gguf(s->weights),
        .weights = s->weights,
        .arch_file = arch_file,
        .what = source.gguf ? path : arena_printf(&s->arena, "%s/config.json", path),
    };
    if (!arch_describe(&source, &s->arena, &s->spec, err))
        return false;
    if (!net_tensors_find(&s->spec, s->weights, &s->arena, &s->tensors, err))
        return err_wrap(err, "%s", path);
    if (s->spec.decoder && !net_tensors_have(s->spec.decoder, s->weights, ROLE_Q))
        s->spec.decoder = NULL; /* an encoder saved alone */
    if (s->spec.decoder &&
        !net_tensors_find(s->spec.decoder, s->weights, &s->arena, &s->decoder_tensors, err))
        return err_wrap(err, "%s", path);
    return source.gguf || generation_config_read(&s->spec, path, err);
}

void model_source_close(struct model_source *s) {
    weights_close(s->weights);
    json_decref(s->config);
    json_decref(s->tensors.extra);
    json_decref(s->decoder_tensors.extra);
    arena_release(&s->arena);
    *s = (struct model_source) { 0 };
}

/* The type of most weights, and their bytes; without weights, what the configuration says. */
static const char *source_dtype(const struct model_source *s, uint64_t *bytes) {
    *bytes = 0;
    return s->weights ? model_weight_dtype(s->weights, bytes) : outline_weight_dtype(s->config);
}

const char *model_weight_dtype(const struct weights *weights, uint64_t *bytes) {
    uint64_t by_type[TENSOR_N_TYPES] = { 0 };
    size_t most = 0;
    *bytes = 0;
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct tensor *t = weights_at(weights, i);
        by_type[t->type] += t->bytes;
        *bytes += t->bytes;
    }
    for (size_t i = 0; i < TENSOR_N_TYPES; i++)
        if (by_type[i] > by_type[most])
            most = i;
    return tensor_type_info((enum tensor_type)most)->name;
}

/* ---- tokenizer ---- */

static bool tokenizer_exists(const char *path, const struct model_source *s) {
    static const char *const names[] = { "tokenizer.json", "vocab.txt", "vocab.json",
        "tokenizer.model" };
    if (is_gguf(s->weights))
        return json_object_get(s->config, "tokenizer.ggml.model") != NULL;
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        char *file = model_file(path, names[i]);
        found = file_exists(file);
        free(file);
    }
    return found;
}

/* A tokenizer that can't be read is no obstacle to requests of ids: the error waits for the first
 * text. */
static void tokenizer_make(struct model *m, const struct model_source *s) {
    m->prefix_token = m->net.spec.bos >= 0 ? m->net.spec.bos
                      : m->net.spec.n_eos  ? m->net.spec.eos[0]
                                           : -1;
    if (!tokenizer_exists(m->path, s))
        return;
    m->tokenizer = tokenizer_open(m->path, &m->tokenizer_err);
    if (!m->tokenizer)
        return;
    const struct tokenizer_info *info = tokenizer_info(m->tokenizer);
    if (info->bos >= 0 || info->eos >= 0)
        m->prefix_token = info->bos >= 0 ? info->bos : info->eos;
    struct spec *spec = &m->net.spec;
    if (info->eos >= 0 && spec->n_eos < SPEC_MAX_EOS)
        spec->eos[spec->n_eos++] = info->eos;
}

const struct tokenizer *model_text(const struct model *m, struct err *err) {
    if (m->tokenizer)
        return m->tokenizer;
    if (m->tokenizer_err.class != ERR_NONE) {
        if (err)
            *err = m->tokenizer_err;
        return NULL;
    }
    err_set(err, ERR_INPUT, "'%s' has no tokenizer: it takes ids only", m->path);
    err_hint(err, "put its tokenizer.json there, or ask by 'ids', 'prompt_ids', 'context_ids' with "
                  "'choices_ids', or 'rolling_ids'");
    return NULL;
}

bool model_ids_check(const struct model *m, const int32_t *ids, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= m->info.n_vocab)
            return err_set(err, ERR_INPUT, "token id %d is outside the vocabulary of %u", ids[i],
                m->info.n_vocab);
    return true;
}

uint32_t model_longest(const struct model *m) {
    enum { OPEN_MAX = 1 << 20 };
    return m->net.spec.rope.kind == ROPE_DYNAMIC ? OPEN_MAX : m->info.max_length;
}

bool model_pass_check(
    const struct model *m, const char *for_what, const int32_t *ids, size_t n, struct err *err) {
    uint32_t longest = length_of_pass(m) < m->net.n_rows ? length_of_pass(m) : m->net.n_rows;
    if (n == 0)
        return err_set(err, ERR_INPUT, "there are no tokens %s", for_what);
    if (n > longest)
        return err_set(err, ERR_INPUT, "%zu tokens are more than the model's %u", n, longest);
    return model_ids_check(m, ids, n, err);
}

/* ---- the model's threads ---- */

void model_share(
    struct model *m, size_t n, void (*fn)(void *arg, unsigned thread, size_t item), void *arg) {
    struct backend *b = m->net.backend;
    if (b->ops->share) {
        b->ops->share(b, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, 0, i);
}

unsigned model_threads(const struct model *m) {
    const struct backend *b = m->net.backend;
    return b->ops->share ? b->ops->caps(b)->threads : 1;
}

/* ---- device and memory ---- */

/* Of several devices, what the one with the least has. */
static size_t memory_of_least(const struct model *m) {
    size_t least = SIZE_MAX;
    for (uint32_t i = 0; i < ranks_count(&m->net); i++) {
        size_t left = memory_of_device(ranks_net(&m->net, i)->backend);
        least = left < least ? left : least;
    }
    return least;
}

/* Memory for work where nobody says how much: some of the host's, or what the device has left. An
 * outline's weights are not on the device yet. */
static size_t memory_for_anyone(const struct model *m) {
    const struct backend *b = m->net.backend;
    if (!b->ops->memory_free)
        return memory_default();
    size_t left = memory_of_least(m), to_come = m->is_outline ? (size_t)m->net.weight_bytes : 0;
    return left > to_come ? left - to_come : 0;
}

static size_t memory_asked(const struct model *m, const struct model_options *o) {
    size_t most = memory_for_anyone(m);
    bool may_exceed = !m->net.backend->ops->memory_free; /* the host's is a habit, not a limit */
    return o->memory_bytes && (may_exceed || o->memory_bytes < most) ? o->memory_bytes : most;
}

/* What is left for work of the ceilings that were given, once the weights are in memory. */
static bool memory_within(
    const struct model *m, const struct model_options *o, size_t *memory, struct err *err) {
    bool shared = !m->net.backend->ops->memory_free; /* the host's, by all devices that are in it */
    uint64_t weights = m->net.weight_bytes * (shared ? devices_count(o) : 1);
    *memory = memory_asked(m, o);
    if (!o->total_bytes)
        return true;
    if (o->total_bytes <= weights) {
        err_set(err, ERR_RESOURCE,
            "'%s' does not fit %zu MiB of memory: its weights alone take %zu MiB", m->path,
            o->total_bytes >> 20, (size_t)(weights >> 20) + 1);
        return err_hint(err, "give it more with --max-mem, or take a smaller --dtype%s",
            o->weights == WEIGHTS_EXPANDED ? ", or leave weights in the file (--weights auto)"
                                           : "");
    }
    if (*memory > o->total_bytes - weights)
        *memory = o->total_bytes - weights;
    return true;
}

static bool memory_for_work(
    const struct model *m, const struct model_options *o, size_t *memory, struct err *err) {
    bool ok = memory_within(m, o, memory, err);
    *memory >>= o->halvings < 32 ? o->halvings : 32;
    return ok;
}

uint32_t model_step_rows(const struct model *m) {
    uint32_t rows = m->net.backend->ops->caps(m->net.backend)->step_rows;
    return rows > 0 ? rows : ROWS_DEFAULT;
}

/* Half of the memory at most goes to scratch, the rest to keys and values. An encoder's step must
 * hold its longest text. */
static bool memory_plan(struct model *m, const struct model_options *o, struct err *err) {
    struct net *net = &m->net;
    size_t memory;
    if (!memory_for_work(m, o, &memory, err))
        return false;
    if (!net->backend->ops->memory_free) /* several in the host's share it */
        memory /= devices_count(o);
    size_t row = net_row_bytes(net), slot = net_slot_bytes(net);
    if (m->decoder) { /* a row of both, and what the decoder keeps of the encoder's */
        slot = net_slot_bytes(m->decoder);
        row += net_row_bytes(m->decoder) + slot;
    }
    size_t rows = model_step_rows(m), longest = length_of_texts(m);
    if (longest < m->info.max_length)
        longest = m->info.max_length;
    bool whole = !net->spec.causal || m->modules.present || net->spec.has_classifier;
    size_t block = net->backend->ops->caps(net->backend)->row_block;
    if (whole && longest > rows)
        rows = (longest < ROWS_MAX_ENCODER ? longest : ROWS_MAX_ENCODER) + (block ? block - 1 : 0);
    if (rows > memory / 2 / row)
        rows = memory / 2 / row;
    if (block > 0 && rows > block)
        rows -= rows % block;
    size_t slots = (memory - rows * row) / slot;
    if (rows == 0 || slots == 0)
        return err_set(err, ERR_RESOURCE,
            "%zu bytes of memory are too few: a token takes %zu for scratch and %zu for its keys "
            "and values",
            memory, row, slot);
    m->max_slots = slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
    return net_reserve_rows(net, (uint32_t)rows, err) &&
           (!m->decoder || (net_reserve_rows(m->decoder, (uint32_t)rows, err) &&
                               net_cross_reserve(m->decoder, err)));
}

/* What is kept of these weights, where something may be; `stamp` is to be released. */
static const struct packs_config *packs_choose(struct packs_config *packs, struct strbuf *stamp,
    const struct model_source *s, const struct kept_packs *kept) {
    static const uint64_t least_default = (uint64_t)64 << 20;
    if (!kept->dir || !s->weights || !weights_stamp(s->weights, stamp))
        return NULL;
    *packs = (struct packs_config) { .dir = kept->dir,
        .model = strbuf_str(stamp),
        .least_bytes = kept->least_bytes ? kept->least_bytes : least_default,
        .most_bytes = kept->most_bytes,
        .frozen = kept->frozen };
    for (size_t i = 0; i < weights_count(s->weights); i++)
        packs->n_elements += weights_at(s->weights, i)->n_elements;
    return packs;
}

static void packs_settle(struct model *m) {
    const struct backend_caps *caps = m->net.backend->ops->caps(m->net.backend);
    for (uint32_t i = 0; i < ranks_count(&m->net); i++) {
        struct backend *b = ranks_net(&m->net, i)->backend;
        if (b->ops->keep)
            b->ops->keep(b);
    }
    m->info.n_packed = caps->n_packed;
    m->info.n_found = caps->n_found;
}

/* ---- open and close ---- */

/* Sums over devices have an order of their own, so how many there are is part of a result's
 * identity, as the instruction set is. */
static void backend_name(struct model *m, const char *name, uint32_t n_devices) {
    snprintf(
        m->backend_name, sizeof m->backend_name, n_devices > 1 ? "%s x%u" : "%s", name, n_devices);
}

static void info_fill(
    struct model *m, const struct model_source *s, enum dtype dtype, uint32_t n_devices) {
    const struct spec *spec = net_whole(&m->net);
    const struct backend_caps *caps = m->net.backend->ops->caps(m->net.backend);
    backend_name(m, caps->name, n_devices);
    m->info = (struct model_info) {
        .architecture = spec->name,
        .format = s->weights ? weights_format(s->weights) : "safetensors",
        .device = strncmp(caps->name, "cuda", 4) == 0 ? "cuda" : "cpu",
        .backend = m->backend_name,
        .n_devices = n_devices,
        .gemm = caps->gemm,
        .dtype = dtype_name(dtype),
        .n_parameters = m->net.n_parameters,
        .n_layers = spec->n_layers,
        .width = spec->width,
        .n_heads = spec->n_heads,
        .n_kv_heads = spec->n_kv_heads,
        .n_vocab = spec->n_vocab,
        .max_length = spec->max_length,
        .causal = spec->causal && !spec->headless,
        .classifies = spec->has_classifier,
        .has_pooling = m->modules.present,
        .similarity = m->modules.similarity,
    };
    m->info.file_weight_bytes = m->net.file_bytes + (m->decoder ? m->decoder->file_bytes : 0);
    m->info.weight_dtype = source_dtype(s, &m->info.weight_bytes);
}

/* The decoder runs on the encoder's device. */
static bool decoder_open(struct model *m, const struct model_source *s, struct err *err) {
    if (!s->spec.decoder)
        return true;
    m->decoder = xcalloc(1, sizeof *m->decoder);
    bool ok = ranks_open(m->decoder, s->spec.decoder, &s->decoder_tensors, &m->net.backend, 1, err);
    m->decoder->borrows_backend = true;
    return ok;
}

static bool decoder_fill(struct model *m, const struct model_source *s, struct err *err) {
    if (!m->decoder)
        return true;
    bool ok = net_fill(m->decoder, &s->decoder_tensors, err);
    m->net.n_parameters += m->decoder->n_parameters;
    m->net.weight_bytes += m->decoder->weight_bytes;
    return ok;
}

/* What the decoder takes of the device is said before it is looked whether all find room. */
static bool nets_make(struct model *m, const struct model_source *s, struct backend *const *devices,
    uint32_t n, struct err *err) {
    if (!ranks_open(&m->net, &s->spec, &s->tensors, devices, n, err) || !decoder_open(m, s, err))
        return false;
    if (m->decoder)
        net_expect(m->decoder, &s->decoder_tensors);
    return ranks_fill(&m->net, &s->tensors, err) && decoder_fill(m, s, err);
}

static void labels_name(struct model *m) {
    uint32_t n = m->net.spec.has_classifier ? m->net.spec.n_labels : 0;
    m->labels = xcalloc((size_t)n + 1, LABEL_NAME);
    for (uint32_t i = 0; i < n; i++)
        snprintf(m->labels + (size_t)i * LABEL_NAME, LABEL_NAME, "LABEL_%u", i);
}

/* A plan is made for one device, whose part is as large as any other's. */
static bool nets_open(struct model *m, const struct model_source *s, const struct model_options *o,
    enum dtype *dtype, struct err *err) {
    uint64_t bytes;
    uint32_t n = devices_count(o);
    struct packs_config packs;
    struct strbuf stamp = { 0 };
    struct backend *devices[CUT_MAX];
    struct cut cut;
    if (!cut_make(&cut, &s->spec, m->is_outline ? NULL : &s->tensors, 0, n, err))
        return false;
    struct model_options one = *o;
    one.tensor_parallel = m->is_outline ? 1 : n;
    bool ok = devices_open(&one, source_dtype(s, &bytes),
        n > 1 ? NULL : packs_choose(&packs, &stamp, s, &o->packs), devices, dtype, err);
    strbuf_release(&stamp);
    if (ok && m->is_outline)
        outline_net_open(&m->net, &cut, devices[0], o);
    return ok && (m->is_outline || nets_make(m, s, devices, n, err));
}

static bool model_make(
    struct model *m, struct model_source *s, const struct model_options *o, struct err *err) {
    enum dtype dtype;
    if (!nets_open(m, s, o, &dtype, err))
        return false;
    if (!is_gguf(s->weights) &&
        !modules_open(&m->modules, m->path, spec_hidden_width(&s->spec), err))
        return false;
    info_fill(m, s, dtype, devices_count(o));
    labels_name(m);
    tokenizer_make(m, s);
    m->info.max_length = length_of_requests(m);
    if (!memory_plan(m, o, err))
        return false;
    packs_settle(m);
    return true;
}

struct model *model_open(const char *path, const struct model_options *options, struct err *err) {
    static const struct model_options defaults = { 0 };
    const struct model_options *o = options ? options : &defaults;
    struct model *m = xcalloc(1, sizeof *m);
    m->path = xstrdup(path);
    m->is_outline = o->outline;
    bool ok = (o->outline ? outline_source_open : model_source_open)(
                  &m->source, path, o->arch_file, err) &&
              model_make(m, &m->source, o, err);
    if (!ok) {
        model_close(m);
        return NULL;
    }
    return m;
}

void model_close(struct model *m) {
    if (!m)
        return;
    if (m->decoder)
        net_close(m->decoder);
    free(m->decoder);
    net_close(&m->net);
    tokenizer_close(m->tokenizer);
    modules_close(&m->modules);
    model_source_close(&m->source);
    free(m->path);
    free(m->labels);
    free(m);
}

bool model_can_run(const struct model *m, const struct run_options *run, struct err *err) {
    return !m->is_outline || (run && run->plan_only) ||
           err_set(
               err, ERR_UNSUPPORTED, "'%s' is open without its weights: it cannot run", m->path);
}

const struct model_info *model_info(const struct model *m) {
    return &m->info;
}

struct device_info model_device_info(const struct model *m) {
    const struct backend_caps *caps = m->net.backend->ops->caps(m->net.backend);
    return (struct device_info) {
        .n_graphs = caps->n_graphs, .n_replayed = caps->n_replayed, .sums = caps->sums
    };
}

const struct tokenizer *model_tokenizer(const struct model *m) {
    return m->tokenizer;
}
