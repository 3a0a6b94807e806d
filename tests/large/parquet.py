#!/usr/bin/env python3
"""Makes a data set with pyarrow, reads it with Assay's reader, and compares the rows value by value.

usage: parquet.py READ_DATA [MB]        (default 20; needs pyarrow and numpy: exits with 77 where they are not there)

Every file is checked for two things besides its values: that reading it takes less than 200 MB of memory, and that it
takes no more than a constant beyond what a tenth of the file takes."""
import hashlib
import os
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

MB = 1 << 20
LIMIT, GROWTH = 200 * MB, 56 * MB  # of memory: in all, and beyond a tenth of the file


def words():
    r = np.random.default_rng(3)
    letters = list("abcdefghijklmnopqrstuvwxyz") + ["ä", "ß", "γ", "日", "本", "😀"]
    return pa.array(["".join(r.choice(letters, r.integers(2, 60))) for _ in range(20000)])


POOL = words()


def maybe(r, array, share=0.1):
    return pc.if_else(pa.array(r.random(len(array)) < share), pa.scalar(None, array.type), array)


def text(r, n, parts):
    picked = [POOL.take(pa.array(r.integers(0, len(POOL), n))) for _ in range(parts)]
    return pc.binary_join_element_wise(*picked, " ")


def lists(r, n, values, longest):
    """`values(k)` cut into n lists."""
    offsets = np.concatenate([[0], np.cumsum(r.integers(0, longest + 1, n))]).astype(np.int32)
    mask = pa.array(r.random(n) < 0.05)
    return pa.ListArray.from_arrays(pa.array(offsets), values(int(offsets[-1])), mask=mask)


def scalars(r, n):
    i64 = r.integers(-(2**63), 2**63, n)
    out = {f"i{b}": pa.array(r.integers(-(2 ** (b - 1)), 2 ** (b - 1), n), f"int{b}") for b in (8, 16, 32)}
    out |= {f"u{b}": pa.array(r.integers(0, 2**b, n), f"uint{b}") for b in (8, 16, 32)}
    out |= {"i64": pa.array(i64), "u64": pa.array(i64.view(np.uint64)), "small": pa.array(r.integers(0, 7, n)),
            "f16": pa.array(r.normal(0, 9, n).astype(np.float16)), "f32": pa.array(r.normal(0, 9, n).astype(np.float32)),
            "f64": pa.array(np.where(r.random(n) < 0.01, np.nan, r.normal(0, 1e9, n))), "b": pa.array(r.random(n) < 0.3),
            "d32": pa.array(r.integers(0, 30000, n).astype(np.int32)).cast(pa.date32()),
            "t_us": pa.array(r.integers(0, 86400 * 10**6, n)).cast(pa.time64("us")),
            "ts_ms": pa.array(r.integers(0, 2**41, n)).cast(pa.timestamp("ms")),
            "ts_ns": pa.array(r.integers(0, 2**60, n)).cast(pa.timestamp("ns", "UTC")),
            "d9": pa.array(r.integers(-(10**9), 10**9, n)).cast(pa.decimal128(19)).cast(pa.decimal128(21, 2)),
            "d38": pa.array(r.integers(-(10**18), 10**18, n)).cast(pa.decimal128(19)).cast(pa.decimal128(38, 10))}
    return {k: maybe(r, v) for k, v in out.items()}


def strings(r, n):
    raw = pc.cast(text(r, n, 1), pa.binary())
    return {"id": pa.array(np.arange(n)), "label": maybe(r, pa.array(["yes", "no", "perhaps"]).take(pa.array(r.integers(0, 3, n)))),
            "text": maybe(r, text(r, n, 6)), "url": pc.binary_join_element_wise("https://example.org", text(r, n, 1), "/"),
            "raw": pc.binary_join_element_wise(pa.array([b"\xff", b"ok"]).take(pa.array(r.integers(0, 2, n))), raw, b""),
            "fixed": pa.array(r.bytes(20 * n), pa.binary()) if n < 0 else pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(20), n, [None, pa.py_buffer(bytes(r.integers(65, 91, 20 * n).astype(np.uint8)))])}


