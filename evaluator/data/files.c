/* See files.h. */
#include "evaluator/data/files.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/data/card.h"
#include "evaluator/data/split.h"

/* Takes `path`. */
static void add_file(struct data_files *files, char *path, const struct data_remote_file *remote) {
    files->items[files->n++] = (struct data_file) { path, remote };
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
    files->items = xcalloc(1, sizeof *files->items);
    add_file(files, path, remote);
    return true;
}

static void take_picks(struct data_files *files, const char *dir, const struct picks *p) {
    files->items = xcalloc(p->n, sizeof *files->items);
    for (size_t i = 0; i < p->n; i++)
        add_file(files, path_join(dir, p->paths[i]), p->remotes[i]);
}

static bool find_in_folder(
    const struct data_source *source, struct data_files *files, struct err *err) {
    struct listing all = { 0 };
    struct picks p = { 0 };
    struct split_query q = { .config = source->config,
        .split = source->split ? source->split : "train" };
    bool ok = card_read(source->dir, &files->card, err) &&
              listing_read(&all, source->dir, source->remote, err);
    if (ok) {
        q.card = files->card;
        picks_init(&p, &all);
        ok = split_find(&q, &p, err) || err_wrap(err, "data set '%.160s'", source->dir);
    }
    if (ok)
        take_picks(files, source->dir, &p);
    picks_release(&p);
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
