"""Audio that tells by itself which sample of which item it is.

For calls that nobody listens to: each millisecond of a ruler is eight bytes that hold the item's number and the
millisecond's. Any sixteen bytes of it name their place, so what was played is found again without asking the engine.
"""

ITEMS_MAX = 128


def ruler(item: int, ms: int) -> bytes:
    """`ms` milliseconds of the ruler of item `item` (0 to 127)."""
    assert 0 <= item < ITEMS_MAX
    marks = bytearray(8 * ms)
    low = bytes(range(128)) * (ms // 128 + 1)
    middle = b"".join(bytes([i & 0x7F]) * 128 for i in range(ms // 128 + 1))
    high = b"".join(bytes([i]) * 0x4000 for i in range(ms // 0x4000 + 1))
    # Only a first byte has its top bit set, so a place is found at any offset.
    marks[0::8] = bytes([0x80 | item]) * ms
    marks[4::8] = bytes([item]) * ms
    for column, digits in enumerate((high, middle, low), 1):
        marks[column::8] = marks[column + 4 :: 8] = digits[:ms]
    return bytes(marks)


def place(item: int, ms: int) -> bytes:
    """The bytes of the millisecond that ends at `ms` (at least 1) of item `item`: what a cue waits for."""
    return ruler(item, ms)[-8:]
