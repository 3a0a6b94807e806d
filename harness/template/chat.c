/* A model's chat templates: where they lie, which one a request gets, and what it sees.
 *
 * As transformers has it: chat_template.jinja in the folder stands for the default and hides the
 * one in tokenizer_config.json; additional_chat_templates holds others by name; in
 * tokenizer_config.json `chat_template` is a text or a list of {name, template}. With tools a
 * template named tool_use is preferred. A GGUF file has its own in its metadata. */
#include "harness/harness.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "harness/formats/adapter.h"
#include "harness/template/continue.h"
#include "harness/template/template.h"
#include "harness/weights.h"

#define TEMPLATES_MAX 32
#define CONFIG_BYTES_MAX (16u << 20)

struct named_template {
    char *name, *text;
    size_t n;
    struct template *parsed; /* made when it is first asked for */
};

struct chat_template {
    char *path;
    struct named_template items[TEMPLATES_MAX];
    size_t n;
    json_t *tokens; /* bos_token and so on: text by name */
};

void chat_template_close(struct chat_template *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].name);
        free(c->items[i].text);
        template_free(c->items[i].parsed);
    }
    json_decref(c->tokens);
    free(c->path);
    free(c);
}

static struct named_template *find(struct chat_template *c, const char *name) {
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return &c->items[i];
    return NULL;
}

/* The first of a name stays. */
static void add(struct chat_template *c, const char *name, const char *text, size_t n) {
    if (!name || !text || c->n == TEMPLATES_MAX || find(c, name))
        return;
    c->items[c->n++] =
        (struct named_template) { .name = xstrdup(name), .text = xstrndup(text, n), .n = n };
}

static bool add_file(struct chat_template *c, const char *name, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    const bool ok = file_read(path, TEMPLATE_BYTES_MAX, &text, err);
    if (ok)
        add(c, name, strbuf_str(&text), text.len);
    strbuf_release(&text);
    return ok;
}

/* ---- a folder ---- */

static bool add_file_if_there(
    struct chat_template *c, const char *name, const char *file, struct err *err) {
    char *path = model_file(c->path, file);
    const bool ok = !file_exists(path) || add_file(c, name, path, err);
    free(path);
    return ok;
}

/* "rag.jinja" in additional_chat_templates is the template named "rag". */
static bool add_additional(struct chat_template *c, struct err *err) {
    char *dir = path_join(c->path, "additional_chat_templates");
    DIR *d = opendir(dir);
    bool ok = true;
    for (struct dirent *e; ok && d && (e = readdir(d));) {
        const size_t n = strlen(e->d_name);
        if (n <= 6 || strcmp(e->d_name + n - 6, ".jinja") != 0)
            continue;
        char *name = xstrndup(e->d_name, n - 6), *path = path_join(dir, e->d_name);
        ok = add_file(c, name, path, err);
        free(name);
        free(path);
    }
    if (d)
        closedir(d);
    free(dir);
    return ok;
}

static void add_from_config(struct chat_template *c, const json_t *config) {
    const json_t *value = json_object_get(config, "chat_template");
    if (json_is_string(value))
        add(c, "default", json_string_value(value), json_string_length(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i), *text = json_object_get(item, "template");
        if (json_is_string(text))
            add(c, json_get_string(item, "name", NULL), json_string_value(text),
                json_string_length(text));
    }
}

static void add_tokens(struct chat_template *c, const json_t *config) {
    static const char *const keys[] = { "bos_token", "eos_token", "unk_token", "sep_token",
        "pad_token", "cls_token", "mask_token" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(config, keys[i]);
        if (json_is_object(value))
            value = json_object_get(value, "content");
        if (json_is_string(value) && !json_object_get(c->tokens, keys[i]))
            json_object_set(c->tokens, keys[i], (json_t *)(uintptr_t)value);
    }
}

/* A file of the folder, which may be absent, as JSON. Numbers too long for JSON here occur in
 * tokenizer_config.json ("no limit" is 10^30), so integers are read as reals. */
static bool read_config(
    const struct chat_template *c, const char *file, json_t **out, struct err *err) {
    char *path = model_file(c->path, file);
    struct strbuf text = { 0 };
    json_error_t error;
    bool ok = true;
    *out = NULL;
    if (file_exists(path)) {
        ok = file_read(path, CONFIG_BYTES_MAX, &text, err);
        *out = ok ? json_loadb(strbuf_str(&text), text.len, JSON_DECODE_INT_AS_REAL, &error) : NULL;
        if (ok && !*out)
            ok = err_set(
                err, ERR_INPUT, "cannot read '%s': line %d: %s", path, error.line, error.text);
    }
    strbuf_release(&text);
    free(path);
    return ok;
}

