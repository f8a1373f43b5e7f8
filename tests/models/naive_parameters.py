"""Parameters on a calendar: docs/spec/parameters.md in exact fractions, one dictionary a guard."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

MILLION = 10**6
HOUR = 3_600 * 10**6
DAY = 24 * HOUR
MOST = 10**18

# Guard: of what, and its fields with (the looser direction, lowest, highest); "none" counts above everything.
GUARDS = {
    "asset risk": ("asset", {
        "depth": ("up", 0, MOST), "holding_cap": ("up", 0, MOST), "price_shock_ppm": ("down", 0, MILLION),
        "slippage_ppm": ("down", 0, 100_000), "basis_ppm": ("down", 0, 100_000),
    }),
    "asset limits": ("asset", {"collateral_cap": ("up", 0, MOST), "minimum_principal": (None, 1, MOST)}),
    "market limits": ("market", {
        "open_interest_cap": ("up", 0, MOST), "minimum_lots": (None, 1, 10**14), "band_ppm": ("up", 1, MILLION),
    }),
    "market fees": ("market", {
        "maker_ppm": (None, -50_000, 100_000), "fee_cap": (None, 0, 2 * 10**9), "taker_ppm": (None, 0, 100_000),
    }),
    "venue risk": ("venue", {
        "lent_haircut_ppm": ("down", 0, 100_000), "initial_ppm": ("down", 1_000, 10**7),
        "unwind_ppm": ("down", 1_000, 10**7), "auction_ppm": ("down", 1_000, 10**7),
    }),
    "venue orders": ("venue", {
        "open_order_multiple": ("up", 1, 1_000), "max_fills": (None, 1, 1_024), "crowding_ppm": ("up", 1, MILLION),
    }),
    "venue rates": ("venue", {
        "fund_price_ppm": (None, 0, 500_000), "fund_limit_ppm": (None, 0, 900_000),
        "iou_penalty_bp": (None, 0, 9_998), "funding_step_ppb": (None, 0, 10**7), "funding_cap_ppb": (None, 0, 10**7),
    }),
    "market funding": ("market", {"firm_lots": (None, 0, 10**14)}),
    "delay": ("venue", {"parameter_delay_us": ("down", DAY, 30 * DAY)}),
    "venue loans": ("venue", {"renewal_window_us": (None, 0, DAY), "renewal_fee_ppm": (None, 0, MILLION)}),
    "ladder": ("venue", {
        "unwind_clock_us": (None, 10**6, DAY), "auction_clock_us": (None, 10**6, DAY),
        "slice_ppm": (None, 1, MILLION),
    }),
    "fee tier": ("tier", {
        "fees": (None, 0, MOST), "maker_cut_ppm": (None, 0, 200_000), "taker_cut_ppm": (None, 0, 200_000),
    }),
}  # fmt: skip
LIMITS = ("depth", "holding_cap", "collateral_cap", "open_interest_cap")
NO_TIER = {"fees": 0, "maker_cut_ppm": 0, "taker_cut_ppm": 0}
RAMPED = ("asset risk", "venue risk")
SHARED_GROUP = 2  # the one that new assets may join
GROUP_ASSETS = 8  # at most


def get_most_cap(values: dict[str, int]) -> int | None:
    """The highest holding cap that a depth and its slippage allow; None where there is no bound."""
    if not values["depth"] or not values["slippage_ppm"]:
        return None
    left = MILLION - values["price_shock_ppm"] - values["basis_ppm"]
    return min(max(floor(Fraction(values["depth"] * left, 2 * values["slippage_ppm"])), 1), MOST)


def is_looser(guard: str, field: str, old: int, new: int) -> bool | None:
    """Whether `new` is looser than `old`; None for a term without a direction."""
    direction = GUARDS[guard][1][field][0]
    if direction is None:
        return None
    if field in LIMITS:
        old, new = old or MOST + 1, new or MOST + 1
    return new > old if direction == "up" else new < old


def is_in_bounds(guard: str, values: dict[str, int]) -> bool:
    """Whether the values of a guard may stand together."""
    if any(not low <= values[field] <= high for field, (_, low, high) in GUARDS[guard][1].items()):
        return False
    if guard == "asset risk":
        most = get_most_cap(values)
        return most is None or 0 < values["holding_cap"] <= most
    if guard == "market fees":
        return values["maker_ppm"] >= floor(Fraction(-values["taker_ppm"], 2))
    if guard == "venue rates":
        return values["funding_step_ppb"] <= values["funding_cap_ppb"]
    if guard == "venue risk":
        rungs = [values["initial_ppm"], values["unwind_ppm"], values["auction_ppm"]]
        return rungs[0] > rungs[1] > rungs[2] and not any(rung % 1_000 for rung in rungs)
    return True


def count_steps(old: dict[str, int], new: dict[str, int], delay_us: int) -> int:
    """How many hourly steps a ramp takes."""
    counts = [ceil(Fraction(delay_us, HOUR))]
    for field, start in old.items():
        end = new[field]
        if field.endswith("shock_ppm") or field in ("slippage_ppm", "basis_ppm", "lent_haircut_ppm"):
            counts.append(ceil(Fraction(abs(end - start), 2_500)))
        if field in ("initial_ppm", "unwind_ppm", "auction_ppm"):
            counts.append(ceil(Fraction(abs(end - start), 20_000)))
        if field == "slippage_ppm" and 0 < start < end:
            counts.append(50 * (ceil(Fraction(end, start)) - 1))
        if field == "depth" and 0 < end < start:
            counts.append(50 * (ceil(Fraction(start, end)) - 1))
        if field == "holding_cap" and 0 < end < start:
            counts.append(ceil(Fraction(100 * (start - end), start)))
    return min(max(counts), 720)


def get_between(field: str, old: int, new: int, done: Fraction) -> int:
    """Where a field stands when `done` of its way lies behind it."""
    if done == 1 or old == new:
        return new
    if field == "depth" or (field == "holding_cap" and 0 in (old, new)):
        inverse = (1 - done) * (Fraction(1, old) if old else 0) + done * (Fraction(1, new) if new else 0)
        if old and new:  # the quotient is of two integers, the lower one rounded up
            return old * new // ceil((1 - done) * new + done * old)
        return min(floor(1 / inverse), MOST)
    value = floor(old + (new - old) * done)
    return value // 1_000 * 1_000 if field in ("initial_ppm", "unwind_ppm", "auction_ppm") else value


@dataclass
class Change:
    """A change under way."""

    guard: str
    subject: int
    old: dict[str, int]
    new: dict[str, int]
    due: int
    steps: int = 1
    step: int = 0
    is_loosening: bool = False
    turn: int = 0


class NaiveParameters:
    """What every guard is, and what is to happen to it."""

    def __init__(
        self, values: dict[tuple[str, int], dict[str, int]], books: dict[int, tuple[int, int]], members: int, now: int
    ):  # fmt: skip
        self.values = values
        self.books = books  # loan books: their asset and the quanta of their lot
        self.members = members  # of the shared group
        self.now = now
        self.changes: dict[int, Change] = {}
        self.serial = self.turn = 0
        self.asset_count = max(subject for guard, subject in values if guard == "asset limits")
        self.market_count = max(subject for guard, subject in values if guard == "market limits")
        self.settling: list[int] = []

    @property
    def delay(self) -> int:
        return self.values["delay", 0]["parameter_delay_us"]

    def is_too_small(self, guard: str, subject: int, values: dict[str, int]) -> bool:
        """Whether a loan book would take less than the minimum principal of its asset."""
        if guard == "market limits" and subject in self.books:
            asset, lot = self.books[subject]
            return values["minimum_lots"] * lot < self.values["asset limits", asset]["minimum_principal"]
        return guard == "asset limits" and any(
            asset == subject
            and self.values["market limits", market]["minimum_lots"] * lot < values["minimum_principal"]
            for market, (asset, lot) in self.books.items()
        )

    @property
    def tiers(self) -> list[dict[str, int]]:
        """The tiers of fees, the first one first."""
        return [self.values[key] for key in sorted(key for key in self.values if key[0] == "fee tier")]

    def is_out_of_line(self, subject: int, tier: dict[str, int]) -> bool:
        """Whether the tiers could not be as they were with this one among them; without fees it is no tier."""
        tiers = self.tiers
        if subject > len(tiers) + 1:
            return True
        tiers[subject - 1 : subject] = [tier]
        if tier["fees"] == 0:
            tiers.remove(tier)
            if subject <= len(tiers) or tier["maker_cut_ppm"] or tier["taker_cut_ppm"]:
                return True
        steps = [tier["fees"] for tier in tiers]
        cuts = [sum(tier[cut] for tier in tiers) for cut in ("maker_cut_ppm", "taker_cut_ppm")]
        return steps != sorted(set(steps)) or max(cuts) > 200_000

    def is_unfit(self, guard: str, subject: int, values: dict[str, int]) -> bool:
        """Whether new values do not go with what stands beside them."""
        if guard == "fee tier":
            return self.is_out_of_line(subject, values)
        return self.is_too_small(guard, subject, values)

    def enter(self, change: Change) -> None:
        self.serial += 1
        self.changes[self.serial] = change
        self.put_off(change)

    def put_off(self, change: Change) -> None:
        """What is entered, or put off, stands behind what is due at the same time already."""
        self.turn += 1
        change.turn = self.turn

    def propose(self, role: str, guard: str, subject: int, new: dict[str, int]) -> str:
        """Propose new values; return the name of the code."""
        if role not in ("administrator", "guardian"):
            return "ROLE"
        if guard == "end of a market":
            return self.propose_end(role, subject)
        kind = GUARDS[guard][0]
        if kind == "asset" and not 1 + (guard == "asset risk") <= subject <= self.asset_count:
            return "UNKNOWN_ASSET"
        if kind == "market" and not 1 <= subject <= self.market_count:
            return "UNKNOWN_MARKET"
        if kind == "tier" and not 1 <= subject <= min(len(self.tiers) + 1, 16):
            return "UNKNOWN_PARAMETER"
        old = self.values.get((guard, subject), NO_TIER)
        if guard == "asset risk" and new["holding_cap"] == 0:
            new = {**new, "holding_cap": get_most_cap(new) or 0}
        if not is_in_bounds(guard, new) or self.is_unfit(guard, subject, new):
            return "PARAMETER_RANGE"
        ways = [is_looser(guard, field, old[field], new[field]) for field in old if old[field] != new[field]]
        loosens = True in ways or None in ways
        if loosens and role == "guardian":
            return "LOOSENING"
        if any(change.guard == guard and change.subject == subject for change in self.changes.values()):
            return "CHANGE_PENDING"
        if len(self.changes) >= 64:
            return "CHANGES_LIMIT"
        if old == new:
            return "CHANGE_EMPTY"
        change = Change(guard, subject, dict(old), new, self.now + self.delay, is_loosening=loosens)
        if guard in RAMPED and False in ways:
            change.steps = count_steps(old, new, self.delay)
            if not loosens:
                change.due = self.now + HOUR
        elif not loosens:
            self.serial += 1
            self.values[guard, subject] = new
            return "OK"
        self.enter(change)
        return "OK"

    def propose_end(self, role: str, market: int) -> str:
        if not 1 <= market <= self.market_count:
            return "UNKNOWN_MARKET"
        if role == "guardian":
            return "LOOSENING"
        if any(change.guard == "end of a market" and change.subject == market for change in self.changes.values()):
            return "CHANGE_PENDING"
        if len(self.changes) >= 64:
            return "CHANGES_LIMIT"
        if market in self.settling:
            return "MODE_TRANSITION"
        change = Change("end of a market", market, {}, {}, self.now + self.delay, is_loosening=True)
        self.enter(change)
        return "OK"

    def list(self, role: str, kind: str, terms: dict[str, int]) -> str:
        """Propose a listing whose terms are right."""
        if role != "administrator":
            return "ROLE"
        if self.is_crowded(terms):
            return "PARAMETER_RANGE"
        if len(self.changes) >= 64:
            return "CHANGES_LIMIT"
        change = Change(kind, 0, {}, terms, self.now + self.delay, is_loosening=True)
        self.enter(change)
        return "OK"

    def is_crowded(self, terms: dict[str, int]) -> bool:
        """Whether a listing is of an asset for which its group has no place; others may have come before it."""
        return terms.get("group") == SHARED_GROUP and self.members >= GROUP_ASSETS

    def cancel(self, role: str, number: int) -> str:
        """Call a change off."""
        if role not in ("administrator", "guardian"):
            return "ROLE"
        if number not in self.changes:
            return "UNKNOWN_CHANGE"
        if role == "guardian" and not self.changes[number].is_loosening:
            return "LOOSENING"
        del self.changes[number]
        return "OK"

    def advance(self, now: int) -> None:
        """Let everything happen that is due by `now`, which is when the news comes."""
        self.now = now
        while due := [number for number, change in self.changes.items() if change.due <= now]:
            self.act(min(due, key=lambda number: (self.changes[number].due, self.changes[number].turn)))

    def act(self, number: int) -> None:
        change = self.changes[number]
        if change.guard == "end of a market":
            self.settling.append(change.subject)
            del self.changes[number]
        elif change.guard == "new asset":
            self.launch_asset(number, change)
        elif change.guard == "new market":
            self.market_count += 1
            self.books[self.market_count] = (1, 10**6)
            least = -(-self.values["asset limits", 1]["minimum_principal"] // 10**6)
            limits = {**change.new["limits"], "minimum_lots": max(change.new["limits"]["minimum_lots"], least)}
            self.values["market limits", self.market_count] = limits
            self.values["market funding", self.market_count] = {"firm_lots": 0}
            self.values["market fees", self.market_count] = change.new["fees"]
            del self.changes[number]
        elif self.is_unfit(change.guard, change.subject, change.new):
            del self.changes[number]
        else:
            change.step += 1
            done = Fraction(change.step, change.steps)
            values = {field: get_between(field, old, change.new[field], done) for field, old in change.old.items()}
            if change.guard == "asset risk":
                most = get_most_cap(values)
                if most is not None:
                    values["holding_cap"] = min(values["holding_cap"] or most, most)
            self.values[change.guard, change.subject] = values
            if change.guard == "fee tier" and values["fees"] == 0:
                self.values.pop((change.guard, change.subject))
            change.due = self.now + HOUR
            self.put_off(change)
            if change.step == change.steps:
                del self.changes[number]

    def launch_asset(self, number: int, change: Change) -> None:
        """A new asset counts nothing at first: its holding cap rises to what was asked for."""
        del self.changes[number]
        if self.is_crowded(change.new):
            return
        self.asset_count += 1
        self.members += change.new["group"] == SHARED_GROUP
        risk = change.new["risk"]
        start = {**risk, "holding_cap": 1}
        self.values["asset risk", self.asset_count] = dict(start)
        self.values["asset limits", self.asset_count] = change.new["limits"]
        ramp = Change("asset risk", self.asset_count, start, risk, self.now + HOUR, is_loosening=True)
        ramp.steps = count_steps(start, risk, self.delay)
        self.enter(ramp)
