/* Which tokenizer class a type of model (config.json's model_type) goes with. */
#ifndef ASSAY_HARNESS_TOKENIZER_FILES_FOLDER_TYPES_H
#define ASSAY_HARNESS_TOKENIZER_FILES_FOLDER_TYPES_H

#include <stdbool.h>

struct folder_type {
    const char *name;
    const char *class;  /* "": none, tokenizer.json is taken as it is */
    bool names_wrongly; /* its folders name a class that isn't theirs */
};
const struct folder_type *folder_type_find(const char *name); /* NULL if it isn't known */

#endif
