/* Regular expressions and texts from outside: compile, and walk all matches. */
#include <stddef.h>
#include <stdint.h>

#include "evaluator/metric/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* The first byte says how much of the rest is the expression. */
    size_t n = size > 1 ? data[0] % size : 0, n_text = size ? size - 1 - n : 0;
    const char *text = (const char *)data + (size ? 1 : 0);
    struct err err = ERR_INIT;
    struct expression *e = expression_new(text, n, &err);
    if (!e || n_text > 2000) {
        expression_free(e);
        return 0;
    }
    struct expression_walk *w = expression_begin(e, text + n, n_text);
    struct expression_match m;
    for (size_t from = 0; expression_next(w, &m); from = m.whole.from) {
        BUG_IF(m.whole.from < from || m.whole.from > m.whole.to || m.whole.to > n_text);
    }
    expression_end(w);
    expression_free(e);
    return 0;
}
