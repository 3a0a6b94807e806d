/* The machine. An expression is a program, which is run for all ways to match at once: a list of
 * threads ordered by priority, at most one a step of the program, all at the same place of the text
 * (Pike). The first thread of the list that reaches MATCH is the match that a backtracking matcher
 * would have found first.
 *
 * A look-around is a program of its own. Where it fits is found for all places of the text in one
 * run, a look ahead by its program in reverse from the end of the text. */
#include "evaluator/metric/expression.h"

#include <string.h>

#include "base/utf8.h"
#include "evaluator/metric/expression_parts.h"
#include "evaluator/metric/letters.h"

enum op { OP_SET, OP_SPLIT, OP_JUMP, OP_SAVE, OP_PLACE, OP_LOOK, OP_MATCH };

struct step {
    enum op op;
    bool flag;     /* PLACE: words are ASCII's; LOOK: negative */
    uint32_t x, y; /* SET: which; SPLIT: first choice, second; JUMP: where; SAVE: slot */
};

struct program {
    struct step *steps;
    size_t n, capacity;
};

struct expression {
    struct parsed parsed;
    struct program main;
    struct program *looks;
    size_t n_slots;
};

/* ---- characters ---- */

static bool is_word(uint32_t c, bool ascii) {
    return c == '_' || ((!ascii || c < 128) && letter_is_alnum(c));
}

static unsigned classes_of(uint32_t c, bool ascii) {
    bool digit = ascii ? c >= '0' && c <= '9' : letter_is_decimal(c);
    bool space = ascii ? c == ' ' || (c >= 9 && c <= 13) : letter_is_space(c);
    return (digit ? CLASS_DIGIT : 0) | (is_word(c, ascii) ? CLASS_WORD : 0) |
           (space ? CLASS_SPACE : 0);
}

static bool in_ranges(const struct char_set *s, uint32_t c) {
    for (size_t i = 0; i < s->n; i++) {
        if (c >= s->ranges[i].from && c <= s->ranges[i].to) {
            return true;
        }
    }
    return false;
}

/* Small letters that have one capital in common, which re takes for the same whatever the case. */
static const uint32_t SAME_CAPITAL[][3] = { { 0x69, 0x131 }, { 0x73, 0x17f }, { 0xb5, 0x3bc },
    { 0x345, 0x3b9, 0x1fbe }, { 0x390, 0x1fd3 }, { 0x3b0, 0x1fe3 }, { 0x3b2, 0x3d0 },
    { 0x3b5, 0x3f5 }, { 0x3b8, 0x3d1 }, { 0x3ba, 0x3f0 }, { 0x3c0, 0x3d6 }, { 0x3c1, 0x3f1 },
    { 0x3c2, 0x3c3 }, { 0x3c6, 0x3d5 }, { 0x432, 0x1c80 }, { 0x434, 0x1c81 }, { 0x43e, 0x1c82 },
    { 0x441, 0x1c83 }, { 0x442, 0x1c84, 0x1c85 }, { 0x44a, 0x1c86 }, { 0x463, 0x1c87 },
    { 0x1c88, 0xa64b }, { 0x1e61, 0x1e9b }, { 0xfb05, 0xfb06 } };

static bool in_any_case(const struct char_set *s, uint32_t c) {
    if (in_ranges(s, letter_lower(c)) || in_ranges(s, letter_upper(c))) {
        return true;
    }
    for (size_t i = 0; i < s->n; i++) { /* a Kelvin sign is a small k */
        if (s->ranges[i].from == s->ranges[i].to &&
            letter_lower(s->ranges[i].from) == letter_lower(c)) {
            return true;
        }
    }
    return false;
}

static bool set_has_any_case(const struct char_set *s, uint32_t c) {
    uint32_t lower = letter_lower(c);
    bool has = in_any_case(s, c);
    for (size_t i = 0; !has && !s->ascii && i < sizeof SAME_CAPITAL / sizeof *SAME_CAPITAL; i++) {
        const uint32_t *same = SAME_CAPITAL[i];
        if (lower == same[0] || lower == same[1] || (same[2] && lower == same[2])) {
            has = in_any_case(s, same[0]) || in_any_case(s, same[1]) ||
                  (same[2] && in_any_case(s, same[2]));
        }
    }
    return has;
}

