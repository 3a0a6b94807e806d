/* Making values, and what can be asked of any of them, by Python's rules. */
#include "harness/template/value.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define DICT_LINEAR_MAX 12 /* entries that are looked through one by one */

/* ---- the run ---- */

struct value run_fail(struct run *r, enum err_class class, const char *fmt, ...) {
    if (!r->failed) {
        char what[400];
        va_list args;
        va_start(args, fmt);
        vsnprintf(what, sizeof what, fmt, args);
        va_end(args);
        size_t n;
        char *clean = utf8_repair(what, strlen(what), &n); /* it may have been cut in a character */
        err_set(r->err, class, "template line %d: %s", r->line, clean);
        free(clean);
    }
    r->failed = true;
    return value_undefined(NULL);
}

bool run_spend(struct run *r, size_t steps) {
    if (r->failed)
        return false;
    if (steps <= RUN_STEPS_MAX - r->steps) {
        r->steps += steps;
        return true;
    }
    run_fail(r, ERR_INPUT, "the template takes too long: more than %u steps", RUN_STEPS_MAX);
    return false;
}

void *run_alloc(struct run *r, size_t n) {
    if (r->failed)
        return NULL;
    if (n > RUN_MEMORY_MAX || r->arena.used > RUN_MEMORY_MAX - n) {
        run_fail(
            r, ERR_RESOURCE, "the template takes more than %zu MB of memory", RUN_MEMORY_MAX >> 20);
        return NULL;
    }
    return run_spend(r, n / 64) ? arena_alloc(&r->arena, n ? n : 1) : NULL;
}

bool run_down(struct run *r) {
    if (r->failed)
        return false;
    if (++r->depth <= RUN_DEPTH_MAX)
        return true;
    r->depth--;
    run_fail(r, ERR_INPUT, "recursion: nested more than %d deep", RUN_DEPTH_MAX);
    return false;
}

void run_up(struct run *r) {
    r->depth--;
}

/* ---- making ---- */

struct value value_string(struct run *r, const char *text, size_t n) {
    char *copy = run_alloc(r, n + 1);
    if (!copy)
        return value_undefined(NULL);
    memcpy(copy, text, n);
    return value_text(copy, n);
}

struct value value_take(struct run *r, struct strbuf *b) {
    struct value v =
        b->overflow ? run_fail(r, ERR_RESOURCE, "a text of more than %zu MB", RUN_TEXT_MAX >> 20)
                    : value_string(r, strbuf_str(b), b->len);
    strbuf_release(b);
    return v;
}

struct value value_native(struct run *r, const struct native *native, struct value self) {
    struct bound *b = run_alloc(r, sizeof *b);
    if (!b)
        return value_undefined(NULL);
    *b = (struct bound) { native, self };
    return (struct value) { .type = VALUE_NATIVE, .bound = b };
}

/* A bigger array in the arena; the old one stays there until the run ends. */
static void *grown(
    struct run *r, void *items, size_t n, size_t *capacity, size_t size, size_t least) {
    if (n < *capacity)
        return items;
    const size_t wanted = *capacity ? *capacity * 2 : least;
    void *bigger = run_alloc(r, wanted * size);
    if (!bigger)
        return NULL;
    if (n)
        memcpy(bigger, items, n * size);
    *capacity = wanted;
    return bigger;
}

struct sequence *sequence_new(struct run *r, enum sequence_kind kind, size_t capacity) {
    static struct sequence nothing; /* of a run that failed: nobody adds to it */
    struct sequence *s = run_alloc(r, sizeof *s);
    if (!s)
        return &nothing;
    s->kind = kind;
    s->items = run_alloc(r, (capacity + 1) * sizeof *s->items);
    s->capacity = s->items ? capacity + 1 : 0;
    return s;
}

void sequence_add(struct run *r, struct sequence *s, struct value item) {
    struct value *items =
        r->failed ? NULL : grown(r, s->items, s->n, &s->capacity, sizeof *items, 8);
    if (!items)
        return;
    s->items = items;
    s->items[s->n++] = item;
}

struct value value_sequence(struct sequence *s) {
    return (struct value) { .type = VALUE_SEQUENCE, .sequence = s };
}

struct value value_pair(struct run *r, struct value a, struct value b) {
    struct sequence *s = sequence_new(r, SEQUENCE_TUPLE, 2);
    sequence_add(r, s, a);
    sequence_add(r, s, b);
    return value_sequence(s);
}

struct value value_dict(struct dict *d) {
    return (struct value) { .type = VALUE_DICT, .dict = d };
}

struct dict *dict_new(struct run *r) {
    static struct dict nothing;
    struct dict *d = run_alloc(r, sizeof *d);
    return d ? d : &nothing;
}

