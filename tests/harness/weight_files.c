/* Builders for the tests of weight files. */
#include "weight_files.h"

#include <stdlib.h>
#include <string.h>

int scratch_setup(void **state) {
    const char *tmp = getenv("TMPDIR");
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/assay-weights-XXXXXX", tmp ? tmp : "/tmp");
    *state = strbuf_take(&path);
    return mkdtemp(*state) ? 0 : -1;
}

int scratch_teardown(void **state) {
    struct err err = ERR_INIT;
    const bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

char *file_put(const char *dir, const char *name, const void *bytes, size_t n) {
    char *path = path_join(dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

char *shared_path(const char *below) {
    const char *shared = getenv("ASSAY_SHARED");
    char *path = path_join(shared ? shared : ASSAY_TESTS_DIR "/../../shared", below);
    if (dir_exists(path) || file_exists(path))
        return path;
    print_message("skipped: no %s (set ASSAY_SHARED)\n", path);
    free(path);
    return NULL;
}

void assert_error(const struct err *err, enum err_class class, ...) {
    if (err->class != class)
        fail_msg(
            "class %s, not %s: %s", err_info(err->class)->name, err_info(class)->name, err->msg);
    va_list fragments;
    va_start(fragments, class);
    for (const char *fragment; (fragment = va_arg(fragments, const char *));)
        if (!strstr(err->msg, fragment))
            fail_msg("\"%s\" does not say \"%s\"", err->msg, fragment);
    va_end(fragments);
}

/* Hints are alternatives between " / "; one of them must be in the message, in whatever case. */
static bool is_hinted(const char *msg, const char *hint) {
    char *left = xstrdup(hint), *at = left;
    bool found = false;
    while (at && !found) {
        char *next = strstr(at, " / ");
        if (next)
            *next = '\0';
        found = strcasestr(msg, at);
        at = next ? next + 3 : NULL;
    }
    free(left);
    return found;
}

static void malformed_one(const char *path, const char *expect, const char *hint) {
    struct err err = ERR_INIT;
    struct weights *w = weights_open(path, &err);
    weights_close(w);
    if (strcmp(expect, "accept") == 0 && !w)
        fail_msg("'%s' must be accepted: %s", path, err.msg);
    if (strcmp(expect, "refuse") == 0 && w)
        fail_msg("'%s' must be refused", path);
    if (!w && !strstr(err.msg, path))
        fail_msg("\"%s\" does not name '%s'", err.msg, path);
    if (!w && strcmp(expect, "refuse") == 0 && !is_hinted(err.msg, hint))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, hint);
}

size_t malformed_check(const char *folder, bool (*is_ours)(const char *file)) {
    struct err err = ERR_INIT;
    char *manifest = path_join(folder, "manifest.json");
    json_t *root = json_parse_file(manifest, 4u << 20, &err), *item;
    assert_non_null(root);
    size_t i, n = 0;
    json_array_foreach(json_object_get(root, "items"), i, item) {
        const char *file = json_get_string(item, "file", "");
        if (!is_ours(file))
            continue;
        char *path = path_join(folder, file);
        malformed_one(path, json_get_string(item, "expect", ""), json_get_string(item, "hint", ""));
        free(path);
        n++;
    }
    json_decref(root);
    free(manifest);
    return n;
}

void st_build_n(struct strbuf *out, const char *header, size_t header_n, size_t data_n) {
    gguf_u64(out, header_n);
    strbuf_add(out, header, header_n);
    for (size_t i = 0; i < data_n; i++)
        strbuf_addc(out, (char)(i & 0xff));
}

void st_build(struct strbuf *out, const char *header, size_t data_n) {
    st_build_n(out, header, strlen(header), data_n);
}

void gguf_u32(struct strbuf *out, uint32_t v) {
    strbuf_add(out, &v, sizeof v);
}

void gguf_u64(struct strbuf *out, uint64_t v) {
    strbuf_add(out, &v, sizeof v);
}

void gguf_string(struct strbuf *out, const char *s) {
    gguf_u64(out, strlen(s));
    strbuf_adds(out, s);
}

void gguf_begin(struct strbuf *out, uint32_t version, uint64_t n_tensors, uint64_t n_keys) {
    strbuf_adds(out, "GGUF");
    gguf_u32(out, version);
    gguf_u64(out, n_tensors);
    gguf_u64(out, n_keys);
}

void gguf_key(struct strbuf *out, const char *key, uint32_t type) {
    gguf_string(out, key);
    gguf_u32(out, type);
}

void gguf_key_u32(struct strbuf *out, const char *key, uint32_t v) {
    gguf_key(out, key, 4);
    gguf_u32(out, v);
}

void gguf_key_string(struct strbuf *out, const char *key, const char *v) {
    gguf_key(out, key, 8);
    gguf_string(out, v);
}

void gguf_key_array(struct strbuf *out, const char *key, uint32_t type, uint64_t n) {
    gguf_key(out, key, 9);
    gguf_u32(out, type);
    gguf_u64(out, n);
}

void gguf_tensor(
    struct strbuf *out, const char *name, const uint64_t *dims, uint32_t type, uint64_t offset) {
    uint32_t n = 0;
    while (dims[n])
        n++;
    gguf_string(out, name);
    gguf_u32(out, n);
    strbuf_add(out, dims, n * sizeof *dims);
    gguf_u32(out, type);
    gguf_u64(out, offset);
}

void gguf_pad(struct strbuf *out, size_t alignment) {
    while (out->len % alignment)
        strbuf_addc(out, 0);
}
