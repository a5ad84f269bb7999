"""Files for people beside the code: the workflow runs what .ci/run does, versions agree, links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml

import sparton

ROOT = Path(sparton.__file__).resolve().parent
pytestmark = pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="needs a checkout")


def content(name):
    return yaml.safe_load((ROOT / name).read_text())


def test_the_workflow_runs_what_ci_runs_and_nothing_else():
    (job,) = content(".github/workflows/ci.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    tested = {f"3.{path.stem[3:]}" for path in (ROOT / "constraints").glob("py3*.txt")}
    assert set(job["strategy"]["matrix"]["python"]) == tested


def test_versions_agree():
    citation = content("CITATION.cff")
    assert citation["version"] == sparton.__version__
    assert (citation["cff-version"], citation["license"]) == ("1.2.0", "Apache-2.0")
    assert {"message", "title", "authors"} <= set(citation)
    assert re.search(rf"^## {re.escape(sparton.__version__)} ", (ROOT / "CHANGELOG.md").read_text(), re.M)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text()):
        path, _, anchor = target.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.M)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("name", ["bug", "wish"])
def test_templates_are_forms(name):
    form = content(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} == set(form)
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(part["attributes"]["label"] for part in form["body"])
