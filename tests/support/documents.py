"""The code blocks of README and docs: what is shown, in which language, and whether a mark says that it cannot run.

A fence says what it is: ```bash and ```python run; ```text output is what the block before it prints; ```bash no-run
reason="needs two GPUs" says why a block does not run. All other languages are to be read. README's blocks are indented,
and have commands first and then what the last of them prints.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("bash", "python")
# What a reader follows from top to bottom in a checkout: nothing is there but the sample.
LESSONS = ("docs/index.md", "docs/engineers.md", "docs/researchers.md", "docs/how-to.md")
_FENCE = re.compile(r"^( *)```(\S*)(.*)$")
_COMMAND = re.compile(r"    (sparton|pip|make) ")
_OURS = re.compile(r'^ no-run reason="([^"]+)"$')


@dataclass(frozen=True)
class Block:
    """One block of a page. section: the heading of second rank above it. output: what the page says it prints, or
    None. reason: why it does not run, or None."""

    page: str
    line: int
    section: str
    language: str
    code: str
    output: str | None = None
    reason: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """README, the pages of docs, and the sample's page, as paths within the repository."""
    return ["README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")), "data/README.md"]


def blocks_of(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    section, at = "", 0
    while at < len(lines):
        if lines[at].startswith("## "):
            section = lines[at][3:]
        fence = _FENCE.match(lines[at])
        if fence:
            stop = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
            code = "\n".join(line.removeprefix(fence[1]) for line in lines[at + 1 : stop]) + "\n"
            _add(blocks, page, at + 1, section, fence[2], fence[3], code)
            at = stop
        elif page == "README.md" and _COMMAND.match(lines[at]):
            stop = at
            while stop < len(lines) and (lines[stop].startswith("    ") or not lines[stop].strip()):
                stop += 1
            _add_indented(blocks, page, at + 1, section, [line[4:] for line in lines[at:stop]])
            at = stop - 1
        at += 1
    return blocks


def _add(blocks: list[Block], page: str, line: int, section: str, language: str, marks: str, code: str) -> None:
    if (language, marks) == ("text", " output"):
        last = blocks.pop()
        assert last.language in RUN, f"{page}:{line}: output of no block that runs"
        blocks.append(Block(page, last.line, last.section, last.language, last.code, code, last.reason))
        return
    ours = _OURS.match(marks)
    assert not marks or ours, f'{page}:{line}: a fence says nothing, output, or no-run reason="…", not{marks}'
    assert language, f"{page}:{line}: a fence has no language"
    blocks.append(Block(page, line, section, language, code, reason=ours and ours[1]))


def _add_indented(blocks: list[Block], page: str, line: int, section: str, lines: list[str]) -> None:
    """README's: where a command begins after an empty line, and output is indented further."""
    start = next((i for i, text in enumerate(lines) if text.startswith("  ") and not lines[i - 1].strip()), len(lines))
    output = "\n".join(lines[start:]).rstrip() + "\n" if start < len(lines) else None
    blocks.append(Block(page, line, section, "bash", "\n".join(lines[:start]).rstrip() + "\n", output))


_NUMBER = re.compile(r"^[-+]?\d[\d,]*(\.\d+)?$")
_SPEED = re.compile(r"^(s|ms|MiB|MB|kB|GiB|second|seconds|milliseconds)\b|.*/s")


def differences(shown: str, printed: str) -> list[str]:
    """The lines that a page shows and that were not printed, in their order. A line of … alone stands for any lines,
    one at the end of a line for any rest; a page may begin anywhere. Numbers before units of time, memory and speed are
    any; others agree as `_close` says; bars may be a little longer."""
    found = printed.splitlines()
    missing, at, gap = [], 0, True
    for line in shown.splitlines():
        if line.strip() == "…":
            gap = True
            continue
        if not line.strip():
            continue
        ahead = [i for i in range(at, len(found)) if found[i].strip()]
        match = next((i for i in (ahead if gap else ahead[:1]) if _agree(line, found[i])), None)
        if match is None:
            missing.append(line)
        else:
            at, gap = match + 1, False
    return missing


def _agree(line: str, other: str) -> bool:
    open_end = line.rstrip().endswith("…") and not other.rstrip().endswith("…")
    wanted, had = _words(line.rstrip().removesuffix("…") if open_end else line), _words(other)
    if len(had) < len(wanted) or (len(had) > len(wanted) and not open_end):
        return False
    for position, (word, there) in enumerate(zip(wanted, had, strict=False)):
        before = wanted[position - 1] if position else ""
        after = wanted[position + 1] if position + 1 < len(wanted) else ""
        last = open_end and position == len(wanted) - 1
        if word == there or word == "…" or (last and there.startswith(word)):
            continue
        if not (_NUMBER.match(word) and _NUMBER.match(there)):
            return False
        if _SPEED.match(after):
            continue
        number, another = (float(text.replace(",", "")) for text in (word, there))
        computed = "." in word or after in ("×", "%") or before == "×"
        if not _close(number, another, computed=computed, least=0.005 if "." in word else 1.0):
            return False
    return True


def _close(number: float, another: float, *, computed: bool, least: float) -> bool:
    """Whether two numbers agree: within 2 % or `least`, for the head may compute in bfloat16. Counts and ranks below
    50, which are not computed as impacts, shares and measures are, agree to the digit."""
    if not computed and abs(number) < 50:
        return number == another
    return abs(number - another) <= max(least, abs(number) / 50)


def _words(line: str) -> list[str]:
    """Words, with numbers apart from what stands at them (but P0001 is no number), and without bars and rules."""
    words: list[str] = []
    for word in line.split():
        number = re.fullmatch(r"([^\w]*)(\d[\d,]*(?:\.\d+)?)(\D*)", word)
        words += [part for part in number.groups() if part] if number else [word]
    return [word for word in words if not set(word) <= set("█▉▊▋▌▍▎▏─-")]
