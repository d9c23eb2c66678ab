"""How far off is what the model keeps, and does what was played lie within the bounds that the core states? Thousands
of simulated calls, each judged by what was really played."""

from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import Pool

import msgspec

from engine.sim.oracle import Cut, Kind, Verdict, judge
from engine.sim.scenarios import CONDITIONS, random_scenario
from engine.sim.stated import Stated, stated
from engine.sim.truth import underruns
from engine.sim.world import run

BROKEN_SHOWN_MAX = 20
KINDS: dict[str, Kind] = {
    "nothing stalled, nothing run dry": "calm",
    "the same, silence not sent": "silence omitted",
    "stalls, underruns, lost echoes": "rough",
}
DRY = "ran dry"
CALM = "none of these"


class Told(msgspec.Struct, frozen=True):
    """What one call came to: by what the model keeps (`verdict`), and by what the core says."""

    seed: int
    conditions: frozenset[str]
    verdict: Verdict
    stated: list[Stated]
    underruns: tuple[int, int]
    """As the core counts them, and as they were."""


def measure(seeds: Sequence[int], jobs: int, say: Callable[[str], None]) -> bool:
    """Print the distributions; True if a law was broken."""
    with Pool(jobs) as pool:
        calls = pool.map(_told, seeds, chunksize=25)
    is_broken = _say_kept(seeds, [call.verdict for call in calls], say)
    say("")
    return say_stated(calls, say) or is_broken


def _say_kept(seeds: Sequence[int], verdicts: list[Verdict], say: Callable[[str], None]) -> bool:
    say(f"{len(seeds):,} simulated calls: |what the model keeps of a truncated item - what was played of it|, in ms")
    say_distribution([cut for each in verdicts for cut in each.cuts], say)
    races = sum(each.races for each in verdicts)
    broken = [(seed, why) for seed, each in zip(seeds, verdicts, strict=True) for why in each.broken]
    say(f"laws broken: {len(broken)}; cancels that crossed the end of their response (harmless): {races}")
    for seed, why in broken[:BROKEN_SHOWN_MAX]:
        say(f"  seed {seed}: {why}")
    met = Counter(condition for seed in seeds for condition in random_scenario(seed).conditions)
    say("calls that met: " + ", ".join(f"{name} {count:,}" for name, count in sorted(met.items())))
    return bool(broken)


def say_distribution(cuts: list[Cut], say: Callable[[str], None]) -> None:
    """A table of how far off the cuts are."""
    say(f"{'':<34}{'cuts':>7}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}{'<= 20 ms':>10}")
    for name, kind in KINDS.items():
        errors = sorted(abs(cut.error_ms) for cut in cuts if cut.kind == kind)
        if errors:
            within = sum(error <= 20 for error in errors) / len(errors)
            marks = "".join(f"{_quantile(errors, share):>8.1f}" for share in (0.5, 0.9, 0.99, 1.0))
            say(f"{name:<34}{len(errors):>7,}{marks}{within:>10.1%}")


def say_stated(calls: list[Told], say: Callable[[str], None]) -> bool:
    """In how many calls what the core says was heard is not so, and how far apart its bounds are where they are."""
    say("what was played of each item, against the bounds stated at each settling and at the end, in ms")
    say(f"{'':<18}{'calls':>7}{'broken':>8}{'by':>8}{'stated':>9}{'exact':>8}{'p50':>9}{'p90':>7}{'p99':>7}{'max':>8}")
    for name in (CALM, *CONDITIONS, DRY, "all"):
        met = [call for call in calls if name == "all" or name in (call.conditions or {CALM})]
        said = [each for call in met for each in call.stated]
        if said:
            broken = sum(any(each.breach_ms for each in call.stated) for call in met)
            widths = sorted(each.width_ms for each in said if each.width_ms)
            exact = 1 - len(widths) / len(said)
            worst = max(each.breach_ms for each in said)
            marks = "".join(f"{_quantile(widths or [0.0], share):>8.0f}" for share in (0.5, 0.9, 0.99, 1.0))
            say(f"{name:<18}{len(met):>7,}{broken:>8}{worst:>8.0f}{len(said):>9,}{exact:>8.0%} {marks}")
    counted, were = (sum(call.underruns[which] for call in calls) for which in (0, 1))
    over = sum(call.underruns[0] > call.underruns[1] for call in calls)
    say(f"underruns: {were:,}; counted by the core: {counted:,}; calls in which it counts more than there were: {over}")
    breaches = [(call.seed, each) for call in calls for each in call.stated if each.breach_ms]
    for seed, each in breaches[:BROKEN_SHOWN_MAX]:
        say(f"  seed {seed}: {each}")
    return bool(breaches)


def _told(seed: int) -> Told:
    outcome = run(random_scenario(seed), seed)
    waits = len(underruns(outcome))
    conditions = outcome.scenario.conditions | ({DRY} if waits else set())
    return Told(seed, conditions, judge(outcome), stated(outcome), (outcome.call.hearing.underruns, waits))


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
