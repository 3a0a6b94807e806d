/* See spread.h. The error of a score says how it would vary with other documents; its spread says
 * how it varies where the same documents are asked in another way. */
#include "evaluator/cli/spread.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/task/library.h"
#include "evaluator/task/profile.h"

#define DRAWS_MAX 1000

/* ---- what is asked ---- */

/* What can be varied: how often a task can be asked otherwise, and how the i-th time differs. */
struct axis {
    const char *name, *otherwise;
    unsigned (*others)(const struct task_info *info);
    void (*vary)(json_t *draw, const struct task_info *info, unsigned i);
};

static unsigned other_examples(const struct task_info *info) {
    const json_t *sampler = json_object_get(info->described, "sampler");
    bool at_random =
        !sampler || (json_is_string(sampler) && !strcmp(json_string_value(sampler), "default"));
    return at_random && info->shots > 0 ? DRAWS_MAX : 0;
}

static void vary_examples(json_t *draw, const struct task_info *info, unsigned i) {
    json_object_set_new(draw, "seed", json_integer(info->seed + (long long)i));
}

static void vary_profile(json_t *draw, const struct task_info *info, const char *what, unsigned i) {
    const char *profile = json_get_string(draw, "profile", info->profile);
    json_object_set_new(draw, "profile", json_sprintf("%s+%s%u", profile, what, i));
}

static unsigned other_orders(const struct task_info *info) {
    return info->reorders ? PROFILE_VARIANTS_MAX : 0;
}

static void vary_order(json_t *draw, const struct task_info *info, unsigned i) {
    vary_profile(draw, info, "order", i);
}

static unsigned other_wordings(const struct task_info *info) {
    return info->n_wordings;
}

static void vary_wording(json_t *draw, const struct task_info *info, unsigned i) {
    vary_profile(draw, info, "wording", i);
}

static const struct axis AXES[] = {
    { "shots", "draws no examples", other_examples, vary_examples },
    { "order", "has no options that could stand in another order", other_orders, vary_order },
    { "wording", "has no other wordings", other_wordings, vary_wording },
};

static const struct axis *find_axis(const struct args *args, struct err *err) {
    const char *name = args_get(args, "spread-over", AXES[0].name);
    for (size_t i = 0; i < sizeof AXES / sizeof *AXES; i++) {
        if (!strcmp(AXES[i].name, name)) {
            return &AXES[i];
        }
    }
    err_set(err, ERR_USAGE, "option '--spread-over' is shots, order or wording, not '%s'", name);
    return NULL;
}

/* With what was settled for it: a task may not let its number of examples be changed. */
static struct task *describe(const struct args *args, const json_t *task, struct err *err) {
    struct task_request r = TASK_REQUEST_INIT;
    task_library_fill(&r, args_get(args, "tasks", NULL));
    r.name = json_get_string(task, "name", "");
    r.shots = (int)json_get_int(task, "shots", -1);
    r.seed = json_get_int(task, "seed", -1);
    r.profile = json_get_string(task, "profile", NULL);
    return task_describe(&r, err);
}

/* The first stays as it is: the result that there would be without a spread. */
static void add_draws(json_t *out, const json_t *task, const struct axis *axis,
    const struct task_info *info, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        json_t *draw = json_copy((json_t *)(uintptr_t)task);
        if (i) {
            axis->vary(draw, info, i);
        }
        json_array_append_new(out, draw);
    }
}

static bool add_task(json_t *out, const struct args *args, const json_t *task,
    const struct axis *axis, unsigned n, struct err *err) {
    const char *name = json_get_string(task, "name", "");
    struct task *described = describe(args, task, err);
    if (!described) {
        return false;
    }
    unsigned others = axis->others(task_info(described));
    if (!others) {
        log_line(LOG_INFO, "task '%s' %s: it is asked once", name, axis->otherwise);
    } else if (others + 1 < n) {
        log_line(LOG_INFO, "task '%s' can be asked in %u ways", name, others + 1);
    }
    add_draws(out, task, axis, task_info(described), others + 1 < n ? others + 1 : n);
    task_free(described);
    return true;
}

json_t *spread_tasks(const struct args *args, json_t *tasks, struct err *err) {
    unsigned long n;
    const struct axis *axis = find_axis(args, err);
    json_t *out = json_array(), *task;
    size_t i;
    bool ok = axis && args_get_uint(args, "spread", 1, DRAWS_MAX, &n, err) &&
              (n > 0 || err_set(err, ERR_USAGE, "option '--spread' needs at least 1 draw"));
    json_array_foreach(tasks, i, task) {
        if (ok && n == 1) {
            json_array_append(out, task);
        } else if (ok) {
            ok = add_task(out, args, task, axis, (unsigned)n, err);
        }
    }
    json_decref(tasks);
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return out;
}

