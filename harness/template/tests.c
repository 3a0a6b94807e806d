/* Jinja's tests: "x is y". */
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"

#define TEST(name, holds)                                                                          \
    static struct value name(struct run *r, struct value self, const struct call *call) {          \
        (void)r, (void)self, (void)call;                                                           \
        return value_bool(holds);                                                                  \
    }

/* All letters in one case, and at least one. */
static bool has_case(struct run *r, struct value s, bool upper) {
    bool any = false;
    uint32_t cp;
    for (size_t at = 0, n; s.type == VALUE_STRING && at < s.n && run_spend(r, 1); at += n) {
        n = utf8_decode(s.text + at, s.n - at, &cp);
        n = n ? n : 1;
        if (upper ? pystr_lower(cp) : pystr_upper(cp))
            return false;
        any = any || (upper ? pystr_upper(cp) : pystr_lower(cp));
    }
    return any;
}

static bool divides(struct run *r, struct value v, struct value by) {
    const struct value rest = value_arithmetic(r, '%', v, by);
    return is_number(rest) && real_of(rest) == 0;
}

static bool is_mapping(struct value v) {
    return v.type == VALUE_DICT;
}

/* What has a length and items: also strings and dictionaries, as in Jinja. */
static bool is_sequence_like(struct value v) {
    return v.type == VALUE_STRING || v.type == VALUE_DICT || is_undefined(v) ||
           (v.type == VALUE_SEQUENCE && v.sequence->kind <= SEQUENCE_RANGE);
}

static bool is_walkable(struct value v) {
    return v.type == VALUE_SEQUENCE || v.type == VALUE_STRING || v.type == VALUE_DICT ||
           is_undefined(v) || v.type == VALUE_LOOP;
}

static bool is_same(struct run *r, struct value a, struct value b) {
    if (a.type != b.type)
        return false;
    return a.type == VALUE_SEQUENCE || a.type == VALUE_DICT ? a.text == b.text
                                                            : value_equal(r, a, b);
}

static bool is_known(const struct call *call, const struct native *(*find)(const char *)) {
    char name[64];
    const struct value v = call->args[0];
    if (v.type != VALUE_STRING || v.n >= sizeof name)
        return false;
    memcpy(name, v.text, v.n);
    name[v.n] = 0;
    return find(name);
}

static struct value own_test_find(struct run *r, struct value self, const struct call *call) {
    (void)r, (void)call;
    const struct call named = { .args = &self, .n = 1 };
    return value_bool(is_known(&named, test_find));
}

static struct value own_filter_find(struct run *r, struct value self, const struct call *call) {
    (void)r, (void)call;
    const struct call named = { .args = &self, .n = 1 };
    return value_bool(is_known(&named, filter_find));
}

TEST(test_boolean, self.type == VALUE_BOOL)
TEST(test_callable, self.type == VALUE_NATIVE || self.type == VALUE_MACRO || is_undefined(self) ||
                        self.type == VALUE_LOOP)
TEST(test_defined, !is_undefined(self))
TEST(test_undefined, is_undefined(self))
TEST(test_divisibleby, divides(r, self, call->args[0]))
TEST(test_eq, value_equal(r, self, call->args[0]))
TEST(test_ne, !value_equal(r, self, call->args[0]))
TEST(test_lt, value_compare(r, self, call->args[0]) < 0)
TEST(test_le, value_compare(r, self, call->args[0]) <= 0)
TEST(test_gt, value_compare(r, self, call->args[0]) > 0)
TEST(test_ge, value_compare(r, self, call->args[0]) >= 0)
TEST(test_even, divides(r, self, value_int(2)))
TEST(test_odd, !divides(r, self, value_int(2)))
TEST(test_escaped, false)
TEST(test_true, self.type == VALUE_BOOL && self.truth)
TEST(test_false, self.type == VALUE_BOOL && !self.truth)
TEST(test_float, self.type == VALUE_FLOAT)
TEST(test_integer, self.type == VALUE_INT)
TEST(test_number, is_number(self))
TEST(test_none, self.type == VALUE_NONE)
TEST(test_string, self.type == VALUE_STRING)
TEST(test_mapping, is_mapping(self))
TEST(test_sequence, is_sequence_like(self))
TEST(test_iterable, is_walkable(self))
TEST(test_lower, has_case(r, value_str(r, self), false))
TEST(test_upper, has_case(r, value_str(r, self), true))
TEST(test_in, value_contains(r, call->args[0], self))
TEST(test_sameas, is_same(r, self, call->args[0]))

static const struct native tests[] = {
    { "!=", test_ne, "b", 1 },
    { "<", test_lt, "b", 1 },
    { "<=", test_le, "b", 1 },
    { "==", test_eq, "b", 1 },
    { ">", test_gt, "b", 1 },
    { ">=", test_ge, "b", 1 },
    { "boolean", test_boolean, "", 0 },
    { "callable", test_callable, "", 0 },
    { "defined", test_defined, "", 0 },
    { "divisibleby", test_divisibleby, "num", 1 },
    { "eq", test_eq, "b", 1 },
    { "equalto", test_eq, "b", 1 },
    { "escaped", test_escaped, "", 0 },
    { "even", test_even, "", 0 },
    { "false", test_false, "", 0 },
    { "filter", own_filter_find, "", 0 },
    { "float", test_float, "", 0 },
    { "ge", test_ge, "b", 1 },
    { "greaterthan", test_gt, "b", 1 },
    { "gt", test_gt, "b", 1 },
    { "in", test_in, "seq", 1 },
    { "integer", test_integer, "", 0 },
    { "iterable", test_iterable, "", 0 },
    { "le", test_le, "b", 1 },
    { "lessthan", test_lt, "b", 1 },
    { "lower", test_lower, "", 0 },
    { "lt", test_lt, "b", 1 },
    { "mapping", test_mapping, "", 0 },
    { "ne", test_ne, "b", 1 },
    { "none", test_none, "", 0 },
    { "number", test_number, "", 0 },
    { "odd", test_odd, "", 0 },
    { "sameas", test_sameas, "other", 1 },
    { "sequence", test_sequence, "", 0 },
    { "string", test_string, "", 0 },
    { "test", own_test_find, "", 0 },
    { "true", test_true, "", 0 },
    { "undefined", test_undefined, "", 0 },
    { "upper", test_upper, "", 0 },
};

const struct native *test_find(const char *name) {
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(tests[i].name, name) == 0)
            return &tests[i];
    return NULL;
}
