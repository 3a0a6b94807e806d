/* Random models of any architecture that has a description: the description says which tensors
 * there are and how large, the file is filled with noise. */
#ifndef ASSAY_TESTS_DESCRIBED_H
#define ASSAY_TESTS_DESCRIBED_H

#include "harness/model/spec.h"

/* Writes config.json and model.safetensors into an existing folder. */
void described_write(const char *config, uint32_t seed, const char *folder);

/* Configurations that between them have every part, small enough to be run often. A vocabulary of
 * 37: tiny_write_letters has a tokenizer for it. */
struct described {
    const char *name, *config;
};
extern const struct described described_models[];
/* An encoder with a decoder, which isn't one of these: it scores, and it embeds. */
extern const char encoder_decoder_config[];
/* The configuration of that name. */
const char *described_config(const char *name);

#endif
