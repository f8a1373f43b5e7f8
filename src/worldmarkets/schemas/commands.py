"""Commands as they are written, signed and sent: one struct a kind, names and decimals as text.

The fields of a struct are, in this order, the fields of its EIP-712 type: what a wallet shows is what is sent and what
is executed.  Text that is empty, a number that is 0 and a flag that is false stand for "not said".  Amounts, prices,
sizes and severities are decimal numbers; rates and slippages are shares such as "5.5%" or "50bp"; times are
milliseconds since 1970, UTC; an account is named by its owner's address and its index.
"""

from __future__ import annotations

from typing import Annotated, Union, get_args

import msgspec

Address = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$", description="20 bytes in hexadecimal")]
Uint32 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
Uint64 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]  # up to what the exchange counts with
Text = Annotated[str, msgspec.Meta(max_length=64)]
LongText = Annotated[str, msgspec.Meta(max_length=1_024)]  # a list of names, with commas between
MAX_LEGS = 100
MAX_STEPS = 16
NOBODY = "0x" + 40 * "0"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stands inside a command; a field that it does not know is an error."""


class Command(Part, frozen=True, tag_field="command", tag=True):
    """A command; `command` names its kind."""


# Of an account's owner.


class OpenAccount(Command, frozen=True):
    """Open the sub-account that the bundle names, under its owner."""


class Withdraw(Command, frozen=True):
    """Take funds out of the venue, to the owner's address."""

    asset: Text
    amount: Text


class Transfer(Command, frozen=True):
    """Move funds to another account."""

    asset: Text
    amount: Text
    to_owner: Address
    to_account: Uint32 = 0


class Mandated(Command, frozen=True):
    """What a key may do: the terms of AddKey and SetMandate."""

    key: Address
    expiry: Uint64 = 0
    kinds: LongText = ""
    markets: LongText = ""
    order: Text = ""
    day: Text = ""
    loss: Text = ""
    floor: Text = ""


class AddKey(Mandated, frozen=True):
    """Let another key act for this account until `expiry`, under a mandate: what is not named it may not do.

    `kinds` are kinds of command such as "PlaceOrder", or "trading" for those of trading; `markets` are symbols or
    "all"; `order` and `day` bound the notional of one order and of a day's fills, `loss` what the account may lose in a
    day, `floor` is the least available margin that may be left; "unlimited" is no limit.
    """

    expiry: Uint64


class SetMandate(Mandated, frozen=True):
    """Write other terms of a key's mandate, as in AddKey; what is not said stays, and markets only come on top."""


class RevokeKey(Command, frozen=True):
    """Take a key from this account, and cancel the orders that it placed or amended last unless they are kept."""

    key: Address
    keep_orders: bool = False


# Orders.


class PlaceOrder(Command, frozen=True):
    """Place an order; without a price at the market, at most `slippage` from the mark.

    `side` is buy or sell; in a loan book buy borrows and sell lends, and the price is a rate.  `time_in_force` is gtc,
    ioc, fok or gtt (with `good_till`).  `stop` or `take_profit` is the mark at which it is placed.  `client_id` makes a
    repeat within a day answer with the first result.
    """

    market: Text
    side: Text
    size: Text
    price: Text = ""
    slippage: Text = ""
    time_in_force: Text = "gtc"
    good_till: Uint64 = 0
    post_only: bool = False
    slide: bool = False
    reduce_only: bool = False
    no_relend: bool = False
    protected: bool = False
    stop: Text = ""
    take_profit: Text = ""
    borrow_up_to: Text = ""
    self_trade: Text = ""
    client_id: Uint64 = 0


class CancelOrder(Command, frozen=True):
    """Cancel an order by its id or by its client id."""

    order: Uint64 = 0
    client_id: Uint64 = 0


class CancelAll(Command, frozen=True):
    """Cancel the account's orders, of one market and one side or of all."""

    market: Text = ""
    side: Text = ""


class AmendOrder(Command, frozen=True):
    """Change an order's size, price or trigger; it keeps its place only when its size falls at the same price."""

    order: Uint64
    size: Text = ""
    price: Text = ""
    trigger: Text = ""


class PairOrders(Command, frozen=True):
    """Make two orders partners: what one fills the other loses, and they leave together."""

    order: Uint64 = 0
    other: Uint64 = 0
    client_id: Uint64 = 0
    other_client_id: Uint64 = 0


