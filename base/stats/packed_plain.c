/* Packed scores: see packed_kernels.h. */
#define PACKED_KERNELS packed_plain
#define PACKED_NAME "plain"
#include "base/stats/packed_kernels.h"
