/* Jinja's filters. Each is called with the value it stands behind and its arguments bound to the
 * parameters in the table at the end. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"

#define FILTER(name)                                                                               \
    static struct value name(struct run *r, struct value self, const struct call *call)
#define ARG(i) (call->args[i])

static bool flag(struct value v, bool otherwise) {
    return is_given(v) ? value_truth(v) : otherwise;
}

static struct value text_of(struct run *r, struct value v) {
    const struct value text = value_str(r, v);
    return text.type == VALUE_STRING ? text : value_text("", 0);
}

static int64_t whole_or(struct run *r, struct value v, int64_t otherwise) {
    if (!is_given(v) || v.type == VALUE_NONE)
        return otherwise;
    if (!is_whole(v))
        run_fail(r, ERR_INPUT, "a whole number is needed, not '%s'", value_kind(v));
    return is_whole(v) ? whole_of(v) : otherwise;
}

/* ---- text ---- */

FILTER(filter_upper) {
    (void)call;
    return pystr_case(r, text_of(r, self), PYSTR_UPPER);
}

FILTER(filter_lower) {
    (void)call;
    return pystr_case(r, text_of(r, self), PYSTR_LOWER);
}

FILTER(filter_capitalize) {
    (void)call;
    return pystr_case(r, text_of(r, self), PYSTR_CAPITAL);
}

/* Words begin after blanks, hyphens and opening brackets only. */
FILTER(filter_title) {
    (void)call;
    const struct value s = text_of(r, self);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (size_t at = 0; at < s.n && run_spend(r, 1);) {
        size_t end = at;
        while (end < s.n && !strchr("- \t\n\r\f\v({[<", s.text[end]))
            end++;
        end += end == at;
        const struct value word = pystr_case(r, value_text(s.text + at, end - at), PYSTR_CAPITAL);
        strbuf_add(&out, word.n ? word.text : "", word.n);
        at = end;
    }
    return value_take(r, &out);
}

FILTER(filter_trim) {
    const struct value s = text_of(r, self), chars = is_given(ARG(0)) ? ARG(0) : value_none();
    const size_t each = chars.type == VALUE_STRING ? 1 + chars.n / 64 : 1;
    return run_spend(r, s.n / 64 * each) ? pystr_strip(s, chars, true, true) : s;
}

FILTER(filter_replace) {
    return pystr_replace(
        r, text_of(r, self), text_of(r, ARG(0)), text_of(r, ARG(1)), whole_or(r, ARG(2), -1));
}

FILTER(filter_string) {
    (void)call;
    return value_str(r, self);
}

FILTER(filter_escape) {
    (void)call;
    static const char from[] = "&<>'\"";
    static const char *const to[] = { "&amp;", "&lt;", "&gt;", "&#39;", "&#34;" };
    const struct value s = text_of(r, self);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; i < s.n; i++) {
        const char *special = s.text[i] ? strchr(from, s.text[i]) : NULL;
        if (special)
            strbuf_adds(&out, to[special - from]);
        else
            strbuf_addc(&out, s.text[i]);
    }
    return value_take(r, &out);
}

/* Every line but the first, and of those only the ones that aren't empty. */
FILTER(filter_indent) {
    const struct value s = text_of(r, self);
    const bool first = flag(ARG(1), false), blank = flag(ARG(2), false);
    if (self.type != VALUE_STRING)
        return is_undefined(self) ? fail_undefined(r, self)
                                  : run_fail(r, ERR_INPUT, "indent: a text is needed");
    const struct value width = ARG(0);
    struct strbuf pad = { 0 }, out = { .max = RUN_TEXT_MAX };
    if (width.type == VALUE_STRING)
        strbuf_add(&pad, width.text, width.n);
    else
        for (int64_t n = whole_or(r, width, 4); n > 0 && pad.len < 4096; n--)
            strbuf_addc(&pad, ' ');
    for (size_t at = 0; at <= s.n && run_spend(r, 1);) {
        const char *newline = at < s.n ? memchr(s.text + at, '\n', s.n - at) : NULL;
        const size_t n = (newline ? (size_t)(newline - s.text) : s.n) - at;
        if (at ? n || blank : first)
            strbuf_add(&out, strbuf_str(&pad), pad.len);
        strbuf_add(&out, s.text + at, n + (newline != NULL));
        at = newline ? at + n + 1 : s.n + 1;
    }
    strbuf_release(&pad);
    return value_take(r, &out);
}

