/* The tokenizer classes of transformers 5 that build a pipeline of their own: with them a folder's
 * tokenizer.json gives its vocabulary, merges and added tokens, and the rest is the class's. Which
 * class it is, tokenizer_config.json says, else config.json, else the model's type; some model
 * types are known to name the wrong one. */
#include "harness/tokenizer/files/folder.h"

#include <string.h>

#include "base/mem.h"
#include "harness/tokenizer/files/folder_types.h"

const char *const SPECIAL_KEYS[SPECIAL_N] = { "bos_token", "eos_token", "unk_token", "sep_token",
    "pad_token", "cls_token", "mask_token" };

/* ---- pipelines ---- */

#define META "{'type':'Metaspace','replacement':'\\u2581','prepend_scheme':'$scheme','split':true}"
#define META_ALWAYS                                                                                \
    "{'type':'Metaspace','replacement':'\\u2581','prepend_scheme':'always','split':true}"
#define META_WHOLE                                                                                 \
    "{'type':'Metaspace','replacement':'\\u2581','prepend_scheme':'$scheme','split':false}"
#define WORDS "{'type':'WhitespaceSplit'}"
#define NFC "{'type':'NFC'}"
#define REPLACE(what, by) "{'type':'Replace','pattern':{'String':'" what "'},'content':'" by "'}"
#define REPLACE_ALL(regex, by)                                                                     \
    "{'type':'Replace','pattern':{'Regex':'" regex "'},'content':'" by "'}"
#define STRIP_END "{'type':'Strip','strip_left':false,'strip_right':true}"
#define QUOTES REPLACE("``", "\\\"") "," REPLACE("\\u0027\\u0027", "\\\"")
#define SPACES(by) REPLACE_ALL(" {2,}", by)
#define BLANKS REPLACE_ALL("\\\\s{2,}|[\\n\\r\\t]", " ")
#define BYTE_LEVEL                                                                                 \
    "{'type':'ByteLevel','add_prefix_space':'$space','trim_offsets':true,'use_regex':true}"
#define BYTES                                                                                      \
    "{'type':'ByteLevel','add_prefix_space':'$space','trim_offsets':true,'use_regex':false}"
#define BYTE_DECODER                                                                               \
    "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true,'use_regex':true}"
#define DIGITS "{'type':'Digits','individual_digits':true}"
#define BERT                                                                                       \
    "{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':'$chinese',"                \
    "'strip_accents':'$strip','lowercase':'$lower_case'}"
#define BERT_PRE "{'type':'BertPreTokenizer'}"
#define SPLIT(regex, behavior, invert)                                                             \
    "{'type':'Split','pattern':{'Regex':'" regex "'},'behavior':'" behavior "','invert':" invert "}"
#define CONTRACTIONS "\\u0027s|\\u0027t|\\u0027re|\\u0027ve|\\u0027m|\\u0027ll|\\u0027d"
#define QWEN2_REGEX(letter, letters)                                                               \
    "(?i:" CONTRACTIONS ")|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" letter "+|\\\\p{N}| ?[^\\\\s" letters   \
    "\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define CLIP_REGEX                                                                                 \
    "<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|" CONTRACTIONS                                  \
    "|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+"
#define BYTES_OF_WORDS                                                                             \
    "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,'use_regex':true}"
#define SPACE_BACK REPLACE("\\u2581", " ")
#define SPM_DECODER "[" SPACE_BACK ",{'type':'ByteFallback'},{'type':'Fuse'}"
#define SUFFIX_DECODER "{'type':'BPEDecoder','suffix':'</w>'}"

#define S_TOKENS "<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"
#define BERT_TOKENS NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"
#define TEXT_ENDS "<|endoftext|>", "<|endoftext|>", "<|endoftext|>"

