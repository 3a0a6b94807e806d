/* Tokenizers out of GGUF metadata: `tokenizer.ggml.model` gpt2 is byte-level BPE, and
 * `tokenizer.ggml.pre` names how text is cut before it. The pipelines are written as tokenizer.json
 * would have them, so there is one way to run them. */
#include "harness/tokenizer/tokenizer.h"

#include <string.h>

#include "harness/weights.h"

#define BYTE_LEVEL_PLAIN                                                                           \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}"
#define BYTE_LEVEL_NO_REGEX                                                                        \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":"      \
    "false}"
#define DIGITS "{\"type\":\"Digits\",\"individual_digits\":true}"
#define SPLIT(regex)                                                                               \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                                          \
    "\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define SEQUENCE(a, b) "{\"type\":\"Sequence\",\"pretokenizers\":[" a "," b "]}"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|"
#define REST "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define LLAMA3 SEQUENCE(SPLIT(CONTRACTIONS "\\\\p{N}{1,3}" REST), BYTE_LEVEL_NO_REGEX)
#define QWEN2 SEQUENCE(SPLIT(CONTRACTIONS "\\\\p{N}" REST), BYTE_LEVEL_NO_REGEX)
#define DIGITS_THEN_GPT2 SEQUENCE(DIGITS, BYTE_LEVEL_PLAIN)

struct pre {
    const char *name, *pre_tokenizer;
    const char *normalizer; /* NULL: none */
    bool ignore_merges, adds_bos;
};

static const struct pre PRES[] = {
    { .name = "gpt-2", .pre_tokenizer = BYTE_LEVEL_PLAIN },
    { .name = "gpt2", .pre_tokenizer = BYTE_LEVEL_PLAIN },
    { .name = "phi-2", .pre_tokenizer = BYTE_LEVEL_PLAIN },
    { .name = "olmo", .pre_tokenizer = BYTE_LEVEL_PLAIN },
    { .name = "smollm", .pre_tokenizer = DIGITS_THEN_GPT2 },
    { .name = "starcoder", .pre_tokenizer = DIGITS_THEN_GPT2 },
    { .name = "refact", .pre_tokenizer = DIGITS_THEN_GPT2 },
    { .name = "codeshell", .pre_tokenizer = DIGITS_THEN_GPT2 },
    { .name = "llama-bpe", .pre_tokenizer = LLAMA3, .ignore_merges = true, .adds_bos = true },
    { .name = "llama3", .pre_tokenizer = LLAMA3, .ignore_merges = true, .adds_bos = true },
    { .name = "llama-v3", .pre_tokenizer = LLAMA3, .ignore_merges = true, .adds_bos = true },
    { .name = "qwen2", .pre_tokenizer = QWEN2, .normalizer = "{\"type\":\"NFC\"}" },
};

enum token_type {
    TOKEN_CONTROL = 3,
    TOKEN_USER_DEFINED = 4,
};

static const struct pre *pre_find(const char *name) {
    for (size_t i = 0; i < sizeof PRES / sizeof *PRES; i++) {
        if (strcmp(PRES[i].name, name) == 0) {
            return &PRES[i];
        }
    }
    return NULL;
}

static bool load_tokens(struct token_model *m, const struct weights *w, struct err *err) {
    struct gguf_strings it;
    if (!weights_strings(w, "tokenizer.ggml.tokens", &it)) {
        return err_set(err, ERR_INPUT, "metadata has no tokenizer.ggml.tokens");
    }
    if (it.left > VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "vocab has more than %d tokens", VOCAB_TOKENS_MAX);
    }
    vocab_init(&m->vocab, (size_t)it.left);
    const char *text;
    size_t n;
    for (uint32_t id = 0; gguf_strings_next(&it, &text, &n); id++) {
        if (!vocab_add(&m->vocab, text, n, id, err)) {
            return err_wrap(err, "tokenizer.ggml.tokens");
        }
    }
    vocab_seal(&m->vocab);
    return true;
}

