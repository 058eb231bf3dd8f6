"""What `make docs` runs: the generated parts of the documents, apart from the library."""
