/* Which kernels run here: the best table that the processor (and the system's saving of its
 * registers) supports, or the one that ASSAY_ISA names, which must be supported too. */
#include "harness/cpu/int8.h"

#include <string.h>

#include "base/strbuf.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(ASSAY_HAVE_NEONBF16)
#include <sys/auxv.h>
#endif

struct isa {
    const struct kernels *kernels;
    const char *words;
    bool (*usable)(void);
};

static bool always(void) {
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512bf16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

bool kernels_see_amx(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0; /* amx-bf16 */
}
#else
bool kernels_see_amx(void) {
    return false;
}
#endif

#if defined(ASSAY_HAVE_NEONBF16)
static bool has_neonbf16(void) {
    return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0;
}
#endif

static const struct isa isas[] = {
/* best first */
#if defined(__x86_64__)
    { &kernels_avx512bf16, "AVX-512 bf16", has_avx512bf16 },
    { &kernels_avx512, "AVX-512", has_avx512 },
    { &kernels_avx2, "AVX2", has_avx2 },
#elif defined(__aarch64__)
#if defined(ASSAY_HAVE_NEONBF16)
    { &kernels_neonbf16, "NEON bf16", has_neonbf16 },
#endif
    { &kernels_neon, "NEON", always }, /* AArch64 is not without it */
#endif
    { &kernels_plain, "no vector extension that is used", always },
};
enum { N_ISAS = sizeof isas / sizeof *isas };

const char *kernels_name(size_t i) {
    return i < N_ISAS ? isas[i].kernels->name : NULL;
}

static void hint_at_names(struct err *err) {
    struct strbuf names = { 0 };
    for (size_t i = N_ISAS; i-- > 0;)
        strbuf_addf(&names, "%s%s", kernels_name(i), i > 1 ? ", " : i == 1 ? " and " : "");
    err_hint(err, "%s are known on such a processor", strbuf_str(&names));
    strbuf_release(&names);
}

/* Eight-bit sums are exact: which table makes them changes no bit, so it goes by the other kernels'
 * name and by what the processor has beside them. */
const struct int8_kernels *int8_kernels_choose(const struct kernels *k) {
#if defined(__x86_64__)
    bool wide = strncmp(k->name, "avx512", 6) == 0;
    if (wide && __builtin_cpu_supports("avx512vnni"))
        return &int8_vnni;
    if (wide || strcmp(k->name, "avx2") == 0)
        return &int8_avx2;
#endif
    (void)k;
    return &int8_plain;
}

static const struct isa *choose(struct err *err) {
    const char *said = getenv("ASSAY_ISA");
    bool any = said == NULL || *said == 0;
    for (size_t i = 0; i < N_ISAS; i++) {
        if ((any || strcmp(said, kernels_name(i)) == 0) && isas[i].usable())
            return &isas[i];
    }
    err_set(err, ERR_USAGE,
        "cannot run with ASSAY_ISA '%s': it is not an instruction set of this processor", said);
    hint_at_names(err);
    return NULL;
}

const struct kernels *kernels_choose(struct err *err) {
    const struct isa *isa = choose(err);
    return isa != NULL ? isa->kernels : NULL;
}

const char *processor_isa(struct err *err) {
    const struct isa *isa = choose(err);
    return isa != NULL ? isa->words : NULL;
}
