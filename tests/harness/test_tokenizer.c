/* Tokenizers: the small ones of tests/fixtures/tokenizers row by row against what the reference
 * gave; documents that must be refused; long and odd texts. */
#include "weight_files.h"

#include <string.h>

#include "harness/harness.h"
#include "harness/tokenizer/token_list.h"
#include "harness/tokenizer/tokenizer.h"

#define FIXTURES ASSAY_TESTS_DIR "/fixtures/tokenizers/"

/* ---- against the reference ---- */

static bool same_ids(const struct token_list *l, const json_t *want) {
    bool same = l->n == json_array_size(want);
    for (size_t i = 0; same && i < l->n; i++) {
        same = l->ids[i] == json_integer_value(json_array_get(want, i));
    }
    return same;
}

static bool same_spans(const struct token_list *l, const json_t *want) {
    bool same = true;
    for (size_t i = 0; same && i < l->n; i++) {
        const json_t *span = json_array_get(want, i);
        same = l->spans[i].from == json_integer_value(json_array_get(span, 0)) &&
               l->spans[i].to == json_integer_value(json_array_get(span, 1));
    }
    return same;
}

static bool same_text(
    const struct tokenizer *t, const struct token_list *l, bool skip_special, const json_t *want) {
    struct strbuf got = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_decode(t, l->ids, l->n, skip_special, &got, &err));
    bool same = got.len == json_string_length(want) &&
                memcmp(strbuf_str(&got), json_string_value(want), got.len) == 0;
    strbuf_release(&got);
    return same;
}

static void check_row(const struct tokenizer *t, const char *line, const json_t *row) {
    struct token_list full = { .want_spans = true }, plain = { 0 };
    struct err err = ERR_INIT;
    const json_t *text = json_object_get(row, "text");
    const char *s = json_string_value(text);
    size_t n = json_string_length(text);
    assert_true(tokenizer_encode(t, s, n, NULL, &full, &err));
    assert_true(
        tokenizer_encode(t, s, n, &(struct encode_options) { .no_special = true }, &plain, &err));
    token_list_reset(&full); /* again, now that every word of it is known */
    assert_true(tokenizer_encode(t, s, n, NULL, &full, &err));
    const char *wrong = !same_ids(&full, json_object_get(row, "ids"))                  ? "ids"
                        : !same_ids(&plain, json_object_get(row, "plain"))             ? "plain"
                        : !same_spans(&full, json_object_get(row, "spans"))            ? "spans"
                        : !same_text(t, &full, false, json_object_get(row, "decoded")) ? "decoded"
                        : !same_text(t, &full, true, json_object_get(row, "skip"))     ? "skip"
                                                                                       : NULL;
    if (wrong) {
        fail_msg("%s differ: %s", wrong, line);
    }
    token_list_release(&full);
    token_list_release(&plain);
}

static void check_rows(const char *name) {
    struct strbuf json = { 0 }, rows = { 0 }, text = { 0 };
    struct err err = ERR_INIT;
    size_t n_rows = 0;
    strbuf_addf(&json, FIXTURES "%s.json", name);
    strbuf_addf(&rows, FIXTURES "%s.rows.jsonl", name);
    struct tokenizer *t = tokenizer_open(strbuf_str(&json), &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    assert_true(file_read(strbuf_str(&rows), (size_t)4 << 20, &text, &err));
    char *rest = text.text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)); n_rows++) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_non_null(row);
        check_row(t, line, row);
        json_decref(row);
    }
    assert_true(n_rows > 60);
    tokenizer_close(t);
    strbuf_release(&json);
    strbuf_release(&rows);
    strbuf_release(&text);
}

#define LIKE_REFERENCE(function, name)                                                             \
    static void function(void **state) {                                                           \
        (void)state;                                                                               \
        check_rows(name);                                                                          \
    }
LIKE_REFERENCE(wordpiece_is_like_the_reference, "wordpiece")
LIKE_REFERENCE(cased_wordpiece_with_bert_processing_is_like_the_reference, "wordpiece-cased")
LIKE_REFERENCE(byte_level_bpe_with_digits_apart_is_like_the_reference, "digits")
LIKE_REFERENCE(roberta_trims_its_spans_like_the_reference, "roberta")
LIKE_REFERENCE(bpe_split_by_a_regex_is_like_the_reference, "regex")
LIKE_REFERENCE(bpe_with_bytes_for_unknown_characters_is_like_the_reference, "sentencepiece")
LIKE_REFERENCE(metaspace_before_the_first_word_only_is_like_the_reference, "metaspace")
LIKE_REFERENCE(bpe_with_word_ends_is_like_the_reference, "word-suffix")
LIKE_REFERENCE(unigram_with_a_charsmap_is_like_the_reference, "unigram")
LIKE_REFERENCE(unigram_with_bytes_for_unknown_characters_is_like_the_reference, "unigram-bytes")
LIKE_REFERENCE(scripts_chunks_and_processors_in_a_row_are_like_the_reference, "scripts")
LIKE_REFERENCE(words_without_accents_are_like_the_reference, "words")

/* Of a bare model what counts is what SentencePiece says. */
static void check_model(const char *name) {
    struct strbuf path = { 0 }, text = { 0 };
    struct err err = ERR_INIT;
    size_t n_rows = 0;
    strbuf_addf(&path, FIXTURES "%s.model", name);
    struct tokenizer *t = tokenizer_open(strbuf_str(&path), &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    strbuf_reset(&path);
    strbuf_addf(&path, FIXTURES "%s.rows.jsonl", name);
    assert_true(file_read(strbuf_str(&path), (size_t)4 << 20, &text, &err));
    char *rest = text.text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)); n_rows++) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL), *s = json_object_get(row, "text");
        struct token_list list = { .want_spans = true };
        assert_true(
            tokenizer_encode(t, json_string_value(s), json_string_length(s), NULL, &list, &err));
        if (!same_ids(&list, json_object_get(row, "ids"))) {
            fail_msg("%s: ids differ: %s", name, line);
        }
        token_list_release(&list);
        json_decref(row);
    }
    assert_true(n_rows > 60);
    tokenizer_close(t);
    strbuf_release(&path);
    strbuf_release(&text);
}