def nested(r, n):
    def pairs(k):
        return pa.StructArray.from_arrays([pa.array(r.integers(0, 99, k)), lists(r, k, lambda m: text(r, m, 1), 3)], ["n", "words"])

    choices = pa.StructArray.from_arrays([lists(r, n, lambda k: text(r, k, 2), 5), lists(r, n, lambda k: POOL.take(pa.array(
        r.integers(0, 30, k))), 5)], ["text", "label"])
    keys = lists(r, n, lambda k: pa.StructArray.from_arrays([text(r, k, 1), maybe(r, pa.array(r.normal(size=k)))], ["key", "value"]), 3)
    item = pa.map_(pa.string(), pa.float64())
    return {"choices": choices, "ids": lists(r, n, lambda k: maybe(r, pa.array(r.integers(0, 9, k))), 20),
            "deep": lists(r, n, lambda k: lists(r, k, lambda m: pa.array(r.integers(0, 2**40, m)), 4), 3),
            "items": lists(r, n, pairs, 4),
            "map": pa.MapArray.from_arrays(keys.offsets, keys.values.field("key").fill_null("k"), keys.values.field("value")).cast(item)}


DELTAS = {"i8": "DELTA_BINARY_PACKED", "i16": "DELTA_BINARY_PACKED", "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED",
          "u32": "DELTA_BINARY_PACKED", "u64": "BYTE_STREAM_SPLIT", "f16": "BYTE_STREAM_SPLIT", "f32": "BYTE_STREAM_SPLIT",
          "f64": "BYTE_STREAM_SPLIT", "ts_ns": "DELTA_BINARY_PACKED", "b": "RLE", "d38": "BYTE_STREAM_SPLIT"}
TEXT_DELTAS = {"text": "DELTA_LENGTH_BYTE_ARRAY", "url": "DELTA_BYTE_ARRAY", "label": "DELTA_BYTE_ARRAY", "id": "DELTA_BINARY_PACKED",
               "raw": "DELTA_LENGTH_BYTE_ARRAY", "fixed": "DELTA_BYTE_ARRAY"}

# name: columns, share of the set, options of the writer
FILES = {
    "strings-snappy-v1": (strings, 0.25, {"compression": "snappy"}),
    "strings-plain-one-group": (strings, 0.2, {"compression": "none", "use_dictionary": False, "row_group_size": 1 << 40}),
    "strings-zstd-v2-delta": (strings, 0.1, {"compression": "zstd", "data_page_version": "2.0", "use_dictionary": False,
                                             "column_encoding": TEXT_DELTAS, "write_page_checksum": True}),
    "nested-zstd-v2": (nested, 0.15, {"compression": "zstd", "data_page_version": "2.0"}),
    "nested-snappy-v1-plain": (nested, 0.15, {"compression": "snappy", "use_dictionary": False, "row_group_size": 1 << 40}),
    "scalars-gzip-v1": (scalars, 0.03, {"compression": "gzip"}),
    "scalars-lz4-v2-delta": (scalars, 0.06, {"compression": "lz4", "data_page_version": "2.0", "use_dictionary": False,
                                             "column_encoding": DELTAS}),
    "scalars-brotli-int96": (scalars, 0.03, {"compression": "brotli", "use_deprecated_int96_timestamps": True}),
    "nested-brotli-v2": (nested, 0.03, {"compression": "brotli", "data_page_version": "2.0", "data_page_size": 4096}),
}


def write(path, columns, bytes_wanted, options):
    """Batches until the file is large enough; one row group where row_group_size is huge."""
    options, group = dict(options), options.get("row_group_size", 1 << 17)
    options.pop("row_group_size", None)
    r, batches, step = np.random.default_rng(11), [], 20000
    if bytes_wanted < 4 * MB:
        step = 1000
    with pq.ParquetWriter(path, pa.table(columns(r, 1)).schema, **options) as w:
        probe = pa.table(columns(r, step))
        if group > 1 << 30:
            n = max(1, int(bytes_wanted / (probe.nbytes / step)))
            for at in range(0, n, step):
                batches.append(pa.table(columns(r, step)))
            w.write_table(pa.concat_tables(batches), row_group_size=group)
        else:
            while os.path.getsize(path) < bytes_wanted:
                w.write_table(pa.table(columns(r, step)), row_group_size=group)
                w.file_handle and w.file_handle.flush()


class Digest:
    """What the columns come to, as read_data makes it of rows (digest.h)."""

    def __init__(self):
        self.places = {}

    def series(self, place):
        if place not in self.places:
            self.places[place] = [hashlib.sha256() for _ in range(3)]
        return self.places[place]

    def add(self, place, column):
        there, lengths, values = self.series(place)
        column = storable(column)
        valid = column.is_valid()
        there.update(np.asarray(valid.to_numpy(zero_copy_only=False), np.uint8).tobytes())
        column = column.filter(valid)
        t = column.type
        if pa.types.is_map(t):
            column = pa.ListArray.from_arrays(column.offsets, pa.StructArray.from_arrays([column.keys, column.items], ["key", "value"]))
            t = column.type
        if pa.types.is_list(t):
            lengths.update(pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.uint32).tobytes())
            self.add(place + "/[]", column.flatten())
        elif pa.types.is_struct(t):
            for k in range(t.num_fields):
                self.add(f"{place}/{t.field(k).name}", column.field(k))
        elif pa.types.is_string(t):
            lengths.update(pc.binary_length(column).to_numpy(zero_copy_only=False).astype(np.uint32).tobytes())
            values.update("".join(column.to_pylist()).encode())
        else:
            values.update(numbers(column).tobytes())

    def lines(self):
        return {p: " ".join(h.hexdigest() for h in hashes) for p, hashes in self.places.items()}


