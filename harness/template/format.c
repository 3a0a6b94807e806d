/* Python's two ways to put values into a text: "%s" % x and "{}".format(x). */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"

#define WIDTH_MAX 100000

/* One conversion: flags, width, precision, and the letter. */
struct spec {
    bool left, zero, plus, blank, sharp, centred, grouped, signed_zero;
    char fill[4], align; /* braces: '<', '>', '^', '=' or 0 */
    size_t fill_n;
    int width, precision; /* -1: none */
    char letter;          /* 0: none */
};

static void pad(struct strbuf *out, const struct spec *s, size_t n) {
    for (; n && !out->overflow; n--)
        strbuf_add(out, s->fill_n ? s->fill : " ", s->fill_n ? s->fill_n : 1);
}

static void put_padded(struct strbuf *out, const struct spec *s, struct value text) {
    const size_t length = pystr_length(text),
                 gap = s->width > 0 && (size_t)s->width > length ? (size_t)s->width - length : 0;
    const size_t before = s->left ? 0 : s->centred ? gap / 2 : gap;
    pad(out, s, before);
    strbuf_add(out, text.text, text.n);
    pad(out, s, gap - before);
}

/* A sign, then zeros up to the width, then the digits. */
static void put_number(
    struct strbuf *out, const struct spec *s, bool negative, const char *digits) {
    struct strbuf text = { 0 };
    const char *sign = negative ? "-" : s->plus ? "+" : s->blank ? " " : "";
    strbuf_adds(&text, sign);
    const size_t n = strlen(sign) + strlen(digits);
    for (size_t i = n; s->zero && !s->left && s->width > 0 && i < (size_t)s->width; i++)
        strbuf_addc(&text, '0');
    strbuf_adds(&text, digits);
    put_padded(out, s, value_text(strbuf_str(&text), text.len));
    strbuf_release(&text);
}

static void put_whole(struct strbuf *out, const struct spec *s, int64_t v) {
    char digits[128];
    const unsigned long long magnitude = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    const int least = s->precision > 60 ? 60 : s->precision > 0 ? s->precision : 1;
    if (s->letter == 'x')
        snprintf(digits, sizeof digits, "%s%.*llx", s->sharp ? "0x" : "", least, magnitude);
    else if (s->letter == 'X')
        snprintf(digits, sizeof digits, "%s%.*llX", s->sharp ? "0X" : "", least, magnitude);
    else if (s->letter == 'o')
        snprintf(digits, sizeof digits, "%s%.*llo", s->sharp ? "0o" : "", least, magnitude);
    else
        snprintf(digits, sizeof digits, "%.*llu", least, magnitude);
    if (!s->grouped) {
        put_number(out, s, v < 0, digits);
        return;
    }
    char grouped[160];
    size_t n = 0;
    for (size_t i = 0, length = strlen(digits); i < length; i++) {
        if (i && (length - i) % 3 == 0)
            grouped[n++] = ',';
        grouped[n++] = digits[i];
    }
    grouped[n] = 0;
    put_number(out, s, v < 0, grouped);
}

static void put_real(struct strbuf *out, const struct spec *s, double v) {
    char digits[512];
    const int p = s->precision < 0 ? 6 : s->precision > 100 ? 100 : s->precision;
    const double x = fabs(v);
    switch (s->letter) {
    case 'e':
        snprintf(digits, sizeof digits, s->sharp ? "%#.*e" : "%.*e", p, x);
        break;
    case 'E':
        snprintf(digits, sizeof digits, s->sharp ? "%#.*E" : "%.*E", p, x);
        break;
    case 'g':
        snprintf(digits, sizeof digits, s->sharp ? "%#.*g" : "%.*g", p, x);
        break;
    case 'G':
        snprintf(digits, sizeof digits, s->sharp ? "%#.*G" : "%.*G", p, x);
        break;
    default:
        snprintf(digits, sizeof digits, s->sharp ? "%#.*f" : "%.*f", p, x);
    }
    put_number(out, s, signbit(v) && !isnan(v), digits);
}

