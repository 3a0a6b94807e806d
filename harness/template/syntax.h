/* A template's text as tokens and as a tree. Private to this folder. */
#ifndef ASSAY_HARNESS_TEMPLATE_SYNTAX_H
#define ASSAY_HARNESS_TEMPLATE_SYNTAX_H

#include "harness/template/template.h"
#include "harness/template/value.h"

/* ---- tokens ---- */

enum token_type {
    TOKEN_END,
    TOKEN_DATA,
    TOKEN_VARIABLE_BEGIN,
    TOKEN_VARIABLE_END,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_OPERATOR,
};

/* An operator of one or two characters as a number. */
#define OP2(a, b) ((a) << 8 | (b))

struct token {
    enum token_type type;
    int line, op;
    size_t n;
    union {
        const char *text; /* data, name, string (unescaped): in the arena */
        int64_t integer;
        double real;
    };
};

struct token_array {
    struct token *items; /* the last one is TOKEN_END */
    size_t n, capacity;
};
/* `text` is UTF-8. Texts of tokens live in the arena. The caller frees out->items. */
MUST_CHECK bool template_lex(
    struct arena *arena, const char *text, size_t n, struct token_array *out, struct err *err);

/* ---- the tree ---- */

enum node_type {
    /* statements */
    NODE_TEXT,       /* text */
    NODE_OUTPUT,     /* a */
    NODE_IF,         /* a; body; other; op: it is an 'elif' */
    NODE_FOR,        /* target; a: what is walked; b: filter or NULL; body; other; op: recursive */
    NODE_SET,        /* target; a */
    NODE_SET_BLOCK,  /* target; a: filters over NODE_INPUT, or NULL; body */
    NODE_MACRO,      /* text: name; list: parameters; body */
    NODE_CALL_BLOCK, /* a: the call; list: parameters; body */
    NODE_FILTER_BLOCK, /* a: filters over NODE_INPUT; body */
    NODE_WITH,         /* list: NODE_SET; body */
    NODE_SCOPE,        /* body */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_PARAMETER, /* text; a: default or NULL */
    /* expressions */
    NODE_CONST,     /* constant */
    NODE_NAME,      /* text */
    NODE_LIST,      /* list */
    NODE_TUPLE,     /* list */
    NODE_DICT,      /* list: key, value, key, value */
    NODE_ATTRIBUTE, /* a; text */
    NODE_ITEM,      /* a; b */
    NODE_SLICE,     /* a, b, c, each may be NULL */
    NODE_CALL,      /* a; list: arguments */
    NODE_FILTER,    /* a; native or NULL; text: name; list: arguments */
    NODE_TEST,
    NODE_KEYWORD, /* an argument: text, a */
    NODE_STAR,    /* an argument: a spread out */
    NODE_STAR_STAR,
    NODE_NOT,
    NODE_AND,
    NODE_OR,
    NODE_CHOICE, /* a if b else c (may be NULL) */
    NODE_NEGATE,
    NODE_PLUS,
    NODE_ARITHMETIC,      /* a op b */
    NODE_CONCAT,          /* list */
    NODE_COMPARE,         /* a, then list: NODE_OPERAND */
    NODE_OPERAND,         /* op a */
    NODE_INPUT,           /* what a block's filters are applied to */
    NODE_NAMESPACE_FIELD, /* a target: text, field */
};

/* A macro's op: what its body asks for besides its parameters. */
enum { MACRO_VARARGS = 1, MACRO_KWARGS = 2 };

enum compare_op {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE,
    COMPARE_IN,
    COMPARE_NOT_IN
};

struct node {
    enum node_type type;
    int line, op;
    size_t n; /* bytes of text */
    const char *text, *field;
    struct value constant;
    const struct native *native;
    struct node *a, *b, *c, *target;
    struct node *list, *body, *other;
    struct node *next; /* in a list or body */
};

struct template {
    struct arena arena;
    struct node *body;
    const char **unknown;
    size_t n_unknown, unknown_capacity;
};

MUST_CHECK bool template_build(
    struct template *t, const struct token_array *tokens, struct err *err);

#endif
