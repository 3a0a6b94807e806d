/* Expressions, by Jinja's grammar: names and literals first, then what binds ever less. */
#include "harness/template/parser.h"

#include <string.h>

static struct node *parse_unary(struct parser *p, bool with_filter);

static struct node *constant(struct parser *p, struct value v) {
    struct node *n = parser_node(p, NODE_CONST);
    n->constant = v;
    return n;
}

/* Is this where a tuple without brackets ends? */
static bool tuple_ends(const struct parser *p, const char *end_name) {
    return p->at->type == TOKEN_VARIABLE_END || p->at->type == TOKEN_BLOCK_END ||
           parser_at_op(p, ')') || (end_name && parser_at_name(p, end_name));
}

struct node *parser_tuple(
    struct parser *p, parser_item_fn *item, const char *end_name, bool in_brackets) {
    struct node *tuple = parser_node(p, NODE_TUPLE);
    struct chain items = { &tuple->list };
    bool is_tuple = false;
    size_t n = 0;
    while (!p->failed) {
        if (n && !parser_take_op(p, ','))
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
    return n || in_brackets ? tuple : parser_expected(p, "an expression");
}

static struct node *parse_items(struct parser *p, enum node_type type, int close) {
    struct node *n = parser_node(p, type);
    struct chain items = { &n->list };
    parser_advance(p);
    while (!p->failed && !parser_at_op(p, close)) {
        if (n->list)
            parser_expect_op(p, ',');
        if (parser_at_op(p, close))
            break;
        chain_add(&items, parser_expression(p));
        if (type == NODE_DICT) {
            parser_expect_op(p, ':');
            chain_add(&items, parser_expression(p));
        }
    }
    parser_expect_op(p, close);
    return n;
}

static struct node *parse_strings(struct parser *p) {
    struct strbuf joined = { 0 };
    struct node *n = parser_node(p, NODE_CONST);
    for (; p->at->type == TOKEN_STRING; parser_advance(p))
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
    struct node *n = parser_node(p, NODE_NAME);
    n->text = parser_expect_name(p);
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
        parser_advance(p);
        return n;
    default:
        break;
    }
    if (parser_at_op(p, '['))
        return parse_items(p, NODE_LIST, ']');
    if (parser_at_op(p, '{'))
        return parse_items(p, NODE_DICT, '}');
    if (!parser_take_op(p, '('))
        return parser_expected(p, "an expression");
    n = parser_tuple(p, parser_expression, NULL, true);
    parser_expect_op(p, ')');
    return n;
}

/* One part of a[x], a[x:y:z]. */
static struct node *parse_subscribed(struct parser *p) {
    struct node *first = parser_at_op(p, ':') ? NULL : parser_expression(p);
    if (!parser_at_op(p, ':'))
        return first;
    struct node *n = parser_pair(p, NODE_SLICE, first, NULL);
    parser_advance(p);
    if (!parser_at_op(p, ':') && !parser_at_op(p, ']') && !parser_at_op(p, ','))
        n->b = parser_expression(p);
    if (parser_take_op(p, ':') && !parser_at_op(p, ']') && !parser_at_op(p, ','))
        n->c = parser_expression(p);
    return n;
}

static struct node *parse_item(struct parser *p, struct node *of) {
    struct node *n = parser_pair(p, NODE_ITEM, of, NULL);
    parser_expect_op(p, '[');
    n->b = parse_subscribed(p);
    if (parser_at_op(p, ',')) {
        struct node *tuple = parser_node(p, NODE_TUPLE);
        struct chain items = { &tuple->list };
        chain_add(&items, n->b);
        while (parser_take_op(p, ',') && !parser_at_op(p, ']'))
            chain_add(&items, parse_subscribed(p));
        n->b = tuple;
    }
    parser_expect_op(p, ']');
    return n;
}

