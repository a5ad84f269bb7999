"""Files for people beside the code: the workflow runs .ci/run, the citation is one, versions agree, links lead on."""

import re
from copy import deepcopy
from pathlib import Path

import pytest

import sparton

yaml = pytest.importorskip("yaml", reason="pyyaml is not installed (extra test)")
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra test)")

ROOT = Path(sparton.__file__).resolve().parent
pytestmark = pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="needs a checkout")


def content(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def record(required, **more):
    """The schema of an object that has the entries that are required, may have others, and has nothing else."""
    return {
        "type": "object",
        "properties": {**required, **more},
        "required": list(required),
        "additionalProperties": False,
    }


def several(schema):
    return {"type": "array", "items": schema, "minItems": 1, "uniqueItems": True}


# The Citation File Format 1.2.0, as much of it as CITATION.cff may use.
TEXT = {"type": "string", "pattern": r"\S"}
URL = {"type": "string", "pattern": r"^https://[^\s/]+/\S+$"}
DOI = {"type": "string", "pattern": r"^10\.\d{4,9}(\.\d+)?/\S+$"}
ORCID = {"type": "string", "pattern": r"^https://orcid\.org/\d{4}-\d{4}-\d{4}-\d{3}[\dX]$"}
PERSON = record({"family-names": TEXT, "given-names": TEXT}, affiliation=TEXT, orcid=ORCID)
ENTITY = record({"name": TEXT}, website=URL)
AUTHORS = several({"oneOf": [PERSON, ENTITY]})
IDENTIFIER = {
    "oneOf": [
        record({"type": {"const": kind}, "value": value}, description=TEXT)
        for kind, value in (("doi", DOI), ("url", URL), ("other", TEXT))
    ]
}
REFERENCE = record(
    {"type": {"enum": ["article", "conference-paper", "software"]}, "title": TEXT, "authors": AUTHORS},
    year={"type": "integer", "minimum": 2026},
    doi=DOI,
    url=URL,
    identifiers=several(IDENTIFIER),
)
CITATION = record(
    {
        "cff-version": {"const": "1.2.0"},
        "message": TEXT,
        "title": TEXT,
        "authors": AUTHORS,
        "type": {"enum": ["software", "dataset"]},
        "version": TEXT,
        "license": {"const": "Apache-2.0"},
    },
    abstract=TEXT,
    keywords=several(TEXT),
    references=several(REFERENCE),
    **{"date-released": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}, "repository-code": URL},
)


def faults(citation):
    """Where a citation is not as its format has it."""
    validator = jsonschema.Draft202012Validator(CITATION)
    return sorted(".".join(map(str, error.absolute_path)) for error in validator.iter_errors(citation))


def test_the_workflow_runs_what_ci_runs_and_nothing_else():
    workflow = content(".github/workflows/ci.yml")
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    tested = {f"3.{path.stem[3:]}" for path in (ROOT / "constraints").glob("py3*.txt")}
    assert set(job["strategy"]["matrix"]["python"]) == tested
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == [
        "actions/checkout",
        "actions/setup-python",
    ]
    (chosen,) = [step["with"] for step in job["steps"] if "with" in step]
    assert chosen == {"python-version": "${{ matrix.python }}"}
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML has `on` for true
    assert workflow["permissions"] == {"contents": "read"}


def test_the_citation_is_of_its_format_and_names_the_paper():
    citation = content("CITATION.cff")
    assert faults(citation) == []
    assert citation["authors"] == [{"name": "The Sparton authors"}]
    (paper,) = citation["references"]
    assert [one["value"] for one in paper["identifiers"]] == ["arXiv:2603.25011"]
    assert paper["url"] == "https://arxiv.org/abs/2603.25011"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'Paper = "{paper["url"]}"' in project
    assert f'\nlicense = "{citation["license"]}"' in project


def test_what_is_no_citation_is_found_out():
    good = content("CITATION.cff")
    for place, value in (
        (["authors"], []),
        (["authors"], "The Sparton authors"),
        (["authors", 0], {"name": " "}),
        (["authors", 0], {"name": "Sparton", "given-names": "Ann", "family-names": "Lee"}),
        (["authors", 0], {"given-names": "Ann"}),
        (["version"], 0.1),
        (["cff-version"], "1.3.0"),
        (["type"], "paper"),
        (["licence"], "Apache-2.0"),
        (["references", 0, "type"], "preprint"),
        (["references", 0, "year"], "2026"),
        (["references", 0, "identifiers", 0], {"type": "arxiv", "value": "2603.25011"}),
        (["references", 0, "identifiers", 0], {"type": "doi", "value": "arXiv:2603.25011"}),
        (["references", 0, "url"], "arxiv.org/abs/2603.25011"),
    ):
        wrong = deepcopy(good)
        at = wrong
        for step in place[:-1]:
            at = at[step]
        at[place[-1]] = value
        found = faults(wrong)
        assert len(found) == 1, (place, found)
        where = ".".join(map(str, place))
        assert found[0] == (where if place != ["licence"] else ""), (place, found)
    for name in ("authors", "message", "title", "cff-version"):
        assert faults({key: value for key, value in good.items() if key != name}) == [""]


def test_versions_agree():
    assert content("CITATION.cff")["version"] == sparton.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(sparton.__version__)} ", changes, re.M)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.M)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("name", ["bug", "wish"])
def test_templates_are_forms(name):
    form = content(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} == set(form)
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids)
    assert {part["type"] for part in form["body"]} <= {"textarea", "input"}
    assert all(part["attributes"]["label"] for part in form["body"])
