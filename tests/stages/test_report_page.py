"""The pages in headless Chromium: every section is there, no error in the console, nothing overflows.

Driven over the DevTools protocol: a phone's width and the dark scheme are
emulated, which the command line of Chromium cannot do.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.promotion.gates import Evidence, judge_gate
from ner_jobs.promotion.verdict import Outcome, Verdict, judge
from ner_jobs.report import comparison, evaluation_page
from ner_jobs.scoring.blocks import Pair, TagTable, block_of
from ner_jobs.scoring.confusion import Confusion, ConfusionCounter
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.estimate import Bounds
from ner_jobs.scoring.summary import Draws, Evaluation, summarize, summarize_against
from ner_jobs.scoring.worst_sentences import error_example
from ner_jobs.task import FileEntry, Manifest, Stage
from ner_jobs.task.parameters import GateParameters

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
TAGS = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "O", "B-ORG", "I-ORG", "I-ORG")
WRONG = ("B-PER", "O", "O", "B-ORG", "I-ORG", "O", "O", "O", "O", "O")
DRAWS = Draws(resamples=200)


class Tab:
    """One page in Chromium, over DevTools."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._number = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def open(self, page: Path, width: int, scheme: str) -> None:
        self.complaints, self.requests = [], []
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Page.navigate", url=page.as_uri())
        self.loaded = False
        while not self.loaded:
            self._note(json.loads(self._socket.recv()))

    def evaluate(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def close(self) -> None:
        self._socket.close()

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(parameters["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        message = "needs Chromium: apt-get install chromium fonts-noto-cjk"
        if os.environ.get("NERD_REQUIRE_SHARED") == "1":
            pytest.fail(f"{message} (NERD_REQUIRE_SHARED=1)")
        pytest.skip(message)
    profile = tmp_path_factory.mktemp("chromium")
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "DevTools listening on" in line)
            port = said.rsplit(":", 1)[1].split("/")[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            opened = Tab(pages[0]["webSocketDebuggerUrl"])
            yield opened
            opened.close()
        finally:
            process.terminate()
            process.communicate()


def sentences() -> list[Sentence]:
    return [
        Sentence(f"test:{at}", tuple("赵敏在云南参观水利部" + "，天气很好" * (at % 40)), None)
        for at in range(160)
    ]


def tags_of(sentence: Sentence, wrong: bool) -> tuple[str, ...]:
    own = WRONG if wrong else TAGS
    return own + ("O",) * (len(sentence.tokens) - len(own))


def scored(wrong: int) -> tuple[Counts, Confusion]:
    pairs = [
        Pair(sentence.id, tags_of(sentence, False), tags_of(sentence, at < wrong))
        for at, sentence in enumerate(sentences())
    ]
    table = TagTable(("PER", "ORG", "LOC"))
    counter = ConfusionCounter(table)
    counter.add(block_of(pairs, table))
    return count(pairs, ("PER", "ORG", "LOC")), counter.confusion()


def figures(name: str, wrong: int, reference: int | None) -> Evaluation:
    counts, confusion = scored(wrong)
    if reference is None:
        return summarize(name, "d" * 64, counts, confusion, DRAWS)
    other = scored(reference)[0]
    return summarize_against(name, "d" * 64, counts, confusion, "fp32", other, wrong - reference, DRAWS)


def write_evaluation(folder: Path, reference: int | None) -> Path:
    shown = [
        error_example(
            Sentence(sentence.id, sentence.tokens, tags_of(sentence, False)),
            tags_of(sentence, True),
            None if reference is None else tags_of(sentence, False),
        )
        for sentence in sentences()[:12]
    ]
    html = evaluation_page.page(
        figures("int8", 14, reference),
        title="nlp/a-deployment-with-a-rather-long-name",
        worst=shown,
        differences=shown if reference is not None else [],
        key="k" * 64,
        emulated=True,
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def write_comparison(folder: Path) -> Path:
    gate = GateParameters(max_drop=0.5, against="reference", confidence=0.95)
    seen = {
        "int8-a-name-that-is-long": Evidence(Bounds(0.91, 0.9, 0.92), Bounds(0.2, 0.0, 0.4), 900, 500),
        "fp32": Evidence(Bounds(0.92, 0.91, 0.93), Bounds(7.0, 6.0, 8.1), 900, 500),
    }
    judged = tuple(judge(name, judge_gate(gate, evidence)) for name, evidence in seen.items())
    verdict = Verdict(
        outcome=Outcome.PROMOTED,
        message="int8 passed every gate",
        revision="r" * 64,
        variant="int8-a-name-that-is-long",
        generation=1,
        f1=0.91,
        drop=0.2,
        drop_upper=0.4,
        judged=2,
        test="d" * 64,
        variants=judged,
    )

    def manifest(stage: Stage, variant: str | None, metrics: dict[str, Any], **fields: Any) -> Manifest:
        return Manifest(
            stage=stage,
            key="a" * 64,
            attempt="a",
            variant=variant,
            metrics=metrics,
            inputs={},
            outputs={},
            started=0,
            finished=1,
            **{"files": (), "parameters": {}, **fields},
        )

    made = [
        manifest(
            Stage.PROMOTE,
            None,
            verdict.model_dump(mode="json", by_alias=True),
            parameters={"reference": "fp32", "preference": list(seen)},
        )
    ]
    trials = [{"name": "transformer-smoothquant-0.95", "f1": 0.9, "drop": 0.2, "bound": 0.4, "why": "taken"}]
    for name, wrong, reference in (("fp32", 8, None), ("int8-a-name-that-is-long", 14, 8)):
        made += [
            manifest(
                Stage.EVALUATE, name, figures(name, wrong, reference).model_dump(mode="json", by_alias=True)
            ),
            manifest(
                Stage.COMPILE,
                name,
                {"recipes": trials if reference else []},
                files=(FileEntry(path="compiled/a", size=9 << 20, sha256=""),),
                parameters={"precision": "int8", "backend": "openvino"},
            ),
            manifest(
                Stage.BENCHMARK,
                name,
                {
                    "sentencesPerSecond": 30.0 + wrong,
                    "latencyMs": {"p50": 9, "p90": 12, "p99": 21},
                    "peakPssMiB": 300,
                },
            ),
        ]
    path = folder / "comparison.html"
    path.write_text(comparison.page(comparison.collect("nlp/tiny", made)), encoding="utf-8")
    return path


EVALUATION = ["figures", "types", "errors", "length", "differences", "worst", "method"]
COMPARISON = ["variants", "quality", "types", "gates", "recipes", "method"]


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("kind", "sections"),
    [
        ("evaluation", EVALUATION),
        ("reference", [name for name in EVALUATION if name != "differences"]),
        ("comparison", COMPARISON),
    ],
)
def test_a_page(tab: Tab, tmp_path: Path, kind: str, sections: list[str], scheme: str, width: int) -> None:
    path = {
        "evaluation": lambda: write_evaluation(tmp_path, reference=8),
        "reference": lambda: write_evaluation(tmp_path, reference=None),
        "comparison": lambda: write_comparison(tmp_path),
    }[kind]()
    tab.open(path, width, scheme)

    assert tab.evaluate("[...document.querySelectorAll('section')].map(each => each.id)") == sections
    assert tab.evaluate("[...document.querySelectorAll('section')].every(each => each.offsetHeight > 40)")
    targets = "[...document.querySelectorAll('nav a')].map(each => each.getAttribute('href').slice(1))"
    assert tab.evaluate(targets) == sections
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith(("file:", "data:"))] == []

    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page overflows"
    unreadable = (
        "[...document.querySelectorAll('svg')].filter(each => !each.querySelector('title').textContent"
        " || !each.querySelector('desc').textContent || each.getBoundingClientRect().height < 40).length"
    )
    assert tab.evaluate("document.querySelectorAll('svg').length") >= 2
    assert tab.evaluate(unreadable) == 0
    outside = (
        "[...document.querySelectorAll('svg text')].filter(each => {"
        " const word = each.getBoundingClientRect();"
        " const frame = each.ownerSVGElement.getBoundingClientRect();"
        " return word.left < frame.left - 1 || word.right > frame.right + 1; }).map(each => each.textContent)"
    )
    assert tab.evaluate(outside) == []
    twice = (
        "(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(each => each.id))"
    )
    assert tab.evaluate(twice) == 0
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 200) == (scheme == "dark")


def test_entities_are_marked_in_the_sentence(tab: Tab, tmp_path: Path) -> None:
    tab.open(write_evaluation(tmp_path, reference=8), 390, "light")
    first = "document.querySelector('#differences .sentence')"
    marked = (
        f"[...{first}.querySelectorAll('.reading')].map(row => [...row.querySelectorAll('mark')].map(mark =>"
    )
    rows = tab.evaluate(f"{marked} mark.firstChild.textContent + mark.querySelector('small').textContent))")
    assert rows[0] == ["赵敏PER", "云南LOC", "水利部ORG"]
    assert rows[1] == ["赵PER", "云南ORG"]
    assert rows[2] == rows[0]
    assert tab.evaluate(f"{first}.querySelectorAll('.reading:nth-of-type(2) mark.wrong').length") == 2
    assert tab.evaluate(f"{first}.querySelector('p').lang") == "zh"
