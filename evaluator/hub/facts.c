/* What is known of a model before any of its weights are read: from the hub's API (or the same
 * facts of a mirror), its card and its config. */
#include <string.h>

#include "base/file.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/pull.h"
#include "evaluator/hub/source.h"
#include "harness/harness.h"

#define CARD_MAX ((size_t)256 << 10)
#define CONFIG_MAX ((size_t)1 << 20)

/* The front matter of a card, or NULL: a card that can't be read says nothing. */
static json_t *read_card(const char *dir) {
    char *path = path_join(dir, "README.md");
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    json_t *card = NULL;
    if (file_exists(path) && file_read(path, CARD_MAX, &text, &ignored)) {
        card = frontmatter_parse(strbuf_str(&text), text.len, &ignored);
    }
    strbuf_release(&text);
    free(path);
    return card;
}

static json_t *list_siblings(const struct repo_listing *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++) {
        json_array_append_new(list, json_pack("{s:s}", "rfilename", l->files[i].path));
    }
    return list;
}

/* A folder with config.json, or its only .gguf file. */
static char *model_file_in(const char *dir, const struct repo_listing *l) {
    for (size_t i = 0; i < l->n; i++) {
        size_t n = strlen(l->files[i].path);
        if (n > 5 && !strcmp(l->files[i].path + n - 5, ".gguf")) {
            return path_join(dir, l->files[i].path);
        }
    }
    return xstrdup(dir);
}

/* A mirror may hold what the hub says beside the files (likes, downloads, gated, tags), in
 * .hub.json. */
static void add_said(json_t *info, const char *dir) {
    struct err ignored = ERR_INIT;
    char *path = path_join(dir, ".hub.json");
    json_t *said = file_exists(path) ? json_parse_file(path, CONFIG_MAX, &ignored) : NULL;
    json_object_update_missing(info, said);
    if (json_object_get(said, "gated")) {
        json_object_set(info, "gated", json_object_get(said, "gated"));
    }
    json_decref(said);
    free(path);
}

json_t *mirror_info(const char *dir, enum repo_kind kind, const char *repo,
    const struct repo_listing *l, struct err *err) {
    (void)err;
    json_t *info = json_pack("{s:s, s:s, s:b, s:b, s:o}", "id", repo, "sha", l->commit, "private",
        0, "gated", 0, "siblings", list_siblings(l));
    add_said(info, dir);
    json_t *card = read_card(dir);
    if (card) {
        json_object_set_new(info, "cardData", card);
    }
    if (kind == REPO_MODEL) {
        struct err ignored = ERR_INIT;
        char *path = model_file_in(dir, l);
        json_t *described = model_describe(path, NULL, &ignored);
        if (described) {
            /* the hub has this under "safetensors" or "gguf", by the format; of PyTorch's files it
             * knows nothing */
            json_object_set_new(info, json_get_string(described, "format", "safetensors"),
                json_pack("{s:I, s:{s:I}, s:s}", "total",
                    (json_int_t)json_get_int(described, "parameters", 0), "parameters",
                    json_get_string(described, "weight_dtype", "unknown"),
                    (json_int_t)json_get_int(described, "parameters", 0), "architecture",
                    json_get_string(described, "architecture", "")));
        }
        json_decref(described);
        free(path);
    }
    return info;
}

/* ---- facts ---- */

static const char *licence_of(const json_t *card) {
    const json_t *v = json_object_get(card, "license");
    if (json_is_array(v)) {
        v = json_array_get(v, 0);
    }
    const char *text = json_string_value(v);
    return text && !strcmp(text, "other") ? json_get_string(card, "license_name", text) : text;
}

json_t *hub_folder_licence(const char *path) {
    json_t *card = dir_exists(path) ? read_card(path) : NULL;
    const char *text = licence_of(card);
    json_t *licence = text ? json_string(text) : json_null();
    json_decref(card);
    return licence;
}

static json_t *config_of(const char *dir, const char *file) {
    char *path = path_join(dir, file);
    struct err ignored = ERR_INIT;
    json_t *config = file_exists(path) ? json_parse_python_file(path, CONFIG_MAX, &ignored) : NULL;
    free(path);
    return config;
}

static void set_text(json_t *object, const char *key, const char *text) {
    json_object_set_new(object, key, text && *text ? json_string(text) : json_null());
}

/* An adapter says what its base has become. */
static const char *adapter_task_of(const char *dir, json_t **held) {
    *held = config_of(dir, "adapter_config.json");
    return json_get_string(*held, "task_type", "");
}

/* What can be asked of the model: sentence-transformers modules say how it embeds; a language model
 * scores text. */