static struct node *parse_dot(struct parser *p, struct node *of) {
    struct node *n = parser_pair(p, NODE_ATTRIBUTE, of, NULL);
    parser_expect_op(p, '.');
    if (p->at->type == TOKEN_INTEGER) {
        n->type = NODE_ITEM;
        n->b = parse_primary(p);
        return n;
    }
    n->text = parser_expect_name(p);
    return n;
}

/* Arguments may come in this order only: positions, *more, names, **more. */
static struct node *parse_argument(struct parser *p, bool *named) {
    struct node *n;
    if (parser_take_op(p, '*')) {
        n = parser_pair(p, NODE_STAR, parser_expression(p), NULL);
    } else if (parser_take_op(p, OP2('*', '*'))) {
        *named = true;
        n = parser_pair(p, NODE_STAR_STAR, parser_expression(p), NULL);
    } else if (p->at->type == TOKEN_NAME && p->at != p->end && p->at[1].type == TOKEN_OPERATOR &&
               p->at[1].op == '=') {
        *named = true;
        n = parser_node(p, NODE_KEYWORD);
        n->text = parser_expect_name(p);
        parser_advance(p);
        n->a = parser_expression(p);
    } else {
        n = *named ? parser_fail(p, "an argument without a name follows one with a name")
                   : parser_expression(p);
    }
    return n;
}

static struct node *parse_arguments(struct parser *p) {
    struct node *list = NULL;
    struct chain items = { &list };
    bool named = false;
    parser_expect_op(p, '(');
    while (!p->failed && !parser_at_op(p, ')')) {
        if (list) {
            parser_expect_op(p, ',');
            if (parser_at_op(p, ')'))
                break;
        }
        chain_add(&items, parse_argument(p, &named));
    }
    parser_expect_op(p, ')');
    return list;
}

static struct node *parse_call(struct parser *p, struct node *callee) {
    struct node *n = parser_pair(p, NODE_CALL, callee, NULL);
    n->list = parse_arguments(p);
    return n;
}

