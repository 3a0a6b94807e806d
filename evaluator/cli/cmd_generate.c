/* assay generate: continues prompts. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/hub/hub.h"

static const struct option options_generate[] = {
    { "max-tokens", 0, "N", "stop after N tokens (default 256)" },
    { "temperature", 0, "T", "sample at this temperature (default 0: the most likely token)" },
    { "seed", 0, "N", "seed for sampling (default 0)" },
    { NULL, 0, NULL, NULL },
};

static bool take_stops(struct line *line, struct arena *arena, struct generate_request *r) {
    const json_t *stop = json_object_get(line->object, "stop");
    if (!stop || json_is_null(stop)) {
        return true;
    }
    if (!json_is_array(stop)) {
        return err_set(&line->err, ERR_INPUT, "'stop' must be a list of strings");
    }
    const char **stops = arena_alloc(arena, (json_array_size(stop) + 1) * sizeof *stops);
    for (size_t i = 0; i < json_array_size(stop); i++) {
        if (!(stops[i] = json_string_value(json_array_get(stop, i)))) {
            return err_set(&line->err, ERR_INPUT, "'stop' must be a list of strings");
        }
    }
    r->stop = stops;
    r->n_stop = json_array_size(stop);
    return true;
}

/* The model, and its chat template once a line has asked for it. */
struct generating {
    struct session session;
    const struct args *args;
    struct chat_template *chat;
    int64_t now;
};

static bool chat_open(struct generating *g, struct err *err) {
    if (!g->chat) {
        char *path = hub_model_path(args_get(g->args, "hub", NULL), g->args->operands[0], err);
        g->chat = path ? chat_template_open(path, err) : NULL;
        free(path);
    }
    return g->chat;
}

/* A conversation as the template's text; the model is to answer unless it is to go on. The ids are
 * those of the text alone: a template writes special tokens itself. */
static bool take_messages(
    struct generating *g, struct line *line, struct arena *arena, struct generate_request *r) {
    struct strbuf text = { 0 };
    struct token_list ids = { 0 };
    const struct encode_options plain = { .no_special = true };
    json_t *request = json_copy(line->object);
    json_object_del(request, "stop");
    if (!json_object_get(request, "add_generation_prompt") &&
        !json_object_get(request, "continue_final_message")) {
        json_object_set_new(request, "add_generation_prompt", json_true());
    }
    const struct tokenizer *t = model_tokenizer(g->session.model);
    bool ok = (t || err_set(&line->err, ERR_INPUT, "the model has no tokenizer")) &&
              chat_open(g, &line->err) &&
              chat_template_render(g->chat, request, g->now, &text, &line->err) &&
              tokenizer_encode(t, strbuf_str(&text), text.len, &plain, &ids, &line->err);
    if (ok) {
        int32_t *kept = arena_alloc(arena, (ids.n + 1) * sizeof *kept);
        if (ids.n) {
            memcpy(kept, ids.ids, ids.n * sizeof *kept);
        }
        r->prompt_ids = kept;
        r->n_prompt_ids = ids.n;
    }
    json_decref(request);
    token_list_release(&ids);
    strbuf_release(&text);
    return ok;
}

static bool line_to_request(
    struct generating *g, struct line *line, struct arena *arena, struct generate_request *r) {
    memset(r, 0, sizeof *r);
    if (line->err.class != ERR_NONE) {
        return false;
    }
    const json_t *ids = json_object_get(line->object, "prompt_ids");
    if (json_object_get(line->object, "messages")) {
        return take_messages(g, line, arena, r) && take_stops(line, arena, r);
    }
    return (ids ? line_ids(line, arena, ids, "prompt_ids", &r->prompt_ids, &r->n_prompt_ids)
                : line_string(line, "prompt", &r->prompt, &r->prompt_n)) &&
           take_stops(line, arena, r);
}

static void answer(struct exchange *p, const struct line *line, const struct generate_request *r) {
    if (!exchange_answer(p, line)) {
        return;
    }
    if (r->text) {
        jw_kv_string(&p->answers.json, "text", r->text);
    }
    jw_key(&p->answers.json, "ids");
    jw_array(&p->answers.json);
    for (size_t i = 0; i < r->n_ids; i++) {
        jw_int(&p->answers.json, r->ids[i]);
    }
    jw_end_array(&p->answers.json);
    jw_kv_string(&p->answers.json, "finish", r->stopped ? "stop" : "length");
    exchange_answer_end(p);
}

static bool run_lines(struct generating *g, const struct generate_options *options,
    struct exchange *p, struct err *err) {
    struct session *s = &g->session;
    struct arena arena = { 0 };
    struct generate_request *requests = mem_try(p->n + 1, sizeof *requests, "requests", err);
    size_t n = 0;
    for (size_t i = 0; requests && i < p->n; i++) {
        n += line_to_request(g, &p->lines[i], &arena, &requests[n]);
    }
    bool ok = requests && model_generate(s->model, options, requests, n, &s->run, err);
    for (size_t i = 0, r = 0; ok && i < p->n; i++) {
        struct line *line = &p->lines[i];
        const struct generate_request *request = &requests[r];
        if (line->err.class == ERR_NONE) {
            line->err = request->err;
            r++;
        }
        answer(p, line, request);
    }
    for (size_t r = 0; requests && r < n; r++) {
        free(requests[r].text);
        free(requests[r].ids);
    }
    free(requests);
    arena_release(&arena);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct generating g = { .args = args, .now = clock_now() };
    struct exchange p = { 0 };
    unsigned long max_tokens, seed;
    struct generate_options options = { 0 };
    if (!args_get_uint(args, "max-tokens", 256, 1u << 20, &max_tokens, err) ||
        !args_get_uint(args, "seed", 0, UINT32_MAX, &seed, err) ||
        !args_get_double(args, "temperature", 0, &options.temperature, err) ||
        !add_bos_from_args(args, &options.add_bos, err) ||
        !session_open(&g.session, args, args->operands[0], "generate", err)) {
        return false;
    }
    options.max_tokens = (uint32_t)max_tokens;
    options.seed = seed;
    bool more, ok = exchange_read(&p, SIZE_MAX, &more, err) && run_lines(&g, &options, &p, err);
    ok = session_close(&g.session, ok ? err : &(struct err)ERR_INIT) && ok;
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    chat_template_close(g.chat);
    return ok;
}

const struct command cmd_generate = {
    .name = "generate",
    .operands = "MODEL",
    .summary = "continue prompts, JSON lines in and out",
    .details = "in   {\"id\", \"prompt\": \"...\" or \"prompt_ids\": [i, ...] or \"messages\": "
               "[{\"role\", "
               "\"content\"}, ...],\n"
               "      \"stop\": [\"...\"]}\n"
               "out  {\"id\", \"text\", \"ids\": [i, ...], \"finish\": \"stop\" or \"length\"}\n\n"
               "Messages go through the model's chat template, as 'assay template' shows it.\n",
    .options = { options_generate, options_device, options_model },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
