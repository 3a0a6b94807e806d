/* More than two: every pair is compared as if it were alone (compare.c), and of all pairs of a task
 * the ranks are made that they can stand for, as on a board (base/stats/standing.h). */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/stats/standing.h"
#include "evaluator/compare/comparison.h"

struct many {
    const struct compare_options *o;
    struct contestants all;
    json_t *tasks; /* {name: {..., "pairs": []}} */
    json_t *refused, *means;
};

/* ---- pairs ---- */

static json_t *task_named(struct many *m, const json_t *view) {
    static const char *const SAME[] = { "task", "metric", "version", "profile", "shots",
        "higher_is_better", "percent", NULL };
    const char *name = json_get_string(view, "task", "");
    json_t *task = json_object_get(m->tasks, name);
    if (!task) {
        task = json_pack("{s:[]}", "pairs");
        copy_facts(task, view, SAME);
        json_object_set_new(m->tasks, name, task);
    }
    return task;
}

static void set_places(json_t *view, size_t i, size_t j) {
    json_object_set_new(view, "first", json_integer((json_int_t)i));
    json_object_set_new(view, "second", json_integer((json_int_t)j));
}

static void take_pair(struct many *m, struct comparison *k, size_t i, size_t j) {
    size_t at;
    json_t *view, *mean = comparison_mean(k);
    json_array_foreach(k->tasks, at, view) {
        set_places(view, i, j);
        json_array_append(json_object_get(task_named(m, view), "pairs"), view);
    }
    json_array_foreach(k->refused, at, view) {
        set_places(view, i, j);
        json_array_append(m->refused, view);
    }
    if (mean) {
        set_places(mean, i, j);
        json_array_append_new(m->means, mean);
    }
}

static bool compare_pairs(struct many *m, struct err *err) {
    bool ok = true, any = false;
    for (size_t i = 0; ok && i < m->all.n; i++) {
        for (size_t j = i + 1; ok && j < m->all.n; j++) {
            struct comparison k;
            ok = comparison_make(&k, &m->all.sides[i], &m->all.sides[j], m->all.pool, m->o, err);
            any = any || json_array_size(k.tasks);
            if (ok) {
                take_pair(m, &k, i, j);
            }
            if (ok && !any && i + 2 == m->all.n) {
                ok = nothing_paired(&k, err); /* of the last pair, as good as any */
            }
            comparison_release(&k);
        }
    }
    return ok;
}

/* ---- ranks ---- */

/* The sides that have a value, from the pairs of one task. */
struct field {
    size_t n, *side; /* [n]: which */
    double *value;   /* [n] */
    double *p, *holm;
};

static void take_value(
    double *value, long long *most, const json_t *pair, const char *which, const char *key) {
    long long i = json_get_int(pair, which, 0), n = json_get_int(pair, "n", 0);
    if (n > most[i]) {
        most[i] = n;
        value[i] = json_get_number(pair, key, NAN);
    }
}

/* A side's value is that over the most documents which it shares with another. */
static void field_values(struct field *f, const json_t *pairs, size_t n_sides) {
    double *value = xcalloc(n_sides, sizeof *value);
    long long *most = xcalloc(n_sides, sizeof *most);
    size_t i;
    json_t *pair;
    for (i = 0; i < n_sides; i++) {
        most[i] = -1;
    }
    json_array_foreach(pairs, i, pair) {
        take_value(value, most, pair, "first", "a");
        take_value(value, most, pair, "second", "b");
    }
    for (i = 0; i < n_sides; i++) {
        if (most[i] >= 0 && isfinite(value[i])) {
            f->side[f->n] = i;
            f->value[f->n++] = value[i];
        }
    }
    free(most);
    free(value);
}

static size_t place_of(const struct field *f, long long side) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->side[i] == (size_t)side) {
            return i;
        }
    }
    return f->n;
}

/* Where a pair's p lies; SIZE_MAX where one of the two has no value. */
static size_t pair_place(const struct field *f, const json_t *pair) {
    size_t i = place_of(f, json_get_int(pair, "first", 0)),
           j = place_of(f, json_get_int(pair, "second", 0));
    return i < f->n && j < f->n ? pair_at(f->n, i, j) : SIZE_MAX;
}

