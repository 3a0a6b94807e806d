/* A pattern is compiled to a straight program (no quantifier spans more than one class), which a
 * Pike machine runs: a list of threads ordered by priority, at most one a program counter, all at
 * the same place in the text. The first thread of the list that reaches MATCH is the match that a
 * backtracking matcher would have found first. */
#include "evaluator/task/pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum op {
    OP_SET,
    OP_SPLIT,
    OP_JUMP,
    OP_OPEN,
    OP_CLOSE,
    OP_POSITION,
    OP_FRONTIER,
    OP_END,
    OP_MATCH
};

struct insn {
    enum op op;
    uint16_t x, y; /* SET, FRONTIER: number of the set; SPLIT: first choice, second; JUMP: where;
                      captures: which */
};

struct byte_set {
    uint8_t bits[32];
};

struct threads {
    uint16_t *pc;
    size_t *captures; /* n_slots a thread */
    size_t n;
};

struct pattern {
    struct insn *code;
    struct byte_set *sets;
    size_t n_code, n_sets, code_capacity, sets_capacity;
    size_t n_captures, n_slots;
    bool anchored;
    struct threads now, next;
    uint32_t *seen; /* the step at which a program counter was last added */
    uint32_t step;
};

/* ---- sets ---- */

static void set_add(struct byte_set *s, unsigned c) {
    s->bits[c >> 3] = (uint8_t)(s->bits[c >> 3] | 1u << (c & 7));
}

static bool set_has(const struct byte_set *s, unsigned c) {
    return s->bits[c >> 3] >> (c & 7) & 1;
}

static bool in_class(int class, int c) {
    if (c >= 128) {
        return false;
    }
    switch (class) {
    case 'a':
        return isalpha(c);
    case 'c':
        return iscntrl(c);
    case 'd':
        return isdigit(c);
    case 'g':
        return isgraph(c);
    case 'l':
        return islower(c);
    case 'p':
        return ispunct(c);
    case 's':
        return isspace(c);
    case 'u':
        return isupper(c);
    case 'w':
        return isalnum(c);
    default:
        return isxdigit(c);
    }
}

/* %a and the like, %A for the complement, any other escaped byte for itself. */
static void set_add_escape(struct byte_set *s, unsigned char e) {
    int lower = tolower(e);
    if (!e || !strchr("acdglpsuwx", lower)) {
        set_add(s, e);
        return;
    }
    for (int c = 0; c < 256; c++) {
        if (in_class(lower, c) == (lower == e)) {
            set_add(s, (unsigned)c);
        }
    }
}

static void set_invert(struct byte_set *s) {
    for (size_t i = 0; i < sizeof s->bits; i++) {
        s->bits[i] = (uint8_t)~s->bits[i];
    }
}

/* ---- compiling ---- */

struct compiler {
    struct pattern *p;
    const char *at, *end;
    uint16_t open[PATTERN_MAX_CAPTURES];
    size_t n_open;
    struct err *err;
};

static size_t emit(struct pattern *p, enum op op, size_t x, size_t y) {
    mem_grow(&p->code, &p->code_capacity, p->n_code + 1, sizeof *p->code);
    p->code[p->n_code] = (struct insn) { .op = op, .x = (uint16_t)x, .y = (uint16_t)y };
    return p->n_code++;
}

static size_t new_set(struct pattern *p) {
    mem_grow(&p->sets, &p->sets_capacity, p->n_sets + 1, sizeof *p->sets);
    memset(&p->sets[p->n_sets], 0, sizeof *p->sets);
    return p->n_sets++;
}

static bool bad(struct compiler *c, const char *why) {
    return err_set(c->err, ERR_TASK, "bad pattern: %s", why);
}

static void add_range(struct byte_set *s, unsigned from, unsigned to) {
    for (unsigned i = from; i <= to; i++) {
        set_add(s, i);
    }
}

/* The rest of [...], after the bracket. As in Lua, a ']' that comes first stands for itself. */
static bool parse_set(struct compiler *c, size_t set) {
    struct byte_set *s = &c->p->sets[set];
    bool inverted = c->at < c->end && *c->at == '^', first = true;
    c->at += inverted;
    for (; c->at < c->end && (*c->at != ']' || first); first = false) {
        unsigned char byte = (unsigned char)*c->at++;
        if (byte == '%') {
            if (c->at == c->end) {
                return bad(c, "ends with '%'");
            }
            set_add_escape(s, (unsigned char)*c->at++);
        } else if (c->end - c->at >= 2 && *c->at == '-' && c->at[1] != ']') {
            add_range(s, byte, (unsigned char)c->at[1]);
            c->at += 2;
        } else {
            set_add(s, byte);
        }
    }
    if (c->at == c->end) {
        return bad(c, "missing ']'");
    }
    c->at++;
    if (inverted) {
        set_invert(s);
    }
    return true;
}

