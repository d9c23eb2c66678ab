"""The speech that comes with the repository, and the call that it makes."""

import pytest

from engine.core.audio import samples_of
from engine.sim.bakery import bakery
from engine.sim.speech import FOLDER, load
from engine.sim.truth import item_truths
from engine.sim.world import run

NAMES = sorted(path.stem for path in FOLDER.glob("*.ulaw"))


def test_every_line_has_a_transcript_with_word_times() -> None:
    assert len(NAMES) == 8
    for name in NAMES:
        speech = load(name)
        assert " ".join(word.w for word in speech.words) == speech.text
        times = [ms for word in speech.words for ms in (word.start_ms, word.end_ms)]
        assert times == sorted(times)
        assert samples_of(times[-1]) <= len(speech.audio)


def test_a_line_splits_at_a_word() -> None:
    total = load("bakery_total")
    price, offer = total.split(7)
    assert (price.text, offer.text) == (
        "That will be $9.05. Cash or credit?",
        "We also have a store discount you can apply now.",
    )
    assert price.audio + offer.audio == total.audio
    assert (offer.words[0].start_ms, len(price.words) + len(offer.words)) == (0, 17)


def test_speech_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match=r"no speech 'opera' in .*pip install -e"):
        load("opera")


@pytest.mark.parametrize("items", [1, 2])
def test_the_bakery_call_is_interrupted_where_the_story_says(items: int) -> None:
    outcome = run(bakery(offer_is_an_item=items == 2), seed=1)
    assert outcome.edge.refused == []
    said = [item.text for item in outcome.model.conversation.items if item.role == "user"]
    assert said == [
        "Two croissants and a baguette, please.",
        "Wait, what discount?",
        "Great, then I will pay cash, thank you.",
    ]
    # The caller heard "store", and not "you can apply now". All else was heard whole.
    total = load("bakery_total")
    store, apply = (next(word for word in total.words if word.w == w) for w in ("store", "apply"))
    truths = item_truths(outcome)
    heard = sum(truth.heard_samples for truth in truths[1 : 1 + items])
    assert samples_of(store.end_ms) < heard < samples_of(apply.start_ms)
    cut = truths[items]
    assert [truth for truth in truths if truth.heard_samples < truth.generated_samples - samples_of(600)] == [cut]
    assert [len(response.items) for response in outcome.model.responses] == [1, items, 1, 1]
