/* Oniguruma's dialect in PCRE2's words (see regex_dialect.h).
 *
 * What differs: classes are sets (unions, intersections, negation at any depth), \h is a
 * hexadecimal digit, \w and what rests on it (\b, [[:word:]]) has its own members, a script's name
 * means the script and not what is also used with it, {,n} counts from 0, {n,m}+ repeats and does
 * not possess, (?m) is PCRE2's (?s), and \uHHHH is a code point.
 *
 * A class becomes `members` where PCRE2 can say it in brackets; what it can't, a set without its
 * intersection or a complement inside a union, becomes alternatives and looks ahead, each of which
 * still takes one character. */
#include "harness/tokenizer/regex/regex_dialect.h"

#include <ctype.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "harness/tokenizer/unicode/unicode_data.h"

enum dialect_limit { DEPTH_MAX = 64, GROUPS_MAX = 256, NAME_MAX_BYTES = 64 };

struct translation {
    const char *at, *end;
    struct strbuf *out;
    bool wide;
    size_t atom; /* where what a quantifier would count begins in `out` */
    size_t groups[GROUPS_MAX];
    int n_groups;
};

/* One operand of &&: what stands in brackets, and what can't. */
struct set {
    struct strbuf members, others; /* others: "|" and a pattern of one character, repeatedly */
    size_t n_others;
};

static void set_release(struct set *s) {
    strbuf_release(&s->members);
    strbuf_release(&s->others);
    s->n_others = 0;
}

static bool starts(const struct translation *t, const char *prefix) {
    size_t n = strlen(prefix);
    return (size_t)(t->end - t->at) >= n && memcmp(t->at, prefix, n) == 0;
}

/* ---- named classes ---- */

/* Oniguruma's \w: alphabetic, marks, digits, connectors; outside of a class also the other numbers
 * below U+0100. */
#define WORD                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{"     \
    "1f169}"                                                                                       \
    "\\x{1f170}-\\x{1f189}"
#define WORD_NEW "L\0M\0Nd\0Nl\0Pc\0"
#define WORD_LATIN "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define ALPHA "\\p{Alphabetic}\\x{363}-\\x{36f}"

struct named {
    const char *name, *members, *new; /* new: general categories that grew */
    bool outside;                     /* all but the members */
};

/* POSIX's names, as [[:name:]] and as \p{name}. */
static const struct named POSIX[] = {
    { .name = "alnum", .members = ALPHA "\\p{Nd}", .new = "L\0Nd\0" },
    { .name = "alpha", .members = ALPHA, .new = "L\0" },
    { .name = "ascii", .members = "\\x{0}-\\x{7f}", .new = "" },
    { .name = "blank", .members = "\\p{Zs}\\t", .new = "" },
    { .name = "cntrl", .members = "\\p{Cc}", .new = "" },
    { .name = "digit", .members = "\\p{Nd}", .new = "Nd\0" },
    { .name = "graph",
        .members = "\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}",
        .new = "",
        .outside = true },
    { .name = "lower", .members = "\\p{Lowercase}", .new = "Ll\0" },
    { .name = "print",
        .members = "\\p{Cc}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}",
        .new = "",
        .outside = true },
    { .name = "punct", .members = "\\p{P}\\p{S}", .new = "P\0S\0" },
    { .name = "space", .members = "\\p{White_Space}", .new = "" },
    { .name = "upper", .members = "\\p{Uppercase}", .new = "Lu\0" },
    { .name = "word", .members = WORD, .new = WORD_NEW },
    { .name = "xdigit", .members = "0-9a-fA-F", .new = "" },
};

static const char *new_ranges(const char *name) {
    if (strcmp(name, "Han") == 0) { /* ideographs of Unicode 15 and 15.1 */
        return "\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}";
    }
    const struct unicode_category *c = UNICODE_NEW_CATEGORIES;
    while (c->name && strcmp(c->name, name) != 0) {
        c++;
    }
    return c->name ? c->ranges : "";
}

static void put_members(
    const struct translation *t, const char *members, const char *new, struct strbuf *out) {
    strbuf_adds(out, members);
    for (; t->wide && *new; new += strlen(new) + 1) {
        strbuf_adds(out, new_ranges(new));
    }
}

static void set_put(const struct translation *t, const char *members, const char *new, bool outside,
    struct set *s) {
    if (!outside) {
        put_members(t, members, new, &s->members);
        return;
    }
    s->n_others++;
    strbuf_adds(&s->others, "|[^");
    put_members(t, members, new, &s->others);
    strbuf_addc(&s->others, ']');
}