static void models_are_read_as_sentencepiece_reads_them(void **state) {
    (void)state;
    check_model("spm-unigram");
    check_model("spm-unigram-bytes");
    check_model("spm-bpe");
    check_model("spm-bpe-bytes");
}

/* ---- what must be refused ---- */

static struct tokenizer *open_doc(const char *dir, const char *doc, struct err *err) {
    char *path = file_put(dir, "t.json", doc, strlen(doc));
    struct tokenizer *t = tokenizer_open(path, err);
    free(path);
    return t;
}

static void fault_80_documents_that_make_no_tokenizer_are_refused(void **state) {
#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"
#define UNIGRAM(unk, vocab)                                                                        \
    "{\"model\":{\"type\":\"Unigram\",\"unk_id\":" unk ",\"vocab\":[" vocab "]}"
#define CHARSMAP(text)                                                                             \
    "{" BPE ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" text "\"}}"
#define BPE "\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a b\"]}"
    static const struct {
        const char *doc;
        enum err_class class;
        const char *says;
    } CASES[] = {
        { "[]", ERR_INPUT, "object" },
        { "{}", ERR_INPUT, "no model" },
        { "{\"model\":{\"type\":\"Markov\"}}", ERR_UNSUPPORTED, "'Markov'" },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":[]}}", ERR_INPUT, "vocab" },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1}}}", ERR_INPUT, "id of token 'a'" },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.5}}}", ERR_INPUT, "id of token 'a'" },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4294967296}}}", ERR_INPUT,
            "id of token 'a'" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a c\"]}}", ERR_INPUT, "'c'" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"b a\"]}}", ERR_INPUT, "'ba'" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"ab\"]}}", ERR_INPUT, "merge 1" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[[\"a\"]]}}", ERR_INPUT, "merge 1" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":{}}}", ERR_INPUT, "merges" },
        { "{\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[],\"dropout\":0.1}}", ERR_UNSUPPORTED,
            "dropout" },
        { "{" BPE ",\"normalizer\":{\"type\":\"Rot13\"}}", ERR_UNSUPPORTED, "'Rot13'" },
        { "{" BPE ",\"normalizer\":{}}", ERR_INPUT, "no type" },
        { "{" BPE ",\"normalizer\":{\"type\":\"Sequence\"}}", ERR_INPUT, "normalizers" },
        { "{" BPE ",\"normalizer\":{\"type\":\"Prepend\"}}", ERR_INPUT, "'prepend'" },
        { "{" BPE ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a\"},"
          "\"behavior\":\"Removed\"}}",
            ERR_INPUT, "regex" },
        { "{" BPE
          ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":\"a\",\"behavior\":\"Eaten\"}}",
            ERR_INPUT, "'Eaten'" },
        { "{" BPE ",\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}}", ERR_INPUT,
            "one character" },
        { "{" BPE ",\"decoder\":{\"type\":\"Morse\"}}", ERR_UNSUPPORTED, "'Morse'" },
        { "{" BPE ",\"post_processor\":{\"type\":\"Polish\"}}", ERR_UNSUPPORTED, "'Polish'" },
        { "{" BPE ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
          "\"SpecialToken\":{\"id\":\"<s>\"}},"
          "{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{}}}",
            ERR_INPUT, "'<s>'" },
        { "{" BPE ",\"added_tokens\":{}}", ERR_INPUT, "added_tokens" },
        { UNIGRAM("0", "") "}", ERR_INPUT, "vocab" },
        { UNIGRAM("1", "[\"a\",-1]") "}", ERR_INPUT, "unk_id" },
        { UNIGRAM("-1", "[\"a\",-1]") "}", ERR_INPUT, "unk_id" },
        { UNIGRAM("0", "[\"a\",\"b\"]") "}", ERR_INPUT, "score" },
        { UNIGRAM("0", "\"a\"") "}", ERR_INPUT, "token 0" },
        { "{" BPE ",\"normalizer\":{\"type\":\"Precompiled\"}}", ERR_INPUT, "charsmap" },
        { CHARSMAP("!"), ERR_INPUT, "base64" },
        { CHARSMAP("AQ=="), ERR_INPUT, "charsmap" },
        { CHARSMAP("/////w=="), ERR_INPUT, "charsmap" },
        { CHARSMAP("AAAAAP8="), ERR_INPUT, "UTF-8" },
        { "{" BPE ",\"added_tokens\":[{\"id\":0}]}", ERR_INPUT, "content" },
        { "{" BPE ",\"added_tokens\":[{\"id\":-5,\"content\":\"x\"}]}", ERR_INPUT, "id" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        assert_null(open_doc(*state, CASES[i].doc, &err));
        assert_error(&err, CASES[i].class, CASES[i].says, "t.json", NULL);
    }
}

static void fault_80_sequences_nest_only_so_deep(void **state) {
    struct strbuf doc = { 0 };
    strbuf_adds(&doc, "{" BPE ",\"normalizer\":");
    for (int i = 0; i < 40; i++) {
        strbuf_adds(&doc, "{\"type\":\"Sequence\",\"normalizers\":[");
    }
    strbuf_adds(&doc, "{\"type\":\"NFC\"}");
    for (int i = 0; i < 40; i++) {
        strbuf_adds(&doc, "]}");
    }
    strbuf_adds(&doc, "}");
    struct err err = ERR_INIT;
    assert_null(open_doc(*state, strbuf_str(&doc), &err));
    assert_error(&err, ERR_INPUT, "dee", NULL); /* "deep" by the parser, "depth" by the pipeline */
    strbuf_release(&doc);
}

static void a_folder_without_a_tokenizer_is_not_found(void **state) {
    struct err err = ERR_INIT;
    assert_null(tokenizer_open(*state, &err));
    assert_error(&err, ERR_NOT_FOUND, "tokenizer", *state, NULL);
    struct err gone = ERR_INIT;
    assert_null(tokenizer_open("/nonexistent/tokenizer.json", &gone));
    assert_error(&gone, ERR_NOT_FOUND, "/nonexistent", NULL);
}

