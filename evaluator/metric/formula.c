/* A formula is computed as it is read, once for each of several choices of what its letters are;
 * no tree is kept. A value is a fraction of whole numbers as long as that is possible, and a
 * complex number beside it. */
#include "evaluator/metric/formula.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TRIALS = 4, DEPTH_MAX = 40, DIGITS_MAX = 17, LONG_MAX_DIGITS = 300, POWER_MAX = 4096 };

typedef long double complex number;

struct value {
    bool exact; /* it is num / den, den > 0, without a common divisor */
    int64_t num, den;
    bool rational;    /* a fraction of whole numbers, however large */
    uint64_t residue; /* of it, by PRIME */
    bool letters;     /* there are any in it */
    bool infinite;
    number z;
};

struct reader {
    const char *begin, *at;
    unsigned trial, depth, roots; /* roots: within how many */
    bool no_functions;            /* within the argument of one that has no parentheses */
    bool bars;                    /* within |...| */
    bool begun;  /* something stands before, so that sympy might read that much and no more */
    bool unsure; /* something of which sympy may not see that it is the same as another */
    bool failed;
    bool nothing; /* failed, and sympy reads nothing */
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

/* ---- whole numbers by a prime, which tell large ones apart ---- */

static const uint64_t PRIME = (UINT64_C(1) << 61) - 1;

static uint64_t residue_times(uint64_t a, uint64_t b) {
    return (uint64_t)((unsigned __int128)a * b % PRIME);
}

static uint64_t residue_minus(uint64_t a) {
    return a ? PRIME - a : 0;
}

static uint64_t residue_over(uint64_t a, uint64_t b) {
    for (uint64_t power = PRIME - 2; power; power >>= 1) {
        a = power & 1 ? residue_times(a, b) : a;
        b = residue_times(b, b);
    }
    return a;
}

static uint64_t residue_of(int64_t a) {
    return a < 0 ? residue_minus((uint64_t)-a % PRIME) : (uint64_t)a % PRIME;
}

/* A fraction, exact as long as it is small enough. */
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
    num /= d;
    den /= d;
    uint64_t residue = residue_over(residue_of((int64_t)num), residue_of((int64_t)den));
    return (struct value) { .exact = true,
        .num = (int64_t)num,
        .den = (int64_t)den,
        .rational = true,
        .residue = residue,
        .z = (long double)(int64_t)num / (long double)(int64_t)den };
}

static struct value whole(int64_t n) {
    return exact_of(n, 1, n);
}

/* What a value of two parts has from them. */
static struct value made_of(struct value out, struct value a, struct value b, uint64_t residue) {
    out.rational = a.rational && b.rational;
    out.residue = residue;
    out.letters = a.letters || b.letters;
    return out;
}

static struct value plus(struct reader *r, struct value a, struct value b) {
    struct value out = a.exact && b.exact
                           ? exact_of((__int128)a.num * b.den + (__int128)b.num * a.den,
                                 (__int128)a.den * b.den, a.z + b.z)
                           : (struct value) { .z = a.z + b.z };
    r->failed = r->failed || (a.infinite && b.infinite);
    out = made_of(out, a, b, (a.residue + b.residue) % PRIME);
    out.infinite = a.infinite || b.infinite;
    return out;
}

static struct value minus(struct value a) {
    a.num = -a.num;
    a.residue = residue_minus(a.residue);
    a.z = -a.z;
    return a;
}

/* What is infinite stays so, times or over what is known not to be nothing. */
static bool stays_infinite(struct reader *r, struct value a, struct value b) {
    bool is = a.infinite || b.infinite;
    bool plain = (a.infinite || (a.exact && a.num != 0)) && (b.infinite || (b.exact && b.num != 0));
    r->failed = r->failed || (is && !plain);
    return is;
}

