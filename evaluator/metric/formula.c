/* A formula is computed as it is read, once for each of several choices of what its letters are;
 * no tree is kept. A value is a fraction of whole numbers as long as that is possible, and a
 * complex number beside it. */
#include "evaluator/metric/formula.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TRIALS = 4, DEPTH_MAX = 40, DIGITS_MAX = 17, POWER_MAX = 4096 };

typedef long double complex number;

struct value {
    bool exact; /* it is num / den, den > 0, without a common divisor */
    int64_t num, den;
    number z;
};

struct reader {
    const char *at;
    unsigned trial, depth, roots; /* roots: within how many */
    bool nested; /* a root within a root, of which sympy may not see that it is another */
    bool failed;
};

/* ---- values ---- */

static int64_t divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* What is too large for that is no fraction any more. */
static struct value exact_of(__int128 num, __int128 den, number z) {
    const __int128 most = INT64_MAX / 2;
    if (den < 0) {
        num = -num;
        den = -den;
    }
    if (den == 0 || num > most || num < -most || den > most) {
        return (struct value) { .z = z };
    }
    int64_t d = divisor((int64_t)num, (int64_t)den);
    return (struct value) { true, (int64_t)num / d, (int64_t)den / d,
        (long double)((int64_t)num / d) / (long double)((int64_t)den / d) };
}

static struct value plus(struct value a, struct value b) {
    number z = a.z + b.z;
    return a.exact && b.exact ? exact_of((__int128)a.num * b.den + (__int128)b.num * a.den,
                                    (__int128)a.den * b.den, z)
                              : (struct value) { .z = z };
}

static struct value minus(struct value a) {
    a.num = -a.num;
    a.z = -a.z;
    return a;
}

static struct value times(struct value a, struct value b) {
    number z = a.z * b.z;
    return a.exact && b.exact ? exact_of((__int128)a.num * b.num, (__int128)a.den * b.den, z)
                              : (struct value) { .z = z };
}

static struct value over(struct reader *r, struct value a, struct value b) {
    if (b.exact ? b.num == 0 : b.z == 0) {
        r->failed = true;
        return a;
    }
    number z = a.z / b.z;
    return a.exact && b.exact ? exact_of((__int128)a.num * b.den, (__int128)a.den * b.num, z)
                              : (struct value) { .z = z };
}

static struct value to_power(struct reader *r, struct value a, struct value b) {
    bool whole = b.exact && b.den == 1;
    if ((whole && (b.num > POWER_MAX || b.num < -POWER_MAX)) ||
        (a.z == 0 && !(whole && b.num > 0))) {
        r->failed = true;
        return a;
    }
    if (!whole) {
        return (struct value) { .z = cpowl(a.z, b.z) };
    }
    struct value out = exact_of(1, 1, 1);
    for (int64_t i = b.num < 0 ? -b.num : b.num; i > 0; i--) {
        out = times(out, a);
    }
    return b.num < 0 ? over(r, exact_of(1, 1, 1), out) : out;
}

/* A letter's value at this trial: of modulus about 1, in any direction. */
static struct value letter_value(const struct reader *r, const char *name, size_t n) {
    uint64_t h = 0x9e3779b97f4a7c15u * (r->trial + 1);
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)name[i]) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
    }
    long double modulus = 0.7L + 0.6L * (long double)(h >> 40 & 0xffff) / 65536,
                angle = 6.283185307179586L * (long double)(h & 0xffffff) / 16777216;
    return (struct value) { .z = modulus * (cosl(angle) + sinl(angle) * I) };
}

/* ---- reading ---- */

