/* Normal forms (UAX #15): decompose, put marks in order, compose again. What became of which
 * character is kept as work_change says. */
#include "harness/tokenizer/pipeline/normal_form.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "harness/tokenizer/unicode/unicode.h"

static void decompose(struct work *w, struct view in, bool compatible) {
    w->n_cps = 0;
    for (size_t at = 0; at < in.n;) {
        uint32_t cp, parts[UNICODE_DECOMPOSITION_MAX];
        size_t len = utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(len == 0);
        at += len;
        size_t n = unicode_decompose(cp, compatible, parts);
        for (size_t i = 0; i < n; i++) {
            work_change(w, parts[i], i > 0);
        }
    }
}

/* Stable sort of a run of marks by class: insertion for the usual few, else one pass per class that
 * occurs (a text may be a million marks long). */
static void sort_marks(struct work *w, size_t from, size_t to) {
    if (to - from > 32) {
        bool present[256] = { false };
        size_t n = to - from;
        for (size_t i = from; i < to; i++) {
            present[unicode_combining_class(w->cps[i])] = true;
        }
        uint32_t *cps = xmalloc(n * sizeof *cps);
        int32_t *changes = xmalloc(n * sizeof *changes);
        memcpy(cps, w->cps + from, n * sizeof *cps);
        memcpy(changes, w->changes + from, n * sizeof *changes);
        for (size_t class = 0, out = from; class < 256; class ++) {
            for (size_t i = 0; present[class] && i < n; i++) {
                if (unicode_combining_class(cps[i]) == class) {
                    w->cps[out] = cps[i];
                    w->changes[out++] = changes[i];
                }
            }
        }
        free(cps);
        free(changes);
        return;
    }
    for (size_t i = from + 1; i < to; i++) {
        uint32_t cp = w->cps[i];
        int32_t change = w->changes[i];
        uint8_t class = unicode_combining_class(cp);
        size_t j = i;
        for (; j > from && unicode_combining_class(w->cps[j - 1]) > class; j--) {
            w->cps[j] = w->cps[j - 1];
            w->changes[j] = w->changes[j - 1];
        }
        w->cps[j] = cp;
        w->changes[j] = change;
    }
}

static void put_in_order(struct work *w) {
    for (size_t i = 0; i < w->n_cps;) {
        if (unicode_combining_class(w->cps[i]) == 0) {
            i++;
            continue;
        }
        size_t end = i + 1;
        while (end < w->n_cps && unicode_combining_class(w->cps[end]) != 0) {
            end++;
        }
        sort_marks(w, i, end);
        i = end;
    }
}

static void compose(struct work *w) {
    size_t out = 0, starter = SIZE_MAX;
    int last = -1; /* class of the mark before; -1: right behind the starter */
    for (size_t i = 0; i < w->n_cps; i++) {
        uint32_t cp = w->cps[i];
        int32_t change = w->changes[i];
        int class = unicode_combining_class(cp);
        if (starter != SIZE_MAX && last < class) {
            uint32_t whole = unicode_compose(w->cps[starter], cp);
            if (whole) {
                w->cps[starter] = whole;
                w->changes[starter] += change - 1;
                continue;
            }
        }
        if (class == 0) {
            starter = out;
            last = -1;
        } else {
            last = class;
        }
        w->cps[out] = cp;
        w->changes[out++] = change;
    }
    w->n_cps = out;
}

static void normalize(struct work *w, const void *options, struct view in) {
    enum normal_form form = *(const enum normal_form *)options;
    decompose(w, in, form == NORMAL_FORM_NFKC || form == NORMAL_FORM_NFKD);
    put_in_order(w);
    if (form == NORMAL_FORM_NFC || form == NORMAL_FORM_NFKC) {
        compose(w);
    }
    work_write_changes(w, in);
}

void normal_form_apply(struct work *w, enum normal_form form) {
    /* U+0300 begins with 0xcc: nothing below it is changed by NFC; nothing below U+00A0 (0xc2) by
     * any form. */
    if (!work_all_below(w, form == NORMAL_FORM_NFC ? 0xcc : 0xc2)) {
        work_transform(w, normalize, &form);
    }
}
