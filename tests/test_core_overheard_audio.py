"""Whose audio a bridge sent, told by its bytes alone."""

from engine.core.conversation import Item
from engine.core.provenance import Part, Provenance
from tests.overheard_rig import audio_of

SILENCE = b"\xff"


class Said:
    """Items whose audio is known, 1,000 ms of each unless told otherwise, and what is sent of it."""

    def __init__(self, *lengths_ms: int) -> None:
        self.provenance = Provenance()
        self.items = [Item(f"item_{number}") for number in range(len(lengths_ms))]
        for number, length in enumerate(lengths_ms):
            self.provenance.generated(number, self.items[number], audio_of(number, 0, length))

    def sends(self, audio: bytes) -> list[tuple[str, int, int, bool]]:
        """Of each part: whose, from where to where (ms), and whether it counts as the item's own."""
        return [told(part) for part in self.provenance.find(audio)]


def told(part: Part) -> tuple[str, int, int, bool]:
    item_id = part.item.item_id if part.item is not None else "nobody"
    return item_id, part.begin // 8, part.end // 8, part.counts_as is part.item


def test_audio_goes_on_where_the_last_piece_ended() -> None:
    said = Said(1_000)
    assert said.sends(audio_of(0, 0, 250)) == [("item_0", 0, 250, True)]
    assert said.sends(audio_of(0, 250, 1_000)) == [("item_0", 250, 1_000, True)]


def test_a_piece_can_hold_the_end_of_one_item_and_the_beginning_of_the_next() -> None:
    said = Said(110, 500)
    said.sends(audio_of(0, 0, 100))
    parts = said.sends(audio_of(0, 100, 110) + audio_of(1, 0, 10))
    assert parts == [("item_0", 100, 110, True), ("item_1", 0, 10, True)]
    assert said.sends(audio_of(1, 10, 30)) == [("item_1", 10, 30, True)]


def test_silence_that_fills_up_the_last_frame_is_nobodys() -> None:
    said = Said(110, 500)
    parts = said.sends(audio_of(0, 0, 110) + SILENCE * 80)
    assert parts == [("item_0", 0, 110, True), ("nobody", 0, 10, False)]


def test_an_item_may_lack_the_frame_that_its_beginning_was_taken_for() -> None:
    said = Said(500)
    assert said.sends(audio_of(0, 20, 40)) == [("item_0", 20, 40, True)]
    assert said.sends(audio_of(0, 40, 60)) == [("item_0", 40, 60, True)]


def test_what_nobody_said_is_nobodys() -> None:
    said = Said(500)
    assert said.sends(audio_of(9, 0, 100)) == [("nobody", 0, 100, False)]
    assert said.sends(SILENCE * 160) == [("nobody", 0, 20, False)]
    assert Said().sends(audio_of(9, 0, 100)) == [("nobody", 0, 100, False)]


def test_a_later_item_may_come_before_the_rest_of_this_one() -> None:
    said = Said(500, 500)
    said.sends(audio_of(0, 0, 100))
    assert said.sends(audio_of(1, 0, 100)) == [("item_1", 0, 100, True)]
    # And back: the first goes on, though it is no longer the one that was sent last.
    assert said.sends(audio_of(0, 100, 200)) == [("item_0", 100, 200, True)]


def test_what_is_sent_again_is_out_of_order() -> None:
    said = Said(500)
    said.sends(audio_of(0, 0, 300))
    assert said.sends(audio_of(0, 100, 200)) == [("item_0", 100, 200, False)]
    assert said.sends(audio_of(0, 300, 400)) == [("item_0", 300, 400, True)]
    assert [told(part) for part in said.provenance.out_of_order] == [("item_0", 100, 200, False)]


def test_what_is_sent_of_an_item_after_a_clear_has_cut_it_is_a_sound() -> None:
    said = Said(500)
    said.sends(audio_of(0, 0, 300))
    said.provenance.cleared(said.items)
    assert said.sends(audio_of(0, 300, 400)) == [("item_0", 300, 400, False)]
    assert said.sends(audio_of(0, 400, 500)) == [("item_0", 400, 500, False)]


def test_after_a_clear_the_next_item_is_more_likely_than_more_of_this_one() -> None:
    """Both go on with the same silence."""
    provenance = Provenance()
    first, second = Item("first"), Item("second")
    provenance.generated(1, first, audio_of(0, 0, 100) + SILENCE * 800)
    provenance.generated(2, second, SILENCE * 160 + audio_of(1, 0, 100))
    provenance.find(audio_of(0, 0, 100))
    provenance.cleared([first])
    assert [part.item for part in provenance.find(SILENCE * 160)] == [second]
    assert [part.item for part in provenance.find(audio_of(1, 0, 50))] == [second]


def test_what_comes_late_does_not_make_it_less_likely() -> None:
    provenance = Provenance()
    first, second = Item("first"), Item("second")
    provenance.generated(1, first, audio_of(0, 0, 100) + SILENCE * 800)
    provenance.generated(2, second, SILENCE * 160 + audio_of(1, 0, 100))
    provenance.find(audio_of(0, 0, 90))
    provenance.cleared([first])
    provenance.find(audio_of(0, 90, 100))
    assert [part.item for part in provenance.find(SILENCE * 160)] == [second]


def test_a_log_of_ours_names_the_entry_that_brought_the_audio() -> None:
    said = Said(500)
    said.provenance.generated(7, said.items[0], audio_of(0, 500, 700))
    assert told(said.provenance.named(0, 0, 4_000)) == ("item_0", 0, 500, True)
    assert told(said.provenance.named(7, 0, 800)) == ("item_0", 500, 600, True)
    assert told(said.provenance.named(99, 0, 800)) == ("nobody", 0, 100, False)


def test_audio_that_is_changed_on_its_way_cannot_be_followed() -> None:
    said = Said(2_000)
    said.sends(audio_of(0, 0, 500))
    assert said.provenance.doubt == ""
    said.sends(audio_of(9, 0, 199))
    assert said.provenance.doubt == ""  # a beep
    said.sends(audio_of(9, 200, 700))
    assert said.provenance.doubt == (
        "of 1199 ms that were sent to Twilio, 500 ms are the model's audio byte for byte. The bridge changes it on its"
        " way (gain, mixing, another codec), so what was heard of it cannot be followed"
    )


def test_a_bridge_that_only_makes_sounds_of_its_own_says_nothing_of_the_model() -> None:
    said = Said()
    said.sends(audio_of(9, 0, 2_000))
    assert said.provenance.doubt == ""
