/* Inside the tokenizer: what the loaders fill in. */
#ifndef ASSAY_HARNESS_TOKENIZER_TOKENIZER_H
#define ASSAY_HARNESS_TOKENIZER_TOKENIZER_H

#include "harness/tokenizer/added.h"
#include "harness/tokenizer/fit.h"
#include "harness/tokenizer/join.h"
#include "harness/tokenizer/pipeline/post.h"
#include "harness/tokenizer/pipeline/stage.h"
#include "harness/tokenizer/model/token_model.h"

struct tokenizer {
    struct token_model model;
    struct pipeline normalizers, pre_tokenizers, decoders;
    struct added added;
    struct post post;
    struct join join; /* of two texts */
    struct fit fit;   /* of a bare tokenizer.json */
    bool clean_up;   /* tidy decoded text, as transformers does for WordPiece and Unigram folders */
    bool keep_align; /* alignments decide where a prefix goes, so they are kept even if nobody asks
                        for spans */
    struct tokenizer_info info;
    struct work_shelf *works;
};

/* As tokenizer_open on a tokenizer.json that lies in memory. */
MUST_CHECK struct tokenizer *tokenizer_from_json(
    const char *text, size_t n, const char *name, struct err *err);

/* As tokenizer_open on a SentencePiece model, on tiktoken's ranks. */
MUST_CHECK struct tokenizer *tokenizer_from_spm(
    const void *bytes, size_t n, const char *name, struct err *err);
MUST_CHECK struct tokenizer *tokenizer_from_ranks(
    const char *text, size_t n, const char *name, struct err *err);
/* As tokenizer_open on a folder, of which everything has been read. */
struct folder;
MUST_CHECK struct tokenizer *tokenizer_from_folder(
    struct folder *f, const char *name, struct err *err);

/* Pipeline, added tokens and post-processor from a document like tokenizer.json; its model too,
 * unless the tokenizer has one. added_seal is left to the caller, who may have more tokens to add.
 */
MUST_CHECK bool tokenizer_load_json(struct tokenizer *t, const json_t *doc, struct err *err);
MUST_CHECK bool tokenizer_load_folder(struct tokenizer *t, const char *path, struct err *err);
MUST_CHECK bool tokenizer_build(struct tokenizer *t, struct folder *f, struct err *err);
MUST_CHECK bool tokenizer_load_gguf(struct tokenizer *t, const char *path, struct err *err);
/* Seals the added tokens and works out the rest of `info`. */
MUST_CHECK bool tokenizer_finish(struct tokenizer *t, struct err *err);

/* As tokenizer_encode; what it did is added to *steps (see work.h). */
MUST_CHECK bool tokenizer_encode_counted(const struct tokenizer *t, const char *text, size_t n,
    const struct encode_options *options, struct token_list *out, uint64_t *steps, struct err *err);

/* The id of a token's text, added or in the vocabulary; -1 if absent. */
int64_t tokenizer_find(const struct tokenizer *t, const char *text, size_t n);
/* The text that decoders see for an id; NULL if there is no such token. */
const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *n, bool *special);

#define TOKENIZER_JSON_BYTES_MAX ((size_t)64 << 20)
#define TOKENIZER_CONFIG_BYTES_MAX ((size_t)4 << 20)

#endif
