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

static bool is_mean(const json_t *suite, const char *mean) {
    return strcmp(json_get_string(suite, "mean", "task"), mean) == 0;
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
    struct score sum = { .normalised = is_mean(suite, "normalised") };
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

/* ---- by type ---- */

static const struct {
    const char *kind, *type;
} TYPES[] = {
    { "classification", "Classification" },
    { "multilabel", "MultilabelClassification" },
    { "clustering", "Clustering" },
    { "pair", "PairClassification" },
    { "rerank", "Reranking" },
    { "retrieval", "Retrieval" },
    { "sts", "STS" },
    { "summary", "Summarization" },
    { "bitext", "BitextMining" },
    { "instruction_retrieval", "InstructionRetrieval" },
};

const char *average_type(const char *kind) {
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (!strcmp(TYPES[i].kind, kind))
            return TYPES[i].type;
    }
    return kind;
}

/* The members of one type: sums of their values and squared errors. */
struct type {
    const char *name;
    struct score sum;
    size_t n;
    struct leaves leaves;
};

struct types {
    struct type *items;
    size_t n;
};

static void types_release(struct types *t) {
    for (size_t i = 0; i < t->n; i++)
        leaves_release(&t->items[i].leaves);
    free(t->items);
}

/* NULL where nothing says it. */
static const char *kind_of(const struct average *a, const json_t *member) {
    size_t i;
    json_t *inner;
    if (json_get_string(member, "task", NULL)) {
        struct average_part p = find(a, member);
        return json_get_string(member, "kind", p.kind);
    }
    json_array_foreach(json_object_get(member, "members"), i, inner) {
        const char *kind = kind_of(a, inner);
        if (kind)
            return kind;
    }
    return NULL;
}

static struct type *type_named(struct types *types, const char *name) {
    for (size_t i = 0; i < types->n; i++) {
        if (!strcmp(types->items[i].name, name))
            return &types->items[i];
    }
    types->items[types->n] = (struct type) { .name = name };
    return &types->items[types->n++];
}

static void add_to_type(const struct average *a, const json_t *member, struct type *t) {
    const char *task = json_get_string(member, "task", NULL);
    struct average_part p = task ? find(a, member) : (struct average_part) { 0 };
    if (task)
        add_leaf(&t->leaves, task, &p);
    else
        gather(a, member, &t->leaves);
    struct leaves said = { 0 }; /* why a leaf has no value is said already */
    struct score s = member_score(a, member, t->leaves.n_reasons ? &said : &t->leaves);
    leaves_release(&said);
    t->sum.value += s.value;
    t->sum.se += s.se * s.se;
    t->n++;
}

/* In order of appearance; the caller's. */
static struct types types_of(const struct average *a, const json_t *suite) {
    const json_t *members = json_object_get(suite, "members");
    struct types types = { xcalloc(json_array_size(members) + 1, sizeof *types.items), 0 };
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member) {
        struct leaves ignored = { 0 };
        const char *kind = kind_of(a, member);
        if (!member_score(a, member, &ignored).left_out)
            add_to_type(a, member, type_named(&types, average_type(kind ? kind : "other")));
        leaves_release(&ignored);
    }
    for (i = 0; i < types.n; i++)
        end_reasons(&types.items[i].leaves);
    return types;
}

/* The mean within a type. */
static struct score type_score(struct type *t) {
    double n = (double)t->n;
    return (struct score) { .value = t->sum.value / n, .se = sqrt(t->sum.se) / n };
}

static struct score mean_of_types(struct types *types) {
    struct score sum = { 0 };
    double n = 0;
    for (size_t i = 0; i < types->n; i++) {
        struct score s = type_score(&types->items[i]);
        sum.value += s.value;
        sum.se += s.se * s.se;
        n++;
    }
    return (struct score) { .value = sum.value / n, .se = sqrt(sum.se) / n };
}

static struct score type_mean(const struct average *a, const json_t *suite, struct leaves *l) {
    struct types types = types_of(a, suite);
    struct score s = mean_of_types(&types);
    for (size_t i = 0; i < types.n; i++) {
        if (types.items[i].leaves.n_reasons)
            add_reason(l, types.items[i].name, strbuf_str(&types.items[i].leaves.why));
    }
    types_release(&types);
    return s;
}