FILTER(filter_center) {
    const struct value s = text_of(r, self);
    const int64_t width = whole_or(r, ARG(0), 80), gap = width - (int64_t)pystr_length(s);
    const int64_t left = gap <= 0 ? 0 : gap / 2 + (gap & width & 1);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    if (gap <= 0)
        return s;
    if (gap > (int64_t)RUN_TEXT_MAX)
        return run_fail(r, ERR_RESOURCE, "the output size is past %zu MB", RUN_TEXT_MAX >> 20);
    strbuf_addf(&out, "%*s", (int)left, "");
    strbuf_add(&out, s.text, s.n);
    strbuf_addf(&out, "%*s", (int)(gap - left), "");
    return value_take(r, &out);
}

/* What is no text is given back if it is short enough; longer, it cannot be cut. */
static struct value whole_or_fail(struct run *r, struct value v, int64_t length) {
    const struct value n = value_length(r, v);
    return r->failed || n.integer <= length
               ? v
               : run_fail(r, ERR_INPUT, "a '%s' cannot be cut", value_kind(v));
}

FILTER(filter_truncate) {
    const struct value s = text_of(r, self), end = is_given(ARG(2)) ? ARG(2) : value_text("...", 3);
    const int64_t length = whole_or(r, ARG(0), 255), leeway = whole_or(r, ARG(3), 5);
    const int64_t room = length - (int64_t)pystr_length(end);
    if (end.type != VALUE_STRING || room < 0)
        return run_fail(r, ERR_INPUT, "truncate: no room for the end");
    if (self.type != VALUE_STRING)
        return whole_or_fail(r, self, length + leeway);
    if ((int64_t)pystr_length(s) <= length + leeway)
        return s;
    struct value kept = value_text(s.text, pystr_offset(s, (size_t)room));
    if (!flag(ARG(1), false)) {
        const int64_t blank = pystr_find_last(kept, value_text(" ", 1));
        kept.n = blank >= 0 ? (size_t)blank : kept.n;
    }
    struct strbuf out = { .max = RUN_TEXT_MAX };
    strbuf_add(&out, kept.text, kept.n);
    strbuf_add(&out, end.text, end.n);
    return value_take(r, &out);
}

FILTER(filter_wordcount) {
    (void)call;
    const struct value s = text_of(r, self);
    int64_t n = 0;
    bool inside = false;
    uint32_t cp;
    for (size_t at = 0, k; at < s.n && run_spend(r, 1); at += k) {
        k = utf8_decode(s.text + at, s.n - at, &cp);
        k = k ? k : 1;
        const bool word = pystr_letter(cp) || pystr_digit(cp) || cp == '_';
        n += word && !inside;
        inside = word;
    }
    return value_int(n);
}

/* In a query '/' is escaped too, and a blank is '+'. */
static void add_quoted(struct strbuf *out, struct value s, bool query) {
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.text[i];
        const bool plain = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') ||
                           (c && strchr("_.-~", c)) || (c == '/' && !query);
        if (plain)
            strbuf_addc(out, c);
        else if (c == ' ' && query)
            strbuf_addc(out, '+');
        else
            strbuf_addf(out, "%%%02X", (unsigned char)c);
    }
}

FILTER(filter_urlencode) {
    (void)call;
    struct strbuf out = { .max = RUN_TEXT_MAX };
    if (self.type == VALUE_SEQUENCE)
        return run_fail(r, ERR_UNSUPPORTED, "urlencode: a '%s' is not supported", value_kind(self));
    if (self.type != VALUE_DICT)
        add_quoted(&out, text_of(r, self), false);
    for (size_t i = 0; self.type == VALUE_DICT && i < self.dict->n && run_spend(r, 1); i++) {
        if (i)
            strbuf_addc(&out, '&');
        add_quoted(&out, text_of(r, self.dict->entries[i].key), true);
        strbuf_addc(&out, '=');
        add_quoted(&out, text_of(r, self.dict->entries[i].value), true);
    }
    return value_take(r, &out);
}

