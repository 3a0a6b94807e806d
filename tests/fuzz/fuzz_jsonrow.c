/* Bytes as JSON text for a row, beside what jansson says of them: the same verdict and the same
 * value, but for what is meant to differ (integers past 64 bits, depth past 512, a root that is no
 * object, and NaN and infinities, which are null here). */
#include <string.h>

#include "base/mem.h"
#include "evaluator/data/jsonrow.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool meant_to_differ(const json_error_t *theirs, const struct err *ours) {
    enum json_error_code code = json_error_code(theirs);
    return strstr(theirs->text, "too big") || strstr(ours->msg, "must be a JSON object") ||
           strstr(ours->msg, "nesting depth") || code == json_error_stack_overflow;
}

static void compare(const struct row *row, const json_t *theirs) {
    json_t *ours = value_json(row->values);
    BUG_IF(row->n != (size_t)(value_after(row->values) - row->values));
    BUG_IF(!json_equal(ours, theirs));
    json_decref(ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct row row = { 0 };
    struct err err = ERR_INIT;
    json_error_t e = { 0 };
    if (size > 0 && memchr(bytes, 0, size)) /* jansson takes a NUL behind a number for its end */
        return 0;
    char *text = xcalloc(size + JSONROW_SLACK, 1);
    if (size > 0)
        memcpy(text, bytes, size);
    bool words = strstr(text, "NaN") || strstr(text, "Infinity");
    json_t *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    bool ok = jsonrow_parse(&row, text, size, NULL, &err);
    if (ok && theirs)
        compare(&row, theirs);
    else
        BUG_IF((ok || theirs) && !(ok && words) && !meant_to_differ(&e, &err));
    BUG_IF(ok == (err.class != ERR_NONE));
    json_decref(theirs);
    row_release(&row);
    free(text);
    return 0;
}
