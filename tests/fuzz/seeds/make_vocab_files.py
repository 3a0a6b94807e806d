#!/usr/bin/env python3
"""Writes the seeds of fuzz_vocab_files and tekken's of fuzz_tokenizer: one small file a format.

    python3 tests/fuzz/seeds/make_vocab_files.py
"""
import base64
import json
from pathlib import Path

HERE = Path(__file__).parent
BYTES = [bytes([b]) for b in range(256)] + [b"ab", b"aab", b"The", b"\xc3\xa9"] + [b" a", b"gold"]


def main():
    ranks = "".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(BYTES))
    merges = "#version: 0.2\na b\nab a\n"
    vocab = {t: i for i, t in enumerate(["a", "b", "ab", "aba", "\u0120", "<|endoftext|>"])}
    tekken = {"config": {"pattern": "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+", "num_vocab_tokens": len(BYTES), "default_vocab_size": 200, "default_num_special_tokens": 5, "version": "v3"},
              "vocab": [{"rank": i, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for i, t in enumerate(BYTES)],
              "special_tokens": [{"rank": i, "token_str": t, "is_control": True} for i, t in enumerate(["<unk>", "<s>", "</s>"])]}
    (HERE / "vocab_files").mkdir(exist_ok=True)
    (HERE / "vocab_files" / "ranks").write_text("r" + ranks)
    (HERE / "vocab_files" / "vocab-txt").write_text("t[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##s\nassay\n##er\n")
    (HERE / "vocab_files" / "vocab-json").write_text("m" + json.dumps(vocab) + "\0" + merges)
    (HERE / "tokenizer" / "tekken.json").write_text(json.dumps(tekken))


main()
