/* Statements: the tags of a template and the text between them. */
#include "harness/template/parser.h"

#include <string.h>

static struct node *parse_until(struct parser *p, const char *const *ends);

/* The rest of a tag and the body up to one of the ends, whose name is the next token then. */
static struct node *parse_body(struct parser *p, const char *const *ends) {
    parser_take_op(p, ':');
    if (p->at->type != TOKEN_BLOCK_END)
        return parser_expected(p, "'%}'");
    parser_advance(p);
    if (!parser_deeper(p))
        return NULL;
    struct node *body = parse_until(p, ends);
    p->depth--;
    return body;
}

static struct node *parse_body_to(struct parser *p, const char *end) {
    const char *const ends[] = { end, NULL };
    struct node *body = parse_body(p, ends);
    parser_advance(p);
    return body;
}

static struct node *target_name(struct parser *p) {
    struct node *n = parser_node(p, NODE_NAME);
    n->text = parser_expect_name(p);
    return n;
}

static struct node *target_item(struct parser *p) {
    if (parser_take_op(p, '(')) {
        struct node *tuple = parser_deeper(p) ? parser_tuple(p, target_item, NULL, true) : NULL;
        p->depth--;
        parser_expect_op(p, ')');
        return tuple;
    }
    struct node *n = target_name(p);
    static const char *const reserved[] = { "true", "True", "false", "False", "none", "None" };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(n->text, reserved[i]) == 0)
            return parser_fail(p, "cannot assign to a constant");
    return n;
}

static struct node *target_of_set(struct parser *p) {
    struct node *n = target_item(p);
    if (n && n->type == NODE_NAME && parser_take_op(p, '.')) {
        n->type = NODE_NAMESPACE_FIELD;
        n->field = parser_expect_name(p);
    }
    return n;
}

static struct node *parse_or_item(struct parser *p) {
    return parser_or(p);
}

static struct node *parse_for(struct parser *p) {
    static const char *const ends[] = { "endfor", "else", NULL };
    struct node *n = parser_node(p, NODE_FOR);
    n->target = parser_tuple(p, target_item, "in", false);
    if (!parser_take_name(p, "in"))
        return parser_expected(p, "'in'");
    n->a = parser_tuple(p, parse_or_item, "recursive", false);
    if (parser_take_name(p, "if"))
        n->b = parser_expression(p);
    n->op = parser_take_name(p, "recursive");
    p->loops++;
    n->body = parse_body(p, ends);
    p->loops--;
    if (parser_take_name(p, "else"))
        n->other = parse_body_to(p, "endfor");
    else
        parser_advance(p);
    return n;
}

static struct node *parse_if(struct parser *p) {
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    struct node *first = NULL, **at = &first;
    do {
        struct node *n = parser_node(p, NODE_IF);
        *at = n;
        n->op = n != first; /* an 'elif': not the beginning of an 'else' */
        n->a = parser_tuple(p, parse_or_item, NULL, false);
        n->body = parse_body(p, ends);
        at = &n->other;
    } while (parser_take_name(p, "elif"));
    if (parser_take_name(p, "else"))
        *at = parse_body_to(p, "endif");
    else
        parser_advance(p);
    return first;
}

static struct node *parse_input_filters(struct parser *p) {
    struct node *n = parser_node(p, NODE_INPUT);
    do
        n = parser_filter(p, n);
    while (parser_take_op(p, '|'));
    return n;
}

static struct node *parse_set(struct parser *p) {
    struct node *n = parser_node(p, NODE_SET);
    n->target = parser_tuple(p, target_of_set, NULL, false);
    if (parser_take_op(p, '=')) {
        n->a = parser_tuple(p, parser_expression, NULL, false);
        return n;
    }
    n->type = NODE_SET_BLOCK;
    if (parser_take_op(p, '|'))
        n->a = parse_input_filters(p);
    n->body = parse_body_to(p, "endset");
    return n;
}

static struct node *parse_parameters(struct parser *p) {
    struct node *list = NULL;
    struct chain items = { &list };
    bool defaults = false;
    parser_expect_op(p, '(');
    while (!p->failed && !parser_at_op(p, ')')) {
        if (list)
            parser_expect_op(p, ',');
        struct node *n = target_name(p);
        n->type = NODE_PARAMETER;
        if (parser_take_op(p, '='))
            n->a = parser_expression(p);
        else if (defaults)
            return parser_fail(p, "a parameter without a default follows one that has it");
        defaults = n->a;
        chain_add(&items, n);
    }
    parser_expect_op(p, ')');
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
    struct node *n = parser_node(p, NODE_MACRO);
    n->text = parser_expect_name(p);
    n->list = parse_parameters(p);
    n->body = parse_callable_body(p, "endmacro");
    n->op = what_is_left(n->body);
    return n;
}

