/* See layout.h. The library's own patterns, in its order, are for each word of a split
 *     folders: <word>, <word>[sep]*, *[sep]<word>, *[sep]<word>[sep]*   at any depth
 *     files:   <word>[sep]*, *[sep]<word>[sep]*
 * where a separator is one of "-._ " or a digit. They are matched part by part here: a list of
 * files may be long. */
#include "evaluator/data/layout.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/data/formats.h"
#include "evaluator/data/glob.h"

#define D5 "[0-9][0-9][0-9][0-9][0-9]"
#define NUMBERED "-" D5 "-of-" D5 "*"

static const char *const WORDS[][5] = {
    { "train", "training", NULL },
    { "validation", "valid", "dev", "val", NULL },
    { "test", "testing", "eval", "evaluation", NULL },
};
enum { N_SPLITS = sizeof WORDS / sizeof *WORDS };

const char *const *layout_words(const char *split) {
    for (size_t s = 0; s < N_SPLITS; s++)
        for (size_t i = 0; WORDS[s][i]; i++)
            if (strcmp(WORDS[s][i], split) == 0)
                return WORDS[s];
    return NULL;
}

/* ---- words in names ---- */

/* How a word stands in the name of a file or folder. */
struct form {
    bool inside; /* behind a separator; else at the start */
    bool open;   /* before a separator; else at the end */
};
static const struct form FOLDERS[] = { { false, false }, { false, true }, { true, false },
    { true, true } },
                         FILES[] = { { false, true }, { true, true } };

static bool is_separator(char c) {
    return c && strchr("-._ 0123456789", c) != NULL;
}

static bool stands_at(const char *name, size_t n, const char *word, size_t at, struct form form) {
    size_t end = at + strlen(word);
    return end <= n && strncmp(name + at, word, end - at) == 0 &&
           (at > 0 && is_separator(name[at - 1])) == form.inside &&
           (form.open ? end < n && is_separator(name[end]) : end == n);
}

/* A part of a path. */
static bool holds(const char *name, size_t n, const char *word, struct form form) {
    for (size_t at = 0; at < (form.inside ? n : 1); at++)
        if (stands_at(name, n, word, at, form))
            return true;
    return false;
}

/* A path of which a folder (or else the file) is named so; nothing of it is hidden or special. */
static bool path_holds(const char *path, const char *word, bool folders, struct form form) {
    for (const char *part = path, *end; part; part = end ? end + 1 : NULL) {
        end = strchr(part, '/');
        if ((end != NULL) == folders &&
            holds(part, end ? (size_t)(end - part) : strlen(part), word, form))
            return true;
    }
    return false;
}

/* The path below `base`; NULL of files elsewhere, and of those that must be named to be taken. */
static const char *below(const char *path, const char *base) {
    size_t n = strlen(base);
    if (n && (strncmp(path, base, n) != 0 || path[n] != '/'))
        return NULL;
    path += n ? n + 1 : 0;
    return glob_passes_over(path) || is_the_hubs_own(path) ? NULL : path;
}

/* Whether any file is named by the words; those that are data are picked unless p is NULL. */
static bool take_word(const struct listing *all, struct picks *p, const char *base,
    const char *word, bool folders, struct form form) {
    bool any = false;
    for (size_t i = 0; i < all->n; i++) {
        const char *path = all->items[i].path;
        path = strstr(path, word) ? below(path, base) : NULL; /* few hold the word at all */
        if (!path || !path_holds(path, word, folders, form))
            continue;
        any = true;
        if (!p)
            break;
        if (kind_of(path))
            picks_take(p, i);
    }
    return any;
}

static bool take_words(const struct listing *all, struct picks *p, const char *base,
    const char *const *words, bool folders) {
    const struct form *forms = folders ? FOLDERS : FILES;
    size_t n = folders ? sizeof FOLDERS / sizeof *FOLDERS : sizeof FILES / sizeof *FILES;
    bool any = false;
    for (; *words; words++)
        for (size_t f = 0; f < n; f++)
            any |= take_word(all, p, base, *words, folders, forms[f]);
    return any;
}

static bool any_split_by(const struct listing *all, const char *base, bool folders) {
    for (size_t s = 0; s < N_SPLITS; s++)
        if (take_words(all, NULL, base, WORDS[s], folders))
            return true;
    return false;
}

/* ---- layouts ---- */

static void pattern_below(struct strbuf *b, const char *base, const char *pattern) {
    strbuf_reset(b);
    strbuf_addf(b, "%s%s%s", base, *base ? "/" : "", pattern);
}

static bool any_takes(const struct listing *all, const char *pattern) {
    for (size_t i = 0; i < all->n; i++)
        if (glob_takes(pattern, all->items[i].path))
            return true;
    return false;
}

static void take_shards_of(
    struct picks *p, const char *base, const char *split, struct strbuf *pattern) {
    pattern_below(pattern, base, "data/");
    strbuf_addf(pattern, "%s" NUMBERED ".*", split);
    picks_take_pattern(p, pattern->text);
}

/* False where the data set isn't laid out so. */
static bool take_shards(struct picks *p, const char *base, const char *split) {
    struct strbuf pattern = { 0 };
    pattern_below(&pattern, base, "data/*" NUMBERED ".*");
    bool so = any_takes(p->all, pattern.text);
    const char *const *words = layout_words(split);
    if (so)
        take_shards_of(p, base, split, &pattern);
    for (; so && words && *words && p->n == 0; words++)
        take_shards_of(p, base, *words, &pattern);
    strbuf_release(&pattern);
    return so;
}

/* A split that was asked for by another word than the library's is first looked for by that. */
static void take_split(struct picks *p, const char *base, const char *split, bool folders) {
    const char *const *words = layout_words(split);
    const char *const own[] = { split, NULL };
    if (words && strcmp(words[0], split) != 0)
        take_words(p->all, p, base, own, folders);
    if (words && p->n == 0)
        take_words(p->all, p, base, words, folders);
}

void layout_take(struct picks *p, const char *base, const char *split) {
    struct strbuf all = { 0 };
    if (take_shards(p, base, split))
        return;
    if (any_split_by(p->all, base, true)) {
        take_split(p, base, split, true);
    } else if (any_split_by(p->all, base, false)) {
        take_split(p, base, split, false);
    } else if (strcmp(split, "train") == 0) {
        pattern_below(&all, base, "**");
        picks_take_pattern(p, all.text);
    }
    strbuf_release(&all);
}

void layout_take_named(struct picks *p, const char *folder, const char *split) {
    static const char *const FORMATS[] = { "parquet", "jsonl", "json", "csv", "tsv" };
    static const char *const PACKINGS[] = { "", ".gz", ".zst" };
    static const char *const TAILS[] = { NUMBERED, "", "-*" };
    struct strbuf pattern = { 0 };
    for (size_t t = 0; t < sizeof TAILS / sizeof *TAILS; t++)
        for (size_t f = 0; f < sizeof FORMATS / sizeof *FORMATS; f++)
            for (size_t k = 0; k < (f == 0 ? 1 : 3) && p->n == 0; k++) {
                pattern_below(&pattern, folder, split);
                strbuf_addf(&pattern, "%s.%s%s", TAILS[t], FORMATS[f], PACKINGS[k]);
                picks_take_pattern(p, pattern.text);
            }
    strbuf_release(&pattern);
}
