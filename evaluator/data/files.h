/* Inside the data room: the files of a source, in the order in which they are read. */
#ifndef ASSAY_DATA_FILES_H
#define ASSAY_DATA_FILES_H

#include "evaluator/data/data.h"

struct data_file {
    char *path;                            /* of a remote one where it would lie */
    const struct data_remote_file *remote; /* NULL: a file here */
};

struct data_files {
    struct data_file *items; /* in the card's order, of one pattern by path; never empty */
    size_t n;
    json_t *card; /* the README's front matter, or NULL */
};

MUST_CHECK bool data_files_find(
    const struct data_source *source, struct data_files *files, struct err *err);
void data_files_release(struct data_files *files);

#endif
