/* Calls: arguments to parameters, for functions of our own and for macros. */
#include <string.h>

#include "harness/template/syntax.h"

/* The index of a name in "a,b,c", or -1. */
static int param_index(const char *params, const char *name) {
    const size_t n = strlen(name);
    for (int i = 0; params; i++) {
        const char *comma = strchr(params, ',');
        const size_t m = comma ? (size_t)(comma - params) : strlen(params);
        if (n == m && memcmp(params, name, n) == 0)
            return i;
        params = comma ? comma + 1 : NULL;
    }
    return -1;
}

static size_t param_count(const char *params) {
    size_t n = *params != 0;
    for (; *params; params++)
        n += *params == ',';
    return n;
}

/* Arguments in the order of the parameters; false (and failed) where they don't fit. */
static bool bind(
    struct run *r, const struct native *native, const struct call *call, struct value *out) {
    const size_t n = param_count(native->params);
    for (size_t i = 0; i < NATIVE_PARAMS_MAX; i++)
        out[i] = i < n && i < call->n ? call->args[i] : value_missing();
    if (call->n > n) {
        run_fail(r, ERR_INPUT, "%s takes %zu arguments at most, %zu are given", native->name, n,
            call->n);
        return false;
    }
    for (size_t i = 0; i < call->n_named; i++) {
        const int at = param_index(n ? native->params : NULL, call->names[i]);
        if (at < 0 || is_given(out[at])) {
            run_fail(
                r, ERR_INPUT, "%s has no further argument '%.60s'", native->name, call->names[i]);
            return false;
        }
        out[at] = call->named[i];
    }
    for (size_t i = 0; i < native->required; i++) {
        if (!is_given(out[i])) {
            run_fail(r, ERR_INPUT, "%s lacks an argument", native->name);
            return false;
        }
    }
    return true;
}

struct value native_call(
    struct run *r, const struct native *native, struct value self, const struct call *call) {
    if (r->failed)
        return value_undefined(NULL);
    if (!native->params)
        return native->fn(r, self, call);
    struct value args[NATIVE_PARAMS_MAX];
    const struct call bound = { .args = args, .n = param_count(native->params) };
    return bind(r, native, call, args) ? native->fn(r, self, &bound) : value_undefined(NULL);
}

/* {{ loop(items) }} in a recursive loop. */
static struct value loop_call(struct run *r, const struct loop *loop, const struct call *call) {
    if (!loop->node || call->n != 1)
        return run_fail(r, ERR_INPUT,
            "only a loop that is marked 'recursive' can be called, with "
            "what it is to walk through");
    struct strbuf text = { .max = RUN_TEXT_MAX }, *out = r->out;
    struct scope *scope = r->scope;
    r->out = &text;
    r->scope = loop->scope;
    loop_run(r, loop->node, call->args[0], loop->depth + 1);
    r->scope = scope;
    r->out = out;
    return value_take(r, &text);
}

struct value value_call(struct run *r, struct value callee, const struct call *call) {
    if (r->failed || !run_down(r))
        return value_undefined(NULL);
    struct value v;
    switch (callee.type) {
    case VALUE_NATIVE:
        v = native_call(r, callee.bound->native, callee.bound->self, call);
        break;
    case VALUE_MACRO:
        v = macro_call(r, callee.macro, call);
        break;
    case VALUE_LOOP:
        v = loop_call(r, callee.loop, call);
        break;
    case VALUE_UNDEFINED:
    case VALUE_UNSAFE:
        v = fail_undefined(r, callee);
        break;
    default:
        v = run_fail(r, ERR_INPUT, "a '%s' cannot be called", value_kind(callee));
    }
    run_up(r);
    return v;
}
