/* WordPiece: the longest piece of the vocabulary that the rest of the word begins with, again and
 * again; a word that can't be covered so is one unknown token. */
#include "harness/tokenizer/model/token_model.h"

#include <string.h>

#include "base/utf8.h"

/* One trie for what begins a word, one for what continues it, without the prefix. */
static bool index_tokens(struct token_model *m, struct err *err) {
    size_t n = strlen(m->prefix);
    bool ok = true;
    token_trie_init(&m->trie);
    token_trie_init(&m->continuing);
    for (size_t i = 0; ok && i < m->vocab.n; i++) {
        const struct vocab_entry *e = &m->vocab.entries[i];
        ok = token_trie_add(&m->trie, e->text, e->n, (int32_t)i, err);
        if (ok && e->n >= n && memcmp(e->text, m->prefix, n) == 0) {
            ok = token_trie_add(&m->continuing, e->text + n, e->n - n, (int32_t)i, err);
        }
    }
    return ok;
}

static bool load(struct token_model *m, const json_t *config, struct err *err) {
    long long max = json_get_int(config, "max_input_chars_per_word", 100);
    m->max_chars = max < 0 ? 0 : (size_t)max;
    m->unk_token = m->unk_token ? m->unk_token : "[UNK]";
    m->prefix = m->prefix ? m->prefix : "##";
    m->unk_id = vocab_find(&m->vocab, m->unk_token, strlen(m->unk_token));
    return index_tokens(m, err);
}

/* The longest entry at `from`; its length goes to *end. -1 if there is none. */
static int32_t longest(
    const struct token_model *m, struct work *w, struct view in, size_t from, size_t *end) {
    const struct token_trie *t = from ? &m->continuing : &m->trie;
    uint32_t node = 0;
    int32_t found = -1;
    for (size_t at = from; at < in.n && (node = token_trie_step(t, node, (uint8_t)in.bytes[at]));
         w->steps++) {
        at++;
        if (t->values[node] >= 0) {
            found = t->values[node];
            *end = at;
        }
    }
    return found;
}

static bool emit_unknown(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    if (m->unk_id < 0) {
        return err_set(err, ERR_INPUT, "unknown token '%s' is not in the vocab", m->unk_token);
    }
    word_add(&w->word, (uint32_t)m->unk_id, 0, p->to - p->from);
    return true;
}

static bool encode(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    struct view in = work_view(w, p);
    if (in.n > m->max_chars && utf8_length(in.bytes, in.n) > m->max_chars) {
        return emit_unknown(m, w, p, err);
    }
    for (size_t from = 0, end; from < in.n; from = end) {
        int32_t at = longest(m, w, in, from, &end);
        if (at < 0) {
            w->word.n = 0;
            return emit_unknown(m, w, p, err);
        }
        word_add(&w->word, m->vocab.entries[at].id, from, end);
    }
    return true;
}

const struct token_model_type TOKEN_MODEL_WORD_PIECE = {
    .name = "WordPiece", .load = load, .encode = encode
};
