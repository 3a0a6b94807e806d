/* The views of all pages but the board (view.h). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "site-gen/items.h"
#include "site-gen/shelf.h"
#include "site-gen/stow.h"
#include "site-gen/training.h"
#include "site-gen/view.h"

#define NEWEST_SHOWN 12
#define RUNS_SHOWN 20 /* the newest of a model; of others those that have a page */

static bool is_text(const json_t *row, const char *key, const char *value) {
    return strcmp(json_get_string(row, key, ""), value) == 0;
}

static const json_t *definition_of(const struct world *w, const json_t *run) {
    return json_object_get(world_task(w, json_get_int(run, "task_id", 0)), "definition");
}

/* The main metric of a run or a task. */
static json_t *main_view(const json_t *of, const json_t *definition) {
    const char *metric = json_get_string(of, "main", "");
    return metric_view(metric, metric, definition);
}

json_t *run_line(const struct world *w, const json_t *run) {
    static const char *const COPIED[] = { "run_id", "finished_at", "purpose", "dtype", "backend",
        "current", "superseded_at", "superseded_why", "revision", "origin", NULL };
    const char *model = json_get_string(run, "model", "");
    json_t *line = json_pack("{s:o, s:o, s:o, s:o, s:o}", "model", model_ref(w, model), "task",
        task_ref(json_get_string(run, "task", "")), "figure", figure_view(run), "metric",
        main_view(run, definition_of(w, run)), "path",
        run_path(w, model, json_get_int(run, "run_id", 0)));
    copy_fields(line, run, COPIED);
    mark_dtype(line, run);
    return line;
}

/* ---- index ---- */

static json_t *leader_view(const json_t *section) {
    const json_t *rows = json_object_get(section, "rows");
    long long tied = 0;
    size_t i;
    json_t *row, *leader = NULL;
    json_array_foreach(rows, i, row) {
        if (json_get_int(row, "rank", 0) == 1 && json_object_get(row, "mean") && !leader)
            leader = json_pack("{s:O, s:O, s:O*}", "model", json_object_get(row, "model"), "mean",
                json_object_get(row, "mean"), "mark", json_object_get(row, "mark"));
        else
            tied += json_get_int(row, "rank_low", 0) == 1;
    }
    if (leader) {
        json_object_set_new(leader, "tied", json_integer(tied));
        copy_field(leader, json_array_get(rows, 0), "params");
    }
    return leader;
}

static json_t *card_view(const json_t *board) {
    static const char *const COPIED[] = { "suite", "title", "path", "description", "n_tasks",
        "n_models", "updated_at", NULL };
    json_t *card = json_object(), *sections = json_array(), *section;
    size_t i;
    copy_fields(card, board, COPIED);
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        static const char *const PART[] = { "id", "title", "n_ranked", NULL };
        json_t *part = json_object(), *leader = leader_view(section);
        copy_fields(part, section, PART);
        if (leader)
            json_object_set_new(part, "leader", leader);
        json_array_append_new(sections, part);
    }
    json_object_set_new(card, "sections", sections);
    return card;
}

json_t *view_index(const struct world *w, const json_t *boards) {
    json_t *cards = json_array(), *newest = json_array(), *board, *run;
    size_t i;
    json_t *runs = w->shelf ? shelf_newest(w->shelf, NEWEST_SHOWN)
                            : json_incref((json_t *)(uintptr_t)world_list(w, "runs"));
    json_array_foreach(boards, i, board) json_array_append_new(cards, card_view(board));
    json_array_foreach(runs, i, run) { /* newest first */
        if (json_get_bool(run, "current", false) && json_array_size(newest) < NEWEST_SHOWN)
            json_array_append_new(newest, run_line(w, run));
    }
    json_decref(runs);
    return json_pack("{s:s, s:o, s:o, s:i, s:i}", "schema", "assay.site.index/1", "suites", cards,
        "newest", newest, "n_models", (int)json_object_size(w->models), "n_runs", (int)w->n_runs);
}

/* ---- models ---- */

static json_t *revision_view(const json_t *row) {
    static const char *const COPIED[] = { "revision", "licence", "architecture", "dtype", "params",
        "size_bytes", "created_at", "n_runs", "newest", NULL };
    json_t *out = json_object();
    copy_fields(out, row, COPIED);
    return out;
}

