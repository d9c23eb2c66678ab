"""What a bridge got wrong at each interruption, and why. See `judge.audit`.

`witness` hears the call (`engine.core.overheard`) and notes, for each time that the caller broke in, what was played
then and what the bridge did about it. `judge` holds that against what it should have done. Where a truncate is in the
wrong place, `theories` asks how one can come to just that number. `causes` is the table of what can be wrong.
"""