static uint64_t mix(uint64_t h) {
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_bytes(const char *text, size_t n) {
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return mix(h);
}

static bool hash_tuple(struct run *r, const struct sequence *s, uint64_t *out) {
    bool ok = run_down(r);
    if (!ok)
        return false;
    *out = s->n;
    for (size_t i = 0; ok && i < s->n; i++) {
        uint64_t h;
        ok = run_spend(r, 1) && value_hash(r, s->items[i], &h);
        *out = ok ? mix(*out * 31 + h) : 0;
    }
    run_up(r);
    return ok;
}

bool value_hash(struct run *r, struct value v, uint64_t *out) {
    switch (v.type) {
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        *out = v.type;
        return true;
    case VALUE_BOOL:
    case VALUE_INT:
        *out = mix((uint64_t)whole_of(v));
        return true;
    case VALUE_FLOAT: /* equal numbers have equal hashes */
        *out = v.real == floor(v.real) && fabs(v.real) < 9e18 ? mix((uint64_t)(int64_t)v.real)
                                                              : hash_bytes((char *)&v.real, 8);
        return true;
    case VALUE_STRING:
        *out = hash_bytes(v.text, v.n);
        return true;
    case VALUE_SEQUENCE:
        return v.sequence->kind == SEQUENCE_TUPLE && hash_tuple(r, v.sequence, out);
    default:
        return false;
    }
}

static bool key_hash(struct run *r, struct value key, uint64_t *out) {
    *out = 0;
    if (r->failed || value_hash(r, key, out))
        return !r->failed;
    run_fail(r, ERR_INPUT, "a '%s' cannot be the key of a dictionary", value_kind(key));
    return false;
}

/* The entry of a key, or -1. With slots, *free_slot is where it would go. */
static int32_t dict_seek(
    struct run *r, const struct dict *d, struct value key, uint64_t hash, size_t *free_slot) {
    if (!d->slots) {
        for (size_t i = 0; i < d->n; i++)
            if (d->entries[i].hash == hash && value_equal(r, d->entries[i].key, key))
                return (int32_t)i;
        return -1;
    }
    for (size_t at = hash & (d->n_slots - 1); run_spend(r, 1); at = (at + 1) & (d->n_slots - 1)) {
        const int32_t i = d->slots[at] - 1;
        *free_slot = at;
        if (i < 0)
            return -1;
        if (d->entries[i].hash == hash && value_equal(r, d->entries[i].key, key))
            return i;
    }
    return -1;
}

static void dict_index(struct run *r, struct dict *d) {
    const size_t n_slots = d->capacity * 4;
    size_t power = 64;
    while (power < n_slots)
        power *= 2;
    int32_t *slots = run_alloc(r, power * sizeof *slots);
    if (!slots)
        return;
    for (size_t i = 0; i < d->n; i++) {
        size_t at = d->entries[i].hash & (power - 1);
        while (slots[at])
            at = (at + 1) & (power - 1);
        slots[at] = (int32_t)i + 1;
    }
    d->slots = slots;
    d->n_slots = power;
}

void dict_set(struct run *r, struct dict *d, struct value key, struct value value) {
    uint64_t hash;
    size_t slot = 0;
    if (!key_hash(r, key, &hash))
        return;
    const int32_t found = dict_seek(r, d, key, hash, &slot);
    if (found >= 0) {
        d->entries[found].value = value;
        return;
    }
    const size_t before = d->capacity;
    struct dict_entry *entries =
        r->failed ? NULL : grown(r, d->entries, d->n, &d->capacity, sizeof *entries, 4);
    if (!entries)
        return;
    d->entries = entries;
    d->entries[d->n++] = (struct dict_entry) { key, value, hash };
    if (d->n > DICT_LINEAR_MAX && (!d->slots || d->capacity != before))
        dict_index(r, d);
    else if (d->slots)
        d->slots[slot] = (int32_t)d->n;
}

struct value dict_find(struct run *r, const struct dict *d, struct value key) {
    uint64_t hash;
    size_t slot;
    if (!key_hash(r, key, &hash))
        return value_missing();
    const int32_t i = dict_seek(r, d, key, hash, &slot);
    return i < 0 ? value_missing() : d->entries[i].value;
}

struct value dict_find_text(struct run *r, const struct dict *d, const char *key) {
    return dict_find(r, d, value_text(key, strlen(key)));
}

static struct value list_from_json(struct run *r, const json_t *json) {
    struct sequence *s = sequence_new(r, SEQUENCE_LIST, json_array_size(json));
    for (size_t i = 0; !r->failed && i < json_array_size(json); i++)
        sequence_add(r, s, value_from_json(r, json_array_get(json, i)));
    return value_sequence(s);
}

static struct value dict_from_json(struct run *r, const json_t *json) {
    struct dict *d = dict_new(r);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)json, key, member) {
        if (r->failed)
            break;
        dict_set(r, d, value_string(r, key, strlen(key)), value_from_json(r, member));
    }
    return value_dict(d);
}

