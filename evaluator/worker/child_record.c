/* What a result says of how it came about, beside its numbers: which model it was, and what was set
 * otherwise than a configuration has a place for (see session.h). */
#include <string.h>

#include "base/hash.h"
#include "evaluator/hub/hub.h"
#include "evaluator/worker/session.h"

static bool hash_arch(struct session *s, struct err *err) {
    const char *arch = json_get_string(s->spec, "arch", NULL);
    return !arch || sha256_file(arch, s->arch_sha256, err);
}

/* An adapter's commit says nothing of its base's. */
static bool find_base(struct session *s, struct err *err) {
    const char *known = json_get_string(s->spec, "base_revision", NULL);
    if (!hub_base_commit(s->model_path, s->base_revision)) {
        s->base_revision[0] = 0;
    }
    if (known && strcmp(known, s->base_revision)) {
        return err_set(err, ERR_INPUT,
            "the base of model '%s' is not the one that is meant: it is %.12s, and was %.12s",
            json_get_string(s->spec, "model", ""), s->base_revision, known);
    }
    return true;
}

static bool find_content(struct session *s, struct err *err) {
    const char *known = json_get_string(s->spec, "revision", NULL),
               *model = json_get_string(s->spec, "model", "");
    bool checked = json_get_bool(s->spec, "revision_checked", false);
    if (known && !checked) {
        snprintf(s->revision, sizeof s->revision, "%s", known);
        return true;
    }
    session_at(s, "hashing the model");
    if (!hub_model_commit(
            json_get_string(s->spec, "hub", NULL), model, s->model_path, s->revision, err)) {
        return false;
    }
    if (known && strcmp(known, s->revision)) {
        return err_set(err, ERR_INPUT,
            "model '%s' is not the one that is meant: its content is %.12s, and was %.12s", model,
            s->revision, known);
    }
    return true;
}

bool session_find_revision(struct session *s, struct err *err) {
    return find_content(s, err) && find_base(s, err) && hash_arch(s, err);
}

void session_add_settings(const struct session *s, size_t task, json_t *result) {
    const char *gemm = json_get_string(s->spec, "gemm", "auto");
    json_t *settings = json_object(), *subsets = json_object_get(s->wanted[task], "subsets");
    if (strcmp(gemm, "auto")) {
        json_object_set_new(settings, "gemm", json_string(gemm));
    }
    unsigned devices = s->model ? model_info(s->model)->n_devices : 1;
    if (devices > 1) {
        json_object_set_new(settings, "tensor_parallel", json_integer(devices));
    }
    if (*s->arch_sha256) {
        json_object_set(settings, "arch", json_object_get(s->spec, "arch"));
        json_object_set_new(settings, "arch_sha256", json_string(s->arch_sha256));
    }
    if (subsets) {
        json_object_set(settings, "subsets", subsets);
    }
    if (json_object_size(settings)) {
        json_object_set(result, "settings", settings);
    }
    if (*s->base_revision) {
        json_object_set_new(result, "base_revision", json_string(s->base_revision));
    }
    json_decref(settings);
}
