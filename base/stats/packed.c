/* Which kernels run here (see packed.h). */
#include "base/stats/packed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern const struct packed_kernels packed_plain;
#if defined(__x86_64__)
extern const struct packed_kernels packed_avx2, packed_avx512;

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

static const struct packed_kernels *const *find(const char *name) {
    static const struct packed_kernels *const all[] = {
#if defined(__x86_64__)
        &packed_avx512,
        &packed_avx2,
#endif
        &packed_plain,
        NULL
    };
    const struct packed_kernels *const *k = all;
#if defined(__x86_64__)
    if (!has_avx512())
        k++;
    if (!has_avx2())
        k++;
#endif
    /* "avx512bf16" of the harness is served by "avx512" here. */
    while (name && k[1] && strncmp(name, (*k)->name, strlen((*k)->name)) != 0)
        k++;
    return k;
}

const struct packed_kernels *const *packed_kernels_all(void) {
    return find(NULL);
}

const struct packed_kernels *packed_kernels_choose(void) {
    const char *said = getenv("ASSAY_ISA");
    return *find(said && *said ? said : NULL);
}
