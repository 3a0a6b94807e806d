/* assay task render: a document of a task exactly as a model sees it; with a model's tokenizer also
 * as tokens, cut where what is given ends and what is scored begins. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/render.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/prompt.h"
#include "evaluator/hub/hub.h"

static const struct option options_render[] = {
    { "doc", 0, "I",
        "the document at this place, counted from 0 (may be repeated, or a comma list)" },
    { "first", 0, "N", "the first N documents in place of one" },
    { "shots", 'n', "K", "examples before each question" },
    { "model", 'm', "MODEL", "show tokens, as this model's tokenizer makes them" },
    { "profile", 0, "NAME", "the rule set by which context and choice are parted" },
    { "add-bos", 0, "RULE", "auto, yes or no: whether a beginning-of-text token is added" },
    { "hub", 0, "DIR|URL", "where data sets and models are found (default: HF_ENDPOINT)" },
    OPTION_STREAM_DATA,
    { NULL, 0, NULL, NULL },
};

/* ---- which documents ---- */

static bool one_position(const char *text, size_t *out, struct err *err) {
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v >= 10000000) {
        return err_set(
            err, ERR_USAGE, "option '--doc' needs the place of a document from 0, not '%s'", text);
    }
    *out = v;
    return true;
}

/* The places that --doc names; {0} where it isn't given. The caller frees. */
static size_t *positions_from_args(const struct args *args, size_t *n, struct err *err) {
    size_t *list = NULL, capacity = 0;
    char *item;
    bool ok = true;
    *n = 0;
    for (unsigned i = 0; ok && (item = args_item(args, "doc", i)) != NULL; i++) {
        mem_grow(&list, &capacity, *n + 1, sizeof *list);
        ok = one_position(item, &list[(*n)++], err);
        free(item);
    }
    if (ok && *n == 0) {
        list = xcalloc(1, sizeof *list);
        *n = 1;
    }
    if (!ok) {
        free(list);
        list = NULL;
    }
    return list;
}

static json_t *render(const struct args *args, struct err *err) {
    struct task_request q;
    unsigned long first;
    size_t n;
    if (!task_request_from_args(&q, args, args->operands[0], err) ||
        !args_get_uint(args, "first", 0, 100000, &first, err)) {
        return NULL;
    }
    if (args_has(args, "first") && args_has(args, "doc")) {
        err_set(err, ERR_USAGE, "one of --doc and --first, not both");
        return NULL;
    }
    q.profile = args_get(args, "profile", NULL);
    if (first) {
        return task_render(&q, first, err);
    }
    size_t *positions = positions_from_args(args, &n, err);
    json_t *out = positions ? task_render_at(&q, positions, n, err) : NULL;
    free(positions);
    return out;
}

/* ---- tokens ---- */

struct looking {
    const json_t *rendered; /* the task's document */
    struct model *model;
    struct score_options score;
};

static json_t *token_json(const struct model *m, const int32_t *ids, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct strbuf text = { 0 };
        struct err ignored = ERR_INIT;
        bool known = tokenizer_bytes(model_tokenizer(m), ids[i], &text, &ignored);
        json_t *t = known ? json_stringn(strbuf_str(&text), text.len) : NULL; /* NULL: not UTF-8 */
        json_array_append_new(
            list, json_pack("{s:i, s:o}", "id", (int)ids[i], "text", t ? t : json_null()));
        strbuf_release(&text);
    }
    return list;
}

static const char *context_of(const json_t *doc, const json_t *choice) {
    const json_t *contexts = json_object_get(doc, "contexts");
    return json_string_value(json_array_get(contexts, (size_t)json_get_int(choice, "context", 0)));
}

/* {"context": [...], "continuation": [...], "cut": how many of the context don't fit}. */
static json_t *choice_tokens(
    struct looking *l, const json_t *doc, const json_t *choice, struct err *err) {
    const char *context = context_of(doc, choice);
    struct score_choice c = { .text = json_get_string(choice, "continuation", "") };
    c.text_n = strlen(c.text);
    struct score_request r = { .choices = &c, .n_choices = 1, .rolling = !context };
    r.context = context;
    r.context_n = context ? strlen(context) : 0;
    struct token_list list = { 0 };
    uint32_t n_context, n_cut;
    json_t *out = NULL;
    if (model_score_tokens(l->model, &l->score, &r, 0, &list, &n_context, &n_cut, err)) {
        out = json_pack("{s:o, s:o, s:i}", "context", token_json(l->model, list.ids, n_context),
            "continuation", token_json(l->model, list.ids + n_context, list.n - n_context), "cut",
            (int)n_cut);
    }
    token_list_release(&list);
    return out;
}

/* As the evaluation would: the rendered task says its name, its kind and its own instructions. */
static void choose_prompt(const struct looking *l, enum subject_role role, struct prompt *out) {
    struct model_prompts own = model_prompts(l->model);
    struct prompt_request request = { .task = json_get_string(l->rendered, "task", ""),
        .kind = json_get_string(l->rendered, "kind", ""),
        .instruction = json_get_string(json_object_get(l->rendered, "prompt"),
            role == SUBJECT_PASSAGE ? "passage" : "query", NULL),
        .role = role };
    prompt_choose(own.named, own.chosen, &request, out);
}

