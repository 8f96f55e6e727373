// The passes over the markers of crmc's step on the halo problem in C++17 and OpenMP: float32 markers as structure of
// arrays, float64 tables and sums.  Markers are worked on by blocks that stay in the L1 cache; every stage is a loop
// that vectorises (c++ -O3 -march=native -ffast-math -fopenmp; log, exp, log1p, expm1 by libmvec), but for the scatter
// of the deposit into thread-private histograms.
#include "reference.hpp"

namespace {

constexpr int block = 256;

// Scratch of a block.
struct Block {
    alignas(64) float p2[block], rest[block], share[block], weight[block], total[block];
    alignas(64) float q[block], energy[block], sign[block], interval[block], offset[block], u[block];
    alignas(64) float above[block], below[block], mix[block], low[block], high[block], after[block];
    alignas(64) float upper_before[block], upper_after[block], mean[block];
    alignas(64) int32_t base[block], at[block], active[block], cell_before[block], cell_after[block];
    alignas(64) uint32_t bits[2][block];
};

// p^2 and V F0(y0) from the stored markers.
inline void load(const Tube &s, int64_t at, int n, const Shape &f, float change, Block &w) {
    const float *birth = s.birth + at, *rise = s.rise + at, *volume = s.volume + at;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float y2 = birth[i] * birth[i];
        w.p2[i] = momentum_squared(birth[i], rise[i], change);
        w.share[i] = y2 / (f.turnover2 + y2);
        w.rest[i] = volume[i] * f.amplitude * std::exp(f.exponent * std::log(f.turnover2 + y2));
    }
}

// Expansion at constant p_par and magnetic moment.
inline void expand(const Tube &s, int64_t at, int n, const Expansion &x, Block &w, Sums &sums) {
    const float *parallel = s.parallel + at, *excess = s.excess + at;
    float *rise = s.rise + at;
    double first = 0, second = 0;
#pragma omp simd reduction(+ : first, second)
    for (int i = 0; i < n; i++) {
        const float square = parallel[i] * parallel[i], p2 = w.p2[i];
        const float perp2 = std::max(p2 - square, 0.0f), par2 = 1.0f + square;
        const float one = perp2 * x.node_ratio[0], two = perp2 * x.node_ratio[1];
        const double W = double(excess[i]) + double(w.rest[i]);
        first += W * double(0.5f * one / std::sqrt(par2 + one));
        second += W * double(0.5f * two / std::sqrt(par2 + two));
        const float grown = perp2 / p2 * x.growth;
        rise[i] += (1.0f + rise[i]) * (grown + x.frame + grown * x.frame);
    }
    sums.carried[0] += first, sums.carried[1] += second;
}

// The frame of the waves, the place in the table's rows, and the interval to be drawn from.
inline void boost(const Tube &s, int64_t at, int n, const Constants &c, const Direction &d, double b,
                  const uint32_t *bits, Block &w) {
    const float *parallel = s.parallel + at;
    const float V = float(d.velocity), gamma = 1.0f / std::sqrt(1.0f - V * V);
    const float gap = float(c.x_gap * b), top = float(c.x_top * b);
    const float scale = float(std::sqrt(6.0 * c.nu_coefficient * b * c.dt * d.reference));
    const float inverse_row = float(1.0 / c.row_step), row_offset = float((c.row_start + std::log(b)) / c.row_step);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float p2 = w.p2[i], par = parallel[i], total = std::sqrt(1.0f + p2);
        const float p_par = gamma * (par - V * total);
        const float perp2 = std::max(p2 - par * par, 0.0f);
        const float momentum = std::sqrt(perp2 + p_par * p_par), energy = gamma * (total - V * par);
        const float q = std::fabs(p_par), end = std::min(momentum, top);
        const bool active = q > gap && q < end;
        w.total[i] = total, w.energy[i] = energy, w.q[i] = q, w.active[i] = active;
        w.sign[i] = p_par < 0.0f ? -1.0f : 1.0f;
        w.above[i] = active ? q - gap : 1.0f, w.below[i] = active ? end - q : 1.0f;
        float r = std::log(momentum) * inverse_row - row_offset;
        r = std::min(std::max(r, 0.0f), float(rows - 1));
        const int32_t row = std::min(int32_t(r), rows - 2);
        w.mix[i] = r - float(row);
        w.base[i] = ((p_par < 0.0f ? rows - 1 : 0) + row) * stride;
        w.interval[i] = scale / std::sqrt(energy);
        w.offset[i] = (float(int32_t(bits[i] >> 16)) + 0.5f) * 0x1p-16f;
        w.u[i] = (float(int32_t(bits[i] & 0xffff)) + 0.5f) * 0x1p-16f;
    }
}

