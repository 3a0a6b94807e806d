/* Hashes of all that a page is made of, for memory.h: what is the same makes the same bytes. */
#ifndef ASSAY_SITE_SIGN_H
#define ASSAY_SITE_SIGN_H

#include "site-gen/site.h"
#include "site-gen/world.h"

#define SIGNED_SECTIONS_MAX 256

struct signer {
    const struct world *world;
    json_t *model_marks, *task_marks; /* shelf.h */
    char models[65];                  /* what pages of tasks say of models */
    struct {
        const json_t *section;
        char hex[65];
    } sections[SIGNED_SECTIONS_MAX];
    size_t n_sections;
};

/* The program itself, the words and options of the site, and its tasks. */
void sign_program(
    const struct world *w, const json_t *globals, const struct site_options *options, char hex[65]);

/* The world has a shelf. */
void signer_open(struct signer *s, const struct world *w);
void signer_close(struct signer *s);
/* `places` as standings_index has them, or NULL; `line` is the task's view without its models. */
void sign_model(struct signer *s, const char *name, const json_t *places, char hex[65]);
void sign_task(const struct signer *s, const json_t *line, char hex[65]);

#endif
