/* Two sides, task by task, and what they come to (see compare.h). */
#include "evaluator/compare/comparison.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/stats/standing.h"
#include "db/db.h"
#include "evaluator/compare/contrast.h"
#include "evaluator/compare/flips.h"

/* ---- sides ---- */

static bool side_open(struct side *s, const char *name, struct db *db,
    const struct compare_options *o, struct err *err) {
    *s = (struct side) { .name = name, .db = db };
    return results_are_path(name) ? side_from_files(s, name, o, err)
                                  : side_from_database(s, name, o, err);
}

json_t *side_view(const struct side *s) {
    json_t *view = json_pack("{s:s}", "name", s->name);
    if (s->n) {
        copy_facts(view, s->items[0].facts, (const char *const[]) { "model", "revision", NULL });
    }
    return view;
}

/* ---- one task ---- */

void set_number(json_t *to, const char *key, double v) {
    json_object_set_new(to, key, isfinite(v) ? json_real(v) : json_null());
}

static json_t *notes_of(
    const struct comparison *k, const struct aligned *d, const struct match *m) {
    json_t *notes = json_array();
    if (d->n < d->n_a || d->n < d->n_b) {
        json_array_append_new(notes,
            json_sprintf("the %zu documents that both have, of %zu and %zu", d->n, d->n_a, d->n_b));
    }
    if (!d->index_a) {
        json_array_append_new(notes, json_string("from the scores kept in the records"));
    }
    if (d->n_other_prompts) {
        json_array_append_new(
            notes, json_sprintf("the prompts of %zu documents differ", d->n_other_prompts));
    }
    match_notes(notes, m, k->a, k->b, k->o);
    return notes;
}

static json_t *contrast_view(const struct contrast *c, const struct aligned *d) {
    json_t *view =
        json_pack("{s:I, s:s, s:{s:I, s:I, s:I, s:I}}", "n", (json_int_t)d->n, "test", c->test,
            "flips", "both", (json_int_t)c->flips.both, "neither", (json_int_t)c->flips.neither,
            "only_a", (json_int_t)c->flips.only_a, "only_b", (json_int_t)c->flips.only_b);
    const struct {
        const char *key;
        double v;
    } numbers[] = { { "a", c->a }, { "b", c->b }, { "difference", c->difference.value },
        { "low", c->low }, { "high", c->high }, { "se", c->difference.se },
        { "p", c->difference.p }, { "agreement", c->agreement }, { "detectable", c->detectable } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        set_number(view, numbers[i].key, numbers[i].v);
    }
    if (isfinite(c->p_exact)) {
        json_object_set_new(view, "p_exact", json_real(c->p_exact));
    }
    if (c->n_clusters) {
        json_object_set_new(view, "clusters", json_integer((json_int_t)c->n_clusters));
    }
    if (d->n_subsets > 1) {
        json_object_set_new(view, "subsets", json_integer((json_int_t)d->n_subsets));
    }
    json_object_set_new(view, "binary", json_boolean(d->binary));
    return view;
}

/* Means are over metrics that lie between 0 and 1 and are better the higher, as boards have them.
 */
static void add_to_mean(struct comparison *k, const struct contrast *c, struct metric_rule rule) {
    if (!metric_averages(rule)) {
        return;
    }
    k->n_mean++;
    k->a_sum += c->a;
    k->b_sum += c->b;
    for (size_t i = 0; i < k->o->n_resamples; i++) {
        k->mean[i] += c->replicates[i];
    }
}

/* Of the metric that is compared, which need not be the task's main one. */
static struct metric_rule rule_of(const struct match *m) {
    struct metric_rule rule = metric_rule(json_get_string(m->a->facts, "metric", ""));
    rule.higher = json_get_bool(m->b->facts, "higher_is_better", rule.higher);
    rule.higher = json_get_bool(m->a->facts, "higher_is_better", rule.higher);
    return rule;
}