struct value value_from_json(struct run *r, const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return dict_from_json(r, json);
    case JSON_ARRAY:
        return list_from_json(r, json);
    case JSON_STRING:
        return value_string(r, json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return value_int(json_integer_value(json));
    case JSON_REAL:
        return value_float(json_real_value(json));
    case JSON_NULL:
        return value_none();
    default:
        return value_bool(json_is_true(json));
    }
}

/* ---- asking ---- */

double real_of(struct value v) {
    return v.type == VALUE_FLOAT ? v.real : (double)whole_of(v);
}

bool pystr_is(struct value v, const char *text) {
    return v.type == VALUE_STRING && v.n == strlen(text) && memcmp(v.text, text, v.n) == 0;
}

bool is_sequence(struct value v, enum sequence_kind kind) {
    return v.type == VALUE_SEQUENCE && v.sequence->kind == kind;
}

const char *value_kind(struct value v) {
    static const char *const sequences[] = { "list", "tuple", "range", "generator", "dict_keys",
        "dict_values", "dict_items" };
    static const char *const names[] = { [VALUE_UNDEFINED] = "Undefined",
        [VALUE_MISSING] = "missing",
        [VALUE_NONE] = "NoneType",
        [VALUE_BOOL] = "bool",
        [VALUE_INT] = "int",
        [VALUE_FLOAT] = "float",
        [VALUE_STRING] = "str",
        [VALUE_DICT] = "dict",
        [VALUE_NAMESPACE] = "Namespace",
        [VALUE_MACRO] = "Macro",
        [VALUE_LOOP] = "LoopContext",
        [VALUE_NATIVE] = "function",
        [VALUE_SLICE] = "slice",
        [VALUE_UNSAFE] = "Undefined" };
    return v.type == VALUE_SEQUENCE ? sequences[v.sequence->kind] : names[v.type];
}

struct value fail_undefined(struct run *r, struct value v) {
    if (v.type == VALUE_UNSAFE)
        return run_fail(r, ERR_INPUT, "access to attribute '%.80s' is not safe", v.text);
    return run_fail(r, ERR_INPUT, "'%.80s' is undefined", v.text ? v.text : "a value");
}

bool value_truth(struct value v) {
    switch (v.type) {
    case VALUE_BOOL:
        return v.truth;
    case VALUE_INT:
        return v.integer != 0;
    case VALUE_FLOAT:
        return v.real != 0;
    case VALUE_STRING:
        return v.n > 0;
    case VALUE_SEQUENCE:
        return v.sequence->kind == SEQUENCE_GENERATOR || v.sequence->n > 0;
    case VALUE_DICT:
        return v.dict->n > 0;
    case VALUE_UNSAFE:
    case VALUE_UNDEFINED:
    case VALUE_MISSING:
    case VALUE_NONE:
        return false;
    default:
        return true;
    }
}

static int sign_of(double difference) {
    return (difference > 0) - (difference < 0);
}

static int number_compare(struct value a, struct value b) {
    if (is_whole(a) && is_whole(b))
        return (whole_of(a) > whole_of(b)) - (whole_of(a) < whole_of(b));
    return sign_of(real_of(a) - real_of(b));
}

