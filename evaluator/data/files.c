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

/* Paths of regular files, relative to the data set's folder. */
struct listing {
    char **paths;
    size_t n, capacity;
};

static void listing_release(struct listing *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->paths[i]);
    free(l->paths);
    *l = (struct listing) { 0 };
}

static void listing_add(struct listing *l, char *path) {
    mem_grow(&l->paths, &l->capacity, l->n + 1, sizeof *l->paths);
    l->paths[l->n++] = path;
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
        listing_add(l, path);
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
};

static bool is_found(const struct data_files *f, const char *path) {
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->paths[i], path) == 0)
            return true;
    return false;
}

static bool take_matches(void *context, const char *pattern, struct err *err) {
    (void)err;
    struct search *s = context;
    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = s->all->paths[i];
        if (!glob_match(pattern, path) ||
            !data_format(path)) /* a card's "**" takes the README too */
            continue;
        char *full = path_join(s->root, path);
        if (is_found(s->found, full)) {
            free(full);
            continue;
        }
        s->found->paths = xrealloc(s->found->paths, (s->found->n + 1) * sizeof *s->found->paths);
        s->found->paths[s->found->n++] = full;
    }
    return true;
}

static const char *const FORMATS[] = { "parquet", "jsonl", "json", "csv", "tsv" };
static const char *const PACKINGS[] = { "", ".gz", ".zst" };

/* Characters that mean something in a pattern are not taken in names of splits and configurations.
 */
static bool plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strpbrk(name, "*?[{/\\") && strlen(name) < 128;
}

static void search_folder(struct search *s, const char *folder, const char *split) {
    char pattern[GLOB_MAX];
    for (size_t f = 0; f < sizeof FORMATS / sizeof *FORMATS && s->found->n == 0; f++)
        for (size_t p = 0; p < (f == 0 ? 1 : 3) && s->found->n == 0; p++)
            for (int sharded = 1; sharded >= 0 && s->found->n == 0; sharded--) {
                snprintf(pattern, sizeof pattern, "%s%s%s%s.%s%s", folder, *folder ? "/" : "",
                    split, sharded ? "-*" : "", FORMATS[f], PACKINGS[p]);
                (void)take_matches(s, pattern, NULL);
            }
}

static bool has_folder(const struct search *s, const char *name) {
    char *path = path_join(s->root, name);
    bool is = dir_exists(path);
    free(path);
    return is;
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

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool find_split(const struct data_source *source, const struct listing *all,
    struct data_files *files, struct err *err) {
    struct search s = { all, source->dir, files };
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
    qsort(files->paths, files->n, sizeof *files->paths, by_name);
    return true;
}

static bool find_file(const struct data_source *source, struct data_files *files, struct err *err) {
    char *path = source->dir ? path_join(source->dir, source->file) : xstrdup(source->file);
    if (!file_exists(path)) {
        err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
        free(path);
        return false;
    }
    files->paths = xcalloc(1, sizeof *files->paths);
    files->paths[files->n++] = path;
    return true;
}

bool data_files_find(const struct data_source *source, struct data_files *files, struct err *err) {
    *files = (struct data_files) { 0 };
    struct listing all = { 0 };
    bool ok = false;
    if (source->file)
        ok = find_file(source, files, err);
    else if (!source->dir || !dir_exists(source->dir))
        err_set(
            err, ERR_NOT_FOUND, "there is no data set folder '%s'", source->dir ? source->dir : "");
    else
        ok = card_read(source->dir, &files->card, err) &&
             list_folder(&all, source->dir, "", 0, err) && find_split(source, &all, files, err);
    listing_release(&all);
    if (!ok)
        data_files_release(files);
    return ok;
}

void data_files_release(struct data_files *files) {
    for (size_t i = 0; i < files->n; i++)
        free(files->paths[i]);
    free(files->paths);
    json_decref(files->card);
    *files = (struct data_files) { 0 };
}