static const struct named *posix_named(const char *name) {
    for (size_t i = 0; i < sizeof POSIX / sizeof *POSIX; i++) {
        if (strcmp(POSIX[i].name, name) == 0) {
            return &POSIX[i];
        }
    }
    return NULL;
}

/* Unicode's long names of general categories. */
static const char *category_named(const char *name) {
    static const char *const NAMES[][2] = {
        { "letter", "L" },
        { "uppercaseletter", "Lu" },
        { "lowercaseletter", "Ll" },
        { "titlecaseletter", "Lt" },
        { "modifierletter", "Lm" },
        { "otherletter", "Lo" },
        { "mark", "M" },
        { "nonspacingmark", "Mn" },
        { "spacingmark", "Mc" },
        { "enclosingmark", "Me" },
        { "combiningmark", "M" },
        { "number", "N" },
        { "decimalnumber", "Nd" },
        { "letternumber", "Nl" },
        { "othernumber", "No" },
        { "punctuation", "P" },
        { "connectorpunctuation", "Pc" },
        { "dashpunctuation", "Pd" },
        { "openpunctuation", "Ps" },
        { "closepunctuation", "Pe" },
        { "initialpunctuation", "Pi" },
        { "finalpunctuation", "Pf" },
        { "otherpunctuation", "Po" },
        { "symbol", "S" },
        { "mathsymbol", "Sm" },
        { "currencysymbol", "Sc" },
        { "modifiersymbol", "Sk" },
        { "othersymbol", "So" },
        { "separator", "Z" },
        { "spaceseparator", "Zs" },
        { "lineseparator", "Zl" },
        { "paragraphseparator", "Zp" },
        { "other", "C" },
        { "control", "Cc" },
        { "format", "Cf" },
        { "unassigned", "Cn" },
        { "privateuse", "Co" },
        { "surrogate", "Cs" },
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(NAMES[i][0], name) == 0) {
            return NAMES[i][1];
        }
    }
    return NULL;
}

static bool is_script(const char *name) {
    char pattern[NAME_MAX_BYTES + 16];
    int code, n = snprintf(pattern, sizeof pattern, "\\p{sc:%s}", name);
    PCRE2_SIZE at;
    pcre2_code *program =
        pcre2_compile((PCRE2_SPTR)pattern, (PCRE2_SIZE)n, PCRE2_UTF, &code, &at, NULL);
    pcre2_code_free(program);
    return program != NULL;
}

/* Lower-case letters and digits only, which is how names are compared. */
static void plain_name(const char *name, size_t n, char out[NAME_MAX_BYTES]) {
    size_t to = 0;
    for (size_t i = 0; i < n && to + 1 < NAME_MAX_BYTES; i++) {
        if (isalnum((unsigned char)name[i])) {
            out[to++] = (char)tolower((unsigned char)name[i]);
        }
    }
    out[to] = 0;
}

/* What \p{name} and [[:name:]] don't agree on, and scripts that grew. */
static const struct named *property_named(const char *name) {
    static const struct named NAMES[] = {
        { .name = "alphabetic", .members = ALPHA, .new = "L\0" },
        { .name = "han", .members = "\\p{sc:Han}", .new = "Han\0" },
        { .name = "punct", .members = "\\p{P}", .new = "P\0" },
        { .name = "word", .members = WORD WORD_LATIN, .new = WORD_NEW },
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(NAMES[i].name, name) == 0) {
            return &NAMES[i];
        }
    }
    return posix_named(name);
}

static void property_put(
    const struct translation *t, const char *name, bool outside, struct set *s) {
    char text[NAME_MAX_BYTES + 16], category[4] = { 0 };
    const struct named *named = property_named(name);
    const char *general = category_named(name);
    if (named) {
        set_put(t, named->members, named->new, outside != named->outside, s);
        return;
    }
    if (!general && strlen(name) <= 2) {
        snprintf(category, sizeof category, "%c%.2s", toupper((unsigned char)name[0]), name + 1);
        general = category;
    }
    snprintf(text, sizeof text, "\\p{%s%s}", !general && is_script(name) ? "sc:" : "",
        general ? general : name);
    char grown[4] = { 0 }; /* a list of one name */
    memcpy(grown, general ? general : "", general ? strlen(general) : 0);
    set_put(t, text, grown, outside, s);
}

