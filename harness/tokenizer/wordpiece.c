/* WordPiece: the longest piece of the vocabulary that the rest of the word begins with, again and
 * again; a word that can't be covered so is one unknown token. */
#include "harness/tokenizer/token_model.h"

#include <string.h>

#include "base/utf8.h"

static bool load(struct token_model *m, const json_t *config, struct err *err) {
    (void)err;
    long long max = json_get_int(config, "max_input_chars_per_word", 100);
    m->max_chars = max < 0 ? 0 : (size_t)max;
    m->unk_token = m->unk_token ? m->unk_token : "[UNK]";
    m->prefix = m->prefix ? m->prefix : "##";
    m->unk_id = vocab_find(&m->vocab, m->unk_token, strlen(m->unk_token));
    m->continuing = strmap_new(m->vocab.n);
    size_t n = strlen(m->prefix);
    for (size_t i = 0; i < m->vocab.n; i++) {
        const struct vocab_entry *e = &m->vocab.entries[i];
        if (e->n >= n && memcmp(e->text, m->prefix, n) == 0) {
            (void)strmap_add(m->continuing, e->text + n, e->n - n, (int32_t)i);
        }
    }
    return true;
}

/* The longest entry at `from`; its length goes to *end. -1 if there is none. */
static int32_t longest(const struct token_model *m, struct view in, size_t from, size_t *end) {
    const struct strmap *map = from ? m->continuing : m->vocab.index;
    size_t to = in.n - from > m->vocab.n_longest ? from + m->vocab.n_longest : in.n;
    for (; to > from; to--) {
        if (to < in.n && ((unsigned char)in.bytes[to] & 0xc0) == 0x80) {
            continue;
        }
        int32_t at = strmap_find(map, in.bytes + from, to - from);
        if (at >= 0) {
            *end = to;
            return at;
        }
    }
    return -1;
}

static bool emit_unknown(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    if (m->unk_id < 0) {
        return err_set(err, ERR_INPUT, "unknown token '%s' is not in the vocab", m->unk_token);
    }
    work_emit(w, p, (uint32_t)m->unk_id, 0, p->to - p->from);
    return true;
}

static bool encode(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    struct view in = work_view(w, p);
    if (in.n > m->max_chars && utf8_length(in.bytes, in.n) > m->max_chars) {
        return emit_unknown(m, w, p, err);
    }
    size_t before = w->out->n;
    for (size_t from = 0, end; from < in.n; from = end) {
        int32_t at = longest(m, in, from, &end);
        if (at < 0) {
            w->out->n = before;
            return emit_unknown(m, w, p, err);
        }
        work_emit(w, p, m->vocab.entries[at].id, from, end);
    }
    return true;
}

const struct token_model_type TOKEN_MODEL_WORD_PIECE = {
    .name = "WordPiece", .load = load, .encode = encode
};
