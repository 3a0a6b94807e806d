/* Tokens to a tree, by Jinja's grammar. Failure is sticky: `fail` keeps the first complaint and
 * moves to the end of the tokens, so that every loop ends. */
#include "harness/template/syntax.h"

#include <string.h>

#define NESTING_MAX 120

struct parser {
    struct template *t;
    const struct token *at;
    const struct token *end; /* the TOKEN_END */
    int depth, loops;
    bool failed;
    struct err *err;
};

static const char *describe(const struct token *t, char buffer[48]) {
    switch (t->type) {
    case TOKEN_END:
        return "the end of the template";
    case TOKEN_DATA:
        return "text";
    case TOKEN_VARIABLE_BEGIN:
        return "'{{'";
    case TOKEN_VARIABLE_END:
        return "'}}'";
    case TOKEN_BLOCK_BEGIN:
        return "'{%'";
    case TOKEN_BLOCK_END:
        return "'%}'";
    case TOKEN_NAME:
        snprintf(buffer, 48, "'%.40s'", t->text);
        return buffer;
    case TOKEN_OPERATOR:
        snprintf(buffer, 48, t->op > 255 ? "'%c%c'" : "'%.0d%c'", t->op > 255 ? t->op >> 8 : 0,
            t->op & 255);
        return buffer;
    default:
        return t->type == TOKEN_STRING ? "a string" : "a number";
    }
}

static struct node *fail(struct parser *p, const char *what) {
    if (!p->failed)
        err_set(p->err, ERR_INPUT, "template line %d: %s", p->at->line, what);
    p->failed = true;
    p->at = p->end;
    return NULL;
}

static struct node *fail_expected(struct parser *p, const char *expected) {
    char buffer[48], what[160];
    snprintf(what, sizeof what, "expected %s, found %s", expected, describe(p->at, buffer));
    return fail(p, what);
}

static struct node *new_node(struct parser *p, enum node_type type) {
    struct node *n = arena_alloc(&p->t->arena, sizeof *n);
    n->type = type;
    n->line = p->at->line;
    return n;
}

static struct node *new_pair(
    struct parser *p, enum node_type type, struct node *a, struct node *b) {
    struct node *n = new_node(p, type);
    n->a = a;
    n->b = b;
    return n;
}

/* Children are gathered at the tail. */
struct chain {
    struct node **tail;
};

static void chain_add(struct chain *c, struct node *n) {
    if (!n)
        return;
    *c->tail = n;
    c->tail = &n->next;
}

/* ---- tokens ---- */

static void advance(struct parser *p) {
    p->at += p->at != p->end;
}

static bool at_op(const struct parser *p, int op) {
    return p->at->type == TOKEN_OPERATOR && p->at->op == op;
}

static bool at_name(const struct parser *p, const char *name) {
    return p->at->type == TOKEN_NAME && strcmp(p->at->text, name) == 0;
}

static bool next_is_name(const struct parser *p, const char *name) {
    const struct token *next = p->at + (p->at != p->end);
    return next->type == TOKEN_NAME && strcmp(next->text, name) == 0;
}

static bool take_op(struct parser *p, int op) {
    if (!at_op(p, op))
        return false;
    advance(p);
    return true;
}

static bool take_name(struct parser *p, const char *name) {
    if (!at_name(p, name))
        return false;
    advance(p);
    return true;
}

static void expect_op(struct parser *p, int op) {
    char expected[4] = { '\'', (char)op, '\'', 0 };
    if (!take_op(p, op))
        fail_expected(p, expected);
}

static const char *expect_a_name(struct parser *p) {
    if (p->at->type != TOKEN_NAME) {
        fail_expected(p, "a name");
        return "";
    }
    const char *name = p->at->text;
    advance(p);
    return name;
}

static bool deeper(struct parser *p) {
    if (++p->depth <= NESTING_MAX)
        return true;
    fail(p, "nested too deeply");
    return false;
}

/* ---- expressions ---- */

static struct node *parse_expression(struct parser *p);
static struct node *parse_or(struct parser *p);
static struct node *parse_unary(struct parser *p, bool with_filter);

