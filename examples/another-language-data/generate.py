"""Writes the data of `examples/another-language.yaml`: maintenance notes in German, with labels of their own.

    python examples/another-language-data/generate.py [FOLDER]

It writes the same bytes on every machine. A note is a JSON line with its text and its spans.
"""

import json
import sys
from pathlib import Path
from random import Random

SPLITS = {"train": 900, "validation": 200, "test": 300}
FIRST = (
    "Jonas",
    "Käthe",
    "Jürgen",
    "Anna",
    "Björn",
    "Lena",
    "Ömer",
    "Sofia",
    "Heinz",
    "Grete",
    "Malte",
    "Ida",
)
LAST = (
    "Weber",
    "Müller",
    "Groß",
    "Schäfer",
    "Yıldız",
    "Kühn",
    "Vogel",
    "Brandt",
    "Lorenz",
    "Weiß",
    "Funk",
    "Noll",
)
HALLS = ("Halle", "Werk", "Bau", "Lager")
TOWNS = ("Köln", "Aachen", "Düren", "Görlitz", "Husum", "Plön", "Soest", "Fürth", "Celle", "Gießen")
MACHINES = ("Presse", "Fräse", "Drehbank", "Kran", "Förderband", "Kompressor", "Stapler", "Ofen")
FAULTS = (
    "ein Ölleck",
    "ein Lagerschaden",
    "Überhitzung",
    "ein gerissener Riemen",
    "starke Vibrationen",
    "ein Kurzschluss",
)
NOTES = (
    "{PERSON} meldet an {GERÄT} {FEHLER} .",
    "In {ORT} steht {GERÄT} still , weil {FEHLER} auftrat .",
    "{PERSON} und {PERSON} haben {GERÄT} in {ORT} geprüft .",
    "Bei der Wartung von {GERÄT} fand {PERSON} {FEHLER} .",
    "{GERÄT} wird von {ORT} nach {ORT} verlegt .",
    "Heute gab es bis {UHRZEIT} Uhr keine Störungen in der Frühschicht .",
    "Ursache war {FEHLER} , behoben durch {PERSON} .",
    "Die Ersatzteile kommen am Montag um {UHRZEIT} Uhr .",
    "Laut {PERSON} läuft {GERÄT} seit gestern wieder ohne Befund .",
)

TIME = "{UHRZEIT}"
"""Words without an entity, which make sentences differ."""


def main(folder: Path) -> None:
    """Write a JSON Lines file for each split."""
    random = Random(7)
    seen: set[str] = set()
    for split, count in SPLITS.items():
        lines: list[str] = []
        while len(lines) < count:
            line = json.dumps(note(random, random.choice(NOTES)), ensure_ascii=False) + "\n"
            if line not in seen:
                seen.add(line)
                lines.append(line)
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def note(random: Random, pattern: str) -> dict[str, object]:
    """The pattern with a name for each `{TYPE}`; offsets are code points, end exclusive."""
    text = ""
    entities = []
    for word in pattern.split():
        name = fill(random, word[1:-1]) if word.startswith("{") else word
        text += " " if text else ""
        if word.startswith("{") and word != TIME:
            entities.append({"start": len(text), "end": len(text) + len(name), "label": word[1:-1]})
        text += name
    return {"text": text, "entities": entities}


def fill(random: Random, kind: str) -> str:
    """A name of this type."""
    match kind:
        case "PERSON":
            return f"{random.choice(FIRST)} {random.choice(LAST)}"
        case "ORT":
            return f"{random.choice(HALLS)} {random.choice(TOWNS)}"
        case "GERÄT":
            return f"{random.choice(MACHINES)} {random.choice('ABCDEFGHK')}-{random.randrange(100, 1000)}"
        case "FEHLER":
            return random.choice(FAULTS)
        case _:
            return f"{random.randrange(24)}:{random.randrange(60):02d}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
