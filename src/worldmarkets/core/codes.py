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
PAIR_ORDERS = 12
SET_DEAD_MAN = 13
TRUE_UP = 14
REPAY_LOAN = 15
EXTEND_LOAN = 16
EXIT_LOAN = 17
RENEW_LOAN = 18
CONFIGURE_LOAN = 19
PLACE_BID = 20
BUNDLE = 21
SET_POLICY = 22
SET_COUNTERPARTY = 23
SET_MARKET_MODE = 24
SET_FEED = 25
COMPRESS = 26
MASS_QUOTE = 27
QUOTE = 28  # stands under a MASS_QUOTE only
SET_PROTECTION = 29
RESET_PROTECTION = 30
SET_LIMITS = 31
SET_VENUE_LIMITS = 32
PROPOSE_CHANGE = 33
CANCEL_CHANGE = 34
LIST_ASSET = 35
LIST_MARKET = 36
SIGNED = 37  # an envelope: the records after it are one command, with the key that sent it
ADD_KEY = 38
SET_MANDATE = 39
REVOKE_KEY = 40
STAKE = 41
UNSTAKE = 42
SET_COVER = 43
SET_PLAN = 44
PLAN_STEP = 45  # stands under a SET_PLAN only
COMMAND_KINDS = 46  # at most 64: a mandate has a bit for each

# Kinds of which `count` says how many records after them belong to them, a bit each.
HEAD_KINDS = 1 << BUNDLE | 1 << COMPRESS | 1 << MASS_QUOTE | 1 << SIGNED | 1 << SET_PLAN

# Kinds of timed work: what `subject` of a timer is a row of.
FUNDING_PERIOD = 1  # markets
ORDER_EXPIRY = 2  # orders
TRIGGERS = 3  # trigger_sides
DEAD_MAN = 4  # accounts
ORDERS_SWEEP = 5  # accounts
LOAN_DUE = 6  # loans
PARAMETER_CHANGE = 7  # the row of the change
FEED_SUSPENSION_DUE = 8  # assets
LADDER = 9  # the venue
CLOSE_OUT = 10  # estates
STAKE_LEAVES = 11  # stakes
MARGIN_CALL = 12  # accounts

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
ORDER_TRIGGERED = 11
ORDERS_PAIRED = 12
DEAD_MAN_SET = 13
TRADED = 14
PERP_CHANGED = 15
TRUED_UP = 16
LOAN_OPENED = 17
LOAN_REPAID = 18
LOAN_EXTENDED = 19
LOAN_MOVED = 20
LOAN_ASSUMED = 21
INTEREST_SHARED = 22
LOAN_OVERDUE = 23
LOAN_DELIVERED = 24
LOAN_CONFIGURED = 25
STAKE_CHANGED = 26
COVER_SET = 27
COVER_CHARGED = 28
CLOSE_OUT_BEGUN = 29
CLOSE_OUT_COUNTED = 30
CONTRACT_COUNTED = 31
CLAIM_PAID = 32
CLOSE_OUT_DONE = 33
FUNDING_SET = 34
MARKET_MODE_SET = 35
FEED_SET = 36
WORK_DONE = 37
WORK_DEFERRED = 38
PARAMETER_PROPOSED = 39
PARAMETER_CHANGED = 40
PARAMETER_CANCELLED = 41
ASSET_LISTED = 42
MARKET_LISTED = 43
MARKET_SETTLED = 44
BUNDLE_APPLIED = 45
COMPRESSED = 46
QUOTE_REFUSED = 47
QUOTED = 48
PROTECTION_SET = 49
PROTECTION_TRIPPED = 50
PROTECTION_RESET = 51
LIMITS_SET = 52
ACCOUNT_STATE = 53
LATCHED = 54
RUNG_ENDED = 55
RUNG_COST = 56
STEP_ENDED = 57
PLAN_SET = 58
MARGIN_CALLED = 59
MARGIN_CURE = 60
POLICY_SET = 61
COUNTERPARTY_SET = 62
BACKSTOP_TAKEN = 63
BALANCE_TAKEN = 64
KEY_ADDED = 65
MANDATE_SET = 66
KEY_REVOKED = 67
REPEATED = 68
UNCHANGED = 69
REJECTED = 70
EVENT_KINDS = 71

# Sides of a book.  In a loan book a bid borrows and an ask lends.
BUY = 0
SELL = 1

# Kinds of market.
SPOT = 1
PERP = 2
LOAN = 3
BACKSTOP = 4  # of the numeraire, one a venue: its asks are bids for slices of portfolios

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
FEED_SUSPENDED = 5  # halted for a day

