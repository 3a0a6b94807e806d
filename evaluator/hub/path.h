/* Models that lie on this disk. Private to the hub room. */
#ifndef ASSAY_HUB_PATH_H
#define ASSAY_HUB_PATH_H

#include "base/err.h"

/* A folder or a file as the user named it; ERR_NOT_FOUND. The caller frees. */
MUST_CHECK char *hub_path_on_disk(const char *model, struct err *err);

/* A repository without config.json that holds exactly one model as .gguf is that file. Takes `dir`
 * away; the caller frees what comes back. */
MUST_CHECK char *hub_folder_or_gguf(char *dir, const char *model, struct err *err);

#endif
