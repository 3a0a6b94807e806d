/* assay hub pull | serve. */
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/stop.h"
#include "evaluator/hub/hub.h"

static const struct option options_hub[] = {
    { "hub", 0, "DIR|URL", "the hub (default: HF_ENDPOINT)" },
    { NULL, 0, NULL, NULL },
};

static bool run_pull(const struct args *args, struct err *err) {
    for (unsigned i = 0; i < args->n_operands; i++) {
        const char *name = args->operands[i];
        bool data = !strncmp(name, "datasets/", 9);
        char *path = data ? hub_dataset_dir(args_get(args, "hub", NULL), name + 9, NULL, err)
                          : hub_model_path(args_get(args, "hub", NULL), name, err);
        if (!path) {
            return false;
        }
        puts(path);
        free(path);
    }
    return true;
}

const struct command cmd_hub_pull = {
    .name = "hub pull",
    .operands = "MODEL...",
    .summary = "fetch models (or datasets/org/name) into the cache and print where they are",
    .options = { options_hub },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_pull,
};

static const struct option options_serve[] = {
    { "port", 'p', "N", "port on 127.0.0.1 (default 8080; 0: any free one)" },
    { "port-file", 0, "FILE", "write the port there once it listens" },
    { NULL, 0, NULL, NULL },
};

static bool run_serve(const struct args *args, struct err *err) {
    unsigned long port;
    if (!args_get_uint(args, "port", 8080, 65535, &port, err)) {
        return false;
    }
    struct hub_serve_options o = {
        .dir = args->operands[0],
        .port = (unsigned)port,
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