/* \p{X}, \P{X}, \p{^X} */
static bool property(struct translation *t, struct set *s) {
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    if (!close || (!starts(t, "\\p{") && !starts(t, "\\P{"))) {
        return false;
    }
    bool caret = t->at[3] == '^', outside = (t->at[1] == 'P') != caret;
    char name[NAME_MAX_BYTES];
    plain_name(t->at + 3 + caret, (size_t)(close - t->at) - 3 - caret, name);
    property_put(t, name, outside, s);
    t->at = close + 1;
    return true;
}

/* ---- escapes ---- */

/* \w, \d, \s, \h and their complements; false for any other escape. */
static bool shorthand(struct translation *t, bool in_class, struct set *s) {
    static const char *const NAMES[][2] = { { "w", "word" }, { "d", "digit" }, { "s", "space" },
        { "h", "xdigit" } };
    for (size_t i = 0; i < 4 && t->at + 1 < t->end; i++) {
        if (tolower((unsigned char)t->at[1]) == NAMES[i][0][0]) {
            const struct named *n = posix_named(NAMES[i][1]);
            bool latin = i == 0 && !in_class;
            set_put(t, latin ? WORD WORD_LATIN : n->members, n->new,
                isupper((unsigned char)t->at[1]), s);
            t->at += 2;
            return true;
        }
    }
    return false;
}

static bool code_point(struct translation *t, struct strbuf *out) {
    bool ok = starts(t, "\\u") && t->end - t->at >= 6;
    for (int i = 2; ok && i < 6; i++) {
        ok = isxdigit((unsigned char)t->at[i]);
    }
    if (ok) {
        strbuf_addf(out, "\\x{%.4s}", t->at + 2);
        t->at += 6;
    }
    return ok;
}

/* Escapes that say the same in both dialects; any other letter stands for itself in Oniguruma. */
#define SAME "aefnrtxocbBAzZGRK"
#define SAME_IN_CLASS "aefnrtxocb"

static void put_letter(struct translation *t, const char *same, struct strbuf *out) {
    const char letter = t->at[1];
    if (letter == 'v') { /* one character there, a class here */
        strbuf_adds(out, "\\x0b");
    } else if (isalpha((unsigned char)letter) && !strchr(same, letter)) {
        strbuf_addc(out, letter);
    } else {
        strbuf_add(out, t->at, 2);
    }
    t->at += 2;
}

/* \cA and \C-A */
static bool control(struct translation *t, struct strbuf *out) {
    if (!starts(t, "\\C-") || t->end - t->at < 4) {
        return false;
    }
    strbuf_addf(out, "\\c%c", t->at[3]);
    t->at += 4;
    return true;
}

static void copy_escape(struct translation *t, const char *same, struct strbuf *out) {
    if (t->at + 1 == t->end) {
        strbuf_addc(out, *t->at++);
    } else if (!control(t, out)) {
        put_letter(t, same, out);
    }
}

/* ---- classes ---- */

static void set_text(const struct set *s, struct strbuf *out) {
    if (s->others.len == 0) {
        strbuf_addf(out, s->members.len ? "[%s]" : "(?!)", strbuf_str(&s->members));
    } else if (s->members.len == 0) {
        strbuf_addf(out, "(?:%s)", strbuf_str(&s->others) + 1);
    } else {
        strbuf_addf(out, "(?:[%s]%s)", strbuf_str(&s->members), strbuf_str(&s->others));
    }
}

/* Adds a whole class to the one around it. */
static void close_class(
    const struct set *s, const struct strbuf *before, bool negated, struct set *to) {
    if (before->len == 0 && s->others.len == 0 && s->members.len && !negated) {
        strbuf_adds(&to->members, strbuf_str(&s->members));
        return;
    }
    struct strbuf text = { 0 };
    set_text(s, &text);
    to->n_others++;
    if (negated && before->len == 0 && s->others.len == 0 && s->members.len) {
        strbuf_addf(&to->others, "|[^%s]", strbuf_str(&s->members));
    } else if (negated) {
        strbuf_addf(&to->others, "|(?:(?!%s%s)[\\s\\S])", strbuf_str(before), strbuf_str(&text));
    } else {
        strbuf_addf(&to->others, "|(?:%s%s)", strbuf_str(before), strbuf_str(&text));
    }
    strbuf_release(&text);
}

