"""What was run before: which work a run is to do, the runs kept so far, and what repeats what."""
