"""The symptom index: what one sees, what it likely is, the check that finds it, the chapter."""

from pathlib import Path

import yaml

from measured.chapters import Chapter, chapters


def read_symptoms(root: Path) -> list[dict]:
    """Return the groups of symptoms.yml, each with a title and a list of symptoms."""
    return yaml.safe_load((root / "symptoms.yml").read_text(encoding="utf8"))


def symptoms(root: Path) -> list[dict]:
    """Return all symptoms, in order."""
    return [symptom for group in read_symptoms(root) for symptom in group["symptoms"]]


def symptom_index(root: Path) -> str:
    """Return the index as Markdown: a heading for each group, a card for each symptom."""
    known = {chapter.number: chapter for chapter in chapters(root)}
    parts = []
    for group in read_symptoms(root):
        parts.append(f"## {group['title']}")
        parts += [_card(symptom, known) for symptom in group["symptoms"]]
    return "\n\n".join(parts)


def _card(symptom: dict, known: dict[str, Chapter]) -> str:
    return "\n".join(
        [
            f"(symptom-{symptom['id']})=",
            f":::{{card}} {symptom['symptom']}",
            ":class-card: claim",
            "",
            "**Likely causes**",
            "",
            *(f"- {' '.join(cause.split())}" for cause in symptom["causes"]),
            "",
            f"**Check:** {' '.join(symptom['check'].split())}",
            "",
            " · ".join([_where(symptom, known), *_library(symptom), _tests(symptom)]),
            ":::",
        ]
    )


def _where(symptom: dict, known: dict[str, Chapter]) -> str:
    return "Chapter: " + ", ".join(_chapter(known[number]) for number in symptom["chapters"])


def _chapter(chapter: Chapter) -> str:
    name = f"{chapter.number} {chapter.title}"
    return f"{{ref}}`{name} <{chapter.label}>`" if chapter.written else f"{name} (planned)"


def _library(symptom: dict) -> list[str]:
    names = (f"{{py:obj}}`~transformer_lib.{name}`" for name in symptom["library"])
    return ["Library: " + ", ".join(names)] if symptom["library"] else []


def _tests(symptom: dict) -> str:
    return "Seen by: " + ", ".join(f"`{test}`" for test in symptom["tests"])
