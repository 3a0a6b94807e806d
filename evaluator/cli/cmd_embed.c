/* assay embed: texts or ids to vectors. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/cli/npy.h"

#define LINES_AT_ONCE                                                                              \
    65536 /* what is read before it is run: bounds memory, and is far past any batch */

static const struct option options_embed[] = {
    { "prompt", 0, "NAME", "a prompt of the model's config_sentence_transformers.json" },
    { "prompt-text", 0, "TEXT", "text put before every text" },
    { "pooling", 0, "KIND", "auto, mean, cls, last, max, mean_sqrt, weighted_mean" },
    { "no-normalize", 0, NULL, "leave vectors as pooled" },
    { "dim", 0, "N", "keep the first N numbers of each vector" },
    { "format", 0, "FORMAT",
        "json (lines, the default) or npy: one array of float32, a row a line" },
    { "out", 'o', "FILE", "with npy: where to write (default: standard output)" },
    { "rows", 0, "N", "with npy: how many lines there will be, for output that is a pipe" },
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

/* Rows in the order of the lines; a line that can't be used is a row of NaN, so that the others
 * keep their places. */
static bool add_rows(struct embedding *e, struct npy *npy, struct err *err) {
    float *none = xcalloc(e->width, sizeof *none);
    bool ok = true;
    for (uint32_t i = 0; i < e->width; i++) {
        none[i] = NAN;
    }
    for (size_t i = 0; ok && i < e->exchange->n; i++) {
        const size_t request = e->line_requests[i];
        const struct err *why = &e->exchange->lines[i].err;
        why = why->class == ERR_NONE ? &e->requests[request].err : why;
        if (why->class != ERR_NONE) {
            log_line(LOG_WARN, "row %llu is NaN: %s", (unsigned long long)npy->rows, why->msg);
            e->exchange->answers.n_failed++;
        }
        ok = npy_add(npy, why->class == ERR_NONE ? e->vectors + request * e->width : none, 1, err);
    }
    free(none);
    return ok;
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
    struct exchange *p, struct npy *npy, struct err *err) {
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
    if (ok && npy) {
        ok = add_rows(&e, npy, err);
    } else if (ok) {
        answer_lines(s->model, &e);
    }
    room_release(&e);
    arena_release(&arena);
    return ok;
}

/* Answers all lines; into an array where there is one. */
static bool run_all(struct session *s, const struct embed_options *options, uint32_t width,
    struct exchange *p, struct npy *npy, struct err *err) {
    bool ok = true;
    for (bool more = true; ok && more;) {
        ok = exchange_read(p, LINES_AT_ONCE, &more, err) &&
             run_lines(s, options, width, p, npy, err);
        exchange_reset(p);
    }
    return ok;
}

static bool run_npy(const struct args *args, struct session *s, const struct embed_options *options,
    uint32_t width, struct exchange *p, struct err *err) {
    unsigned long rows;
    struct npy npy;
    if (!args_get_uint(args, "rows", 0, 1ul << 48, &rows, err)) {
        return false;
    }
    const uint64_t expected = rows;
    bool opened = npy_open(
        &npy, args_get(args, "out", NULL), width, args_has(args, "rows") ? &expected : NULL, err);
    bool ok = opened && run_all(s, options, width, p, &npy, err);
    return npy_close(&npy, ok, err) && ok;
}

static bool array_is_asked(const struct args *args, bool *npy, struct err *err) {
    const char *format = args_get(args, "format", "json");
    *npy = !strcmp(format, "npy");
    if (!*npy && strcmp(format, "json") != 0) {
        return err_set(err, ERR_USAGE, "option '--format' is json or npy, not '%.40s'", format);
    }
    return *npy || (!args_has(args, "out") && !args_has(args, "rows")) ||
           err_set(err, ERR_USAGE, "--out and --rows are for --format npy");
}

static bool finish(struct exchange *p, bool npy, struct err *err) {
    if (npy && p->answers.n_failed) {
        err_set(err, ERR_FAILED, "%zu of the rows are NaN", p->answers.n_failed);
        return err_hint(err, "each has its reason above");
    }
    return exchange_finish(p, err);
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
    bool npy;
    if (!array_is_asked(args, &npy, err) ||
        !pooling_parse(args_get(args, "pooling", "auto"), &options.pooling, err) ||
        !args_get_uint(args, "dim", 0, 1u << 20, &dim, err) ||
        !session_open(&s, args, args->operands[0], "embed", err)) {
        return false;
    }
    options.dim = (uint32_t)dim;
    uint32_t width = model_embed_width(s.model, &options, err);
    bool ok = width > 0 && (npy ? run_npy(args, &s, &options, width, &p, err)
                                : run_all(&s, &options, width, &p, NULL, err));
    ok = session_close(&s, ok ? err : &(struct err)ERR_INIT) && ok;
    ok = ok && finish(&p, npy, err);
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
        "With --format npy the vectors are one array for numpy.load, a row a line, written as "
        "they\n"
        "come; a line that can't be used is a row of NaN, and said on standard error.\n\n"
        "  echo '{\"id\": 1, \"text\": \"hello\"}' | assay embed "
        "sentence-transformers/all-MiniLM-L6-v2\n"
        "  assay embed org/model --format npy --out vectors.npy <texts.jsonl\n",
    .options = { options_embed, options_device, options_model },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