static void add_task(struct comparison *k, const struct match *m, const struct aligned *d,
    const struct contrast *c) {
    static const char *const SAME[] = { "task", "metric", "version", "profile", "shots", NULL };
    struct metric_rule rule = rule_of(m);
    json_t *view = contrast_view(c, d);
    if (!(c->detectable <= rule.widest)) {
        json_object_del(view, "detectable"); /* no two values differ by that much */
    }
    copy_facts(view, m->b->facts, SAME);
    copy_facts(view, m->a->facts, SAME);
    json_object_set_new(view, "higher_is_better", json_boolean(rule.higher));
    json_object_set_new(view, "percent", json_boolean(rule.scale == METRIC_SHARE));
    json_object_set_new(view, "notes", notes_of(k, d, m));
    if (k->o->n_flips) {
        json_object_set_new(view, "flipped", flips_view(d, k->o->n_flips));
    }
    add_to_mean(k, c, rule);
    json_array_append_new(k->tasks, view);
}

static void refuse(struct comparison *k, const char *task, const char *why, const char *hint) {
    json_t *refused = json_pack("{s:s, s:s}", "task", task, "why", why);
    if (*hint) {
        json_object_set_new(refused, "hint", json_string(hint));
    }
    json_array_append_new(k->refused, refused);
}

/* What cannot be laid side by side is refused with its reason, and holds the others up as little as
 * a task that doesn't match; only what may pass, and our own mistakes, end the comparison. */
static bool is_refusal(enum err_class class) {
    return class == ERR_INPUT || class == ERR_UNSUPPORTED || class == ERR_NOT_FOUND ||
           class == ERR_NUMERIC;
}

/* A task's draws are its own, whatever it is compared beside. */
static uint64_t seed_of(const struct comparison *k, const char *task) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *task; task++) {
        hash = (hash ^ (unsigned char)*task) * 0x100000001b3u;
    }
    return hash ^ k->o->seed;
}

static bool compare_task(struct comparison *k, size_t i, struct err *err) {
    const struct match *m = &k->matches[i];
    struct err why = ERR_INIT;
    struct aligned d;
    struct contrast c;
    if (m->why) {
        refuse(k, m->task, m->why, "");
        return true;
    }
    if (!aligned_open(&d, k->a, m->a, k->b, m->b, k->o, &why)) {
        if (is_refusal(why.class)) {
            refuse(k, m->task, why.msg, why.hint);
            return true;
        }
        *err = why;
        return false;
    }
    bool ok = contrast_make(&c, &d, seed_of(k, m->task), k->pool, k->o, err);
    if (ok) {
        add_task(k, m, &d, &c);
        contrast_release(&c);
    }
    aligned_close(&d);
    return ok;
}

/* ---- all of them ---- */

const char *verdict_of(double p_holm, double difference, bool higher) {
    if (!(p_holm <= SIGNIFICANT)) {
        return "same";
    }
    return (difference > 0) == higher ? "better" : "worse";
}

static void judge(struct comparison *k, json_t *suite) {
    size_t n = json_array_size(k->tasks), i;
    double *p = xcalloc(2 * n + 1, sizeof *p), *holm = p + n;
    json_t *task;
    json_array_foreach(k->tasks, i, task) p[i] = json_get_number(task, "p", NAN);
    holm_adjust(p, n, holm);
    json_array_foreach(k->tasks, i, task) {
        const char *word = verdict_of(holm[i], json_get_number(task, "difference", NAN),
            json_get_bool(task, "higher_is_better", true));
        set_number(task, "p_holm", holm[i]);
        json_object_set_new(task, "verdict", json_string(word));
        json_object_set_new(suite, word, json_integer(json_get_int(suite, word, 0) + 1));
    }
    free(p);
}

json_t *comparison_mean(struct comparison *k) {
    struct resampled r;
    double n = (double)k->n_mean;
    if (k->n_mean == 0 || k->o->n_resamples < 2) {
        return NULL;
    }
    for (size_t i = 0; i < k->o->n_resamples; i++) {
        k->mean[i] /= (float)n;
    }
    resampled_from(k->mean, k->o->n_resamples, (k->b_sum - k->a_sum) / n, &r);
    json_t *mean = json_pack("{s:I}", "tasks", (json_int_t)k->n_mean);
    const struct {
        const char *key;
        double v;
    } numbers[] = { { "a", k->a_sum / n }, { "b", k->b_sum / n }, { "difference", r.value },
        { "se", r.se }, { "low", r.low }, { "high", r.high }, { "p", r.p } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        set_number(mean, numbers[i].key, numbers[i].v);
    }
    return mean;
}

