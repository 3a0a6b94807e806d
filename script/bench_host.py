#!/usr/bin/env python3
"""A name for the processor that figures were taken on: a family that says what its vectors are, never the machine's own name.

usage: bench_host.py [CPUINFO]"""
import platform
import re
import sys

# vendor, family: [(models, name)]; the first that holds counts
FAMILIES = {
    ("AuthenticAMD", 23): [(range(0x30), "zen"), (range(0x30, 0x100), "zen2")],
    ("AuthenticAMD", 25): [(range(0x10, 0x20), "zen4"), (range(0x60, 0x80), "zen4"), (range(0xA0, 0xB0), "zen4"), (range(0x100), "zen3")],
    ("AuthenticAMD", 26): [(range(0x100), "zen5")],
    ("GenuineIntel", 6): [((85,), "skylake-x"), ((106, 108), "icelake-sp"), ((143,), "sapphire-rapids"), ((207,), "emerald-rapids"),
                          ((173, 174), "granite-rapids"), ((151, 154), "alder-lake"), ((183, 186, 191), "raptor-lake")],
}
ARM_PARTS = {0xD0C: "neoverse-n1", 0xD40: "neoverse-v1", 0xD49: "neoverse-n2", 0xD4F: "neoverse-v2"}


def fields(text):
    """What is said of the first processor."""
    found = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def slug(cpuinfo):
    said = fields(cpuinfo)
    if "CPU part" in said and int(said["CPU part"], 0) in ARM_PARTS:
        return ARM_PARTS[int(said["CPU part"], 0)]
    number = lambda key: int(said.get(key, -1))
    for models, name in FAMILIES.get((said.get("vendor_id"), number("cpu family")), ()):
        if number("model") in models:
            return name
    words = re.sub(r"\(r\)|\(tm\)|@.*|\bcpu\b|\bprocessor\b|\d+-core", " ", said.get("model name", platform.machine()).lower())
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40] or "unknown"


def cpuinfo(path="/proc/cpuinfo"):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


if __name__ == "__main__":
    print(slug(cpuinfo(*sys.argv[1:2])))
