"""Scales and bounds.  Every quantity is checked against its bound where it enters, so that no later product overflows.

The bounds are chosen together.  An asset's whole supply fits `MAX_SUPPLY` quanta, so does every balance; a leg of a
portfolio counts at most `MAX_LEG` numeraire quanta either way; a group holds at most `MAX_GROUP_ASSETS` assets.  With
`GRID * BILLION` steps a quantum a group's figure then stays below 2**127 (see docs/spec/valuation.md).
"""

from __future__ import annotations

MILLION = 1_000_000
BILLION = 1_000_000_000
PRICE_ONE = 100_000_000  # marks are scaled by this
BASIS = 10_000  # basis points in one
HOURS_A_YEAR = 8_760
MILLISECOND = 1_000  # in microseconds
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

GRID_DECIMALS = 11  # a leg is valued in steps of 10**-11 numeraire quanta
GRID = 10**GRID_DECIMALS
FUNDING_ONE = 1_000_000  # steps of the funding index in one numeraire quantum
PPB_ONE = 1_000_000_000  # funding rates are parts per billion of the mark

MAX_SUPPLY = 10**18  # quanta of one asset, deposited in all
MAX_CASH = 10**16  # numeraire quanta of one order, trade or contract
MAX_LEG = 10**16  # numeraire quanta that one leg of a portfolio counts for
MAX_EXIT = 4 * MAX_LEG  # numeraire quanta that L(x) of one leg counts for
MAX_SLIPPAGE_PPM = 100_000
MAX_BASIS_PPM = 100_000
MAX_MARK = 10**16  # a mark: 10**8 numeraire units a token
MAX_UNIT = 10**17  # grid steps that one quantum of an asset is worth
MAX_LOTS = 10**14  # of an order or a position
MAX_TICKS = (1 << 24) - 2  # the highest price of a book
MAX_RATE_BP = 9_999
MAX_BID_TICKS = 1_000  # of the backstop book: thousandths of a shock loss, so a bid for all of it
MAX_TENOR_HOURS = 8_760
MAX_LOT_VALUE = 10**12  # numeraire quanta one lot may be worth at the mark
MAX_INDEX = 10**18  # of the funding index, either way
MAX_WEIGHT_PPB = 4_000_000_000  # a trade's mid over twice its mark counts at most this in funding
MAX_OPEN_VALUE = 10**18  # numeraire quanta that a perp market's open interest may be worth at the mark
MAX_ORDER_LOSS = 4 * 10**18  # numeraire quanta that an account's resting orders lose at most
MAX_TIERS = 16
MAX_CUT_PPM = 200_000  # that all tiers together take off a fee: docs/spec/fees.md says why no more
MAX_DAY_FEES = 10**16  # numeraire quanta that an owner's fees of a day count at most
FEE_DAYS = 30
MAX_FIRM_LEVELS = 64  # of a side that are looked at for firm depth
MAX_FEE_CAP = 2_000_000_000  # numeraire quanta an order pays at most
MAX_TIMEOUT = DAY  # of a dead man's switch
MAX_TIME = 4 * 10**15  # microseconds: the year 2096
AT_MARK = -1  # in place of a lot's cash: the contract is struck at the mark
NO_LIMIT = -1  # on an exposure
MAX_EXPOSURE = 10**17  # numeraire quanta: the highest limit on a counterparty
MAX_SEVERITY = 10_000_000  # ppm: resilience is shown up to ten
MAX_ID = (1 << 62) - 1
NEVER = MAX_ID  # when the first timer is due while there is none

