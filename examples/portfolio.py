"""Borrow, buy and hedge in one step, and look at what the portfolio can bear."""

from worldmarkets import Exchange

exchange = Exchange()
exchange.marks({"ETH": "2000"})
maker, trader = exchange.account("maker"), exchange.account("trader")
maker.deposit("USDM", "50_000")
maker.deposit("ETH", "10")
trader.deposit("USDM", "100")

maker.lend("USDM", "900", rate="5.5%")
maker.sell("ETH/USDM", "0.4", price="2000")
maker.buy("ETH-PERP", "0.4", price="2000")

with trader.bundle() as bundle:  # all of it or nothing; margin is asked for once, at the end
    bundle.borrow("USDM", "900", rate="5.5%")
    bundle.buy("ETH/USDM", "0.4", price="2000")
    bundle.sell("ETH-PERP", "0.4", price="2000")

print(f"{trader.name} is {trader.state}: worth {trader.nav}, {trader.available_margin} available")
for loan in trader.loans:
    print(f"  owes {loan.principal} {loan.asset} at {loan.rate} % to {loan.counterparty}, due {loan.due:%d %B}")
for perp in trader.perps:
    print(f"  {perp.size} {perp.market} with {perp.counterparty}, struck at {perp.entry:.2f}")
for group in trader.groups():
    print(f"  {group.group or 'cash':5} {group.nav:>12} less slippage {group.slippage}, basis {group.basis}")
for point in trader.curve(points=5, to=10):
    print(f"  V({point.severity:.1f}) = {point.value}")
