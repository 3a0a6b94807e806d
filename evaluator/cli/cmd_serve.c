/* assay serve: the submission service. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "evaluator/cli/admission.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/submission.h"
#include "evaluator/cli/suites.h"
#include "evaluator/hub/hub.h"
#include "evaluator/serve/serve.h"
#include "evaluator/task/library.h"
#include "evaluator/worker/worker.h"

static const struct option options_serve[] = {
    { "listen", 'l', "WHERE", "ADDR:PORT (default 127.0.0.1:8080), unix:PATH or systemd" },
    { "port", 0, "N", "the same as --listen 127.0.0.1:N" },
    { "port-file", 0, "FILE", "write the port there once it listens" },
    { "site", 0, "DIR", "also serve this built site" },
    { "suite", 's', "S", "what may be asked for (repeatable; default: the library's suites)" },
    { "anonymous", 0, NULL, "take submissions without a token" },
    { "private", 0, "PATH", "needs a token to read: /s/SUITE/, or / for all (repeatable)" },
    { "base-url", 0, "URL", "where it is reached from outside" },
    { "title", 0, "TEXT", "the service's name" },
    { "proxy", 0, "ADDR[/BITS]", "whose X-Forwarded-For is believed, or unix (repeatable)" },
    { "rate-user", 0, "N", "submissions, votes a minute of a user (default 60; 0: any number)" },
    { "rate-org", 0, "N", "the same of an org (default 300)" },
    { "rate-address", 0, "N", "the same of an address without a token (default 10)" },
    { "rate-reads", 0, "N", "requests a minute of an address (default 600)" },
    { "live", 0, "MODEL",
        "visitors may ask this model at /live/; it is on this machine already "
        "(repeatable)" },
    { "live-seconds", 0, "N", "how long an answer of it may take (default 20)" },
    { "rate-live", 0, "N", "such questions a minute of a visitor (default 20)" },
    { "resolvers", 0, "N", "how many models are looked up at a time (default 2)" },
    { "connections", 0, "N", "connections at most (default 1024)" },
    { "read-seconds", 0, "N", "a request that is not whole by then is cut off (default 20)" },
    { "threads", 'j', "N",
        "threads that answer (default 8); with --model, that the model runs on (default: the "
        "processors that may be used)" },
    { "no-access-log", 0, NULL, "don't print a line for each request" },
    { "hooks-to-loopback", 0, NULL, "webhooks may go to this machine, without TLS: for tests" },
    { "hub", 0, "DIR|URL", "where org/name is found (default: HF_ENDPOINT)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    OPTION_POLICY,
    { NULL, 0, NULL, NULL },
};

/* Models in place of the service. */
static const struct option options_serve_models[] = {
    { "model", 'm', "MODEL",
        "serve this model as OpenAI's API has it, and nothing else (repeatable)" },
    { "key-file", 0, "FILE", "clients must show the key in it: 'Authorization: Bearer KEY'" },
    { "texts", 0, "N", "texts that a model makes at once (default 64)" },
    { "answer-seconds", 0, "N", "how long an answer may take (default 600)" },
    { "drain-seconds", 0, "N", "what is under way at the end has so long (default 30)" },
    { "dtype", 0, "TYPE", "auto, f32, bf16, f16 or int8, as of 'assay generate'" },
    { "device", 'd', "DEVICE", "auto, cpu, cuda or cuda:N" },
    { "tensor-parallel", 0, "N", "split a model between N devices, from --device on" },
    { "max-mem", 0, "MIB", "ceiling for each model's weights, keys, values and activations" },
    { "weights", 0, "FORM", "auto, expanded or file, as of 'assay generate'" },
    { "arch", 0, "FILE", "a Lua architecture description in place of the built-in one" },
    { "no-pack-cache", 0, NULL, "pack the weights anew, and keep nothing of them on disk" },
    { "add-bos", 0, "RULE", "auto, yes or no: of prompts that are text" },
    { "pooling", 0, "HOW",
        "makes vectors of a model whose files don't say how: mean, cls, last, ..." },
    { NULL, 0, NULL, NULL },
};

