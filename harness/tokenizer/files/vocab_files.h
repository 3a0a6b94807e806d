/* Vocabularies in files other than tokenizer.json, made into documents like it. */
#ifndef ASSAY_HARNESS_TOKENIZER_FILES_VOCAB_FILES_H
#define ASSAY_HARNESS_TOKENIZER_FILES_VOCAB_FILES_H

#include "harness/tokenizer/files/folder.h"

/* Reads what the folder has in place of a tokenizer.json. */
MUST_CHECK bool vocab_files_read(struct folder *f, struct err *err);

/* The parts of that which read texts; `name` is for errors. */
MUST_CHECK bool vocab_txt_read(
    struct folder *f, const char *text, size_t n, const char *name, struct err *err);
MUST_CHECK bool merges_read(
    json_t **merges, const char *text, size_t n, const char *name, struct err *err);
void vocab_json_take(struct folder *f, json_t *vocab, json_t *merges);

/* tekken.json: a vocabulary of bytes with its own pattern. */
bool tekken_is(const json_t *doc);
MUST_CHECK bool tekken_to_doc(const json_t *tekken, json_t **doc, struct err *err);
/* tiktoken's ranks: a token's bytes in base64 and its number, a line each. */
MUST_CHECK bool tiktoken_to_doc(const char *text, size_t n, json_t **doc, struct err *err);

#endif