# What may be done in an asset.
MAY_OPEN = 1  # take new risk in it: buy, open or add to a perp
MAY_REDUCE = 2  # sell what is held, buy back what is owed, reduce a perp
MAY_BORROW = 4
MAY_LEND = 8
MAY_LEAVE = 16  # be withdrawn or transferred
MAY_COUNT = 32  # as a holding that carries new risk of its account

# What each state of its feed allows; docs/spec/marks.md shows this table.
FEED_NONE_ALLOWS = MAY_LEAVE
FEED_VALID_ALLOWS = MAY_OPEN | MAY_REDUCE | MAY_BORROW | MAY_LEND | MAY_LEAVE | MAY_COUNT
FEED_STALE_ALLOWS = MAY_REDUCE | MAY_LEND | MAY_LEAVE | MAY_COUNT
FEED_VOLATILE_ALLOWS = MAY_REDUCE | MAY_LEND | MAY_LEAVE | MAY_COUNT
FEED_HALTED_ALLOWS = MAY_LEAVE | MAY_COUNT
FEED_SUSPENDED_ALLOWS = MAY_LEAVE

# States of an account.  From STATE_UNWIND on it is latched: only V(a, initial) >= 0 frees it.
STATE_FREE = 0
STATE_MARGIN_CALL = 1
STATE_UNWIND = 2
STATE_AUCTION = 3
STATE_CLOSE_OUT = 4

# Why an account is closed out.
INSOLVENT = 1  # V(account, 0) below zero
OUT_OF_TIME = 2  # its auction clock ran out
RECOVERED = 3  # it was insolvent and no longer is: nothing was closed

# How far the close-out of an account is (`Account.closing`), and its work.
WAITING = 1  # for the one before; it can still act
LEAVING_BOOKS = 2
FROZEN = 3
GATHERING = 4
NETTING = 5
COUNTING = 6
PAYING = 7

# What a contract that was closed out, or a payment to a creditor, was.
AS_PERP = 1
AS_LOAN = 2
AS_IOU = 3
AS_BALANCE = 4
AS_SHARE = 5
AS_COVER = 6

# Who sends a command of governance: a flag of its head.  Nobody may do anything unless it is written down.
ADMINISTRATOR = 1
GUARDIAN = 2
DELEGATE = 3  # what else a refusal may call a key

# Who may send which kinds, a bit each; a kind that stands nowhere nobody may send.  docs/spec/keys.md shows this table.
SEQUENCER_KINDS = 1 << OPEN_ACCOUNT | 1 << DEPOSIT | 1 << SET_MARK | 1 << ADVANCE_TIME  # without an envelope
VENUE_KINDS = (
    1 << SET_MARKET_MODE | 1 << SET_FEED | 1 << SET_VENUE_LIMITS | 1 << PROPOSE_CHANGE | 1 << CANCEL_CHANGE
    | 1 << LIST_ASSET | 1 << LIST_MARKET
)  # fmt: skip
MANDATE_KINDS = (  # what a mandate may allow a delegate; a bundle is what its legs are
    1 << CONFIGURE_ACCOUNT | 1 << PLACE_ORDER | 1 << CANCEL_ORDER | 1 << CANCEL_ALL | 1 << AMEND_ORDER
    | 1 << PAIR_ORDERS | 1 << SET_DEAD_MAN | 1 << TRUE_UP | 1 << REPAY_LOAN | 1 << EXTEND_LOAN | 1 << EXIT_LOAN
    | 1 << RENEW_LOAN | 1 << CONFIGURE_LOAN | 1 << SET_POLICY | 1 << SET_COUNTERPARTY | 1 << COMPRESS | 1 << MASS_QUOTE
    | 1 << SET_PROTECTION | 1 << RESET_PROTECTION | 1 << SET_LIMITS
)  # fmt: skip
OWNER_KINDS = (
    MANDATE_KINDS | 1 << WITHDRAW | 1 << TRANSFER | 1 << PLACE_BID | 1 << BUNDLE | 1 << ADD_KEY | 1 << SET_MANDATE
    | 1 << REVOKE_KEY | 1 << STAKE | 1 << UNSTAKE | 1 << SET_COVER | 1 << SET_PLAN
)  # fmt: skip

# Terms of a mandate: the fields that SET_MANDATE writes.
TERM_KINDS = 1
TERM_MARKETS = 2
TERM_ALL_MARKETS = 3
TERM_ORDER = 4
TERM_DAY = 5
TERM_LOSS = 6
TERM_FLOOR = 7
TERM_EXPIRY = 8

# States of a mandate.  One that is no key's any more lasts as long as orders of it do.
MANDATE_GOOD = 0
MANDATE_REVOKED = 1
MANDATE_KEPT = 2  # its orders may still be filled, under its terms

