/* Tokenizers of a model folder, tokenised as transformers 5's AutoTokenizer does it.
 *
 * Where tokenizer_config.json names a `tokenizer_class` that builds its own pipeline, that pipeline
 * stands in place of the one in tokenizer.json: vocabulary, merges and added tokens are the file's,
 * the rest is the class's. A class that isn't in the table takes tokenizer.json as it is. Folders
 * without tokenizer.json may hold a BERT vocab.txt or GPT-2's vocab.json and merges.txt. */
#include "harness/tokenizer/tokenizer.h"

#include <string.h>

#include "base/file.h"

struct folder {
    const char *path;
    json_t *config; /* tokenizer_config.json with special_tokens_map.json; an empty object if there
                        is none */
    json_t *doc;    /* like tokenizer.json */
    const char *class; /* without "Fast"; empty if unknown */
};

/* A special token's text: a string or an object with `content`. NULL if absent. */
static const char *special_text(const json_t *config, const char *key, const char *otherwise) {
    const json_t *value = json_object_get(config, key);
    const char *text =
        json_is_object(value) ? json_get_string(value, "content", NULL) : json_string_value(value);
    return text ? text : otherwise;
}

/* ---- the classes ---- */

static json_t *byte_level(bool add_prefix_space, bool use_regex) {
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
        add_prefix_space, "trim_offsets", true, "use_regex", use_regex);
}

static void set_gpt2(struct folder *f) {
    json_object_set_new(f->doc, "normalizer", json_null());
    json_object_set_new(f->doc, "pre_tokenizer",
        byte_level(json_get_bool(f->config, "add_prefix_space", false), true));
    json_object_set_new(f->doc, "decoder", byte_level(true, true));
}

#define QWEN2_REGEX                                                                                \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "                          \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"                                                               \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static void set_qwen2(struct folder *f) {
    json_object_set_new(f->doc, "normalizer", json_pack("{s:s}", "type", "NFC"));
    json_object_set_new(f->doc, "pre_tokenizer",
        json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, o]}", "type", "Sequence", "pretokenizers",
            "type", "Split", "pattern", "Regex", QWEN2_REGEX, "behavior", "Isolated", "invert",
            false, byte_level(json_get_bool(f->config, "add_prefix_space", false), false)));
    json_object_set_new(f->doc, "decoder", byte_level(true, true));
}

static void set_llama(struct folder *f) {
    bool prefix = json_get_bool(f->config, "add_prefix_space", true);
    bool legacy = json_get_bool(f->config, "legacy", false);
    json_t *model = json_object_get(f->doc, "model");
    json_object_set_new(f->doc, "normalizer", json_null());
    json_object_set_new(f->doc, "pre_tokenizer",
        json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", "\xe2\x96\x81",
            "prepend_scheme",
            !prefix  ? "never"
            : legacy ? "always"
                     : "first",
            "split", false));
    json_t *decoders =
        json_pack("[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]", "type", "Replace", "pattern", "String",
            "\xe2\x96\x81", "content", " ", "type", "ByteFallback", "type", "Fuse");
    if (prefix) {
        json_array_append_new(decoders, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip",
                                            "content", " ", "start", 1, "stop", 0));
    }
    json_object_set_new(
        f->doc, "decoder", json_pack("{s:s, s:o}", "type", "Sequence", "decoders", decoders));
    json_object_set_new(model, "fuse_unk", json_true());
    json_object_set_new(model, "byte_fallback", json_true());
    json_object_set_new(model, "ignore_merges", json_false());
}

