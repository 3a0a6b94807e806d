/* Where an adapter lies, and what its config says (see adapter.h). What the config asks for beyond
 * plain sums and lengths (lora.c) changes the numbers, so it is refused by name. */
#include "harness/formats/adapter.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "harness/formats/delta.h"
#include "harness/formats/lora.h"
#include "harness/formats/pytorch.h"
#include "harness/formats/quoted.h"
#include "harness/harness.h"

#define ADAPTER_CONFIG_MAX (1u << 20)

static bool is_there(const char *dir, const char *name) {
    char *path = path_join(dir, name);
    const bool there = file_exists(path);
    free(path);
    return there;
}

/* A config of its own doesn't make it the whole model, weights do. */
bool adapter_is(const char *dir) {
    static const char *const whole[] = { "model.safetensors", "model.safetensors.index.json",
        "pytorch_model.bin", "pytorch_model.bin.index.json" };
    bool has_weights = false;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        has_weights = has_weights || is_there(dir, whole[i]);
    return !has_weights && is_there(dir, "adapter_config.json");
}

char *adapter_base(const char *dir) {
    if (!adapter_is(dir) && !delta_is(dir))
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

static bool is_plain_text(const char *text, char out[ADAPTER_BASE_NAME_MAX + 1]) {
    const size_t n =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/");
    const bool ok = n > 0 && n <= ADAPTER_BASE_NAME_MAX && text[n] == 0 && text[0] != '/' &&
                    text[0] != '.' && text[0] != '-';
    if (ok)
        memcpy(out, text, n + 1);
    return ok;
}

bool model_base_find(const char *path, struct model_base *base) {
    *base = (struct model_base) { 0 };
    if ((!adapter_is(path) && !delta_is(path)) || !adapter_base_name(path, base->name))
        return false;
    char *here = adapter_base(path), *revision = here ? path_join(here, ".revision") : NULL;
    const bool own = here && !file_exists(revision);
    free(revision);
    free(here);
    json_t *config = own || delta_is(path) ? NULL : config_read(path, NULL);
    if (!is_plain_text(json_get_string(config, "revision", ""), base->revision))
        base->revision[0] = 0;
    json_decref(config);
    return !own;
}

bool adapter_base_name(const char *dir, char name[ADAPTER_BASE_NAME_MAX + 1]) {
    char *path = path_join(dir, delta_is(dir) ? "delta_config.json" : "adapter_config.json");
    json_t *config = json_parse_file(path, ADAPTER_CONFIG_MAX, NULL);
    free(path);
    const bool ok = is_plain_text(json_get_string(config, "base_model_name_or_path", ""), name);
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

/* Whether Python would take the value for true. */
static bool is_asked(const json_t *v) {
    return json_is_true(v) || json_array_size(v) || json_object_size(v) ||
           (json_is_string(v) && json_string_length(v)) ||
           (json_is_number(v) && json_number_value(v) != 0);
}

static bool config_check(const json_t *config, struct err *err) {
    static const char *const unknown[] = { "use_qalora", "lora_bias", "layer_replication",
        "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "arrow_config",
        "use_bdlora", "kasa_config", "velora_config", "monteclora_config", "ensure_weight_tying" };
    /* the base itself is changed before such an adapter is added to it */
    static const char *const inits[] = { "pissa", "corda", "olora", "mica", "loftq", "lora_ga" };
    const char *init = json_get_string(config, "init_lora_weights", "");
    const char *type = json_get_string(config, "peft_type", "");
    struct quoted q;
    if (strcmp(type, "LORA") != 0)
        return err_set(err, ERR_UNSUPPORTED, "peft_type '%s' is not supported (LORA is)",
            quoted(&q, type, strlen(type)));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (is_asked(json_object_get(config, unknown[i])))
            return err_set(err, ERR_UNSUPPORTED, "adapters with %s are not supported", unknown[i]);
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++)
        if (strncasecmp(init, inits[i], strlen(inits[i])) == 0) {
            err_set(err, ERR_UNSUPPORTED, "init_lora_weights '%s' is not supported",
                quoted_str(&q, init));
            return err_hint(err, "it changes the base: save it again as a plain adapter (peft: "
                                 "path_initial_model_for_weight_conversion)");
        }
    return true;
}

/* ---- the whole ---- */

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
    struct weights *adapter = weights_new("safetensors");
    json_t *config = config_read(dir, err);
    const bool ok = config && config_check(config, err) && matrices_read(adapter, dir, err) &&
                    lora_apply(base, adapter, config, err);
    weights_close(adapter);
    json_decref(config);
    return ok || err_wrap(err, "cannot apply the adapter in '%s'", dir);
}
