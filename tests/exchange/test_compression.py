"""Circles of contracts that are torn up: by hand, by proposal, and refused."""

from decimal import Decimal

import pytest

from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import Command, ContractChange, Record, SetMark
from worldmarkets.exchange import Account, Rejected, Result

D = Decimal


class Ring:
    """Two longs and two shorts, each with a contract with both of the others: 1, 2, 3 and 4 ETH at 2,000."""

    def __init__(self, consenting: bool = True) -> None:
        self.exchange = exchange = open_worked()
        self.longs = exchange.account("long 1"), exchange.account("long 2")
        self.shorts = exchange.account("short 1"), exchange.account("short 2")
        self.broker = exchange.account("broker")
        for account in (*self.longs, *self.shorts, self.broker):
            account.deposit("USDM", "10_000")
            if consenting and account != self.broker:
                account.allow_compression()
        for long, short, size in ((0, 0, "1"), (1, 0, "2"), (1, 1, "3"), (0, 1, "4")):
            self.trade(self.longs[long], self.shorts[short], size)
        exchange.mark("ETH", "2100")

    def trade(self, long: Account, short: Account, size: str, market: str = "ETH-PERP", price: str = "2000") -> None:
        short.sell(market, size, price)
        long.buy(market, size, price)

    def get_circle(self) -> list[int]:
        """The contracts from one to the next: 1-1, 2-1, 2-2, 1-2."""
        pairs = ((0, 0), (1, 0), (1, 1), (0, 1))
        return [self.find(self.longs[long], self.shorts[short]) for long, short in pairs]

    def find(self, long: Account, short: Account) -> int:
        (contract,) = [perp.id for perp in long.perps if perp.counterparty == short]
        return contract

    def send(self, legs: list[tuple[int, str]], sender: Account | None = None, count: int | None = None) -> Result:
        number = (sender or self.broker).number
        head = Command(kind=codes.COMPRESS, account=number, count=len(legs) if count is None else count)
        to_lots = self.exchange.market("ETH-PERP").listed.to_lots
        parts: list[Record] = [
            ContractChange(
                kind=codes.COMPRESS, account=number, contract_id=contract, amount=to_lots(size),
                time_us=self.exchange.time_us,
            )
            for contract, size in legs
        ]  # fmt: skip
        return self.exchange.submit(head, *parts)

    def send_circle(self, contracts: list[int], size: str, sender: Account | None = None) -> Result:
        return self.send([(contract, size) for contract in contracts], sender)


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.mark.both
def test_a_circle_of_four(ring: Ring) -> None:
    """1 ETH goes round: 1-1 is gone, 2-1 grows to 3, 2-2 falls to 2, 1-2 grows to 5; all is paid at 2,100 first."""
    everybody = (*ring.longs, *ring.shorts)
    before = [[account.value(m) for m in ("0", "0.3", "0.6", "1", "3")] for account in everybody]
    assert ring.longs[0].balances == {"USDM": D(10_000)}

    result = ring.send_circle(ring.get_circle(), "1")

    assert result.accepted
    assert [[(p.counterparty.name, p.size, p.entry, p.unrealised) for p in a.perps] for a in everybody] == [
        [("short 2", 5, 2100, 0)],
        [("short 2", 2, 2100, 0), ("short 1", 3, 2100, 0)],
        [("long 2", -3, 2100, 0)],
        [("long 1", -5, 2100, 0), ("long 2", -2, 2100, 0)],
    ]
    # 100 a token was paid: long 1 has 5 of them, long 2 too, short 1 has 3, short 2 has 7
    assert [account.balances["USDM"] for account in everybody] == [10_500, 10_500, 9_700, 9_300]
    assert [[account.value(m) for m in ("0", "0.3", "0.6", "1", "3")] for account in everybody] == before
    assert ring.exchange.market("ETH-PERP").open_interest == 10
    assert ring.broker.balances == {"USDM": D(10_000)}
    assert ring.exchange.audit() == []


def test_a_proposal_finds_the_circle(ring: Ring) -> None:
    proposal = ring.exchange.propose_compression("ETH-PERP")
    (circle,) = proposal.circles
    assert circle.size == 1
    assert [(leg.long.name, leg.short.name, leg.before, leg.change) for leg in circle.legs] == [
        ("long 1", "short 1", 1, -1), ("long 2", "short 1", 2, 1), ("long 2", "short 2", 3, -1),
        ("long 1", "short 2", 4, 1),
    ]  # fmt: skip
    assert (proposal.contracts_before, proposal.contracts_after) == (4, 3)
    parties = [(p.account.name, p.position, p.contracts_before, p.contracts_after) for p in proposal.parties]
    assert parties == [("long 1", 5, 2, 1), ("long 2", 5, 2, 2), ("short 1", -3, 2, 1), ("short 2", -7, 2, 2)]
    (result,) = ring.exchange.compress(proposal, ring.broker)
    assert result.command == "COMPRESS"
    assert result.contracts == ()
    assert not ring.exchange.propose_compression("ETH-PERP")


