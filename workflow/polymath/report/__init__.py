"""One self-contained page on an experiment: content from tables, a template, a page."""
