"""Through worker processes and out again: order, completeness, bounded memory, and workers that die."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ner_jobs.corpus.encoding import Encoded, Encoder
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.inference import batching, streaming
from ner_jobs.inference.batching import BatchLimits
from ner_jobs.inference.passages import Passage
from ner_jobs.inference.pool import Pool
from ner_jobs.inference.predictor import Prediction
from ner_jobs.inference.processes import WorkerError, placements
from ner_jobs.inference.streaming import predict_in_order
from ner_jobs.task import ExitCode, PermanentError, StageError

MakeEncoder = Callable[[int], Encoder]
TAG_OF = {"a": "O", "b": "B-PER", "c": "I-PER", "d": "B-LOC", "e": "I-LOC"}


@pytest.fixture(autouse=True)
def _worker_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def passages(texts: list[str]) -> Iterator[Passage]:
    return (Passage(Sentence(f"s:{at}", tuple(text))) for at, text in enumerate(texts, 1))


def pool(instances: int) -> Pool:
    return Pool(Path("unused"), instances, 4, "constrained", module="letter_worker")


def run(
    pool: Pool, texts: list[str], encoder: Encoder, stopping: Callable[[], bool] = lambda: False
) -> list[tuple[Passage, Encoded, Prediction]]:
    with pool:
        return list(predict_in_order(pool, passages(texts), encoder, BatchLimits(4), stopping))


def some_texts(count: int) -> list[str]:
    return ["ab" * (at % 7) + "bc" * (at * 5 % 11) + ("\u200b" if at % 9 == 0 else "") for at in range(count)]


@pytest.mark.parametrize("instances", [1, 3])
def test_everything_comes_back_once_and_in_order(encoder: MakeEncoder, instances: int) -> None:
    texts = [*some_texts(200), "abc" * 200]
    found = run(pool(instances), texts, encoder(32))
    assert [passage.sentence.id for passage, _, _ in found] == [f"s:{at}" for at in range(1, len(texts) + 1)]
    for text, (_, _, prediction) in zip(texts, found, strict=True):
        assert prediction.tags == tuple(TAG_OF.get(letter, "O") for letter in text)


def test_progress_is_reported_as_sentences_are_predicted(encoder: MakeEncoder) -> None:
    told: list[int] = []
    texts = [text for text in some_texts(60) if text.strip("\u200b")]
    with pool(2) as workers:
        stream = predict_in_order(
            workers, passages(texts), encoder(32), BatchLimits(4), progressed=told.append
        )
        assert len(list(stream)) == len(texts)
    assert told == sorted(told)
    assert len(told) > 5
    assert told[-1] == len(texts)


def test_no_input_gives_no_output(encoder: MakeEncoder) -> None:
    assert run(pool(2), [], encoder(32)) == []


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        pytest.param(
            "kill", WorkerError, r"worker 1 .* ended by signal 9 \(killed", id="killed, as by the kernel"
        ),
        pytest.param(
            "exit", WorkerError, r"worker 1 .* exit code 3; it said: the device fell", id="it ended"
        ),
        pytest.param("raise", WorkerError, "worker 1 failed: a letter too many", id="a fault of the program"),
        pytest.param(
            "refuse", StageError, "worker 1: the model is broken", id="a reason that a person can mend"
        ),
        pytest.param("other", WorkerError, "worker 1 sent result 10000", id="a result that nobody asked for"),
    ],
)
def test_a_worker_that_goes_wrong_is_named_and_nothing_hangs(
    encoder: MakeEncoder,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.setenv("LETTER_WORKER_FAULT", fault)
    with pytest.raises(error, match=words):
        run(pool(1), ["ab", "d", "b"] * 20, encoder(32))


def test_what_came_before_a_death_is_a_prefix(encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four: the writer has whole blocks, in order, when the worker dies in a later one."""
    monkeypatch.setenv("LETTER_WORKER_FAULT", "kill")
    monkeypatch.setattr(batching, "SENTENCES_IN_BLOCK", 4)
    monkeypatch.setattr(streaming, "SENTENCES_IN_BLOCK", 4)
    got: list[str] = []
    with pool(2) as workers:
        stream = predict_in_order(workers, passages(["ab"] * 40 + ["d"]), encoder(32), BatchLimits(4))
        with pytest.raises(WorkerError, match="signal 9"):
            got.extend(passage.sentence.id for passage, _, _ in stream)
    assert got == [f"s:{at}" for at in range(1, len(got) + 1)]
    assert len(got) >= 28


def test_memory_is_bounded_by_blocks_whatever_the_input(
    encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "SENTENCES_IN_BLOCK", 8)
    monkeypatch.setattr(streaming, "SENTENCES_IN_BLOCK", 8)
    read = written = most = 0

    def counted() -> Iterator[Passage]:
        nonlocal read, most
        for passage in passages(some_texts(500)):
            read += 1
            most = max(most, read - written)
            yield passage

    with pool(2) as workers:
        for _ in predict_in_order(workers, counted(), encoder(32), BatchLimits(4)):
            written += 1
    assert written == 500
    # Two blocks open, one ready, one being read.
    assert most <= 8 * 4 + 1


def test_a_block_ends_by_tokens_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "TOKENS_IN_BLOCK", 10)
    assert list(batching.blocks_of([4, 4, 4, 1, 20, 1], lambda size: size)) == [[4, 4, 4], [1, 20], [1]]


def test_an_error_of_the_reader_reaches_the_caller(encoder: MakeEncoder) -> None:
    def broken() -> Iterator[Passage]:
        yield Passage(Sentence("s:1", ("a",)))
        raise PermanentError("data.txt:2: not UTF-8")

    with pool(1) as workers, pytest.raises(PermanentError, match=r"data\.txt:2"):
        list(predict_in_order(workers, broken(), encoder(32), BatchLimits(4)))


def test_stopping_ends_it_with_the_code_of_sigterm(encoder: MakeEncoder) -> None:
    with pytest.raises(StageError) as caught:
        run(pool(1), ["ab"], encoder(32), stopping=lambda: True)
    assert caught.value.code is ExitCode.TERMINATED


def test_logits_come_along_where_they_are_asked_for(encoder: MakeEncoder) -> None:
    workers = Pool(Path("unused"), 1, 4, "argmax", keep_logits=True, module="letter_worker")
    ((_, _, prediction),) = run(workers, ["bca"], encoder(32))
    assert [logits.shape for logits in prediction.logits] == [(5, 5)]
    assert prediction.logits[0].argmax(-1).tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("processes", "threads", "processors", "expected"),
    [
        pytest.param(2, 1, (1, 5), [(1,), (5,)], id="each its own"),
        pytest.param(1, 1, (0, 1), [()], id="others may run beside it: both would take the first processor"),
        pytest.param(2, 1, tuple(range(64)), [(), ()], id="a pod of two processors on a node of many"),
        pytest.param(3, 1, (0, 1), [(), (), ()], id="more workers than processors: the kernel shares them"),
        pytest.param(2, 2, (0, 1, 2, 3), [(0, 1), (2, 3)], id="one for each thread"),
        pytest.param(1, 1, (), [()], id="a host without affinity"),
    ],
)
def test_placements(
    processes: int, threads: int, processors: tuple[int, ...], expected: list[tuple[int, ...]]
) -> None:
    assert placements(processes, threads, processors) == expected
