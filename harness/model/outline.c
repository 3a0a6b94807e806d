/* A model without its weights: what config.json and the tokenizer say is enough to count the work
 * and to plan its memory, before anybody fetches gigabytes. */
#include <string.h>

#include "base/file.h"
#include "harness/model/model.h"

/* Multimodal configurations keep the language model's part in an object of its own. */
static uint32_t vocabulary_of(const json_t *config) {
    const json_t *text = json_object_get(config, "text_config");
    long long n = json_get_int(config, "vocab_size", json_get_int(text, "vocab_size", 0));
    return n > 0 && n <= INT32_MAX ? (uint32_t)n : 0;
}

const char *outline_weight_dtype(const json_t *config) {
    const char *type =
        json_get_string(config, "torch_dtype", json_get_string(config, "dtype", "float32"));
    return strcmp(type, "float32") == 0 ? "F32" : strcmp(type, "float16") == 0 ? "F16" : "BF16";
}

/* Every tensor that the description names, as far as it is on this device; a tied head is packed
 * beside the embedding. In the host's memory a table is read where it lies in the file. */
static uint64_t weights_estimate(const struct net *net) {
    const struct spec *s = &net->spec;
    uint64_t bytes = 0;
    for (int r = 0; r < ROLE_N; r++) {
        uint32_t rows, cols, times = r < ROLE_FIRST_OF_LAYER ? 1 : s->n_layers / s->shared_layers;
        times *= r < ROLE_FIRST_OF_EXPERT ? 1 : s->experts.n;
        bool tied_head = r == ROLE_HEAD && s->causal && (s->tied || s->tied_if_missing);
        bool in_file = role_part((enum role)r) == PART_TABLE && !net->backend->ops->memory_free;
        if ((s->roles[r].n == 0 && !tied_head) || in_file || !cut_has(&net->cut, (enum role)r))
            continue;
        cut_shape(&net->cut, (enum role)r, &rows, &cols);
        bytes += times * net_weight_bytes(net, (enum role)r, rows, cols);
    }
    return bytes;
}

bool outline_source_open(
    struct model_source *s, const char *path, const char *arch_file, struct err *err) {
    *s = (struct model_source) { 0 };
    char *file = path_join(path, "config.json");
    bool ok =
        file_exists(file) ||
        err_set(err, ERR_INPUT, "'%s' has no config.json: its files must be here first", path);
    s->config = ok ? json_parse_python_file(file, MODEL_CONFIG_MAX, err) : NULL;
    const struct arch_source source = { .config = s->config, .arch_file = arch_file, .what = file };
    ok = s->config && arch_describe(&source, &s->arena, &s->spec, err);
    if (ok)
        s->spec.n_vocab = vocabulary_of(s->config);
    ok = ok && (s->spec.n_vocab > 0 ||
                   err_set(err, ERR_INPUT, "'%s' does not say how large its vocabulary is", file));
    free(file);
    return ok;
}

/* Which matrices would stay in their file is found out when they are made: here it is enough that
 * they can. */
void outline_net_open(struct net *net, const struct cut *cut, struct backend *backend,
    const struct model_options *o) {
    *net = (struct net) { .spec = cut_spec(cut), .backend = backend, .cut = *cut };
    net_caches_count(net);
    bool apart = backend->ops->memory_free != NULL, own = apart && !o->total_bytes;
    uint64_t all = weights_estimate(net), told = memory_for_weights(o);
    uint64_t room = own     ? memory_of_device(backend) / 4 * 3
                    : apart ? told
                            : told / devices_count(o); /* several in the host's share it */
    bool may_stay =
        o->weights != WEIGHTS_EXPANDED && (backend->ops->caps(backend)->can & CAN_STAY_IN_FILE);
    net->weight_bytes = may_stay && room < all ? room : all;
}