static json_t *text_tokens(
    struct looking *l, const char *text, enum subject_role role, struct err *err) {
    struct prompt before;
    choose_prompt(l, role, &before);
    struct embed_options options = { .prompt_text = before.text ? before.text : "" };
    struct embed_request r = { .text = text, .text_n = strlen(text) };
    struct token_list list = { 0 };
    json_t *out = NULL;
    if (model_embed_tokens(l->model, &options, &r, &list, err)) {
        out = json_pack("{s:o, s:b}", "tokens", token_json(l->model, list.ids, list.n), "truncated",
            (int)r.truncated);
    }
    token_list_release(&list);
    prompt_release(&before);
    return out;
}

/* Of a prompt that the model goes on with, as plain text. */
static json_t *prompt_tokens(struct looking *l, const json_t *doc, struct err *err) {
    const char *prompt = json_string_value(json_array_get(json_object_get(doc, "contexts"), 0));
    const struct tokenizer *t = model_tokenizer(l->model);
    struct encode_options options = { .no_special = l->score.add_bos == ADD_BOS_NO };
    struct token_list list = { 0 };
    json_t *out = NULL;
    if (t ? tokenizer_encode(t, prompt, strlen(prompt), &options, &list, err)
          : err_set(err, ERR_INPUT, "the model has no tokenizer")) {
        out = json_pack(
            "{s:o, s:b}", "tokens", token_json(l->model, list.ids, list.n), "truncated", 0);
    }
    token_list_release(&list);
    return out;
}

/* Adds to `list` what was made; false where it wasn't. */
static bool append(json_t *list, json_t *made) {
    if (made) {
        json_array_append_new(list, made);
    }
    return made != NULL;
}

static bool add_tokens(struct looking *l, json_t *doc, struct err *err) {
    static const char *const LISTS[] = { "texts", "human", "machine" };
    json_t *tokens = json_array(), *item;
    const char *query = json_get_string(doc, "query", NULL);
    bool ok = true;
    size_t i;
    json_object_set_new(doc, "tokens", tokens);
    json_array_foreach(json_object_get(doc, "choices"), i, item) {
        ok = ok && append(tokens, choice_tokens(l, doc, item, err));
    }
    for (size_t k = 0; k < sizeof LISTS / sizeof *LISTS; k++) {
        json_array_foreach(json_object_get(doc, LISTS[k]), i, item) {
            ok = ok && append(tokens, text_tokens(l, json_string_value(item), SUBJECT_TEXT, err));
        }
    }
    if (json_object_get(doc, "messages")) {
        return append(tokens, prompt_tokens(l, doc, err));
    }
    const char *text = json_get_string(doc, "text", NULL);
    ok = ok && (!text || append(tokens, text_tokens(l, text, SUBJECT_TEXT, err)));
    return ok && (!query || append(tokens, text_tokens(l, query, SUBJECT_QUERY, err)));
}

/* Of a model on a hub no weights are fetched: how it splits text is in its small files. A GGUF has
 * both in one. */
static bool open_tokenizer(struct looking *l, const struct args *args, struct err *err) {
    uint64_t missing;
    const char *profile;
    char *path =
        hub_model_outline(args_get(args, "hub", NULL), args_get(args, "model", ""), &missing, err);
    struct model_options options = { .device = "cpu", .threads = 1 };
    size_t n = path ? strlen(path) : 0;
    options.outline = !(n > 5 && !strcmp(path + n - 5, ".gguf"));
    bool ok = path && profile_from_args(args, &profile, err) &&
              add_bos_from_args(args, &l->score.add_bos, err);
    l->model = ok ? model_open(path, &options, err) : NULL;
    free(path);
    return l->model != NULL;
}

static bool add_all_tokens(const struct args *args, json_t *rendered, struct err *err) {
    struct looking l = { .rendered = rendered };
    if (!args_has(args, "model")) {
        return true;
    }
    const char *profile = json_get_string(rendered, "profile", NULL);
    bool ok = open_tokenizer(&l, args, err);
    l.score.profile = profile && !strncmp(profile, "mteb/", 5) ? NULL : profile;
    size_t i;
    json_t *doc;
    json_array_foreach(json_object_get(rendered, "docs"), i, doc) {
        ok = ok && add_tokens(&l, doc, err);
    }
    model_close(l.model);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    json_t *rendered = render(args, err);
    bool ok = rendered && add_all_tokens(args, rendered, err);
    if (ok && args_has(args, "json")) {
        json_t *document = json_pack("{s:s}", "schema", "assay.render/1");
        json_object_update(document, rendered);
        print_document(document, true);
        json_decref(document);
    } else if (ok) {
        render_print(rendered);
    }
    json_decref(rendered);
    return ok;
}

const struct command cmd_task_render = {
    .name = "task render",
    .operands = "TASK",
    .summary = "print a document exactly as a model will see it",
    .details =
        "Prompt, choices and what is right; of an embedding task its texts. Blanks where a\n"
        "prompt ends and in what is scored are printed as dots. With --model also the tokens:\n"
        "'||' parts what is given from what is scored, which is not always where the texts\n"
        "meet. Only configuration and tokenizer are fetched.\n\n"
        "  assay task render hellaswag --shots 10\n"
        "  assay task render ./my_task.lua --doc 3,17 --model org/name\n"
        "  assay task render ./my_task.lua --first 20 --json\n",
    .options = { options_render, options_library },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
