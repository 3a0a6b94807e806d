/* Bytes as a SentencePiece model; with what is accepted a text is tokenised and given back, by
 * SentencePiece's own rules and by the document that transformers makes of a model. */
#include "harness/tokenizer/files/folder.h"
#include "harness/tokenizer/files/sentencepiece.h"
#include "tokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void as_folder(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    struct spm s;
    struct folder f = { .config = json_object(), .model = json_object(), .unk_id = -1 };
    spm_init(&s);
    if (spm_parse(&s, bytes, size, &err) && spm_to_doc(&s, &f.doc, &err)) {
        f.make_merges = s.bpe ? BPE_BY_ID : BPE_NO_ORDER;
        use_and_close(tokenizer_from_folder(&f, "fuzz", &err));
    }
    spm_release(&s);
    json_decref(f.config);
    json_decref(f.model);
    json_decref(f.doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    use_and_close(tokenizer_from_spm(bytes, size, "fuzz", &err));
    as_folder(bytes, size);
    return 0;
}
