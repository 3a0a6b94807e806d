/* What there is of GPUs on this machine, without the CUDA module: the driver's library and NVML,
 * each where it can be opened. Nothing is made on a device.
 *
 * A number that a library doesn't tell is absent from what is said; a library that isn't there is
 * said with the reason. */
#ifndef ASSAY_HARNESS_CUDA_PROBE_H
#define ASSAY_HARNESS_CUDA_PROBE_H

#include "base/json.h"

/* libcuda: {"found", "why"?, "file"?, "cuda": "13.0"?}, and its devices, in CUDA's order:
 * {"index", "name", "pci", "compute": "9.0", "memory_bytes"}. */
json_t *driver_describe(json_t *devices);

/* NVML: {"found", "why"?, "file"?, "driver": "580.65"?}; adds to each of these devices what it
 * knows: memory_used_bytes, busy_percent, processes, temperature_c, mig, ecc, ecc_errors. */
json_t *nvml_describe(json_t *devices);

#endif
