"""The same work by other packages: each in processes of its own, with a handler written by hand."""
