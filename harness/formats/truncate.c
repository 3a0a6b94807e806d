/* A model's first layers as a model of its own. A folder's weights are linked, not copied: the
 * tensors of the layers that went stay in the file, and loaders leave alone what the config doesn't
 * ask for. The target is made under a temporary name beside it, so that it is whole or not there at
 * all. */
#include "harness/formats/truncate.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "harness/harness.h"
#include "harness/weights.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define TREE_DEPTH_MAX 4
#define TREE_FILES_MAX 20000

/* ---- links ---- */

/* A hard link to the file itself (never to a link of a download cache), a symbolic one where that
 * can't be. */
static bool link_file(const char *from, const char *to, struct err *err) {
    char *real = realpath(from, NULL);
    if (!real)
        return err_errno(err, ERR_FAILED, "could not find file '%s'", from);
    const bool ok = link(real, to) == 0 || symlink(real, to) == 0;
    free(real);
    return ok || err_errno(err, ERR_FAILED, "could not link '%s' to '%s'", to, from);
}

/* Weights in other formats keep all their layers and can't be cut by a config: they'd be wrong
 * beside it. PyTorch's are read where there are no safetensors beside them. */
static bool is_left_out(const char *name, bool safetensors) {
    static const char *const suffixes[] = { ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx",
        ".ot", ".gguf" };
    if (*name == '.') /* also .revision: this isn't that revision any more */
        return true;
    for (size_t i = safetensors ? 0 : 1; i < sizeof suffixes / sizeof *suffixes; i++)
        if (str_ends(name, suffixes[i]))
            return true;
    return false;
}

static bool has_safetensors(DIR *dir) {
    bool has = false;
    for (const struct dirent *e; (e = readdir(dir));)
        has = has || str_ends(e->d_name, ".safetensors");
    rewinddir(dir);
    return has;
}

static bool link_tree(
    const char *from, const char *to, int depth, size_t *n_files, struct err *err);

/* One entry of a folder: a file or a link to one is linked, a folder is walked, anything else is
 * passed over. */
static bool link_entry(
    const char *from, const char *to, int depth, size_t *n_files, struct err *err) {
    struct stat here, meant;
    if (lstat(from, &here) != 0 || stat(from, &meant) != 0)
        return err_errno(err, ERR_FAILED, "could not find file '%s'", from);
    if (++*n_files > TREE_FILES_MAX)
        return err_set(err, ERR_INPUT, "more than %d files", TREE_FILES_MAX);
    if (S_ISREG(meant.st_mode))
        return link_file(from, to, err);
    if (!S_ISDIR(here.st_mode))
        return true;
    if (depth == 0)
        return err_set(err, ERR_INPUT, "folders nested more than %d deep", TREE_DEPTH_MAX);
    return dir_make(to, err) && link_tree(from, to, depth - 1, n_files, err);
}

static bool link_tree(
    const char *from, const char *to, int depth, size_t *n_files, struct err *err) {
    DIR *dir = opendir(from);
    if (!dir)
        return err_errno(err, ERR_FAILED, "could not open folder '%s'", from);
    const bool safetensors = has_safetensors(dir);
    bool ok = true;
    for (const struct dirent *e; ok && (e = readdir(dir));) {
        if (is_left_out(e->d_name, safetensors) ||
            (depth == TREE_DEPTH_MAX && strcmp(e->d_name, "config.json") == 0))
            continue;
        char *source = path_join(from, e->d_name), *target = path_join(to, e->d_name);
        ok = link_entry(source, target, depth, n_files, err);
        free(source);
        free(target);
    }
    closedir(dir);
    return ok;
}

/* ---- folders ---- */

static json_t *config_read(const char *source, unsigned layers, struct err *err) {
    char *path = path_join(source, "config.json");
    json_t *config = json_parse_python_file(path, CONFIG_BYTES_MAX, err);
    if (config && !config_cut(config, layers, err)) {
        err_wrap(err, "model '%s'", source);
        json_decref(config);
        config = NULL;
    }
    free(path);
    return config;
}

static bool config_write(const json_t *config, const char *dir, struct err *err) {
    char *path = path_join(dir, "config.json");
    struct strbuf text = { 0 };
    struct json_writer w;
    json_writer_init(&w, &text, true);
    jw_json(&w, config);
    strbuf_addc(&text, '\n');
    const bool ok = file_write_atomic(path, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    free(path);
    return ok;
}

static bool folder_fill(
    const char *source, const char *staging, const json_t *config, struct err *err) {
    size_t n_files = 0;
    return dir_make(staging, err) && link_tree(source, staging, TREE_DEPTH_MAX, &n_files, err) &&
           config_write(config, staging, err);
}

static bool folder_truncate(
    const char *source, const char *target, unsigned layers, struct err *err) {
    struct weights *w =
        weights_open(source, err); /* nothing is made of a model that can't be read */
    if (!w)
        return false;
    weights_close(w);
    json_t *config = config_read(source, layers, err);
    if (!config)
        return false;
    struct strbuf staging = { 0 };
    strbuf_addf(&staging, "%s.partial-%ld", target, (long)getpid());
    bool ok = folder_fill(source, strbuf_str(&staging), config, err);
    if (ok && rename(strbuf_str(&staging), target) != 0)
        ok = err_errno(
            err, ERR_FAILED, "could not rename '%s' to '%s'", strbuf_str(&staging), target);
    if (!ok) {
        struct err ignored = ERR_INIT;
        if (!dir_remove(strbuf_str(&staging), &ignored) && err)
            err_hint(err, "'%s' could not be removed", strbuf_str(&staging));
    }
    strbuf_release(&staging);
    json_decref(config);
    return ok;
}

/* ---- the door ---- */

static bool parent_make(const char *target, struct err *err) {
    char *parent = xstrdup(target);
    for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
        parent[n - 1] = '\0';
    char *slash = strrchr(parent, '/');
    bool ok = true;
    if (slash && slash != parent) {
        *slash = '\0';
        ok = dir_make(parent, err);
    }
    free(parent);
    return ok;
}

/* A target within the source would be linked into itself. */
static bool is_within(const char *target, const char *source) {
    char *parent = xstrdup(target), *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    char *inner = realpath(slash ? parent : ".", NULL), *outer = realpath(source, NULL);
    const size_t n = outer ? strlen(outer) : 0;
    const bool yes =
        inner && outer && strncmp(inner, outer, n) == 0 && (!inner[n] || inner[n] == '/');
    free(inner);
    free(outer);
    free(parent);
    return yes;
}

bool model_truncate(const char *source, const char *target, unsigned layers, struct err *err) {
    struct stat st;
    if (!layers)
        return layers_check(layers, 0, err);
    if (lstat(target, &st) == 0)
        return err_set(err, ERR_USAGE, "'%s' exists already", target);
    if (stat(source, &st) != 0)
        return err_errno(err, ERR_NOT_FOUND, "could not find model '%s'", source);
    if (!parent_make(target, err))
        return false;
    if (!S_ISDIR(st.st_mode))
        return gguf_truncate(source, target, layers, err);
    if (is_within(target, source))
        return err_set(err, ERR_USAGE, "'%s' cannot be made inside '%s'", target, source);
    return folder_truncate(source, target, layers, err);
}
