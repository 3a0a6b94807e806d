# Tests and fuzz targets of the data and metric parts.
foreach(module files layouts parquet parquet_limits shared skip text)
    assay_test(evaluator.data_${module} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/data/test_${module}.c LINK assay_evaluator)
endforeach()
foreach(module choice classes common_runs correlate draw estimate golden influence instruct learn overlap pairs random ranking)
    assay_test(evaluator.metric_${module} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/metric/test_${module}.c LINK assay_evaluator)
endforeach()
# What script/languages fetched, if it did.
set_tests_properties(evaluator.metric_instruct PROPERTIES TIMEOUT 900 ENVIRONMENT "ASSAY_LANGUAGES=${CMAKE_SOURCE_DIR}/build/languages")
foreach(what parquet parquet_values jsonl jsonrow jsoncolumns csv frontmatter split)
    file(GLOB seeds CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${what}/*)
    assay_fuzz(${what} ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${what}.c LINK assay_evaluator SEEDS ${seeds})
endforeach()
