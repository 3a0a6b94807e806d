/* Tokenizers of a model folder, tokenised as transformers 5's AutoTokenizer does it.
 *
 * A folder's class may build a pipeline of its own (folder_class.c); vocabulary, merges and added
 * tokens are the file's all the same. Without tokenizer.json a folder's vocabulary is read from
 * what there is: a SentencePiece model, tekken.json, vocab.json with merges.txt, vocab.txt, or
 * tiktoken's ranks. */
#include "harness/tokenizer/files/folder.h"

#include <string.h>

#include "base/file.h"
#include "harness/tokenizer/files/vocab_files.h"

enum { T5_EXTRA_IDS = 100 };

const char *folder_special(const struct folder *f, const char *key, const char *otherwise) {
    const json_t *value = json_object_get(f->config, key);
    const char *text =
        json_is_object(value) ? json_get_string(value, "content", NULL) : json_string_value(value);
    return value ? text : otherwise;
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
        json_forget_infinity(wide.text, wide.len);
        value = json_parse(strbuf_str(&wide), wide.len, path, err);
    }
    strbuf_release(&text);
    strbuf_release(&wide);
    if (value && !json_is_object(value)) {
        err_set(err, ERR_INPUT, "%s: a tokenizer's configuration must be an object", path);
        json_decref(value);
        value = NULL;
    }
    return value;
}

/* An empty object if there is no such file. */
static json_t *read_optional(const char *folder, const char *name, struct err *err) {
    char *path = path_join(folder, name);
    json_t *value = file_exists(path) ? read_config_file(path, err) : json_object();
    free(path);
    return value;
}

static bool read_config(struct folder *f, struct err *err) {
    f->config = read_optional(f->path, "tokenizer_config.json", err);
    f->model = f->config ? read_optional(f->path, "config.json", err) : NULL;
    json_t *map = f->model ? read_optional(f->path, "special_tokens_map.json", err) : NULL;
    if (!map) {
        return false;
    }
    json_object_update_missing(f->config, map);
    json_decref(map);
    return true;
}

static bool read_json(struct folder *f, const char *path, struct err *err) {
    f->doc = json_parse_file(path, TOKENIZER_JSON_BYTES_MAX, err);
    f->has_json = true;
    return f->doc && (json_is_object(f->doc) ||
                         err_set(err, ERR_INPUT, "%s: a tokenizer must be a JSON object", path));
}

static bool read_doc(struct folder *f, struct err *err) {
    char *path = path_join(f->path, "tokenizer.json");
    bool ok = file_exists(path) ? read_json(f, path, err) : vocab_files_read(f, err);
    free(path);
    return ok;
}

/* ---- added tokens ---- */

static void put_added(json_t *list, const char *id, const json_t *token) {
    char *end;
    long long number = strtoll(id, &end, 10);
    if (json_is_object(token) && *end == 0) {
        json_t *copy = json_copy((json_t *)(uintptr_t)token);
        json_object_set_new(copy, "id", json_integer(number));
        json_array_append_new(list, copy);
    }
}

/* What the configuration says of added tokens goes before tokenizer.json; a class that builds its
 * own pipeline knows of no others. */
static void merge_added(struct folder *f, bool instead) {
    const json_t *decoder = json_object_get(f->config, "added_tokens_decoder");
    json_t *list = json_object_get(f->doc, "added_tokens"), *member;
    if (!json_is_object(decoder) || (list && !json_is_array(list))) {
        return;
    }
    if (!list || instead) {
        list = json_array();
        json_object_set_new(f->doc, "added_tokens", list);
    }
    const char *id;
    json_object_foreach((json_t *)(uintptr_t)decoder, id, member) {
        put_added(list, id, member);
    }
}

