/* Added tokens (see added.h): leftmost, longest, not overlapping. */
#include "harness/tokenizer/added.h"

#include <string.h>

#include "base/utf8.h"
#include "harness/tokenizer/unicode/unicode.h"

void added_init(struct added *a) {
    *a = (struct added) { .index = strmap_new(64) };
}

void added_release(struct added *a) {
    strmap_free(a->index);
    free(a->tokens);
    free(a->by_id);
    free(a->raw.nodes);
    free(a->normalized.nodes);
    arena_release(&a->arena);
    *a = (struct added) { 0 };
}

/* ---- building ---- */

void added_put(struct added *a, const struct token_model *m, struct added_token token) {
    if (token.n == 0) {
        return;
    }
    int32_t there = strmap_find(a->index, token.text, token.n);
    if (there >= 0) {
        token.id = a->tokens[there].id;
        token.text = a->tokens[there].text;
        a->tokens[there] = token;
        return;
    }
    int64_t id = vocab_find(&m->vocab, token.text, token.n);
    a->next = a->next < m->vocab.n ? (uint32_t)m->vocab.n : a->next;
    token.id = id >= 0 ? (uint32_t)id : a->next++;
    char *text = arena_alloc(&a->arena, token.n + 1);
    memcpy(text, token.text, token.n);
    token.text = text;
    (void)strmap_add(a->index, text, token.n, (int32_t)a->n);
    mem_grow(&a->tokens, &a->capacity, a->n + 1, sizeof *a->tokens);
    a->tokens[a->n++] = token;
}

bool added_load(struct added *a, const struct token_model *m, const json_t *list, struct err *err) {
    if (list && !json_is_null(list) && !json_is_array(list)) {
        return err_set(err, ERR_INPUT, "added_tokens is not a list");
    }
    if (json_array_size(list) > VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "more than %d added tokens", VOCAB_TOKENS_MAX);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *content = json_object_get(item, "content");
        long long id = json_get_int(item, "id", -1);
        if (!json_is_string(content) || json_string_length(content) > VOCAB_TOKEN_BYTES_MAX) {
            return err_set(err, ERR_INPUT, "added token %zu has no content, or too much", i);
        }
        if (id < 0 || id > UINT32_MAX) {
            return err_set(err, ERR_INPUT, "added token %zu has a bad id", i);
        }
        bool special = json_get_bool(item, "special", false);
        added_put(a, m,
            (struct added_token) {
                .text = json_string_value(content),
                .n = json_string_length(content),
                .single_word = json_get_bool(item, "single_word", false),
                .lstrip = json_get_bool(item, "lstrip", false),
                .rstrip = json_get_bool(item, "rstrip", false),
                .normalized = json_get_bool(item, "normalized", !special),
                .special = special,
            });
    }
    return true;
}

void added_mark_special(struct added *a, const struct token_model *m, const char *text) {
    int32_t there = strmap_find(a->index, text, strlen(text));
    if (there >= 0) {
        a->tokens[there].special = true;
    } else {
        added_put(a, m, (struct added_token) { .text = text, .n = strlen(text), .special = true });
    }
}

static uint32_t add_node(struct added_trie *t, unsigned char byte) {
    if (t->n == 0) { /* node 0 means none */
        mem_grow(&t->nodes, &t->capacity, 1, sizeof *t->nodes);
        t->nodes[t->n++] = (struct added_node) { .token = -1 };
    }
    mem_grow(&t->nodes, &t->capacity, t->n + 1, sizeof *t->nodes);
    t->nodes[t->n] = (struct added_node) { .token = -1, .byte = byte };
    return (uint32_t)t->n++;
}

static uint32_t child_of(const struct added_trie *t, uint32_t node, unsigned char byte) {
    uint32_t child = t->nodes[node].child;
    while (child && t->nodes[child].byte != byte) {
        child = t->nodes[child].sibling;
    }
    return child;
}

static void trie_add(struct added_trie *t, const char *text, size_t n, int32_t token) {
    uint32_t node = t->first[(unsigned char)text[0]];
    if (!node) {
        node = t->first[(unsigned char)text[0]] = add_node(t, (unsigned char)text[0]);
    }
    for (size_t i = 1; i < n; i++) {
        uint32_t child = child_of(t, node, (unsigned char)text[i]);
        if (!child) {
            child = add_node(t, (unsigned char)text[i]);
            t->nodes[child].sibling = t->nodes[node].child;
            t->nodes[node].child = child;
        }
        node = child;
    }
    t->nodes[node].token = token;
}

static bool normalize(
    struct added *a, struct added_token *t, const struct pipeline *normalizers, struct err *err) {
    struct token_list unused = { 0 };
    struct work w = { 0 };
    work_begin(&w, t->text, t->n, true, &unused);
    bool ok = pipeline_apply(normalizers, &w, err);
    if (ok) {
        char *pattern = arena_alloc(&a->arena, w.text.n + 1);
        memcpy(pattern, w.text.bytes, w.text.n);
        t->pattern = pattern;
        t->n_pattern = w.text.n;
    }
    work_release(&w);
    return ok;
}

static int compare_ids(const void *a, const void *b, void *tokens) {
    const struct added_token *t = tokens;
    uint32_t x = t[*(const uint32_t *)a].id, y = t[*(const uint32_t *)b].id;
    return (x > y) - (x < y);
}

