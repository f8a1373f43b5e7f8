"""The core for people: genesis, names and decimals, typed views.

`Exchange` is a venue in this process, for notebooks, backtests and tests; see docs/guide/developer.md.
"""

from worldmarkets.exchange.account import Account, CurvePoint, NextLook
from worldmarkets.exchange.breakdown import Group, Leg
from worldmarkets.exchange.bundle import Bundle, Preview
from worldmarkets.exchange.compression import Circle, CircleLeg, Compression, Party
from worldmarkets.exchange.cures import Cure
from worldmarkets.exchange.errors import (
    ExchangeError,
    GenesisError,
    PortfolioError,
    Rejected,
    UnitError,
    UnknownName,
)
from worldmarkets.exchange.exchange import Exchange
from worldmarkets.exchange.genesis import Genesis, load_genesis, open_engine, parse_genesis
from worldmarkets.exchange.ladder import LadderStanding, Receipt, Step, WhatIf
from worldmarkets.exchange.market import CurveRate, Depth, Level, MarketView, Trade
from worldmarkets.exchange.parameters import Change
from worldmarkets.exchange.quotes import Ladders, Limits, Protection, QuoteView
from worldmarkets.exchange.results import Cancelled, Fill, Refused, Result, SliceTaken, Standing
from worldmarkets.exchange.rungs import RungPrice
from worldmarkets.exchange.views import BackstopBid, Loan, Order, Perp, Position

__all__ = [
    "Account",
    "BackstopBid",
    "Bundle",
    "Cancelled",
    "Change",
    "Circle",
    "CircleLeg",
    "Compression",
    "Cure",
    "CurvePoint",
    "CurveRate",
    "Depth",
    "Exchange",
    "ExchangeError",
    "Fill",
    "Genesis",
    "GenesisError",
    "Group",
    "LadderStanding",
    "Ladders",
    "Leg",
    "Level",
    "Limits",
    "Loan",
    "MarketView",
    "NextLook",
    "Order",
    "Party",
    "Perp",
    "PortfolioError",
    "Position",
    "Preview",
    "Protection",
    "QuoteView",
    "Receipt",
    "Refused",
    "Rejected",
    "Result",
    "RungPrice",
    "SliceTaken",
    "Standing",
    "Step",
    "Trade",
    "UnitError",
    "UnknownName",
    "WhatIf",
    "load_genesis",
    "open_engine",
    "parse_genesis",
]
