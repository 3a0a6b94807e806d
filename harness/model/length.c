/* How many tokens of a text a model takes. The rules of the references stand here and nowhere else:
 *
 * to embed, to classify (sentence-transformers 6, the first that says something):
 *   1. what the Transformer module says, be it more than the model was trained with;
 *   2. the smaller of the tokenizer's model_max_length and config.json's max_position_embeddings;
 *      some architectures have no such key, and then the tokenizer alone counts.
 *   A table of positions ends both: there the reference fails, and here the text is cut.
 * to score, to generate (lm-evaluation-harness): config.json's n_positions, max_position_embeddings
 *   or n_ctx; where the architecture has none of these the tokenizer's model_max_length, else 2048.
 *
 * Memory is no limit of a text: one that doesn't fit into a step is refused, not cut, or vectors
 * would depend on the machine. Which side loses tokens is the tokenizer's (tokenizer_info). */
#include "harness/model/model.h"

enum { OPEN_MAX = 1 << 20 }; /* no position is too far */

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t of_tokenizer(const struct model *m) {
    uint32_t said = m->tokenizer ? tokenizer_info(m->tokenizer)->model_max_length : 0;
    return said ? said : OPEN_MAX;
}

/* A key of the configuration that its architecture knows nothing of counts all the same. */
static uint32_t of_key(const struct model *m, const char *key) {
    const json_t *config = m->source.config, *text = json_object_get(config, "text_config");
    json_int_t n = json_get_int(json_is_object(text) ? text : config, key, 0);
    return n > 0 && n < OPEN_MAX ? (uint32_t)n : 0;
}

uint32_t length_of_pass(const struct model *m) {
    enum position_kind kind = m->net.spec.position;
    bool table = kind == POSITION_LEARNED || kind == POSITION_WAVES;
    return table ? m->net.spec.max_length : OPEN_MAX;
}

/* What sentence-transformers finds in the configuration. */
static uint32_t of_config(const struct model *m) {
    uint32_t key = of_key(m, "max_position_embeddings");
    if (m->net.spec.length_source == LENGTH_OF_CONFIG)
        return m->net.spec.max_length;
    return key ? key : OPEN_MAX;
}

uint32_t length_of_texts(const struct model *m) {
    uint32_t said =
        m->modules.max_length ? m->modules.max_length : smaller(of_tokenizer(m), of_config(m));
    return smaller(said, length_of_pass(m));
}

/* Where the architecture has no length. */
static uint32_t of_others(const struct model *m) {
    enum { UNSAID = 2048 };
    uint32_t key = of_key(m, "max_position_embeddings"), tokenizer = of_tokenizer(m);
    key = key ? key : of_key(m, "n_ctx");
    return key ? key : tokenizer < OPEN_MAX ? tokenizer : UNSAID;
}

uint32_t length_of_requests(const struct model *m) {
    const struct spec *spec = &m->net.spec;
    uint32_t key = spec->causal ? of_key(m, "n_positions") : 0;
    if (key)
        return smaller(key, length_of_pass(m));
    return spec->length_source == LENGTH_OF_TOKENIZER ? of_others(m) : spec->max_length;
}
