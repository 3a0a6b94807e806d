/* The snapshots (see fixture.h). Scores are made up; their size and their errors are not: they are
 * about those of the demo. */
#include "tests/site-gen/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/stats/scores.h"

#define DATA "7c1d0f7d4f1f0d2b8f0c7a3f2e6b5a4938271605f4e3d2c1b0a998877665544f"
#define WEIGHTS "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
#define LICENCE "WordNet 3.0 licence (free use with notice, Princeton University)"

static const struct model {
    const char *name, *revision, *architecture, *dtype;
    long long params, bytes;
} MODELS[] = {
    { "assay-demo/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac",
        "LlamaForCausalLM", "Q4_1", 134515008, 98452224 },
    { "assay-demo/SmolLM2-135M-Instruct-10L", "3aa1d5fd0d36fa6b3b4b768ec3050bf629380c10",
        "LlamaForCausalLM", "Q4_1", 63720000, 53900000 },
    { "assay-demo/SmolLM2-135M-Instruct-2L", "c25fd5f77366fa6b3b4b768ec3050bf629380c02",
        "LlamaForCausalLM", "Q4_1", 35391000, 36100000 },
    { "assay-demo/all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf", "BertModel", "F32",
        22713216, 90868376 },
    { "assay-demo/all-MiniLM-L6-v2-1L", "0045ed1d9f207416be6d2e6f8de32d1f16199b01", "BertModel",
        "F32", 13839360, 55370000 },
    { "assay-demo/all-MiniLM-L6-v2-3L", "3345ed1d9f207416be6d2e6f8de32d1f16199b03", "BertModel",
        "F32", 17388288, 69560000 },
};

static const struct task {
    const char *name, *kind, *main, *sha256, *title;
    int limit;
    double baseline;
} TASKS[] = {
    { "wordnet_definitions", "choice", "acc_norm",
        "1111d0f7d4f1f0d2b8f0c7a3f2e6b5a4938271605f4e3d2c1b0a998877665544",
        "Which definition fits?", 200, 0.25 },
    { "WordNetGlossRetrieval", "retrieval", "ndcg_at_10",
        "2222d0f7d4f1f0d2b8f0c7a3f2e6b5a4938271605f4e3d2c1b0a998877665544",
        "From a definition to the word", 400, 0.0023 },
    { "WordNetGlossSTS", "sts", "cosine_spearman",
        "3333d0f7d4f1f0d2b8f0c7a3f2e6b5a4938271605f4e3d2c1b0a998877665544",
        "Do close words look alike?", 400, 0 },
};

static const struct score {
    int model, task;
    double value, se;
} SCORES[] = {
    { 0, 0, 0.395, 0.0346 },
    { 1, 0, 0.310, 0.0328 },
    { 2, 0, 0.255, 0.0309 },
    { 3, 1, 0.5361, 0.0214 },
    { 3, 2, 0.4118, 0.0431 },
    { 4, 1, 0.1127, 0.0139 },
    { 5, 1, 0.4012, 0.0212 },
    { 5, 2, 0.3604, 0.0446 },
};
#define N(a) (sizeof(a) / sizeof *(a))

static json_t *definition(const struct task *t) {
    return json_pack("{s:s, s:s, s:[s], s:[s], s:s, s:s, s:b, s:f, s:{s:s, s:s}}", "title",
        t->title, "licence", LICENCE, "languages", "eng-Latn", "domains", "dictionary", "reference",
        "https://wordnet.princeton.edu/", "published", "2006-12-01", "publish_samples", 1,
        "baseline", t->baseline, "data", "file", "/usr/share/wordnet/data.noun", "format", "lines");
}

static json_t *configuration(const struct task *t) {
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "precision", "auto", "weights", "auto",
        "template", "auto", "profile", "lm-eval/0.4.13", "shots", 0, "limit", t->limit, "seed", 0);
}