static void field_init(struct field *f, const json_t *pairs, size_t n_sides) {
    *f = (struct field) { .side = xcalloc(n_sides, sizeof *f->side),
        .value = xcalloc(n_sides, sizeof *f->value) };
    field_values(f, pairs, n_sides);
    size_t n = pair_count(f->n), i;
    json_t *pair;
    f->p = xcalloc(n + 1, sizeof *f->p);
    f->holm = xcalloc(n + 1, sizeof *f->holm);
    for (i = 0; i < n; i++) {
        f->p[i] = NAN;
    }
    json_array_foreach(pairs, i, pair) {
        size_t at = pair_place(f, pair);
        if (at != SIZE_MAX) {
            f->p[at] = json_get_number(pair, "p", NAN);
        }
    }
    holm_adjust(f->p, n, f->holm);
}

static void field_release(struct field *f) {
    free(f->side);
    free(f->value);
    free(f->p);
    free(f->holm);
}

static json_t *standings_view(const struct field *f, bool higher) {
    struct standing *s = xcalloc(f->n + 1, sizeof *s);
    double *upward = xcalloc(f->n + 1, sizeof *upward);
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) {
        upward[i] = higher ? f->value[i] : -f->value[i];
    }
    standings(upward, f->p, f->n, s);
    for (int rank = 1; rank <= (int)f->n; rank++) {
        for (size_t i = 0; i < f->n; i++) {
            if (s[i].rank == rank) {
                json_array_append_new(
                    list, json_pack("{s:I, s:f, s:i, s:i, s:i, s:i}", "side",
                              (json_int_t)f->side[i], "value", f->value[i], "rank", s[i].rank,
                              "rank_low", s[i].low, "rank_high", s[i].high, "tier", s[i].tier));
            }
        }
    }
    free(upward);
    free(s);
    return list;
}

/* Sets p_holm and verdict of the pairs; returns the standings. */
static json_t *rank(json_t *pairs, size_t n_sides, bool higher) {
    struct field f;
    size_t i;
    json_t *pair;
    field_init(&f, pairs, n_sides);
    json_array_foreach(pairs, i, pair) {
        size_t at = pair_place(&f, pair);
        double holm = at != SIZE_MAX ? f.holm[at] : NAN;
        set_number(pair, "p_holm", holm);
        json_object_set_new(pair, "verdict",
            json_string(verdict_of(holm, json_get_number(pair, "difference", NAN), higher)));
    }
    json_t *list = standings_view(&f, higher);
    field_release(&f);
    return list;
}

/* ---- the document ---- */

static json_t *tasks_view(const struct many *m) {
    json_t *list = json_array(), *task;
    const char *name;
    json_object_foreach(m->tasks, name, task) {
        json_object_set_new(task, "standings",
            rank(json_object_get(task, "pairs"), m->all.n,
                json_get_bool(task, "higher_is_better", true)));
        json_array_append(list, task);
    }
    return list;
}

/* A mean is of all sides only where every pair has it over as many tasks. */
static json_t *mean_view(const struct many *m) {
    size_t i;
    json_t *pair;
    long long tasks = json_get_int(json_array_get(m->means, 0), "tasks", 0);
    bool all = json_array_size(m->means) == pair_count(m->all.n) && tasks > 1;
    json_array_foreach(m->means, i, pair) all = all && json_get_int(pair, "tasks", 0) == tasks;
    if (!all) {
        return NULL;
    }
    json_t *standings = rank(m->means, m->all.n, true);
    return json_pack(
        "{s:I, s:o, s:O}", "tasks", (json_int_t)tasks, "standings", standings, "pairs", m->means);
}

static json_t *document(const struct many *m) {
    json_t *sides = json_array(), *mean = mean_view(m);
    for (size_t i = 0; i < m->all.n; i++) {
        json_array_append_new(sides, side_view(&m->all.sides[i]));
    }
    return json_pack("{s:s, s:o, s:I, s:I, s:f, s:o, s:o*, s:O}", "schema", "assay.compare-many/1",
        "sides", sides, "resamples", (json_int_t)m->o->n_resamples, "seed", (json_int_t)m->o->seed,
        "power", m->o->power, "tasks", tasks_view(m), "mean", mean, "refused", m->refused);
}

json_t *compare_many(
    const char *const *names, size_t n, const struct compare_options *options, struct err *err) {
    struct many m = {
        .o = options, .tasks = json_object(), .refused = json_array(), .means = json_array()
    };
    bool ok = contestants_open(&m.all, names, n, options, err) && compare_pairs(&m, err);
    json_t *made = ok ? document(&m) : NULL;
    contestants_close(&m.all);
    json_decref(m.tasks);
    json_decref(m.refused);
    json_decref(m.means);
    return made;
}