json_t *view_models(const struct world *w) {
    json_t *list = json_array(), *revisions;
    const char *name;
    json_object_foreach(w->models, name, revisions) {
        json_t *row = revision_view(json_array_get(revisions, json_array_size(revisions) - 1));
        json_object_set_new(row, "model", model_ref(w, name));
        json_array_append_new(list, row);
    }
    json_t *withdrawn = json_array(), *stone;
    size_t i;
    json_array_foreach(world_list(w, "tombstones"), i, stone)
        json_array_append_new(withdrawn, view_tombstone(w, stone));
    return json_pack(
        "{s:s, s:o, s:o}", "schema", "assay.site.models/1", "models", list, "withdrawn", withdrawn);
}

static void add_place(json_t *index, json_t *board, json_t *section, json_t *row) {
    const char *path = json_get_string(json_object_get(row, "model"), "path", "");
    json_t *list = json_object_get(index, path);
    if (!list) {
        list = json_array();
        json_object_set_new(index, path, list);
    }
    json_array_append_new(
        list, json_pack("{s:O, s:O, s:O}", "board", board, "section", section, "row", row));
}

json_t *standings_index(const json_t *boards) {
    json_t *index = json_object(), *board, *section, *row;
    size_t i, k, j;
    json_array_foreach(boards, i, board) {
        json_array_foreach(json_object_get(board, "sections"), k, section) {
            json_array_foreach(json_object_get(section, "rows"), j, row)
                add_place(index, board, section, row);
        }
    }
    return index;
}

json_t *section_said(const json_t *place) {
    const json_t *section = json_object_get(place, "section"),
                 *board = json_object_get(place, "board");
    return json_pack("{s:O*, s:O, s:O, s:O, s:O}", "suite", json_object_get(board, "title"), "path",
        json_object_get(board, "path"), "section", json_object_get(section, "title"), "n_ranked",
        json_object_get(section, "n_ranked"), "tasks", json_object_get(section, "tasks"));
}

json_t *row_said(const json_t *place) {
    json_t *row = json_copy(json_object_get(place, "row"));
    json_object_del(row, "tier");
    json_object_del(row, "tier_number");
    return row;
}

/* Rows of one section, which lie side by side in the index, with the columns they belong to. */
static json_t *standings_view(const json_t *places) {
    json_t *out = json_array(), *place, *standing = NULL;
    const json_t *last = NULL;
    size_t i;
    json_array_foreach(places, i, place) {
        if (json_object_get(place, "section") != last) {
            standing = section_said(place);
            json_object_set_new(standing, "rows", json_array());
            json_array_append_new(out, standing);
        }
        json_t *row = row_said(place);
        json_array_append_new(json_object_get(standing, "rows"), row_unstowed(row));
        json_decref(row);
        last = json_object_get(place, "section");
    }
    return out;
}

static json_t *jobs_view(const struct world *w, const char *model) {
    static const char *const COPIED[] = { "state", "error_class", "error", "attempt", "job_id",
        NULL };
    json_t *out = json_array(), *job;
    size_t i;
    json_array_foreach(world_list(w, "queue"), i, job) {
        if (is_text(job, "model", model) && !is_text(job, "state", "done")) {
            json_t *line = json_pack("{s:o}", "task", task_ref(json_get_string(job, "task", "")));
            copy_fields(line, job, COPIED);
            json_array_append_new(out, line);
        }
    }
    return out;
}

static json_t *hub_link(const struct world *w, const char *name, const json_t *revision) {
    if (!w->hub_url || !is_text(revision, "kind", "hub"))
        return NULL;
    return json_sprintf(
        "%s/%s/tree/%s", w->hub_url, name, json_get_string(revision, "revision", "main"));
}

json_t *view_tombstone(const struct world *w, const json_t *stone) {
    json_t *page = json_pack("{s:s, s:o, s:s}", "schema", "assay.site.tombstone/1", "model",
        model_ref(w, json_get_string(stone, "model", "")), "reason",
        json_get_string(stone, "reason", ""));
    copy_field(page, stone, "withdrawn_at");
    return page;
}

/* A card names one base model or several. */
static json_t *base_models(const json_t *revision) {
    const json_t *said = json_object_get(json_object_get(revision, "card"), "base_model");
    json_t *list = json_array(), *one;
    size_t i;
    if (json_is_string(said))
        json_array_append(list, (json_t *)(uintptr_t)said);
    json_array_foreach(said, i, one) {
        if (json_is_string(one) && json_array_size(list) < 8)
            json_array_append(list, one);
    }
    return list;
}

