/* Filters that apply another filter or test, whose name is their argument: map, select, reject. */
#include "harness/template/filter.h"

#include <string.h>

static const char *keyword_is(const struct call *call, const char *name, size_t *at) {
    for (*at = 0; *at < call->n_named; ++*at)
        if (strcmp(call->names[*at], name) == 0)
            return name;
    return NULL;
}

/* The filter or test that the first argument names, called with the rest. */
struct by_name {
    const struct native *native;
    struct call call;
};

static bool by_name_find(struct run *r, const struct call *call, size_t at,
    const struct native *(*find)(const char *), struct by_name *out) {
    if (call->n <= at || call->args[at].type != VALUE_STRING) {
        run_fail(r, ERR_INPUT, "the name of a filter or test is needed");
        return false;
    }
    const struct value name = value_string(r, call->args[at].text, call->args[at].n);
    out->native = r->failed ? NULL : find(name.text);
    out->call = *call;
    out->call.args += at + 1;
    out->call.n -= at + 1;
    if (!out->native && !r->failed)
        run_fail(r, ERR_UNSUPPORTED, "there is no filter or test named '%.60s'", name.text);
    return out->native;
}

static struct value map_attribute(struct run *r, struct value item, const struct call *call) {
    size_t at, otherwise;
    const bool has_default = keyword_is(call, "default", &otherwise);
    keyword_is(call, "attribute", &at);
    return value_path(r, item, call->named[at],
        has_default && call->named[otherwise].type != VALUE_NONE ? call->named[otherwise]
                                                                 : value_missing());
}

/* What is false has no items here, whatever it is. */
static const struct sequence *items_if_any(struct run *r, struct value v) {
    return value_truth(v) ? value_items(r, v) : NULL;
}

FILTER(filter_map) {
    size_t at;
    struct by_name by = { 0 };
    const bool attribute = !call->n && keyword_is(call, "attribute", &at);
    if (!attribute && !by_name_find(r, call, 0, filter_find, &by))
        return value_undefined(NULL);
    const struct sequence *items = items_if_any(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, items ? items->n : 0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++)
        sequence_add(r, out,
            attribute ? map_attribute(r, items->items[i], call)
                      : native_call(r, by.native, items->items[i], &by.call));
    return value_sequence(out);
}

/* Keeps the items (or those whose attribute) for which the test, or their own truth, is `wanted`.
 */
static struct value chosen(
    struct run *r, struct value self, const struct call *call, bool by_attribute, bool wanted) {
    struct by_name by = { 0 };
    const size_t test_at = by_attribute;
    if (by_attribute && !call->n)
        return run_fail(r, ERR_INPUT, "the name of an attribute is needed");
    if (call->n > test_at && !by_name_find(r, call, test_at, test_find, &by))
        return value_undefined(NULL);
    const struct sequence *items = items_if_any(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        struct value v = by_attribute
                             ? value_path(r, items->items[i], call->args[0], value_missing())
                             : items->items[i];
        if (by.native)
            v = native_call(r, by.native, v, &by.call);
        if (value_truth(v) == wanted)
            sequence_add(r, out, items->items[i]);
    }
    return value_sequence(out);
}

FILTER(filter_select) {
    return chosen(r, self, call, false, true);
}

FILTER(filter_reject) {
    return chosen(r, self, call, false, false);
}

FILTER(filter_selectattr) {
    return chosen(r, self, call, true, true);
}

FILTER(filter_rejectattr) {
    return chosen(r, self, call, true, false);
}
