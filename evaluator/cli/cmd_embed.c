/* assay embed: texts or ids to vectors. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"

#define LINES_AT_ONCE                                                                              \
    65536 /* what is read before it is run: bounds memory, and is far past any batch */

static const struct option options_embed[] = {
    { "prompt", 0, "NAME", "a prompt of the model's config_sentence_transformers.json" },
    { "prompt-text", 0, "TEXT", "text put before every text" },
    { "pooling", 0, "KIND", "auto, mean, cls, last, max, mean_sqrt, weighted_mean" },
    { "no-normalize", 0, NULL, "leave vectors as pooled" },
    { "dim", 0, "N", "keep the first N numbers of each vector" },
    { NULL, 0, NULL, NULL },
};

static void line_to_request(struct line *line, struct arena *arena, struct embed_request *r) {
    memset(r, 0, sizeof *r);
    if (line->err.class == ERR_NONE) {
        const json_t *ids = json_object_get(line->object, "ids");
        if (ids) {
            line_ids(line, arena, ids, "ids", &r->ids, &r->n_ids);
        } else {
            line_string(line, "text", &r->text, &r->text_n);
        }
    }
    r->err = line->err;
}

static void answer(
    struct exchange *p, const struct line *line, const float *vector, uint32_t width) {
    if (!exchange_answer(p, line)) {
        return;
    }
    jw_key(&p->answers.json, "embedding");
    jw_array(&p->answers.json);
    for (uint32_t i = 0; i < width; i++) {
        jw_float(&p->answers.json, vector[i]);
    }
    jw_end_array(&p->answers.json);
    exchange_answer_end(p);
}

/* Runs the lines that were read and answers them. */
static bool run_lines(struct session *s, const struct embed_options *options, uint32_t width,
    struct exchange *p, struct err *err) {
    struct arena arena = { 0 };
    struct embed_request *requests = mem_try(p->n + 1, sizeof *requests, "requests", err);
    float *vectors = requests ? mem_try(p->n + 1, width * sizeof *vectors, "vectors", err) : NULL;
    bool ok = vectors != NULL;
    size_t n = 0;
    for (size_t i = 0; ok && i < p->n; i++) {
        line_to_request(&p->lines[i], &arena, &requests[n]);
        n += p->lines[i].err.class == ERR_NONE;
    }
    ok = ok && model_embed(s->model, options, requests, n, vectors, &s->run, err);
    for (size_t i = 0, r = 0; ok && i < p->n; i++) {
        struct line *line = &p->lines[i];
        const float *vector = vectors + r * width;
        if (line->err.class == ERR_NONE) {
            line->err = requests[r++].err;
        }
        answer(p, line, vector, width);
    }
    free(vectors);
    free(requests);
    arena_release(&arena);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct session s;
    struct exchange p = { 0 };
    struct embed_options options = {
        .no_normalize = args_has(args, "no-normalize"),
        .prompt_name = args_get(args, "prompt", NULL),
        .prompt_text = args_get(args, "prompt-text", NULL),
    };
    unsigned long dim;
    if (!pooling_parse(args_get(args, "pooling", "auto"), &options.pooling, err) ||
        !args_get_uint(args, "dim", 0, 1u << 20, &dim, err) ||
        !session_open(&s, args, args->operands[0], "embed", err)) {
        return false;
    }
    options.dim = (uint32_t)dim;
    uint32_t width = model_embed_width(s.model, &options, err);
    bool ok = width > 0, more = ok;
    while (ok && more) {
        ok =
            exchange_read(&p, LINES_AT_ONCE, &more, err) && run_lines(&s, &options, width, &p, err);
        exchange_reset(&p);
    }
    ok = session_close(&s, ok ? err : &(struct err)ERR_INIT) && ok;
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    return ok;
}

const struct command cmd_embed = {
    .name = "embed",
    .operands = "MODEL",
    .summary = "texts to vectors, JSON lines in and out",
    .details =
        "in   {\"id\": any, \"text\": \"...\"} or {\"id\": any, \"ids\": [i, ...]}\n"
        "out  {\"id\": any, \"embedding\": [f, ...]}\n\n"
        "A model with sentence-transformers modules is pooled and normalised as they say; a bare\n"
        "encoder needs --pooling, and is normalised unless told not to.\n\n"
        "  echo '{\"id\": 1, \"text\": \"hello\"}' | assay embed "
        "sentence-transformers/all-MiniLM-L6-v2\n",
    .options = { options_embed, options_device, options_model },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