static struct node *constant(struct parser *p, struct value v) {
    struct node *n = new_node(p, NODE_CONST);
    n->constant = v;
    return n;
}

/* Is this where a tuple without brackets ends? */
static bool tuple_ends(const struct parser *p, const char *end_name) {
    return p->at->type == TOKEN_VARIABLE_END || p->at->type == TOKEN_BLOCK_END || at_op(p, ')') ||
           (end_name && at_name(p, end_name));
}

typedef struct node *parse_fn(struct parser *p);

static struct node *parse_tuple(
    struct parser *p, parse_fn *item, const char *end_name, bool in_brackets) {
    struct node *tuple = new_node(p, NODE_TUPLE);
    struct chain items = { &tuple->list };
    bool is_tuple = false;
    size_t n = 0;
    while (!p->failed) {
        if (n && !take_op(p, ','))
            break;
        is_tuple = is_tuple || n > 0;
        if (tuple_ends(p, end_name))
            break;
        chain_add(&items, item(p));
        n++;
    }
    if (p->failed)
        return NULL;
    if (!is_tuple && n == 1)
        return tuple->list;
    return n || in_brackets ? tuple : fail_expected(p, "an expression");
}

static struct node *parse_items(struct parser *p, enum node_type type, int close) {
    struct node *n = new_node(p, type);
    struct chain items = { &n->list };
    advance(p);
    while (!p->failed && !at_op(p, close)) {
        if (n->list)
            expect_op(p, ',');
        if (at_op(p, close))
            break;
        chain_add(&items, parse_expression(p));
        if (type == NODE_DICT) {
            expect_op(p, ':');
            chain_add(&items, parse_expression(p));
        }
    }
    expect_op(p, close);
    return n;
}

static struct node *parse_strings(struct parser *p) {
    struct strbuf joined = { 0 };
    struct node *n = new_node(p, NODE_CONST);
    for (; p->at->type == TOKEN_STRING; advance(p))
        strbuf_add(&joined, p->at->text, p->at->n);
    n->constant =
        value_text(arena_strndup(&p->t->arena, strbuf_str(&joined), joined.len), joined.len);
    strbuf_release(&joined);
    return n;
}

static struct node *parse_name(struct parser *p) {
    static const struct {
        const char *name;
        struct value value;
    } words[] = {
        { "true", { .type = VALUE_BOOL, .truth = true } },
        { "True", { .type = VALUE_BOOL, .truth = true } },
        { "false", { .type = VALUE_BOOL } },
        { "False", { .type = VALUE_BOOL } },
        { "none", { .type = VALUE_NONE } },
        { "None", { .type = VALUE_NONE } },
    };
    struct node *n = new_node(p, NODE_NAME);
    n->text = expect_a_name(p);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(n->text, words[i].name) == 0) {
            n->type = NODE_CONST;
            n->constant = words[i].value;
        }
    }
    return n;
}

static struct node *parse_primary(struct parser *p) {
    const struct token *t = p->at;
    struct node *n;
    switch (t->type) {
    case TOKEN_NAME:
        return parse_name(p);
    case TOKEN_STRING:
        return parse_strings(p);
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
        n = constant(p, t->type == TOKEN_INTEGER ? value_int(t->integer) : value_float(t->real));
        advance(p);
        return n;
    default:
        break;
    }
    if (at_op(p, '['))
        return parse_items(p, NODE_LIST, ']');
    if (at_op(p, '{'))
        return parse_items(p, NODE_DICT, '}');
    if (!take_op(p, '('))
        return fail_expected(p, "an expression");
    n = parse_tuple(p, parse_expression, NULL, true);
    expect_op(p, ')');
    return n;
}

/* One part of a[x], a[x:y:z]. */
static struct node *parse_subscribed(struct parser *p) {
    struct node *first = at_op(p, ':') ? NULL : parse_expression(p);
    if (!at_op(p, ':'))
        return first;
    struct node *n = new_pair(p, NODE_SLICE, first, NULL);
    advance(p);
    if (!at_op(p, ':') && !at_op(p, ']') && !at_op(p, ','))
        n->b = parse_expression(p);
    if (take_op(p, ':') && !at_op(p, ']') && !at_op(p, ','))
        n->c = parse_expression(p);
    return n;
}

