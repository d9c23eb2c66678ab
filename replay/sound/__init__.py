"""What the caller said and heard, and when, as sound."""