/* Those under other names that have its files, or its tensors, and no results of their own. */
static json_t *copies_view(const struct world *w, const char *name) {
    json_t *list = json_array(), *row;
    size_t i;
    json_array_foreach(world_list(w, "copies"), i, row) {
        if (!strcmp(json_get_string(row, "of_model", ""), name))
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "model", json_get_string(row, "model", ""),
                          "revision", json_get_string(row, "of_commit", "")));
    }
    return list;
}

static const char *original_of(const struct world *w, const char *name) {
    json_t *row;
    size_t i;
    json_array_foreach(world_list(w, "copies"), i, row) {
        if (!strcmp(json_get_string(row, "model", ""), name))
            return json_get_string(row, "of_model", NULL);
    }
    return NULL;
}

/* Of a model behind an endpoint, as its newest run has it; NULL for others. */
static json_t *remote_of(const struct world *w, const char *name) {
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(w->runs_of, name), i, run) {
        json_t *remote = json_object_get(json_object_get(run, "record"), "remote");
        if (json_is_object(remote))
            return remote;
    }
    return NULL;
}

json_t *view_model(const struct world *w, const char *name, const json_t *standings) {
    json_t *revisions = json_array(), *runs = json_array(), *row, *ref = model_ref(w, name);
    const json_t *all = json_object_get(w->models, name);
    size_t i;
    for (i = json_array_size(all); i-- > 0;)
        json_array_append_new(revisions, revision_view(json_array_get(all, i)));
    long long left_out = 0;
    json_array_foreach(json_object_get(w->runs_of, name), i, row) {
        bool shown = i < RUNS_SHOWN || has_page(w, json_get_int(row, "run_id", 0));
        if (shown)
            json_array_append_new(runs, run_line(w, row));
        left_out += !shown;
    }
    const json_t *newest = json_array_get(all, json_array_size(all) - 1);
    json_t *page = json_pack("{s:s, s:o, s:O, s:o, s:o, s:o, s:o, s:o*}", "schema",
        "assay.site.model/1", "model", ref, "facts", json_array_get(revisions, 0), "revisions",
        revisions, "standings",
        standings_view(json_object_get(standings, json_get_string(ref, "path", ""))), "runs", runs,
        "jobs", jobs_view(w, name), "hub", hub_link(w, name, newest));
    if (left_out)
        json_object_set_new(page, "n_left_out", json_integer(left_out));
    json_object_set_new(page, "history", history_view(w, name));
    const char *original = original_of(w, name);
    copy_field(page, newest, "card");
    if (remote_of(w, name))
        json_object_set(page, "remote", remote_of(w, name));
    json_object_set_new(page, "base_models", base_models(newest));
    json_object_set_new(page, "training", training_view(w, newest));
    json_object_set_new(page, "copies", copies_view(w, name));
    if (original && json_object_get(w->models, original))
        json_object_set_new(page, "copy_of", model_ref(w, original));
    return page;
}

/* ---- runs ---- */

/* An argument as a shell reads it. */
static void add_quoted(struct strbuf *out, const char *s) {
    if (*s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          "@%+=:,./_-")] == '\0') {
        strbuf_adds(out, s);
        return;
    }
    strbuf_addc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            strbuf_adds(out, "'\\''");
        else
            strbuf_addc(out, *s);
    }
    strbuf_addc(out, '\'');
}

static void add_option(struct strbuf *out, const char *option, const json_t *config,
    const char *key, long long unless) {
    long long v = json_get_int(config, key, unless);
    if (v != unless)
        strbuf_addf(out, " %s %lld", option, v);
}

/* What reproduces the run: what the record says was run, else the same said by its facts. */
static json_t *command_view(const json_t *run) {
    const json_t *said = json_object_get(json_object_get(run, "record"), "command"), *arg;
    const json_t *config = json_object_get(run, "config");
    struct strbuf out = { 0 };
    size_t i;
    json_array_foreach(said, i, arg) {
        strbuf_adds(&out, i ? " " : "");
        add_quoted(&out, json_is_string(arg) ? json_string_value(arg) : "");
    }
    if (out.len == 0) {
        strbuf_adds(&out, "assay eval ");
        struct strbuf model = { 0 };
        strbuf_addf(&model, "%s@%s", json_get_string(run, "model", ""),
            json_get_string(run, "revision", ""));
        add_quoted(&out, strbuf_str(&model));
        strbuf_release(&model);
        strbuf_adds(&out, " -t ");
        add_quoted(&out, json_get_string(run, "task", ""));
        strbuf_adds(&out, " --dtype ");
        add_quoted(&out, json_get_string(run, "dtype", "auto"));
        add_option(&out, "--shots", config, "shots", -1);
        add_option(&out, "--limit", config, "limit", 0);
        add_option(&out, "--seed", config, "seed", 0);
    }
    json_t *text = json_string(strbuf_str(&out));
    strbuf_release(&out);
    return text;
}

