/* Look-ups in the generated tables (see unicode.h). Hangul syllables are computed, not stored. */
#include "harness/tokenizer/unicode/unicode.h"

#include <stdlib.h>
#include <string.h>

#include "harness/tokenizer/unicode/unicode_data.h"

enum hangul {
    HANGUL_S = 0xac00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11a7,
    HANGUL_N_L = 19,
    HANGUL_N_V = 21,
    HANGUL_N_T = 28,
    HANGUL_N_S = HANGUL_N_L * HANGUL_N_V * HANGUL_N_T,
};

static const struct unicode_run *run_of(uint32_t cp) {
    if (cp > 0x10ffff) {
        return &UNICODE_RUNS[UNICODE_N_RUNS - 1];
    }
    size_t low = UNICODE_PAGES[cp >> 8];
    size_t high = (cp >> 8) < 4351 ? (size_t)UNICODE_PAGES[(cp >> 8) + 1] + 1 : UNICODE_N_RUNS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (UNICODE_RUNS[middle].from <= cp) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &UNICODE_RUNS[low];
}

uint16_t unicode_flags(uint32_t cp) {
    return run_of(cp)->flags;
}

uint8_t unicode_combining_class(uint32_t cp) {
    return cp < 0x300 ? 0 : run_of(cp)->ccc;
}

bool unicode_is_space(uint32_t cp) {
    if (cp < 0x80) {
        return cp == ' ' || (cp >= '\t' && cp <= '\r');
    }
    return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

uint16_t unicode_script(uint32_t cp) {
    size_t low = 0, high = UNICODE_N_SCRIPTS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (UNICODE_SCRIPTS[middle].from <= cp) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return UNICODE_SCRIPTS[low].script;
}

static int compare_mapping(const void *key, const void *item) {
    uint32_t a = *(const uint32_t *)key, b = ((const struct unicode_mapping *)item)->from;
    return (a > b) - (a < b);
}

size_t unicode_lower(uint32_t cp, uint32_t out[2]) {
    out[0] = cp;
    if (cp < 0x80) {
        out[0] = cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
        return 1;
    }
    const struct unicode_mapping *m =
        bsearch(&cp, UNICODE_LOWER, UNICODE_N_LOWER, sizeof *UNICODE_LOWER, compare_mapping);
    if (m) {
        out[0] = m->to;
    }
    if (cp == 0x130) { /* the only one that becomes two: i with a dot above */
        out[1] = 0x307;
        return 2;
    }
    return 1;
}

static int compare_decomposition(const void *key, const void *item) {
    uint32_t a = *(const uint32_t *)key, b = ((const struct unicode_decomposition *)item)->cp;
    return (a > b) - (a < b);
}

static size_t decompose_hangul(uint32_t s, uint32_t *out) {
    out[0] = HANGUL_L + s / (HANGUL_N_V * HANGUL_N_T);
    out[1] = HANGUL_V + s % (HANGUL_N_V * HANGUL_N_T) / HANGUL_N_T;
    out[2] = HANGUL_T + s % HANGUL_N_T;
    return s % HANGUL_N_T ? 3 : 2;
}

size_t unicode_decompose(uint32_t cp, bool compatible, uint32_t out[UNICODE_DECOMPOSITION_MAX]) {
    out[0] = cp;
    if (cp < 0xa0) {
        return 1;
    }
    if (cp >= HANGUL_S && cp < HANGUL_S + HANGUL_N_S) {
        return decompose_hangul(cp - HANGUL_S, out);
    }
    const struct unicode_decomposition *d = NULL;
    if (compatible) {
        d = bsearch(
            &cp, UNICODE_COMPATIBLE, UNICODE_N_COMPATIBLE, sizeof *d, compare_decomposition);
    }
    if (!d) {
        d = bsearch(&cp, UNICODE_CANONICAL, UNICODE_N_CANONICAL, sizeof *d, compare_decomposition);
    }
    if (!d) {
        return 1;
    }
    memcpy(out, UNICODE_POOL + d->at, d->n * sizeof *out);
    return d->n;
}

static uint32_t compose_hangul(uint32_t first, uint32_t second) {
    if (first >= HANGUL_L && first < HANGUL_L + HANGUL_N_L && second >= HANGUL_V &&
        second < HANGUL_V + HANGUL_N_V) {
        return HANGUL_S + ((first - HANGUL_L) * HANGUL_N_V + second - HANGUL_V) * HANGUL_N_T;
    }
    if (first >= HANGUL_S && first < HANGUL_S + HANGUL_N_S &&
        (first - HANGUL_S) % HANGUL_N_T == 0 && second > HANGUL_T &&
        second < HANGUL_T + HANGUL_N_T) {
        return first + second - HANGUL_T;
    }
    return 0;
}

static int compare_composition(const void *key, const void *item) {
    const struct unicode_composition *a = key, *b = item;
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    return (a->second > b->second) - (a->second < b->second);
}

uint32_t unicode_compose(uint32_t first, uint32_t second) {
    if (second < 0x300) { /* nothing combines with what stands before the marks */
        return 0;
    }
    const struct unicode_composition key = { .first = first, .second = second };
    const struct unicode_composition *c = bsearch(
        &key, UNICODE_COMPOSITIONS, UNICODE_N_COMPOSITIONS, sizeof key, compare_composition);
    return c ? c->whole : compose_hangul(first, second);
}
