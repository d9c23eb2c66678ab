"""`bridge doctor`: looks at a set-up from every side that one can look from, and says what to fix.

Each module here asks one thing: of the settings, the machine, the folder of calls, the server as Twilio would find it,
the model. A check gives findings; it raises nothing, changes nothing, and never says a secret or a part of one.
"""
