set(data_SOURCES
    data/card.c data/csv.c data/data.c data/files.c data/frontmatter.c data/glob.c data/jsondoc.c data/lines.c
    data/parquet.c data/parquet_column.c data/parquet_meta.c data/parquet_value.c data/stream.c data/thrift.c)