static json_t *results_view(const struct world *w, const json_t *run) {
    char id[32];
    snprintf(id, sizeof id, "%lld", json_get_int(run, "run_id", 0));
    json_t *out = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(w->results, id), i, row) {
        json_array_append_new(
            out, json_pack("{s:O*, s:o, s:o}", "subset", json_object_get(row, "subset"), "metric",
                     metric_view(json_get_string(row, "metric", ""),
                         json_get_string(run, "main", ""), definition_of(w, run)),
                     "figure", figure_view(row)));
    }
    return out;
}

json_t *view_run(const struct world *w, const json_t *run) {
    static const char *const COPIED[] = { "run_id", "revision", "task_version", "task_sha256",
        "kind", "config", "harness_build", "ordinal", "purpose", "attempt", "n", "ties",
        "truncated", "empty", "nan", "tokens_asked", "tokens_computed", "seconds", "backend", "isa",
        "device", "dtype", "data_sha256", "weights_sha256", "bits_sha256", "record_sha256",
        "started_at", "finished_at", "superseded_at", "superseded_why", "current", NULL };
    static const char *const RECORDED[] = { "profile", "shots", "sandbox", "prompts", "remote",
        NULL };
    json_t *page = run_line(w, run);
    json_object_set_new(page, "schema", json_string("assay.site.run/1"));
    copy_fields(page, run, COPIED);
    copy_fields(page, json_object_get(run, "record"), RECORDED);
    json_object_set_new(page, "command", command_view(run));
    json_object_set_new(page, "results", results_view(w, run));
    return page;
}

json_t *view_listed_runs(const struct world *w, const char *model) {
    static const char *const COPIED[] = { "config", "harness_build", "n", "seconds", "isa",
        "device", "data_sha256", "record_sha256", NULL };
    json_t *lines = json_array(), *run, *ref = model_ref(w, model);
    size_t i;
    json_array_foreach(json_object_get(w->runs_of, model), i, run) {
        if (has_page(w, json_get_int(run, "run_id", 0)))
            continue;
        json_t *line = run_line(w, run);
        json_object_del(line, "model"); /* said once */
        copy_fields(line, run, COPIED);
        json_array_append_new(lines, line);
    }
    json_t *path = json_sprintf("%sr/", json_get_string(ref, "path", ""));
    json_t *page = json_pack("{s:s, s:o, s:o, s:o}", "schema", "assay.site.runs/1", "model", ref,
        "path", path, "runs", lines);
    if (json_array_size(lines))
        return page;
    json_decref(page);
    return NULL;
}

/* ---- tasks ---- */

/* What sets two leaderboards of one task apart: the configuration without precision and weights. */
static json_t *config_key(const json_t *run) {
    static const char *const KEYS[] = { "profile", "template", "shots", "limit", "seed", NULL };
    json_t *key = json_object();
    copy_fields(key, json_object_get(run, "config"), KEYS);
    copy_field(key, run, "data_sha256");
    return key;
}

static json_t *group_of(json_t *groups, json_t *key) {
    size_t i;
    json_t *group;
    json_array_foreach(groups, i, group) {
        if (json_equal(json_object_get(group, "config"), key)) {
            json_decref(key);
            return group;
        }
    }
    group = json_pack("{s:o, s:[]}", "config", key, "rows");
    json_array_append_new(groups, group);
    return group;
}

static const json_t *revision_of(const struct world *w, const json_t *run, bool *newest) {
    const json_t *all = json_object_get(w->models, json_get_string(run, "model", ""));
    size_t n = json_array_size(all);
    for (size_t i = n; i-- > 0;) {
        const json_t *r = json_array_get(all, i);
        if (is_text(r, "revision", json_get_string(run, "revision", ""))) {
            *newest = i + 1 == n;
            return r;
        }
    }
    *newest = false;
    return NULL;
}

