#!/usr/bin/env python3
"""Writes harness/tokenizer/unicode/unicode_data.c: what the tokenizers need to know of each code point.

    python3 -m venv VENV && VENV/bin/pip install tokenizers==0.23.3 unicodedata2==16.0.0 regex==2026.11.19
    VENV/bin/python script/unicode_tables.py > harness/tokenizer/unicode/unicode_data.c

The reference implementation mixes several Unicode versions (its crates carry tables of their own), so its own answers
are asked for each of the 1,112,064 code points; unicodedata2 (16.0) gives combining classes and decompositions, which
are then checked against it. How graphemes break (UAX #29) is regex's word (Unicode 18), less what the reference does not know
yet; it is checked too, as far as that can be asked. Run under Python 3.11, whose own unicodedata is 14.0, the
version of PCRE2 10.42.
"""
import base64
import json
import struct
import sys
import unicodedata
import regex
import unicodedata2
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

assert unicodedata2.unidata_version == "16.0.0" and unicodedata.unidata_version == "14.0.0"
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
FLAGS = ["PUNCTUATION", "OTHER", "MARK_NONSPACING", "COMBINING", "WORD", "NUMERIC", "NEW"]


def pieces(pre, text):
    return [p for p, _ in pre.pre_tokenize_str(text)]


def matching(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in POINTS if not split.pre_tokenize_str(chr(c))}


def classes():
    bert, digits = pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)
    word = pre_tokenizers.Whitespace()
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    marks = normalizers.StripAccents()
    for major in "LNMPS":
        assert matching(rf"\p{{{major}}}") == {c for c in POINTS if unicodedata2.category(chr(c))[0] == major}
    sets = dict.fromkeys(FLAGS)
    sets["PUNCTUATION"] = {c for c in POINTS if len(pieces(bert, f"a{chr(c)}a")) == 3}
    sets["OTHER"] = {c for c in POINTS if clean.normalize_str(chr(c)) == "" and c not in (0, 0xFFFD)}
    sets["MARK_NONSPACING"] = {c for c in POINTS if accents.normalize_str(chr(c)) == ""}
    sets["COMBINING"] = {c for c in POINTS if marks.normalize_str(chr(c)) == ""}
    sets["WORD"] = {c for c in POINTS if len(pieces(word, f"a{chr(c)}")) == 1 and pieces(word, chr(c))}
    sets["NUMERIC"] = {c for c in POINTS if len(pieces(digits, f"a{chr(c)}")) == 2}
    sets["NEW"] = {c for c in POINTS if unicodedata.category(chr(c))[0] != unicodedata2.category(chr(c))[0]} | {0x180E}
    return sets


def decompositions(normalizer, name):
    table = {}
    for c in POINTS:
        d = normalizer.normalize_str(chr(c))
        if d != chr(c) and not 0xAC00 <= c < 0xAC00 + 11172:
            table[c] = [ord(x) for x in d]
    strange = [c for c in POINTS if normalizer.normalize_str(chr(c)) != unicodedata2.normalize(name, chr(c))]
    print(f"{name}: {len(table)} decompositions, {len(strange)} differ from Unicode 16", file=sys.stderr)
    return table


def combining_classes():
    """Those of Unicode 16 that the reference reorders by: a mark is known if it changes places with another."""
    nfd = normalizers.NFD()
    known = {}
    for c in POINTS:
        k = unicodedata2.combining(chr(c))
        if k > 1 and nfd.normalize_str("a" + chr(c) + "\u0334").endswith("\u0334"):
            continue                       # not moved behind U+0334 (class 1)
        if k == 1 and nfd.normalize_str("a\u0301" + chr(c)).endswith(chr(c)):
            continue
        if k:
            known[c] = k
    print(f"{len(known)} combining classes", file=sys.stderr)
    return known


def compositions(nfd_table):
    nfc, pairs = normalizers.NFC(), []
    for c in nfd_table:
        raw = unicodedata2.decomposition(chr(c))
        if raw and not raw.startswith("<") and len(raw.split()) == 2:
            a, b = (int(x, 16) for x in raw.split())
            if nfc.normalize_str(chr(a) + chr(b)) == chr(c):
                pairs.append((a, b, c))
    return sorted(pairs)