static void put_special(struct tokenizer *t, const json_t *value, bool strips) {
    const char *text =
        json_is_object(value) ? json_get_string(value, "content", NULL) : json_string_value(value);
    if (!text || strlen(text) > VOCAB_TOKEN_BYTES_MAX) {
        return;
    }
    if (added_find(&t->added, text, strlen(text)) >= 0) {
        added_mark_special(&t->added, &t->model, text);
        return;
    }
    added_put(&t->added, &t->model,
        (struct added_token) {
            .text = text,
            .n = strlen(text),
            .special = true,
            .lstrip = json_get_bool(value, "lstrip", strips),
            .rstrip = json_get_bool(value, "rstrip", false),
            .single_word = json_get_bool(value, "single_word", false),
            .normalized = json_get_bool(value, "normalized", false),
        });
}

static void put_named(struct tokenizer *t, const struct folder *f, const struct folder_class *class,
    enum special_token which) {
    const json_t *value = json_object_get(f->config, SPECIAL_KEYS[which]);
    const char *usual = class ? class->tokens[which] : NULL;
    bool strips = class && class->mask_strips && which == SPECIAL_MASK;
    if (value || !usual) {
        put_special(t, value, strips && !json_is_object(value));
        return;
    }
    json_t *text = json_string(usual);
    put_special(t, text, strips);
    json_decref(text);
}

static void put_all(struct tokenizer *t, const json_t *more) {
    const char *name;
    json_t *member;
    for (size_t i = 0; i < json_array_size(more); i++) {
        put_special(t, json_array_get(more, i), false);
    }
    json_object_foreach((json_t *)(uintptr_t)more, name, member) {
        put_special(t, member, false);
    }
}

static void put_extra_ids(struct tokenizer *t, const struct folder *f) {
    long long n = json_get_int(f->config, "extra_ids", T5_EXTRA_IDS);
    for (long long i = 0; i < n && i < T5_EXTRA_IDS; i++) {
        char text[32];
        snprintf(text, sizeof text, "<extra_id_%lld>", i);
        added_mark_special(&t->added, &t->model, text);
    }
}

static void mark_special(
    struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    for (int which = 0; which < SPECIAL_N; which++) {
        put_named(t, f, class, (enum special_token)which);
    }
    const json_t *more = json_object_get(f->config, "additional_special_tokens");
    put_all(t, more);
    put_all(t, json_object_get(f->config, "extra_special_tokens"));
    if (class && strcmp(class->name, "T5Tokenizer") == 0 && !more) {
        put_extra_ids(t, f);
    }
}

/* ---- putting it together ---- */

static int32_t special_id(const struct tokenizer *t, const struct folder *f,
    const struct folder_class *class, enum special_token which) {
    const char *text = folder_special(f, SPECIAL_KEYS[which], class ? class->tokens[which] : NULL);
    int64_t id = text ? tokenizer_find(t, text, strlen(text)) : -1;
    return id <= INT32_MAX ? (int32_t)id : -1;
}

static void add_end(struct id_list *ends, int32_t id) {
    if (id >= 0) {
        id_list_add(ends, (uint32_t)id);
    }
}

static void add_language(struct id_list *ends, const struct tokenizer *t, const struct folder *f,
    const struct folder_class *class) {
    const char *name = json_get_string(f->config, "src_lang", class->language);
    add_end(ends, (int32_t)tokenizer_find(t, name, strlen(name)));
}

static void add_named_end(struct id_list *ends, const char *word, size_t n,
    const struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    for (int which = 0; which < SPECIAL_N; which++) {
        if (strncmp(SPECIAL_KEYS[which], word, n) == 0 && SPECIAL_KEYS[which][n] == '_') {
            add_end(ends, special_id(t, f, class, (enum special_token)which));
        }
    }
    if (class->language && strncmp(word, "lang", n) == 0) {
        add_language(ends, t, f, class);
    }
}

