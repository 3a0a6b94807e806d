# The part of the CUDA backend that every build has: looking for GPUs and for the module, which itself is in CMakeLists.txt.
set(cuda_SOURCES cuda/describe.c cuda/driver.c cuda/dynamic.c cuda/load.c cuda/nvml.c)
