/* a.b, a[b] and a[b:c]. The dot prefers what Python's object has (its methods) over the item of
 * that name, brackets the other way round, as in Jinja. Names that begin with an underscore, and
 * methods that would change a value, are there and can't be used. */
#include <string.h>

#include "harness/template/value.h"

/* The method `name` of the value; VALUE_MISSING if it has none. */
static struct value own_attribute(struct run *r, struct value v, const char *name) {
    if (method_mutates(v, name))
        return (struct value) { .type = VALUE_UNSAFE, .text = name };
    const struct native *method = method_find(v, name);
    return method ? value_native(r, method, v) : value_missing();
}

static struct value loop_neighbour(const struct loop *l, bool next) {
    if (next)
        return l->at + 1 < l->items->n ? l->items->items[l->at + 1]
                                       : value_undefined("there is no next item");
    return l->at ? l->items->items[l->at - 1] : value_undefined("there is no previous item");
}

static struct value loop_attribute(struct run *r, struct value v, const char *name) {
    const struct loop *l = v.loop;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        { "index", (int64_t)l->at + 1 },
        { "index0", (int64_t)l->at },
        { "revindex", (int64_t)(l->items->n - l->at) },
        { "revindex0", (int64_t)(l->items->n - l->at) - 1 },
        { "length", (int64_t)l->items->n },
        { "depth", (int64_t)l->depth + 1 },
        { "depth0", (int64_t)l->depth },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return value_int(numbers[i].value);
    if (strcmp(name, "first") == 0)
        return value_bool(l->at == 0);
    if (strcmp(name, "last") == 0)
        return value_bool(l->at + 1 == l->items->n);
    if (strcmp(name, "previtem") == 0 || strcmp(name, "nextitem") == 0)
        return loop_neighbour(l, *name == 'n');
    return own_attribute(r, v, name);
}

static struct value macro_attribute(struct value v, const char *name, const char *own_name) {
    if (strcmp(name, "name") == 0)
        return value_text(own_name, strlen(own_name));
    (void)v;
    return value_missing();
}

const char *macro_name(const struct macro *macro);

static struct value attribute_of(struct run *r, struct value v, const char *name) {
    if (v.type == VALUE_LOOP)
        return loop_attribute(r, v, name);
    if (v.type == VALUE_MACRO)
        return macro_attribute(v, name, macro_name(v.macro));
    if (v.type == VALUE_NAMESPACE)
        return dict_find_text(r, v.dict, name);
    return own_attribute(r, v, name);
}

