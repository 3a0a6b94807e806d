/* Patterns and texts from outside: compile, and find every match. */
#include <stddef.h>
#include <stdint.h>

#include "evaluator/task/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* The first byte says how much of the rest is the pattern. */
    size_t n = size > 1 ? data[0] % size : 0;
    const char *text = (const char *)data + (size ? 1 : 0);
    size_t n_text = size ? size - 1 : 0;
    struct err err = ERR_INIT;
    struct pattern *p = pattern_new(text, n, &err);
    if (!p) {
        return 0;
    }
    struct pattern_match m;
    for (size_t at = n; at <= n_text && pattern_find(p, text + n, n_text - n, at - n, &m);
         at = n + m.to + 1) {
        BUG_IF(m.from > m.to || m.to > n_text - n);
    }
    pattern_free(p);
    return 0;
}
