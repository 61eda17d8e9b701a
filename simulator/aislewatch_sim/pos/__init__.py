"""Tills that speak as real ones do: signed JSON, POSLog files, receipt printers, webhooks."""
