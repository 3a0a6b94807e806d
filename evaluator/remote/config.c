/* The Lua file that says what is behind api:NAME (see remote.h): read in the sandbox, held to a
 * list of known fields. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/luabox.h"
#include "evaluator/hub/url.h"
#include "evaluator/remote/remote.h"
#include "evaluator/task/text.h"

#define FILE_MAX ((size_t)1 << 20)
#define KEY_MAX 4096

static const char *const KINDS[N_API_KINDS] = { "openai", "anthropic", "tei", "vllm", "llamacpp" };
static const char *const SPEAKS[N_API_SPEAKS] = { "completions", "chat", "embeddings" };

const char *api_kind_name(enum api_kind kind) {
    return KINDS[kind];
}

const char *api_speaks_name(enum api_speaks speaks) {
    return SPEAKS[speaks];
}

bool remote_is_name(const char *model) {
    return str_begins(model, "api:");
}

char *apis_path(const char *named, struct err *err) {
    const char *from = getenv("ASSAY_APIS");
    named = named && *named ? named : from && *from ? from : NULL;
    if (named) {
        return xstrdup(named);
    }
    char *home = assay_home(err), *path = home ? path_join(home, "apis.lua") : NULL;
    free(home);
    return path;
}

/* ---- fields ---- */

static const char *const FIELDS[] = { "kind", "speaks", "url", "model", "answers_as", "key_env",
    "key_file", "prefix", "tokens_field", "extra", "prompts", "width", "batch", "limits", "price",
    "ceiling", NULL };
static const char *const LIMITS[] = { "concurrency", "requests_per_minute", "tokens_per_minute",
    "timeout_s", "retry_ms", NULL };
static const char *const PRICES[] = { "input", "output", "currency", NULL };

/* A field on its way from the file: whose it is, for what there is to say. */
struct place {
    const json_t *table;
    const char *where; /* "api 'mini'", "api 'mini': limits" */
};

static bool check_keys(const struct place *p, const char *const *known, struct err *err) {
    const char *key, *nearest = known[0];
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)p->table, key, value) {
        const char *const *k = known;
        while (*k && strcmp(*k, key)) {
            k++;
        }
        if (*k) {
            continue;
        }
        if (!strcmp(key, "key") || !strcmp(key, "api_key") || !strcmp(key, "token")) {
            err_set(err, ERR_INPUT, "%s: a key does not belong in this file", p->where);
            return err_hint(err, "name where it is found: key_env = \"A_VARIABLE\", or key_file = "
                                 "\"/path\"");
        }
        for (k = known; *k; k++) {
            nearest = text_distance(key, *k) < text_distance(key, nearest) ? *k : nearest;
        }
        err_set(err, ERR_INPUT, "%s has no field '%.40s'", p->where, key);
        return err_hint(err, "the nearest that it has is '%s'", nearest);
    }
    return true;
}

static bool looks_like_key(const char *text) {
    return strlen(text) > 20 && (str_begins(text, "sk-") || str_begins(text, "hf_"));
}

/* NULL or the text; ERR_INPUT for what is none. */
static bool take_text(const struct place *p, const char *field, const char **out, struct err *err) {
    const json_t *v = json_object_get(p->table, field);
    if (!v) {
        return true;
    }
    if (!json_is_string(v) || json_string_length(v) > 2000 ||
        strlen(json_string_value(v)) != json_string_length(v)) {
        return err_set(err, ERR_INPUT, "%s: '%s' is not a text", p->where, field);
    }
    if (looks_like_key(json_string_value(v))) {
        err_set(err, ERR_INPUT, "%s: '%s' looks like a key, which does not belong in this file",
            p->where, field);
        return err_hint(err, "name where it is found: key_env = \"A_VARIABLE\"");
    }
    *out = json_string_value(v);
    return true;
}

static bool take_word(const struct place *p, const char *field, const char *const *words, size_t n,
    int *out, struct err *err) {
    const char *text = NULL;
    struct strbuf list = { 0 };
    if (!take_text(p, field, &text, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(&list, "%s%s", i ? ", " : "", words[i]);
        if (text && !strcmp(text, words[i])) {
            *out = (int)i;
            strbuf_release(&list);
            return true;
        }
    }
    if (text) {
        err_set(err, ERR_INPUT, "%s: '%s' is '%.40s', and may be %s", p->where, field, text,
            strbuf_str(&list));
    } else {
        err_set(err, ERR_INPUT, "%s has no '%s': one of %s", p->where, field, strbuf_str(&list));
    }
    strbuf_release(&list);
    return false;
}

static bool take_number(const struct place *p, const char *field, double least, double most,
    double *out, struct err *err) {
    const json_t *v = json_object_get(p->table, field);
    if (!v) {
        return true;
    }
    double x = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(x >= least && x <= most)) {
        return err_set(
            err, ERR_INPUT, "%s: '%s' is not a number from %g to %g", p->where, field, least, most);
    }
    *out = x;
    return true;
}

