/* Results to the database, and models and tasks as a submission names them (see report.h). */
#include "evaluator/cli/report.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "db/db.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"
#include "evaluator/remote/remote.h"
#include "evaluator/task/task.h"
#include "evaluator/worker/worker.h"
#include "harness/harness.h"
#include "version.h"

struct run_store {
    struct db *db;
    const struct args *args;
    char *model_name; /* of the model that was stored last */
    json_t *model;
};

/* What has no place in a configuration would make a run look like another one. */
static bool check_comparable(const struct args *args, struct err *err) {
    static const char *const APART[] = { "add-bos", "arch", "gemm", "subset" };
    for (size_t i = 0; i < sizeof APART / sizeof *APART; i++) {
        if (args_has(args, APART[i])) {
            err_set(err, ERR_USAGE, "a run with --%s is not stored", APART[i]);
            return err_hint(err, "add --no-db: its result is printed, and kept with --out");
        }
    }
    return true;
}

struct run_store *report_store_open(
    const char *database, const struct args *args, struct err *err) {
    if (!check_comparable(args, err)) {
        return NULL;
    }
    struct db_options options = { .conninfo = database };
    struct db *db = db_open(&options, err);
    if (!db) {
        err_hint(err, "--no-db evaluates without a database");
        return NULL;
    }
    struct run_store *s = xcalloc(1, sizeof *s);
    s->db = db;
    s->args = args;
    return s;
}

void report_store_close(struct run_store *s) {
    if (s) {
        db_close(s->db);
        json_decref(s->model);
        free(s->model_name);
        free(s);
    }
}

/* ---- models ---- */

/* What a submission asks about: the same as hub_model_facts says of a repository, and where it
 * lies. */
static json_t *local_manifest(const char *path, const json_t *described) {
    json_t *abilities = json_array();
    if (json_is_object(json_object_get(described, "modules"))) {
        json_array_append_new(abilities, json_string("embed"));
    }
    if (json_is_true(json_object_get(described, "causal"))) {
        json_array_append_new(abilities, json_string("score"));
    }
    return json_pack("{s:s, s:s, s:b, s:o}", "path", path, "format",
        json_get_string(described, "format", ""), "gated", 0, "abilities", abilities);
}

/* local/<base name>, in the grammar of the hub's names: what else a path holds becomes '_'. */
static void local_name(const char *full, char name[80]) {
    size_t n = (size_t)snprintf(name, 80, "local/%.64s", path_base(full));
    for (size_t i = strlen("local/"); i < n; i++) {
        bool plain = isalnum((unsigned char)name[i]) || name[i] == '_';
        bool mark =
            strchr(".-", name[i]) && i + 1 < n && name[i] != name[i - 1] && name[i - 1] != '/';
        name[i] = plain || mark ? name[i] : '_';
    }
}

static json_t *local_model(const char *path, const char *commit, struct err *err) {
    char hex[65], name[80];
    snprintf(hex, sizeof hex, "%s", commit ? commit : "");
    char *full = realpath(path, NULL);
    json_t *described = full ? model_describe(full, NULL, err) : NULL, *model = NULL;
    if (!full) {
        err_errno(err, ERR_NOT_FOUND, "could not find '%s'", path);
    } else if (described && (commit || hub_model_commit(NULL, full, full, hex, err))) {
        local_name(full, name);
        model = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:I, s:I, s:o}", "name", name, "kind",
            "local", "requested", path, "commit", hex, "architecture",
            json_get_string(described, "architecture", NULL), "dtype",
            json_get_string(described, "weight_dtype", NULL), "params",
            (json_int_t)json_get_int(described, "parameters", 0), "size_bytes",
            (json_int_t)json_get_int(described, "weight_bytes", 0), "manifest",
            local_manifest(full, described));
    }
    json_decref(described);
    free(full);
    return model;
}

