# cmake -DVERSION= -DSOURCE= -DIN= -DOUT= [-DGIVEN=COMMIT] -P version.cmake: fills in version.h.in; the file is touched only if it changes.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT COMMIT AND GIVEN)
    set(COMMIT ${GIVEN})
elseif(NOT COMMIT)
    set(COMMIT unknown)
endif()
configure_file(${IN} ${OUT} @ONLY)
