"""Aislewatch: what a shop's sensors see, fused into incidents that can be explained and proved."""
