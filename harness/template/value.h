/* Values of a template at run time, and the run itself. Private to this folder.
 *
 * Values are plain structs over memory of the run's arena: nothing is freed before the run ends, so
 * they are copied freely. Failure is sticky, as in a strbuf: what fails says so once with
 * run_fail and returns an undefined value, and whoever loops asks `r->failed`. */
#ifndef ASSAY_HARNESS_TEMPLATE_VALUE_H
#define ASSAY_HARNESS_TEMPLATE_VALUE_H

#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"

/* Ceilings of one run. A step is a node that is evaluated, or 64 bytes or 16 items that are looked
 * at. */
#define RUN_STEPS_MAX 20000000u
#define RUN_MEMORY_MAX ((size_t)192 << 20)
#define RUN_DEPTH_MAX 800 /* nodes within nodes, through macros too */
#define RUN_TEXT_MAX ((size_t)32 << 20)
#define RUN_RANGE_MAX 100000 /* the sandbox's own */

enum value_type {
    VALUE_UNDEFINED, /* `text` is the name that was looked for, or NULL */
    VALUE_MISSING,   /* an argument that wasn't given; never seen by a template */
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_SEQUENCE,
    VALUE_DICT,
    VALUE_NAMESPACE,
    VALUE_MACRO,
    VALUE_LOOP,
    VALUE_NATIVE, /* a function, or a method with the value it belongs to */
    VALUE_SLICE,
    VALUE_UNSAFE, /* undefined, because the sandbox forbids it: `text` is the attribute */
};

/* Python's kinds of things that are walked through. */
enum sequence_kind {
    SEQUENCE_LIST,
    SEQUENCE_TUPLE,
    SEQUENCE_RANGE,
    SEQUENCE_GENERATOR, /* walked once: then it is empty */
    SEQUENCE_KEYS,
    SEQUENCE_VALUES,
    SEQUENCE_ITEMS,
};

struct value {
    enum value_type type;
    size_t n; /* bytes of a string */
    union {
        bool truth;
        int64_t integer;
        double real;
        const char *text;
        struct sequence *sequence;
        struct dict *dict; /* also a namespace's */
        const struct macro *macro;
        struct loop *loop;
        const struct bound *bound;
        const struct slice *slice;
    };
};

struct sequence {
    enum sequence_kind kind;
    struct value *items;
    size_t n, capacity;
};

struct dict_entry {
    struct value key, value;
    uint64_t hash;
};
struct dict {
    struct dict_entry *entries; /* in order of insertion */
    size_t n, capacity;
    int32_t *slots; /* open addressing over entries; NULL while there are few */
    size_t n_slots;
};

struct slice {
    struct value from, to, step;
};

struct node;
struct scope;
struct run;

struct macro {
    const struct node *node; /* NODE_MACRO or NODE_CALL_BLOCK */
    struct scope *scope;     /* where it was defined */
};

/* The variable `loop`. */
struct loop {
    const struct sequence *items;
    size_t at; /* index0 */
    unsigned depth;
    const struct node *node; /* set where the loop is recursive */
    struct scope *scope;
    struct value changed; /* what loop.changed saw last; a tuple, or missing */
};

/* The arguments of a call. After binding, `args` are in the order of the callee's parameters. */
struct call {
    struct value *args;
    size_t n;
    const char **names; /* of keyword arguments */
    struct value *named;
    size_t n_named;
};

typedef struct value native_fn(struct run *r, struct value self, const struct call *call);
struct native {
    const char *name;
    native_fn *fn;
    const char *params; /* "old,new,count"; NULL: any arguments, unbound */
    uint8_t required;   /* how many of them must be given */
};
#define NATIVE_PARAMS_MAX 8

struct bound {
    const struct native *native;
    struct value self;
};

struct scope_entry {
    const char *name;
    struct value value;
};
struct scope {
    struct scope *parent;
    struct scope_entry *entries;
    size_t n, capacity;
    bool captured; /* a macro was defined in it: it can't be used again */
};

struct run {
    struct arena arena;
    struct strbuf *out;
    struct scope *scope;
    struct err *err;
    int64_t now;
    size_t steps;
    unsigned depth, loop_depth;
    int line;
    bool failed;
    bool breaking, continuing; /* a loop control is on its way to its loop */
};

/* ---- the run ---- */

