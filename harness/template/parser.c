/* A parser's place among its tokens (see parser.h). */
#include "harness/template/parser.h"

#include <string.h>

#define NESTING_MAX 120

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

struct node *parser_fail(struct parser *p, const char *what) {
    if (!p->failed)
        err_set(p->err, ERR_INPUT, "template line %d: %s", p->at->line, what);
    p->failed = true;
    p->at = p->end;
    return NULL;
}

struct node *parser_expected(struct parser *p, const char *expected) {
    char buffer[48], what[160];
    snprintf(what, sizeof what, "expected %s, found %s", expected, describe(p->at, buffer));
    return parser_fail(p, what);
}

struct node *parser_node(struct parser *p, enum node_type type) {
    struct node *n = arena_alloc(&p->t->arena, sizeof *n);
    n->type = type;
    n->line = p->at->line;
    return n;
}

struct node *parser_pair(struct parser *p, enum node_type type, struct node *a, struct node *b) {
    struct node *n = parser_node(p, type);
    n->a = a;
    n->b = b;
    return n;
}

void chain_add(struct chain *c, struct node *n) {
    if (!n)
        return;
    *c->tail = n;
    c->tail = &n->next;
}

/* ---- tokens ---- */

void parser_advance(struct parser *p) {
    p->at += p->at != p->end;
}

bool parser_at_op(const struct parser *p, int op) {
    return p->at->type == TOKEN_OPERATOR && p->at->op == op;
}

bool parser_at_name(const struct parser *p, const char *name) {
    return p->at->type == TOKEN_NAME && strcmp(p->at->text, name) == 0;
}

bool parser_next_is(const struct parser *p, const char *name) {
    const struct token *next = p->at + (p->at != p->end);
    return next->type == TOKEN_NAME && strcmp(next->text, name) == 0;
}

bool parser_take_op(struct parser *p, int op) {
    if (!parser_at_op(p, op))
        return false;
    parser_advance(p);
    return true;
}

bool parser_take_name(struct parser *p, const char *name) {
    if (!parser_at_name(p, name))
        return false;
    parser_advance(p);
    return true;
}

void parser_expect_op(struct parser *p, int op) {
    char expected[4] = { '\'', (char)op, '\'', 0 };
    if (!parser_take_op(p, op))
        parser_expected(p, expected);
}

const char *parser_expect_name(struct parser *p) {
    if (p->at->type != TOKEN_NAME) {
        parser_expected(p, "a name");
        return "";
    }
    const char *name = p->at->text;
    parser_advance(p);
    return name;
}

bool parser_deeper(struct parser *p) {
    if (++p->depth <= NESTING_MAX)
        return true;
    parser_fail(p, "nested too deeply");
    return false;
}
