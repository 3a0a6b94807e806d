/* What each leaf counts in the mean of the whole (see average.h). */
#include <string.h>

#include "base/average_parts.h"

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
        struct average_part p = average_part_of(&w->average, member);
        if (!p.left_out)
            w->weigh(member, factor * p.n, w->arg);
    }
}

static void weigh_suite(const struct weights *w, const json_t *suite, double factor);

/* One member of a plain mean, of which it has this share. */
static void weigh_member(
    const struct weights *w, const json_t *member, bool normalised, double share) {
    struct leaves ignored = { 0 };
    struct score s = average_member(&w->average, member, &ignored);
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
        n += !average_member(&w->average, member, &ignored).left_out;
        leaves_release(&ignored);
    }
    return n;
}

/* A member's share is that of its type, divided among the type's members. */
static void weigh_by_type(const struct weights *w, const json_t *suite, double factor) {
    struct types types = average_types(&w->average, suite);
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(suite, "members"), i, member) {
        const char *kind = average_kind(&w->average, member);
        struct leaves ignored = { 0 };
        bool left_out = average_member(&w->average, member, &ignored).left_out;
        leaves_release(&ignored);
        if (!left_out) {
            struct type *t = average_type_named(&types, average_type(kind ? kind : "other"));
            weigh_member(w, member, false, factor / (double)types.n / (double)t->n);
        }
    }
    average_types_release(&types);
}

static void weigh_suite(const struct weights *w, const json_t *suite, double factor) {
    size_t i, n = count_members(w, suite);
    json_t *member;
    if (average_is(suite, "type")) {
        weigh_by_type(w, suite, factor);
        return;
    }
    if (average_is(suite, "size")) {
        struct leaves l = { 0 };
        average_gather(&w->average, suite, &l);
        weigh_by_size(w, suite, factor / l.n);
        leaves_release(&l);
        return;
    }
    json_array_foreach(json_object_get(suite, "members"), i, member)
        weigh_member(w, member, average_is(suite, "normalised"), factor / (double)n);
}

void average_weights(const json_t *tree, average_find_fn *find_part, void *find_arg,
    average_weigh_fn *weigh, void *weigh_arg) {
    struct weights w = { { find_part, find_arg }, weigh, weigh_arg };
    weigh_suite(&w, tree, 1);
}
