/* See catalogue.h. */
#include "evaluator/hub/catalogue.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "evaluator/hub/mirror.h"

/* ---- tags ---- */

static void add_tag(json_t *tags, const char *prefix, const char *text) {
    if (text && *text) {
        json_array_append_new(tags, json_sprintf("%s%s", prefix, text));
    }
}

static void add_all(json_t *tags, const char *prefix, const json_t *value) {
    size_t i;
    json_t *one;
    add_tag(tags, prefix, json_string_value(value));
    json_array_foreach(value, i, one) {
        add_tag(tags, prefix, json_string_value(one));
    }
}

static bool has_file(const json_t *info, const char *name) {
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(info, "siblings"), i, file) {
        if (!strcmp(json_get_string(file, "rfilename", ""), name)) {
            return true;
        }
    }
    return false;
}

/* What a hub makes of a card and of which files there are. */
static json_t *tags_of(const json_t *info) {
    const json_t *card = json_object_get(info, "cardData");
    json_t *tags = json_array();
    add_all(tags, "", json_object_get(card, "tags"));
    add_all(tags, "", json_object_get(card, "library_name"));
    add_all(tags, "", json_object_get(card, "pipeline_tag"));
    add_all(tags, "license:", json_object_get(card, "license"));
    add_all(tags, "base_model:", json_object_get(card, "base_model"));
    add_tag(tags, "", has_file(info, "modules.json") ? "sentence-transformers" : NULL);
    return tags;
}

static bool has_tag(const json_t *info, const char *tag) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(info, "tags"), i, one) {
        const char *text = json_string_value(one);
        if (text && !strcmp(text, tag)) {
            return true;
        }
    }
    return false;
}

/* ---- the tree ---- */

static json_t *read_one(const char *root, const char *repo, struct err *err) {
    struct repo_listing l = { 0 };
    char *dir = mirror_dir(root, REPO_MODEL, repo, err);
    json_t *info = NULL;
    if (dir && mirror_list(dir, &l, err)) {
        info = mirror_info(dir, REPO_MODEL, repo, &l, err);
        if (info && !json_object_get(info, "tags")) {
            json_object_set_new(info, "tags", tags_of(info));
        }
        repo_listing_release(&l);
    }
    free(dir);
    return info;
}

static bool fits(const json_t *info, const char *const *tags) {
    for (; tags && *tags; tags++) {
        if (!has_tag(info, *tags)) {
            return false;
        }
    }
    return true;
}

/* What can't be read is not listed. */
static void read_org(const char *root, const char *org, const char *const *tags, json_t *list) {
    struct strbuf path = { 0 }, repo = { 0 };
    strbuf_addf(&path, "%s/models/%s", root, org);
    DIR *d = opendir(strbuf_str(&path));
    for (struct dirent *e; d && (e = readdir(d));) {
        struct err ignored = ERR_INIT;
        strbuf_reset(&repo);
        strbuf_addf(&repo, "%s/%s", org, e->d_name);
        json_t *info =
            repo_id_valid(strbuf_str(&repo)) ? read_one(root, strbuf_str(&repo), &ignored) : NULL;
        if (info && fits(info, tags)) {
            json_array_append(list, info);
        }
        json_decref(info);
    }
    if (d) {
        closedir(d);
    }
    strbuf_release(&path);
    strbuf_release(&repo);
}

/* ---- order ---- */

struct keyed {
    json_t *info;
    const char *sort;
};

static int by_rank(const void *a, const void *b) {
    const struct keyed *x = a, *y = b;
    const char *key = x->sort ? x->sort : "";
    double p = json_get_number(x->info, key, 0), q = json_get_number(y->info, key, 0);
    int at = strcmp(
        json_get_string(y->info, "createdAt", ""), json_get_string(x->info, "createdAt", ""));
    if (p != q) {
        return p < q ? 1 : -1;
    }
    return !strcmp(key, "createdAt") && at
               ? at
               : strcmp(json_get_string(x->info, "id", ""), json_get_string(y->info, "id", ""));
}

static json_t *sorted(json_t *list, const char *sort) {
    size_t n = json_array_size(list);
    struct keyed *keys = xcalloc(n + 1, sizeof *keys);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct keyed) { json_array_get(list, i), sort };
    }
    qsort(keys, n, sizeof *keys, by_rank);
    for (size_t i = 0; i < n; i++) {
        json_array_append(out, keys[i].info);
    }
    free(keys);
    json_decref(list);
    return out;
}

json_t *catalogue_read(
    const char *root, const char *const *tags, const char *sort, struct err *err) {
    char *models = path_join(root, "models");
    DIR *d = opendir(models);
    json_t *list = json_array();
    if (!d) {
        err_errno(err, ERR_FAILED, "could not list '%s'", models);
        json_decref(list);
        list = NULL;
    }
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            read_org(root, e->d_name, tags, list);
        }
    }
    if (d) {
        closedir(d);
    }
    free(models);
    return list ? sorted(list, sort) : NULL;
}

bool catalogue_page(const char *root, const struct catalogue_query *q, struct strbuf *out,
    size_t *next, struct err *err) {
    json_t *list = catalogue_read(root, q->tags, q->sort, err);
    struct json_writer w;
    if (!list) {
        return false;
    }
    size_t n = json_array_size(list), end = q->cursor;
    json_writer_init(&w, out, false);
    jw_array(&w);
    for (; end < n && end - q->cursor < q->limit; end++) {
        jw_json(&w, json_array_get(list, end));
    }
    jw_end_array(&w);
    *next = end < n ? end : 0;
    json_decref(list);
    return true;
}
