# Statistics: tests, intervals, resampling. Kernel files are compiled for their instruction set and chosen at run time;
# they are optimised in debug builds too.
set(stats_SOURCES
    stats/distribution.c
    stats/draw.c
    stats/interval.c
    stats/packed.c
    stats/packed_plain.c
    stats/paired.c
    stats/resample.c
    stats/scores.c
    stats/sheet.c
    stats/standing.c
    stats/steps.c)
set_source_files_properties(stats/packed_plain.c PROPERTIES COMPILE_OPTIONS "-O3")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    list(APPEND stats_SOURCES stats/packed_avx2.c stats/packed_avx512.c)
    set(stats_AVX2 -O3 -mavx2 -mpopcnt)
    set_source_files_properties(stats/packed_avx2.c PROPERTIES COMPILE_OPTIONS "${stats_AVX2}")
    set_source_files_properties(stats/packed_avx512.c PROPERTIES COMPILE_OPTIONS
        "${stats_AVX2};-mavx512f;-mavx512bw;-mavx512vl;-mprefer-vector-width=512")
endif()
