// The bare book in C++17, as the limit that the core measures itself against.
//
// The same ladder (four levels of 64-bit words), the same queues, the same pool of orders and the same order ids as
// src/worldmarkets/core/book.py and drive.py, without an undo log, bounds checks or overflow checks.  It reads the
// same 64-byte command records from a file, applies them once a turn to an empty book, and prints one line of JSON.
//
//     book COMMANDS WARM TURNS        WARM: how many of the commands are applied before the clock starts

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

constexpr int64_t LADDER_TOP = (1 << 24) - 1;
constexpr int SLOT_BITS = 26;
constexpr int PLACE_ORDER = 8, CANCEL_ORDER = 9, GOOD_TILL_CANCEL = 0;

struct Command {
    int64_t sequence, time_us;
    uint8_t kind, count;
    uint16_t flags;
    uint32_t account;
    union {
        struct {
            uint16_t market;
            uint8_t side, time_in_force, self_trade, spare;
            uint16_t borrow_rate_bp;
            uint32_t price_ticks, spare2;
            int64_t lots, client_id, expiry_us;
        } place;
        struct {
            int64_t order_id;
        } change;
    };
};
static_assert(sizeof(Command) == 64, "a command is 64 bytes");

struct Order {
    int64_t id, lots;
    uint32_t price_ticks, account, next, previous;
    uint16_t market;
    uint8_t side;
};

struct Level {
    int64_t lots;
    uint32_t first, last;
};

struct Side {
    int64_t best = 0, orders = 0, lots = 0;
    uint32_t root = 0;
};

class Books {
  public:
    explicit Books(int markets) : sides(2 * (markets + 1)), orders(1) {
        new_node();  // node 0 is none
        for (Side& side : sides) side.root = new_node();
    }

    int64_t trades = 0, volume = 0, rested = 0;

    void apply(const Command& command) {
        if (command.kind == PLACE_ORDER) {
            place(command);
        } else if (command.kind == CANCEL_ORDER) {
            uint32_t slot = command.change.order_id & ((1 << SLOT_BITS) - 1);
            if (slot == 0 || slot >= orders.size() || orders[slot].id != command.change.order_id) return;
            remove(2 * orders[slot].market + orders[slot].side, slot);
            release(slot);
        }
    }

  private:
    std::vector<Side> sides;
    std::vector<Order> orders;
    std::vector<uint64_t> bits;
    std::vector<uint32_t> children;
    std::vector<Level> levels;
    std::vector<uint32_t> free_nodes;
    uint32_t free_order = 0;
    int64_t serial = 0;

    uint32_t new_node() {
        if (!free_nodes.empty()) {
            uint32_t node = free_nodes.back();
            free_nodes.pop_back();
            return node;
        }
        uint32_t node = bits.size();
        bits.push_back(0);
        children.resize(children.size() + 64);
        levels.resize(levels.size() + 64);
        return node;
    }

    static int64_t rank_of(int row, int64_t price) { return row & 1 ? LADDER_TOP - price : price; }
    static int highest(uint64_t word) { return 63 - __builtin_clzll(word); }

    uint32_t find_leaf(uint32_t root, int64_t rank) const {
        uint32_t node = children[(root << 6) + (rank >> 18)];
        if (node) node = children[(node << 6) + (rank >> 12 & 63)];
        return node ? children[(node << 6) + (rank >> 6 & 63)] : 0;
    }

    uint32_t make_child(uint32_t parent, int number) {
        uint32_t node = children[(parent << 6) + number];
        if (!node) {
            node = new_node();
            children[(parent << 6) + number] = node;
            bits[parent] |= 1ULL << number;
        }
        return node;
    }

    void append(int row, uint32_t slot) {
        Order& order = orders[slot];
        Side& side = sides[row];
        int64_t rank = rank_of(row, order.price_ticks);
        uint32_t leaf = find_leaf(side.root, rank);
        if (!leaf) {
            leaf = make_child(side.root, rank >> 18);
            leaf = make_child(leaf, rank >> 12 & 63);
            leaf = make_child(leaf, rank >> 6 & 63);
        }
        Level& level = levels[(leaf << 6) + (rank & 63)];
        order.previous = level.last;
        order.next = 0;
        if (!level.first) {
            level.first = slot;
            bits[leaf] |= 1ULL << (rank & 63);
            if (rank > side.best) side.best = rank;
        } else {
            orders[level.last].next = slot;
        }
        level.last = slot;
        level.lots += order.lots;
        side.lots += order.lots;
        ++side.orders;
    }

    void remove(int row, uint32_t slot) {
        Order& order = orders[slot];
        Side& side = sides[row];
        int64_t rank = rank_of(row, order.price_ticks);
        uint32_t leaf = find_leaf(side.root, rank);
        Level& level = levels[(leaf << 6) + (rank & 63)];
        (order.previous ? orders[order.previous].next : level.first) = order.next;
        (order.next ? orders[order.next].previous : level.last) = order.previous;
        level.lots -= order.lots;
        side.lots -= order.lots;
        --side.orders;
        if (!level.first) darken(side, leaf, rank);
    }

