"""Writes the seeds of fuzz_jsonrow and fuzz_parquet_values, and small parquet files for fuzz_parquet.

    python3 make_data.py        (the parquet files need pyarrow)
"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def put(name, data):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def deltas(values):
    """DELTA_BINARY_PACKED with one block of 128, four miniblocks, width 8, and a least difference of -10."""
    packed = bytes((b - a + 10) & 255 for a, b in zip(values, values[1:])).ljust(128, b"\0")
    used = -(-(len(values) - 1) // 32)
    return varint(128) + varint(4) + varint(len(values)) + varint(values[0] * 2) + varint(19) + bytes([8] * used + [0] * (4 - used)) + packed[:32 * used]


def jsonrow():
    put("jsonrow/plain.json", json.dumps({"a": 1, "b": [True, False, None, -2.5e3, "x"], "c": {"d": {}}}).encode())
    put("jsonrow/escapes.json", rb'{"\u00e4\ud83d\ude00":"\"\\\/\b\f\n\r\t\u0000","s":"\uD800"}')
    put("jsonrow/numbers.json", b'{"a":-0,"b":0.1,"c":1e-7,"d":9223372036854775807,"e":9223372036854775808,"f":1e400,"g":123456789012345678901234.5E-9}')
    put("jsonrow/words.json", b'{"a":NaN,"b":[-Infinity,Infinity,-1],"c":"NaN"}')
    put("jsonrow/text.json", '{"é":"日本語 γάμμα 😀 plain ascii that is longer than eight bytes"}'.encode())
    put("jsonrow/many_keys.json", json.dumps({f"k{i % 19}{'' if i < 19 else 'x'}": i for i in range(38)}).encode())


def values():
    """Encoding, type, width, and what follows them."""
    numbers = [i * 7 % 50 for i in range(70)]
    put("parquet_values/plain_int32", bytes([0, 1, 0]) + struct.pack("<5i", *range(5)))
    put("parquet_values/plain_bytes", bytes([0, 6, 0]) + b"".join(struct.pack("<I", len(w)) + w for w in (b"a", b"", b"word")))
    put("parquet_values/dictionary", bytes([8, 1, 0]) + bytes([2, 8 * 2, 1, 3, 0b10010010, 0b01001001]))
    put("parquet_values/runs", bytes([3, 0, 0]) + struct.pack("<I", 3) + bytes([20, 1, 3]) + b"\x55")
    put("parquet_values/deltas", bytes([5, 1, 0]) + deltas(numbers))
    put("parquet_values/delta_lengths", bytes([6, 6, 0]) + deltas([1, 2, 3]) + b"abbccc")
    put("parquet_values/delta_bytes", bytes([7, 6, 0]) + deltas([0, 1, 2]) + deltas([2, 1, 1]) + b"abcd")
    put("parquet_values/split", bytes([9, 5, 0]) + bytes(range(32)))


def parquets():
    import pyarrow as pa
    import pyarrow.parquet as pq
    t = pa.table({"a": [1, None, 3, 3], "s": ["x", "yy", None, "x"], "l": [[1, 2], [], None, [3]], "d": pa.array([1, 2, 3, None], pa.decimal128(25, 3)),
                  "m": [{"k": [1, None]}, None, {"k": []}, {"k": None}]})
    for codec in ("brotli", "lz4", "zstd"):
        pq.write_table(t, os.path.join(HERE, f"parquet/{codec}.parquet"), compression=codec, data_page_version="2.0", store_schema=False)
    deltas_of = {"a": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "d": "BYTE_STREAM_SPLIT"}
    pq.write_table(t, os.path.join(HERE, "parquet/deltas.parquet"), compression="none", use_dictionary=False, column_encoding=deltas_of,
                   store_schema=False, row_group_size=3)


jsonrow()
values()
parquets()
