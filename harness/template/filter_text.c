/* Filters whose subject is a text, or becomes one. */
#include "harness/template/filter.h"

#include <string.h>

#include "base/utf8.h"

FILTER(filter_upper) {
    (void)call;
    return pystr_case(r, filter_text(r, self), PYSTR_UPPER);
}

FILTER(filter_lower) {
    (void)call;
    return pystr_case(r, filter_text(r, self), PYSTR_LOWER);
}

FILTER(filter_capitalize) {
    (void)call;
    return pystr_case(r, filter_text(r, self), PYSTR_CAPITAL);
}

/* Words begin after blanks, hyphens and opening brackets only. */
FILTER(filter_title) {
    (void)call;
    const struct value s = filter_text(r, self);
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
    const struct value s = filter_text(r, self), chars = is_given(ARG(0)) ? ARG(0) : value_none();
    const size_t each = chars.type == VALUE_STRING ? 1 + chars.n / 64 : 1;
    return run_spend(r, s.n / 64 * each) ? pystr_strip(s, chars, true, true) : s;
}

FILTER(filter_replace) {
    return pystr_replace(r, filter_text(r, self), filter_text(r, ARG(0)), filter_text(r, ARG(1)),
        filter_whole(r, ARG(2), -1));
}

FILTER(filter_string) {
    (void)call;
    return value_str(r, self);
}

FILTER(filter_escape) {
    (void)call;
    static const char from[] = "&<>'\"";
    static const char *const to[] = { "&amp;", "&lt;", "&gt;", "&#39;", "&#34;" };
    const struct value s = filter_text(r, self);
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
    const struct value s = filter_text(r, self);
    const bool first = filter_flag(ARG(1), false), blank = filter_flag(ARG(2), false);
    if (self.type != VALUE_STRING)
        return is_undefined(self) ? fail_undefined(r, self)
                                  : run_fail(r, ERR_INPUT, "indent: a text is needed");
    const struct value width = ARG(0);
    struct strbuf pad = { 0 }, out = { .max = RUN_TEXT_MAX };
    if (width.type == VALUE_STRING)
        strbuf_add(&pad, width.text, width.n);
    else
        for (int64_t n = filter_whole(r, width, 4); n > 0 && pad.len < 4096; n--)
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
    const struct value s = filter_text(r, self);
    const int64_t width = filter_whole(r, ARG(0), 80), gap = width - (int64_t)pystr_length(s);
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
    const struct value s = filter_text(r, self),
                       end = is_given(ARG(2)) ? ARG(2) : value_text("...", 3);
    const int64_t length = filter_whole(r, ARG(0), 255), leeway = filter_whole(r, ARG(3), 5);
    const int64_t room = length - (int64_t)pystr_length(end);
    if (end.type != VALUE_STRING || room < 0)
        return run_fail(r, ERR_INPUT, "truncate: no room for the end");
    if (self.type != VALUE_STRING)
        return whole_or_fail(r, self, length + leeway);
    if ((int64_t)pystr_length(s) <= length + leeway)
        return s;
    struct value kept = value_text(s.text, pystr_offset(s, (size_t)room));
    if (!filter_flag(ARG(1), false)) {
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
    const struct value s = filter_text(r, self);
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
        add_quoted(&out, filter_text(r, self), false);
    for (size_t i = 0; self.type == VALUE_DICT && i < self.dict->n && run_spend(r, 1); i++) {
        if (i)
            strbuf_addc(&out, '&');
        add_quoted(&out, filter_text(r, self.dict->entries[i].key), true);
        strbuf_addc(&out, '=');
        add_quoted(&out, filter_text(r, self.dict->entries[i].value), true);
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
        r, filter_text(r, self), call->n_named ? value_dict(named) : value_sequence(args));
}

FILTER(filter_tojson) {
    struct json_style style = { .ensure_ascii = filter_flag(ARG(0), false),
        .indent = is_given(ARG(1)) ? ARG(1) : value_none(),
        .sort_keys = filter_flag(ARG(3), false) };
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
