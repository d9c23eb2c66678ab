"""kill -9 of a whole `bridge serve`, in the middle of calls, at random moments; `make soak` does it hundreds of times.

The calls speak both ways, and some hang up early, so that a seal may be under way too. The simulators write down every
frame that reached them. What they have, the logs must have: nothing leaves before it is logged.
"""

from pathlib import Path

from engine.soak.kills import kill_all

KILLS = 6
CALLS = 4


def test_a_killed_bridge_loses_no_frame_that_had_left_it(tmp_path: Path) -> None:
    told: list[int] = []
    killed = kill_all(KILLS, seed=2, jobs=2, keep=tmp_path, progress=told.append, calls=CALLS)
    assert (killed.broken, killed.peers_with_a_loss, killed.corrupt_files) == ([], 0, 0)
    assert (killed.kills, told[-1]) == (KILLS, KILLS)
    # The test is worth something only if the calls were up and talking.
    assert killed.crashed > KILLS
    assert killed.frames > KILLS * CALLS * 5
    assert list(tmp_path.iterdir()) == []