    void darken(Side& side, uint32_t leaf, int64_t rank) {
        bits[leaf] ^= 1ULL << (rank & 63);
        if (bits[leaf]) {
            if (rank == side.best) side.best = (rank & ~63LL) | highest(bits[leaf]);
            return;
        }
        uint32_t upper = children[(side.root << 6) + (rank >> 18)];
        uint32_t middle = children[(upper << 6) + (rank >> 12 & 63)];
        free_nodes.push_back(leaf);
        if (clear_child(middle, rank >> 6 & 63)) {
            free_nodes.push_back(middle);
            if (clear_child(upper, rank >> 12 & 63)) {
                free_nodes.push_back(upper);
                clear_child(side.root, rank >> 18);
            }
        }
        if (rank == side.best) side.best = find_highest(side.root);
    }

    bool clear_child(uint32_t parent, int number) {
        children[(parent << 6) + number] = 0;
        return (bits[parent] ^= 1ULL << number) == 0;
    }

    int64_t find_highest(uint32_t node) const {
        if (!bits[node]) return 0;
        int64_t rank = highest(bits[node]);
        for (int depth = 0; depth < 3; ++depth) {
            node = children[(node << 6) + (rank & 63)];
            rank = rank << 6 | highest(bits[node]);
        }
        return rank;
    }

    uint32_t allocate() {
        uint32_t slot = free_order;
        if (slot) {
            free_order = orders[slot].next;
        } else {
            slot = orders.size();
            orders.emplace_back();
        }
        orders[slot].id = ++serial << SLOT_BITS | slot;
        return slot;
    }

    void release(uint32_t slot) {
        orders[slot] = Order{};
        orders[slot].next = free_order;
        free_order = slot;
    }

    void place(const Command& command) {
        const auto& want = command.place;
        int row = 2 * want.market + want.side, opposite = row ^ 1;
        int64_t limit = rank_of(opposite, want.price_ticks), left = want.lots;
        Side& side = sides[opposite];
        while (left > 0 && side.best >= limit) {
            uint32_t leaf = find_leaf(side.root, side.best);
            Level& level = levels[(leaf << 6) + (side.best & 63)];
            uint32_t slot = level.first;
            Order& maker = orders[slot];
            int64_t lots = std::min(left, maker.lots);
            left -= lots;
            ++trades;
            volume += lots * maker.price_ticks;
            if (lots == maker.lots) {
                remove(opposite, slot);
                release(slot);
            } else {
                maker.lots -= lots;
                level.lots -= lots;
                side.lots -= lots;
            }
        }
        if (left > 0 && want.time_in_force == GOOD_TILL_CANCEL) {
            uint32_t slot = allocate();
            Order& order = orders[slot];
            order.market = want.market;
            order.side = want.side;
            order.price_ticks = want.price_ticks;
            order.lots = left;
            order.account = command.account;
            append(row, slot);
            ++rested;
        }
    }
};

double now() {  // nanoseconds of processor time
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return 1e9 * time.tv_sec + time.tv_nsec;
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        std::fprintf(stderr, "usage: book COMMANDS WARM TURNS\n");
        return 2;
    }
    std::ifstream file(words[1], std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (bytes.empty() || bytes.size() % sizeof(Command)) {
        std::fprintf(stderr, "book: %s holds no whole command records\n", words[1]);
        return 1;
    }
    std::vector<Command> commands(bytes.size() / sizeof(Command));
    std::memcpy(static_cast<void*>(commands.data()), bytes.data(), bytes.size());
    const size_t warm = std::strtoull(words[2], nullptr, 10);
    const int turns = std::atoi(words[3]);
    int markets = 0;
    for (const Command& command : commands)
        if (command.kind == PLACE_ORDER) markets = std::max<int>(markets, command.place.market);
    std::vector<double> times;
    int64_t trades = 0, volume = 0, rested = 0;
    for (int turn = 0; turn < turns; ++turn) {
        Books books(markets);
        for (size_t place = 0; place < warm; ++place) books.apply(commands[place]);
        const double begin = now();
        for (size_t place = warm; place < commands.size(); ++place) books.apply(commands[place]);
        times.push_back((now() - begin) / (commands.size() - warm));
        trades = books.trades;
        volume = books.volume;
        rested = books.rested;
    }
    std::sort(times.begin(), times.end());
    std::printf("{\"ns\": %.3f, \"trades\": %lld, \"volume\": %lld, \"rested\": %lld}\n", times[times.size() / 2],
                (long long)trades, (long long)volume, (long long)rested);
}
