/* Clusterings by mini-batch k-means against the labels that people gave, as mteb has them: of each
 * set of a subset once (protocol 1), or of draws with replacement, several a level of labels
 * (protocol 2).
 *
 * A score is a mean over clusterings, and its error is that of this mean: how much it would change
 * with other draws or other sets. It says nothing of other documents. A sample holds in which
 * cluster of each clustering a document is, and how often it was drawn for it: scores can be made
 * of that alone. */
#include <math.h>
#include <string.h>

#include "base/stats/interval.h"
#include "evaluator/eval/labels.h"
#include "evaluator/metric/classes.h"
#include "evaluator/metric/learn.h"

enum { SEED = 42, NOT_DRAWN = -1 };

/* Where a document is in one clustering. */
struct place {
    int32_t cluster; /* NOT_DRAWN: it isn't in it */
    uint32_t times;
};

struct numbers {
    bool sets;               /* protocol 1: one clustering a document */
    size_t n_levels, n_runs; /* 1 and 1 for sets */
    struct place *places;    /* [n, n_levels, n_runs] */
};

static struct numbers *make_numbers(struct eval *e, bool sets, size_t n_levels, size_t n_runs) {
    struct numbers *x = arena_alloc(&e->arena, sizeof *x);
    *x = (struct numbers) { .sets = sets, .n_levels = n_levels, .n_runs = n_runs };
    x->places = arena_alloc(&e->arena, e->n * n_levels * n_runs * sizeof *x->places);
    for (size_t i = 0; i < e->n * n_levels * n_runs; i++) {
        x->places[i].cluster = NOT_DRAWN;
    }
    e->kind = x;
    return x;
}

static struct place *place_at(const struct numbers *x, size_t doc, size_t level, size_t run) {
    return &x->places[(doc * x->n_levels + level) * x->n_runs + run];
}

/* ---- labels of a level ---- */

/* The documents from..from + n that have a label at a level, and its class. A document whose labels
 * are words and end before that level has the word "-1" there, which makes these a class of their
 * own; where labels are numbers it is left out, as is one that is labelled -1. (mteb marks what is
 * missing by -1, which among words is one.) */
struct level {
    size_t *docs, n;
    uint32_t *classes, n_classes;
    struct arena arena;
};

static bool label_at(const struct task_doc *d, size_t level, struct task_label *label) {
    if (level < d->n_labels) {
        *label = d->labels[level];
        return label->text != NULL || label->number != -1;
    }
    *label = (struct task_label) { .text = "-1" };
    return d->labels[0].text != NULL;
}

static void level_init(struct level *l, const struct eval *e, size_t level, size_t from, size_t n) {
    *l = (struct level) { 0 };
    l->docs = arena_alloc(&l->arena, (n + 1) * sizeof *l->docs);
    l->classes = arena_alloc(&l->arena, (n + 1) * sizeof *l->classes);
    struct task_label *labels = arena_alloc(&l->arena, (n + 1) * sizeof *labels);
    for (size_t i = from; i < from + n; i++) {
        if (label_at(&e->docs[i], level, &labels[l->n])) {
            l->docs[l->n++] = i;
        }
    }
    struct label_table table = label_table_of(&l->arena, labels, l->n);
    for (size_t i = 0; i < l->n; i++) {
        l->classes[i] = (uint32_t)label_table_find(&table, &labels[i]);
    }
    l->n_classes = (uint32_t)table.n;
}

static void level_release(struct level *l) {
    arena_release(&l->arena);
}

/* ---- asking ---- */

/* One clustering that is to be made: of documents (some of them several times) into clusters. */
struct job {
    size_t *docs, n, level, run;
    uint32_t n_clusters;
};

struct jobs {
    struct job *items;
    size_t n, capacity;
    struct eval *e;
    const float *vectors;
    const size_t *of_docs; /* distinct texts */
};

static void add_job(struct jobs *j, struct job job) {
    mem_grow(&j->items, &j->capacity, j->n + 1, sizeof job);
    j->items[j->n++] = job;
}

