/* See glob.h. The pattern is run as a set of positions (Thompson's way), so that hostile patterns
 * cost no more. */
#include "evaluator/data/glob.h"

#include <string.h>

/* The set at p ("[...]"): its length, 0 if it never closes; *in says whether c is in it. */
static size_t match_set(const char *p, char c, bool *in) {
    size_t i = 1;
    bool inverted = p[i] == '!' || p[i] == '^', found = false;
    i += inverted;
    for (size_t first = i; p[i] && (p[i] != ']' || i == first); i++) {
        if (p[i + 1] == '-' && p[i + 2] && p[i + 2] != ']') {
            found |= p[i] <= c && c <= p[i + 2];
            i += 2;
        } else
            found |= p[i] == c;
    }
    *in = found != inverted && c != '/';
    return p[i] == ']' ? i + 1 : 0;
}

/* Adds position i and those that follow from it without reading: stars may stand for nothing. */
static void add(const char *p, size_t i, bool *set) {
    while (!set[i]) {
        set[i] = true;
        if (p[i] != '*')
            return;
        bool deep = p[i + 1] == '*';
        if (deep && p[i + 2] == '/')
            add(p, i + 3, set);
        i += deep ? 2 : 1;
    }
}

/* Where position i leads on reading c. */
static void step(const char *p, size_t i, char c, bool *next) {
    bool in = false;
    size_t len;
    if (p[i] == '*' && p[i + 1] == '*')
        add(p, i, next);
    else if (p[i] == '*' && c != '/')
        add(p, i, next);
    else if (p[i] == '?' && c != '/')
        add(p, i + 1, next);
    else if (p[i] == '[' && (len = match_set(p + i, c, &in)) > 0) {
        if (in)
            add(p, i + len, next);
    } else if (p[i] == c && p[i] != '*' && p[i] != '?')
        add(p, i + 1, next);
}

bool glob_match(const char *pattern, const char *path) {
    bool now[GLOB_MAX + 4] = { false }, next[GLOB_MAX + 4];
    size_t n = strlen(pattern);
    if (n > GLOB_MAX)
        return false;
    add(pattern, 0, now);
    for (; *path; path++) {
        memset(next, 0, sizeof next);
        for (size_t i = 0; i < n; i++)
            if (now[i])
                step(pattern, i, *path, next);
        memcpy(now, next, sizeof now);
    }
    return now[n];
}
