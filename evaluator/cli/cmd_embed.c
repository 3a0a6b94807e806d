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

/* Lines that were read, what was asked for them, and their answers in the making: those of a part
 * are one piece of work for a thread. */
enum { LINES_A_PART = 16, PARTS_AT_ONCE = 64 };

struct embedding {
    struct exchange *exchange;
    struct embed_request *requests; /* of lines that are some */
    float *vectors;                 /* [requests, width] */
    size_t *line_requests;          /* which of them a line's is */
    uint32_t width;
    size_t first_line; /* of the parts at hand */
    struct answers answers[PARTS_AT_ONCE];
};

static void answer(struct answers *a, const struct line *line, const float *vector, uint32_t n) {
    if (!answer_begin(a, line)) {
        return;
    }
    jw_key(&a->json, "embedding");
    jw_array(&a->json);
    for (uint32_t i = 0; i < n; i++) {
        jw_float(&a->json, vector[i]);
    }
    jw_end_array(&a->json);
    answer_end(a);
}

static void answer_part(void *arg, unsigned thread, size_t part) {
    (void)thread;
    struct embedding *e = arg;
    const struct exchange *p = e->exchange;
    const size_t from = e->first_line + part * LINES_A_PART;
    for (size_t i = from; i < from + LINES_A_PART && i < p->n; i++) {
        const size_t request = e->line_requests[i];
        if (p->lines[i].err.class == ERR_NONE) {
            p->lines[i].err = e->requests[request].err;
        }
        answer(&e->answers[part], &p->lines[i], e->vectors + request * e->width, e->width);
    }
}

static void answer_lines(struct model *model, struct embedding *e) {
    const size_t at_once = (size_t)PARTS_AT_ONCE * LINES_A_PART;
    for (e->first_line = 0; e->first_line < e->exchange->n; e->first_line += at_once) {
        const size_t left = e->exchange->n - e->first_line;
        const size_t n = left < at_once ? left : at_once;
        const size_t n_parts = (n + LINES_A_PART - 1) / LINES_A_PART;
        model_share(model, n_parts, answer_part, e);
        for (size_t i = 0; i < n_parts; i++) {
            exchange_write(e->exchange, &e->answers[i]);
        }
    }
}

static bool room_make(struct embedding *e, struct err *err) {
    const size_t n = e->exchange->n + 1;
    e->requests = mem_try(n, sizeof *e->requests, "requests", err);
    e->line_requests = e->requests ? mem_try(n, sizeof *e->line_requests, "requests", err) : NULL;
    e->vectors =
        e->line_requests ? mem_try(n, e->width * sizeof *e->vectors, "vectors", err) : NULL;
    return e->vectors != NULL;
}

static void room_release(struct embedding *e) {
    for (size_t i = 0; i < PARTS_AT_ONCE; i++) {
        strbuf_release(&e->answers[i].out);
    }
    free(e->vectors);
    free(e->line_requests);
    free(e->requests);
}

/* Runs the lines that were read and answers them. */
static bool run_lines(struct session *s, const struct embed_options *options, uint32_t width,
    struct exchange *p, struct err *err) {
    struct arena arena = { 0 };
    struct embedding e = { .exchange = p, .width = width };
    bool ok = room_make(&e, err);
    size_t n = 0;
    for (size_t i = 0; ok && i < p->n; i++) {
        line_to_request(&p->lines[i], &arena, &e.requests[n]);
        e.line_requests[i] = n;
        n += p->lines[i].err.class == ERR_NONE;
    }
    ok = ok && model_embed(s->model, options, e.requests, n, e.vectors, &s->run, err);
    if (ok) {
        answer_lines(s->model, &e);
    }
    room_release(&e);
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