static json_t *model_row(const struct model *m) {
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:I, s:I, s:{}, s:s, s:i}", "model",
        m->name, "kind", "hub", "revision", m->revision, "newest", 1, "licence", "apache-2.0",
        "architecture", m->architecture, "dtype", m->dtype, "params", (json_int_t)m->params,
        "size_bytes", (json_int_t)m->bytes, "card", "created_at", "2025-11-21T09:00:00Z", "n_runs",
        2);
}

static bool is_right(const struct score *s, int i) {
    static const int FROM[] = { 0, 30, 0 };
    return (i - FROM[s->model % 3] + 200) % 200 < (int)lround(s->value * 200);
}

/* What the record keeps of the documents: as many right as the value says, from where each model
 * begins to be right, so that they share some. Only for the task of right and wrong answers. */
static json_t *document_scores(const struct score *s) {
    double x[200] = { 0 };
    struct scores packed;
    if (s->task != 0)
        return NULL;
    for (int i = 0; i < 200; i++)
        x[i] = is_right(s, i);
    scores_pack(&packed, x, NULL, 200);
    json_t *json = json_pack("{s:s, s:s, s:[o]}", "metric", TASKS[s->task].main, "docs",
        "00112233aabbccdd", "parts", scores_json(&packed));
    scores_release(&packed);
    return json;
}

static json_t *run_row(int id, const struct score *s) {
    const struct model *m = &MODELS[s->model];
    const struct task *t = &TASKS[s->task];
    json_t *run = json_pack("{s:i, s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:o}", "run_id", id, "model",
        m->name, "revision", m->revision, "task_id", s->task + 1, "task", t->name, "task_version",
        1, "task_sha256", t->sha256, "kind", t->kind, "config", configuration(t));
    json_t *more =
        json_pack("{s:s, s:i, s:s, s:i, s:i, s:s, s:f, s:f, s:n, s:n, s:i, s:i, s:i, s:i, s:i}",
            "harness_build", "0.1.0-3b52973", "ordinal", 1, "purpose", "eval", "job_id", id,
            "attempt", 1, "main", t->main, "value", s->value, "stderr", s->se, "low", "high", "n",
            t->limit, "ties", id == 3, "truncated", 0, "empty", 0, "nan", 0);
    json_object_update(run, more);
    json_decref(more);
    more = json_pack("{s:i, s:i, s:f, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "tokens_asked",
        48211, "tokens_computed", 17384, "seconds", 11.73 + id, "backend", "cpu", "isa",
        "avx512-bf16", "device", "2 cores", "dtype", "f32", "data_sha256", DATA, "weights_sha256",
        WEIGHTS, "bits_sha256", t->sha256, "record_sha256", WEIGHTS, "n_chunks", 1);
    json_object_update(run, more);
    json_decref(more);
    more = json_pack("{s:{s:[s, s, s, s, s, s, s], s:o*}, s:s, s:o, s:n, s:n, s:b}", "record",
        "command", "assay", "eval", m->name, "-t", t->name, "--dtype", "f32", "scores",
        document_scores(s), "started_at", "2025-11-21T10:00:00Z", "finished_at",
        json_sprintf("2025-11-21T10:%02d:30Z", 10 + id), "superseded_at", "superseded_why",
        "current", 1);
    json_object_update(run, more);
    json_decref(more);
    return run;
}

static json_t *board_row(int id, const struct score *s) {
    const struct model *m = &MODELS[s->model];
    const struct task *t = &TASKS[s->task];
    json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:s, s:s}", "suite",
        "wordnet", "model", m->name, "revision", m->revision, "newest", 1, "licence", "apache-2.0",
        "architecture", m->architecture, "params", (json_int_t)m->params, "size_bytes",
        (json_int_t)m->bytes, "precision", "auto", "weight_type", "auto");
    json_t *more = json_pack("{s:i, s:i, s:s, s:s, s:i, s:s, s:f, s:f, s:n, s:n, s:i, s:s, s:s}",
        "position", s->task, "task_id", s->task + 1, "task", t->name, "kind", t->kind, "run_id", id,
        "metric", t->main, "value", s->value, "stderr", s->se, "low", "high", "n", t->limit,
        "dtype", "f32", "finished_at", "2025-11-21T10:20:00Z");
    json_object_update(row, more);
    json_decref(more);
    return row;
}