/* Python's own attributes of every object. */
static bool is_internal(const char *name) {
    static const char *const names[] = { "__class__", "__doc__", "__init__", "__dict__",
        "__getattribute__", "__setattr__", "__delattr__", "__eq__", "__ne__", "__lt__", "__le__",
        "__gt__", "__ge__", "__hash__", "__new__", "__reduce__", "__reduce_ex__", "__repr__",
        "__str__", "__format__", "__sizeof__", "__dir__", "__subclasshook__", "__init_subclass__",
        "__getstate__" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

struct value value_attribute(struct run *r, struct value v, const char *name) {
    if (r->failed)
        return value_undefined(NULL);
    if (is_internal(name))
        return (struct value) { .type = VALUE_UNSAFE, .text = name };
    if (is_undefined(v))
        return fail_undefined(r, v);
    struct value found = attribute_of(r, v, name);
    if (!is_given(found) && v.type == VALUE_DICT)
        found = dict_find_text(r, v.dict, name);
    return is_given(found) ? found : value_undefined(name);
}

/* ---- items ---- */

/* Python's index, which counts from the end where it is negative; false if there is no such item.
 */
static bool index_within(int64_t i, size_t n, size_t *out) {
    if (i < 0)
        i += (int64_t)n;
    *out = (size_t)i;
    return i >= 0 && (uint64_t)i < n;
}

static struct value text_at(struct value v, int64_t i) {
    size_t at;
    if (!index_within(i, pystr_length(v), &at))
        return value_undefined("a character past the end of a string");
    const size_t from = pystr_offset(v, at);
    const struct value rest = value_text(v.text + from, v.n - from);
    return value_text(rest.text, pystr_offset(rest, 1));
}

/* ---- slices ---- */

struct span {
    int64_t from, to, step;
};

static bool slice_bound(struct run *r, struct value v, int64_t *out) {
    if (v.type == VALUE_NONE || v.type == VALUE_MISSING)
        return false;
    if (is_whole(v)) {
        *out = whole_of(v);
        return true;
    }
    if (is_undefined(v))
        fail_undefined(r, v);
    else
        run_fail(r, ERR_INPUT, "a slice takes whole numbers, not '%s'", value_kind(v));
    return false;
}

static int64_t clamp(int64_t i, int64_t low, int64_t high) {
    return i < low ? low : i > high ? high : i;
}

/* Python's slice.indices(n). */
static struct span slice_indices(struct run *r, const struct slice *s, size_t length) {
    struct span out = { .step = 1 };
    const int64_t n = (int64_t)length;
    int64_t i;
    if (slice_bound(r, s->step, &i))
        out.step = clamp(i, -INT32_MAX, INT32_MAX);
    if (!out.step)
        run_fail(r, ERR_INPUT, "the step of a slice is 0");
    const int64_t low = out.step < 0 ? -1 : 0, high = out.step < 0 ? n - 1 : n;
    out.from = out.step < 0 ? high : low;
    out.to = out.step < 0 ? low : high;
    if (slice_bound(r, s->from, &i))
        out.from = clamp(i < 0 ? i + n : i, low, high);
    if (slice_bound(r, s->to, &i))
        out.to = clamp(i < 0 ? i + n : i, low, high);
    return out;
}

static struct value text_slice(struct run *r, struct value v, const struct slice *slice) {
    const size_t n = run_spend(r, v.n / 64) ? pystr_length(v) : 0;
    const struct span s = slice_indices(r, slice, n);
    if (r->failed)
        return v;
    if (s.step == 1) {
        const size_t from = pystr_offset(v, (size_t)s.from),
                     to = s.to > s.from ? pystr_offset(v, (size_t)s.to) : from;
        return value_text(v.text + from, to - from);
    }
    const struct sequence *items = value_items(r, v);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (int64_t i = s.from; items && (s.step > 0 ? i < s.to : i > s.to); i += s.step)
        strbuf_add(&out, items->items[i].text, items->items[i].n);
    return value_take(r, &out);
}

static struct value sequence_slice(
    struct run *r, const struct sequence *from, const struct slice *slice) {
    const struct span s = slice_indices(r, slice, from->n);
    struct sequence *out = sequence_new(r, from->kind, 0);
    for (int64_t i = s.from; !r->failed && (s.step > 0 ? i < s.to : i > s.to); i += s.step)
        sequence_add(r, out, from->items[i]);
    run_spend(r, out->n / 16);
    return value_sequence(out);
}

static bool is_indexed(struct value v) {
    return v.type == VALUE_SEQUENCE && v.sequence->kind <= SEQUENCE_RANGE;
}

static struct value item_of(struct run *r, struct value v, struct value key) {
    size_t at;
    if (key.type == VALUE_SLICE && v.type != VALUE_STRING && !is_indexed(v))
        return run_fail(r, ERR_INPUT, "a '%s' has no slices", value_kind(v));
    if (v.type == VALUE_DICT) {
        uint64_t hash;
        return value_hash(r, key, &hash) ? dict_find(r, v.dict, key) : value_missing();
    }
    if (key.type == VALUE_SLICE && v.type == VALUE_STRING)
        return text_slice(r, v, key.slice);
    if (key.type == VALUE_SLICE && is_indexed(v))
        return sequence_slice(r, v.sequence, key.slice);
    if (is_whole(key) && v.type == VALUE_STRING && run_spend(r, v.n / 64))
        return text_at(v, whole_of(key));
    if (is_whole(key) && is_indexed(v))
        return index_within(whole_of(key), v.sequence->n, &at)
                   ? v.sequence->items[at]
                   : value_undefined("an item past the end of a list");
    return value_missing();
}

struct value value_item(struct run *r, struct value v, struct value key) {
    if (r->failed)
        return value_undefined(NULL);
    if (is_undefined(v))
        return fail_undefined(r, v);
    if (key.type == VALUE_UNSAFE)
        return fail_undefined(r, key);
    struct value found = item_of(r, v, key);
    if (!is_given(found) && key.type == VALUE_STRING) {
        const char *name = value_string(r, key.text, key.n).text;
        if (name && is_internal(name))
            return (struct value) { .type = VALUE_UNSAFE, .text = name };
        found = name ? attribute_of(r, v, name) : value_missing();
        if (!is_given(found))
            return value_undefined(name);
    }
    return is_given(found) ? found : value_undefined("an item");
}

/* One step of a path is an item: a number, or a name. */
static struct value path_step(struct run *r, struct value v, const char *part, size_t n) {
    char *end;
    const long index = strtol(part, &end, 10);
    const bool number = n && n < 10 && end == part + n && *part >= '0' && *part <= '9';
    return value_item(r, v, number ? value_int(index) : value_string(r, part, n));
}

struct value value_path(struct run *r, struct value v, struct value path, struct value otherwise) {
    if (is_whole(path))
        return value_item(r, v, path);
    if (path.type != VALUE_STRING)
        return run_fail(r, ERR_INPUT, "an attribute is a name, not '%s'", value_kind(path));
    const struct value copy = value_string(r, path.text, path.n);
    const char *at = copy.text, *end = at ? at + copy.n : NULL;
    while (at && !r->failed) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        v = path_step(r, v, at, (size_t)((dot ? dot : end) - at));
        if (is_undefined(v) && is_given(otherwise))
            v = otherwise;
        at = dot ? dot + 1 : NULL;
    }
    return v;
}