static json_t *hub_model(const char *hub, const char *name, struct err *err) {
    json_t *facts = hub_model_facts(hub, name, err);
    if (!facts) {
        return NULL;
    }
    json_t *model =
        json_pack("{s:s, s:s, s:s, s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:{s:O, s:O, s:O, s:O}}",
            "name", json_get_string(facts, "repo", ""), "kind", "hub", "requested", name, "commit",
            json_get_string(facts, "revision", ""), "licence", json_object_get(facts, "licence"),
            "architecture", json_object_get(facts, "architecture"), "dtype",
            json_object_get(facts, "dtype"), "params", json_object_get(facts, "parameters"),
            "size_bytes", json_object_get(facts, "bytes"), "card", json_object_get(facts, "card"),
            "hub", json_object_get(facts, "hub"), "manifest", "files",
            json_object_get(facts, "files"), "format", json_object_get(facts, "format"), "gated",
            json_object_get(facts, "gated"), "abilities", json_object_get(facts, "abilities"));
    json_decref(facts);
    return model;
}

/* org/name@commit, whatever revision was asked for. */
static char *at_commit(const char *model, const char *commit) {
    struct strbuf name = { 0 };
    strbuf_add(&name, model, commit ? strcspn(model, "@") : strlen(model));
    if (commit) {
        strbuf_addf(&name, "@%s", commit);
    }
    return strbuf_take(&name);
}

/* api/NAME at the hash of what is asked: nobody says which revision answers. */
static json_t *api_model(const struct args *args, const char *model, struct err *err) {
    struct apis apis = { 0 };
    json_t *json = NULL;
    char *path = apis_path(args_get(args, "apis", NULL), err), hex[65], name[80];
    const struct api *api =
        path && apis_read(&apis, path, err) ? apis_find(&apis, path, model, err) : NULL;
    if (api) {
        char *host = api_host(api);
        api_identity(api, hex);
        snprintf(name, sizeof name, "api/%.64s", api->name);
        json = json_pack("{s:s, s:s, s:s, s:s, s:{s:{s:s, s:s, s:s, s:s}}}", "name", name, "kind",
            "api", "requested", model, "commit", hex, "manifest", "remote", "kind",
            api_kind_name(api->kind), "speaks", api_speaks_name(api->speaks), "host", host, "model",
            api->model);
        free(host);
    }
    apis_release(&apis);
    free(path);
    return json;
}

json_t *submission_model(const char *hub, const char *model, const char *commit, struct err *err) {
    if (remote_is_name(model)) {
        err_set(err, ERR_UNSUPPORTED, "'%.100s' is a remote model, which is not queued", model);
        err_hint(
            err, "'assay eval %.100s' asks it here and now, and stores what comes of it", model);
        return NULL;
    }
    if (!hub_is_path(model)) {
        char *name = at_commit(model, commit);
        json_t *facts = hub_model(hub, name, err);
        if (facts && !strchr(json_get_string(facts, "name", ""), '/')) {
            err_set(err, ERR_UNSUPPORTED, "the database knows models by owner and name, not '%s'",
                model);
            err_hint(err, "the hub's first models have an owner by now, as openai-community/gpt2");
            json_decref(facts);
            facts = NULL;
        }
        if (facts) {
            json_object_set_new(facts, "requested", json_string(model));
        }
        free(name);
        return facts;
    }
    char *path = hub_model_path(hub, model, err); /* a folder may stand for its only .gguf file */
    json_t *local = path ? local_model(path, commit, err) : NULL;
    free(path);
    return local;
}

/* ---- tasks ---- */

json_t *submission_task(const struct task *task, const json_t *wanted) {
    const struct task_info *info = task_info(task);
    json_t *config = json_pack("{s:s, s:I, s:I, s:I}", "profile",
        json_get_string(wanted, "profile", info->profile), "shots",
        (json_int_t)json_get_int(wanted, "shots", info->shots), "limit",
        (json_int_t)json_get_int(wanted, "limit", info->limit), "seed",
        (json_int_t)json_get_int(wanted, "seed", 0));
    json_t *precision = json_object_get(wanted, "precision");
    if (precision) {
        json_object_set(config, "precision", precision);
    }
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:O*, s:o}", "name", info->name, "version",
        (json_int_t)info->version, "sha256", info->task_sha256, "kind", task_kind_name(info->kind),
        "main", info->main, "definition", info->described, "config", config);
}

/* ---- storing ---- */

