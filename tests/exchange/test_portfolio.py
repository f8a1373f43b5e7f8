"""A portfolio file, booked: by the core's own hand, and refused by name when it is wrong."""

import copy
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from worldmarkets.exchange import PortfolioError
from worldmarkets.exchange.portfolio import Portfolio, read_portfolios
from worldmarkets.exchange.portfolio_file import PortfolioFile

D = Decimal
ETH = {
    "decimals": 8, "mark": "2000", "shock_ppm": 100_000, "slippage_ppm": 5_000, "group": "ETH", "basis_ppm": 0,
    "depth": None,
}  # fmt: skip
BASE: dict[str, Any] = {
    "name": "worked",
    "numeraire": "USDM",
    "lent_haircut_ppm": 20_000,
    "tenor_hours": 240,
    "unwind_severity_ppm": 600_000,
    "assets": {"USDM": {"decimals": 6}, "ETH": ETH},
    "portfolio": {
        "balances": {"ETH": "0.5"},
        "borrowed": [{"asset": "USDM", "principal": "900", "rate_bp": 550}],
        "lent": [{"asset": "USDM", "principal": "50"}],
        "perps": [{"asset": "ETH", "size": "-0.5", "entry": "2000", "funding": "3"}],
    },
}


def _with(path: str, value: object) -> dict[str, Any]:
    """The base portfolio with one field changed, or left out when the value is ...."""
    data = copy.deepcopy(BASE)
    *folders, last = path.split("/")
    part: Any = data
    for folder in folders:
        part = part[int(folder) if isinstance(part, list) else folder]
    key: Any = int(last) if isinstance(part, list) else last
    if value is ...:
        del part[key]
    else:
        part[key] = value
    return data


def _book(data: object) -> Portfolio:
    return Portfolio(PortfolioFile(data))


@pytest.mark.both
def test_a_booked_portfolio_has_its_contracts() -> None:
    booked = _book(BASE)
    account = booked.account
    assert account.balances == {"ETH": D("0.5")}
    assert [(loan.side, loan.counterparty.name, loan.principal) for loan in account.loans] == [
        ("borrowed", "lender", 900), ("lent", "borrower", 50),
    ]  # fmt: skip
    (perp,) = account.perps
    assert (perp.size, perp.entry, perp.funding, perp.counterparty.name) == (D("-0.5"), 2000, 3, "counterparty 1")
    # 1000 * (1 - 0.005) - 901.356165 + 50 * 0.98 - 3
    assert account.available_margin == D("139.643835")
    assert booked.exchange.audit() == []


