/* Bytes as a README: front matter to JSON, its file patterns against a path. */
#include "evaluator/data/card.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/data/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool match(void *context, const char *pattern, struct err *err) {
    (void)err;
    *(int *)context += glob_match(pattern, "data/test-00000-of-00001.parquet");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    int matches = 0;
    const json_t *entry = NULL;
    json_t *card = frontmatter_parse((const char *)bytes, size, &err);
    if (card && card_config(card, NULL, &entry, &err) && entry &&
        !card_patterns(entry, "test", match, &matches, &err))
        matches = 0;
    json_decref(card ? card_features(card, NULL) : NULL);
    json_decref(card);
    return 0;
}