/* clang-format off */
static const struct folder_class CLASSES[] = {
    { .name = "AlbertTokenizer", .model = "Unigram", .options = "{'unk_id':1}",
        .normalizer = "[" QUOTES ",'$accents','$lower','$charsmap']",
        .pre_tokenizer = "[" WORDS "," META "]", .decoder = META,
        .tokens = { "[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]" },
        .post = "cls $ sep", .post_yields = true },
    { .name = "BarthezTokenizer", .model = "Unigram", .options = "{'unk_id':3}",
        .normalizer = "[" BLANKS "," NFC "," STRIP_END "]", .pre_tokenizer = META, .decoder = META,
        .tokens = { S_TOKENS }, .mask_strips = true },
    { .name = "BertTokenizer", .model = "WordPiece",
        .also = " DistilBertTokenizer ElectraTokenizer MobileBertTokenizer"
                " LayoutLMTokenizer LxmertTokenizer DPRQuestionEncoderTokenizer"
                " DPRContextEncoderTokenizer DPRReaderTokenizer SqueezeBertTokenizer SplinterTokenizer ",
        .options = "{'unk_token':'$unk'}",
        .normalizer = BERT, .pre_tokenizer = BERT_PRE,
        .decoder = "{'type':'WordPiece','prefix':'##','cleanup':true}",
        .tokens = { BERT_TOKENS }, .post = "cls $ sep" },
    { .name = "BigBirdTokenizer", .model = "Unigram", .unk_otherwise = 100, .options = "{'unk_id':'$unk_id'}",
        .normalizer = SPACES("\\u2581"), .pre_tokenizer = META, .decoder = META,
        .tokens = { "<s>", "</s>", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]" },
        .post = "cls $ sep", .mask_strips = true },
    { .name = "BlenderbotTokenizer", .model = "BPE", .options = "{}",
        .pre_tokenizer = BYTE_LEVEL, .decoder = BYTE_DECODER, .tokens = { S_TOKENS },
        .mask_strips = true },
    { .name = "CamembertTokenizer", .model = "Unigram", .options = "{'unk_id':'$unk_id'}",
        .normalizer = "['$charsmap']", .pre_tokenizer = "[" WORDS "," META "]", .decoder = META,
        .tokens = { S_TOKENS }, .post = "bos $ eos", .mask_strips = true },
    { .name = "CLIPTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','end_of_word_suffix':'</w>'}",
        .normalizer = "[" NFC "," REPLACE_ALL("\\\\s+", " ") ",{'type':'Lowercase'}]",
        .pre_tokenizer = "[" SPLIT(CLIP_REGEX, "Removed", "true") "," BYTES_OF_WORDS "]",
        .decoder = "[" BYTE_DECODER "," REPLACE("</w>", " ") "," REPLACE_ALL("^\\\\s+|\\\\s+$", "") "]",
        .tokens = { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>" },
        .post = "bos $ eos" },
    { .name = "CodeGenTokenizer", .model = "BPE", .options = "{}", .pre_tokenizer = BYTE_LEVEL,
        .decoder = BYTE_DECODER, .tokens = { TEXT_ENDS }, .no_prefix = true },
    { .name = "CodeLlamaTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','fuse_unk':true,'byte_fallback':true}",
        .pre_tokenizer = META_WHOLE,
        .decoder = SPM_DECODER ",{'type':'Strip','content':' ','start':1,'stop':0}]",
        .tokens = { "<s>", "</s>", "<unk>" }, .not_byte_level = true,
        .post = "bos $", .flags_count = true, .adds_bos = true,
        .never_legacy = true },
    { .name = "CohereTokenizer", .model = "BPE", .options = "{}", .normalizer = NFC,
        .pre_tokenizer = "[" DIGITS "," BYTE_LEVEL "]", .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>",
            "<MASK_TOKEN>" } },
    { .name = "DebertaTokenizer", .model = "BPE", .options = "{}", .pre_tokenizer = BYTE_LEVEL,
        .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { "[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" },
        .post = "cls $ sep" },
    { .name = "DebertaV2Tokenizer", .model = "Unigram", .options = "{'unk_id':'$unk_id'}",
        .normalizer = "['$lower'," BLANKS "," NFC "," STRIP_END "]",
        .pre_tokenizer = "['$punctuation'," META "]", .decoder = META, .scheme = "first",
        .cased = true, .unk_otherwise = 1, .asks_model = true,
        .tokens = { "[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" },
        .post = "cls $ sep" },
    { .name = "FunnelTokenizer", .model = "WordPiece", .options = "{'unk_token':'$unk'}",
        .normalizer = BERT, .pre_tokenizer = BERT_PRE,
        .decoder = "{'type':'WordPiece','prefix':'##','cleanup':true}",
        .tokens = { "<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>" },
        .post = "cls $ sep" },
    { .name = "GemmaTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','fuse_unk':true,'byte_fallback':true}",
        .normalizer = REPLACE(" ", "\\u2581"),
        .pre_tokenizer = "{'type':'Split','pattern':{'String':' '},"
                         "'behavior':'MergedWithPrevious','invert':false}",
        .decoder = SPM_DECODER "]",
        .tokens = { "<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL, "<mask>" } },
    { .name = "GPT2Tokenizer", .model = "BPE", .options = "{}", .pre_tokenizer = BYTE_LEVEL,
        .decoder = BYTE_DECODER, .tokens = { TEXT_ENDS }, .no_prefix = true },
    { .name = "GPTNeoXTokenizer", .model = "BPE", .options = "{}", .normalizer = NFC,
        .pre_tokenizer = BYTE_LEVEL, .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { TEXT_ENDS, NULL, "<|padding|>" }, .post = "$", .flags_count = true },
    { .name = "HerbertTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','end_of_word_suffix':'</w>'}",
        .normalizer = "{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
                      "'strip_accents':false,'lowercase':false}",
        .pre_tokenizer = BERT_PRE, .decoder = SUFFIX_DECODER,
        .tokens = { NULL, NULL, "<unk>", "</s>", "<pad>", "<s>", "<mask>" }, .post = "cls $ sep" },
    { .name = "LlamaTokenizer", .also = " Phi3Tokenizer ", .model = "BPE",
        .options = "{'fuse_unk':true,'byte_fallback':true}", .pre_tokenizer = META_WHOLE,
        .decoder = SPM_DECODER ",'$strip_first']", .tokens = { "<s>", "</s>", "<unk>" },
        .not_byte_level = true },
    { .name = "MBartTokenizer", .model = "Unigram", .options = "{'unk_id':3}",
        .pre_tokenizer = "[" WORDS "," META_ALWAYS "]", .decoder = META_ALWAYS,
        .tokens = { S_TOKENS }, .post = "$ eos lang", .language = "en_XX", .mask_strips = true },
    { .name = "MBart50Tokenizer", .model = "Unigram", .options = "{'unk_id':3}",
        .normalizer = "['$charsmap'," SPACES(" ") "]", .pre_tokenizer = META_ALWAYS,
        .decoder = META_ALWAYS, .tokens = { NULL, "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>" },
        .post = "lang $ eos", .language = "en_XX", .mask_strips = true },
    { .name = "MPNetTokenizer", .model = "WordPiece", .options = "{'unk_token':'$unk'}",
        .normalizer = BERT, .pre_tokenizer = BERT_PRE,
        .decoder = "{'type':'WordPiece','prefix':'##','cleanup':true}",
        .tokens = { "<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>" },
        .post = "cls $ sep", .trims = true, .mask_strips = true },
    { .name = "NllbTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','fuse_unk':true}",
        .normalizer = "['$charsmap','$charsmap_spaces']", .pre_tokenizer = META_ALWAYS,
        .decoder = META_ALWAYS, .tokens = { S_TOKENS }, .post = "lang $ eos",
        .post_legacy = "$ eos lang", .language = "eng_Latn", .mask_strips = true },
    { .name = "OpenAIGPTTokenizer", .model = "BPE",
        .options = "{'unk_token':'$unk','end_of_word_suffix':'</w>'}",
        .normalizer = "{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
                      "'lowercase':true}",
        .pre_tokenizer = BERT_PRE, .decoder = SUFFIX_DECODER, .tokens = { NULL, NULL, "<unk>" } },
    { .name = "PegasusTokenizer", .model = "Unigram", .options = "{'unk_id':'$unk_id'}",
        .normalizer = "['$charsmap','$newlines'," SPACES(" ") "]", .pre_tokenizer = META_ALWAYS,
        .decoder = META_ALWAYS,
        .tokens = { NULL, "</s>", "<unk>", NULL, "<pad>", NULL, "<mask_2>" }, .post = "$ eos" },
    { .name = "Qwen2Tokenizer", .model = "BPE", .options = "{}", .normalizer = NFC,
        .pre_tokenizer = "[" SPLIT(QWEN2_REGEX("\\\\p{L}", "\\\\p{L}"), "Isolated", "false") "," BYTES "]",
        .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { NULL, "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>" } },
    { .name = "Qwen3_5Tokenizer", .model = "BPE", .options = "{}", .normalizer = NFC,
        .pre_tokenizer = "[" SPLIT(QWEN2_REGEX("[\\\\p{L}\\\\p{M}]", "\\\\p{L}\\\\p{M}"), "Isolated", "false") "," BYTES "]",
        .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { NULL, "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>" } },
    { .name = "ReformerTokenizer", .model = "BPE", .options = "{'unk_token':'$unk','fuse_unk':true}",
        .normalizer = "['$charsmap','$charsmap_spaces']", .pre_tokenizer = META_ALWAYS,
        .decoder = META_ALWAYS, .tokens = { NULL, "</s>", "<unk>" } },
    { .name = "RemBertTokenizer", .model = "Unigram", .options = "{'unk_id':2}", .cased = true, .keeps_accents = true, .post_of_json = true,
        .normalizer = "[" QUOTES "," SPACES(" ") ",'$accents','$lower','$charsmap']",
        .pre_tokenizer = META, .decoder = META,
        .tokens = { "[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]" },
        .post = "cls $ sep" },
    { .name = "RobertaTokenizer", .model = "BPE", .options = "{}",
        .also = " BartTokenizer LongformerTokenizer LEDTokenizer MvpTokenizer ",
        .pre_tokenizer = BYTE_LEVEL, .decoder = BYTE_DECODER, .no_prefix = true,
        .tokens = { S_TOKENS }, .post = "cls $ sep", .trims = true, .trims_add = true },
    { .name = "T5Tokenizer", .model = "Unigram", .options = "{'unk_id':2}",
        .normalizer = "['$charsmap']", .pre_tokenizer = "[" WORDS "," META_ALWAYS "]",
        .decoder = META_ALWAYS, .tokens = { NULL, "</s>", "<unk>", NULL, "<pad>" },
        .post = "$ eos" },
    { .name = "XGLMTokenizer", .model = "Unigram", .options = "{'unk_id':3}",
        .normalizer = "['$charsmap'," SPACES(" ") "]", .pre_tokenizer = META, .decoder = META,
        .tokens = { "<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>" }, .post = "eos $" },
    { .name = "XLMRobertaTokenizer", .model = "Unigram", .options = "{'unk_id':3}",
        .normalizer = "['$charsmap']", .pre_tokenizer = "[" WORDS "," META "]", .decoder = META,
        .tokens = { S_TOKENS }, .post = "bos $ eos" },
    { .name = "XLNetTokenizer", .model = "Unigram", .options = "{'unk_id':'$unk_given'}", .cased = true,
        .normalizer = "[" QUOTES ",{'type':'NFKD'},{'type':'StripAccents'},'$lower','$charsmap']",
        .pre_tokenizer = "[" WORDS "," META_ALWAYS "]", .decoder = META_ALWAYS, .mask_strips = true,
        .tokens = { "<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>" },
        .post = "$ sep cls" },
};
/* clang-format on */

/* ---- which class ---- */

static const struct folder_class *class_named(const char *name, size_t n) {
    for (size_t i = 0; n && i < sizeof CLASSES / sizeof *CLASSES; i++) {
        const struct folder_class *c = &CLASSES[i];
        const char *also = c->also ? memmem(c->also, strlen(c->also), name, n) : NULL;
        if ((strlen(c->name) == n && memcmp(c->name, name, n) == 0) ||
            (also && also[-1] == ' ' && also[n] == ' ')) {
            return c;
        }
    }
    return NULL;
}

static size_t length_without_fast(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, "Fast") == 0 ? n - 4 : n;
}

static bool has_type(const json_t *value, const char *type, int depth) {
    const char *key;
    json_t *member;
    if (depth > 32 || !value) {
        return false;
    }
    if (strcmp(json_get_string(value, "type", ""), type) == 0) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (has_type(json_array_get(value, i), type, depth + 1)) {
            return true;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        if ((json_is_object(member) || json_is_array(member)) &&
            has_type(member, type, depth + 1)) {
            return true;
        }
    }
    return false;
}

/* What the folder names, unless the type of its model is known for another one. */
const char *folder_class_name(const struct folder *f, size_t *n) {
    const char *named = json_get_string(
        f->config, "tokenizer_class", json_get_string(f->model, "tokenizer_class", ""));
    const struct folder_type *type = folder_type_find(json_get_string(f->model, "model_type", ""));
    *n = length_without_fast(named);
    bool usual = type && (*n == 0 || type->names_wrongly || !*type->class);
    if (usual) { /* without a class: the file is to be taken as it is, whatever the folder names */
        *n = strlen(type->class);
    }
    return usual ? type->class : named;
}

static const struct folder_class *named_class(const struct folder *f) {
    size_t n;
    const char *name = folder_class_name(f, &n);
    return class_named(name, n);
}

const struct folder_class *folder_class_find(const struct folder *f) {
    const struct folder_class *c =
        f->format_class ? class_named(f->format_class, strlen(f->format_class)) : NULL;
    const struct folder_class *named = named_class(f);
    c = named ? named : c;
    const json_t *model = json_object_get(f->doc, "model");
    if (!c || strcmp(c->model, token_model_type_name(model)) != 0 ||
        (c->not_byte_level && has_type(json_object_get(f->doc, "pre_tokenizer"), "ByteLevel", 0))) {
        return NULL;
    }
    return c;
}

/* ---- filling in ---- */

static json_t *stage(const char *type) {
    return json_pack("{s:s}", "type", type);
}

static const json_t *find_charsmap(const json_t *value, int depth) {
    if (depth > 32 || strcmp(json_get_string(value, "type", ""), "Precompiled") == 0) {
        return depth > 32 ? NULL : value;
    }
    const json_t *members = json_object_get(value, "normalizers"), *found = NULL;
    for (size_t i = 0; !found && i < json_array_size(members); i++) {
        found = find_charsmap(json_array_get(members, i), depth + 1);
    }
    return found;
}

static const char *token_of(
    const struct folder_class *c, const struct folder *f, enum special_token which) {
    return folder_special(f, SPECIAL_KEYS[which], c->tokens[which]);
}

/* The unknown token's place in a Unigram vocabulary. */
static json_int_t unk_place(const struct folder_class *c, const struct folder *f) {
    const char *unk = token_of(c, f, SPECIAL_UNK);
    const json_t *vocab = json_object_get(json_object_get(f->doc, "model"), "vocab");
    for (size_t i = 0; unk && i < json_array_size(vocab); i++) {
        const char *text = json_string_value(json_array_get(json_array_get(vocab, i), 0));
        if (text && strcmp(text, unk) == 0) {
            return (json_int_t)i;
        }
    }
    return c->asks_model && f->unk_id >= 0 ? (json_int_t)f->unk_id : (json_int_t)c->unk_otherwise;
}

static bool prefix_space(const struct folder_class *c, const struct folder *f) {
    return json_get_bool(f->config, "add_prefix_space", !c->no_prefix);
}

static json_t *scheme(const struct folder_class *c, const struct folder *f) {
    if (!prefix_space(c, f)) {
        return json_string(c->scheme ? c->scheme : "never");
    }
    bool llama = c->not_byte_level; /* their text begins with a space only where it begins */
    bool legacy = !c->never_legacy && json_get_bool(f->config, "legacy", false);
    return json_string(llama && !legacy ? "first" : "always");
}

/* The value that a $-name stands for; NULL: nothing, and the member goes. */
static json_t *value_of(const char *name, const struct folder_class *c, const struct folder *f) {
    const json_t *charsmap = find_charsmap(json_object_get(f->doc, "normalizer"), 0);
    const json_t *strip = json_object_get(f->config, "strip_accents");
    bool lower = json_get_bool(f->config, "do_lower_case", !c->cased);
    if (strcmp(name, "$scheme") == 0) {
        return scheme(c, f);
    }
    if (strcmp(name, "$space") == 0) {
        return json_boolean(prefix_space(c, f));
    }
    if (strcmp(name, "$unk") == 0) {
        return json_string(token_of(c, f, SPECIAL_UNK));
    }
    if (strcmp(name, "$unk_id") == 0) {
        return json_integer(unk_place(c, f));
    }
    if (strcmp(name, "$unk_given") == 0) {
        return json_integer(f->unk_id >= 0 ? (json_int_t)f->unk_id : 0);
    }
    if (strcmp(name, "$chinese") == 0) {
        return json_boolean(json_get_bool(f->config, "tokenize_chinese_chars", true));
    }
    if (strcmp(name, "$strip") == 0) {
        return json_is_boolean(strip) ? json_boolean(json_is_true(strip)) : json_null();
    }
    if (strcmp(name, "$lower_case") == 0) {
        return json_boolean(lower);
    }
    if (strcmp(name, "$lower") == 0) {
        return lower ? stage("Lowercase") : NULL;
    }
    if (strcmp(name, "$accents") == 0) {
        return json_get_bool(f->config, "keep_accents", c->keeps_accents)
                   ? NULL
                   : json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "Sequence", "normalizers", "type",
                         "NFKD", "type", "StripAccents");
    }
    if (strcmp(name, "$punctuation") == 0) {
        return json_get_bool(f->config, "split_by_punct", false)
                   ? json_pack("{s:s, s:s}", "type", "Punctuation", "behavior", "Isolated")
                   : NULL;
    }
    if (strcmp(name, "$strip_first") == 0) {
        return prefix_space(c, f) ? json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content",
                                        " ", "start", 1, "stop", 0)
                                  : NULL;
    }
    if (strcmp(name, "$newlines") == 0) {
        return charsmap ? NULL
                        : json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String",
                              "\n", "content", " ");
    }
    if (strcmp(name, "$charsmap_spaces") == 0) {
        return charsmap ? json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "Regex",
                              " {2,}", "content", " ")
                        : NULL;
    }
    BUG_IF(strcmp(name, "$charsmap") != 0);
    return charsmap ? json_incref((json_t *)(uintptr_t)charsmap) : NULL;
}

