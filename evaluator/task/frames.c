/* Every value is checked here, whatever the Lua side has checked before: the process that sent it
 * ran a stranger's code. */
#include "evaluator/task/frames_parts.h"
#include "evaluator/task/profile.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/metrics.h"

static const char *const kind_names[TASK_N_KINDS] = {
    [TASK_CHOICE] = "choice",
    [TASK_LOGLIKELIHOOD] = "loglikelihood",
    [TASK_ROLLING] = "rolling",
    [TASK_GENERATE] = "generate",
    [TASK_STS] = "sts",
    [TASK_RETRIEVAL] = "retrieval",
    [TASK_PAIR] = "pair",
    [TASK_RERANK] = "rerank",
    [TASK_BITEXT] = "bitext",
    [TASK_SUMMARY] = "summary",
    [TASK_INSTRUCTION_RETRIEVAL] = "instruction_retrieval",
    [TASK_CLASSIFICATION] = "classification",
    [TASK_MULTILABEL] = "multilabel",
    [TASK_CLUSTERING] = "clustering",
    [TASK_SUITE] = "suite",
};

const char *task_kind_name(enum task_kind kind) {
    return kind_names[kind];
}

bool task_kind_ranks(enum task_kind kind) {
    return kind == TASK_RETRIEVAL || kind == TASK_RERANK || kind == TASK_INSTRUCTION_RETRIEVAL;
}

bool task_kind_embeds(enum task_kind kind) {
    return kind == TASK_STS || kind == TASK_PAIR || kind == TASK_BITEXT || kind == TASK_SUMMARY ||
           kind == TASK_CLASSIFICATION || kind == TASK_MULTILABEL || kind == TASK_CLUSTERING ||
           task_kind_ranks(kind);
}

bool frames_broken(struct err *err, const char *what) {
    return err_set(err, ERR_INPUT, "the task's process sent a bad message: %s", what);
}

/* ---- values ---- */

/* A text without NUL bytes, in the task's arena. NULL where there is none. */
const char *frames_text(struct task *t, const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    size_t n = json_string_length(v);
    const char *s = json_string_value(v);
    return s && !memchr(s, 0, n) ? arena_strndup(&t->arena, s, n) : NULL;
}

static struct task_strings strings_of(struct task *t, const json_t *object, const char *key) {
    const json_t *list = json_object_get(object, key), *item;
    struct task_strings out = { 0 };
    size_t i;
    out.items = arena_alloc(&t->arena, (json_array_size(list) + 1) * sizeof *out.items);
    json_array_foreach(list, i, item) {
        if (json_is_string(item)) {
            out.items[out.n++] = arena_strdup(&t->arena, json_string_value(item));
        }
    }
    return out;
}

/* An index below `limit`. */
bool frames_index(const json_t *v, size_t limit, size_t *out) {
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (size_t)json_integer_value(v) >= limit) {
        return false;
    }
    *out = (size_t)json_integer_value(v);
    return true;
}

bool frames_number(const json_t *object, const char *key, double *out) {
    *out = json_get_number(object, key, NAN);
    return isfinite(*out);
}

/* ---- the header ---- */

bool task_kind_find(const char *name, enum task_kind *kind) {
    for (unsigned i = 0; i < TASK_N_KINDS; i++) {
        if (name && !strcmp(kind_names[i], name)) {
            *kind = (enum task_kind)i;
            return true;
        }
    }
    return false;
}

/* A count that a task may give: at least 1, else what stands for none. */
static size_t count_of(const json_t *d, const char *key, size_t otherwise) {
    long long n = json_get_int(d, key, 0);
    return n >= 1 && n <= FRAMES_MAX_DOCS ? (size_t)n : otherwise;
}

static void read_probes(struct task_info *i, const json_t *d) {
    i->neighbours = (unsigned)count_of(d, "neighbours", 5);
    i->clustering =
        (struct task_clustering) { .sets = json_get_int(d, "version_of_protocol", 2) == 1,
            .experiments = count_of(d, "experiments", 10),
            .sample = count_of(d, "sample", 16384) };
    i->clustering.batch = count_of(d, "batch", i->clustering.sets ? 500 : 512);
    i->clustering.max_depth = count_of(d, "max_depth", 0);
}

