"""Public data sets, turned into tables in tactful's format: for the demo, tests and benchmarks."""