def lowercase():
    lower, table = normalizers.Lowercase(), []
    for c in POINTS:
        s = lower.normalize_str(chr(c))
        if s != chr(c):
            assert len(s) == 1 or c == 0x130, c
            table.append((c, ord(s[0])))
    return table


GRAPHEME_SHIFT, CONJUNCT_SHIFT, PICTOGRAPHIC = 7, 11, 1 << 13
GRAPHEME = ["Other", "Control", "Extend", "ZWJ", "SpacingMark", "Prepend", "Regional_Indicator", "L", "V", "T"]
CONJUNCT = ["None", "Consonant", "Extend", "Linker"]


def graphemes():
    """What enum unicode_flag has of UAX #29, for each code point. Hangul syllables are computed, CR and LF are known."""
    bits = [0] * 0x110000
    for i, name in enumerate(GRAPHEME[1:], 1):
        for m in regex.finditer(rf"\p{{GCB={name}}}", "".join(map(chr, POINTS))):
            bits[ord(m[0])] |= i << GRAPHEME_SHIFT
    for i, name in enumerate(CONJUNCT[1:], 1):
        for m in regex.finditer(rf"\p{{InCB={name}}}", "".join(map(chr, POINTS))):
            bits[ord(m[0])] |= i << CONJUNCT_SHIFT
    for m in regex.finditer(r"\p{Extended_Pictographic}", "".join(map(chr, POINTS))):
        bits[ord(m[0])] |= PICTOGRAPHIC
    for c in (0x0A, 0x0D):
        bits[c] |= 1 << GRAPHEME_SHIFT
    check_graphemes(bits)
    return bits


def charsmap(first_bytes, to):
    """A precompiled charsmap by which every character that begins with one of these bytes becomes `to`."""
    units = [0] * 1024
    units[0] = 256 << 10                                # the root's children stand at 256 ^ byte
    for b in first_bytes:
        units[256 ^ b] = (512 ^ 256 ^ b ^ 0) << 10 | 1 << 8 | b
        units[(256 ^ b) ^ (512 ^ 256 ^ b)] = 1 << 31    # the leaf: text 0 of the pool
    blob = struct.pack("<1024I", *units)
    return base64.b64encode(struct.pack("<I", len(blob)) + blob + to.encode() + b"\0").decode()


def check_graphemes(bits):
    """The reference replaces a grapheme of under six bytes whole, so whether a and c are one can be seen."""
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    doc = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "pre_tokenizer": None, "post_processor": None, "decoder": None,
           "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap(range(1, 256), "Z")}, "model": model}
    normalizer = Tokenizer.from_str(json.dumps(doc)).normalizer
    kind = lambda c: GRAPHEME[bits[c] >> GRAPHEME_SHIFT & 15]
    for c in POINTS:                                    # newer than the reference
        if kind(c) in ("Extend", "SpacingMark") and normalizer.normalize_str("a" + chr(c)) != "Z":
            bits[c] = 0
    strange = [c for c in POINTS if (normalizer.normalize_str("a" + chr(c)) == "Z") != (kind(c) in ("Extend", "ZWJ", "SpacingMark"))]
    strange += [c for c in POINTS if c < 0x10000 and (normalizer.normalize_str(chr(c) + "a") == "Z") != (kind(c) == "Prepend")]
    strange += [c for c in POINTS if c < 0x10000 and (normalizer.normalize_str(chr(c) + "\u0301") == "Z") != (kind(c) != "Control")]
    print(f"graphemes: {len(strange)} answers differ {[hex(c) for c in strange[:20]]}", file=sys.stderr)


def scripts():
    """Runs of code points that the reference takes for one script, numbered as they come; 0 goes with any."""
    split = pre_tokenizers.UnicodeScripts()
    one = lambda text: len(split.pre_tokenize_str(text)) == 1
    heads, runs = [], []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or (one("a" + chr(c)) and one("\u3042" + chr(c))):
            number = 0
        elif runs and runs[-1][1] and one(heads[runs[-1][1] - 1] + chr(c)):
            number = runs[-1][1]
        else:
            number = next((i for i, h in enumerate(heads, 1) if one(h + chr(c))), 0)
            if not number:
                heads.append(chr(c))
                number = len(heads)
        if not runs or runs[-1][1] != number:
            runs.append((c, number))
    print(f"{len(heads)} scripts in {len(runs)} runs", file=sys.stderr)
    return runs


