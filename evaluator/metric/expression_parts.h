/* Inside the expressions: a tree as it is read (expression_parse.c), programs made of it, and the
 * machine that runs them (expression.c). */
#ifndef ASSAY_EXPRESSION_PARTS_H
#define ASSAY_EXPRESSION_PARTS_H

#include <stdint.h>

#include "base/mem.h"
#include "evaluator/metric/expression.h"

enum char_class { CLASS_DIGIT = 1, CLASS_WORD = 2, CLASS_SPACE = 4 };

struct char_range {
    uint32_t from, to;
};

/* Which characters fit at one place. */
struct char_set {
    struct char_range *ranges;
    size_t n, capacity;
    unsigned classes, not_classes; /* char_class */
    bool inverted, any_case, ascii;
};

enum place {
    PLACE_BEGIN,
    PLACE_END,
    PLACE_LINE_BEGIN,
    PLACE_LINE_END,
    PLACE_VERY_END,
    PLACE_BORDER,
    PLACE_NO_BORDER
};

enum node_kind { NODE_SET, NODE_PLACE, NODE_ALL, NODE_ONE_OF, NODE_REPEAT, NODE_GROUP, NODE_LOOK };

/* A part of the expression. ALL: members one after the other; ONE_OF: in order of preference. */
struct node {
    enum node_kind kind;
    size_t which;         /* set, place, number of the group or of the look-around */
    bool ascii;           /* PLACE: borders of ASCII words */
    uint32_t least, most; /* REPEAT; most UINT32_MAX: any number */
    bool lazy;
    bool behind, negative; /* LOOK */
    struct node **members; /* of the arena */
    size_t n, capacity;
};

struct parsed {
    struct arena arena;
    struct node *root;
    struct char_set *sets;
    size_t n_sets, sets_capacity;
    struct node **looks; /* inner ones before those that they are in */
    size_t n_looks, looks_capacity;
    size_t n_groups;
};

MUST_CHECK bool expression_parse(struct parsed *p, const char *text, size_t n, struct err *err);
void parsed_release(struct parsed *p);

#endif