FILTER(filter_format) {
    if (call->n_named && call->n)
        return run_fail(r, ERR_INPUT, "format takes arguments with names or without, not both");
    struct dict *named = dict_new(r);
    struct sequence *args = sequence_new(r, SEQUENCE_TUPLE, call->n);
    for (size_t i = 0; i < call->n; i++)
        sequence_add(r, args, call->args[i]);
    for (size_t i = 0; i < call->n_named; i++)
        dict_set(r, named, value_text(call->names[i], strlen(call->names[i])), call->named[i]);
    return pystr_percent(
        r, text_of(r, self), call->n_named ? value_dict(named) : value_sequence(args));
}

FILTER(filter_tojson) {
    struct json_style style = { .ensure_ascii = flag(ARG(0), false),
        .indent = is_given(ARG(1)) ? ARG(1) : value_none(),
        .sort_keys = flag(ARG(3), false) };
    const struct value separators = ARG(2);
    style.item_separator = style.indent.type == VALUE_NONE ? ", " : ",";
    style.key_separator = ": ";
    if (is_given(separators) && separators.type != VALUE_NONE) {
        const struct sequence *pair = value_items(r, separators);
        if (!pair || pair->n != 2 || pair->items[0].type != VALUE_STRING ||
            pair->items[1].type != VALUE_STRING)
            return run_fail(r, ERR_INPUT, "tojson: the separators are two strings");
        style.item_separator = value_string(r, pair->items[0].text, pair->items[0].n).text;
        style.key_separator = value_string(r, pair->items[1].text, pair->items[1].n).text;
    }
    if (style.indent.type == VALUE_BOOL)
        style.indent = value_int(style.indent.truth);
    if (style.indent.type == VALUE_INT && style.indent.integer < 0)
        style.indent.integer = 0;
    if (style.indent.type == VALUE_INT
            ? style.indent.integer > 1000
            : style.indent.type != VALUE_NONE && style.indent.type != VALUE_STRING)
        return run_fail(r, ERR_INPUT, "tojson: the indent is a small number or a string");
    struct strbuf out = { .max = RUN_TEXT_MAX };
    if (!r->failed)
        value_dump(r, &out, self, &style);
    return value_take(r, &out);
}

/* ---- numbers ---- */

FILTER(filter_abs) {
    (void)call;
    if (self.type == VALUE_FLOAT)
        return value_float(fabs(self.real));
    if (is_whole(self) && whole_of(self) != INT64_MIN)
        return value_int(whole_of(self) < 0 ? -whole_of(self) : whole_of(self));
    return is_undefined(self) ? fail_undefined(r, self)
                              : run_fail(r, ERR_INPUT, "abs: a number is needed");
}

/* A number in a string, as Python's float() reads it: blanks around, underscores between digits. */
static bool read_real(struct value s, double *out) {
    char text[64];
    size_t n = 0;
    s = pystr_strip(s, value_none(), true, true);
    for (size_t i = 0; i < s.n; i++) {
        if (s.text[i] == '_' && i && i + 1 < s.n)
            continue;
        if (n == sizeof text - 1 || !strchr("0123456789+-.eEinftyaINFTYA", s.text[i]))
            return false;
        text[n++] = s.text[i];
    }
    text[n] = 0;
    char *end;
    *out = strtod(text, &end);
    return n && !*end;
}

static bool read_whole(struct value s, int base, int64_t *out) {
    char text[80];
    size_t n = 0;
    s = pystr_strip(s, value_none(), true, true);
    for (size_t i = 0; i < s.n; i++) {
        if (s.text[i] == '_' && i && i + 1 < s.n)
            continue;
        if (n == sizeof text - 1 || (unsigned char)s.text[i] <= ' ')
            return false;
        text[n++] = s.text[i];
    }
    text[n] = 0;
    const char *at = text;
    if (base == 2 || base == 8) { /* strtoll knows no 0b and 0o */
        const char *prefix = at + (*at == '-' || *at == '+');
        if (prefix[0] == '0' && prefix[1] && (prefix[1] | 0x20) == (base == 2 ? 'b' : 'o'))
            at = prefix == text ? text + 2 : "";
    }
    char *end;
    errno = 0;
    *out = strtoll(at, &end, base);
    return *at && !*end && !errno;
}

