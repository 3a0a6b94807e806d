/* Help from the command table: the list, a page a command, and the topics that belong to no
 * command. */
#include <string.h>

#include "evaluator/cli/command.h"

const struct option options_global[] = {
    { "help", 'h', NULL, "print this help" },
    { "version", 0, NULL, "print the version and the build" },
    { "verbose", 'v', NULL, "say more on stderr" },
    { "quiet", 'q', NULL, "no progress, only errors on stderr" },
    { "no-progress", 0, NULL, "no progress bars" },
    { "json", 0, NULL, "print one JSON document (errors too)" },
    { NULL, 0, NULL, NULL },
};

static void add_option(struct strbuf *out, const struct option *o) {
    char left[64];
    snprintf(left, sizeof left, "%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
        o->name, o->value ? " " : "", o->value ? o->value : "");
    strbuf_addf(out, "  %-30s %s\n", left, o->help);
}

void help_command(const struct command *c, struct strbuf *out) {
    strbuf_addf(out, "assay %s%s%s\n    %s.\n\n", c->name, c->operands[0] ? " " : "", c->operands,
        c->summary);
    if (c->details) {
        strbuf_addf(out, "%s\n", c->details);
    }
    for (const struct option *const *table = c->options; *table; table++) {
        for (const struct option *o = *table; o->name; o++) {
            add_option(out, o);
        }
    }
    strbuf_adds(out, "\nEvery command:\n");
    for (const struct option *o = options_global; o->name; o++) {
        add_option(out, o);
    }
}

void help_all(struct strbuf *out) {
    strbuf_adds(out,
        "assay: evaluate language models by a fixed procedure, and publish what came out.\n\n");
    bool whole = true;
    for (const struct command *const *c = commands; *c; c++) {
        whole = whole && (*c)->run;
        if (!(*c)->hidden && (*c)->run) {
            strbuf_addf(out, "  %-18s %s\n", (*c)->name, (*c)->summary);
        }
    }
    strbuf_adds(out,
        "\nMODEL is org/name[@revision], a folder with config.json, or a .gguf file (paths begin "
        "with . or /).\n");
    strbuf_adds(
        out, whole ? "Start here:  assay eval MODEL -s wordnet      evaluate a model here and now\n"
                   : "This build is the harness alone: commands that need a database, a hub or "
                     "tasks are not "
                     "in it.\n"
                     "Start here:  assay bench MODEL                how fast a model answers\n");
    strbuf_adds(out,
        "             assay help COMMAND               what a command does, with examples\n"
        "             assay help exit-codes            what the exit codes mean\n"
        "             assay help environment           variables that are read\n");
}

static const char EXIT_CODES[] =
    "Exit codes\n"
    "    0  success\n"
    "    1  other run-time error\n"
    "    2  wrong usage\n"
    "    3  not found: model, task, run, file\n"
    "    4  network, hub or database could not be reached\n"
    "    5  authentication, gated repository, or offline and not cached\n"
    "    6  evaluation failed: unsupported model, bad task, out of memory, not a number\n"
    "    7  integrity: corrupt or malformed file, hash mismatch, unknown schema\n"
    "    8  busy, lease lost, or nothing to do\n"
    "    9  interrupted; what was done is saved\n"
    "   10  a check that was asked for came out negative\n"
    "   75  (assay worker) this machine is sick; a scheduler may start the worker again\n"
    "  130, 143  ended by SIGINT or SIGTERM with nothing to save\n";