static bool run_job(void *arg, size_t item, struct err *err) {
    const struct jobs *j = arg;
    const struct job *job = &j->items[item];
    const struct numbers *x = j->e->kind;
    size_t *at = xcalloc(job->n, sizeof *at);
    uint32_t *labels = xcalloc(job->n, sizeof *labels);
    for (size_t i = 0; i < job->n; i++) {
        at[i] = j->of_docs[job->docs[i]];
    }
    struct vectors vectors = { j->vectors, j->e->subject->width, at, job->n };
    struct kmeans_options options = { job->n_clusters, j->e->info->clustering.batch, SEED };
    bool ok = kmeans_fit(&vectors, &options, labels, NULL, err);
    for (size_t i = 0; ok && i < job->n; i++) {
        struct place *p = place_at(x, job->docs[i], job->level, job->run);
        p->cluster = (int32_t)labels[i];
        p->times++;
    }
    free(labels);
    free(at);
    return ok;
}

/* The end of a set that begins at document `from`. */
static size_t set_end(const struct eval *e, size_t from, size_t to) {
    size_t end = from;
    while (end < to && e->docs[end].set == e->docs[from].set) {
        end++;
    }
    return end;
}

static size_t *numbers_from(struct arena *a, size_t from, size_t n) {
    size_t *list = arena_alloc(a, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = from + i;
    }
    return list;
}

/* Each set of a subset is clustered by itself; of one label there is nothing to find. */
static void plan_sets(struct jobs *j, size_t from, size_t to) {
    for (size_t end; from < to; from = end) {
        struct level level;
        end = set_end(j->e, from, to);
        level_init(&level, j->e, 0, from, end - from);
        if (level.n_classes > 1) {
            add_job(j, (struct job) { .docs = numbers_from(&j->e->arena, from, end - from),
                           .n = end - from,
                           .n_clusters = level.n_classes });
        } else {
            for (size_t i = from; i < end; i++) {
                *place_at(j->e->kind, i, 0, 0) = (struct place) { 0, 1 };
            }
        }
        level_release(&level);
    }
}

/* What the subset's documents took from the stream before they came here. */
static void pass_sampling(struct eval *e, const char *subset, struct mt19937 *random) {
    for (size_t i = 0; i < e->n_samplings; i++) {
        const struct task_sampling *s = &e->samplings[i];
        if (labels_same_subset(s->subset, subset)) {
            size_t *ignored = xcalloc(s->sampled + 1, sizeof *ignored);
            python_sample(random, s->population, s->sampled, ignored);
            free(ignored);
            return;
        }
    }
}

static void draw_level(struct jobs *j, size_t at, size_t from, size_t to, struct mt19937 *random) {
    const struct task_clustering *c = &j->e->info->clustering;
    struct level level;
    level_init(&level, j->e, at, from, to - from);
    for (size_t run = 0; level.n && run < c->experiments; run++) {
        size_t *docs = arena_alloc(&j->e->arena, c->sample * sizeof *docs);
        python_choices(random, level.n, c->sample, docs);
        for (size_t i = 0; i < c->sample; i++) {
            docs[i] = level.docs[docs[i]];
        }
        add_job(j, (struct job) { docs, c->sample, at, run, level.n_classes });
    }
    level_release(&level);
}

/* How many levels there are in documents from..to. */
static size_t depth_of(const struct eval *e, size_t from, size_t to) {
    size_t depth = 0, most = e->info->clustering.max_depth;
    for (size_t i = from; i < to; i++) {
        depth = e->docs[i].n_labels > depth ? e->docs[i].n_labels : depth;
    }
    return most && depth > most ? most : depth;
}

static void plan_draws(struct jobs *j, size_t from, size_t to, struct mt19937 *random) {
    pass_sampling(j->e, j->e->docs[from].subset, random);
    for (size_t level = 0; level < depth_of(j->e, from, to); level++) {
        draw_level(j, level, from, to, random);
    }
}

static void plan_jobs(struct jobs *j) {
    struct eval *e = j->e;
    struct mt19937 random;
    python_seed(&random, SEED);
    for (size_t from = 0, to; from < e->n; from = to) {
        to = labels_subset_end(e, from);
        if (e->info->clustering.sets) {
            plan_sets(j, from, to);
        } else {
            plan_draws(j, from, to, &random);
        }
    }
}