static json_t *abilities_of(
    const char *dir, const struct repo_listing *l, const json_t *config, const char *format) {
    json_t *list = json_array(), *held;
    const char *task = adapter_task_of(dir, &held);
    const char *class =
        json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
    if (repo_listing_has(l, "modules.json")) {
        json_array_append_new(list, json_string("embed"));
    } else if (!strcmp(task, "CAUSAL_LM") || (format && !strcmp(format, "gguf")) ||
               (class && (strstr(class, "ForCausalLM") || strstr(class, "LMHead")))) {
        json_array_append_new(list, json_string("score"));
    }
    json_decref(held);
    return list;
}

/* The type of most weights: the hub counts parameters by type. */
static const char *dtype_of(const json_t *sizes) {
    const char *type, *most = NULL;
    json_t *count;
    json_int_t best = 0;
    json_object_foreach(json_object_get(sizes, "parameters"), type, count) {
        if (json_integer_value(count) > best) {
            best = json_integer_value(count);
            most = type;
        }
    }
    return most;
}

/* The format of a file of weights; NULL for any other file. */
static const char *weights_format_of(const struct repo_listing *l, const char *path) {
    return str_ends(path, ".safetensors") ? "safetensors"
           : str_ends(path, ".gguf")      ? "gguf"
           : pull_wants_pytorch(l, path)  ? "pytorch"
                                          : NULL;
}

/* What the hub alone knows: it changes by the day, and is no part of what a model is. */
static json_t *hub_says(const json_t *info) {
    static const char *const KEYS[] = { "likes", "downloads", "tags", "library_name",
        "pipeline_tag", "createdAt", "lastModified", "private" };
    json_t *said = json_object();
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        json_t *value = json_object_get(info, KEYS[i]);
        if (value) {
            json_object_set(said, KEYS[i], value);
        }
    }
    return said;
}

static json_t *build_facts(
    const char *repo, const char *dir, const struct repo_listing *l, const json_t *info) {
    json_t *facts = json_object(), *files = json_array();
    uint64_t bytes = 0;
    const char *format = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const struct repo_file *f = &l->files[i];
        json_t *file = json_pack("{s:s, s:I}", "path", f->path, "size", (json_int_t)f->size);
        json_object_set_new(file, f->lfs ? "sha256" : "git_sha1", json_string(f->etag));
        json_array_append_new(files, file);
        const char *found = weights_format_of(l, f->path);
        if (found) {
            bytes += f->size;
            format = found;
        }
    }
    json_t *config = config_of(dir, "config.json"), *card = read_card(dir);
    const json_t *sizes = json_object_get(info, format ? format : "");
    const json_t *gated = json_object_get(info, "gated");
    set_text(facts, "repo", repo);
    set_text(facts, "revision", l->commit);
    set_text(facts, "licence", licence_of(card ? card : json_object_get(info, "cardData")));
    json_object_set_new(facts, "gated", json_boolean(json_is_string(gated) || json_is_true(gated)));
    set_text(facts, "format", format);
    set_text(facts, "architecture",
        config ? json_get_string(config, "model_type", NULL)
               : json_get_string(sizes, "architecture", NULL));
    json_object_set_new(facts, "parameters", json_integer(json_get_int(sizes, "total", 0)));
    set_text(facts, "dtype", dtype_of(sizes));
    json_object_set_new(facts, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(facts, "files", files);
    json_object_set_new(facts, "abilities", abilities_of(dir, l, config, format));
    json_object_set_new(facts, "card", card ? card : json_object());
    json_object_set_new(facts, "hub", hub_says(info));
    json_decref(config);
    return facts;
}

static json_t *facts_from_mirror(const char *root, const char *repo, struct err *err) {
    struct repo_listing l = { 0 };
    char *dir = mirror_dir(root, REPO_MODEL, repo, err);
    json_t *facts = NULL;
    if (dir && mirror_list(dir, &l, err)) {
        json_t *info = mirror_info(dir, REPO_MODEL, repo, &l, err);
        facts = build_facts(repo, dir, &l, info);
        json_decref(info);
        repo_listing_release(&l);
    }
    free(dir);
    return facts;
}

static json_t *facts_from_hub(
    const char *endpoint, const char *repo, const char *revision, struct err *err) {
    struct pulled pulled = { 0 };
    struct pull p = { .endpoint = endpoint,
        .kind = REPO_MODEL,
        .repo = repo,
        .revision = revision,
        .facts_only = true };
    char *dir = pull_snapshot(&p, &pulled, err);
    json_t *facts = dir ? build_facts(repo, dir, &pulled.listing, pulled.info) : NULL;
    pulled_release(&pulled);
    free(dir);
    return facts;
}

json_t *hub_model_facts(const char *hub, const char *model, struct err *err) {
    char *repo, *revision;
    struct hub_source source;
    if (!hub_split(model, &repo, &revision, err)) {
        return NULL;
    }
    hub_source_find(hub, &source);
    json_t *facts = source.mirror ? facts_from_mirror(source.mirror, repo, err)
                                  : facts_from_hub(source.endpoint, repo, revision, err);
    free(repo);
    free(revision);
    return facts;
}
