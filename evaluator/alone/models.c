/* The hub room's door in a build that has no hub: folders, files and mirror trees. */
#include "evaluator/hub/hub.h"

#include <string.h>

#include "evaluator/hub/mirror.h"
#include "evaluator/hub/path.h"
#include "evaluator/hub/source.h"

static char *refuse(const char *model, const char *endpoint, struct err *err) {
    err_set(err, ERR_UNSUPPORTED,
        "cannot fetch '%.200s' from '%.120s': this build is the harness alone", model, endpoint);
    err_hint(err, "give a folder or a file that is here, or a mirror tree by --hub DIR");
    return NULL;
}

static char *mirrored(const char *root, const char *model, struct err *err) {
    char *repo, *revision;
    if (!hub_split(model, &repo, &revision, err)) {
        return NULL;
    }
    char *dir = mirror_at(root, REPO_MODEL, repo, revision, err);
    free(repo);
    free(revision);
    return dir ? hub_folder_or_gguf(dir, model, err) : NULL;
}

char *hub_model_path(const char *hub, const char *model, struct err *err) {
    struct hub_source source;
    if (hub_is_path(model)) {
        return hub_path_on_disk(model, err);
    }
    model += strncmp(model, "hf://", 5) ? 0 : 5;
    hub_source_find(hub, &source);
    return source.mirror ? mirrored(source.mirror, model, err)
                         : refuse(model, source.endpoint, err);
}

/* A card is YAML, which this build doesn't read. */
json_t *hub_folder_licence(const char *path) {
    (void)path;
    return json_null();
}