static bool take_count(const struct place *p, const char *field, unsigned least, unsigned most,
    unsigned *out, struct err *err) {
    double x = *out;
    if (!take_number(p, field, least, most, &x, err)) {
        return false;
    }
    *out = (unsigned)x;
    return x == *out || err_set(err, ERR_INPUT, "%s: '%s' is not a whole number", p->where, field);
}

static bool take_table(
    const struct place *p, const char *field, const json_t **out, struct err *err) {
    const json_t *v = json_object_get(p->table, field);
    if (!v || json_is_object(v)) {
        *out = v;
        return true;
    }
    *out = NULL;
    return (json_is_array(v) && !json_array_size(v)) || /* what is empty has no shape in Lua */
           err_set(err, ERR_INPUT, "%s: '%s' is not a table of names", p->where, field);
}

static bool check_texts(const struct place *p, const json_t *table, struct err *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)table, key, value) {
        if (!json_is_string(value)) {
            return err_set(err, ERR_INPUT, "%s: the prompt '%.40s' is not a text", p->where, key);
        }
    }
    return true;
}

/* Our own fields of a body decide what an answer means. */
static bool check_extra(const struct place *p, const json_t *extra, struct err *err) {
    static const char *const OURS[] = { "model", "messages", "prompt", "input", "inputs", "echo",
        "logprobs", "top_logprobs", "stream", "n", "best_of", "stop", "stop_sequences",
        "max_tokens", "max_completion_tokens", "encoding_format", "dimensions" };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)extra, key, value) {
        for (size_t i = 0; i < sizeof OURS / sizeof *OURS - 1; i++) {
            if (!strcmp(key, OURS[i])) {
                return err_set(err, ERR_INPUT,
                    "%s: 'extra' cannot set '%s', which decides what an answer means", p->where,
                    key);
            }
        }
        if (json_is_string(value) && looks_like_key(json_string_value(value))) {
            return err_set(err, ERR_INPUT, "%s: 'extra' holds what looks like a key", p->where);
        }
    }
    return true;
}

/* ---- one api ---- */

static bool check_url(const struct place *p, const struct api *a, struct err *err) {
    const char *at = a->url ? strstr(a->url, "://") : NULL;
    bool http = at && (!strncasecmp(a->url, "http://", 7) || !strncasecmp(a->url, "https://", 8));
    char *host = http ? url_host(a->url) : NULL;
    bool plain = host && !strpbrk(a->url, "?#@ \t\r\n\\");
    free(host);
    if (!plain) {
        err_set(err, ERR_INPUT, "%s: 'url' is not an address", p->where);
        return err_hint(err, "as \"https://api.example.org/v1\": no query, no name and password");
    }
    if ((a->key_env || a->key_file) && !url_token_allowed(a->url)) {
        err_set(err, ERR_INPUT, "%s: a key would go over plain http", p->where);
        return err_hint(err, "https, or http to this machine");
    }
    return true;
}

static bool check_way(const struct place *p, const struct api *a, struct err *err) {
    bool fits = a->kind == API_ANTHROPIC ? a->speaks == API_CHAT
                : a->kind == API_TEI     ? a->speaks == API_EMBEDDINGS
                                         : true;
    return fits ||
           err_set(err, ERR_INPUT, "%s: %s has no %s", p->where, KINDS[a->kind], SPEAKS[a->speaks]);
}

static bool read_key_place(const struct place *p, struct api *a, struct err *err) {
    if (!take_text(p, "key_env", &a->key_env, err) ||
        !take_text(p, "key_file", &a->key_file, err)) {
        return false;
    }
    if (a->key_env && a->key_file) {
        return err_set(err, ERR_INPUT, "%s has both 'key_env' and 'key_file'", p->where);
    }
    bool named = !a->key_env ||
                 (*a->key_env && strspn(a->key_env, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                                    "uvwxyz0123456789_") == strlen(a->key_env));
    return named ||
           err_set(err, ERR_INPUT, "%s: 'key_env' is not the name of a variable", p->where);
}

