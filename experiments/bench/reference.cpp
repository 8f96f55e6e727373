// The time step of crmc on the halo problem in C++17 and OpenMP: float32 markers as structure of arrays, float64
// tables and sums.  Markers are worked on by blocks that stay in the L1 cache; every stage is a loop that vectorises
// (c++ -O3 -march=native -ffast-math -fopenmp; log, exp, log1p, expm1 by libmvec), but for the scatter of the deposit
// into thread-private histograms.
#include "reference.hpp"

namespace {

constexpr int block = 256;

struct Sums {
    double variance = 0, absolute = 0, exchanged = 0, envelope[3] = {0, 0, 0}, carried[2] = {0, 0}, supplied = 0;
    void add(const Sums &o) {
        variance += o.variance, absolute += o.absolute, exchanged += o.exchanged, supplied += o.supplied;
        for (int i = 0; i < 3; i++) envelope[i] += o.envelope[i];
        for (int i = 0; i < 2; i++) carried[i] += o.carried[i];
    }
};

struct Shape {
    float amplitude, exponent, turnover2;  // F0 = amplitude (turnover2 + y^2)^exponent
};

inline uint64_t mix64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

// Scratch of a block.
struct Block {
    alignas(64) float p[block], rest[block], share[block], growth[block], weight[block], total[block];
    alignas(64) float q[block], momentum[block], energy[block], sign[block], interval[block], offset[block], u[block];
    alignas(64) float gap_span[block], mix[block], low[block], high[block], after[block], change[block];
    alignas(64) float upper_before[block], upper_after[block], mean[block];
    alignas(64) int32_t base[block], at[block], active[block], cell_before[block], cell_after[block];
    alignas(64) uint32_t bits[2][block];
};

// Momentum, F0(y0) V, and the growth of y^2 since birth, from the stored markers.
inline void load(const Tube &s, int64_t at, int n, const Shape &f, float root, Block &w) {
    const float *birth = s.birth + at, *delta = s.delta + at, *volume = s.volume + at;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float y2 = birth[i] * birth[i], grown = std::expm1(2.0f * delta[i]);
        w.growth[i] = grown;
        w.p[i] = birth[i] * root * std::sqrt(1.0f + grown);
        w.share[i] = y2 / (f.turnover2 + y2);
        w.rest[i] = volume[i] * f.amplitude * std::exp(f.exponent * std::log(f.turnover2 + y2));
    }
}

// Expansion at constant p_par and magnetic moment; p follows, and the growth of y^2 since birth.
inline void expand(const Tube &s, int64_t at, int n, const Expansion &x, Block &w, Sums &sums) {
    const float *parallel = s.parallel + at, *excess = s.excess + at;
    float *delta = s.delta + at;
    double first = 0, second = 0;
#pragma omp simd reduction(+ : first, second)
    for (int i = 0; i < n; i++) {
        const float q = std::fabs(parallel[i]), p = w.p[i];
        const float perp2 = std::max((p - q) * (p + q), 0.0f), par2 = 1.0f + q * q;
        const float one = perp2 * x.node_ratio[0], two = perp2 * x.node_ratio[1];
        const double W = double(excess[i]) + double(w.rest[i]);
        first += W * double(0.5f * one / std::sqrt(par2 + one));
        second += W * double(0.5f * two / std::sqrt(par2 + two));
        delta[i] += 0.5f * std::log1p(perp2 / (p * p) * x.growth) - x.shift;
    }
    sums.carried[0] += first, sums.carried[1] += second;
}