static void an_unknown_token_that_is_missing_is_an_error_when_needed(void **state) {
    struct err err = ERR_INIT;
    struct token_list list = { 0 };
    struct tokenizer *t =
        open_doc(*state, "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", &err);
    assert_non_null(t);
    assert_true(tokenizer_encode(t, "a", 1, NULL, &list, &err));
    assert_false(tokenizer_encode(t, "z", 1, NULL, &list, &err));
    assert_error(&err, ERR_INPUT, "[UNK]", NULL);
    assert_int_equal(list.n, 1); /* what was there before stays */
    token_list_release(&list);
    tokenizer_close(t);
}

/* ---- folders ---- */

static void put(const char *dir, const char *name, const char *text) {
    free(file_put(dir, name, text, strlen(text)));
}

static void check_ids(
    const struct tokenizer *t, const char *text, size_t n, const int32_t *want, size_t n_want) {
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_encode(t, text, n, NULL, &list, &err));
    assert_int_equal(list.n, n_want);
    assert_memory_equal(list.ids, want, n_want * sizeof *want);
    token_list_release(&list);
}
#define IDS(...)                                                                                   \
    (const int32_t[]) { __VA_ARGS__ }, sizeof((int32_t[]) { __VA_ARGS__ }) / sizeof(int32_t)

