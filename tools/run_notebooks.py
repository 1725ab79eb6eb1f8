"""Execute notebooks and store their outputs, the same way every time.

    python tools/run_notebooks.py                       # every chapter
    python tools/run_notebooks.py chapters/02_*.ipynb   # some
    python tools/run_notebooks.py --clean FILE          # only strip volatile metadata, run nothing

A notebook that raises is left as it was, and the exit status is 1.
"""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Before any kernel starts: progress bars would end up in the stored outputs, and two numbers of
# threads give two sets of last digits.
ENVIRONMENT = {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT_CELL_METADATA = ("mystnb", "tags")


def main() -> int:
    """Run the notebooks named on the command line, or all chapters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: chapters/*.ipynb")
    parser.add_argument("--clean", action="store_true", help="strip metadata only, run nothing")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell")
    arguments = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    paths = arguments.notebooks or sorted((ROOT / "chapters").glob("*.ipynb"))
    failed = [path for path in paths if not _store(path, arguments.clean, arguments.timeout)]
    return 1 if failed else 0


def _store(path: Path, clean_only: bool, timeout: int) -> bool:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    started = time.perf_counter()
    if not clean_only and not _execute(notebook, path, timeout):
        return False
    clean(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    print(f"{path}: {time.perf_counter() - started:.1f} s")
    return True


def _execute(notebook, path: Path, timeout: int) -> bool:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    # In the notebook's own folder, as Jupyter and the tests run it.
    resources = {"metadata": {"path": str(path.resolve().parent)}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources)
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path}: not stored, a cell raises\n{error}", file=sys.stderr)
        return False
    return True


def clean(notebook) -> None:
    """Drop what differs from run to run or from editor to editor; keep the cells' own metadata."""
    notebook.metadata = type(notebook.metadata)(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA}
        cell.setdefault("id", f"cell-{number:02d}")
        if cell.cell_type == "code":
            _clean_outputs(cell)


def _clean_outputs(cell) -> None:
    cell.outputs = _merge_streams(cell.outputs)
    for output in cell.outputs:
        if "metadata" in output:
            output.metadata = {k: v for k, v in output.metadata.items() if k == "scrapbook"}
        if output.output_type == "execute_result":
            output.execution_count = cell.execution_count


def _merge_streams(outputs: list) -> list:
    """Join neighbouring writes to one stream: where they split depends on timing."""
    merged: list = []
    for output in outputs:
        last = merged[-1] if merged else None
        is_stream = output.output_type == "stream"
        if is_stream and last and last.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


if __name__ == "__main__":
    sys.exit(main())
