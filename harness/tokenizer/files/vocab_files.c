/* The vocabulary of a folder without tokenizer.json (see vocab_files.h). */
#include "harness/tokenizer/files/vocab_files.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "harness/tokenizer/files/sentencepiece.h"

/* ---- lines ---- */

typedef bool line_fn(json_t *to, const char *line, size_t n, json_int_t number);

/* Gives every line to `each`; one that isn't taken isn't UTF-8. */
static bool read_lines(
    const char *text, size_t n, const char *name, json_t *to, line_fn *each, struct err *err) {
    const char *at = text, *end = text + n;
    for (json_int_t number = 0; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        size_t n_line = (size_t)(stop - at);
        n_line -= n_line > 0 && at[n_line - 1] == '\r';
        if (!each(to, at, n_line, number)) {
            return err_set(
                err, ERR_INPUT, "line %lld of %s is not UTF-8", (long long)number + 1, name);
        }
        at = stop < end ? stop + 1 : end;
    }
    return true;
}

/* A vocabulary's line number is the id. */
static bool add_word(json_t *vocab, const char *line, size_t n, json_int_t number) {
    return json_object_setn_new(vocab, line, n, json_integer(number)) == 0;
}

static bool add_merge(json_t *merges, const char *line, size_t n, json_int_t number) {
    (void)number;
    bool comment = n >= 8 && memcmp(line, "#version", 8) == 0;
    return n == 0 || comment || json_array_append_new(merges, json_stringn(line, n)) == 0;
}

/* ---- vocab.txt, vocab.json and merges.txt ---- */

bool vocab_txt_read(
    struct folder *f, const char *text, size_t n, const char *name, struct err *err) {
    json_t *vocab = json_object();
    bool ok = read_lines(text, n, name, vocab, add_word, err);
    f->doc = json_pack("{s:{s:s, s:o}}", "model", "type", "WordPiece", "vocab", vocab);
    f->format_class = "BertTokenizer";
    return ok;
}

bool merges_read(json_t **merges, const char *text, size_t n, const char *name, struct err *err) {
    *merges = json_array();
    return read_lines(text, n, name, *merges, add_merge, err);
}

void vocab_json_take(struct folder *f, json_t *vocab, json_t *merges) {
    f->doc =
        json_pack("{s:{s:s, s:o, s:o}}", "model", "type", "BPE", "vocab", vocab, "merges", merges);
    f->format_class = "GPT2Tokenizer";
}

static bool read_vocab_txt(struct folder *f, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err) &&
              vocab_txt_read(f, strbuf_str(&text), text.len, path, err);
    strbuf_release(&text);
    return ok;
}

static bool read_vocab_json(
    struct folder *f, const char *path, const char *merges_path, struct err *err) {
    struct strbuf text = { 0 };
    json_t *merges = NULL, *vocab = json_parse_file(path, TOKENIZER_JSON_BYTES_MAX, err);
    bool ok = vocab && file_read(merges_path, TOKENIZER_JSON_BYTES_MAX, &text, err) &&
              merges_read(&merges, strbuf_str(&text), text.len, merges_path, err);
    strbuf_release(&text);
    if (ok) {
        vocab_json_take(f, vocab, merges);
    } else {
        json_decref(vocab);
        json_decref(merges);
    }
    return ok;
}

/* ---- SentencePiece ---- */

static void append_piece(json_t *list, const char *text, double score) {
    json_array_append_new(list, json_pack("[s, f]", text, score));
}

/* fairseq's models count their special tokens anew, in front of SentencePiece's. */
static json_t *head_of(const struct folder *f, const struct folder_class *class, size_t *n_drop) {
    static const enum special_token XLM_R[] = { SPECIAL_BOS, SPECIAL_PAD, SPECIAL_EOS,
        SPECIAL_UNK };
    json_t *list = json_array();
    *n_drop = 0;
    if (strcmp(class->name, "XLMRobertaTokenizer") == 0) {
        *n_drop = 3;
        for (size_t i = 0; i < sizeof XLM_R / sizeof *XLM_R; i++) {
            const char *text = folder_special(f, SPECIAL_KEYS[XLM_R[i]], class->tokens[XLM_R[i]]);
            append_piece(list, text ? text : class->tokens[XLM_R[i]], 0);
        }
    } else if (strcmp(class->name, "CamembertTokenizer") == 0) {
        *n_drop = 1;
        append_piece(list, "<s>NOTUSED", 0);
        append_piece(list, "<pad>", 0);
        append_piece(list, "</s>NOTUSED", 0);
        append_piece(list, "<unk>", 0);
        append_piece(list, "<unk>NOTUSED", -100);
    }
    return list;
}

static void append_tail(const struct folder *f, const struct folder_class *class, json_t *list) {
    if (strcmp(class->name, "T5Tokenizer") == 0) {
        for (int i = 99; i >= 0; i--) {
            char text[32];
            snprintf(text, sizeof text, "<extra_id_%d>", i);
            append_piece(list, text, 0);
        }
    } else if (json_array_size(list) && (strcmp(class->name, "XLMRobertaTokenizer") == 0 ||
                                            strcmp(class->name, "CamembertTokenizer") == 0)) {
        const char *mask = folder_special(f, "mask_token", "<mask>");
        append_piece(list, mask ? mask : "<mask>", 0);
    }
}

