"""The numbers of a call and of many calls: how they are gathered, measured, pooled and shown.

    dates, line      what is taken down in the walk over a log
    measured         the numbers, as data; docs/METRICS.md defines them
    turns, barge_ins, spans, floor    what makes them
    budgets          from when on one is a problem
    pool, tables     many calls at once

`replay.metrics.measures` and `replay.metrics.problems` are the doors.
"""
