"""`bridge demo`: one whole call on this machine, without accounts, and the proof that follows from its log.

    command   the command itself: what stops it before it begins, and its exit codes
    show      from the curtain to the replay's verdict
    script    who says what: the bakery call of `engine.sim`, cut to the length of a demo
    stage     the call over real WebSockets: the server as it is, a simulated model, a simulated phone
    virtual   the same call in virtual time, its log written as the bridge writes it
    follow    the log as it grows, and a second `Call` that takes the same inputs
    audience  who looks: a terminal, or a reader of lines
    view      what there is to see of that second call: words, positions, interruptions
    screen    the view as a picture, for a terminal
    narrate   the view as lines, for anything else
    ending    what was heard against what was generated, and how far the bridge was from the truth

Everything shown while the call runs comes from its log, which is what any program beside a bridge could do: nothing
here is hooked into the engine. Only the ending also asks the simulators, for the truth is theirs.
"""