inline float node(const uint64_t *table, int32_t at, float mix) {
    const uint64_t both = table[at];
    const uint32_t low = uint32_t(both), more = uint32_t(both >> 32);
    float a, b;
    std::memcpy(&a, &low, 4);
    std::memcpy(&b, &more, 4);
    return a + mix * b;
}

// The interval in Y around every marker.
inline void place(int n, const uint64_t *table, Block &w) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float a = std::sqrt(w.above[i]), z = std::sqrt(w.below[i]), c = float(shape);
        const float half = (1.0f + c) * z + (1.0f - c) * a;
        const float t = cells * (2.0f * a / (half + std::sqrt(half * half - 4.0f * c * a * (z - a))));
        const int32_t cell = std::min(int32_t(t), cells - 1), base = w.base[i];
        const float mix = w.mix[i], left = node(table, base + cell, mix);
        const float y = left + (t - float(cell)) * (node(table, base + cell + 1, mix) - left);
        w.low[i] = y - w.offset[i] * w.interval[i];
        w.high[i] = y + (1.0f - w.offset[i]) * w.interval[i];
    }
}

template <int32_t shift>
inline int32_t halve(const uint64_t *table, int32_t at, float mix, float target) {
    return at + (node(table, at, mix) <= target ? shift : -shift);
}

// Fraction of the range at which Y is `y`, in place: bisection to an odd node, then linear in the cell beside it.
inline void invert(int n, const uint64_t *table, Block &w, float *y) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float mix = w.mix[i], target = y[i];
        int32_t at = w.base[i] + cells / 2;
        at = halve<cells / 4>(table, at, mix, target);
        at = halve<cells / 8>(table, at, mix, target);
        at = halve<cells / 16>(table, at, mix, target);
        at = halve<cells / 32>(table, at, mix, target);
        at = halve<cells / 64>(table, at, mix, target);
        at = halve<cells / 128>(table, at, mix, target);
        w.at[i] = at;
    }
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float mix = w.mix[i];
        const float near = node(table, w.at[i], mix);
        const bool up = near <= y[i];
        const float far = node(table, w.at[i] + (up ? 1 : -1), mix);
        const float left = up ? near : far, width = std::fabs(far - near);
        const int32_t at = w.at[i] - (up ? 0 : 1);
        const float inside = std::min(std::max((y[i] - left) / (width > 0.0f ? width : 1.0f), 0.0f), 1.0f);
        const float t = (float(at - w.base[i]) + (width > 0.0f ? inside : 0.5f)) * (1.0f / cells);
        const float one = from_gap(t), two = from_top(t);
        y[i] = one * one / (one * one + two * two);
    }
}

// Landing points, markers after the kick, and their weights.
inline void land(Tube &s, int64_t at, int n, const Direction &d, float change_of_field, float gap, const Shape &f, Block &w,
                 Sums &sums) {
    const float *birth = s.birth + at, *excess = s.excess + at;
    float *parallel = s.parallel + at, *rise = s.rise + at;
    const float V = float(d.velocity), gamma = 1.0f / std::sqrt(1.0f - V * V);
    double variance = 0, absolute = 0, exchanged = 0;
#pragma omp simd reduction(+ : variance, absolute, exchanged)
    for (int i = 0; i < n; i++) {
        const float q = w.q[i], sign = w.sign[i], span = w.above[i] + w.below[i];
        const float start = w.active[i] ? gap + span * w.low[i] : q;
        const float length = (w.active[i] ? gap + span * w.high[i] : q) - start;
        const float kappa = V * sign / w.energy[i], g = 1.0f + kappa * start;
        const float target = w.u[i] * (g + 0.5f * kappa * length);
        const float after = start + length * (2.0f * target / (g + std::sqrt(g * g + 2.0f * kappa * length * target)));
        const float change = gamma * sign * (after - q), gained = V * change;
        const float risen = rise[i] + (1.0f + rise[i]) * (gained * (2.0f * w.total[i] + gained) / w.p2[i]);
        w.after[i] = after;
        parallel[i] += change;
        rise[i] = risen;
        w.p2[i] = momentum_squared(birth[i], risen, change_of_field);
        const float weight = control(excess[i], w.rest[i], w.share[i], risen, f.exponent);
        const float mean = 0.5f * (w.weight[i] + weight), energy = mean * gained;
        w.weight[i] = weight, w.mean[i] = mean;
        const double lost = (double(excess[i]) + double(w.rest[i])) * double(gained);
        exchanged += lost, absolute += std::fabs(lost), variance += double(energy) * double(energy);
    }
    sums.variance += variance, sums.absolute += absolute, sums.exchanged += exchanged;
}

inline void deposit_position(int n, const float *q, float per_gap, int32_t *cell, float *upper) {
#pragma omp simd
    for (int i = 0; i < n; i++) cell[i] = deposit_cell(q[i] * per_gap, upper[i]);
}