/* Options of one of the two that say nothing to the other. */
static const char *const OF_SERVICE[] = { "site", "suite", "anonymous", "private", "base-url",
    "title", "proxy", "rate-user", "rate-org", "rate-address", "rate-reads", "live", "live-seconds",
    "rate-live", "resolvers", "read-seconds", "hooks-to-loopback", "tasks", "policy", "db", NULL };

/* ---- the log: logfmt on stderr, one line a request ---- */

static atomic_bool no_access_log;

static void print_line(bool warning, const char *line) {
    char text[2048], stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    if (warning) {
        log_line(LOG_WARN, "%s", line);
    } else if (!no_access_log) {
        snprintf(text, sizeof text, "%s", line);
        log_redact(text);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        fprintf(stderr, "ts=%s level=info event=request %s\n", stamp, text);
    }
}

static void print_listening(const char *address) {
    log_line(LOG_INFO, "listening on %s", address);
}

static void print_note(bool warning, const char *line) {
    log_line(warning ? LOG_WARN : LOG_INFO, "%s", line);
}

/* ---- from a request to a submission ---- */

struct resolver {
    const struct args *args;
    struct policy_kept *policy;
    const atomic_uint *hangups;
    pthread_mutex_t lock;
    unsigned seen;  /* hangups */
    json_t *suites; /* name -> its description: the library stays as it is until a hangup */
};

