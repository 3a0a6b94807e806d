/* The functions that a template finds without being given them. */
#include <string.h>

#include "harness/template/value.h"

#define FUNCTION(name)                                                                             \
    static struct value name(struct run *r, struct value self, const struct call *call)
#define ARG(i) (call->args[i])

static int64_t bound_of(struct run *r, struct value v) {
    if (is_whole(v))
        return whole_of(v);
    if (is_undefined(v))
        fail_undefined(r, v);
    else
        run_fail(r, ERR_INPUT, "range: whole numbers are needed, not '%s'", value_kind(v));
    return 0;
}

/* How many numbers there are; 0 where the step leads away. */
static uint64_t range_length(int64_t from, int64_t to, int64_t step) {
    if (step > 0 ? from >= to : from <= to)
        return 0;
    const uint64_t distance =
        step > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return (distance - 1) / stride + 1;
}

FUNCTION(make_range) {
    (void)self;
    const bool one = !is_given(ARG(1));
    const int64_t from = one ? 0 : bound_of(r, ARG(0)), to = bound_of(r, one ? ARG(0) : ARG(1)),
                  step = is_given(ARG(2)) ? bound_of(r, ARG(2)) : 1;
    if (r->failed || !step)
        return run_fail(r, ERR_INPUT, "range: the step is 0");
    const uint64_t n = range_length(from, to, step);
    if (n > RUN_RANGE_MAX)
        return run_fail(r, ERR_INPUT, "range: %llu numbers are more than the loop bound of %d",
            (unsigned long long)n, RUN_RANGE_MAX);
    struct sequence *out = sequence_new(r, SEQUENCE_RANGE, n);
    for (uint64_t i = 0; i < n && !r->failed; i++)
        sequence_add(r, out, value_int((int64_t)((uint64_t)from + i * (uint64_t)step)));
    return value_sequence(out);
}

/* dict(a=1), dict({...}, a=1), dict([[key, value], ...]) */
static struct dict *dict_of(struct run *r, const struct call *call) {
    struct dict *d = dict_new(r);
    if (call->n > 1)
        run_fail(r, ERR_INPUT, "dict takes one argument without a name at most");
    if (call->n == 1 && (ARG(0).type == VALUE_DICT || ARG(0).type == VALUE_NAMESPACE)) {
        for (size_t i = 0; i < ARG(0).dict->n && run_spend(r, 1); i++)
            dict_set(r, d, ARG(0).dict->entries[i].key, ARG(0).dict->entries[i].value);
    } else if (call->n == 1) {
        const struct sequence *pairs = value_items(r, ARG(0));
        for (size_t i = 0; pairs && i < pairs->n && run_spend(r, 1); i++) {
            const struct sequence *pair = value_items(r, pairs->items[i]);
            if (pair && pair->n != 2)
                run_fail(r, ERR_INPUT, "dict: a pair has %zu parts", pair->n);
            else if (pair)
                dict_set(r, d, pair->items[0], pair->items[1]);
        }
    }
    for (size_t i = 0; i < call->n_named && !r->failed; i++)
        dict_set(r, d, value_text(call->names[i], strlen(call->names[i])), call->named[i]);
    return d;
}

FUNCTION(make_dict) {
    (void)self;
    return value_dict(dict_of(r, call));
}

FUNCTION(make_namespace) {
    (void)self;
    struct dict *d = dict_of(r, call);
    for (size_t i = 0; i < d->n; i++)
        if (d->entries[i].key.type == VALUE_STRING && d->entries[i].key.n &&
            *d->entries[i].key.text == '_')
            return run_fail(r, ERR_INPUT, "an attribute of a namespace cannot begin with '_'");
    return (struct value) { .type = VALUE_NAMESPACE, .dict = d };
}

/* The template itself refuses what it was given. */
FUNCTION(raise_exception) {
    (void)self;
    const struct value text = value_str(r, ARG(0));
    if (text.type != VALUE_STRING)
        return text;
    return run_fail(r, ERR_INPUT, "%.*s", (int)(text.n > 380 ? 380 : text.n), text.text);
}

FUNCTION(strftime_now) {
    (void)self;
    if (ARG(0).type != VALUE_STRING)
        return run_fail(r, ERR_INPUT, "strftime_now: a format is needed");
    return pystr_clock(r, ARG(0), r->now);
}

static const struct native functions[] = {
    { "dict", make_dict, NULL, 0 },
    { "namespace", make_namespace, NULL, 0 },
    { "raise_exception", raise_exception, "message", 1 },
    { "range", make_range, "start,stop,step", 1 },
    { "strftime_now", strftime_now, "format", 1 },
};

const struct native *global_find(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}
