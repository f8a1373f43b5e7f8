"""A backtest in ten lines: buy after a rise, sell after a fall, under every rule of the exchange."""

from worldmarkets import Exchange

closes = [2000, 2012, 2031, 2024, 2003, 1987, 1990, 2008, 2033, 2059, 2071, 2066, 2089, 2110, 2098]

exchange = Exchange()
maker, trader = exchange.account("maker"), exchange.account("trader")
maker.deposit("USDM", "1_000_000")
trader.deposit("USDM", "1_000")
for before, close in zip(closes, closes[1:], strict=False):
    exchange.step(hours=1)
    exchange.mark("ETH", close)
    maker.cancel_all()
    maker.buy("ETH-PERP", 10, price=close - 1)
    maker.sell("ETH-PERP", 10, price=close + 1)
    trader.order("ETH-PERP", "buy" if close > before else "sell", "0.2")
    print(f"{exchange.time:%H:%M}  ETH {close}  worth {trader.nav:10.2f}  resilience {trader.resilience:.2f}")
