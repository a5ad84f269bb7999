"""The table and the map of docs/architecture.md hold: who imports whom, and where each module is."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAW = {room: re.findall("`(.+?)`", names) for room, names in re.findall(r"^\| `(.+?)` \|(.*)\|$", MAP, re.MULTILINE)}
FILES = [*ROOT.glob("*.py"), *(file for room in ROOT.glob("*/__init__.py") for file in room.parent.rglob("*.py"))]


def room_of(file: Path) -> str:
    """A module's folder within the package; a module beside the folders is a room of its own."""
    return file.name if file.parent == ROOT else file.parent.relative_to(ROOT).as_posix()


def imports_of(file: Path) -> Iterator[Path]:
    """The modules of the package that one imports anywhere, also in functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(name.name.split(".")[0] == "sparton" for name in node.names), f"{file}: import it relatively"
        elif isinstance(node, ast.ImportFrom) and node.level:
            start = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:  # a module of a folder, a folder, or a name in a module or folder
                paths = start / f"{name.name}.py", start / name.name / "__init__.py", start.with_suffix(".py")
                yield next((path for path in paths if path.is_file()), start / "__init__.py")
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).split(".")[0] != "sparton", f"{file}: import it relatively"


def test_rooms_import_what_the_table_names_and_nothing_else():
    arrows = defaultdict(set)
    for file in FILES:
        for imported in imports_of(file):
            if room_of(file) != room_of(imported):
                arrows[room_of(file), room_of(imported)].add(f"{file.relative_to(ROOT)} {imported.relative_to(ROOT)}")
    allowed = {(room, name) for room, names in LAW.items() for name in names}
    assert {arrow: sorted(arrows[arrow]) for arrow in arrows.keys() - allowed} == {}, "imports that the table lacks"
    assert allowed - arrows.keys() == set(), "entries of the table that no import uses"


def test_each_row_names_only_rows_above_it():
    rooms = list(LAW)
    assert [(room, name) for room in rooms for name in LAW[room] if name not in rooms[: rooms.index(room)]] == []
    assert {room_of(file) for file in FILES} == set(rooms)


def test_at_most_nine_modules_lie_beside_the_rooms():
    assert len(list(ROOT.glob("*.py"))) <= 9


def test_the_map_names_every_module_and_no_file_that_is_not_there():
    named = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", MAP)}
    assert sorted(str(path) for path in named if not path.is_file()) == []
    assert sorted(str(file) for file in FILES if file.name != "__init__.py" and file.resolve() not in named) == []