static void set_bert(struct folder *f) {
    const json_t *strip = json_object_get(f->config, "strip_accents");
    json_t *model = json_object_get(f->doc, "model");
    json_t *normalizer = json_pack("{s:s, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text",
        true, "handle_chinese_chars", json_get_bool(f->config, "tokenize_chinese_chars", true),
        "lowercase", json_get_bool(f->config, "do_lower_case", true));
    if (json_is_boolean(strip)) {
        json_object_set_new(normalizer, "strip_accents", json_boolean(json_is_true(strip)));
    }
    json_object_set_new(f->doc, "normalizer", normalizer);
    json_object_set_new(f->doc, "pre_tokenizer", json_pack("{s:s}", "type", "BertPreTokenizer"));
    json_object_set_new(f->doc, "decoder",
        json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", true));
    json_object_set_new(model, "type", json_string("WordPiece"));
    json_object_set_new(
        model, "unk_token", json_string(special_text(f->config, "unk_token", "[UNK]")));
    json_object_set_new(model, "continuing_subword_prefix", json_string("##"));
    json_object_set_new(model, "max_input_chars_per_word", json_integer(100));
}

struct folder_class {
    const char *name, *model;
    void (*set)(struct folder *f);
    bool cls_sep;        /* the post-processor is [CLS] text [SEP] */
    bool not_byte_level; /* a file with ByteLevel is taken as it is */
};

static const struct folder_class CLASSES[] = {
    { .name = "BertTokenizer", .model = "WordPiece", .set = set_bert, .cls_sep = true },
    { .name = "GPT2Tokenizer", .model = "BPE", .set = set_gpt2 },
    { .name = "LlamaTokenizer", .model = "BPE", .set = set_llama, .not_byte_level = true },
    { .name = "Qwen2Tokenizer", .model = "BPE", .set = set_qwen2 },
};

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

static const struct folder_class *class_find(const struct folder *f) {
    const json_t *model = json_object_get(f->doc, "model");
    const char *type = json_get_string(model, "type", "");
    for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++) {
        const struct folder_class *c = &CLASSES[i];
        if (strcmp(c->name, f->class) == 0 && strcmp(c->model, type) == 0 &&
            !(c->not_byte_level &&
                has_type(json_object_get(f->doc, "pre_tokenizer"), "ByteLevel", 0))) {
            return c;
        }
    }
    return NULL;
}

/* ---- reading the files ---- */

/* Python writes "no limit" as 1000000000000000019884624838656; numbers that long become reals. */
static void widen_numbers(const struct strbuf *in, struct strbuf *out) {
    bool quoted = false;
    size_t digits = 0;
    for (size_t i = 0; i < in->len; i++) {
        char c = in->text[i];
        if (quoted && c == '\\' && i + 1 < in->len) {
            strbuf_addc(out, c);
            c = in->text[++i];
        } else if (c == '"') {
            quoted = !quoted;
        }
        bool digit = !quoted && c >= '0' && c <= '9';
        bool fraction = c == '.' || c == 'e' || c == 'E';
        if (digits >= 19 && !digit && !fraction) {
            strbuf_adds(out, ".0");
        }
        digits = digit ? digits + 1 : 0;
        strbuf_addc(out, c);
    }
}

static json_t *read_config_file(const char *path, struct err *err) {
    struct strbuf text = { 0 }, wide = { 0 };
    json_t *value = NULL;
    if (file_read(path, TOKENIZER_CONFIG_BYTES_MAX, &text, err)) {
        widen_numbers(&text, &wide);
        value = json_parse(strbuf_str(&wide), wide.len, path, err);
    }
    strbuf_release(&text);
    strbuf_release(&wide);
    return value;
}

static json_t *read_optional(const char *folder, const char *name, struct err *err, bool *ok) {
    char *path = path_join(folder, name);
    json_t *value = NULL;
    if (file_exists(path)) {
        value = read_config_file(path, err);
        *ok = value != NULL;
    }
    free(path);
    return value;
}

static bool read_config(struct folder *f, struct err *err) {
    bool ok = true;
    f->config = read_optional(f->path, "tokenizer_config.json", err, &ok);
    json_t *map = ok ? read_optional(f->path, "special_tokens_map.json", err, &ok) : NULL;
    if (ok && ((f->config && !json_is_object(f->config)) || (map && !json_is_object(map)))) {
        ok = err_set(err, ERR_INPUT, "the tokenizer's configuration is not an object");
    }
    f->config = f->config ? f->config : json_object();
    if (ok && map) {
        json_object_update_missing(f->config, map);
    }
    json_decref(map);
    return ok;
}

/* A vocabulary that is a list of lines: the line number is the id. */
static json_t *read_lines(const char *path, struct err *err) {
    struct strbuf text = { 0 };
    if (!file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err)) {
        strbuf_release(&text);
        return NULL;
    }
    json_t *vocab = json_object();
    const char *at = strbuf_str(&text), *end = at + text.len;
    for (json_int_t id = 0; at < end; id++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        size_t n = (size_t)(stop - at);
        json_t *number = json_integer(id);
        if (json_object_setn_new(vocab, at, n - (n > 0 && at[n - 1] == '\r'), number) != 0) {
            err_set(err, ERR_INPUT, "line %lld of %s is not UTF-8", (long long)id + 1, path);
            json_decref(vocab);
            vocab = NULL;
            break;
        }
        at = stop + 1;
    }
    strbuf_release(&text);
    return vocab;
}