static bool set_has(const struct char_set *s, uint32_t c) {
    bool has = in_ranges(s, c) || (s->any_case && set_has_any_case(s, c));
    if (!has && (s->classes || s->not_classes)) {
        unsigned classes = classes_of(c, s->ascii);
        has = (classes & s->classes) || (~classes & s->not_classes);
    }
    return has != s->inverted;
}

/* ---- compiling ---- */

struct compiler {
    struct program *to;
    bool reverse, too_large;
};

static size_t emit(struct compiler *c, enum op op, size_t x, size_t y) {
    struct program *p = c->to;
    if (p->n == EXPRESSION_MAX_SIZE) {
        c->too_large = true;
        return 0;
    }
    mem_grow(&p->steps, &p->capacity, p->n + 1, sizeof *p->steps);
    p->steps[p->n] = (struct step) { .op = op, .x = (uint32_t)x, .y = (uint32_t)y };
    return p->n++;
}

static void compile(struct compiler *c, const struct node *node);

static void compile_one_of(struct compiler *c, const struct node *node) {
    size_t *jumps = xcalloc(node->n, sizeof *jumps);
    for (size_t i = 0; i + 1 < node->n; i++) {
        size_t split = emit(c, OP_SPLIT, 0, 0);
        compile(c, node->members[i]);
        jumps[i] = emit(c, OP_JUMP, 0, 0);
        c->to->steps[split].x = (uint32_t)split + 1;
        c->to->steps[split].y = (uint32_t)c->to->n;
    }
    compile(c, node->members[node->n - 1]);
    for (size_t i = 0; i + 1 < node->n; i++) {
        c->to->steps[jumps[i]].x = (uint32_t)c->to->n;
    }
    free(jumps);
}

static void set_split(struct compiler *c, size_t split, bool lazy) {
    struct step *s = &c->to->steps[split];
    s->x = (uint32_t)(lazy ? c->to->n : split + 1);
    s->y = (uint32_t)(lazy ? split + 1 : c->to->n);
}

static void compile_repeat(struct compiler *c, const struct node *node) {
    for (uint32_t i = 0; i < node->least && !c->too_large; i++) {
        compile(c, node->members[0]);
    }
    if (node->most == UINT32_MAX) {
        size_t split = emit(c, OP_SPLIT, 0, 0);
        compile(c, node->members[0]);
        emit(c, OP_JUMP, split, 0);
        set_split(c, split, node->lazy);
        return;
    }
    size_t n = node->most - node->least, *splits = xcalloc(n + 1, sizeof *splits);
    for (size_t i = 0; i < n && !c->too_large; i++) {
        splits[i] = emit(c, OP_SPLIT, 0, 0);
        compile(c, node->members[0]);
    }
    for (size_t i = 0; i < n && !c->too_large; i++) {
        set_split(c, splits[i], node->lazy);
    }
    free(splits);
}

static void compile_group(struct compiler *c, const struct node *node) {
    emit(c, OP_SAVE, 2 + 2 * node->which, 0);
    compile(c, node->members[0]);
    emit(c, OP_SAVE, 3 + 2 * node->which, 0);
}

static void compile(struct compiler *c, const struct node *node) {
    size_t at;
    if (c->too_large) {
        return;
    }
    switch (node->kind) {
    case NODE_SET:
        emit(c, OP_SET, node->which, 0);
        break;
    case NODE_PLACE:
    case NODE_LOOK:
        at = emit(c, node->kind == NODE_PLACE ? OP_PLACE : OP_LOOK, node->which, 0);
        c->to->steps[at].flag = node->kind == NODE_PLACE ? node->ascii : node->negative;
        break;
    case NODE_ALL:
        for (size_t i = 0; i < node->n; i++) {
            compile(c, node->members[c->reverse ? node->n - 1 - i : i]);
        }
        break;
    case NODE_ONE_OF:
        compile_one_of(c, node);
        break;
    case NODE_REPEAT:
        compile_repeat(c, node);
        break;
    case NODE_GROUP:
        compile_group(c, node);
        break;
    }
}

static bool program_make(
    struct program *p, const struct node *node, bool reverse, struct err *err) {
    struct compiler c = { .to = p, .reverse = reverse };
    emit(&c, OP_SAVE, 0, 0);
    compile(&c, node);
    emit(&c, OP_MATCH, 0, 0);
    return !c.too_large || err_set(err, ERR_TASK,
                               "a regular expression is larger than %d steps, with its repetitions "
                               "written out",
                               EXPRESSION_MAX_SIZE);
}

