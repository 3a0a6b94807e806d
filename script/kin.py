#!/usr/bin/env python3
"""Writes tasks/kin.json: under which names the data of tasks are known, and which training sets hold them.

Groups of embedding tasks are mteb's own: tasks that were made from one another, or took one another's place, with the
repositories that their data come from. The rest is below, by hand. Run it again after an update of mteb:

    pip install mteb; script/kin.py"""
import json, os, sys

import mteb
from mteb.get_tasks import _SIMILAR_TASKS, _TASKS_REGISTRY as TASKS

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NO_PATH = "aggregate tasks do not have a path"

# Tasks outside mteb: names ("*" ends a beginning), the same data elsewhere, sets that they are a part of.
GLUE = ["nyu-mll/glue", "glue", "SetFit/glue"]
SUPER_GLUE = ["aps/super_glue", "super_glue"]
FLAN = ["Muennighoff/flan", "Open-Orca/FLAN", "conceptofmind/FLAN_2022", "SirNeural/flan_v2"]
P3 = ["bigscience/P3"]
MATHS = ["meta-math/MetaMathQA", "TIGER-Lab/MathInstruct", "AI-MO/NuminaMath-CoT", "HuggingFaceTB/smoltalk",
         "allenai/RLVR-GSM-MATH-IF-Mixed-Constraints"]
PILE = ["EleutherAI/pile", "the_pile", "monology/pile-uncopyrighted", "togethercomputer/RedPajama-Data-1T",
        "cerebras/SlimPajama-627B", "allenai/dolma"]
LANGUAGE = [
    ("arc_challenge arc_easy", "allenai/ai2_arc ai2_arc", FLAN + P3),
    ("hellaswag", "Rowan/hellaswag hellaswag", FLAN + P3),
    ("winogrande", "allenai/winogrande winogrande", FLAN + P3),
    ("piqa", "baber/piqa ybisk/piqa piqa", FLAN + P3),
    ("openbookqa", "allenai/openbookqa openbookqa", FLAN + P3),
    ("boolq", "google/boolq boolq", SUPER_GLUE + FLAN + P3),
    ("copa", "pkavumba/balanced-copa", SUPER_GLUE + FLAN + P3),
    ("rte", "SetFit/rte", GLUE + SUPER_GLUE + FLAN + P3),
    ("cola", "shivkumarganesh/CoLA", GLUE + FLAN),
    ("sciq", "allenai/sciq sciq", P3),
    ("commonsense_qa", "tau/commonsense_qa commonsense_qa", P3),
    ("social_iqa", "lighteval/siqa allenai/social_i_qa social_i_qa", P3),
    ("race", "EleutherAI/race ehovy/race race", P3),
    ("logiqa", "EleutherAI/logiqa lucasmccabe/logiqa", []),
    ("truthfulqa_*", "truthfulqa/truthful_qa truthful_qa EleutherAI/truthful_qa_mc domenicrosati/TruthfulQA", []),
    ("lambada_*", "EleutherAI/lambada_openai cimec/lambada lambada", ["bookcorpus", "bookcorpus/bookcorpus"]),
    ("wikitext", "EleutherAI/wikitext_document_level Salesforce/wikitext wikitext mindchain/wikitext2",
     ["wikipedia", "wikimedia/wikipedia", "legacy-datasets/wikipedia"] + PILE),
    ("mmlu_pro_* leaderboard_mmlu_pro", "TIGER-Lab/MMLU-Pro", []),
    ("mmlu_*", "cais/mmlu hendrycks_test lukaemon/mmlu hails/mmlu_no_train tasksource/mmlu", []),
    ("gsm8k gsm8k_cot", "openai/gsm8k gsm8k", MATHS + FLAN),
    ("hendrycks_math_* minerva_math_* leaderboard_math_*",
     "EleutherAI/hendrycks_math hendrycks/competition_math competition_math qwedsacf/competition_math "
     "DigitalLearningGmbH/MATH-lighteval lighteval/MATH nlile/hendrycks-MATH-benchmark HuggingFaceH4/MATH-500", MATHS),
    ("triviaqa", "mandarjoshi/trivia_qa trivia_qa sentence-transformers/trivia-qa "
     "sentence-transformers/trivia-qa-triplet", FLAN + P3),
    ("nq_open", "google-research-datasets/nq_open nq_open google-research-datasets/natural_questions natural_questions "
     "sentence-transformers/natural-questions", FLAN),
    ("drop", "EleutherAI/drop ucinlp/drop drop", FLAN),
    ("bbh_* leaderboard_bbh_*", "SaylorTwift/bbh lukaemon/bbh maveriq/bigbenchhard",
     ["google/bigbench", "bigbench", "tasksource/bigbench"]),
    ("leaderboard_gpqa_*", "Idavidrein/gpqa", []),
    ("leaderboard_musr_*", "TAUR-Lab/MuSR", []),
    ("ifeval leaderboard_ifeval", "google/IFEval wis-k/instruction-following-eval HuggingFaceH4/ifeval", []),
]