static bool load_merges(struct token_model *m, const struct weights *w, struct err *err) {
    struct gguf_strings it;
    if (!weights_strings(w, "tokenizer.ggml.merges", &it)) {
        return err_set(err, ERR_INPUT, "metadata has no tokenizer.ggml.merges");
    }
    size_t n = it.left > VOCAB_MERGES_MAX ? (size_t)VOCAB_MERGES_MAX + 1 : (size_t)it.left;
    if (!bpe_merges_begin(m, n, err)) {
        return false;
    }
    const char *line;
    for (uint32_t rank = 0; gguf_strings_next(&it, &line, &n); rank++) {
        if (!bpe_merge_add_line(m, rank, line, n, err)) {
            return err_wrap(err, "tokenizer.ggml.merges");
        }
    }
    bpe_ready(m);
    return true;
}

static void add_special(struct tokenizer *t, const json_t *types) {
    for (size_t i = 0; i < t->model.vocab.n; i++) {
        const struct vocab_entry *e = &t->model.vocab.entries[i];
        json_int_t type = json_integer_value(json_array_get(types, i));
        if (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED) {
            added_put(&t->added, &t->model,
                (struct added_token) {
                    .text = e->text, .n = e->n, .special = type == TOKEN_CONTROL });
        }
    }
}

static int32_t read_id(const struct tokenizer *t, const json_t *metadata, const char *key) {
    long long id = json_get_int(metadata, key, -1);
    return id >= 0 && (size_t)id < t->model.vocab.n ? (int32_t)id : -1;
}

static bool load_pipeline(struct tokenizer *t, const struct pre *pre, struct err *err) {
    struct strbuf text = { 0 };
    strbuf_addf(&text, "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"decoder\":" BYTE_LEVEL_PLAIN "}",
        pre->normalizer ? pre->normalizer : "null", pre->pre_tokenizer);
    json_t *doc = json_parse(strbuf_str(&text), text.len, pre->name, err);
    strbuf_release(&text);
    bool ok = doc && tokenizer_load_json(t, doc, err);
    json_decref(doc);
    return ok;
}

static void load_ends(struct tokenizer *t, const json_t *metadata, const struct pre *pre) {
    t->info.bos = read_id(t, metadata, "tokenizer.ggml.bos_token_id");
    t->info.eos = read_id(t, metadata, "tokenizer.ggml.eos_token_id");
    t->info.pad = read_id(t, metadata, "tokenizer.ggml.padding_token_id");
    t->info.unk = read_id(t, metadata, "tokenizer.ggml.unknown_token_id");
    if (json_get_bool(metadata, "tokenizer.ggml.add_bos_token", pre->adds_bos) &&
        t->info.bos >= 0) {
        id_list_add(&t->post.before, (uint32_t)t->info.bos);
    }
    if (json_get_bool(metadata, "tokenizer.ggml.add_eos_token", false) && t->info.eos >= 0) {
        id_list_add(&t->post.after, (uint32_t)t->info.eos);
    }
}

static bool load(struct tokenizer *t, const struct weights *w, struct err *err) {
    const json_t *metadata = weights_metadata(w);
    const char *model = json_get_string(metadata, "tokenizer.ggml.model", NULL);
    const char *name = json_get_string(metadata, "tokenizer.ggml.pre", "gpt-2");
    const struct pre *pre = pre_find(name);
    if (!model) {
        return err_set(err, ERR_NOT_FOUND, "metadata has no tokenizer");
    }
    if (strcmp(model, "gpt2") != 0) {
        return err_set(
            err, ERR_UNSUPPORTED, "tokenizer.ggml.model '%.64s' is not supported", model);
    }
    if (!pre) {
        return err_set(err, ERR_UNSUPPORTED, "tokenizer.ggml.pre '%.64s' is not supported", name);
    }
    t->model.type = &TOKEN_MODEL_BPE;
    t->model.unk_id = -1;
    t->model.ignore_merges = pre->ignore_merges;
    if (!load_tokens(&t->model, w, err) || !load_merges(&t->model, w, err) ||
        !load_pipeline(t, pre, err)) {
        return false;
    }
    add_special(t, json_object_get(metadata, "tokenizer.ggml.token_type"));
    load_ends(t, metadata, pre);
    return true;
}

bool tokenizer_load_gguf(struct tokenizer *t, const char *path, struct err *err) {
    struct weights *w = weights_open(path, err);
    if (!w) {
        return false;
    }
    bool ok = load(t, w, err);
    weights_close(w);
    return ok;
}
