"""The parts of the regression gate; `a2ibench.bench.baseline` and `a2ibench.bench.compare` are its doors."""
