/* Vocabularies in files of their own. The first byte says which: 'r' tiktoken's ranks, 't' a
 * vocab.txt, 'm' a vocab.json and, after a NUL, a merges.txt. */
#include <string.h>

#include "harness/tokenizer/files/vocab_files.h"
#include "tokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void as_txt(struct folder *f, const char *text, size_t n) {
    struct err err = ERR_INIT;
    if (vocab_txt_read(f, text, n, "vocab.txt", &err))
        use_and_close(tokenizer_from_folder(f, "fuzz", &err));
}

static void as_json(struct folder *f, const char *text, size_t n) {
    struct err err = ERR_INIT;
    const char *nul = memchr(text, 0, n), *end = text + n;
    json_t *merges = NULL,
           *vocab = json_parse(text, nul ? (size_t)(nul - text) : n, "vocab.json", &err);
    if (vocab && nul &&
        merges_read(&merges, nul + 1, (size_t)(end - nul - 1), "merges.txt", &err)) {
        vocab_json_take(f, vocab, merges);
        use_and_close(tokenizer_from_folder(f, "fuzz", &err));
        return;
    }
    json_decref(vocab);
    json_decref(merges);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct folder f = { .config = json_object(), .model = json_object(), .unk_id = -1 };
    const char *text = (const char *)bytes + 1;
    struct err err = ERR_INIT;
    if (size && bytes[0] == 'r')
        use_and_close(tokenizer_from_ranks(text, size - 1, "fuzz", &err));
    else if (size && bytes[0] == 't')
        as_txt(&f, text, size - 1);
    else if (size && bytes[0] == 'm')
        as_json(&f, text, size - 1);
    json_decref(f.config);
    json_decref(f.model);
    json_decref(f.doc);
    return 0;
}