static struct value times(struct reader *r, struct value a, struct value b) {
    struct value out = a.exact && b.exact
                           ? exact_of((__int128)a.num * b.num, (__int128)a.den * b.den, a.z * b.z)
                           : (struct value) { .z = a.z * b.z };
    out = made_of(out, a, b, residue_times(a.residue, b.residue));
    out.infinite = stays_infinite(r, a, b);
    return out;
}

static struct value over(struct reader *r, struct value a, struct value b) {
    bool by_nothing = b.exact && b.num == 0;
    if (b.infinite || (!b.exact && (b.z == 0 || (b.rational && !b.residue)))) {
        r->failed = true;
        return a;
    }
    if (by_nothing) {
        r->failed = r->failed || a.infinite || !a.exact || a.num == 0;
        return (struct value) { .z = 1, .infinite = true };
    }
    struct value out = a.exact && b.exact
                           ? exact_of((__int128)a.num * b.den, (__int128)a.den * b.num, a.z / b.z)
                           : (struct value) { .z = a.z / b.z };
    out = made_of(out, a, b, a.rational && b.rational ? residue_over(a.residue, b.residue) : 0);
    out.infinite = stays_infinite(r, a, b);
    return out;
}

static struct value to_power(struct reader *r, struct value a, struct value b) {
    bool is_whole = b.exact && b.den == 1;
    if (a.infinite || b.infinite || (is_whole && (b.num > POWER_MAX || b.num < -POWER_MAX)) ||
        (a.z == 0 && !(is_whole && a.exact))) {
        r->failed = true;
        return a;
    }
    if (!is_whole) {
        return (struct value) { .z = cpowl(a.z, b.z), .letters = a.letters || b.letters };
    }
    struct value out = whole(1);
    for (int64_t i = b.num < 0 ? -b.num : b.num; i > 0; i--) {
        out = times(r, out, a);
    }
    return b.num < 0 ? over(r, whole(1), out) : out;
}

static uint64_t hash_of(uint64_t h, const char *name, size_t n) {
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)name[i]) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
    }
    return h;
}

/* Of modulus about 1, in any direction. */
static number number_of(uint64_t h) {
    long double modulus = 0.7L + 0.6L * (long double)(h >> 40 & 0xffff) / 65536,
                angle = 6.283185307179586L * (long double)(h & 0xffffff) / 16777216;
    return modulus * (cosl(angle) + sinl(angle) * I);
}

/* A letter's value at this trial. */
static struct value letter_value(const struct reader *r, const char *name, size_t n) {
    uint64_t h = hash_of(0x9e3779b97f4a7c15u * (r->trial + 1), name, n);
    return (struct value) { .z = number_of(h), .letters = true };
}

/* A function of which nothing is known but its name: some polynomial. */
static number function_value(const struct reader *r, uint64_t h, number z, unsigned argument) {
    number out = 0, power = 1;
    for (unsigned i = 0; i < 4; i++, power *= z) {
        unsigned char which[] = { (unsigned char)argument, (unsigned char)i };
        out += number_of(hash_of(h + r->trial, (const char *)which, 2)) * power;
    }
    return out;
}

/* ---- reading ---- */

/* What LaTeX has between signs. */
static const char *const BLANKS[] = { "\\left", "\\right", "\\quad", "\\qquad", "\\thinspace",
    "\\medspace", "\\thickspace", "\\!", "\\,", "\\:", "\\;", " " };

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A command stands whole: "\pi" is not in "\pink". */
static bool stands(const char *at, const char *word) {
    size_t n = strlen(word);
    return strncmp(at, word, n) == 0 &&
           !(word[0] == '\\' && is_letter(word[n - 1]) && is_letter(at[n]));
}

static bool stands_among(const char *at, const char *const *words, size_t n, size_t *which) {
    for (size_t i = 0; i < n; i++) {
        if (stands(at, words[i])) {
            *which = i;
            return true;
        }
    }
    return false;
}
#define AMONG(at, words, which) stands_among(at, words, sizeof(words) / sizeof *(words), which)

/* Which has nothing to do with "|". */
static bool stands_bar(const char *at) {
    return !strncmp(at, "\\left|", 6) || !strncmp(at, "\\right|", 7);
}

