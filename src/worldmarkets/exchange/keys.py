"""Keys: the envelopes that signed commands come in, and the mandates of those who act for others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from worldmarkets.core import codes
from worldmarkets.core.codec import COMMAND_NAMES
from worldmarkets.core.records import KeyChange, Record, SetMandate, Signed
from worldmarkets.core.units import DAY, HOUR, NO_LIMIT
from worldmarkets.exchange.addresses import get_address, join_address, split_address
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.exchange.units import Amount, from_time, to_time

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

T = TypeVar("T")
Limit = Amount | Literal["unlimited"]

# Kinds of command that a mandate can allow, by name, and those that trading takes.
KINDS = {COMMAND_NAMES[kind].lower(): kind for kind in COMMAND_NAMES if codes.MANDATE_KINDS >> kind & 1}
TRADING = (
    "place_order", "cancel_order", "cancel_all", "amend_order", "pair_orders", "set_dead_man", "mass_quote",
    "set_protection", "reset_protection", "true_up",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """A delegate of an account and its mandate.  A limit of None is none; `filled` and `lost` are today's.

    `markets` is None when it has all of them, and what is about no market in particular.
    """

    address: str
    expires: datetime
    kinds: tuple[str, ...]
    markets: tuple[str, ...] | None
    order: Decimal | None
    day: Decimal | None
    loss: Decimal | None
    floor: Decimal | None
    filled: Decimal
    lost: Decimal
    orders: int


class KeyDesk(ABC, Generic[T]):
    """What an owner says of the keys that act for an account."""

    exchange: Exchange
    number: int

    @abstractmethod
    def _send(self, command: Record) -> T:
        """Do with a command what this desk does."""

    @abstractmethod
    def _send_all(self, commands: list[Record]) -> T:
        """Do with commands, all of them or none, what this desk does."""

    def delegate(
        self, key: str, expires: datetime, *, kinds: Sequence[str] = (), markets: Sequence[str] | Literal["all"] = (),
        order: Limit = 0, day: Limit = 0, loss: Limit = 0, floor: Limit = 0,
    ) -> T:  # fmt: skip
        """Let another key act for this account until a time, under a mandate; what is not named it may not do.

        `kinds` are commands such as "place_order" (`TRADING` has those of trading); `markets` symbols or "all";
        `order` and `day` the notional of one order and of a day's fills; `loss` what the account may lose in a day;
        `floor` the least available margin that may be left.  "unlimited" is no limit.
        """
        terms = self._make_terms(key, kinds, markets, order=order, day=day, loss=loss, floor=floor)
        return self._send_all([self._make_key(codes.ADD_KEY, key, expiry_us=to_time(expires)), *terms])

    def set_mandate(
        self, key: str, *, kinds: Sequence[str] | None = None, markets: Sequence[str] | Literal["all"] | None = None,
        expires: datetime | None = None, **limits: Limit,
    ) -> T:  # fmt: skip
        """Write other terms of a key's mandate, as in `delegate`; what is not named stays."""
        terms = list(self._make_terms(key, kinds, markets, **limits))
        if expires is not None:
            terms.append(self._make_term(key, codes.TERM_EXPIRY, value=to_time(expires)))
        return self._send_all(terms)

    def revoke(self, key: str, *, keep_orders: bool = False) -> T:
        """Take a key from this account, and cancel the orders that it placed or amended last unless they are kept."""
        return self._send(self._make_key(codes.REVOKE_KEY, key, flags=codes.KEEP_ORDERS * keep_orders))

    def _make_terms(
        self, key: str, kinds: Sequence[str] | None, markets: Sequence[str] | str | None, **limits: Limit
    ) -> Iterator[Record]:
        if kinds is not None:
            yield self._make_term(key, codes.TERM_KINDS, bits=sum(1 << number for number in {_find(k) for k in kinds}))
        if markets == "all":
            yield self._make_term(key, codes.TERM_ALL_MARKETS, value=1)
        elif markets is not None:
            mandate = find_mandate(self.exchange, self.number, get_address(key))
            if mandate is not None and mandate.has_all_markets:
                yield self._make_term(key, codes.TERM_ALL_MARKETS, value=0)
            parts = {} if mandate is None else {grant.part: 0 for grant in read_grants(self.exchange, mandate)}
            for symbol in markets:
                number = self.exchange.listing.market(symbol).number
                parts[number >> 6] = parts.get(number >> 6, 0) | 1 << (number & 63)
            for part, bits in parts.items():
                yield self._make_term(key, codes.TERM_MARKETS, part=part, bits=bits)
        for name, limit in limits.items():
            if name not in _LIMITS:
                raise UnknownName(f"there is no term {name!r}; there is {', '.join(_LIMITS)}")
            cash = self.exchange.listing.numeraire
            yield self._make_term(key, _LIMITS[name], value=NO_LIMIT if limit == "unlimited" else cash.to_quanta(limit))

    def _make_term(self, key: str, field: int, **values: int) -> Record:
        high, middle, low = split_address(get_address(key))
        return make(
            SetMandate, kind=codes.SET_MANDATE, account=self.number, key_high=high, key_middle=middle, key_low=low,
            field=field, **values,
        )  # fmt: skip

    def _make_key(self, kind: int, key: str, **values: int) -> Record:
        high, middle, low = split_address(get_address(key))
        return make(
            KeyChange, kind=kind, account=self.number, key_high=high, key_middle=middle, key_low=low, **values
        )  # fmt: skip


