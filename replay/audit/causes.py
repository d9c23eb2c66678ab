"""What a bridge can get wrong at an interruption: each cause with its name, what it means, and how to mend it.

Most of these were found in a public bridge, or reported by its users. The names are a contract: programs read them.
"""

import msgspec


class Cause(msgspec.Struct, frozen=True):
    """`title` as a heading, `why` what it does to the call, `fix` what to do about it."""

    name: str
    title: str
    why: str
    fix: str


CAUSES = {
    cause.name: cause
    for cause in (
        Cause(
            "no_clear",
            "no clear",
            "Twilio plays what it holds, often ten seconds: the caller talks and the assistant talks on.",
            "Send `clear` on `speech_started` while anything that was sent may be unplayed, also when the model's"
            " response is done: generation ends long before playback.",
        ),
        Cause(
            "late_clear",
            "late clear",
            "The assistant goes on until the clear is there.",
            "Send `clear` as the first thing on `speech_started`. Wait for nothing, and truncate afterwards.",
        ),
        Cause(
            "late_deltas",
            "late deltas played",
            "Audio of a response that was interrupted still comes for a while. Played, the assistant starts again in"
            " the middle of a sentence.",
            "Remember the interrupted response's id, and drop its deltas until its `response.done`.",
        ),
        Cause(
            "not_stopped",
            "cleared without stopping",
            "The buffer is empty, but the response is still being generated and played.",
            "Leave `interrupt_response` on, or send `response.cancel` with the `response_id` yourself; and drop what"
            " still comes of it.",
        ),
        Cause(
            "no_truncate",
            "no truncate",
            "The model believes that everything it generated was heard.",
            "Send `conversation.item.truncate` for the item that was playing, with the milliseconds heard of it.",
        ),
        Cause(
            "unheard_left",
            "unheard item left",
            "An item of which nobody heard anything stays in the conversation: the model will not say it again.",
            "Keep account of every item that was sent, not only of the last one, and send"
            " `conversation.item.delete` for those that had not begun.",
        ),
        Cause(
            "wrong_item",
            "wrong item",
            "The item that was playing stays whole in the model's memory, and another one is cut.",
            "Truncate the item that the caller is hearing. It is not the last that came: the model generates ahead.",
        ),
        Cause(
            "sent",
            "counted from sent audio",
            "What was sent is seconds ahead of the ear, so the model remembers words that nobody heard.",
            "Count what was played: by the marks that came back, and Twilio's media timestamps between them.",
        ),
        Cause(
            "flushed_marks",
            "flushed marks counted",
            "A clear sends every pending mark back at once. Counted as played, they move the position to where the"
            " audio was thrown away.",
            "Give every mark a name of its own, forget those that are pending when you send `clear`, and ignore their"
            " echoes.",
        ),
        Cause(
            "last_mark",
            "counted to the last mark",
            "What was heard since the last mark that came back is forgotten: up to the distance between two marks.",
            "Place marks every 100 to 200 ms, or add the time since the last echo by Twilio's media timestamps.",
        ),
        Cause(
            "earlier_clock",
            "clock of an earlier item",
            "The position is counted from the beginning of something that was said before.",
            "Start the clock anew for each item, also when nothing was interrupted.",
        ),
        Cause(
            "arrival",
            "counted from arrival",
            "An item begins at the ear when what is queued before it has been played, and it stands still when the"
            " network does. The time since its first delta tells neither.",
            "Start an item's clock when the mark behind what was before it comes back; and never count beyond the next"
            " mark that has not.",
        ),
        Cause(
            "zero",
            "truncated at 0, or deleted, though it was heard",
            "The model forgets what the caller did hear. For an item that has no audio yet it is an error.",
            "Do not reset the position before you have used it. If nothing was heard, delete the item.",
        ),
        Cause(
            "beyond",
            "beyond the item",
            "The model refuses to truncate at more than an item has, and remembers all of it.",
            "Never ask for more than the milliseconds that you received of that very item.",
        ),
        Cause(
            "heard_to_end",
            "truncated what was heard to its end",
            "Nothing was left to cut, but a truncate takes the item's transcript out of the model's memory.",
            "Truncate only what may not have been played to its end: nothing, when the last mark is back.",
        ),
        Cause(
            "blind_cancel",
            "cancel hit another response",
            "A `response.cancel` without an id stops whatever is being generated, here the answer to the interruption.",
            "Put the `response_id` into every `response.cancel`, or leave it to the model (`interrupt_response`).",
        ),
        Cause(
            "idle_cancel",
            "cancel of nothing",
            "An error, and harmless if errors are.",
            "Send `response.cancel` only while a response is being generated: after `response.created`, before"
            " `response.done`.",
        ),
        Cause(
            "unexplained",
            "unexplained",
            "The position is wrong, and none of the known ways leads to it.",
            "Look at what the bridge counts. `replay words` and `replay events` show what there was to be counted.",
        ),
    )
}
