/* Which models a hub has: its listing, a page after the other (hub.h: hub_models). */
#include <string.h>

#include "base/file.h"
#include "evaluator/hub/catalogue.h"
#include "evaluator/hub/client.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/source.h"
#include "evaluator/hub/url.h"

#define PAGE 100
#define PAGE_BYTES ((size_t)32 << 20)

/* Ours to the hub's. */
static const struct sort {
    const char *name, *key;
} SORTS[] = { { "trending", "trendingScore" }, { "downloads", "downloads" }, { "likes", "likes" },
    { "created", "createdAt" } };

static const char *sort_key(const char *name, struct err *err) {
    for (size_t i = 0; i < sizeof SORTS / sizeof *SORTS; i++) {
        if (!strcmp(SORTS[i].name, name)) {
            return SORTS[i].key;
        }
    }
    err_set(err, ERR_USAGE, "'%s' is no order of models", name);
    err_hint(err, "trending, downloads, likes or created");
    return NULL;
}

/* Only what is asked for comes: sizes and tags among it, files and cards not. */
static char *first_path(const struct hub_query *q, const char *sort) {
    static const char *const FIELDS[] = { "tags", "likes", "downloads", "createdAt", "gated",
        "safetensors", "library_name", "pipeline_tag", "trendingScore", "private" };
    struct strbuf path = { 0 };
    strbuf_addf(&path, "/api/models?sort=%s&direction=-1&limit=%d", sort, PAGE);
    if (q->library) {
        strbuf_adds(&path, "&filter=");
        url_escape(&path, q->library, false);
    }
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        strbuf_addf(&path, "&expand%%5B%%5D=%s", FIELDS[i]);
    }
    return strbuf_take(&path);
}

/* Names that are none are not handed out: a path would be a folder of this machine. A page without
 * a model is the last one, whatever it says of another behind it. */
static bool hand_out(const json_t *page, const struct hub_query *q, bool *go_on, struct err *err) {
    size_t i;
    json_t *entry;
    bool any = false, more = true;
    if (!json_is_array(page)) {
        return err_set(err, ERR_INPUT, "the hub's listing is no list");
    }
    json_array_foreach(page, i, entry) {
        const char *id = json_get_string(entry, "id", "");
        if (!repo_id_valid(id) || !strchr(id, '/')) {
            continue;
        }
        any = true;
        if (more && !q->found(entry, q->arg, &more, err)) {
            return false;
        }
    }
    *go_on = any && more;
    return true;
}

static bool list_hub(
    const struct hub_query *q, const char *endpoint, const char *sort, struct err *err) {
    struct client *c = client_open(endpoint, 0, err);
    char *path = c ? first_path(q, sort) : NULL;
    bool ok = c != NULL, go_on = true;
    while (ok && path && go_on) {
        char *next = NULL;
        json_t *page = client_json(c, path, PAGE_BYTES, &next, err);
        ok = page && hand_out(page, q, &go_on, err);
        json_decref(page);
        free(path);
        path = next;
    }
    free(path);
    client_close(c);
    return ok;
}

bool hub_models(const struct hub_query *q, struct err *err) {
    struct hub_source source;
    const char *sort = sort_key(q->sort, err), *tags[] = { q->library, NULL };
    if (!sort) {
        return false;
    }
    hub_source_find(q->hub, &source);
    if (!source.mirror) {
        return list_hub(q, source.endpoint, sort, err);
    }
    bool go_on = true;
    json_t *list = catalogue_read(source.mirror, tags, sort, err);
    bool ok = list && hand_out(list, q, &go_on, err);
    json_decref(list);
    return ok;
}
