"""An engine with spot markets, driven by records and read from its tables: what tests of the book stand on."""

from worldmarkets.core import codes, records, units
from worldmarkets.core.engine import Engine

START_US = 1_700_000_000_000_000
EVENTS = {
    codes.ORDER_PLACED: records.OrderPlaced,
    codes.ORDER_CANCELLED: records.OrderCancelled,
    codes.ORDER_AMENDED: records.OrderAmended,
    codes.TRADED: records.Traded,
    codes.REPEATED: records.Repeated,
    codes.REJECTED: records.Rejected,
}


class SpotVenue:
    """One engine, its time, and the accounts and spot markets opened so far. A lot is one quantum, a tick one too."""

    def __init__(self, **parameters):
        self.engine = Engine({"nodes": 1 << 16, "children": 1 << 22, "levels": 1 << 22})
        self.engine.state.open()
        self.time_us = START_US
        self.accounts = self.assets = self.markets = 0
        self.rules = self.engine.governance
        self.rules.open_venue(self.time_us, **parameters)
        self.add_asset()  # the numeraire

    def add_asset(self):
        self.assets = self.rules.add_asset(6, self.rules.add_group())
        return self.assets

    def add_market(self, mark_ticks=100, **terms):
        """Return a new spot market and its asset, whose mark is `mark_ticks` a lot."""
        asset = self.add_asset()
        market = self.rules.add_market(codes.SPOT, asset, lot_quanta=1, **terms)
        self.set_mark(asset, mark_ticks)
        return market, asset

    def set_mark(self, asset, ticks):
        self.must(records.SetMark, codes.SET_MARK, asset=asset, price=ticks * units.PRICE_ONE,
                  source_time_us=self.time_us, sources=1, agreeing=1)  # fmt: skip

    def open_account(self, owner, index=0):
        self.must(records.OpenAccount, codes.OPEN_ACCOUNT, owner_low=owner, index=index)
        self.accounts += 1
        return self.accounts

    def deposit(self, account, asset, amount):
        self.must(records.Funds, codes.DEPOSIT, account=account, asset=asset, amount=amount)

    def command(self, record, kind, **fields):
        return record(kind=kind, time_us=self.time_us, **fields)

    def place(self, account, market, side, price_ticks, lots, **fields):
        return self.command(records.PlaceOrder, codes.PLACE_ORDER, account=account, market=market, side=side,
                            price_ticks=price_ticks, lots=lots, **fields)  # fmt: skip

    def cancel(self, account, **fields):
        return self.command(records.OrderChange, codes.CANCEL_ORDER, account=account, **fields)

    def cancel_all(self, account, market=0, side=2):
        return self.command(records.OrderChange, codes.CANCEL_ALL, account=account, market=market, side=side)

    def amend(self, account, price_ticks, lots, **fields):
        return self.command(records.OrderChange, codes.AMEND_ORDER, account=account, price_ticks=price_ticks, lots=lots,
                            **fields)  # fmt: skip

    def bundle(self, account, *legs):
        return self.command(records.Command, codes.BUNDLE, account=account, count=len(legs)), *legs

    def must(self, record, kind, **fields):
        events = self.send(self.command(record, kind, **fields))
        assert all(event.kind != codes.REJECTED for event in events), [event.as_dict() for event in events]

    def send(self, *commands):
        """Apply commands and return their events, each as the record of its kind."""
        data = self.engine.apply(b"".join(map(bytes, commands)))
        return [
            EVENTS.get(data[place + 8], records.Event).from_buffer_copy(data, place)
            for place in range(0, len(data), 64)
        ]

    def is_parked(self, order):
        """Say whether an order waits for its trigger."""
        data = self.engine.state.conditions.view(order.condition, order.condition + 1)
        return order.condition > 0 and records.Condition.from_buffer_copy(data).place == codes.PARKED

    def get_orders(self, market, side):
        """Return the rows of the orders of one side of a book, in priority, as the links of its queues have them."""
        state = self.engine.state
        pool = records.Pool.from_buffer_copy(state.pools.view(state.orders.number, state.orders.number + 1))
        table = state.orders.view(0, pool.used + 1)
        rows = [records.Order.from_buffer_copy(table, place) for place in range(0, len(table), state.orders.row_bytes)]
        is_live = [row.id >> units.ORDER_SLOT_BITS > 0 and not self.is_parked(row) for row in rows]
        heads = [
            row for row, live in zip(rows, is_live, strict=True)
            if live and row.market == market and row.side == side and row.previous == 0
        ]  # fmt: skip
        queue = []
        for row in sorted(heads, key=lambda row: row.price_ticks, reverse=side == codes.BUY):
            queue.append(row)
            while queue[-1].next:
                assert rows[queue[-1].next].previous == queue[-1].id & (1 << units.ORDER_SLOT_BITS) - 1
                queue.append(rows[queue[-1].next])
        return queue