/* A suite of fifty tasks is fifty processes to describe: once. */
static json_t *suite_described(struct resolver *r, const char *name, struct err *err) {
    static const struct option SUITE = { "suite", 's', "S", "" };
    pthread_mutex_lock(&r->lock);
    if (r->seen != *r->hangups) {
        r->seen = *r->hangups;
        json_object_clear(r->suites);
    }
    json_t *suite = json_incref(json_object_get(r->suites, name));
    if (!suite) {
        struct args args = *r->args;
        args.n_given = args.n_given < ARGS_MAX_VALUES ? args.n_given : ARGS_MAX_VALUES - 1;
        args.given[args.n_given].option = &SUITE;
        args.given[args.n_given++].value = name;
        suite = submission_suite(&args, err);
        if (suite) {
            json_object_set(r->suites, name, suite);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return suite;
}

static json_t *resolve(void *arg, const struct serve_asked *asked, struct err *err) {
    struct resolver *r = arg;
    struct submission_by by = { .submitter = asked->submitter,
        .priority = asked->priority,
        .config = asked->config,
        .policy = r->policy };
    if (hub_is_path(asked->model) || task_is_path(asked->suite)) { // seen to before, and here again
        err_set(err, ERR_UNSUPPORTED, "'%s' on '%s' names a file", asked->model, asked->suite);
        return NULL;
    }
    json_t *suite = suite_described(r, asked->suite, err);
    json_t *made = suite ? submission_make(r->args, asked->model, suite, &by, err) : NULL;
    json_decref(suite);
    return made;
}

/* ---- what may be asked for ---- */

/* NULL where the library says nothing: then anything, and the resolver says what there is not. */
static json_t *suites_offered(const struct args *args, struct err *err) {
    json_t *offered = json_array();
    char *item;
    for (unsigned k = 0; (item = args_item(args, "suite", k)); k++) {
        json_array_append_new(offered, json_string(item));
        free(item);
    }
    if (json_array_size(offered) == 0) {
        json_decref(offered);
        offered = suites_of_library(args, err);
    }
    if (json_array_size(offered) == 0) {
        json_decref(offered);
        return NULL;
    }
    return offered;
}

static bool read_numbers(const struct args *args, struct serve_options *o, struct err *err) {
    const struct {
        const char *name;
        unsigned *to;
        unsigned long otherwise, max;
    } NUMBERS[] = { { "rate-user", &o->rates.user, 60, 1000000 },
        { "rate-org", &o->rates.org, 300, 1000000 },
        { "rate-address", &o->rates.address, 10, 1000000 },
        { "rate-reads", &o->rates.reads, 600, 1000000 },
        { "rate-live", &o->rates.live, 20, 1000000 }, { "live-seconds", &o->live.run_s, 20, 600 },
        { "resolvers", &o->n_resolvers, 2, 64 }, { "connections", &o->n_connections, 1024, 65536 },
        { "threads", &o->n_threads, 8, 64 }, { "read-seconds", &o->read_s, 20, 3600 } };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        unsigned long v;
        if (!args_get_uint(args, NUMBERS[i].name, NUMBERS[i].otherwise, NUMBERS[i].max, &v, err)) {
            return false;
        }
        *NUMBERS[i].to = (unsigned)v;
    }
    return true;
}

/* A board that is to be closed is there: a path that leads nowhere would leave it open. */
static bool check_closed(
    const struct args *args, struct db *db, const char *const *paths, struct err *err) {
    char *names[SERVE_PATHS_MAX] = { NULL };
    size_t n = 0;
    bool ok = true;
    for (; ok && *paths; paths++) {
        const char *name;
        size_t length = serve_path_suite(*paths, &name);
        ok = **paths == '/' || err_set(err, ERR_USAGE, "'%.100s' is no path to close", *paths);
        if (!ok) {
            err_hint(err, "a board is at /s/SUITE/, and all there is at /");
        } else if (length) {
            names[n++] = xstrndup(name, length);
        }
    }
    ok = ok && suites_check_closed(args, db, (const char *const *)names, err);
    while (n) {
        free(names[--n]);
    }
    return ok;
}

/* Which database it is, brought up to this program where it is our own. The cluster, if it is that,
 * is the caller's. */
static bool find_database(
    const struct args *args, struct serve_options *o, struct cluster *cluster, struct err *err) {
    struct db *db = database_open(args, err);
    bool ok = db && check_closed(args, db, o->closed, err) &&
              (!db_is_private(db) || cluster_status(NULL, cluster, err));
    if (ok && cluster->conninfo) {
        o->conninfo = cluster->conninfo;
        o->home = cluster->home;
    }
    db_close(db);
    return ok;
}

/* What visitors know it by: where it lies on this disk is not theirs to see. */
static const char *live_name(const char *model) {
    return hub_is_path(model) ? path_base(model) : model + (strncmp(model, "hf://", 5) ? 0 : 5);
}

static bool check_live_name(const struct serve_live *live, const char *name, struct err *err) {
    for (size_t i = 0; i < live->n_models; i++) {
        if (!strcmp(live->models[i].name, name)) {
            return err_set(err, ERR_USAGE, "two models for --live are called '%.100s'", name);
        }
    }
    return *name || err_set(err, ERR_USAGE, "a model for --live ends with '/': leave it out");
}

/* Models that visitors may ask are those that are here: nobody fetches one by a visit. The paths
 * are the caller's to free. */
static bool find_live(const struct args *args, struct serve_live *live, struct err *err) {
    const char *models[SERVE_LIVE_MAX + 1] = { NULL };
    bool ok = args_list(args, "live", models, SERVE_LIVE_MAX + 1, err);
    for (size_t i = 0; ok && models[i]; i++) {
        const char *name = live_name(models[i]), *path = NULL;
        ok = check_live_name(live, name, err) &&
             (path = hub_model_cached(args_get(args, "hub", NULL), models[i], err)) != NULL;
        if (ok) {
            live->models[live->n_models].name = name;
            live->models[live->n_models++].path = path;
        }
    }
    return ok;
}

static void free_live(struct serve_live *live) {
    for (size_t i = 0; i < live->n_models; i++) {
        free((char *)(uintptr_t)live->models[i].path);
    }
}

static bool run_service(const struct args *args, const char *listen, struct err *err) {
    struct cluster cluster = { 0 };
    struct resolver resolver = {
        .args = args, .hangups = hangups_counted(), .lock = PTHREAD_MUTEX_INITIALIZER
    };
    struct serve_options o = {
        .conninfo = args_get(args, "db", NULL),
        .listen = listen,
        .port_file = args_get(args, "port-file", NULL),
        .site = args_get(args, "site", NULL),
        .hub = args_get(args, "hub", getenv("HF_ENDPOINT")),
        .base_url = args_get(args, "base-url", NULL),
        .title = args_get(args, "title", NULL),
        .anonymous = args_has(args, "anonymous"),
        .hooks_to_loopback = args_has(args, "hooks-to-loopback"),
        .resolve = resolve,
        .resolve_arg = &resolver,
        .log = print_line,
        .listening = print_listening,
    };
    if (!args_list(args, "proxy", o.proxies, SERVE_PATHS_MAX, err) ||
        !args_list(args, "private", o.closed, SERVE_PATHS_MAX, err) ||
        !read_numbers(args, &o, err) || !find_live(args, &o.live, err)) {
        free_live(&o.live);
        return false;
    }
    resolver.policy =
        policy_kept_new(args_get(args, "policy", NULL), resolver.hangups, print_note, err);
    if (!resolver.policy || !find_database(args, &o, &cluster, err)) {
        free_live(&o.live);
        policy_kept_free(resolver.policy);
        return false;
    }
    json_t *suites = suites_offered(args, err);
    resolver.suites = json_object();
    o.suites = suites;
    o.stop = stop_on_signals();
    char *packs = packed_folder();
    o.live.packs = packs;
    bool ok = serve_run(&o, err);
    free(packs);
    free_live(&o.live);
    policy_kept_free(resolver.policy);
    json_decref(resolver.suites);
    json_decref(suites);
    cluster_release(&cluster);
    return ok;
}

/* ---- models in place of the service ---- */

static bool check_alone(const struct args *args, struct err *err) {
    bool models = args_has(args, "model");
    for (const char *const *name = OF_SERVICE; models && *name; name++) {
        if (args_has(args, *name)) {
            err_set(err, ERR_USAGE,
                "option '--%s' is of the service that takes submissions, and --model serves models "
                "alone",
                *name);
            return err_hint(err, "start two: they need nothing of each other");
        }
    }
    for (const struct option *o = options_serve_models; !models && o->name; o++) {
        if (args_has(args, o->name)) {
            return err_set(err, ERR_USAGE,
                "option '--%s' is for serving models: name one by --model", o->name);
        }
    }
    return true;
}

static bool find_models(const struct args *args, struct serve_models *o, struct err *err) {
    const char *models[SERVE_MODELS_MAX + 1] = { NULL };
    bool ok = args_list(args, "model", models, SERVE_MODELS_MAX + 1, err);
    for (size_t i = 0; ok && models[i]; i++) {
        const char *name = live_name(models[i]);
        for (size_t k = 0; ok && k < i; k++) {
            ok = strcmp(o->models[k].name, name) != 0 ||
                 err_set(err, ERR_USAGE, "two models are called '%.100s'", name);
        }
        ok = ok && (*name || err_set(err, ERR_USAGE, "a model ends with '/': leave it out")) &&
             (o->models[i].path = hub_model_path(args_get(args, "hub", NULL), models[i], err));
        o->models[i].name = name;
        o->n_models += ok;
    }
    return ok;
}

/* What stands in the file up to the first blank or line's end. */
static bool read_key(const struct args *args, char **key, struct err *err) {
    const char *path = args_get(args, "key-file", NULL);
    struct strbuf text = { 0 };
    if (!path) {
        return true;
    }
    bool ok = file_read(path, 4096, &text, err);
    *key = xstrndup(strbuf_str(&text), strcspn(strbuf_str(&text), " \t\r\n"));
    strbuf_release(&text);
    return ok && ((strlen(*key) >= 8 && strlen(*key) < 256) ||
                     err_set(err, ERR_USAGE,
                         "the key in '%s' must have 8 to 255 visible characters", path));
}

static bool read_model_numbers(const struct args *args, struct serve_models *o, struct err *err) {
    const struct {
        const char *name;
        unsigned *to;
        unsigned long otherwise, max;
    } NUMBERS[] = { { "connections", &o->n_connections, 256, 65536 },
        { "texts", &o->at_once, 64, 1024 }, { "answer-seconds", &o->run_s, 600, 86400 },
        { "drain-seconds", &o->drain_s, 30, 3600 } };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        unsigned long v;
        if (!args_get_uint(args, NUMBERS[i].name, NUMBERS[i].otherwise, NUMBERS[i].max, &v, err)) {
            return false;
        }
        *NUMBERS[i].to = (unsigned)v;
    }
    return true;
}

