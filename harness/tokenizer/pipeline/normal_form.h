/* Unicode normal forms of the pieces of a work, with the reference's alignments. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_NORMAL_FORM_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_NORMAL_FORM_H

#include "harness/tokenizer/work.h"

enum normal_form {
    NORMAL_FORM_NFC,
    NORMAL_FORM_NFD,
    NORMAL_FORM_NFKC,
    NORMAL_FORM_NFKD,
};
void normal_form_apply(struct work *w, enum normal_form form);

#endif
