/* Bytes as a page of a hub's list of files: what is taken over must be fit to become file names. */
#include <string.h>

#include "base/file.h"
#include "evaluator/hub/pull.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    struct repo_listing l = { 0 };
    json_t *tree = json_parse((const char *)bytes, size, "listing", &err);
    bool ok = tree && pull_take_tree(&l, tree, REPO_FILES_MAX, &err);
    BUG_IF(ok != (err.class == ERR_NONE));
    for (size_t i = 0; i < l.n; i++) {
        BUG_IF(!path_stays_below(l.files[i].path));
        BUG_IF(strlen(l.files[i].etag) != (l.files[i].lfs ? 64 : 40));
    }
    repo_listing_release(&l);
    json_decref(tree);
    return 0;
}