static bool run_models(const struct args *args, const char *listen, struct err *err) {
    struct model_options options = { 0 };
    char *key = NULL;
    struct serve_models o = {
        .listen = listen,
        .port_file = args_get(args, "port-file", NULL),
        .options = &options,
        .now = getenv("SOURCE_DATE_EPOCH") ? clock_now() : 0,
        .log = print_line,
        .listening = print_listening,
    };
    bool ok = read_model_numbers(args, &o, err) && model_options_from_args(args, &options, err) &&
              add_bos_from_args(args, &o.add_bos, err) &&
              pooling_parse(args_get(args, "pooling", "auto"), &o.pooling, err) &&
              read_key(args, &key, err) && find_models(args, &o, err);
    char *packs = args_has(args, "no-pack-cache") ? NULL : packed_folder();
    options.packs.dir = packs;
    o.key = key;
    o.stop = stop_on_signals();
    ok = ok && serve_models_run(&o, err);
    for (size_t i = 0; i < o.n_models; i++) {
        free((char *)(uintptr_t)o.models[i].path);
    }
    free(packs);
    free(key);
    return ok;
}

static bool read_listen(
    const struct args *args, char where[64], const char **listen, struct err *err) {
    unsigned long port;
    if (!args_get_uint(args, "port", 8080, 65535, &port, err)) {
        return false;
    }
    if (args_has(args, "port") && args_has(args, "listen")) {
        return err_set(err, ERR_USAGE, "--listen and --port say the same: give one");
    }
    snprintf(where, 64, "127.0.0.1:%lu", port);
    *listen = args_get(args, "listen", where);
    return true;
}

