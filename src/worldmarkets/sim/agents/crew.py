"""The crew: every agent of a venue of development, funded and kept at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from worldmarkets.exchange import ExchangeError
from worldmarkets.node.deposits import Deposits
from worldmarkets.node.errors import Refused
from worldmarkets.sim.agents.films import ONE
from worldmarkets.sim.agents.lenders import Bidder, Lender, Rates
from worldmarkets.sim.agents.makers import MAKERS, Maker
from worldmarkets.sim.agents.played import Market
from worldmarkets.sim.agents.takers import Basis, Borrower, Flow, Hedger, Momentum
from worldmarkets.sim.agents.trader import Agent, Key, Trader

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

LENDERS = 2
PERIODS = {"ETH": 0.5, "BTC": 1.0}  # seconds between two quotes of a maker; others take their time
SLOW = 2.0
FUND_SECONDS = 60.0
FAILED_SECONDS = 30.0
log = structlog.get_logger()


class Crew:
    """The agents of a node.  `market` is what they play, `seed` what their rates walk by."""

    def __init__(self, node: Node, deposits: Deposits, market: Market, seed: int = 1) -> None:
        self._node = node
        self._deposits = deposits
        self._market = market
        self.agents = self._hire(seed)

    @property
    def sent(self) -> int:
        """How many bundles they sent."""
        return sum(trader.sent for agent in self.agents for trader in agent.traders)

    @property
    def refused(self) -> int:
        """How many of those were refused."""
        return sum(trader.refused for agent in self.agents for trader in agent.traders)

    def _hire(self, seed: int) -> list[Agent]:
        node, listing, played = self._node, self._node.exchange.listing, self._market.markets
        agents: list[Agent] = []
        books = [market for market in listing.markets if market.symbol in played]
        loans = [market for market in listing.markets if market.kind == "loan"]
        for place in range(MAKERS):
            key = Key(f"maker-{place + 1}")
            for market in books:
                period = PERIODS.get(market.asset.symbol, SLOW)
                agents.append(Maker(node, key, market, played[market.symbol], place, period))
        lenders = [Key(f"lender-{place + 1}") for place in range(LENDERS)]
        bidder, flow, momentum = Key("bidder"), Key("flow"), Key("momentum")
        for market in loans:
            rates, worth = Rates(market, seed), self._get_price(market.asset.symbol)
            agents += [Lender(node, key, market, rates, place, worth) for place, key in enumerate(lenders)]
            agents.append(Bidder(node, bidder, market, rates, worth))
        agents += [Flow(node, flow, market, played[market.symbol]) for market in books]
        agents += [Momentum(node, momentum, market) for market in books if market.kind == "perp"]
        spot, perp = listing.market("ETH/USDM"), listing.market("ETH-PERP")
        agents.append(Basis(node, Key("basis"), spot, perp, listing.market("USDM-LOAN-10D")))
        agents.append(Hedger(node, Key("hedger"), listing.market("stETH/USDM"), perp))
        agents.append(Borrower(node, Key("borrower"), loans))
        return agents

    def _get_price(self, asset: str) -> int:
        prices = self._market.prices[0]
        return prices[asset](self._node.clock.now_us()) if asset in prices else ONE

    async def fund(self, watch: Callable[[int, int], None] | None = None) -> None:
        """Open the accounts that are not there, and bring up what fell.  Raises Refused in a group.

        `watch` is called with how many accounts are done, and of how many.
        """
        wanted = [funds for agent in self.agents for funds in agent.get_funds()]
        done = 0

        async def fund(trader: Trader, funds: dict[str, Decimal]) -> None:
            nonlocal done
            await trader.fund(self._deposits, funds)
            done += 1
            if watch is not None:
                watch(done, len(wanted))

        async with asyncio.TaskGroup() as group:  # side by side: each waits for the disk
            for trader, funds in wanted:
                group.create_task(fund(trader, funds))

    async def run(self) -> None:
        """Act until cancelled; `fund` comes first."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fund_again())
            for place, agent in enumerate(self.agents):
                group.create_task(self._work(agent, place / len(self.agents)))

    async def _fund_again(self) -> None:
        while True:
            await asyncio.sleep(FUND_SECONDS)
            try:
                await self.fund()
            except* Refused as group:
                log.warning("agents are not funded", reason=str(group.exceptions[0]))

    async def _work(self, agent: Agent, share: float) -> None:
        """Let an agent act; it begins at its share of its period, so that not all act at once."""
        await asyncio.sleep(agent.period * share)
        while True:
            try:
                await agent.step()
            except ExchangeError as error:  # its view of the market was old: it looks again
                log.debug("agent stumbled", agent=agent.name, error=str(error))
            except Exception as error:  # an agent's fault is not the venue's
                log.error("agent failed", agent=agent.name, error=repr(error))
                await asyncio.sleep(FAILED_SECONDS)
            await asyncio.sleep(agent.period)