static struct node *parse_call_block(struct parser *p) {
    struct node *n = parser_node(p, NODE_CALL_BLOCK);
    n->text = "caller";
    if (parser_at_op(p, '('))
        n->list = parse_parameters(p);
    n->a = parser_expression(p);
    if (!p->failed && n->a->type != NODE_CALL)
        return parser_fail(p, "expected a call");
    n->body = parse_callable_body(p, "endcall");
    n->op = what_is_left(n->body);
    return n;
}

static struct node *parse_filter_block(struct parser *p) {
    struct node *n = parser_node(p, NODE_FILTER_BLOCK);
    n->a = parse_input_filters(p);
    n->body = parse_body_to(p, "endfilter");
    return n;
}

static struct node *parse_with(struct parser *p) {
    struct node *n = parser_node(p, NODE_WITH);
    struct chain items = { &n->list };
    while (!p->failed && p->at->type != TOKEN_BLOCK_END) {
        if (n->list)
            parser_expect_op(p, ',');
        struct node *set = parser_node(p, NODE_SET);
        set->target = target_item(p);
        parser_expect_op(p, '=');
        set->a = parser_expression(p);
        chain_add(&items, set);
    }
    n->body = parse_body_to(p, "endwith");
    return n;
}

/* transformers marks what the assistant said; the text is that of the body, and the body is a
 * function of its own as in a call block. */
static struct node *parse_generation(struct parser *p) {
    struct node *n = parser_node(p, NODE_SCOPE);
    n->body = parse_callable_body(p, "endgeneration");
    return n;
}

static struct node *parse_block(struct parser *p) {
    struct node *n = parser_node(p, NODE_SCOPE);
    const char *name = parser_expect_name(p);
    parser_take_name(p, "scoped");
    n->body = parse_callable_body(p, "endblock");
    parser_take_name(p, name);
    return n;
}

static struct node *parse_autoescape(struct parser *p) {
    struct node *n = parser_node(p, NODE_SCOPE);
    struct node *on = parser_expression(p);
    if (!p->failed && (on->type != NODE_CONST || on->constant.truth))
        return parser_fail(p, "autoescape is not supported");
    n->body = parse_body_to(p, "endautoescape");
    return n;
}

static struct node *parse_jump(struct parser *p, enum node_type type) {
    return p->loops ? parser_node(p, type) : parser_fail(p, "this tag stands in no loop");
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
            parser_expect_op(p, ',');
        chain_add(&items, parser_pair(p, NODE_OUTPUT, parser_expression(p), NULL));
    }
    return first;
}

static const struct {
    const char *name;
    parser_item_fn *parse;
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
        if (parser_take_name(p, statements[i].name)) {
            struct node *n = statements[i].parse(p);
            if (!p->failed && p->at->type != TOKEN_BLOCK_END)
                return parser_expected(p, "'%}'");
            parser_advance(p);
            return n;
        }
    }
    if (p->at->type != TOKEN_NAME)
        return parser_expected(p, "the name of a tag");
    static const char *const loaders[] = { "extends", "include", "import", "from" };
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
        if (parser_at_name(p, loaders[i]))
            return parser_fail(p, "a chat template cannot load other templates");
    snprintf(what, sizeof what, "unknown tag '%.40s'", p->at->text);
    return parser_fail(p, what);
}

static struct node *parse_output(struct parser *p) {
    struct node *n = parser_node(p, NODE_OUTPUT);
    parser_advance(p);
    n->a = parser_tuple(p, parser_expression, NULL, false);
    if (!p->failed && p->at->type != TOKEN_VARIABLE_END)
        return parser_expected(p, "'}}'");
    parser_advance(p);
    return n;
}

static struct node *parse_text(struct parser *p) {
    struct node *n = parser_node(p, NODE_TEXT);
    n->text = p->at->text;
    n->n = p->at->n;
    parser_advance(p);
    return n;
}

static bool at_one_of(const struct parser *p, const char *const *names) {
    for (; *names; names++)
        if (parser_at_name(p, *names))
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
            parser_advance(p);
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
        return parser_expected(p, what);
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