static struct node *parse_item(struct parser *p, struct node *of) {
    struct node *n = new_pair(p, NODE_ITEM, of, NULL);
    expect_op(p, '[');
    n->b = parse_subscribed(p);
    if (at_op(p, ',')) {
        struct node *tuple = new_node(p, NODE_TUPLE);
        struct chain items = { &tuple->list };
        chain_add(&items, n->b);
        while (take_op(p, ',') && !at_op(p, ']'))
            chain_add(&items, parse_subscribed(p));
        n->b = tuple;
    }
    expect_op(p, ']');
    return n;
}

static struct node *parse_dot(struct parser *p, struct node *of) {
    struct node *n = new_pair(p, NODE_ATTRIBUTE, of, NULL);
    expect_op(p, '.');
    if (p->at->type == TOKEN_INTEGER) {
        n->type = NODE_ITEM;
        n->b = parse_primary(p);
        return n;
    }
    n->text = expect_a_name(p);
    return n;
}

/* Arguments may come in this order only: positions, *more, names, **more. */
static struct node *parse_argument(struct parser *p, bool *named) {
    struct node *n;
    if (take_op(p, '*')) {
        n = new_pair(p, NODE_STAR, parse_expression(p), NULL);
    } else if (take_op(p, OP2('*', '*'))) {
        *named = true;
        n = new_pair(p, NODE_STAR_STAR, parse_expression(p), NULL);
    } else if (p->at->type == TOKEN_NAME && p->at != p->end && p->at[1].type == TOKEN_OPERATOR &&
               p->at[1].op == '=') {
        *named = true;
        n = new_node(p, NODE_KEYWORD);
        n->text = expect_a_name(p);
        advance(p);
        n->a = parse_expression(p);
    } else {
        n = *named ? fail(p, "an argument without a name follows one with a name")
                   : parse_expression(p);
    }
    return n;
}

static struct node *parse_arguments(struct parser *p) {
    struct node *list = NULL;
    struct chain items = { &list };
    bool named = false;
    expect_op(p, '(');
    while (!p->failed && !at_op(p, ')')) {
        if (list) {
            expect_op(p, ',');
            if (at_op(p, ')'))
                break;
        }
        chain_add(&items, parse_argument(p, &named));
    }
    expect_op(p, ')');
    return list;
}

static struct node *parse_call(struct parser *p, struct node *callee) {
    struct node *n = new_pair(p, NODE_CALL, callee, NULL);
    n->list = parse_arguments(p);
    return n;
}

