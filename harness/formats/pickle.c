/* The stack machine (see pickle.h): a table has one row for each operation that is understood.
 * Everything that the program can make grow (values, stack, marks, memo) has a ceiling, and nothing
 * here recurses, so that neither long nor deep programs do harm. Values may come to hold
 * themselves; whoever walks them must have a depth of their own. */
#include "harness/formats/pickle.h"

#include <string.h>

#include "harness/formats/quant.h"
#include "harness/formats/quoted.h"

struct machine {
    struct pickle *p;
    const uint8_t *start, *at, *end;
    struct value **stack, **memo;
    size_t n_stack, stack_capacity, n_memo, memo_capacity, n_values, n_items;
    size_t marks[PICKLE_MARKS_MAX]; /* heights of the stack */
    size_t n_marks;
    bool stopped;
    struct err *err;
};

/* ---- pieces ---- */

static bool refuse(struct machine *m, const char *why) {
    return err_set(m->err, ERR_INPUT, "pickle: %s at byte %zu", why, (size_t)(m->at - m->start));
}

/* The next n bytes, NULL where they are not there. */
static const uint8_t *take(struct machine *m, uint64_t n) {
    if (n > (uint64_t)(m->end - m->at)) {
        refuse(m, "truncated");
        return NULL;
    }
    m->at += n;
    return m->at - n;
}

static struct value *value_new(struct machine *m, enum value_kind kind) {
    if (m->n_values++ == PICKLE_VALUES_MAX) {
        refuse(m, "too many values");
        return NULL;
    }
    struct value *v = arena_alloc(&m->p->arena, sizeof *v);
    v->kind = kind;
    return v;
}

static bool push(struct machine *m, struct value *v) {
    if (!v)
        return false;
    if (m->n_stack == PICKLE_STACK_MAX)
        return refuse(m, "the stack is too high");
    mem_grow(&m->stack, &m->stack_capacity, m->n_stack + 1, sizeof *m->stack);
    m->stack[m->n_stack++] = v;
    return true;
}

static bool push_new(struct machine *m, enum value_kind kind) {
    return push(m, value_new(m, kind));
}

static bool push_number(struct machine *m, int64_t number) {
    struct value *v = value_new(m, VALUE_NUMBER);
    if (v)
        v->number = number;
    return push(m, v);
}

