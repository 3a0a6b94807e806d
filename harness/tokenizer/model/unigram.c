/* Unigram: of all ways to cut a piece into tokens, the one with the best sum of scores (Viterbi).
 * A character that no token covers alone can be unknown, at ten below the lowest score;
 * neighbouring unknowns are one token, or their bytes. */
#include "harness/tokenizer/model/token_model.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define UNKNOWN_PENALTY 10.0
#define NOT_REACHED UINT32_MAX

/* ---- loading ---- */

static bool add_piece(
    struct token_model *m, const json_t *pair, uint32_t id, double *lowest, struct err *err) {
    const json_t *text = json_array_get(pair, 0), *score = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_string(text)) {
        return err_set(
            err, ERR_INPUT, "token %lu of the vocab is not a text and a score", (unsigned long)id);
    }
    if (!json_is_number(score) || !isfinite(json_number_value(score))) {
        return err_set(
            err, ERR_INPUT, "score of token %lu of the vocab is not a number", (unsigned long)id);
    }
    m->scores[id] = json_number_value(score);
    *lowest = m->scores[id] < *lowest ? m->scores[id] : *lowest;
    return vocab_put(&m->vocab, json_string_value(text), json_string_length(text), id, err);
}

/* [[text, score], ...]: a token's place is its id. */
static bool load_vocab(struct token_model *m, const json_t *list, struct err *err) {
    size_t n = json_array_size(list);
    if (n == 0) {
        return err_set(err, ERR_INPUT, "vocab is not a list of tokens, or empty");
    }
    if (n > VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "vocab has more than %d tokens", VOCAB_TOKENS_MAX);
    }
    double lowest = DBL_MAX;
    m->scores = xcalloc(n, sizeof *m->scores);
    for (size_t i = 0; i < n; i++) {
        if (!add_piece(m, json_array_get(list, i), (uint32_t)i, &lowest, err)) {
            return false;
        }
    }
    m->unknown_score = lowest - UNKNOWN_PENALTY;
    return true;
}

static bool load(struct token_model *m, const json_t *config, struct err *err) {
    const json_t *unk = json_object_get(config, "unk_id");
    m->unk_id = -1;
    if (unk && !json_is_null(unk)) {
        m->unk_id = json_integer_value(unk);
        if (!json_is_integer(unk) || m->unk_id < 0 || (size_t)m->unk_id >= m->vocab.n) {
            return err_set(err, ERR_INPUT, "unk_id is not the place of a token of the vocab");
        }
    }
    m->byte_fallback = json_get_bool(config, "byte_fallback", false);
    token_model_find_bytes(m);
    token_trie_init(&m->trie);
    for (size_t i = 0; i < m->vocab.n; i++) {
        const struct vocab_entry *e = &m->vocab.entries[i];
        if (!token_trie_add(
                &m->trie, e->text, e->n, (int32_t)vocab_find(&m->vocab, e->text, e->n), err)) {
            return false;
        }
    }
    return true;
}

/* ---- the best path ---- */

static double add(const struct token_model *m, double a, double b) {
    return m->single_precision ? (double)(float)(a + b) : a + b; /* both are floats then */
}

static void offer(struct lattice_node *node, double score, size_t from, uint32_t id) {
    if (node->from == NOT_REACHED || score > node->score) {
        *node = (struct lattice_node) { score, (uint32_t)from, id };
    }
}

/* Offers every token that the text goes on with; false if none of them is just its next character.
 */
static bool offer_tokens(
    const struct token_model *m, struct work *w, struct view in, size_t at, size_t n_char) {
    struct lattice_node *nodes = w->lattice;
    uint32_t node = 0;
    bool alone = false;
    for (size_t end = at;
         end < in.n && (node = token_trie_step(&m->trie, node, (uint8_t)in.bytes[end]));) {
        end++;
        w->steps++;
        int32_t id = m->trie.values[node];
        if (id >= 0) {
            offer(&nodes[end], add(m, m->scores[id], nodes[at].score), at, (uint32_t)id);
            alone = alone || end == at + n_char;
        }
    }
    return alone;
}

static bool search(const struct token_model *m, struct work *w, struct view in, struct err *err) {
    mem_grow(&w->lattice, &w->lattice_capacity, in.n + 1, sizeof *w->lattice);
    struct lattice_node *nodes = w->lattice;
    for (size_t i = 0; i <= in.n; i++) {
        nodes[i] = (struct lattice_node) { 0, NOT_REACHED, 0 };
    }
    for (size_t at = 0, n; at < in.n; at += n) {
        uint32_t cp;
        n = utf8_decode(in.bytes + at, in.n - at, &cp);
        BUG_IF(n == 0);
        if (offer_tokens(m, w, in, at, n)) {
            continue;
        }
        double score = add(m, m->unknown_score, nodes[at].score);
        if (m->unk_id < 0 && (nodes[at + n].from == NOT_REACHED || score > nodes[at + n].score)) {
            return err_set(err, ERR_INPUT, "a character is unknown, and there is no unk_id");
        }
        offer(&nodes[at + n], score, at, (uint32_t)m->unk_id);
    }
    return true;
}

/* Turns the links round: nodes[from].from becomes where the token that begins there ends. */
static void turn_round(struct lattice_node *nodes, size_t n) {
    uint32_t end = (uint32_t)n;
    struct lattice_node node = nodes[end];
    while (end > 0) {
        uint32_t from = node.from;
        struct lattice_node before = nodes[from];
        nodes[from] = (struct lattice_node) { 0, end, node.id };
        end = from;
        node = before;
    }
}

static void emit_unknown(
    const struct token_model *m, struct work *w, const struct piece *p, size_t from, size_t to) {
    const unsigned char *s = (const unsigned char *)work_view(w, p).bytes;
    int64_t id =
        m->single_precision ? -1 : vocab_find(&m->vocab, (const char *)s + from, to - from);
    bool bytes = id < 0 && m->byte_fallback;
    for (size_t i = from; bytes && i < to; i++) {
        bytes = m->bytes[s[i]] >= 0;
    }
    for (size_t i = from; bytes && i < to; i++) {
        word_add(&w->word, (uint32_t)m->bytes[s[i]], from, to);
    }
    if (!bytes) {
        word_add(&w->word, (uint32_t)(id < 0 ? m->unk_id : id), from, to);
    }
}

static bool encode(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    struct view in = work_view(w, p);
    if (!search(m, w, in, err)) {
        return false;
    }
    turn_round(w->lattice, in.n);
    for (size_t at = 0, end; at < in.n; at = end) {
        const struct lattice_node *node = &w->lattice[at];
        end = node->from;
        if (node->id != m->unk_id) {
            word_add(&w->word, node->id, at, end);
            continue;
        }
        while (end < in.n && w->lattice[end].id == m->unk_id) {
            end = w->lattice[end].from;
        }
        emit_unknown(m, w, p, at, end);
    }
    return true;
}

const struct token_model_type TOKEN_MODEL_UNIGRAM = {
    .name = "Unigram", .load_vocab = load_vocab, .load = load, .encode = encode
};