static json_t *read_merges(const char *path, struct err *err) {
    struct strbuf text = { 0 };
    if (!file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err)) {
        strbuf_release(&text);
        return NULL;
    }
    json_t *merges = json_array();
    const char *at = strbuf_str(&text), *end = at + text.len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        size_t n = (size_t)(stop - at);
        n -= n > 0 && at[n - 1] == '\r';
        bool comment = n >= 8 && memcmp(at, "#version", 8) == 0;
        if (n && !comment && json_array_append_new(merges, json_stringn(at, n)) != 0) {
            err_set(err, ERR_INPUT, "%s is not UTF-8", path);
            json_decref(merges);
            merges = NULL;
            break;
        }
        at = stop + 1;
    }
    strbuf_release(&text);
    return merges;
}

/* Texts that a vocabulary file's own class takes for special. */
static json_t *named_tokens(
    const struct folder *f, const char *const *keys, const char *const *otherwise, size_t n) {
    json_t *tokens = json_array(),
           *vocab = json_object_get(json_object_get(f->doc, "model"), "vocab");
    for (size_t i = 0; i < n; i++) {
        const char *text = special_text(f->config, keys[i], otherwise[i]);
        const json_t *id = text ? json_object_get(vocab, text) : NULL;
        if (id) {
            json_array_append_new(
                tokens, json_pack("{s:s, s:I, s:b, s:b}", "content", text, "id",
                            json_integer_value(id), "special", true, "normalized", false));
        }
    }
    return tokens;
}

