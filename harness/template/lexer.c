/* Jinja's tokens, with its rules for white space: a '-' in a tag takes all white space on its side;
 * otherwise the first newline after a block or comment goes (trim_blocks), and blanks between the
 * start of a line and a block or comment (lstrip_blocks) unless the tag has a '+'. Newlines of any
 * kind become '\n', and one at the very end goes. */
#include "harness/template/syntax.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define BRACKETS_MAX 256

struct lexer {
    struct arena *arena;
    const char *at, *end;
    int line;
    bool line_starts; /* the last tag took its newline with it */
    char brackets[BRACKETS_MAX];
    size_t n_brackets;
    struct token_array *out;
    struct err *err;
};

static bool complain(struct lexer *l, const char *what) {
    return err_set(l->err, ERR_INPUT, "template line %d: %s", l->line, what);
}

static struct token *push(struct lexer *l, enum token_type type) {
    mem_grow(&l->out->items, &l->out->capacity, l->out->n + 1, sizeof *l->out->items);
    struct token *t = &l->out->items[l->out->n++];
    *t = (struct token) { .type = type, .line = l->line };
    return t;
}

static void count_lines(struct lexer *l, const char *from, const char *to) {
    for (; from < to; from++)
        l->line += *from == '\n';
}

static bool looking_at(const struct lexer *l, const char *s) {
    const size_t n = strlen(s);
    return (size_t)(l->end - l->at) >= n && memcmp(l->at, s, n) == 0;
}

/* Bytes of the white space character at `at`, 0 if there is none. */
static size_t space_at(const char *at, const char *end) {
    uint32_t cp;
    const size_t n = at < end ? utf8_decode(at, (size_t)(end - at), &cp) : 0;
    return n && pystr_space(cp) ? n : 0;
}

static void pass_space(struct lexer *l) {
    for (size_t n; (n = space_at(l->at, l->end)) > 0; l->at += n)
        l->line += *l->at == '\n';
}

static const char *before_space(const char *from, const char *to) {
    return from + pystr_strip(value_text(from, (size_t)(to - from)), value_none(), false, true).n;
}

/* ---- text between tags ---- */

/* Where text that ends at a block or comment without a sign really ends. */
static const char *before_indent(const struct lexer *l, const char *from, const char *to) {
    const char *line = to;
    while (line > from && line[-1] != '\n')
        line--;
    if (line == from && !l->line_starts)
        return to;
    for (const char *at = line; at < to;) {
        const size_t n = space_at(at, to);
        if (!n)
            return to;
        at += n;
    }
    return line;
}

static void push_text(struct lexer *l, const char *from, const char *to, char sign, bool is_block) {
    const char *kept = sign == '-'               ? before_space(from, to)
                       : is_block && sign != '+' ? before_indent(l, from, to)
                                                 : to;
    if (kept > from) {
        struct token *t = push(l, TOKEN_DATA);
        t->text = from;
        t->n = (size_t)(kept - from);
    }
    count_lines(l, from, to);
}

/* What stands at the end of a block or comment: "%}", "-%}", "+%}". Passes over it and over what it
 * takes with it; false if it isn't there. */
static bool take_end(struct lexer *l, const char *mark, bool trims) {
    const char *start = l->at;
    const char sign = l->at < l->end ? *l->at : 0;
    if (sign == '-' || (sign == '+' && trims))
        l->at++;
    if (!looking_at(l, mark)) {
        l->at = start;
        return false;
    }
    l->at += 2;
    if (*start == '-')
        pass_space(l);
    else if (*start != '+' && trims && l->at < l->end && *l->at == '\n')
        l->at++, l->line++;
    l->line_starts = l->at[-1] == '\n';
    return true;
}

static bool pass_comment(struct lexer *l) {
    const int line = l->line;
    for (; l->at < l->end; l->at++) {
        if (take_end(l, "#}", true))
            return true;
        l->line += *l->at == '\n';
    }
    l->line = line;
    return complain(l, "missing end of comment tag");
}

/* Is a block named `name` and nothing else at `l`, which stands behind "{%" and its sign? Then
 * passes over it. */
static bool take_bare_block(struct lexer *l, const char *name) {
    const struct lexer before = *l;
    pass_space(l);
    if (looking_at(l, name)) {
        l->at += strlen(name);
        pass_space(l);
        if (take_end(l, "%}", true))
            return true;
    }
    *l = before;
    return false;
}

static char take_sign(struct lexer *l) {
    return l->at < l->end && (*l->at == '-' || *l->at == '+') ? *l->at++ : 0;
}

