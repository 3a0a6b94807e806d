/* Which GEMM library: by name, or for "auto" the first of the list that was built in and runs here.
 */
#include "harness/cpu/gemm.h"

#include <string.h>

struct library {
    const char *name;
    gemm_open_fn *open; /* NULL: not built in */
};

#if defined(ASSAY_HAVE_DNNL)
static gemm_open_fn *const open_dnnl = gemm_open_dnnl;
#else
static gemm_open_fn *const open_dnnl = NULL;
#endif

struct gemm *gemm_open(const struct gemm_config *config, struct err *err) {
    const struct library libraries[] = { { "dnnl", open_dnnl }, { "plain", gemm_open_plain } };
    bool any = config->name == NULL || strcmp(config->name, "auto") == 0;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const struct library *l = &libraries[i];
        if (!any && strcmp(config->name, l->name) != 0)
            continue;
        if (l->open == NULL && any)
            continue;
        if (l->open == NULL) {
            err_set(err, ERR_UNSUPPORTED, "cannot use the matrix library '%s': it is not built in",
                l->name);
            return NULL;
        }
        struct err why = ERR_INIT;
        struct gemm *g = l->open(config, &why);
        if (g != NULL || !any || i + 1 == sizeof libraries / sizeof *libraries) {
            if (g == NULL && err != NULL)
                *err = why;
            return g;
        }
    }
    err_set(err, ERR_USAGE, "unknown matrix library '%s'", config->name);
    err_hint(err, "auto, dnnl and plain are known");
    return NULL;
}