static void skip(struct reader *r) {
    for (;;) {
        size_t n = *r->at == ' '                                                            ? 1
                   : !strncmp(r->at, "\\left", 5) && !(r->at[5] >= 'a' && r->at[5] <= 'z')  ? 5
                   : !strncmp(r->at, "\\right", 6) && !(r->at[6] >= 'a' && r->at[6] <= 'z') ? 6
                   : !strncmp(r->at, "\\!", 2) || !strncmp(r->at, "\\,", 2)                 ? 2
                                                                                            : 0;
        if (!n) {
            return;
        }
        r->at += n;
    }
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A command stands whole: "\pi" is not in "\pink". */
static bool take(struct reader *r, const char *word) {
    size_t n = strlen(word);
    skip(r);
    if (strncmp(r->at, word, n) != 0 ||
        (word[0] == '\\' && is_letter(word[n - 1]) && is_letter(r->at[n]))) {
        return false;
    }
    r->at += n;
    return true;
}

static struct value fail(struct reader *r) {
    r->failed = true;
    return exact_of(0, 1, 0);
}

static struct value read_sum(struct reader *r);

static struct value read_group(struct reader *r, const char *end) {
    if (++r->depth > DEPTH_MAX) {
        return fail(r);
    }
    struct value v = read_sum(r);
    r->depth--;
    return !r->failed && take(r, end) ? v : fail(r);
}

static struct value read_braces(struct reader *r) {
    return take(r, "{") ? read_group(r, "}") : fail(r);
}

/* Digits, with commas before each three of them, and a point followed by more. */
static struct value read_number(struct reader *r) {
    int64_t num = 0, den = 1;
    int digits = 0;
    if (*r->at == '0' && is_digit(r->at[1])) { /* no number to sympy */
        return fail(r);
    }
    for (bool point = false;; r->at++) {
        const char *c = r->at;
        if (*c == ',' && !point && is_digit(c[1]) && is_digit(c[2]) && is_digit(c[3]) &&
            !is_digit(c[4]) && digits) {
            continue;
        }
        if (*c == '.' && !point && digits && is_digit(c[1])) {
            point = true;
            continue;
        }
        if (!is_digit(*c)) {
            return digits ? exact_of(num, den, 0) : fail(r);
        }
        if (++digits > DIGITS_MAX) {
            return fail(r);
        }
        num = num * 10 + (*c - '0');
        den = point ? den * 10 : den;
    }
}

/* \frac{a}2: a digit needs no braces. */
static struct value read_part(struct reader *r) {
    skip(r);
    if (!is_digit(*r->at)) {
        return read_braces(r);
    }
    int digit = *r->at++ - '0';
    return exact_of(digit, 1, digit);
}

static struct value read_fraction(struct reader *r) {
    struct value a = read_part(r), b = r->failed ? a : read_part(r);
    return r->failed ? a : over(r, a, b);
}

static struct value read_root(struct reader *r) {
    struct value of = exact_of(2, 1, 2);
    if (take(r, "[")) {
        of = read_group(r, "]");
    }
    r->nested = r->nested || r->roots > 0;
    r->roots++;
    struct value v = r->failed ? of : read_braces(r);
    r->roots--;
    if (r->failed || !of.exact || of.num <= 0) {
        return fail(r);
    }
    return v.z == 0 ? v : (struct value) { .z = cpowl(v.z, 1 / of.z) };
}

/* Letters that have a name. */
static bool take_symbol(struct reader *r, const char **name, size_t *n) {
    static const char *const SYMBOLS[] = { "\\pi", "\\theta", "\\alpha", "\\beta", "\\phi",
        "\\lambda", "\\omega" };
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof *SYMBOLS; i++) {
        if (take(r, SYMBOLS[i])) {
            *name = SYMBOLS[i];
            *n = strlen(SYMBOLS[i]);
            return true;
        }
    }
    *name = r->at;
    *n = 1;
    if (!is_letter(*r->at) || (*r->at == 'd' && is_letter(r->at[1]))) { /* a differential */
        return false;
    }
    r->at++;
    return true;
}

static struct value read_atom(struct reader *r) {
    const char *name;
    size_t n;
    skip(r);
    if (is_digit(*r->at)) {
        return read_number(r);
    }
    if (take(r, "\\frac") || take(r, "\\dfrac") || take(r, "\\tfrac")) {
        return read_fraction(r);
    }
    if (take(r, "\\sqrt")) {
        return read_root(r);
    }
    if (take(r, "(")) {
        return read_group(r, ")");
    }
    if (take_symbol(r, &name, &n)) {
        struct value v = letter_value(r, name, n);
        skip(r);
        return *r->at == '(' || *r->at == '_' || *r->at == '[' ? fail(r) : v; /* a function */
    }
    return fail(r);
}

static struct value read_power(struct reader *r) {
    struct value v = read_atom(r);
    if (r->failed || !take(r, "^")) {
        return v;
    }
    skip(r);
    struct value power = *r->at == '{' ? read_braces(r) : read_atom(r);
    v = r->failed ? v : to_power(r, v, power);
    skip(r);
    return *r->at == '^' ? fail(r) : v;
}