struct expression *expression_new(const char *text, size_t n, struct err *err) {
    struct expression *e = xcalloc(1, sizeof *e);
    struct parsed *p = &e->parsed;
    bool ok = expression_parse(p, text, n, err) && program_make(&e->main, p->root, false, err);
    e->looks = xcalloc(p->n_looks + 1, sizeof *e->looks);
    for (size_t i = 0; ok && i < p->n_looks; i++) {
        const struct node *look = p->looks[i];
        ok = program_make(&e->looks[i], look->members[0], !look->behind, err);
    }
    e->n_slots = 2 + 2 * p->n_groups;
    if (!ok) {
        expression_free(e);
        return NULL;
    }
    return e;
}

void expression_free(struct expression *e) {
    if (e) {
        for (size_t i = 0; e->looks && i < e->parsed.n_looks; i++) {
            free(e->looks[i].steps);
        }
        free(e->looks);
        free(e->main.steps);
        parsed_release(&e->parsed);
        free(e);
    }
}

size_t expression_groups(const struct expression *e) {
    return e->parsed.n_groups;
}

/* ---- a text, and threads in it ---- */

enum { NOWHERE = -1 };

struct threads {
    uint32_t *pc;
    int64_t *slots; /* n_slots a thread */
    size_t n;
};

/* What is still to be followed at a place: a step, or a slot to be put back. */
struct pending {
    uint32_t pc;
    int32_t slot; /* NOWHERE: none */
    int64_t value;
};

struct expression_walk {
    struct expression *e;
    uint32_t *chars;
    size_t *bytes; /* where each character begins, and the end */
    size_t n;
    bool **fits; /* of each look-around, places at which it does */
    struct threads now, next;
    struct pending *pending;
    uint32_t *seen; /* the turn in which a step was last added */
    uint32_t turn;
    size_t n_steps; /* of the longest program */
    int64_t slots[2 + 2 * EXPRESSION_MAX_GROUPS];
    size_t from, no_empty_at; /* where the next search begins, and where it may not end at once */
    bool over;
};

static bool word_at(const struct expression_walk *w, size_t at, bool ascii) {
    return at < w->n && is_word(w->chars[at], ascii);
}

static bool is_place(const struct expression_walk *w, const struct step *s, size_t at) {
    bool border;
    switch ((enum place)s->x) {
    case PLACE_BEGIN:
        return at == 0;
    case PLACE_VERY_END:
        return at == w->n;
    case PLACE_END:
        return at == w->n || (at + 1 == w->n && w->chars[at] == '\n');
    case PLACE_LINE_BEGIN:
        return at == 0 || w->chars[at - 1] == '\n';
    case PLACE_LINE_END:
        return at == w->n || w->chars[at] == '\n';
    default: /* in a text of nothing there is neither, for Python */
        border = (at > 0 && word_at(w, at - 1, s->flag)) != word_at(w, at, s->flag);
        return w->n > 0 && border == (s->x == PLACE_BORDER);
    }
}

static void push(struct expression_walk *w, size_t *n, uint32_t pc, int32_t slot, int64_t value) {
    w->pending[(*n)++] = (struct pending) { pc, slot, value };
}

/* Adds a step and all that it reaches without reading a character, in order of priority. */
static void add_thread(struct expression_walk *w, const struct program *p, struct threads *list,
    uint32_t first, size_t at) {
    size_t n = 0, n_slots = w->e->n_slots;
    push(w, &n, first, NOWHERE, 0);
    while (n > 0) {
        struct pending now = w->pending[--n];
        if (now.slot != NOWHERE) {
            w->slots[now.slot] = now.value;
            continue;
        }
        const struct step *s = &p->steps[now.pc];
        if (w->seen[now.pc] == w->turn) {
            continue;
        }
        w->seen[now.pc] = w->turn;
        switch (s->op) {
        case OP_SPLIT:
            push(w, &n, s->y, NOWHERE, 0);
            push(w, &n, s->x, NOWHERE, 0);
            break;
        case OP_JUMP:
            push(w, &n, s->x, NOWHERE, 0);
            break;
        case OP_SAVE:
            push(w, &n, 0, (int32_t)s->x, w->slots[s->x]);
            w->slots[s->x] = (int64_t)at;
            push(w, &n, now.pc + 1, NOWHERE, 0);
            break;
        case OP_PLACE:
            if (is_place(w, s, at)) {
                push(w, &n, now.pc + 1, NOWHERE, 0);
            }
            break;
        case OP_LOOK:
            if (w->fits[s->x][at] != s->flag) {
                push(w, &n, now.pc + 1, NOWHERE, 0);
            }
            break;
        case OP_SET:
        case OP_MATCH:
            list->pc[list->n] = now.pc;
            memcpy(list->slots + list->n++ * n_slots, w->slots, n_slots * sizeof *w->slots);
        }
    }
}

