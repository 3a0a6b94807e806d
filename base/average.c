/* See average.h. A suite's score is worked out anew for each suite that holds it: trees are small.
 * Sums run over members in the order of the tree. */
#include "base/average.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/stats/interval.h"
#include "base/strbuf.h"

enum { REASONS_MAX = 3 };

struct average {
    average_find_fn *find;
    void *arg;
};

/* What is said of all leaves of a suite, whatever lies between. */
struct leaves {
    size_t count;
    double n, n_value, pooled; /* sums of n, n × value, (n - 1) × n × se² */
    double baseline;           /* the common one; NaN: they differ or don't say */
    char *profile, *metric;    /* the common ones; metric "": they differ */
    struct strbuf why;         /* there is no mean */
    size_t n_reasons;
};

/* What a member is worth to the suite that holds it. */
struct score {
    double value, se, baseline;
    bool normalised, left_out;
};

static void leaves_release(struct leaves *l) {
    free(l->profile);
    free(l->metric);
    strbuf_release(&l->why);
}

static void add_reason(struct leaves *l, const char *name, const char *what) {
    if (l->n_reasons++ < REASONS_MAX)
        strbuf_addf(&l->why, "%s%s: %s", l->why.len ? "; " : "", name, what);
}

static void end_reasons(struct leaves *l) {
    if (l->n_reasons > REASONS_MAX)
        strbuf_addf(&l->why, "; and %zu more", l->n_reasons - REASONS_MAX);
}

/* The first leaf sets what is common to all. */
static void compare_common(struct leaves *l, const char *name, const struct average_part *p) {
    const char *profile = p->profile ? p->profile : "", *metric = p->metric ? p->metric : "";
    if (!l->profile) {
        l->profile = xstrdup(profile);
        l->metric = xstrdup(metric);
        l->baseline = p->baseline;
        return;
    }
    if (strcmp(l->profile, profile)) {
        char what[160];
        snprintf(
            what, sizeof what, "measured under '%.50s', others under '%.50s'", profile, l->profile);
        add_reason(l, name, what);
    }
    if (strcmp(l->metric, metric))
        l->metric[0] = '\0';
    if (l->baseline != p->baseline)
        l->baseline = NAN;
}

static struct average_part find(const struct average *a, const json_t *leaf) {
    struct average_part p = { .value = NAN, .se = NAN, .baseline = NAN };
    a->find(leaf, a->arg, &p);
    return p;
}

static void add_leaf(struct leaves *l, const char *name, const struct average_part *p) {
    if (p->left_out)
        return;
    l->count++;
    if (p->problem) {
        add_reason(l, name, p->problem);
        return;
    }
    compare_common(l, name, p);
    l->n += p->n;
    l->n_value += p->n * p->value;
    l->pooled += (p->n - 1) * (p->se * p->se) * p->n;
}

static void gather(const struct average *a, const json_t *suite, struct leaves *l) {
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        const char *task = json_get_string(member, "task", NULL);
        struct average_part p = task ? find(a, member) : (struct average_part) { 0 };
        if (task)
            add_leaf(l, task, &p);
        else
            gather(a, member, l);
    }
}

static bool is_normalised(const json_t *suite) {
    return strcmp(json_get_string(suite, "mean", ""), "normalised") == 0;
}

static struct score score_of(const struct average *a, const json_t *suite, struct leaves *l);

/* A suite that has no mean for reasons of its own has none to give. */
static struct score member_score(
    const struct average *a, const json_t *member, struct leaves *above) {
    if (json_get_string(member, "task", NULL)) {
        struct average_part p = find(a, member);
        return (struct score) {
            .value = p.value, .se = p.se, .baseline = p.baseline, .left_out = p.left_out
        };
    }
    struct leaves l = { 0 };
    struct score s = score_of(a, member, &l);
    if (l.n_reasons)
        add_reason(above, json_get_string(member, "name", ""), strbuf_str(&l.why));
    leaves_release(&l);
    return s;
}

static void normalise(struct score *s) {
    s->value = fmax(0, (s->value - s->baseline) / (1 - s->baseline));
    s->se /= 1 - s->baseline;
}

static struct score plain_mean(const struct average *a, const json_t *suite, struct leaves *l) {
    struct score sum = { .normalised = is_normalised(suite) };
    double n = 0;
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        struct score s = member_score(a, member, l);
        if (s.left_out)
            continue;
        if (sum.normalised && !s.normalised && !(s.baseline < 1))
            add_reason(l, json_get_string(member, "task", json_get_string(member, "name", "")),
                "the score of chance is not known");
        if (sum.normalised && !s.normalised)
            normalise(&s);
        sum.value += s.value;
        sum.se += s.se * s.se;
        n++;
    }
    sum.value /= n;
    sum.se = sqrt(sum.se) / n;
    return sum;
}