static void read_described(struct task *t, const json_t *d) {
    struct task_info *i = &t->info;
    i->described = d;
    i->name = frames_text(t, d, "name");
    i->version = json_get_int(d, "version", 0);
    i->licence = frames_text(t, d, "licence");
    i->reference = frames_text(t, d, "reference");
    i->published = frames_text(t, d, "published");
    i->mean = frames_text(t, d, "mean");
    i->languages = strings_of(t, d, "languages");
    i->domains = strings_of(t, d, "domains");
    i->tasks = strings_of(t, d, "tasks");
    i->delimiter = frames_text(t, d, "delimiter");
    i->description = frames_text(t, d, "description");
    i->publish_samples = json_get_bool(d, "publish_samples", false);
    i->drop_identical_ids = json_get_bool(d, "drop_identical_ids", false);
    i->baseline = json_get_number(d, "baseline", NAN);
    read_probes(i, d);
    const json_t *range = json_object_get(d, "range"), *prompt = json_object_get(d, "prompt");
    i->range_low = json_number_value(json_array_get(range, 0));
    i->range_high = json_number_value(json_array_get(range, 1));
    i->protocol = (int)json_get_int(d, "version_of_protocol", 0);
    i->prompt_query = i->prompt_passage = frames_text(t, d, "prompt");
    if (json_is_object(prompt)) {
        i->prompt_query = frames_text(t, prompt, "query");
        i->prompt_passage = frames_text(t, prompt, "passage");
    }
}

static void read_data(struct task *t, const json_t *data) {
    t->info.data_repo = frames_text(t, data, "repo");
    t->info.data_revision = frames_text(t, data, "revision");
    t->info.data_config = frames_text(t, data, "config");
    t->info.split = frames_text(t, data, "split");
    t->info.subsets = strings_of(t, data, "subsets");
}

static bool read_profile(struct task *t, const char *profile, struct err *err) {
    struct task_info *i = &t->info;
    struct profile p;
    i->profile = profile ? profile : task_kind_embeds(i->kind) ? "mteb/2" : "lm-eval/0.4.13";
    if (!profile_parse(i->profile, &p, err)) {
        return false;
    }
    i->rules = arena_strdup(&t->arena, p.rules);
    return true;
}

bool frames_header(struct task *t, const char *path, json_t *header, struct err *err) {
    struct task_info *i = &t->info;
    t->header = json_incref(header);
    if (!task_kind_find(json_get_string(header, "kind", NULL), &i->kind)) {
        return frames_broken(err, "an unknown kind of task");
    }
    i->path = arena_strdup(&t->arena, path);
    read_described(t, json_object_get(header, "described"));
    read_data(t, json_object_get(header, "data"));
    i->main = frames_text(t, header, "main");
    i->higher_is_better = !i->main || metric_rule_of(i->main, i->main, i->described).higher;
    i->report = strings_of(t, header, "report");
    if (!read_profile(t, frames_text(t, header, "profile"), err)) {
        return false;
    }
    const json_t *generation = json_object_get(header, "generation");
    i->generation = i->kind == TASK_GENERATE ? generation : NULL;
    if (i->kind == TASK_GENERATE && !json_is_object(generation)) {
        return frames_broken(err, "a task that generates, without how");
    }
    i->n_wordings = (unsigned)json_get_int(header, "wordings", 0);
    i->reorders = json_get_bool(header, "reorders", false);
    i->sandbox_degraded = frames_text(t, header, "degraded");
    i->seed = json_get_int(header, "seed", 0);
    i->limit = json_get_int(header, "limit", 0);
    long long shots = json_get_int(header, "shots", 0);
    const char *sha256 = json_get_string(header, "task_sha256", "");
    if (!i->name || !i->sandbox_degraded || shots < 0 || shots > 1000 || strlen(sha256) != 64 ||
        (i->kind != TASK_SUITE && (!i->main || !i->report.n))) {
        return frames_broken(err, "an incomplete header");
    }
    i->shots = (int)shots;
    memcpy(i->task_sha256, sha256, 65);
    return true;
}