inline float control(float excess, float rest, float share, float growth, float exponent) {
    return excess - rest * std::expm1(exponent * std::log1p(share * growth));
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
        const float p = w.p[i], par = parallel[i], q_lab = std::fabs(par), total = std::sqrt(1.0f + p * p);
        const float p_par = gamma * (par - V * total);
        const float perp2 = std::max((p - q_lab) * (p + q_lab), 0.0f);
        const float momentum = std::sqrt(perp2 + p_par * p_par), energy = gamma * (total - V * par);
        const float q = std::fabs(p_par), end = std::min(momentum, top);
        const bool active = q > gap && q < end;
        w.total[i] = total, w.energy[i] = energy, w.q[i] = q, w.active[i] = active;
        w.sign[i] = p_par < 0.0f ? -1.0f : 1.0f;
        w.gap_span[i] = active ? end - gap : 1.0f;
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
    const uint32_t low = uint32_t(both), rise = uint32_t(both >> 32);
    float a, b;
    std::memcpy(&a, &low, 4);
    std::memcpy(&b, &rise, 4);
    return a + mix * b;
}

// The interval in Y around every marker.
inline void place(int n, const Constants &c, const uint64_t *table, double b, Block &w) {
    const float gap = float(c.x_gap * b);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float s = std::min(std::max((w.q[i] - gap) / w.gap_span[i], 0.0f), 1.0f);
        const float root = std::sqrt(s), t = cells * (root / (root + std::sqrt(1.0f - s)));
        const int32_t cell = std::min(int32_t(t), cells - 1), base = w.base[i];
        const float mix = w.mix[i], left = node(table, base + cell, mix);
        const float y = left + (t - float(cell)) * (node(table, base + cell + 1, mix) - left);
        w.low[i] = std::max(y - w.offset[i] * w.interval[i], node(table, base, mix));
        w.high[i] = std::min(y + (1.0f - w.offset[i]) * w.interval[i], node(table, base + cells, mix));
    }
}

template <int32_t shift>
inline int32_t halve(const uint64_t *table, int32_t at, float mix, float target) {
    return at + (node(table, at + shift, mix) <= target ? shift : 0);
}

// Fraction of the range at which Y is `y`, in place: bisection on the nodes, then linear.
inline void invert(int n, const uint64_t *table, Block &w, float *y) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float mix = w.mix[i], target = y[i];
        int32_t at = w.base[i];
        at = halve<cells / 2>(table, at, mix, target);
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
        const int32_t at = w.at[i];
        const float left = node(table, at, mix), width = node(table, at + 1, mix) - left;
        const float inside = std::min(std::max((y[i] - left) / (width > 0.0f ? width : 1.0f), 0.0f), 1.0f);
        const float t = (float(at - w.base[i]) + (width > 0.0f ? inside : 0.5f)) * (1.0f / cells);
        const float t2 = t * t, rest = 1.0f - t;
        y[i] = t2 / (t2 + rest * rest);
    }
}

// Landing points, markers after the kick, and their weights.
inline void land(Tube &s, int64_t at, int n, const Direction &d, float gap, const Shape &f, Block &w, Sums &sums) {
    float *parallel = s.parallel + at, *delta = s.delta + at;
    const float *excess = s.excess + at;
    const float V = float(d.velocity), gamma = 1.0f / std::sqrt(1.0f - V * V);
    double variance = 0, absolute = 0, exchanged = 0;
#pragma omp simd reduction(+ : variance, absolute, exchanged)
    for (int i = 0; i < n; i++) {
        const float q = w.q[i], sign = w.sign[i];
        const float start = w.active[i] ? gap + w.gap_span[i] * w.low[i] : q;
        const float length = (w.active[i] ? gap + w.gap_span[i] * w.high[i] : q) - start;
        const float kappa = V * sign / w.energy[i], g = 1.0f + kappa * start;
        const float target = w.u[i] * (g + 0.5f * kappa * length);
        const float after = start + length * (2.0f * target / (g + std::sqrt(g * g + 2.0f * kappa * length * target)));
        const float change = gamma * sign * (after - q), gained = V * change, p2 = w.p[i] * w.p[i];
        const float relative = gained * (2.0f * w.total[i] + gained) / p2;
        w.after[i] = after;
        parallel[i] += change;
        delta[i] += 0.5f * std::log1p(relative);
        w.p[i] *= std::sqrt(1.0f + relative);
        w.growth[i] += relative * (1.0f + w.growth[i]);
        const float weight = control(excess[i], w.rest[i], w.share[i], w.growth[i], f.exponent);
        const float mean = 0.5f * (w.weight[i] + weight), energy = mean * gained;
        w.weight[i] = weight, w.mean[i] = mean;
        const double lost = (double(excess[i]) + double(w.rest[i])) * double(gained);
        exchanged += lost, absolute += std::fabs(lost), variance += double(energy) * double(energy);
    }
    sums.variance += variance, sums.absolute += absolute, sums.exchanged += exchanged;
}