/* "cls $ sep": names of special tokens before and after the text. */
static void set_ends(
    struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    struct id_list *ends = &t->post.before;
    struct trim_rule trim = t->post.trim; /* spans stay those of the file */
    bool legacy = class->post_legacy && json_get_bool(f->config, "legacy_behaviour", false);
    post_release(&t->post);
    for (const char *word = legacy ? class->post_legacy : class->post; *word;) {
        size_t n = strcspn(word, " ");
        if (*word == '$') {
            ends = &t->post.after;
        } else {
            add_named_end(ends, word, n, t, f, class);
        }
        word += n + (word[n] == ' ');
    }
    t->post.trim = trim;
    if (class->trims) {
        t->post.trim.trim = json_get_bool(f->config, "trim_offsets", true);
        t->post.trim.add_prefix_space =
            class->trims_add && json_get_bool(f->config, "add_prefix_space", !class->no_prefix);
    }
}

/* The post-processor of a tokenizer.json counts for more than add_bos_token and add_eos_token,
 * which count where there is none; a class's own counts for more than both. */
static void set_post(
    struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    const json_t *bos = json_object_get(f->config, "add_bos_token"),
                 *eos = json_object_get(f->config, "add_eos_token");
    const json_t *own = json_object_get(f->doc, "post_processor");
    bool flags = !f->has_json && (bos || eos), has_own = own && !json_is_null(own);
    if (flags) {
        bool adds_bos = bos ? json_is_true(bos) : class && class->adds_bos;
        post_release(&t->post);
        add_end(&t->post.before, adds_bos ? t->info.bos : -1);
        add_end(&t->post.after, json_is_true(eos) ? t->info.eos : -1);
    }
    bool yields =
        class && ((class->post_yields && (has_own || flags)) || (class->flags_count && flags) ||
                     (class->post_of_json && !f->has_json));
    if (class && class->post && !yields) {
        set_ends(t, f, class);
    }
}

/* Of what tokenizer.json says about truncation transformers keeps the side alone: its length,
 * strategy and stride are each call's own. "max_len" is the old name of the length. */
static void read_cut(struct tokenizer *t, const struct folder *f) {
    const json_t *own = json_object_get(f->doc, "truncation");
    const char *side =
        json_get_string(f->config, "truncation_side", json_get_string(own, "direction", "Right"));
    const json_t *length = json_object_get(f->config, "model_max_length");
    double n = json_number_value(length ? length : json_object_get(f->config, "max_len"));
    t->info.cuts_left = strcmp(side, "left") == 0 || strcmp(side, "Left") == 0;
    t->info.model_max_length = n >= 1 && n < 1e9 ? (uint32_t)n : 0;
}

static void read_info(
    struct tokenizer *t, const struct folder *f, const struct folder_class *class) {
    t->info.bos = special_id(t, f, class, SPECIAL_BOS);
    t->info.eos = special_id(t, f, class, SPECIAL_EOS);
    t->info.pad = special_id(t, f, class, SPECIAL_PAD);
    t->info.unk = special_id(t, f, class, SPECIAL_UNK);
    read_cut(t, f);
    t->clean_up = json_get_bool(f->config, "clean_up_tokenization_spaces", false) &&
                  t->model.type != &TOKEN_MODEL_BPE;
}

bool tokenizer_build(struct tokenizer *t, struct folder *f, struct err *err) {
    const struct folder_class *class = folder_class_find(f);
    if (class) {
        folder_class_apply(class, f);
    }
    merge_added(f, class != NULL);
    if (!tokenizer_load_json(t, f->doc, err) ||
        (f->make_merges && !bpe_make_merges(&t->model, f->make_merges, err))) {
        return false;
    }
    mark_special(t, f, class);
    read_info(t, f, class);
    set_post(t, f, class);
    return true;
}

bool tokenizer_load_folder(struct tokenizer *t, const char *path, struct err *err) {
    struct folder f = { .path = path, .unk_id = -1 };
    bool ok = read_config(&f, err) && folder_class_check(&f, err) && read_doc(&f, err) &&
              tokenizer_build(t, &f, err);
    json_decref(f.config);
    json_decref(f.model);
    json_decref(f.doc);
    return ok;
}
