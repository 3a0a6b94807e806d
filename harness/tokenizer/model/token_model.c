/* Models by name, and WordLevel, which is a look-up (see token_model.h). */
#include "harness/tokenizer/model/token_model.h"

#include <string.h>

static const char *optional_string(struct token_model *m, const json_t *config, const char *key) {
    const char *value = json_get_string(config, key, NULL);
    return value ? arena_strdup(&m->vocab.arena, value) : NULL;
}

static bool word_level_encode(
    const struct token_model *m, struct work *w, const struct piece *p, struct err *err) {
    struct view in = work_view(w, p);
    int64_t id = vocab_find(&m->vocab, in.bytes, in.n);
    id = id < 0 ? m->unk_id : id;
    if (id < 0) {
        return err_set(err, ERR_INPUT, "unknown token '%s' is not in the vocab",
            m->unk_token ? m->unk_token : "");
    }
    word_add(&w->word, (uint32_t)id, 0, in.n);
    return true;
}

const struct token_model_type TOKEN_MODEL_WORD_LEVEL = { .name = "WordLevel",
    .encode = word_level_encode };

/* Old files don't name the type. */
static const char *guess_type(const json_t *config) {
    if (json_is_array(json_object_get(config, "vocab"))) {
        return "Unigram";
    }
    if (json_object_get(config, "merges")) {
        return "BPE";
    }
    return json_object_get(config, "max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

const char *token_model_type_name(const json_t *config) {
    return json_get_string(config, "type", guess_type(config));
}

bool token_model_load(struct token_model *m, const json_t *config, struct err *err) {
    static const struct token_model_type *const TYPES[] = {
        &TOKEN_MODEL_BPE,
        &TOKEN_MODEL_UNIGRAM,
        &TOKEN_MODEL_WORD_PIECE,
        &TOKEN_MODEL_WORD_LEVEL,
    };
    if (!json_is_object(config)) {
        return err_set(err, ERR_INPUT, "there is no model");
    }
    const char *name = token_model_type_name(config);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(TYPES[i]->name, name) == 0) {
            m->type = TYPES[i];
        }
    }
    if (!m->type) {
        return err_set(err, ERR_UNSUPPORTED, "model type '%.64s' is not supported", name);
    }
    const json_t *tokens = json_object_get(config, "vocab");
    vocab_init(&m->vocab, json_object_size(tokens) + json_array_size(tokens));
    if (m->type->load_vocab ? !m->type->load_vocab(m, tokens, err)
                            : !vocab_add_json(&m->vocab, tokens, err)) {
        return err_wrap(err, "model '%s'", name);
    }
    vocab_seal(&m->vocab);
    m->unk_token = optional_string(m, config, "unk_token");
    m->unk_id = m->unk_token ? vocab_find(&m->vocab, m->unk_token, strlen(m->unk_token)) : -1;
    m->prefix = optional_string(m, config, "continuing_subword_prefix");
    m->suffix = optional_string(m, config, "end_of_word_suffix");
    return !m->type->load || m->type->load(m, config, err) || err_wrap(err, "model '%s'", name);
}

void token_model_find_bytes(struct token_model *m) {
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        int n = snprintf(text, sizeof text, "<0x%02X>", b);
        m->bytes[b] = vocab_find(&m->vocab, text, (size_t)n);
    }
}

void token_model_release(struct token_model *m) {
    vocab_release(&m->vocab);
    token_trie_release(&m->continuing);
    free(m->merges.slots);
    token_trie_release(&m->trie);
    free(m->scores);
    *m = (struct token_model) { 0 };
}
