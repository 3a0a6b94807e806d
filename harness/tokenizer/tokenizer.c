/* Tokenizers: text to ids and back (the first part of harness.h).
 *
 * The order is that of Hugging Face tokenizers: added tokens that are looked for in the raw text,
 * normalizers, added tokens that are looked for in the normalized text, pre-tokenizers, the model
 * on each piece, the post-processor. An opened tokenizer is never written to; all that a call needs
 * lies in its `struct work`. */
#include "harness/tokenizer/tokenizer.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "harness/formats/adapter.h"
#include "harness/tokenizer/pipeline/decoding.h"
#include "harness/tokenizer/files/sentencepiece.h"
#include "harness/tokenizer/token_list.h"
#include "harness/tokenizer/files/vocab_files.h"

#define TEXT_BYTES_MAX ((size_t)1 << 28)

/* ---- opening ---- */

static bool load_text(
    struct tokenizer *t, const char *text, size_t n, const char *name, struct err *err) {
    json_t *doc = json_parse(text, n, name, err), *whole = NULL;
    bool tekken = doc && tekken_is(doc);
    bool ok = doc && (!tekken || tekken_to_doc(doc, &whole, err)) &&
              tokenizer_load_json(t, tekken ? whole : doc, err) &&
              (tekken || fit_load(&t->fit, doc, err)) &&
              (!tekken || bpe_make_merges(&t->model, BPE_BY_HALVES, err));
    json_decref(whole);
    json_decref(doc);
    return ok;
}

static bool load_ranks(struct tokenizer *t, const char *text, size_t n, struct err *err) {
    json_t *doc = NULL;
    bool ok = tiktoken_to_doc(text, n, &doc, err) && tokenizer_load_json(t, doc, err) &&
              bpe_make_merges(&t->model, BPE_BY_HALVES, err);
    json_decref(doc);
    return ok;
}

static bool load_model(struct tokenizer *t, const char *path, struct err *err) {
    struct spm s;
    bool ok = spm_read(&s, path, err) && tokenizer_load_spm(t, &s, err);
    spm_release(&s);
    return ok;
}

static bool load_ranks_file(struct tokenizer *t, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err) &&
              load_ranks(t, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    return ok;
}

static bool load_file(struct tokenizer *t, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, TOKENIZER_JSON_BYTES_MAX, &text, err) &&
              load_text(t, strbuf_str(&text), text.len, path, err);
    strbuf_release(&text);
    return ok;
}

static struct tokenizer *tokenizer_new(void) {
    struct tokenizer *t = xcalloc(1, sizeof *t);
    t->info = (struct tokenizer_info) { .bos = -1, .eos = -1, .pad = -1, .unk = -1 };
    added_init(&t->added);
    t->works = work_shelf_new();
    return t;
}

/* The tokenizer, ready for use, if it was loaded well; every error names its source. */
static struct tokenizer *finish(struct tokenizer *t, bool ok, const char *name, struct err *err) {
    if (ok && tokenizer_finish(t, err)) {
        return t;
    }
    if (err && !strstr(err->msg, name)) {
        err_wrap(err, "%s", name);
    }
    tokenizer_close(t);
    return NULL;
}

/* The folder that has the tokenizer: an adapter's own, or its base's. */
static bool load_folder(struct tokenizer *t, const char *path, struct err *err) {
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "vocab.txt",
        "vocab.json" };
    char *base = adapter_base(path);
    for (size_t i = 0; base && i < sizeof names / sizeof *names; i++) {
        char *own = path_join(path, names[i]);
        if (file_exists(own)) {
            free(base);
            base = NULL;
        }
        free(own);
    }
    bool ok = tokenizer_load_folder(t, base ? base : path, err);
    free(base);
    return ok;
}

struct tokenizer *tokenizer_open(const char *path, struct err *err) {
    struct tokenizer *t = tokenizer_new();
    bool model = str_ends(path, ".model");
    bool ok = dir_exists(path)                       ? load_folder(t, path, err)
              : str_ends(path, ".gguf")              ? tokenizer_load_gguf(t, path, err)
              : model && spm_is(path)                ? load_model(t, path, err)
              : model || str_ends(path, ".tiktoken") ? load_ranks_file(t, path, err)
                                                     : load_file(t, path, err);
    return finish(t, ok, path, err);
}

struct tokenizer *tokenizer_from_json(
    const char *text, size_t n, const char *name, struct err *err) {
    struct tokenizer *t = tokenizer_new();
    return finish(t, load_text(t, text, n, name, err), name, err);
}

struct tokenizer *tokenizer_from_spm(
    const void *bytes, size_t n, const char *name, struct err *err) {
    struct tokenizer *t = tokenizer_new();
    struct spm s;
    spm_init(&s);
    bool ok = spm_parse(&s, bytes, n, err) && tokenizer_load_spm(t, &s, err);
    spm_release(&s);
    return finish(t, ok, name, err);
}