def test_a_preview_of_a_compression_changes_nothing(ring: Ring) -> None:
    digest = ring.exchange.digest()
    with ring.exchange.preview():
        ring.exchange.compress(ring.exchange.propose_compression("ETH-PERP"), ring.broker)
        assert len(ring.longs[0].perps) == 1
    assert ring.exchange.digest() == digest


def test_only_those_who_consent_are_compressed() -> None:
    ring = Ring(consenting=False)
    circle = ring.get_circle()
    refused = ring.send_circle(circle, "1")
    assert (refused.code, refused.subject) == ("NOT_CONSENTED", ring.longs[0].number)
    for account in (*ring.shorts, ring.longs[0]):
        account.allow_compression()
    assert ring.send_circle(circle, "1").code == "NOT_CONSENTED"
    assert not ring.exchange.propose_compression("ETH-PERP")
    assert ring.exchange.propose_compression("ETH-PERP", ring.longs[1])
    ring.longs[0].allow_compression(False)
    assert not ring.longs[0].allows_compression
    assert ring.send_circle(circle, "1", ring.longs[1]).code == "NOT_CONSENTED"
    ring.longs[0].allow_compression()
    assert ring.send_circle(circle, "1", ring.longs[1]).accepted  # who sends it consents


def test_what_is_no_circle_is_refused(ring: Ring) -> None:
    a, b, c, d = circle = ring.get_circle()
    ring.trade(ring.longs[0], ring.shorts[1], "0.01", "BTC-PERP", "50000")
    other = next(perp.id for perp in ring.longs[0].perps if perp.market == "BTC-PERP")
    digest = ring.exchange.digest()
    for legs, code, leg in (
        ([a, b, c], "NOT_A_CIRCLE", 3),  # open
        ([a, b], "NOT_A_CIRCLE", 2),
        ([a], "NOT_A_CIRCLE", 1),
        ([a, a], "NOT_A_CIRCLE", 2),  # there and back
        ([b, c, d, a], "NOT_A_CIRCLE", 2),  # the second meets the first at its long
        ([a, c, b, d], "NOT_A_CIRCLE", 2),
        ([a, b, d, c], "NOT_A_CIRCLE", 3),  # the third meets the second at its short again
        ([a, b, c, other], "NOT_A_CIRCLE", 4),  # another market
        ([a, b, c, 12345], "UNKNOWN_CONTRACT", 4),
    ):
        result = ring.send_circle(legs, "1")
        assert (result.code, getattr(result.events[-1], "leg", 0)) == (code, leg), legs
    assert ring.send([(a, "1"), (b, "1"), (c, "1"), (d, "0.5")]).code == "NOT_A_CIRCLE"  # not the same lots
    assert ring.send_circle(circle, "1.5").code == "SIZE_TOO_LARGE"
    assert ring.send_circle(circle, "0.5").code == "SIZE_TOO_SMALL"  # nothing would be torn up whole
    assert ring.send_circle(circle, "0").code == "SIZE_NOT_POSITIVE"
    assert ring.send_circle(circle * 2, "1").code == "UNKNOWN_CONTRACT"  # the first round tore it up
    assert ring.send_circle([], "1").code == "BUNDLE_SIZE"
    assert ring.send_circle(circle * 17, "1").code == "BUNDLE_SIZE"  # 68 contracts
    assert ring.send([(a, "1")], count=2).code == "BUNDLE_SIZE"
    leg = ContractChange(
        kind=codes.COMPRESS, account=ring.longs[0].number, contract_id=a, time_us=ring.exchange.time_us
    )
    head = Command(kind=codes.COMPRESS, account=ring.broker.number, count=1)
    assert ring.exchange.submit(head, leg).code == "BUNDLE_ACCOUNT"
    assert ring.exchange.submit(Command(kind=codes.COMPRESS, account=99, count=1), leg).code == "UNKNOWN_ACCOUNT"
    with pytest.raises(Rejected, match="BUNDLE_ACCOUNT"), ring.broker.bundle() as bundle:
        bundle.commands += [head]
    assert ring.exchange.digest() != digest  # sequence
    assert ring.exchange.audit() == []