static struct value cut(struct value text, int precision) {
    if (precision >= 0)
        text.n = pystr_offset(text, (size_t)precision);
    return text;
}

static bool put_value(struct run *r, struct strbuf *out, const struct spec *s, struct value v) {
    struct strbuf repr = { .max = RUN_TEXT_MAX };
    switch (s->letter) {
    case 's':
        v = value_str(r, v);
        break;
    case 'r':
    case 'a':
        value_repr(r, &repr, v);
        v = value_take(r, &repr);
        break;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        if (!is_number(v) ||
            (v.type == VALUE_FLOAT && (s->letter == 'x' || s->letter == 'X' || s->letter == 'o' ||
                                          !(fabs(v.real) < 9e18))))
            return run_fail(
                       r, ERR_INPUT, "%%%c needs a number, not '%s'", s->letter, value_kind(v)),
                   false;
        put_whole(out, s, v.type == VALUE_FLOAT ? (int64_t)v.real : whole_of(v));
        return true;
    case 'c':
        if (is_whole(v)) {
            char utf8[4];
            const size_t n = whole_of(v) >= 0 && whole_of(v) < 0x110000
                                 ? utf8_encode((uint32_t)whole_of(v), utf8)
                                 : 0;
            v = value_string(r, utf8, n);
        }
        break;
    default:
        if (!is_number(v))
            return run_fail(
                       r, ERR_INPUT, "%%%c needs a number, not '%s'", s->letter, value_kind(v)),
                   false;
        put_real(out, s, real_of(v));
        return true;
    }
    if (!r->failed && v.type == VALUE_STRING)
        put_padded(out, s, cut(v, s->precision));
    return !r->failed;
}

/* ---- % ---- */

struct percent {
    struct run *r;
    const char *at, *end;
    struct value args; /* as given */
    const struct sequence *items;
    size_t next;
};

static struct value next_argument(struct percent *p) {
    if (p->next < (p->items ? p->items->n : 1)) {
        p->next++;
        return p->items ? p->items->items[p->next - 1] : p->args;
    }
    return run_fail(p->r, ERR_INPUT, "not enough arguments for the format string");
}

static int take_count(struct percent *p) {
    int n = 0;
    if (p->at < p->end && *p->at == '*') {
        p->at++;
        const struct value v = next_argument(p);
        if (!is_whole(v) || whole_of(v) < 0 || whole_of(v) > WIDTH_MAX)
            run_fail(p->r, ERR_INPUT, "a width of the format string is no small number");
        return p->r->failed ? 0 : (int)whole_of(v);
    }
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
        n = n > WIDTH_MAX ? n : n * 10 + (*p->at - '0');
    if (n > WIDTH_MAX)
        run_fail(p->r, ERR_INPUT, "a width of the format string is too large");
    return n;
}

static void take_flags(struct percent *p, struct spec *s) {
    for (; p->at < p->end && *p->at && strchr("-+ #0", *p->at); p->at++) {
        s->left = s->left || *p->at == '-';
        s->plus = s->plus || *p->at == '+';
        s->blank = s->blank || *p->at == ' ';
        s->sharp = s->sharp || *p->at == '#';
        s->zero = s->zero || *p->at == '0';
    }
}

/* The argument that "(name)" asks for; missing where there is no such part. */
static struct value take_name(struct percent *p) {
    if (p->at == p->end || *p->at != '(')
        return value_missing();
    const char *close = memchr(p->at, ')', (size_t)(p->end - p->at));
    if (!close || p->args.type != VALUE_DICT)
        return run_fail(p->r, ERR_INPUT, "the format string asks for a name in a dictionary");
    const struct value key = value_text(p->at + 1, (size_t)(close - p->at) - 1);
    p->at = close + 1;
    const struct value v = dict_find(p->r, p->args.dict, key);
    return is_given(v)
               ? v
               : run_fail(p->r, ERR_INPUT, "the format string asks for '%.*s', which is not there",
                     (int)(key.n > 60 ? 60 : key.n), key.text);
}