/* One class: a byte, '.', %x or a set. */
static bool parse_class(struct compiler *c, size_t *set) {
    *set = new_set(c->p);
    unsigned char byte = (unsigned char)*c->at++;
    if (byte == '[') {
        return parse_set(c, *set);
    }
    if (byte == '.') {
        set_invert(&c->p->sets[*set]);
    } else if (byte == '%') {
        set_add_escape(&c->p->sets[*set], (unsigned char)*c->at++);
    } else {
        set_add(&c->p->sets[*set], byte);
    }
    return true;
}

static void emit_repeated(struct pattern *p, size_t set, char how) {
    size_t at = p->n_code;
    switch (how) {
    case '*':
        emit(p, OP_SPLIT, at + 1, at + 3);
        emit(p, OP_SET, set, 0);
        emit(p, OP_JUMP, at, 0);
        break;
    case '+':
        emit(p, OP_SET, set, 0);
        emit(p, OP_SPLIT, at, at + 2);
        break;
    case '-':
        emit(p, OP_SPLIT, at + 3, at + 1);
        emit(p, OP_SET, set, 0);
        emit(p, OP_JUMP, at, 0);
        break;
    case '?':
        emit(p, OP_SPLIT, at + 1, at + 2);
        emit(p, OP_SET, set, 0);
        break;
    default:
        emit(p, OP_SET, set, 0);
    }
}

static bool parse_open(struct compiler *c) {
    struct pattern *p = c->p;
    c->at++;
    if (p->n_captures == PATTERN_MAX_CAPTURES) {
        return bad(c, "too many captures");
    }
    size_t which = p->n_captures++;
    if (c->at < c->end && *c->at == ')') {
        c->at++;
        emit(p, OP_POSITION, which, 0);
        return true;
    }
    c->open[c->n_open++] = (uint16_t)which;
    emit(p, OP_OPEN, which, 0);
    return true;
}

static bool parse_close(struct compiler *c) {
    c->at++;
    if (!c->n_open) {
        return bad(c, "')' without '('");
    }
    emit(c->p, OP_CLOSE, c->open[--c->n_open], 0);
    return true;
}

static bool parse_frontier(struct compiler *c) {
    c->at += 2;
    if (c->at == c->end || *c->at != '[') {
        return bad(c, "missing '[' after '%f'");
    }
    size_t set;
    if (!parse_class(c, &set)) {
        return false;
    }
    emit(c->p, OP_FRONTIER, set, 0);
    return true;
}

static bool parse_item(struct compiler *c) {
    if (*c->at == '(') {
        return parse_open(c);
    }
    if (*c->at == ')') {
        return parse_close(c);
    }
    if (*c->at == '$' && c->at + 1 == c->end) {
        c->at++;
        emit(c->p, OP_END, 0, 0);
        return true;
    }
    if (*c->at == '%') {
        char escaped = c->at + 1 < c->end ? c->at[1] : '\0';
        if (c->at + 1 == c->end) {
            return bad(c, "ends with '%'");
        }
        if (escaped == 'b' || isdigit((unsigned char)escaped)) {
            return bad(
                c, escaped == 'b' ? "'%b' is not supported" : "back-references are not supported");
        }
        if (escaped == 'f') {
            return parse_frontier(c);
        }
    }
    size_t set;
    if (!parse_class(c, &set)) {
        return false;
    }
    char how = c->at < c->end && strchr("*+-?", *c->at) && *c->at ? *c->at++ : '\0';
    emit_repeated(c->p, set, how);
    return true;
}

static void alloc_machine(struct pattern *p) {
    p->n_slots = 2 + 2 * p->n_captures;
    struct threads *lists[] = { &p->now, &p->next };
    for (size_t i = 0; i < 2; i++) {
        lists[i]->pc = xcalloc(p->n_code, sizeof *lists[i]->pc);
        lists[i]->captures = xcalloc(p->n_code, p->n_slots * sizeof(size_t));
    }
    p->seen = xcalloc(p->n_code, sizeof *p->seen);
}

struct pattern *pattern_new(const char *text, size_t n, struct err *err) {
    struct pattern *p = xcalloc(1, sizeof *p);
    struct compiler c = { .p = p, .at = text, .end = text + n, .err = err };
    bool ok = n <= PATTERN_MAX_BYTES || bad(&c, "longer than 512 bytes");
    p->anchored = ok && n && *text == '^';
    c.at += p->anchored;
    while (ok && c.at < c.end) {
        ok = parse_item(&c);
    }
    if (ok && c.n_open) {
        ok = bad(&c, "unfinished capture");
    }
    if (!ok) {
        pattern_free(p);
        return NULL;
    }
    emit(p, OP_MATCH, 0, 0);
    alloc_machine(p);
    return p;
}

void pattern_free(struct pattern *p) {
    if (!p) {
        return;
    }
    free(p->code);
    free(p->sets);
    free(p->now.pc);
    free(p->now.captures);
    free(p->next.pc);
    free(p->next.captures);
    free(p->seen);
    free(p);
}