/* UTF-8 sorts as its code points do. */
static int text_compare(struct value a, struct value b) {
    const int order = memcmp(a.text, b.text, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static bool sequences_equal(struct run *r, const struct sequence *a, const struct sequence *b) {
    bool equal = a->kind == b->kind && a->n == b->n && a->kind != SEQUENCE_GENERATOR &&
                 a->kind != SEQUENCE_VALUES;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = value_equal(r, a->items[i], b->items[i]);
    return equal;
}

static bool dicts_equal(struct run *r, const struct dict *a, const struct dict *b) {
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++) {
        const struct value other = dict_find(r, b, a->entries[i].key);
        equal = is_given(other) && value_equal(r, a->entries[i].value, other);
    }
    return equal;
}

static bool same_type_equal(struct run *r, struct value a, struct value b) {
    switch (a.type) {
    case VALUE_STRING:
        return a.n == b.n && memcmp(a.text, b.text, a.n) == 0;
    case VALUE_SEQUENCE:
        return a.sequence == b.sequence || sequences_equal(r, a.sequence, b.sequence);
    case VALUE_DICT:
        return a.dict == b.dict || dicts_equal(r, a.dict, b.dict);
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        return true;
    default:
        return a.text == b.text; /* the same object */
    }
}

bool value_equal(struct run *r, struct value a, struct value b) {
    if (is_number(a) && is_number(b))
        return (a.type == VALUE_FLOAT || b.type == VALUE_FLOAT) ? real_of(a) == real_of(b)
                                                                : whole_of(a) == whole_of(b);
    if (a.type != b.type || !run_spend(r, 1 + a.n / 64) || !run_down(r))
        return false;
    const bool equal = same_type_equal(r, a, b);
    run_up(r);
    return equal;
}

static int sequence_compare(struct run *r, const struct sequence *a, const struct sequence *b) {
    int order = 0;
    if (!run_down(r))
        return 0;
    size_t i = 0;
    while (i < a->n && i < b->n && run_spend(r, 1) && value_equal(r, a->items[i], b->items[i]))
        i++;
    order = i < a->n && i < b->n ? value_compare(r, a->items[i], b->items[i])
                                 : (a->n > b->n) - (a->n < b->n);
    run_up(r);
    return order;
}

int value_compare(struct run *r, struct value a, struct value b) {
    if (is_undefined(a) || is_undefined(b)) {
        fail_undefined(r, is_undefined(a) ? a : b);
        return 0;
    }
    if (is_number(a) && is_number(b))
        return number_compare(a, b);
    if (a.type == VALUE_STRING && b.type == VALUE_STRING)
        return run_spend(r, 1 + a.n / 64) ? text_compare(a, b) : 0;
    if (a.type == VALUE_SEQUENCE && b.type == VALUE_SEQUENCE &&
        a.sequence->kind == b.sequence->kind && a.sequence->kind <= SEQUENCE_TUPLE)
        return sequence_compare(r, a.sequence, b.sequence);
    run_fail(r, ERR_INPUT, "'%s' and '%s' have no order", value_kind(a), value_kind(b));
    return 0;
}

bool value_contains(struct run *r, struct value in, struct value what) {
    if (in.type == VALUE_STRING) {
        if (what.type == VALUE_STRING)
            return run_spend(r, in.n / 64) && pystr_find(in, what, 0) >= 0;
        run_fail(r, ERR_INPUT, "'in' a string looks for a string, not for '%s'", value_kind(what));
        return false;
    }
    if (in.type == VALUE_DICT)
        return is_given(dict_find(r, in.dict, what));
    const struct sequence *items = value_items(r, in);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++)
        if (value_equal(r, items->items[i], what))
            return true;
    return false;
}

struct value value_length(struct run *r, struct value v) {
    switch (v.type) {
    case VALUE_STRING:
        return run_spend(r, v.n / 64) ? value_int((int64_t)pystr_length(v)) : v;
    case VALUE_DICT:
        return value_int((int64_t)v.dict->n);
    case VALUE_UNDEFINED:
    case VALUE_UNSAFE:
        return value_int(0);
    case VALUE_LOOP:
        return value_int((int64_t)v.loop->items->n);
    case VALUE_SEQUENCE:
        if (v.sequence->kind != SEQUENCE_GENERATOR)
            return value_int((int64_t)v.sequence->n);
        /* fall through */
    default:
        return run_fail(r, ERR_INPUT, "a '%s' has no length", value_kind(v));
    }
}

static const struct sequence *items_of_text(struct run *r, struct value v) {
    struct sequence *s = sequence_new(r, SEQUENCE_LIST, v.n);
    uint32_t cp;
    for (size_t at = 0, n; at < v.n && !r->failed; at += n) {
        n = utf8_decode(v.text + at, v.n - at, &cp);
        n = n ? n : 1;
        sequence_add(r, s, value_text(v.text + at, n));
    }
    return s;
}

static const struct sequence *items_of_dict(struct run *r, const struct dict *d) {
    struct sequence *s = sequence_new(r, SEQUENCE_LIST, d->n);
    for (size_t i = 0; i < d->n; i++)
        sequence_add(r, s, d->entries[i].key);
    return s;
}

/* A generator gives its items away. */
static const struct sequence *items_of_generator(struct run *r, struct sequence *from) {
    struct sequence *s = sequence_new(r, SEQUENCE_LIST, 0);
    if (!r->failed) {
        *s = *from;
        s->kind = SEQUENCE_LIST;
        from->n = from->capacity = 0;
    }
    return s;
}

const struct sequence *value_items(struct run *r, struct value v) {
    if (r->failed)
        return NULL;
    switch (v.type) {
    case VALUE_SEQUENCE:
        return v.sequence->kind == SEQUENCE_GENERATOR ? items_of_generator(r, v.sequence)
                                                      : v.sequence;
    case VALUE_STRING:
        return items_of_text(r, v);
    case VALUE_DICT:
        return items_of_dict(r, v.dict);
    case VALUE_UNDEFINED:
    case VALUE_UNSAFE:
        return sequence_new(r, SEQUENCE_LIST, 0);
    default:
        run_fail(r, ERR_INPUT, "a '%s' cannot be walked through", value_kind(v));
        return NULL;
    }
}
