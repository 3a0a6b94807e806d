/* The folder of packed weights of models (see worker.h). */
#include "evaluator/worker/worker.h"

#include <stdlib.h>

#include "base/file.h"

char *packed_folder(void) {
    struct err ignored = ERR_INIT;
    const char *off = getenv("ASSAY_NO_PACK_CACHE");
    if (off && *off) {
        return NULL;
    }
    char *cache = assay_cache(&ignored);
    char *dir = cache ? path_join(cache, "packed") : NULL;
    free(cache);
    if (dir && !dir_make(dir, &ignored)) {
        free(dir);
        return NULL;
    }
    return dir;
}
