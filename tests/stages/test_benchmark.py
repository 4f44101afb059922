"""The benchmark stage: what it writes, and how its figures are put together. Nothing here asserts a speed."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.inference.benchmark import figures_of, latency, pss_of, spread
from ner_jobs.inference.benchmark_worker import Measured
from ner_jobs.stages import benchmark
from ner_jobs.stages.base import StageContext
from ner_jobs.task import PermanentError, Stage, StageError

MakeContext = Callable[..., StageContext]
PARAMETERS = {"maxLength": 32, "seconds": 0.2, "warmupSeconds": 0}


def test_it_writes_its_figures(compiled_letters: Path, make_context: MakeContext, tmp_path: Path) -> None:
    write_sentences(
        tmp_path / "data", [Sentence("test:1", tuple("abc")), Sentence("test:2", tuple("abcd" * 20))]
    )
    parameters = {**PARAMETERS, "instances": 3, "processes": 2, "batchSize": 2}
    context = make_context(
        Stage.BENCHMARK, parameters, {"compiled": compiled_letters, "data": tmp_path / "data"}
    )
    result = benchmark.run(context)
    written = json.loads((context.output / "benchmark/benchmark.json").read_text())
    assert written == result.metrics
    assert (written["instances"], written["processes"], written["batchSize"]) == (3, 2, 2)
    assert written["sentences"] == 2 * written["requests"]
    assert written["tokens"] == 83 * written["requests"]
    for latencies in (written["latencyMs"], written["modelLatencyMs"]):
        assert 0 < latencies["p50"] <= latencies["p90"] <= latencies["p99"]
    assert written["modelLatencyMs"]["mean"] < written["latencyMs"]["mean"]
    assert written["cpuSecondsPerSentence"] > 0
    assert result.headline["sentencesPerSecond"] == written["sentencesPerSecond"]


def test_synthetic_sentences_are_the_same_each_time(
    compiled_letters: Path, make_context: MakeContext
) -> None:
    assert benchmark.synthetic(12) == benchmark.synthetic(12)
    context = make_context(
        Stage.BENCHMARK, {**PARAMETERS, "syntheticLength": 40}, {"compiled": compiled_letters}
    )
    written = benchmark.run(context).metrics
    assert written["tokens"] == 40 * written["sentences"]


def test_nothing_to_measure_on_is_refused(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    write_sentences(tmp_path / "data", [])
    inputs = {"compiled": compiled_letters, "data": tmp_path / "data"}
    with pytest.raises(PermanentError, match="the test set is empty"):
        benchmark.run(make_context(Stage.BENCHMARK, PARAMETERS, inputs))


def test_a_model_that_cannot_be_opened_names_the_process(
    compiled_letters: Path, make_context: MakeContext, tmp_path: Path
) -> None:
    broken = tmp_path / "compiled"
    broken.mkdir()
    for path in compiled_letters.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "variant.json").write_text('{"backend": "abacus", "precision": "fp32"}')
    context = make_context(Stage.BENCHMARK, {**PARAMETERS, "syntheticLength": 4}, {"compiled": broken})
    with pytest.raises(StageError, match="benchmark process 1: no backend 'abacus'"):
        benchmark.run(context)


@pytest.mark.parametrize(
    ("instances", "processes", "expected"),
    [
        pytest.param(6, 2, [3, 3], id="evenly"),
        pytest.param(5, 2, [3, 2], id="as evenly as can be"),
        pytest.param(2, 4, [1, 1], id="no process without an instance"),
    ],
)
def test_spread(instances: int, processes: int, expected: list[int]) -> None:
    assert spread(instances, processes) == expected


def test_figures_add_up_over_processes() -> None:
    one = Measured(10, 100, 2.0, 1.0, (0.1,) * 10, (0.05,) * 10)
    other = Measured(30, 300, 3.0, 2.0, (0.2,) * 30, (0.1,) * 30)
    figures = figures_of([one, other], 2**21, 0.5)
    assert figures.sentences_per_second == pytest.approx(5 + 10)
    assert figures.cpu_seconds_per_sentence == pytest.approx(3 / 40)
    assert figures.end_to_end_ms["p50"] == pytest.approx(200)
    assert figures.peak_pss_mib == 2
    assert figures.requests == 40


def test_latency_is_in_milliseconds() -> None:
    found = latency([at / 1000 for at in range(1, 101)])
    assert math.isclose(found["p50"], 50.5)
    assert math.isclose(found["mean"], 50.5)
    assert found["p99"] > found["p90"]


def test_pss_is_read_from_the_kernels_summary() -> None:
    assert (
        pss_of("00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:  9 kB\nPss:  12 kB\nPss_Anon: 3 kB\n")
        == 12288
    )
    assert pss_of("") == 0
