/* assay hub pull | serve. */
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/stop.h"
#include "evaluator/hub/hub.h"

static const struct option options_hub[] = {
    { "hub", 0, "DIR|URL", "the hub (default: HF_ENDPOINT)" },
    { NULL, 0, NULL, NULL },
};

static char *pull_one(const char *hub, const char *name, struct err *err) {
    return strncmp(name, "datasets/", 9) ? hub_model_path(hub, name, err)
                                         : hub_dataset_dir(hub, name + 9, NULL, err);
}

static bool run_pull(const struct args *args, struct err *err) {
    bool ok = true, as_json = args_has(args, "json");
    json_t *list = json_array();
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        char *path = pull_one(args_get(args, "hub", NULL), args->operands[i], err);
        ok = path != NULL;
        if (ok && as_json) {
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "model", args->operands[i], "path", path));
        } else if (ok) {
            puts(path);
        }
        free(path);
    }
    json_t *document = json_pack("{s:s, s:o}", "schema", "assay.hub-pull/1", "pulled", list);
    if (ok && as_json) {
        print_document(document, true);
    }
    json_decref(document);
    return ok;
}

const struct command cmd_hub_pull = {
    .name = "hub pull",
    .operands = "MODEL...",
    .summary = "fetch models (or datasets/org/name) into the cache and print where they are",
    .details =
        "Several files, and several parts of a large one, come at once; what is cut short, "
        "even by kill -9, goes on where it\n"
        "stopped. Every byte is held to the hash that the hub lists. The cache is that of the "
        "hub's own Python client.\n",
    .options = { options_hub },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_pull,
};

static const struct option options_serve[] = {
    { "port", 'p', "N", "port on 127.0.0.1 (default 8080; 0: any free one)" },
    { "port-file", 0, "FILE", "write the port there once it listens" },
    { "page", 0, "N", "entries of a page of a listing (default 1000)" },
    { "lfs-redirect", 0, "URL", "send those who ask for large files there" },
    { NULL, 0, NULL, NULL },
};

static bool run_serve(const struct args *args, struct err *err) {
    unsigned long port, page;
    if (!args_get_uint(args, "port", 8080, 65535, &port, err) ||
        !args_get_uint(args, "page", 0, 1000, &page, err)) {
        return false;
    }
    struct hub_serve_options o = {
        .dir = args->operands[0],
        .port = (unsigned)port,
        .page = (unsigned)page,
        .lfs_redirect = args_get(args, "lfs-redirect", NULL),
        .port_file = args_get(args, "port-file", NULL),
        .stop = stop_on_signals(),
    };
    return hub_serve(&o, err);
}

const struct command cmd_hub_serve = {
    .name = "hub serve",
    .operands = "DIR",
    .summary = "serve a mirror tree on loopback as a hub",
    .details = "DIR/models/<org>/<name>/ and DIR/datasets/<org>/<name>/ hold the files; an "
               "optional .revision names the\n"
               "commit. Use it with HF_ENDPOINT=http://127.0.0.1:PORT.\n",
    .options = { options_serve },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_serve,
};