static bool read_limits(const struct place *p, struct api *a, struct err *err) {
    char where[120];
    struct place inner = { NULL, where };
    snprintf(where, sizeof where, "%.90s: limits", p->where);
    return take_table(p, "limits", &inner.table, err) && check_keys(&inner, LIMITS, err) &&
           take_count(&inner, "concurrency", 1, 256, &a->concurrency, err) &&
           take_number(&inner, "requests_per_minute", 0.001, 1e9, &a->requests_a_minute, err) &&
           take_number(&inner, "tokens_per_minute", 1, 1e12, &a->tokens_a_minute, err) &&
           take_count(&inner, "timeout_s", 1, 3600, &a->timeout_s, err) &&
           take_count(&inner, "retry_ms", 1, 60000, &a->retry_ms, err);
}

static bool read_price(const struct place *p, struct api *a, struct err *err) {
    char where[120];
    struct place inner = { NULL, where };
    snprintf(where, sizeof where, "%.90s: price", p->where);
    a->price_in = a->price_out = -1;
    if (!take_table(p, "price", &inner.table, err) || !check_keys(&inner, PRICES, err) ||
        !take_number(&inner, "input", 0, 1e5, &a->price_in, err) ||
        !take_number(&inner, "output", 0, 1e5, &a->price_out, err) ||
        !take_text(&inner, "currency", &a->currency, err) ||
        !take_number(p, "ceiling", 0, 1e6, &a->ceiling, err)) {
        return false;
    }
    a->priced = inner.table && json_object_size(inner.table);
    if (a->priced && (a->price_in < 0 || (a->price_out < 0 && a->speaks != API_EMBEDDINGS))) {
        return err_set(err, ERR_INPUT, "%s has no '%s': what a million tokens cost", where,
            a->price_in < 0 ? "input" : "output");
    }
    a->price_out = a->price_out < 0 ? 0 : a->price_out;
    return a->priced || a->ceiling < 0 ||
           err_set(err, ERR_INPUT, "%s has a ceiling and no price: nothing can be held to it",
               p->where);
}

static bool read_way(const struct place *p, struct api *a, struct err *err) {
    int kind = 0, speaks;
    if (!take_word(p, "kind", KINDS, N_API_KINDS, &kind, err)) {
        return false;
    }
    speaks = kind == API_ANTHROPIC ? API_CHAT : API_EMBEDDINGS;
    bool said = json_object_get(p->table, "speaks") || (kind != API_ANTHROPIC && kind != API_TEI);
    if (said && !take_word(p, "speaks", SPEAKS, N_API_SPEAKS, &speaks, err)) {
        return false;
    }
    a->kind = (enum api_kind)kind;
    a->speaks = (enum api_speaks)speaks;
    return check_way(p, a, err);
}

static bool read_api(struct api *a, const json_t *table, const char *name, struct err *err) {
    char where[80];
    struct place p = { table, where };
    *a = (struct api) { .name = name,
        .prefix = "",
        .tokens_field = "max_tokens",
        .batch = 32,
        .concurrency = 8,
        .timeout_s = 120,
        .retry_ms = 500,
        .ceiling = -1,
        .currency = "USD" };
    snprintf(where, sizeof where, "api '%.64s'", name);
    if (!json_is_object(table)) {
        return err_set(err, ERR_INPUT, "%s is not a table of names", where);
    }
    if (!check_keys(&p, FIELDS, err) || !read_way(&p, a, err) ||
        !take_text(&p, "url", &a->url, err) || !take_text(&p, "model", &a->model, err) ||
        !take_text(&p, "answers_as", &a->answers_as, err) || !read_key_place(&p, a, err) ||
        !take_text(&p, "prefix", &a->prefix, err) ||
        !take_text(&p, "tokens_field", &a->tokens_field, err) ||
        !take_table(&p, "extra", &a->extra, err) || !check_extra(&p, a->extra, err) ||
        !take_table(&p, "prompts", &a->prompts, err) || !check_texts(&p, a->prompts, err) ||
        !take_count(&p, "width", 1, 1 << 20, &a->width, err) ||
        !take_count(&p, "batch", 1, 2048, &a->batch, err) || !read_limits(&p, a, err) ||
        !read_price(&p, a, err)) {
        return false;
    }
    return ((a->model && *a->model) ||
               err_set(err, ERR_INPUT, "%s has no 'model': what the endpoint calls it", where)) &&
           check_url(&p, a, err);
}

/* ---- the file ---- */

/* It becomes api/NAME in the database, which has the hub's grammar. */
static bool name_valid(const char *name) {
    static const char *const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789._-";
    size_t n = strlen(name);
    return n && n <= 64 && strspn(name, LETTERS) == n && *name != '.' && *name != '-' &&
           !strstr(name, "..") && !strstr(name, "--") && !str_ends(name, ".git");
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct api *)a)->name, ((const struct api *)b)->name);
}