def storable(column):
    """Types that rows don't have as those they have: dates as integers, decimals as reals, bytes as text or null."""
    t = column.type
    if pa.types.is_timestamp(t) or pa.types.is_time64(t):
        return column.cast(pa.int64())
    if pa.types.is_date32(t) or pa.types.is_time32(t):
        return column.cast(pa.int32())
    if pa.types.is_decimal(t):
        return pa.array([None if v is None else float(v) for v in column.to_pylist()], pa.float64())
    if pa.types.is_binary(t) or pa.types.is_fixed_size_binary(t):
        return pa.array([as_text(v) for v in column.to_pylist()], pa.string())
    if pa.types.is_floating(t):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
    return column


def as_text(v):
    try:
        return None if v is None else v.decode()
    except UnicodeDecodeError:
        return None


def numbers(column):
    """8 bytes each, or one."""
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype == bool or pa.types.is_boolean(column.type):
        return values.astype(np.uint8)
    if values.dtype == np.uint64:  # those that are no signed integer are reals
        return np.where(values > 2**63 - 1, values.astype(np.float64).view(np.int64), values.view(np.int64))
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)


def read(program, path, mode="rows", columns=()):
    out = subprocess.run([program, mode, *columns, path], capture_output=True, text=True, check=False)
    if out.returncode:
        sys.exit(f"{path}: {out.stderr}")
    n, size, seconds, rss = out.stderr.split()[-4:]
    return int(n), int(size), float(seconds), int(rss)


def compare(program, path):
    """Our columns against pyarrow's; the number of rows."""
    digest, n = Digest(), 0
    for batch in pq.ParquetFile(path).iter_batches(16384):
        n += len(batch)
        digest.series("/")[0].update(b"\1" * len(batch))
        for name, column in zip(batch.schema.names, batch.columns):
            digest.add("/" + name, column)
    out = subprocess.run([program, "digest", path], capture_output=True, text=True, check=False)
    ours, theirs = dict(line.split(" ", 1) for line in out.stdout.splitlines()), digest.lines()
    for place in theirs.keys() | ours.keys():
        if ours.get(place) != theirs.get(place):
            sys.exit(f"{path}: column {place} differs: {ours.get(place)} is not {theirs.get(place)} {out.stderr}")
    return n


def check(program, name, folder, bytes_wanted):
    columns, share, options = FILES[name]
    path, small = (os.path.join(folder, name + end + ".parquet") for end in ("", "-small"))
    write(path, columns, bytes_wanted * share, options)
    write(small, columns, bytes_wanted * share / 10, options)
    n, size, seconds, rss = read(program, path)
    base = read(program, small)[3]
    if rss > LIMIT or rss - base > GROWTH:
        sys.exit(f"{name}: {rss / MB:.0f} MB of memory for {size / MB:.0f} MB, {base / MB:.0f} MB for a tenth of it")
    first = pq.ParquetFile(path).schema_arrow.names[0]
    if read(program, path, columns=(first,))[0] != n:
        sys.exit(f"{name}: one column has other rows than all")
    started = time.process_time()
    for _ in pq.ParquetFile(path).iter_batches(2048):
        pass
    arrow = time.process_time() - started
    if compare(program, path) != n:
        sys.exit(f"{name}: not all rows were compared")
    print(f"{name:26} {size / MB:8.1f} {n:9} {pq.ParquetFile(path).metadata.num_row_groups:6} {rss / MB:7.1f} {base / MB:7.1f} "
          f"{size / MB / seconds:8.0f} {size / MB / arrow:8.0f}", flush=True)
    os.remove(path)
    os.remove(small)
    return size, rss


def main():
    program, megabytes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20
    print(f"{'file':26} {'MB':>8} {'rows':>9} {'groups':>6} {'RSS MB':>7} {'a tenth':>7} {'MB/s':>8} {'arrow':>8}")
    total = peak = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for name in FILES:
            size, rss = check(program, name, folder, megabytes * MB)
            total, peak = total + size, max(peak, rss)
    print(f"all equal: {total / MB:.0f} MB, at most {peak / MB:.0f} MB of memory")


main()
