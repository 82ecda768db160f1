"""The first page: every site, worst first."""
