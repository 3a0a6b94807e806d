/* Vocabularies of byte strings, as tiktoken and Mistral's tekken write them: their tokens are spelt
 * in GPT-2's alphabet here, and the rest of a byte-level BPE is put round them. */
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "harness/tokenizer/pipeline/byte_level.h"
#include "harness/tokenizer/files/vocab_files.h"

#define CL100K                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "                     \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SPECIAL_FILLER "<SPECIAL_%zu>"

enum { SPECIALS_MAX = 100 * 1000, LINE_BYTES_MAX = 8192 };

/* Adds the token that base64 gives; false if it is none, is too long, or is there already. */
static bool add_token(json_t *vocab, const char *base64, json_int_t id) {
    size_t n = 0;
    uint8_t *bytes = base64_decode(base64, &n);
    char text[2 * VOCAB_TOKEN_BYTES_MAX];
    size_t n_text = 0;
    bool ok = bytes && n > 0 && n <= VOCAB_TOKEN_BYTES_MAX / 2;
    for (size_t i = 0; ok && i < n; i++) {
        n_text += utf8_encode(byte_level_char(bytes[i]), text + n_text);
    }
    ok = ok && !json_object_getn(vocab, text, n_text) &&
         json_object_setn_new(vocab, text, n_text, json_integer(id)) == 0;
    free(bytes);
    return ok;
}

static json_t *byte_level_doc(json_t *vocab, const char *pattern, size_t n_pattern) {
    json_t *bytes = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
        false, "trim_offsets", false, "use_regex", false);
    json_t *split = json_pack("{s:s, s:{s:s%}, s:s, s:b}", "type", "Split", "pattern", "Regex",
        pattern, n_pattern, "behavior", "Isolated", "invert", false);
    return json_pack("{s:{s:s, s:o, s:b}, s:{s:s, s:[o, o]}, s:O, s:[]}", "model", "type", "BPE",
        "vocab", vocab, "ignore_merges", true, "pre_tokenizer", "type", "Sequence", "pretokenizers",
        split, bytes, "decoder", bytes, "added_tokens");
}

/* ---- tiktoken ---- */

static bool add_line(json_t *vocab, const char *line, size_t n, size_t number, struct err *err) {
    char copy[LINE_BYTES_MAX], *space, *end;
    if (n >= sizeof copy) {
        return err_set(err, ERR_INPUT, "line %zu is longer than %d bytes", number, LINE_BYTES_MAX);
    }
    memcpy(copy, line, n);
    copy[n] = 0;
    space = strchr(copy, ' ');
    long long id = space ? strtoll(space + 1, &end, 10) : -1;
    if (!space || space[1] == 0 || *end || id < 0 || id > INT32_MAX) {
        return err_set(err, ERR_INPUT, "line %zu is not a token in base64 and its rank", number);
    }
    *space = 0;
    return add_token(vocab, copy, id) ||
           err_set(err, ERR_INPUT, "token of line %zu is no base64, is too long, or is there twice",
               number);
}

bool tiktoken_to_doc(const char *text, size_t n, json_t **doc, struct err *err) {
    json_t *vocab = json_object();
    size_t number = 1;
    for (const char *at = text, *end = text + n, *stop; at < end; at = stop + 1, number++) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        size_t n_line = (size_t)(stop - at);
        n_line -= n_line && at[n_line - 1] == '\r';
        if (number > VOCAB_TOKENS_MAX || (n_line && !add_line(vocab, at, n_line, number, err))) {
            json_decref(vocab);
            return number <= VOCAB_TOKENS_MAX ||
                   err_set(err, ERR_INPUT, "there are more than %d tokens", VOCAB_TOKENS_MAX);
        }
        if (stop == end) {
            break;
        }
    }
    if (json_object_size(vocab) == 0) {
        json_decref(vocab);
        return err_set(err, ERR_INPUT, "there are no tokens");
    }
    *doc = byte_level_doc(vocab, CL100K, sizeof CL100K - 1);
    BUG_IF(!*doc);
    return true;
}

/* ---- tekken ---- */

