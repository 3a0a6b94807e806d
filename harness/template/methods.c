/* Methods of Python's types that don't change them: the sandbox is an immutable one. */
#include <string.h>

#include "base/utf8.h"
#include "harness/template/value.h"

#define METHOD(name)                                                                               \
    static struct value name(struct run *r, struct value self, const struct call *call)
#define ARG(i) (call->args[i])

static struct value text_arg(struct run *r, struct value v) {
    if (v.type == VALUE_STRING)
        return v;
    if (is_undefined(v))
        fail_undefined(r, v);
    else
        run_fail(r, ERR_INPUT, "a string is needed, not '%s'", value_kind(v));
    return value_text("", 0);
}

static int64_t whole_arg(struct run *r, struct value v, int64_t otherwise) {
    if (!is_given(v) || v.type == VALUE_NONE)
        return otherwise;
    if (!is_whole(v))
        run_fail(r, ERR_INPUT, "a whole number is needed, not '%s'", value_kind(v));
    return is_whole(v) ? whole_of(v) : otherwise;
}

/* ---- strings: strip, case, padding ---- */

static struct value strip(
    struct run *r, struct value self, struct value chars, bool left, bool right) {
    if (!is_given(chars))
        chars = value_none();
    if (chars.type != VALUE_NONE)
        chars = text_arg(r, chars);
    const size_t each =
        chars.type == VALUE_STRING ? 1 + chars.n / 64 : 1; /* a search a character */
    return run_spend(r, self.n / 64 * each) ? pystr_strip(self, chars, left, right) : self;
}

METHOD(str_strip) {
    return strip(r, self, ARG(0), true, true);
}

METHOD(str_lstrip) {
    return strip(r, self, ARG(0), true, false);
}

METHOD(str_rstrip) {
    return strip(r, self, ARG(0), false, true);
}

METHOD(str_upper) {
    (void)call;
    return pystr_case(r, self, PYSTR_UPPER);
}

METHOD(str_lower) {
    (void)call;
    return pystr_case(r, self, PYSTR_LOWER);
}

METHOD(str_title) {
    (void)call;
    return pystr_case(r, self, PYSTR_TITLE);
}

METHOD(str_capitalize) {
    (void)call;
    return pystr_case(r, self, PYSTR_CAPITAL);
}

METHOD(str_swapcase) {
    (void)call;
    return pystr_case(r, self, PYSTR_SWAP);
}

static struct value padded(
    struct run *r, struct value s, const struct call *call, int64_t left_share, bool centred) {
    const struct value fill = is_given(ARG(1)) ? text_arg(r, ARG(1)) : value_text(" ", 1);
    const int64_t width = whole_arg(r, ARG(0), 0), gap = width - (int64_t)pystr_length(s);
    if (gap <= 0 || r->failed)
        return s;
    if (gap > (int64_t)RUN_TEXT_MAX)
        return run_fail(r, ERR_RESOURCE, "the output size is past %zu MB", RUN_TEXT_MAX >> 20);
    const int64_t left = centred ? gap / 2 + (gap & width & 1) : gap * left_share;
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (int64_t i = 0; i < left; i++)
        strbuf_add(&out, fill.text, fill.n);
    strbuf_add(&out, s.text, s.n);
    for (int64_t i = left; i < gap; i++)
        strbuf_add(&out, fill.text, fill.n);
    return value_take(r, &out);
}

METHOD(str_ljust) {
    return padded(r, self, call, 0, false);
}

METHOD(str_rjust) {
    return padded(r, self, call, 1, false);
}

METHOD(str_center) {
    return padded(r, self, call, 0, true);
}

