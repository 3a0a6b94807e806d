/* SentencePiece models (tokenizer.model, spiece.model): the file, and a tokenizer that does with it
 * what SentencePiece itself does. */
#ifndef ASSAY_HARNESS_TOKENIZER_FILES_SENTENCEPIECE_H
#define ASSAY_HARNESS_TOKENIZER_FILES_SENTENCEPIECE_H

#include "base/json.h"
#include "harness/tokenizer/tokenizer.h"

enum spm_type {
    SPM_NORMAL = 1,
    SPM_UNKNOWN,
    SPM_CONTROL,
    SPM_USER_DEFINED,
    SPM_UNUSED,
    SPM_BYTE,
};

struct spm_piece {
    const char *text; /* valid UTF-8, not terminated */
    size_t n;
    float score;
    enum spm_type type;
};

struct spm {
    struct strbuf file; /* which pieces and charsmap point into, if it was read from one */
    struct spm_piece *pieces;
    size_t n, capacity;
    bool bpe; /* else Unigram */
    int64_t unk, bos, eos, pad;
    const char *unk_piece; /* of `n_unk_piece` bytes */
    size_t n_unk_piece;
    bool byte_fallback, add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces,
        space_is_suffix;
    bool finds_controls; /* control pieces are found in texts, and cut them before all else */
    const uint8_t *charsmap;
    size_t n_charsmap;
};

/* `bytes` must live as long as the result. */
MUST_CHECK bool spm_parse(struct spm *s, const void *bytes, size_t n, struct err *err);
MUST_CHECK bool spm_read(struct spm *s, const char *path, struct err *err);
bool spm_is(const char *path); /* else it may be text: a model begins with its first piece's key */
void spm_release(struct spm *s);
void spm_init(struct spm *s); /* what holds where a file says nothing */
void spm_add(struct spm *s, struct spm_piece piece);
MUST_CHECK bool spm_check(
    const struct spm *s, struct err *err); /* every piece is text with a score */

/* Model, pipeline and added tokens as SentencePiece has them. */
MUST_CHECK bool tokenizer_load_spm(struct tokenizer *t, const struct spm *s, struct err *err);
/* A document like tokenizer.json, as transformers makes one: merges are left to bpe_make_merges. */
MUST_CHECK bool spm_to_doc(const struct spm *s, json_t **doc, struct err *err);

#endif