static bool clustering_ask(struct eval *e, struct err *err) {
    const struct task_clustering *c = &e->info->clustering;
    struct texts texts;
    struct jobs jobs = { .e = e };
    make_numbers(e, c->sets, c->sets ? 1 : depth_of(e, 0, e->n), c->sets ? 1 : c->experiments);
    size_t *place = arena_alloc(&e->arena, e->n * sizeof *place);
    texts_init(&texts, e->n);
    for (size_t i = 0; i < e->n; i++) {
        place[i] = texts_add(&texts, e->docs[i].text);
    }
    float *vectors = texts_embed(e, &texts, err);
    bool ok = vectors != NULL;
    if (ok && !e->plan) {
        jobs.vectors = vectors;
        jobs.of_docs = place;
        plan_jobs(&jobs);
        ok = experiments_run(jobs.n, run_job, &jobs, err);
    }
    free(jobs.items);
    free(vectors);
    texts_release(&texts);
    return ok;
}

/* ---- taking back what was said ---- */

static bool is_count(const json_t *v, long long least) {
    return json_is_integer(v) && json_integer_value(v) >= least && json_integer_value(v) < 1 << 30;
}

/* assigned, times: a list a level of a number a run. */
static bool recall_draws(struct eval *e, size_t i, const json_t *sample, struct err *err) {
    const json_t *assigned = json_object_get(sample, "assigned"),
                 *times = json_object_get(sample, "times");
    size_t n_levels = json_array_size(assigned),
           n_runs = json_array_size(json_array_get(assigned, 0));
    struct numbers *x = i ? e->kind : make_numbers(e, false, n_levels, n_runs);
    bool ok = n_levels && n_runs && n_levels == x->n_levels && json_array_size(times) == n_levels;
    for (size_t l = 0; ok && l < n_levels; l++) {
        const json_t *a = json_array_get(assigned, l), *t = json_array_get(times, l);
        ok = json_array_size(a) == x->n_runs && json_array_size(t) == x->n_runs;
        for (size_t r = 0; ok && r < x->n_runs; r++) {
            const json_t *cluster = json_array_get(a, r), *drawn = json_array_get(t, r);
            ok = is_count(cluster, NOT_DRAWN) && is_count(drawn, 0);
            *place_at(x, i, l, r) = (struct place) { (int32_t)json_integer_value(cluster),
                (uint32_t)json_integer_value(drawn) };
        }
    }
    return ok ||
           recall_fail(sample, "'assigned' and 'times' are not numbers by level and run", err);
}

static bool recall_set(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    const json_t *set = json_object_get(sample, "set"),
                 *cluster = json_object_get(sample, "assigned");
    struct numbers *x = i ? e->kind : make_numbers(e, true, 1, 1);
    if (!is_count(set, 0) || !is_count(cluster, 0) || !x->sets) {
        return recall_fail(sample, "'set' and 'assigned' are not numbers", err);
    }
    doc->set = (size_t)json_integer_value(set);
    *place_at(x, i, 0, 0) = (struct place) { (int32_t)json_integer_value(cluster), 1 };
    return true;
}

static bool clustering_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    bool sets = json_object_get(sample, "set") != NULL;
    doc->labels = labels_recall(e, sample, "labels", &doc->n_labels, err);
    if (!doc->labels || !recall_text(e, sample, "text", &doc->text, err)) {
        return false;
    }
    if (doc->n_labels == 0) {
        return recall_fail(sample, "it has no label", err);
    }
    return sets ? recall_set(e, i, sample, doc, err) : recall_draws(e, i, sample, err);
}

/* ---- measuring ---- */

/* The v-measure of one clustering of a level's documents. */
static double score_run(const struct numbers *x, const struct level *level, size_t at, size_t run) {
    struct partition p = { .n_classes = level->n_classes };
    uint32_t *gold = xcalloc(2 * level->n + 1, sizeof *gold), *cluster = gold + level->n;
    double *times = xcalloc(level->n + 1, sizeof *times);
    for (size_t i = 0; i < level->n; i++) {
        const struct place *place = place_at(x, level->docs[i], at, run);
        if (place->times && place->cluster != NOT_DRAWN) {
            gold[p.n] = level->classes[i];
            cluster[p.n] = (uint32_t)place->cluster;
            times[p.n++] = place->times;
            p.n_clusters = (uint32_t)place->cluster >= p.n_clusters ? (uint32_t)place->cluster + 1
                                                                    : p.n_clusters;
        }
    }
    p.gold = gold;
    p.cluster = cluster;
    p.times = times;
    double v = v_measure(&p).v;
    free(times);
    free(gold);
    return v;
}