METHOD(str_zfill) {
    const size_t sign = self.n && (*self.text == '-' || *self.text == '+');
    struct value args[2] = { ARG(0), value_text("0", 1) };
    if (is_whole(args[0]))
        args[0] = value_int(whole_of(args[0]) - (int64_t)sign);
    const struct call inner = { .args = args, .n = 2 };
    const struct value digits =
        padded(r, value_text(self.text + sign, self.n - sign), &inner, 1, false);
    if (!sign || r->failed)
        return digits;
    struct strbuf out = { .max = RUN_TEXT_MAX };
    strbuf_add(&out, self.text, 1);
    strbuf_add(&out, digits.text, digits.n);
    return value_take(r, &out);
}

/* ---- strings: looking ---- */

/* A slice of the string by the optional start and end; *from is where it begins, in bytes. */
static struct value window(
    struct run *r, struct value self, const struct call *call, size_t at, size_t *from) {
    const int64_t n = (int64_t)pystr_length(self);
    int64_t start = whole_arg(r, ARG(at), 0), end = whole_arg(r, ARG(at + 1), n);
    start = start < 0 ? (start + n < 0 ? 0 : start + n) : start;
    end = end < 0 ? (end + n < 0 ? 0 : end + n) : end > n ? n : end;
    *from = 0;
    if (start > end)
        return value_missing(); /* nothing is found there, not even "" */
    *from = pystr_offset(self, (size_t)start);
    return value_text(self.text + *from, pystr_offset(self, (size_t)end) - *from);
}

static bool starts(struct value s, struct value what) {
    return s.n >= what.n && memcmp(s.text, what.text, what.n) == 0;
}

static bool ends(struct value s, struct value what) {
    return s.n >= what.n && memcmp(s.text + s.n - what.n, what.text, what.n) == 0;
}

static struct value affix(struct run *r, struct value self, const struct call *call,
    bool (*holds)(struct value, struct value)) {
    size_t from;
    const struct value s = window(r, self, call, 1, &from);
    if (!is_sequence(ARG(0), SEQUENCE_TUPLE)) {
        const struct value what = text_arg(r, ARG(0));
        return value_bool(is_given(s) && holds(s, what));
    }
    const struct sequence *any = ARG(0).sequence;
    for (size_t i = 0; i < any->n && !r->failed; i++) {
        const struct value what = text_arg(r, any->items[i]);
        if (is_given(s) && holds(s, what))
            return value_bool(true);
    }
    return value_bool(false);
}

METHOD(str_startswith) {
    return affix(r, self, call, starts);
}

METHOD(str_endswith) {
    return affix(r, self, call, ends);
}

/* Where `what` is, in code points; -1 if nowhere. */
static int64_t position(struct run *r, struct value self, const struct call *call, bool last) {
    size_t from;
    const struct value what = text_arg(r, ARG(0)), s = window(r, self, call, 1, &from);
    if (!run_spend(r, 1 + self.n / 32) || !is_given(s))
        return -1;
    const int64_t at = last ? pystr_find_last(s, what) : pystr_find(s, what, 0);
    return at < 0 ? -1 : (int64_t)pystr_length(value_text(self.text, from + (size_t)at));
}

METHOD(str_find) {
    return value_int(position(r, self, call, false));
}

METHOD(str_rfind) {
    return value_int(position(r, self, call, true));
}

static struct value position_or_fail(struct run *r, int64_t at) {
    return at < 0 ? run_fail(r, ERR_INPUT, "the text that is looked for is not there")
                  : value_int(at);
}

METHOD(str_index) {
    return position_or_fail(r, position(r, self, call, false));
}

METHOD(str_rindex) {
    return position_or_fail(r, position(r, self, call, true));
}

METHOD(str_count) {
    size_t from;
    const struct value what = text_arg(r, ARG(0)), s = window(r, self, call, 1, &from);
    int64_t n = 0;
    if (!is_given(s) || !run_spend(r, s.n / 32))
        return value_int(0);
    if (!what.n)
        return value_int((int64_t)pystr_length(s) + 1);
    for (int64_t at = pystr_find(s, what, 0); at >= 0;
         at = pystr_find(s, what, (size_t)at + what.n))
        n++;
    return value_int(n);
}

/* ---- strings: parts ---- */