struct tokenizer *tokenizer_from_ranks(
    const char *text, size_t n, const char *name, struct err *err) {
    struct tokenizer *t = tokenizer_new();
    return finish(t, load_ranks(t, text, n, err), name, err);
}

struct tokenizer *tokenizer_from_folder(struct folder *f, const char *name, struct err *err) {
    struct tokenizer *t = tokenizer_new();
    return finish(t, tokenizer_build(t, f, err), name, err);
}

void tokenizer_close(struct tokenizer *t) {
    if (t) {
        token_model_release(&t->model);
        pipeline_release(&t->normalizers);
        pipeline_release(&t->pre_tokenizers);
        pipeline_release(&t->decoders);
        added_release(&t->added);
        post_release(&t->post);
        join_release(&t->join);
        work_shelf_free(t->works);
        free(t);
    }
}

bool tokenizer_load_json(struct tokenizer *t, const json_t *doc, struct err *err) {
    if (!json_is_object(doc)) {
        return err_set(err, ERR_INPUT, "a tokenizer must be a JSON object");
    }
    return (t->model.type || token_model_load(&t->model, json_object_get(doc, "model"), err)) &&
           pipeline_load(
               &t->normalizers, &STAGE_NORMALIZER, json_object_get(doc, "normalizer"), err) &&
           pipeline_load(&t->pre_tokenizers, &STAGE_PRE_TOKENIZER,
               json_object_get(doc, "pre_tokenizer"), err) &&
           pipeline_load(&t->decoders, &STAGE_DECODER, json_object_get(doc, "decoder"), err) &&
           post_load(&t->post, json_object_get(doc, "post_processor"), err) &&
           join_load(&t->join, json_object_get(doc, "post_processor"), err) &&
           added_load(&t->added, &t->model, json_object_get(doc, "added_tokens"), err);
}

static void raise_size(struct tokenizer_info *info, uint32_t id) {
    info->vocab_size = (size_t)id + 1 > info->vocab_size ? (size_t)id + 1 : info->vocab_size;
}

bool tokenizer_finish(struct tokenizer *t, struct err *err) {
    if (!added_seal(&t->added, &t->normalizers, err)) {
        return false;
    }
    for (size_t i = 0; i < t->model.vocab.n; i++) {
        raise_size(&t->info, t->model.vocab.entries[i].id);
    }
    for (size_t i = 0; i < t->added.n; i++) {
        raise_size(&t->info, t->added.tokens[i].id);
    }
    if (t->info.unk < 0 && t->model.unk_id >= 0 && t->model.unk_id <= INT32_MAX) {
        t->info.unk = (int32_t)t->model.unk_id;
    }
    t->info.adds_bos = t->info.bos >= 0 && t->post.before.n > 0 &&
                       t->post.before.items[0] == (uint32_t)t->info.bos;
    t->keep_align = pipeline_has(&t->pre_tokenizers, "Metaspace");
    return true;
}

const struct tokenizer_info *tokenizer_info(const struct tokenizer *t) {
    return &t->info;
}

int64_t tokenizer_find(const struct tokenizer *t, const char *text, size_t n) {
    int64_t id = added_find(&t->added, text, n);
    return id >= 0 ? id : vocab_find(&t->model.vocab, text, n);
}

const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *n, bool *special) {
    const struct added_token *a = added_at(&t->added, id);
    const struct vocab_entry *e = a ? NULL : vocab_at(&t->model.vocab, id);
    const char *text = a ? a->pattern : e ? e->text : NULL;
    *n = a ? a->n_pattern : e ? e->n : 0;
    *special = text && added_is_special(&t->added, text, *n); /* by text, whichever its id */
    return text;
}

/* ---- text to ids ---- */

static void emit_ids(struct token_list *out, const struct id_list *ids) {
    for (size_t i = 0; i < ids->n; i++) {
        token_list_add(out, (int32_t)ids->items[i], (struct token_span) { 0 });
    }
}

static bool encode_piece(
    const struct tokenizer *t, struct work *w, const struct piece *p, struct err *err) {
    const struct view in = work_view(w, p);
    w->word.n = 0;
    w->steps++;
    if (!word_memo_get(&w->memo, in.bytes, in.n, &w->word)) {
        if (!t->model.type->encode(&t->model, w, p, err)) {
            return err_wrap(err, "%s", t->model.type->name);
        }
        word_memo_put(&w->memo, in.bytes, in.n, &w->word);
    }
    work_emit_word(w, p);
    return true;
}

static bool run_model(const struct tokenizer *t, struct work *w, struct err *err) {
    for (size_t i = 0; i < w->pieces.n; i++) {
        const struct piece *p = &w->pieces.items[i];
        if (p->id != PIECE_NO_ID) {
            work_emit(w, p, (uint32_t)p->id, 0, p->to - p->from);
        } else if (!encode_piece(t, w, p, err)) {
            return false;
        }
    }
    return true;
}

