/* See jsontree.h. */
#include "base/jsontree.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonscan.h"

struct tree {
    struct jsonscan scan;
    int depth_left;
};

static json_t *take_value(struct tree *t);

static void skip_space(struct tree *t) {
    while (*t->scan.at == ' ' || *t->scan.at == '\n' || *t->scan.at == '\t' || *t->scan.at == '\r')
        t->scan.at++;
}

/* True if the next character is `c`, which is taken with the space around it. */
static bool take(struct tree *t, char c) {
    skip_space(t);
    if (*t->scan.at != c)
        return false;
    t->scan.at++;
    skip_space(t);
    return true;
}

static json_t *take_string(struct tree *t) {
    char *text;
    size_t n;
    return jsonscan_string(&t->scan, &text, &n) ? json_stringn_nocheck(text, n) : NULL;
}

static json_t *take_number(struct tree *t) {
    struct jsonscan_number x;
    if (!jsonscan_number(&t->scan, &x) || x.kind == JSONSCAN_WIDE_INT)
        return NULL;
    return x.kind == JSONSCAN_INT ? json_integer(x.i) : json_real(x.d);
}

static json_t *take_word(struct tree *t, const char *word, json_t *value) {
    const size_t n = strlen(word);
    if (strncmp(t->scan.at, word, n) != 0)
        return NULL;
    t->scan.at += n;
    return value;
}

/* A key that is there already doesn't make the object any larger. */
static bool take_member(struct tree *t, json_t *object) {
    char *key;
    size_t n;
    if (*t->scan.at != '"' || !jsonscan_string(&t->scan, &key, &n) || memchr(key, 0, n))
        return false;
    json_t *value = take(t, ':') ? take_value(t) : NULL;
    const size_t size = json_object_size(object);
    return value && json_object_setn_new_nocheck(object, key, n, value) == 0 &&
           json_object_size(object) == size + 1;
}

static bool take_element(struct tree *t, json_t *array) {
    json_t *value = take_value(t);
    return value && json_array_append_new(array, value) == 0;
}

/* What stands between brackets, of which the first is under t->scan.at. */
static json_t *take_items(
    struct tree *t, char close, json_t *holder, bool (*take_item)(struct tree *t, json_t *holder)) {
    bool ok = holder && t->depth_left-- > 0;
    t->scan.at++;
    skip_space(t);
    for (bool more = *t->scan.at != close; ok && more;) {
        ok = take_item(t, holder);
        more = ok && take(t, ',');
    }
    if (!ok || *t->scan.at != close) {
        json_decref(holder);
        return NULL;
    }
    t->scan.at++;
    t->depth_left++;
    return holder;
}

static json_t *take_value(struct tree *t) {
    switch (*t->scan.at) {
    case '"':
        return take_string(t);
    case '{':
        return take_items(t, '}', json_object(), take_member);
    case '[':
        return take_items(t, ']', json_array(), take_element);
    case 't':
        return take_word(t, "true", json_true());
    case 'f':
        return take_word(t, "false", json_false());
    case 'n':
        return take_word(t, "null", json_null());
    default:
        return take_number(t);
    }
}

/* Strings are unescaped in place, so in a copy. */
json_t *jsontree_parse(const char *text, size_t n, int depth_max) {
    char *copy = malloc(n + 1 + JSONSCAN_SLACK);
    if (!copy)
        return NULL;
    memcpy(copy, text, n);
    memset(copy + n, 0, 1 + JSONSCAN_SLACK);
    struct tree t = { .scan = { .at = copy, .end = copy + n }, .depth_left = depth_max };
    skip_space(&t);
    json_t *json = take_value(&t);
    skip_space(&t);
    if (json && t.scan.at != t.scan.end) {
        json_decref(json);
        json = NULL;
    }
    free(copy);
    return json;
}
