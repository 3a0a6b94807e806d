/* What became of each kind of product, for who looks at a device's first run: one line a plan, to
 * the file that ASSAY_CUBLASLT_SAY names (1: standard error), behind what is there. Read by people
 * and by script/gpu-day; nothing follows from it. See lt.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cuda/lt.h"

static const char *type_name(bool bf16) {
    return bf16 ? "bf16" : "f32";
}

/* The algorithm's own numbers; -1 where the library doesn't tell. */
static int32_t setting(const struct lt *lt, const struct lt_plan *p, int attribute) {
    int32_t number = -1;
    size_t written = 0;
    int status = lt->api.config_get(&p->algo, attribute, &number, sizeof number, &written);
    return status == LT_SUCCESS ? number : -1;
}

static void say_algorithm(FILE *f, const struct lt *lt, const struct lt_plan *p) {
    fprintf(f, "algorithm %d, tile %d, stages %d, workspace %zu", setting(lt, p, LT_CONFIG_ID),
        setting(lt, p, LT_CONFIG_TILE), setting(lt, p, LT_CONFIG_STAGES), p->workspace);
}

static void say_plan(FILE *f, const struct lt *lt, const struct lt_plan *p) {
    const struct lt_kind *k = &p->kind;
    fprintf(f, "%s: n %u, k %u, %s to %s%s, epilogue %d: ", lt->name, k->n, k->k,
        type_name(k->bf16), type_name(k->out_bf16), k->accumulate ? ", added" : "",
        (int)k->epilogue);
    if (!p->usable && p->block == 0) {
        fputs("not used: no algorithm, or no memory to try one\n", f);
        return;
    }
    say_algorithm(f, lt, p);
    if (!p->usable)
        fputs("; not used: rows differ, in blocks too\n", f);
    else if (p->block != 0)
        fprintf(f, "; rows differ, and are alike in blocks of %u\n", p->block);
    else
        fputs("; rows are alike\n", f);
}

void lt_say(const struct lt *lt, const struct lt_plan *p) {
    const char *to = getenv("ASSAY_CUBLASLT_SAY");
    if (to == NULL || to[0] == '\0')
        return;
    bool to_errors = strcmp(to, "1") == 0;
    FILE *f = to_errors ? stderr : fopen(to, "a");
    if (f == NULL)
        return;
    say_plan(f, lt, p);
    if (!to_errors)
        fclose(f);
}