static json_t *result_row(int id, const char *metric, double value, double se, int n) {
    return json_pack("{s:i, s:s, s:s, s:f, s:f, s:n, s:n, s:i}", "run_id", id, "subset", "",
        "metric", metric, "value", value, "stderr", se, "low", "high", "n", n);
}

static json_t *job_row(int id, const char *model, const char *task, const char *state,
    double progress, const char *class, const char *error) {
    return json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:f, s:s?, s:s?, s:s, s:s, s:s, s:b}",
        "job_id", id, "model", model, "task", task, "state", state, "priority", 5, "attempt", 1,
        "progress", progress, "error_class", class, "error", error, "purpose", "eval", "created_at",
        "2025-11-21T09:59:00Z", "queued_at", "2025-11-21T09:59:00Z", "paused", 0);
}

static json_t *queue_rows(void) {
    static const char *const WHY =
        "model 'SmolLM2-135M-Instruct' writes text; task kind 'retrieval' asks for vectors";
    json_t *queue = json_array();
    int id = 100;
    json_array_append_new(
        queue, job_row(id++, MODELS[4].name, TASKS[2].name, "leased", 0.41, NULL, NULL));
    for (int m = 0; m < 3; m++) {
        json_array_append_new(
            queue, job_row(id++, MODELS[m].name, TASKS[1].name, "dead", 0, "unsupported", WHY));
        json_array_append_new(
            queue, job_row(id++, MODELS[m].name, TASKS[2].name, "dead", 0, "unsupported", WHY));
    }
    json_array_append_new(
        queue, job_row(id++, MODELS[3].name, TASKS[0].name, "dead", 0, "unsupported",
                   "model 'all-MiniLM-L6-v2' has no language model head; task kind 'choice' asks "
                   "for one"));
    return queue;
}

/* ---- samples, as evaluator/eval writes them ---- */

static const char *const NOUNS[][2] = { { "touchstone",
                                            "a basis for comparison; a reference point" },
    { "crucible", "a vessel made of material that does not melt easily" },
    { "bullion", "gold or silver in bars or ingots" },
    { "gavel", "a small mallet used by a presiding officer" },
    { "assay", "an analysis that finds the proportion of a substance" },
    { "alloy", "a mixture containing two or more metallic elements" },
    { "carat", "the unit of measurement for the proportion of gold in an alloy" },
    { "ingot", "metal that is cast in the shape of a block" } };

static const char *choice_text(int i, int gold, int c) {
    return NOUNS[(i + c - gold + 8) % (int)N(NOUNS)][1];
}

struct fixture_choice fixture_choice(int model, int i) {
    int gold = i % 4, taken = is_right(&SCORES[model], i) ? gold : (gold + 1 + i % 3) % 4;
    return (struct fixture_choice) { NOUNS[i % (int)N(NOUNS)][0], choice_text(i, gold, gold),
        choice_text(i, gold, taken), gold, taken };
}

