/* What SentencePiece does with its models, which is not quite what others make of them: the longest
 * match of the charsmap counts, spaces at the ends go and runs of them become one, control pieces
 * are never found in a text, and sums of scores are single precision. */
#include "harness/tokenizer/files/sentencepiece.h"

#include <float.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/tokenizer/pipeline/charsmap.h"

#define SPACE_MARK "\xe2\x96\x81"
#define UNKNOWN_PENALTY 10.0f

/* ---- normalizing ---- */

struct spm_options {
    struct charsmap charsmap;
    struct token_trie symbols; /* user-defined: they stay as they are */
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces, space_is_suffix;
};

struct spm_writer {
    struct work *w;
    const struct spm_options *o;
    struct view in;
    size_t n_spaces, space_at; /* not written yet, because those at the end may go */
    bool after_space;
};

struct step {
    const char *text;
    size_t n_text, n;
};

static size_t longest_symbol(const struct token_trie *t, struct view in, size_t at) {
    size_t found = 0;
    uint32_t node = 0;
    for (size_t end = at; end < in.n && t->n_nodes > 1 &&
                          (node = token_trie_step(t, node, (uint8_t)in.bytes[end]));) {
        end++;
        found = t->values[node] >= 0 ? end - at : found;
    }
    return found;
}

static struct step step_at(const struct spm_options *o, struct view in, size_t at) {
    const char *s = in.bytes + at;
    size_t n = longest_symbol(&o->symbols, in, at);
    if (n == 0) {
        struct charsmap_match m = charsmap_longest(&o->charsmap, s, in.n - at);
        if (m.text) {
            return (struct step) { m.text, m.n_text, m.n };
        }
        uint32_t cp;
        n = utf8_decode(s, in.n - at, &cp);
        BUG_IF(n == 0);
    }
    return (struct step) { s, n, n };
}

static void write_spaces(struct spm_writer *p) {
    const char *mark = p->o->escape_whitespaces ? SPACE_MARK : " ";
    for (; p->n_spaces; p->n_spaces--) {
        work_put(p->w, mark, strlen(mark), p->in, p->space_at);
    }
}

static void add_space(struct spm_writer *p, size_t at) {
    p->n_spaces++;
    p->space_at = at;
}

/* A space that is on its way out, or already a mark in the text (which counts as one at its end).
 */
static size_t space_length(const struct spm_options *o, struct step s, size_t at) {
    size_t n = strlen(SPACE_MARK);
    if (s.text[at] == ' ') {
        return 1;
    }
    return o->escape_whitespaces && s.n_text - at >= n && memcmp(s.text + at, SPACE_MARK, n) == 0
               ? n
               : 0;
}

static void write_step(struct spm_writer *p, struct step s, size_t at) {
    while (p->after_space && s.n_text && s.text[0] == ' ') {
        s.text++;
        s.n_text--;
    }
    for (size_t i = 0, n; i < s.n_text; i += n ? n : 1) {
        n = space_length(p->o, s, i);
        if (n) {
            add_space(p, at);
        } else {
            write_spaces(p);
            work_put(p->w, s.text + i, 1, p->in, at);
        }
    }
    if (s.n_text) {
        p->after_space = p->o->remove_extra_whitespaces && s.text[s.n_text - 1] == ' ';
    }
}

static size_t skip_spaces(const struct spm_options *o, struct view in) {
    size_t at = 0;
    while (o->remove_extra_whitespaces && at < in.n) {
        struct step s = step_at(o, in, at);
        if (s.n_text != 1 || s.text[0] != ' ') {
            break;
        }
        at += s.n;
    }
    return at;
}

static void normalize(struct work *w, const void *options, struct view in) {
    const struct spm_options *o = options;
    struct spm_writer p = { .w = w, .o = o, .in = in, .after_space = o->remove_extra_whitespaces };
    size_t at = skip_spaces(o, in);
    if (at == in.n) {
        return;
    }
    if (o->add_dummy_prefix && !o->space_is_suffix) {
        add_space(&p, at);
    }
    for (; at < in.n;) {
        struct step s = step_at(o, in, at);
        write_step(&p, s, at);
        at += s.n;
    }
    p.n_spaces = o->remove_extra_whitespaces ? 0 : p.n_spaces;
    if (o->add_dummy_prefix && o->space_is_suffix) {
        add_space(&p, in.n - 1);
    }
    write_spaces(&p);
}

static bool apply(const struct stage *s, struct work *w, struct err *err) {
    (void)err;
    work_transform(w, normalize, s->options);
    return true;
}

static void release(const struct stage *s) {
    struct spm_options *o = (struct spm_options *)(uintptr_t)s->options;
    token_trie_release(&o->symbols);
}

static const struct stage_type SENTENCEPIECE = {
    .name = "SentencePiece", .apply = apply, .release = release
};

static bool load_normalizer(struct tokenizer *t, const struct spm *s, struct err *err) {
    struct spm_options *o = arena_alloc(&t->normalizers.arena, sizeof *o);
    o->add_dummy_prefix = s->add_dummy_prefix;
    o->remove_extra_whitespaces = s->remove_extra_whitespaces;
    o->escape_whitespaces = s->escape_whitespaces;
    o->space_is_suffix = s->space_is_suffix;
    token_trie_init(&o->symbols);
    pipeline_add(&t->normalizers, (struct stage) { .type = &SENTENCEPIECE, .options = o });
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        if (p->type == SPM_USER_DEFINED &&
            !token_trie_add(&o->symbols, p->text, p->n, (int32_t)i, err)) {
            return false;
        }
    }
    return !s->n_charsmap ||
           charsmap_load(&o->charsmap, s->charsmap, s->n_charsmap, &t->normalizers.arena, err);
}

