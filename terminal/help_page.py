"""A command's help: in boxes and colours where the terminal has room and colours for them, else in lines."""

import inspect
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Any

from .screen import has_colours

_LEAST_FOR_BOXES = 76  # columns, below which Rich cuts the names of options


def write_help(command: Any, context: Any, formatter: Any, boxes: Callable[[Any, Any], None]) -> None:
    """Print the help of a command, or of a group of them. boxes: what prints it as Typer does."""
    width = shutil.get_terminal_size().columns
    if getattr(command, "rich_markup_mode", None) != "rich" or width < _LEAST_FOR_BOXES:
        formatter.write("\n".join(_lines(command, context, width)) + "\n")
        return
    with _literally(command), _colours():
        boxes(context, formatter)


@contextmanager
def _literally(command: Any) -> Iterator[None]:
    """Have help printed as it is written: Rich drops what is in square brackets, which is its markup."""
    helped: list[Any] = [command, *(parameter for parameter in command.params if getattr(parameter, "help", None))]
    before = [one.help for one in helped]
    for one in helped:
        one.help = (one.help or "").replace("[", r"\[")
    try:
        yield
    finally:
        for one, text in zip(helped, before, strict=True):
            one.help = text


@contextmanager
def _colours() -> Iterator[None]:
    """Have Typer print in colours where has_colours says so: by itself it does it in the pipe of a GitHub workflow, and
    prints bold under NO_COLOR."""
    from typer import rich_utils

    before = rich_utils.COLOR_SYSTEM, rich_utils.FORCE_TERMINAL
    coloured = has_colours(sys.stdout)
    rich_utils.COLOR_SYSTEM, rich_utils.FORCE_TERMINAL = ("standard" if coloured else None), (coloured or None)
    try:
        yield
    finally:
        rich_utils.COLOR_SYSTEM, rich_utils.FORCE_TERMINAL = before


def _lines(command: Any, context: Any, width: int) -> Iterator[str]:
    """The help in lines that are broken at blanks alone."""
    yield _filled(f"Usage: {' '.join([context.command_path, *command.collect_usage_pieces(context)])}", width, "", "  ")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield f"\n{_filled(paragraph, width, '', '')}"
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panels.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(record)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        about = inspect.cleandoc(command.commands[name].help or "").split("\n\n")[0]
        panels.setdefault("Commands", []).append((name, about))
    for title, records in panels.items():
        yield f"\n{title}:"
        for name, about in records:
            yield _filled(name, width, "  ", "    ")
            if about:
                yield _filled(about, width, "      ", "      ")


def _filled(text: str, width: int, first: str, others: str) -> str:
    return fill(
        " ".join(text.split()),
        max(width, 20),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