def rows(items, per_line=8):
    items = list(items)
    for i in range(0, len(items), per_line):
        print("    " + " ".join(f"{x}," for x in items[i:i + per_line]))


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def main():
    sets, ccc = classes(), combining_classes()
    nfd, nfkd = decompositions(normalizers.NFD(), "NFD"), decompositions(normalizers.NFKD(), "NFKD")
    masks = graphemes()
    for bit, name in enumerate(FLAGS):
        for c in sets[name]:
            masks[c] |= 1 << bit
    runs, starts = [], []
    for c in range(0x110000):
        if c % 256 == 0 or (masks[c], ccc.get(c, 0)) != runs[-1][1:]:
            if not runs or (masks[c], ccc.get(c, 0)) != runs[-1][1:]:
                runs.append((c, masks[c], ccc.get(c, 0)))
        if c % 256 == 0:
            starts.append(len(runs) - 1)
    pool, index = [], {}

    def place(cps):
        key = tuple(cps)
        if key not in index:
            index[key] = len(pool)
            pool.extend(cps)
        return index[key]

    print("/* Generated by script/unicode_tables.py; not edited by hand. Derived from the Unicode Character Database,\n"
          " * Copyright (c) 1991-2024 Unicode, Inc., under the Unicode License v3 (unicode.org/license.txt).\n"
          " * Character classes and mappings as tokenizers 0.23.3 has them (Unicode 16.0 for letters and numbers). */\n"
          '#include "harness/tokenizer/unicode/unicode_data.h"\n\n// clang-format off')
    print("const struct unicode_run UNICODE_RUNS[] = {")
    rows((f"{{ {a:#x}, {m:#x}, {k} }}" for a, m, k in runs), 5)
    print(f"}};\nconst size_t UNICODE_N_RUNS = {len(runs)};\n")
    print("/* The run that each page of 256 code points begins in. */\nconst uint16_t UNICODE_PAGES[4352] = {")
    rows(starts, 16)
    print("};\n")
    canonical = [(c, place(d), len(d)) for c, d in sorted(nfd.items())]
    compatible = [(c, place(d), len(d)) for c, d in sorted(nfkd.items()) if nfd.get(c) != d]
    for name, table in (("CANONICAL", canonical), ("COMPATIBLE", compatible)):
        print(f"const struct unicode_decomposition UNICODE_{name}[] = {{")
        rows((f"{{ {c:#x}, {at}, {n} }}" for c, at, n in table), 5)
        print(f"}};\nconst size_t UNICODE_N_{name} = {len(table)};\n")
    print("const uint32_t UNICODE_POOL[] = {")
    rows((f"{c:#x}" for c in pool), 12)
    print("};\n\nconst struct unicode_composition UNICODE_COMPOSITIONS[] = {")
    pairs = compositions(nfd)
    rows((f"{{ {a:#x}, {b:#x}, {c:#x} }}" for a, b, c in pairs), 4)
    print(f"}};\nconst size_t UNICODE_N_COMPOSITIONS = {len(pairs)};\n")
    lower = lowercase()
    print("const struct unicode_mapping UNICODE_LOWER[] = {")
    rows((f"{{ {a:#x}, {b:#x} }}" for a, b in lower), 6)
    print(f"}};\nconst size_t UNICODE_N_LOWER = {len(lower)};\n")
    print("const struct unicode_script_run UNICODE_SCRIPTS[] = {")
    runs = scripts()
    rows((f"{{ {a:#x}, {n} }}" for a, n in runs), 8)
    print(f"}};\nconst size_t UNICODE_N_SCRIPTS = {len(runs)};\n")
    print("const struct unicode_category UNICODE_NEW_CATEGORIES[] = {")
    categories = {unicodedata2.category(chr(c)) for c in sets["NEW"] - {0x180E}}
    for name in sorted(categories | {x[0] for x in categories}):
        text = [f"\\\\x{{{a:X}}}" + (f"-\\\\x{{{b:X}}}" if b > a else "")
                for a, b in ranges(c for c in sets["NEW"] - {0x180E} if unicodedata2.category(chr(c)).startswith(name))]
        print(f'    {{ "{name}",')
        for i in range(0, len(text), 4):
            print('        "' + "".join(text[i:i + 4]) + '"' + (" }," if i + 4 >= len(text) else ""))
    print("    { NULL, NULL },\n};")


main()