static json_t *choice_sample(const struct score *s, int i) {
    struct fixture_choice told = fixture_choice((int)(s - SCORES), i);
    int gold = told.i_gold, picked = told.i_taken;
    json_t *choices = json_array(), *logliks = json_array(), *greedy = json_array();
    for (int c = 0; c < 4; c++) {
        const char *text = choice_text(i, gold, c);
        json_array_append_new(choices,
            json_pack("{s:s, s:s, s:i}", "text", text, "continuation", text, "context", 0));
        double each = c == picked ? -0.61 - 0.01 * (i % 7) : -0.83 - 0.05 * c;
        json_array_append_new(logliks, json_real(each * (double)strlen(text)));
        json_array_append_new(greedy, json_false());
    }
    return json_pack("{s:i, s:s, s:[o], s:o, s:i, s:i, s:b, s:o, s:o, s:{s:i, s:i}}", "doc_id", i,
        "prompt_hash", DATA, "contexts",
        json_sprintf("Word: %s\nDefinition:", NOUNS[i % (int)N(NOUNS)][0]), "choices", choices,
        "gold", gold, "prediction", picked, "correct", picked == gold, "loglikelihoods", logliks,
        "greedy", greedy, "metrics", "acc", picked == gold && i % 5 != 0, "acc_norm",
        picked == gold);
}

static json_t *retrieval_sample(const struct score *s, int i) {
    static const double GAIN[] = { 1, 0.63, 0.5, 0.43, 0 };
    int rank = (i * 7 + s->model) % 5;
    json_t *ranking = json_array(), *hits = json_array();
    for (int r = 0; r < 4; r++)
        json_array_append_new(ranking,
            json_pack("{s:s, s:s, s:f, s:i}", "id", NOUNS[(i + r + 8 - rank) % (int)N(NOUNS)][0],
                "text", NOUNS[(i + r + 8 - rank) % (int)N(NOUNS)][0], "score", 0.81 - 0.07 * r,
                "gain", r == rank));
    json_array_append_new(hits, json_pack("[i, i]", rank == 4 ? 36 : rank, 1));
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:i, s:o, s:[i], s:b, s:{s:f}}", "doc_id", i,
        "prompt_hash", DATA, "query_id", "q", "query", NOUNS[i % (int)N(NOUNS)][1], "ranking",
        ranking, "ranked", 1000, "hits", hits, "ideal", 1, "correct", rank == 0, "metrics",
        "ndcg_at_10", GAIN[rank]);
}

static json_t *sts_sample(const struct score *s, int i) {
    double gold = (i % 6) / 5.0, cosine = 0.2 + 0.6 * gold + 0.02 * ((i + s->model) % 7);
    return json_pack("{s:i, s:s, s:[s, s], s:f, s:f, s:{s:f, s:f, s:f}}", "doc_id", i,
        "prompt_hash", DATA, "texts", NOUNS[i % (int)N(NOUNS)][0],
        NOUNS[(i + 1 + i % 6) % (int)N(NOUNS)][0], "gold", gold, "prediction", cosine, "metrics",
        "cosine", cosine, "manhattan", 11.5, "euclidean", 0.91);
}

static json_t *sample_rows(const struct score *s) {
    json_t *list = json_array();
    for (int i = 0; i < TASKS[s->task].limit; i++)
        json_array_append_new(list, s->task == 0   ? choice_sample(s, i)
                                    : s->task == 1 ? retrieval_sample(s, i)
                                                   : sts_sample(s, i));
    return list;
}

static json_t *stats(int done, int dead, int leased) {
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "waiting", 0, "queued", 0, "leased", leased,
        "done", done, "dead", dead, "cancelled", 0);
}

json_t *fixture_empty(void) {
    return json_pack("{s:s, s:[], s:[], s:[], s:[], s:[], s:[], s:[], s:[], s:[], s:o, s:{}}",
        "schema", "assay.site/1", "suites", "suite_tasks", "board", "models", "tasks", "runs",
        "results", "queue", "workers", "stats", stats(0, 0, 0), "samples");
}

static void add(json_t *doc, const char *list, json_t *row) {
    json_array_append_new(json_object_get(doc, list), row);
}

