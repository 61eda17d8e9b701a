"""The sensor plugins that ship with Aislewatch, one folder a sensor."""
