/* Token models: from a piece of text to ids. One struct for all of them; a model type reads its own
 * fields. */
#ifndef ASSAY_HARNESS_TOKENIZER_MODEL_TOKEN_MODEL_H
#define ASSAY_HARNESS_TOKENIZER_MODEL_TOKEN_MODEL_H

#include "harness/tokenizer/model/token_trie.h"
#include "harness/tokenizer/model/vocab.h"
#include "harness/tokenizer/work.h"

struct token_model;

struct token_model_type {
    const char *name;
    /* Reads `vocab`; NULL if that is an object of tokens and ids. */
    bool (*load_vocab)(struct token_model *m, const json_t *vocab, struct err *err);
    bool (*load)(
        struct token_model *m, const json_t *config, struct err *err); /* after the vocabulary */
    /* A piece's tokens, by its bytes alone, into w->word. */
    bool (*encode)(
        const struct token_model *m, struct work *w, const struct piece *p, struct err *err);
};

/* Pairs of ids that merge: open addressing, at most half full. */
struct merge {
    uint32_t left, right, rank, id;
};
struct merge_table {
    struct merge *slots; /* rank UINT32_MAX: empty */
    size_t n_slots;
    uint64_t seed;
};

#define BPE_CHARS 0x300
struct token_model {
    const struct token_model_type *type;
    struct vocab vocab;
    const char *unk_token; /* NULL if there is none */
    int64_t unk_id;        /* -1 if it isn't in the vocabulary */
    const char *prefix;    /* of pieces that continue a word */
    const char *suffix;    /* of pieces that end one */
    /* WordPiece */
    struct token_trie continuing; /* the vocabulary without `prefix` */
    size_t max_chars;
    /* BPE */
    struct merge_table merges;
    int64_t chars[BPE_CHARS];                    /* ids of the first code points; -1 if absent */
    bool byte_fallback, fuse_unk, ignore_merges; /* byte_fallback also of Unigram */
    int64_t bytes[256]; /* ids of <0x00>..<0xFF>, -1 if absent; also of Unigram */
    /* Unigram */
    struct token_trie trie; /* also of WordPiece */
    double *scores;         /* by id */
    double unknown_score;
    bool single_precision; /* as SentencePiece itself adds, and knows no fused unknowns */
};

extern const struct token_model_type TOKEN_MODEL_BPE, TOKEN_MODEL_UNIGRAM, TOKEN_MODEL_WORD_PIECE,
    TOKEN_MODEL_WORD_LEVEL;

/* The type of a tokenizer.json's `model`, which old files don't name. */
const char *token_model_type_name(const json_t *config);
/* From tokenizer.json's `model`. */
MUST_CHECK bool token_model_load(struct token_model *m, const json_t *config, struct err *err);
void token_model_release(struct token_model *m);
/* Fills in `bytes`. */
void token_model_find_bytes(struct token_model *m);

/* For models that don't come from JSON: set type, vocabulary (sealed) and options, then merges in
 * order, then ready. */
MUST_CHECK bool bpe_merges_begin(struct token_model *m, size_t n, struct err *err);
MUST_CHECK bool bpe_merge_add(struct token_model *m, uint32_t rank, const char *left, size_t n_left,
    const char *right, size_t n_right, struct err *err);
void bpe_merge_put(
    struct token_model *m, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
/* "left right" */
MUST_CHECK bool bpe_merge_add_line(
    struct token_model *m, uint32_t rank, const char *line, size_t n, struct err *err);
void bpe_ready(struct token_model *m);

/* Merges from the vocabulary alone: every way to cut a token into two others is one. */
enum bpe_order {
    BPE_NO_ORDER,
    BPE_BY_ID,     /* lower ids first; of one token's ways the one with the shorter left side */
    BPE_BY_HALVES, /* lower ids first; of one token's ways the one with the lower left, then right
                    */
    BPE_BY_RANK,   /* lower ranks first; what has one rank merges from the left */
};
MUST_CHECK bool bpe_make_merges(struct token_model *m, enum bpe_order order, struct err *err);
MUST_CHECK bool bpe_make_ranked_merges(
    struct token_model *m, const uint32_t *ranks, struct err *err);

#endif
