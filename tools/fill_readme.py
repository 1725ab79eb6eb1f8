"""Write the reading order into README.md, from chapters.yml and what is in chapters/.

python tools/fill_readme.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    sys.path.insert(0, str(ROOT / "_ext"))
    from measured.readme import filled

    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf8"), ROOT), encoding="utf8")


if __name__ == "__main__":
    main()