# Beside what mteb says: the same data, and sets that hold them, by the name of a task.
SENTENCES = "sentence-transformers/"
TRAINING = SENTENCES + "embedding-training-data"
BGE = "cfli/bge-full-data"  # as mteb lists what is in it
SAME = {
    "STSBenchmark": [SENTENCES + "stsb", "stsb_multi_mt", "PhilipMay/stsb_multi_mt"],
    "QuoraRetrieval": ["quora", "quora-competitions/quora", "BeIR/quora", "BeIR/quora-qrels",
                       SENTENCES + "quora-duplicates", "embedding-data/QQP", "embedding-data/QQP_triplets"],
    "MSMARCO": ["ms_marco", "microsoft/ms_marco", "BeIR/msmarco", "BeIR/msmarco-qrels", SENTENCES + "msmarco",
                SENTENCES + "msmarco-bm25", SENTENCES + "msmarco-hard-negatives", SENTENCES + "msmarco-msmarco-distilbert-base-v3",
                "Tevatron/msmarco-passage", "unicamp-dl/mmarco"],
    "NQ": ["natural_questions", "google-research-datasets/natural_questions", "google-research-datasets/nq_open", "nq_open",
           "BeIR/nq", "BeIR/nq-qrels", SENTENCES + "natural-questions", "Tevatron/wikipedia-nq"],
    "HotpotQA": ["hotpot_qa", "hotpotqa/hotpot_qa", "BeIR/hotpotqa", "BeIR/hotpotqa-qrels", SENTENCES + "hotpotqa"],
    "FEVER": ["fever", "fever/fever", "BeIR/fever", "BeIR/fever-qrels", SENTENCES + "fever"],
    "DBPedia": ["BeIR/dbpedia-entity", "BeIR/dbpedia-entity-qrels"],
    "FiQA2018": ["BeIR/fiqa", "BeIR/fiqa-qrels"],
    "SciFact": ["BeIR/scifact", "BeIR/scifact-qrels", "allenai/scifact"],
    "SCIDOCS": ["BeIR/scidocs", "BeIR/scidocs-qrels"],
    "NFCorpus": ["BeIR/nfcorpus", "BeIR/nfcorpus-qrels"],
    "ArguAna": ["BeIR/arguana", "BeIR/arguana-qrels"],
    "TRECCOVID": ["BeIR/trec-covid", "BeIR/trec-covid-qrels"],
    "Touche2020": ["BeIR/webis-touche2020", "BeIR/webis-touche2020-qrels"],
    "ClimateFEVER": ["climate_fever", "tdiggelm/climate_fever", "BeIR/climate-fever", "BeIR/climate-fever-qrels"],
    "EmotionClassification": ["emotion", "dair-ai/emotion"],
    "ImdbClassification": ["imdb", "stanfordnlp/imdb"],
    "Banking77Classification": ["banking77", "PolyAI/banking77", "legacy-datasets/banking77"],
    "AmazonPolarityClassification": ["amazon_polarity", "fancyzhx/amazon_polarity"],
    "AmazonReviewsClassification": ["amazon_reviews_multi", "mteb/amazon_reviews_multi"],
    "MassiveIntentClassification": ["AmazonScience/massive"],
    "MassiveScenarioClassification": ["AmazonScience/massive"],
    "ToxicConversationsClassification": ["civil_comments", "google/civil_comments"],
    "TwentyNewsgroupsClustering": ["SetFit/20_newsgroups", "newsgroup"],
    "SICK-R": ["sick", "RobZamp/sick"],
    "Tatoeba": ["Helsinki-NLP/tatoeba", "tatoeba", SENTENCES + "parallel-sentences-tatoeba"],
    "SIB200Classification": ["Davlan/sib200"],
}
WITHIN = {
    "STSBenchmark": GLUE + FLAN + [BGE], "ImdbClassification": FLAN + P3 + [BGE],
    "AmazonPolarityClassification": P3,
    "QuoraRetrieval": GLUE + FLAN + [TRAINING, BGE], "MSMARCO": [TRAINING, BGE], "NQ": FLAN + [TRAINING, BGE],
    "FEVER": [TRAINING, BGE], "HotpotQA": [BGE], "ArguAna": [BGE], "FiQA2018": [BGE], "SciDocsRR": [BGE],
    "StackOverflowDupQuestions": [BGE], "AmazonReviewsClassification": [BGE], "AmazonCounterfactualClassification": [BGE],
    "Banking77Classification": [BGE], "EmotionClassification": [BGE], "TweetSentimentExtractionClassification": [BGE],
    "MTOPIntentClassification": [BGE], "ToxicConversationsClassification": [BGE], "ArxivClusteringS2S": [BGE],
    "ArxivClusteringP2P": [BGE], "BiorxivClusteringS2S": [BGE], "BiorxivClusteringP2P": [BGE],
    "MedrxivClusteringS2S": [BGE], "MedrxivClusteringP2P": [BGE], "RedditClustering": [BGE], "RedditClusteringP2P": [BGE],
    "TwentyNewsgroupsClustering": [BGE], "STS22": [BGE],
}
FORUMS = "Android English Gaming Gis Mathematica Physics Programmers Stats Tex Unix Webmasters Wordpress".split()


