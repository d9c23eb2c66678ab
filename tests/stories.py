"""Every story that a golden log tells, by name. How they are told: `stories_told`."""

from tests import stories_barge_in, stories_calls, stories_comeback, stories_network, stories_words
from tests.stories_told import Stories

STORIES: Stories = {
    **stories_barge_in.STORIES,
    **stories_network.STORIES,
    **stories_calls.STORIES,
    **stories_comeback.STORIES,
    **stories_words.STORIES,
}
