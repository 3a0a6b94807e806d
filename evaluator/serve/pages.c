#include "evaluator/serve/pages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "site-gen/press.h"

extern const struct embedded serve_templates[], site_templates[];

struct pages {
    struct embedded *templates; /* ours, and the site's words and numbers */
    json_t *site;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct press **idle;
    unsigned n_idle, n;
};

static struct embedded *templates_joined(void) {
    static const struct embedded END = { NULL, NULL, 0 };
    size_t n = 0;
    while (serve_templates[n].name) {
        n++;
    }
    struct embedded *all = xcalloc(n + 2, sizeof *all);
    memcpy(all, serve_templates, n * sizeof *all);
    all[n] = *embedded_find(site_templates, "lib.lua");
    all[n + 1] = END;
    return all;
}

struct pages *pages_open(
    const char *title, const char *base_url, bool live, unsigned n, struct err *err) {
    struct pages *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->returned, NULL);
    p->templates = templates_joined();
    p->site = json_pack("{s:s, s:s, s:s, s:b}", "title", title ? title : "Assay", "base",
        base_url ? base_url : "", "as_of", "", "live", live);
    p->idle = xcalloc(n, sizeof(struct press *));
    for (p->n = 0; p->n < n; p->n++) {
        struct press *press = press_open(p->templates, p->site, err);
        if (!press) {
            pages_close(p);
            return NULL;
        }
        p->idle[p->n_idle++] = press;
    }
    return p;
}

void pages_close(struct pages *p) {
    if (!p) {
        return;
    }
    for (unsigned i = 0; i < p->n_idle; i++) {
        press_close(p->idle[i]);
    }
    json_decref(p->site);
    free(p->templates);
    free(p->idle);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->returned);
    free(p);
}

static struct press *borrow(struct pages *p) {
    pthread_mutex_lock(&p->lock);
    while (!p->n_idle) {
        pthread_cond_wait(&p->returned, &p->lock);
    }
    struct press *press = p->idle[--p->n_idle];
    pthread_mutex_unlock(&p->lock);
    return press;
}

static void give_back(struct pages *p, struct press *press) {
    pthread_mutex_lock(&p->lock);
    p->idle[p->n_idle++] = press;
    pthread_cond_signal(&p->returned);
    pthread_mutex_unlock(&p->lock);
}

bool pages_print(struct pages *p, const char *template, const char *path, const json_t *document,
    bool bare, struct strbuf *out, struct err *err) {
    struct print_job job = {
        .template = template, .path = path, .links = { .depth = -1, .root = "/" }, .data = document
    };
    struct press *press = borrow(p);
    bool ok = bare ? press_print_bare(press, &job, out, err) : press_print(press, &job, out, err);
    give_back(p, press);
    return ok;
}
