"""Tables of results/parity/: one shape for all of them, as Markdown for people and as JSON for whoever wants the numbers."""
import datetime, json
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
ALIGN = {"l": "---", "r": "--:"}
INDEX = """# Parity

What Assay says beside what the references say. `script/parity` makes all of it, `script/parity NAME` one table of it.

| table | what | how it stands | made |
|---|---|---|---|
"""


def figure(value):
    return "–" if value is None else "0" if value == 0 else "%.2g" % value


class Table:
    """A title, what it is about, a summary line, rows, and what is to be said of some of them."""

    def __init__(self, title, about, columns, align):
        self.title, self.about, self.columns, self.align = title, about, columns, align
        self.summary, self.rows, self.notes = "", [], []

    def row(self, *cells):
        self.rows.append([str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells])

    def markdown(self, name, made):
        line = lambda cells: "| " + " | ".join(cells) + " |"
        parts = ["# " + self.title, "", *self.about, "", f"**{self.summary}**", "", f"Made by `script/parity {name}`, {made}.", "",
                 line(self.columns), "|" + "|".join(ALIGN[a] for a in self.align) + "|", *map(line, self.rows)]
        return "\n".join(parts + [part for note in self.notes for part in ("", note)]) + "\n"


def write(out, name, table, document):
    made = datetime.date.today().isoformat()
    document = {"title": table.title, "summary": table.summary, "made": made, **document}
    out.mkdir(parents=True, exist_ok=True)
    (out / (name + ".md")).write_text(table.markdown(name, made), encoding="utf-8")
    (out / (name + ".json")).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_index(out, names):
    """README.md: the summaries of all tables that are there, whenever they were made."""
    lines = []
    for name in names:
        path = out / (name + ".json")
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if "summary" in document:
            lines.append("| [%s](%s.md) | %s | %s | %s |\n" % (name, name, document["title"], document["summary"], document["made"]))
    (out / "README.md").write_text(INDEX + "".join(lines), encoding="utf-8")
