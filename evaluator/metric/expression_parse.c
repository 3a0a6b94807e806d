/* Reading an expression. What Python refuses is refused, mostly in its words. */
#include "evaluator/metric/expression_parts.h"

#include <string.h>

#include "base/utf8.h"
#include "evaluator/metric/letters.h"

enum { DEPTH_MAX = 100, REPEAT_MAX = 1000 };

enum flag { FLAG_ANY_CASE = 1, FLAG_DOT_ALL = 2, FLAG_LINES = 4, FLAG_ASCII = 8 };

struct reader {
    struct parsed *p;
    const char *text, *at, *end;
    unsigned flags;
    unsigned depth, in_look;
    struct err *err;
};

static bool bad(struct reader *r, const char *why) {
    size_t n = (size_t)(r->end - r->text); /* no NUL ends it */
    return err_set(r->err, ERR_TASK, "bad regular expression '%.*s': %s at byte %zu",
        n < 200 ? (int)n : 200, r->text, why, (size_t)(r->at - r->text));
}

/* ---- the tree ---- */

static struct node *node_new(struct reader *r, enum node_kind kind) {
    struct node *node = arena_alloc(&r->p->arena, sizeof *node);
    node->kind = kind;
    return node;
}

static void node_add(struct reader *r, struct node *to, struct node *member) {
    if (to->n == to->capacity) {
        size_t capacity = to->capacity ? 2 * to->capacity : 4;
        struct node **members = arena_alloc(&r->p->arena, capacity * sizeof(struct node *));
        if (to->n) {
            memcpy(members, to->members, to->n * sizeof(struct node *));
        }
        to->members = members;
        to->capacity = capacity;
    }
    to->members[to->n++] = member;
}

static size_t set_new(struct reader *r) {
    struct parsed *p = r->p;
    mem_grow(&p->sets, &p->sets_capacity, p->n_sets + 1, sizeof *p->sets);
    p->sets[p->n_sets] =
        (struct char_set) { .any_case = r->flags & FLAG_ANY_CASE, .ascii = r->flags & FLAG_ASCII };
    return p->n_sets++;
}

static void set_add(struct char_set *s, uint32_t from, uint32_t to) {
    mem_grow(&s->ranges, &s->capacity, s->n + 1, sizeof *s->ranges);
    s->ranges[s->n++] = (struct char_range) { from, to };
}

static struct node *node_of_set(struct reader *r, size_t set) {
    struct node *node = node_new(r, NODE_SET);
    node->which = set;
    return node;
}

static struct node *node_of_place(struct reader *r, enum place place) {
    struct node *node = node_new(r, NODE_PLACE);
    node->which = place;
    node->ascii = r->flags & FLAG_ASCII;
    return node;
}

/* ---- characters ---- */

static bool more(const struct reader *r) {
    return r->at < r->end;
}

static bool take(struct reader *r, const char *mark) {
    size_t n = strlen(mark);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, mark, n)) {
        return false;
    }
    r->at += n;
    return true;
}

