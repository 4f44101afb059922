"""Do the confidence bounds cover? Simulated test sets whose truth is known.

A cell is a kind of test set: how many gold entities, how many points the candidate loses, whether the
two variants differ nowhere but there (sparse) or on many entities in both directions (dense), and
whether the sentences of a document resemble each other. In each cell thousands of test sets are drawn
and their 95% bounds are compared with the truth. In a clustered cell the bounds are given the
documents, as `evaluate` gives them.

`excess` says what the coverage costs: the distance from the point to the bound, divided by that of a
percentile bootstrap, in the cells in which that one covers too. `zero_upper_times_n_eff` is the bound of
two variants that agree on n entities, times the effective n.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from benchmarks import harness
from ner_jobs.scoring.bounds import Contributions, difference_bounds, score_bounds

FloatArray = npt.NDArray[np.float64]

RUNS = 4000
CONFIDENCE = 0.95
ENTITIES_IN_SENTENCE = 1.7
SENTENCES_IN_DOCUMENT = 8
FOUND = 0.9
"""Share of the gold entities that the first variant finds, on average."""
INVENTED = 0.1
"""Entities that a variant invents, for each gold entity."""
DENSE = 0.04
"""Share of the gold entities on which dense variants differ in each direction, beside the loss."""
SPREAD = 1.0
"""Shape of the gamma distribution of a document's difficulty, whose mean is 1: the smaller, the more the
entities of a document resemble each other."""
BOOTSTRAP_RUNS = 150
RESAMPLES = 2000

GOLD = (50, 100, 300, 1000, 2000, 5000)
LOSSES = (0.5, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of test set; `loss` is in points."""

    gold: int
    loss: float
    dense: bool
    clustered: bool

    @property
    def name(self) -> str:
        """As the table shows it."""
        difference = "dense" if self.dense else "sparse"
        units = "clustered" if self.clustered else "independent"
        return f"{self.gold} gold, {self.loss:g} pt, {difference}, {units}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One test set, a row a unit: gold entities, and of each variant true positives and predicted."""

    gold: FloatArray
    first_right: FloatArray
    first_predicted: FloatArray
    second_right: FloatArray
    second_predicted: FloatArray