static void add_task(json_t *doc, int i) {
    const struct task *t = &TASKS[i];
    json_t *task = json_pack("{s:i, s:s, s:i, s:s, s:s, s:s, s:o, s:b, s:i, s:s}", "task_id", i + 1,
        "task", t->name, "version", 1, "sha256", t->sha256, "kind", t->kind, "main", t->main,
        "definition", definition(t), "paused", 0, "n_models", 3, "updated_at",
        "2025-11-21T10:20:00Z");
    json_t *member = json_copy(task);
    json_object_set_new(member, "suite", json_string("wordnet"));
    json_object_set_new(member, "position", json_integer(i));
    json_object_set_new(member, "profile", json_string("lm-eval/0.4.13"));
    json_object_set_new(member, "shots", json_integer(0));
    json_object_set_new(member, "sample_limit", json_integer(t->limit));
    add(doc, "tasks", task);
    add(doc, "suite_tasks", member);
}

static void add_score(json_t *doc, int id, const struct score *s) {
    const struct task *t = &TASKS[s->task];
    char name[32];
    snprintf(name, sizeof name, "%d", id);
    json_array_insert_new(json_object_get(doc, "runs"), 0, run_row(id, s)); /* newest first */
    add(doc, "board", board_row(id, s));
    add(doc, "results", result_row(id, t->main, s->value, s->se, t->limit));
    add(doc, "results", result_row(id, "acc", s->value * 0.9, s->se, t->limit));
    json_object_set_new(json_object_get(doc, "samples"), name, sample_rows(s));
}

json_t *fixture_demo(void) {
    json_t *doc = fixture_empty();
    add(doc, "suites",
        json_pack("{s:i, s:s, s:i, s:s, s:{s:s, s:s, s:s}, s:i, s:i, s:s}", "suite_id", 1, "suite",
            "wordnet", "version", 1, "sha256", WEIGHTS, "definition", "title", "WordNet",
            "description", "English nouns, their definitions and their hierarchy.", "licence",
            LICENCE, "n_tasks", 3, "n_models", 6, "updated_at", "2025-11-21T10:20:00Z"));
    for (size_t i = 0; i < N(MODELS); i++)
        add(doc, "models", model_row(&MODELS[i]));
    for (int i = 0; i < (int)N(TASKS); i++)
        add_task(doc, i);
    for (int i = 0; i < (int)N(SCORES); i++)
        add_score(doc, i + 1, &SCORES[i]);
    json_object_set_new(doc, "queue", queue_rows());
    json_object_set_new(doc, "stats", stats(8, 7, 1));
    add(doc, "workers",
        json_pack("{s:s, s:s, s:s, s:s, s:n, s:b, s:i}", "worker_id", "w", "build", "0.1.0-3b52973",
            "started_at", "2025-11-21T10:00:00Z", "last_seen", "2025-11-21T10:21:00Z", "stopped_at",
            "alive", 1, "job_id", 100));
    return doc;
}

/* ---- many ---- */

#define MANY_TASKS FIXTURE_MANY_TASKS
#define MANY_KNOWN 100

void fixture_many_name(char name[64], int i) {
    static const char *const ORGS[] = { "north", "south", "east", "west", "centre" };
    snprintf(name, 64, "%s/model-%04d%s", ORGS[i % 5], i, i % 4 == 1 ? "-instruct" : "");
}

static void add_many_task(json_t *doc, int i) {
    static const char *const KINDS[] = { "retrieval", "sts", "clustering", "classification" };
    struct task t = TASKS[2];
    char name[32];
    snprintf(name, sizeof name, "Task%02d", i);
    json_t *task = json_pack("{s:i, s:s, s:i, s:s, s:s, s:s, s:o, s:b, s:i}", "task_id", i + 1,
        "task", name, "version", 1, "sha256", t.sha256, "kind", KINDS[i % 4], "main", "acc",
        "definition", definition(&t), "paused", 0, "n_models", 3);
    json_t *member = json_copy(task);
    json_object_set_new(member, "suite", json_string("many"));
    json_object_set_new(member, "position", json_integer(i));
    add(doc, "tasks", task);
    add(doc, "suite_tasks", member);
}

double fixture_many_value(int model, int task) {
    return 0.9 - 0.0003 * model + 0.02 * ((model * 7 + task * 13) % 11) / 11.0;
}