METHOD(str_replace) {
    return pystr_replace(
        r, self, text_arg(r, ARG(0)), text_arg(r, ARG(1)), whole_arg(r, ARG(2), -1));
}

static void add_part(struct run *r, struct sequence *out, const char *from, const char *to) {
    if (run_spend(r, 1))
        sequence_add(r, out, value_text(from, (size_t)(to - from)));
}

static void reverse(struct sequence *s) {
    for (size_t i = 0, j = s->n; i + 1 < j; i++) {
        j--;
        const struct value v = s->items[i];
        s->items[i] = s->items[j];
        s->items[j] = v;
    }
}

/* At white space: runs of it count once, and none is left at either end. */
static void split_blanks(struct run *r, struct value s, int64_t max, struct sequence *out) {
    s = pystr_strip(s, value_none(), true, false);
    while (s.n && !r->failed) {
        uint32_t cp;
        size_t end = 0, n = 0;
        for (; max && end < s.n; end += n) {
            n = utf8_decode(s.text + end, s.n - end, &cp);
            if (n && pystr_space(cp))
                break;
            n = n ? n : 1;
        }
        if (!max)
            end = s.n;
        add_part(r, out, s.text, s.text + end);
        if (!max)
            break;
        max -= max > 0;
        s = pystr_strip(value_text(s.text + end, s.n - end), value_none(), true, false);
    }
}

static void rsplit_blanks(struct run *r, struct value s, int64_t max, struct sequence *out) {
    s = pystr_strip(s, value_none(), false, true);
    while (s.n && !r->failed) {
        size_t start = s.n;
        while (max && start) {
            uint32_t cp;
            size_t at = start - 1;
            while (at && ((unsigned char)s.text[at] & 0xc0) == 0x80)
                at--;
            if (utf8_decode(s.text + at, start - at, &cp) && pystr_space(cp))
                break;
            start = at;
        }
        if (!max)
            start = 0;
        add_part(r, out, s.text + start, s.text + s.n);
        if (!max)
            break;
        max -= max > 0;
        s = pystr_strip(value_text(s.text, start), value_none(), false, true);
    }
    reverse(out);
}

static void split_at(
    struct run *r, struct value s, struct value separator, int64_t max, struct sequence *out) {
    size_t from = 0;
    for (; max && !r->failed; max -= max > 0) {
        const int64_t at = pystr_find(s, separator, from);
        if (at < 0)
            break;
        add_part(r, out, s.text + from, s.text + at);
        from = (size_t)at + separator.n;
    }
    add_part(r, out, s.text + from, s.text + s.n);
}

static void rsplit_at(
    struct run *r, struct value s, struct value separator, int64_t max, struct sequence *out) {
    for (; max && !r->failed; max -= max > 0) {
        const int64_t at = pystr_find_last(s, separator);
        if (at < 0)
            break;
        add_part(r, out, s.text + at + separator.n, s.text + s.n);
        s.n = (size_t)at;
    }
    add_part(r, out, s.text, s.text + s.n);
    reverse(out);
}

static struct value split(struct run *r, struct value self, const struct call *call, bool right) {
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, 0);
    const int64_t max = whole_arg(r, ARG(1), -1);
    run_spend(r, self.n / 32);
    if (!is_given(ARG(0)) || ARG(0).type == VALUE_NONE) {
        (right ? rsplit_blanks : split_blanks)(r, self, max, out);
        return value_sequence(out);
    }
    const struct value separator = text_arg(r, ARG(0));
    if (!separator.n)
        return run_fail(r, ERR_INPUT, "a text cannot be split at nothing");
    (right ? rsplit_at : split_at)(r, self, separator, max, out);
    return value_sequence(out);
}

METHOD(str_split) {
    return split(r, self, call, false);
}

METHOD(str_rsplit) {
    return split(r, self, call, true);
}

