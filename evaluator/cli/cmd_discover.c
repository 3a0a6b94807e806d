/* assay queue discover: what a hub has and this board has not. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "evaluator/cli/admission.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/submission.h"
#include "evaluator/cli/table.h"
#include "evaluator/hub/hub.h"

static const struct option options_discover[] = {
    { "suite", 's', "S", "the suite to run" },
    { "library", 0, "NAME", "only models for this library, as sentence-transformers" },
    { "sort", 0, "ORDER", "trending (default), downloads, likes or created: the most first" },
    { "license", 0, "LIST", "only under these licences, with commas: apache-2.0,mit" },
    { "max-params", 0, "N", "no larger than this, as 8B or 350M" },
    { "limit", 'l', "N", "submit no more than N (default 10)" },
    { "scan", 0, "N", "look at no more than N of the listing (default 1000)" },
    { "priority", 0, "N", "0 (first) to 9; default 7" },
    { "dry-run", 0, NULL, "say what would be submitted, and submit nothing" },
    { "hub", 0, "DIR|URL", "the hub (default: HF_ENDPOINT)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    OPTION_POLICY,
    { NULL, 0, NULL, NULL },
};

#define UNREACHED_MAX 3 // so many models in a row that the hub does not answer for: it is away

struct discovery {
    const struct args *args;
    struct db *db;
    const char *suite;
    json_t *described;                                           /* the suite */
    double max_params;                                           /* 0: any */
    unsigned long limit, scan, n_seen, n_submitted, n_unreached; /* the last: in a row */
    json_t *seen;                                                /* names: true */
    struct submission_by by;
    json_t *models; /* [{"model", "answer", "why"?}] */
};

/* ---- options ---- */

/* "8B", "350M", "1.5e9". */
static bool parse_params(const char *text, double *params, struct err *err) {
    static const char UNITS[] = "KMBT";
    char *end;
    *params = text ? strtod(text, &end) : 0;
    if (!text) {
        return true;
    }
    const char *unit = *end ? strchr(UNITS, *end & ~0x20) : NULL;
    for (const char *u = UNITS; unit && u <= unit; u++) {
        *params *= 1000;
    }
    return (end != text && *params > 0 && !end[unit != NULL]) ||
           err_set(err, ERR_USAGE, "'%s' is no number of parameters, as 8B is", text);
}

/* ---- what the listing tells already ---- */

static bool licence_wanted(const struct discovery *d, const json_t *entry) {
    char *wanted;
    bool any = false, fits = false;
    for (unsigned k = 0; (wanted = args_item(d->args, "license", k)); k++) {
        size_t i;
        json_t *tag;
        any = true;
        json_array_foreach(json_object_get(entry, "tags"), i, tag) {
            const char *text = json_string_value(tag);
            fits = fits || (text && !strncmp(text, "license:", 8) && !strcmp(text + 8, wanted));
        }
        free(wanted);
    }
    return !any || fits;
}

static bool size_wanted(const struct discovery *d, const json_t *entry) {
    static const char *const FORMATS[] = { "safetensors", "gguf" };
    for (size_t i = 0; d->max_params > 0 && i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (json_get_number(json_object_get(entry, FORMATS[i]), "total", 0) > d->max_params) {
            return false;
        }
    }
    return true;
}

static void note(struct discovery *d, const char *model, const char *answer, const char *why) {
    json_array_append_new(
        d->models, json_pack("{s:s, s:s, s:s*}", "model", model, "answer", answer, "why", why));
}

/* Known here already: submitted for this suite, held, or decided against. */
static bool is_known(struct discovery *d, const char *model, bool *known, struct err *err) {
    struct rows rows = { 0 };
    bool ok =
        db_query(d->db, "discover_known", DB_ARGS(db_text(model), db_text(d->suite)), &rows, err);
    *known = ok && rows.n > 0;
    if (*known) {
        note(d, model, "known", rows_text(&rows, 0, "why"));
    }
    rows_release(&rows);
    return ok;
}

/* ---- one model ---- */

/* What the model's files tell that the listing did not. */
static bool too_large(const struct discovery *d, const json_t *request) {
    double params = json_get_number(json_object_get(request, "model"), "params", 0);
    return d->max_params > 0 && params > d->max_params;
}