static void skip(struct reader *r) {
    size_t which;
    while (AMONG(r->at, BLANKS, &which) && !stands_bar(r->at)) {
        r->at += strlen(BLANKS[which]);
    }
}

static bool take(struct reader *r, const char *word) {
    skip(r);
    bool is = stands(r->at, word);
    r->at += is ? strlen(word) : 0;
    return is;
}

static struct value fail(struct reader *r) {
    r->failed = true;
    return whole(0);
}

/* Where nothing stands before it, sympy reads nothing either. */
static struct value fail_surely(struct reader *r) {
    r->nothing = r->nothing || (!r->failed && !r->begun);
    return fail(r);
}

/* What is no sign at all to sympy, which then reads nothing. */
static bool is_no_sign(const char *at) {
    unsigned char c = (unsigned char)*at;
    if (c == '\\') {
        return !is_letter(at[1]) && !strchr(",;:!{}*-./\"(=", at[1]);
    }
    return c >= 127 || (c && c < 32) || (c && strchr(".%\"#@?~;`$", (char)c));
}

static const char *const RELATIONS[] = { "<", ">", "=", "\\le", "\\leq", "\\leqq", "\\leqslant",
    "\\ge", "\\geq", "\\geqq", "\\geqslant", "\\neq" };

static struct value read_sum(struct reader *r);
static struct value read_product(struct reader *r);

static struct value read_group(struct reader *r, const char *end) {
    if (++r->depth > DEPTH_MAX) {
        return fail(r);
    }
    struct value v = read_sum(r);
    size_t which;
    r->depth--;
    if (r->failed || take(r, end)) {
        return v;
    }
    bool ended = !*r->at || strchr(",)]}", *r->at) || is_no_sign(r->at) || stands(r->at, "\\}") ||
                 AMONG(r->at, RELATIONS, &which);
    return ended ? fail_surely(r) : fail(r);
}

static struct value read_braces(struct reader *r) {
    return take(r, "{") ? read_group(r, "}") : fail_surely(r);
}

static bool three_digits(const char *c) {
    return is_digit(c[0]) && is_digit(c[1]) && is_digit(c[2]);
}

/* "07", which is read, but is no number. */
static struct value read_no_number(struct reader *r) {
    const char *c = r->at + strspn(r->at, "0");
    bool zero = !is_digit(*c); /* which is one */
    c += strspn(c, "0123456789");
    r->nothing = r->nothing || (!r->failed && !zero && *c != '.' && *c != ',');
    return fail(r);
}

/* Digits, with commas before each three of them, and a point followed by more. "2 3" is
 * twenty-three to sympy. */
static struct value read_number(struct reader *r) {
    __int128 num = 0, den = 1;
    struct value large = whole(0);
    int digits = 0;
    if (*r->at == '0' && is_digit(r->at[1])) {
        return read_no_number(r);
    }
    const char *first = r->at;
    for (bool point = false;; r->at++) {
        const char *c = r->at;
        if (*c == ',' && !point && three_digits(c + 1) && digits) {
            if (is_digit(c[4]) || *first == '0') {
                return fail(r);
            }
            continue;
        }
        if (*c == '.' && !point && digits && is_digit(c[1])) {
            point = true;
            continue;
        }
        if (!is_digit(*c)) {
            skip(r);
            bool goes_on = r->at > c && (is_digit(*r->at) || *r->at == '.' || *r->at == ',');
            return !digits || goes_on    ? fail(r)
                   : digits > DIGITS_MAX ? large
                                         : exact_of(num, den, 0);
        }
        if (++digits > (point || den > 1 ? DIGITS_MAX : LONG_MAX_DIGITS)) {
            return fail(r);
        }
        if (digits <= DIGITS_MAX) {
            num = num * 10 + (*c - '0');
            den = point ? den * 10 : den;
            large = exact_of(num, 1, 0);
        } else {
            large = plus(r, times(r, large, whole(10)), whole(*c - '0'));
        }
    }
}