KEEP_ORDERS = 1  # flag of REVOKE_KEY

# Guards: the sets of parameters that change together (guards.py), and the listings, which wait like changes.
ASSET_RISK = 1
ASSET_LIMITS = 2
MARKET_LIMITS = 3
MARKET_FEES = 4
MARKET_END = 5
VENUE_RISK = 6
VENUE_ORDERS = 7
VENUE_RATES = 8
VENUE_DELAY = 9
MARKET_FUNDING = 10
VENUE_LOANS = 11
FEE_TIER = 12
VENUE_LADDER = 13
GUARD_KINDS = 14
NEW_ASSET = 14
NEW_MARKET = 15

# States of a change.
CHANGE_WAITING = 1
CHANGE_RAMPING = 2
CHANGE_WORKING = 3

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
ENGINE_ORDER = 128  # placed by the ladder
TAKE_PROFIT = 64  # with a trigger: waits for the mark to move in its favour; without the flag it is a stop

# Where an order with a condition is.
NOWHERE = 0  # being placed, amended or triggered
RESTING = 1
PARKED = 2  # waiting for its trigger

# The two sides of a market's trigger ladder.
DOWN = 0  # triggered by a mark at the trigger or below
UP = 1  # triggered by a mark at the trigger or above

PROTECTED = 256  # of a command: market-maker protection may pull the order

# Flags of a mass quote.
ALL_OR_NONE = 1  # one refused quote refuses all of them
PULL_OTHERS = 2  # quotes that it does not name are pulled

# Which limit of a protection was reached.
BY_LOTS = 1
BY_NOTIONAL = 2
BY_DELTA = 3

# Self-trade prevention.
CANCEL_RESTING = 0
CANCEL_INCOMING = 1
CANCEL_BOTH = 2
DECREMENT = 3

# The order in which a reducing account gives its contracts up.
NEWEST_FIRST = 0
OLDEST_FIRST = 1
WEAKEST_FIRST = 2

# What a policy is told of one counterparty.
FORGET_COUNTERPARTY = 0
LIMIT_COUNTERPARTY = 1
DENY_COUNTERPARTY = 2
DENY_OWNER = 3  # every account, open or still to be opened, of the counterparty's owner
FORGET_OWNER = 4

# Settings of an account.
GIVE_UP = 0  # the order of the above
COMPRESSION = 1  # 1: others may compress circles that it stands in
KEEP_OVERDUE = 2  # 1: it keeps loans it gave that are overdue, at the penalty rate, and takes no other holdings

# Flags of a loan.
LOAN_IOU = 1
LOAN_NO_RELEND = 2
LOAN_NO_RENEWAL = 4  # only the borrower extends it
LOAN_IS_OVERDUE = 8
LOAN_IS_APART = 16  # its lender has it since its borrower was in distress: it is not netted in a close-out

# Steps of an unwind plan: what `subject` of a step is.
PLAN_CANCEL = 1  # an order
PLAN_TOP_UP = 2  # an account of the same owner
PLAN_REPAY = 3  # a loan
PLAN_CLOSE = 4  # a perp market
PLAN_SELL = 5  # a spot market
PLAN_HEDGE = 6  # a perp market

# Steps of a loan's plan at its due time: four bits each, the first step lowest; 0 is the default order.
STEP_EXTEND = 1
STEP_REBORROW = 2
STEP_REPAY = 3
STEP_SELL = 4
STEP_NONE = 15  # alone: nothing is done
PLAN_DEFAULT = 17_185  # 0x4321

