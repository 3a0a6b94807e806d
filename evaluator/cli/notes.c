#include "evaluator/cli/notes.h"

#include <stdio.h>

#include "base/strbuf.h"

/* "; " between two of them. */
static void add_count(struct strbuf *b, long long n, const char *what) {
    if (n > 0) {
        strbuf_addf(b, "%s%lld %s", b->len ? "; " : "", n, what);
    }
}

static void add_audit(struct strbuf *b, const json_t *result) {
    const json_t *audit = json_object_get(result, "audit");
    add_count(b, json_get_int(audit, "truncated", 0), "requests cut at the model's length");
    add_count(b, json_get_int(audit, "ties", 0), "documents where the best choices tie");
    add_count(b, json_get_int(audit, "empty", 0), "empty continuations");
    add_count(b, json_get_int(audit, "unparsed", 0), "answers that the filter found nothing in");
    add_count(b, json_get_int(audit, "abstained", 0), "answers of which nobody can tell here");
    add_count(b, json_get_int(audit, "length", 0), "texts cut at their number of tokens");
    add_count(b, json_get_int(audit, "nan", 0), "numbers that are none");
}

/* An overall value is the mean over all subsets that the task declares. */
static void add_missing(struct strbuf *b, const json_t *result) {
    const json_t *subsets = json_object_get(result, "subsets"), *name;
    struct strbuf names = { 0 };
    size_t i;
    json_array_foreach(json_object_get(result, "declared_subsets"), i, name) {
        const char *subset = json_string_value(name);
        if (subset && !json_object_get(subsets, subset)) {
            strbuf_addf(&names, "%s%s", names.len ? ", " : "", subset);
        }
    }
    if (names.len) {
        strbuf_addf(
            b, "%sno overall value without subset %s", b->len ? "; " : "", strbuf_str(&names));
    }
    strbuf_release(&names);
}

void notes_print(const json_t *results) {
    size_t i;
    const json_t *result;
    json_array_foreach(results, i, result) {
        struct strbuf b = { 0 };
        add_audit(&b, result);
        add_missing(&b, result);
        if (b.len) {
            printf("%s: %s\n", json_get_string(result, "task", ""), strbuf_str(&b));
        }
        strbuf_release(&b);
    }
}