static bool from_vocab_txt(struct folder *f, const char *path, struct err *err) {
    static const char *const KEYS[] = { "pad_token", "unk_token", "cls_token", "sep_token",
        "mask_token" };
    static const char *const NAMES[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
    json_t *vocab = read_lines(path, err);
    if (!vocab) {
        return false;
    }
    f->doc = json_pack("{s:{s:s, s:o}}", "model", "type", "WordPiece", "vocab", vocab);
    json_object_set_new(
        f->doc, "added_tokens", named_tokens(f, KEYS, NAMES, sizeof KEYS / sizeof *KEYS));
    f->class = "BertTokenizer";
    return true;
}

static bool from_vocab_json(
    struct folder *f, const char *path, const char *merges_path, struct err *err) {
    static const char *const KEYS[] = { "bos_token", "eos_token", "unk_token", "pad_token" };
    static const char *const NAMES[] = { "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL };
    json_t *vocab = json_parse_file(path, TOKENIZER_JSON_BYTES_MAX, err);
    json_t *merges = vocab ? read_merges(merges_path, err) : NULL;
    if (!merges) {
        json_decref(vocab);
        return false;
    }
    f->doc =
        json_pack("{s:{s:s, s:o, s:o}}", "model", "type", "BPE", "vocab", vocab, "merges", merges);
    json_object_set_new(
        f->doc, "added_tokens", named_tokens(f, KEYS, NAMES, sizeof KEYS / sizeof *KEYS));
    f->class = strcmp(f->class, "Qwen2Tokenizer") == 0 ? f->class : "GPT2Tokenizer";
    return true;
}

static bool read_doc(struct folder *f, struct err *err) {
    char *json = path_join(f->path, "tokenizer.json"), *txt = path_join(f->path, "vocab.txt");
    char *vocab = path_join(f->path, "vocab.json"), *merges = path_join(f->path, "merges.txt");
    bool ok;
    if (file_exists(json)) {
        f->doc = json_parse_file(json, TOKENIZER_JSON_BYTES_MAX, err);
        ok = f->doc && (json_is_object(f->doc) ||
                           err_set(err, ERR_INPUT, "%s: a tokenizer must be a JSON object", json));
    } else if (file_exists(txt)) {
        ok = from_vocab_txt(f, txt, err);
    } else if (file_exists(vocab) && file_exists(merges)) {
        ok = from_vocab_json(f, vocab, merges, err);
    } else {
        ok = err_set(err, ERR_NOT_FOUND, "folder has no tokenizer");
        err_hint(err, "tokenizer.json, vocab.txt, or vocab.json with merges.txt is looked for");
    }
    free(json);
    free(txt);
    free(vocab);
    free(merges);
    return ok;
}

/* ---- putting it together ---- */

static const char *const SPECIAL_KEYS[] = { "bos_token", "eos_token", "unk_token", "sep_token",
    "pad_token", "cls_token", "mask_token" };

static void mark_special(struct tokenizer *t, const json_t *config) {
    for (size_t i = 0; i < sizeof SPECIAL_KEYS / sizeof *SPECIAL_KEYS; i++) {
        const char *text = special_text(config, SPECIAL_KEYS[i], NULL);
        if (text && strlen(text) <= VOCAB_TOKEN_BYTES_MAX) {
            added_mark_special(&t->added, &t->model, text);
        }
    }
    const json_t *more = json_object_get(config, "additional_special_tokens");
    for (size_t i = 0; i < json_array_size(more); i++) {
        const json_t *item = json_array_get(more, i);
        const char *text =
            json_is_object(item) ? json_get_string(item, "content", NULL) : json_string_value(item);
        if (text && strlen(text) <= VOCAB_TOKEN_BYTES_MAX) {
            added_mark_special(&t->added, &t->model, text);
        }
    }
}

static int32_t special_id(const struct tokenizer *t, const char *text) {
    int64_t id = text ? tokenizer_find(t, text, strlen(text)) : -1;
    return id <= INT32_MAX ? (int32_t)id : -1;
}

/* What the class itself puts around the text. */
static void set_post(
    struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    const json_t *bos = json_object_get(f->config, "add_bos_token"),
                 *eos = json_object_get(f->config, "add_eos_token");
    if (bos || eos) {
        post_release(&t->post);
        if (json_is_true(bos) && t->info.bos >= 0) {
            id_list_add(&t->post.before, (uint32_t)t->info.bos);
        }
        if (json_is_true(eos) && t->info.eos >= 0) {
            id_list_add(&t->post.after, (uint32_t)t->info.eos);
        }
    } else if (class && class->cls_sep) {
        int32_t cls = special_id(t, special_text(f->config, "cls_token", "[CLS]"));
        int32_t sep = special_id(t, special_text(f->config, "sep_token", "[SEP]"));
        post_release(&t->post);
        id_list_add(&t->post.before, cls >= 0 ? (uint32_t)cls : 2);
        id_list_add(&t->post.after, sep >= 0 ? (uint32_t)sep : 3);
    }
}

static bool build(struct tokenizer *t, struct folder *f, struct err *err) {
    const struct folder_class *class = class_find(f);
    if (class) {
        class->set(f);
    }
    if (!tokenizer_load_json(t, f->doc, err)) {
        return false;
    }
    mark_special(t, f->config);
    t->info.bos = special_id(t, special_text(f->config, "bos_token", NULL));
    t->info.eos = special_id(t, special_text(f->config, "eos_token", NULL));
    t->info.pad = special_id(t, special_text(f->config, "pad_token", NULL));
    t->info.unk = special_id(t, special_text(f->config, "unk_token", NULL));
    double length = json_get_number(f->config, "model_max_length", 0);
    t->info.model_max_length = length >= 1 && length < 1e9 ? (uint32_t)length : 0;
    t->clean_up = json_get_bool(f->config, "clean_up_tokenization_spaces", false) &&
                  t->model.type != &TOKEN_MODEL_BPE;
    set_post(t, f, class);
    return true;
}

bool tokenizer_load_folder(struct tokenizer *t, const char *path, struct err *err) {
    struct folder f = { .path = path, .class = "" };
    bool ok = read_config(&f, err);
    const char *class = json_get_string(f.config, "tokenizer_class", "");
    size_t n = strlen(class) -
               (strlen(class) > 4 && strcmp(class + strlen(class) - 4, "Fast") == 0 ? 4 : 0);
    char *name = xstrndup(class, n);
    f.class = name;
    ok = ok && read_doc(&f, err) && build(t, &f, err);
    free(name);
    json_decref(f.config);
    json_decref(f.doc);
    return ok;
}