/* ---- what came out ---- */

/* One metric of one task, asked in several ways. */
struct spread {
    double n, sum, squares, low, high, errors;
};

static void add_value(struct spread *s, const json_t *metric) {
    double v = json_get_number(metric, "value", NAN), se = json_get_number(metric, "stderr", NAN);
    if (isnan(v)) {
        return;
    }
    double before = s->n > 0 ? s->sum / s->n : v;
    s->low = s->n > 0 ? fmin(s->low, v) : v;
    s->high = s->n > 0 ? fmax(s->high, v) : v;
    s->n++;
    s->sum += v;
    s->squares += (v - before) * (v - s->sum / s->n);
    s->errors += se;
}

static bool same_text(const json_t *a, const json_t *b, const char *key) {
    return !strcmp(json_get_string(a, key, ""), json_get_string(b, key, ""));
}

/* Up to what was varied. */
static bool same_rules(const json_t *a, const json_t *b) {
    const char *x = json_get_string(a, "profile", ""), *y = json_get_string(b, "profile", "");
    size_t n = strcspn(x, "+");
    return n == strcspn(y, "+") && !memcmp(x, y, n);
}

/* The same questions, asked in whatever way. */
static bool same_questions(const json_t *a, const json_t *b) {
    return same_text(a, b, "model") && same_text(a, b, "task") && same_text(a, b, "task_sha256") &&
           same_text(a, b, "data_sha256") && same_rules(a, b) &&
           json_equal(json_object_get(a, "shots"), json_object_get(b, "shots"));
}

static json_t *spread_view(const json_t *results, const json_t *first, const char *metric) {
    struct spread s = { 0 };
    size_t i;
    json_t *result;
    json_array_foreach(results, i, result) {
        if (same_questions(result, first)) {
            add_value(&s, json_object_get(json_object_get(result, "metrics"), metric));
        }
    }
    if (s.n < 2) {
        return NULL;
    }
    json_t *view = json_pack("{s:O, s:O, s:s, s:I, s:f, s:f, s:f, s:f}", "model",
        json_object_get(first, "model"), "task", json_object_get(first, "task"), "metric", metric,
        "draws", (json_int_t)s.n, "mean", s.sum / s.n, "sd", sqrt(s.squares / (s.n - 1)), "low",
        s.low, "high", s.high);
    double error = s.errors / s.n;
    json_object_set_new(view, "stderr", isfinite(error) ? json_real(error) : json_null());
    return view;
}

static bool seen_before(const json_t *results, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (same_questions(json_array_get(results, i), json_array_get(results, at))) {
            return true;
        }
    }
    return false;
}

json_t *spread_of(const json_t *results) {
    json_t *spread = json_array(), *result, *m;
    const char *name;
    size_t i;
    json_array_foreach(results, i, result) {
        if (seen_before(results, i)) {
            continue;
        }
        json_object_foreach(json_object_get(result, "metrics"), name, m) {
            json_t *view = spread_view(results, result, name);
            if (view) {
                json_array_append_new(spread, view);
            }
        }
    }
    return spread;
}

void spread_print(const json_t *spread) {
    struct table *t = table_new("Model", "Task", "Metric", ">Draws", ">Mean", ">Sd between draws",
        ">Least", ">Greatest", ">Stderr of one", NULL);
    size_t i;
    const json_t *s;
    json_array_foreach(spread, i, s) {
        double error = json_get_number(s, "stderr", NAN);
        table_cell(t, json_get_string(s, "model", ""));
        table_cell(t, json_get_string(s, "task", ""));
        table_cell(t, json_get_string(s, "metric", ""));
        table_cellf(t, "%lld", json_get_int(s, "draws", 0));
        table_cellf(t, "%.4f", json_get_number(s, "mean", NAN));
        table_cellf(t, "%.4f", json_get_number(s, "sd", NAN));
        table_cellf(t, "%.4f", json_get_number(s, "low", NAN));
        table_cellf(t, "%.4f", json_get_number(s, "high", NAN));
        if (isfinite(error)) {
            table_cellf(t, "%.4f", error);
        } else {
            table_cell(t, NULL);
        }
    }
    table_print(t, true);
}