/* Leaves what it knows of the leaves in *l; a reason there means that the score is none. */
static struct score score_of(const struct average *a, const json_t *suite, struct leaves *l) {
    gather(a, suite, l);
    struct score s = { .left_out = l->count == 0 };
    if (l->count > 0 && l->n_reasons == 0) {
        if (strcmp(json_get_string(suite, "mean", ""), "size"))
            s = plain_mean(a, suite, l);
        else
            s = (struct score) { .value = l->n_value / l->n,
                .se = sqrt(l->pooled / (l->n - (double)l->count) / l->n) };
    }
    s.baseline = json_get_number(suite, "baseline", l->baseline);
    end_reasons(l);
    return s;
}

/* ---- rows ---- */

static json_t *real_or_null(bool known, double v) {
    return known && isfinite(v) ? json_real(v) : json_null();
}

static json_t *member_names(const json_t *suite) {
    json_t *names = json_array(), *member;
    size_t i;
    json_array_foreach(json_object_get(suite, "members"), i, member) json_array_append_new(
        names, json_string(json_get_string(member, "task", json_get_string(member, "name", ""))));
    return names;
}

static json_t *row_of(
    const json_t *suite, int depth, const struct score *s, const struct leaves *l) {
    bool known = l->n_reasons == 0;
    json_t *row = json_pack("{s:s, s:O*, s:i, s:s}", "suite", json_get_string(suite, "name", ""),
        "title", json_object_get(suite, "title"), "depth", depth, "mean",
        json_get_string(suite, "mean", "task"));
    json_object_set_new(
        row, "metric", l->metric && l->metric[0] ? json_string(l->metric) : json_null());
    json_object_set_new(row, "members", member_names(suite));
    json_object_set_new(row, "n", json_integer((json_int_t)l->n));
    json_object_set_new(row, "n_tasks", json_integer((json_int_t)l->count));
    json_object_set_new(row, "value", real_or_null(known, s->value));
    json_object_set_new(row, "stderr", real_or_null(known, s->se));
    json_object_set_new(row, "low", real_or_null(known, s->value - Z95 * s->se));
    json_object_set_new(row, "high", real_or_null(known, s->value + Z95 * s->se));
    if (!known)
        json_object_set_new(row, "reason", json_string(strbuf_str(&l->why)));
    return row;
}

static void add_rows(const struct average *a, const json_t *suite, int depth, json_t *rows) {
    struct leaves l = { 0 };
    struct score s = score_of(a, suite, &l);
    if (!s.left_out)
        json_array_append_new(rows, row_of(suite, depth, &s, &l));
    leaves_release(&l);
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        if (json_object_get(member, "members"))
            add_rows(a, member, depth + 1, rows);
    }
}

json_t *average_tree(const json_t *tree, average_find_fn *find_part, void *arg) {
    json_t *rows = json_array();
    add_rows(&(struct average) { find_part, arg }, tree, 0, rows);
    return rows;
}

/* ---- weights ---- */

struct weights {
    struct average average;
    average_weigh_fn *weigh;
    void *arg;
};

static void weigh_by_size(const struct weights *w, const json_t *suite, double factor) {
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        if (!json_get_string(member, "task", NULL)) {
            weigh_by_size(w, member, factor);
            continue;
        }
        struct average_part p = find(&w->average, member);
        if (!p.left_out)
            w->weigh(member, factor * p.n, w->arg);
    }
}

static void weigh_suite(const struct weights *w, const json_t *suite, double factor);

/* One member of a plain mean, of which it has this share. */
static void weigh_member(
    const struct weights *w, const json_t *member, bool normalised, double share) {
    struct leaves ignored = { 0 };
    struct score s = member_score(&w->average, member, &ignored);
    double factor = normalised && !s.normalised ? share / (1 - s.baseline) : share;
    leaves_release(&ignored);
    if (s.left_out)
        return;
    if (json_get_string(member, "task", NULL))
        w->weigh(member, factor, w->arg);
    else
        weigh_suite(w, member, factor);
}

static size_t count_members(const struct weights *w, const json_t *suite) {
    size_t i, n = 0;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        struct leaves ignored = { 0 };
        n += !member_score(&w->average, member, &ignored).left_out;
        leaves_release(&ignored);
    }
    return n;
}

static void weigh_suite(const struct weights *w, const json_t *suite, double factor) {
    size_t i, n = count_members(w, suite);
    json_t *member;
    if (strcmp(json_get_string(suite, "mean", ""), "size") == 0) {
        struct leaves l = { 0 };
        gather(&w->average, suite, &l);
        weigh_by_size(w, suite, factor / l.n);
        leaves_release(&l);
        return;
    }
    json_array_foreach(json_object_get(suite, "members"), i, member)
        weigh_member(w, member, is_normalised(suite), factor / (double)n);
}

void average_weights(const json_t *tree, average_find_fn *find_part, void *find_arg,
    average_weigh_fn *weigh, void *weigh_arg) {
    struct weights w = { { find_part, find_arg }, weigh, weigh_arg };
    weigh_suite(&w, tree, 1);
}
