"""What script/bench gpu asks: texts and questions made here, of the sizes of real ones; and the FLOPs that they take at least."""
import gzip
import json
import os
import random

import bench_models

# Questions of each of MMLU's subjects, in the order of their names.
MMLU = (100, 135, 152, 100, 265, 144, 100, 100, 100, 173, 102, 100, 235, 114, 145, 378, 126, 100, 310, 203, 100, 165, 198, 193, 390, 270, 238, 151, 545,
        216, 204, 237, 223, 131, 121, 108, 163, 112, 103, 234, 100, 783, 346, 895, 306, 311, 324, 282, 1534, 272, 612, 110, 245, 201, 100, 166, 171)
FEW = 3  # subjects that everybody is asked
WORDNET = "/usr/share/wordnet/data.noun"
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def made_up():
    rng = random.Random(5)
    word = lambda: "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4)))
    return [(word(), " ".join(word() for _ in range(rng.randint(5, 18)))) for _ in range(20000)]


def glosses(folder):
    """(word, what it means): as gpu-pack took them along, else WordNet's own, else made up."""
    packed = os.path.join(folder or "", "glosses.jsonl.gz")
    if os.path.exists(packed):
        with gzip.open(packed, "rt", encoding="utf-8") as f:
            return [tuple(json.loads(line)) for line in f]
    if os.path.exists(WORDNET):
        with open(WORDNET, encoding="latin-1") as f:
            rows = [row for row in f if "|" in row]
        return [(row.split()[4].replace("_", " "), row.split("|", 1)[1].strip()) for row in rows[::4]]
    return made_up()


def passages(words, n, longest, seed=3):
    """Texts of a few sentences to a page, none of them twice."""
    rng, out = random.Random(seed), []
    for i in range(n):
        count = 1 + int(longest * rng.random() ** 1.5)
        out.append({"id": i, "text": ". ".join(f"{w}: {g}" for w, g in rng.sample(words, count))})
    return out


def question(words, rng):
    """About a hundred and ten tokens: what is asked, four options, and which is right."""
    asked = rng.sample(words, 6)
    (word, right), more = asked[0], asked[1:3]
    options = [right[:64]] + [gloss[:64] for _, gloss in asked[3:]]
    rng.shuffle(options)
    text = f"It is said of {more[0][0]}: {more[0][1][:90]}. And of {more[1][0]}: {more[1][1][:90]}. What, then, is {word}?\n"
    return text + "".join(f"{k}. {o}\n" for k, o in zip("ABCD", options)) + "Answer:", options.index(right[:64])


def mmlu(words, share=1.0):
    """57 subjects, each with five examples before every question; `share` of each subject's questions."""
    rng, out = random.Random(11), []
    for subject, n in enumerate(MMLU):
        shots = ""
        for _ in range(5):
            text, right = question(words, rng)
            shots += f"{text} {'ABCD'[right]}\n\n"
        head = f"The following are multiple choice questions (with answers) about subject {subject}.\n\n{shots}"
        for _ in range(max(1, round(share * n))):
            text, right = question(words, rng)
            out.append({"id": len(out), "context": head + text, "choices": [" A", " B", " C", " D"], "gold": right, "subject": subject})
    return out


def few(rows):
    return [row for row in rows if row["subject"] < FEW]


def kit(folder, work):
    """A work of the peer kit, as pipelines take it; None where the kit is not here."""
    names = {"w1": "w1_embed", "w2": "w2_embed_long", "w3": "w3_choice_0shot", "w4": "w4_choice_5shot", "w5": "w5_choice_25shot"}
    path = os.path.join(folder or "", names[work] + ".jsonl")
    if not folder or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    if work in ("w1", "w2"):
        return [{"id": row["id"], "text": row["text"]} for row in rows]
    return [{"id": row["id"], "context": row["prompt"], "choices": row["choices"], "gold": row["gold"], "subject": 0} for row in rows]


# ---- without a tokenizer: words become ids, the same ones everywhere ----

def ids_of(text, vocabulary):
    """A word is a few ids by its bytes; ids of a text that begins like another begin alike."""
    out = []
    for word in text.replace("\n", " \n ").split(" "):
        for at in range(0, len(word), 4):
            value = int.from_bytes(word[at:at + 4].encode()[:8], "little")
            out.append(3 + value * 2654435761 % (vocabulary - 3))
    return out


def in_ids(rows, vocabulary):
    def one(row):
        if "text" in row:
            return {"id": row["id"], "ids": [1] + ids_of(row["text"], vocabulary)[:500] + [2]}
        return {**{k: row[k] for k in ("id", "gold", "subject")}, "context_ids": ids_of(row["context"], vocabulary),
                "choices_ids": [ids_of(c.strip(), vocabulary) for c in row["choices"]]}
    return [one(row) for row in rows]


def request(row):
    """What a pipeline is given of it."""
    return {k: v for k, v in row.items() if k not in ("gold", "subject")}


# ---- what it takes ----

def flops(name, lengths, heads):
    """Of sequences of these lengths, each by itself, with logits at `heads` rows in all."""
    kind, layers, width, n_heads, ffn, vocabulary, _, *more = bench_models.SHAPES[name]
    if kind == "bert":
        return sum(layers * (2 * (4 * width * width + 2 * width * ffn) * n + 4 * width * n * n) for n in lengths)
    kv = width // n_heads * (more[0] if more else n_heads)
    token = 2 * (2 * width * width + 2 * width * kv + 3 * width * ffn)
    return sum(layers * (token * n + 4 * width * n * (n + 1) / 2) for n in lengths) + 2 * heads * width * vocabulary