/* \frac{a}2: a digit needs no braces. */
static struct value read_part(struct reader *r) {
    skip(r);
    if (!is_digit(*r->at)) {
        return read_braces(r);
    }
    return whole(*r->at++ - '0');
}

static struct value read_fraction(struct reader *r) {
    struct value a = read_part(r), b = r->failed ? a : read_part(r);
    return r->failed ? a : over(r, a, b);
}

static struct value read_root(struct reader *r) {
    struct value of = whole(2);
    if (take(r, "[")) {
        of = read_group(r, "]");
    }
    r->unsure = r->unsure || r->roots > 0;
    r->roots++;
    struct value v = r->failed ? of : read_braces(r);
    r->roots--;
    if (r->failed || v.infinite || !of.exact || of.num <= 0) {
        return fail(r);
    }
    return v.z == 0 ? v : (struct value) { .z = cpowl(v.z, 1 / of.z), .letters = v.letters };
}

/* Commands that are something else than a letter with a name. Functions first. */
static const char *const FUNCTIONS[] = { "\\exp", "\\ln", "\\log", "\\lg", "\\sin", "\\cos",
    "\\tan", "\\csc", "\\sec", "\\cot", "\\sinh", "\\cosh", "\\tanh", "\\arcsin", "\\arccos",
    "\\arctan" };
enum function {
    EXP,
    LN,
    LOG,
    LG,
    SIN,
    COS,
    TAN,
    CSC,
    SEC,
    COT,
    SINH,
    COSH,
    TANH,
    ASIN,
    ACOS,
    ATAN
};
static const char *const KEPT[] = { "\\frac", "\\dfrac", "\\tfrac", "\\sqrt", "\\binom", "\\dbinom",
    "\\tbinom", "\\cdot", "\\times", "\\div", "\\langle", "\\rangle", "\\lim", "\\to",
    "\\rightarrow", "\\Rightarrow", "\\longrightarrow", "\\Longrightarrow", "\\int", "\\sum",
    "\\prod", "\\arccsc", "\\arcsec", "\\arccot", "\\arsinh", "\\arcosh", "\\artanh", "\\lfloor",
    "\\rfloor", "\\lceil", "\\rceil", "\\overline", "\\mathit", "\\vrule", "\\vcenter", "\\vbox",
    "\\vskip", "\\vspace", "\\hfil", "\\limits", "\\negthinspace", "\\negmedspace",
    "\\negthickspace", "\\partial" };

static bool is_kept(const char *at) {
    size_t which;
    return AMONG(at, FUNCTIONS, &which) || AMONG(at, KEPT, &which) ||
           AMONG(at, RELATIONS, &which) || AMONG(at, BLANKS, &which);
}

/* A letter, or a command that is one: its name without the backslash. "dx" is a differential. */
static bool take_symbol(struct reader *r, const char **name, size_t *n) {
    skip(r);
    bool command = *r->at == '\\';
    *name = r->at + command;
    *n = 0;
    if (!is_letter(**name) || (command && is_kept(r->at)) ||
        (*r->at == 'd' && (is_letter(r->at[1]) || (r->at[1] == '\\' && is_letter(r->at[2]))))) {
        return false;
    }
    do {
        ++*n;
    } while (command && is_letter((*name)[*n]));
    r->at = *name + *n;
    return true;
}

static struct value apply(struct reader *r, enum function f, struct value v) {
    number z = v.z;
    r->unsure = true;
    r->failed = r->failed || v.infinite || ((f == LN || f == LOG || f == LG) && z == 0) ||
                ((f == COT || f == CSC) && z == 0);
    number out = f == EXP              ? cexpl(z)
                 : f == LN || f == LOG ? clogl(z)
                 : f == LG             ? clogl(z) / logl(10)
                 : f == SIN            ? csinl(z)
                 : f == COS            ? ccosl(z)
                 : f == TAN            ? ctanl(z)
                 : f == CSC            ? 1 / csinl(z)
                 : f == SEC            ? 1 / ccosl(z)
                 : f == COT            ? 1 / ctanl(z)
                 : f == SINH           ? csinhl(z)
                 : f == COSH           ? ccoshl(z)
                 : f == TANH           ? ctanhl(z)
                 : f == ASIN           ? casinl(z)
                 : f == ACOS           ? cacosl(z)
                                       : catanl(z);
    return (struct value) { .z = out, .letters = v.letters };
}

