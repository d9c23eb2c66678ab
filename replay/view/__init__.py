"""One HTML page of a call: what was said and heard, when, and what the core knew at any moment. Opens from the disk.

Python gathers and packs (this package), the browser draws (`assets/`). A page has three kinds of parts:

    facts    small, read at once: the call, the verdict, turns, interruptions, problems   (`facts`)
    blobs    large, compressed, unpacked when they are needed: entries, states, ladder, peaks, sound
    assets   styles and scripts, the same in every page                                   (`bundle`)

    page     puts a page together, and sees to its size
    gather   one walk over the log for all that needs the core beside it
    entries  every entry, to the byte, in about one byte each
    history  the core's state, as what each step changed
    lanes    marks and brackets of the timeline
    sound    the call as sound, as exact as the page may be large; peaks to draw it

The page asks nothing of any other host, and says so in its Content-Security-Policy. All text in it may come from
strangers: it is embedded as JSON in which `<` is written as an escape, and shown as text, never as markup.
"""
