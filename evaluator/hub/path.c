/* What the user wrote, as far as no hub is needed to understand it (see hub.h and path.h). */
#include "evaluator/hub/path.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/source.h"

void hub_source_find(const char *hub, struct hub_source *out) {
    const char *name = hub && *hub ? hub : getenv("HF_ENDPOINT");
    if (!name || !*name) {
        name = "https://huggingface.co";
    }
    *out = (struct hub_source) { .mirror = dir_exists(name) ? name : NULL, .endpoint = name };
}

bool hub_split(const char *model, char **repo, char **revision, struct err *err) {
    const char *at = strchr(model, '@');
    *repo = at ? xstrndup(model, (size_t)(at - model)) : xstrdup(model);
    *revision = at ? xstrdup(at + 1) : NULL;
    // A word that is also something here is more likely meant as that, and would have to begin so.
    bool here = !strchr(*repo, '/') && (dir_exists(*repo) || file_exists(*repo));
    if (!here && repo_id_valid(*repo) && (!*revision || path_stays_below(*revision))) {
        return true;
    }
    free(*repo);
    free(*revision);
    *repo = *revision = NULL;
    if (str_begins(model, "api:")) {
        err_set(err, ERR_UNSUPPORTED, "'%.100s' is a remote model: its files are nobody's", model);
        return err_hint(err, "'assay eval' asks it; nothing else does");
    }
    err_set(err, ERR_NOT_FOUND, "there is no model '%.200s'", model);
    return here ? err_hint(err, "what lies here is named by its path: ./%.200s", model)
                : err_hint(err, "a model is org/name[@revision], a folder, or a .gguf file; a path "
                                "begins with '.' or '/'");
}

bool hub_is_path(const char *model) {
    return word_is_path(model,
        (const char *const[]) { ".gguf", ".safetensors", ".json", ".model", ".jinja", NULL });
}

/* Does the file stand for a model of text? What a model sees with lies beside it, and of several
 * parts the first stands for all. */
static int is_gguf_model(const struct dirent *e) {
    const char *name = e->d_name;
    const size_t n = strlen(name), ending = strlen("-00001-of-00002.gguf");
    const char *end = n > ending ? name + n - ending : "";
    const bool part = end[0] == '-' && !strncmp(end + 6, "-of-", 4);
    return str_ends(name, ".gguf") && !str_begins(name, "mmproj") &&
           (!part || !strncmp(end, "-00001", 6));
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What there is to choose from. */
static bool refuse_choice(
    const char *dir, const char *model, struct dirent **files, int n, struct err *err) {
    struct strbuf list = { .max = 400 };
    for (int i = 0; i < n; i++) {
        strbuf_addf(&list, "%s%s", i ? ", " : "", files[i]->d_name);
    }
    err_set(err, ERR_UNSUPPORTED, "'%s' holds %d models as .gguf files: %s%s", model, n,
        strbuf_str(&list), list.overflow ? ", ..." : "");
    strbuf_release(&list);
    return err_hint(err, "name one of them as a file: %s/%s", dir, files[0]->d_name);
}

/* The only .gguf model of a folder without config.json; NULL where there is none, or several. */
static char *gguf_in(const char *dir, const char *model, bool *ok, struct err *err) {
    struct dirent **files = NULL;
    const int n = scandir(dir, &files, is_gguf_model, by_name);
    char *found = n == 1 ? path_join(dir, files[0]->d_name) : NULL;
    *ok = n <= 1 || refuse_choice(dir, model, files, n, err);
    for (int i = 0; i < n; i++) {
        free(files[i]);
    }
    free(files);
    return found;
}

char *hub_folder_or_gguf(char *dir, const char *model, struct err *err) {
    char *config = path_join(dir, "config.json");
    bool ok = true;
    char *file = file_exists(config) ? NULL : gguf_in(dir, model, &ok, err);
    free(config);
    if (!file && ok) {
        return dir;
    }
    free(dir);
    return file;
}

char *hub_path_on_disk(const char *model, struct err *err) {
    if (!file_exists(model) && !dir_exists(model)) {
        err_set(err, ERR_NOT_FOUND, "there is no model '%.300s': no such file or folder", model);
        return NULL;
    }
    return dir_exists(model) ? hub_folder_or_gguf(xstrdup(model), model, err) : xstrdup(model);
}
