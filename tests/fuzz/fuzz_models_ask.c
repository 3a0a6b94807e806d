/* The reader of what is asked of models that are served: the first byte says of which kind. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/serve/models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken is within its ceilings. */
static void check(const struct model_ask *a) {
    BUG_IF(a->n_prompts == 0 || a->n_prompts * a->n > MODELS_PROMPTS_MAX);
    BUG_IF(a->n_stop > MODELS_STOPS_MAX || a->n_top > FLOW_TOP_MAX);
    BUG_IF(!isfinite(a->temperature) || a->temperature < 0 || !(a->top_p >= 0 && a->top_p <= 1));
    for (size_t i = 0; i < a->n_stop; i++) {
        BUG_IF(!*a->stop[i] || strlen(a->stop[i]) > MODELS_STOP_BYTES);
    }
    for (size_t i = 0; a->kind != ASK_CHAT && i < a->n_prompts; i++) {
        BUG_IF(!a->prompts[i].text && !a->prompts[i].ids);
    }
    BUG_IF(a->kind == ASK_CHAT && json_array_size(a->messages) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct model_ask ask;
    struct err err = ERR_INIT;
    if (size == 0) {
        return 0;
    }
    char *text = xcalloc(size, 1); // its own memory: a read past it shows
    memcpy(text, data + 1, size - 1);
    enum ask_kind kind = *data == 'c' ? ASK_COMPLETION : *data == 'm' ? ASK_CHAT : ASK_EMBEDDING;
    if (model_ask_read(&ask, kind, text, size - 1, &err)) {
        check(&ask);
    } else {
        BUG_IF(err.class == ERR_NONE || !*err.msg);
    }
    model_ask_release(&ask);
    free(text);
    return 0;
}
