/* What a policy is told of a model (policy.h), from what a submission says of it. */
#include <string.h>

#include "evaluator/policy/policy.h"

static void copy(json_t *to, const char *key, const json_t *from, const char *its_key) {
    json_t *value = json_object_get(from, its_key);
    if (value && !json_is_null(value)) {
        json_object_set(to, key, value);
    }
}

/* A card names one base model or several; adapters say it in their tags. */
static json_t *base_models(const json_t *card, const json_t *hub) {
    json_t *list = json_array(), *named = json_object_get(card, "base_model"), *tag;
    size_t i;
    if (json_is_string(named)) {
        json_array_append(list, named);
    }
    json_array_foreach(named, i, tag) {
        if (json_is_string(tag)) {
            json_array_append(list, tag);
        }
    }
    json_array_foreach(json_object_get(hub, "tags"), i, tag) {
        const char *text = json_string_value(tag), *at = text ? strrchr(text, ':') : NULL;
        if (at && !strncmp(text, "base_model:", 11) && json_array_size(list) == 0) {
            json_array_append_new(list, json_string(at + 1));
        }
    }
    return list;
}

static void copy_hub(json_t *facts, const json_t *model) {
    static const char *const KEYS[][2] = { { "library", "library_name" },
        { "pipeline", "pipeline_tag" }, { "likes", "likes" }, { "downloads", "downloads" },
        { "created_at", "createdAt" }, { "private", "private" } };
    const json_t *hub = json_object_get(model, "hub"), *card = json_object_get(model, "card");
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        copy(facts, KEYS[i][0], card, KEYS[i][1]); /* what the hub says goes before the card */
        copy(facts, KEYS[i][0], hub, KEYS[i][1]);
    }
    json_t *tags = json_object_get(hub, "tags");
    tags = json_is_array(tags) ? tags : json_object_get(card, "tags");
    json_object_set_new(facts, "tags", json_is_array(tags) ? json_incref(tags) : json_array());
    json_object_set_new(facts, "base_models", base_models(card, hub));
}

json_t *policy_facts(const json_t *model, const char *submitter, const char *original) {
    static const char *const KEYS[] = { "kind", "licence", "architecture", "dtype", "params",
        "size_bytes", "card" };
    static const char *const FILES[] = { "format", "gated", "abilities" };
    const char *name = json_get_string(model, "name", "");
    json_t *facts = json_pack("{s:s, s:s%, s:s, s:s, s:s*}", "id", name, "org", name,
        strcspn(name, "/"), "revision", json_get_string(model, "commit", ""), "submitter",
        submitter ? submitter : "", "duplicate_of", original);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        copy(facts, KEYS[i], model, KEYS[i]);
    }
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        copy(facts, FILES[i], json_object_get(model, "manifest"), FILES[i]);
    }
    if (json_get_int(facts, "params", 0) == 0) {
        json_object_del(facts, "params"); /* not known, which is not none */
    }
    copy_hub(facts, model);
    return facts;
}