static const char ENVIRONMENT[] =
    "Environment\n"
    "  ASSAY_HOME            where Assay keeps its database and state\n"
    "  ASSAY_DATABASE_URL    the database; else DATABASE_URL, PGHOST and the like, else a private "
    "cluster\n"
    "  ASSAY_TASKS           a folder of tasks in place of the built-in ones\n"
    "  ASSAY_LANGUAGES       what script/languages fetched, where it isn't languages/ in "
    "ASSAY_HOME\n"
    "  ASSAY_THREADS         threads for the harness\n"
    "  ASSAY_CUDA_MODULE     the CUDA module, where it does not lie beside the program; empty: "
    "none\n"
    "  ASSAY_CUDA_GRAPHS     0: a GPU does no step as a graph, to see whether a fault comes of "
    "one\n"
    "  ASSAY_CUBLASLT        the library for a GPU's matrix products; empty: none\n"
    "  ASSAY_NCCL            the NCCL library, where the linker doesn't find it; empty: devices "
    "copy\n"
    "                        from each other instead\n"
    "  ASSAY_NO_PACK_CACHE   1: pack a model's weights each time, keep nothing of them on disk\n"
    "  ASSAY_LOG_LEVEL       error, warn, info or debug\n"
    "  ASSAY_NO_PROGRESS     no progress bars\n"
    "  HF_ENDPOINT           the hub: a URL, or the folder of a mirror tree\n"
    "  HF_HOME, HF_HUB_CACHE the hub cache, shared with Python\n"
    "  ASSAY_APIS            the file that says what api: models are (default: apis.lua in the "
    "home)\n"
    "  ASSAY_HUB_CACHE_MAX   make room in the hub cache before a download: 200G, 1.5TiB\n"
    "  HF_TOKEN              for gated repositories; never logged or stored\n"
    "  HF_HUB_OFFLINE        1: use only what is cached\n"
    "  HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT\n"
    "                        seconds without a kilobyte a second after which a download (10), or "
    "an\n"
    "                        answer (60), is given up and asked for again\n"
    "  https_proxy, http_proxy, all_proxy, no_proxy, SSL_CERT_FILE, CURL_CA_BUNDLE\n"
    "                        the way to the hub, and whom to believe on it\n"
    "  SOURCE_DATE_EPOCH     the time that published files carry\n";

bool help_topic(const char *topic, struct strbuf *out) {
    if (!strcmp(topic, "exit-codes")) {
        strbuf_adds(out, EXIT_CODES);
    } else if (!strcmp(topic, "environment")) {
        strbuf_adds(out, ENVIRONMENT);
    } else {
        return false;
    }
    return true;
}

/* How many of the words at argv the command's name takes up; 0 if it is another command. */
static int words_matched(const struct command *c, int argc, char *const *argv) {
    const char *at = c->name;
    for (int i = 0; i < argc; i++) {
        size_t n = strcspn(at, " ");
        if (strlen(argv[i]) != n || memcmp(argv[i], at, n)) {
            return 0;
        }
        at += n;
        if (!*at) {
            return i + 1;
        }
        at++;
    }
    return 0;
}

const struct command *command_find(int argc, char *const *argv, int *used) {
    const struct command *found = NULL;
    *used = 0;
    for (const struct command *const *c = commands; *c; c++) {
        int n = words_matched(*c, argc, argv);
        if (n > *used) {
            *used = n;
            found = *c;
        }
    }
    return found;
}

/* True if `word` is the noun of some "noun verb" command: then its verbs are what can be offered.
 */
static bool list_verbs(const char *word, char *buffer, size_t size) {
    size_t n = strlen(word), used = 0;
    for (const struct command *const *c = commands; *c; c++) {
        if (!(*c)->hidden && !strncmp((*c)->name, word, n) && (*c)->name[n] == ' ' && used < size) {
            used += (size_t)snprintf(
                buffer + used, size - used, "%s%s", used ? ", " : "", (*c)->name + n + 1);
        }
    }
    return used > 0;
}

void help_suggest(int argc, char *const *argv, struct err *err) {
    char verbs[160];
    if (list_verbs(argv[0], verbs, sizeof verbs)) {
        if (argc > 1 && argv[1][0] != '-') {
            err_set(err, ERR_USAGE, "'%s' has no verb '%.40s'", argv[0], argv[1]);
        } else {
            err_set(err, ERR_USAGE, "'%s' needs a verb", argv[0]);
        }
        err_hint(err, "one of: %s", verbs);
        return;
    }
    const char *nearest = NULL;
    unsigned best = 3;
    for (const struct command *const *c = commands; *c; c++) {
        unsigned d = (*c)->hidden ? 3 : edit_distance(argv[0], (*c)->name, 2);
        if (d < best) {
            best = d;
            nearest = (*c)->name;
        }
    }
    err_set(err, ERR_USAGE, "unknown command '%.60s'", argv[0]);
    if (nearest) {
        err_hint(err, "did you mean 'assay %s'?", nearest);
    } else {
        err_hint(err, "'assay help' lists all commands");
    }
}