FILTER(filter_int) {
    const struct value otherwise = is_given(ARG(0)) ? ARG(0) : value_int(0);
    const int64_t base = whole_or(r, ARG(1), 10);
    int64_t whole;
    double real;
    if (is_whole(self))
        return value_int(whole_of(self));
    if (self.type == VALUE_FLOAT)
        return fabs(self.real) < 9e18 ? value_int((int64_t)self.real) : otherwise;
    if (self.type != VALUE_STRING || base < 0 || base == 1 || base > 36)
        return is_undefined(self) || self.type != VALUE_STRING
                   ? otherwise
                   : run_fail(r, ERR_INPUT, "int: base %lld", (long long)base);
    if (read_whole(self, (int)base, &whole))
        return value_int(whole);
    return read_real(self, &real) && fabs(real) < 9e18 ? value_int((int64_t)real) : otherwise;
}

FILTER(filter_float) {
    double real;
    (void)r;
    if (is_number(self))
        return value_float(real_of(self));
    if (self.type == VALUE_STRING && read_real(self, &real))
        return value_float(real);
    return is_given(ARG(0)) ? ARG(0) : value_float(0);
}

FILTER(filter_round) {
    const int64_t precision = whole_or(r, ARG(0), 0);
    const struct value method = ARG(1);
    if (!is_number(self))
        return is_undefined(self) ? fail_undefined(r, self)
                                  : run_fail(r, ERR_INPUT, "round: a number is needed");
    const double scale = pow(10, (double)precision), v = real_of(self);
    if (pystr_is(method, "ceil") || pystr_is(method, "floor"))
        return value_float((*method.text == 'c' ? ceil(v * scale) : floor(v * scale)) / scale);
    if (is_given(method) && !pystr_is(method, "common"))
        return run_fail(r, ERR_INPUT, "round: the method is 'common', 'ceil' or 'floor'");
    if (is_whole(self) && precision >= 0)
        return value_int(whole_of(self));
    char text[400];
    if (precision < 0 || precision > 17 || !isfinite(v))
        return value_float(rint(v * scale) / scale);
    snprintf(text, sizeof text, "%.*f", (int)precision, v); /* correctly rounded, half to even */
    return value_float(strtod(text, NULL));
}

/* ---- sequences ---- */

FILTER(filter_length) {
    (void)call;
    return value_length(r, self);
}

FILTER(filter_list) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, items ? items->n : 0);
    for (size_t i = 0; items && i < items->n; i++)
        sequence_add(r, out, items->items[i]);
    return value_sequence(out);
}

FILTER(filter_first) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    return items && items->n ? items->items[0] : value_undefined("the first item of nothing");
}

FILTER(filter_last) {
    (void)call;
    const struct sequence *items =
        is_sequence(self, SEQUENCE_GENERATOR) ? NULL : value_items(r, self);
    if (!items)
        return run_fail(r, ERR_INPUT, "last: a '%s' cannot be reversed", value_kind(self));
    return items->n ? items->items[items->n - 1] : value_undefined("the last item of nothing");
}

FILTER(filter_reverse) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, items ? items->n : 0);
    for (size_t i = items ? items->n : 0; i > 0; i--)
        sequence_add(r, out, items->items[i - 1]);
    if (self.type != VALUE_STRING || r->failed)
        return value_sequence(out);
    struct strbuf text = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; i < out->n; i++)
        strbuf_add(&text, out->items[i].text, out->items[i].n);
    return value_take(r, &text);
}

FILTER(filter_join) {
    const struct value separator = is_given(ARG(0)) ? text_of(r, ARG(0)) : value_text("", 0);
    const struct sequence *items = value_items(r, self);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        struct value item = items->items[i];
        if (i)
            strbuf_add(&out, separator.text, separator.n);
        if (is_given(ARG(1)) && ARG(1).type != VALUE_NONE)
            item = value_path(r, item, ARG(1), value_missing());
        value_print(r, &out, item);
    }
    return value_take(r, &out);
}

