/* The door: text to a template, a template and variables to text. */
#include "harness/template/template.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/template/scope.h"
#include "harness/template/syntax.h"

struct template *template_parse(const char *text, size_t n, struct err *err) {
    if (n > TEMPLATE_BYTES_MAX) {
        err_set(err, ERR_INPUT, "the template is longer than %u bytes", TEMPLATE_BYTES_MAX);
        return NULL;
    }
    if (!utf8_valid(text, n)) {
        err_set(err, ERR_INPUT, "the template is not UTF-8");
        return NULL;
    }
    struct template *t = xcalloc(1, sizeof *t);
    struct token_array tokens = { 0 };
    const bool ok =
        template_lex(&t->arena, text, n, &tokens, err) && template_build(t, &tokens, err);
    free(tokens.items);
    if (ok)
        return t;
    template_free(t);
    return NULL;
}

void template_free(struct template *t) {
    if (!t)
        return;
    free(t->unknown);
    arena_release(&t->arena);
    free(t);
}

const char *const *template_unknown(const struct template *t, size_t *n) {
    *n = t->n_unknown;
    return t->unknown;
}

static void set_variables(struct run *r, const json_t *variables) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)variables, key, value) {
        if (r->failed)
            return;
        scope_set(r, key, value_from_json(r, value));
    }
}

static void run_body(struct run *r, const struct node *body) {
    for (; body && !r->failed; body = body->next)
        exec(r, body);
}

bool template_render(const struct template *t, const json_t *variables, int64_t now,
    struct strbuf *out, struct err *err) {
    struct err own = ERR_INIT;
    struct strbuf text = { .max = RUN_TEXT_MAX };
    struct run r = { .out = &text, .now = now, .line = 1, .err = &own };
    scope_enter(&r, NULL);
    set_variables(&r, variables);
    scope_enter(&r, r.scope); /* what the template sets hides what it was given */
    run_body(&r, t->body);
    if (!r.failed && text.overflow)
        run_fail(&r, ERR_RESOURCE, "the output size is past %zu MB", RUN_TEXT_MAX >> 20);
    if (r.failed && err)
        *err = own;
    if (!r.failed)
        strbuf_add(out, strbuf_str(&text), text.len);
    strbuf_release(&text);
    arena_release(&r.arena);
    return !r.failed;
}