static bool begins_atom(struct reader *r) {
    skip(r);
    return is_digit(*r->at) || is_letter(*r->at) || *r->at == '(' ||
           (*r->at == '\\' && strncmp(r->at, "\\cdot", 5) && strncmp(r->at, "\\times", 6) &&
               strncmp(r->at, "\\div", 4));
}

/* What stands side by side is multiplied, before any other product. */
static struct value read_side_by_side(struct reader *r) {
    bool negative = take(r, "-");
    if (negative || take(r, "+")) {
        struct value v = ++r->depth > DEPTH_MAX ? fail(r) : read_side_by_side(r);
        return negative ? minus(v) : v;
    }
    struct value v = read_power(r);
    while (!r->failed && begins_atom(r)) {
        bool apart = is_digit(*r->at) && r->at[-1] == ' '; /* "2 3" is twenty-three to sympy */
        v = apart ? fail(r) : times(v, read_power(r));
    }
    return v;
}

static struct value read_product(struct reader *r) {
    struct value v = read_side_by_side(r);
    while (!r->failed) {
        bool by = take(r, "\\cdot") || take(r, "\\times") || take(r, "*");
        bool of = !by && (take(r, "\\div") || take(r, "/"));
        if (!by && !of) {
            break;
        }
        struct value w = read_side_by_side(r);
        v = r->failed ? v : by ? times(v, w) : over(r, v, w);
    }
    return v;
}

static struct value read_sum(struct reader *r) {
    struct value v = read_product(r);
    while (!r->failed) {
        bool add = take(r, "+");
        if (!add && !take(r, "-")) {
            break;
        }
        struct value w = read_product(r);
        v = r->failed ? v : plus(v, add ? w : minus(w));
    }
    return v;
}

static bool read_formula(const char *text, unsigned trial, struct value *v, bool *nested) {
    struct reader r = { .at = text, .trial = trial };
    *v = read_sum(&r);
    skip(&r);
    *nested = *nested || r.nested;
    return !r.failed && !*r.at && isfinite(creall(v->z)) && isfinite(cimagl(v->z));
}

/* ---- what sympy doesn't read ---- */

/* "(1,2)", "[2,5)", matrices. A comma among digits may be one of a number. */
static bool is_unreadable(const char *text) {
    int depth = 0;
    if (!*text || strstr(text, "\\begin{")) {
        return true;
    }
    if (*text != '(' && *text != '[') {
        return false;
    }
    for (const char *c = text; *c; c++) {
        depth += strchr("([{", *c) ? 1 : strchr(")]}", *c) ? -1 : 0;
        if (*c == ',' && depth == 1 && !(is_digit(c[-1]) && is_digit(c[1]) && is_digit(c[2]))) {
            return true;
        }
    }
    return false;
}

/* ---- comparing ---- */

static enum formula_verdict compare_values(struct value a, struct value b) {
    if (a.exact && b.exact) {
        return a.num == b.num && a.den == b.den ? FORMULA_SAME : FORMULA_DIFFERS;
    }
    long double apart = cabsl(a.z - b.z), size = fmaxl(cabsl(a.z), cabsl(b.z));
    return apart <= 1e-15L * size && size < 1e12L ? FORMULA_SAME
           : apart > 1e-9L * size                 ? FORMULA_DIFFERS
                                                  : FORMULA_UNKNOWN;
}

static bool has_sum(const char *text) {
    for (const char *c = text; *c; c++) {
        if (c > text && (*c == '+' || *c == '-') && !strchr("{(^", c[-1])) {
            return true;
        }
    }
    return false;
}

/* Sums with decimals: sympy's are rounded, and what remains of a difference is not nothing to it.
 */
static bool is_rounded(const char *a, const char *b) {
    return (strchr(a, '.') || strchr(b, '.')) && (has_sum(a) || has_sum(b));
}

enum formula_verdict formula_compare(const char *a, const char *b) {
    if (!strcmp(a, b)) {
        return *a ? FORMULA_SAME : FORMULA_DIFFERS;
    }
    if (is_unreadable(a) || is_unreadable(b)) {
        return FORMULA_DIFFERS;
    }
    bool nested = false;
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        struct value va, vb;
        if (!read_formula(a, trial, &va, &nested) || !read_formula(b, trial, &vb, &nested)) {
            return FORMULA_UNKNOWN;
        }
        enum formula_verdict verdict = compare_values(va, vb);
        if (verdict != FORMULA_SAME) {
            return verdict;
        }
    }
    return nested || is_rounded(a, b) ? FORMULA_UNKNOWN : FORMULA_SAME;
}
