#!/usr/bin/env python3
"""Models with random weights that are as large as real ones: each tensor by a seed of its own, in files of a few GB, several of
them written at once. Shapes are bench_models'. What such a model says means nothing, but no two of its rows are alike, so that
answers can be compared.

usage: bench_weights.py FOLDER NAME... [--workers N]"""
import argparse
import json
import multiprocessing
import os
import random
import shutil
import struct
import zlib

import bench_models

FILE_BYTES = 1 << 30
CHUNK = 1 << 19  # elements at a time
# Of 16 random bits the sign, the lowest bit of the exponent and the mantissa stay: ±0.008 to 0.03 as bf16.
KEPT, SET = (int.from_bytes(pair * CHUNK, "little") for pair in (b"\xff\x80", b"\x00\x3c"))


def noise(name, n):
    """The bytes of n elements, the same ones for a name, whoever asks."""
    bits = random.Random(zlib.crc32(name.encode()))
    while n > 0:
        take = min(n, CHUNK)
        yield (bits.getrandbits(16 * CHUNK) & KEPT | SET).to_bytes(2 * CHUNK, "little")[:2 * take]
        n -= take


def is_gain(name, shape):
    return len(shape) == 1 and name.endswith("weight")


def write_file(path, tensors):
    head, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors.items():
        head[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + 2 * bench_models.elements(shape)]}
        at += 2 * bench_models.elements(shape)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors.items():
            f.writelines([bench_models.ONE * shape[0]] if is_gain(name, shape) else noise(name, bench_models.elements(shape)))


def shared_out(tensors):
    """In files of about FILE_BYTES."""
    files, bytes_ = [{}], 0
    for name, shape in tensors.items():
        size = 2 * bench_models.elements(shape)
        if bytes_ + size > FILE_BYTES and files[-1]:
            files.append({})
            bytes_ = 0
        files[-1][name] = shape
        bytes_ += size
    return files


def file_names(n):
    return ["model.safetensors"] if n == 1 else [f"model-{i + 1:05d}-of-{n:05d}.safetensors" for i in range(n)]


def write(folder, config, tensors, workers):
    files = shared_out(tensors)
    names = file_names(len(files))
    jobs = [(os.path.join(folder, name), some) for name, some in zip(names, files)]
    if workers == 1 or len(jobs) == 1:
        for job in jobs:
            write_file(*job)
    else:
        with multiprocessing.Pool(workers) as pool:
            pool.starmap(write_file, jobs, chunksize=1)
    if len(names) > 1:
        index = {"metadata": {"total_size": sum(2 * bench_models.elements(s) for s in tensors.values())},
                 "weight_map": {tensor: name for name, some in zip(names, files) for tensor in some}}
        with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
            json.dump(index, f)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)


def dress(folder, kind, tokenizer):
    """What programs look for beside weights: a tokenizer, and of an encoder how it pools (sentence-transformers)."""
    if tokenizer and os.path.isdir(tokenizer):
        for name in os.listdir(tokenizer):
            shutil.copy(os.path.join(tokenizer, name), os.path.join(folder, name))
    if kind != "bert":
        return
    pooling = os.path.join(folder, "1_Pooling")
    os.makedirs(pooling, exist_ok=True)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        width = json.load(f)["hidden_size"]
    files = {"modules.json": [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                              for i, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")))],
             "sentence_bert_config.json": {"max_seq_length": 512, "do_lower_case": False},
             "1_Pooling/config.json": {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}}
    os.makedirs(os.path.join(folder, "2_Normalize"), exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            json.dump(content, f, indent=1)


def make(name, root, workers=1, tokenizer=None):
    """The folder of a model; made where it is not there. A folder that is there is whole: it was renamed to its name."""
    folder = os.path.join(root, name)
    if not os.path.isdir(folder):
        unfinished = f"{folder}.{os.getpid()}"
        os.makedirs(unfinished)
        write(unfinished, *bench_models.describe(name), workers)
        dress(unfinished, bench_models.SHAPES[name][0], tokenizer)
        os.rename(unfinished, folder)
    return folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("names", nargs="+", choices=list(bench_models.SHAPES), metavar="NAME")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--texts", default="", help="a folder with tokenizers, wordpiece for encoders and bpe for decoders")
    args = parser.parse_args()
    for name in args.names:
        kind = "wordpiece" if bench_models.SHAPES[name][0] == "bert" else "bpe"
        print(make(name, args.folder, args.workers, os.path.join(args.texts, kind) if args.texts else None), flush=True)


if __name__ == "__main__":
    main()
