/* Where in a task file a field is written: a scan of Lua's tokens that knows strings, comments and
 * nesting, nothing more. The first `field =` directly inside the outermost table wins, else the
 * first anywhere. */
#include <ctype.h>
#include <string.h>

#include "evaluator/task/runtime.h"

struct scan {
    const char *at, *end;
    unsigned line;
    int depth;
};

static void step(struct scan *s) {
    s->line += *s->at == '\n';
    s->at++;
}

/* Level of a long bracket that opens here: [[ is 0, [=[ is 1; -1 if none does. */
static int long_level(const struct scan *s) {
    const char *p = s->at;
    if (p >= s->end || *p++ != '[') {
        return -1;
    }
    int level = 0;
    for (; p < s->end && *p == '='; p++) {
        level++;
    }
    return p < s->end && *p == '[' ? level : -1;
}

static void skip_long(struct scan *s, int level) {
    s->at += level + 2;
    for (; s->at < s->end; step(s)) {
        const char *p = s->at;
        int n = 0;
        if (*p++ != ']') {
            continue;
        }
        for (; p < s->end && *p == '=' && n < level; p++) {
            n++;
        }
        if (n == level && p < s->end && *p == ']') {
            s->at = p + 1;
            return;
        }
    }
}

static void skip_string(struct scan *s) {
    char quote = *s->at;
    for (step(s); s->at < s->end && *s->at != quote && *s->at != '\n'; step(s)) {
        if (*s->at == '\\' && s->at + 1 < s->end) {
            step(s);
        }
    }
    if (s->at < s->end) {
        step(s);
    }
}

static void skip_comment(struct scan *s) {
    s->at += 2;
    int level = long_level(s);
    if (level >= 0) {
        skip_long(s, level);
        return;
    }
    while (s->at < s->end && *s->at != '\n') {
        s->at++;
    }
}

/* A name that stands here is followed by a single '='. */
static bool assigned(const struct scan *s, const char *after) {
    while (after < s->end && isspace((unsigned char)*after)) {
        after++;
    }
    return after < s->end && *after == '=' && (after + 1 == s->end || after[1] != '=');
}

static const char *name_end(const struct scan *s) {
    const char *p = s->at;
    while (p < s->end && (isalnum((unsigned char)*p) || *p == '_')) {
        p++;
    }
    return p;
}

unsigned source_field_line(const char *text, size_t n, const char *field) {
    struct scan s = { .at = text, .end = text + n, .line = 1 };
    unsigned elsewhere = 0;
    size_t length = strlen(field);
    while (s.at < s.end) {
        int level = long_level(&s);
        const char *after = name_end(&s);
        if (level >= 0) {
            skip_long(&s, level);
        } else if (*s.at == '"' || *s.at == '\'') {
            skip_string(&s);
        } else if (s.at + 1 < s.end && s.at[0] == '-' && s.at[1] == '-') {
            skip_comment(&s);
        } else if (after > s.at) {
            if ((size_t)(after - s.at) == length && !memcmp(s.at, field, length) &&
                assigned(&s, after)) {
                if (s.depth == 1) {
                    return s.line;
                }
                elsewhere = elsewhere ? elsewhere : s.line;
            }
            s.at = after;
        } else {
            s.depth += (*s.at == '{') - (*s.at == '}');
            step(&s);
        }
    }
    return elsewhere ? elsewhere : 1;
}
