/* assay score: log-likelihoods of choices after a context, or of a whole text. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"

static const struct option options_score[] = {
    { "no-prefix-sharing", 0, NULL,
        "compute every request by itself (for comparison: the numbers are the same)" },
    { NULL, 0, NULL, NULL },
};

static bool choice_text(struct line *line, const json_t *value, struct score_choice *choice) {
    if (!json_is_string(value)) {
        return err_set(&line->err, ERR_INPUT, "'choices' must hold strings");
    }
    choice->text = json_string_value(value);
    choice->text_n = json_string_length(value);
    return true;
}

static bool take_choices(
    struct line *line, struct arena *arena, const json_t *list, bool ids, struct score_request *r) {
    const char *key = ids ? "choices_ids" : "choices";
    if (!json_is_array(list) || json_array_size(list) == 0) {
        return err_set(&line->err, ERR_INPUT, "'%s' must be a list of at least one choice", key);
    }
    r->n_choices = json_array_size(list);
    r->choices = arena_alloc(arena, r->n_choices * sizeof *r->choices);
    for (size_t i = 0; i < r->n_choices; i++) {
        const json_t *item = json_array_get(list, i);
        struct score_choice *c = &r->choices[i];
        if (!(ids ? line_ids(line, arena, item, key, &c->ids, &c->n_ids)
                  : choice_text(line, item, c))) {
            return false;
        }
    }
    return true;
}

static bool take_rolling(struct line *line, struct arena *arena, struct score_request *r) {
    const json_t *ids = json_object_get(line->object, "rolling_ids");
    r->rolling = true;
    r->n_choices = 1;
    r->choices = arena_alloc(arena, sizeof *r->choices);
    return ids ? line_ids(line, arena, ids, "rolling_ids", &r->choices->ids, &r->choices->n_ids)
               : line_string(line, "rolling", &r->choices->text, &r->choices->text_n);
}

static bool line_to_request(struct line *line, struct arena *arena, struct score_request *r) {
    memset(r, 0, sizeof *r);
    if (line->err.class != ERR_NONE) {
        return false;
    }
    const json_t *o = line->object;
    if (json_object_get(o, "rolling") || json_object_get(o, "rolling_ids")) {
        return take_rolling(line, arena, r);
    }
    const json_t *context_ids = json_object_get(o, "context_ids");
    if (context_ids) {
        return line_ids(
                   line, arena, context_ids, "context_ids", &r->context_ids, &r->n_context_ids) &&
               take_choices(line, arena, json_object_get(o, "choices_ids"), true, r);
    }
    return line_string(line, "context", &r->context, &r->context_n) &&
           take_choices(line, arena, json_object_get(o, "choices"), false, r);
}

static void answer(struct exchange *p, const struct line *line, const struct score_request *r) {
    if (!exchange_answer(p, line)) {
        return;
    }
    struct json_writer *w = &p->answers.json;
    jw_key(w, "loglikelihood");
    jw_array(w);
    for (size_t i = 0; i < r->n_choices; i++) {
        jw_double(w, r->choices[i].loglikelihood);
    }
    jw_end_array(w);
    jw_key(w, "greedy");
    jw_array(w);
    for (size_t i = 0; i < r->n_choices; i++) {
        jw_bool(w, r->choices[i].greedy);
    }
    jw_end_array(w);
    jw_key(w, "tokens");
    jw_array(w);
    for (size_t i = 0; i < r->n_choices; i++) {
        jw_int(w, r->choices[i].n_tokens);
    }
    jw_end_array(w);
    jw_key(w, "bytes");
    jw_array(w);
    for (size_t i = 0; i < r->n_choices; i++) {
        jw_int(w, r->choices[i].n_bytes);
    }
    jw_end_array(w);
    exchange_answer_end(p);
}

static bool run_lines(
    struct session *s, const struct score_options *options, struct exchange *p, struct err *err) {
    struct arena arena = { 0 };
    struct score_request *requests = mem_try(p->n + 1, sizeof *requests, "requests", err);
    size_t n = 0;
    for (size_t i = 0; requests && i < p->n; i++) {
        n += line_to_request(&p->lines[i], &arena, &requests[n]);
    }
    bool ok = requests && model_score(s->model, options, requests, n, &s->run, err);
    for (size_t i = 0, r = 0; ok && i < p->n; i++) {
        struct line *line = &p->lines[i];
        const struct score_request *request = &requests[r];
        if (line->err.class == ERR_NONE) {
            line->err = request->err;
            r++;
        }
        answer(p, line, request);
    }
    free(requests);
    arena_release(&arena);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct session s;
    struct exchange p = { 0 };
    struct score_options options = { 0 };
    if (!profile_from_args(args, &options.profile, err) ||
        !add_bos_from_args(args, &options.add_bos, err) ||
        !session_open(&s, args, args->operands[0], "score", err)) {
        return false;
    }
    s.run.no_prefix_sharing = args_has(args, "no-prefix-sharing");
    /* All lines in one tree: what any two of them share is computed once. */
    bool more, ok = exchange_read(&p, SIZE_MAX, &more, err) && run_lines(&s, &options, &p, err);
    ok = session_close(&s, ok ? err : &(struct err)ERR_INIT) && ok;
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    return ok;
}

const struct command cmd_score = {
    .name = "score",
    .operands = "MODEL",
    .summary = "log-likelihoods of choices, JSON lines in and out",
    .details = "in   {\"id\", \"context\": \"...\", \"choices\": [\"...\", ...]}\n"
               "     {\"id\", \"context_ids\": [i, ...], \"choices_ids\": [[i, ...], ...]}\n"
               "     {\"id\", \"rolling\": \"...\"} or {\"id\", \"rolling_ids\": [i, ...]}\n"
               "out  {\"id\", \"loglikelihood\": [f, ...], \"greedy\": [bool, ...], \"tokens\": "
               "[n, ...], \"bytes\": [n, ...]}\n\n"
               "All requests go into one prefix tree: text that several share is computed once.\n",
    .options = { options_score, options_device, options_model },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