/* ---- documents ---- */

static bool is_role(const char *role) {
    return !strcmp(role, "system") || !strcmp(role, "user") || !strcmp(role, "assistant");
}

/* A turn is [role, text, what follows it]. */
static bool read_turn(struct task *t, struct task_turn *turn, const json_t *v) {
    const char **parts[] = { &turn->role, &turn->text, &turn->delimiter };
    for (size_t i = 0; i < 3; i++) {
        const json_t *part = json_array_get(v, i);
        if (!json_is_string(part) || memchr(json_string_value(part), 0, json_string_length(part))) {
            return false;
        }
        *parts[i] = arena_strdup(&t->arena, json_string_value(part));
    }
    return is_role(turn->role);
}

static bool read_turns(struct task *t, struct task_doc *d, const json_t *list) {
    d->n_turns = json_array_size(list);
    d->turns = arena_alloc(&t->arena, (d->n_turns + 1) * sizeof *d->turns);
    for (size_t i = 0; i < d->n_turns; i++) {
        if (!read_turn(t, &d->turns[i], json_array_get(list, i))) {
            return false;
        }
    }
    return d->n_turns <= FRAMES_MAX_CHOICES;
}

/* Without a chat template all turns are one text, which each question ends. */
static void join_turns(struct task *t, struct task_doc *d) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < d->n_turns; i++) {
        strbuf_adds(&text, d->turns[i].text);
        strbuf_adds(&text, d->turns[i].delimiter);
    }
    d->contexts = arena_alloc(&t->arena, (d->n_contexts + 1) * sizeof *d->contexts);
    for (size_t i = 0; i < d->n_contexts; i++) {
        size_t n = strlen(d->questions[i]);
        char *context = arena_alloc(&t->arena, text.len + n + 1);
        memcpy(context, strbuf_str(&text), text.len);
        memcpy(context + text.len, d->questions[i], n + 1);
        d->contexts[i] = context;
    }
    strbuf_release(&text);
}

static bool read_contexts(struct task *t, struct task_doc *d, const json_t *doc) {
    if (!read_turns(t, d, json_object_get(doc, "turns")) ||
        !frames_texts(t, doc, "questions", &d->questions, &d->n_contexts) || d->n_contexts == 0) {
        return false;
    }
    join_turns(t, d);
    return true;
}

static bool read_choices(struct task *t, struct task_doc *d, const json_t *doc) {
    const json_t *list = json_object_get(doc, "choices");
    size_t n_contexts = t->info.kind == TASK_ROLLING ? 1 : d->n_contexts;
    d->n_choices = json_array_size(list);
    if (d->n_choices == 0 || d->n_choices > FRAMES_MAX_CHOICES) {
        return false;
    }
    d->choices = arena_alloc(&t->arena, d->n_choices * sizeof *d->choices);
    for (size_t i = 0; i < d->n_choices; i++) {
        const json_t *v = json_array_get(list, i);
        struct task_choice *c = &d->choices[i];
        c->text = frames_text(t, v, "text");
        c->continuation = frames_text(t, v, "continuation");
        if (!c->text || !c->continuation ||
            !frames_index(json_object_get(v, "context"), n_contexts, &c->context)) {
            return false;
        }
    }
    return true;
}

static bool read_gold(struct task *t, struct task_doc *d, const json_t *doc) {
    const json_t *list = json_object_get(doc, "gold");
    d->n_gold = json_array_size(list);
    if (d->n_gold > d->n_choices || (d->n_gold == 0 && !json_is_false(list))) {
        return false;
    }
    d->gold = arena_alloc(&t->arena, (d->n_gold + 1) * sizeof *d->gold);
    for (size_t i = 0; i < d->n_gold; i++) {
        if (!frames_index(json_array_get(list, i), d->n_choices, &d->gold[i])) {
            return false;
        }
    }
    return true;
}