class SetDeadMan(Command, frozen=True):
    """Cancel all orders but reduce-only ones after a time, unless this is sent again; 0 disarms."""

    timeout_ms: Uint64


class PlaceBid(Command, frozen=True):
    """Bid in the backstop book to take slices of portfolios in auction, up to `size`, for `d` of their shock loss.

    `groups` are the risk groups that it takes, at most four with commas between; without any it takes everything.
    Without `good_till` it rests until it is cancelled.
    """

    size: Text
    d: Text
    groups: LongText = ""
    good_till: Uint64 = 0
    client_id: Uint64 = 0


class Quote(Part, frozen=True):
    """One quote: without a size it is withdrawn."""

    market: Text
    side: Text
    level: Uint32
    price: Text = ""
    size: Text = ""


class MassQuote(Command, frozen=True):
    """Replace quotes, each taken or refused on its own unless `all_or_none`; `pull_others` withdraws the rest."""

    quotes: Annotated[list[Quote], msgspec.Meta(max_length=MAX_LEGS)]
    all_or_none: bool = False
    pull_others: bool = False
    not_post_only: bool = False
    slide: bool = False


class SetProtection(Command, frozen=True):
    """Pull the account's protected orders in a market when so much was filled within an interval."""

    market: Text
    size: Text = ""
    notional: Text = ""
    delta: Text = ""
    interval_ms: Uint32 = 1_000
    cool_off_ms: Uint32 = 0


class ResetProtection(Command, frozen=True):
    """Take protected orders again after a protection tripped."""

    market: Text


class Limited(Command, frozen=True):
    """What may be done in a market: the limits of SetLimits and SetVenueLimits."""

    market: Text
    order: Text = ""
    position: Text = ""
    orders: Uint32 = 0
    notional: Text = ""


class SetLimits(Limited, frozen=True):
    """Limit what the account may do in a market; what is not said is not limited."""


# Contracts.


class TrueUp(Command, frozen=True):
    """Pay a perp contract's unrealised profit now, and strike it at the mark."""

    contract: Uint64


class CompressLeg(Part, frozen=True):
    """A contract of a circle, and the size that goes round it."""

    contract: Uint64
    size: Text


class Compress(Command, frozen=True):
    """Take the lots of circles of perp contracts off one contract and put them on the next, in turn."""

    market: Text
    circles: Annotated[list[CompressLeg], msgspec.Meta(max_length=MAX_LEGS)]


class RepayLoan(Command, frozen=True):
    """Repay a loan in part or, without an amount, whole."""

    loan: Uint64
    amount: Text = ""


class ExtendLoan(Command, frozen=True):
    """Pay a loan's interest and let it run a full tenor from now, at up to `cap` a year."""

    loan: Uint64
    cap: Text = ""


class RenewLoan(Command, frozen=True):
    """Extend anybody's loan that is about to fall due, for a small fee."""

    loan: Uint64


class ExitLoan(Command, frozen=True):
    """Leave a loan as its lender, for others who lend at up to `rate`."""

    loan: Uint64
    rate: Text
    amount: Text = ""


class ConfigureLoan(Command, frozen=True):
    """Choose what is done when a loan (0: those to come) falls due: steps of extend, reborrow, repay, sell."""

    loan: Uint64 = 0
    steps: Text = ""
    cap: Text = ""
    not_renewable: bool = False


# Terms.


class ConfigureAccount(Command, frozen=True):
    """Choose one of the account's settings; `compression` and `keep_overdue` are on or off.

    `give_up` says which perp contracts are given up first, `compression` whether others may compress, `keep_overdue`
    whether overdue loans that the account gave are kept as IOUs at the penalty rate rather than paid in kind.
    """

    give_up: Text = ""
    compression: Text = ""
    keep_overdue: Text = ""


class PlanStep(Part, frozen=True):
    """A step of an unwind plan: cancel, top-up, repay, close, sell or hedge, and what that is about.

    A cancel names an `order`, a top-up another `account` of the owner, a repayment a `loan`, the others a `market`.
    `share` is all of it unless it is said; what trades goes at most `slippage` from the mark, 1 % unless it is said.
    """

    step: Text
    order: Uint64 = 0
    account: Uint32 = 0
    loan: Uint64 = 0
    market: Text = ""
    share: Text = ""
    slippage: Text = ""


class SetPlan(Command, frozen=True):
    """Say what is to be done, in this order, when the account is latched; without steps the default plan is."""

    steps: Annotated[list[PlanStep], msgspec.Meta(max_length=MAX_STEPS)] = []


