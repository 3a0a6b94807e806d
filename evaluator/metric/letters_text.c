#include "evaluator/metric/letters_text.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

struct letters letters_of(const char *s, size_t n) {
    struct letters l = { xcalloc(n + 1, sizeof *l.c), 0 };
    for (size_t at = 0; at < n; l.n++) {
        size_t one = utf8_decode(s + at, n - at, &l.c[l.n]);
        if (!one) {
            l.c[l.n] = 0xfffd;
            one = 1;
        }
        at += one;
    }
    return l;
}

void letters_release(struct letters *l) {
    free(l->c);
    *l = (struct letters) { 0 };
}

void letters_add(struct strbuf *out, const uint32_t *c, size_t n) {
    char bytes[4];
    for (size_t i = 0; i < n; i++) {
        strbuf_add(out, bytes, utf8_encode(c[i], bytes));
    }
}