static bool next_char(struct reader *r, uint32_t *c) {
    size_t n = utf8_decode(r->at, (size_t)(r->end - r->at), c);
    if (!n) {
        return bad(r, "not UTF-8");
    }
    r->at += n;
    return true;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool take_hex(struct reader *r, unsigned digits, uint32_t *c) {
    *c = 0;
    for (unsigned i = 0; i < digits; i++, r->at++) {
        int value = more(r) ? hex_value(*r->at) : -1;
        if (value < 0) {
            return bad(r, "incomplete escape");
        }
        *c = *c * 16 + (uint32_t)value;
    }
    return *c <= 0x10ffff || bad(r, "bad escape");
}

/* \d and the like. */
static bool class_of(char c, unsigned *class, bool *inverted) {
    static const char NAMES[] = "dws", OTHERS[] = "DWS";
    const char *at = c ? strchr(NAMES, c) : NULL, *other = c ? strchr(OTHERS, c) : NULL;
    *inverted = other != NULL;
    *class = at ? 1u << (at - NAMES) : other ? 1u << (other - OTHERS) : 0;
    return at || other;
}

/* After a backslash: an escape that stands for one character. */
static bool escaped_char(struct reader *r, bool in_set, uint32_t *c) {
    static const char NAMES[] = "ntrfva", VALUES[] = "\n\t\r\f\v\a";
    char name = *r->at;
    const char *known = strchr(NAMES, name);
    if (known) {
        r->at++;
        *c = (unsigned char)VALUES[known - NAMES];
        return true;
    }
    if (name == 'b' && in_set) {
        r->at++;
        *c = '\b';
        return true;
    }
    if (name == 'x' || name == 'u' || name == 'U') {
        r->at++;
        return take_hex(r, name == 'x' ? 2 : name == 'u' ? 4 : 8, c);
    }
    if (name == '0') {
        *c = 0;
        for (unsigned i = 0; i < 3 && more(r) && *r->at >= '0' && *r->at <= '7'; i++) {
            *c = *c * 8 + (uint32_t)(*r->at++ - '0');
        }
        return true;
    }
    if (name >= '1' && name <= '9') {
        return bad(r, "back-references are not supported");
    }
    if ((name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z')) {
        return bad(r, "bad escape");
    }
    return next_char(r, c);
}

static void set_add_class(struct char_set *s, unsigned class, bool inverted) {
    if (inverted) {
        s->not_classes |= class;
    } else {
        s->classes |= class;
    }
}

/* One end of a range in [...], or a class, which is none. */
static bool set_member(struct reader *r, size_t set, uint32_t *c, bool *is_class) {
    unsigned class;
    bool inverted;
    *is_class = false;
    if (!take(r, "\\")) {
        return next_char(r, c);
    }
    if (!more(r)) {
        return bad(r, "ends with a backslash");
    }
    if (class_of(*r->at, &class, &inverted)) {
        r->at++;
        set_add_class(&r->p->sets[set], class, inverted);
        *is_class = true;
        return true;
    }
    return escaped_char(r, true, c);
}

/* The rest of [...]. A ']' that comes first stands for itself. */
static bool read_set(struct reader *r, struct node **out) {
    size_t set = set_new(r);
    r->p->sets[set].inverted = take(r, "^");
    for (bool first = true; first || !take(r, "]"); first = false) {
        uint32_t from, to;
        bool is_class, ends_class;
        if (!more(r)) {
            return bad(r, "unterminated character set");
        }
        if (!set_member(r, set, &from, &is_class)) {
            return false;
        }
        to = from;
        if (!is_class && r->end - r->at >= 2 && *r->at == '-' && r->at[1] != ']') {
            r->at++;
            if (!set_member(r, set, &to, &ends_class)) {
                return false;
            }
            if (ends_class || to < from) {
                return bad(r, "bad character range");
            }
        }
        if (!is_class) {
            set_add(&r->p->sets[set], from, to);
        }
    }
    *out = node_of_set(r, set);
    return true;
}

static bool read_escape(struct reader *r, struct node **out) {
    unsigned class;
    bool inverted;
    uint32_t c;
    if (!more(r)) {
        return bad(r, "ends with a backslash");
    }
    if (class_of(*r->at, &class, &inverted)) {
        r->at++;
        size_t set = set_new(r);
        set_add_class(&r->p->sets[set], class, inverted);
        *out = node_of_set(r, set);
        return true;
    }
    static const char PLACES[] = "AZbB";
    static const enum place MEANT[] = { PLACE_BEGIN, PLACE_VERY_END, PLACE_BORDER,
        PLACE_NO_BORDER };
    const char *place = strchr(PLACES, *r->at);
    if (place && *place) {
        r->at++;
        *out = node_of_place(r, MEANT[place - PLACES]);
        return true;
    }
    if (!escaped_char(r, false, &c)) {
        return false;
    }
    size_t set = set_new(r);
    set_add(&r->p->sets[set], c, c);
    *out = node_of_set(r, set);
    return true;
}

/* ---- groups ---- */

static bool read_either(struct reader *r, struct node **out);

static unsigned flag_of(char c) {
    return c == 'i'   ? FLAG_ANY_CASE
           : c == 's' ? FLAG_DOT_ALL
           : c == 'm' ? FLAG_LINES
           : c == 'a' ? FLAG_ASCII
                      : 0;
}

/* (?i) for all, at the beginning only; (?i:...) and (?-i:...) for a part. *rest: what the flags are
 * of follows. */
static bool read_flags(struct reader *r, bool *rest) {
    unsigned on = 0, off = 0;
    bool inverted = false, begins = r->at == r->text + 2;
    while (more(r) && *r->at != ')' && *r->at != ':') {
        char c = *r->at++;
        unsigned flag = flag_of(c);
        if (c == '-' && !inverted) {
            inverted = true;
        } else if (!flag && c != 'u') {
            return bad(r, "a flag that is not supported");
        } else if (inverted) {
            off |= flag;
        } else {
            on |= flag;
        }
    }
    *rest = take(r, ":");
    if (!*rest && (!take(r, ")") || !begins || inverted)) {
        return bad(r, "flags for all must stand at the beginning");
    }
    r->flags = (r->flags | on) & ~off;
    return true;
}

static bool skip_comment(struct reader *r) {
    while (more(r) && *r->at != ')') {
        r->at++;
    }
    return take(r, ")") || bad(r, "unterminated comment");
}

static bool read_inner(struct reader *r, struct node **out) {
    if (++r->depth > DEPTH_MAX) {
        return bad(r, "too deeply nested");
    }
    bool ok = read_either(r, out) && (take(r, ")") || bad(r, "missing ')'"));
    r->depth--;
    return ok;
}

static bool read_look(struct reader *r, bool behind, bool negative, struct node **out) {
    struct parsed *p = r->p;
    struct node *look = node_new(r, NODE_LOOK), *inner = NULL;
    r->in_look++;
    if (!read_inner(r, &inner)) {
        return false;
    }
    r->in_look--;
    node_add(r, look, inner);
    look->behind = behind;
    look->negative = negative;
    look->which = p->n_looks;
    mem_grow(&p->looks, &p->looks_capacity, p->n_looks + 1, sizeof *p->looks);
    p->looks[p->n_looks++] = look;
    *out = look;
    return true;
}

static bool read_capturing(struct reader *r, struct node **out) {
    struct node *group = node_new(r, NODE_GROUP), *inner = NULL;
    if (r->in_look) {
        return bad(r, "a group inside a look-around is not supported");
    }
    if (r->p->n_groups == EXPRESSION_MAX_GROUPS) {
        return bad(r, "too many groups");
    }
    group->which = r->p->n_groups++;
    if (!read_inner(r, &inner)) {
        return false;
    }
    node_add(r, group, inner);
    *out = group;
    return true;
}

static bool skip_name(struct reader *r) {
    const char *from = r->at;
    while (more(r) && (*r->at == '_' || letter_is_alnum((unsigned char)*r->at))) {
        r->at++;
    }
    return (r->at > from && take(r, ">")) || bad(r, "bad name of a group");
}

/* After "(": *out stays NULL where nothing is to be matched. */
static bool read_group(struct reader *r, struct node **out) {
    if (!take(r, "?")) {
        return read_capturing(r, out);
    }
    if (take(r, "#")) {
        return skip_comment(r);
    }
    if (take(r, "P<")) {
        return skip_name(r) && read_capturing(r, out);
    }
    if (take(r, "=") || take(r, "!")) {
        return read_look(r, false, r->at[-1] == '!', out);
    }
    if (take(r, "<=") || take(r, "<!")) {
        return read_look(r, true, r->at[-1] == '!', out);
    }
    if (more(r) && strchr("P(>", *r->at)) {
        return bad(r, "back-references, conditions and atomic groups are not supported");
    }
    unsigned before = r->flags;
    bool rest = false;
    if (!read_flags(r, &rest)) {
        return false;
    }
    bool ok = !rest || read_inner(r, out);
    r->flags = rest ? before : r->flags;
    return ok;
}

/* ---- repetitions and sequences ---- */

static bool take_number(struct reader *r, uint32_t *n) {
    const char *from = r->at;
    for (*n = 0; more(r) && *r->at >= '0' && *r->at <= '9'; r->at++) {
        *n = *n < 100000 ? *n * 10 + (uint32_t)(*r->at - '0') : *n;
    }
    return r->at > from;
}

/* {m}, {m,}, {,n}, {m,n}; anything else in braces is text. */
static bool take_braces(struct reader *r, uint32_t *least, uint32_t *most) {
    const char *from = r->at;
    *least = 0;
    if (!take(r, "{")) {
        return false;
    }
    bool first = take_number(r, least), comma = take(r, ","), second = false;
    *most = *least;
    if (comma) {
        second = take_number(r, most);
        *most = second ? *most : UINT32_MAX;
    }
    if ((first || comma) && take(r, "}")) {
        return true;
    }
    r->at = from;
    return false;
}

static bool take_repeat(struct reader *r, uint32_t *least, uint32_t *most) {
    *most = UINT32_MAX;
    *least = 0;
    if (take(r, "*")) {
        return true;
    }
    if (take(r, "+")) {
        *least = 1;
        return true;
    }
    if (take(r, "?")) {
        *most = 1;
        return true;
    }
    return take_braces(r, least, most);
}

static bool add_repeated(struct reader *r, struct node *to, struct node *item) {
    uint32_t least, most;
    if (!take_repeat(r, &least, &most)) {
        node_add(r, to, item);
        return true;
    }
    if (item->kind == NODE_PLACE) {
        return bad(r, "nothing to repeat");
    }
    if (most < least || least > REPEAT_MAX || (most != UINT32_MAX && most > REPEAT_MAX)) {
        return bad(r, "a number of repetitions that is none, or too large");
    }
    struct node *repeat = node_new(r, NODE_REPEAT);
    repeat->least = least;
    repeat->most = most;
    repeat->lazy = take(r, "?");
    if (!repeat->lazy && take(r, "+")) {
        return bad(r, "possessive repetitions are not supported");
    }
    node_add(r, repeat, item);
    node_add(r, to, repeat);
    return (!take_repeat(r, &least, &most)) || bad(r, "multiple repeat");
}

static bool read_any(struct reader *r, struct node **out) {
    size_t set = set_new(r);
    r->p->sets[set].inverted = true;
    if (!(r->flags & FLAG_DOT_ALL)) {
        set_add(&r->p->sets[set], '\n', '\n');
    }
    *out = node_of_set(r, set);
    return true;
}

static bool read_item(struct reader *r, struct node **out) {
    uint32_t c;
    *out = NULL;
    if (take(r, "\\")) {
        return read_escape(r, out);
    }
    if (take(r, "[")) {
        return read_set(r, out);
    }
    if (take(r, "(")) {
        return read_group(r, out);
    }
    if (take(r, ".")) {
        return read_any(r, out);
    }
    if (take(r, "^")) {
        *out = node_of_place(r, r->flags & FLAG_LINES ? PLACE_LINE_BEGIN : PLACE_BEGIN);
        return true;
    }
    if (take(r, "$")) {
        *out = node_of_place(r, r->flags & FLAG_LINES ? PLACE_LINE_END : PLACE_END);
        return true;
    }
    uint32_t least, most;
    if (take_repeat(r, &least, &most)) {
        return bad(r, "nothing to repeat");
    }
    if (!next_char(r, &c)) {
        return false;
    }
    size_t set = set_new(r);
    set_add(&r->p->sets[set], c, c);
    *out = node_of_set(r, set);
    return true;
}

static bool read_all(struct reader *r, struct node **out) {
    struct node *all = *out = node_new(r, NODE_ALL), *item;
    while (more(r) && *r->at != '|' && *r->at != ')') {
        if (!read_item(r, &item) || (item && !add_repeated(r, all, item))) {
            return false;
        }
    }
    return true;
}

static bool read_either(struct reader *r, struct node **out) {
    struct node *either = node_new(r, NODE_ONE_OF), *one;
    do {
        if (!read_all(r, &one)) {
            return false;
        }
        node_add(r, either, one);
    } while (take(r, "|"));
    *out = either;
    return true;
}

bool expression_parse(struct parsed *p, const char *text, size_t n, struct err *err) {
    struct reader r = { .p = p, .text = text, .at = text, .end = text + n, .err = err };
    if (n > EXPRESSION_MAX_BYTES) {
        return bad(&r, "longer than 2000 bytes");
    }
    return read_either(&r, &p->root) && (r.at == r.end || bad(&r, "unbalanced parenthesis"));
}

void parsed_release(struct parsed *p) {
    for (size_t i = 0; i < p->n_sets; i++) {
        free(p->sets[i].ranges);
    }
    free(p->sets);
    free(p->looks);
    arena_release(&p->arena);
}