/* What items are compared by: themselves, a path in them, or several with commas between; of
 * strings the lower case unless case counts. */
struct key_rule {
    struct value attribute, otherwise; /* what stands for an undefined one; may be missing */
    bool case_counts;
};

static struct value fold(struct run *r, struct value v, bool case_counts) {
    return v.type == VALUE_STRING && !case_counts ? pystr_case(r, v, PYSTR_LOWER) : v;
}

static struct value key_at(
    struct run *r, struct value item, struct value path, const struct key_rule *rule) {
    return fold(r, value_path(r, item, path, rule->otherwise), rule->case_counts);
}

static struct value key_of(struct run *r, struct value item, const struct key_rule *rule) {
    const struct value attribute = rule->attribute;
    if (!is_given(attribute) || attribute.type == VALUE_NONE)
        return fold(r, item, rule->case_counts);
    if (attribute.type != VALUE_STRING || !memchr(attribute.text, ',', attribute.n))
        return key_at(r, item, attribute, rule);
    struct sequence *keys = sequence_new(r, SEQUENCE_LIST, 2);
    for (size_t at = 0; at <= attribute.n && !r->failed;) {
        const char *comma = memchr(attribute.text + at, ',', attribute.n - at);
        const size_t n = (comma ? (size_t)(comma - attribute.text) : attribute.n) - at;
        sequence_add(r, keys, key_at(r, item, value_text(attribute.text + at, n), rule));
        at += n + 1;
    }
    return value_sequence(keys);
}

struct keyed {
    struct value key, item;
};

/* Jinja's keys are lists, which ask whether two items are equal before they ask which is less. */
static int key_compare(struct run *r, struct value a, struct value b) {
    return value_equal(r, a, b) ? 0 : value_compare(r, a, b);
}

/* A stable merge sort; nothing is called that could leave it half done. */
static void merge_sort(struct run *r, struct keyed *a, struct keyed *spare, size_t n, int sign) {
    if (n < 2 || !run_spend(r, n))
        return;
    const size_t half = n / 2;
    merge_sort(r, a, spare, half, sign);
    merge_sort(r, a + half, spare, n - half, sign);
    memcpy(spare, a, n * sizeof *a);
    for (size_t i = 0, x = 0, y = half; i < n; i++) {
        const bool right =
            x == half || (y < n && sign * key_compare(r, spare[y].key, spare[x].key) < 0);
        a[i] = spare[right ? y++ : x++];
    }
}

static struct keyed *keyed_items(
    struct run *r, const struct sequence *items, const struct key_rule *rule) {
    struct keyed *keyed = items ? run_alloc(r, 2 * (items->n + 1) * sizeof *keyed) : NULL;
    for (size_t i = 0; keyed && i < items->n && !r->failed; i++)
        keyed[i] = (struct keyed) { key_of(r, items->items[i], rule), items->items[i] };
    return r->failed ? NULL : keyed;
}

static struct value sorted(
    struct run *r, struct value self, const struct key_rule *rule, bool reverse) {
    const struct sequence *items = value_items(r, self);
    struct keyed *keyed = keyed_items(r, items, rule);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, keyed ? items->n : 0);
    if (keyed)
        merge_sort(r, keyed, keyed + items->n, items->n, reverse ? -1 : 1);
    for (size_t i = 0; keyed && i < items->n; i++)
        sequence_add(r, out, keyed[i].item);
    return value_sequence(out);
}

FILTER(filter_sort) {
    const struct key_rule rule = { ARG(2), value_missing(), flag(ARG(1), false) };
    return sorted(r, self, &rule, flag(ARG(0), false));
}

static struct value dict_pairs(struct run *r, const struct dict *d, enum sequence_kind kind) {
    struct sequence *out = sequence_new(r, kind, d->n);
    for (size_t i = 0; i < d->n && !r->failed; i++)
        sequence_add(r, out, value_pair(r, d->entries[i].key, d->entries[i].value));
    return value_sequence(out);
}