static bool folder_open(struct chat_template *c, struct err *err) {
    json_t *config = NULL, *map = NULL, *processor = NULL;
    const bool ok = read_config(c, "tokenizer_config.json", &config, err) &&
                    read_config(c, "special_tokens_map.json", &map, err) &&
                    read_config(c, "chat_template.json", &processor, err) &&
                    add_file_if_there(c, "default", "chat_template.jinja", err) &&
                    add_additional(c, err);
    if (ok) {
        add_from_config(c, config);
        add_from_config(c, processor);
        add_tokens(c, config);
        add_tokens(c, map);
    }
    json_decref(config);
    json_decref(map);
    json_decref(processor);
    return ok;
}

/* ---- a GGUF file ---- */

static void add_gguf_token(
    struct chat_template *c, const struct weights *w, const char *name, const char *key) {
    struct gguf_strings it;
    const char *text = NULL;
    size_t n = 0;
    const json_t *id = json_object_get(weights_metadata(w), key);
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        !weights_strings(w, "tokenizer.ggml.tokens", &it))
        return;
    bool there = true;
    for (json_int_t i = json_integer_value(id); there && i >= 0; i--)
        there = gguf_strings_next(&it, &text, &n);
    if (there)
        json_object_set_new(c->tokens, name, json_stringn(text, n));
}

static bool gguf_open(struct chat_template *c, struct err *err) {
    static const char prefix[] = "tokenizer.chat_template";
    struct weights *w = weights_open(c->path, err);
    if (!w)
        return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)weights_metadata(w), key, value) {
        const char *rest = key + sizeof prefix - 1;
        if (strncmp(key, prefix, sizeof prefix - 1) == 0 && json_is_string(value) &&
            (!*rest || *rest == '.'))
            add(c, *rest ? rest + 1 : "default", json_string_value(value),
                json_string_length(value));
    }
    add_gguf_token(c, w, "bos_token", "tokenizer.ggml.bos_token_id");
    add_gguf_token(c, w, "eos_token", "tokenizer.ggml.eos_token_id");
    add_gguf_token(c, w, "unk_token", "tokenizer.ggml.unknown_token_id");
    add_gguf_token(c, w, "pad_token", "tokenizer.ggml.padding_token_id");
    weights_close(w);
    return true;
}

/* ---- opening ---- */

static struct template *parsed(struct chat_template *c, struct named_template *t, struct err *err) {
    if (!t->parsed)
        t->parsed = template_parse(t->text, t->n, err);
    if (!t->parsed)
        err_wrap(err, "cannot use chat template '%s' of '%s'", t->name, c->path);
    return t->parsed;
}

struct chat_template *chat_template_open(const char *path, struct err *err) {
    struct chat_template *c = xcalloc(1, sizeof *c);
    c->path = xstrdup(path);
    c->tokens = json_object();
    const bool ok = dir_exists(path)          ? folder_open(c, err)
                    : str_ends(path, ".gguf") ? gguf_open(c, err)
                                              : add_file(c, "default", path, err);
    if (ok && c->n == 1 ? parsed(c, &c->items[0], err) != NULL : ok && c->n)
        return c;
    if (ok && !c->n) {
        err_set(err, ERR_NOT_FOUND, "'%s' has no chat template", path);
        err_hint(err, "give a template's own file: FILE.jinja");
    }
    chat_template_close(c);
    return NULL;
}

json_t *chat_template_describe(struct chat_template *c) {
    json_t *list = json_array();
    for (size_t i = 0; i < c->n; i++) {
        struct named_template *t = &c->items[i];
        struct err err = ERR_INIT;
        char hex[65];
        sha256_hex(t->text, t->n, hex);
        json_t *item =
            json_pack("{s:s, s:I, s:s}", "name", t->name, "bytes", (json_int_t)t->n, "sha256", hex);
        if (!parsed(c, t, &err)) {
            json_object_set_new(item, "error", json_string(err.msg));
        } else {
            size_t n;
            const char *const *unknown = template_unknown(t->parsed, &n);
            for (size_t k = 0; k < n; k++) {
                if (!k)
                    json_object_set_new(item, "unsupported", json_array());
                json_array_append_new(
                    json_object_get(item, "unsupported"), json_string(unknown[k]));
            }
        }
        json_array_append_new(list, item);
    }
    return list;
}