static bool run(const struct args *args, struct err *err) {
    char where[64];
    const char *listen = NULL;
    if (!check_alone(args, err) || !read_listen(args, where, &listen, err)) {
        return false;
    }
    no_access_log = args_has(args, "no-access-log") || args_has(args, "quiet");
    return args_has(args, "model") ? run_models(args, listen, err) : run_service(args, listen, err);
}

const struct command cmd_serve = {
    .name = "serve",
    .operands = "",
    .summary = "take submissions over HTTP, by form and by API, and show what becomes of them; or "
               "serve models (--model)",
    .details =
        "What is accepted is in the database before it is answered; the hub is asked afterwards. "
        "/api documents\n"
        "the API, 'assay token add' makes tokens, /metrics has figures for Prometheus. Workers are "
        "started beside it.\n"
        "SIGTERM ends it within ten seconds; SIGHUP has the policy and the library's tasks read "
        "again (a policy\n"
        "file that changed is read again by itself; one that is no policy doesn't replace the one "
        "before).\n"
        "Whatever HF_TOKEN can read can be submitted by whoever reaches the service: set none, or "
        "one for that.\n"
        "A private board: --private /s/SUITE/ closes it, what is handed in for it and its jobs to "
        "all but tokens\n"
        "with the scope 'read'; 'assay site build --private SUITE' keeps it out of all other "
        "pages. Both are needed.\n"
        "--live MODEL opens a model for visitors: /live/ shows what it says to their texts, "
        "nearest "
        "texts, choices or\n"
        "classes by what it is. Nothing of these texts is kept or logged.\n"
        "script/deploy has examples for nginx and systemd.\n\n"
        "--model MODEL serves models instead, as OpenAI's API has them: /v1/completions (with echo "
        "and logprobs),\n"
        "/v1/chat/completions (streamed, too), /v1/embeddings, /v1/models, /health, /metrics. It "
        "takes no submissions and\n"
        "needs no database: for both start two. Requests that come while others are answered join "
        "at the model's next\n"
        "step, and what prompts begin with alike is computed once; no answer depends on who else "
        "asks. Greedy answers and\n"
        "log-likelihoods are those of 'assay generate' and 'assay score', so that "
        "lm-evaluation-harness and mteb can be\n"
        "pointed here. A decoder writes text; a model whose files say how its vectors are pooled, "
        "or "
        "--pooling, gives\n"
        "vectors. SIGTERM lets what is under way end (--drain-seconds).\n\n"
        "  assay serve --listen 127.0.0.1:8080 --anonymous --site public\n"
        "  assay serve --listen unix:/run/assay/serve.sock --proxy unix --base-url "
        "https://board.example.org\n"
        "  curl -d '{\"model\": \"org/name\", \"suite\": \"wordnet\"}' -H 'Content-Type: "
        "application/json' "
        "\\\n"
        "       -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8080/api/v1/submissions\n"
        "  assay serve --model HuggingFaceTB/SmolLM2-135M-Instruct --port 8000\n"
        "  curl -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' "
        "http://127.0.0.1:8000/v1/chat/completions\n",
    .options = { options_serve, options_serve_models, options_database },
    .run = run,
};
