/* Passages to vectors that can be compared, a block at a time (see ranked.h): a corpus of millions
 * takes the memory of one block. */
#include <string.h>

#include "evaluator/eval/ranked.h"

/* Of vectors; what a model makes of a text on the way takes as much again, or more. */
enum { BLOCK_BYTES = 64 << 20, BLOCK_LEAST = 1024, BLOCK_MOST = 16384 };

static float *embed_comparable(struct eval *e, enum subject_role role, const char *prompt,
    const char *const *texts, size_t n, struct err *err) {
    float *vectors = eval_embed(e, role, prompt, texts, n, err);
    if (vectors && !eval_make_comparable(e, "text", vectors, n, err)) {
        free(vectors);
        vectors = NULL;
    }
    return vectors;
}

float *embed_queries(struct eval *e, const char *const *texts, size_t n, struct err *err) {
    return embed_comparable(e, SUBJECT_QUERY, e->info->prompt_query, texts, n, err);
}

static size_t block_size(const struct eval *e) {
    size_t n = BLOCK_BYTES / sizeof(float) / (e->subject->width ? e->subject->width : 1);
    return n < BLOCK_LEAST ? BLOCK_LEAST : n > BLOCK_MOST ? BLOCK_MOST : n;
}

bool embed_passages(struct eval *e, const size_t *which, size_t from, size_t n, passages_fn *fn,
    void *arg, struct err *err) {
    size_t block = block_size(e);
    const char **texts = xcalloc(n < block ? n + 1 : block, sizeof *texts);
    bool ok = true;
    for (size_t at = from, m; ok && at < from + n; at += m) {
        m = from + n - at < block ? from + n - at : block;
        for (size_t i = 0; i < m; i++) {
            texts[i] = e->retrieval->passages[which ? which[at + i] : at + i].text;
        }
        float *vectors =
            embed_comparable(e, SUBJECT_PASSAGE, e->info->prompt_passage, texts, m, err);
        ok = vectors && (e->plan || fn(arg, vectors, at, m, err));
        free(vectors);
        task_forget_texts(e->retrieval);
    }
    free(texts);
    return ok;
}