_LIMITS = {
    "order": codes.TERM_ORDER, "day": codes.TERM_DAY, "loss": codes.TERM_LOSS, "floor": codes.TERM_FLOOR
}  # fmt: skip


def _find(kind: str) -> int:
    if kind not in KINDS:
        raise UnknownName(f"a mandate allows no {kind!r}; it can allow {', '.join(KINDS)}")
    return KINDS[kind]


def read_mandates(exchange: Exchange, account: int) -> Iterator[Any]:
    """Yield the rows of an account's mandates."""
    row = exchange.engine.get_mandate(account)
    while row:
        mandate = exchange.read_row("mandates", row)
        yield mandate
        row = mandate.next


def read_grants(exchange: Exchange, mandate: Any) -> Iterator[Any]:
    """Yield the rows of a mandate's markets."""
    row = mandate.first_grant
    while row:
        grant = exchange.read_row("grants", row)
        yield grant
        row = grant.next


def find_mandate(exchange: Exchange, account: int, key: bytes) -> Any:
    """Return the row of a key's mandate for an account, or None."""
    signer = exchange.engine.get_signer(*split_address(key))
    found = [mandate for mandate in read_mandates(exchange, account) if mandate.signer == signer]
    return found[0] if found else None


def read_keys(exchange: Exchange, account: int) -> list[Key]:
    """Return the delegates of an account."""
    return [_read_key(exchange, mandate) for mandate in read_mandates(exchange, account)]


def _read_key(exchange: Exchange, mandate: Any) -> Key:
    signer = exchange.read_row("signers", mandate.signer)
    cash = exchange.listing.numeraire
    is_today = mandate.day == exchange.time_us // DAY
    grants = read_grants(exchange, mandate)
    numbers = {64 * grant.part + place for grant in grants for place in range(64) if grant.bits >> place & 1}
    listed = exchange.listing.markets
    lost = mandate.opening - exchange.engine.get_value(mandate.account, 0) if is_today else 0

    def amount(limit: int) -> Decimal | None:
        return None if limit == NO_LIMIT else cash.from_quanta(limit)

    return Key(
        address="0x" + join_address(signer.high, signer.middle, signer.low).hex(),
        expires=from_time(mandate.expiry_us),
        kinds=tuple(name for name, kind in KINDS.items() if mandate.kinds >> kind & 1),
        markets=None if mandate.has_all_markets
        else tuple(market.symbol for market in listed if market.number in numbers),
        order=amount(mandate.order_notional), day=amount(mandate.day_notional), loss=amount(mandate.day_loss),
        floor=amount(mandate.floor), filled=cash.from_quanta(mandate.turnover if is_today else 0),
        lost=cash.from_quanta(lost), orders=mandate.orders,
    )  # fmt: skip


def make_envelope(
    exchange: Exchange, signer: bytes, commands: Sequence[Record], nonce: int | None, expiry: datetime | None
) -> list[Record]:
    """Return a command with its legs in an envelope, stamped with the exchange's time."""
    high, middle, low = split_address(signer)
    head: Any = commands[0]
    envelope = make(
        Signed, kind=codes.SIGNED, account=head.account, count=len(commands), time_us=exchange.time_us,
        signer_high=high, signer_middle=middle, signer_low=low,
        nonce=get_next_nonce(exchange, signer) if nonce is None else nonce,
        expiry_us=exchange.time_us + HOUR if expiry is None else to_time(expiry),
    )  # fmt: skip
    return [envelope, *commands]


def find_role(exchange: Exchange, signer: str) -> str:
    """Return the role that a key has at the venue, "administrator" or "guardian"; empty when it has none."""
    row = exchange.engine.get_signer(*split_address(get_address(signer)))
    role = exchange.read_row("signers", row).role if row else 0
    return {codes.ADMINISTRATOR: "administrator", codes.GUARDIAN: "guardian"}.get(role, "")


def get_next_nonce(exchange: Exchange, signer: bytes) -> int:
    """Return the nonce one above the highest that a signer used."""
    row = exchange.engine.get_signer(*split_address(signer))
    return exchange.read_row("nonces", exchange.read_row("signers", row).last).nonce + 1 if row else 1
