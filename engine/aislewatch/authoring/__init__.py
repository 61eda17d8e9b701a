"""What a rule author runs: a rule's inline tests, and what those tests leave open."""
