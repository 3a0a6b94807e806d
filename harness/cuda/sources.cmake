# The part of the CUDA backend that every build has: looking for the module. The module itself is in CMakeLists.txt.
set(cuda_SOURCES cuda/load.c)
