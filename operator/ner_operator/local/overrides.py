"""`--set path=value`: change a spec after it is read, before it is validated.

A path is dotted. It is below `spec` unless it begins with `spec` or
`metadata`. A list item is named by its number or by its `name`, as in
`variants[int8].quantization.maxDrop=1`. The value is read as YAML; `null`
removes the field.
"""

import copy
import re
from typing import Any

from ner_jobs.task import ExitCode, PermanentError
from ner_operator.schema.yaml import YamlError, read_documents

_ROOTS = ("spec", "metadata")
_PART = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)((?:\[[^\]\[]+\])*)")

Part = str | int
"""A field's name, an item's number, or an item's name in brackets."""


def overridden(document: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """A copy of the document with all settings applied, in order.

    Args:
        document: a NerDeployment as JSON values.
        settings: `path=value` each.

    Raises:
        PermanentError: a setting cannot be read, or its path does not exist.
    """
    changed = copy.deepcopy(document)
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip():
            raise _wrong(setting, "write PATH=VALUE, such as finetune.epochs=1")
        _put(changed, _parts(path.strip(), setting), _value(text, setting), setting)
    return changed


def _parts(path: str, setting: str) -> list[Part]:
    parts: list[Part] = []
    for piece in path.split("."):
        match = _PART.fullmatch(piece)
        if match is None:
            raise _wrong(setting, f"{piece!r} is no field; write fields with dots, list items as variants[0]")
        parts.append(match.group(1))
        parts += [
            int(item) if item.isdigit() else f"[{item}"
            for item in re.findall(r"\[([^\]]+)\]", match.group(2))
        ]
    return parts if parts[0] in _ROOTS else ["spec", *parts]


def _value(text: str, setting: str) -> Any:
    try:
        documents = list(read_documents(text))
    except YamlError as error:
        raise _wrong(setting, f"the value is no YAML: {error}") from None
    return documents[0].value if documents else None if text.strip() in ("null", "~") else ""


def _put(document: Any, parts: list[Part], value: Any, setting: str) -> None:
    here = document
    for at, part in enumerate(parts[:-1]):
        following = parts[at + 1]
        empty: Any = [] if isinstance(following, int) or following.startswith("[") else {}
        here = _enter(here, part, empty, setting)
    last = parts[-1]
    if isinstance(last, str) and not last.startswith("["):
        if not isinstance(here, dict):
            raise _wrong(setting, f"{last} has no place in a list; name an item, such as [0]")
        if value is None:
            here.pop(last, None)
        else:
            here[last] = value
        return
    index = _index(here, last, setting)
    if value is None:
        del here[index : index + 1]
    elif index == len(here):
        here.append(value)
    else:
        here[index] = value


def _enter(here: Any, part: Part, empty: Any, setting: str) -> Any:
    if isinstance(part, str) and not part.startswith("["):
        if not isinstance(here, dict):
            raise _wrong(setting, f"{part} has no place in a list; name an item, such as [0]")
        if not isinstance(here.get(part), dict | list):
            here[part] = empty
        return here[part]
    index = _index(here, part, setting)
    if index == len(here):
        here.append(empty)
    return here[index]


def _index(here: Any, part: Part, setting: str) -> int:
    if not isinstance(here, list):
        raise _wrong(setting, f"[{str(part).removeprefix('[')}] needs a list, and there is none")
    if isinstance(part, int):
        if part > len(here):
            raise _wrong(setting, f"[{part}] is beyond the end: the list has {len(here)} items")
        return part
    name = part.removeprefix("[")
    names = [item.get("name") if isinstance(item, dict) else None for item in here]
    if name not in names:
        known = ", ".join(str(known) for known in names if known) or "no names"
        raise _wrong(setting, f"there is no item named {name}; there are {known}")
    return names.index(name)


def _wrong(setting: str, message: str) -> PermanentError:
    return PermanentError(f"--set {setting}: {message}", ExitCode.USAGE)