/* Scores of all clusterings of documents from..from + n: set by set, or level by level. */
static double *scores_of(struct eval *e, size_t from, size_t n, size_t *n_scores) {
    const struct numbers *x = e->kind;
    size_t capacity = x->sets ? n : x->n_levels * x->n_runs;
    double *scores = xcalloc(capacity + 1, sizeof *scores);
    struct level level;
    *n_scores = 0;
    for (size_t at = from, end; x->sets && at < from + n; at = end) {
        end = set_end(e, at, from + n);
        level_init(&level, e, 0, at, end - at);
        scores[(*n_scores)++] = level.n_classes > 1 ? score_run(x, &level, 0, 0) : 1;
        level_release(&level);
    }
    size_t depth = x->sets ? 0 : depth_of(e, from, from + n);
    for (size_t l = 0; l < depth && l < x->n_levels; l++) {
        level_init(&level, e, l, from, n);
        for (size_t run = 0; level.n && run < x->n_runs; run++) {
            scores[(*n_scores)++] = score_run(x, &level, l, run);
        }
        level_release(&level);
    }
    return scores;
}

/* The mean over levels of means over runs: levels are given, runs are chance. */
static struct estimate mean_of_levels(const double *scores, size_t n, size_t n_runs) {
    struct estimate out = { .value = mean(scores, n) };
    double square = 0, n_levels = (double)(n / n_runs);
    for (size_t at = 0; at < n; at += n_runs) {
        double error = estimate_mean(scores + at, n_runs).stderr_;
        square += error * error;
    }
    out.stderr_ = sqrt(square) / n_levels;
    struct interval i = interval_mean(out.value, out.stderr_, n_levels * ((double)n_runs - 1));
    out.low = i.low;
    out.high = i.high;
    return out;
}

static bool clustering_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    const struct numbers *x = e->kind;
    size_t n_scores;
    if (strcmp(metric, "v_measure")) {
        return eval_unknown(metric, err);
    }
    double *scores = scores_of(e, from, n, &n_scores);
    bool ok = n_scores || err_set(err, ERR_INPUT, "there is nothing to cluster");
    if (ok) {
        *out = mean_of_levels(scores, n_scores, x->sets ? n_scores : x->n_runs);
    }
    free(scores);
    return ok;
}

/* Of sets a list, of draws a list a level. */
static json_t *clustering_detail(struct eval *e, size_t from, size_t n) {
    const struct numbers *x = e->kind;
    size_t n_scores;
    double *scores = scores_of(e, from, n, &n_scores);
    json_t *all = json_array(), *level = all;
    for (size_t i = 0; i < n_scores; i++) {
        if (!x->sets && i % x->n_runs == 0) {
            level = json_array();
            json_array_append_new(all, level);
        }
        json_array_append_new(level, json_real(scores[i]));
    }
    free(scores);
    return json_pack("{s:o}", "v_measure", all);
}

/* ---- samples ---- */

static void write_places(const struct numbers *x, size_t doc, bool times, struct json_writer *w) {
    jw_key(w, times ? "times" : "assigned");
    jw_array(w);
    for (size_t l = 0; l < x->n_levels; l++) {
        jw_array(w);
        for (size_t r = 0; r < x->n_runs; r++) {
            const struct place *p = place_at(x, doc, l, r);
            jw_int(w, times ? (long long)p->times : (long long)p->cluster);
        }
        jw_end_array(w);
    }
    jw_end_array(w);
}

static void clustering_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct numbers *x = e->kind;
    const struct task_doc *d = &e->docs[i];
    eval_prompt_hash(w, (const char *[]) { d->text }, 1);
    jw_kv_string(w, "text", d->text);
    jw_key(w, "labels");
    jw_array(w);
    for (size_t l = 0; l < d->n_labels; l++) {
        label_write(&d->labels[l], w);
    }
    jw_end_array(w);
    if (x->sets) {
        jw_kv_int(w, "set", (long long)d->set);
        jw_kv_int(w, "assigned", place_at(x, i, 0, 0)->cluster);
        return;
    }
    write_places(x, i, false, w);
    write_places(x, i, true, w);
}

const struct eval_kind eval_clustering = { .ask = clustering_ask,
    .measure = clustering_measure,
    .sample = clustering_sample,
    .recall = clustering_recall,
    .detail = clustering_detail,
    .together = true };