struct fixture_model fixture_many_model(int model) {
    static const char *const LICENCES[] = { "apache-2.0", "mit", "cc-by-nc-4.0", "llama3" };
    return (struct fixture_model) { LICENCES[model % 4], model % 4 < 2,
        20000000LL * (1 + (model * 37) % 900) };
}

static json_t *many_row(int model, int task) {
    static const char *const DTYPES[] = { "f32", "bf16" }, *const ARCHS[] = { "BertModel",
        "LlamaForCausalLM", "Qwen3ForCausalLM" };
    char name[64], title[32];
    fixture_many_name(name, model);
    snprintf(title, sizeof title, "Task%02d", task);
    double value = fixture_many_value(model, task);
    struct fixture_model facts = fixture_many_model(model);
    json_int_t params = facts.params;
    json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:s, s:s}", "suite", "many",
        "model", name, "revision", WEIGHTS, "newest", 1, "licence", facts.licence, "architecture",
        ARCHS[model % 3], "params", params, "size_bytes", 4 * params, "precision", "auto",
        "weight_type", "auto");
    json_t *more = json_pack("{s:i, s:i, s:s, s:s, s:i, s:s, s:f, s:f, s:n, s:n, s:i, s:s, s:s}",
        "position", task, "task_id", task + 1, "task", title, "kind", "sts", "run_id",
        model * MANY_TASKS + task + 1, "metric", "acc", "value", value, "stderr", 0.004, "low",
        "high", "n", 400, "dtype", DTYPES[model % 2], "finished_at", "2025-11-21T10:20:00Z");
    json_object_update(row, more);
    json_decref(more);
    return row;
}

/* One in ten says that it was trained on two of the tasks. */
static json_t *many_card(int i) {
    json_t *card =
        json_pack("{s:[s], s:s}", "tags", i % 7 ? "en" : "merge", "datasets", "wikipedia");
    if (i % 10 == 3)
        json_object_set_new(
            card, "training_datasets", json_pack("[s, s]", "Task03", "org/unheard-of"));
    return card;
}

/* What is known of the first ones: a card, and how long their first task took. */
static void add_many_known(json_t *doc, int i) {
    char name[64];
    struct model m = MODELS[3];
    struct score s = { 3, 2, 0.5, 0.01 };
    fixture_many_name(name, i);
    m.name = name;
    m.revision = WEIGHTS;
    json_t *row = model_row(&m), *run = run_row(i * MANY_TASKS + 1, &s);
    json_object_set_new(row, "card", many_card(i));
    add(doc, "models", row);
    json_object_set_new(run, "model", json_string(name));
    json_object_set_new(run, "task", json_string("Task00"));
    json_object_set_new(run, "task_id", json_integer(1));
    json_object_set_new(run, "seconds", json_real(1.0 + i));
    json_object_set_new(run, "data_sha256", json_null());
    json_object_set_new(run, "finished_at", json_sprintf("2025-%02d-21T10:20:00Z", i % 11 + 1));
    add(doc, "runs", run);
}

json_t *fixture_many(int n) {
    json_t *doc = fixture_empty();
    add(doc, "suites",
        json_pack("{s:i, s:s, s:i, s:s, s:{s:s}, s:i, s:i, s:s}", "suite_id", 1, "suite", "many",
            "version", 1, "sha256", WEIGHTS, "definition", "title", "Many models", "n_tasks",
            MANY_TASKS, "n_models", n, "updated_at", "2025-11-21T10:20:00Z"));
    for (int i = 0; i < MANY_TASKS; i++)
        add_many_task(doc, i);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < MANY_TASKS - (i % 9 == 8); k++)
            add(doc, "board", many_row(i, k));
        if (i < MANY_KNOWN)
            add_many_known(doc, i);
    }
    return doc;
}

/* ---- hostile ---- */