/* The base of a logarithm: "_{...}", or a digit that is followed by no other, or by one alone. */
static struct value read_base(struct reader *r) {
    if (take(r, "{")) {
        return read_group(r, "}");
    }
    bool alone = is_digit(r->at[0]) && (!is_digit(r->at[1]) || (is_digit(r->at[1]) && !r->at[2]));
    return alone && *r->at != '0' ? whole(*r->at++ - '0') : fail(r);
}

/* What a function is of: in parentheses, or a product without functions. */
static struct value read_argument(struct reader *r) {
    if (take(r, "(")) {
        struct value v = read_sum(r);
        return !r->failed && take(r, ")") ? v : fail(r);
    }
    bool within = r->no_functions;
    r->no_functions = true;
    struct value v = read_product(r);
    r->no_functions = within;
    return v;
}

static struct value read_function(struct reader *r, enum function f) {
    struct value base = whole(0), power = whole(1), v;
    bool based = (f == LOG || f == LN || f == LG) && take(r, "_");
    if (r->no_functions || ++r->depth > DEPTH_MAX) {
        return fail(r);
    }
    base = based ? read_base(r) : base;
    bool raised = !r->failed && take(r, "^");
    if (raised) { /* \sin^2 x; of \sin^{-1} there is more to be said */
        power = take(r, "{")       ? read_group(r, "}")
                : is_digit(*r->at) ? whole(*r->at++ - '0')
                                   : fail(r);
        raised = !r->failed && power.exact && power.num > 0 && !is_digit(*r->at) ? raised
                                                                                 : (fail(r), false);
    }
    v = r->failed ? base : read_argument(r);
    r->depth--;
    if (r->failed) {
        return v;
    }
    v = apply(r, f, v);
    if (based && !r->failed) {
        v = over(r, v, apply(r, LN, base));
        v = f == LG ? times(r, v, (struct value) { .z = logl(10) }) : v;
    }
    return raised && !r->failed ? to_power(r, v, power) : v;
}

/* "f(x, y)" */
static struct value read_application(struct reader *r, const char *name, size_t n) {
    uint64_t h = hash_of(0x2545f4914f6cdd1du, name, n);
    number out = 0;
    unsigned count = 0;
    bool begun = r->begun;
    if (++r->depth > DEPTH_MAX) {
        return fail(r);
    }
    r->begun = true;
    do {
        struct value v = read_sum(r);
        r->failed = r->failed || v.infinite;
        out += r->failed ? 0 : function_value(r, h, v.z, count++);
    } while (!r->failed && take(r, ","));
    r->depth--;
    r->begun = begun;
    r->unsure = true;
    return !r->failed && take(r, ")")
               ? (struct value) { .z = out * number_of(h + count), .letters = true }
               : fail(r);
}

/* "x_1", "x_{12}", "x_n" */
static bool take_subscript(struct reader *r, const char **sub, size_t *n) {
    bool braces = take(r, "{");
    *sub = r->at;
    *n = 0;
    if (is_letter(**sub)) {
        *n = **sub == 'd' ? 0 : 1;
    } else if (**sub != '0' || !is_digit((*sub)[1])) {
        while (is_digit((*sub)[*n])) {
            ++*n;
        }
    }
    r->at += *n;
    return *n > 0 && *r->at != ',' && *r->at != '.' && (!braces || take(r, "}"));
}