static void put_conversion(struct percent *p, struct strbuf *out) {
    struct spec s = { .precision = -1 };
    const struct value named = take_name(p);
    take_flags(p, &s);
    s.width = take_count(p);
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        s.precision = take_count(p);
    }
    while (p->at < p->end && *p->at && strchr("hlL", *p->at))
        p->at++;
    if (p->r->failed)
        return;
    if (p->at == p->end || !*p->at || !strchr("sradiuxXocfFeEgG%", *p->at)) {
        run_fail(p->r, ERR_INPUT, "a conversion of the format string is incomplete or unknown");
        return;
    }
    s.letter = *p->at++;
    if (s.letter == '%')
        strbuf_addc(out, '%');
    else
        put_value(p->r, out, &s, is_given(named) ? named : next_argument(p));
}

struct value pystr_percent(struct run *r, struct value format, struct value args) {
    struct percent p = { .r = r,
        .at = format.text,
        .end = format.text + format.n,
        .args = args,
        .items = is_sequence(args, SEQUENCE_TUPLE) ? args.sequence : NULL };
    struct strbuf out = { .max = RUN_TEXT_MAX };
    while (p.at < p.end && run_spend(r, 1) && !out.overflow) {
        const char *percent = memchr(p.at, '%', (size_t)(p.end - p.at)),
                   *to = percent ? percent : p.end;
        strbuf_add(&out, p.at, (size_t)(to - p.at));
        p.at = percent ? percent + 1 : p.end;
        if (percent)
            put_conversion(&p, &out);
    }
    /* A dictionary or list need not be used up; anything else must be. */
    if (!r->failed && (p.items ? p.next < p.items->n
                               : !p.next && args.type != VALUE_DICT &&
                                     args.type != VALUE_SEQUENCE && args.type != VALUE_NAMESPACE))
        run_fail(r, ERR_INPUT, "not all arguments were used by the format string");
    return value_take(r, &out);
}

/* ---- {} ---- */

struct braces {
    struct run *r;
    const struct call *call;
    size_t next;
};

static struct value positional(struct braces *b, int64_t i) {
    return i >= 0 && (uint64_t)i < b->call->n
               ? b->call->args[i]
               : run_fail(b->r, ERR_INPUT, "format: there is no argument %lld", (long long)i);
}

/* "name.attribute[item]" or a number or nothing. */
static struct value field_value(struct braces *b, const char *at, const char *end) {
    const char *stop = at;
    while (stop < end && *stop != '.' && *stop != '[')
        stop++;
    const struct value name = value_text(at, (size_t)(stop - at));
    struct value v = value_missing();
    if (!name.n)
        v = positional(b, (int64_t)b->next++);
    else if (*at >= '0' && *at <= '9')
        v = positional(b, name.n < 10 ? strtol(at, NULL, 10) : -1);
    for (size_t i = 0; i < b->call->n_named && !is_given(v); i++)
        if (pystr_is(name, b->call->names[i]))
            v = b->call->named[i];
    if (!is_given(v))
        return run_fail(b->r, ERR_INPUT, "format: there is no argument '%.*s'",
            (int)(name.n > 60 ? 60 : name.n), name.text);
    while (stop < end && !b->r->failed) {
        const bool item = *stop++ == '[';
        const char *from = stop;
        while (stop < end && (item ? *stop != ']' : *stop != '.' && *stop != '['))
            stop++;
        const struct value part = value_string(b->r, from, (size_t)(stop - from));
        const bool index = part.n && part.n < 10 && strspn(part.text, "0123456789") == part.n;
        if (!b->r->failed)
            v = item ? value_item(b->r, v, index ? value_int(strtol(part.text, NULL, 10)) : part)
                     : value_attribute(b->r, v, part.text);
        stop += item && stop < end;
    }
    return v;
}

static bool is_align(char c) {
    return c && strchr("<>^=", c);
}

