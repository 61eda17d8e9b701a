"""Cameras that analyse for themselves: Meraki MV Sense, Frigate and Axis, by MQTT."""