class Simulation:
    """Draws test sets of one cell, and knows their true scores.

    The candidate misses entities that the reference finds with probability `lost`, and finds some that the
    reference misses with probability `gained`; both invent entities, mostly the same. In a difficult document
    all of these probabilities are higher.
    """

    def __init__(self, cell: Cell, random: np.random.Generator) -> None:
        self._cell = cell
        self._random = random
        # With a generator of its own: the truth is the same in each run.
        self._difficulties = self._difficulty(np.random.default_rng(0), 200_000)
        self._gained = self._lost = DENSE if cell.dense else 0.0
        low, high = self._gained, 0.5
        for _ in range(50):
            self._lost = (low + high) / 2
            first, second = self.truth()
            low, high = (self._lost, high) if first - second < cell.loss / 100 else (low, self._lost)

    def truth(self) -> tuple[float, float]:
        """The F1 of both variants over infinitely many sentences."""
        lost, gained, missed = (float(part.mean()) for part in self._rates(self._difficulties))
        invented = INVENTED * float(self._difficulties.mean())
        kept = 1 - lost - gained - missed
        first, second = (2 * found / (found + invented + 1) for found in (kept + lost, kept + gained))
        return first, second

    def draw(self) -> Drawn:
        """One test set, summed by document if the cell is clustered."""
        sentences = max(4, round(self._cell.gold / ENTITIES_IN_SENTENCE))
        gold = self._random.poisson(ENTITIES_IN_SENTENCE, sentences)
        size = SENTENCES_IN_DOCUMENT if self._cell.clustered else 1
        unit = np.arange(sentences) // size
        difficulty = self._difficulty(self._random, int(unit[-1]) + 1)[unit]
        lost, gained, missed = self._rates(difficulty)
        shares = np.stack([lost, gained, missed, 1 - lost - gained - missed], axis=1)
        only_first, only_second, _, both = self._random.multinomial(gold, shares).T
        invented = self._random.poisson(INVENTED * gold * difficulty * [[0.8], [0.2], [0.2]])
        first, second = both + only_first, both + only_second
        columns = (gold, first, first + invented[0] + invented[1], second, second + invented[0] + invented[2])
        return Drawn(*(np.bincount(unit, weights=column) for column in columns))

    def _difficulty(self, random: np.random.Generator, documents: int) -> FloatArray:
        if not self._cell.clustered:
            return np.ones(documents)
        return random.gamma(SPREAD, 1 / SPREAD, documents)

    def _rates(self, difficulty: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        return (
            np.minimum(self._lost * difficulty, 0.4),
            np.minimum(self._gained * difficulty, 0.2),
            np.minimum((1 - FOUND - self._gained) * difficulty, 0.3),
        )


@dataclass(slots=True)
class Tally:
    """What the bounds did in one cell.

    Attributes:
        misses: of the upper bound of the drop, of its lower bound, and of the lower bound of the F1.
        distance: sum of upper bound minus point, in points.
        bootstrap_distance, paired_distance: the same sum of the percentile bootstrap's bound and of ours,
            over the runs in which both were computed.
    """

    runs: int = 0
    misses: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    distance: float = 0.0
    bootstrap_distance: float = 0.0
    bootstrap_misses: int = 0
    bootstrap_runs: int = 0
    paired_distance: float = 0.0

    def worst(self) -> float:
        """The largest share of misses."""
        return float(self.misses.max()) / self.runs


def simulate(cell: Cell, runs: int, bootstrap_runs: int, seed: int) -> Tally:
    """Draw test sets of a cell and count the misses of their bounds."""
    random = np.random.default_rng(seed)
    simulation = Simulation(cell, random)
    first_truth, second_truth = simulation.truth()
    drop = first_truth - second_truth
    tally = Tally()
    for run in range(runs):
        drawn = simulation.draw()
        first = f1_units(drawn.gold, drawn.first_right, drawn.first_predicted, cell.clustered)
        second = f1_units(drawn.gold, drawn.second_right, drawn.second_predicted, cell.clustered)
        bounds = difference_bounds(first, second, CONFIDENCE)
        alone = score_bounds(second, CONFIDENCE)
        tally.runs += 1
        tally.misses += [bounds.upper < drop, bounds.lower > drop, alone.lower > second_truth]
        tally.distance += 100 * (bounds.upper - bounds.point)
        if run < bootstrap_runs:
            upper = percentile_upper(drawn, random)
            tally.bootstrap_runs += 1
            tally.bootstrap_misses += upper < drop
            tally.bootstrap_distance += 100 * (upper - bounds.point)
            tally.paired_distance += 100 * (bounds.upper - bounds.point)
    return tally


def f1_units(gold: FloatArray, right: FloatArray, predicted: FloatArray, documents: bool) -> Contributions:
    """Counts as contributions to F1."""
    return Contributions(2 * right, predicted + gold, gold, documents)


def percentile_upper(drawn: Drawn, random: np.random.Generator) -> float:
    """The 95% percentile of the drop over resampled units."""
    units = len(drawn.gold)
    columns = np.stack(
        [
            2 * drawn.first_right,
            drawn.first_predicted + drawn.gold,
            2 * drawn.second_right,
            drawn.second_predicted + drawn.gold,
        ]
    )
    weights = random.multinomial(units, np.full(units, 1 / units), RESAMPLES)
    first, first_total, second, second_total = columns @ weights.T
    return float(np.quantile(first / first_total - second / second_total, CONFIDENCE))


def zero_upper(gold: int) -> float:
    """The upper bound of the drop of two equal variants, times the effective number of entities."""
    simulation = Simulation(Cell(gold, 0.5, dense=False, clustered=False), np.random.default_rng(gold))
    drawn = simulation.draw()
    same = f1_units(drawn.gold, drawn.first_right, drawn.first_predicted, documents=False)
    return difference_bounds(same, same, CONFIDENCE).upper * same.effective_items


def run(options: harness.Options) -> dict[str, object]:
    """Simulate every cell."""
    sizes = GOLD[:3] if options.quick else GOLD
    runs = 200 if options.quick else RUNS
    cells = [Cell(*of) for of in itertools.product(sizes, LOSSES, (True, False), (False, True))]
    tallies: dict[Cell, Tally] = {}
    for number, cell in enumerate(track(cells, description="cells", console=Console(stderr=True))):
        resampled = BOOTSTRAP_RUNS if cell.dense and not cell.clustered else 0
        tallies[cell] = simulate(cell, runs, min(resampled, runs), seed=number)
    harness.table(
        f"95% bounds, {runs} test sets a cell ({harness.versions('numpy', 'scipy')})",
        ("cell", "above upper", "below lower", "F1 below", "distance", "percentile", "ratio"),
        [(cell.name, *_row(tally)) for cell, tally in tallies.items()],
    )
    large = 300 if options.quick else 1000
    compared = [tally for cell, tally in tallies.items() if tally.bootstrap_runs and cell.gold >= large]
    zeros = [zero_upper(gold) for gold in sizes]
    worst = max(tallies, key=lambda cell: tallies[cell].worst())
    return {
        "worst_miss": round(tallies[worst].worst(), 4),
        "worst_cell": worst.name,
        "excess": round(
            sum(tally.paired_distance for tally in compared)
            / sum(tally.bootstrap_distance for tally in compared),
            3,
        ),
        "zero_upper_times_n_eff": [round(min(zeros), 3), round(max(zeros), 3)],
    }


def _row(tally: Tally) -> Iterator[object]:
    for misses in tally.misses:
        yield f"{100 * misses / tally.runs:.1f}%"
    yield f"{tally.distance / tally.runs:.2f}"
    if tally.bootstrap_runs:
        yield f"{100 * tally.bootstrap_misses / tally.bootstrap_runs:.0f}%"
        yield f"{tally.paired_distance / tally.bootstrap_distance:.2f}"
    else:
        yield from ("", "")
