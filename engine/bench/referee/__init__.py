"""A second opinion on heard words, from a speech recogniser that knows nothing of ours: `make referee`.

It is pocketsphinx (https://github.com/cmusphinx/pocketsphinx), with its English model and dictionary: a development
extra, which nothing else may import. On speech without word times, such as recorded calls, its agreement with our
alignment says how good ours is.
"""
