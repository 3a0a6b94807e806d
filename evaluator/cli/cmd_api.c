/* assay api ls | check: what api: models are, whether the file is right, what was paid. */
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/remote/remote.h"

static const struct option options_api[] = { OPTION_APIS, { NULL, 0, NULL, NULL } };

/* Where the key is found, never what it is. */
static json_t *key_json(const struct api *api) {
    struct err ignored = ERR_INIT;
    char *key = NULL;
    bool there = api_key(api, &key, &ignored);
    json_t *json = api->key_env    ? json_pack("{s:s, s:b}", "env", api->key_env, "there", there)
                   : api->key_file ? json_pack("{s:s, s:b}", "file", api->key_file, "there", there)
                                   : json_null();
    api_key_free(key);
    return json;
}

static json_t *number_or_null(double x, bool known) {
    return known ? json_real(x) : json_null();
}

static json_t *api_json(const struct api *api, struct err *err) {
    double spent;
    if (!api_spent(api, &spent, err)) {
        return NULL;
    }
    char *host = api_host(api);
    json_t *json = json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:s, s:o, s:o}",
        "name", json_sprintf("api:%s", api->name), "kind", api_kind_name(api->kind), "speaks",
        api_speaks_name(api->speaks), "url", api->url, "host", host, "model", api->model, "key",
        key_json(api), "concurrency", (int)api->concurrency, "price_input",
        number_or_null(api->price_in, api->priced), "price_output",
        number_or_null(api->price_out, api->priced), "currency", api->currency, "ceiling",
        number_or_null(api->ceiling, api->ceiling >= 0), "paid",
        number_or_null(spent, api->priced));
    free(host);
    return json;
}

static json_t *list_apis(const struct apis *apis, struct err *err) {
    json_t *list = json_array();
    for (size_t i = 0; i < apis->n; i++) {
        json_t *one = api_json(&apis->items[i], err);
        if (!one) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, one);
    }
    return list;
}

static void cell_amount(struct table *t, const json_t *row, const char *key) {
    const json_t *v = json_object_get(row, key);
    if (json_is_number(v)) {
        table_cellf(t, "%.4f", json_number_value(v));
    } else {
        table_cell(t, NULL);
    }
}

static void print_list(const json_t *list) {
    struct table *t = table_new(
        "Name", "Kind", "Speaks", "Host", "Model", "Key", ">Paid", ">Ceiling", "Currency", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        const json_t *key = json_object_get(row, "key");
        const char *from = json_get_string(key, "env", json_get_string(key, "file", NULL));
        table_cell(t, json_get_string(row, "name", ""));
        table_cell(t, json_get_string(row, "kind", ""));
        table_cell(t, json_get_string(row, "speaks", ""));
        table_cell(t, json_get_string(row, "host", ""));
        table_cell(t, json_get_string(row, "model", ""));
        if (from) {
            table_cellf(t, "%s%s", from, json_get_bool(key, "there", false) ? "" : " (missing)");
        } else {
            table_cell(t, NULL);
        }
        cell_amount(t, row, "paid");
        cell_amount(t, row, "ceiling");
        table_cell(t, json_get_string(row, "currency", ""));
    }
    table_print(t, true);
}

static bool read_file(const struct args *args, struct apis *apis, char **path, struct err *err) {
    *apis = (struct apis) { 0 };
    *path = apis_path(args_get(args, "apis", NULL), err);
    return *path && apis_read(apis, *path, err);
}

static bool run_ls(const struct args *args, struct err *err) {
    struct apis apis;
    char *path;
    json_t *list = read_file(args, &apis, &path, err) ? list_apis(&apis, err) : NULL;
    if (list && args_has(args, "json")) {
        json_t *document =
            json_pack("{s:s, s:s, s:O}", "schema", "assay.apis/1", "file", path, "apis", list);
        print_document(document, true);
        json_decref(document);
    } else if (list) {
        print_list(list);
    }
    bool ok = list != NULL;
    json_decref(list);
    apis_release(&apis);
    free(path);
    return ok;
}

/* A key that isn't there is wrong too: it would be found out when something is asked. */
static bool check_one(const struct api *api, struct err *err) {
    char *key;
    bool ok = api_key(api, &key, err);
    if (ok) {
        char *host = api_host(api);
        printf("api:%s: %s of %s at %s%s\n", api->name, api_speaks_name(api->speaks), api->model,
            host, api->priced ? "" : ", without a price");
        free(host);
        api_key_free(key);
    }
    return ok;
}

static bool run_check(const struct args *args, struct err *err) {
    struct apis apis;
    char *path;
    bool ok = read_file(args, &apis, &path, err);
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        const struct api *api = apis_find(&apis, path, args->operands[i], err);
        ok = api && check_one(api, err);
    }
    for (size_t i = 0; ok && !args->n_operands && i < apis.n; i++) {
        ok = check_one(&apis.items[i], err);
    }
    apis_release(&apis);
    free(path);
    return ok;
}

#define ABOUT_THE_FILE                                                                             \
    "A Lua file (apis.lua in Assay's home, or what ASSAY_APIS or --apis name) says what api:NAME " \
    "is:\n\n"                                                                                      \
    "  return {\n"                                                                                 \
    "    mini = {\n"                                                                               \
    "      kind = \"openai\",             -- or anthropic, tei, vllm, llamacpp\n"                  \
    "      speaks = \"chat\",             -- or completions (log-likelihoods), embeddings\n"       \
    "      url = \"https://api.example.org/v1\", model = \"mini-2\",\n"                            \
    "      key_env = \"EXAMPLE_KEY\",     -- or key_file; never the key itself\n"                  \
    "      limits = { concurrency = 8, requests_per_minute = 500, tokens_per_minute = 200000 },\n" \
    "      price = { input = 0.15, output = 0.60 },  -- of a million tokens\n"                     \
    "      ceiling = 5.00,              -- of all that is ever paid\n"                             \
    "    },\n"                                                                                     \
    "  }\n\n"                                                                                      \
    "Also: answers_as (what replies call the model), prefix (put where a text has no context), "   \
    "prompts\n{ name = text } and width of an embedder, batch, tokens_field, extra { fields of "   \
    "every body },\nlimits.timeout_s and limits.retry_ms, price.currency.\n"

const struct command cmd_api_ls = {
    .name = "api ls",
    .operands = "",
    .summary = "remote models: where they are, what was paid",
    .details = ABOUT_THE_FILE,
    .options = { options_api },
    .run = run_ls,
};

const struct command cmd_api_check = {
    .name = "api check",
    .operands = "[NAME...]",
    .summary = "whether the file of remote models is right and keys are there; asks nobody",
    .details = ABOUT_THE_FILE,
    .options = { options_api },
    .max_operands = ARGS_MAX_VALUES,
    .run = run_check,
};