/* Everything up to {% endraw %} is text. */
static bool take_raw(struct lexer *l) {
    const char *from = l->at;
    for (; l->at < l->end; l->at++) {
        if (!looking_at(l, "{%"))
            continue;
        const char *to = l->at;
        struct lexer inside = *l;
        inside.at += 2;
        const char sign = take_sign(&inside);
        if (!take_bare_block(&inside, "endraw"))
            continue;
        push_text(l, from, to, sign, true);
        l->at = inside.at;
        l->line_starts = inside.line_starts;
        return true;
    }
    return complain(l, "missing end of raw directive");
}

/* ---- inside a tag ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static const char *pass_digits(const char *at, const char *end) {
    while (at < end && (is_digit(*at) || (*at == '_' && at + 1 < end && is_digit(at[1]))))
        at++;
    return at;
}

/* The end of a number with a fraction or an exponent; NULL if it has neither. */
static const char *float_end(const char *at, const char *end) {
    const char *p = pass_digits(at, end), *fraction = NULL;
    if (p + 1 < end && *p == '.' && is_digit(p[1]))
        fraction = p = pass_digits(p + 1, end);
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *q = p + 1;
        q += q < end && (*q == '+' || *q == '-');
        if (q < end && is_digit(*q))
            return pass_digits(q, end);
    }
    return fraction;
}

static int base_of(const char *at, const char *end) {
    if (end - at < 3 || *at != '0')
        return 10;
    const char c = (char)(at[1] | 0x20);
    return c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
}

static const char *integer_end(const char *at, const char *end, int base) {
    if (base == 10 && *at == '0') {
        while (at < end && (*at == '0' || *at == '_'))
            at++;
        return at;
    }
    if (base == 10)
        return pass_digits(at, end);
    for (at += 2; at < end && (is_name(*at) && (unsigned char)*at < 0x80); at++)
        continue;
    return at;
}

static bool take_number(struct lexer *l) {
    const char *from = l->at, *to = l->out->n && from[-1] == '.' ? NULL : float_end(from, l->end);
    const int base = to ? 0 : base_of(from, l->end);
    if (!to)
        to = integer_end(from, l->end, base);
    char digits[64];
    size_t n = 0;
    for (const char *p = from + (base == 10 || !base ? 0 : 2); p < to; p++)
        if (*p != '_' && n < sizeof digits - 1)
            digits[n++] = *p;
    digits[n] = 0;
    if (n == sizeof digits - 1)
        return complain(l, "a number with too many digits");
    struct token *t = push(l, base ? TOKEN_INTEGER : TOKEN_FLOAT);
    char *end = NULL;
    errno = 0;
    if (base)
        t->integer = strtoll(digits, &end, base);
    else
        t->real = strtod(digits, &end);
    if (!n || *end || (base && errno == ERANGE))
        return complain(l, "a number that cannot be read, or with more than 63 bits");
    l->at = to;
    return true;
}

static int hex_of(const char *at, size_t n, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        const char c = at[i], low = (char)(c | 0x20);
        const int digit = is_digit(c) ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        *out = *out << 4 | (uint32_t)digit;
    }
    return 0;
}

static void add_code_point(struct strbuf *out, uint32_t cp) {
    char utf8[4];
    size_t n = utf8_encode(cp, utf8);
    if (!n)
        n = utf8_encode(0xfffd, utf8);
    strbuf_add(out, utf8, n);
}

