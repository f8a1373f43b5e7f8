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
COMPRESS = 18
COMMAND_KINDS = 19

# Kinds of timed work: what `subject` of a timer is a row of.
FUNDING_PERIOD = 1  # markets
ORDER_EXPIRY = 2  # orders
TRIGGERS = 3  # trigger_sides
DEAD_MAN = 4  # accounts
LOAN_DUE = 5  # loans
PARAMETER_CHANGE = 6  # the row of the change
DUE_KINDS = 7

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
WORK_DEFERRED = 20
BUNDLE_APPLIED = 21
COMPRESSED = 22
REPEATED = 23
REJECTED = 24
EVENT_KINDS = 25

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

# Settings of an account.
GIVE_UP = 0  # the order of the above
COMPRESSION = 1  # 1: others may compress circles that it stands in

# Flags of a loan.
LOAN_IOU = 1
LOAN_NO_RELEND = 2

# Result codes, in order of precedence.
OK = 0
MALFORMED = 1
UNKNOWN_KIND = 2
TIME_BACKWARDS = 3
CAPACITY = 4
BUNDLE_SIZE = 5
BUNDLE_NESTED = 6
BUNDLE_ACCOUNT = 7
UNKNOWN_ACCOUNT = 8
UNKNOWN_ASSET = 9
UNKNOWN_MARKET = 10
UNKNOWN_ORDER = 11
UNKNOWN_CONTRACT = 12
NOT_OWNER = 13
NOT_CONSENTED = 14
ACCOUNT_EXISTS = 15
SAME_ACCOUNT = 16
AMOUNT_NOT_POSITIVE = 17
AMOUNT_TOO_LARGE = 18
SIZE_NOT_POSITIVE = 19
SIZE_TOO_SMALL = 20
SIZE_TOO_LARGE = 21
SLIPPAGE_OUT_OF_RANGE = 22
PRICE_OUT_OF_RANGE = 23
NOTIONAL_TOO_LARGE = 24
EXPIRY_PAST = 25
BAD_COMBINATION = 26
NOT_A_CIRCLE = 27
VENUE_MODE = 28
MARKET_MODE = 29
MARK_NOT_POSITIVE = 30
MARK_OUT_OF_RANGE = 31
MARK_STALE = 32
MARK_STEP = 33
MARK_MISSING = 34
NOTHING_TO_REDUCE = 35
WOULD_CROSS = 36
COLLATERAL_CAP = 37
POSITIONS_LIMIT = 38
FEED_STATE = 39
OPEN_INTEREST_CAP = 40
LOAN_NOT_EXTENSIBLE = 41
LENDER_NOT_FREE = 42
RATE_ABOVE_CAP = 43
BALANCE = 44
LOANS_LIMIT = 45
OVERDUE_IOU = 46
MARGIN = 47
OPEN_ORDERS = 48
MARGIN_WORSE = 49
PRICE_BAND = 50
WITHDRAWABLE = 51
FILL_OR_KILL_UNFILLED = 52
WORK = 53
INTERNAL = 54
RESULT_CODES = 55

# Why an order left the book, beside the codes above.
REASON_REQUESTED = 100
REASON_IMMEDIATE = 101
REASON_EXPIRED = 102
REASON_SELF_TRADE = 103
REASON_AMENDED = 104
REASON_REDUCED = 105

# Why a perp contract changed: both sides of a fill opened, what they had between themselves was torn up, one side
# reduced and its counterparty was re-paired, both reduced and their counterparties met, or it stood in a circle of
# contracts that was compressed.
OPENED = 1
TORN_UP = 2
REPAIRED = 3
CROSSED = 4
CIRCLED = 5

NUMERAIRE = 1  # the row of the numeraire among the assets
NONE = 0  # the row of no record: row 0 of a table is never used