/* What lies above the last mark, or above nothing. */
static size_t height(const struct machine *m) {
    return m->n_stack - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

static struct value *pop(struct machine *m) {
    if (height(m))
        return m->stack[--m->n_stack];
    refuse(m, "nothing is on the stack");
    return NULL;
}

static struct value *top(struct machine *m) {
    if (height(m))
        return m->stack[m->n_stack - 1];
    refuse(m, "nothing is on the stack");
    return NULL;
}

/* Copies n items: a program can ask for many copies of what it wrote once. */
static bool append(struct machine *m, struct value *to, struct value **items, size_t n) {
    m->n_items += n;
    if (m->n_items > PICKLE_ITEMS_MAX)
        return refuse(m, "too many items");
    if (to->n + n > to->capacity) {
        const size_t doubled = 2 * (size_t)to->capacity,
                     capacity = to->n + n > doubled ? to->n + n : doubled;
        struct value **grown = arena_alloc(&m->p->arena, capacity * sizeof(struct value *));
        if (to->n)
            memcpy(grown, to->items, to->n * sizeof(struct value *));
        to->items = grown;
        to->capacity = (uint32_t)capacity;
    }
    if (n)
        memcpy(to->items + to->n, items, n * sizeof(struct value *));
    to->n += (uint32_t)n;
    return true;
}

/* A tuple never changes, so its items can be those of several values. */
static void share(struct value *v, const struct value *tuple) {
    v->items = tuple->items;
    v->n = tuple->n;
}

/* ---- operations ---- */

static bool do_proto(struct machine *m) {
    const uint8_t *version = take(m, 1);
    if (!version)
        return false;
    return (*version >= 2 && *version <= 5) || refuse(m, "a protocol that is not read");
}

static bool do_frame(struct machine *m) {
    return take(m, 8) != NULL;
}

static bool do_stop(struct machine *m) {
    return m->stopped = true;
}

static bool do_mark(struct machine *m) {
    if (m->n_marks == PICKLE_MARKS_MAX)
        return refuse(m, "too many marks");
    m->marks[m->n_marks++] = m->n_stack;
    return true;
}

static bool do_none(struct machine *m) {
    return push_new(m, VALUE_NONE);
}

static bool do_true(struct machine *m) {
    return push_number(m, 1);
}

static bool do_false(struct machine *m) {
    return push_number(m, 0);
}

static bool do_int1(struct machine *m) {
    const uint8_t *at = take(m, 1);
    return at && push_number(m, *at);
}

static bool do_int2(struct machine *m) {
    const uint8_t *at = take(m, 2);
    return at && push_number(m, load_u16(at));
}

static bool do_int4(struct machine *m) {
    const uint8_t *at = take(m, 4);
    return at && push_number(m, (int32_t)load_u32(at));
}

/* Two's complement of n bytes, the lowest first; what 64 bits don't hold is nobody's size. */
static bool do_long(struct machine *m) {
    const uint8_t *n = take(m, 1), *at = n ? take(m, *n) : NULL;
    if (!at)
        return false;
    if (*n > 8) {
        struct value *v = value_new(m, VALUE_OPAQUE);
        if (v) {
            v->text = (const char *)at;
            v->n = *n;
        }
        return push(m, v);
    }
    uint64_t number = *n && at[*n - 1] & 128 ? UINT64_MAX : 0;
    memcpy(&number, at, *n);
    return push_number(m, (int64_t)number);
}

static bool do_float(struct machine *m) {
    return take(m, 8) && push_new(m, VALUE_OPAQUE);
}

static bool push_text(struct machine *m, uint64_t n) {
    if (n > PICKLE_BYTES_MAX)
        return refuse(m, "a text that is too long");
    const uint8_t *at = take(m, n);
    struct value *v = at ? value_new(m, VALUE_TEXT) : NULL;
    if (v) {
        v->text = (const char *)at;
        v->n = (uint32_t)n;
    }
    return push(m, v);
}

static bool do_text1(struct machine *m) {
    const uint8_t *n = take(m, 1);
    return n && push_text(m, *n);
}

static bool do_text4(struct machine *m) {
    const uint8_t *n = take(m, 4);
    return n && push_text(m, load_u32(n));
}

static bool do_text8(struct machine *m) {
    const uint8_t *n = take(m, 8);
    return n && push_text(m, load_u64(n));
}

static bool do_empty_tuple(struct machine *m) {
    return push_new(m, VALUE_TUPLE);
}

static bool do_empty_list(struct machine *m) {
    return push_new(m, VALUE_LIST);
}

static bool do_empty_dict(struct machine *m) {
    return push_new(m, VALUE_DICT);
}

static bool do_empty_set(struct machine *m) {
    return push_new(m, VALUE_OPAQUE);
}

static bool push_tuple_of(struct machine *m, size_t n) {
    if (height(m) < n)
        return refuse(m, "nothing is on the stack");
    struct value *v = value_new(m, VALUE_TUPLE);
    if (!v || (n && !append(m, v, m->stack + m->n_stack - n, n)))
        return false;
    m->n_stack -= n;
    return push(m, v);
}

static bool do_tuple1(struct machine *m) {
    return push_tuple_of(m, 1);
}

static bool do_tuple2(struct machine *m) {
    return push_tuple_of(m, 2);
}

static bool do_tuple3(struct machine *m) {
    return push_tuple_of(m, 3);
}

/* Takes the last mark away: *n is what lies above it. */
static bool unmark(struct machine *m, size_t *n) {
    if (!m->n_marks)
        return refuse(m, "there is no mark");
    *n = height(m);
    m->n_marks--;
    return true;
}

static bool do_tuple(struct machine *m) {
    size_t n = 0;
    return unmark(m, &n) && push_tuple_of(m, n);
}

/* Puts the n values at the top into what lies below them, `step` at a time. */
static bool put(struct machine *m, size_t n, enum value_kind kind, size_t step) {
    if (height(m) <= n)
        return refuse(m, "nothing is on the stack");
    struct value *to = m->stack[m->n_stack - n - 1];
    if (to->kind == VALUE_OPAQUE && kind == VALUE_LIST) { /* a set */
        m->n_stack -= n;
        return true;
    }
    if (to->kind != kind || n % step)
        return refuse(m, "items for something that takes none");
    if (!append(m, to, m->stack + m->n_stack - n, n))
        return false;
    m->n_stack -= n;
    return true;
}

static bool do_append(struct machine *m) {
    return put(m, 1, VALUE_LIST, 1);
}

static bool do_appends(struct machine *m) {
    size_t n = 0;
    return unmark(m, &n) && put(m, n, VALUE_LIST, 1);
}

static bool do_item(struct machine *m) {
    return put(m, 2, VALUE_DICT, 2);
}

static bool do_items(struct machine *m) {
    size_t n = 0;
    return unmark(m, &n) && put(m, n, VALUE_DICT, 2);
}

static bool memo_put(struct machine *m, size_t i) {
    struct value *v = top(m);
    if (!v)
        return false;
    if (i >= PICKLE_VALUES_MAX)
        return refuse(m, "a memo that is too large");
    const size_t before = m->memo_capacity;
    mem_grow(&m->memo, &m->memo_capacity, i + 1, sizeof *m->memo);
    memset(m->memo + before, 0, (m->memo_capacity - before) * sizeof *m->memo);
    m->memo[i] = v;
    m->n_memo = i >= m->n_memo ? i + 1 : m->n_memo;
    return true;
}

static bool do_put1(struct machine *m) {
    const uint8_t *at = take(m, 1);
    return at && memo_put(m, *at);
}

static bool do_put4(struct machine *m) {
    const uint8_t *at = take(m, 4);
    return at && memo_put(m, load_u32(at));
}

static bool do_memoize(struct machine *m) {
    return memo_put(m, m->n_memo);
}

static bool memo_get(struct machine *m, size_t i) {
    if (i >= m->n_memo || !m->memo[i])
        return refuse(m, "a memo that was never written");
    return push(m, m->memo[i]);
}

static bool do_get1(struct machine *m) {
    const uint8_t *at = take(m, 1);
    return at && memo_get(m, *at);
}

static bool do_get4(struct machine *m) {
    const uint8_t *at = take(m, 4);
    return at && memo_get(m, load_u32(at));
}

/* The one gate that names pass. */
static bool push_global(struct machine *m, const char *name, size_t n) {
    struct quoted q;
    for (const struct pickle_global *g = m->p->globals; g->name; g++) {
        if (strlen(g->name) != n || memcmp(g->name, name, n) != 0)
            continue;
        struct value *v = value_new(m, VALUE_GLOBAL);
        if (v)
            v->global = g;
        return push(m, v);
    }
    return err_set(m->err, ERR_UNSUPPORTED,
        "its pickle calls for '%s', which is neither read nor run (only tensors are read: convert "
        "it to safetensors)",
        quoted(&q, name, n));
}

static bool global_of(
    struct machine *m, const char *module, size_t module_n, const char *name, size_t name_n) {
    char full[2 * PICKLE_NAME_MAX + 2];
    if (module_n > PICKLE_NAME_MAX || name_n > PICKLE_NAME_MAX)
        return refuse(m, "a global whose name is too long");
    memcpy(full, module, module_n);
    full[module_n] = '.';
    memcpy(full + module_n + 1, name, name_n);
    return push_global(m, full, module_n + 1 + name_n);
}

static const char *take_line(struct machine *m, size_t *n) {
    const uint8_t *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end) {
        refuse(m, "truncated");
        return NULL;
    }
    const char *line = (const char *)m->at;
    *n = (size_t)(end - m->at);
    m->at = end + 1;
    return line;
}