static struct node *parse_postfix(struct parser *p, struct node *n) {
    while (!p->failed) {
        if (parser_at_op(p, '.'))
            n = parse_dot(p, n);
        else if (parser_at_op(p, '['))
            n = parse_item(p, n);
        else if (parser_at_op(p, '('))
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
struct node *parser_filter(struct parser *p, struct node *of) {
    struct node *n = parser_pair(p, NODE_FILTER, of, NULL);
    n->text = parser_expect_name(p);
    n->native = filter_find(n->text);
    if (!n->native && !p->failed)
        note_unknown(p, "filter", n->text);
    if (parser_at_op(p, '('))
        n->list = parse_arguments(p);
    return n;
}

/* A test may take one operand without brackets: "x is divisibleby 3". */
static bool at_test_operand(const struct parser *p) {
    switch (p->at->type) {
    case TOKEN_NAME:
        return !parser_at_name(p, "else") && !parser_at_name(p, "or") && !parser_at_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
        return true;
    default:
        return parser_at_op(p, '[') || parser_at_op(p, '{');
    }
}

static struct node *parse_test(struct parser *p, struct node *of) {
    struct node *n = parser_pair(p, NODE_TEST, of, NULL);
    parser_advance(p);
    const bool negated = parser_take_name(p, "not");
    n->text = parser_expect_name(p);
    n->native = test_find(n->text);
    if (!n->native && !p->failed)
        note_unknown(p, "test", n->text);
    if (parser_at_op(p, '('))
        n->list = parse_arguments(p);
    else if (at_test_operand(p))
        n->list = parser_at_name(p, "is") ? parser_fail(p, "tests with 'is' cannot be chained")
                                          : parse_postfix(p, parse_primary(p));
    return negated ? parser_pair(p, NODE_NOT, n, NULL) : n;
}

static struct node *parse_filters(struct parser *p, struct node *n) {
    while (!p->failed) {
        if (parser_take_op(p, '|'))
            n = parser_filter(p, n);
        else if (parser_at_name(p, "is"))
            n = parse_test(p, n);
        else if (parser_at_op(p, '('))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static struct node *parse_unary(struct parser *p, bool with_filter) {
    struct node *n = NULL;
    if (!parser_deeper(p))
        return NULL;
    if (parser_take_op(p, '-'))
        n = parser_pair(p, NODE_NEGATE, parse_unary(p, false), NULL);
    else if (parser_take_op(p, '+'))
        n = parser_pair(p, NODE_PLUS, parse_unary(p, false), NULL);
    else
        n = parse_primary(p);
    n = parse_postfix(p, n);
    p->depth--;
    return with_filter ? parse_filters(p, n) : n;
}

static struct node *parse_pow(struct parser *p) {
    struct node *n = parse_unary(p, true);
    while (parser_take_op(p, OP2('*', '*'))) {
        n = parser_pair(p, NODE_ARITHMETIC, n, parse_unary(p, true));
        n->op = OP2('*', '*');
    }
    return n;
}

static struct node *parse_product(struct parser *p) {
    struct node *n = parse_pow(p);
    while (parser_at_op(p, '*') || parser_at_op(p, '/') || parser_at_op(p, '%') ||
           parser_at_op(p, OP2('/', '/'))) {
        const int op = p->at->op;
        parser_advance(p);
        n = parser_pair(p, NODE_ARITHMETIC, n, parse_pow(p));
        n->op = op;
    }
    return n;
}

static struct node *parse_concat(struct parser *p) {
    struct node *first = parse_product(p);
    if (!parser_at_op(p, '~'))
        return first;
    struct node *n = parser_node(p, NODE_CONCAT);
    struct chain items = { &n->list };
    chain_add(&items, first);
    while (parser_take_op(p, '~'))
        chain_add(&items, parse_product(p));
    return n;
}

static struct node *parse_sum(struct parser *p) {
    struct node *n = parse_concat(p);
    while (parser_at_op(p, '+') || parser_at_op(p, '-')) {
        const int op = p->at->op;
        parser_advance(p);
        n = parser_pair(p, NODE_ARITHMETIC, n, parse_concat(p));
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
        if (parser_take_op(p, ops[i].token))
            return *op = ops[i].op, true;
    if (parser_take_name(p, "in"))
        return *op = COMPARE_IN, true;
    if (parser_at_name(p, "not") && parser_next_is(p, "in")) {
        parser_advance(p);
        parser_advance(p);
        return *op = COMPARE_NOT_IN, true;
    }
    return false;
}

static struct node *parse_compare(struct parser *p) {
    struct node *first = parse_sum(p), *n = NULL;
    struct node **tail = NULL;
    for (int op = 0; take_compare(p, &op);) {
        if (!n) {
            n = parser_pair(p, NODE_COMPARE, first, NULL);
            tail = &n->list;
        }
        struct node *operand = parser_pair(p, NODE_OPERAND, parse_sum(p), NULL);
        operand->op = op;
        *tail = operand;
        tail = &operand->next;
    }
    return n ? n : first;
}

static struct node *parse_not(struct parser *p) {
    if (!parser_at_name(p, "not"))
        return parse_compare(p);
    struct node *n = parser_node(p, NODE_NOT);
    parser_advance(p);
    if (parser_deeper(p))
        n->a = parse_not(p);
    p->depth--;
    return n;
}

static struct node *parse_and(struct parser *p) {
    struct node *n = parse_not(p);
    while (parser_take_name(p, "and"))
        n = parser_pair(p, NODE_AND, n, parse_not(p));
    return n;
}

struct node *parser_or(struct parser *p) {
    struct node *n = parse_and(p);
    while (parser_take_name(p, "or"))
        n = parser_pair(p, NODE_OR, n, parse_and(p));
    return n;
}

struct node *parser_expression(struct parser *p) {
    if (!parser_deeper(p))
        return NULL;
    struct node *n = parser_or(p);
    while (parser_take_name(p, "if")) {
        n = parser_pair(p, NODE_CHOICE, n, parser_or(p));
        if (parser_take_name(p, "else"))
            n->c = parser_expression(p);
    }
    p->depth--;
    return n;
}