FILTER(filter_dictsort) {
    const bool by_value = pystr_is(ARG(1), "value");
    if (self.type != VALUE_DICT)
        return run_fail(r, ERR_INPUT, "dictsort: a '%s' is no dictionary", value_kind(self));
    const struct key_rule rule = { value_int(by_value), value_missing(), flag(ARG(0), false) };
    return sorted(r, dict_pairs(r, self.dict, SEQUENCE_LIST), &rule, flag(ARG(2), false));
}

FILTER(filter_items) {
    (void)call;
    if (is_undefined(self))
        return value_sequence(sequence_new(r, SEQUENCE_GENERATOR, 0));
    if (self.type != VALUE_DICT)
        return run_fail(r, ERR_INPUT, "items: a '%s' is no dictionary", value_kind(self));
    return dict_pairs(r, self.dict, SEQUENCE_GENERATOR);
}

static struct value extreme(struct run *r, struct value self, const struct call *call, int sign) {
    const struct key_rule rule = { ARG(1), value_missing(), flag(ARG(0), false) };
    const struct sequence *items = value_items(r, self);
    struct keyed *keyed = keyed_items(r, items, &rule);
    if (!keyed || !items->n)
        return value_undefined("the extreme of nothing");
    size_t best = 0;
    for (size_t i = 1; i < items->n && !r->failed; i++)
        best = sign * value_compare(r, keyed[i].key, keyed[best].key) > 0 ? i : best;
    return keyed[best].item;
}

FILTER(filter_max) {
    return extreme(r, self, call, 1);
}

FILTER(filter_min) {
    return extreme(r, self, call, -1);
}

FILTER(filter_sum) {
    const struct sequence *items = value_items(r, self);
    struct value total = is_given(ARG(1)) ? ARG(1) : value_int(0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        const struct value item = is_given(ARG(0)) && ARG(0).type != VALUE_NONE
                                      ? value_path(r, items->items[i], ARG(0), value_missing())
                                      : items->items[i];
        total = value_arithmetic(r, '+', total, item);
    }
    return total;
}

FILTER(filter_unique) {
    const struct sequence *items = value_items(r, self);
    const struct key_rule rule = { ARG(1), value_missing(), flag(ARG(0), false) };
    struct keyed *keyed = keyed_items(r, items, &rule);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    struct dict *seen = dict_new(r);
    for (size_t i = 0; keyed && i < items->n && !r->failed; i++) {
        if (is_given(dict_find(r, seen, keyed[i].key)))
            continue;
        dict_set(r, seen, keyed[i].key, value_none());
        sequence_add(r, out, keyed[i].item);
    }
    return value_sequence(out);
}

FILTER(filter_batch) {
    const struct sequence *items = value_items(r, self);
    const int64_t size = whole_or(r, ARG(0), 1);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0), *batch = NULL;
    if (size < 1)
        return run_fail(r, ERR_INPUT, "batch: a size of at least 1 is needed");
    for (size_t i = 0; items && i < items->n && !r->failed; i++) {
        if (i % (size_t)size == 0) {
            batch = sequence_new(r, SEQUENCE_LIST, 0);
            sequence_add(r, out, value_sequence(batch));
        }
        sequence_add(r, batch, items->items[i]);
    }
    while (batch && is_given(ARG(1)) && ARG(1).type != VALUE_NONE && batch->n < (size_t)size &&
           run_spend(r, 1))
        sequence_add(r, batch, ARG(1));
    return value_sequence(out);
}

/* Columns of as equal length as can be. */
FILTER(filter_slice) {
    const struct sequence *items = value_items(r, self);
    const int64_t columns = whole_or(r, ARG(0), 1);
    if (columns < 1 || columns > RUN_RANGE_MAX)
        return run_fail(r, ERR_INPUT, "slice: a number of columns is needed");
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    const size_t n = items ? items->n : 0, each = n / (size_t)columns, more = n % (size_t)columns;
    for (size_t c = 0, at = 0; c < (size_t)columns && !r->failed; c++) {
        struct sequence *column = sequence_new(r, SEQUENCE_LIST, 0);
        for (size_t i = 0; i < each + (c < more); i++)
            sequence_add(r, column, items->items[at++]);
        if (is_given(ARG(1)) && ARG(1).type != VALUE_NONE && c >= more)
            sequence_add(r, column, ARG(1));
        sequence_add(r, out, value_sequence(column));
    }
    return value_sequence(out);
}

