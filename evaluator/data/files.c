/* See files.h. In order: `configs` of the card; then, in <config>/ where that is a folder, else in
 * data/ and at the top, <split>-*.<ext> and <split>.<ext>. Of several formats the first in the
 * table below is taken, so that a data set that is there twice is not read twice. A split that is
 * called otherwise by habit ("dev" for "validation") is found too, after its own name was not. */
#include "evaluator/data/files.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/card.h"
#include "evaluator/data/glob.h"

enum { MAX_ENTRIES = 200000, MAX_DEPTH = 8 };

/* Regular files, those left on a hub too; paths are relative to the data set's folder. */
struct listing {
    struct data_file *items;
    size_t n, capacity;
};

static void listing_release(struct listing *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].path);
    free(l->items);
    *l = (struct listing) { 0 };
}

static void listing_add(struct listing *l, char *path, const struct data_remote_file *remote) {
    mem_grow(&l->items, &l->capacity, l->n + 1, sizeof *l->items);
    l->items[l->n++] = (struct data_file) { path, remote };
}

static bool list_folder(
    struct listing *l, const char *root, const char *under, unsigned depth, struct err *err);

/* Folders are entered unless they are links or hidden; files may be links, as in the hub's own
 * cache. */
static bool list_entry(
    struct listing *l, const char *root, char *path, unsigned depth, struct err *err) {
    char *full = path_join(root, path);
    struct stat st, link;
    bool found = stat(full, &st) == 0 && lstat(full, &link) == 0, ok = true;
    free(full);
    if (l->n >= MAX_ENTRIES)
        ok = err_set(err, ERR_INPUT, "'%s': more than %d files", root, MAX_ENTRIES);
    else if (found && S_ISREG(st.st_mode)) {
        listing_add(l, path, NULL);
        return true;
    } else if (found && S_ISDIR(link.st_mode) && depth < MAX_DEPTH)
        ok = list_folder(l, root, path, depth + 1, err);
    free(path);
    return ok;
}

static bool list_folder(
    struct listing *l, const char *root, const char *under, unsigned depth, struct err *err) {
    char *full = path_join(root, under);
    DIR *dir = opendir(full);
    bool ok = dir || err_errno(err, ERR_NOT_FOUND, "could not read folder '%s'", full);
    for (struct dirent *e; ok && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            ok = list_entry(
                l, root, *under ? path_join(under, e->d_name) : xstrdup(e->d_name), depth, err);
    if (dir)
        closedir(dir);
    free(full);
    return ok;
}

/* ---- what matches ---- */

static const struct {
    const char *ending, *format;
} ENDINGS[] = {
    { ".jsonl", "jsonl" },
    { ".ndjson", "jsonl" },
    { ".json", "json" },
    { ".csv", "csv" },
    { ".tsv", "tsv" },
    { ".txt", "lines" },
    { ".parquet", "parquet" },
};

static size_t without(const char *path, size_t n, const char *ending) {
    size_t m = strlen(ending);
    return n >= m && strncmp(path + n - m, ending, m) == 0 ? n - m : n;
}

const char *data_format(const char *path) {
    size_t n = strlen(path);
    n = without(path, without(path, n, ".gz"), ".zst");
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (without(path, n, ENDINGS[i].ending) < n)
            return ENDINGS[i].format;
    return NULL;
}

struct search {
    const struct listing *all;
    const char *root;
    struct data_files *found;
    bool by_pattern; /* not only by whole names */
};

static bool is_found(const struct data_files *f, const char *path) {
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->items[i].path, path) == 0)
            return true;
    return false;
}

/* Takes `path`. */
static void add_found(struct data_files *f, char *path, const struct data_remote_file *remote) {
    if (is_found(f, path)) {
        free(path);
        return;
    }
    f->items = xrealloc(f->items, (f->n + 1) * sizeof *f->items);
    f->items[f->n++] = (struct data_file) { path, remote };
}

