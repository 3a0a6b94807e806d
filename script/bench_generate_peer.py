"""transformers' generate as a program that stays: reads {"model", "dtype", "threads"} and then, a line each, {"prompts", "tokens"};
answers each with {"seconds", "texts", "n_tokens"}. All prompts are one batch, padded on the left, greedy."""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.manual_seed(0)


def generate(model, tokenizer, prompts, tokens):
    batch = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
    with torch.inference_mode():
        out = model.generate(**batch, max_new_tokens=tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    made = [row.tolist() for row in out[:, batch["input_ids"].shape[1]:]]
    end = tokenizer.eos_token_id
    return [ids[:ids.index(end) + 1] if end in ids else ids for ids in made]


def main():
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked["threads"])
    tokenizer = AutoTokenizer.from_pretrained(asked["model"], padding_side="left")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(asked["model"], dtype=getattr(torch, asked["dtype"])).eval()
    generate(model, tokenizer, ["Warm"], 4)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        work = json.loads(line)
        begun = time.monotonic()
        ids = generate(model, tokenizer, work["prompts"], work["tokens"])
        texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
        seconds = time.monotonic() - begun
        print(json.dumps({"seconds": seconds, "texts": texts, "n_tokens": sum(map(len, ids))}), flush=True)


main()
