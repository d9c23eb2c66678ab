"""The bridge under faults, thousands of times: what `make soak` runs.

Two halves. In virtual time a whole server, its callers and their models run in one process and one thread, with faults
drawn from a seed: the same seed gives the same logs, to the byte (`simulation`). In real time a real `bridge serve` is
killed in the middle of its calls (`kills`), and speaks with healthy and faulty calls at once (`sockets`).

`plan`, `faults` draw what happens; `laws`, `wire` hold what came of it against what must hold; `table` says it.
"""
