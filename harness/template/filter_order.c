/* Filters that compare the items of a sequence: by themselves, or by what a path in them leads to.
 */
#include "harness/template/filter.h"

#include <string.h>

/* What items are compared by: themselves, a path in them, or several with commas between; of
 * strings the lower case unless case counts. */
struct key_rule {
    struct value attribute, otherwise; /* what stands for an undefined one; may be missing */
    bool case_counts;
};

static struct value fold(struct run *r, struct value v, bool case_counts) {
    return v.type == VALUE_STRING && !case_counts ? pystr_case(r, v, PYSTR_LOWER) : v;
}

static struct value key_at(
    struct run *r, struct value item, struct value path, const struct key_rule *rule) {
    return fold(r, value_path(r, item, path, rule->otherwise), rule->case_counts);
}

static struct value key_of(struct run *r, struct value item, const struct key_rule *rule) {
    const struct value attribute = rule->attribute;
    if (!is_given(attribute) || attribute.type == VALUE_NONE)
        return fold(r, item, rule->case_counts);
    if (attribute.type != VALUE_STRING || !memchr(attribute.text, ',', attribute.n))
        return key_at(r, item, attribute, rule);
    struct sequence *keys = sequence_new(r, SEQUENCE_LIST, 2);
    for (size_t at = 0; at <= attribute.n && !r->failed;) {
        const char *comma = memchr(attribute.text + at, ',', attribute.n - at);
        const size_t n = (comma ? (size_t)(comma - attribute.text) : attribute.n) - at;
        sequence_add(r, keys, key_at(r, item, value_text(attribute.text + at, n), rule));
        at += n + 1;
    }
    return value_sequence(keys);
}

struct keyed {
    struct value key, item;
};

/* Jinja's keys are lists, which ask whether two items are equal before they ask which is less. */
static int key_compare(struct run *r, struct value a, struct value b) {
    return value_equal(r, a, b) ? 0 : value_compare(r, a, b);
}

/* A stable merge sort; nothing is called that could leave it half done. */
static void merge_sort(struct run *r, struct keyed *a, struct keyed *spare, size_t n, int sign) {
    if (n < 2 || !run_spend(r, n))
        return;
    const size_t half = n / 2;
    merge_sort(r, a, spare, half, sign);
    merge_sort(r, a + half, spare, n - half, sign);
    memcpy(spare, a, n * sizeof *a);
    for (size_t i = 0, x = 0, y = half; i < n; i++) {
        const bool right =
            x == half || (y < n && sign * key_compare(r, spare[y].key, spare[x].key) < 0);
        a[i] = spare[right ? y++ : x++];
    }
}

static struct keyed *keyed_items(
    struct run *r, const struct sequence *items, const struct key_rule *rule) {
    struct keyed *keyed = items ? run_alloc(r, 2 * (items->n + 1) * sizeof *keyed) : NULL;
    for (size_t i = 0; keyed && i < items->n && !r->failed; i++)
        keyed[i] = (struct keyed) { key_of(r, items->items[i], rule), items->items[i] };
    return r->failed ? NULL : keyed;
}

static struct value sorted(
    struct run *r, struct value self, const struct key_rule *rule, bool reverse) {
    const struct sequence *items = value_items(r, self);
    struct keyed *keyed = keyed_items(r, items, rule);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, keyed ? items->n : 0);
    if (keyed)
        merge_sort(r, keyed, keyed + items->n, items->n, reverse ? -1 : 1);
    for (size_t i = 0; keyed && i < items->n; i++)
        sequence_add(r, out, keyed[i].item);
    return value_sequence(out);
}

FILTER(filter_sort) {
    const struct key_rule rule = { ARG(2), value_missing(), filter_flag(ARG(1), false) };
    return sorted(r, self, &rule, filter_flag(ARG(0), false));
}

FILTER(filter_dictsort) {
    const bool by_value = pystr_is(ARG(1), "value");
    if (self.type != VALUE_DICT)
        return run_fail(r, ERR_INPUT, "dictsort: a '%s' is no dictionary", value_kind(self));
    const struct key_rule rule = { value_int(by_value), value_missing(),
        filter_flag(ARG(0), false) };
    return sorted(r, filter_pairs(r, self.dict, SEQUENCE_LIST), &rule, filter_flag(ARG(2), false));
}

static struct value extreme(struct run *r, struct value self, const struct call *call, int sign) {
    const struct key_rule rule = { ARG(1), value_missing(), filter_flag(ARG(0), false) };
    const struct sequence *items = value_items(r, self);
    struct keyed *keyed = keyed_items(r, items, &rule);
    if (!keyed || !items->n)
        return value_undefined("the extreme of nothing");
    size_t best = 0;
    for (size_t i = 1; i < items->n && !r->failed; i++)
        best = sign * value_compare(r, keyed[i].key, keyed[best].key) > 0 ? i : best;
    return keyed[best].item;
}

FILTER(filter_max) {
    return extreme(r, self, call, 1);
}

FILTER(filter_min) {
    return extreme(r, self, call, -1);
}

FILTER(filter_unique) {
    const struct sequence *items = value_items(r, self);
    const struct key_rule rule = { ARG(1), value_missing(), filter_flag(ARG(0), false) };
    struct keyed *keyed = keyed_items(r, items, &rule);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    struct dict *seen = dict_new(r);
    for (size_t i = 0; keyed && i < items->n && !r->failed; i++) {
        if (is_given(dict_find(r, seen, keyed[i].key)))
            continue;
        dict_set(r, seen, keyed[i].key, value_none());
        sequence_add(r, out, keyed[i].item);
    }
    return value_sequence(out);
}

FILTER(filter_groupby) {
    const struct key_rule rule = { ARG(0), ARG(1), filter_flag(ARG(2), false) };
    const struct value items = sorted(r, self, &rule, false);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, 0), *group = NULL;
    struct value last = value_missing();
    for (size_t i = 0; !r->failed && i < items.sequence->n; i++) {
        const struct value item = items.sequence->items[i],
                           raw = value_path(r, item, ARG(0), ARG(1)),
                           key = fold(r, raw, rule.case_counts);
        if (!group || !value_equal(r, key, last)) {
            group = sequence_new(r, SEQUENCE_LIST, 0);
            sequence_add(r, out, value_pair(r, raw, value_sequence(group)));
        }
        sequence_add(r, group, item);
        last = key;
    }
    return value_sequence(out);
}
