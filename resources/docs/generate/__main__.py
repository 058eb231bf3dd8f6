"""Regenerate the documents of this checkout and name those that changed."""

from pathlib import Path

from generate.documents import write_documents

ROOT = Path(__file__).parents[3]

for path in write_documents(ROOT):
    print(f"regenerated {path.relative_to(ROOT)}")