static bool encode(const struct tokenizer *t, struct work *w, struct err *err) {
    added_split(&t->added, false, w);
    if (!pipeline_apply(&t->normalizers, w, err)) {
        return false;
    }
    added_split(&t->added, true, w);
    return pipeline_apply(&t->pre_tokenizers, w, err) && run_model(t, w, err);
}

bool tokenizer_encode_counted(const struct tokenizer *t, const char *text, size_t n,
    const struct encode_options *options, struct token_list *out, uint64_t *steps,
    struct err *err) {
    if (n > TEXT_BYTES_MAX) {
        return err_set(err, ERR_INPUT, "a text of %zu bytes is longer than %zu", n, TEXT_BYTES_MAX);
    }
    bool special = !options || !options->no_special;
    char *repaired = utf8_valid(text, n) ? NULL : utf8_repair(text, n, &n);
    size_t before = out->n;
    if (special) {
        emit_ids(out, &t->post.before);
    }
    size_t own = out->n;
    struct work *w = work_take(t->works);
    work_begin(w, repaired ? repaired : text, n, out->want_spans || t->keep_align, out);
    w->trim = t->post.trim;
    w->trim.behind = w->trim.behind && special;
    w->vocab = &t->model.vocab;
    w->covers = t->model.type == &TOKEN_MODEL_UNIGRAM ? t->model.unk_id : -1;
    bool ok = encode(t, w, err);
    *steps += w->steps;
    work_return(t->works, w);
    free(repaired);
    if (!ok || !fit_truncate(&t->fit, special ? t->post.n_counted : 0, out, own, err)) {
        out->n = before;
        return false;
    }
    if (options && options->limit) {
        size_t added = special ? t->post.before.n + t->post.after.n : 0;
        size_t left = options->limit > added ? options->limit - added : 0;
        fit_cut(out, own, left, t->info.cuts_left);
    }
    if (special) {
        emit_ids(out, &t->post.after);
    }
    fit_pad(&t->fit, out, before);
    return true;
}

bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t n,
    const struct encode_options *options, struct token_list *out, struct err *err) {
    uint64_t steps = 0;
    return tokenizer_encode_counted(t, text, n, options, out, &steps, err);
}

/* ---- ids to text ---- */

/* Ids from 2^31 on are legal, and negative in an int32_t. */
static bool add_id(
    const struct tokenizer *t, struct decoding *d, int32_t id, bool skip_special, struct err *err) {
    if ((uint32_t)id >= t->info.vocab_size) {
        return err_set(err, ERR_INPUT, "token id %ld is not in the vocabulary of %zu", (long)id,
            t->info.vocab_size);
    }
    size_t n;
    bool special;
    const char *text = tokenizer_text(t, (uint32_t)id, &n, &special);
    if (text && !(special && skip_special)) {
        decoding_add(d, text, n);
    }
    return true;
}

/* Strings that no decoder joined: one after the other, or with spaces where the tokenizer has no
 * decoder. */
static void finish_decoding(
    const struct tokenizer *t, const struct decoding *d, struct strbuf *out) {
    const struct string_list *l = &d->strings;
    struct strbuf joined = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        size_t from = i ? l->ends[i - 1] : 0;
        if (i && t->decoders.n == 0 && !d->inner) {
            strbuf_addc(&joined, ' ');
        }
        strbuf_add(&joined, strbuf_str(&l->text) + from, l->ends[i] - from);
    }
    if (t->clean_up && !d->inner) {
        decoding_clean_up(strbuf_str(&joined), joined.len, false, out);
    } else {
        strbuf_add(out, strbuf_str(&joined), joined.len);
    }
    strbuf_release(&joined);
}

static bool decode(
    const struct tokenizer *t, struct decoding *d, struct strbuf *out, struct err *err) {
    for (size_t i = 0; i < t->decoders.n; i++) {
        const struct stage *s = &t->decoders.stages[i];
        if (!s->type->decode(s, d, err)) {
            return err_wrap(err, "'%s'", s->type->name);
        }
    }
    finish_decoding(t, d, out);
    return true;
}

bool tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
    struct strbuf *out, struct err *err) {
    struct decoding d = { 0 };
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        ok = add_id(t, &d, ids[i], skip_special, err);
    }
    ok = ok && decode(t, &d, out, err);
    decoding_release(&d);
    return ok;
}

bool tokenizer_bytes(const struct tokenizer *t, int32_t id, struct strbuf *out, struct err *err) {
    struct decoding d = { .inner = true };
    bool ok = add_id(t, &d, id, false, err) && decode(t, &d, out, err);
    decoding_release(&d);
    return ok;
}
