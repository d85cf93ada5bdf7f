"""The remedies one by one and together, over seeds, on one problem: a table with its curves, in files."""
