/* Packed scores: see packed_kernels.h. */
#define PACKED_KERNELS packed_avx512
#define PACKED_NAME "avx512"
#include "base/stats/packed_kernels.h"
