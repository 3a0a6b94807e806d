/* See formats.h. */
#include "evaluator/data/formats.h"

#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "evaluator/data/data.h"

/* Of a draw the first in this table is taken. */
static const struct kind KINDS[] = {
    { ".parquet", "parquet", "parquet" },
    { ".arrow", "arrow", NULL },
    { ".jsonl", "json", "jsonl" },
    { ".json", "json", "json" },
    { ".csv", "csv", "csv" },
    { ".txt", "text", "lines" },
    { ".tsv", "csv", "tsv" },
    { ".ndjson", "json", "jsonl" },
    { ".zip", "archives", NULL },
    { ".tar", "archives", NULL },
    { ".xml", "xml", NULL },
    { ".h5", "hdf5", NULL },
    { ".hdf5", "hdf5", NULL },
    { ".png", "images", NULL },
    { ".jpg", "images", NULL },
    { ".jpeg", "images", NULL },
    { ".gif", "images", NULL },
    { ".webp", "images", NULL },
    { ".bmp", "images", NULL },
    { ".tiff", "images", NULL },
    { ".wav", "sounds", NULL },
    { ".mp3", "sounds", NULL },
    { ".flac", "sounds", NULL },
    { ".ogg", "sounds", NULL },
    { ".opus", "sounds", NULL },
    { ".m4a", "sounds", NULL },
    { ".mp4", "videos", NULL },
    { ".webm", "videos", NULL },
    { ".mkv", "videos", NULL },
    { ".avi", "videos", NULL },
    { ".mov", "videos", NULL },
    { ".pdf", "documents", NULL },
};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static bool ends(const char *path, size_t n, const char *ending) {
    size_t m = strlen(ending);
    return n > m && memcmp(path + n - m, ending, m) == 0;
}

const struct kind *kind_of(const char *path) {
    size_t n = strlen(path);
    n -= ends(path, n, ".gz") ? 3 : ends(path, n, ".zst") ? 4 : 0;
    for (size_t i = 0; i < N_KINDS; i++)
        if (ends(path, n, KINDS[i].ending))
            return &KINDS[i];
    return NULL;
}

const char *data_format(const char *path) {
    const struct kind *kind = kind_of(path);
    return kind ? kind->format : NULL;
}

bool is_the_hubs_own(const char *path) {
    static const char *const NAMES[] = { "README.md", "config.json", "dataset_info.json",
        "dataset_infos.json", "dummy_data.zip", "dataset_dict.json" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(path_base(path), NAMES[i]) == 0)
            return true;
    return false;
}

static bool describes_others(const char *path) {
    static const char *const NAMES[] = { "metadata.csv", "metadata.jsonl", "metadata.parquet" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(path_base(path), NAMES[i]) == 0)
            return true;
    return false;
}

const struct kind *kind_of_most(const char *const *paths, const size_t *times, size_t n) {
    size_t counts[2][N_KINDS] = { 0 }, best = 0;
    for (size_t i = 0; i < n; i++) {
        const struct kind *kind = kind_of(paths[i]);
        if (kind)
            counts[describes_others(paths[i])][kind - KINDS] += times[i];
    }
    for (size_t other = 0; other < 2; other++) {
        for (size_t i = 1; i < N_KINDS; i++)
            best = counts[other][i] > counts[other][best] ? i : best;
        if (counts[other][best] > 0)
            return &KINDS[best];
    }
    return NULL;
}
