"""Numbers with a meaning on the wire or in the rules.

Result codes are declared in order of precedence: of two rules that a command breaks, the one declared first is named.
"""

from __future__ import annotations

# Kinds of command.
OPEN_ACCOUNT = 1
DEPOSIT = 2
WITHDRAW = 3
TRANSFER = 4
SET_MARK = 5
ADVANCE_TIME = 6
CONFIGURE_ACCOUNT = 7
PLACE_ORDER = 8
CANCEL_ORDER = 9
CANCEL_ALL = 10
AMEND_ORDER = 11
TRUE_UP = 12
REPAY_LOAN = 13
EXTEND_LOAN = 14
BUNDLE = 15
SET_MARKET_MODE = 16
SET_FEED = 17
COMMAND_KINDS = 18

# Kinds of event.
ACCOUNT_OPENED = 1
DEPOSITED = 2
WITHDRAWN = 3
TRANSFERRED = 4
MARK_SET = 5
TIME_ADVANCED = 6
ACCOUNT_CONFIGURED = 7
ORDER_PLACED = 8
ORDER_CANCELLED = 9
ORDER_AMENDED = 10
TRADED = 11
PERP_CHANGED = 12
TRUED_UP = 13
LOAN_OPENED = 14
LOAN_REPAID = 15
LOAN_EXTENDED = 16
FUNDING_SET = 17
MARKET_MODE_SET = 18
FEED_SET = 19
BUNDLE_APPLIED = 20
REPEATED = 21
REJECTED = 22
EVENT_KINDS = 23

# Sides of a book.  In a loan book a bid borrows and an ask lends.
BUY = 0
SELL = 1

# Kinds of market.
SPOT = 1
PERP = 2
LOAN = 3

# Modes of a market, and of the venue.
PRELAUNCH = 0
CANCEL_ONLY = 1
POST_ONLY_MODE = 2
OPEN = 3
SETTLING = 4

# States of a price feed.
FEED_NONE = 0
FEED_VALID = 1
FEED_STALE_STATE = 2
FEED_VOLATILE = 3
FEED_HALTED = 4

# Time in force.
GOOD_TILL_CANCEL = 0
IMMEDIATE_OR_CANCEL = 1
FILL_OR_KILL = 2
GOOD_TILL_TIME = 3

# Flags of an order.
POST_ONLY = 1
SLIDE = 2  # with POST_ONLY: rest one tick away rather than be rejected
REDUCE_ONLY = 4
MARKET = 8  # the price field holds the slippage bound in ppm of the mark
NO_RELEND = 16  # a lender's principal does not return to the book, and its loans cannot be extended
RETURNED = 32  # placed by the engine: principal that returned to the book

# Self-trade prevention.
CANCEL_RESTING = 0
CANCEL_INCOMING = 1
CANCEL_BOTH = 2
DECREMENT = 3

# The order in which a reducing account gives its contracts up.
NEWEST_FIRST = 0
OLDEST_FIRST = 1

# Flags of a loan.
LOAN_IOU = 1
LOAN_NO_RELEND = 2

# Result codes, in order of precedence.
OK = 0
MALFORMED = 1
UNKNOWN_KIND = 2
TIME_BACKWARDS = 3
CAPACITY = 4
UNKNOWN_ACCOUNT = 5
UNKNOWN_ASSET = 6
UNKNOWN_MARKET = 7
UNKNOWN_ORDER = 8
UNKNOWN_CONTRACT = 9
NOT_OWNER = 10
ACCOUNT_EXISTS = 11
SAME_ACCOUNT = 12
AMOUNT_NOT_POSITIVE = 13
AMOUNT_TOO_LARGE = 14
SIZE_NOT_POSITIVE = 15
SIZE_TOO_SMALL = 16
SIZE_TOO_LARGE = 17
PRICE_OUT_OF_RANGE = 18
NOTIONAL_TOO_LARGE = 19
SLIPPAGE_OUT_OF_RANGE = 20
EXPIRY_PAST = 21
BAD_COMBINATION = 22
VENUE_MODE = 23
MARKET_MODE = 24
MARK_NOT_POSITIVE = 25
MARK_OUT_OF_RANGE = 26
MARK_STALE = 27
MARK_STEP = 28
MARK_MISSING = 29
FEED_STATE = 30
DUPLICATE_CLIENT_ID = 31
NOTHING_TO_REDUCE = 32
WOULD_CROSS = 33
SELF_TRADE = 34
FILL_OR_KILL_UNFILLED = 35
BALANCE = 36
POSITIONS_LIMIT = 37
LOANS_LIMIT = 38
HOLDING_CAP = 39
OPEN_INTEREST_CAP = 40
COLLATERAL_CAP = 41
OPEN_ORDERS = 42
OVERDUE_IOU = 43
LOAN_NOT_EXTENSIBLE = 44
RATE_ABOVE_CAP = 45
LENDER_NOT_FREE = 46
MARGIN = 47
MARGIN_WORSE = 48
PRICE_BAND = 49
WITHDRAWABLE = 50
WORK = 51
BUNDLE_SIZE = 52
BUNDLE_NESTED = 53
BUNDLE_ACCOUNT = 54
NOTHING_TO_DO = 55
INTERNAL = 56
RESULT_CODES = 57

# Why an order left the book, beside the codes above.
REASON_REQUESTED = 100
REASON_IMMEDIATE = 101
REASON_EXPIRED = 102
REASON_SELF_TRADE = 103
REASON_AMENDED = 104
REASON_REDUCED = 105
REASON_NO_LIQUIDITY = 106

# Why a perp contract changed: both sides of a fill opened, what they had between themselves was torn up, one side
# reduced and its counterparty was re-paired, or both reduced and their counterparties met.
OPENED = 1
TORN_UP = 2
REPAIRED = 3
CROSSED = 4

NUMERAIRE = 1  # the row of the numeraire among the assets
NONE = 0  # the row of no record: row 0 of a table is never used