static json_t *document(struct comparison *k) {
    json_t *suite = json_pack("{s:i, s:i, s:i}", "better", 0, "worse", 0, "same", 0);
    judge(k, suite);
    json_t *mean = comparison_mean(k);
    if (mean) {
        json_object_set_new(suite, "mean", mean);
    }
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:f, s:O, s:O, s:o}", "schema", "assay.compare/1",
        "a", side_view(k->a), "b", side_view(k->b), "resamples", (json_int_t)k->o->n_resamples,
        "seed", (json_int_t)k->o->seed, "power", k->o->power, "tasks", k->tasks, "refused",
        k->refused, "suite", suite);
}

/* Nothing could be paired: the first reason is the command's, but that a task is missing. */
bool nothing_paired(const struct comparison *k, struct err *err) {
    for (size_t i = 0; i < k->n_matches; i++) {
        const json_t *refused = json_array_get(k->refused, i); /* all of them, in order */
        if (!k->matches[i].missing) {
            const char *hint = json_get_string(refused, "hint", NULL);
            err_set(err, ERR_INPUT, "nothing can be paired; task '%.100s': %.300s",
                k->matches[i].task, json_get_string(refused, "why", ""));
            return hint && err_hint(err, "%s", hint);
        }
    }
    return err_set(err, ERR_NOT_FOUND, "'%.200s' and '%.200s' have no such task in common",
        k->a->name, k->b->name);
}

bool comparison_make(struct comparison *k, const struct side *a, const struct side *b,
    struct pool *pool, const struct compare_options *o, struct err *err) {
    *k = (struct comparison) {
        .o = o, .a = a, .b = b, .pool = pool, .tasks = json_array(), .refused = json_array()
    };
    k->mean = mem_try(o->n_resamples + 1, sizeof *k->mean, "resamples", err);
    bool ok = k->mean != NULL;
    if (ok) {
        k->matches = match_tasks(a, b, o, &k->n_matches);
    }
    for (size_t i = 0; ok && i < k->n_matches; i++) {
        ok = compare_task(k, i, err) || err_wrap(err, "task '%.100s'", k->matches[i].task);
    }
    return ok;
}

void comparison_release(struct comparison *k) {
    match_release(k->matches, k->n_matches);
    free(k->mean);
    json_decref(k->tasks);
    json_decref(k->refused);
    *k = (struct comparison) { 0 };
}

bool contestants_open(struct contestants *s, const char *const *names, size_t n,
    const struct compare_options *o, struct err *err) {
    bool stored = false, ok = true;
    *s = (struct contestants) { .n = n };
    for (size_t i = 0; i < n; i++) {
        stored = stored || !results_are_path(names[i]);
    }
    s->sides = xcalloc(n, sizeof *s->sides);
    if (stored) {
        s->db = db_open(&(struct db_options) { .conninfo = o->database }, err);
        ok = s->db != NULL;
    }
    for (size_t i = 0; ok && i < n; i++) {
        ok = side_open(&s->sides[i], names[i], s->db, o, err);
    }
    s->pool = ok ? pool_new(pool_default_threads(), err) : NULL;
    return s->pool != NULL;
}

void contestants_close(struct contestants *s) {
    for (size_t i = 0; i < s->n; i++) {
        side_release(&s->sides[i]);
    }
    free(s->sides);
    pool_free(s->pool);
    db_close(s->db);
    *s = (struct contestants) { 0 };
}

json_t *compare(
    const char *a, const char *b, const struct compare_options *options, struct err *err) {
    struct contestants all;
    struct comparison k = { 0 };
    bool ok = contestants_open(&all, (const char *const[]) { a, b }, 2, options, err) &&
              comparison_make(&k, &all.sides[0], &all.sides[1], all.pool, options, err) &&
              (json_array_size(k.tasks) || nothing_paired(&k, err));
    json_t *made = ok ? document(&k) : NULL;
    comparison_release(&k);
    contestants_close(&all);
    return made;
}