static void renumber(struct folder *f, const struct folder_class *class) {
    json_t *model = json_object_get(f->doc, "model"), *pieces = json_object_get(model, "vocab");
    size_t n_drop;
    if (!class || !json_is_array(pieces)) {
        return;
    }
    json_t *list = head_of(f, class, &n_drop);
    for (size_t i = n_drop; i < json_array_size(pieces); i++) {
        json_array_append(list, json_array_get(pieces, i));
    }
    append_tail(f, class, list);
    json_object_set_new(model, "vocab", list);
}

static void name_token(struct folder *f, const struct spm *s, const char *key, int64_t id) {
    if (id >= 0 && (size_t)id < s->n && !json_object_get(f->config, key)) {
        json_object_set_new(f->config, key, json_stringn(s->pieces[id].text, s->pieces[id].n));
    }
}

static bool read_spm(struct folder *f, const char *path, struct err *err) {
    struct spm s;
    bool ok = spm_read(&s, path, err) && spm_to_doc(&s, &f->doc, err);
    if (ok) {
        const struct folder_class *class = folder_class_find(f);
        f->unk_id = s.unk;
        f->make_merges = s.bpe ? BPE_BY_ID : BPE_NO_ORDER;
        renumber(f, class);
        if (!class) {
            name_token(f, &s, "bos_token", s.bos);
            name_token(f, &s, "eos_token", s.eos);
            name_token(f, &s, "unk_token", s.unk);
        }
    }
    spm_release(&s);
    return ok;
}

/* ---- tekken and tiktoken ---- */

static bool read_tekken(struct folder *f, const char *path, struct err *err) {
    json_t *tekken = json_parse_file(path, TOKENIZER_JSON_BYTES_MAX, err);
    bool ok = tekken &&
              (tekken_is(tekken) || err_set(err, ERR_INPUT, "it has no 'config' and 'vocab'")) &&
              tekken_to_doc(tekken, &f->doc, err);
    json_decref(tekken);
    f->make_merges = BPE_BY_HALVES;
    static const char *const ENDS[][2] = { { "bos_token", "<s>" }, { "eos_token", "</s>" },
        { "pad_token", "<pad>" }, { "unk_token", "<unk>" } };
    const json_t *vocab = json_object_get(json_object_get(f->doc, "model"), "vocab");
    for (size_t i = 0; ok && i < sizeof ENDS / sizeof *ENDS; i++) {
        if (!json_object_get(f->config, ENDS[i][0]) && json_object_get(vocab, ENDS[i][1])) {
            json_object_set_new(f->config, ENDS[i][0], json_string(ENDS[i][1]));
        }
    }
    return ok || err_wrap(err, "%s", path);
}

static bool read_tiktoken(struct folder *f, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err) &&
              tiktoken_to_doc(strbuf_str(&text), text.len, &f->doc, err);
    strbuf_release(&text);
    f->make_merges = BPE_BY_HALVES;
    return ok || err_wrap(err, "%s", path);
}

/* Meta put tiktoken's ranks into files named like SentencePiece's. */
static bool read_model(struct folder *f, const char *path, struct err *err) {
    return spm_is(path) ? read_spm(f, path, err) : read_tiktoken(f, path, err);
}

/* ---- what there is ---- */

static char *find(const struct folder *f, const char *name) {
    char *path = path_join(f->path, name);
    if (file_exists(path)) {
        return path;
    }
    free(path);
    return NULL;
}

/* A file whose name ends so; the first by name. */
static char *find_ending(const struct folder *f, const char *end) {
    DIR *dir = opendir(f->path);
    char *best = NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name), n_end = strlen(end);
        if (n > n_end && strcmp(e->d_name + n - n_end, end) == 0 &&
            (!best || strcmp(e->d_name, best) < 0)) {
            free(best);
            best = xstrdup(e->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    char *path = best ? path_join(f->path, best) : NULL;
    free(best);
    return path;
}

static char *find_model(const struct folder *f) {
    static const char *const NAMES[] = { "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.bpe.model", "sentencepiece.model" };
    char *path = NULL;
    for (size_t i = 0; !path && i < sizeof NAMES / sizeof *NAMES; i++) {
        path = find(f, NAMES[i]);
    }
    return path;
}

bool vocab_files_read(struct folder *f, struct err *err) {
    char *model = find_model(f), *tekken = find(f, "tekken.json"), *txt = find(f, "vocab.txt");
    char *vocab = find(f, "vocab.json"), *merges = find(f, "merges.txt");
    char *ranks = find_ending(f, ".tiktoken");
    bool ok = vocab && merges ? read_vocab_json(f, vocab, merges, err)
              : model         ? read_model(f, model, err)
              : tekken        ? read_tekken(f, tekken, err)
              : txt           ? read_vocab_txt(f, txt, err)
              : ranks         ? read_tiktoken(f, ranks, err)
                              : err_set(err, ERR_NOT_FOUND, "folder has no tokenizer");
    if (!model && !tekken && !txt && !ranks && !(vocab && merges)) {
        err_hint(err, "tokenizer.json, tokenizer.model, tekken.json, vocab.json with merges.txt, "
                      "vocab.txt or a .tiktoken file is looked for");
    }
    free(model);
    free(tekken);
    free(txt);
    free(vocab);
    free(merges);
    free(ranks);
    return ok;
}