bool tekken_is(const json_t *doc) {
    return !json_object_get(doc, "model") && json_is_array(json_object_get(doc, "vocab")) &&
           json_is_object(json_object_get(doc, "config"));
}

/* What the first tekken files left to the program that read them. */
static json_t *usual_specials(void) {
    static const char *const NAMES[] = { "<unk>", "<s>", "</s>", "[INST]", "[/INST]",
        "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
        "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
        "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]" };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        json_array_append_new(list, json_string(NAMES[i]));
    }
    return list;
}

/* Their texts in the order of their ranks, which must be 0, 1, 2, ... */
static json_t *named_specials(const json_t *entries, struct err *err) {
    size_t n = json_array_size(entries);
    json_t *list = json_array();
    for (size_t i = 0; i < n && i < SPECIALS_MAX; i++) {
        json_array_append_new(list, json_null());
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(entries, i), *text;
        long long rank = json_get_int(entry, "rank", -1);
        text = json_object_get(entry, "token_str");
        if (!json_is_string(text) || rank < 0 ||
            !json_is_null(json_array_get(list, (size_t)rank))) {
            err_set(err, ERR_INPUT, "special tokens are not texts ranked 0, 1, 2, ...");
            json_decref(list);
            return NULL;
        }
        json_array_set(list, (size_t)rank, (json_t *)(uintptr_t)text);
    }
    return list;
}

static json_t *specials(const json_t *tekken, struct err *err) {
    const json_t *entries = json_object_get(tekken, "special_tokens");
    json_t *list =
        entries && !json_is_null(entries) ? named_specials(entries, err) : usual_specials();
    const json_t *config = json_object_get(tekken, "config");
    long long n =
        json_get_int(config, "default_num_special_tokens", (long long)json_array_size(list));
    for (size_t i = json_array_size(list); list && i < SPECIALS_MAX && (long long)i < n; i++) {
        char text[40];
        snprintf(text, sizeof text, SPECIAL_FILLER, i);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static bool add_specials(json_t *doc, const json_t *list, struct err *err) {
    json_t *vocab = json_object_get(json_object_get(doc, "model"), "vocab");
    json_t *added = json_object_get(doc, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        json_object_setn_new(
            vocab, json_string_value(text), json_string_length(text), json_integer((json_int_t)i));
        json_array_append_new(added, json_pack("{s:O, s:I, s:b, s:b}", "content", text, "id",
                                         (json_int_t)i, "special", true, "normalized", false));
    }
    return json_array_size(list) < SPECIALS_MAX ||
           err_set(err, ERR_INPUT, "there are %d special tokens or more", SPECIALS_MAX);
}

static bool add_tokens(json_t *vocab, const json_t *tekken, size_t n_specials, struct err *err) {
    const json_t *tokens = json_object_get(tekken, "vocab");
    long long n = (long long)json_array_size(tokens);
    long long size = json_get_int(
        json_object_get(tekken, "config"), "default_vocab_size", n + (long long)n_specials);
    n = size - (long long)n_specials < n ? size - (long long)n_specials : n;
    if (n <= 0 || n > VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "there are %lld tokens", n);
    }
    for (long long i = 0; i < n; i++) {
        const char *bytes = json_get_string(json_array_get(tokens, (size_t)i), "token_bytes", "");
        if (!add_token(vocab, bytes, i + (long long)n_specials)) {
            return err_set(err, ERR_INPUT,
                "token_bytes of token %lld are no base64, are too long, or are there twice", i);
        }
    }
    return true;
}

bool tekken_to_doc(const json_t *tekken, json_t **doc, struct err *err) {
    const json_t *pattern = json_object_get(json_object_get(tekken, "config"), "pattern");
    if (!json_is_string(pattern)) {
        return err_set(err, ERR_INPUT, "config.pattern is not a string");
    }
    json_t *list = specials(tekken, err), *vocab = json_object();
    bool ok = list && add_tokens(vocab, tekken, json_array_size(list), err);
    if (ok) {
        *doc = byte_level_doc(vocab, json_string_value(pattern), json_string_length(pattern));
        BUG_IF(!*doc);
        ok = add_specials(*doc, list, err);
    } else {
        json_decref(vocab);
    }
    json_decref(list);
    return ok;
}