/* Bytes of the line end at `at`, 0 if there is none. */
static size_t line_end(const char *at, const char *end) {
    uint32_t cp;
    const size_t n = utf8_decode(at, (size_t)(end - at), &cp);
    if (cp == '\r' && end - at > 1 && at[1] == '\n')
        return 2;
    const bool is_end = (cp >= '\n' && cp <= '\r') || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 ||
                        cp == 0x2028 || cp == 0x2029;
    return n && is_end ? n : 0;
}

METHOD(str_splitlines) {
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, 0);
    const bool keep = is_given(ARG(0)) && value_truth(ARG(0));
    const char *from = self.text, *at = from, *end = self.text + self.n;
    run_spend(r, self.n / 32);
    while (at < end) {
        const size_t n = line_end(at, end);
        if (n) {
            add_part(r, out, from, keep ? at + n : at);
            from = at + n;
        }
        at += n ? n : 1;
    }
    if (from < end)
        add_part(r, out, from, end);
    return value_sequence(out);
}

static struct value partition(struct run *r, struct value s, struct value separator, bool last) {
    if (!separator.n)
        return run_fail(r, ERR_INPUT, "a text cannot be split at nothing");
    run_spend(r, s.n / 32);
    const int64_t at = last ? pystr_find_last(s, separator) : pystr_find(s, separator, 0);
    struct sequence *out = sequence_new(r, SEQUENCE_TUPLE, 3);
    const size_t before = at < 0 ? last ? 0 : s.n : (size_t)at,
                 after = at < 0 ? before : before + separator.n;
    sequence_add(r, out, value_text(s.text, before));
    sequence_add(r, out, value_text(separator.text, at < 0 ? 0 : separator.n));
    sequence_add(r, out, value_text(s.text + after, s.n - after));
    return value_sequence(out);
}

METHOD(str_partition) {
    return partition(r, self, text_arg(r, ARG(0)), false);
}

METHOD(str_rpartition) {
    return partition(r, self, text_arg(r, ARG(0)), true);
}

METHOD(str_removeprefix) {
    const struct value what = text_arg(r, ARG(0));
    return starts(self, what) ? value_text(self.text + what.n, self.n - what.n) : self;
}

METHOD(str_removesuffix) {
    const struct value what = text_arg(r, ARG(0));
    return ends(self, what) ? value_text(self.text, self.n - what.n) : self;
}

METHOD(str_join) {
    const struct sequence *items = value_items(r, ARG(0));
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        const struct value item = text_arg(r, items->items[i]);
        if (i)
            strbuf_add(&out, self.text, self.n);
        strbuf_add(&out, item.text, item.n);
    }
    return value_take(r, &out);
}

METHOD(str_format) {
    return pystr_braces(r, self, call);
}

/* ---- strings: what they are made of ---- */

static struct value all(struct run *r, struct value s, bool (*holds)(uint32_t cp)) {
    uint32_t cp;
    bool yes = s.n > 0 && run_spend(r, s.n / 16);
    for (size_t at = 0, n; yes && at < s.n; at += n) {
        n = utf8_decode(s.text + at, s.n - at, &cp);
        n = n ? n : 1;
        yes = holds(cp);
    }
    return value_bool(yes);
}

static bool letter_or_digit(uint32_t cp) {
    return pystr_letter(cp) || pystr_digit(cp);
}

static bool is_ascii(uint32_t cp) {
    return cp < 0x80;
}

static bool not_upper(uint32_t cp) {
    return !pystr_upper(cp);
}

static bool not_lower(uint32_t cp) {
    return !pystr_lower(cp);
}

static bool any(struct value s, bool (*holds)(uint32_t cp)) {
    uint32_t cp;
    for (size_t at = 0, n; at < s.n; at += n) {
        n = utf8_decode(s.text + at, s.n - at, &cp);
        n = n ? n : 1;
        if (holds(cp))
            return true;
    }
    return false;
}

METHOD(str_isalpha) {
    (void)call;
    return all(r, self, pystr_letter);
}

METHOD(str_isdigit) {
    (void)call;
    return all(r, self, pystr_digit);
}

