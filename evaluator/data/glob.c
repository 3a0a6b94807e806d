/* See glob.h. The pattern is run as a set of positions (Thompson's way), so that hostile patterns
 * cost no more. */
#include "evaluator/data/glob.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* The code point at p, of bytes that are not UTF-8 each for itself. */
static size_t letter(const char *p, uint32_t *c) {
    size_t n = utf8_decode(p, strnlen(p, 4), c);
    if (n == 0)
        *c = 0x110000u + (unsigned char)*p;
    return n ? n : 1;
}

/* The set at p ("[...]"): its length, 0 if it never closes; *in says whether c is in it. */
static size_t match_set(const char *p, uint32_t c, bool *in) {
    size_t i = 1;
    bool inverted = p[i] == '!', found = false;
    i += inverted;
    for (size_t first = i; p[i] && (p[i] != ']' || i == first);) {
        uint32_t from, to;
        i += letter(p + i, &from);
        to = from;
        if (p[i] == '-' && p[i + 1] && p[i + 1] != ']')
            i += 1 + letter(p + i + 1, &to);
        found |= from <= c && c <= to;
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
        i += !deep ? 1 : p[i + 2] == '/' ? 3 : 2;
    }
}

/* "**" before a '/' stands for whole folders: past it goes who reads a '/'. */
static void step_deep(const char *p, size_t i, uint32_t c, bool *next) {
    if (p[i + 2] != '/')
        add(p, i, next);
    else if (c == '/')
        add(p, i + 3, next);
    next[i] = true;
}

/* Where position i leads on reading c. */
static void step(const char *p, size_t i, uint32_t c, bool *next) {
    bool in = false;
    size_t len;
    uint32_t own;
    if (p[i] == '*' && p[i + 1] == '*')
        step_deep(p, i, c, next);
    else if (p[i] == '*' && c != '/')
        add(p, i, next);
    else if (p[i] == '?' && c != '/')
        add(p, i + 1, next);
    else if (p[i] == '[' && (len = match_set(p + i, c, &in)) > 0) {
        if (in)
            add(p, i + len, next);
    } else if (p[i] != '*' && p[i] != '?') {
        len = letter(p + i, &own);
        if (own == c)
            add(p, i + len, next);
    }
}

/* Most paths differ from a pattern before its first star. */
static bool begins_otherwise(const char *pattern, const char *path) {
    return strncmp(pattern, path, strcspn(pattern, "*?[")) != 0;
}

bool glob_match(const char *pattern, const char *path) {
    bool now[GLOB_MAX + 4] = { false }, next[GLOB_MAX + 4];
    size_t n = strlen(pattern);
    if (n > GLOB_MAX || begins_otherwise(pattern, path))
        return false;
    add(pattern, 0, now);
    while (*path) {
        uint32_t c;
        path += letter(path, &c);
        memset(next, 0, n + 1);
        for (size_t i = 0; i < n; i++)
            if (now[i])
                step(pattern, i, c, next);
        memcpy(now, next, n + 1);
    }
    return now[n];
}

bool glob_has_magic(const char *pattern) {
    return strpbrk(pattern, "*?[") != NULL;
}

/* Parts of a path that begin so, the last one too or not. */
static size_t count_parts(const char *path, const char *begin, bool last) {
    size_t n = 0, len = strlen(begin);
    for (const char *part = path, *end; part; part = end ? end + 1 : NULL) {
        end = strchr(part, '/');
        n += (end || last) && strncmp(part, begin, len) == 0;
    }
    return n;
}

bool glob_takes(const char *pattern, const char *path) {
    return glob_match(pattern, path) &&
           count_parts(path, ".", true) == count_parts(pattern, ".", true) &&
           count_parts(path, "__", false) == count_parts(pattern, "__", false);
}

bool glob_passes_over(const char *path) {
    return count_parts(path, ".", true) + count_parts(path, "__", false) > 0;
}
