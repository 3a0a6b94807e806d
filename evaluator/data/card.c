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

/* ---- configurations ---- */

/* YAML's words for true. */
static bool is_true(const char *word) {
    static const char *const WORDS[] = { "true", "yes", "on", "1" };
    for (size_t i = 0; word && i < sizeof WORDS / sizeof *WORDS; i++)
        if (strcasecmp(word, WORDS[i]) == 0)
            return true;
    return false;
}

static bool is_default(const json_t *configs, const json_t *entry) {
    return json_array_size(configs) == 1 || strcmp(config_name(entry), "default") == 0 ||
           is_true(text_of(entry, "default"));
}

/* "'a', 'b' and 7 more" */
static void say_name(struct strbuf *b, size_t i, size_t n, const char *name) {
    if (i < 8)
        strbuf_addf(b, "%s'%.40s'", i ? ", " : "", name);
    else if (i == 8)
        strbuf_addf(b, " and %zu more", n - i);
}

static bool no_config(const json_t *configs, const char *config, struct err *err) {
    struct strbuf names = { 0 };
    size_t n = json_array_size(configs);
    for (size_t i = 0; i < n; i++)
        say_name(&names, i, n, config_name(json_array_get(configs, i)));
    if (config)
        err_set(err, ERR_NOT_FOUND, "its README.md lists no configuration '%s', but %s", config,
            names.text);
    else
        err_set(
            err, ERR_NOT_FOUND, "its README.md lists no default configuration, but %s", names.text);
    strbuf_release(&names);
    return false;
}

/* Of two of one name the later one counts. */
static const json_t *find_named(const json_t *configs, const char *config) {
    for (size_t i = json_array_size(configs); i-- > 0;)
        if (strcmp(config_name(json_array_get(configs, i)), config) == 0)
            return json_array_get(configs, i);
    return NULL;
}

static bool find_default(const json_t *configs, const json_t **entry, struct err *err) {
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *other = json_array_get(configs, i);
        if (!is_default(configs, other))
            continue;
        if (*entry && strcmp(config_name(*entry), config_name(other)) != 0)
            return err_set(err, ERR_INPUT,
                "its README.md lists two default configurations, '%.80s' and '%.80s'",
                config_name(*entry), config_name(other));
        *entry = other;
    }
    return true;
}

bool card_config(const json_t *card, const char *config, const json_t **entry, struct err *err) {
    const json_t *configs = json_object_get(card, "configs");
    *entry = NULL;
    if (!configs || json_is_null(configs) || (json_is_array(configs) && !json_array_size(configs)))
        return true;
    if (!json_is_array(configs))
        return err_set(err, ERR_INPUT, "its README.md has 'configs' that are not a list");
    if (config)
        *entry = find_named(configs, config);
    else if (!find_default(configs, entry, err))
        return false;
    return *entry || no_config(configs, config, err);
}

/* ---- files ---- */

bool card_lists_files(const json_t *entry) {
    const json_t *files = json_object_get(entry, "data_files");
    return files && !json_is_null(files);
}

/* Adds a path without its "." parts and doubled or last slashes. */
static void add_path(struct strbuf *b, const char *path) {
    for (const char *part = path; *part;) {
        size_t n = strcspn(part, "/");
        bool root = n == 0 && part == path; /* stays, to be refused */
        if (root)
            strbuf_addc(b, '/');
        else if (n > 0 && !(n == 1 && part[0] == '.')) {
            strbuf_adds(b, b->len && b->text[b->len - 1] != '/' ? "/" : "");
            strbuf_add(b, part, n);
        }
        part += n + (part[n] == '/');
    }
}

static bool check_path(const struct strbuf *path, const char *said, struct err *err) {
    const char *text = strbuf_str(path);
    if (path->len == 0 || (path_stays_below(text) && !strstr(said, "://")))
        return true;
    return err_set(
        err, ERR_INPUT, "'README.md': configs: path '%.200s' leaves the data set's folder", said);
}

