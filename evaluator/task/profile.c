#include "evaluator/task/profile.h"

#include <stdlib.h>
#include <string.h>

static const char *const RULES[] = { "lm-eval/0.4.13", "lm-eval/pre-3347", "lighteval", "mteb/1",
    "mteb/2" };

static bool find_rules(struct profile *p, const char *text, size_t n) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        if (strlen(RULES[i]) == n && !memcmp(RULES[i], text, n)) {
            memcpy(p->rules, text, n);
            return true;
        }
    }
    return false;
}

/* "order3": digits to the end of the addition, from 1. */
static bool take_variant(const char *text, size_t n, const char *name, unsigned *out) {
    size_t prefix = strlen(name);
    char *end;
    if (*out || n <= prefix || memcmp(text, name, prefix) || text[prefix] < '1' ||
        text[prefix] > '9') {
        return false;
    }
    unsigned long v = strtoul(text + prefix, &end, 10);
    *out = (unsigned)v;
    return end == text + n && v <= PROFILE_VARIANTS_MAX;
}

static bool parse(const char *text, struct profile *p) {
    size_t n = strcspn(text, "+");
    bool ok = find_rules(p, text, n);
    while (ok && text[n]) {
        text += n + 1;
        n = strcspn(text, "+");
        ok = take_variant(text, n, "order", &p->order) ||
             take_variant(text, n, "wording", &p->wording);
    }
    return ok;
}

bool profile_parse(const char *text, struct profile *out, struct err *err) {
    *out = (struct profile) { 0 };
    if (parse(text, out)) {
        return true;
    }
    err_set(err, ERR_USAGE, "unknown profile '%.60s'", text);
    return err_hint(err,
        "one of lm-eval/0.4.13, lm-eval/pre-3347, lighteval, mteb/1, mteb/2; +order1, +order2, … "
        "after it put the options in other orders, +wording1, … takes another of the task's "
        "wordings");
}
