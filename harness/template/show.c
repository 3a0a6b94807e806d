/* Values as text: Python's str and repr, and transformers' tojson, which is json.dumps. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"
#include "harness/tokenizer/unicode/unicode.h"

/* ---- str and repr ---- */

static void add_real(struct strbuf *out, double v) {
    char buffer[32];
    if (isnan(v))
        strbuf_adds(out, "nan");
    else if (isinf(v))
        strbuf_adds(out, v < 0 ? "-inf" : "inf");
    else
        strbuf_adds(out, json_double_repr(v, buffer));
}

/* What Python's repr shows as itself: not controls, formats, private or unassigned code points, and
 * of blanks the plain one only. */
static bool is_printable(uint32_t cp) {
    if (cp < 0x7f)
        return cp >= 0x20;
    return !(unicode_flags(cp) & UNICODE_OTHER) && !pystr_space(cp) && cp != 0xad;
}

/* Texts of texts of texts are mostly these. */
static void add_escaped(struct strbuf *out, char c) {
    const char pair[2] = { '\\', c };
    strbuf_add(out, pair, sizeof pair);
}

static void repr_escape(struct strbuf *out, uint32_t cp) {
    static const char from[] = "\n\r\t\\", to[] = "nrt\\";
    const char *plain = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    if (plain)
        add_escaped(out, to[plain - from]);
    else if (cp < 0x100)
        strbuf_addf(out, "\\x%02x", cp);
    else
        strbuf_addf(out, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
}

static void repr_text(struct strbuf *out, struct value v) {
    const bool single = memchr(v.text, '\'', v.n), twice = memchr(v.text, '"', v.n);
    const char quote = single && !twice ? '"' : '\'';
    uint32_t cp;
    strbuf_addc(out, quote);
    for (size_t at = 0, n; at < v.n && !out->overflow; at += n) {
        n = utf8_decode(v.text + at, v.n - at, &cp);
        n = n ? n : 1;
        if (cp == (uint32_t)quote)
            add_escaped(out, quote);
        else if (cp != '\\' && is_printable(cp))
            strbuf_add(out, v.text + at, n);
        else
            repr_escape(out, cp);
    }
    strbuf_addc(out, quote);
}

static void repr_items(struct run *r, struct strbuf *out, const struct sequence *s) {
    for (size_t i = 0; i < s->n && !r->failed && !out->overflow; i++) {
        if (i)
            strbuf_adds(out, ", ");
        value_repr(r, out, s->items[i]);
    }
}

static void repr_range(struct strbuf *out, const struct sequence *s) {
    const int64_t from = s->n ? s->items[0].integer : 0,
                  step = s->n > 1 ? s->items[1].integer - from : 1,
                  to = s->n ? s->items[s->n - 1].integer + (step > 0 ? 1 : -1) : 0;
    strbuf_addf(out, "range(%lld, %lld", (long long)from, (long long)to);
    if (step != 1)
        strbuf_addf(out, ", %lld", (long long)step);
    strbuf_addc(out, ')');
}

static void repr_sequence(struct run *r, struct strbuf *out, const struct sequence *s) {
    static const char *const open[] = { "[", "(", "", "<generator object>", "dict_keys([",
        "dict_values([", "dict_items([" };
    static const char *const close[] = { "]", ")", "", "", "])", "])", "])" };
    if (s->kind == SEQUENCE_RANGE) {
        repr_range(out, s);
        return;
    }
    strbuf_adds(out, open[s->kind]);
    if (s->kind != SEQUENCE_GENERATOR)
        repr_items(r, out, s);
    if (s->kind == SEQUENCE_TUPLE && s->n == 1)
        strbuf_addc(out, ',');
    strbuf_adds(out, close[s->kind]);
}

static void repr_dict(struct run *r, struct strbuf *out, const struct dict *d) {
    strbuf_addc(out, '{');
    for (size_t i = 0; i < d->n && !r->failed && !out->overflow; i++) {
        if (i)
            strbuf_adds(out, ", ");
        value_repr(r, out, d->entries[i].key);
        strbuf_adds(out, ": ");
        value_repr(r, out, d->entries[i].value);
    }
    strbuf_addc(out, '}');
}

static void repr_any(struct run *r, struct strbuf *out, struct value v) {
    switch (v.type) {
    case VALUE_STRING:
        repr_text(out, v);
        break;
    case VALUE_SEQUENCE:
        repr_sequence(r, out, v.sequence);
        break;
    case VALUE_DICT:
        repr_dict(r, out, v.dict);
        break;
    case VALUE_BOOL:
        strbuf_adds(out, v.truth ? "True" : "False");
        break;
    case VALUE_INT:
        strbuf_addf(out, "%lld", (long long)v.integer);
        break;
    case VALUE_FLOAT:
        add_real(out, v.real);
        break;
    case VALUE_NONE:
        strbuf_adds(out, "None");
        break;
    case VALUE_NAMESPACE:
        strbuf_adds(out, "<Namespace ");
        repr_dict(r, out, v.dict);
        strbuf_addc(out, '>');
        break;
    case VALUE_UNDEFINED:
        strbuf_adds(out, "Undefined");
        break;
    default: /* Python would show an address */
        run_fail(r, ERR_UNSUPPORTED, "a '%s' has no text", value_kind(v));
    }
}

void value_repr(struct run *r, struct strbuf *out, struct value v) {
    if (!run_spend(r, 1 + (v.type == VALUE_STRING ? v.n / 32 : 0)) || !run_down(r))
        return;
    repr_any(r, out, v);
    run_up(r);
}

void value_print(struct run *r, struct strbuf *out, struct value v) {
    if (v.type == VALUE_STRING) {
        if (run_spend(r, v.n / 64))
            strbuf_add(out, v.text, v.n);
    } else if (!is_undefined(v))
        value_repr(r, out, v);
    if (out->overflow)
        run_fail(r, ERR_RESOURCE, "the output size is past %zu MB", RUN_TEXT_MAX >> 20);
}

struct value value_str(struct run *r, struct value v) {
    if (v.type == VALUE_STRING)
        return v;
    struct strbuf out = { .max = RUN_TEXT_MAX };
    value_print(r, &out, v);
    return value_take(r, &out);
}

/* ---- JSON ---- */

static void dump_escape(struct strbuf *out, uint32_t cp) {
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    const char *plain = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    if (plain) {
        add_escaped(out, to[plain - from]);
    } else if (cp < 0x10000) {
        strbuf_addf(out, "\\u%04x", cp);
    } else {
        cp -= 0x10000;
        strbuf_addf(out, "\\u%04x\\u%04x", 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
    }
}

static void dump_text(struct strbuf *out, struct value v, bool ensure_ascii) {
    uint32_t cp;
    strbuf_addc(out, '"');
    for (size_t at = 0, n; at < v.n; at += n) {
        n = utf8_decode(v.text + at, v.n - at, &cp);
        n = n ? n : 1;
        if (cp < 0x20 || cp == '"' || cp == '\\' || (ensure_ascii && cp > 0x7f))
            dump_escape(out, cp);
        else
            strbuf_add(out, v.text + at, n);
    }
    strbuf_addc(out, '"');
}

struct dumper {
    struct run *r;
    struct strbuf *out;
    const struct json_style *style;
    size_t depth;
};

static void new_line(struct dumper *d) {
    const struct value indent = d->style->indent;
    if (indent.type == VALUE_NONE)
        return;
    strbuf_addc(d->out, '\n');
    for (size_t i = 0; i < d->depth && !d->out->overflow; i++) {
        if (indent.type == VALUE_STRING)
            strbuf_add(d->out, indent.text, indent.n);
        else
            strbuf_addf(d->out, "%*s", (int)whole_of(indent), "");
    }
}

static void dump_any(struct dumper *d, struct value v);

static void dump_list(struct dumper *d, const struct sequence *s) {
    strbuf_addc(d->out, '[');
    d->depth++;
    for (size_t i = 0; i < s->n && !d->r->failed && !d->out->overflow; i++) {
        if (i)
            strbuf_adds(d->out, d->style->item_separator);
        new_line(d);
        dump_any(d, s->items[i]);
    }
    d->depth--;
    if (s->n)
        new_line(d);
    strbuf_addc(d->out, ']');
}

/* Keys that are numbers, truths or none are written as strings. */
static void dump_key(struct dumper *d, struct value key) {
    if (key.type == VALUE_STRING) {
        dump_text(d->out, key, d->style->ensure_ascii);
    } else if (is_number(key) || key.type == VALUE_NONE) {
        strbuf_addc(d->out, '"');
        dump_any(d, key);
        strbuf_addc(d->out, '"');
    } else {
        run_fail(d->r, ERR_INPUT, "a '%s' cannot be a key in JSON", value_kind(key));
    }
}

/* The order in which keys come, as indices; freed by the caller. An insertion sort would be slow on
 * a stranger's large object, so it is a merge sort, and stable. */
static void sort_keys(struct run *r, const struct dict *dict, size_t *order, size_t n) {
    if (n < 2 || !run_spend(r, n))
        return;
    const size_t half = n / 2;
    sort_keys(r, dict, order, half);
    sort_keys(r, dict, order + half, n - half);
    size_t *merged = run_alloc(r, n * sizeof *merged), a = 0, b = half;
    for (size_t i = 0; merged && i < n; i++) {
        const bool right = a == half || (b < n && value_compare(r, dict->entries[order[b]].key,
                                                      dict->entries[order[a]].key) < 0);
        merged[i] = order[right ? b++ : a++];
    }
    if (merged)
        memcpy(order, merged, n * sizeof *merged);
}

static void dump_dict(struct dumper *d, const struct dict *dict) {
    size_t *order = run_alloc(d->r, (dict->n + 1) * sizeof *order);
    if (!order)
        return;
    for (size_t i = 0; i < dict->n; i++)
        order[i] = i;
    if (d->style->sort_keys)
        sort_keys(d->r, dict, order, dict->n);
    strbuf_addc(d->out, '{');
    d->depth++;
    for (size_t i = 0; i < dict->n && !d->r->failed && !d->out->overflow; i++) {
        if (i)
            strbuf_adds(d->out, d->style->item_separator);
        new_line(d);
        dump_key(d, dict->entries[order[i]].key);
        strbuf_adds(d->out, d->style->key_separator);
        dump_any(d, dict->entries[order[i]].value);
    }
    d->depth--;
    if (dict->n)
        new_line(d);
    strbuf_addc(d->out, '}');
}

static void dump_real(struct strbuf *out, double v) {
    if (isfinite(v))
        add_real(out, v);
    else
        strbuf_adds(out, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
}

static void dump_one(struct dumper *d, struct value v) {
    switch (v.type) {
    case VALUE_STRING:
        dump_text(d->out, v, d->style->ensure_ascii);
        break;
    case VALUE_DICT:
        dump_dict(d, v.dict);
        break;
    case VALUE_NONE:
        strbuf_adds(d->out, "null");
        break;
    case VALUE_BOOL:
        strbuf_adds(d->out, v.truth ? "true" : "false");
        break;
    case VALUE_INT:
        strbuf_addf(d->out, "%lld", (long long)v.integer);
        break;
    case VALUE_FLOAT:
        dump_real(d->out, v.real);
        break;
    case VALUE_SEQUENCE:
        if (v.sequence->kind <= SEQUENCE_TUPLE) {
            dump_list(d, v.sequence);
            break;
        }
        /* fall through */
    default:
        run_fail(d->r, ERR_INPUT, "a '%s' cannot be written as JSON", value_kind(v));
    }
}

static void dump_any(struct dumper *d, struct value v) {
    if (!run_spend(d->r, 1 + (v.type == VALUE_STRING ? v.n / 32 : 0)) || !run_down(d->r))
        return;
    dump_one(d, v);
    run_up(d->r);
}

void value_dump(struct run *r, struct strbuf *out, struct value v, const struct json_style *style) {
    struct dumper d = { .r = r, .out = out, .style = style };
    dump_any(&d, v);
}