MAX_ASSETS = 4_096
MAX_MARKETS = 4_096
MAX_GROUP_ASSETS = 8
MAX_POSITIONS = 64  # of an account
MAX_LOANS = 256  # that an account owes in one asset
MAX_EXITS = 4  # lenders that left one loan since its interest was last settled
MAX_BOOKS = 8  # loan books of one asset
MAX_SLICES = 64  # contracts touched by one command
MAX_SKIPS = 64  # resting orders skipped or failed in one command
MAX_TRIGGERS = 256  # orders of an account that wait for their triggers
MAX_REQUEUE = 1_024  # resting orders that one change of a policy puts at the back of their queues
MAX_COUNTERPARTIES = 1_024  # that one policy names
MAX_BUNDLE = 100  # commands in one bundle
MAX_KEYS = 16  # delegates of an account
MARKET_PARTS = 64  # words of a set of markets, 64 a word
ALL_MARKETS = -1  # what a command is about that is about no market in particular
MAX_NONCES = 100  # of a key that are kept, the highest
MAX_QUOTES = 1_024  # that an account has resting
MAX_LIMITED_ORDERS = 1_024  # that an account may have resting when a limit is set for it
MAX_FILLS = 1_024  # default of the venue's max_fills, and its bound
MAX_SWEEP = 16  # timed items of work done with one command
MAX_VISITS = 4_096  # default of the venue's sweep_visits, and its bound: accounts looked at by the marks of one time
WORK_AN_ITEM = 64  # fills, skips and slices for which timed work counts as one item more
MAX_CHANGED = 32  # accounts with a new state that one command takes onto the ladder, calls for margin, or lets go
CHANGED_A_TIME = 256  # and all commands of one time: a mini-block's
EVENTS_A_CHANGE = 64  # of each of them, at most
MAX_SWEPT = 16  # orders that one item of work cancels
MAX_EXAMINED = 64  # orders that one item of work looks at
MAX_TAKES = 4  # slices of an account that bidders take in one step of its auction
MAX_TRIES = 3  # sizes of a slice that are tried with one bid, each a quarter of the one before
SLICE_SPARE = 256  # a slice is larger by a part of this than what would free the account, for what integers leave
SLICE_ROUNDING = 256  # quanta that the parts of a slice are rounded up by at most, each by one, in its notional
MAX_PARTS = 16  # lenders that take one lender's place in one command
CLOSE_WORK = 256  # contracts, creditors and payments of a close-out that one item of timed work sees to
CLOSE_STEP_US = 4  # microseconds of the venue's time between two of them: what bounds close-outs in time
CLOSE_CONTRACTS = 256  # of two accounts, that are netted with one another at once
CLOSE_POSITIONS = 128  # up to so many a creditor is given positions in assets new to it
FUND_DELAY = 7 * DAY  # until a stake leaves the default fund, and until cover by it begins
FUND_MINIMUM = 1_000_000  # numeraire quanta that are staked at least
OVERDUE_PAUSE = HOUR  # a loan that is overdue is closed out so much later, and again while a part of it is left
DUE_FILLS = 32  # fills in one step of a loan that falls due
DUE_SKIPS = 16  # and resting orders skipped or failed; twice as many with each round that got nowhere
DUE_DOUBLINGS = 6  # at most
DUE_ROUNDS = 4  # orders in one market, each for what the one before left
MAX_LOOKS = 16_384  # of an account's orders that one command looks at to cancel or count them
LOOKS_A_DEAL = 16  # for which it counts to ask what policies would let two orders trade
# Events of one command of an account, or of one item of timed work, at most; a bundle has the budgets of one command.
# A fill: TRADED, TRUED_UP, an IOU, PERP_CHANGED, a partner's size, what is dust, and its partner.  A slice: three
# contracts of four each, and one more.  A leg: what it says, what a loan's shares get, what is left of an order, and
# partners.  A quote pulled, withdrawn, or an order cancelled: itself and its partner.
EVENTS_AN_ORDER = (
    7 * MAX_FILLS + 3 * MAX_SKIPS + 16 * (MAX_SLICES + MAX_SLICES) + 12 * MAX_BUNDLE + 6 * MAX_QUOTES + 3 * MAX_REQUEUE
    + 2 * MAX_FILLS + 16 + 8 * MAX_LOANS
)  # fmt: skip
EVENTS_AN_ITEM = (
    8 * MAX_LOANS + 8 * MAX_SWEPT + 16 * WORK_AN_ITEM + 2 * DUE_ROUNDS * DUE_ROUNDS * MAX_POSITIONS + MAX_SWEEP
)  # fmt: skip
# With the timed work that it does first, of which the last item may be as large as a command; IOUs repaid; contracts
# trued up; accounts looked at; and those that the ladder takes or lets go.
EVENTS_A_COMMAND = (
    2 * EVENTS_AN_ORDER + MAX_SWEEP * EVENTS_AN_ITEM + 3 * MAX_SWEEP * MAX_SWEEP + 4 * MAX_SWEEP + MAX_VISITS
    + MAX_CHANGED * EVENTS_A_CHANGE
)  # fmt: skip
VISIT_BATCH = 16  # accounts that are asked for at once
FETCH_GROUPS = 3  # of each of them, whose rows are asked for ahead
LOANS_A_VISIT = 64  # an account whose loans are walked counts as one visit more for so many
FILE_LEVELS = 8  # of the files: eight keys a row, so more accounts than there can be

