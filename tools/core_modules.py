"""Which modules core/ has, in what order, and which of them are host side: the one place that says so."""

from __future__ import annotations

# A module imports only what stands before it: lines above, or to its left on its own line. (`__init__` comes last.)
LAYERS: tuple[tuple[str, ...], ...] = (
    ("units", "codes", "guards", "wide", "memory", "records"),  # words of the language
    ("undo", "tables", "index", "files", "outbox", "state"),  # State owns every table
    ("ledger", "book", "timers", "interest", "atlas", "bounds", "policy", "keys", "fund"),  # no matching, no flow
    ("contracts.spot", "contracts.loan", "contracts.perp"),  # arithmetic and settlement of one contract
    ("admission", "sweep", "fees", "funding", "oracle"),  # read the state, decide
    ("quotes", "limits", "conditions", "orders", "mandates", "authority"),  # orders, and who may place them
    ("protection", "matching", "triggers"),  # one matching loop
    ("bids", "slices"),  # the backstop book
    (
        "flows.funds",
        "flows.fund",
        "flows.trade",
        "flows.policy",
        "flows.keys",
        "flows.borrow",
        "flows.quote",
        "flows.overdue",
        "flows.due",
        "flows.plan",
        "flows.unwind",
        "flows.margin_call",
        "flows.auction",
        "flows.closeout",
        "flows.ladder",
        "flows.compression",
        "flows.settling",
        "governance",
        "parameters",
        "booking",
    ),
    ("foresight", "work", "dispatch", "groups", "parts", "queries", "engine"),  # a command from end to end
    ("drive", "codec", "digest", "audit", "snapshot"),  # the engine from outside
)

# Modules that never run on the path of a command, or only lay out memory: ordinary Python (hashlib, mmap, ctypes).
# units, codes and wide are not compiled either: the compiler takes their twins. The empty name is core/__init__.py,
# which checks that the compiled modules are the ones loaded.
HOST_SIDE = frozenset(
    {"", "units", "codes", "guards", "wide", "memory", "records", "tables", "audit", "codec", "digest", "snapshot"}
)

ORDER: dict[str, int] = {name: place for place, name in enumerate(name for line in LAYERS for name in line)}


def compute_place(module: str) -> int | None:
    """The place of a core module (`contracts.loan`; empty for core itself) in the order, None when it has none.

    A package stands with its first module, so that `contracts/__init__.py` imports nothing that its modules may not.
    """
    if module == "":
        return len(ORDER)
    if module in ORDER:
        return ORDER[module]
    members = [place for name, place in ORDER.items() if name.startswith(module + ".")]
    return min(members, default=None)
