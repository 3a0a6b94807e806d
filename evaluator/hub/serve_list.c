/* See serve_list.h. */
#include "evaluator/hub/serve_list.h"

#include <stdlib.h>
#include <string.h>

#include "evaluator/hub/catalogue.h"
#include "evaluator/hub/url.h"

/* A whole number of at most eight digits; 0 where it is none. */
static size_t number(const char *text) {
    size_t n = text ? strspn(text, "0123456789") : 0;
    return n > 0 && n < 9 && !text[n] ? strtoul(text, NULL, 10) : 0;
}

static enum MHD_Result take(
    void *arg, enum MHD_ValueKind kind, const char *key, const char *value) {
    struct catalogue_query *q = arg;
    (void)kind;
    if (!value) {
        return MHD_YES;
    }
    if (!strcmp(key, "filter") && q->n_tags + 1 < sizeof q->tags / sizeof *q->tags) {
        q->tags[q->n_tags++] = value;
    } else if (!strcmp(key, "sort")) {
        q->sort = value;
    } else if (!strcmp(key, "cursor")) {
        q->cursor = number(value);
    } else if (!strcmp(key, "limit") && number(value) && number(value) < q->limit) {
        q->limit = number(value);
    }
    return MHD_YES;
}

static void add_pair(struct strbuf *link, const char *key, const char *value) {
    strbuf_addf(link, "%s=", key);
    url_escape(link, value, false);
    strbuf_addc(link, '&');
}

static char *next_link(const struct catalogue_query *q, size_t next) {
    struct strbuf link = { 0 };
    strbuf_adds(&link, "</api/models?");
    for (size_t i = 0; i < q->n_tags; i++) {
        add_pair(&link, "filter", q->tags[i]);
    }
    if (q->sort) {
        add_pair(&link, "sort", q->sort);
    }
    strbuf_addf(&link, "limit=%zu&cursor=%zu>; rel=\"next\"", q->limit, next);
    return strbuf_take(&link);
}

bool serve_list(struct MHD_Connection *c, const char *root, size_t page, struct strbuf *out,
    char **link, struct err *err) {
    struct catalogue_query q = { .limit = page };
    size_t next = 0;
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, take, &q);
    bool ok = catalogue_page(root, &q, out, &next, err);
    *link = ok && next ? next_link(&q, next) : NULL;
    return ok;
}