static void fill(json_t *value, const struct folder_class *c, const struct folder *f) {
    const char *key;
    json_t *member;
    void *next;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        json_t *filled = name ? value_of(name, c, f) : NULL;
        if (filled) {
            json_array_set_new(value, i, filled);
        } else if (name) {
            json_array_remove(value, i--);
        } else {
            fill(json_array_get(value, i), c, f);
        }
    }
    json_object_foreach_safe(value, next, key, member) {
        const char *name = json_string_value(member);
        if (name && name[0] == '$') {
            json_object_set_new(value, key, value_of(name, c, f));
        } else {
            fill(member, c, f);
        }
    }
}

/* A table's JSON, filled in; a list becomes a Sequence of its `members`. */
static json_t *expand(
    const char *text, const char *members, const struct folder_class *c, const struct folder *f) {
    if (!text) {
        return json_null();
    }
    char *quoted = xstrdup(text);
    for (char *s = quoted; (s = strchr(s, '\''));) {
        *s = '"';
    }
    json_t *value = json_loads(quoted, 0, NULL);
    BUG_IF(!value);
    free(quoted);
    fill(value, c, f);
    return json_is_array(value) ? json_pack("{s:s, s:o}", "type", "Sequence", members, value)
                                : value;
}

void folder_class_apply(const struct folder_class *c, struct folder *f) {
    json_t *normalizer = expand(c->normalizer, "normalizers", c, f);
    json_t *model = expand(c->options, "", c, f), *old = json_object_get(f->doc, "model");
    json_object_set_new(model, "type", json_string(c->model));
    json_object_set(model, "vocab", json_object_get(old, "vocab"));
    if (json_object_get(old, "merges")) {
        json_object_set(model, "merges", json_object_get(old, "merges"));
    }
    json_object_set_new(f->doc, "model", model);
    json_object_set_new(f->doc, "normalizer", normalizer);
    json_object_set_new(f->doc, "pre_tokenizer", expand(c->pre_tokenizer, "pretokenizers", c, f));
    json_object_set_new(f->doc, "decoder", expand(c->decoder, "decoders", c, f));
}