/* \x41, A and \U00000041, a pair of surrogates being one character. */
static bool take_hex_escape(struct lexer *l, struct strbuf *out) {
    const size_t n = *l->at == 'x' ? 2 : *l->at == 'u' ? 4 : 8;
    uint32_t cp, low;
    if ((size_t)(l->end - l->at) <= n || hex_of(l->at + 1, n, &cp) != 0)
        return complain(l, "a truncated escape in a string");
    l->at += n + 1;
    if (cp >= 0xd800 && cp < 0xdc00 && l->end - l->at > 6 && l->at[0] == '\\' && l->at[1] == 'u' &&
        hex_of(l->at + 2, 4, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        l->at += 6;
    }
    add_code_point(out, cp);
    return true;
}

static bool take_escape(struct lexer *l, struct strbuf *out) {
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char c = *l->at;
    const char *plain = c ? strchr(from, c) : NULL;
    if (c == 'x' || c == 'u' || c == 'U')
        return take_hex_escape(l, out);
    if (c == 'N')
        return complain(l, "characters by name (\\N) are not supported");
    if (c >= '0' && c <= '7') {
        uint32_t cp = 0;
        for (int i = 0; i < 3 && l->at < l->end && *l->at >= '0' && *l->at <= '7'; i++)
            cp = cp << 3 | (uint32_t)(*l->at++ - '0');
        add_code_point(out, cp);
        return true;
    }
    l->at++;
    if (plain) {
        strbuf_addc(out, to[plain - from]);
    } else if (c != '\n') {
        strbuf_addc(out, '\\');
        strbuf_addc(out, c);
    }
    return true;
}

static bool take_string(struct lexer *l) {
    const char quote = *l->at++;
    const int line = l->line;
    struct strbuf text = { 0 };
    bool ok = true;
    while (ok && l->at < l->end && *l->at != quote) {
        l->line += *l->at == '\n';
        if (*l->at != '\\') {
            strbuf_addc(&text, *l->at++);
        } else if (++l->at < l->end) {
            ok = take_escape(l, &text);
        }
    }
    if (ok && l->at >= l->end) {
        l->line = line;
        ok = complain(l, "a string that does not end");
    }
    if (ok) {
        struct token *t = push(l, TOKEN_STRING);
        t->line = line;
        t->n = text.len;
        t->text = arena_strndup(l->arena, strbuf_str(&text), text.len);
        l->at++;
    }
    strbuf_release(&text);
    return ok;
}

static bool bracket_check(struct lexer *l, char c) {
    static const char open[] = "([{", close[] = ")]}";
    const char *opens = strchr(open, c), *closes = strchr(close, c);
    if (opens && l->n_brackets == BRACKETS_MAX)
        return complain(l, "brackets are nested too deeply");
    if (opens)
        l->brackets[l->n_brackets++] = close[opens - open];
    if (closes && (!l->n_brackets || l->brackets[--l->n_brackets] != c)) {
        char what[] = "unexpected ' '";
        what[sizeof what - 3] = c;
        return complain(l, what);
    }
    return true;
}

static bool take_operator(struct lexer *l) {
    static const char *const pairs[] = { "==", "!=", ">=", "<=", "**", "//" };
    static const char singles[] = "+-*/%~<>=.:|,;()[]{}";
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (looking_at(l, pairs[i])) {
            push(l, TOKEN_OPERATOR)->op = OP2(pairs[i][0], pairs[i][1]);
            l->at += 2;
            return true;
        }
    }
    const char c = *l->at;
    if (!c || !strchr(singles, c)) {
        char what[] = "unexpected character ' '";
        what[sizeof what - 3] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
        return complain(l, what);
    }
    if (!bracket_check(l, c))
        return false;
    push(l, TOKEN_OPERATOR)->op = c;
    l->at++;
    return true;
}

static bool take_token(struct lexer *l) {
    if (is_digit(*l->at))
        return take_number(l);
    if (is_name(*l->at)) {
        const char *from = l->at;
        while (l->at < l->end && is_name(*l->at))
            l->at++;
        struct token *t = push(l, TOKEN_NAME);
        t->n = (size_t)(l->at - from);
        t->text = arena_strndup(l->arena, from, t->n);
        return true;
    }
    return *l->at == '"' || *l->at == '\'' ? take_string(l) : take_operator(l);
}

static bool take_tag(struct lexer *l, bool is_block) {
    const int line = l->line;
    push(l, is_block ? TOKEN_BLOCK_BEGIN : TOKEN_VARIABLE_BEGIN);
    l->n_brackets = 0;
    while (l->at < l->end) {
        pass_space(l);
        if (!l->n_brackets && take_end(l, is_block ? "%}" : "}}", is_block)) {
            push(l, is_block ? TOKEN_BLOCK_END : TOKEN_VARIABLE_END);
            return true;
        }
        if (l->at < l->end && !take_token(l))
            return false;
    }
    l->line = line;
    return complain(l, "this tag does not end");
}

static bool take_text_and_tag(struct lexer *l) {
    const char *from = l->at;
    while (l->at < l->end && !looking_at(l, "{{") && !looking_at(l, "{%") && !looking_at(l, "{#"))
        l->at++;
    if (l->at == l->end) {
        push_text(l, from, l->end, 0, false);
        return true;
    }
    const char *to = l->at, kind = l->at[1];
    l->at += 2;
    const char sign = take_sign(l);
    push_text(l, from, to, sign, kind != '{');
    l->line_starts = false;
    if (kind == '#')
        return pass_comment(l);
    if (kind == '%' && take_bare_block(l, "raw"))
        return take_raw(l);
    return take_tag(l, kind == '%');
}

/* A copy with every newline as '\n' and without the one at the end. */
static char *with_newlines(struct arena *arena, const char *text, size_t n, size_t *out_n) {
    char *copy = arena_alloc(arena, n + 1);
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n')
            continue;
        copy[m++] = (char)(text[i] == '\r' ? '\n' : text[i]);
    }
    *out_n = m && copy[m - 1] == '\n' ? m - 1 : m;
    return copy;
}

bool template_lex(
    struct arena *arena, const char *text, size_t n, struct token_array *out, struct err *err) {
    size_t length;
    const char *copy = with_newlines(arena, text, n, &length);
    struct lexer l = { .arena = arena,
        .at = copy,
        .end = copy + length,
        .line = 1,
        .line_starts = true,
        .out = out,
        .err = err };
    while (l.at < l.end)
        if (!take_text_and_tag(&l))
            return false;
    push(&l, TOKEN_END);
    return true;
}
