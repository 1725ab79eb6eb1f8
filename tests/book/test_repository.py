"""The files around the book agree with each other."""

import re
import subprocess
import sys
import tomllib
from itertools import chain

import yaml
from measured.api import PAGES, module_names
from measured.chapters import chapters

from book.checks import ROOT


def read(name):
    return (ROOT / name).read_text(encoding="utf8")


def test_the_map_names_modules_that_exist():
    missing = {
        (chapter.number, module)
        for chapter in chapters(ROOT)
        for module in chapter.modules
        if not _module_exists(module)
    }
    assert missing == set()


def _module_exists(name):
    path = ROOT.joinpath("transformer_lib", *name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def test_the_api_pages_leave_out_no_module():
    shown = {name for tops in PAGES.values() for top in tops for name in module_names(ROOT, top)}
    files = (ROOT / "transformer_lib").rglob("*.py")
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in files)
    existing = {".".join(p) for p in parts if not p[-1].startswith("_")}
    assert existing == shown


def test_the_notation_page_names_things_that_exist():
    library = "\n".join(p.read_text("utf8") for p in (ROOT / "transformer_lib").rglob("*.py"))
    tables = re.findall(r"(?m)^\|.*\|$", read("backmatter/notation.md"))
    names = {name for row in tables for name in re.findall(r"`([A-Za-z_][\w.]*)`", row)}
    names = {name for name in names if not name.startswith("torch.")}
    assert len(names) > 25
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", library)} == set()


def test_the_glossary_has_chinese_for_every_term():
    entries = re.findall(r"(?m)^(\S.*)\n  (.+)$", read("backmatter/glossary.md").split("```")[1])
    entries = [(t, d) for t, d in entries if not t.startswith(("{", ":"))]
    assert len(entries) >= 60
    assert [t for t, d in entries if not re.search(r"[\u4e00-\u9fff]", d.split(".")[0])] == []


def test_every_package_that_the_ranges_need_is_pinned_within_its_range():
    """Pip itself says so: everything is installed, and nothing disagrees."""
    from packaging.requirements import Requirement

    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", read("constraints.txt")))
    pins = {_normal(name): version for name, version in pins.items()}
    for requirement in map(Requirement, wanted):
        version = pins.get(_normal(requirement.name))
        assert version is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(version), f"{requirement} against {version}"


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_environment_is_what_is_pinned():
    """Every installed package that ours need, directly or not, stands in the constraints."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    pins = {_normal(n) for n in re.findall(r"(?m)^([\w.-]+)==", read("constraints.txt"))}
    queue, needed = ["measured-transformer[book,test,bench]"], set()
    while queue:
        asked = Requirement(queue.pop())
        if _normal(asked.name) in needed:
            continue
        try:
            version(asked.name)
        except PackageNotFoundError:
            continue
        needed.add(_normal(asked.name))
        for line in requires(asked.name) or []:
            requirement = Requirement(line)
            extras = asked.extras or {""}
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in extras
            ):
                queue.append(line.split(";")[0])
    assert len(needed) > 50
    assert needed - pins - {"measured-transformer"} == set()


def test_workflows_follow_their_schema():
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    assert workflows
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    for schema, files in {
        "vendor.github-workflows": workflows,
        "vendor.citation-file-format": [ROOT / "CITATION.cff"],
    }.items():
        done = subprocess.run([*command, schema, *files], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_workflow_is_refused(tmp_path):
    workflow = yaml.safe_load(read(".github/workflows/tests.yml"))
    workflow["jobs"]["library"]["run-on"] = workflow["jobs"]["library"].pop("runs-on")
    broken = tmp_path / "broken.yml"
    broken.write_text(yaml.safe_dump(workflow))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run([*command, "vendor.github-workflows", broken], capture_output=True)
    assert done.returncode == 1


def test_every_target_that_the_documents_name_exists():
    targets = set(re.findall(r"(?m)^([a-z-]+):", read("Makefile")))
    documents = [read(name) for name in ("README.md", "CONTRIBUTING.md", "index.md", ".ci/run")]
    named = {t for text in documents for t in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)}
    assert named
    assert named <= targets


def test_the_paper_is_cited_in_one_version():
    """An address without a version leads to another text when a new one appears."""
    files = [*ROOT.glob("*.*"), *ROOT.glob("backmatter/*.md"), *ROOT.glob("guides/*.md")]
    texts = {path.name: path.read_text("utf8") for path in files if path.is_file()}
    cited = {name: set(re.findall(r"1706\.03762\S{0,2}", text)) for name, text in texts.items()}
    cited = {name: found for name, found in cited.items() if found}
    assert {"references.bib", "README.md", "CITATION.cff"} <= set(cited)
    assert [
        n for n, found in cited.items() if not all(f.startswith("1706.03762v7") for f in found)
    ] == []
