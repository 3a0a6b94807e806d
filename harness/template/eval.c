/* Expressions to values. */
#include <math.h>
#include <string.h>

#include "harness/template/scope.h"
#include "harness/template/syntax.h"

/* ---- arithmetic ---- */

static struct value no_operator(struct run *r, const char *op, struct value a, struct value b) {
    if (is_undefined(a) || is_undefined(b))
        return fail_undefined(r, is_undefined(a) ? a : b);
    return run_fail(r, ERR_INPUT, "'%s' and '%s' cannot be put together by %s", value_kind(a),
        value_kind(b), op);
}

static struct value too_large(struct run *r) {
    return run_fail(r, ERR_UNSUPPORTED, "a whole number of more than 63 bits");
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static struct value power_of(struct run *r, int64_t base, int64_t exponent) {
    int64_t result = 1;
    if (exponent < 0)
        return base ? value_float(pow((double)base, (double)exponent))
                    : run_fail(r, ERR_INPUT, "0 to a negative power");
    for (; exponent; exponent >>= 1) {
        if (exponent & 1 && __builtin_mul_overflow(result, base, &result))
            return too_large(r);
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
            return too_large(r);
    }
    return value_int(result);
}

static struct value whole_arithmetic(struct run *r, int op, int64_t a, int64_t b) {
    int64_t result = 0;
    bool over = false;
    if (!b && (op == '/' || op == '%' || op == OP2('/', '/')))
        return run_fail(r, ERR_INPUT, "division by zero");
    switch (op) {
    case '+':
        over = __builtin_add_overflow(a, b, &result);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &result);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &result);
        break;
    case '/':
        return value_float((double)a / (double)b);
    case OP2('/', '/'):
        over = a == INT64_MIN && b == -1;
        result = over ? 0 : floor_divide(a, b);
        break;
    case '%':
        result = b == -1 ? 0 : a - floor_divide(a, b) * b;
        break;
    default:
        return power_of(r, a, b);
    }
    return over ? too_large(r) : value_int(result);
}

