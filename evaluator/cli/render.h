/* Rendered documents (task_render) for people. */
#ifndef ASSAY_CLI_RENDER_H
#define ASSAY_CLI_RENDER_H

#include "base/json.h"

void render_print(const json_t *rendered);

#endif