static bool take_matches(void *context, const char *pattern, struct err *err) {
    (void)err;
    struct search *s = context;
    s->by_pattern |= strpbrk(pattern, "*?[") != NULL;
    for (size_t i = 0; i < s->all->n; i++) {
        const struct data_file *f = &s->all->items[i];
        if (glob_match(pattern, f->path) &&
            data_format(f->path)) /* a card's "**" takes the README too */
            add_found(s->found, path_join(s->root, f->path), f->remote);
    }
    return true;
}

static const char *const FORMATS[] = { "parquet", "jsonl", "json", "csv", "tsv" };
static const char *const PACKINGS[] = { "", ".gz", ".zst" };
#define D5 "[0-9][0-9][0-9][0-9][0-9]"
/* Behind a split's name: shards, which leave "test-hard-..." to the split of that name; whatever
 * else there is; nothing. */
static const char *const TAILS[] = { "-" D5 "-of-" D5 "*", "-*", "" };

/* Characters that mean something in a pattern are not taken in names of splits and configurations.
 */
static bool plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strpbrk(name, "*?[{/\\") && strlen(name) < 128;
}

static void search_folder(struct search *s, const char *folder, const char *split) {
    char pattern[GLOB_MAX];
    for (size_t f = 0; f < sizeof FORMATS / sizeof *FORMATS && s->found->n == 0; f++)
        for (size_t p = 0; p < (f == 0 ? 1 : 3) && s->found->n == 0; p++)
            for (size_t t = 0; t < sizeof TAILS / sizeof *TAILS && s->found->n == 0; t++) {
                snprintf(pattern, sizeof pattern, "%s%s%s%s.%s%s", folder, *folder ? "/" : "",
                    split, TAILS[t], FORMATS[f], PACKINGS[p]);
                (void)take_matches(s, pattern, NULL);
            }
}

static bool has_folder(const struct search *s, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = s->all->items[i].path;
        if (strncmp(path, name, n) == 0 && path[n] == '/')
            return true;
    }
    return false;
}

static void search_layout(struct search *s, const char *config, const char *split) {
    if (config && has_folder(s, config)) {
        search_folder(s, config, split);
        return;
    }
    search_folder(s, "data", split);
    if (s->found->n == 0)
        search_folder(s, "", split);
    if (s->found->n == 0 && !config)
        search_folder(s, "default", split);
}

static bool search_card(struct search *s, const char *config, const char *split, struct err *err) {
    const json_t *entry = card_config(s->found->card, config);
    if (!entry)
        return true;
    if (!card_patterns(entry, split, take_matches, s, err))
        return false;
    const char *dir = json_get_string(entry, "data_dir", NULL);
    if (s->found->n == 0 && dir && !json_object_get(entry, "data_files"))
        search_folder(s, dir, split);
    return true;
}

static bool search_split(struct search *s, const char *config, const char *split, struct err *err) {
    if (!search_card(s, config, split, err))
        return false;
    if (s->found->n == 0)
        search_layout(s, config, split);
    return true;
}

/* A row holds the names that one split goes by. */
static const char *const HABITS[][5] = {
    { "validation", "valid", "val", "dev", NULL },
    { "test", "testing", "eval", "evaluation", NULL },
    { "train", "training", NULL },
};

static const char *const *habits_of(const char *split) {
    for (size_t h = 0; h < sizeof HABITS / sizeof *HABITS; h++)
        for (size_t i = 0; HABITS[h][i]; i++)
            if (strcmp(HABITS[h][i], split) == 0)
                return HABITS[h];
    return NULL;
}

static bool search_habits(
    struct search *s, const char *config, const char *split, struct err *err) {
    for (const char *const *name = habits_of(split); name && *name && s->found->n == 0; name++)
        if (!search_split(s, config, *name, err))
            return false;
    return true;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct data_file *)a)->path, ((const struct data_file *)b)->path);
}

/* ---- shards ---- */

struct shard {
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
    *s = (struct shard) { (size_t)(of - 5 - path), strtoul(of - 5, NULL, 10),
        strtoul(of + 4, NULL, 10) };
    return true;
}

static bool shard_missing(
    const char *path, const struct shard *s, unsigned long number, struct err *err) {
    return err_set(
        err, ERR_INPUT, "'%s': shard %lu of %lu is missing beside it", path, number, s->of);
}

