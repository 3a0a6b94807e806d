/* Finding cuBLASLt at run time: no build needs it, and the module opens without it. See lt.h. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cuda/lt.h"
#include "harness/cuda/lt_names.h"

#define ENTRY(name, member)                                                                        \
    { name, offsetof(struct lt_api, member) }
static const struct {
    const char *name;
    size_t place;
} entries[] = {
    ENTRY("cublasLtGetVersion", version),
    ENTRY("cublasLtCreate", create),
    ENTRY("cublasLtDestroy", destroy),
    ENTRY("cublasLtMatmulDescCreate", desc_create),
    ENTRY("cublasLtMatmulDescSetAttribute", desc_set),
    ENTRY("cublasLtMatmulDescDestroy", desc_destroy),
    ENTRY("cublasLtMatrixLayoutCreate", layout_create),
    ENTRY("cublasLtMatrixLayoutSetAttribute", layout_set),
    ENTRY("cublasLtMatrixLayoutDestroy", layout_destroy),
    ENTRY("cublasLtMatmulPreferenceCreate", preference_create),
    ENTRY("cublasLtMatmulPreferenceSetAttribute", preference_set),
    ENTRY("cublasLtMatmulPreferenceDestroy", preference_destroy),
    ENTRY("cublasLtMatmulAlgoGetHeuristic", find),
    ENTRY("cublasLtMatmulAlgoConfigGetAttribute", config_get),
    ENTRY("cublasLtMatmulAlgoCapGetAttribute", cap_get),
    ENTRY("cublasLtMatmul", matmul),
};

static bool missing(struct err *err) {
    const char *why = dlerror();
    return err_set(
        err, ERR_UNSUPPORTED, "no cuBLASLt: %.300s", why != NULL ? why : "unknown reason");
}

static void *library_open(const char *named) {
    void *library = NULL;
    if (named != NULL)
        return dlopen(named, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library == NULL && lt_names[i] != NULL; i++)
        library = dlopen(lt_names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

/* 130200 is 13.2.0. */
static void version_name(struct lt *lt) {
    size_t v = lt->api.version();
    snprintf(lt->name, sizeof lt->name, "cublasLt %u.%u.%u", (unsigned)(v / 10000),
        (unsigned)(v / 100 % 100), (unsigned)(v % 100));
}

bool lt_load(struct lt *lt, struct err *err) {
    const char *named = getenv("ASSAY_CUBLASLT");
    if (named != NULL && named[0] == '\0')
        return err_set(err, ERR_UNSUPPORTED, "no cuBLASLt: ASSAY_CUBLASLT is empty");
    lt->library = library_open(named);
    if (lt->library == NULL)
        return missing(err);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        void *entry = dlsym(lt->library, entries[i].name);
        if (entry == NULL)
            return missing(err);
        memcpy((char *)&lt->api + entries[i].place, &entry, sizeof entry);
    }
    version_name(lt);
    return true;
}
