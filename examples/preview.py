"""Ask before doing: what an order would fill at, what it would cost, and where it would leave the account."""

from worldmarkets import Exchange
from worldmarkets.exchange import Rejected

exchange = Exchange()
exchange.marks({"BTC": "60000"})
maker, trader = exchange.account("maker"), exchange.account("trader")
maker.deposit("USDM", "1_000_000")
trader.deposit("USDM", "1_000")
for step in range(3):
    maker.sell("BTC-PERP", "0.03", price=60_010 + 10 * step)

for size in ("0.02", "0.05", "0.2"):
    preview = trader.preview.buy("BTC-PERP", size, slippage="1%")
    if preview.result:
        prices = ", ".join(f"{fill.size} at {fill.price}" for fill in preview.result.fills)
        print(f"{size} BTC: {prices}; fees {preview.result.fees}; resilience {preview.after.resilience:.2f}")
    else:
        print(f"{size} BTC: {preview.result.message}")

trader.buy("BTC-PERP", "0.05")
for price in trader.rung_prices():
    print(f"{price.rung}: reached when BTC falls to {price.down:.2f}")
try:
    trader.withdraw("USDM", "900")
except Rejected as refused:
    print(refused)
