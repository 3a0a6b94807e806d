/* See average.h. A suite's score is worked out anew for each suite that holds it: trees are small.
 * Sums run over members in the order of the tree. */
#include "base/average_parts.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { REASONS_MAX = 3 };

void leaves_release(struct leaves *l) {
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

struct average_part average_part_of(const struct average *a, const json_t *leaf) {
    struct average_part p = { .value = NAN, .se = NAN, .baseline = NAN };
    a->find(leaf, a->arg, &p);
    return p;
}

void average_add_leaf(struct leaves *l, const char *name, const struct average_part *p) {
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

void average_gather(const struct average *a, const json_t *suite, struct leaves *l) {
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        const char *task = json_get_string(member, "task", NULL);
        struct average_part p = task ? average_part_of(a, member) : (struct average_part) { 0 };
        if (task)
            average_add_leaf(l, task, &p);
        else
            average_gather(a, member, l);
    }
}

bool average_is(const json_t *suite, const char *mean) {
    return strcmp(json_get_string(suite, "mean", "task"), mean) == 0;
}

struct score average_member(const struct average *a, const json_t *member, struct leaves *above) {
    if (json_get_string(member, "task", NULL)) {
        struct average_part p = average_part_of(a, member);
        return (struct score) {
            .value = p.value, .se = p.se, .baseline = p.baseline, .left_out = p.left_out
        };
    }
    struct leaves l = { 0 };
    struct score s = average_score(a, member, &l);
    if (l.n_reasons)
        add_reason(above, json_get_string(member, "name", ""), strbuf_str(&l.why));
    leaves_release(&l);
    return s;
}

static void normalise(struct score *s) {
    s->value = fmax(0, (s->value - s->baseline) / (1 - s->baseline));
    s->se /= 1 - s->baseline;
}

struct score average_plain(const struct average *a, const json_t *suite, struct leaves *l) {
    struct score sum = { .normalised = average_is(suite, "normalised") };
    double n = 0;
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        struct score s = average_member(a, member, l);
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

void average_types_release(struct types *t) {
    for (size_t i = 0; i < t->n; i++)
        leaves_release(&t->items[i].leaves);
    free(t->items);
}

const char *average_kind(const struct average *a, const json_t *member) {
    size_t i;
    json_t *inner;
    if (json_get_string(member, "task", NULL)) {
        struct average_part p = average_part_of(a, member);
        return json_get_string(member, "kind", p.kind);
    }
    json_array_foreach(json_object_get(member, "members"), i, inner) {
        const char *kind = average_kind(a, inner);
        if (kind)
            return kind;
    }
    return NULL;
}

struct type *average_type_named(struct types *types, const char *name) {
    for (size_t i = 0; i < types->n; i++) {
        if (!strcmp(types->items[i].name, name))
            return &types->items[i];
    }
    types->items[types->n] = (struct type) { .name = name };
    return &types->items[types->n++];
}

static void add_to_type(const struct average *a, const json_t *member, struct type *t) {
    const char *task = json_get_string(member, "task", NULL);
    struct average_part p = task ? average_part_of(a, member) : (struct average_part) { 0 };
    if (task)
        average_add_leaf(&t->leaves, task, &p);
    else
        average_gather(a, member, &t->leaves);
    struct leaves said = { 0 }; /* why a leaf has no value is said already */
    struct score s = average_member(a, member, t->leaves.n_reasons ? &said : &t->leaves);
    leaves_release(&said);
    t->sum.value += s.value;
    t->sum.se += s.se * s.se;
    t->n++;
}

struct types average_types(const struct average *a, const json_t *suite) {
    const json_t *members = json_object_get(suite, "members");
    struct types types = { xcalloc(json_array_size(members) + 1, sizeof *types.items), 0 };
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member) {
        struct leaves ignored = { 0 };
        const char *kind = average_kind(a, member);
        if (!average_member(a, member, &ignored).left_out)
            add_to_type(a, member, average_type_named(&types, average_type(kind ? kind : "other")));
        leaves_release(&ignored);
    }
    for (i = 0; i < types.n; i++)
        end_reasons(&types.items[i].leaves);
    return types;
}

struct score average_type_score(const struct type *t) {
    double n = (double)t->n;
    return (struct score) { .value = t->sum.value / n, .se = sqrt(t->sum.se) / n };
}

struct score average_of_types(const struct types *types) {
    struct score sum = { 0 };
    double n = 0;
    for (size_t i = 0; i < types->n; i++) {
        struct score s = average_type_score(&types->items[i]);
        sum.value += s.value;
        sum.se += s.se * s.se;
        n++;
    }
    return (struct score) { .value = sum.value / n, .se = sqrt(sum.se) / n };
}

static struct score type_mean(const struct average *a, const json_t *suite, struct leaves *l) {
    struct types types = average_types(a, suite);
    struct score s = average_of_types(&types);
    for (size_t i = 0; i < types.n; i++) {
        if (types.items[i].leaves.n_reasons)
            add_reason(l, types.items[i].name, strbuf_str(&types.items[i].leaves.why));
    }
    average_types_release(&types);
    return s;
}

struct score average_score(const struct average *a, const json_t *suite, struct leaves *l) {
    average_gather(a, suite, l);
    struct score s = { .left_out = l->count == 0 };
    if (l->count > 0 && l->n_reasons == 0) {
        if (average_is(suite, "type"))
            s = type_mean(a, suite, l);
        else if (!average_is(suite, "size"))
            s = average_plain(a, suite, l);
        else
            s = (struct score) { .value = l->n_value / l->n,
                .se = sqrt(l->pooled / (l->n - (double)l->count) / l->n) };
    }
    s.baseline = json_get_number(suite, "baseline", l->baseline);
    end_reasons(l);
    return s;
}