FILTER(filter_groupby) {
    const struct key_rule rule = { ARG(0), ARG(1), flag(ARG(2), false) };
    const struct value items = sorted(r, self, &rule, false);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, 0), *group = NULL;
    struct value last = value_missing();
    for (size_t i = 0; !r->failed && i < items.sequence->n; i++) {
        const struct value item = items.sequence->items[i],
                           raw = value_path(r, item, ARG(0), ARG(1)),
                           key = fold(r, raw, rule.case_counts);
        if (!group || !value_equal(r, key, last)) {
            group = sequence_new(r, SEQUENCE_LIST, 0);
            sequence_add(r, out, value_pair(r, raw, value_sequence(group)));
        }
        sequence_add(r, group, item);
        last = key;
    }
    return value_sequence(out);
}

/* ---- filters over filters and tests ---- */

static const char *keyword_is(const struct call *call, const char *name, size_t *at) {
    for (*at = 0; *at < call->n_named; ++*at)
        if (strcmp(call->names[*at], name) == 0)
            return name;
    return NULL;
}

/* The filter or test that the first argument names, called with the rest. */
struct by_name {
    const struct native *native;
    struct call call;
};

static bool by_name_find(struct run *r, const struct call *call, size_t at,
    const struct native *(*find)(const char *), struct by_name *out) {
    if (call->n <= at || call->args[at].type != VALUE_STRING) {
        run_fail(r, ERR_INPUT, "the name of a filter or test is needed");
        return false;
    }
    const struct value name = value_string(r, call->args[at].text, call->args[at].n);
    out->native = r->failed ? NULL : find(name.text);
    out->call = *call;
    out->call.args += at + 1;
    out->call.n -= at + 1;
    if (!out->native && !r->failed)
        run_fail(r, ERR_UNSUPPORTED, "there is no filter or test named '%.60s'", name.text);
    return out->native;
}

static struct value map_attribute(struct run *r, struct value item, const struct call *call) {
    size_t at, otherwise;
    const bool has_default = keyword_is(call, "default", &otherwise);
    keyword_is(call, "attribute", &at);
    return value_path(r, item, call->named[at],
        has_default && call->named[otherwise].type != VALUE_NONE ? call->named[otherwise]
                                                                 : value_missing());
}

/* What is false has no items here, whatever it is. */
static const struct sequence *items_if_any(struct run *r, struct value v) {
    return value_truth(v) ? value_items(r, v) : NULL;
}

FILTER(filter_map) {
    size_t at;
    struct by_name by = { 0 };
    const bool attribute = !call->n && keyword_is(call, "attribute", &at);
    if (!attribute && !by_name_find(r, call, 0, filter_find, &by))
        return value_undefined(NULL);
    const struct sequence *items = items_if_any(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, items ? items->n : 0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++)
        sequence_add(r, out,
            attribute ? map_attribute(r, items->items[i], call)
                      : native_call(r, by.native, items->items[i], &by.call));
    return value_sequence(out);
}

/* Keeps the items (or those whose attribute) for which the test, or their own truth, is `wanted`.
 */
static struct value chosen(
    struct run *r, struct value self, const struct call *call, bool by_attribute, bool wanted) {
    struct by_name by = { 0 };
    const size_t test_at = by_attribute;
    if (by_attribute && !call->n)
        return run_fail(r, ERR_INPUT, "the name of an attribute is needed");
    if (call->n > test_at && !by_name_find(r, call, test_at, test_find, &by))
        return value_undefined(NULL);
    const struct sequence *items = items_if_any(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        struct value v = by_attribute
                             ? value_path(r, items->items[i], call->args[0], value_missing())
                             : items->items[i];
        if (by.native)
            v = native_call(r, by.native, v, &by.call);
        if (value_truth(v) == wanted)
            sequence_add(r, out, items->items[i]);
    }
    return value_sequence(out);
}

