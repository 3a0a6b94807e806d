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


def ahead_of(rows):
    """(work, peer and dtypes, median, lowest, highest), from the kit's rows."""
    for row in rows:
        for dtype, ratio in sorted((row.get("ahead") or {}).items()):
            if row["who"] != "assay":
                same = dtype in ("default", row["dtype"])
                yield (row["work"], f"{row['who']} {row['dtype']}" + ("" if same else f" by {dtype}"), ratio["median"], ratio["low"], ratio["high"])


def ahead_script(document):
    bars = list(ahead_of(document["peers"]["rows"]))
    works = sorted({b[0] for b in bars})
    if not bars:
        return None
    data = [(i, quoted(f"{work} {label}"), middle, low, high, works.index(work)) for i, (work, label, middle, low, high) in enumerate(bars)]
    top = 2 * max(b[4] for b in bars)
    body = (block("bars", data) + f"set logscale y 2\nset yrange [0.5:{top:.3g}]\nset xrange [-0.7:{len(bars) - 0.3}]\n"
            "set xtics rotate by -40 font ',10'\nset ylabel 'times as fast as the peer'\nset boxwidth 0.7\nset style fill solid 0.9\n"
            f"set title {quoted(document['what'])} font ',12'\nset key off\nset arrow from graph 0,first 1 to graph 1,first 1 nohead lc rgb '#333333'\n")
    for i in range(len(works)):
        body += f"set linetype {i + 1} lc rgb '{COLOURS[i % len(COLOURS)]}'\n"
    body += ("plot $bars using 1:3:($6+1):xtic(2) with boxes lc variable, $bars using 1:4:(0):($5-$4) with vectors nohead lw 2 lc rgb '#333333', "
             "$bars using 1:5:(sprintf('%.3g', $3)) with labels offset 0,0.8 font ',10'\n")
    return {"size": f"{max(640, 120 + 46 * len(bars))},460", "body": body}


def curve_script(panels, title):
    """Panels side by side: {"x", "y", "lines": {name: [(x, y, low, high)]}, "log_y"}."""
    body = f"set multiplot layout 1,{len(panels)} title {quoted(title)} font ',12'\nset logscale x 2\nset key left bottom font ',10' samplen 1\n"
    for i in range(len(COLOURS)):
        body += f"set linetype {i + 1} lc rgb '{COLOURS[i]}' pt 7 ps 0.5 lw 1.5\n"
    for p, panel in enumerate(panels):
        body += "".join(block(f"p{p}l{i}", rows) for i, rows in enumerate(panel["lines"].values()))
        body += f"set xlabel {quoted(panel['x'])}\nset ylabel {quoted(panel['y'])}\nset yrange [{panel.get('low', 0)}:*]\n"
        body += "set logscale y\n" if panel.get("log_y") else "unset logscale y\n"
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
