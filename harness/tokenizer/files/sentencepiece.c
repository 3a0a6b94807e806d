/* SentencePiece's file (see sentencepiece.h): a protobuf message of pieces, of how they were
 * trained, and of how text is normalized. The numbers of its fields are those of
 * sentencepiece_model.proto. */
#include "harness/tokenizer/files/sentencepiece.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/utf8.h"
#include "harness/tokenizer/files/protobuf.h"

#define SPM_BYTES_MAX ((size_t)64 << 20)

void spm_init(struct spm *s) {
    *s = (struct spm) {
        .bos = 1,
        .eos = 2,
        .pad = -1,
        .unk_piece = "<unk>",
        .n_unk_piece = 5,
        .add_dummy_prefix = true,
        .remove_extra_whitespaces = true,
        .escape_whitespaces = true,
    };
}

void spm_release(struct spm *s) {
    strbuf_release(&s->file);
    free(s->pieces);
    *s = (struct spm) { 0 };
}

void spm_add(struct spm *s, struct spm_piece piece) {
    mem_grow(&s->pieces, &s->capacity, s->n + 1, sizeof *s->pieces);
    s->pieces[s->n++] = piece;
}

static struct protobuf message(const struct protobuf_field *f) {
    return (struct protobuf) { f->bytes, f->bytes + f->n, false };
}

static bool broken(struct err *err) {
    return err_set(err, ERR_INPUT, "is no SentencePiece model: its protobuf is cut or damaged");
}

static bool read_piece(struct spm *s, const struct protobuf_field *whole, struct err *err) {
    struct protobuf p = message(whole);
    struct protobuf_field f;
    struct spm_piece piece = { .text = "", .type = SPM_NORMAL };
    while (protobuf_next(&p, &f)) {
        if (f.number == 1 && f.bytes) {
            piece.text = (const char *)f.bytes;
            piece.n = f.n;
        } else if (f.number == 2) {
            piece.score = protobuf_float(&f);
        } else if (f.number == 3 && f.value >= SPM_NORMAL && f.value <= SPM_BYTE) {
            piece.type = (enum spm_type)f.value;
        }
    }
    if (p.broken) {
        return broken(err);
    }
    if (s->n == VOCAB_TOKENS_MAX) {
        return err_set(err, ERR_INPUT, "vocab has more than %d tokens", VOCAB_TOKENS_MAX);
    }
    spm_add(s, piece);
    return true;
}

static bool read_trainer(struct spm *s, const struct protobuf_field *whole, struct err *err) {
    enum { UNIGRAM = 1, BPE = 2 };
    struct protobuf p = message(whole);
    struct protobuf_field f;
    uint64_t type = UNIGRAM;
    while (protobuf_next(&p, &f)) {
        switch (f.number) {
        case 3:
            type = f.value;
            break;
        case 24:
            s->space_is_suffix = f.value;
            break;
        case 35:
            s->byte_fallback = f.value;
            break;
        case 40:
            s->unk = (int32_t)f.value;
            break;
        case 41:
            s->bos = (int32_t)f.value;
            break;
        case 42:
            s->eos = (int32_t)f.value;
            break;
        case 43:
            s->pad = (int32_t)f.value;
            break;
        case 45:
            s->unk_piece = f.bytes ? (const char *)f.bytes : s->unk_piece;
            s->n_unk_piece = f.bytes ? f.n : s->n_unk_piece;
            break;
        default:
            break;
        }
    }
    s->bpe = type == BPE;
    if (!p.broken && type != UNIGRAM && type != BPE) {
        return err_set(err, ERR_UNSUPPORTED,
            "SentencePiece model type %s is not supported: only unigram and bpe are",
            type == 3   ? "word"
            : type == 4 ? "char"
                        : "(unknown)");
    }
    return !p.broken || broken(err);
}

static bool read_normalizer(struct spm *s, const struct protobuf_field *whole, struct err *err) {
    struct protobuf p = message(whole);
    struct protobuf_field f;
    while (protobuf_next(&p, &f)) {
        switch (f.number) {
        case 2:
            s->charsmap = f.bytes;
            s->n_charsmap = f.n;
            break;
        case 3:
            s->add_dummy_prefix = f.value;
            break;
        case 4:
            s->remove_extra_whitespaces = f.value;
            break;
        case 5:
            s->escape_whitespaces = f.value;
            break;
        default:
            break;
        }
    }
    return !p.broken || broken(err);
}