/* ---- rendering ---- */

/* What a message's reasoning is called in `reasoning_content`, and by older names. */
static const json_t *reasoning_of(const json_t *message) {
    static const char *const names[] = { "reasoning_content", "thinking", "reasoning" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *value = json_object_get(message, names[i]);
        if (value && !json_is_null(value))
            return value;
    }
    return NULL;
}

/* transformers gives a message's reasoning under the newest and the oldest name too. */
static json_t *with_reasoning(const json_t *message) {
    json_t *reasoning = (json_t *)(uintptr_t)reasoning_of(message);
    if (!reasoning)
        return json_incref((json_t *)(uintptr_t)message);
    json_t *out = json_object();
    json_object_set(out, "thinking", reasoning);
    json_object_update(out, (json_t *)(uintptr_t)message);
    json_object_set(out, "reasoning_content", reasoning);
    return out;
}

static bool messages_check(const json_t *messages, struct err *err) {
    if (!json_is_array(messages))
        return err_set(err, ERR_INPUT, "'messages' is not a list");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (!json_is_object(json_array_get(messages, i)))
            return err_set(err, ERR_INPUT, "message %zu is not an object", i + 1);
    return true;
}

/* Fields of a request that say how to render and are no variables. */
static bool is_variable(const char *key) {
    static const char *const others[] = { "id", "chat_template", "continue_final_message" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i]) == 0)
            return false;
    return true;
}

/* The template's variables: the tokens, what transformers always gives, and the request's fields
 * but for nulls. The messages are a copy. */
static json_t *variables_of(const struct chat_template *c, const json_t *request) {
    json_t *out = json_copy(c->tokens), *value, *messages = json_array();
    const char *key;
    size_t i;
    json_object_set_new(out, "tools", json_null());
    json_object_set_new(out, "documents", json_null());
    json_object_set_new(out, "add_generation_prompt", json_false());
    json_object_foreach((json_t *)(uintptr_t)request, key, value) {
        if (!json_is_null(value) && is_variable(key))
            json_object_set(out, key, value);
    }
    json_array_foreach(json_object_get(request, "messages"), i, value) {
        json_t *message = with_reasoning(value);
        json_array_append_new(messages, json_deep_copy(message));
        json_decref(message);
    }
    json_object_set_new(out, "messages", messages);
    return out;
}

/* The template for a request, which may name one itself. */
static struct named_template *choose(
    struct chat_template *c, const json_t *request, struct err *err) {
    const char *name = json_get_string(request, "chat_template", NULL);
    const json_t *tools = json_object_get(request, "tools");
    struct named_template *t = name                            ? find(c, name)
                               : tools && !json_is_null(tools) ? find(c, "tool_use")
                                                               : NULL;
    if (!t && !name)
        t = c->n == 1 ? &c->items[0] : find(c, "default");
    if (!t)
        err_set(err, ERR_INPUT, "'%s' has %zu chat templates, and none is named '%.64s'", c->path,
            c->n, name ? name : "default");
    return t;
}

bool chat_template_render(struct chat_template *c, const json_t *request, int64_t now,
    struct strbuf *out, struct err *err) {
    if (!messages_check(json_object_get(request, "messages"), err))
        return false;
    struct named_template *t = choose(c, request, err);
    if (!t || !parsed(c, t, err))
        return false;
    const json_t *goes_on = json_object_get(request, "continue_final_message");
    const bool continues = json_is_true(goes_on) || json_is_string(goes_on);
    if (continues && json_is_true(json_object_get(request, "add_generation_prompt")))
        return err_set(err, ERR_INPUT,
            "continue_final_message and add_generation_prompt cannot both be asked for");
    json_t *variables = variables_of(c, request);
    struct strbuf text = { 0 }, final = { 0 };
    const bool ok = (!continues || continue_mark(json_object_get(variables, "messages"), goes_on,
                                       t->text, &final, err)) &&
                    template_render(t->parsed, variables, now, &text, err) &&
                    (!continues || continue_cut(&text, &final, err));
    if (ok)
        strbuf_add(out, strbuf_str(&text), text.len);
    strbuf_release(&text);
    strbuf_release(&final);
    json_decref(variables);
    return ok;
}
