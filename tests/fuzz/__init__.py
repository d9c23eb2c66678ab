"""Inputs that nobody meant: what holds for all of them, and the ways to find those for which it does not.

`laws` says what holds for a call, whatever comes in. `targets` are functions that take any bytes, give them to one part
of the program the way a peer or a disk would, and fail only if something happened that must not. Two things call them:

- `make fuzz` (`python -m tests.fuzz`), each in a process of its own, under a fuzzer that watches which code an input
  reaches and makes new inputs of those that reached more;
- `make test` (`tests/test_fuzz_corpus.py`), with the files of `fixtures/fuzz`, which are where the fuzzer starts, and
  with every input that once found something.
"""
