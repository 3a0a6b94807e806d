/* See picks.h. */
#include "evaluator/data/picks.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/formats.h"
#include "evaluator/data/glob.h"

void picks_init(struct picks *p, const struct listing *all) {
    *p = (struct picks) { .all = all,
        .paths = xcalloc(all->n + 1, sizeof *p->paths),
        .remotes = xcalloc(all->n + 1, sizeof *p->remotes),
        .times = xcalloc(all->n + 1, sizeof *p->times),
        .where = xcalloc(all->n + 1, sizeof *p->where) };
}

void picks_release(struct picks *p) {
    free(p->paths);
    free(p->remotes);
    free(p->times);
    free(p->where);
    *p = (struct picks) { 0 };
}

void picks_take(struct picks *p, size_t i) {
    if (p->where[i] == 0) {
        p->paths[p->n] = p->all->items[i].path;
        p->remotes[p->n] = p->all->items[i].remote;
        p->where[i] = ++p->n;
    }
    p->times[p->where[i] - 1]++;
}

size_t picks_take_pattern(struct picks *p, const char *pattern) {
    size_t found = 0;
    for (size_t i = 0; i < p->all->n; i++) {
        const char *path = p->all->items[i].path;
        if (!kind_of(path) || !glob_takes(pattern, path) ||
            (is_the_hubs_own(path) && strcmp(path_base(path), path_base(pattern)) != 0))
            continue;
        picks_take(p, i);
        found++;
    }
    return found;
}

bool picks_agree(struct picks *p, bool mixed, struct err *err) {
    const struct kind *most = kind_of_most(p->paths, p->times, p->n);
    size_t n = 0;
    if (most && !most->format)
        return err_set(err, ERR_UNSUPPORTED, "its files are %s, as '%.150s', which are not read",
            most->name, p->paths[0]);
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(kind_of(p->paths[i])->name, most->name) != 0) {
            if (!mixed)
                return err_set(err, ERR_INPUT,
                    "its files are of several formats: '%.150s' is not %s as most are", p->paths[i],
                    most->name);
            continue;
        }
        p->paths[n] = p->paths[i];
        p->remotes[n++] = p->remotes[i];
    }
    p->n = n;
    return true;
}

/* ---- shards ---- */

struct shard {
    const char *path;
    size_t stem; /* bytes of the path before its number */
    unsigned long number, of;
};

/* "<stem>-00002-of-00005.<ext>", or with a hash before the ending. */
static bool shard_parse(const char *path, struct shard *s) {
    const char *of = NULL;
    for (const char *p = path; (p = strstr(p, "-of-")) != NULL; p++)
        of = p;
    if (!of || strspn(of + 4, "0123456789") != 5 || (of[9] != '.' && of[9] != '-') ||
        of - path < 6 || of[-6] != '-' || strspn(of - 5, "0123456789") != 5)
        return false;
    *s = (struct shard) { path, (size_t)(of - 5 - path), strtoul(of - 5, NULL, 10),
        strtoul(of + 4, NULL, 10) };
    return true;
}

/* By series: the name before the number, then how many there are. */
static int by_series(const struct shard *a, const struct shard *b) {
    size_t n = a->stem < b->stem ? a->stem : b->stem;
    int order = memcmp(a->path, b->path, n);
    order = order ? order : (a->stem > b->stem) - (a->stem < b->stem);
    return order ? order : (a->of > b->of) - (a->of < b->of);
}

static int by_number(const void *a, const void *b) {
    const struct shard *x = a, *y = b;
    int order = by_series(x, y);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static bool shard_missing(const struct shard *s, unsigned long number, struct err *err) {
    return err_set(
        err, ERR_INPUT, "'%s': shard %lu of %lu is missing beside it", s->path, number, s->of);
}

/* One series, by number; a number may be there twice, with another ending. */
static bool series_is_whole(const struct shard *s, size_t n, struct err *err) {
    unsigned long next = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i].number > next)
            return shard_missing(&s[i], next, err);
        next = s[i].number + 1;
    }
    return next >= s->of || shard_missing(&s[n - 1], next, err);
}

bool picks_have_all_shards(const struct picks *p, struct err *err) {
    struct shard *shards = xcalloc(p->n + 1, sizeof *shards);
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < p->n; i++)
        n += shard_parse(p->paths[i], &shards[n]);
    if (n)
        qsort(shards, n, sizeof *shards, by_number);
    for (size_t from = 0, to; ok && from < n; from = to) {
        for (to = from + 1; to < n && by_series(&shards[from], &shards[to]) == 0; to++) {
        }
        ok = series_is_whole(shards + from, to - from, err);
    }
    free(shards);
    return ok;
}
