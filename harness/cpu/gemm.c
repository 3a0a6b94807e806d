/* Which GEMM library: by name, or for "auto" ours, which measures the same as oneDNN 2.6 on AVX-512
 * and fills no rows, unless the processor has matrix tiles (AMX) or no vector kernels of ours: then
 * oneDNN where it is built in. */
#include "harness/cpu/gemm.h"

#include <string.h>

struct library {
    const char *name;
    gemm_open_fn *open; /* NULL: not built in */
};

static const struct library libraries[] = {
    { "plain", gemm_open_plain },
#if defined(ASSAY_HAVE_DNNL)
    { "dnnl", gemm_open_dnnl },
#else
    { "dnnl", NULL },
#endif
};

static const struct library *library_find(const char *name) {
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (strcmp(libraries[i].name, name) == 0)
            return &libraries[i];
    }
    return NULL;
}

static struct gemm *open_best(const struct gemm_config *config, struct err *err) {
    bool ours = strcmp(config->kernels->name, "plain") != 0 &&
                !(kernels_see_amx() && config->elem == ELEM_BF16);
    const struct library *dnnl = library_find("dnnl");
    struct err ignored = ERR_INIT;
    struct gemm *g = ours || dnnl->open == NULL ? NULL : dnnl->open(config, &ignored);
    return g != NULL ? g : gemm_open_plain(config, err);
}

void gemm_finish(const struct gemm_call *call, const struct gemm_out *out) {
    const struct gemm *g = call->weight->gemm;
    if (g->ops->finish != NULL) {
        g->ops->finish(call, out);
        return;
    }
    g->ops->multiply(call);
    g->kernels->finish(&out->how, out->n_rows, gemm_columns(call->weight, call->chunk), call->sums,
        gemm_stride(call->weight, call->chunk), out->rows, out->stride);
}

struct gemm *gemm_open(const struct gemm_config *config, struct err *err) {
    if (config->name == NULL || strcmp(config->name, "auto") == 0)
        return open_best(config, err);
    const struct library *l = library_find(config->name);
    if (l == NULL) {
        err_set(err, ERR_USAGE, "unknown matrix library '%s'", config->name);
        err_hint(err, "auto, dnnl and plain are known");
        return NULL;
    }
    if (l->open == NULL) {
        err_set(err, ERR_UNSUPPORTED, "cannot use the matrix library '%s': it is not built in",
            l->name);
        return NULL;
    }
    return l->open(config, err);
}
