/* Tokenizers out of GGUF metadata. `tokenizer.ggml.model` gpt2 is byte-level BPE, and
 * `tokenizer.ggml.pre` names how text is cut before it; llama and t5 are SentencePiece's BPE and
 * Unigram, bert is WordPiece. */
#include "harness/tokenizer/tokenizer.h"

#include <string.h>

#include "harness/tokenizer/files/sentencepiece.h"
#include "harness/weights.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define LINES "\\s*[\\r\\n]+"
#define SPACES "\\s+(?!\\S)|\\s+"
#define OTHERS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" SPACES
#define LLAMA3 CONTRACTIONS "|" LETTERS "|\\p{N}{1,3}|" OTHERS "|" LINES "|" SPACES
#define SPACES_HALVED                                                                              \
    "\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)" \
    "|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"
#define JAIS2 CONTRACTIONS "|" LETTERS "|\\p{N}{1,3}|" OTHERS "|" LINES "|" SPACES_HALVED
#define UNCONTRACTED LETTERS "|\\p{N}|" OTHERS "|" LINES "|" SPACES
#define QWEN2 CONTRACTIONS "|" UNCONTRACTED
#define MINICPM5 CONTRACTIONS "|" LETTERS "|\\p{N}+|" OTHERS "|" LINES "|" SPACES
#define EXAONE_MOE                                                                                 \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}"             \
                 "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|" SPACES
#define QWEN35                                                                                     \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"                                   \
                 "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES "|" SPACES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CAMEL(end)                                                                                 \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" end "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER     \
    "*" end
#define OTHERS_SLASH " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define GPT4O CAMEL(CONTRACTIONS "?") "|\\p{N}{1,3}|" OTHERS_SLASH "|" LINES "|" SPACES
#define TEKKEN CAMEL("") "|\\p{N}|" OTHERS_SLASH "|" LINES "|" SPACES
#define BLOOM " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
#define HAN_KANA "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
#define DEEPSEEK3_WORDS                                                                            \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"           \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"
#define DEEPSEEK3 DEEPSEEK3_WORDS "[\\r\\n]*|" LINES "|" SPACES
#define YOUTU                                                                                      \
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c"  \
    "\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|" HAN_KANA
#define CHAMELEON                                                                                  \
    "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", "\\p{N}",    \
        "[\\p{P}!-/:-@\\[-`{-~]", GPT2
#define KIMI_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define KIMI_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define KIMI_WORD(upper, lower)                                                                    \
    "[^\\r\\n\\p{L}\\p{N}]?" KIMI_UPPER upper KIMI_LOWER lower CONTRACTIONS "?"
#define KIMI                                                                                       \
    "\\p{Han}+|" KIMI_WORD("*", "+") "|" KIMI_WORD("+", "*") "|\\p{N}{1,3}|" OTHERS "|" LINES      \
                                                             "|" SPACES
#define BAILING                                                                                    \
    "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" LETTERS "|\\p{N}|" OTHERS "|\\s*[\\r\\n]"        \
    "|" SPACES
#define CJK "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

enum { CUTS_MAX = 6 };
struct pre {
    const char *name;
    const char *cuts[CUTS_MAX]; /* one after the other; each match is a piece of its own */
    bool nfc, ignore_merges, adds_bos;
};