def relatives(name):
    """All that can be come to from a task, whichever was made from which."""
    edges = {}
    for parent, children in _SIMILAR_TASKS.items():
        for child in children:
            edges.setdefault(parent, set()).add(child)
            edges.setdefault(child, set()).add(parent)
    seen, todo = set(), [name]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += edges.get(at, ())
    return seen


def path_of(name):
    path = TASKS[name].metadata.dataset.get("path") if name in TASKS else None
    return path if path and path != NO_PATH else None


def ours():
    names = {t.metadata.name for b in ("MTEB(eng, v1)", "MTEB(eng, v2)") for t in mteb.get_benchmark(b).tasks}
    return names | set(SAME) | set(WITHIN) | {f"CQADupstack{f}Retrieval" for f in FORUMS}


def unique(names):
    return list({name.lower(): name for name in reversed(list(names))}.values())


def groups():
    found = {}
    for name in ours():
        group = relatives(name)
        found[min(group)] = group
    users = {}
    for name in TASKS:
        if path_of(name):
            users.setdefault(path_of(name).lower(), set()).add(min(relatives(name)))
    for key, group in sorted(found.items()):
        paths = sorted({path_of(n) for n in group if path_of(n)})
        same = [p for p in paths if len(users[p.lower()]) == 1] + [s for n in sorted(group) for s in SAME.get(n, [])]
        within = [p for p in paths if len(users[p.lower()]) > 1] + [s for n in sorted(group) for s in WITHIN.get(n, [])]
        if any(n.startswith("CQADupstack") and n != "CQADupstackRetrieval" for n in group):
            within += sorted(relatives("CQADupstackRetrieval")) + ["BeIR/cqadupstack", "BeIR/cqadupstack-qrels"]
        if len(group) + len(same) + len(within) > 1:
            yield {"tasks": sorted(group), "same": sorted(unique(same), key=str.lower),
                   "within": sorted(unique(within), key=str.lower)}
    for names, same, within in LANGUAGE:
        yield {"tasks": names.split(), "same": sorted(same.split(), key=str.lower), "within": sorted(within, key=str.lower)}


def main():
    version = sys.modules["importlib.metadata"].version("mteb") if "importlib.metadata" in sys.modules else "?"
    lines = [json.dumps(g, ensure_ascii=False) for g in groups()]
    with open(os.path.join(TOP, "tasks", "kin.json"), "w", encoding="utf-8") as f:
        f.write('{"schema": "assay.kin/1", "mteb": %s, "groups": [\n%s\n]}\n' % (json.dumps(version), ",\n".join(lines)))


main()