static bool submit(struct discovery *d, const char *model, struct err *err) {
    struct err why = ERR_INIT;
    json_t *request = submission_make(d->args, model, d->described, &d->by, &why);
    bool ok = true;
    d->n_unreached = !request && why.class == ERR_NETWORK ? d->n_unreached + 1 : 0;
    if (!request &&
        (why.class == ERR_DB || why.class == ERR_SCHEMA || d->n_unreached == UNREACHED_MAX)) {
        *err = why;
        return false;
    }
    if (!request) {
        note(d, model,
            why.class == ERR_BUSY      ? "held"
            : why.class == ERR_NETWORK ? "not reached"
                                       : "refused",
            why.msg);
    } else if (too_large(d, request)) {
        note(d, model, "unwanted", "size");
    } else {
        json_t *answer = d->by.look_only ? json_object() : db_submit(d->db, request, err);
        ok = answer != NULL;
        note(d, model, d->by.look_only ? "would be submitted" : "submitted", NULL);
        d->n_submitted++;
        json_decref(answer);
    }
    json_decref(request);
    return ok;
}

static bool found(const json_t *entry, void *arg, bool *go_on, struct err *err) {
    struct discovery *d = arg;
    const char *model = json_get_string(entry, "id", "");
    bool known = false, ok = true;
    if (json_object_get(d->seen, model)) {
        return true;
    }
    json_object_set_new(d->seen, model, json_true());
    if (!licence_wanted(d, entry)) {
        note(d, model, "unwanted", "licence");
    } else if (!size_wanted(d, entry)) {
        note(d, model, "unwanted", "size");
    } else {
        ok = is_known(d, model, &known, err) && (known || submit(d, model, err));
    }
    d->n_seen++;
    *go_on = d->n_submitted < d->limit && d->n_seen < d->scan;
    return ok || err_wrap(err, "at '%s'", model);
}

/* ---- the command ---- */

static void print_found(const struct discovery *d) {
    struct table *t = table_new("Model", "Answer", "Why", NULL);
    size_t i;
    json_t *m;
    json_array_foreach(d->models, i, m) {
        const char *answer = json_get_string(m, "answer", "");
        if (strcmp(answer, "unwanted") && strcmp(answer, "known")) {
            table_cell(t, json_get_string(m, "model", ""));
            table_cell(t, answer);
            table_cellf(t, "%.100s", json_get_string(m, "why", ""));
        }
    }
    table_print(t, false);
    printf("%lu looked at, %lu %s\n", d->n_seen, d->n_submitted,
        d->by.look_only ? "would be submitted" : "submitted");
}

static void print_all(const struct discovery *d) {
    if (!args_has(d->args, "json")) {
        print_found(d);
        return;
    }
    json_t *document = json_pack("{s:s, s:s, s:I, s:I, s:O}", "schema", "assay.discover/1", "suite",
        d->suite, "seen", (json_int_t)d->n_seen, "submitted", (json_int_t)d->n_submitted, "models",
        d->models);
    print_document(document, true);
    json_decref(document);
}

static bool read_options(struct discovery *d, struct err *err) {
    unsigned long priority;
    if (!args_has(d->args, "suite")) {
        err_set(err, ERR_USAGE, "no suite given");
        return err_hint(err, "name one with --suite S; 'assay suite ls' lists them");
    }
    d->suite = args_get(d->args, "suite", "");
    if (!parse_params(args_get(d->args, "max-params", NULL), &d->max_params, err) ||
        !args_get_uint(d->args, "limit", 10, 100000, &d->limit, err) ||
        !args_get_uint(d->args, "scan", 1000, 1000000, &d->scan, err) ||
        !args_get_uint(d->args, "priority", 7, 9, &priority, err)) {
        return false;
    }
    d->by = (struct submission_by) { .submitter = "discover",
        .priority = (int)priority,
        .look_only = args_has(d->args, "dry-run") };
    return true;
}

static bool run(const struct args *args, struct err *err) {
    struct discovery d = { .args = args, .models = json_array(), .seen = json_object() };
    bool ok = read_options(&d, err) && (d.db = database_open(args, err)) &&
              (d.described = submission_suite(args, err));
    d.by.db = d.db;
    struct hub_query query = { .hub = args_get(args, "hub", NULL),
        .library = args_get(args, "library", NULL),
        .sort = args_get(args, "sort", "trending"),
        .found = found,
        .arg = &d };
    ok = ok && hub_models(&query, err);
    if (d.described) {
        print_all(&d); // what was submitted before an error was, too
    }
    json_decref(d.described);
    json_decref(d.models);
    json_decref(d.seen);
    db_close(d.db);
    return ok;
}

const struct command cmd_queue_discover = {
    .name = "queue discover",
    .operands = "",
    .summary = "submit models that the hub lists and this board has not",
    .details =
        "Policy is asked of each, as of any other; what it holds waits for a person. Models that\n"
        "were submitted for the suite before, at whatever revision, are left out: 'nightly' looks\n"
        "after those.\n\n"
        "  assay queue discover -s mteb-eng-v2 --library sentence-transformers --sort trending \\\n"
        "      --license apache-2.0,mit --max-params 8B --limit 20 --dry-run\n",
    .options = { options_discover, options_database },
    .run = run,
};
