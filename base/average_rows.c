/* The scores of a suite and of those within it as rows (see average.h). */
#include <math.h>
#include <string.h>

#include "base/average_parts.h"
#include "base/stats/interval.h"

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
    struct types types = average_types(a, suite);
    struct leaves own = { 0 };
    struct score task = average_plain(a, suite, &own), type = average_of_types(&types);
    const char *why = l->n_reasons ? strbuf_str(&l->why) : NULL;
    json_t *means = json_pack("{s:{}, s:{}}", "task", "type"), *list = json_array();
    put_score(json_object_get(means, "task"), &task, why);
    put_score(json_object_get(means, "type"), &type, why);
    for (size_t i = 0; i < types.n; i++) {
        struct type *t = &types.items[i];
        struct score s = average_type_score(t);
        json_t *one = json_pack("{s:s, s:I}", "type", t->name, "n_tasks", (json_int_t)t->n);
        put_score(one, &s, t->leaves.n_reasons ? strbuf_str(&t->leaves.why) : NULL);
        json_array_append_new(list, one);
    }
    json_object_set_new(row, "means", means);
    json_object_set_new(row, "types", list);
    leaves_release(&own);
    average_types_release(&types);
}

static void add_rows(const struct average *a, const json_t *suite, int depth, json_t *rows) {
    struct leaves l = { 0 };
    struct score s = average_score(a, suite, &l);
    json_t *row = s.left_out ? NULL : row_of(suite, depth, &s, &l);
    if (row && (average_is(suite, "type") || average_is(suite, "borda")))
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