class SetPolicy(Command, frozen=True):
    """Say with whom the account's orders may make contracts; what is not said is no rule."""

    max_exposure: Text = ""
    survives: Text = ""
    true_up_threshold: Text = ""


class SetCounterparty(Command, frozen=True):
    """Say of one counterparty: limit, deny, deny-owner, forget or forget-owner."""

    owner: Address
    action: Text
    account: Uint32 = 0
    limit: Text = ""


# The default fund.


class Stake(Command, frozen=True):
    """Put numeraire into the default fund: it earns a part of covered accounts' interest, and bears defaults."""

    amount: Text


class Unstake(Command, frozen=True):
    """Let shares of the default fund, all unless it is said, leave it; they are paid out seven days later."""

    shares: Text = ""


class SetCover(Command, frozen=True):
    """Be covered by the default fund from seven days later on, or no more."""

    covered: bool


# Of the administrator and the guardian.


class Field(Part, frozen=True):
    """A parameter and its new value."""

    name: Text
    value: Text


class ProposeChange(Command, frozen=True):
    """Propose new values for the parameters of one guard, of an asset, a market or (not said) the venue."""

    fields: Annotated[list[Field], msgspec.Meta(min_length=1, max_length=8)]
    about: Text = ""


class EndMarket(Command, frozen=True):
    """Propose the end of a market."""

    market: Text


class CancelChange(Command, frozen=True):
    """Call a change of parameters off."""

    change: Uint64


class SetMarketMode(Command, frozen=True):
    """Set the mode of a market or (not said) of the venue: cancel_only, post_only or open."""

    mode: Text
    market: Text = ""


class SetFeed(Command, frozen=True):
    """Halt the feed of an asset, or let it run again."""

    asset: Text
    halted: bool


class SetVenueLimits(Limited, frozen=True, kw_only=True):
    """Limit what an account may do in a market, as the venue."""

    owner: Address
    account: Uint32 = 0


class ListAsset(Command, frozen=True):
    """List an asset: with the delay of a change, and a holding cap that then rises from nothing."""

    symbol: Text
    decimals: Uint32
    group: Text
    price_shock_ppm: Uint32
    slippage_ppm: Uint32
    basis_ppm: Uint32
    depth: Text
    holding_cap: Text
    collateral_cap: Text = ""
    minimum_principal: Text = ""


class ListMarket(Command, frozen=True):
    """List a market, spot, perp or loan, with the fees of another; it begins in prelaunch."""

    symbol: Text
    kind: Text
    asset: Text
    lot: Text
    tick: Text = ""
    minimum: Text = ""
    tenor_hours: Uint32 = 0
    open_interest_cap: Text = ""
    fees_like: Text = ""


# In the order of the documentation.
AnyCommand = Union[  # noqa: UP007 - msgspec reads the members from here
    OpenAccount,
    Withdraw,
    Transfer,
    AddKey,
    SetMandate,
    RevokeKey,
    PlaceOrder,
    CancelOrder,
    CancelAll,
    AmendOrder,
    PairOrders,
    SetDeadMan,
    PlaceBid,
    MassQuote,
    SetProtection,
    ResetProtection,
    SetLimits,
    TrueUp,
    Compress,
    RepayLoan,
    ExtendLoan,
    RenewLoan,
    ExitLoan,
    ConfigureLoan,
    ConfigureAccount,
    SetPlan,
    SetPolicy,
    SetCounterparty,
    Stake,
    Unstake,
    SetCover,
    ProposeChange,
    EndMarket,
    CancelChange,
    SetMarketMode,
    SetFeed,
    SetVenueLimits,
    ListAsset,
    ListMarket,
]
COMMANDS: tuple[type[Command], ...] = get_args(AnyCommand)


class Bundle(Part, frozen=True):
    """What is signed: commands of one account, which happen together or not at all.

    `nonce` is new to the key: the highest 100 are kept, so the time in milliseconds serves well.  After `expiry`
    (milliseconds) the bundle is refused.
    """

    owner: Address
    account: Uint32
    nonce: Uint64
    expiry: Uint64
    legs: Annotated[list[AnyCommand], msgspec.Meta(min_length=1, max_length=MAX_LEGS)]


class SignedBundle(Bundle, frozen=True):
    """A bundle and the 65 bytes of its signature: r, s and v, in hexadecimal."""

    signature: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{130}$")]