static void next_turn(struct expression_walk *w) {
    if (++w->turn == 0) { /* once in 2^32 turns */
        memset(w->seen, 0, w->n_steps * sizeof *w->seen);
        w->turn = 1;
    }
}

static void swap_lists(struct expression_walk *w) {
    struct threads swap = w->now;
    w->now = w->next;
    w->next = swap;
}

/* ---- look-arounds: all places at once ---- */

/* Threads that read the character between `at` and the next place go on there. */
static bool mark_step(
    struct expression_walk *w, const struct program *p, size_t at, size_t next, bool last) {
    const uint32_t c = last ? 0 : w->chars[next > at ? at : next];
    bool found = false;
    w->next.n = 0;
    next_turn(w);
    for (size_t t = 0; t < w->now.n; t++) {
        const struct step *s = &p->steps[w->now.pc[t]];
        if (s->op == OP_MATCH) {
            found = true;
        } else if (!last && set_has(&w->e->parsed.sets[s->x], c)) {
            add_thread(w, p, &w->next, w->now.pc[t] + 1, next);
        }
    }
    return found;
}

static void mark(struct expression_walk *w, const struct program *p, bool behind, bool *fits) {
    memset(w->slots, 0xff, sizeof w->slots);
    w->next.n = 0;
    next_turn(w);
    for (size_t i = 0; i <= w->n; i++) {
        size_t at = behind ? i : w->n - i, next = behind ? at + 1 : at - 1;
        add_thread(w, p, &w->next, 0, at); /* a match may begin at every place */
        swap_lists(w);
        fits[at] = mark_step(w, p, at, next, i == w->n);
    }
}

/* ---- the text ---- */

static void read_text(struct expression_walk *w, const char *s, size_t n) {
    w->chars = xcalloc(n + 1, sizeof *w->chars);
    w->bytes = xcalloc(n + 2, sizeof *w->bytes);
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = utf8_decode(s + at, n - at, &c);
        w->bytes[w->n] = at;
        w->chars[w->n++] = length ? c : 0xfffd;
        at += length ? length : 1;
    }
    w->bytes[w->n] = n;
}

static size_t longest_program(const struct expression *e) {
    size_t longest = e->main.n;
    for (size_t i = 0; i < e->parsed.n_looks; i++) {
        longest = e->looks[i].n > longest ? e->looks[i].n : longest;
    }
    return longest;
}

static void threads_init(struct threads *t, size_t n, size_t n_slots) {
    t->pc = xcalloc(n, sizeof *t->pc);
    t->slots = xcalloc(n * n_slots, sizeof *t->slots);
}

struct expression_walk *expression_begin(struct expression *e, const char *s, size_t n) {
    struct expression_walk *w = xcalloc(1, sizeof *w);
    size_t longest = longest_program(e);
    w->e = e;
    w->no_empty_at = SIZE_MAX;
    read_text(w, s, n);
    threads_init(&w->now, longest, e->n_slots);
    threads_init(&w->next, longest, e->n_slots);
    w->pending = xcalloc(3 * longest + 1, sizeof *w->pending);
    w->seen = xcalloc(longest, sizeof *w->seen);
    w->n_steps = longest;
    w->fits = xcalloc(e->parsed.n_looks + 1, sizeof *w->fits);
    for (size_t i = 0; i < e->parsed.n_looks; i++) {
        w->fits[i] = xcalloc(w->n + 1, sizeof **w->fits);
        mark(w, &e->looks[i], e->parsed.looks[i]->behind, w->fits[i]);
    }
    return w;
}