/* The runs among which those of the task are. New. */
static json_t *runs_for(const struct world *w, const json_t *task) {
    if (!w->shelf)
        return json_incref((json_t *)(uintptr_t)world_list(w, "runs"));
    bool scores = json_get_int(task, "n_models", 0) <= PAIRED_ROWS_MAX;
    json_t *runs = shelf_task_runs(w->shelf, json_get_int(task, "task_id", 0), scores);
    world_show(w, runs, NULL);
    return runs;
}

/* A run among those of a task: as much as it is ranked by, and told apart by. */
static json_t *task_row(const struct world *w, const json_t *run) {
    static const char *const COPIED[] = { "run_id", "finished_at", "superseded_at", NULL };
    json_t *row = json_pack("{s:o}", "figure", figure_view(run));
    copy_fields(row, run, COPIED);
    mark_dtype(row, run);
    json_object_set_new(row, "parts",
        json_pack(
            "[o]", part_view(w, json_object_get(row, "figure"), json_get_int(run, "run_id", 0))));
    return row;
}

json_t *task_line(const struct world *w, const json_t *row) {
    static const char *const RANKED[] = { "rank", "rank_low", "rank_high", "tier", "tier_number",
        NULL };
    bool newest;
    const json_t *run = world_run(w, json_get_int(row, "run_id", 0));
    json_t *line = run_line(w, run);
    copy_field(line, revision_of(w, run, &newest), "params");
    copy_fields(line, row, RANKED);
    return line;
}

static void rank_group(json_t *group, const json_t *task) {
    double baseline = json_get_number(json_object_get(task, "definition"), "baseline", NAN);
    json_t *rows = json_object_get(group, "rows");
    json_t *m = main_view(task, json_object_get(task, "definition"));
    json_object_set_new(
        group, "tests", rank_rows(rows, "figure", json_get_bool(m, "higher", true), NULL));
    drop_undetectable(
        json_object_get(group, "tests"), metric_rule(json_get_string(m, "name", "")).widest);
    drop_parts(rows);
    json_object_set_new(group, "range", range_of(rows, "figure", baseline));
    json_object_set_new(group, "marks", marks_of(rows));
    json_decref(m);
}

/* The group of a run; most follow one that is of the same. */
static json_t *group_after(json_t *groups, const json_t *run, const json_t *before, json_t *group) {
    bool same = group && json_object_get(run, "config") == json_object_get(before, "config") &&
                strcmp(json_get_string(run, "data_sha256", ""),
                    json_get_string(before, "data_sha256", "")) == 0;
    return same ? group : group_of(groups, config_key(run));
}

static json_t *groups_view(const struct world *w, const json_t *task) {
    json_t *groups = json_array(), *runs = runs_for(w, task), *run, *group = NULL;
    const json_t *before = NULL;
    size_t i;
    json_array_foreach(runs, i, run) {
        bool newest;
        revision_of(w, run, &newest);
        if (!newest || !json_get_bool(run, "current", false) ||
            json_get_int(run, "task_id", 0) != json_get_int(task, "task_id", 0))
            continue;
        group = group_after(groups, run, before, group);
        before = run;
        json_array_append_new(json_object_get(group, "rows"), task_row(w, run));
    }
    json_array_foreach(groups, i, group) rank_group(group, task);
    json_decref(runs);
    return groups;
}

static json_t *suites_of(const struct world *w, const json_t *task) {
    json_t *out = json_array(), *row;
    size_t i;
    json_array_foreach(world_list(w, "suite_tasks"), i, row) {
        if (json_get_int(row, "task_id", 0) == json_get_int(task, "task_id", -1)) {
            const char *name = json_get_string(row, "suite", "");
            char *part = slug(name);
            json_array_append_new(
                out, json_pack("{s:O*, s:o}", "title", json_object_get(w->suite_titles, name),
                         "path", json_sprintf("/s/%s/", part)));
            free(part);
        }
    }
    return out;
}

/* Where the data are, at the revision that is read. */
static json_t *data_link(const struct world *w, const json_t *definition) {
    const json_t *data = json_object_get(definition, "data");
    const char *repo = json_get_string(data, "repo", "");
    if (!w->hub_url || !repo_id_valid(repo))
        return NULL;
    return json_sprintf(
        "%s/datasets/%s/tree/%s", w->hub_url, repo, json_get_string(data, "revision", "main"));
}

/* The newest version of a task; versions come oldest first. */
static const json_t *task_named(const struct world *w, const char *name) {
    const json_t *task = NULL;
    json_t *row;
    size_t i;
    json_array_foreach(world_list(w, "tasks"), i, row) {
        if (is_text(row, "task", name))
            task = row;
    }
    return task;
}