/* Leaves what it knows of the leaves in *l; a reason there means that the score is none. */
static struct score score_of(const struct average *a, const json_t *suite, struct leaves *l) {
    gather(a, suite, l);
    struct score s = { .left_out = l->count == 0 };
    if (l->count > 0 && l->n_reasons == 0) {
        if (is_mean(suite, "type"))
            s = type_mean(a, suite, l);
        else if (!is_mean(suite, "size"))
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

/* why: there is no score, for this reason. */
static void put_score(json_t *row, const struct score *s, const char *why) {
    json_object_set_new(row, "value", real_or_null(!why, s->value));
    json_object_set_new(row, "stderr", real_or_null(!why, s->se));
    json_object_set_new(row, "low", real_or_null(!why, s->value - Z95 * s->se));
    json_object_set_new(row, "high", real_or_null(!why, s->value + Z95 * s->se));
    if (why)
        json_object_set_new(row, "reason", json_string(why));
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
    put_score(row, s, known ? NULL : strbuf_str(&l->why));
    return row;
}

/* Both of mteb's means, and those of the types. */
static void add_means(
    const struct average *a, const json_t *suite, const struct leaves *l, json_t *row) {
    struct types types = types_of(a, suite);
    struct leaves own = { 0 };
    struct score task = plain_mean(a, suite, &own), type = mean_of_types(&types);
    const char *why = l->n_reasons ? strbuf_str(&l->why) : NULL;
    json_t *means = json_pack("{s:{}, s:{}}", "task", "type"), *list = json_array();
    put_score(json_object_get(means, "task"), &task, why);
    put_score(json_object_get(means, "type"), &type, why);
    for (size_t i = 0; i < types.n; i++) {
        struct type *t = &types.items[i];
        struct score s = type_score(t);
        json_t *one = json_pack("{s:s, s:I}", "type", t->name, "n_tasks", (json_int_t)t->n);
        put_score(one, &s, t->leaves.n_reasons ? strbuf_str(&t->leaves.why) : NULL);
        json_array_append_new(list, one);
    }
    json_object_set_new(row, "means", means);
    json_object_set_new(row, "types", list);
    leaves_release(&own);
    types_release(&types);
}

static void add_rows(const struct average *a, const json_t *suite, int depth, json_t *rows) {
    struct leaves l = { 0 };
    struct score s = score_of(a, suite, &l);
    json_t *row = s.left_out ? NULL : row_of(suite, depth, &s, &l);
    if (row && (is_mean(suite, "type") || is_mean(suite, "borda")))
        add_means(a, suite, &l, row);
    if (row)
        json_array_append_new(rows, row);
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

/* A member's share is that of its type, divided among the type's members. */
static void weigh_by_type(const struct weights *w, const json_t *suite, double factor) {
    struct types types = types_of(&w->average, suite);
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        const char *kind = kind_of(&w->average, member);
        struct leaves ignored = { 0 };
        bool left_out = member_score(&w->average, member, &ignored).left_out;
        leaves_release(&ignored);
        if (!left_out) {
            struct type *t = type_named(&types, average_type(kind ? kind : "other"));
            weigh_member(w, member, false, factor / (double)types.n / (double)t->n);
        }
    }
    types_release(&types);
}

static void weigh_suite(const struct weights *w, const json_t *suite, double factor) {
    size_t i, n = count_members(w, suite);
    json_t *member;
    if (is_mean(suite, "type")) {
        weigh_by_type(w, suite, factor);
        return;
    }
    if (is_mean(suite, "size")) {
        struct leaves l = { 0 };
        gather(&w->average, suite, &l);
        weigh_by_size(w, suite, factor / l.n);
        leaves_release(&l);
        return;
    }
    json_array_foreach(json_object_get(suite, "members"), i, member)
        weigh_member(w, member, is_mean(suite, "normalised"), factor / (double)n);
}

void average_weights(const json_t *tree, average_find_fn *find_part, void *find_arg,
    average_weigh_fn *weigh, void *weigh_arg) {
    struct weights w = { { find_part, find_arg }, weigh, weigh_arg };
    weigh_suite(&w, tree, 1);
}

/* ---- Borda's rule ---- */

size_t average_scores(const json_t *tree, average_find_fn *find_part, void *arg, double *scores) {
    struct average a = { find_part, arg };
    size_t i, n = 0;
    json_t *member;
    json_array_foreach(json_object_get(tree, "members"), i, member) {
        struct leaves l = { 0 };
        if (json_get_string(member, "task", NULL)) {
            struct average_part p = find(&a, member);
            add_leaf(&l, "", &p);
        }
        struct score s = member_score(&a, member, &l);
        scores[n++] = l.n_reasons || s.left_out ? NAN : s.value;
        leaves_release(&l);
    }
    return n;
}
