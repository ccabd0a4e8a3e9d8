"""All services on one machine, as native processes: what `make up`, the tests and the benchmarks start."""
