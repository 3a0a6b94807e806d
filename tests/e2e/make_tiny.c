/* make_tiny DIR [N [SEED]]: a mirror tree with two tiny random models, for tests that go the whole
 * road without a download, and N further decoders many/m001 ..., each with a seed of its own.
 * tiny/encoder is a BERT with sentence-transformers modules, tiny/decoder a Llama; their tokenizers
 * know single letters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/harness/tiny_models.h"

#define DECODER_POSITIONS 160

static void put(const char *dir, const char *name, const char *text) {
    struct err err = ERR_INIT;
    char *path = path_join(dir, name), *parent = xstrndup(path, (size_t)(path_base(path) - path));
    if (!dir_make(parent, &err) || !file_write_atomic(path, text, strlen(text), &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    free(parent);
    free(path);
}

/* config.json as tiny_write made it, with the class that tells a hub what the model can be asked.
 */
static void name_class(const char *dir, const char *class) {
    struct err err = ERR_INIT;
    struct strbuf old = { 0 }, new = { 0 };
    char *path = path_join(dir, "config.json");
    if (!file_read(path, 1 << 16, &old, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    strbuf_addf(&new, "{\"architectures\":[\"%s\"],%s", class, strbuf_str(&old) + 1);
    put(dir, "config.json", new.text);
    strbuf_release(&old);
    strbuf_release(&new);
    free(path);
}

static void write_model(const char *dir, enum tiny_kind kind, unsigned seed) {
    struct tiny t;
    struct err err = ERR_INIT;
    if (!dir_make(dir, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    tiny_init(&t, kind, seed);
    if (kind == TINY_LLAMA) {
        t.max_length =
            DECODER_POSITIONS; /* positions are rotary: no weight depends on their number */
    }
    tiny_write(&t, dir);
    tiny_release(&t);
    name_class(dir, kind == TINY_LLAMA ? "LlamaForCausalLM" : "BertModel");
    put(dir, "README.md", "---\nlicense: apache-2.0\n---\nNoise.\n");
}

/* Four special tokens, sixteen letters that begin a word and the same sixteen that go on with one.
 */
static void write_word_pieces(const char *dir) {
    struct strbuf vocab = { 0 };
    strbuf_adds(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n");
    for (int pass = 0; pass < 2; pass++) {
        for (char c = 'a'; c < 'q'; c++) {
            strbuf_addf(&vocab, "%s%c\n", pass ? "##" : "", c);
        }
    }
    put(dir, "vocab.txt", vocab.text);
    put(dir, "tokenizer_config.json",
        "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true, \"model_max_length\": "
        "32}\n");
    strbuf_release(&vocab);
}

static void write_many(const char *root, unsigned n, unsigned seed) {
    for (unsigned i = 1; i <= n; i++) {
        char name[64];
        snprintf(name, sizeof name, "models/many/m%03u", i);
        char *dir = path_join(root, name);
        write_model(dir, TINY_LLAMA, seed + i);
        tiny_write_letters(dir);
        free(dir);
    }
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fputs("usage: make_tiny DIR [N [SEED]]\n", stderr);
        return 2;
    }
    if (argc > 2) {
        write_many(argv[1], (unsigned)strtoul(argv[2], NULL, 10),
            argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1000);
    }
    char *encoder = path_join(argv[1], "models/tiny/encoder"),
         *decoder = path_join(argv[1], "models/tiny/decoder");
    write_model(encoder, TINY_BERT, 1);
    write_word_pieces(encoder);
    put(encoder, "modules.json",
        "[{\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": "
        "\"sentence_transformers.models.Transformer\"},\n"
        " {\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": "
        "\"sentence_transformers.models.Pooling\"},\n"
        " {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "
        "\"sentence_transformers.models.Normalize\"}]\n");
    put(encoder, "1_Pooling/config.json",
        "{\"word_embedding_dimension\": 24, \"pooling_mode_mean_tokens\": true}\n");
    put(encoder, "sentence_bert_config.json",
        "{\"max_seq_length\": 32, \"do_lower_case\": false}\n");
    write_model(decoder, TINY_LLAMA, 2);
    tiny_write_letters(decoder);
    free(encoder);
    free(decoder);
    return 0;
}