void expression_end(struct expression_walk *w) {
    for (size_t i = 0; i < w->e->parsed.n_looks; i++) {
        free(w->fits[i]);
    }
    free(w->fits);
    free(w->chars);
    free(w->bytes);
    free(w->now.pc);
    free(w->now.slots);
    free(w->next.pc);
    free(w->next.slots);
    free(w->pending);
    free(w->seen);
    free(w);
}

/* ---- the next match ---- */

static struct expression_span span_of(const struct expression_walk *w, int64_t from, int64_t to) {
    if (from < 0 || to < 0) {
        return (struct expression_span) { SIZE_MAX, SIZE_MAX };
    }
    return (struct expression_span) { w->bytes[from], w->bytes[to] };
}

static void take_match(
    const struct expression_walk *w, const int64_t *slots, size_t at, struct expression_match *m) {
    m->whole = span_of(w, slots[0], (int64_t)at);
    for (size_t i = 0; i < w->e->parsed.n_groups; i++) {
        m->group[i] = span_of(w, slots[2 + 2 * i], slots[3 + 2 * i]);
    }
}

/* One character forward; a thread at MATCH ends all of lower priority. */
static bool advance(
    struct expression_walk *w, size_t at, struct expression_match *match, size_t ends[2]) {
    const struct program *p = &w->e->main;
    const size_t n_slots = w->e->n_slots;
    bool found = false;
    w->next.n = 0;
    next_turn(w);
    for (size_t t = 0; t < w->now.n && !found; t++) {
        const struct step *s = &p->steps[w->now.pc[t]];
        const int64_t *slots = w->now.slots + t * n_slots;
        bool empty = slots[0] == (int64_t)at;
        if (s->op == OP_MATCH && !(empty && at == w->no_empty_at)) {
            take_match(w, slots, at, match);
            ends[0] = (size_t)slots[0];
            ends[1] = at;
            found = true;
        } else if (s->op == OP_SET && at < w->n &&
                   set_has(&w->e->parsed.sets[s->x], w->chars[at])) {
            memcpy(w->slots, slots, n_slots * sizeof *slots);
            add_thread(w, p, &w->next, w->now.pc[t] + 1, at + 1);
        }
    }
    swap_lists(w);
    return found;
}

static bool search(struct expression_walk *w, struct expression_match *match, size_t ends[2]) {
    bool found = false;
    w->now.n = 0;
    next_turn(w);
    for (size_t at = w->from; at <= w->n; at++) {
        if (!found) {
            memset(w->slots, 0xff, sizeof w->slots);
            add_thread(w, &w->e->main, &w->now, 0, at);
        }
        if (w->now.n == 0 && found) {
            break;
        }
        found = advance(w, at, match, ends) || found;
    }
    return found;
}

bool expression_next(struct expression_walk *w, struct expression_match *match) {
    size_t ends[2] = { 0, 0 };
    if (w->over || !search(w, match, ends)) {
        w->over = true;
        return false;
    }
    w->from = ends[1];
    w->no_empty_at = ends[0] == ends[1] ? ends[1] : SIZE_MAX;
    return true;
}

void expression_remove(struct expression *e, const char *s, size_t n, struct strbuf *out) {
    struct expression_walk *w = expression_begin(e, s, n);
    struct expression_match match;
    size_t at = 0;
    while (expression_next(w, &match)) {
        strbuf_add(out, s + at, match.whole.from - at);
        at = match.whole.to;
    }
    strbuf_add(out, s + at, n - at);
    expression_end(w);
}

static void add_replacement(
    struct strbuf *out, const char *with, const char *s, const struct expression_match *m) {
    for (; *with; with++) {
        if (*with != '\\' || with[1] < '0' || with[1] > '9') {
            strbuf_addc(out, *with);
            continue;
        }
        size_t group = (size_t)(*++with - '0');
        struct expression_span span = group ? m->group[group - 1] : m->whole;
        if (span.from != SIZE_MAX) {
            strbuf_add(out, s + span.from, span.to - span.from);
        }
    }
}

void expression_replace(
    struct expression *e, const char *with, const char *s, size_t n, struct strbuf *out) {
    struct expression_walk *w = expression_begin(e, s, n);
    struct expression_match m;
    size_t at = 0;
    while (expression_next(w, &m)) {
        strbuf_add(out, s + at, m.whole.from - at);
        add_replacement(out, with, s, &m);
        at = m.whole.to;
    }
    strbuf_add(out, s + at, n - at);
    expression_end(w);
}
