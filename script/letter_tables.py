#!/usr/bin/env python3
"""Writes evaluator/metric/letters_data.c: characters as Python's str and re see them, which are punctuation for unicodedata,
and which belong to words (by which nltk counts them) or are punctuation, signs and numbers for the package regex.

    pip install regex==2026.11.19; script/letter_tables.py"""
import os, sys, unicodedata

import regex

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALL = [chr(c) for c in range(sys.maxunicode + 1) if not 0xd800 <= c < 0xe000]
SIGMA, FINAL = "\u03a3", "\u03c2"


def ranges(accepts):
    out = []
    for c in map(ord, filter(accepts, ALL)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def shifts(changed):
    """[from, to, step, shift]: every step-th character from..to becomes that many higher."""
    out = []
    for char in ALL:
        other = changed(char)
        if len(other) != 1 or other == char:
            continue
        c, shift = ord(char), ord(other) - ord(char)
        last = out[-1] if out else None
        if last and last[3] == shift and (c - last[1] == last[2] or last[0] == last[1] and c - last[1] in (1, 2)):
            last[2] = c - last[1]
            last[1] = c
        else:
            out.append([c, c, 1, shift])
    return out


def longer(changed):
    return [[ord(c), [ord(d) for d in changed(c)] + [0] * (3 - len(changed(c)))] for c in ALL if len(changed(c)) > 1]


def is_cased(char):
    return (char + SIGMA).lower().endswith(FINAL)


def is_ignored(char):
    return not is_cased(char) and ("A" + char + SIGMA).lower().endswith(FINAL)


def cell(row):
    return "{ " + ", ".join(cell(v) if isinstance(v, list) else hex(v) if v >= 0 else str(v) for v in row) + " }"


def table(kind, name, rows, in_line):
    cells = [cell(row) for row in rows]
    lines = [", ".join(cells[i:i + in_line]) + "," for i in range(0, len(cells), in_line)]
    return "const struct %s LETTERS_%s[] = {\n    %s\n};\nconst size_t LETTERS_%s_N = sizeof LETTERS_%s / sizeof *LETTERS_%s;\n\n" % (
        kind, name, "\n    ".join(lines), name, name, name)


with open(os.path.join(TOP, "evaluator/metric/letters_data.c"), "w", encoding="utf-8") as f:
    f.write("/* Made by script/letter_tables.py from Python's tables of Unicode %s. */\n" % unicodedata.unidata_version)
    f.write('#include "evaluator/metric/letters_data.h"\n\n/* clang-format off */\n')
    f.write(table("letter_range", "ALNUM", ranges(str.isalnum), 5) + table("letter_range", "DECIMAL", ranges(str.isdecimal), 5))
    f.write(table("letter_range", "CAPITAL", ranges(str.isupper), 5) + table("letter_range", "SMALL", ranges(str.islower), 5))
    f.write(table("letter_range", "WORD", ranges(regex.compile(r"\w").match), 5))
    f.write(table("letter_range", "PUNCTUATION", ranges(lambda c: unicodedata.category(c).startswith("P")), 5))
    for name, kind in (("MARK", "P"), ("SIGN", "S"), ("NUMBER", "N")):
        f.write(table("letter_range", name, ranges(regex.compile(r"\p{%s}" % kind).match), 5))
    f.write(table("letter_range", "CASED", ranges(is_cased), 5) + table("letter_range", "IGNORED", ranges(is_ignored), 5))
    f.write(table("letter_shift", "LOWER", shifts(str.lower), 4) + table("letter_shift", "UPPER", shifts(str.upper), 4))
    f.write(table("letter_long", "LOWER_LONG", longer(str.lower), 4) + table("letter_long", "UPPER_LONG", longer(str.upper), 4))
    f.write("/* clang-format on */\n")