inline void scatter(int n, const Block &w, Pair (*histogram)[deposit_cells]) {
    for (int i = 0; i < n; i++) {
        Pair *h = histogram[w.sign[i] < 0.0f];
        const double mean = w.mean[i], up = w.mean[i] * w.upper_after[i], down = w.mean[i] * w.upper_before[i];
        Pair &after = h[w.cell_after[i]];
        after.lower += mean - up, after.upper += up;
        Pair &before = h[w.cell_before[i]];
        before.lower -= mean - down, before.upper -= down;
    }
}

// Sums of V F0(y) eps^k after both kicks.
inline void measure(int n, const float *excess, const Block &w, Sums &sums) {
    double zero = 0, one = 0, two = 0;
#pragma omp simd reduction(+ : zero, one, two)
    for (int i = 0; i < n; i++) {
        const float p2 = w.p2[i], energy = p2 / (std::sqrt(1.0f + p2) + 1.0f);
        const double density = double(excess[i]) + double(w.rest[i]) - double(w.weight[i]);
        const double product = density * double(energy);
        zero += density, one += product, two += product * double(energy);
    }
    sums.envelope[0] += zero, sums.envelope[1] += one, sums.envelope[2] += two;
}

// First half of the expansion and both kicks of one block.
inline void kick_block(const Pass &a, int64_t at, int n, Block &w, Histogram &histogram, Sums &sums) {
    Tube &s = a.s;
    const float change = field_change(a.x.b_new), gap = float(a.c.x_gap * a.x.b_new);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const uint64_t word = draw(a, at + i);
        w.bits[0][i] = uint32_t(word), w.bits[1][i] = uint32_t(word >> 32);
    }
    load(s, at, n, a.f, a.x.change, w);
    expand(s, at, n, a.x, w, sums);
    const float *birth = s.birth + at, *rise = s.rise + at, *excess = s.excess + at;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        w.p2[i] = momentum_squared(birth[i], rise[i], change);
        w.weight[i] = control(excess[i], w.rest[i], w.share[i], rise[i], a.f.exponent);
    }
    for (int k = 0; k < 2; k++) {
        const int which = int((s.step + k) % 2);
        const Direction &d = a.directions[which];
        const uint64_t *table = reinterpret_cast<const uint64_t *>(&d.y[0][0][0]);
        boost(s, at, n, a.c, d, a.x.b_new, w.bits[which], w);
        place(n, table, w);
        invert(n, table, w, w.low);
        invert(n, table, w, w.high);
        land(s, at, n, d, change, gap, a.f, w, sums);
        deposit_position(n, w.q, 1.0f / gap, w.cell_before, w.upper_before);
        deposit_position(n, w.after, 1.0f / gap, w.cell_after, w.upper_after);
        scatter(n, w, histogram[which]);
    }
    measure(n, excess, w, sums);
}

// Balancing of the energy and second half of the expansion of one block.
inline void settle_block(const Pass &a, int64_t at, int n, double strength, double mean, Block &w, Sums &sums) {
    load(a.s, at, n, a.f, a.x.change, w);
    float *excess = a.s.excess + at;
    const float *rise = a.s.rise + at;
    double supplied = 0;
#pragma omp simd reduction(+ : supplied)
    for (int i = 0; i < n; i++) {
        const float p2 = w.p2[i], energy = p2 / (std::sqrt(1.0f + p2) + 1.0f);
        const float density = w.rest[i] * std::exp(a.f.exponent * std::log1p(w.share[i] * rise[i]));
        const float correction = float(strength * double(density) * (double(energy) - mean));
        excess[i] += correction;
        supplied += double(correction) * double(energy);
    }
    sums.supplied += supplied;
    expand(a.s, at, n, a.x, w, sums);
}

void kick(const Pass &a, Histogram &histogram, Sums &sums) {
#pragma omp parallel num_threads(a.threads)
    {
        Histogram own;
        std::memset(own, 0, sizeof own);
        Sums mine;
        Block scratch;
#pragma omp for schedule(dynamic, 8)
        for (int64_t at = 0; at < a.s.count; at += block)
            kick_block(a, at, int(std::min<int64_t>(block, a.s.count - at)), scratch, own, mine);
#pragma omp critical
        sums.add(mine), add(histogram, own);
    }
}

void settle(const Pass &a, double strength, double mean, Sums &sums) {
#pragma omp parallel num_threads(a.threads)
    {
        Sums mine;
        Block scratch;
#pragma omp for schedule(dynamic, 8)
        for (int64_t at = 0; at < a.s.count; at += block)
            settle_block(a, at, int(std::min<int64_t>(block, a.s.count - at)), strength, mean, scratch, mine);
#pragma omp critical
        sums.add(mine);
    }
}

}  // namespace
