# The compiled twin of wide.py: the same functions, on __int128.
cdef extern from *:
    """
    typedef __int128 wm_wide;
    typedef unsigned __int128 wm_uwide;

    /* Division by a positive 64-bit divisor is one or two machine divisions; when all fits 64 bits, one. */
    static inline wm_wide wm_floor(wm_wide a, wm_wide b) {
        if (a == (long long)a && b == (long long)b && b > 0) {
            long long x = (long long)a, y = (long long)b, q = x / y;
            return q - (q * y > x);
        } else {
            wm_wide q = a / b, r = a - q * b;
            return (r != 0 && ((r < 0) != (b < 0))) ? q - 1 : q;
        }
    }
    static inline wm_wide wm_ceil(wm_wide a, wm_wide b) {
        if (a == (long long)a && b == (long long)b && b > 0) {
            long long x = (long long)a, y = (long long)b, q = x / y;
            return q + (q * y < x);
        } else {
            wm_wide q = a / b, r = a - q * b;
            return (r != 0 && ((r < 0) == (b < 0))) ? q + 1 : q;
        }
    }
    static inline long long wm_narrow(wm_wide v) {
        if (v != (wm_wide)(long long)v) {
            PyErr_SetString(PyExc_OverflowError, "value does not fit 64 bits");
            return -1;
        }
        return (long long)v;
    }
    static inline long long wm_div_zero(void) {
        PyErr_SetString(PyExc_ZeroDivisionError, "division by zero");
        return -1;
    }
    static inline long long wm_mul_div_ceil(long long a, long long b, long long c) {
        if (c == 0) return wm_div_zero();
        return wm_narrow(wm_ceil((wm_wide)a * b, c));
    }
    static inline long long wm_mul_div_floor(long long a, long long b, long long c) {
        if (c == 0) return wm_div_zero();
        return wm_narrow(wm_floor((wm_wide)a * b, c));
    }
    static inline long long wm_narrow_floor(wm_wide v, wm_wide d) { return wm_narrow(wm_floor(v, d)); }
    /* 10**20 is 2**20 * 5**20: a shift and a division by 64 bits */
    static inline long long wm_floor_grid(wm_wide v) { return wm_narrow(wm_floor(v >> 20, 95367431640625LL)); }
    /* Rows are short: a few wide moves cost less than the call of memcpy. */
    static inline void wm_copy(unsigned char* to, const unsigned char* from, long long size) {
        for (; size >= 64; size -= 64, to += 64, from += 64) {
            __builtin_memcpy(to, from, 64);
            __asm__ volatile("" ::: "memory");
        }
        if (size & 32) { __builtin_memcpy(to, from, 32); to += 32; from += 32; }
        if (size & 16) { __builtin_memcpy(to, from, 16); to += 16; from += 16; }
        if (size & 8) { __builtin_memcpy(to, from, 8); to += 8; from += 8; }
        if (size & 4) __builtin_memcpy(to, from, 4);
    }
    static inline void wm_prefetch(const void* place, long long lines) {
        __builtin_prefetch(place);
        if (lines > 1) __builtin_prefetch((const char*)place + 64);
    }
    static inline wm_wide wm_of(long long high, unsigned long long low) {
        return (wm_wide)(((wm_uwide)(unsigned long long)high << 64) | low);
    }
    static inline long long wm_high(wm_wide v) { return (long long)(v >> 64); }
    static inline unsigned long long wm_low(wm_wide v) { return (unsigned long long)v; }
    static inline wm_wide wm_clamp(wm_wide v, wm_wide bound) {
        return v > bound ? bound : v < -bound ? -bound : v;
    }
    static inline wm_wide wm_quadratic(wm_wide v, long long depth, wm_wide bound) {
        wm_wide hundredths, square, whole, cost;
        if (v <= (wm_wide)depth * 100000000000LL) return v;
        hundredths = wm_ceil(v, 1000000000LL);
        square = hundredths * hundredths;
        whole = square / depth;
        if (whole > bound / 10000000LL) return bound;
        cost = whole * 10000000LL + wm_ceil((square % depth) * 10000000LL, depth);
        return cost > bound ? bound : cost;
    }
    static inline long long wm_hash(unsigned long long a, unsigned long long b, unsigned long long c) {
        unsigned long long h = a * 0x9E3779B97F4A7C15ULL + (b ^ 0x7F4A7C15F39CC060ULL) * 0xC2B2AE3D27D4EB4FULL
                             + c * 0x165667B19E3779F9ULL;
        h ^= h >> 29;
        h *= 0xBF58476D1CE4E5B9ULL;
        return (long long)((h ^ (h >> 32)) >> 1);
    }
    #define WM_RAISED (-1LL)
    static inline long long wm_magnitude(long long value) { return value < 0 ? -value : value; }
    static inline long long wm_highest_bit(unsigned long long word) { return 63 - __builtin_clzll(word); }
    static inline unsigned long long wm_bit(long long number) { return 1ULL << (number & 63); }
    """
    ctypedef long long wide "wm_wide"
    const long long RAISED "WM_RAISED"
    long long magnitude "wm_magnitude"(long long value) noexcept
    long long mul_div_ceil "wm_mul_div_ceil"(long long a, long long b, long long c) except? RAISED
    long long mul_div_floor "wm_mul_div_floor"(long long a, long long b, long long c) except? RAISED
    long long narrow_floor "wm_narrow_floor"(wide value, wide divisor) except? RAISED
    long long floor_grid "wm_floor_grid"(wide value) except? RAISED
    void prefetch "wm_prefetch"(const void* place, long long lines) noexcept
    wide wide_div_ceil "wm_ceil"(wide value, wide divisor) noexcept
    wide wide_div_floor "wm_floor"(wide value, wide divisor) noexcept
    wide wide_of "wm_of"(long long high, unsigned long long low) noexcept
    long long high_of "wm_high"(wide value) noexcept
    unsigned long long low_of "wm_low"(wide value) noexcept
    wide clamp_wide "wm_clamp"(wide value, wide bound) noexcept
    wide quadratic_cost "wm_quadratic"(wide value, long long depth, wide bound) noexcept
    void copy_bytes "wm_copy"(unsigned char* target, const unsigned char* source, long long size) noexcept
    long long bucket_hash "wm_hash"(unsigned long long a, unsigned long long b, unsigned long long c) noexcept
    long long highest_bit "wm_highest_bit"(unsigned long long word) noexcept
    unsigned long long bit "wm_bit"(long long number) noexcept

from libc.string cimport memset

cdef inline int zero_bytes(unsigned char* target, long long size) noexcept:
    memset(target, 0, <size_t> size)
    return 0
