/* A model of the harness as a subject. Texts get the prompts that the model's own files name for
 * them (prompt.h); a model without any gets the text alone. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/prompt.h"

struct subject_model {
    struct model *model;
    struct score_options score;
    struct strbuf eos;          /* the end of text as it is written out; "": there is none */
    struct chat_template *chat; /* the caller's; NULL: none */
    int64_t now;
};

static void model_prompts_text(void *self, const struct task_info *info, enum subject_role role,
    const char *instruction, struct prompt *out) {
    struct subject_model *s = self;
    struct model_prompts own = model_prompts(s->model);
    prompt_choose(own.named, own.chosen,
        &(struct prompt_request) { info->name, task_kind_name(info->kind), instruction, role },
        out);
}

static bool model_embeds(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct subject_model *s = self;
    (void)role; /* what it means to the model is in the prompt */
    struct embed_options options = { .prompt_text = prompt ? prompt : "" };
    return model_embed(s->model, &options, requests, n, vectors, run, err);
}

static bool model_scores(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct subject_model *s = self;
    struct score_options options = s->score;
    /* Profiles of embedding tasks say nothing about scoring. */
    options.profile = profile && !strncmp(profile, "mteb/", 5) ? NULL : profile;
    return model_score(s->model, &options, requests, n, run, err);
}

/* The peer ends a text also where the end of text is spelled out. *stops is the caller's. */
static void add_eos(
    const struct subject_model *s, const struct generate_request *first, const char ***stops) {
    *stops = xcalloc(first->n_stop + 1, sizeof **stops);
    for (size_t i = 0; i < first->n_stop; i++) {
        (*stops)[i] = first->stop[i];
    }
    (*stops)[first->n_stop] = strbuf_str(&s->eos);
}

static void set_stops(
    struct generate_request *requests, size_t n, const char *const *stops, size_t n_stops) {
    for (size_t i = 0; i < n; i++) {
        requests[i].stop = stops;
        requests[i].n_stop = n_stops;
    }
}

static bool model_generates(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct subject_model *s = self;
    struct generate_options o = *options;
    const char **stops = NULL, *const *given = n ? requests[0].stop : NULL;
    size_t n_given = n ? requests[0].n_stop : 0;
    o.add_bos = s->score.add_bos;
    if (n && s->eos.len) { /* all requests of a task end alike */
        add_eos(s, &requests[0], &stops);
        set_stops(requests, n, stops, n_given + 1);
    }
    bool ok = model_generate(s->model, &o, requests, n, run, err);
    set_stops(requests, n, given, n_given);
    free(stops);
    return ok;
}

static bool model_chats(void *self, const json_t *messages, struct strbuf *out, struct err *err) {
    struct subject_model *s = self;
    json_t *request = json_pack("{s:O, s:b}", "messages", messages, "add_generation_prompt", 1);
    bool ok = chat_template_render(s->chat, request, s->now, out, err);
    json_decref(request);
    return ok;
}

void subject_model_chat(
    struct subject *subject, struct chat_template *chat, int64_t now, bool one_turn) {
    struct subject_model *s = subject->self;
    s->chat = chat;
    s->now = now;
    subject->chat = chat && subject->generate ? model_chats : NULL;
    subject->one_turn = one_turn;
}

static void release_model(void *self) {
    struct subject_model *s = self;
    strbuf_release(&s->eos);
    free(s);
}

static void find_eos(struct subject_model *s) {
    const struct tokenizer *t = model_tokenizer(s->model);
    const struct tokenizer_info *info = t ? tokenizer_info(t) : NULL;
    struct err ignored = ERR_INIT;
    if (info && info->eos >= 0 && !tokenizer_decode(t, &info->eos, 1, false, &s->eos, &ignored)) {
        strbuf_reset(&s->eos);
    }
}

static bool parse_add_bos(const char *text, enum add_bos *out, struct err *err) {
    static const char *const names[] = { "auto", "yes", "no" };
    static const enum add_bos values[] = { ADD_BOS_AUTO, ADD_BOS_YES, ADD_BOS_NO };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!text || !strcmp(text, names[i])) {
            *out = values[i];
            return true;
        }
    }
    return err_set(err, ERR_USAGE, "--add-bos takes auto, yes or no, not '%s'", text);
}

struct subject *subject_model_new(struct model *model, const char *name, const char *revision,
    const char *add_bos, struct err *err) {
    const struct model_info *info = model_info(model);
    struct score_options score = { 0 };
    if (!parse_add_bos(add_bos, &score.add_bos, err)) {
        return NULL;
    }
    struct subject_model *m = xcalloc(1, sizeof *m);
    struct subject *s = xcalloc(1, sizeof *s);
    *m = (struct subject_model) { .model = model, .score = score };
    *s = (struct subject) { .name = xstrdup(name),
        .revision = revision ? xstrdup(revision) : NULL,
        .dtype = info->dtype,
        .device = info->device,
        .backend = info->backend,
        .self = m,
        .similarity = info->similarity };
    s->width = model_embed_width(model, &(struct embed_options) { 0 }, &(struct err) { 0 });
    s->embed = s->width ? model_embeds : NULL;
    s->prompt = s->width ? model_prompts_text : NULL;
    s->score = info->causal ? model_scores : NULL;
    s->generate = info->causal ? model_generates : NULL;
    s->release = release_model;
    find_eos(m);
    return s;
}

void subject_free(struct subject *s) {
    if (s) {
        (s->release ? s->release : free)(s->self);
        free((char *)(uintptr_t)s->name);
        free((char *)(uintptr_t)s->revision);
        free(s);
    }
}
