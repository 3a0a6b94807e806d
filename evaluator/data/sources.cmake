# Needs zlib, libzstd, snappy (no pkg-config module of its own everywhere: plain -lsnappy) and yaml-0.1.
set(data_SOURCES
    data/card.c data/csv.c data/data.c data/files.c data/frontmatter.c data/glob.c data/jsondoc.c data/lines.c
    data/stream.c)