bool card_folder(const json_t *entry, struct strbuf *folder, struct err *err) {
    const char *dir = text_of(entry, "data_dir");
    add_path(folder, dir ? dir : "");
    return check_path(folder, dir ? dir : "", err);
}

/* The library reads "**" only as a whole part of a path. */
static bool check_stars(const char *pattern, struct err *err) {
    for (const char *at = pattern; (at = strstr(at, "**")) != NULL; at += 2)
        if ((at > pattern && at[-1] != '/') || (at[2] && at[2] != '/'))
            return err_set(err, ERR_INPUT,
                "'README.md': configs: in the path '%.200s' \"**\" is not all between two '/'",
                pattern);
    return true;
}

struct asked {
    const char *dir; /* data_dir, or "" */
    card_pattern_fn *pattern;
    void *context;
};

static bool emit_one(const struct asked *a, const char *path, struct err *err) {
    struct strbuf joined = { 0 };
    if (path[0] == '/') /* not below data_dir either */
        strbuf_addc(&joined, '/');
    add_path(&joined, a->dir);
    add_path(&joined, path);
    bool ok = check_path(&joined, path, err) && check_stars(path, err) &&
              a->pattern(a->context, strbuf_str(&joined), err);
    strbuf_release(&joined);
    return ok;
}

/* A pattern or a list of them. */
static bool emit(const struct asked *a, const json_t *paths, struct err *err) {
    size_t n = json_is_array(paths) ? json_array_size(paths) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *path =
            json_string_value(json_is_array(paths) ? json_array_get(paths, i) : paths);
        if (!path)
            return err_set(
                err, ERR_INPUT, "'README.md': configs: data_files with a path that is not text");
        if (!emit_one(a, path, err))
            return false;
    }
    return true;
}

/* The splits of data_files with their paths, as one object; NULL on failure. */
static json_t *splits_of(const json_t *files, struct err *err) {
    const json_t *first = json_array_get(files, 0);
    if (json_is_object(files))
        return json_copy((json_t *)(uintptr_t)files);
    if (!json_is_object(first))
        return json_pack("{s:O}", "train", files);
    json_t *splits = json_object();
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *entry = json_array_get(files, i);
        const char *name = text_of(entry, "split");
        json_t *path = json_object_get(entry, "path");
        if (name && path && !json_object_get(splits, name)) {
            json_object_set(splits, name, path);
            continue;
        }
        err_set(err, ERR_INPUT,
            "'README.md': configs: data_files that are not a list of a split "
            "and its path each, or list a split twice");
        json_decref(splits);
        return NULL;
    }
    return splits;
}

static bool no_split(const json_t *entry, json_t *splits, const char *split, struct err *err) {
    struct strbuf names = { 0 };
    const char *name;
    json_t *unused;
    size_t i = 0;
    json_object_foreach(splits, name, unused) say_name(&names, i++, json_object_size(splits), name);
    err_set(err, ERR_NOT_FOUND,
        "configuration '%.80s' of its README.md lists no split '%s', but %s", config_name(entry),
        split, strbuf_str(&names));
    strbuf_release(&names);
    return false;
}

bool card_patterns(const json_t *entry, const char *split, card_pattern_fn *pattern, void *context,
    struct err *err) {
    const char *dir = text_of(entry, "data_dir");
    struct asked a = { dir ? dir : "", pattern, context };
    json_t *splits = splits_of(json_object_get(entry, "data_files"), err);
    if (!splits)
        return false;
    const json_t *paths = json_object_get(splits, split);
    bool ok = paths ? emit(&a, paths, err) : no_split(entry, splits, split, err);
    json_decref(splits);
    return ok;
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
    const json_t *info = json_object_get(card, "dataset_info"), *chosen = NULL;
    struct err ignored = ERR_INIT;
    if (!config && card_config(card, NULL, &chosen, &ignored) && chosen)
        config = config_name(chosen);
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
