//! Truth-first model of incidents: what really happened, and what each source would show of it.
