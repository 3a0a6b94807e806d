# Tests and fuzz targets of the task and eval parts.
foreach(name task_lua task_frames task_load task_hostile task_golden task_peer task_wordnet task_variants sandbox eval eval_groups eval_write memo subject_memo rescore agree task_frozen samples ranks task_ranks task_spool labelled)
    assay_test(evaluator.${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.c LINK assay_evaluator TIMEOUT 900)
endforeach()
foreach(what pattern frames memo)
    file(GLOB seeds CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${what}/*)
    assay_fuzz(${what} ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${what}.c LINK assay_evaluator SEEDS ${seeds})
endforeach()
assay_test(evaluator.compare SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/compare/test_compare.c LINK assay_evaluator)
