/* A model of the harness as a subject. Roles become the prompts that the model's own files name
 * ("query", "passage" or "document"); a model without them gets the text alone. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"

struct subject_model {
    struct model *model;
    struct score_options score;
    const char *prompt[3]; /* by role; NULL: the model's default */
};

static bool model_embeds(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct subject_model *s = self;
    (void)prompt; /* instructions are for models that have a template for them */
    struct embed_options options = { .prompt_name = s->prompt[role] };
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

/* The first of these prompts that the model has; NULL for none. */
static const char *find_prompt(const struct model *model, const char *const *names) {
    for (; *names; names++) {
        struct embed_options options = { .prompt_name = *names };
        if (model_embed_width(model, &options, &(struct err) { 0 })) {
            return *names;
        }
    }
    return NULL;
}

const char *subject_model_prompt(const struct model *model, enum subject_role role) {
    static const char *const query[] = { "query", NULL }, *const passage[] = { "passage",
        "document", NULL };
    return role == SUBJECT_TEXT ? NULL
                                : find_prompt(model, role == SUBJECT_QUERY ? query : passage);
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
    m->prompt[SUBJECT_QUERY] = subject_model_prompt(model, SUBJECT_QUERY);
    m->prompt[SUBJECT_PASSAGE] = subject_model_prompt(model, SUBJECT_PASSAGE);
    *s = (struct subject) { .name = xstrdup(name),
        .revision = revision ? xstrdup(revision) : NULL,
        .dtype = info->dtype,
        .device = info->device,
        .backend = info->backend,
        .self = m };
    s->width = model_embed_width(model, &(struct embed_options) { 0 }, &(struct err) { 0 });
    s->embed = s->width ? model_embeds : NULL;
    s->score = info->causal ? model_scores : NULL;
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