bool report_samples(
    struct db *db, const char *text, size_t n, long long *set, json_t *index, struct err *err) {
    for (int number = 0; n; number++) {
        int lines;
        size_t len = samples_cut(text, n, &lines);
        struct chunk chunk = { 0 };
        bool ok = chunk_pack(&chunk, number, lines, ASSAY_BUILD, text, len, err) &&
                  run_chunk(db, set, &chunk, err);
        json_array_append_new(
            index, json_pack("{s:i, s:s}", "chunk", number, "sha256", chunk.sha256));
        chunk_release(&chunk);
        if (!ok) {
            return false;
        }
        text += len;
        n -= len;
    }
    return true;
}

/* What was evaluated, at the commit that the result says: a branch may have moved on since. */
static bool know_model(
    struct run_store *s, const char *model, const char *commit, struct err *err) {
    if (s->model && !strcmp(s->model_name, model)) {
        return true;
    }
    json_decref(s->model);
    free(s->model_name);
    s->model_name = xstrdup(model);
    s->model = remote_is_name(model)
                   ? api_model(s->args, model, err)
                   : submission_model(args_get(s->args, "hub", NULL), model, commit, err);
    return s->model != NULL;
}

/* The configuration that a result was made under: what was asked for, and what the task settled. */
static json_t *asked_of(const struct args *args, const json_t *result) {
    static const char *const SETTLED[] = { "shots", "limit", "profile", "template" };
    json_t *wanted = json_object();
    for (size_t i = 0; i < sizeof SETTLED / sizeof *SETTLED; i++) {
        json_t *v = json_object_get(result, SETTLED[i]);
        if (v) {
            json_object_set(wanted, SETTLED[i], v);
        }
    }
    const char *seed = args_get(args, "seed", NULL), *dtype = args_get(args, "dtype", "auto");
    long long drawn = json_get_int(result, "seed", TASK_SEED);
    if (args_has(args, "spread") && drawn != TASK_SEED) {
        json_object_set_new(wanted, "seed", json_integer(drawn));
    } else if (seed) {
        json_object_set_new(wanted, "seed", json_integer(strtol(seed, NULL, 10)));
    }
    if (strcmp(dtype, "auto")) {
        json_object_set_new(wanted, "precision", json_string(dtype));
    }
    return wanted;
}

bool report_store_as(struct run_store *s, const struct report_as *as, const char *model,
    const json_t *result, const char *samples, size_t n, long long *run, struct err *err) {
    long long set = 0;
    bool created;
    json_t *index = json_array(), *request = NULL, *record = NULL, *command = NULL;
    char *text = NULL;
    const char *path = json_get_string(result, "task_path", "");
    const char *name =
        file_exists(path) ? path : json_get_string(result, "task", ""); /* or built in */
    const char *commit = json_get_string(result, "revision", NULL);
    struct task *task =
        know_model(s, model, commit, err) ? task_describe_named(s->args, name, err) : NULL;
    bool ok = task && report_samples(s->db, samples, n, &set, index, err);
    if (ok) {
        json_t *described = submission_task(task, as->config);
        command = record_command(model, hub_is_path(model) ? NULL : commit, result);
        record = record_from_result(result, index, command, NULL);
        request = json_pack("{s:O, s:o, s:O, s:s}", "model", s->model, "task", described, "config",
            json_object_get(described, "config"), "purpose", as->purpose);
        text = record ? record_text(record, err) : NULL;
        ok = record || err_set(err, ERR_UNSUPPORTED,
                           "task '%s' has no overall value without all of its subsets", name);
        ok = ok && text && run_record(s->db, request, text, set, run, &created, err);
    }
    free(text);
    json_decref(record);
    json_decref(command);
    json_decref(request);
    json_decref(index);
    task_free(task);
    return ok;
}

bool report_store(struct run_store *s, const char *model, const json_t *result, const char *samples,
    size_t n, struct err *err) {
    long long run;
    json_t *config = asked_of(s->args, result);
    bool ok = report_store_as(
        s, &(struct report_as) { "eval", config }, model, result, samples, n, &run, err);
    json_decref(config);
    return ok;
}
