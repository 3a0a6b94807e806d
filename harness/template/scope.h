/* Variables. A scope is a loop's round, a macro's call, or the template; what is looked for is
 * looked for outwards, what is set is set in the innermost one. Private to this folder. */
#ifndef ASSAY_HARNESS_TEMPLATE_SCOPE_H
#define ASSAY_HARNESS_TEMPLATE_SCOPE_H

#include "harness/template/value.h"

struct node;

struct scope *scope_enter(struct run *r, struct scope *parent); /* returns the one before */
struct value scope_find(struct run *r, const char *name);       /* VALUE_MISSING if absent */
void scope_set(struct run *r, const char *name, struct value v);

/* The call of a call block: its macro gets `caller`. */
struct value eval_call_with(struct run *r, const struct node *node, struct value caller);

#endif
