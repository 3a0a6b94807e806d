/* LoRA adapters (PEFT): a folder with adapter_config.json and adapter_model.safetensors
 * (or .bin), and the
 * model that it changes in its subfolder base_model. The sum is computed as weights are read; to
 * everybody above, the adapter's folder is a model. The base lies within the folder, so that
 * whatever hashes or allows the folder covers both. Private to the harness. */
#ifndef ASSAY_HARNESS_FORMATS_ADAPTER_H
#define ASSAY_HARNESS_FORMATS_ADAPTER_H

#include "base/json.h"

struct weights;

/* The folder holds an adapter and no weights of a whole model. */
bool adapter_is(const char *dir);

/* The base's folder where `dir` is an adapter's, or holds delta weights; NULL where it isn't. The
 * caller frees. */
char *adapter_base(const char *dir);

/* dir/name, or base_model/name where dir is an adapter's folder that has no such file. The caller
 * frees; the file may not be there. */
char *model_file(const char *dir, const char *name);

/* Puts the adapter in `dir` on the base's weights. */
MUST_CHECK bool adapter_apply(struct weights *base, const char *dir, struct err *err);

/* The name of the model that the adapter or delta in `dir` was made on, as it says; false where it
 * names none that a hub could have. */
#define ADAPTER_BASE_NAME_MAX 128
bool adapter_base_name(const char *dir, char name[ADAPTER_BASE_NAME_MAX + 1]);

/* {"base", "rank", "alpha"} for people; NULL where dir is no adapter's. */
json_t *adapter_describe(const char *dir);

#endif
