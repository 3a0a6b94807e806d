/* assay classify: texts, pairs of texts or ids to classes. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"

#define LINES_AT_ONCE                                                                              \
    65536 /* what is read before it is run: bounds memory, and is far past any batch */

static void line_to_request(struct line *line, struct arena *arena, struct classify_request *r) {
    memset(r, 0, sizeof *r);
    if (line->err.class == ERR_NONE) {
        const json_t *ids = json_object_get(line->object, "ids");
        const json_t *pair = json_object_get(line->object, "pair");
        if (ids) {
            line_ids(line, arena, ids, "ids", &r->ids, &r->n_ids);
        } else if (line_string(line, "text", &r->text, &r->text_n) && pair && !json_is_null(pair)) {
            line_string(line, "pair", &r->pair, &r->pair_n);
        }
    }
    r->err = line->err;
}

/* Numbers of one request, by label. */
struct classes {
    const struct model *model;
    uint32_t n;
    const float *logits, *scores;
};

static uint32_t best_of(const struct classes *c) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < c->n; i++) {
        best = c->logits[i] > c->logits[best] ? i : best;
    }
    return best;
}

static void answer(struct exchange *p, const struct line *line, const struct classes *c) {
    if (!exchange_answer(p, line)) {
        return;
    }
    jw_key(&p->answers.json, "logits");
    jw_array(&p->answers.json);
    for (uint32_t i = 0; i < c->n; i++) {
        jw_float(&p->answers.json, c->logits[i]);
    }
    jw_end_array(&p->answers.json);
    jw_key(&p->answers.json, "scores");
    jw_object(&p->answers.json);
    for (uint32_t i = 0; i < c->n; i++) {
        jw_key(&p->answers.json, model_label(c->model, i));
        jw_float(&p->answers.json, c->scores[i]);
    }
    jw_end_object(&p->answers.json);
    jw_kv_string(&p->answers.json, "label", model_label(c->model, best_of(c)));
    exchange_answer_end(p);
}

/* Runs the lines that were read and answers them. */
static bool run_lines(struct session *s, uint32_t labels, struct exchange *p, struct err *err) {
    struct arena arena = { 0 };
    struct classify_request *requests = mem_try(p->n + 1, sizeof *requests, "requests", err);
    float *logits = requests ? mem_try(p->n + 1, 2 * labels * sizeof *logits, "logits", err) : NULL;
    float *scores = logits ? logits + (p->n + 1) * labels : NULL;
    bool ok = logits != NULL;
    size_t n = 0;
    for (size_t i = 0; ok && i < p->n; i++) {
        line_to_request(&p->lines[i], &arena, &requests[n]);
        n += p->lines[i].err.class == ERR_NONE;
    }
    ok = ok && model_classify(s->model, requests, n, logits, scores, &s->run, err);
    for (size_t i = 0, r = 0; ok && i < p->n; i++) {
        struct line *line = &p->lines[i];
        const struct classes classes = { .model = s->model,
            .n = labels,
            .logits = logits + r * labels,
            .scores = scores + r * labels };
        if (line->err.class == ERR_NONE) {
            line->err = requests[r++].err;
        }
        answer(p, line, &classes);
    }
    free(logits);
    free(requests);
    arena_release(&arena);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct session s;
    struct exchange p = { 0 };
    if (!session_open(&s, args, args->operands[0], "classify", err)) {
        return false;
    }
    uint32_t labels = model_labels(s.model, err);
    bool ok = labels > 0, more = ok;
    while (ok && more) {
        ok = exchange_read(&p, LINES_AT_ONCE, &more, err) && run_lines(&s, labels, &p, err);
        exchange_reset(&p);
    }
    ok = session_close(&s, ok ? err : &(struct err)ERR_INIT) && ok;
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    return ok;
}

const struct command cmd_classify = {
    .name = "classify",
    .operands = "MODEL",
    .summary = "texts or pairs of texts to classes, JSON lines in and out",
    .details =
        "in   {\"id\": any, \"text\": \"...\", \"pair\"?: \"...\"} or {\"id\": any, \"ids\": [i, "
        "...]}\n"
        "out  {\"id\": any, \"logits\": [f, ...], \"scores\": {label: p, ...}, \"label\": "
        "\"...\"}\n\n"
        "Scores follow the model's own activation: softmax over several labels, sigmoid for one\n"
        "label or where labels don't exclude each other. A cross-encoder takes a query as text "
        "and\n"
        "a passage as pair.\n\n"
        "  echo '{\"text\": \"how many?\", \"pair\": \"three\"}' | assay classify "
        "cross-encoder/ms-marco-MiniLM-L6-v2\n",
    .options = { options_device, options_model },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