static bool do_global(struct machine *m) {
    size_t module_n, name_n;
    const char *module = take_line(m, &module_n), *name = module ? take_line(m, &name_n) : NULL;
    return name && global_of(m, module, module_n, name, name_n);
}

static bool do_stack_global(struct machine *m) {
    const struct value *name = pop(m), *module = name ? pop(m) : NULL;
    if (!module)
        return false;
    if (name->kind != VALUE_TEXT || module->kind != VALUE_TEXT)
        return refuse(m, "a global without a name");
    return global_of(m, module->text, module->n, name->text, name->n);
}

/* dict() or, as Python 2 has it, dict([[key, value], ...]). */
static bool dict_fill(struct machine *m, struct value *dict, const struct value *args) {
    const struct value *pairs = value_at(args, 0);
    for (uint32_t i = 0; pairs && i < pairs->n; i++) {
        const struct value *pair = value_at(pairs, i);
        if (!pair || pair->n != 2 || !value_at(pair, 0))
            return refuse(m, "a dict of something that is no pairs");
        if (!append(m, dict, pair->items, 2))
            return false;
    }
    return args->n <= 1 || refuse(m, "a dict of several arguments");
}

static bool do_reduce(struct machine *m) {
    const struct value *args = pop(m), *callee = args ? pop(m) : NULL;
    if (!callee)
        return false;
    if (callee->kind != VALUE_GLOBAL || args->kind != VALUE_TUPLE)
        return refuse(m, "a call of something that has no name");
    const struct value *first = value_at(args, 0);
    const enum pickle_role role = callee->global->role;
    if (role == PICKLE_TUPLE && (args->n != 1 || first->kind != VALUE_TUPLE))
        return refuse(m, "a tuple of something else");
    struct value *v = value_new(m, role == PICKLE_DICT    ? VALUE_DICT
                                   : role == PICKLE_TUPLE ? VALUE_TUPLE
                                                          : VALUE_CALL);
    if (!v || (role == PICKLE_DICT && !dict_fill(m, v, args)))
        return false;
    if (role != PICKLE_DICT)
        share(v, role == PICKLE_TUPLE ? first : args);
    v->global = callee->global;
    return push(m, v);
}