bool added_seal(struct added *a, const struct pipeline *normalizers, struct err *err) {
    a->by_id = xmalloc(a->n * sizeof *a->by_id);
    for (size_t i = 0; i < a->n; i++) {
        struct added_token *t = &a->tokens[i];
        a->by_id[i] = (uint32_t)i;
        t->pattern = t->text;
        t->n_pattern = t->n;
        if (!utf8_valid(t->text, t->n)) {
            return err_set(err, ERR_INPUT, "added token %zu is not UTF-8", i);
        }
        if (t->normalized && !t->literal && !normalize(a, t, normalizers, err)) {
            return false;
        }
        if (t->n_pattern && !t->never_found) {
            trie_add(
                t->normalized ? &a->normalized : &a->raw, t->pattern, t->n_pattern, (int32_t)i);
        }
    }
    qsort_r(a->by_id, a->n, sizeof *a->by_id, compare_ids, a->tokens);
    return true;
}

/* ---- looking for them ---- */

static int32_t longest(
    const struct added_trie *t, struct work *w, struct view in, size_t from, size_t *end) {
    int32_t found = -1;
    uint32_t node = t->first[(unsigned char)in.bytes[from]];
    for (size_t at = from + 1; node; at++, w->steps++) {
        if (t->nodes[node].token >= 0) {
            found = t->nodes[node].token;
            *end = at;
        }
        node = at < in.n ? child_of(t, node, (unsigned char)in.bytes[at]) : 0;
    }
    return found;
}

static uint32_t char_before(struct view in, size_t at, size_t *from) {
    uint32_t cp = 0;
    for (*from = at - 1; *from > 0 && ((unsigned char)in.bytes[*from] & 0xc0) == 0x80; (*from)--) {
    }
    (void)utf8_decode(in.bytes + *from, at - *from, &cp);
    return cp;
}

static bool is_single_word(struct view in, size_t from, size_t end) {
    uint32_t cp = 0;
    size_t start;
    if (from > 0 && unicode_flags(char_before(in, from, &start)) & UNICODE_WORD) {
        return false;
    }
    return end == in.n || !utf8_decode(in.bytes + end, in.n - end, &cp) ||
           !(unicode_flags(cp) & UNICODE_WORD);
}

static size_t strip_left(struct view in, size_t at, size_t least) {
    size_t start;
    while (at > least && unicode_is_space(char_before(in, at, &start))) {
        at = start;
    }
    return at > least ? at : least;
}

static size_t strip_right(struct view in, size_t at) {
    uint32_t cp;
    for (size_t n;
         at < in.n && (n = utf8_decode(in.bytes + at, in.n - at, &cp)) && unicode_is_space(cp);
         at += n) {
    }
    return at;
}

/* Where pieces have got to. `done`: all before it is in pieces; `taken`: the end of white space
 * that tokens took along. */
struct cutting {
    struct work *w;
    const struct piece *piece;
    struct view in;
    size_t done, taken;
};

static void cut_at(struct cutting *c, const struct added_token *token, size_t from, size_t end) {
    const struct piece *p = c->piece;
    bool inside = from < c->taken && end <= c->taken;
    from = token->lstrip ? strip_left(c->in, from, c->done) : from;
    size_t stop = !token->rstrip ? end : inside ? c->taken : strip_right(c->in, end);
    if (c->done < from) {
        work_piece(c->w, p->from + c->done, p->from + from, PIECE_NO_ID);
    }
    end = inside ? end : stop;
    work_piece(c->w, p->from + from, p->from + (end < from ? from : end), token->id);
    c->done = stop < from ? from : stop;
    c->taken = stop > c->taken ? stop : c->taken;
}

/* A token that begins within the white space that the one before took along is a token all the
 * same, as in the reference; what it covers ends where it does, so that texts of nothing else take
 * no time in the square of their length. */
static void split_piece(
    const struct added *a, const struct added_trie *t, struct work *w, const struct piece *p) {
    struct cutting c = { .w = w, .piece = p, .in = work_view(w, p) };
    for (size_t at = 0, end = 0; at < c.in.n;) {
        int32_t found = longest(t, w, c.in, at, &end);
        if (found < 0) {
            at++;
            continue;
        }
        const struct added_token *token = &a->tokens[found];
        if (!token->single_word || is_single_word(c.in, at, end)) {
            cut_at(&c, token, at, end);
        }
        at = end;
    }
    work_piece(w, p->from + c.done, p->to, PIECE_NO_ID);
}

void added_split(const struct added *a, bool normalized, struct work *w) {
    const struct added_trie *t = normalized ? &a->normalized : &a->raw;
    if (t->n == 0) {
        return;
    }
    work_pieces_begin(w);
    for (size_t i = 0; i < w->pieces.n; i++) {
        const struct piece *p = &w->pieces.items[i];
        if (p->id == PIECE_NO_ID) {
            split_piece(a, t, w, p);
        } else {
            work_piece(w, p->from, p->to, p->id);
        }
    }
    work_pieces_end(w);
}

const struct added_token *added_at(const struct added *a, uint32_t id) {
    size_t low = 0, high = a->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (a->tokens[a->by_id[middle]].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < a->n && a->tokens[a->by_id[low]].id == id ? &a->tokens[a->by_id[low]] : NULL;
}

int64_t added_find(const struct added *a, const char *text, size_t n) {
    int32_t at = strmap_find(a->index, text, n);
    return at < 0 ? -1 : (int64_t)a->tokens[at].id;
}

bool added_is_special(const struct added *a, const char *text, size_t n) {
    int32_t at = strmap_find(a->index, text, n);
    return at >= 0 && a->tokens[at].special;
}