static bool posix_class(struct translation *t, struct set *s) {
    const char *close =
        starts(t, "[:") ? memmem(t->at + 2, (size_t)(t->end - t->at - 2), ":]", 2) : NULL;
    char name[NAME_MAX_BYTES] = { 0 };
    bool caret = close && t->at[2] == '^';
    size_t n = close ? (size_t)(close - t->at) - 2 - caret : 0;
    if (!close || n >= sizeof name) {
        return false;
    }
    memcpy(name, t->at + 2 + caret, n);
    const struct named *named = posix_named(name);
    if (!named) {
        return false;
    }
    set_put(t, named->members, named->new, caret != named->outside, s);
    t->at = close + 2;
    return true;
}

static void member(struct translation *t, struct set *s) {
    if (*t->at == '\\') {
        if (!property(t, s) && !shorthand(t, true, s) && !code_point(t, &s->members)) {
            copy_escape(t, SAME_IN_CLASS, &s->members);
        }
        return;
    }
    if (*t->at == '^') {
        strbuf_addc(&s->members, '\\');
    }
    strbuf_addc(&s->members, *t->at++);
}

/* A class from its bracket on, into the set around it. */
static bool class_put(struct translation *t, struct set *to, int depth, struct err *err) {
    struct set s = { 0 };
    struct strbuf before = { 0 }; /* operands of && so far, as looks ahead */
    bool negated = starts(t, "[^"), ok = depth < DEPTH_MAX;
    t->at += negated ? 2 : 1;
    if (starts(t, "]")) { /* one that stands first stands for itself */
        strbuf_adds(&s.members, "\\]");
        t->at++;
    }
    while (ok && t->at < t->end && *t->at != ']') {
        if (starts(t, "&&")) {
            strbuf_adds(&before, "(?=");
            set_text(&s, &before);
            strbuf_addc(&before, ')');
            set_release(&s);
            t->at += 2;
        } else if (*t->at == '[') {
            ok = posix_class(t, &s) || class_put(t, &s, depth + 1, err);
        } else {
            member(t, &s);
        }
    }
    if (ok && t->at == t->end) {
        ok = err_set(err, ERR_INPUT, "regex has a class without an end");
    } else if (!ok && depth >= DEPTH_MAX) {
        err_set(err, ERR_INPUT, "regex nests classes to a depth of more than %d", DEPTH_MAX);
    }
    t->at += ok;
    if (ok) {
        close_class(&s, &before, negated, to);
    }
    set_release(&s);
    strbuf_release(&before);
    return ok;
}

static bool class_whole(struct translation *t, struct err *err) {
    struct set s = { 0 };
    bool ok = class_put(t, &s, 0, err);
    if (ok && s.members.len == 0 && s.n_others == 1 && s.others.text[1] == '[') {
        strbuf_adds(t->out, strbuf_str(&s.others) + 1); /* a negated class is a class: one that
                                                           repeats takes no stack */
    } else if (ok) {
        set_text(&s, t->out);
    }
    set_release(&s);
    return ok;
}

/* ---- what stands outside of classes ---- */

/* \b and \B: where \w begins or ends. */
static bool boundary(struct translation *t) {
    bool inside = starts(t, "\\B");
    if (!inside && !starts(t, "\\b")) {
        return false;
    }
    struct strbuf word = { 0 };
    put_members(t, WORD WORD_LATIN, WORD_NEW, &word);
    const char *w = strbuf_str(&word), *mark = inside ? "=!" : "!=";
    strbuf_addf(t->out, "(?:(?<=[%s])(?%c[%s])|(?<![%s])(?%c[%s]))", w, mark[0], w, w, mark[1], w);
    strbuf_release(&word);
    t->at += 2;
    return true;
}

/* A cluster that begins with a pictograph: PCRE2 up to 10.42 takes the next one along. */
#define PICTOGRAPH                                                                                 \
    "\\p{ExtPict}(?:[\\p{Grapheme_Extend}\\p{Emoji_Modifier}]*\\x{200d}\\p{ExtPict})*"             \
    "[\\p{Grapheme_Extend}\\p{Emoji_Modifier}\\p{Mc}\\x{200d}]*"

/* Escapes that PCRE2 has another word for; names and numbers of groups are the same in both. */
static bool other_word(struct translation *t) {
    static const char *const WORDS[][2] = {
        { "\\O", "[\\s\\S]" },
        { "\\X", "(?>(?!\\p{ExtPict})\\X|" PICTOGRAPH ")" },
        { "\\N", "\\N" },
        { "\\k<", "\\k<" },
        { "\\k'", "\\k'" },
        { "\\g<", "\\g<" },
        { "\\g'", "\\g'" },
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (starts(t, WORDS[i][0])) {
            strbuf_adds(t->out, WORDS[i][1]);
            t->at += strlen(WORDS[i][0]);
            return true;
        }
    }
    return false;
}