static struct value read_symbol(struct reader *r, const char *name, size_t n) {
    char full[96];
    const char *sub;
    size_t n_sub = 0;
    skip(r);
    if (n == 5 && !strncmp(name, "infty", 5)) {
        return *r->at == '_' || *r->at == '(' || *r->at == '\''
                   ? fail(r)
                   : (struct value) { .z = 1, .infinite = true };
    }
    if (n + 32 > sizeof full) {
        return fail(r);
    }
    memcpy(full, name, n);
    if (take(r, "_")) {
        if (!take_subscript(r, &sub, &n_sub) || n_sub > 24) {
            return fail(r);
        }
        memcpy(full + n, "_{", 2);
        memcpy(full + n + 2, sub, n_sub);
        full[n + 2 + n_sub] = '}';
        n += n_sub + 3;
    }
    skip(r);
    if (*r->at == '_' || *r->at == '\'' || (*r->at == '(' && (r->no_functions || n_sub))) {
        return fail(r);
    }
    return take(r, "(") ? read_application(r, full, n) : letter_value(r, full, n);
}

/* |x|; a second bar may be the end of an outer one. */
static struct value read_bars(struct reader *r) {
    if (r->bars) {
        return fail(r);
    }
    r->bars = true;
    struct value v = read_sum(r);
    r->bars = false;
    if (r->failed || !take(r, "|") || strchr("|_^", *r->at ? *r->at : '|') == r->at) {
        return fail(r);
    }
    if (v.infinite || *r->at == '|' || *r->at == '_' || *r->at == '^') {
        return fail(r);
    }
    r->unsure = r->unsure || !v.exact;
    return v.exact ? (v.num < 0 ? minus(v) : v)
                   : (struct value) { .z = cabsl(v.z), .letters = v.letters };
}

static struct value read_binomial(struct reader *r) {
    struct value n = read_braces(r), k = r->failed ? n : read_braces(r), out = whole(1);
    if (r->failed || !n.exact || !k.exact || n.den != 1 || k.den != 1 || k.num < 0 ||
        n.num < k.num || n.num > 60) {
        return fail(r);
    }
    for (int64_t i = 1; i <= k.num; i++) {
        out = over(r, times(r, out, whole(n.num - k.num + i)), whole(i));
    }
    return out;
}

/* Whether an atom begins here as far as sympy sees: what may stand behind "^", or in a product. */
static bool begins_atom(const char *at) {
    static const char *const FRACTIONS[] = { "\\frac", "\\dfrac", "\\tfrac", "\\binom", "\\dbinom",
        "\\tbinom" };
    size_t which;
    return is_digit(*at) || is_letter(*at) || AMONG(at, FRACTIONS, &which) ||
           (*at == '\\' && is_letter(at[1]) && !is_kept(at));
}

static struct value read_atom(struct reader *r) {
    const char *name;
    size_t n, which;
    skip(r);
    if (is_digit(*r->at)) {
        return read_number(r);
    }
    if (take(r, "\\frac") || take(r, "\\dfrac") || take(r, "\\tfrac")) {
        return read_fraction(r);
    }
    if (take(r, "\\binom") || take(r, "\\dbinom") || take(r, "\\tbinom")) {
        return read_binomial(r);
    }
    if (AMONG(r->at, FUNCTIONS, &which)) {
        r->at += strlen(FUNCTIONS[which]);
        return read_function(r, (enum function)which);
    }
    if (take(r, "\\sqrt")) {
        return r->no_functions ? fail(r) : read_root(r);
    }
    if (take(r, "(")) {
        return read_group(r, ")");
    }
    if (take(r, "[")) {
        return read_group(r, "]");
    }
    if (take(r, "\\{")) {
        return read_group(r, "\\}");
    }
    if (take(r, "{")) {
        return read_group(r, "}");
    }
    if (take(r, "|")) {
        return read_bars(r);
    }
    if (take_symbol(r, &name, &n)) {
        return read_symbol(r, name, n);
    }
    bool begins_nothing = !*r->at || strchr("^_})],:*/=<>!", *r->at) || is_no_sign(r->at) ||
                          stands(r->at, "\\}") || stands(r->at, "\\cdot") ||
                          stands(r->at, "\\times") || stands(r->at, "\\div") ||
                          (stands_bar(r->at) && !strstr(r->at, "\\rangle"));
    return begins_nothing ? fail_surely(r) : fail(r);
}

