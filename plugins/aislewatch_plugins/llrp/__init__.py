"""RFID readers that speak LLRP (EPCglobal Low Level Reader Protocol), such as gates at doors."""