def test_no_contract_grows_against_a_policy(ring: Ring) -> None:
    """2-1 is to grow by 1 ETH: at 2,100 and a shock of 10 % that is 210 more for each of the two, 630 in all."""
    circle, long, short = ring.get_circle(), ring.longs[1], ring.shorts[0]
    long.deny(short)
    refused = ring.send_circle(circle, "1")
    lots = ring.exchange.market("ETH-PERP").listed.to_lots
    assert (refused.code, refused.needed, refused.had) == ("COUNTERPARTY_DENIED", lots("1"), 0)
    assert refused.subject == circle[1]
    long.forget(short)
    short.set_policy(max_exposure="629")
    refused = ring.send_circle(circle, "1")
    assert (refused.code, refused.needed) == ("COUNTERPARTY_DENIED", lots("1"))
    assert 0 < refused.had < lots("1")
    assert ring.send_circle(circle, "1", short).code == "COUNTERPARTY_DENIED"  # it stands for who sends it too
    long.withdraw("USDM", "500")
    short.set_policy(survives="9.9")  # which is 10,395 of its 5 ETH at 2,100, and it is worth 10,000
    assert ring.send_circle(circle, "1").code == "COUNTERPARTY_DENIED"
    short.set_policy(max_exposure="630")
    ring.longs[0].deny(ring.shorts[0])  # theirs shrinks: nobody is asked
    assert ring.send_circle(circle, "1").accepted
    assert ring.exchange.audit() == []


def test_a_market_without_a_fresh_mark_is_not_compressed(ring: Ring) -> None:
    circle = ring.get_circle()
    ring.exchange.step(minutes=1)
    assert ring.send_circle(circle, "1").code == "FEED_STATE"
    ring.exchange.mark("ETH", "2100")
    ring.exchange.set_mode("cancel_only", "ETH-PERP")
    assert ring.send_circle(circle, "1").code == "MARKET_MODE"
    ring.exchange.set_mode("open", "ETH-PERP")
    ring.exchange.set_mode("cancel_only")
    assert ring.send_circle(circle, "1").code == "VENUE_MODE"
    ring.exchange.set_mode("open")
    assert ring.send_circle(circle, "1").accepted


def test_what_a_payer_lacks_becomes_an_iou(ring: Ring) -> None:
    """Short 2 owes 700 of losses and has turned its money into ETH: 700 become IOUs, and V stays."""
    exchange, short = ring.exchange, ring.shorts[1]
    exchange.account("maker").sell("ETH/USDM", "5", "2000")
    short.buy("ETH/USDM", "5", "2000")
    assert "USDM" not in short.balances
    values = [short.value(m) for m in ("0", "1", "3")]
    assert ring.send_circle(ring.get_circle(), "1").accepted
    assert sum(loan.principal for loan in short.loans) == 700
    assert all(loan.is_iou for loan in short.loans)
    assert [short.value(m) for m in ("0", "1", "3")] == values


def test_who_sends_it_pays_the_part_of_a_quantum() -> None:
    """Funding that is not whole quanta is rounded against the sender, never against the four."""
    ring = Ring()
    exchange = ring.exchange
    exchange.step(minutes=1)
    exchange.mark("ETH", "2000.12345678")
    maker = exchange.account("maker")
    maker.buy("ETH-PERP", "1", "2010")  # quotes above the mark, and a trade: funding
    maker.sell("ETH-PERP", "1", "2020")
    exchange.step(hours=1)
    exchange.mark("ETH", "2000.12345678")
    ring.longs[0].buy("ETH-PERP", "0.0003", "2020")
    exchange.step(hours=8)
    exchange.apply(
        SetMark(
            kind=codes.SET_MARK, asset=exchange.listing.asset("ETH").number, price=2000_12345678, sources=3,
            agreeing=3, source_time_us=exchange.time_us,
        )
    )  # fmt: skip
    proposal = exchange.propose_compression("ETH-PERP")
    everybody = (*ring.longs, *ring.shorts)
    with pytest.raises(Rejected, match="MARGIN"):
        exchange.compress(proposal, exchange.account("beggar"))  # who cannot pay even that
    before = [account.nav for account in everybody]
    exchange.compress(proposal, ring.broker)
    after = [account.nav for account in everybody]
    assert all(now >= was for was, now in zip(before, after, strict=True))
    paid = 10_000 - ring.broker.nav
    assert 0 < paid <= D("0.000004")
    assert sum(after) - sum(before) <= paid


def test_the_setting_is_one_of_two(ring: Ring) -> None:
    exchange: Exchange = ring.exchange
    assert ring.longs[0].allows_compression
    ring.longs[0].configure(give_up="oldest-first")
    assert ring.longs[0].allows_compression
    row = exchange.read_row("accounts", ring.longs[0].number)
    assert (row.give_up, row.is_compressible) == (codes.OLDEST_FIRST, 1)