# Result codes, in order of precedence.
OK = 0
MALFORMED = 1
UNKNOWN_KIND = 2
TIME_BACKWARDS = 3
CAPACITY = 4
ENVELOPE = 5
UNSIGNED = 6
ENVELOPE_EXPIRED = 7
UNKNOWN_KEY = 8
NONCE_TOO_LOW = 9
NONCE_USED = 10
BUNDLE_SIZE = 11
BUNDLE_NESTED = 12
BUNDLE_ACCOUNT = 13
KEY_FORBIDDEN = 14
KEY_EXPIRED = 15
MANDATE_KIND = 16
MANDATE_MARKET = 17
ROLE = 18
UNKNOWN_PARAMETER = 19
UNKNOWN_ACCOUNT = 20
UNKNOWN_ASSET = 21
UNKNOWN_GROUP = 22
UNKNOWN_MARKET = 23
UNKNOWN_CHANGE = 24
UNKNOWN_ORDER = 25
UNKNOWN_CONTRACT = 26
UNKNOWN_PROTECTION = 27
UNKNOWN_DELEGATE = 28
NOT_OWNER = 29
NOT_CONSENTED = 30
ACCOUNT_CLOSING = 31
COUNTERPARTY_CLOSING = 32
ACCOUNT_EXISTS = 33
KEY_EXISTS = 34
KEY_RESERVED = 35
KEYS_LIMIT = 36
SAME_ACCOUNT = 37
AMOUNT_NOT_POSITIVE = 38
AMOUNT_TOO_LARGE = 39
SIZE_NOT_POSITIVE = 40
SIZE_TOO_SMALL = 41
SIZE_TOO_LARGE = 42
TIMEOUT_OUT_OF_RANGE = 43
SLIPPAGE_OUT_OF_RANGE = 44
SEVERITY_OUT_OF_RANGE = 45
PRICE_OUT_OF_RANGE = 46
NOTIONAL_TOO_LARGE = 47
PARAMETER_RANGE = 48
MANDATE_RANGE = 49
EXPIRY_PAST = 50
BAD_COMBINATION = 51
NOT_A_CIRCLE = 52
LIMITS_OUT_OF_RANGE = 53
LOOSENING = 54
CHANGE_PENDING = 55
CHANGE_EMPTY = 56
CHANGES_LIMIT = 57
VENUE_MODE = 58
MARKET_MODE = 59
MODE_TRANSITION = 60
MARK_NOT_POSITIVE = 61
MARK_OUT_OF_RANGE = 62
MARK_STALE = 63
MARK_STEP = 64
MARK_MISSING = 65
SOURCES_FEW = 66
NOTHING_TO_REDUCE = 67
ALREADY_PAIRED = 68
TRIGGER_PASSED = 69
WOULD_CROSS = 70
COLLATERAL_CAP = 71
POSITIONS_LIMIT = 72
COUNTERPARTIES_LIMIT = 73
REQUEUE_LIMIT = 74
TRIGGERS_LIMIT = 75
PROTECTION_ACTIVE = 76
QUOTES_LIMIT = 77
LIMIT_ORDER_SIZE = 78
LIMIT_OPEN_ORDERS = 79
LIMIT_POSITION = 80
LIMIT_NOTIONAL = 81
FEED_STATE = 82
OPEN_INTEREST_CAP = 83
LOAN_NOT_EXTENSIBLE = 84
LOAN_NOT_EXITABLE = 85
EXITS_LIMIT = 86
RENEWAL_FORBIDDEN = 87
RENEWAL_EARLY = 88
LENDER_NOT_FREE = 89
BORROWER_NOT_FREE = 90
PLAN_FROZEN = 91
COUNTERPARTY_DENIED = 92
RATE_ABOVE_CAP = 93
BALANCE = 94
LOANS_LIMIT = 95
OVERDUE_IOU = 96
MARGIN = 97
OPEN_ORDERS = 98
MARGIN_WORSE = 99
PRICE_BAND = 100
MANDATE_ORDER = 101
MANDATE_DAY = 102
MANDATE_LOSS = 103
MANDATE_FLOOR = 104
MANDATE_BAND = 105
WITHDRAWABLE = 106
NO_LENDER = 107
FILL_OR_KILL_UNFILLED = 108
WORK = 109
INTERNAL = 110
RESULT_CODES = 111

# Why an order left the book, beside the codes above.
REASON_REQUESTED = 200
REASON_IMMEDIATE = 201
REASON_EXPIRED = 202
REASON_SELF_TRADE = 203
REASON_REDUCED = 205
REASON_PROTECTION = 206
REASON_DUST = 207
REASON_PAIRED = 208
REASON_DEAD_MAN = 209
REASON_SETTLING = 210
REASON_KEY_REVOKED = 211
REASON_CLOSE_OUT = 212
REASON_LADDER = 213
REASON_MARGIN_CALL = 214

# Why a perp contract changed: both sides of a fill opened, what they had between themselves was torn up, one side
# reduced and its counterparty was re-paired, both reduced and their counterparties met, or it stood in a circle of
# contracts that was compressed.
OPENED = 1
TORN_UP = 2
REPAIRED = 3
CROSSED = 4
CIRCLED = 5
SETTLED = 6  # its market ended
CLOSED_OUT = 7  # one of its parties was closed out; a loan that was says so too
IN_KIND = 8  # a loan only: it was overdue, and repaid with other holdings
KEPT = 9  # a loan only: it was overdue, and its lender keeps it as an IOU

NUMERAIRE = 1  # the row of the numeraire among the assets
NOBODY = -1  # at fault: a fill that policies forbid
NONE = 0  # the row of no record: row 0 of a table is never used
