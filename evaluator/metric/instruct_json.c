/* What Python's json.loads takes: JSON with NaN and Infinity, any value on its own, half pairs of
 * surrogates, and keys that stand twice. */
#include "evaluator/metric/instruct_parts.h"

enum { NESTED_MAX = 900 }; /* about where Python gives up */

struct scan {
    const char *at, *end;
    unsigned depth;
};

static void skip_blanks(struct scan *s) {
    while (s->at < s->end && strchr(" \t\n\r", *s->at) && *s->at) {
        s->at++;
    }
}

static bool take(struct scan *s, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) {
        return false;
    }
    s->at += n;
    return true;
}

static size_t take_digits(struct scan *s) {
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return (size_t)(s->at - from);
}

static bool take_number(struct scan *s) {
    take(s, "-");
    if (!take(s, "0") && !take_digits(s)) {
        return false;
    }
    struct scan part = *s;
    if (take(&part, ".") && take_digits(&part)) {
        *s = part;
    }
    part = *s;
    if (take(&part, "e") || take(&part, "E")) {
        if (!take(&part, "+")) {
            take(&part, "-");
        }
        *s = take_digits(&part) ? part : *s;
    }
    return true;
}

static bool take_escape(struct scan *s) {
    if (s->at == s->end) {
        return false;
    }
    char c = *s->at++;
    if (c != 'u') {
        return c && strchr("\"\\/bfnrt", c);
    }
    for (int i = 0; i < 4; i++, s->at++) {
        if (s->at == s->end || !*s->at || !strchr("0123456789abcdefABCDEF", *s->at)) {
            return false;
        }
    }
    return true;
}

static bool take_string(struct scan *s) {
    if (!take(s, "\"")) {
        return false;
    }
    while (s->at < s->end && *s->at != '"') {
        unsigned char c = (unsigned char)*s->at++;
        if (c < 0x20 || (c == '\\' && !take_escape(s))) {
            return false;
        }
    }
    return take(s, "\"");
}

static bool take_value(struct scan *s);

static bool take_members(struct scan *s, const char *end, bool keys) {
    skip_blanks(s);
    if (take(s, end)) {
        return true;
    }
    do {
        skip_blanks(s);
        if (keys) {
            if (!take_string(s)) {
                return false;
            }
            skip_blanks(s);
            if (!take(s, ":")) {
                return false;
            }
        }
        skip_blanks(s);
        if (!take_value(s)) {
            return false;
        }
        skip_blanks(s);
    } while (take(s, ","));
    return take(s, end);
}

static bool take_value(struct scan *s) {
    static const char *const WORDS[] = { "null", "true", "false", "NaN", "Infinity", "-Infinity" };
    if (s->at < s->end && *s->at == '"') {
        return take_string(s);
    }
    bool object = take(s, "{");
    if (object || take(s, "[")) {
        bool ok = ++s->depth <= NESTED_MAX && take_members(s, object ? "}" : "]", object);
        s->depth--;
        return ok;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (take(s, WORDS[i])) {
            return true;
        }
    }
    return take_number(s);
}

bool json_is_python_s(const char *text, size_t n) {
    struct scan s = { text, text + n, 0 };
    skip_blanks(&s);
    if (!take_value(&s)) {
        return false;
    }
    skip_blanks(&s);
    return s.at == s.end;
}
