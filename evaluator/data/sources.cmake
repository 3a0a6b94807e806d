set(data_SOURCES
    data/bytes.c data/card.c data/csv.c data/data.c data/decimal.c data/files.c data/formats.c data/frontmatter.c data/glob.c
    data/jsoncolumns.c data/jsondoc.c data/jsonl.c data/jsonrow.c data/jsonwhole.c data/layout.c data/lines.c data/listing.c data/parquet.c
    data/parquet_codec.c data/parquet_column.c data/parquet_memory.c data/parquet_meta.c data/parquet_page.c data/parquet_value.c data/picks.c
    data/row.c data/split.c data/stream.c data/thrift.c)
