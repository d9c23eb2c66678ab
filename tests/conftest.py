"""What holds for every test. Fixtures live beside the tests that use them."""

import os

import hypothesis

# No test is judged by the clock, and a run today finds what it found yesterday: hypothesis draws the same examples each
# time, none has a deadline, and a busy machine is no failure. `make bench`, `make soak` and `make fuzz` are where the
# unforeseen is looked for, with seeds that they print.
hypothesis.settings.register_profile(
    "playhead", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("playhead")

# A developer's own key would encrypt what the tests write.
os.environ.pop("LOG_KEY", None)
