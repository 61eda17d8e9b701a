"""The twin of a camera whose pictures others look at: a drawn shop, and ways to its pictures."""