/* Whether a file follows `before` in its series. */
static bool shard_follows(
    const char *path, const struct shard *s, const char *path_before, const struct shard *before) {
    return before->of == s->of && before->stem == s->stem &&
           strncmp(path, path_before, s->stem) == 0;
}

/* Of a series of numbered shards, sorted by path, none may be missing: a part of a split gives
 * other numbers than the whole, and no error. */
static bool shards_are_whole(const struct data_files *f, struct err *err) {
    struct shard before = { 0 }, s;
    for (size_t i = 0; i <= f->n; i++) {
        bool is = i < f->n && shard_parse(f->items[i].path, &s);
        bool follows = is && before.of > 0 &&
                       shard_follows(f->items[i].path, &s, f->items[i - 1].path, &before);
        if (before.of > 0 && !follows && before.number + 1 < before.of)
            return shard_missing(f->items[i - 1].path, &before, before.number + 1, err);
        unsigned long expected = follows ? before.number + 1 : 0;
        if (is && s.number > expected)
            return shard_missing(f->items[i].path, &s, expected, err);
        before = is ? s : (struct shard) { 0 };
    }
    return true;
}

static bool find_split(const struct data_source *source, const struct listing *all,
    struct data_files *files, struct err *err) {
    struct search s = { .all = all, .root = source->dir, .found = files };
    const char *split = source->split ? source->split : "train";
    if (!plain_name(split) || (source->config && !plain_name(source->config)))
        return err_set(err, ERR_INPUT, "'%s': split '%s' or configuration '%s' cannot be a name",
            source->dir, split, source->config ? source->config : "");
    if (!search_split(&s, source->config, split, err))
        return false;
    if (files->n == 0 && !search_habits(&s, source->config, split, err))
        return false;
    if (files->n == 0)
        return err_set(err, ERR_NOT_FOUND, "data set '%s' has no files for split '%s'%s%s%s",
            source->dir, split, source->config ? " of configuration '" : "",
            source->config ? source->config : "", source->config ? "'" : "");
    qsort(files->items, files->n, sizeof *files->items, by_path);
    return !s.by_pattern || shards_are_whole(files, err);
}

static const struct data_remote_file *find_remote(
    const struct data_remote *remote, const char *path) {
    for (size_t i = 0; remote && i < remote->n; i++)
        if (strcmp(remote->files[i].path, path) == 0)
            return &remote->files[i];
    return NULL;
}

static bool find_file(const struct data_source *source, struct data_files *files, struct err *err) {
    const struct data_remote_file *remote = find_remote(source->remote, source->file);
    char *path =
        source->dir && !remote ? path_join(source->dir, source->file) : xstrdup(source->file);
    if (!remote && !file_exists(path)) {
        err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
        free(path);
        return false;
    }
    add_found(files, path, remote);
    return true;
}

static bool find_in_folder(
    const struct data_source *source, struct data_files *files, struct err *err) {
    struct listing all = { 0 };
    bool ok =
        card_read(source->dir, &files->card, err) && list_folder(&all, source->dir, "", 0, err);
    for (size_t i = 0; ok && source->remote && i < source->remote->n; i++)
        listing_add(&all, xstrdup(source->remote->files[i].path), &source->remote->files[i]);
    ok = ok && find_split(source, &all, files, err);
    listing_release(&all);
    return ok;
}

bool data_files_find(const struct data_source *source, struct data_files *files, struct err *err) {
    *files = (struct data_files) { 0 };
    bool ok = false;
    if (source->file)
        ok = find_file(source, files, err);
    else if (!source->dir || !dir_exists(source->dir))
        err_set(
            err, ERR_NOT_FOUND, "there is no data set folder '%s'", source->dir ? source->dir : "");
    else
        ok = find_in_folder(source, files, err);
    if (!ok)
        data_files_release(files);
    return ok;
}

void data_files_release(struct data_files *files) {
    for (size_t i = 0; i < files->n; i++)
        free(files->items[i].path);
    free(files->items);
    json_decref(files->card);
    *files = (struct data_files) { 0 };
}