#define SCRIPT "<script>alert(1)</script>"
#define BREAKOUT "\"><img src=x onerror=alert(2)>"
#define BIDI "user\xE2\x80\xAEtxt.exe\xE2\x80\x8B"
#define BACKTICK "`touch /tmp/assay-pwned`$(id)"

const char *const FIXTURE_PAYLOADS[] = { "<script>alert", "<img src=x", "\xE2\x80\xAE",
    "\xE2\x80\x8B", "</title><", "</pre><b>", "href=\"javascript:", "href=\"data:", "</textarea>",
    "<script>pwned", "<img onerror", "<iframe", "<base", "<meta http-equiv=refresh", NULL };

/* As long as a stranger's texts get: without a space, and one letter under a heap of marks. */
#define LONG_TEXT 10000
static char endless[LONG_TEXT + 1], heap[LONG_TEXT + 1];

static void fill_long_texts(void) {
    memset(endless, 'W', LONG_TEXT);
    heap[0] = 'Z';
    heap[1] = 'Z';
    for (size_t i = 2; i < LONG_TEXT; i += 2)
        memcpy(heap + i, "\xCD\x94", 2); /* U+0354, below the letter */
}

static const char *const TEXTS[] = { SCRIPT, BREAKOUT, BIDI, BACKTICK,
    "</title><svg onload=alert(3)>", "</pre><b>bold</b>", "{{ 7 * 7 }} {% os.exit() %}",
    "=HYPERLINK(\"http://evil\")", "]]>--><!--", "' onmouseover='alert(4)", "&lt;script&gt;",
    "line\nbreak\ttab\x01\x7f", "../../../etc/passwd", "",
    /* what would set window.pwned if anything of it were executed */
    "<script>pwned = 1</script>", "\"><img onerror=pwned=2 src=x>", "javascript:pwned=3",
    "x\" onfocus=\"pwned=4\" autofocus tabindex=\"0",
    "<iframe srcdoc='<script>top.pwned=5</script>'>",
    "<svg><a xlink:href=\"javascript:pwned=6\"><text>x</text></a></svg>", "data:text/html,<script>",
    "<base href=//evil.example/>", "<meta http-equiv=refresh content=0;url=javascript:pwned=7>",
    "</script><script>pwned = 8</script>", "${pwned = 9}", "+SUM(1+1)", "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)", "\t=1+1",
    "\xEF\xBC\x9D"
    "1+1",
    endless, heap, "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD8\xB3\xD9\x84\xD8\xA7\xD9\x85 (RTL) <b>",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 "
    "\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xBF",
    "\xEF\xBF\xBE\xEF\xBF\xBD\xED\x9F\xBF", "null", "NaN", "%00%0d%0aSet-Cookie: a=b", "CON" };

static bool is_identity(const char *key) {
    static const char *const KEPT[] = { "schema", "kind", "state", "revision", "finished_at",
        "queued_at", "created_at", "updated_at", "started_at", "last_seen", "purpose", "suite",
        "model", "task", "main", "metric", "subset" };
    for (size_t i = 0; i < N(KEPT); i++) {
        if (strcmp(KEPT[i], key) == 0)
            return true;
    }
    return false;
}

/* Each text but those that join the lists becomes the next payload. */
static void poison(json_t *value, size_t *next) {
    const char *key;
    void *at;
    json_t *item;
    size_t i;
    json_array_foreach(value, i, item) {
        if (json_is_string(item))
            json_array_set_new(value, i, json_string(TEXTS[(*next)++ % N(TEXTS)]));
        else
            poison(item, next);
    }
    if (!json_is_object(value))
        return;
    json_object_foreach_safe(value, at, key, item) {
        if (json_is_string(item) && !is_identity(key))
            json_object_set_new(value, key, json_string(TEXTS[(*next)++ % N(TEXTS)]));
        else
            poison(item, next);
    }
}