METHOD(str_isalnum) {
    (void)call;
    return all(r, self, letter_or_digit);
}

METHOD(str_isspace) {
    (void)call;
    return all(r, self, pystr_space);
}

METHOD(str_isascii) {
    (void)call;
    return value_bool(!self.n || value_truth(all(r, self, is_ascii)));
}

METHOD(str_isupper) {
    (void)call;
    return value_bool(value_truth(all(r, self, not_lower)) && any(self, pystr_upper));
}

METHOD(str_islower) {
    (void)call;
    return value_bool(value_truth(all(r, self, not_upper)) && any(self, pystr_lower));
}

/* ---- dictionaries and lists ---- */

METHOD(dict_get) {
    const struct value found = dict_find(r, self.dict, ARG(0));
    return is_given(found) ? found : is_given(ARG(1)) ? ARG(1) : value_none();
}

METHOD(dict_items) {
    (void)call;
    struct sequence *out = sequence_new(r, SEQUENCE_ITEMS, self.dict->n);
    for (size_t i = 0; i < self.dict->n && run_spend(r, 1); i++)
        sequence_add(r, out, value_pair(r, self.dict->entries[i].key, self.dict->entries[i].value));
    return value_sequence(out);
}

METHOD(dict_keys) {
    (void)call;
    struct sequence *out = sequence_new(r, SEQUENCE_KEYS, self.dict->n);
    for (size_t i = 0; i < self.dict->n; i++)
        sequence_add(r, out, self.dict->entries[i].key);
    return value_sequence(out);
}

METHOD(dict_values) {
    (void)call;
    struct sequence *out = sequence_new(r, SEQUENCE_VALUES, self.dict->n);
    for (size_t i = 0; i < self.dict->n; i++)
        sequence_add(r, out, self.dict->entries[i].value);
    return value_sequence(out);
}

METHOD(dict_copy) {
    (void)call;
    struct dict *out = dict_new(r);
    for (size_t i = 0; i < self.dict->n && run_spend(r, 1); i++)
        dict_set(r, out, self.dict->entries[i].key, self.dict->entries[i].value);
    return value_dict(out);
}

METHOD(list_copy) {
    (void)call;
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, self.sequence->n);
    for (size_t i = 0; i < self.sequence->n && run_spend(r, 1); i++)
        sequence_add(r, out, self.sequence->items[i]);
    return value_sequence(out);
}

METHOD(list_count) {
    int64_t n = 0;
    for (size_t i = 0; i < self.sequence->n && run_spend(r, 1); i++)
        n += value_equal(r, self.sequence->items[i], ARG(0));
    return value_int(n);
}

METHOD(list_index) {
    for (size_t i = 0; i < self.sequence->n && run_spend(r, 1); i++)
        if (value_equal(r, self.sequence->items[i], ARG(0)))
            return value_int((int64_t)i);
    return run_fail(r, ERR_INPUT, "the item that is looked for is not in the list");
}

METHOD(float_is_integer) {
    (void)r, (void)call;
    return value_bool(self.real == (double)(int64_t)self.real);
}

METHOD(loop_cycle) {
    if (!call->n)
        return run_fail(r, ERR_INPUT, "loop.cycle: no items");
    return call->args[self.loop->at % call->n];
}

METHOD(loop_changed) {
    struct sequence *now = sequence_new(r, SEQUENCE_TUPLE, call->n);
    for (size_t i = 0; i < call->n; i++)
        sequence_add(r, now, call->args[i]);
    const bool changed =
        !is_given(self.loop->changed) || !value_equal(r, self.loop->changed, value_sequence(now));
    self.loop->changed = value_sequence(now);
    return value_bool(changed);
}