/* A list of texts, each without NUL bytes; empty where there is none. */
bool frames_texts(
    struct task *t, const json_t *doc, const char *key, const char ***texts, size_t *n) {
    const json_t *list = json_object_get(doc, key);
    *n = json_array_size(list);
    *texts = arena_alloc(&t->arena, (*n + 1) * sizeof **texts);
    for (size_t i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v) || memchr(json_string_value(v), 0, json_string_length(v))) {
            return false;
        }
        (*texts)[i] = arena_strdup(&t->arena, json_string_value(v));
    }
    return *n <= FRAMES_MAX_CHOICES;
}

static bool read_summary(struct task *t, struct task_doc *d, const json_t *doc) {
    const json_t *list = json_object_get(doc, "scores");
    if (!frames_texts(t, doc, "human", &d->human, &d->n_human) || !d->n_human ||
        !frames_texts(t, doc, "machine", &d->machine, &d->n_machine) || !d->n_machine ||
        json_array_size(list) != d->n_machine) {
        return false;
    }
    d->marks = arena_alloc(&t->arena, d->n_machine * sizeof *d->marks);
    for (size_t i = 0; i < d->n_machine; i++) {
        d->marks[i] = json_number_value(json_array_get(list, i));
        if (!json_is_number(json_array_get(list, i)) || !isfinite(d->marks[i])) {
            return false;
        }
    }
    return true;
}

static bool read_label(const json_t *doc, double *label) {
    return frames_number(doc, "label", label) && (*label == 0 || *label == 1);
}

static bool read_answers(struct task *t, struct task_doc *d, const json_t *list) {
    d->n_answers = json_array_size(list);
    d->answers = arena_alloc(&t->arena, (d->n_answers + 1) * sizeof *d->answers);
    for (size_t i = 0; i < d->n_answers; i++) {
        json_t *one = json_pack("{s:O}", "spans", json_array_get(list, i));
        struct task_answer *a = &d->answers[i];
        bool ok = frames_texts(t, one, "spans", &a->spans, &a->n);
        json_decref(one);
        if (!ok || a->n == 0) {
            return false;
        }
    }
    return d->n_answers > 0 && d->n_answers <= FRAMES_MAX_CANDIDATES;
}

/* ---- by kind ---- */

static bool read_by_kind(struct task *t, struct task_doc *d, const json_t *doc) {
    switch (t->info.kind) {
    case TASK_CHOICE:
        return read_contexts(t, d, doc) && read_choices(t, d, doc) && d->n_choices > 1 &&
               read_gold(t, d, doc);
    case TASK_LOGLIKELIHOOD:
        return read_contexts(t, d, doc) && read_choices(t, d, doc) && d->n_choices == 1;
    case TASK_ROLLING:
        return read_choices(t, d, doc) && d->n_choices == 1 &&
               frames_number(doc, "words", &d->words) && frames_number(doc, "bytes", &d->bytes) &&
               d->words >= 0 && d->bytes >= 1;
    case TASK_GENERATE:
        return read_contexts(t, d, doc) && d->n_contexts == 1 &&
               read_answers(t, d, json_object_get(doc, "gold")) &&
               frames_texts(t, doc, "choices", &d->offered, &d->n_offered) &&
               frames_texts(t, doc, "wrong", &d->wrong, &d->n_wrong);
    case TASK_STS:
        d->text_a = frames_text(t, doc, "a");
        d->text_b = frames_text(t, doc, "b");
        return d->text_a && d->text_b && frames_number(doc, "score", &d->score);
    case TASK_PAIR:
    case TASK_BITEXT:
        d->text_a = frames_text(t, doc, "a");
        d->text_b = frames_text(t, doc, "b");
        return d->text_a && d->text_b &&
               (t->info.kind == TASK_BITEXT || read_label(doc, &d->score));
    case TASK_SUMMARY:
        return read_summary(t, d, doc);
    case TASK_CLASSIFICATION:
    case TASK_MULTILABEL:
    case TASK_CLUSTERING:
        return frames_labelled(t, d, doc);
    case TASK_RETRIEVAL:
    case TASK_RERANK:
    case TASK_INSTRUCTION_RETRIEVAL:
        return frames_query(t, d, doc);
    default:
        return false;
    }
}