static double float_modulo(double a, double b) {
    const double m = fmod(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static struct value real_arithmetic(struct run *r, int op, double a, double b) {
    if (b == 0 && (op == '/' || op == '%' || op == OP2('/', '/')))
        return run_fail(r, ERR_INPUT, "division by zero");
    switch (op) {
    case '+':
        return value_float(a + b);
    case '-':
        return value_float(a - b);
    case '*':
        return value_float(a * b);
    case '/':
        return value_float(a / b);
    case OP2('/', '/'):
        return value_float(floor(a / b));
    case '%':
        return value_float(float_modulo(a, b));
    default:
        return value_float(pow(a, b));
    }
}

static struct value text_join(struct run *r, struct value a, struct value b) {
    char *joined = run_alloc(r, a.n + b.n + 1);
    if (!joined)
        return value_undefined(NULL);
    memcpy(joined, a.text, a.n);
    memcpy(joined + a.n, b.text, b.n);
    return value_text(joined, a.n + b.n);
}

static struct value text_repeat(struct run *r, struct value s, int64_t times) {
    const size_t n = times > 0 ? (size_t)times : 0;
    if (s.n && n > RUN_TEXT_MAX / s.n)
        return run_fail(r, ERR_RESOURCE,
            "the output size is past %zu MB: a text repeated %zu times", RUN_TEXT_MAX >> 20, n);
    char *text = run_alloc(r, s.n * n + 1);
    for (size_t i = 0; text && s.n && i < n; i++)
        memcpy(text + i * s.n, s.text, s.n);
    return text ? value_text(text, s.n * n) : value_undefined(NULL);
}

static struct value sequence_join(
    struct run *r, const struct sequence *a, const struct sequence *b) {
    struct sequence *s = sequence_new(r, a->kind, a->n + b->n);
    run_spend(r, (a->n + b->n) / 16);
    for (size_t i = 0; !r->failed && i < a->n; i++)
        sequence_add(r, s, a->items[i]);
    for (size_t i = 0; !r->failed && i < b->n; i++)
        sequence_add(r, s, b->items[i]);
    return value_sequence(s);
}

static struct value sequence_repeat(struct run *r, const struct sequence *of, int64_t times) {
    struct sequence *s = sequence_new(r, of->kind, 0);
    for (int64_t i = 0; of->n && i < times && run_spend(r, 1 + of->n / 16); i++)
        for (size_t k = 0; k < of->n; k++)
            sequence_add(r, s, of->items[k]);
    return value_sequence(s);
}

static bool is_list(struct value v) {
    return v.type == VALUE_SEQUENCE && v.sequence->kind <= SEQUENCE_TUPLE;
}

static struct value multiply(struct run *r, struct value a, struct value b) {
    if (is_whole(a))
        return multiply(r, b, a);
    if (!is_whole(b) || (a.type != VALUE_STRING && !is_list(a)))
        return no_operator(r, "*", a, b);
    return a.type == VALUE_STRING ? text_repeat(r, a, whole_of(b))
                                  : sequence_repeat(r, a.sequence, whole_of(b));
}

struct value value_arithmetic(struct run *r, int op, struct value a, struct value b) {
    char name[3] = { (char)(op > 255 ? op >> 8 : op), (char)(op > 255 ? op & 255 : 0), 0 };
    if (r->failed)
        return value_undefined(NULL);
    if (op == '%' && a.type == VALUE_STRING)
        return pystr_percent(r, a, b);
    if (is_number(a) && is_number(b))
        return is_whole(a) && is_whole(b) ? whole_arithmetic(r, op, whole_of(a), whole_of(b))
                                          : real_arithmetic(r, op, real_of(a), real_of(b));
    if (is_undefined(a) || is_undefined(b))
        return fail_undefined(r, is_undefined(a) ? a : b);
    if (op == '+' && a.type == VALUE_STRING && b.type == VALUE_STRING)
        return text_join(r, a, b);
    if (op == '+' && is_list(a) && is_list(b) && a.sequence->kind == b.sequence->kind)
        return sequence_join(r, a.sequence, b.sequence);
    if (op == '*' && (is_whole(a) || is_whole(b)) && !(is_whole(a) && is_number(b)))
        return multiply(r, a, b);
    return no_operator(r, name, a, b);
}

static struct value negate(struct run *r, struct value v, bool minus) {
    if (v.type == VALUE_FLOAT)
        return value_float(minus ? -v.real : v.real);
    if (is_whole(v))
        return minus ? whole_arithmetic(r, '-', 0, whole_of(v)) : value_int(whole_of(v));
    return is_undefined(v) ? fail_undefined(r, v)
                           : run_fail(r, ERR_INPUT, "a '%s' has no sign", value_kind(v));
}

/* ---- the parts of an expression ---- */

static struct value eval_items(struct run *r, const struct node *node, enum sequence_kind kind) {
    struct sequence *s = sequence_new(r, kind, 0);
    for (const struct node *n = node->list; n && !r->failed; n = n->next)
        sequence_add(r, s, eval(r, n));
    return value_sequence(s);
}

static struct value eval_dict(struct run *r, const struct node *node) {
    struct dict *d = dict_new(r);
    for (const struct node *n = node->list; n && n->next && !r->failed; n = n->next->next) {
        const struct value key = eval(r, n);
        dict_set(r, d, key, eval(r, n->next));
    }
    return value_dict(d);
}

static struct value eval_part(struct run *r, const struct node *node) {
    return node ? eval(r, node) : value_none();
}

static struct value eval_slice(struct run *r, const struct node *node) {
    struct slice *s = run_alloc(r, sizeof *s);
    if (!s)
        return value_undefined(NULL);
    s->from = eval_part(r, node->a);
    s->to = eval_part(r, node->b);
    s->step = eval_part(r, node->c);
    return (struct value) { .type = VALUE_SLICE, .slice = s };
}

static struct value eval_concat(struct run *r, const struct node *node) {
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (const struct node *n = node->list; n && !r->failed; n = n->next)
        value_print(r, &out, eval(r, n));
    return value_take(r, &out);
}

static bool compare_by(struct run *r, int op, struct value a, struct value b) {
    switch (op) {
    case COMPARE_EQ:
        return value_equal(r, a, b);
    case COMPARE_NE:
        return !value_equal(r, a, b);
    case COMPARE_LT:
        return value_compare(r, a, b) < 0;
    case COMPARE_LE:
        return value_compare(r, a, b) <= 0;
    case COMPARE_GT:
        return value_compare(r, a, b) > 0;
    case COMPARE_GE:
        return value_compare(r, a, b) >= 0;
    case COMPARE_IN:
        return value_contains(r, b, a);
    default:
        return !value_contains(r, b, a);
    }
}

/* a < b < c holds where each neighbouring pair does. */
static struct value eval_compare(struct run *r, const struct node *node) {
    struct value left = eval(r, node->a);
    bool holds = true;
    for (const struct node *n = node->list; n && holds && !r->failed; n = n->next) {
        const struct value right = eval(r, n->a);
        const bool nan = (left.type == VALUE_FLOAT && isnan(left.real)) ||
                         (right.type == VALUE_FLOAT && isnan(right.real));
        holds = !r->failed && compare_by(r, n->op, left, right) &&
                !(nan && n->op >= COMPARE_LT && n->op <= COMPARE_GE);
        left = right;
    }
    return value_bool(holds);
}

/* ---- arguments ---- */

/* Grows by hand, in the run's memory. */
struct arguments {
    struct sequence *positions, *named;
    struct sequence *names; /* strings, each with a NUL behind it */
};

static void add_named(struct run *r, struct arguments *a, struct value name, struct value v) {
    sequence_add(r, a->names, value_string(r, name.text, name.n));
    sequence_add(r, a->named, v);
}

static void spread(struct run *r, struct arguments *a, const struct node *n) {
    const struct value v = eval(r, n->a);
    if (n->type == NODE_STAR) {
        const struct sequence *items = value_items(r, v);
        for (size_t i = 0; items && i < items->n && !r->failed; i++)
            sequence_add(r, a->positions, items->items[i]);
        return;
    }
    if (!r->failed && v.type != VALUE_DICT)
        run_fail(r, ERR_INPUT, "what follows ** is a '%s', not a dictionary", value_kind(v));
    for (size_t i = 0; !r->failed && i < v.dict->n; i++) {
        if (v.dict->entries[i].key.type != VALUE_STRING)
            run_fail(r, ERR_INPUT, "the name of an argument is not a string");
        else
            add_named(r, a, v.dict->entries[i].key, v.dict->entries[i].value);
    }
}

static void eval_argument(struct run *r, struct arguments *a, const struct node *n) {
    if (n->type == NODE_STAR || n->type == NODE_STAR_STAR)
        spread(r, a, n);
    else if (n->type == NODE_KEYWORD)
        add_named(r, a, value_text(n->text, strlen(n->text)), eval(r, n->a));
    else
        sequence_add(r, a->positions, eval(r, n));
}

/* Evaluates a call's arguments; false once the run has failed. */
static bool eval_arguments(struct run *r, const struct node *list, struct call *out) {
    struct arguments a = { sequence_new(r, SEQUENCE_LIST, 4), sequence_new(r, SEQUENCE_LIST, 2),
        sequence_new(r, SEQUENCE_LIST, 2) };
    for (; list && !r->failed; list = list->next)
        eval_argument(r, &a, list);
    const char **names = run_alloc(r, (a.names->n + 1) * sizeof *names);
    if (!names)
        return false;
    for (size_t i = 0; i < a.names->n; i++)
        names[i] = a.names->items[i].text;
    *out = (struct call) { a.positions->items, a.positions->n, names, a.named->items, a.named->n };
    return true;
}

static struct value eval_call(struct run *r, const struct node *node) {
    const struct value callee = eval(r, node->a);
    struct call call;
    if (!eval_arguments(r, node->list, &call))
        return value_undefined(NULL);
    r->line = node->line;
    return value_call(r, callee, &call);
}

struct value eval_call_with(struct run *r, const struct node *node, struct value caller) {
    const struct value callee = eval(r, node->a);
    struct call call;
    struct sequence *named = sequence_new(r, SEQUENCE_LIST, 2);
    if (!eval_arguments(r, node->list, &call))
        return value_undefined(NULL);
    const char **names = run_alloc(r, (call.n_named + 1) * sizeof *names);
    for (size_t i = 0; names && i < call.n_named; i++) {
        names[i] = call.names[i];
        sequence_add(r, named, call.named[i]);
    }
    if (!names)
        return value_undefined(NULL);
    names[call.n_named++] = "caller";
    sequence_add(r, named, caller);
    call.names = names;
    call.named = named->items;
    return value_call(r, callee, &call);
}

static struct value eval_filter(struct run *r, const struct node *node) {
    struct value self = eval(r, node->a);
    struct call call;
    if (!eval_arguments(r, node->list, &call))
        return value_undefined(NULL);
    r->line = node->line;
    const char *kind = node->type == NODE_FILTER ? "filter" : "test";
    if (!node->native)
        return run_fail(r, ERR_UNSUPPORTED, "there is no %s named '%.60s'", kind, node->text);
    return native_call(r, node->native, self, &call);
}

/* ---- eval ---- */

static struct value eval_name(struct run *r, const struct node *node) {
    const struct value v = scope_find(r, node->text);
    if (is_given(v))
        return v;
    const struct native *native = global_find(node->text);
    return native ? value_native(r, native, value_undefined(NULL)) : value_undefined(node->text);
}

static struct value eval_choice(struct run *r, const struct node *node) {
    if (value_truth(eval(r, node->b)))
        return eval(r, node->a);
    return node->c ? eval(r, node->c) : value_undefined("the value of an 'if' without an 'else'");
}

static struct value eval_short(struct run *r, const struct node *node) {
    const struct value left = eval(r, node->a);
    return value_truth(left) == (node->type == NODE_OR) ? left : eval(r, node->b);
}

static struct value eval_two(struct run *r, const struct node *node) {
    const struct value left = eval(r, node->a), right = eval(r, node->b);
    r->line = node->line;
    return node->type == NODE_ITEM ? value_item(r, left, right)
                                   : value_arithmetic(r, node->op, left, right);
}

static struct value eval_one(struct run *r, const struct node *node) {
    const struct value v = eval(r, node->a);
    r->line = node->line;
    if (r->failed)
        return v;
    switch (node->type) {
    case NODE_ATTRIBUTE:
        return value_attribute(r, v, node->text);
    case NODE_NOT:
        return value_bool(!value_truth(v));
    default:
        return negate(r, v, node->type == NODE_NEGATE);
    }
}

static struct value eval_node(struct run *r, const struct node *node) {
    switch (node->type) {
    case NODE_CONST:
        return node->constant;
    case NODE_NAME:
        return eval_name(r, node);
    case NODE_LIST:
        return eval_items(r, node, SEQUENCE_LIST);
    case NODE_TUPLE:
        return eval_items(r, node, SEQUENCE_TUPLE);
    case NODE_DICT:
        return eval_dict(r, node);
    case NODE_SLICE:
        return eval_slice(r, node);
    case NODE_ITEM:
    case NODE_ARITHMETIC:
        return eval_two(r, node);
    case NODE_ATTRIBUTE:
    case NODE_NOT:
    case NODE_NEGATE:
    case NODE_PLUS:
        return eval_one(r, node);
    case NODE_AND:
    case NODE_OR:
        return eval_short(r, node);
    case NODE_CHOICE:
        return eval_choice(r, node);
    case NODE_CONCAT:
        return eval_concat(r, node);
    case NODE_COMPARE:
        return eval_compare(r, node);
    case NODE_CALL:
        return eval_call(r, node);
    case NODE_FILTER:
    case NODE_TEST:
        return eval_filter(r, node);
    case NODE_INPUT:
        return scope_find(r, "|input");
    default:
        return run_fail(r, ERR_BUG, "a node of type %d is no expression", (int)node->type);
    }
}

struct value eval(struct run *r, const struct node *node) {
    if (!run_spend(r, 1) || !run_down(r))
        return value_undefined(NULL);
    r->line = node->line;
    const struct value v = eval_node(r, node);
    run_up(r);
    return r->failed ? value_undefined(NULL) : v;
}
