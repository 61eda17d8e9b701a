"""Cameras whose pictures are looked at here: frames, a detector, tracks, and what people do."""
