/* Tokens to a tree: what expressions (expression.c) and statements (statement.c) share. Failure is
 * sticky: parser_fail keeps the first complaint and moves to the end of the tokens, so that every
 * loop ends. Private to this folder. */
#ifndef ASSAY_HARNESS_TEMPLATE_PARSER_H
#define ASSAY_HARNESS_TEMPLATE_PARSER_H

#include "harness/template/syntax.h"

struct parser {
    struct template *t;
    const struct token *at;
    const struct token *end; /* the TOKEN_END */
    int depth, loops;
    bool failed;
    struct err *err;
};

/* The first complaint is kept; returns NULL. */
struct node *parser_fail(struct parser *p, const char *what);
struct node *parser_expected(struct parser *p, const char *expected);
bool parser_deeper(struct parser *p); /* false: nested too deeply; else p->depth-- when done */

struct node *parser_node(struct parser *p, enum node_type type);
struct node *parser_pair(struct parser *p, enum node_type type, struct node *a, struct node *b);

/* Children are gathered at the tail; NULL adds nothing. */
struct chain {
    struct node **tail;
};
void chain_add(struct chain *c, struct node *n);

/* ---- tokens: what stands here, and going on if it is what is asked for ---- */

void parser_advance(struct parser *p);
bool parser_at_op(const struct parser *p, int op);
bool parser_at_name(const struct parser *p, const char *name);
bool parser_next_is(const struct parser *p, const char *name);
bool parser_take_op(struct parser *p, int op);
bool parser_take_name(struct parser *p, const char *name);
void parser_expect_op(struct parser *p, int op);
const char *parser_expect_name(struct parser *p);

/* ---- expressions ---- */

typedef struct node *parser_item_fn(struct parser *p);

struct node *parser_expression(struct parser *p);
struct node *parser_or(struct parser *p);                      /* no 'if' behind it */
struct node *parser_filter(struct parser *p, struct node *of); /* from the filter's name on */
/* Items with commas between, up to where a tuple ends or `end_name`; one without a comma is itself.
 */
struct node *parser_tuple(
    struct parser *p, parser_item_fn *item, const char *end_name, bool in_brackets);

#endif