size_t pattern_captures(const struct pattern *p) {
    return p->n_captures;
}

bool pattern_anchored(const struct pattern *p) {
    return p->anchored;
}

/* ---- running ---- */

struct run {
    struct pattern *p;
    const char *s;
    size_t n, at;
    size_t slots[2 + 2 * PATTERN_MAX_CAPTURES];
};

static bool frontier(const struct run *r, const struct byte_set *set) {
    unsigned before = r->at ? (unsigned char)r->s[r->at - 1] : 0;
    unsigned after = r->at < r->n ? (unsigned char)r->s[r->at] : 0;
    return !set_has(set, before) && set_has(set, after);
}

static void add_thread(struct run *r, struct threads *list, size_t pc);

/* Follows pc with a capture slot set, and puts the slot back. */
static void add_with_slots(
    struct run *r, struct threads *list, size_t pc, size_t slot, size_t value, size_t end) {
    size_t old = r->slots[slot], old_end = r->slots[slot | 1];
    r->slots[slot] = value;
    if (end) {
        r->slots[slot | 1] = end;
    }
    add_thread(r, list, pc);
    r->slots[slot] = old;
    r->slots[slot | 1] = old_end;
}

/* Adds pc and all that it reaches without reading a byte, in order of priority. Depth is bounded by
 * the program. */
static void add_thread(struct run *r, struct threads *list, size_t pc) {
    struct pattern *p = r->p;
    if (p->seen[pc] == p->step) {
        return;
    }
    p->seen[pc] = p->step;
    const struct insn *i = &p->code[pc];
    switch (i->op) {
    case OP_SPLIT:
        add_thread(r, list, i->x);
        add_thread(r, list, i->y);
        break;
    case OP_JUMP:
        add_thread(r, list, i->x);
        break;
    case OP_OPEN:
        add_with_slots(r, list, pc + 1, 2 + 2 * (size_t)i->x, r->at, 0);
        break;
    case OP_CLOSE:
        add_with_slots(r, list, pc + 1, 3 + 2 * (size_t)i->x, r->at, 0);
        break;
    case OP_POSITION:
        add_with_slots(r, list, pc + 1, 2 + 2 * (size_t)i->x, r->at, SIZE_MAX);
        break;
    case OP_FRONTIER:
        if (frontier(r, &p->sets[i->x])) {
            add_thread(r, list, pc + 1);
        }
        break;
    case OP_END:
        if (r->at == r->n) {
            add_thread(r, list, pc + 1);
        }
        break;
    case OP_SET:
    case OP_MATCH:
        list->pc[list->n] = (uint16_t)pc;
        memcpy(list->captures + list->n++ * p->n_slots, r->slots, p->n_slots * sizeof(size_t));
    }
}

static void next_step(struct pattern *p) {
    if (++p->step == 0) { /* once in 2^32 steps */
        memset(p->seen, 0, p->n_code * sizeof *p->seen);
        p->step = 1;
    }
}

static void take_match(const struct run *r, const size_t *slots, struct pattern_match *m) {
    m->from = slots[0];
    m->to = r->at;
    for (size_t i = 0; i < r->p->n_captures; i++) {
        m->capture[i].from = slots[2 + 2 * i];
        m->capture[i].to = slots[3 + 2 * i];
    }
}

/* One byte forward: threads that can read it go on; a thread at MATCH ends all of lower priority.
 */
static bool advance(struct run *r, struct pattern_match *match) {
    struct pattern *p = r->p;
    bool found = false;
    size_t here = r->at;
    p->next.n = 0;
    next_step(p);
    for (size_t t = 0; t < p->now.n && !found; t++) {
        const struct insn *i = &p->code[p->now.pc[t]];
        const size_t *slots = p->now.captures + t * p->n_slots;
        if (i->op == OP_MATCH) {
            take_match(r, slots, match);
            found = true;
        } else if (here < r->n && set_has(&p->sets[i->x], (unsigned char)r->s[here])) {
            memcpy(r->slots, slots, p->n_slots * sizeof(size_t));
            r->at = here + 1;
            add_thread(r, &p->next, (size_t)p->now.pc[t] + 1);
            r->at = here;
        }
    }
    struct threads swap = p->now;
    p->now = p->next;
    p->next = swap;
    return found;
}

bool pattern_find(
    struct pattern *p, const char *s, size_t n, size_t from, struct pattern_match *match) {
    struct run r = { .p = p, .s = s, .n = n, .at = from };
    bool found = false;
    p->now.n = 0;
    next_step(p);
    for (;; r.at++) {
        if (!found && (r.at == from || !p->anchored)) {
            memset(r.slots, 0, sizeof r.slots);
            r.slots[0] = r.at;
            add_thread(&r, &p->now, 0);
        }
        if (p->now.n == 0 && (found || p->anchored)) {
            return found;
        }
        found = advance(&r, match) || found;
        if (r.at == n) {
            return found;
        }
    }
}
