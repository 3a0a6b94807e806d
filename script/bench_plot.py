#!/usr/bin/env python3
"""Pictures of figures, by gnuplot: how far ahead of each peer Assay is on each work, and curves of cost.

usage: bench_plot.py FIGURES.json OUT.svg"""
import json
import subprocess
import sys

COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2", "#9c755f", "#edc948")


def gnuplot(script, out):
    """Runs a script whose picture goes to `out`; the same figures give the same bytes."""
    head = ("set terminal svg size {size} font 'sans-serif,13' background '#ffffff'\nset output '{out}'\nset border 3 lc rgb '#888888'\n"
            "set tics nomirror textcolor rgb '#333333'\nset grid ytics lc rgb '#e4e4e4'\n")
    body = head.format(size=script.pop("size"), out=out) + script.pop("body")
    subprocess.run(["gnuplot"], input=body, text=True, check=True)


def quoted(text):
    return '"' + str(text).replace("\\", "").replace('"', "'") + '"'


def block(name, rows):
    return f"${name} << EOD\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "EOD\n"


WORKS = {"w1": "short texts to vectors", "w2": "long texts to vectors", "w3": "choices, 0-shot", "w4": "choices, 5-shot", "w5": "choices, 25-shot",
         "w6": "text to tokens", "w7": "start to first vector"}
PEERS = {"st": "sentence-transformers", "ort": "ONNX Runtime", "openvino": "OpenVINO", "hfprefix": "prefix cache by hand",
         "lmeval": "lm-evaluation-harness", "tokenizers": "tokenizers"}
DEFAULTS = {("st", "f32")}  # what a peer's user gets who chooses nothing, so it stands beside our bf16 as well


def ahead_of(rows):
    """(work, label, median, lowest, highest), from the kit's rows: like beside like, and a peer's default beside our bf16."""
    for row in rows:
        who, theirs = row["who"], row["dtype"]
        for ours, ratio in sorted((row.get("ahead") or {}).items()):
            label = PEERS.get(who, who) + ("" if ours == "default" else f", {theirs}")
            if ours == "bf16" and (who, theirs) in DEFAULTS:
                label += " (its default), ours bf16"
            elif ours not in ("default", theirs):
                continue
            yield row["work"], label, ratio["median"], ratio["low"], ratio["high"]


def times(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def ahead_script(document):
    """A bar a peer, from 1 on: to the right where Assay is ahead. Works stand under each other, each under its name."""
    bars = sorted(ahead_of(document["peers"]["rows"]))
    if not bars:
        return None
    data, ticks, names, line = [], [], [], 0
    for work in dict.fromkeys(bar[0] for bar in bars):
        names.append((line, WORKS.get(work, work)))
        for _, label, middle, low, high in (bar for bar in bars if bar[0] == work):
            line += 1
            ticks.append(f"{quoted(label)} {line}")
            data.append((middle, line, low, high, quoted(times(middle)), list(WORKS).index(work) % len(COLOURS) if work in WORKS else 0))
        line += 1.4
    low, high = min(0.5, min(d[2] for d in data)), 2 * max(d[3] for d in data)
    body = (block("bars", data) + f"set logscale x 2\nset xrange [{low:.3g}:{high:.3g}]\nset yrange [{line:.3g}:-0.8]\n"
            f"set ytics ({', '.join(ticks)}) font ',11' scale 0\nset lmargin 42\nset grid noytics xtics lc rgb '#e4e4e4'\n"
            f"set xlabel 'times as fast as the peer'\nset title {quoted(document['what'])} font ',12'\nset key off\n"
            "set style fill solid 0.9 noborder\nset boxwidth 0.7\nset arrow from 1,graph 0 to 1,graph 1 nohead lc rgb '#333333' front\n")
    for i, colour in enumerate(COLOURS):
        body += f"set linetype {i + 1} lc rgb '{colour}'\n"
    for at, name in names:
        body += f"set label {quoted(name)} at graph 0,first {at + 0.1:.3g} right offset -1,0 font ',12' textcolor rgb '#111111'\n"
    body += ("plot $bars using 1:2:(1):1:($2-0.35):($2+0.35):($6+1) with boxxyerror lc variable, "
             "$bars using 3:2:($4-$3):(0) with vectors nohead lw 2 lc rgb '#333333', "
             "$bars using 4:2:5 with labels left offset 0.8,0 font ',11'\n")
    return {"size": f"860,{90 + 21 * line:.0f}", "body": body}


def curve_script(panels, title):
    """Panels side by side: {"x", "y", "lines": {name: [(x, y, low, high)]}, "log_y"}."""
    body = f"set multiplot layout 1,{len(panels)} title {quoted(title)} font ',12'\nset logscale x 2\nset key left bottom font ',10' samplen 1\n"
    for i in range(len(COLOURS)):
        body += f"set linetype {i + 1} lc rgb '{COLOURS[i]}' pt 7 ps 0.5 lw 1.5\n"
    for p, panel in enumerate(panels):
        body += "".join(block(f"p{p}l{i}", rows) for i, rows in enumerate(panel["lines"].values()))
        body += "set logscale y\n" if panel.get("log_y") else "unset logscale y\n"
        body += f"set xlabel {quoted(panel['x'])}\nset ylabel {quoted(panel['y'])}\nset yrange [{panel.get('low', 0)}:*]\n"
        plots = [f"$p{p}l{i} using 1:2 with linespoints lt {i + 1} title {quoted(name)}, $p{p}l{i} using 1:3:(0):($4-$3) with vectors nohead lt {i + 1} notitle"
                 for i, name in enumerate(panel["lines"])]
        body += "plot " + ", ".join(plots) + "\n"
    return {"size": f"{430 * len(panels)},400", "body": body + "unset multiplot\n"}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        script = ahead_script(json.load(f))
    if script is None:
        sys.exit("bench_plot.py: no peer was measured: there is nothing to draw")
    gnuplot(script, sys.argv[2])


if __name__ == "__main__":
    main()
