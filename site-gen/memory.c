/* See memory.h. */
#include "site-gen/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define SCHEMA "assay.site.memory/1"
#define SIZE_MAX_BYTES ((size_t)256 << 20)

static json_t *read_before(const struct tree *tree, const char *program) {
    char *path = path_join(tree->out, TREE_MEMORY);
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    json_t *doc = file_exists(path) && file_read(path, SIZE_MAX_BYTES, &text, &ignored)
                      ? json_parse(strbuf_str(&text), text.len, path, &ignored)
                      : NULL;
    bool ours = strcmp(json_get_string(doc, "schema", ""), SCHEMA) == 0 &&
                strcmp(json_get_string(doc, "program", ""), program) == 0;
    json_t *parts = ours ? json_incref(json_object_get(doc, "parts")) : NULL;
    json_decref(doc);
    strbuf_release(&text);
    free(path);
    return parts;
}

void memory_open(struct memory *m, struct tree *tree, const char *program, bool forget) {
    *m = (struct memory) { .tree = tree, .before = forget ? NULL : read_before(tree, program) };
    m->now = json_pack("{s:s, s:s, s:{}}", "schema", SCHEMA, "program", program, "parts");
}

void memory_close(struct memory *m) {
    json_decref(m->before);
    json_decref(m->now);
    *m = (struct memory) { 0 };
}

static bool all_there(const struct memory *m, const json_t *files) {
    size_t i;
    json_t *file;
    json_array_foreach(files, i, file) {
        if (!json_is_string(file) || !tree_had(m->tree, json_string_value(file)))
            return false;
    }
    return json_array_size(files) > 0;
}

bool memory_keep(
    struct memory *m, const char *key, const char *hash, const json_t **part, struct err *err) {
    json_t *known = json_object_get(m->before, key), *files = json_object_get(known, "files"),
           *file;
    size_t i;
    *part = NULL;
    if (strcmp(json_get_string(known, "of", ""), hash) != 0 || !all_there(m, files))
        return true;
    json_array_foreach(files, i, file) {
        if (!tree_keep(m->tree, json_string_value(file), err))
            return false;
    }
    json_object_set(json_object_get(m->now, "parts"), key, known);
    *part = known;
    return true;
}

void memory_begin(struct memory *m, const char *key, const char *hash) {
    if (!m->now)
        return;
    m->part = json_pack("{s:s, s:[]}", "of", hash, "files");
    json_object_set_new(json_object_get(m->now, "parts"), key, m->part);
}

void memory_note(struct memory *m, const char *file) {
    if (m->part)
        json_array_append_new(json_object_get(m->part, "files"), json_string(file));
}

void memory_end(struct memory *m, json_t *paths, int n_pages) {
    if (m->part) {
        json_object_set(m->part, "paths", paths);
        json_object_set_new(m->part, "pages", json_integer(n_pages));
    }
    json_decref(paths);
    m->part = NULL;
}

void memory_apart(const struct memory *m, struct memory *apart) {
    *apart = (struct memory) { .tree = m->tree };
    apart->now = m->now ? json_pack("{s:{}}", "parts") : NULL;
}

void memory_join(struct memory *m, struct memory *apart) {
    json_object_update(json_object_get(m->now, "parts"), json_object_get(apart->now, "parts"));
    json_decref(apart->now);
}

bool memory_write(struct memory *m, struct err *err) {
    if (!m->now)
        return true;
    char *text = json_text(m->now, JSON_COMPACT);
    bool ok = tree_put(m->tree, TREE_MEMORY, text, strlen(text), err);
    free(text);
    return ok;
}