static struct value factorial(struct reader *r, struct value v) {
    struct value out = whole(1);
    if (!v.exact || v.den != 1 || v.num < 0 || v.num > 20) {
        return fail(r);
    }
    for (int64_t i = 2; i <= v.num; i++) {
        out = times(r, out, whole(i));
    }
    return out;
}

/* Behind "^" stands an atom or a group in braces: anything else, and what is read ends before it.
 */
static struct value read_power(struct reader *r) {
    struct value v = read_atom(r);
    skip(r);
    if (!r->failed && *r->at == '^') {
        const char *before = r->at++;
        skip(r);
        if (*r->at != '{' && !begins_atom(r->at)) {
            r->at = before;
            return r->depth || r->bars || r->no_functions ? fail(r) : v;
        }
        bool begun = r->begun;
        r->begun = true;
        struct value power = *r->at == '{' ? read_braces(r) : read_atom(r);
        r->begun = begun;
        v = r->failed ? v : to_power(r, v, power);
        skip(r);
        if (*r->at == '^' || *r->at == '_') {
            return fail(r);
        }
    }
    while (!r->failed && take(r, "!")) {
        v = factorial(r, v);
    }
    return v;
}

static bool begins_factor(struct reader *r) {
    size_t which;
    skip(r);
    bool function = AMONG(r->at, FUNCTIONS, &which) || stands(r->at, "\\sqrt");
    return begins_atom(r->at) || *r->at == '(' || *r->at == '[' || *r->at == '{' ||
           stands(r->at, "\\{") || (function && !r->no_functions) || (*r->at == '|' && !r->bars);
}

/* What stands side by side is multiplied, before any other product. An "x" between numbers is a
 * sign of that to sympy, where there is nothing else. */
static struct value read_side_by_side(struct reader *r) {
    bool negative = take(r, "-");
    if (negative || take(r, "+")) {
        struct value v = ++r->depth > DEPTH_MAX ? fail(r) : read_side_by_side(r);
        r->depth--;
        return negative ? minus(v) : v;
    }
    struct value v = read_power(r), last = v;
    bool begun = r->begun, sign = false;
    while (!r->failed && begins_factor(r)) {
        bool x = *r->at == 'x' && !last.letters;
        r->begun = true;
        struct value w = read_power(r);
        if (r->failed || (sign && !w.letters)) {
            return fail(r);
        }
        sign = x;
        v = times(r, v, w);
        last = w;
    }
    r->begun = begun;
    return v;
}

/* An operator with nothing behind it that could be its operand: what is read ends before it. */
static bool stops_before(struct reader *r, const char *operator_) {
    size_t which;
    skip(r);
    bool operand = begins_factor(r) || *r->at == '+' || *r->at == '-' || *r->at == '|' ||
                   (*r->at && is_kept(r->at) && !AMONG(r->at, RELATIONS, &which));
    if (operand) {
        return false;
    }
    if (*r->at || r->depth || r->bars || r->no_functions) {
        fail(r);
    }
    r->at = operator_;
    return true;
}

static struct value read_product(struct reader *r) {
    struct value v = read_side_by_side(r);
    bool begun = r->begun;
    while (!r->failed) {
        skip(r);
        const char *before = r->at;
        bool by = take(r, "\\cdot") || take(r, "\\times") || take(r, "*");
        bool of = !by && (take(r, "\\div") || take(r, "/") || take(r, ":"));
        if ((!by && !of) || stops_before(r, before)) {
            break;
        }
        r->begun = true;
        struct value w = read_side_by_side(r);
        v = r->failed ? v : by ? times(r, v, w) : over(r, v, w);
    }
    r->begun = begun;
    return v;
}

