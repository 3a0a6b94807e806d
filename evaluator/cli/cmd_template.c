/* assay template: conversations to the text that a model sees. */
#include <stdlib.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/hub/hub.h"

static const struct option options_template[] = {
    { NULL, 0, NULL, NULL },
};

static void answer(struct chat_template *c, struct exchange *p, struct line *line, int64_t now) {
    struct strbuf text = { 0 };
    if (line->err.class == ERR_NONE &&
        !chat_template_render(c, line->object, now, &text, &line->err)) {
        strbuf_reset(&text); /* the line is answered by its error */
    }
    if (exchange_answer(p, line)) {
        jw_key(&p->answers.json, "text");
        jw_string_n(&p->answers.json, strbuf_str(&text), text.len);
        exchange_answer_end(p);
    }
    strbuf_release(&text);
}

static bool run_lines(struct chat_template *c, struct err *err) {
    const int64_t now = clock_now();
    struct exchange p = { 0 };
    bool ok = true, more = true;
    while (ok && more) {
        ok = exchange_read(&p, 256, &more, err);
        for (size_t i = 0; ok && i < p.n; i++) {
            answer(c, &p, &p.lines[i], now);
        }
        exchange_reset(&p);
    }
    ok = ok && exchange_finish(&p, err);
    exchange_release(&p);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    char *path = hub_model_path(args_get(args, "hub", NULL), args->operands[0], err);
    struct chat_template *c = path ? chat_template_open(path, err) : NULL;
    free(path);
    const bool ok = c && run_lines(c, err);
    chat_template_close(c);
    return ok;
}

const struct command cmd_template = {
    .name = "template",
    .operands = "MODEL|FILE.jinja",
    .summary = "conversations to the text that a model sees, JSON lines in and out",
    .details = "in   {\"id\", \"messages\": [{\"role\", \"content\"}, ...], \"tools\"?, "
               "\"add_generation_prompt\"?, ...}\n"
               "out  {\"id\", \"text\"}\n\n"
               "Fields of a request are the template's variables; nulls are absent. A model with "
               "several templates\n"
               "uses tool_use where there are tools, else default; \"chat_template\" names "
               "another. The clock is\n"
               "SOURCE_DATE_EPOCH where it is set, in UTC.\n",
    .options = { options_template, options_device },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
