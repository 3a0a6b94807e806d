/* Statements: text out, variables set. */
#include <string.h>

#include "harness/template/scope.h"
#include "harness/template/syntax.h"

/* ---- scopes ---- */

struct scope *scope_enter(struct run *r, struct scope *parent) {
    struct scope *before = r->scope, *s = run_alloc(r, sizeof *s);
    if (s) {
        s->parent = parent;
        r->scope = s;
    }
    return before;
}

static struct scope_entry *entry_find(struct scope *s, const char *name) {
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

struct value scope_find(struct run *r, const char *name) {
    for (struct scope *s = r->scope; s && run_spend(r, s->n / 16); s = s->parent) {
        const struct scope_entry *e = entry_find(s, name);
        if (e)
            return e->value;
    }
    return value_missing();
}

void scope_set(struct run *r, const char *name, struct value v) {
    struct scope *s = r->scope;
    struct scope_entry *e = entry_find(s, name);
    if (!e) {
        if (s->n == s->capacity) {
            const size_t capacity = s->capacity ? s->capacity * 2 : 4;
            struct scope_entry *entries = run_alloc(r, capacity * sizeof *entries);
            if (!entries)
                return;
            if (s->n)
                memcpy(entries, s->entries, s->n * sizeof *entries);
            s->entries = entries;
            s->capacity = capacity;
        }
        e = &s->entries[s->n++];
        e->name = name;
    }
    e->value = v;
}

/* ---- targets ---- */

static void set_field(struct run *r, const struct node *target, struct value v) {
    const struct value space = scope_find(r, target->text);
    if (space.type != VALUE_NAMESPACE) {
        run_fail(
            r, ERR_INPUT, "'%.60s' is not a namespace: its attributes cannot be set", target->text);
        return;
    }
    if (*target->field == '_') {
        run_fail(r, ERR_INPUT, "an attribute of a namespace cannot begin with '_': '%.60s'",
            target->field);
        return;
    }
    dict_set(r, space.dict, value_text(target->field, strlen(target->field)), v);
}

static void assign(struct run *r, const struct node *target, struct value v) {
    if (r->failed || !run_spend(r, 1))
        return;
    if (target->type == NODE_NAME) {
        scope_set(r, target->text, v);
        return;
    }
    if (target->type == NODE_NAMESPACE_FIELD) {
        set_field(r, target, v);
        return;
    }
    const struct sequence *items = value_items(r, v);
    size_t n = 0;
    for (const struct node *t = target->list; t; t = t->next)
        n++;
    if (items && items->n != n)
        run_fail(r, ERR_INPUT, "%zu values for %zu names", items->n, n);
    n = 0;
    for (const struct node *t = target->list; t && items && !r->failed; t = t->next)
        assign(r, t, items->items[n++]);
}

/* ---- bodies ---- */

static void exec_body(struct run *r, const struct node *body) {
    for (; body && !r->failed && !r->breaking && !r->continuing; body = body->next)
        exec(r, body);
}

/* The text that a body makes. */
static struct value body_text(struct run *r, const struct node *body) {
    struct strbuf text = { .max = RUN_TEXT_MAX }, *out = r->out;
    r->out = &text;
    exec_body(r, body);
    r->out = out;
    return value_take(r, &text);
}

/* In a scope of its own, within the one at hand. */
static struct value scoped_text(struct run *r, const struct node *body) {
    struct scope *before = scope_enter(r, r->scope);
    const struct value v = body_text(r, body);
    r->scope = before;
    return v;
}

static struct value filtered(struct run *r, const struct node *filters, struct value text) {
    if (!filters || r->failed)
        return text;
    struct scope *before = scope_enter(r, r->scope);
    scope_set(r, "|input", text);
    const struct value v = eval(r, filters);
    r->scope = before;
    return v;
}

/* ---- loops ---- */

/* The items that the loop's own filter lets through, which sees its target and no `loop`. */
static const struct sequence *loop_items(
    struct run *r, const struct node *node, struct value over) {
    const struct sequence *items = value_items(r, over);
    if (!items || !node->b)
        return items;
    struct sequence *kept = sequence_new(r, SEQUENCE_LIST, 0);
    struct scope *before = scope_enter(r, r->scope);
    for (size_t i = 0; i < items->n && run_spend(r, 1); i++) {
        r->scope->n = 0;
        assign(r, node->target, items->items[i]);
        if (value_truth(eval(r, node->b)))
            sequence_add(r, kept, items->items[i]);
    }
    r->scope = before;
    return kept;
}

/* A round's scope is used again in the next one, unless a macro has kept it. */
static void loop_round(struct run *r, const struct node *node, struct loop *loop) {
    if (r->scope->captured)
        scope_enter(r, r->scope->parent);
    else
        r->scope->n = 0;
    if (r->failed)
        return;
    scope_set(r, "loop", (struct value) { .type = VALUE_LOOP, .loop = loop });
    assign(r, node->target, loop->items->items[loop->at]);
    exec_body(r, node->body);
    r->continuing = false;
}

void loop_run(struct run *r, const struct node *node, struct value over, unsigned depth) {
    const struct sequence *items = loop_items(r, node, over);
    struct loop *loop = run_alloc(r, sizeof *loop);
    if (!items || !loop)
        return;
    *loop = (struct loop) { .items = items,
        .depth = depth,
        .node = node->op ? node : NULL,
        .scope = r->scope,
        .changed = value_missing() };
    struct scope *before = scope_enter(r, r->scope);
    for (; loop->at < items->n && run_spend(r, 1) && !r->breaking; loop->at++)
        loop_round(r, node, loop);
    r->breaking = false;
    r->scope = before;
    if (!items->n && !r->failed) {
        before = scope_enter(r, r->scope);
        exec_body(r, node->other);
        r->scope = before;
    }
}

/* ---- macros ---- */

const char *macro_name(const struct macro *macro);
const char *macro_name(const struct macro *macro) {
    return macro->node->text;
}

static struct value make_macro(struct run *r, const struct node *node) {
    struct macro *m = run_alloc(r, sizeof *m);
    if (!m)
        return value_undefined(NULL);
    *m = (struct macro) { node, r->scope };
    for (struct scope *s = r->scope; s && !s->captured; s = s->parent)
        s->captured = true;
    return (struct value) { .type = VALUE_MACRO, .macro = m };
}

static int named_argument(const struct call *call, const char *name) {
    for (size_t i = 0; i < call->n_named; i++)
        if (strcmp(call->names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Sets the parameters in the macro's new scope; a default may use those before it. Returns how many
 * named arguments were taken. */
static size_t set_parameters(struct run *r, const struct macro *macro, const struct call *call) {
    size_t i = 0, taken = 0;
    for (const struct node *p = macro->node->list; p && !r->failed; p = p->next, i++) {
        const int named = named_argument(call, p->text);
        if (named >= 0 && i < call->n)
            run_fail(r, ERR_INPUT, "macro '%.60s' gets its argument '%.60s' twice",
                macro->node->text, p->text);
        taken += named >= 0;
        scope_set(r, p->text,
            i < call->n  ? call->args[i]
            : named >= 0 ? call->named[named]
            : p->a       ? eval(r, p->a)
                         : value_undefined(p->text));
    }
    return taken;
}

/* What is left over: `varargs`, `kwargs` and `caller`. */
static void set_rest(struct run *r, const struct macro *macro, const struct call *call) {
    size_t n = 0;
    for (const struct node *p = macro->node->list; p; p = p->next)
        n++;
    struct sequence *rest = sequence_new(r, SEQUENCE_TUPLE, 0);
    for (size_t i = n; i < call->n; i++)
        sequence_add(r, rest, call->args[i]);
    struct dict *named = dict_new(r);
    for (size_t i = 0; i < call->n_named && !r->failed; i++) {
        bool is_parameter = false;
        for (const struct node *p = macro->node->list; p; p = p->next)
            is_parameter = is_parameter || strcmp(p->text, call->names[i]) == 0;
        if (strcmp(call->names[i], "caller") == 0 && !is_parameter)
            scope_set(r, "caller", call->named[i]);
        else if (!is_parameter)
            dict_set(r, named, value_text(call->names[i], strlen(call->names[i])), call->named[i]);
    }
    scope_set(r, "varargs", value_sequence(rest));
    scope_set(r, "kwargs", value_dict(named));
}

static bool rest_check(
    struct run *r, const struct node *node, const struct call *call, size_t taken) {
    size_t n = 0;
    for (const struct node *p = node->list; p; p = p->next)
        n++;
    const bool caller = named_argument(call, "caller") >= 0;
    if (call->n > n && !(node->op & MACRO_VARARGS)) {
        run_fail(r, ERR_INPUT, "macro '%.60s' takes %zu arguments at most, %zu are given",
            node->text, n, call->n);
        return false;
    }
    if (call->n_named > taken + caller && !(node->op & MACRO_KWARGS)) {
        run_fail(r, ERR_INPUT, "macro '%.60s' is given an argument whose name it does not know",
            node->text);
        return false;
    }
    return !r->failed;
}

struct value macro_call(struct run *r, const struct macro *macro, const struct call *call) {
    struct value text = value_undefined(NULL);
    struct scope *before = scope_enter(r, macro->scope);
    const size_t taken = set_parameters(r, macro, call);
    if (rest_check(r, macro->node, call, taken)) {
        set_rest(r, macro, call);
        text = body_text(r, macro->node->body);
    }
    r->scope = before;
    return text;
}

/* ---- exec ---- */

static void exec_with(struct run *r, const struct node *node) {
    struct scope *outer = r->scope;
    scope_enter(r, outer);
    struct scope *inner = r->scope;
    for (const struct node *set = node->list; set && !r->failed; set = set->next) {
        r->scope = outer; /* the values don't see each other */
        const struct value v = eval(r, set->a);
        r->scope = inner;
        assign(r, set->target, v);
    }
    exec_body(r, node->body);
    r->scope = outer;
}

static void exec_if(struct run *r, const struct node *node) {
    while (node && node->type == NODE_IF && !r->failed) {
        if (value_truth(eval(r, node->a))) {
            exec_body(r, node->body);
            return;
        }
        /* `other` is the next condition of the same 'if', or the body of its 'else'. */
        if (!node->other || node->other->type != NODE_IF || !node->other->op)
            break;
        node = node->other;
    }
    if (node && !r->failed)
        exec_body(r, node->other);
}

static void exec_node(struct run *r, const struct node *node) {
    switch (node->type) {
    case NODE_TEXT:
        value_print(r, r->out, value_text(node->text, node->n));
        break;
    case NODE_OUTPUT:
        value_print(r, r->out, eval(r, node->a));
        break;
    case NODE_IF:
        exec_if(r, node);
        break;
    case NODE_FOR:
        loop_run(r, node, eval(r, node->a), 0);
        break;
    case NODE_SET:
        assign(r, node->target, eval(r, node->a));
        break;
    case NODE_SET_BLOCK:
        assign(r, node->target, filtered(r, node->a, scoped_text(r, node->body)));
        break;
    case NODE_MACRO:
        scope_set(r, node->text, make_macro(r, node));
        break;
    case NODE_CALL_BLOCK:
        value_print(r, r->out, eval_call_with(r, node->a, make_macro(r, node)));
        break;
    case NODE_FILTER_BLOCK:
        value_print(r, r->out, filtered(r, node->a, scoped_text(r, node->body)));
        break;
    case NODE_WITH:
        exec_with(r, node);
        break;
    case NODE_SCOPE:
        value_print(r, r->out, scoped_text(r, node->body));
        break;
    case NODE_BREAK:
        r->breaking = true;
        break;
    case NODE_CONTINUE:
        r->continuing = true;
        break;
    default:
        run_fail(r, ERR_BUG, "a node of type %d is no statement", (int)node->type);
    }
}

void exec(struct run *r, const struct node *node) {
    if (!run_spend(r, 1) || !run_down(r))
        return;
    r->line = node->line;
    exec_node(r, node);
    run_up(r);
}
