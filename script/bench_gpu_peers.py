"""The programs that people use for the same work, in one process that is asked by JSON lines, one answer each. Started by bench_gpu.py
with a Python that has torch; what it imports it imports when it is asked for.

    {"do": "hello"}                                             versions, and what the device is called
    {"do": "roof", "n": 8192}                                   TFLOP/s of a bf16 (and f32) product of n^3, random numbers
    {"do": "load", "who", "model", "dtype", "compile"}          who: st, encoder, loop, lmeval; "instead" who took a place, and "why"
    {"do": "embed", "file", "batches", "first", "save", "keep"}   the best batch is found on the first texts, then all are run
    {"do": "score", "file", "batches", "first", "save", "keep"}   the same for log-likelihoods
    {"do": "drop"}                                              gives the model's memory back

`loop` does what lm-evaluation-harness 0.4's Hugging Face model does with log-likelihoods: contexts and continuations encoded as one
text and cut, longest first, choices of one token behind the same context grouped and computed once, padded batches, logits of every
position in the model's dtype, log-softmax over the vocabulary, gathered and compared with the greedy tokens. `lmeval` is itself."""
import argparse
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
import torch

TRIALS = 10


def rows_of(file):
    with open(file, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Device:
    def __init__(self, name):
        self.name, self.cuda = name, name.startswith("cuda")

    def sync(self):
        if self.cuda:
            torch.cuda.synchronize()

    def clear(self):
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()

    def title(self):
        return torch.cuda.get_device_name(self.name) if self.cuda else "processor"

    def peak(self, reset=False):
        if not self.cuda:
            return None
        value = torch.cuda.max_memory_reserved()
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return value


def product_rate(device, n, dtype):
    """TFLOP/s: the median of some products, after three that don't count."""
    a, b = (torch.randn(n, n, device=device.name, dtype=dtype) for _ in range(2))
    times = []
    for i in range(3 + TRIALS):
        device.sync()
        start = time.perf_counter()
        a @ b
        device.sync()
        if i >= 3:
            times.append(time.perf_counter() - start)
    return 2 * n ** 3 / sorted(times)[len(times) // 2] / 1e12


# ---- the peers: each has encode(rows, batch) or score(rows, batch) ----

class SentenceTransformers:
    def __init__(self, device, model, dtype, compiled):
        from sentence_transformers import SentenceTransformer
        self.model = SentenceTransformer(model, device=device.name, model_kwargs={"dtype": dtype})
        if compiled:
            inner = self.model[0]
            name = "model" if "model" in inner._modules else "auto_model"  # since 6, before; auto_model is only a view of it there
            setattr(inner, name, torch.compile(getattr(inner, name), dynamic=True))
        else:
            self.encode([{"text": "a bird"}], 1)  # a folder that it cannot use says so now

    def encode(self, rows, batch):
        vectors = self.model.encode([row["text"] for row in rows], batch_size=batch, convert_to_numpy=True, normalize_embeddings=True,
                                    show_progress_bar=False)
        return vectors.astype("float32").tolist()


class PlainEncoder:
    """What sentence-transformers does with a batch, by transformers alone: for rows of ids, and of text where it can't itself."""

    def __init__(self, device, model, dtype, compiled):
        from transformers import AutoModel
        self.device = device
        self.folder, self.tokenizer = model, None
        self.model = AutoModel.from_pretrained(model, dtype=dtype).to(device.name).eval()
        if compiled:
            self.model = torch.compile(self.model, dynamic=True)

    def in_ids(self, rows):
        if "ids" in rows[0]:
            return rows
        from transformers import AutoTokenizer
        self.tokenizer = self.tokenizer or AutoTokenizer.from_pretrained(self.folder)
        return [{"ids": ids} for ids in self.tokenizer([row["text"] for row in rows], truncation=True, max_length=512)["input_ids"]]

    @torch.inference_mode()
    def encode(self, rows, batch):
        rows = self.in_ids(rows)
        order, out = sorted(range(len(rows)), key=lambda i: -len(rows[i]["ids"])), [None] * len(rows)
        for at in range(0, len(order), batch):
            some = order[at:at + batch]
            longest = len(rows[some[0]]["ids"])
            ids = torch.tensor([rows[i]["ids"] + [0] * (longest - len(rows[i]["ids"])) for i in some], device=self.device.name)
            mask = torch.tensor([[1] * len(rows[i]["ids"]) + [0] * (longest - len(rows[i]["ids"])) for i in some], device=self.device.name)
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask[..., None].to(hidden.dtype)
            pooled = torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)
            for i, vector in zip(some, pooled.float().cpu().tolist()):
                out[i] = vector
        return out


class Loop:
    def __init__(self, device, model, dtype, compiled):
        from transformers import AutoModelForCausalLM, AutoTokenizer
        self.device = device
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, attn_implementation="sdpa").to(device.name).eval()
        if compiled:
            self.model = torch.compile(self.model, dynamic=True)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(model)
        except (OSError, ValueError, TypeError):
            self.tokenizer = None

    def pairs(self, rows):
        """(row, choice, context ids, continuation ids), by lm-evaluation-harness's rule for text."""
        out = []
        for r, row in enumerate(rows):
            if "context_ids" in row:
                out += [(r, c, row["context_ids"], ids) for c, ids in enumerate(row["choices_ids"])]
                continue
            encode = lambda text: self.tokenizer(text, add_special_tokens=False)["input_ids"]
            context = row["context"].rstrip()
            spaces = row["context"][len(context):]
            head = encode(context)
            out += [(r, c, head, encode(context + spaces + choice)[len(head):]) for c, choice in enumerate(row["choices"])]
        return out

    @torch.inference_mode()
    def score(self, rows, batch):
        groups = {}
        for r, c, context, continuation in self.pairs(rows):
            groups.setdefault(tuple(context + continuation[:-1]), []).append((r, c, continuation))
        order = sorted(groups, key=lambda ids: (-len(ids), ids))
        out, self.computed = [[None] * len(row.get("choices") or row["choices_ids"]) for row in rows], 0
        for at in range(0, len(order), batch):
            some = order[at:at + batch]
            longest = len(some[0])
            ids = torch.tensor([list(s) + [0] * (longest - len(s)) for s in some], dtype=torch.long, device=self.device.name)
            self.computed += ids.numel()
            logits = torch.log_softmax(self.model(ids).logits, dim=-1)
            for row, sequence in zip(logits, some):
                for r, c, continuation in groups[sequence]:
                    n = len(continuation)
                    rows_of_it = row[len(sequence) - n:len(sequence)]
                    wanted = torch.tensor(continuation, device=self.device.name)
                    rows_of_it.argmax(-1).eq(wanted).all().item()
                    out[r][c] = rows_of_it.gather(1, wanted[:, None]).sum().item()
        return out


