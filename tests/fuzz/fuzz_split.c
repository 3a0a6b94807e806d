/* Bytes as a configuration and a split, a README, and the names of a folder's files: what is found
 * must be of the list, data, each once, and a refusal must say why.
 *     config split            ("-": no configuration)
 *     README's lines, up to a line "="
 *     a path a line */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/formats.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/data/glob.h"
#include "evaluator/data/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Up to 200 paths of the lines. */
static void list(struct listing *l, char *lines) {
    static const struct data_remote_file remote;
    char *rest = NULL;
    for (char *path = strtok_r(lines, "\n", &rest); path && l->n < 200;
         path = strtok_r(NULL, "\n", &rest))
        if (path_stays_below(path))
            listing_add(l, xstrdup(path), l->n % 2 ? &remote : NULL);
    listing_sort(l);
}

static void find(const json_t *card, const char *config, const char *split, char *lines) {
    struct err err = ERR_INIT;
    struct listing all = { 0 };
    struct picks p;
    list(&all, lines);
    picks_init(&p, &all);
    struct split_query q = { card, strcmp(config, "-") ? config : NULL, split };
    bool found = split_find(&q, &p, &err);
    BUG_IF(found != (err.class == ERR_NONE));
    BUG_IF(!found && !err.msg[0]);
    BUG_IF(found && p.n == 0);
    for (size_t i = 0; found && i < p.n; i++) {
        BUG_IF(!data_format(p.paths[i]));
        for (size_t j = 0; j < i; j++)
            BUG_IF(strcmp(p.paths[i], p.paths[j]) == 0);
    }
    picks_release(&p);
    listing_release(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = ERR_INIT;
    char *text = xstrndup((const char *)bytes, size > 1 << 16 ? 1 << 16 : size);
    char *readme = strchr(text, '\n'), *split = strchr(text, ' ');
    char *paths = readme ? strstr(readme, "\n=\n") : NULL;
    if (paths && split && split < readme) {
        *readme++ = *split++ = '\0';
        size_t n = paths > readme ? (size_t)(paths - readme) : 0;
        json_t *card = frontmatter_parse(readme, n, &err);
        if (err.class == ERR_NONE)
            find(json_is_object(card) ? card : NULL, text, split, paths + 3);
        json_decref(card);
    }
    free(text);
    return 0;
}