FILTER(filter_select) {
    return chosen(r, self, call, false, true);
}

FILTER(filter_reject) {
    return chosen(r, self, call, false, false);
}

FILTER(filter_selectattr) {
    return chosen(r, self, call, true, true);
}

FILTER(filter_rejectattr) {
    return chosen(r, self, call, true, false);
}

/* ---- the rest ---- */

FILTER(filter_default) {
    (void)r;
    const struct value otherwise = is_given(ARG(0)) ? ARG(0) : value_text("", 0);
    return is_undefined(self) || (flag(ARG(1), false) && !value_truth(self)) ? otherwise : self;
}

FILTER(filter_attr) {
    const struct value name = text_of(r, ARG(0));
    const struct value v = self;
    if (is_undefined(v))
        return fail_undefined(r, v);
    const struct value copy = value_string(r, name.text, name.n);
    if (r->failed || v.type == VALUE_DICT) /* never an item */
        return r->failed                   ? copy
               : method_find(v, copy.text) ? value_native(r, method_find(v, copy.text), v)
                                           : value_undefined(copy.text);
    return value_attribute(r, v, copy.text);
}

FILTER(filter_safe) {
    (void)call;
    return value_str(r, self);
}

static const struct native filters[] = {
    { "abs", filter_abs, "", 0 },
    { "attr", filter_attr, "name", 1 },
    { "batch", filter_batch, "linecount,fill_with", 1 },
    { "capitalize", filter_capitalize, "", 0 },
    { "center", filter_center, "width", 0 },
    { "count", filter_length, "", 0 },
    { "d", filter_default, "default_value,boolean", 0 },
    { "default", filter_default, "default_value,boolean", 0 },
    { "dictsort", filter_dictsort, "case_sensitive,by,reverse", 0 },
    { "e", filter_escape, "", 0 },
    { "escape", filter_escape, "", 0 },
    { "first", filter_first, "", 0 },
    { "float", filter_float, "default", 0 },
    { "forceescape", filter_escape, "", 0 },
    { "format", filter_format, NULL, 0 },
    { "groupby", filter_groupby, "attribute,default,case_sensitive", 1 },
    { "indent", filter_indent, "width,first,blank", 0 },
    { "int", filter_int, "default,base", 0 },
    { "items", filter_items, "", 0 },
    { "join", filter_join, "d,attribute", 0 },
    { "last", filter_last, "", 0 },
    { "length", filter_length, "", 0 },
    { "list", filter_list, "", 0 },
    { "lower", filter_lower, "", 0 },
    { "map", filter_map, NULL, 0 },
    { "max", filter_max, "case_sensitive,attribute", 0 },
    { "min", filter_min, "case_sensitive,attribute", 0 },
    { "reject", filter_reject, NULL, 0 },
    { "rejectattr", filter_rejectattr, NULL, 0 },
    { "replace", filter_replace, "old,new,count", 2 },
    { "reverse", filter_reverse, "", 0 },
    { "round", filter_round, "precision,method", 0 },
    { "safe", filter_safe, "", 0 },
    { "select", filter_select, NULL, 0 },
    { "selectattr", filter_selectattr, NULL, 0 },
    { "slice", filter_slice, "slices,fill_with", 1 },
    { "sort", filter_sort, "reverse,case_sensitive,attribute", 0 },
    { "string", filter_string, "", 0 },
    { "sum", filter_sum, "attribute,start", 0 },
    { "title", filter_title, "", 0 },
    { "tojson", filter_tojson, "ensure_ascii,indent,separators,sort_keys", 0 },
    { "trim", filter_trim, "chars", 0 },
    { "truncate", filter_truncate, "length,killwords,end,leeway", 0 },
    { "unique", filter_unique, "case_sensitive,attribute", 0 },
    { "upper", filter_upper, "", 0 },
    { "urlencode", filter_urlencode, "", 0 },
    { "wordcount", filter_wordcount, "", 0 },
};

const struct native *filter_find(const char *name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0)
            return &filters[i];
    return NULL;
}
