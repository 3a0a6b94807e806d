/* Packed scores: see packed_kernels.h. */
#define PACKED_KERNELS packed_avx2
#define PACKED_NAME "avx2"
#include "base/stats/packed_kernels.h"
