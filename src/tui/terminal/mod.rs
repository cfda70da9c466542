//! The terminal's life-cycle: enter once, leave once, read keys, write frames, end on signals.