/* clang-format off */
static const struct pre PRES[] = {
    { .name = "gpt-2", .cuts = { GPT2 } },
    { .name = "gpt2", .cuts = { GPT2 } },
    { .name = "default", .cuts = { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" } },
    { .name = "phi-2", .cuts = { GPT2 } },
    { .name = "mpt", .cuts = { GPT2 }, .nfc = true },
    { .name = "olmo", .cuts = { GPT2 }, .nfc = true },
    { .name = "jais", .cuts = { GPT2 } },
    { .name = "trillion", .cuts = { GPT2 } },
    { .name = "roberta-bpe", .cuts = { GPT2 } },
    { .name = "jina-v1-en", .cuts = { GPT2 } },
    { .name = "jina-v2-es", .cuts = { GPT2 } },
    { .name = "jina-v2-de", .cuts = { GPT2 } },
    { .name = "jina-v2-code", .cuts = { GPT2 } },
    { .name = "exaone4", .cuts = { GPT2 } },
    { .name = "a.x-4.0", .cuts = { GPT2 } },
    { .name = "gigachat", .cuts = { GPT2 } },
    { .name = "mellum", .cuts = { GPT2 } },
    { .name = "modern-bert", .cuts = { GPT2 }, .nfc = true },
    { .name = "jina-es", .cuts = { GPT2 } },
    { .name = "jina-de", .cuts = { GPT2 } },
    { .name = "granite-docling", .cuts = { GPT2 } },
    { .name = "chameleon", .cuts = { CHAMELEON }, .adds_bos = true },
    { .name = "bailingmoe", .cuts = { BAILING } },
    { .name = "bailingmoe2", .cuts = { BAILING } },
    { .name = "llada-moe", .cuts = { BAILING } },
    { .name = "kimi-k2", .cuts = { KIMI } },
    { .name = "smollm", .cuts = { "\\p{N}", GPT2 } },
    { .name = "starcoder", .cuts = { "\\p{N}", GPT2 } },
    { .name = "refact", .cuts = { "\\p{N}", GPT2 } },
    { .name = "codeshell", .cuts = { "\\p{N}", GPT2 } },
    { .name = "command-r", .cuts = { "\\p{N}", GPT2 }, .nfc = true },
    { .name = "exaone", .cuts = { "\\p{N}", GPT2 } },
    { .name = "minerva-7b", .cuts = { "\\p{N}", GPT2 } },
    { .name = "mellum2", .cuts = { "\\p{N}", GPT2 } },
    { .name = "falcon", .cuts = { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]" } },
    { .name = "llama-bpe", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "llama3", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "llama-v3", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "falcon3", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "falcon-h1", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "pixtral", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "midm-2.0", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "lfm2", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "jina-v5-nano", .cuts = { LLAMA3 }, .ignore_merges = true, .adds_bos = true },
    { .name = "jais-2", .cuts = { JAIS2 } },
    { .name = "minicpm5", .cuts = { "\\p{N}{1,3}", MINICPM5 }, .ignore_merges = true },
    { .name = "exaone-moe", .cuts = { EXAONE_MOE } },
    { .name = "dbrx", .cuts = { LLAMA3 } },
    { .name = "smaug-bpe", .cuts = { LLAMA3 } },
    { .name = "chatglm-bpe", .cuts = { LLAMA3 } },
    { .name = "glm4", .cuts = { LLAMA3 }, .ignore_merges = true },
    { .name = "glm5", .cuts = { LLAMA3 }, .ignore_merges = true },
    { .name = "qwen2", .cuts = { QWEN2 }, .nfc = true },
    { .name = "deepseek-r1-qwen", .cuts = { QWEN2 }, .nfc = true },
    { .name = "f2llmv2", .cuts = { QWEN2 }, .nfc = true },
    { .name = "kormo", .cuts = { QWEN2 } },
    { .name = "solar-open", .cuts = { QWEN2 } },
    { .name = "ufakzeka", .cuts = { UNCONTRACTED } },
    { .name = "laguna", .cuts = { "[^\\n]+|[\\n]+", QWEN2 } },
    { .name = "stablelm2", .cuts = { QWEN2 } },
    { .name = "hunyuan", .cuts = { QWEN2 } },
    { .name = "megrez", .cuts = { QWEN2 } },
    { .name = "grok-2", .cuts = { QWEN2 } },
    { .name = "qwen35", .cuts = { QWEN35 }, .nfc = true },
    { .name = "deepseek-llm", .cuts = { "[\\r\\n]", "\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$", CJK, "\\p{N}+" } },
    { .name = "deepseek-coder", .cuts = { "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CJK, "\\p{N}" } },
    { .name = "deepseek-v3", .cuts = { "\\p{N}{1,3}", HAN_KANA, DEEPSEEK3 } },
    { .name = "hunyuan-dense", .cuts = { "\\p{N}{1,3}", HAN_KANA, DEEPSEEK3 } },
    { .name = "joyai-llm", .cuts = { "\\p{N}{1,3}", HAN_KANA, DEEPSEEK3 } },
    { .name = "hy_v4", .cuts = { "\\p{N}{1,3}", HAN_KANA, DEEPSEEK3 } },
    { .name = "spark2_5", .cuts = { "\\p{N}{1,3}", HAN_KANA, DEEPSEEK3_WORDS "|[\\r\\n]|" SPACES, "\\p{N}" } },
    { .name = "youtu", .cuts = { YOUTU, CAMEL(CONTRACTIONS "?") "|\\p{N}|" OTHERS_SLASH "|" LINES "|" SPACES }, .ignore_merges = true },
    { .name = "bloom", .cuts = { BLOOM } },
    { .name = "poro-chat", .cuts = { BLOOM } },
    { .name = "gpt3-finnish", .cuts = { BLOOM } },
    { .name = "viking", .cuts = { BLOOM, "\\p{N}" } },
    { .name = "tekken", .cuts = { TEKKEN }, .ignore_merges = true, .adds_bos = true },
    { .name = "gpt-4o", .cuts = { GPT4O } },
    { .name = "llama4", .cuts = { GPT4O }, .ignore_merges = true, .adds_bos = true },
    { .name = "minimax-m2", .cuts = { GPT4O } },
    { .name = "kanana2", .cuts = { GPT4O } },
    { .name = "talkie", .cuts = { GPT4O } },
    { .name = "granite-embed-multi-97m", .cuts = { GPT4O }, .ignore_merges = true },
    { .name = "tiny_aya", .cuts = { "\\d{1,3}(?=(?:\\d{3})*\\b)", GPT4O } },
    { .name = "cohere2moe", .cuts = { "\\d{1,3}(?=(?:\\d{3})*\\b)", GPT4O } },
    { .name = "superbpe", .cuts = { "\\p{N}+", "(?=(\\d{3})+(?!\\d))" } },
    { .name = "seed-coder", .cuts = { CONTRACTIONS "|" LETTERS "|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES "|" SPACES } },
};
/* clang-format on */

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
        json_int_t type = json_integer_value(json_array_get(types, e->id));
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

static json_t *byte_level(void) {
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", false,
        "trim_offsets", true, "use_regex", false);
}

static bool load_pipeline(struct tokenizer *t, const struct pre *pre, struct err *err) {
    json_t *list = json_array();
    for (size_t i = 0; i < CUTS_MAX && pre->cuts[i]; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                      pre->cuts[i], "behavior", "Isolated", "invert", false));
    }
    json_array_append_new(list, byte_level());
    json_t *doc = json_pack("{s:{s:s, s:o}, s:o, s:o?}", "pre_tokenizer", "type", "Sequence",
        "pretokenizers", list, "decoder", byte_level(), "normalizer",
        pre->nfc ? json_pack("{s:s}", "type", "NFC") : NULL);
    BUG_IF(!doc);
    bool ok = tokenizer_load_json(t, doc, err);
    json_decref(doc);
    return ok;
}

/* Which token stands at an end: the first of the keys that is there, else the one of that text,
 * else the one that models of this kind have there. */
struct end {
    const char *keys[2], *text;
    int32_t otherwise;
};
#define BOS "tokenizer.ggml.bos_token_id"
#define EOS "tokenizer.ggml.eos_token_id"
struct ends {
    struct end first, last;
    bool adds_first, adds_last; /* where the file does not say */
};

static int32_t end_id(const struct tokenizer *t, const json_t *metadata, const struct end *end) {
    for (size_t i = 0; i < 2 && end->keys[i]; i++)
        if (json_object_get(metadata, end->keys[i]))
            return read_id(t, metadata, end->keys[i]);
    if (end->text)
        return (int32_t)vocab_find(&t->model.vocab, end->text, strlen(end->text));
    return (size_t)end->otherwise < t->model.vocab.n ? end->otherwise : -1;
}

static void load_ends(struct tokenizer *t, const json_t *metadata, const struct ends *ends) {
    t->info.bos = end_id(t, metadata, &ends->first);
    t->info.eos = end_id(t, metadata, &ends->last);
    t->info.pad = read_id(t, metadata, "tokenizer.ggml.padding_token_id");
    t->info.unk = read_id(t, metadata, "tokenizer.ggml.unknown_token_id");
    if (json_get_bool(metadata, "tokenizer.ggml.add_bos_token", ends->adds_first) &&
        t->info.bos >= 0) {
        id_list_add(&t->post.before, (uint32_t)t->info.bos);
    }
    if (json_get_bool(metadata, "tokenizer.ggml.add_eos_token", ends->adds_last) &&
        t->info.eos >= 0) {
        id_list_add(&t->post.after, (uint32_t)t->info.eos);
    }
}

static bool load_gpt2(struct tokenizer *t, const struct weights *w, struct err *err) {
    const json_t *metadata = weights_metadata(w);
    const char *name = json_get_string(metadata, "tokenizer.ggml.pre", "gpt-2");
    const struct pre *pre = pre_find(name);
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
    load_ends(t, metadata,
        &(struct ends) { { { BOS }, NULL, -1 }, { { EOS }, NULL, -1 }, pre->adds_bos, false });
    return true;
}

/* ---- SentencePiece ---- */

static bool add_pieces(struct spm *s, const struct weights *w, struct err *err) {
    const json_t *scores = json_object_get(weights_metadata(w), "tokenizer.ggml.scores");
    const json_t *types = json_object_get(weights_metadata(w), "tokenizer.ggml.token_type");
    struct gguf_strings it;
    if (!weights_strings(w, "tokenizer.ggml.tokens", &it) || it.left > VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "metadata has no tokenizer.ggml.tokens, or more than %d",
            VOCAB_TOKENS_MAX);
    }
    const char *text;
    size_t n;
    while (gguf_strings_next(&it, &text, &n)) {
        json_int_t type = json_integer_value(json_array_get(types, s->n));
        double score = json_number_value(json_array_get(scores, s->n));
        spm_add(s, (struct spm_piece) { text, n, (float)score,
                       type >= SPM_NORMAL && type <= SPM_BYTE ? (enum spm_type)type : SPM_NORMAL });
    }
    return spm_check(s, err);
}

/* An array of bytes, which JSON has as numbers. */
static uint8_t *read_charsmap(const json_t *metadata, size_t *n) {
    const json_t *list = json_object_get(metadata, "tokenizer.ggml.precompiled_charsmap");
    uint8_t *bytes = xcalloc(json_array_size(list) + 1, 1);
    *n = json_array_size(list);
    for (size_t i = 0; i < *n; i++) {
        bytes[i] = (uint8_t)json_integer_value(json_array_get(list, i));
    }
    return bytes;
}

static bool load_spm(struct tokenizer *t, const struct weights *w, bool bpe, struct err *err) {
    const json_t *metadata = weights_metadata(w);
    struct spm s;
    spm_init(&s);
    uint8_t *charsmap = read_charsmap(metadata, &s.n_charsmap);
    s.charsmap = charsmap;
    s.bpe = bpe;
    s.byte_fallback = bpe;
    s.finds_controls = true;
    s.unk = json_get_int(metadata, "tokenizer.ggml.unknown_token_id", bpe ? 0 : 2);
    s.add_dummy_prefix = json_get_bool(metadata, "tokenizer.ggml.add_space_prefix", true);
    s.remove_extra_whitespaces =
        json_get_bool(metadata, "tokenizer.ggml.remove_extra_whitespaces", !bpe);
    bool ok = add_pieces(&s, w, err) && tokenizer_load_spm(t, &s, err);
    if (ok) {
        load_ends(t, metadata,
            &(struct ends) {
                { { BOS }, NULL, bpe ? 1 : -1 }, { { EOS }, NULL, bpe ? 2 : 1 }, bpe, !bpe });
    }
    spm_release(&s);
    free(charsmap);
    return ok;
}

/* ---- WordPiece ---- */

/* Words begin with a mark here, and what continues them has none: the other way round than BERT. */
static json_t *bert_vocab(const struct weights *w) {
    static const char MARK[] = "\xe2\x96\x81";
    const json_t *types = json_object_get(weights_metadata(w), "tokenizer.ggml.token_type");
    struct gguf_strings it;
    json_t *vocab = json_object();
    const char *text;
    size_t n, n_mark = sizeof MARK - 1;
    bool any = weights_strings(w, "tokenizer.ggml.tokens", &it);
    for (json_int_t id = 0; any && gguf_strings_next(&it, &text, &n); id++) {
        struct strbuf token = { 0 };
        json_int_t type = json_integer_value(json_array_get(types, (size_t)id));
        bool begins = n >= n_mark && memcmp(text, MARK, n_mark) == 0;
        bool special = type == TOKEN_CONTROL || (n && text[0] == '[' && text[n - 1] == ']');
        strbuf_adds(&token, begins || special ? "" : "##");
        strbuf_add(&token, text + (begins ? n_mark : 0), n - (begins ? n_mark : 0));
        (void)json_object_setn_new(vocab, strbuf_str(&token), token.len, json_integer(id));
        strbuf_release(&token);
    }
    return vocab;
}

/* The text of a token, by its id. */
static const char *bert_token(const json_t *vocab, json_int_t id, const char *otherwise) {
    const char *text;
    json_t *value;
    json_object_foreach(
        (json_t *)vocab, text, value) if (json_integer_value(value) == id) return text;
    return otherwise;
}

/* What llama.cpp's writer calls a separator is spelt like this. */
static const struct ends BERT_ENDS = { { { "tokenizer.ggml.cls_token_id", BOS }, "[CLS]", -1 },
    { { "tokenizer.ggml.seperator_token_id", EOS }, "[SEP]", -1 }, true, true };

static bool load_bert(struct tokenizer *t, const struct weights *w, struct err *err) {
    const json_t *metadata = weights_metadata(w);
    const bool lower = json_get_bool(metadata, "tokenizer.ggml.normalizer.lowercase", true);
    json_t *vocab = bert_vocab(w);
    const char *unk =
        bert_token(vocab, json_get_int(metadata, "tokenizer.ggml.unknown_token_id", -1), "[UNK]");
    json_t *doc = json_pack("{s:{s:s, s:O, s:s}, s:{s:s, s:b, s:b}, s:{s:s}, s:{s:s, s:s, s:b}}",
        "model", "type", "WordPiece", "vocab", vocab, "unk_token", unk, "normalizer", "type",
        "BertNormalizer", "lowercase", lower, "strip_accents",
        json_get_bool(metadata, "tokenizer.ggml.normalizer.strip_accents", lower), "pre_tokenizer",
        "type", "BertPreTokenizer", "decoder", "type", "WordPiece", "prefix", "##", "cleanup",
        true);
    json_decref(vocab);
    BUG_IF(!doc);
    bool ok = tokenizer_load_json(t, doc, err);
    json_decref(doc);
    if (ok) {
        add_special(t, json_object_get(metadata, "tokenizer.ggml.token_type"));
        load_ends(t, metadata, &BERT_ENDS);
    }
    return ok;
}

static bool load(struct tokenizer *t, const struct weights *w, struct err *err) {
    const char *model = json_get_string(weights_metadata(w), "tokenizer.ggml.model", NULL);
    if (!model) {
        return err_set(err, ERR_NOT_FOUND, "metadata has no tokenizer");
    }
    if (strcmp(model, "llama") == 0 || strcmp(model, "t5") == 0) {
        return load_spm(t, w, strcmp(model, "llama") == 0, err);
    }
    if (strcmp(model, "bert") == 0) {
        return load_bert(t, w, err);
    }
    return strcmp(model, "gpt2") == 0 ? load_gpt2(t, w, err)
                                      : err_set(err, ERR_UNSUPPORTED,
                                            "tokenizer.ggml.model '%.64s' is not supported", model);
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