NEAR_PPB = 100_000_000  # a reach up to this is slack / (1.25 K)
FAR_PPB = 500_000_000  # a reach up to this is slack / (1.75 K), and none is longer
EXPIRE_PPB = FAR_PPB + 1  # a move after which every figure has expired
FUNDING_WEIGHT = 16  # how much more a step of funding moves an account than K says, at most
NO_BOUND = -(10**18)  # a bound on a change of V that says nothing
MAX_SENSITIVITY = 10**17  # numeraire quanta that K counts at most; such an account is looked at every time
DUE_RETRY = SECOND  # timed work that failed is tried again so much later

MINUTE = 60 * SECOND
LADDER_ROUND = SECOND  # every latched account has one turn a round, and rounds begin this far apart, or further
LADDER_FILLS = 32  # fills in one slice
LADDER_SKIPS = 16  # and resting orders skipped or failed
LADDER_TRIES = 2  # slices that may trade nothing before a step is passed over
STEPS_A_TURN = 4  # steps, or legs of the default plan, that one turn tries, and sweeps of orders
MAX_STEPS = 16  # of a plan
MAX_CURES = 8  # assets that a margin call names
LADDER_PACE = 200  # microseconds between two turns: what bounds the ladder's work in time
ROUND_BITS = 24  # the bits of a key of the ladder's queue below its round: resilience in ppm, and two more
MAX_CLOCK = DAY  # of the ladder's clocks
RAMP_STEP = HOUR  # a ramp takes its steps this far apart, or further
RAMP_SHOCK_PPM = 2_500  # a step moves a shock at most this far
RAMP_RUNG_PPM = 20_000  # and a rung
RAMP_CAP_STEPS = 100  # steps to take a whole holding cap away
RAMP_EXIT_STEPS = 50  # steps for each time that a depth is divided, or a slippage multiplied
MAX_RAMP_STEPS = 720
MAX_CHANGES = 64  # waiting, ramping and working at a time
MINIMUM_SOURCES = 3  # of a market's mark, before it leaves prelaunch
SAMPLES = 60  # marks kept of an asset's last hour, one a minute
SAMPLE_BITS = 6  # rows an asset has for them, as a power of two
SETTLE_ORDERS = 16  # that one item of timed work cancels in a settling market
SETTLE_CONTRACTS = 16  # that it closes
SETTLE_ROWS = 1_024  # that it looks at
SETTLE_PAUSE = 1_000  # microseconds until the next

CLIENT_ID_LIFETIME = DAY
FEED_STALE = 30 * SECOND
FEED_WINDOW = 60 * SECOND
FEED_SUSPENSION = DAY  # a feed halted for so long: its holdings carry nothing
MINIMUM_LOAN_HOURS = 8
IOU_HOURS = 24

ORDER_SLOT_BITS = 26  # an order id names its row and its serial
SIDES = 2
LOG_ENTRIES = 1 << 24  # rows that the undo log keeps at most
LOG_BYTES = 1 << 30  # and their bytes
FAR = 16  # commands ahead at which what a command names is asked for
NEAR = 10  # and what that links to
NEXT = 5  # and what it is about to meet
SEEN_MASK = 1_023  # the undo log remembers this many rows (and one) as kept
LADDER_TOP = (1 << 24) - 1