inline void deposit_position(int n, const float *q, float inverse, float floor, float step, int32_t *cell,
                             float *upper) {
    const float norm = 1.0f / std::expm1(step);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float r = std::min(std::max(std::log(q[i]) * inverse - floor, 0.0f), float(deposit_cells));
        const int32_t at = std::min(int32_t(r), deposit_cells - 1);
        cell[i] = at;
        upper[i] = std::expm1((r - float(at)) * step) * norm;
    }
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
inline void measure(int n, const Shape &f, const Block &w, Sums &sums) {
    double zero = 0, one = 0, two = 0;
#pragma omp simd reduction(+ : zero, one, two)
    for (int i = 0; i < n; i++) {
        const float p2 = w.p[i] * w.p[i], energy = p2 / (std::sqrt(1.0f + p2) + 1.0f);
        const float density = w.rest[i] * std::exp(f.exponent * std::log1p(w.share[i] * w.growth[i]));
        const double product = double(density) * double(energy);
        zero += double(density), one += product, two += product * double(energy);
    }
    sums.envelope[0] += zero, sums.envelope[1] += one, sums.envelope[2] += two;
}

inline void draw(int64_t at, int n, int64_t step, uint64_t seed, const uint64_t *words, Block &w) {
    const uint64_t key = mix64(seed + 0x9e3779b97f4a7c15ULL * uint64_t(step + 1));
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const uint64_t word = words ? words[at + i] : mix64(key + 0x9e3779b97f4a7c15ULL * uint64_t(at + i + 1));
        w.bits[0][i] = uint32_t(word), w.bits[1][i] = uint32_t(word >> 32);
    }
}

// First half of the expansion and both kicks of one block.
inline void kick_block(const Constants &c, Tube &s, int64_t at, int n, const Shape &f, const Expansion &x,
                       const Direction *directions, const uint64_t *words, uint64_t seed, Block &w, Histogram &histogram,
                       Sums &sums) {
    const double b = x.b_new;
    const float root = float(std::cbrt(b)), gap = float(c.x_gap * b);
    const double step = std::log(c.x_top / c.x_gap) / deposit_cells;
    const float inverse = float(1.0 / step), floor = float(std::log(c.x_gap * b) / step);
    draw(at, n, s.step, seed, words, w);
    load(s, at, n, f, x.root, w);
    expand(s, at, n, x, w, sums);
    const float *birth = s.birth + at, *delta = s.delta + at, *excess = s.excess + at;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float grown = std::expm1(2.0f * delta[i]);
        w.growth[i] = grown;
        w.p[i] = birth[i] * root * std::sqrt(1.0f + grown);
        w.weight[i] = control(excess[i], w.rest[i], w.share[i], grown, f.exponent);
    }
    for (int k = 0; k < 2; k++) {
        const int which = int((s.step + k) % 2);
        const Direction &d = directions[which];
        const uint64_t *table = reinterpret_cast<const uint64_t *>(&d.y[0][0][0]);
        boost(s, at, n, c, d, b, w.bits[which], w);
        place(n, c, table, b, w);
        invert(n, table, w, w.low);
        invert(n, table, w, w.high);
        land(s, at, n, d, gap, f, w, sums);
        deposit_position(n, w.q, inverse, floor, float(step), w.cell_before, w.upper_before);
        deposit_position(n, w.after, inverse, floor, float(step), w.cell_after, w.upper_after);
        scatter(n, w, histogram[which]);
    }
    measure(n, f, w, sums);
}