static bool read_all(struct apis *a, struct err *err) {
    const char *name;
    json_t *table;
    if (!json_is_object(a->json)) {
        return (json_is_array(a->json) && !json_array_size(a->json)) ||
               err_set(err, ERR_INPUT, "it returns no table of names");
    }
    a->items = arena_alloc(&a->arena, (json_object_size(a->json) + 1) * sizeof *a->items);
    json_object_foreach(a->json, name, table) {
        if (!name_valid(name)) {
            err_set(err, ERR_INPUT, "'%.64s' is no name for an api", name);
            return err_hint(err, "letters, digits, '.', '_' and '-', at most 64");
        }
        if (!read_api(&a->items[a->n], table, name, err)) {
            return false;
        }
        a->n++;
    }
    qsort(a->items, a->n, sizeof *a->items, by_name);
    return true;
}

bool apis_of_text(struct apis *a, const char *name, const char *text, size_t n, struct err *err) {
    struct luabox_limits limits = { .heap_bytes = (size_t)16 << 20, .instructions = 1000000 };
    *a = (struct apis) { 0 };
    struct luabox *box = luabox_open(&limits, err);
    bool ok = box && luabox_run(box, path_base(name), text, n, 1, ERR_INPUT, err);
    a->json = ok ? luabox_to_json(luabox_state(box), -1, err) : NULL;
    ok = a->json && read_all(a, err);
    luabox_close(box);
    if (!ok) {
        apis_release(a);
    }
    return ok || err_wrap(err, "%.200s", name);
}

bool apis_read(struct apis *a, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    *a = (struct apis) { 0 };
    if (!file_exists(path)) {
        err_set(
            err, ERR_NOT_FOUND, "there is no file '%.200s', which says what api: models are", path);
        return err_hint(err, "'assay help api ls' shows one; ASSAY_APIS or --apis name another");
    }
    bool ok = file_read(path, FILE_MAX, &text, err) &&
              apis_of_text(a, path, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    return ok;
}

void apis_release(struct apis *a) {
    json_decref(a->json);
    arena_release(&a->arena);
    *a = (struct apis) { 0 };
}

const struct api *apis_find(
    const struct apis *a, const char *path, const char *name, struct err *err) {
    const struct api *nearest = NULL;
    name += remote_is_name(name) ? 4 : 0;
    for (size_t i = 0; i < a->n; i++) {
        if (!strcmp(a->items[i].name, name)) {
            return &a->items[i];
        }
        if (!nearest ||
            text_distance(name, a->items[i].name) < text_distance(name, nearest->name)) {
            nearest = &a->items[i];
        }
    }
    err_set(err, ERR_NOT_FOUND, "'%.200s' has no api '%.64s'", path, name);
    if (nearest) {
        err_hint(err, "the nearest that it has is 'api:%s'", nearest->name);
    }
    return NULL;
}

/* ---- what it is ---- */

void api_identity(const struct api *api, char hex[65]) {
    struct sha256 *h = sha256_new();
    const char *const parts[] = { "api/1", KINDS[api->kind], SPEAKS[api->speaks], api->url,
        api->model };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sha256_add(h, parts[i], strlen(parts[i]) + 1);
    }
    sha256_end(h, hex);
}

char *api_host(const struct api *api) {
    return url_host(api->url);
}

/* ---- the key ---- */

void api_key_free(char *key) {
    if (key) {
        explicit_bzero(key, strlen(key));
        free(key);
    }
}

/* The first line without blanks around it, if it is of printable ASCII: it becomes a header. */
static char *key_in(const char *text) {
    const char *from = text + strspn(text, " \t\r\n");
    size_t n = strcspn(from, " \t\r\n");
    for (size_t i = 0; i < n; i++) {
        if (from[i] < 0x21 || from[i] > 0x7e) {
            return NULL;
        }
    }
    return n ? xstrndup(from, n) : NULL;
}

bool api_key(const struct api *api, char **key, struct err *err) {
    struct strbuf text = { 0 };
    *key = NULL;
    if (api->key_env) {
        const char *value = getenv(api->key_env);
        *key = value ? key_in(value) : NULL;
        return *key || err_set(err, ERR_AUTH, "api '%s': the variable %s holds no key", api->name,
                           api->key_env);
    }
    if (!api->key_file) {
        return true;
    }
    struct err why = ERR_INIT;
    if (file_read(api->key_file, KEY_MAX, &text, &why)) {
        *key = key_in(strbuf_str(&text));
        explicit_bzero(text.text, text.len);
        why = (struct err)ERR_INIT;
    }
    strbuf_release(&text);
    return *key || err_set(err, ERR_AUTH, "api '%s': the file '%.150s' holds no key%s%.150s",
                       api->name, api->key_file, *why.msg ? ": " : "", why.msg);
}
