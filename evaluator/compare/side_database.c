/* Sides that are in the database: a run by its number, or a model's standing runs. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "db/db.h"
#include "evaluator/compare/side.h"

/* The metric that is compared: the one asked for, if the run has it, else its main one. */
static const json_t *find_metric(const json_t *record, const char *name) {
    const json_t *list = json_object_get(record, "metrics"), *m;
    size_t i;
    json_array_foreach(list, i, m) {
        if (!json_object_get(m, "subset") && !strcmp(json_get_string(m, "name", ""), name)) {
            return m;
        }
    }
    return NULL;
}

static json_t *definition_of(const json_t *tasks, long long id) {
    size_t i;
    json_t *task;
    json_array_foreach(tasks, i, task) {
        if (json_get_int(task, "task_id", 0) == id) {
            return json_object_get(task, "definition");
        }
    }
    return NULL;
}

static void add_run(
    struct side *s, const json_t *run, const json_t *tasks, const struct compare_options *o) {
    static const char *const OWN[] = { "model", "revision", "task", "task_sha256", "data_sha256",
        "kind", "dtype", "n", "run_id", "finished_at", NULL };
    static const char *const CONFIG[] = { "profile", "template", "shots", "limit", "seed", NULL };
    const json_t *record = json_object_get(run, "record");
    const char *metric = o->metric ? o->metric : json_get_string(run, "main", "");
    const json_t *m = find_metric(record, metric);
    json_t *facts = json_pack("{s:s}", "metric", metric);
    copy_facts(facts, run, OWN);
    copy_facts(facts, json_object_get(run, "config"), CONFIG);
    if (json_get_int(facts, "seed", 0) == 0) {
        json_object_del(facts, "seed"); /* the protocol's own, whichever that was */
    }
    copy_facts(facts, record,
        (const char *const[]) { "shots", "seed", "add_bos", "scores", "declared_subsets", NULL });
    json_object_set(facts, "version", json_object_get(run, "task_version"));
    if (m) {
        copy_facts(facts, m, (const char *const[]) { "value", "stderr", NULL });
    }
    json_object_set_new(facts, "higher_is_better",
        json_boolean(metric_rule_of(metric, json_get_string(run, "main", ""),
            definition_of(tasks, json_get_int(run, "task_id", 0)))
                         .higher));
    side_add(s, facts, NULL, json_get_int(run, "run_id", 0));
}

static bool query_json(struct db *db, const char *statement, const struct db_arg *args, size_t n,
    json_t **out, struct err *err) {
    struct rows rows = { 0 };
    *out = db_query(db, statement, args, n, &rows, err) ? rows_to_json(&rows, err) : NULL;
    rows_release(&rows);
    return *out != NULL;
}

static bool is_number(const char *name) {
    size_t n = strspn(name, "0123456789");
    return n > 0 && n < 19 && !name[n];
}

/* org/name@rev: the name, and where the revision begins ("" for none). */
static char *split_revision(const char *name, const char **revision) {
    const char *at = strchr(name, '@');
    *revision = at ? at + 1 : "";
    return xstrndup(name, at ? (size_t)(at - name) : strlen(name));
}

/* Runs come newest first: unless a revision is named, the newest one's are the model's. */
static void add_standing(struct side *s, const json_t *runs, const json_t *tasks,
    const char *revision, const struct compare_options *o) {
    char newest[80] = "";
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) {
        const char *own = json_get_string(run, "revision", "");
        if (!json_get_bool(run, "current", false) || strncmp(own, revision, strlen(revision))) {
            continue;
        }
        if (!*newest) {
            snprintf(newest, sizeof newest, "%s", own);
        }
        if (!strcmp(own, newest)) {
            add_run(s, run, tasks, o);
        }
    }
}

static bool take_runs(struct side *s, const char *name, const json_t *tasks,
    const struct compare_options *o, struct err *err) {
    const char *revision;
    char *model = split_revision(name, &revision);
    bool number = is_number(name);
    json_t *runs = NULL;
    bool ok = query_json(s->db, "site_runs",
        number ? (const struct db_arg[]) { db_null(), db_null(), db_int(atoll(name)) }
               : (const struct db_arg[]) { db_text(model), db_null(), db_null() },
        3, &runs, err);
    if (ok && number && json_array_size(runs)) {
        add_run(s, json_array_get(runs, 0), tasks, o);
    } else if (ok && !number) {
        add_standing(s, runs, tasks, revision, o);
    }
    json_decref(runs);
    free(model);
    return ok;
}

bool side_from_database(
    struct side *s, const char *name, const struct compare_options *o, struct err *err) {
    json_t *tasks = NULL;
    bool ok = query_json(s->db, "site_tasks", DB_NO_ARGS, &tasks, err) &&
              take_runs(s, name, tasks, o, err);
    json_decref(tasks);
    if (ok && s->n == 0) {
        ok = err_set(err, ERR_NOT_FOUND,
            is_number(name) ? "there is no run %s" : "there are no results of '%s'", name);
        err_hint(err, "'assay result ls' lists what there is; there is no file or folder of that "
                      "name either");
    }
    return ok;
}
