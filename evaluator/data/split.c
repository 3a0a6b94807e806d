/* See split.h. */
#include "evaluator/data/split.h"

#include <string.h>

#include "evaluator/data/formats.h"
#include "evaluator/data/glob.h"
#include "evaluator/data/layout.h"

/* What an error says of the files there are. */
enum { SAID_FILES = 6, SAID_BYTES = 160 };

/* Characters that mean something in a pattern are not taken in names of splits and configurations.
 */
static bool plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strpbrk(name, "*?[{/\\") && strlen(name) < 128;
}

static void say_files(const struct listing *all, struct strbuf *b) {
    size_t said = 0, n = 0;
    for (size_t i = 0; i < all->n; i++) {
        const char *path = all->items[i].path;
        if (glob_passes_over(path) || is_the_hubs_own(path))
            continue;
        n++;
        if (said < SAID_FILES && b->len < SAID_BYTES)
            strbuf_addf(b, "%s%.80s", said++ ? ", " : "", path);
    }
    if (said < n)
        strbuf_addf(b, " and %zu more", n - said);
    strbuf_adds(b, n ? "" : "none");
}

/* "looked for ...; the files are ..." */
static bool not_there(
    const struct split_query *q, const struct picks *p, const char *looked_for, struct err *err) {
    struct strbuf files = { 0 };
    say_files(p->all, &files);
    err_set(err, ERR_NOT_FOUND, "there is no split '%s'%s%s%s: looked for %s; its files are %s",
        q->split, q->config ? " of configuration '" : "", q->config ? q->config : "",
        q->config ? "'" : "", looked_for, strbuf_str(&files));
    strbuf_release(&files);
    return false;
}

/* ---- by the card ---- */

struct by_card {
    const struct split_query *q;
    struct picks *p;
    struct strbuf patterns; /* as they were looked for */
    bool magic;             /* not only by whole names */
};

static bool take_pattern(void *context, const char *pattern, struct err *err) {
    struct by_card *c = context;
    bool magic = glob_has_magic(pattern);
    strbuf_addf(&c->patterns, "%s'%.100s'", c->patterns.len ? ", " : "", pattern);
    c->magic |= magic;
    if (picks_take_pattern(c->p, pattern) == 0 && !magic) {
        strbuf_reset(&c->patterns);
        strbuf_addf(&c->patterns, "'%.100s', which README.md names", pattern);
        return not_there(c->q, c->p, c->patterns.text, err);
    }
    return true;
}

static bool find_listed(
    const struct split_query *q, const json_t *entry, struct picks *p, struct err *err) {
    struct by_card c = { .q = q, .p = p };
    bool ok = card_patterns(entry, q->split, take_pattern, &c, err);
    if (ok && p->n == 0) {
        strbuf_adds(&c.patterns, ", as README.md says");
        ok = not_there(q, p, c.patterns.text, err);
    }
    strbuf_release(&c.patterns);
    return ok && picks_agree(p, false, err) && (!c.magic || picks_have_all_shards(p, err));
}

/* ---- by names ---- */

/* By the split's own name, then by other words for it. */
static void take_named(struct picks *p, const char *folder, const char *split) {
    const char *const *words = layout_words(split);
    layout_take_named(p, folder, split);
    for (; words && *words && p->n == 0; words++)
        layout_take_named(p, folder, *words);
}

static void search_all(struct picks *p, const char *split) {
    static const char *const FOLDERS[] = { "data", "", "default" };
    layout_take(p, "", split);
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS && p->n == 0; i++)
        take_named(p, FOLDERS[i], split);
}

static bool has_folder(const struct listing *all, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < all->n; i++)
        if (strncmp(all->items[i].path, name, n) == 0 && all->items[i].path[n] == '/')
            return true;
    return false;
}

/* False where there is no such configuration. */
static bool search_config(struct picks *p, const char *config, const char *split) {
    if (has_folder(p->all, config)) {
        layout_take_named(p, config, split);
        if (p->n == 0)
            layout_take(p, config, split);
        if (p->n == 0)
            take_named(p, config, split);
    } else if (strcmp(config, "default") == 0)
        search_all(p, split);
    else if (strcmp(config, split) == 0)
        layout_take_named(p, "", split);
    else
        return false;
    return true;
}

/* In the folder that the card gives to a configuration, or "". */
static void search_folder(struct picks *p, const char *folder, const char *split) {
    layout_take(p, folder, split);
    if (p->n == 0)
        take_named(p, folder, split);
}

static bool take_by_names(
    const struct split_query *q, const char *folder, struct picks *p, struct err *err) {
    struct strbuf looked_for = { 0 };
    bool known = true;
    if (folder)
        search_folder(p, folder, q->split);
    else if (q->config)
        known = search_config(p, q->config, q->split);
    else
        search_all(p, q->split);
    if (!known)
        strbuf_addf(&looked_for, "the folder '%s/', as no README.md lists it", q->config);
    else
        strbuf_addf(&looked_for, "data/%s-<n>-of-<n>.*, %s/*, *%s*.*, %s.<ext>", q->split, q->split,
            q->split, q->split);
    if (folder && *folder)
        strbuf_addf(&looked_for, " in '%s/'", folder);
    bool ok = p->n > 0 || not_there(q, p, looked_for.text, err);
    strbuf_release(&looked_for);
    return ok && picks_agree(p, true, err) && picks_have_all_shards(p, err);
}

bool split_find(const struct split_query *q, struct picks *p, struct err *err) {
    const json_t *entry;
    struct strbuf folder = { 0 };
    if (!plain_name(q->split) || (q->config && !plain_name(q->config)))
        return err_set(err, ERR_INPUT, "split '%.100s' or configuration '%.100s' cannot be a name",
            q->split, q->config ? q->config : "");
    if (!card_config(q->card, q->config, &entry, err))
        return false;
    if (entry && card_lists_files(entry))
        return find_listed(q, entry, p, err);
    bool ok = !entry || card_folder(entry, &folder, err);
    ok = ok && take_by_names(q, entry ? strbuf_str(&folder) : NULL, p, err);
    strbuf_release(&folder);
    return ok;
}