static struct node *parse_postfix(struct parser *p, struct node *n) {
    while (!p->failed) {
        if (at_op(p, '.'))
            n = parse_dot(p, n);
        else if (at_op(p, '['))
            n = parse_item(p, n);
        else if (at_op(p, '('))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static void note_unknown(struct parser *p, const char *kind, const char *name) {
    struct template *t = p->t;
    const char *what = arena_printf(&t->arena, "%s '%.60s'", kind, name);
    for (size_t i = 0; i < t->n_unknown; i++)
        if (strcmp(t->unknown[i], what) == 0)
            return;
    mem_grow(&t->unknown, &t->unknown_capacity, t->n_unknown + 1, sizeof *t->unknown);
    t->unknown[t->n_unknown++] = what;
}

/* "name" or "name(arguments)" behind a '|'. */
static struct node *parse_filter(struct parser *p, struct node *of) {
    struct node *n = new_pair(p, NODE_FILTER, of, NULL);
    n->text = expect_a_name(p);
    n->native = filter_find(n->text);
    if (!n->native && !p->failed)
        note_unknown(p, "filter", n->text);
    if (at_op(p, '('))
        n->list = parse_arguments(p);
    return n;
}

/* A test may take one operand without brackets: "x is divisibleby 3". */
static bool at_test_operand(const struct parser *p) {
    switch (p->at->type) {
    case TOKEN_NAME:
        return !at_name(p, "else") && !at_name(p, "or") && !at_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
        return true;
    default:
        return at_op(p, '[') || at_op(p, '{');
    }
}

static struct node *parse_test(struct parser *p, struct node *of) {
    struct node *n = new_pair(p, NODE_TEST, of, NULL);
    advance(p);
    const bool negated = take_name(p, "not");
    n->text = expect_a_name(p);
    n->native = test_find(n->text);
    if (!n->native && !p->failed)
        note_unknown(p, "test", n->text);
    if (at_op(p, '('))
        n->list = parse_arguments(p);
    else if (at_test_operand(p))
        n->list = at_name(p, "is") ? fail(p, "tests with 'is' cannot be chained")
                                   : parse_postfix(p, parse_primary(p));
    return negated ? new_pair(p, NODE_NOT, n, NULL) : n;
}

static struct node *parse_filters(struct parser *p, struct node *n) {
    while (!p->failed) {
        if (take_op(p, '|'))
            n = parse_filter(p, n);
        else if (at_name(p, "is"))
            n = parse_test(p, n);
        else if (at_op(p, '('))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static struct node *parse_unary(struct parser *p, bool with_filter) {
    struct node *n = NULL;
    if (!deeper(p))
        return NULL;
    if (take_op(p, '-'))
        n = new_pair(p, NODE_NEGATE, parse_unary(p, false), NULL);
    else if (take_op(p, '+'))
        n = new_pair(p, NODE_PLUS, parse_unary(p, false), NULL);
    else
        n = parse_primary(p);
    n = parse_postfix(p, n);
    p->depth--;
    return with_filter ? parse_filters(p, n) : n;
}

static struct node *parse_pow(struct parser *p) {
    struct node *n = parse_unary(p, true);
    while (take_op(p, OP2('*', '*'))) {
        n = new_pair(p, NODE_ARITHMETIC, n, parse_unary(p, true));
        n->op = OP2('*', '*');
    }
    return n;
}

static struct node *parse_product(struct parser *p) {
    struct node *n = parse_pow(p);
    while (at_op(p, '*') || at_op(p, '/') || at_op(p, '%') || at_op(p, OP2('/', '/'))) {
        const int op = p->at->op;
        advance(p);
        n = new_pair(p, NODE_ARITHMETIC, n, parse_pow(p));
        n->op = op;
    }
    return n;
}

static struct node *parse_concat(struct parser *p) {
    struct node *first = parse_product(p);
    if (!at_op(p, '~'))
        return first;
    struct node *n = new_node(p, NODE_CONCAT);
    struct chain items = { &n->list };
    chain_add(&items, first);
    while (take_op(p, '~'))
        chain_add(&items, parse_product(p));
    return n;
}

static struct node *parse_sum(struct parser *p) {
    struct node *n = parse_concat(p);
    while (at_op(p, '+') || at_op(p, '-')) {
        const int op = p->at->op;
        advance(p);
        n = new_pair(p, NODE_ARITHMETIC, n, parse_concat(p));
        n->op = op;
    }
    return n;
}

static bool take_compare(struct parser *p, int *op) {
    static const struct {
        int token, op;
    } ops[] = { { OP2('=', '='), COMPARE_EQ }, { OP2('!', '='), COMPARE_NE }, { '<', COMPARE_LT },
        { OP2('<', '='), COMPARE_LE }, { '>', COMPARE_GT }, { OP2('>', '='), COMPARE_GE } };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (take_op(p, ops[i].token))
            return *op = ops[i].op, true;
    if (take_name(p, "in"))
        return *op = COMPARE_IN, true;
    if (at_name(p, "not") && next_is_name(p, "in")) {
        advance(p);
        advance(p);
        return *op = COMPARE_NOT_IN, true;
    }
    return false;
}

static struct node *parse_compare(struct parser *p) {
    struct node *first = parse_sum(p), *n = NULL;
    struct node **tail = NULL;
    for (int op = 0; take_compare(p, &op);) {
        if (!n) {
            n = new_pair(p, NODE_COMPARE, first, NULL);
            tail = &n->list;
        }
        struct node *operand = new_pair(p, NODE_OPERAND, parse_sum(p), NULL);
        operand->op = op;
        *tail = operand;
        tail = &operand->next;
    }
    return n ? n : first;
}

static struct node *parse_not(struct parser *p) {
    if (!at_name(p, "not"))
        return parse_compare(p);
    struct node *n = new_node(p, NODE_NOT);
    advance(p);
    if (deeper(p))
        n->a = parse_not(p);
    p->depth--;
    return n;
}

static struct node *parse_and(struct parser *p) {
    struct node *n = parse_not(p);
    while (take_name(p, "and"))
        n = new_pair(p, NODE_AND, n, parse_not(p));
    return n;
}

static struct node *parse_or(struct parser *p) {
    struct node *n = parse_and(p);
    while (take_name(p, "or"))
        n = new_pair(p, NODE_OR, n, parse_and(p));
    return n;
}

static struct node *parse_expression(struct parser *p) {
    if (!deeper(p))
        return NULL;
    struct node *n = parse_or(p);
    while (take_name(p, "if")) {
        n = new_pair(p, NODE_CHOICE, n, parse_or(p));
        if (take_name(p, "else"))
            n->c = parse_expression(p);
    }
    p->depth--;
    return n;
}

/* ---- statements ---- */

static struct node *parse_until(struct parser *p, const char *const *ends);

/* The rest of a tag and the body up to one of the ends, whose name is the next token then. */
static struct node *parse_body(struct parser *p, const char *const *ends) {
    take_op(p, ':');
    if (p->at->type != TOKEN_BLOCK_END)
        return fail_expected(p, "'%}'");
    advance(p);
    if (!deeper(p))
        return NULL;
    struct node *body = parse_until(p, ends);
    p->depth--;
    return body;
}

static struct node *parse_body_to(struct parser *p, const char *end) {
    const char *const ends[] = { end, NULL };
    struct node *body = parse_body(p, ends);
    advance(p);
    return body;
}

static struct node *target_name(struct parser *p) {
    struct node *n = new_node(p, NODE_NAME);
    n->text = expect_a_name(p);
    return n;
}

static struct node *target_item(struct parser *p) {
    if (take_op(p, '(')) {
        struct node *tuple = deeper(p) ? parse_tuple(p, target_item, NULL, true) : NULL;
        p->depth--;
        expect_op(p, ')');
        return tuple;
    }
    struct node *n = target_name(p);
    static const char *const reserved[] = { "true", "True", "false", "False", "none", "None" };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(n->text, reserved[i]) == 0)
            return fail(p, "cannot assign to a constant");
    return n;
}

static struct node *target_of_set(struct parser *p) {
    struct node *n = target_item(p);
    if (n && n->type == NODE_NAME && take_op(p, '.')) {
        n->type = NODE_NAMESPACE_FIELD;
        n->field = expect_a_name(p);
    }
    return n;
}

static struct node *parse_or_item(struct parser *p) {
    return parse_or(p);
}

static struct node *parse_for(struct parser *p) {
    static const char *const ends[] = { "endfor", "else", NULL };
    struct node *n = new_node(p, NODE_FOR);
    n->target = parse_tuple(p, target_item, "in", false);
    if (!take_name(p, "in"))
        return fail_expected(p, "'in'");
    n->a = parse_tuple(p, parse_or_item, "recursive", false);
    if (take_name(p, "if"))
        n->b = parse_expression(p);
    n->op = take_name(p, "recursive");
    p->loops++;
    n->body = parse_body(p, ends);
    p->loops--;
    if (take_name(p, "else"))
        n->other = parse_body_to(p, "endfor");
    else
        advance(p);
    return n;
}

static struct node *parse_if(struct parser *p) {
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    struct node *first = NULL, **at = &first;
    do {
        struct node *n = new_node(p, NODE_IF);
        *at = n;
        n->op = n != first; /* an 'elif': not the beginning of an 'else' */
        n->a = parse_tuple(p, parse_or_item, NULL, false);
        n->body = parse_body(p, ends);
        at = &n->other;
    } while (take_name(p, "elif"));
    if (take_name(p, "else"))
        *at = parse_body_to(p, "endif");
    else
        advance(p);
    return first;
}

static struct node *parse_input_filters(struct parser *p) {
    struct node *n = new_node(p, NODE_INPUT);
    do
        n = parse_filter(p, n);
    while (take_op(p, '|'));
    return n;
}

static struct node *parse_set(struct parser *p) {
    struct node *n = new_node(p, NODE_SET);
    n->target = parse_tuple(p, target_of_set, NULL, false);
    if (take_op(p, '=')) {
        n->a = parse_tuple(p, parse_expression, NULL, false);
        return n;
    }
    n->type = NODE_SET_BLOCK;
    if (take_op(p, '|'))
        n->a = parse_input_filters(p);
    n->body = parse_body_to(p, "endset");
    return n;
}

static struct node *parse_parameters(struct parser *p) {
    struct node *list = NULL;
    struct chain items = { &list };
    bool defaults = false;
    expect_op(p, '(');
    while (!p->failed && !at_op(p, ')')) {
        if (list)
            expect_op(p, ',');
        struct node *n = target_name(p);
        n->type = NODE_PARAMETER;
        if (take_op(p, '='))
            n->a = parse_expression(p);
        else if (defaults)
            return fail(p, "a parameter without a default follows one that has it");
        defaults = n->a;
        chain_add(&items, n);
    }
    expect_op(p, ')');
    return list;
}

/* break and continue inside a macro or call block don't reach a loop outside of it. */
static struct node *parse_callable_body(struct parser *p, const char *end) {
    const int loops = p->loops;
    p->loops = 0;
    struct node *body = parse_body_to(p, end);
    p->loops = loops;
    return body;
}

#define MENTION_DEPTH_MAX 800

/* Does the body use the name? Only then does a macro take arguments that it has no parameter for.
 */
static bool mentions(const struct node *n, const char *name, int depth) {
    for (; n && depth < MENTION_DEPTH_MAX; n = n->next) {
        if (n->type == NODE_NAME && strcmp(n->text, name) == 0)
            return true;
        const struct node *const parts[] = { n->a, n->b, n->c, n->list, n->body, n->other };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            if (parts[i] && mentions(parts[i], name, depth + 1))
                return true;
    }
    return false;
}

static int what_is_left(const struct node *body) {
    return (mentions(body, "varargs", 0) ? MACRO_VARARGS : 0) |
           (mentions(body, "kwargs", 0) ? MACRO_KWARGS : 0);
}

static struct node *parse_macro(struct parser *p) {
    struct node *n = new_node(p, NODE_MACRO);
    n->text = expect_a_name(p);
    n->list = parse_parameters(p);
    n->body = parse_callable_body(p, "endmacro");
    n->op = what_is_left(n->body);
    return n;
}

static struct node *parse_call_block(struct parser *p) {
    struct node *n = new_node(p, NODE_CALL_BLOCK);
    n->text = "caller";
    if (at_op(p, '('))
        n->list = parse_parameters(p);
    n->a = parse_expression(p);
    if (!p->failed && n->a->type != NODE_CALL)
        return fail(p, "expected a call");
    n->body = parse_callable_body(p, "endcall");
    n->op = what_is_left(n->body);
    return n;
}

static struct node *parse_filter_block(struct parser *p) {
    struct node *n = new_node(p, NODE_FILTER_BLOCK);
    n->a = parse_input_filters(p);
    n->body = parse_body_to(p, "endfilter");
    return n;
}

static struct node *parse_with(struct parser *p) {
    struct node *n = new_node(p, NODE_WITH);
    struct chain items = { &n->list };
    while (!p->failed && p->at->type != TOKEN_BLOCK_END) {
        if (n->list)
            expect_op(p, ',');
        struct node *set = new_node(p, NODE_SET);
        set->target = target_item(p);
        expect_op(p, '=');
        set->a = parse_expression(p);
        chain_add(&items, set);
    }
    n->body = parse_body_to(p, "endwith");
    return n;
}

/* transformers marks what the assistant said; the text is that of the body, and the body is a
 * function of its own as in a call block. */
static struct node *parse_generation(struct parser *p) {
    struct node *n = new_node(p, NODE_SCOPE);
    n->body = parse_callable_body(p, "endgeneration");
    return n;
}

static struct node *parse_block(struct parser *p) {
    struct node *n = new_node(p, NODE_SCOPE);
    const char *name = expect_a_name(p);
    take_name(p, "scoped");
    n->body = parse_callable_body(p, "endblock");
    take_name(p, name);
    return n;
}

static struct node *parse_autoescape(struct parser *p) {
    struct node *n = new_node(p, NODE_SCOPE);
    struct node *on = parse_expression(p);
    if (!p->failed && (on->type != NODE_CONST || on->constant.truth))
        return fail(p, "autoescape is not supported");
    n->body = parse_body_to(p, "endautoescape");
    return n;
}

static struct node *parse_jump(struct parser *p, enum node_type type) {
    return p->loops ? new_node(p, type) : fail(p, "this tag stands in no loop");
}

static struct node *parse_break(struct parser *p) {
    return parse_jump(p, NODE_BREAK);
}

static struct node *parse_continue(struct parser *p) {
    return parse_jump(p, NODE_CONTINUE);
}

/* "{% print a, b %}" */
static struct node *parse_print(struct parser *p) {
    struct node *first = NULL;
    struct chain items = { &first };
    while (!p->failed && p->at->type != TOKEN_BLOCK_END) {
        if (first)
            expect_op(p, ',');
        chain_add(&items, new_pair(p, NODE_OUTPUT, parse_expression(p), NULL));
    }
    return first;
}

static const struct {
    const char *name;
    parse_fn *parse;
} statements[] = {
    { "for", parse_for },
    { "if", parse_if },
    { "set", parse_set },
    { "macro", parse_macro },
    { "call", parse_call_block },
    { "filter", parse_filter_block },
    { "with", parse_with },
    { "generation", parse_generation },
    { "break", parse_break },
    { "continue", parse_continue },
    { "block", parse_block },
    { "print", parse_print },
    { "autoescape", parse_autoescape },
};

static struct node *parse_statement(struct parser *p) {
    char what[128];
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (take_name(p, statements[i].name)) {
            struct node *n = statements[i].parse(p);
            if (!p->failed && p->at->type != TOKEN_BLOCK_END)
                return fail_expected(p, "'%}'");
            advance(p);
            return n;
        }
    }
    if (p->at->type != TOKEN_NAME)
        return fail_expected(p, "the name of a tag");
    static const char *const loaders[] = { "extends", "include", "import", "from" };
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
        if (at_name(p, loaders[i]))
            return fail(p, "a chat template cannot load other templates");
    snprintf(what, sizeof what, "unknown tag '%.40s'", p->at->text);
    return fail(p, what);
}

static struct node *parse_output(struct parser *p) {
    struct node *n = new_node(p, NODE_OUTPUT);
    advance(p);
    n->a = parse_tuple(p, parse_expression, NULL, false);
    if (!p->failed && p->at->type != TOKEN_VARIABLE_END)
        return fail_expected(p, "'}}'");
    advance(p);
    return n;
}

static struct node *parse_text(struct parser *p) {
    struct node *n = new_node(p, NODE_TEXT);
    n->text = p->at->text;
    n->n = p->at->n;
    advance(p);
    return n;
}

static bool at_one_of(const struct parser *p, const char *const *names) {
    for (; *names; names++)
        if (at_name(p, *names))
            return true;
    return false;
}

/* A body up to a tag with one of the names; without names, to the end. */
static struct node *parse_until(struct parser *p, const char *const *ends) {
    struct node *first = NULL;
    struct chain body = { &first };
    while (!p->failed && p->at->type != TOKEN_END) {
        if (p->at->type == TOKEN_DATA) {
            chain_add(&body, parse_text(p));
        } else if (p->at->type == TOKEN_VARIABLE_BEGIN) {
            chain_add(&body, parse_output(p));
        } else {
            advance(p);
            if (ends && at_one_of(p, ends))
                return first;
            struct node *n = parse_statement(p);
            chain_add(&body, n);
            while (n && n->next)
                body.tail = &n->next->next, n = n->next;
        }
    }
    char what[64];
    if (ends && !p->failed) {
        snprintf(what, sizeof what, "'{%% %s %%}'", ends[0]);
        return fail_expected(p, what);
    }
    return first;
}

bool template_build(struct template *t, const struct token_array *tokens, struct err *err) {
    struct parser p = {
        .t = t, .at = tokens->items, .end = tokens->items + tokens->n - 1, .err = err
    };
    t->body = parse_until(&p, NULL);
    return !p.failed;
}