/* Text segments and meta characters: neither is in PCRE2, and neither is a letter that could stand
 * for itself. */
static bool is_known(const struct translation *t, struct err *err) {
    return !starts(t, "\\y") && !starts(t, "\\Y") && !starts(t, "\\M-")
               ? true
               : err_set(
                     err, ERR_UNSUPPORTED, "regex has '\\%c', which is not supported", t->at[1]);
}

static bool escape(struct translation *t, struct err *err) {
    struct set s = { 0 };
    t->atom = t->out->len;
    if (!is_known(t, err)) {
        return false;
    }
    if (property(t, &s) || shorthand(t, false, &s)) {
        set_text(&s, t->out);
    } else if (!other_word(t) && !boundary(t) && !code_point(t, t->out)) {
        copy_escape(t, SAME, t->out);
    }
    set_release(&s);
    return true;
}

static bool open_group(struct translation *t, struct err *err) {
    if (t->n_groups == GROUPS_MAX) {
        return err_set(err, ERR_INPUT, "regex nests groups to a depth of more than %d", GROUPS_MAX);
    }
    t->groups[t->n_groups++] = t->out->len;
    strbuf_addc(t->out, *t->at++);
    if (starts(t, "?#")) { /* a comment, which may hold anything */
        const char *close = memchr(t->at, ')', (size_t)(t->end - t->at));
        strbuf_add(t->out, t->at, (size_t)((close ? close : t->end) - t->at));
        t->at = close ? close : t->end;
        return true;
    }
    const char *end = t->at + 1;
    while (end < t->end && strchr("imsx-", *end)) {
        end++;
    }
    if (starts(t, "?") && end < t->end && end > t->at + 1 && (*end == ':' || *end == ')')) {
        for (; t->at < end; t->at++) { /* a dot that takes newlines, too, is Oniguruma's m */
            strbuf_addc(t->out, *t->at == 'm' ? 's' : *t->at);
        }
    }
    return true;
}

static void close_group(struct translation *t) {
    t->atom = t->n_groups > 0 ? t->groups[--t->n_groups] : t->out->len;
    strbuf_addc(t->out, *t->at++);
}

/* {n}, {n,}, {,m}, {n,m}; false: the brace stands for itself. */
static bool interval(struct translation *t) {
    const char *s = t->at + 1, *low = s;
    while (s < t->end && isdigit((unsigned char)*s)) {
        s++;
    }
    size_t n_low = (size_t)(s - low);
    bool comma = s < t->end && *s == ',';
    const char *high = s + comma;
    for (s = high; comma && s < t->end && isdigit((unsigned char)*s); s++) {
    }
    if (s == t->end || *s != '}' || (n_low == 0 && s == high)) {
        return false;
    }
    bool repeats = s + 1 < t->end && s[1] == '+';
    struct strbuf atom = { 0 };
    strbuf_adds(&atom, strbuf_str(t->out) + t->atom);
    t->out->len = repeats ? t->atom : t->out->len;
    if (repeats) {
        strbuf_addf(t->out, "(?:%s", strbuf_str(&atom));
    }
    strbuf_addf(t->out, "{%.*s%s%.*s}%s", n_low ? (int)n_low : 1, n_low ? low : "0",
        comma ? "," : "", comma ? (int)(s - high) : 0, high, repeats ? ")" : "");
    strbuf_release(&atom);
    t->at = s + 1;
    return true;
}

static bool step(struct translation *t, struct err *err) {
    switch (*t->at) {
    case '\\':
        return escape(t, err);
    case '[':
        t->atom = t->out->len;
        return class_whole(t, err);
    case '(':
        return open_group(t, err);
    case ')':
        close_group(t);
        return true;
    case '{':
        if (interval(t)) {
            return true;
        }
        break;
    case '*':
    case '+':
    case '?':
        strbuf_addc(t->out, *t->at++);
        return true;
    default:
        break;
    }
    if (((unsigned char)*t->at & 0xc0) != 0x80) {
        t->atom = t->out->len;
    }
    strbuf_addc(t->out, *t->at++);
    return true;
}

bool regex_translate(
    const char *pattern, size_t n, bool wide, struct strbuf *out, struct err *err) {
    struct translation t = { .at = pattern, .end = pattern + n, .out = out, .wide = wide };
    while (t.at < t.end) {
        if (!step(&t, err)) {
            return false;
        }
    }
    return true;
}