/* Says what is wrong at the line at hand; the first one stays. Returns an undefined value. */
struct value run_fail(struct run *r, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Counts work; false once the run has failed or used up what it may. */
bool run_spend(struct run *r, size_t steps);
/* Memory of the run; NULL (and failed) past the ceiling. */
void *run_alloc(struct run *r, size_t n);

/* ---- making ---- */

static inline struct value value_undefined(const char *name) {
    return (struct value) { .type = VALUE_UNDEFINED, .text = name };
}
static inline struct value value_none(void) {
    return (struct value) { .type = VALUE_NONE };
}
static inline struct value value_missing(void) {
    return (struct value) { .type = VALUE_MISSING };
}
static inline struct value value_bool(bool truth) {
    return (struct value) { .type = VALUE_BOOL, .truth = truth };
}
static inline struct value value_int(int64_t integer) {
    return (struct value) { .type = VALUE_INT, .integer = integer };
}
static inline struct value value_float(double real) {
    return (struct value) { .type = VALUE_FLOAT, .real = real };
}
/* Borrows the text. */
static inline struct value value_text(const char *text, size_t n) {
    return (struct value) { .type = VALUE_STRING, .n = n, .text = text };
}
struct value value_string(struct run *r, const char *text, size_t n); /* copies */
struct value value_take(struct run *r, struct strbuf *b);             /* copies, releases *b */
struct value value_native(struct run *r, const struct native *native, struct value self);

struct sequence *sequence_new(struct run *r, enum sequence_kind kind, size_t capacity);
void sequence_add(struct run *r, struct sequence *s, struct value item);
struct value value_sequence(struct sequence *s);
struct value value_pair(struct run *r, struct value a, struct value b); /* a tuple */

struct dict *dict_new(struct run *r);
void dict_set(struct run *r, struct dict *d, struct value key, struct value value);
/* VALUE_MISSING if absent. Keys that have no hash fail. */
struct value dict_find(struct run *r, const struct dict *d, struct value key);
struct value dict_find_text(struct run *r, const struct dict *d, const char *key);
struct value value_dict(struct dict *d);

struct value value_from_json(struct run *r, const json_t *json);

/* ---- asking ---- */

static inline bool is_undefined(struct value v) {
    return v.type == VALUE_UNDEFINED || v.type == VALUE_UNSAFE;
}
static inline bool is_given(struct value v) {
    return v.type != VALUE_MISSING;
}
static inline bool is_number(struct value v) {
    return v.type == VALUE_INT || v.type == VALUE_FLOAT || v.type == VALUE_BOOL;
}
static inline bool is_whole(struct value v) {
    return v.type == VALUE_INT || v.type == VALUE_BOOL;
}
static inline int64_t whole_of(struct value v) {
    return v.type == VALUE_BOOL ? v.truth : v.integer;
}
double real_of(struct value v); /* of a number */
bool pystr_is(struct value v, const char *text);
bool is_sequence(struct value v, enum sequence_kind kind);

const char *value_kind(struct value v); /* Python's name of the type, for messages */
bool value_truth(struct value v);
bool value_equal(struct run *r, struct value a, struct value b);
/* <0, 0, >0; values that have no order fail. */
int value_compare(struct run *r, struct value a, struct value b);
bool value_contains(struct run *r, struct value in, struct value what);
struct value value_length(struct run *r, struct value v);
/* The items of anything that can be walked through; NULL (and failed) otherwise. */
const struct sequence *value_items(struct run *r, struct value v);
bool value_hash(struct run *r, struct value v, uint64_t *out); /* false for what has none */
/* Enters something that is nested; false (and failed) too deep. Leave by run_up. */
bool run_down(struct run *r);
void run_up(struct run *r);
/* Fails with what Jinja says of undefined values; returns an undefined value. */
struct value fail_undefined(struct run *r, struct value v);

/* ---- attributes and items (access.c) ---- */

struct value value_attribute(struct run *r, struct value v, const char *name);
struct value value_item(struct run *r, struct value v, struct value key);
/* "a.b.0": a path as filters take it; `otherwise` (or missing) stands for what is undefined on it.
 */
struct value value_path(struct run *r, struct value v, struct value path, struct value otherwise);

/* ---- text (show.c) ---- */

void value_print(struct run *r, struct strbuf *out, struct value v); /* str() */
void value_repr(struct run *r, struct strbuf *out, struct value v);
struct value value_str(struct run *r, struct value v);
struct json_style {
    bool ensure_ascii, sort_keys;
    struct value indent; /* none, a number, or a string */
    const char *item_separator, *key_separator;
};
void value_dump(struct run *r, struct strbuf *out, struct value v, const struct json_style *style);
/* Python's `format % args`. */
struct value pystr_percent(struct run *r, struct value format, struct value args);
/* Python's format.format(...). */
struct value pystr_braces(struct run *r, struct value format, const struct call *call);
/* Python's strftime. */
struct value pystr_clock(struct run *r, struct value format, int64_t now);

/* ---- calls (call.c) ---- */

struct value value_call(struct run *r, struct value callee, const struct call *call);
struct value native_call(
    struct run *r, const struct native *native, struct value self, const struct call *call);
/* eval.c and exec.c */
struct value eval(struct run *r, const struct node *node);
void exec(struct run *r, const struct node *node);
struct value macro_call(struct run *r, const struct macro *macro, const struct call *call);
void loop_run(struct run *r, const struct node *node, struct value over, unsigned depth);

/* ---- tables ---- */

const struct native *filter_find(const char *name);
const struct native *test_find(const char *name);
const struct native *method_find(struct value v, const char *name);
const struct native *global_find(const char *name);
bool method_mutates(struct value v, const char *name);

struct value value_arithmetic(struct run *r, int op, struct value a, struct value b);

/* ---- code points (text.c) ---- */

size_t pystr_length(struct value s); /* in code points */
/* The byte at which code point `index` begins; the end if there are fewer. */
size_t pystr_offset(struct value s, size_t index);
struct value pystr_strip(struct value s, struct value chars, bool left, bool right);
struct value pystr_replace(
    struct run *r, struct value s, struct value old, struct value new, int64_t max);
/* Byte position or -1. */
int64_t pystr_find(struct value s, struct value what, size_t from);
int64_t pystr_find_last(struct value s, struct value what);
enum pystr_case { PYSTR_UPPER, PYSTR_LOWER, PYSTR_SWAP, PYSTR_TITLE, PYSTR_CAPITAL };
struct value pystr_case(struct run *r, struct value s, enum pystr_case to);
bool pystr_space(uint32_t cp); /* str.isspace */
bool pystr_letter(uint32_t cp);
bool pystr_upper(uint32_t cp);
bool pystr_lower(uint32_t cp);
bool pystr_digit(uint32_t cp);

#endif
