"""What holds for every test. Fixtures live beside the tests that use them."""

import hypothesis

# No test is judged by the clock, and a run today finds what it found yesterday: hypothesis draws the same examples each
# time and none has a deadline. `make bench` is where the unforeseen is looked for, with seeds that it prints.
hypothesis.settings.register_profile("playhead", deadline=None, derandomize=True)
hypothesis.settings.load_profile("playhead")