/* ---- the model ---- */

static bool is_found(const struct spm_piece *p) {
    return p->n && (p->type == SPM_NORMAL || p->type == SPM_USER_DEFINED);
}

static bool load_vocab(struct token_model *m, const struct spm *s, struct err *err) {
    vocab_init(&m->vocab, s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (!vocab_put(&m->vocab, s->pieces[i].text, s->pieces[i].n, (uint32_t)i, err)) {
            return false;
        }
    }
    vocab_seal(&m->vocab);
    if (s->unk < 0 || (size_t)s->unk >= s->n) {
        return err_set(
            err, ERR_INPUT, "the unknown piece %lld is not in the vocab", (long long)s->unk);
    }
    m->unk_id = s->unk;
    m->unk_token = vocab_at(&m->vocab, (uint32_t)s->unk)->text;
    m->fuse_unk = true;
    m->byte_fallback = s->byte_fallback;
    return true;
}

/* A user-defined piece outdoes whatever else could cover it. */
static bool load_unigram(struct token_model *m, const struct spm *s, struct err *err) {
    float lowest = FLT_MAX, highest = -FLT_MAX;
    m->scores = xcalloc(s->n, sizeof *m->scores);
    token_trie_init(&m->trie);
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        lowest = p->type == SPM_NORMAL && p->score < lowest ? p->score : lowest;
        highest = p->type == SPM_NORMAL && p->score > highest ? p->score : highest;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        m->scores[i] = p->type == SPM_USER_DEFINED ? (float)p->n * highest - 0.1f : p->score;
        if (is_found(p) && !token_trie_add(&m->trie, p->text, p->n, (int32_t)i, err)) {
            return false;
        }
    }
    m->unknown_score = lowest - UNKNOWN_PENALTY;
    m->single_precision = true;
    token_model_find_bytes(m);
    return true;
}

static int compare_scores(const void *a, const void *b, void *pieces) {
    const struct spm_piece *p = pieces;
    float x = p[*(const uint32_t *)a].score, y = p[*(const uint32_t *)b].score;
    return (x < y) - (x > y);
}

/* Pieces of one score have one rank: of those the leftmost merges first. */
static bool load_bpe(struct token_model *m, const struct spm *s, struct err *err) {
    uint32_t *order = xcalloc(s->n, sizeof *order), *ranks = xcalloc(s->n, sizeof *ranks);
    for (size_t i = 0; i < s->n; i++) {
        order[i] = (uint32_t)i;
    }
    qsort_r(order, s->n, sizeof *order, compare_scores, s->pieces);
    for (size_t i = 0, rank = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[order[i]];
        rank += i && p->score < s->pieces[order[i - 1]].score;
        ranks[order[i]] = is_found(p) ? (uint32_t)rank : UINT32_MAX;
    }
    bool ok = bpe_make_ranked_merges(m, ranks, err);
    free(order);
    free(ranks);
    return ok;
}

static void load_added(struct tokenizer *t, const struct spm *s) {
    for (size_t i = 0; i < s->n; i++) {
        const struct spm_piece *p = &s->pieces[i];
        bool symbol = p->type == SPM_USER_DEFINED && (s->bpe || s->finds_controls);
        if (p->n && (symbol || p->type == SPM_CONTROL)) {
            added_put(&t->added, &t->model,
                (struct added_token) { .text = p->text,
                    .n = p->n,
                    .normalized = !s->finds_controls,
                    .literal = true,
                    .never_found = !symbol && !s->finds_controls,
                    .special = p->type == SPM_CONTROL });
        }
    }
}

static int32_t end_id(const struct spm *s, int64_t id) {
    return id >= 0 && (size_t)id < s->n ? (int32_t)id : -1;
}

bool tokenizer_load_spm(struct tokenizer *t, const struct spm *s, struct err *err) {
    t->model.type = s->bpe ? &TOKEN_MODEL_BPE : &TOKEN_MODEL_UNIGRAM;
    if (!load_vocab(&t->model, s, err) ||
        !(s->bpe ? load_bpe(&t->model, s, err) : load_unigram(&t->model, s, err)) ||
        !load_normalizer(t, s, err)) {
        return false;
    }
    load_added(t, s);
    t->info.bos = end_id(s, s->bos);
    t->info.eos = end_id(s, s->eos);
    t->info.pad = end_id(s, s->pad);
    json_t *decoder = json_pack("{s:{s:s, s:[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]}}", "decoder",
        "type", "Sequence", "decoders", "type", "Replace", "pattern", "String", SPACE_MARK,
        "content", " ", "type", "ByteFallback", "type", "Fuse");
    if (s->add_dummy_prefix && !s->space_is_suffix) {
        json_array_append_new(json_object_get(json_object_get(decoder, "decoder"), "decoders"),
            json_pack(
                "{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0));
    }
    bool ok = tokenizer_load_json(t, decoder, err);
    json_decref(decoder);
    return ok;
}