def test_it_trades_on_from_there() -> None:
    booked = _book(BASE)
    account = booked.account
    account.deposit("USDM", 1_000)
    account.repay(account.loans[0].id)
    account.true_up(account.perps[0].id)
    # eight hours of interest on 900; then 3 of funding to the counterparty, who had nothing and owes nothing
    assert account.balances["USDM"] == D("1000") - D("900.045206") - 3
    assert account.perps[0].unrealised == 0
    assert booked.exchange.audit() == []


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_several_perps_of_an_asset_count_as_their_sum(number: int, sign: int) -> None:
    whole = _with("portfolio/perps", [{"asset": "ETH", "size": str(6 * sign), "entry": "1900", "funding": "6"}])
    part = {"asset": "ETH", "size": str(6 // number * sign), "entry": "1900", "funding": str(6 // number)}
    parts = _with("portfolio/perps", [part] * number)
    assert _book(whole).value() == _book(parts).value()
    assert len(_book(parts).account.perps) == number


def test_perps_on_both_sides_of_a_market_are_netted() -> None:
    perps = [
        {"asset": "ETH", "size": "1", "entry": "1900", "funding": "1"},
        {"asset": "ETH", "size": "-0.4", "entry": "2100", "funding": "-2"},
    ]
    booked = _book(_with("portfolio/perps", perps))
    (perp,) = booked.account.perps
    assert (perp.size, perp.unrealised) == (D("0.6"), 100 + 40 - 1 + 2)
    even = [dict(perps[0], size="0.4"), perps[1]]
    booked = _book(_with("portfolio/perps", even))
    assert booked.account.perps == []
    assert booked.account.balances["USDM"] == 80 + 1
    lossy = [dict(perps[0], size="0.4", entry="2200"), perps[1]]
    booked = _book(_with("portfolio/perps", lossy))
    assert [(loan.is_iou, loan.principal) for loan in booked.account.loans if loan.is_iou] == [(True, 39)]
    assert booked.account.nav == 1_000 - D("901.356165") + 50 - 39
    assert booked.exchange.audit() == []


def test_the_netted_portfolio_is_the_formula_s() -> None:
    """Sizes and costs of one market simply add up, so the figures do not depend on how they are split."""
    one = [{"asset": "ETH", "size": "0.6", "entry": "2000", "funding": "0"}]
    two = [
        {"asset": "ETH", "size": "1", "entry": "2000", "funding": "5"},
        {"asset": "ETH", "size": "-0.4", "entry": "2000", "funding": "-5"},
    ]
    assert _book(_with("portfolio/perps", one)).value() == _book(_with("portfolio/perps", two)).value()


WRONG: list[tuple[str, object, str]] = [
    ("name", ..., "name: missing"),
    ("numeraire", "USD", "numeraire: USD is not among the assets"),
    ("tenor_hours", 0, "tenor_hours: is 1..8760"),
    ("tenor_hours", 10**30, "tenor_hours: is 1..8760"),
    ("tenor_hours", True, "tenor_hours: Expected `int`, got `bool`"),
    ("lent_haircut_ppm", -1, "lent_haircut_ppm: is 0..100000"),
    ("unwind_severity_ppm", 1_000_000, "unwind_severity_ppm: is a multiple"),
    ("assets", [], "assets: Expected `object`, got `array`"),
    ("assets/USDM", {}, "assets.USDM.decimals: missing"),
    ("assets/USDM/decimals", -1, "assets.USDM.decimals: is 0..12"),
    ("assets/ETH/decimals", 10, "assets.ETH.decimals: is 0..9"),
    ("assets/ETH/mark", ..., "assets.ETH.mark: missing"),
    ("assets/ETH/mark", "0", "assets.ETH.mark: 0 is not above zero"),
    ("assets/ETH/mark", "NaN", "assets.ETH.mark: 'NaN' is not a decimal number"),
    ("assets/ETH/mark", 2000, "assets.ETH.mark: Expected `str`, got `int`"),
    ("assets/ETH/mark", 2000.5, "assets.ETH.mark: Expected `str`, got `float`"),
    ("assets/ETH/mark", "1" * 25, "assets.ETH.mark: price 1+0+ is out of range"),
    ("assets/ETH/mark", "100000001", "assets.ETH.mark: SET_MARK: MARK_OUT_OF_RANGE"),
    ("assets/ETH/mark", "0.123456789", "assets.ETH.mark: .*more than 8 decimals"),
    ("assets/ETH/shock_ppm", 1_000_001, "assets.ETH.shock_ppm: is 0..1000000"),
    ("assets/ETH/slippage_ppm", 100_001, "assets.ETH.slippage_ppm: is 0..100000"),
    ("assets/ETH/basis_ppm", -1, "assets.ETH.basis_ppm: is 0..100000"),
    ("assets/ETH/group", "", "assets.ETH.group: is empty"),
    ("assets/ETH/depth", ..., "assets.ETH.depth: missing"),
    ("assets/ETH/depth", "0", "assets.ETH.depth: 0 is not above zero"),
    ("assets/ETH/depth", "1" * 20, "assets.ETH.depth: is at most"),
    ("assets/ETH/colour", "red", "assets.ETH.colour: there is no such field"),
    ("portfolio/balances", ..., "portfolio.balances: missing"),
    ("portfolio/balances/ETH", "-1", "portfolio.balances.ETH: -1 is below zero"),
    ("portfolio/balances/ETH", "1e3", "portfolio.balances.ETH: '1e3' is not a decimal number"),
    ("portfolio/balances/ETH", "0.000000001", "portfolio.balances.ETH: .*more than 8 decimals"),
    ("portfolio/balances/ETH", "1" * 12, "portfolio.balances.ETH: amount 1+0+ is out of range"),
    ("portfolio/balances/ETH", "1" * 11, "portfolio.balances.ETH: DEPOSIT: AMOUNT_TOO_LARGE"),
    ("portfolio/balances/ETH", "10000000", "portfolio: ETH is worth more than"),
    ("portfolio/balances/DOGE", "1", "portfolio.balances.DOGE: 'DOGE' is not among the assets"),
    ("portfolio/balances/ETH", None, r"portfolio.balances\[...\]: Expected `str`, got `null`"),
    ("portfolio/borrowed/0", 1, r"portfolio.borrowed\[0\]: Expected `object`, got `int`"),
    ("portfolio/borrowed/0/principal", "0", r"portfolio.borrowed\[0\].principal: 0 is not above zero"),
    ("portfolio/borrowed/0/rate_bp", 0, r"portfolio.borrowed\[0\].rate_bp: is 1..9999"),
    ("portfolio/borrowed/0/rate_bp", "550", r"portfolio.borrowed\[0\].rate_bp: Expected `int`, got `str`"),
    ("portfolio/borrowed/0/asset", "DOGE", r"portfolio.borrowed\[0\].asset: 'DOGE' is not among the assets"),
    ("portfolio/lent/0/principal", "-5", r"portfolio.lent\[0\].principal: -5 is not above zero"),
    ("portfolio/lent", {}, "portfolio.lent: Expected `array`, got `object`"),
    ("portfolio/perps/0/asset", "USDM", r"portfolio.perps\[0\].asset: the numeraire has no perpetual"),
    ("portfolio/perps/0/size", "0", r"portfolio.perps\[0\].size: 0 is zero"),
    ("portfolio/perps/0/size", "0.000000001", r"portfolio.perps\[0\].size: .*more than 8 decimals"),
    ("portfolio/perps/0/entry", "-2000", r"portfolio.perps\[0\].entry: -2000 is not above zero"),
    ("portfolio/perps/0/entry", "9" * 25, "portfolio.perps of ETH: a cost is"),
    ("portfolio/perps/0/funding", "0.0000001", r"portfolio.perps\[0\].funding: .*more than 6 decimals"),
    ("portfolio/perps/0/funding", ..., r"portfolio.perps\[0\].funding: missing"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=[f"{path}={value!s:.9}" for path, value, _ in WRONG])
def test_a_wrong_field_is_named(path: str, value: object, message: str) -> None:
    with pytest.raises(PortfolioError, match=f"^{message}") as error:
        read_portfolios(msgspec.json.encode(_with(path, value)))
    assert "\n" not in str(error.value)
    with pytest.raises(PortfolioError, match=rf"^\[1\]\.{message}"):
        read_portfolios(msgspec.json.encode([BASE, _with(path, value)]))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1, 2", b"\xff", b'{"name": NaN}', b"[" * 100_000, b"null", b"3", b"[[]]"]
)
def test_what_is_no_portfolio_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(PortfolioError):
        read_portfolios(text)


def test_a_depth_that_drowns_the_portfolio_is_refused() -> None:
    data = _with("assets/ETH/depth", "0.000001")
    data["portfolio"]["perps"][0]["size"] = "-100"
    with pytest.raises(PortfolioError, match=r"^assets\.ETH\.depth: too small"):
        read_portfolios(json.dumps(data).encode())