static const struct native str_methods[] = {
    { "capitalize", str_capitalize, "", 0 },
    { "casefold", str_lower, "", 0 },
    { "center", str_center, "width,fillchar", 1 },
    { "count", str_count, "sub,start,end", 1 },
    { "endswith", str_endswith, "suffix,start,end", 1 },
    { "find", str_find, "sub,start,end", 1 },
    { "format", str_format, NULL, 0 },
    { "index", str_index, "sub,start,end", 1 },
    { "isalnum", str_isalnum, "", 0 },
    { "isalpha", str_isalpha, "", 0 },
    { "isascii", str_isascii, "", 0 },
    { "isdecimal", str_isdigit, "", 0 },
    { "isdigit", str_isdigit, "", 0 },
    { "islower", str_islower, "", 0 },
    { "isnumeric", str_isdigit, "", 0 },
    { "isspace", str_isspace, "", 0 },
    { "isupper", str_isupper, "", 0 },
    { "join", str_join, "iterable", 1 },
    { "ljust", str_ljust, "width,fillchar", 1 },
    { "lower", str_lower, "", 0 },
    { "lstrip", str_lstrip, "chars", 0 },
    { "partition", str_partition, "sep", 1 },
    { "removeprefix", str_removeprefix, "prefix", 1 },
    { "removesuffix", str_removesuffix, "suffix", 1 },
    { "replace", str_replace, "old,new,count", 2 },
    { "rfind", str_rfind, "sub,start,end", 1 },
    { "rindex", str_rindex, "sub,start,end", 1 },
    { "rjust", str_rjust, "width,fillchar", 1 },
    { "rpartition", str_rpartition, "sep", 1 },
    { "rsplit", str_rsplit, "sep,maxsplit", 0 },
    { "rstrip", str_rstrip, "chars", 0 },
    { "split", str_split, "sep,maxsplit", 0 },
    { "splitlines", str_splitlines, "keepends", 0 },
    { "startswith", str_startswith, "prefix,start,end", 1 },
    { "strip", str_strip, "chars", 0 },
    { "swapcase", str_swapcase, "", 0 },
    { "title", str_title, "", 0 },
    { "upper", str_upper, "", 0 },
    { "zfill", str_zfill, "width", 1 },
    { NULL, NULL, NULL, 0 },
};
static const struct native dict_methods[] = {
    { "copy", dict_copy, "", 0 },
    { "get", dict_get, "key,default", 1 },
    { "items", dict_items, "", 0 },
    { "keys", dict_keys, "", 0 },
    { "values", dict_values, "", 0 },
    { NULL, NULL, NULL, 0 },
};
static const struct native list_methods[] = {
    { "copy", list_copy, "", 0 },
    { "count", list_count, "value", 1 },
    { "index", list_index, "value", 1 },
    { NULL, NULL, NULL, 0 },
};
static const struct native float_methods[] = {
    { "is_integer", float_is_integer, "", 0 },
    { NULL, NULL, NULL, 0 },
};
static const struct native loop_methods[] = {
    { "changed", loop_changed, NULL, 0 },
    { "cycle", loop_cycle, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};

static const struct native *methods_of(struct value v) {
    static const struct native none[] = { { NULL, NULL, NULL, 0 } };
    switch (v.type) {
    case VALUE_STRING:
        return str_methods;
    case VALUE_DICT:
        return dict_methods;
    case VALUE_FLOAT:
        return float_methods;
    case VALUE_LOOP:
        return loop_methods;
    case VALUE_SEQUENCE:
        return v.sequence->kind == SEQUENCE_LIST    ? list_methods
               : v.sequence->kind <= SEQUENCE_RANGE ? list_methods + 1
                                                    : none;
    default:
        return none;
    }
}

const struct native *method_find(struct value v, const char *name) {
    for (const struct native *m = methods_of(v); m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

bool method_mutates(struct value v, const char *name) {
    static const char *const of_dict[] = { "clear", "pop", "popitem", "setdefault", "update",
        NULL };
    static const char *const of_list[] = { "append", "clear", "pop", "reverse", "insert", "sort",
        "extend", "remove", NULL };
    const char *const *names = v.type == VALUE_DICT            ? of_dict
                               : is_sequence(v, SEQUENCE_LIST) ? of_list
                                                               : NULL;
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}
