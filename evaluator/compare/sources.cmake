set(compare_SOURCES
    compare/aligned.c compare/compare.c compare/contrast.c compare/flips.c compare/many.c compare/match.c compare/parity.c compare/side.c
    compare/side_database.c compare/side_files.c)