static void a_bert_folder_needs_only_its_vocabulary(void **state) {
    put(*state, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhe\n##llo\nHe\n");
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(*state, &err);
    assert_non_null(t);
    check_ids(t, "Hello He", 8, IDS(2, 4, 5, 4, 3));
    tokenizer_close(t);
    put(*state, "tokenizer_config.json",
        "{\"do_lower_case\":false,\"model_max_length\":512,\"pad_token\":\"[PAD]\",\"cls_token\":{"
        "\"content\":\"[CLS]\"}}");
    t = tokenizer_open(*state, &err);
    assert_non_null(t);
    check_ids(t, "Hello He", 8, IDS(2, 6, 5, 6, 3));
    assert_int_equal(tokenizer_info(t)->model_max_length, 512);
    assert_int_equal(tokenizer_info(t)->pad, 0);
    assert_int_equal(tokenizer_info(t)->bos, -1);
    assert_int_equal(tokenizer_info(t)->vocab_size, 8); /* [MASK] was missing */
    tokenizer_close(t);
}

static void the_class_of_a_folder_replaces_the_pipeline_of_its_file(void **state) {
    put(*state, "tokenizer.json",
        "{\"added_tokens\":[{\"id\":5,\"content\":\"<s>\",\"special\":false}],"
        "\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"1\":0,\"2\":1,\"12\":2,\"\xc4\xa0\":3,"
        "\"\xc4\xa0\xc4\xa0\":4},"
        "\"merges\":[\"1 2\",\"\xc4\xa0 \xc4\xa0\"]}}");
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(*state, &err);
    assert_non_null(t);
    check_ids(t, "12", 2, IDS(0, 1));
    tokenizer_close(t);
    put(*state, "tokenizer_config.json",
        "{\"tokenizer_class\":\"GPT2TokenizerFast\",\"bos_token\":\"<s>\",\"add_bos_token\":true,"
        "\"model_max_length\":1000000000000000019884624838656}");
    t = tokenizer_open(*state, &err);
    assert_non_null(t);
    check_ids(t, "12  ", 4, IDS(2, 4)); /* what stands around a text, the file says */
    assert_false(tokenizer_info(t)->adds_bos);
    assert_int_equal(tokenizer_info(t)->bos, 5);
    assert_int_equal(tokenizer_info(t)->model_max_length, 0); /* "no limit" */
    struct strbuf text = { 0 };
    assert_true(tokenizer_decode(t, (int32_t[]) { 5, 2, 4, 0 }, 4, true, &text, &err));
    assert_string_equal(strbuf_str(&text), "12  1");
    strbuf_release(&text);
    tokenizer_close(t);
}

static void vocabulary_files_take_their_ends_from_the_configuration(void **state) {
    put(*state, "vocab.json", "{\"1\":0,\"2\":1,\"12\":2,\"<s>\":3,\"</s>\":4}");
    put(*state, "merges.txt", "#version: 0.2\n1 2\n");
    put(*state, "tokenizer_config.json",
        "{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"<s>\",\"eos_token\":\"</s>\","
        "\"unk_token\":null,\"add_bos_token\":true,\"add_eos_token\":true}");
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(*state, &err);
    assert_non_null(t);
    check_ids(t, "12<s>1", 6, IDS(3, 2, 3, 0, 4));
    assert_true(tokenizer_info(t)->adds_bos);
    tokenizer_close(t);
}

static void copy_into(const char *dir, const char *fixture_name, const char *name) {
    struct strbuf from = { 0 }, bytes = { 0 };
    struct err err = ERR_INIT;
    strbuf_addf(&from, FIXTURES "%s", fixture_name);
    assert_true(file_read(strbuf_str(&from), (size_t)4 << 20, &bytes, &err));
    free(file_put(dir, name, strbuf_str(&bytes), bytes.len));
    strbuf_release(&from);
    strbuf_release(&bytes);
}

/* As transformers reads it: merges by id, Metaspace before the first word, no token put around. */
static void a_folder_with_a_sentencepiece_model_takes_its_class(void **state) {
    struct err err = ERR_INIT;
    copy_into(*state, "spm-bpe-bytes.model", "tokenizer.model");
    put(*state, "tokenizer_config.json",
        "{\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":true}");
    struct tokenizer *t = tokenizer_open(*state, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    struct token_list list = { 0 };
    assert_true(tokenizer_encode(t, "the gold</s>", 12, NULL, &list, &err));
    assert_int_equal(list.ids[0], tokenizer_info(t)->bos);
    assert_int_equal(list.ids[0], 1);
    assert_int_equal(list.ids[list.n - 1], 2);
    struct strbuf text = { 0 };
    assert_true(tokenizer_decode(t, list.ids, list.n, true, &text, &err));
    assert_string_equal(strbuf_str(&text), "the gold");
    strbuf_release(&text);
    token_list_release(&list);
    tokenizer_close(t);
}

static void classes_that_are_programs_are_refused_by_name(void **state) {
    struct err err = ERR_INIT;
    put(*state, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
    put(*state, "tokenizer_config.json", "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}");
    assert_null(tokenizer_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "BertJapaneseTokenizer", NULL);
    put(*state, "tokenizer_config.json", "{}");
    put(*state, "config.json",
        "{\"model_type\":\"tapas\"}"); /* the type of the model says it, too */
    err = (struct err)ERR_INIT;
    assert_null(tokenizer_open(*state, &err));
    assert_error(&err, ERR_UNSUPPORTED, "TapasTokenizer", NULL);
    put(*state, "config.json", "{\"model_type\":\"bert\"}");
    struct tokenizer *t = tokenizer_open(*state, &err);
    assert_non_null(t);
    tokenizer_close(t);
}

#define ENGLISH "{\"id\":6,\"content\":\"en_XX\",\"special\":true}"
#define GERMAN "{\"id\":7,\"content\":\"de_DE\",\"special\":true}"

static void check_language(void **state, const char *config, const int32_t *ids, size_t n) {
    struct err err = ERR_INIT;
    put(*state, "tokenizer_config.json", config);
    struct tokenizer *t = tokenizer_open(*state, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    check_ids(t, "a b", 3, ids, n);
    tokenizer_close(t);
}

/* mBART's language is behind the text, mBART-50's before it, whatever the file says. */
static void a_language_stands_beside_the_text(void **state) {
    put(*state, "tokenizer.json",
        "{\"added_tokens\":[" ENGLISH "," GERMAN "],\"model\":{\"type\":\"Unigram\",\"unk_id\":3,"
        "\"vocab\":[[\"<s>\",0],[\"<pad>\",0],[\"</s>\",0],[\"<unk>\",0],[\"\xe2\x96\x81"
        "a\",-1],[\"\xe2\x96\x81"
        "b\",-1],[\"en_XX\",0],[\"de_DE\",0]]}}");
    check_language(state, "{\"tokenizer_class\":\"MBartTokenizer\"}", IDS(4, 5, 2, 6));
    check_language(state, "{\"tokenizer_class\":\"MBart50TokenizerFast\",\"src_lang\":\"de_DE\"}",
        IDS(7, 4, 5, 2));
}

/* CodeLlama begins with BOS unless it is told not to; Llama only where it is told to. */
static void code_llama_begins_with_bos(void **state) {
    static const struct {
        const char *config;
        bool begins;
    } CASES[] = {
        { "{\"tokenizer_class\":\"CodeLlamaTokenizer\"}", true },
        { "{\"tokenizer_class\":\"CodeLlamaTokenizer\",\"add_eos_token\":true}", true },
        { "{\"tokenizer_class\":\"CodeLlamaTokenizer\",\"add_bos_token\":false}", false },
        { "{\"tokenizer_class\":\"LlamaTokenizer\"}", false },
    };
    copy_into(*state, "spm-bpe-bytes.model", "tokenizer.model");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        put(*state, "tokenizer_config.json", CASES[i].config);
        struct tokenizer *t = tokenizer_open(*state, &err);
        assert_non_null(t);
        assert_int_equal(tokenizer_info(t)->adds_bos, CASES[i].begins);
        tokenizer_close(t);
    }
}

/* The class puts fairseq's own special tokens in front of the model's pieces. */
static void pieces_of_xlm_roberta_are_numbered_anew(void **state) {
    struct err err = ERR_INIT;
    copy_into(*state, "spm-unigram.model", "sentencepiece.bpe.model");
    put(*state, "tokenizer_config.json", "{\"tokenizer_class\":\"XLMRobertaTokenizer\"}");
    struct tokenizer *t = tokenizer_open(*state, &err);
    assert_non_null(t);
    struct token_list list = { 0 };
    assert_true(tokenizer_encode(t, "<pad>", 5, NULL, &list, &err));
    assert_int_equal(list.n, 3);
    assert_int_equal(list.ids[0], 0);
    assert_int_equal(list.ids[1], 1);
    assert_int_equal(list.ids[2], 2);
    assert_int_equal(tokenizer_info(t)->unk, 3);
    struct err spm_err = ERR_INIT;
    struct tokenizer *own = tokenizer_open(FIXTURES "spm-unigram.model", &spm_err);
    assert_non_null(own); /* <s>, </s> and <unk> are the class's; <pad> and <mask> are more */
    assert_int_equal(tokenizer_info(t)->vocab_size, tokenizer_info(own)->vocab_size + 2);
    tokenizer_close(own);
    token_list_release(&list);
    tokenizer_close(t);
}

/* Ranks merge as tiktoken merges them: "ab" before "bc" and before " a". */
static void ranks_of_tiktoken_are_merges(void **state) {
    static const char RANKS[] = "YQ== 0\nYg== 1\nYw== 2\nYWI= 3\nYmM= 4\nIA== 5\nIGE= 6\n";
    struct err err = ERR_INIT;
    char *path = file_put(*state, "x.tiktoken", RANKS, sizeof RANKS - 1);
    struct tokenizer *t = tokenizer_open(path, &err);
    assert_non_null(t);
    check_ids(t, "abc ab", 6, IDS(3, 2, 5, 3));
    tokenizer_close(t);
    t = tokenizer_open(*state, &err); /* the folder, too */
    assert_non_null(t);
    check_ids(t, "abc", 3, IDS(3, 2));
    tokenizer_close(t);
    free(path);
    static const char *const BAD[] = { "YQ==\n", "YQ== x\n", "! 0\n", "YQ== 0\nYQ== 1\n", "",
        "YQ== -1\n" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err bad = ERR_INIT;
        path = file_put(*state, "bad.tiktoken", BAD[i], strlen(BAD[i]));
        assert_null(tokenizer_open(path, &bad));
        assert_error(&bad, ERR_INPUT, "bad.tiktoken", NULL);
        free(path);
    }
}

/* Special tokens take the first ids; "default_num_special_tokens" leaves room for more. */
static void tekken_numbers_its_tokens_after_the_special_ones(void **state) {
    static const char TEKKEN[] =
        "{\"config\":{\"pattern\":\"\\\\p{L}+|\\\\s+\",\"default_num_special_tokens\":4,"
        "\"default_vocab_size\":7},"
        "\"special_tokens\":[{\"rank\":1,\"token_str\":\"<s>\"},{\"rank\":0,\"token_str\":\"<unk>"
        "\"}],"
        "\"vocab\":[{\"token_bytes\":\"YQ==\"},{\"token_bytes\":\"Yg==\"},{\"token_bytes\":\"YWI="
        "\"},"
        "{\"token_bytes\":\"YmE=\"}]}";
    struct err err = ERR_INIT;
    put(*state, "tekken.json", TEKKEN);
    struct tokenizer *t = tokenizer_open(*state, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    check_ids(t, "abba<s><SPECIAL_3>", 18, IDS(6, 5, 4, 1, 3)); /* "ba" lies past the size */
    assert_int_equal(tokenizer_info(t)->bos, 1);
    tokenizer_close(t);
}

/* ---- GGUF ---- */

static char *put_gguf(const char *dir, const char *pre) {
    static const char *const TOKENS[] = { "<|e|>", "1", "2", "12", "\xc4\xa0", "x", "\xc4\xa0x",
        "\xc3\x83", "\xc2\xa9", "\xc3\x83\xc2\xa9" };
    static const char *const MERGES[] = { "1 2", "\xc4\xa0 x", "\xc3\x83 \xc2\xa9" };
    static const int32_t TYPES[] = { 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 0, 8);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_key_string(&f, "tokenizer.ggml.model", "gpt2");
    gguf_key_string(&f, "tokenizer.ggml.pre", pre);
    gguf_key_array(&f, "tokenizer.ggml.tokens", 8, 10);
    for (size_t i = 0; i < 10; i++) {
        gguf_string(&f, TOKENS[i]);
    }
    gguf_key_array(&f, "tokenizer.ggml.merges", 8, 3);
    gguf_string(&f, MERGES[0]);
    gguf_string(&f, MERGES[1]);
    gguf_string(&f, MERGES[2]);
    gguf_key_array(&f, "tokenizer.ggml.token_type", 5, 10);
    strbuf_add(&f, TYPES, sizeof TYPES);
    gguf_key_u32(&f, "tokenizer.ggml.bos_token_id", 0);
    gguf_key_u32(&f, "tokenizer.ggml.eos_token_id", 99); /* out of range: as if absent */
    char *path = file_put(dir, "t.gguf", f.text, f.len);
    strbuf_release(&f);
    return path;
}

static void a_gguf_is_cut_as_its_pre_tokenizer_says(void **state) {
    static const struct {
        const char *pre;
        bool digits_apart, bos;
    } CASES[] = { { "gpt-2", false, false }, { "smollm", true, false },
        { "llama-bpe", false, true }, { "qwen2", true, false } };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *path = put_gguf(*state, CASES[i].pre);
        struct err err = ERR_INIT;
        struct tokenizer *t = tokenizer_open(path, &err);
        if (!t) {
            fail_msg("%s", err.msg);
        }
        struct token_list list = { 0 };
        assert_true(tokenizer_encode(
            t, "12 x<|e|>", 9, &(struct encode_options) { .no_special = true }, &list, &err));
        assert_int_equal(list.n, CASES[i].digits_apart ? 4 : 3);
        assert_int_equal(list.ids[0], CASES[i].digits_apart ? 1 : 3);
        assert_int_equal(list.ids[list.n - 2], 6);
        assert_int_equal(list.ids[list.n - 1], 0);
        assert_int_equal(tokenizer_info(t)->adds_bos, CASES[i].bos);
        assert_int_equal(tokenizer_info(t)->eos, -1);
        token_list_release(&list);
        tokenizer_close(t);
        free(path);
    }
    char *path = put_gguf(*state, "gpt-99");
    struct err err = ERR_INIT;
    assert_null(tokenizer_open(path, &err));
    assert_error(&err, ERR_UNSUPPORTED, "'gpt-99'", "t.gguf", NULL);
    free(path);
}

/* Families whose tokenizers compose characters first: an e and its accent are one. */
static void a_gguf_is_composed_where_its_family_is(void **state) {
    static const char *const COMPOSED[] = { "modern-bert", "olmo", "mpt", "command-r", "qwen2" };
    for (size_t i = 0; i < sizeof COMPOSED / sizeof *COMPOSED; i++) {
        struct err err = ERR_INIT;
        char *path = put_gguf(*state, COMPOSED[i]);
        struct tokenizer *t = tokenizer_open(path, &err);
        assert_non_null(t);
        check_ids(t, "e\xcc\x81", 3, IDS(9));
        tokenizer_close(t);
        free(path);
    }
}

static char *put_gguf_model(const char *dir, const char *model, const char *const *tokens,
    const float *scores, const int32_t *types, size_t n) {
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 0, 7);
    gguf_key_string(&f, "general.architecture", "llama");
    gguf_key_string(&f, "tokenizer.ggml.model", model);
    gguf_key_array(&f, "tokenizer.ggml.tokens", 8, n);
    for (size_t i = 0; i < n; i++) {
        gguf_string(&f, tokens[i]);
    }
    gguf_key_array(&f, "tokenizer.ggml.scores", 6, n);
    strbuf_add(&f, scores, n * sizeof *scores);
    gguf_key_array(&f, "tokenizer.ggml.token_type", 5, n);
    strbuf_add(&f, types, n * sizeof *types);
    gguf_key_u32(&f, "tokenizer.ggml.bos_token_id", 1);
    gguf_key_u32(&f, "tokenizer.ggml.eos_token_id", 2);
    char *path = file_put(dir, "m.gguf", f.text, f.len);
    strbuf_release(&f);
    return path;
}

/* Higher scores merge first; every fragment of text gets its space; what no piece has is bytes. */
static void a_gguf_of_sentencepiece_merges_by_score(void **state) {
    static const char *const TOKENS[] = { "<unk>", "<s>", "</s>", "<0x7A>", "\xe2\x96\x81", "a",
        "b", "ab",
        "\xe2\x96\x81"
        "a" };
    static const float SCORES[] = { 0, 0, 0, 0, -9, -9, -9, -1, -2 };
    static const int32_t TYPES[] = { 2, 3, 3, 6, 1, 1, 1, 1, 1 };
    char *path = put_gguf_model(*state, "llama", TOKENS, SCORES, TYPES, 9);
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(path, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    check_ids(t, "ab az</s>a", 10, IDS(1, 4, 7, 8, 3, 2, 8));
    tokenizer_close(t);
    free(path);
}

/* Equal scores: the leftmost pair merges, whichever token has the lower id. */
static void pieces_of_one_score_merge_from_the_left(void **state) {
    static const char *const TOKENS[] = { "<unk>", "<s>", "</s>", "\xe2\x96\x81", "a", "b", "c",
        "bc", "ab" };
    static const float SCORES[] = { 0, 0, 0, -9, -9, -9, -9, -1, -1 };
    static const int32_t TYPES[] = { 2, 3, 3, 1, 1, 1, 1, 1, 1 };
    char *path = put_gguf_model(*state, "llama", TOKENS, SCORES, TYPES, 9);
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(path, &err);
    assert_non_null(t);
    check_ids(t, "abc", 3, IDS(1, 3, 8, 6));
    tokenizer_close(t);
    free(path);
}

static void a_gguf_of_bert_has_words_the_other_way_round(void **state) {
    static const char *const TOKENS[] = { "[PAD]", "[CLS]", "[SEP]", "[UNK]", "\xe2\x96\x81he",
        "llo" };
    static const float SCORES[6] = { 0 };
    static const int32_t TYPES[] = { 3, 3, 3, 3, 1, 1 };
    char *path = put_gguf_model(*state, "bert", TOKENS, SCORES, TYPES, 6);
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(path, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    check_ids(t, "Hello llo", 9, IDS(1, 4, 5, 3, 2));
    tokenizer_close(t);
    free(path);
}

/* Ends by the names that a file has for them: `keys` are pairs of a key and an id. */
static struct tokenizer *open_gguf_bert(
    const char *dir, const char *const *keys, const uint32_t *ids, size_t n, bool cased) {
    static const char *const TOKENS[] = { "[CLS]", "[SEP]", "<odd>", "\xe2\x96\x81he",
        "\xe2\x96\x81He", "llo" };
    static const int32_t TYPES[] = { 3, 3, 3, 1, 1, 1 };
    struct strbuf f = { 0 };
    gguf_begin(&f, 3, 0, 5 + n);
    gguf_key_string(&f, "general.architecture", "bert");
    gguf_key_string(&f, "tokenizer.ggml.model", "bert");
    gguf_key_array(&f, "tokenizer.ggml.tokens", 8, 6);
    for (size_t i = 0; i < 6; i++) {
        gguf_string(&f, TOKENS[i]);
    }
    gguf_key_array(&f, "tokenizer.ggml.token_type", 5, 6);
    strbuf_add(&f, TYPES, sizeof TYPES);
    gguf_key(&f, "tokenizer.ggml.normalizer.lowercase", 7);
    strbuf_addc(&f, !cased);
    for (size_t i = 0; i < n; i++) {
        gguf_key_u32(&f, keys[i], ids[i]);
    }
    char *path = file_put(dir, "b.gguf", f.text, f.len);
    struct err err = ERR_INIT;
    struct tokenizer *t = tokenizer_open(path, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    strbuf_release(&f);
    free(path);
    return t;
}

static void ends_of_a_gguf_of_bert_have_many_names(void **state) {
    static const char *const KEYS[] = { "tokenizer.ggml.cls_token_id",
        "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.unknown_token_id" };
    struct tokenizer *t = open_gguf_bert(*state, NULL, NULL, 0, false);
    check_ids(t, "Hello", 5, IDS(0, 3, 5, 1)); /* by their texts */
    tokenizer_close(t);
    t = open_gguf_bert(*state, KEYS, (const uint32_t[]) { 1, 0, 2 }, 3, true);
    check_ids(t, "Hello x", 7, IDS(1, 4, 5, 2, 0));
    tokenizer_close(t);
}

/* ---- texts ---- */

static struct tokenizer *fixture(const char *name) {
    struct err err = ERR_INIT;
    struct strbuf path = { 0 };
    strbuf_addf(&path, FIXTURES "%s.json", name);
    struct tokenizer *t = tokenizer_open(strbuf_str(&path), &err);
    assert_non_null(t);
    strbuf_release(&path);
    return t;
}

static void fault_82_invalid_bytes_count_as_one_replacement_each_part(void **state) {
    (void)state;
    struct tokenizer *t = fixture("digits");
    struct token_list bad = { .want_spans = true }, good = { .want_spans = true };
    struct err err = ERR_INIT;
    assert_true(tokenizer_encode(t, "a\xff\xe2\x82z", 5, NULL, &bad, &err));
    assert_true(tokenizer_encode(t, "a\xef\xbf\xbd\xef\xbf\xbdz", 8, NULL, &good, &err));
    assert_int_equal(bad.n, good.n);
    assert_memory_equal(bad.ids, good.ids, good.n * sizeof *good.ids);
    assert_int_equal(bad.spans[bad.n - 1].to, 4); /* a, two replacements, z */
    token_list_release(&bad);
    token_list_release(&good);
    tokenizer_close(t);
}

static void the_bytes_of_ids_are_raw_where_a_character_is_cut(void **state) {
    (void)state;
    struct tokenizer *t = fixture("digits");
    struct token_list list = { 0 };
    struct strbuf bytes = { 0 };
    struct err err = ERR_INIT;
    const char *text = "x \xf0\x9f\x98\x80 gold";
    assert_true(tokenizer_encode(t, text, strlen(text), NULL, &list, &err));
    for (size_t i = 0; i < list.n; i++) {
        assert_true(tokenizer_bytes(t, list.ids[i], &bytes, &err));
    }
    assert_string_equal(strbuf_str(&bytes), text);
    assert_false(tokenizer_bytes(t, 100000, &bytes, &err));
    assert_error(&err, ERR_INPUT, "100000", NULL);
    struct err negative = ERR_INIT;
    assert_false(tokenizer_decode(t, (int32_t[]) { -1 }, 1, false, &bytes, &negative));
    assert_error(&negative, ERR_INPUT, "-1", NULL);
    strbuf_release(&bytes);
    token_list_release(&list);
    tokenizer_close(t);
}

static void a_list_goes_on_where_it_ended(void **state) {
    (void)state;
    struct tokenizer *t = fixture("wordpiece");
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    assert_true(tokenizer_encode(t, "gold", 4, NULL, &list, &err));
    size_t n = list.n;
    assert_true(tokenizer_encode(t, "gold", 4, NULL, &list, &err));
    assert_int_equal(list.n, 2 * n);
    assert_memory_equal(list.ids, list.ids + n, n * sizeof *list.ids);
    token_list_release(&list);
    tokenizer_close(t);
}

/* A long word goes through the heap, a short one through the scan: cut at a place where nothing
 * merges they agree. */
static void long_words_merge_as_short_ones_do(void **state) {
    (void)state;
    struct tokenizer *t = fixture("sentencepiece"); /* its text is one word, spaces and all */
    static const char PART[] =
        " \xc2\xa7 weighs the metal"; /* the sign is unknown: bytes, and no merge across */
    struct strbuf text = { 0 };
    struct token_list one = { 0 }, many = { 0 };
    struct err err = ERR_INIT;
    const struct encode_options plain = { .no_special = true };
    assert_true(tokenizer_encode(t, PART, sizeof PART - 1, &plain, &one, &err));
    for (size_t i = 0; i < 500; i++) {
        strbuf_add(&text, PART, sizeof PART - 1);
    }
    assert_true(tokenizer_encode(t, strbuf_str(&text), text.len, &plain, &many, &err));
    size_t n = one.n - 4; /* ids of "weighs the metal", which end both */
    assert_true(many.n > 500 * 4);
    assert_memory_equal(many.ids + many.n - 4, one.ids + n, 4 * sizeof *one.ids);
    token_list_release(&one);
    token_list_release(&many);
    strbuf_release(&text);
    tokenizer_close(t);
}

static void fault_82_endless_texts_end(void **state) {
    (void)state;
    static const char *const NAMES[] = { "wordpiece", "digits", "regex", "sentencepiece", "words" };
    static const char *const PARTS[] = { "a", " ", "^", "\n", "\xcc\x81", "1", "tag" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct tokenizer *t = fixture(NAMES[i]);
        for (size_t k = 0; k < sizeof PARTS / sizeof *PARTS; k++) {
            struct strbuf text = { 0 };
            struct token_list list = { 0 };
            struct err err = ERR_INIT;
            while (text.len < 100000) {
                strbuf_adds(&text, PARTS[k]);
            }
            assert_true(tokenizer_encode(t, strbuf_str(&text), text.len, NULL, &list, &err));
            token_list_release(&list);
            strbuf_release(&text);
        }
        tokenizer_close(t);
    }
}

/* "ab" and "a", "b" sum up alike. */
static void of_equal_paths_the_first_found_counts(void **state) {
    struct err err = ERR_INIT;
    struct tokenizer *t =
        open_doc(*state, UNIGRAM("0", "[\"?\",-9],[\"a\",-1],[\"b\",-1],[\"ab\",-2]") "}", &err);
    assert_non_null(t);
    check_ids(t, "abab", 4, IDS(3, 3));
    tokenizer_close(t);
}

/* The reference drops what stands before the first character that has a script, and so do we. */
static void scripts_begin_with_a_character_that_has_one(void **state) {
    struct err err = ERR_INIT;
    struct tokenizer *t = open_doc(*state,
        "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a \":1,"
        "\"\xe3\x81\x82\xe9\x87\x91\":2}},\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}",
        &err);
    assert_non_null(t);
    check_ids(t, " a \xe3\x81\x82\xe9\x87\x91", 9, IDS(1, 2));
    check_ids(t, "  ", 2, (int32_t[]) { 0 }, 0);
    tokenizer_close(t);
}

static uint64_t steps_of(const struct tokenizer *t, const char *part, size_t n) {
    struct strbuf text = { 0 };
    struct token_list list = { 0 };
    struct err err = ERR_INIT;
    uint64_t steps = 0;
    while (text.len < n) {
        strbuf_adds(&text, part);
    }
    if (!tokenizer_encode_counted(t, strbuf_str(&text), text.len, NULL, &list, &steps, &err)) {
        fail_msg("%s", err.msg);
    }
    token_list_release(&list);
    strbuf_release(&text);
    return steps;
}

/* Twice the text is twice the work, whatever it repeats; a heap's may be a little more. */
static void fault_82_work_grows_with_the_text(void **state) {
    static const char *const NAMES[] = { "wordpiece", "digits", "regex", "sentencepiece", "words",
        "unigram", "unigram-bytes", "scripts", "metaspace", "word-suffix", "roberta" };
    static const char *const PARTS[] = { "a", "ab", " ", "\n", " \n", "\xcc\x81", "1", "tag",
        "tag ", "<mask> ", " <mask>", "\xe2\x96\x81", "\xe9\x87\x91", "\xef\xac\x81", "e\xcc\x81",
        "'", "``" };
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct tokenizer *t = fixture(NAMES[i]);
        for (size_t k = 0; k < sizeof PARTS / sizeof *PARTS; k++) {
            uint64_t once = steps_of(t, PARTS[k], 20000), twice = steps_of(t, PARTS[k], 40000);
            if (twice > 2 * once + once / 4) {
                fail_msg("%s, '%s': %llu steps, then %llu", NAMES[i], PARTS[k],
                    (unsigned long long)once, (unsigned long long)twice);
            }
        }
        tokenizer_close(t);
    }
}

/* A token that takes white space along, in a text of nothing but white space. */
static void tokens_that_take_spaces_along_do_so_once(void **state) {
    struct err err = ERR_INIT;
    struct tokenizer *t = open_doc(*state,
        "{" BPE ",\"added_tokens\":[{\"id\":3,\"content\":\"\\n\",\"rstrip\":true},"
        "{\"id\":4,\"content\":\"\\t\"}],\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
        &err);
    assert_non_null(t);
    for (size_t i = 0; i < 3; i++) {
        const char *part = (const char *[]) { "\n", "\n ", "\n\t" }[i];
        assert_true(steps_of(t, part, 40000) < 3 * steps_of(t, part, 20000));
    }
    check_ids(t, "a\n \n b", 6, IDS(0, 3, 3, 1));
    tokenizer_close(t);
}

/* Each step writes more than it read: a document, not a text, would take all memory. */
static void a_pipeline_that_makes_texts_grow_is_stopped(void **state) {
    struct strbuf doc = { 0 };
    struct err err = ERR_INIT;
    struct token_list list = { 0 };
    strbuf_adds(&doc, "{" BPE ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    for (int i = 0; i < 64; i++) {
        strbuf_addf(
            &doc, "%s{\"type\":\"Replace\",\"pattern\":\"a\",\"content\":\"aa\"}", i ? "," : "");
    }
    strbuf_adds(&doc, "]}}");
    struct tokenizer *t = open_doc(*state, strbuf_str(&doc), &err);
    assert_non_null(t);
    assert_false(tokenizer_encode(t, "a", 1, NULL, &list, &err));
    assert_error(&err, ERR_INPUT, "longer than", NULL);
    token_list_release(&list);
    tokenizer_close(t);
    strbuf_release(&doc);
}

static void fault_81_a_regex_that_backtracks_without_end_gives_up(void **state) {
    struct err err = ERR_INIT;
    struct tokenizer *t = open_doc(*state,
        "{" BPE ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a|aa|b+)+$\"},"
        "\"behavior\":\"Isolated\"}}",
        &err);
    assert_non_null(t);
    struct token_list list = { 0 };
    char text[201];
    memset(text, 'a', 200);
    text[200] = '!';
    assert_false(tokenizer_encode(t, text, 201, NULL, &list, &err));
    assert_error(&err, ERR_INPUT, "regex", NULL);
    token_list_release(&list);
    tokenizer_close(t);
}

static void fault_80_ids_past_31_bits_need_no_memory(void **state) {
    struct err err = ERR_INIT;
    struct tokenizer *t = open_doc(*state,
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4294967295,\"b\":0},\"merges\":[]}}", &err);
    assert_non_null(t);
    check_ids(t, "ba", 2, IDS(0, -1)); /* 2^32 - 1 in 32 bits */
    struct strbuf text = { 0 };
    assert_true(tokenizer_decode(t, (int32_t[]) { -1, 0 }, 2, false, &text, &err));
    assert_string_equal(strbuf_str(&text), "a b");
    strbuf_release(&text);
    tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wordpiece_is_like_the_reference),
        cmocka_unit_test(cased_wordpiece_with_bert_processing_is_like_the_reference),
        cmocka_unit_test(byte_level_bpe_with_digits_apart_is_like_the_reference),
        cmocka_unit_test(roberta_trims_its_spans_like_the_reference),
        cmocka_unit_test(bpe_split_by_a_regex_is_like_the_reference),
        cmocka_unit_test(bpe_with_bytes_for_unknown_characters_is_like_the_reference),
        cmocka_unit_test(metaspace_before_the_first_word_only_is_like_the_reference),
        cmocka_unit_test(bpe_with_word_ends_is_like_the_reference),
        cmocka_unit_test(unigram_with_a_charsmap_is_like_the_reference),
        cmocka_unit_test(unigram_with_bytes_for_unknown_characters_is_like_the_reference),
        cmocka_unit_test(scripts_chunks_and_processors_in_a_row_are_like_the_reference),
        cmocka_unit_test(words_without_accents_are_like_the_reference),
        cmocka_unit_test(models_are_read_as_sentencepiece_reads_them),
        WITH_SCRATCH(fault_80_documents_that_make_no_tokenizer_are_refused),
        WITH_SCRATCH(fault_80_sequences_nest_only_so_deep),
        WITH_SCRATCH(a_folder_without_a_tokenizer_is_not_found),
        WITH_SCRATCH(an_unknown_token_that_is_missing_is_an_error_when_needed),
        WITH_SCRATCH(a_bert_folder_needs_only_its_vocabulary),
        WITH_SCRATCH(the_class_of_a_folder_replaces_the_pipeline_of_its_file),
        WITH_SCRATCH(a_folder_with_a_sentencepiece_model_takes_its_class),
        WITH_SCRATCH(classes_that_are_programs_are_refused_by_name),
        WITH_SCRATCH(a_language_stands_beside_the_text),
        WITH_SCRATCH(code_llama_begins_with_bos),
        WITH_SCRATCH(pieces_of_xlm_roberta_are_numbered_anew),
        WITH_SCRATCH(ranks_of_tiktoken_are_merges),
        WITH_SCRATCH(tekken_numbers_its_tokens_after_the_special_ones),
        WITH_SCRATCH(vocabulary_files_take_their_ends_from_the_configuration),
        WITH_SCRATCH(a_gguf_is_cut_as_its_pre_tokenizer_says),
        WITH_SCRATCH(a_gguf_is_composed_where_its_family_is),
        WITH_SCRATCH(a_gguf_of_sentencepiece_merges_by_score),
        WITH_SCRATCH(pieces_of_one_score_merge_from_the_left),
        WITH_SCRATCH(a_gguf_of_bert_has_words_the_other_way_round),
        WITH_SCRATCH(ends_of_a_gguf_of_bert_have_many_names),
        cmocka_unit_test(fault_82_invalid_bytes_count_as_one_replacement_each_part),
        cmocka_unit_test(the_bytes_of_ids_are_raw_where_a_character_is_cut),
        cmocka_unit_test(a_list_goes_on_where_it_ended),
        cmocka_unit_test(long_words_merge_as_short_ones_do),
        cmocka_unit_test(fault_82_endless_texts_end),
        WITH_SCRATCH(of_equal_paths_the_first_found_counts),
        WITH_SCRATCH(scripts_begin_with_a_character_that_has_one),
        cmocka_unit_test(fault_82_work_grows_with_the_text),
        WITH_SCRATCH(tokens_that_take_spaces_along_do_so_once),
        WITH_SCRATCH(a_pipeline_that_makes_texts_grow_is_stopped),
        WITH_SCRATCH(fault_81_a_regex_that_backtracks_without_end_gives_up),
        WITH_SCRATCH(fault_80_ids_past_31_bits_need_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