bool spm_check(const struct spm *s, struct err *err) {
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        if (!utf8_valid(p->text, p->n) || !isfinite(p->score)) {
            return err_set(err, ERR_INPUT, "piece %zu is not UTF-8, or its score is no number", i);
        }
    }
    return s->n > 0 || err_set(err, ERR_INPUT, "there are no pieces");
}

bool spm_parse(struct spm *s, const void *bytes, size_t n, struct err *err) {
    struct protobuf p = { bytes, (const uint8_t *)bytes + n, false };
    struct protobuf_field f;
    bool ok = true;
    while (ok && protobuf_next(&p, &f)) {
        ok = !f.bytes        ? true
             : f.number == 1 ? read_piece(s, &f, err)
             : f.number == 2 ? read_trainer(s, &f, err)
             : f.number == 3 ? read_normalizer(s, &f, err)
                             : true;
    }
    return ok && (p.broken ? broken(err) : spm_check(s, err));
}

bool spm_read(struct spm *s, const char *path, struct err *err) {
    spm_init(s);
    return (file_read(path, SPM_BYTES_MAX, &s->file, err) &&
               spm_parse(s, strbuf_str(&s->file), s->file.len, err)) ||
           err_wrap(err, "%s", path);
}

bool spm_is(const char *path) {
    FILE *file = fopen(path, "rb");
    int first = file ? fgetc(file) : EOF;
    if (file) {
        fclose(file);
    }
    return first == EOF || first == (1 << 3 | 2);
}

/* ---- as a document ---- */

static json_t *unigram_vocab(const struct spm *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        json_array_append_new(list, json_pack("[s%, f]", p->text, p->n, (double)p->score));
    }
    return json_pack("{s:s, s:o, s:I, s:b}", "type", "Unigram", "vocab", list, "unk_id",
        (json_int_t)s->unk, "byte_fallback", s->byte_fallback);
}

static json_t *bpe_vocab(const struct spm *s) {
    json_t *vocab = json_object();
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        json_object_setn_new(vocab, p->text, p->n, json_integer((json_int_t)i));
    }
    return json_pack("{s:s, s:o, s:s%, s:b, s:b}", "type", "BPE", "vocab", vocab, "unk_token",
        s->unk_piece, s->n_unk_piece, "fuse_unk", true, "byte_fallback", s->byte_fallback);
}

static json_t *added_tokens(const struct spm *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        if (p->n && (p->type == SPM_CONTROL || p->type == SPM_USER_DEFINED)) {
            json_array_append_new(
                list, json_pack("{s:s%, s:I, s:b, s:b}", "content", p->text, p->n, "id",
                          (json_int_t)i, "special", p->type == SPM_CONTROL, "normalized", false));
        }
    }
    return list;
}

static json_t *normalizer(const struct spm *s) {
    json_t *list = json_array();
    if (s->n_charsmap) {
        struct strbuf text = { 0 };
        base64_add(&text, s->charsmap, s->n_charsmap);
        json_array_append_new(list, json_pack("{s:s, s:s%}", "type", "Precompiled",
                                        "precompiled_charsmap", strbuf_str(&text), text.len));
        strbuf_release(&text);
    }
    json_array_append_new(list, json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern",
                                    "String", " ", "content", "\xe2\x96\x81"));
    return json_pack("{s:s, s:o}", "type", "Sequence", "normalizers", list);
}

static json_t *decoder(const struct spm *s) {
    json_t *list = json_pack("[{s:s, s:{s:s}, s:s}]", "type", "Replace", "pattern", "String",
        "\xe2\x96\x81", "content", " ");
    if (s->byte_fallback) {
        json_array_append_new(list, json_pack("{s:s}", "type", "ByteFallback"));
        json_array_append_new(list, json_pack("{s:s}", "type", "Fuse"));
    }
    return json_pack("{s:s, s:o}", "type", "Sequence", "decoders", list);
}

bool spm_to_doc(const struct spm *s, json_t **doc, struct err *err) {
    if (!utf8_valid(s->unk_piece, s->n_unk_piece)) {
        return err_set(err, ERR_INPUT, "the unknown piece is not UTF-8");
    }
    *doc = json_pack("{s:o, s:o, s:o, s:o}", "model", s->bpe ? bpe_vocab(s) : unigram_vocab(s),
        "added_tokens", added_tokens(s), "normalizer", normalizer(s), "decoder", decoder(s));
    BUG_IF(!*doc);
    return true;
}