/* Attributes are set on dicts only ("_metadata" of a state_dict), where they change no item. */
static bool do_build(struct machine *m) {
    const struct value *state = pop(m), *of = state ? top(m) : NULL;
    return of && (of->kind == VALUE_DICT || refuse(m, "attributes of something that has none"));
}

static bool do_persistent(struct machine *m) {
    struct pickle *p = m->p;
    const struct value *id = pop(m);
    if (!id)
        return false;
    if (id->kind != VALUE_TUPLE)
        return refuse(m, "a persistent id that is no tuple");
    struct value *v = value_new(m, VALUE_PERSISTENT);
    if (!v)
        return false;
    share(v, id);
    mem_grow(&p->persistent, &p->persistent_capacity, p->n_persistent + 1, sizeof(struct value *));
    p->persistent[p->n_persistent++] = v;
    return push(m, v);
}

static bool (*const operations[256])(struct machine *m) = {
    [0x80] = do_proto,
    [0x95] = do_frame,
    ['.'] = do_stop,
    ['('] = do_mark,
    ['N'] = do_none,
    [0x88] = do_true,
    [0x89] = do_false,
    ['K'] = do_int1,
    ['M'] = do_int2,
    ['J'] = do_int4,
    [0x8a] = do_long,
    ['G'] = do_float,
    ['U'] = do_text1, /* Python 2's strings */
    ['T'] = do_text4,
    [0x8c] = do_text1,
    ['X'] = do_text4,
    [0x8d] = do_text8,
    ['C'] = do_text1, /* bytes */
    ['B'] = do_text4,
    [')'] = do_empty_tuple,
    [']'] = do_empty_list,
    ['}'] = do_empty_dict,
    [0x8f] = do_empty_set,
    [0x85] = do_tuple1,
    [0x86] = do_tuple2,
    [0x87] = do_tuple3,
    ['t'] = do_tuple,
    ['a'] = do_append,
    ['e'] = do_appends,
    [0x90] = do_appends, /* to a set */
    ['s'] = do_item,
    ['u'] = do_items,
    ['q'] = do_put1,
    ['r'] = do_put4,
    [0x94] = do_memoize,
    ['h'] = do_get1,
    ['j'] = do_get4,
    ['c'] = do_global,
    [0x93] = do_stack_global,
    ['R'] = do_reduce,
    ['b'] = do_build,
    ['Q'] = do_persistent,
};

/* ---- the run ---- */

static bool step(struct machine *m) {
    const uint8_t *code = take(m, 1);
    if (!code)
        return false;
    if (operations[*code])
        return operations[*code](m);
    return err_set(m->err, ERR_UNSUPPORTED,
        "its pickle asks for operation 0x%02x at byte %zu, which tensors have no use for", *code,
        (size_t)(code - m->start));
}

const struct value *pickle_read(
    struct pickle *p, const uint8_t *bytes, size_t n, size_t *used, struct err *err) {
    struct machine m = { .p = p, .start = bytes, .at = bytes, .err = err };
    m.end = bytes + (n < PICKLE_BYTES_MAX ? n : PICKLE_BYTES_MAX);
    const struct value *root = NULL;
    if (n < 2 || *bytes != 0x80)
        err_set(err, ERR_INPUT, "there is no pickle of a protocol that is read");
    else {
        while (!m.stopped && step(&m))
            ;
        root = m.stopped && !m.n_marks ? pop(&m) : NULL;
        if (m.stopped && m.n_marks)
            refuse(&m, "it ends within something");
    }
    *used = (size_t)(m.at - bytes);
    free(m.stack);
    free(m.memo);
    return root;
}

void pickle_release(struct pickle *p) {
    free(p->persistent);
    arena_release(&p->arena);
    *p = (struct pickle) { 0 };
}

bool value_is_text(const struct value *v, const char *text) {
    const size_t n = strlen(text);
    return v && v->kind == VALUE_TEXT && v->n == n && memcmp(v->text, text, n) == 0;
}

const struct value *value_at(const struct value *v, size_t i) {
    return v && v->kind >= VALUE_TUPLE && v->kind != VALUE_GLOBAL && i < v->n ? v->items[i] : NULL;
}

const struct value *value_of(const struct value *dict, const char *key) {
    for (uint32_t i = dict->n; i >= 2; i -= 2) /* the last one counts */
        if (value_is_text(dict->items[i - 2], key))
            return dict->items[i - 1];
    return NULL;
}