class LmEval:
    computed = 0

    def __init__(self, device, model, dtype, compiled):
        import logging
        logging.disable(logging.WARNING)
        from lm_eval.models.huggingface import HFLM
        if compiled:
            raise ValueError("not compiled")
        self.make = lambda batch: HFLM(pretrained=model, device=device.name, dtype=dtype, batch_size=batch, max_length=8192)
        self.lm = self.make(1)

    def score(self, rows, batch):
        from lm_eval.api.instance import Instance
        self.lm.batch_size_per_gpu = batch
        requests = [Instance(request_type="loglikelihood", doc={}, arguments=(row["context"], choice), idx=i)
                    for row in rows for i, choice in enumerate(row["choices"])]
        flat = iter(self.lm.loglikelihood(requests, disable_tqdm=True))
        return [[next(flat)[0] for _ in row["choices"]] for row in rows]


WHO = {"st": SentenceTransformers, "encoder": PlainEncoder, "loop": Loop, "lmeval": LmEval}
INSTEAD = {"st": "encoder"}
DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


class Process:
    def __init__(self, device):
        self.device, self.peer = Device(device), None

    def hello(self, ask):
        import importlib.metadata as metadata
        versions = {}
        for name in ("torch", "transformers", "sentence-transformers", "lm_eval"):
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                pass
        return {"versions": versions, "device": self.device.title()}

    def roof(self, ask):
        return {name: product_rate(self.device, ask["n"], dtype) for name, dtype in DTYPES.items()}

    def load(self, ask):
        self.drop(ask)
        start = time.perf_counter()
        given, said = (self.device, ask["model"], DTYPES[ask["dtype"]], ask.get("compile", False)), {}
        try:
            self.peer = WHO[ask["who"]](*given)
        except Exception as problem:
            if ask["who"] not in INSTEAD:
                raise
            self.peer = WHO[INSTEAD[ask["who"]]](*given)
            said = {"instead": INSTEAD[ask["who"]], "why": f"{type(problem).__name__}: {problem}".splitlines()[0][:300]}
        self.device.sync()
        return {"load_s": time.perf_counter() - start, **said}

    def drop(self, ask):
        self.peer = None
        self.device.clear()
        return {}

    def timed(self, work, rows, batch):
        self.device.sync()
        start = time.perf_counter()
        answers = work(rows, batch)
        self.device.sync()
        return time.perf_counter() - start, answers

    def fastest(self, work, rows, batches):
        """The batch that does a few rows fastest: each once to warm up and once by the clock. One that doesn't fit ends the search."""
        seconds = {}
        for batch in batches:
            try:
                work(rows[:2 * batch], batch)
                seconds[batch] = self.timed(work, rows, batch)[0]
            except torch.OutOfMemoryError:
                self.device.clear()
                break
        if not seconds:
            raise MemoryError("no batch fits")
        return min(seconds, key=seconds.get), seconds

    def run(self, ask, work):
        rows = rows_of(ask["file"])
        first, batches = rows[:ask.get("first", 64)], ask["batches"]
        batch, tried = self.fastest(work, first, batches) if len(batches) > 1 else (batches[0], {})
        if len(batches) == 1:
            work(first, batch)
        self.device.peak(reset=True)
        passes = [self.timed(work, rows, batch) for _ in range(ask.get("rounds", 1))]
        with open(ask["save"], "w", encoding="utf-8") as f:
            json.dump(passes[-1][1][:ask.get("keep")], f)
        return {"seconds": [s for s, _ in passes], "batch": batch, "tried": {str(k): v for k, v in tried.items()}, "peak_bytes": self.device.peak(),
                "computed": getattr(self.peer, "computed", 0)}

    def embed(self, ask):
        return self.run(ask, self.peer.encode)

    def score(self, ask):
        return self.run(ask, self.peer.score)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the libraries print must not come between the answers
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    process = Process(given.device)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            said = getattr(process, ask["do"])(ask)
        except Exception as problem:  # a peer that fails is a line of the table, not the end
            said = {"failure": f"{type(problem).__name__}: {problem}".splitlines()[0][:300]}
        print(json.dumps(said), file=answers)


if __name__ == "__main__":
    main()
