"""The append-only, hash-chained ledger: what was decided, kept so that it can be proved."""

from aislewatch.ledger.log import Ledger
from aislewatch.ledger.reader import LedgerReader
from aislewatch.ledger.values import Checkpoint, Head, StoredRecord
from aislewatch.ledger.verify import Fault, FaultKind, Verification, verify

__all__ = [
    "Checkpoint",
    "Fault",
    "FaultKind",
    "Head",
    "Ledger",
    "LedgerReader",
    "StoredRecord",
    "Verification",
    "verify",
]