/* The texts that join lists are replaced everywhere alike. */
static void rename_all(json_t *value, const char *key, const char *from, const char *to) {
    json_t *item;
    size_t i;
    const char *k;
    json_array_foreach(value, i, item) rename_all(item, key, from, to);
    if (!json_is_object(value))
        return;
    const char *now = json_string_value(json_object_get(value, key));
    if (now && strcmp(now, from) == 0)
        json_object_set_new(value, key, json_string(to));
    json_object_foreach(value, k, item) rename_all(item, key, from, to);
}

static char *long_name(void) {
    char *name = xmalloc(10001);
    memset(name, 'A', 10000);
    name[5000] = '/';
    name[10000] = '\0';
    return name;
}

/* A card whose data sets are all of the texts, and what it was made from two of them. */
static void add_hostile_card(json_t *model) {
    json_t *sets = json_array();
    for (size_t i = 0; i < N(TEXTS); i++)
        json_array_append_new(sets, json_string(TEXTS[i]));
    json_object_set_new(model, "card",
        json_pack("{s:o, s:[s, s], s:[i, s]}", "datasets", sets, "base_model", SCRIPT, BREAKOUT,
            "training_datasets", 1, "WordNetGlossSTS"));
}

json_t *fixture_hostile(void) {
    json_t *doc = fixture_demo();
    size_t next = 0;
    fill_long_texts();
    poison(doc, &next);
    char *name = long_name();
    rename_all(doc, "model", MODELS[0].name, SCRIPT "/" BREAKOUT);
    rename_all(doc, "model", MODELS[1].name, name);
    rename_all(doc, "model", MODELS[2].name, "/srv/models/my model/" BIDI);
    rename_all(doc, "model", MODELS[3].name, "../../..");
    struct strbuf marks = { 0 };
    strbuf_addf(&marks, "\xD8\xB9\xD8\xB1\xD8\xA8/%s", heap);
    rename_all(doc, "model", MODELS[4].name, marks.text);
    rename_all(doc, "model", MODELS[5].name, "org/" BACKTICK);
    rename_all(doc, "task", TASKS[0].name, SCRIPT);
    rename_all(doc, "task", TASKS[1].name, BREAKOUT BIDI);
    rename_all(doc, "main", TASKS[1].main, "ndcg<at>\"10\"");
    rename_all(doc, "metric", TASKS[1].main, "ndcg<at>\"10\"");
    rename_all(doc, "suite", "wordnet", "../" SCRIPT);
    json_object_set_new(
        json_array_get(json_object_get(doc, "models"), 2), "kind", json_string("local"));
    json_t *odd = json_array_get(json_object_get(doc, "tasks"), 2);
    json_object_set_new(odd, "definition",
        json_pack("{s:[i, i], s:{s:s}, s:s, s:b, s:i, s:s, s:s}", "title", 1, 2, "description", "a",
            SCRIPT, "baseline", "0.5", "licence", 0, "languages", 7, "data", "x", "reference",
            "javascript:alert(1)"));
    json_object_set_new(json_object_get(doc, "samples"), "1",
        json_pack("[{s:s, s:{s:s}, s:n, s:[b, f]}, [], s, {}]", SCRIPT, BREAKOUT, "doc", BIDI,
            "</pre><b>", "x", "list", 1, 1e300, "not an object"));
    add_hostile_card(json_array_get(json_object_get(doc, "models"), 0));
    strbuf_release(&marks);
    free(name);
    return doc;
}

/* ---- files ---- */

char *fixture_dir(void) {
    const char *tmp = getenv("TMPDIR");
    char *dir = path_join(tmp && *tmp ? tmp : "/tmp", "assay-site-XXXXXX");
    if (!mkdtemp(dir))
        fail_msg("could not make a folder");
    return dir;
}

char *fixture_read(const char *dir, const char *path) {
    char *full = path_join(dir, path);
    struct strbuf text = { 0 };
    assert_ok(file_read(full, (size_t)64 << 20, &text, &err));
    free(full);
    return strbuf_take(&text);
}
