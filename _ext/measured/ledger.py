"""The fidelity ledger: every claim, where it is shown, by which test, and the verdict."""

from pathlib import Path

import yaml

from measured.chapters import chapters

# What a verdict means, in the order in which they are counted.
VERDICTS = {
    "holds": "holds here",
    "partly": "holds in part",
    "fails": "does not hold here",
    "deviation": "not reproduced; the deviation is stated",
    "open": "open",
}
FLAGS = {
    "M": "often misread",
    "F": "not in the paper: folklore or later work",
}


def read_ledger(root: Path) -> list[dict]:
    """Return the claims of claims/NN.yml, a group for each chapter, with its title."""
    groups = []
    for chapter in chapters(root):
        file = root / "claims" / f"{chapter.number}.yml"
        if file.exists():
            listed = yaml.safe_load(file.read_text(encoding="utf-8"))
            groups.append({"title": f"{chapter.number} {chapter.title}", "claims": listed})
    return groups


def claims(root: Path) -> list[dict]:
    """Return all claims, in order."""
    return [claim for group in read_ledger(root) for claim in group["claims"]]


def ledger(root: Path) -> str:
    """Return the ledger as Markdown: a count, then one entry for each claim."""
    parts = [_count(claims(root))]
    for group in read_ledger(root):
        parts.append(f"## {group['title']}")
        parts += [_entry(claim) for claim in group["claims"]]
    return "\n\n".join(parts)


def progress(root: Path) -> str:
    """Return how many claims have been tested, for the landing page."""
    every = claims(root)
    n_open = sum(claim["verdict"] == "open" for claim in every)
    return (
        f"Of its {len(every)} claims {len(every) - n_open} have been tested so far, and {n_open} "
        "are open."
    )


def _count(every: list[dict]) -> str:
    counts = {verdict: sum(c["verdict"] == verdict for c in every) for verdict in VERDICTS}
    named = (f"{number} {VERDICTS[verdict]}" for verdict, number in counts.items() if number)
    return f"**{len(every)} claims: {', '.join(named)}.**"


def _entry(claim: dict) -> str:
    flags = "".join(f" *({FLAGS[flag]})*" for flag in claim["flags"])
    body = " ".join(claim["claim"].split()) + flags
    if claim["finding"]:
        body += "\n\n**Found:** " + " ".join(claim["finding"].split())
    return "\n".join(
        [
            f"(ledger-{claim['id']})=",
            f":::{{card}} Claim {claim['id']}: {VERDICTS[claim['verdict']]}",
            ":class-card: claim",
            "",
            body,
            "",
            " · ".join([f"Paper: {claim['paper']}", _where(claim), *_tests(claim)]),
            ":::",
        ]
    )


def _where(claim: dict) -> str:
    if claim["anchors"]:
        return "Shown: " + ", ".join(f"{{ref}}`{anchor}`" for anchor in claim["anchors"])
    return "Planned: chapter " + ", ".join(claim["chapters"])


def _tests(claim: dict) -> list[str]:
    return (
        ["Tested: " + ", ".join(f"`{test}`" for test in claim["tests"])] if claim["tests"] else []
    )
