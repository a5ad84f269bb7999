"""Reads the docstrings of this project: a line that begins with the name of a parameter becomes an entry of a list."""

import re

import griffe

_ENTRY = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): ", re.MULTILINE)


class Parameters(griffe.Extension):
    """Sets the names of parameters and attributes apart, and what is raised."""

    def on_instance(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring is None:
            return
        lines = []
        for line in obj.docstring.value.splitlines():
            entry = _ENTRY.match(line)
            if entry or re.match(r"Raises? [A-Z]|Returns? ", line):
                lines.append("")
            lines.append(f"**{entry[1]}** – {line[entry.end() :]}" if entry else line)
        obj.docstring.value = "\n".join(lines)
