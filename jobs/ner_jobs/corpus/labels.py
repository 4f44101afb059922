"""The label list: which tags a model knows, in the order of its logits.

Labels match by name everywhere; the order is decided once, here. It is that of
the spec if it gives one, else that of the base model if it has real names, else
O and then B- and I- of each type, sorted.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.corpus.tags import OUTSIDE, Scheme, split_tag
from ner_jobs.task import ExitCode, PermanentError

FILE_NAME = "labels.json"


@dataclass(frozen=True, slots=True)
class LabelList:
    """Labels in the order of the logits.

    Attributes:
        labels: IOB2 names; O is one of them.
        reason: why this list, as a sentence for the log.
    """

    labels: tuple[str, ...]
    reason: str

    @property
    def types(self) -> tuple[str, ...]:
        """Entity types, sorted."""
        return types_of(self.labels)


def types_of(tags: Iterable[str]) -> tuple[str, ...]:
    """Entity types that the tags name, sorted."""
    return tuple(sorted({split_tag(tag)[1] for tag in tags} - {""}))


def labels_of_types(types: Iterable[str]) -> tuple[str, ...]:
    """O, then B- and I- of each type, sorted."""
    return (OUTSIDE, *(f"{prefix}-{name}" for name in sorted(types) for prefix in "BI"))


def labels_of_config(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The label list of a Hugging Face config, or None if it has only LABEL_0, LABEL_1, … or none.

    Raises:
        PermanentError: the numbers of `id2label` are not 0 to n - 1.
    """
    names = config.get("id2label")
    if not isinstance(names, Mapping) or not names:
        return None
    numbered = {int(number): str(name) for number, name in names.items()}
    if sorted(numbered) != list(range(len(numbered))):
        raise PermanentError(f"config.json of the base model: id2label has the numbers {sorted(numbered)}")
    if all(name.startswith("LABEL_") for name in numbered.values()):
        return None
    return tuple(numbered[number] for number in range(len(numbered)))


def check_labels(labels: Sequence[str]) -> str | None:
    """Why this is not an IOB2 label list and what to write, or None if it is one."""
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        return f"{', '.join(repeated)} stands in it twice"
    if OUTSIDE not in labels:
        return "O is missing in it"
    for label in labels:
        try:
            prefix, _ = split_tag(label)
        except ValueError as error:
            return str(error)
        if prefix not in "OBI":
            return f"{label} is not IOB2; data is normalised to IOB2: write B-, I- and O only"
    return None


def decide_labels_to_train(
    asked: Sequence[str] | None, base: Sequence[str] | None, train_tags: Collection[str]
) -> LabelList:
    """Decide the list of a model that will be trained.

    Args:
        asked: `spec.model.labels`.
        base: of the base model, if it is a token classifier with real names.
        train_tags: IOB2 tags of train.

    Raises:
        PermanentError: the list asked for is not IOB2, or lacks a tag of train.
    """
    if asked is not None:
        _check_asked(asked)
        _require_cover(asked, train_tags, "spec.model.labels", "train", "add them")
        return LabelList(tuple(asked), "labels are spec.model.labels")
    found = labels_of_types(types_of(train_tags))
    if len(found) == 1:
        raise PermanentError("spec.data.train has no entity: every tag is O; there is nothing to learn")
    if base is None:
        return LabelList(found, "labels are those of train, sorted by type")
    if check_labels(base) is None and set(train_tags) <= set(base):
        return LabelList(tuple(base), "labels are the base model's own, which cover train")
    return LabelList(found, "labels are those of train: the base model's own do not cover it")


def decide_labels_as_they_are(
    asked: Sequence[str] | None, base: Sequence[str] | None, size: int | None, data_tags: Collection[str]
) -> LabelList:
    """Decide the list of a model that is not trained: it must cover the data, by name.

    Args:
        asked: `spec.model.labels`: names for a base that has none, in the order of its logits.
        base: of the base model; None if it only has LABEL_n.
        size: how many labels the base has, or None if that is unknown.
        data_tags: IOB2 tags of all splits.

    Raises:
        PermanentError: there are no names, they are not IOB2, or a tag of the data is not among them.
    """
    remedy = "map them in the data, choose another base, or add spec.finetune"
    if asked is not None:
        _check_asked(asked)
        if size is not None and size != len(asked):
            raise PermanentError(
                f"spec.model.labels has {len(asked)} labels, the base model has {size}; without "
                "spec.finetune they must be the same, in the order of the base model's logits",
                ExitCode.USAGE,
            )
        _require_cover(asked, data_tags, "spec.model.labels", "the data", remedy)
        return LabelList(tuple(asked), "labels are spec.model.labels")
    if base is None:
        raise PermanentError(
            "spec.finetune is absent, and the base model has no label names (LABEL_0, LABEL_1, … in its "
            "config.json, or no classifier at all); write spec.model.labels in the order of its logits, "
            "or add spec.finetune"
        )
    fault = check_labels(base)
    if fault:
        raise PermanentError(f"the base model's label list cannot be used without spec.finetune: {fault}")
    _require_cover(base, data_tags, "the base model's label list", "the data", remedy)
    return LabelList(tuple(base), "labels are the base model's own")


def write_labels(folder: Path, labels: LabelList, scheme: Scheme) -> None:
    """Write `labels.json`: labels, types, and the scheme that the data had."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"labels": labels.labels, "types": labels.types, "scheme": scheme}
    (folder / FILE_NAME).write_text(
        json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def read_labels(folder: Path) -> tuple[str, ...]:
    """Read the labels of prepare's output `labels`, in the order of the logits.

    Raises:
        PermanentError: the folder has no `labels.json`, or it holds no label list.
    """
    path = folder / FILE_NAME
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))["labels"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PermanentError(f"{path} is not a label list that prepare wrote: {error!r}") from error


def _check_asked(labels: Sequence[str]) -> None:
    fault = check_labels(labels)
    if fault:
        raise PermanentError(f"spec.model.labels: {fault}", ExitCode.USAGE)


def _require_cover(
    labels: Collection[str], tags: Collection[str], name: str, where: str, remedy: str
) -> None:
    missing = sorted(set(tags) - set(labels))
    if missing:
        raise PermanentError(
            f"{name} ({', '.join(labels)}) lacks {', '.join(missing)}, which {where} has; {remedy}"
        )