static struct value read_sum(struct reader *r) {
    struct value v = read_product(r);
    bool begun = r->begun;
    while (!r->failed) {
        skip(r);
        const char *before = r->at;
        bool add = take(r, "+");
        if ((!add && !take(r, "-")) || stops_before(r, before)) {
            break;
        }
        r->begun = true;
        struct value w = read_product(r);
        v = r->failed ? v : plus(r, v, add ? w : minus(w));
    }
    r->begun = begun;
    return v;
}

/* What sympy makes of a text. */
enum made {
    MADE_VALUE,
    MADE_NOTHING, /* it reads nothing, and nothing else is the same */
    MADE_APART,   /* from everything else: a relation, or infinite */
    MADE_UNKNOWN
};

/* A text is read as far as it makes sense: "5,6" is 5. */
static enum made read_formula(const char *text, unsigned trial, struct value *v, bool *unsure) {
    struct reader r = { .begin = text, .at = text, .trial = trial };
    size_t which;
    *v = read_sum(&r);
    if (r.failed) {
        return r.nothing ? MADE_NOTHING : MADE_UNKNOWN;
    }
    *unsure = *unsure || r.unsure;
    skip(&r);
    if (is_no_sign(r.at)) {
        return MADE_NOTHING;
    }
    if (AMONG(r.at, RELATIONS, &which)) {
        r.at += strlen(RELATIONS[which]);
        r.begun = true;
        read_sum(&r);
        return r.failed || is_no_sign(r.at) ? MADE_UNKNOWN : MADE_APART;
    }
    if (*r.at && !strchr(",)]}_+-*/:^", *r.at) && !stands(r.at, "\\}") && !stands(r.at, "\\cdot") &&
        !stands(r.at, "\\times") && !stands(r.at, "\\div")) {
        return MADE_UNKNOWN;
    }
    if (v->infinite) {
        return MADE_APART;
    }
    return isfinite(creall(v->z)) && isfinite(cimagl(v->z)) ? MADE_VALUE : MADE_UNKNOWN;
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

static enum formula_verdict compare_values(struct value a, struct value b, bool whole_only) {
    if (a.exact && b.exact) {
        return a.num == b.num && a.den == b.den ? FORMULA_SAME : FORMULA_DIFFERS;
    }
    if (a.rational && b.rational && whole_only) {
        return a.residue == b.residue ? FORMULA_SAME : FORMULA_DIFFERS;
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

/* Sums, powers and roots with decimals: sympy's are rounded, and what remains of a difference is
 * not nothing to it. */
static bool is_rounded(const char *a, const char *b) {
    return (strchr(a, '.') || strchr(b, '.')) &&
           (has_sum(a) || has_sum(b) || strpbrk(a, "^") || strpbrk(b, "^") || strstr(a, "\\sqrt") ||
               strstr(b, "\\sqrt"));
}

enum formula_verdict formula_compare(const char *a, const char *b) {
    if (!strcmp(a, b)) {
        return *a ? FORMULA_SAME : FORMULA_DIFFERS;
    }
    if (is_unreadable(a) || is_unreadable(b)) {
        return FORMULA_DIFFERS;
    }
    bool unsure = false, points = strchr(a, '.') || strchr(b, '.');
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        struct value va, vb;
        enum made of_a = read_formula(a, trial, &va, &unsure),
                  of_b = read_formula(b, trial, &vb, &unsure);
        if (of_a == MADE_NOTHING || of_b == MADE_NOTHING || of_a == MADE_APART ||
            of_b == MADE_APART) {
            return FORMULA_DIFFERS;
        }
        if (of_a == MADE_UNKNOWN || of_b == MADE_UNKNOWN) {
            return FORMULA_UNKNOWN;
        }
        enum formula_verdict verdict = compare_values(va, vb, !points);
        if (verdict != FORMULA_SAME) {
            return verdict;
        }
    }
    return unsure || is_rounded(a, b) ? FORMULA_UNKNOWN : FORMULA_SAME;
}