// Balancing of the energy and second half of the expansion of one block.
inline void settle_block(Tube &s, int64_t at, int n, const Shape &f, const Expansion &x, double strength, double mean,
                         Block &w, Sums &sums) {
    load(s, at, n, f, x.root, w);
    float *excess = s.excess + at;
    double supplied = 0;
#pragma omp simd reduction(+ : supplied)
    for (int i = 0; i < n; i++) {
        const float p2 = w.p[i] * w.p[i], energy = p2 / (std::sqrt(1.0f + p2) + 1.0f);
        const float density = w.rest[i] * std::exp(f.exponent * std::log1p(w.share[i] * w.growth[i]));
        const float correction = float(strength * double(density) * (double(energy) - mean));
        excess[i] += correction;
        supplied += double(correction) * double(energy);
    }
    sums.supplied += supplied;
    expand(s, at, n, x, w, sums);
}

}  // namespace

// Advance `steps` steps.  `words`, [steps][count], replace the generator's unless it is null.
extern "C" void crmc_bench_run(const Constants *constants, Tube *tube, Record *record, int64_t steps,
                               const uint64_t *words, uint64_t seed, int threads) {
    const Constants &c = *constants;
    Tube &s = *tube;
    const Geometry geometry = make_geometry(c);
    std::vector<Direction> directions(2);
    const Shape f{float(c.amplitude), float(-0.5 * c.index), float(c.turnover) * float(c.turnover)};
    const int64_t blocks = (s.count + block - 1) / block;
    for (int64_t step = 0; step < steps; step++) {
        const uint64_t *word = words ? words + step * s.count : nullptr;
        apply_sources(c, s);
        Expansion x = next_field(c, s, 0.5);
        double wave_sum = carry_waves(c, s, x.b_new);
        make_tables(c, geometry, s.waves, x.b_new, directions.data(), threads);
        Histogram histogram;
        std::memset(histogram, 0, sizeof histogram);
        Sums kicked, settled;
#pragma omp parallel num_threads(threads)
        {
            Histogram own;
            std::memset(own, 0, sizeof own);
            Sums sums;
            Block scratch;
#pragma omp for schedule(dynamic, 8)
            for (int64_t i = 0; i < blocks; i++) {
                const int n = int(std::min<int64_t>(block, s.count - i * block));
                kick_block(c, s, i * block, n, f, x, directions.data(), word, seed, scratch, own, sums);
            }
#pragma omp critical
            {
                kicked.add(sums);
                double *all = &histogram[0][0][0].lower;
                const double *mine = &own[0][0][0].lower;
                for (size_t i = 0; i < sizeof own / sizeof(double); i++) all[i] += mine[i];
            }
        }
        expand_surroundings(c, s, x, kicked.carried, wave_sum);
        grow(c, s, directions.data(), histogram, *record);
        double gain = 0.0;
        for (double g : record->gain) gain += g;
        record->gain_variance = sq(s.b) * kicked.variance;
        record->absolute_exchange = s.b * kicked.absolute;
        record->imbalance = -s.b * kicked.exchanged - gain;
        record->peak = c.nu_coefficient * s.b * c.dt * std::max(directions[0].reference, directions[1].reference);
        const double mean = kicked.envelope[1] / kicked.envelope[0];
        const double strength = record->imbalance / (s.b * (kicked.envelope[2] - kicked.envelope[1] * mean));
        damp(c, s, *record);
        x = next_field(c, s, 1.0);
        wave_sum = carry_waves(c, s, x.b_new);
#pragma omp parallel num_threads(threads)
        {
            Sums sums;
            Block scratch;
#pragma omp for schedule(dynamic, 8)
            for (int64_t i = 0; i < blocks; i++) {
                const int n = int(std::min<int64_t>(block, s.count - i * block));
                settle_block(s, i * block, n, f, x, strength, mean, scratch, sums);
            }
#pragma omp critical
            settled.add(sums);
        }
        record->imbalance -= s.b * settled.supplied;
        record->correction = std::fabs(settled.supplied) / kicked.envelope[1];
        expand_surroundings(c, s, x, settled.carried, wave_sum);
        apply_sources(c, s);
        s.step++;
    }
}