/* "[[fill]align][sign][#][0][width][,][.precision][type]" */
static bool spec_parse(struct run *r, const char *at, const char *end, struct spec *s) {
    uint32_t cp;
    const size_t n = at < end ? utf8_decode(at, (size_t)(end - at), &cp) : 0;
    if (n && at + n < end && is_align(at[n])) {
        memcpy(s->fill, at, n);
        s->fill_n = n;
        s->align = at[n];
        at += n + 1;
    } else if (at < end && is_align(*at)) {
        s->align = *at++;
    }
    for (; at < end && *at && strchr("+- #", *at); at++) {
        s->plus = s->plus || *at == '+';
        s->blank = s->blank || *at == ' ';
        s->sharp = s->sharp || *at == '#';
    }
    if (at < end && *at == '0') {
        s->zero = !s->align;
        at++;
    }
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        s->width = s->width > WIDTH_MAX ? s->width : s->width * 10 + (*at - '0');
    if (at < end && *at == ',') {
        s->grouped = true;
        at++;
    }
    if (at < end && *at == '.')
        for (at++, s->precision = 0; at < end && *at >= '0' && *at <= '9'; at++)
            s->precision =
                s->precision > WIDTH_MAX ? s->precision : s->precision * 10 + (*at - '0');
    s->letter = at < end ? *at++ : 0;
    if (at == end && s->width <= WIDTH_MAX && s->align != '=' &&
        (!s->letter || strchr("sdxXofFeEgG%", s->letter)))
        return true;
    run_fail(r, ERR_UNSUPPORTED, "format: a specification that is not supported");
    return false;
}

static void put_field(struct run *r, struct strbuf *out, struct value v, struct spec *s) {
    const bool number = is_number(v) && v.type != VALUE_BOOL;
    s->left = s->align ? s->align == '<' : !number && s->letter != '%';
    s->centred = s->align == '^';
    if (s->letter == '%') {
        struct strbuf text = { .max = RUN_TEXT_MAX };
        struct spec plain = { .precision = s->precision, .letter = 'f', .plus = s->plus };
        if (put_value(r, &text, &plain, is_number(v) ? value_float(real_of(v) * 100) : v))
            strbuf_addc(&text, '%');
        const struct value shown = value_take(r, &text);
        if (shown.type == VALUE_STRING)
            put_padded(out, s, shown);
        return;
    }
    if (!s->letter)
        s->letter = is_whole(v) && number                        ? 'd'
                    : v.type == VALUE_FLOAT && s->precision >= 0 ? 'g'
                                                                 : 's';
    put_value(r, out, s, v);
}

/* One replacement field, between its braces. */
static void put_braces(struct braces *b, struct strbuf *out, const char *at, const char *end) {
    struct spec s = { .precision = -1 };
    const char *colon = memchr(at, ':', (size_t)(end - at)), *name_end = colon ? colon : end;
    const char *bang = memchr(at, '!', (size_t)(name_end - at));
    struct value v = field_value(b, at, bang ? bang : name_end);
    if (b->r->failed || (colon && !spec_parse(b->r, colon + 1, end, &s)))
        return;
    if (bang && bang + 1 < name_end && bang[1] == 'r') {
        struct strbuf repr = { .max = RUN_TEXT_MAX };
        value_repr(b->r, &repr, v);
        v = value_take(b->r, &repr);
    } else if (bang) {
        v = value_str(b->r, v);
    }
    if (!b->r->failed)
        put_field(b->r, out, v, &s);
}

struct value pystr_braces(struct run *r, struct value format, const struct call *call) {
    struct braces b = { .r = r, .call = call };
    struct strbuf out = { .max = RUN_TEXT_MAX };
    const char *at = format.text, *end = at + format.n;
    while (at < end && run_spend(r, 1) && !out.overflow) {
        if ((*at != '{' && *at != '}') || (at + 1 < end && at[1] == *at)) {
            at += *at == '{' || *at == '}';
            strbuf_addc(&out, *at++);
            continue;
        }
        const char *close = *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;
        if (!close || memchr(at + 1, '{', (size_t)(close - at) - 1)) {
            run_fail(r, ERR_INPUT, "format: a brace without its partner, or braces within braces");
            break;
        }
        put_braces(&b, &out, at + 1, close);
        at = close + 1;
    }
    return value_take(r, &out);
}
