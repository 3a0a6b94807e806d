/* See card.h. `configs` is a list of {config_name, default?, data_dir?, data_files?}; data_files is
 * one pattern, a list of patterns (both: the split "train"), a list of {split, path}, or a mapping
 * from split to pattern or list. */
#include "evaluator/data/card.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/frontmatter.h"

enum { README_MAX_BYTES = 32 << 20 };

bool card_read(const char *dir, json_t **card, struct err *err) {
    *card = NULL;
    char *path = path_join(dir, "README.md");
    struct strbuf text;
    strbuf_init(&text, README_MAX_BYTES);
    struct err e = ERR_INIT;
    bool ok = true;
    if (file_exists(path)) {
        ok = file_read(path, README_MAX_BYTES, &text, &e);
        if (ok)
            *card = frontmatter_parse(strbuf_str(&text), text.len, &e);
        ok = e.class == ERR_NONE;
        if (!ok) {
            *err = e;
            err_wrap(err, "'%s'", path);
        }
    }
    if (*card && !json_is_object(*card)) { /* a list or a word: no card to us */
        json_decref(*card);
        *card = NULL;
    }
    strbuf_release(&text);
    free(path);
    return ok;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static const char *config_name(const json_t *entry) {
    const char *name = text_of(entry, "config_name");
    return name ? name : "default";
}

const json_t *card_config(const json_t *card, const char *config) {
    const json_t *configs = json_object_get(card, "configs");
    size_t n = json_array_size(configs);
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(configs, i);
        const char *is_default = text_of(entry, "default");
        if (strcmp(config_name(entry), config ? config : "default") == 0)
            return entry;
        if (!config && is_default && strcasecmp(is_default, "true") == 0)
            return entry;
    }
    return !config && n == 1 ? json_array_get(configs, 0) : NULL;
}

static bool leaves_folder(const char *pattern) {
    size_t n = strlen(pattern);
    return pattern[0] == '/' || strstr(pattern, "://") || strcmp(pattern, "..") == 0 ||
           strncmp(pattern, "../", 3) == 0 || strstr(pattern, "/../") ||
           (n >= 3 && strcmp(pattern + n - 3, "/..") == 0);
}

struct asked {
    const char *dir; /* data_dir, or "" */
    card_pattern_fn *pattern;
    void *context;
};

static bool emit_one(const struct asked *a, const char *path, struct err *err) {
    struct strbuf joined = { 0 };
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (a->dir[0])
        strbuf_addf(&joined, "%s/", a->dir);
    strbuf_adds(&joined, path);
    bool ok = !leaves_folder(strbuf_str(&joined)) ||
              err_set(err, ERR_INPUT,
                  "'README.md': configs: path '%.200s' leaves the data set's folder", path);
    ok = ok && a->pattern(a->context, strbuf_str(&joined), err);
    strbuf_release(&joined);
    return ok;
}

/* A pattern or a list of them. */
static bool emit(const struct asked *a, const json_t *paths, struct err *err) {
    if (json_is_string(paths))
        return emit_one(a, json_string_value(paths), err);
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = json_string_value(json_array_get(paths, i));
        if (path && !emit_one(a, path, err))
            return false;
    }
    return true;
}

bool card_patterns(const json_t *config, const char *split, card_pattern_fn *pattern, void *context,
    struct err *err) {
    const json_t *files = json_object_get(config, "data_files");
    const char *dir = text_of(config, "data_dir");
    struct asked a = { dir ? dir : "", pattern, context };
    if (json_is_object(files))
        return emit(&a, json_object_get(files, split), err);
    bool plain = json_is_string(files) || json_is_string(json_array_get(files, 0));
    if (plain)
        return strcmp(split, "train") != 0 || emit(&a, files, err);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *entry = json_array_get(files, i);
        const char *name = text_of(entry, "split");
        if (name && strcmp(name, split) == 0 && !emit(&a, json_object_get(entry, "path"), err))
            return false;
    }
    return true;
}

/* ---- features ---- */

/* class_label: {names: {"0": a, "1": b}} or {names: [a, b]} → [a, b]. */
static json_t *label_names(const json_t *names) {
    if (json_is_array(names))
        return json_deep_copy(names);
    json_t *list = json_array();
    char key[24];
    for (size_t i = 0; i < json_object_size(names); i++) {
        snprintf(key, sizeof key, "%zu", i);
        json_t *name = json_object_get(names, key);
        json_array_append(list, name ? name : json_null());
    }
    return list;
}

static const json_t *class_label_of(const json_t *feature) {
    static const char *const nests[] = { "dtype", "sequence", "list" };
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        const json_t *label = json_object_get(json_object_get(feature, nests[i]), "class_label");
        if (!label) /* sequence: {dtype: {class_label: ...}} */
            label = json_object_get(
                json_object_get(json_object_get(feature, nests[i]), "dtype"), "class_label");
        if (label)
            return label;
    }
    return NULL;
}

static json_t *features_of(const json_t *info) {
    const json_t *list = json_object_get(info, "features");
    json_t *features = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *feature = json_array_get(list, i), *label = class_label_of(feature);
        const char *name = text_of(feature, "name");
        if (name && label)
            json_object_set_new(features, name,
                json_pack("{s:s, s:o}", "_type", "ClassLabel", "names",
                    label_names(json_object_get(label, "names"))));
    }
    return features;
}

json_t *card_features(const json_t *card, const char *config) {
    const json_t *info = json_object_get(card, "dataset_info");
    if (json_is_object(info))
        return features_of(info);
    size_t n = json_array_size(info);
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(info, i);
        if (n == 1 || strcmp(config_name(entry), config ? config : "default") == 0)
            return features_of(entry);
    }
    return NULL;
}
