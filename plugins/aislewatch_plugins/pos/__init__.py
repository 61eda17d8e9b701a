"""Points of sale: own signed JSON, POSLog files, receipt printers and webhooks."""
