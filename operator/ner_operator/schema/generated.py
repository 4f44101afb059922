"""The command line of a generator: it writes its files, or checks that they are up to date."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_or_check(
    module: str, files: Mapping[Path, str], arguments: Sequence[str] | None, patterns: Sequence[str] = ()
) -> int:
    """Run `--write`, or `--check`, which returns 1 if a file differs.

    Args:
        module: the generator, for messages.
        files: the text of each file, by its path in the repository.
        patterns: globs of folders that hold generated files only; others are reported.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description="Generate files from the models."
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="fail if a file differs from the models")
    action.add_argument("--write", action="store_true", help="write the files")
    parser.add_argument("--root", type=Path, default=Path(), help="of the repository")
    options = parser.parse_args(arguments)
    generated = {options.root / path: text for path, text in files.items()}
    if options.write:
        for file, text in generated.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return 0
    found = {file for pattern in patterns for file in options.root.glob(pattern)}
    differing = [
        file for file, text in generated.items() if not file.is_file() or file.read_text("utf-8") != text
    ]
    mistakes = [f"{file} differs from the models; run: python -m {module} --write" for file in differing]
    mistakes += [f"{file} is not generated: remove it" for file in sorted(found - generated.keys())]
    sys.stderr.writelines(f"{mistake}\n" for mistake in mistakes)
    return 1 if mistakes else 0