static bool add_doc(struct task *t, const json_t *doc, struct err *err) {
    if (t->n_docs == FRAMES_MAX_DOCS) {
        return err_set(err, ERR_TASK, "the task has more than %d documents", FRAMES_MAX_DOCS);
    }
    struct task_doc d = { .subset = frames_text(t, doc, "subset"),
        .cluster = frames_text(t, doc, "cluster"),
        .row = frames_text(t, doc, "row") };
    if (!frames_index(json_object_get(doc, "index"), SIZE_MAX, &d.index) ||
        !read_by_kind(t, &d, doc)) {
        return frames_broken(err, "a document that its kind does not have");
    }
    mem_grow(&t->docs, &t->docs_capacity, t->n_docs + 1, sizeof *t->docs);
    t->docs[t->n_docs++] = d;
    return true;
}

static bool add_frozen(struct task *t, const json_t *v, struct err *err) {
    if (!json_get_string(v, "part", NULL) || json_array_size(t->frozen) == FRAMES_MAX_FROZEN) {
        return frames_broken(err, "bad frozen rows");
    }
    json_array_append(t->frozen, (json_t *)(uintptr_t)v);
    return true;
}

bool frames_document(struct task *t, const json_t *frame, struct err *err) {
    const json_t *v;
    if (t->frozen && (v = json_object_get(frame, "frozen")) != NULL) {
        return add_frozen(t, v, err);
    }
    if ((v = json_object_get(frame, "doc")) != NULL) {
        return add_doc(t, v, err);
    }
    if ((v = json_object_get(frame, "passage")) != NULL) {
        return frames_passage(t, v, err);
    }
    if ((v = json_object_get(frame, "qrel")) != NULL) {
        return frames_judgement(t, v, json_get_string(frame, "subset", NULL), err);
    }
    if ((v = json_object_get(frame, "example")) != NULL) {
        return frames_example(t, v, err);
    }
    if ((v = json_object_get(frame, "experiment")) != NULL) {
        return frames_experiment(t, frame, v, err);
    }
    if ((v = json_object_get(frame, "sampling")) != NULL) {
        return frames_sampling(t, frame, v, err);
    }
    return frames_broken(err, "of no known type");
}

bool frames_complete(struct task *t, const json_t *end, struct err *err) {
    const char *sha256 = json_get_string(end, "data_sha256", "");
    if (strlen(sha256) != 64) {
        return frames_broken(err, "no digest of the data");
    }
    memcpy(t->info.data_sha256, sha256, 65);
    const char *degraded = json_get_string(end, "degraded", NULL);
    t->info.sandbox_degraded =
        degraded ? arena_strdup(&t->arena, degraded) : t->info.sandbox_degraded;
    ids_free(t->passage_ids); /* nothing is looked up any more */
    strmap_free(t->query_ids);
    t->passage_ids = NULL;
    t->query_ids = NULL;
    if (!t->n_docs) {
        return err_set(err, ERR_TASK, "%s: the data gives no %s", t->info.path,
            task_kind_ranks(t->info.kind) ? "queries with judgements" : "documents");
    }
    return true;
}

bool frames_error(const json_t *error, struct err *err) {
    enum err_class class = err_class_find(json_get_string(error, "class", ""));
    if (class == ERR_NONE || class == ERR_BUG) {
        class = ERR_TASK;
    }
    err_set(err, class, "%s", json_get_string(error, "message", "the task failed"));
    const char *hint = json_get_string(error, "hint", "");
    if (*hint) {
        err_hint(err, "%s", hint);
    }
    return false;
}