json_t *view_task_line(const struct world *w, const char *name) {
    static const char *const COPIED[] = { "task_id", "version", "sha256", "kind", "paused",
        "updated_at", "definition", NULL };
    static const char *const VERSION[] = { "version", "sha256", "n_models", "updated_at", NULL };
    json_t *versions = json_array(), *page = task_ref(name), *row;
    const json_t *task = task_named(w, name);
    size_t i;
    json_array_foreach(world_list(w, "tasks"), i, row) { /* oldest first */
        if (is_text(row, "task", name)) {
            json_t *v = json_object();
            copy_fields(v, row, VERSION);
            json_array_insert_new(versions, 0, v);
        }
    }
    json_object_set_new(page, "schema", json_string("assay.site.task/1"));
    copy_fields(page, task, COPIED);
    copy_number(page, json_object_get(task, "definition"), "baseline");
    json_object_set_new(page, "metric", main_view(task, json_object_get(task, "definition")));
    json_object_set_new(page, "versions", versions);
    json_t *link = data_link(w, json_object_get(task, "definition"));
    if (link)
        json_object_set_new(page, "data_link", link);
    json_t *kin = kin_view(w, name,
        json_get_string(
            json_object_get(json_object_get(task, "definition"), "data"), "repo", NULL));
    if (kin)
        json_object_set_new(page, "kin", kin);
    json_object_set_new(page, "overlaps", overlaps_view(w, json_get_int(task, "task_id", 0)));
    json_object_set_new(page, "suites", suites_of(w, task));
    return page;
}

json_t *view_task(const struct world *w, const char *name) {
    json_t *page = view_task_line(w, name);
    json_object_set_new(page, "groups", groups_view(w, task_named(w, name)));
    return page;
}

void finish_task(const struct world *w, json_t *view) {
    size_t i, k;
    json_t *group;
    json_array_foreach(json_object_get(view, "groups"), i, group) {
        const json_t *rows = json_object_get(group, "rows");
        size_t n = json_array_size(rows);
        json_t *lines = json_array();
        if (n > TASK_ROWS_MAX)
            json_object_set_new(group, "n_rows", json_integer((json_int_t)n));
        for (k = 0; k < n && k < TASK_ROWS_MAX; k++)
            json_array_append_new(lines, task_line(w, json_array_get(rows, k)));
        json_object_set_new(group, "rows", lines);
    }
}

/* ---- queue ---- */

static json_t *job_view(const struct world *w, const json_t *job) {
    static const char *const COPIED[] = { "job_id", "state", "priority", "attempt", "progress",
        "error_class", "error", "purpose", "queued_at", "run_at", "finished_at", "paused", NULL };
    json_t *line = json_pack("{s:o, s:o}", "model", model_ref(w, json_get_string(job, "model", "")),
        "task", task_ref(json_get_string(job, "task", "")));
    copy_fields(line, job, COPIED);
    return line;
}

json_t *view_queue(const struct world *w) {
    static const char *const STATES[] = { "leased", "queued", "waiting", "dead", "cancelled",
        "done" };
    static const char *const COUNTS[] = { "waiting", "queued", "leased", "done", "dead",
        "cancelled", NULL };
    static const char *const WORKER[] = { "build", "started_at", "stopped_at", "job_id", NULL };
    json_t *lists = json_object(), *workers = json_array(), *counts = json_object(), *row;
    size_t i;
    for (size_t s = 0; s < sizeof STATES / sizeof *STATES; s++) {
        json_t *list = json_array();
        json_array_foreach(world_list(w, "queue"), i, row) {
            if (is_text(row, "state", STATES[s]))
                json_array_append_new(list, job_view(w, row));
        }
        json_object_set_new(lists, STATES[s], list);
    }
    json_array_foreach(world_list(w, "workers"), i, row) {
        json_t *line = json_object();
        copy_fields(line, row, WORKER);
        json_array_append_new(workers, line);
    }
    copy_fields(counts, world_list(w, "stats"), COUNTS);
    return json_pack("{s:s, s:o, s:o, s:o, s:b, s:O*}", "schema", "assay.site.queue/1", "counts",
        counts, "jobs", lists, "workers", workers, "nights",
        (int)(json_array_size(world_list(w, "nights")) > 0), "absent",
        json_object_get(w->snapshot, "from_files"));
}
