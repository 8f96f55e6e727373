// What both C++ references share: the small arrays of a step in float64 (tables, growth, damping, sources) and the step
// around the two passes over the markers, `kick` and `settle`.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <omp.h>
#include <vector>

namespace {

constexpr int rows = 48, cells = 128, stride = cells + 1;
constexpr int octaves = 20, octave_bits = 6, deposit_cells = octaves << octave_bits, nodes = deposit_cells + 1;
constexpr double additive_limit = -0.6;
constexpr double shape = 4.0 / 7.0;  // c of the tables' coordinate
constexpr int spline = 3;  // basis functions that overlap at a point

}  // namespace

extern "C" {

struct Constants {
    double dt, alfven_speed, nu_coefficient, growth_coefficient, expansion_rate, adiabatic_index, heating, cooling,
        seed, thermal_speed, amplitude, index, turnover, knot, x_gap, x_top, row_start, row_step;
    int64_t bins;
    const double *top, *x_mid, *basis_mid, *x_deposit, *basis_deposit, *centres;
};

struct Tube {
    int64_t step, count;
    double b, gas_pressure, injected, radiated, work;
    double *waves;  // [direction][helicity][bin]
    float *birth, *parallel, *rise, *volume, *excess;
};

struct Record {
    double gain[4], gain_variance, absolute_exchange, imbalance, correction, damped, peak;
};
}

namespace {

// Basis functions at one point: the first of `spline` neighbours that may differ from zero, and their values.
struct Overlap {
    int first;
    double value[spline];
};

struct Geometry {
    std::vector<Overlap> middle, deposit;
};

struct Node {
    float low, more;  // Y on the row below and its increase to the row above
};

// Tables and frame of one direction's waves.
struct Direction {
    double velocity, gamma, reference;
    alignas(64) Node y[2][rows - 1][stride];
};

// Deposit of one cell: the share of its lower and of its upper node.
struct alignas(16) Pair {
    double lower, upper;
};
using Histogram = Pair[2][2][deposit_cells];  // [direction][helicity][cell]

struct Expansion {
    // b^(2/3) - 1; fields at the nodes over b; b_new/b - 1; (b/b_new)^(2/3) - 1
    float change, node_ratio[2], growth, frame;
    double b_new, node[2];
};

inline double sq(double x) { return x * x; }

// Sides of the tables' coordinate, whose squares are as q - q_gap and q_top - q.
template <class T> inline T from_gap(T t) { return t * (1 + T(shape) * (1 - t)); }
template <class T> inline T from_top(T t) { return (1 - t) * (1 + T(shape) * t); }

Overlap overlap(const double *basis, int64_t bins) {
    int64_t first = 0;
    while (first < bins - 1 && basis[first] == 0.0) first++;
    first = std::max<int64_t>(0, std::min(first, bins - spline));
    Overlap o{int(first), {}};
    for (int k = 0; k < spline; k++) o.value[k] = basis[first + k];
    return o;
}

Geometry make_geometry(const Constants &c) {
    Geometry g;
    for (int i = 0; i < rows * cells; i++) g.middle.push_back(overlap(c.basis_mid + i * c.bins, c.bins));
    for (int i = 0; i < deposit_cells; i++) g.deposit.push_back(overlap(c.basis_deposit + i * c.bins, c.bins));
    return g;
}

inline double power(const Overlap &o, const double *e) {
    return o.value[0] * e[o.first] + o.value[1] * e[o.first + 1] + o.value[2] * e[o.first + 2];
}

inline double pole_distance(double distance) {
    double theta2 = distance * distance;
    return theta2 / (0.297 + std::sqrt(theta2 + 0.135 + 0.1736 / (1.0 + 3.4 * theta2)));
}

// One row of Y in double.
void make_row(const Constants &c, const Geometry &g, const Direction &d, const double *e, int h, int r, double b,
              double *y) {
    const double P = std::exp(c.row_start + c.row_step * r), span = c.top[r] - c.x_gap, beyond = P - c.top[r];
    const double gamma = std::sqrt(1.0 + sq(b * P)), sign = h == 0 ? 1.0 : -1.0;
    const double floor = 1e-3 * c.seed / d.reference, inverse = 1.0 / d.reference;
    double level[cells], speed[cells];
    for (int i = 0; i < cells; i++) level[i] = power(g.middle[r * cells + i], e);
#pragma omp simd
    for (int i = 0; i < cells; i++) {
        const double t = (i + 0.5) / cells, one = from_gap(t), two = from_top(t), both = one * one + two * two;
        const double bend = shape * (1.0 - 2.0 * t), turn = (1.0 + bend) * two + (1.0 - bend) * one;
        const double x = c.x_mid[r * cells + i], to_top = span * two * two / both + beyond;
        const double measure = 1.0 + sign * d.velocity * b * x / gamma;
        speed[i] = std::sqrt(std::max(level[i] * inverse, floor) * to_top * (P + x) / measure);
        level[i] = span * 2.0 * one * two * turn / (both * both) / speed[i] / cells;
    }
    y[0] = 0.0;
    for (int i = 0; i < cells; i++) y[i + 1] = y[i] + level[i];
    if (c.x_top >= P) {
        const double interval = std::sqrt(6.0 * c.nu_coefficient * b * c.dt * d.reference / gamma), end = y[cells];
#pragma omp simd
        for (int i = 0; i <= cells; i++) y[i] = -interval * pole_distance((end - y[i]) / interval);
    }
    double zero = 0.0, sum = 0.0;
    for (int i = 0; i < cells; i++) zero += speed[i] * y[i + 1], sum += speed[i];
    zero /= sum;
    for (int i = 0; i <= cells; i++) y[i] -= zero;
}

// sum_n H_n Psi_j(x_n) of one branch by parts, from the top: see crmc.solvers.monte_carlo.tables.deposited.
void deposited(const Constants &c, const Geometry &g, const double *e, const Pair *pair, double *moved) {
    std::fill(moved, moved + c.bins, 0.0);
    double above = 0.0, kept = 0.0;
    for (int i = deposit_cells - 1; i >= 0; i--) {
        above += pair[i].upper + kept;
        kept = pair[i].lower;
        const Overlap &o = g.deposit[i];
        const double total = power(o, e);
        const double share = above * (c.x_deposit[i + 1] - c.x_deposit[i]) / (total > 0.0 ? total : 1.0);
        for (int k = 0; k < spline; k++) moved[o.first + k] += share * o.value[k];
    }
}

// Tables of both directions at field b, the waves already carried there; rows are shared among the threads.
void make_tables(const Constants &c, const Geometry &g, const double *waves, double b, Direction *directions,
                 int threads) {
    thread_local std::vector<double> y;
    y.resize(2 * 2 * rows * stride);
    double *Y = y.data();
    for (int d = 0; d < 2; d++) {
        const double *e = waves + d * 2 * c.bins;
        directions[d].velocity = (d == 0 ? 1.0 : -1.0) * c.alfven_speed * std::sqrt(b);
        directions[d].gamma = 1.0 / std::sqrt(1.0 - sq(directions[d].velocity));
        directions[d].reference = *std::max_element(e, e + 2 * c.bins);
    }
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int i = 0; i < 4 * rows; i++) {
            const int d = i / (2 * rows), h = i / rows % 2;
            make_row(c, g, directions[d], waves + (2 * d + h) * c.bins, h, i % rows, b, Y + i * stride);
        }
#pragma omp for schedule(static)
        for (int i = 0; i < 4 * rows; i++) {
            const int d = i / (2 * rows), h = i / rows % 2, r = i % rows;
            if (r == rows - 1) continue;
            const double *below = Y + i * stride, *above = below + stride;
            for (int k = 0; k < stride; k++) {
                const float low = float(below[k]);
                directions[d].y[h][r][k] = {low, float(above[k]) - low};
            }
        }
    }
}

inline float field_change(double b) { return float(std::expm1(2.0 / 3.0 * std::log(b))); }

// p^2 = y0^2 (1 + rise) b^(2/3), without a factor that rounds alike for all markers.
inline float momentum_squared(float birth, float rise, float change) {
    const float square = birth * birth;
    return square + square * (rise + change + rise * change);
}

Expansion next_field(const Constants &c, const Tube &s, double end) {
    Expansion x;
    x.b_new = std::exp(-c.expansion_rate * c.dt * (double(s.step) + end));
    const double log_ratio = std::log(x.b_new / s.b);
    for (int i = 0; i < 2; i++) {
        const double at = (i == 0 ? -1.0 : 1.0) / std::sqrt(3.0);
        x.node[i] = s.b * std::exp(0.5 * (1.0 + at) * log_ratio);
        x.node_ratio[i] = float(x.node[i] / s.b);
    }
    x.change = field_change(s.b);
    x.growth = float(std::expm1(log_ratio));
    x.frame = float(std::expm1(-2.0 / 3.0 * log_ratio));
    return x;
}

double energy_unit(const Constants &c, double b) { return c.knot * sq(c.alfven_speed * b); }

// Waves, gas, field and work; `carried` are the sums W p_perp^2/(2 gamma) at the nodes.
void expand_surroundings(const Constants &c, Tube &s, const Expansion &x, const double *carried, double wave_sum) {
    const double log_ratio = std::log(x.b_new / s.b), wave_energy = energy_unit(c, s.b) * wave_sum;
    for (int i = 0; i < 2; i++) {
        const double b = x.node[i], ratio = b / s.b;
        double pressure = b * carried[i] + s.gas_pressure * std::pow(ratio, c.adiabatic_index);
        pressure += 0.5 * wave_energy * std::pow(ratio, 1.5) + 0.5 * sq(c.alfven_speed * b);
        s.work += -0.5 * log_ratio / b * pressure;
    }
    s.gas_pressure *= std::pow(x.b_new / s.b, c.adiabatic_index);
    s.b = x.b_new;
}

double carry_waves(const Constants &c, Tube &s, double b_new) {
    double sum = 0.0;
    const double factor = 1.0 / std::sqrt(b_new / s.b);
    for (int64_t j = 0; j < 4 * c.bins; j++) sum += s.waves[j], s.waves[j] *= factor;
    return sum;
}

void apply_sources(const Constants &c, Tube &s) {
    const double heat = 0.5 * c.heating * s.b * c.dt, cool = 0.5 * c.cooling * s.b * s.b * c.dt;
    s.injected += heat / s.b, s.radiated += cool / s.b;
    s.gas_pressure += (c.adiabatic_index - 1.0) * (heat - cool);
}

// Energy density that kicks by the waves `s.waves` offer each bin.
std::vector<double> offer(const Constants &c, const Geometry &g, const Tube &s, const Direction *directions,
                          const Histogram &histogram) {
    std::vector<double> offered(4 * c.bins);
    for (int k = 0; k < 4; k++) {
        const Direction &d = directions[k / 2];
        const double *e = s.waves + k * c.bins, factor = -(d.gamma * d.velocity * s.b * s.b) * (k % 2 ? -1.0 : 1.0);
        deposited(c, g, e, histogram[k / 2][k % 2], &offered[k * c.bins]);
        for (int64_t j = 0; j < c.bins; j++) offered[k * c.bins + j] *= factor * e[j];
    }
    return offered;
}

void grow(const Constants &c, Tube &s, const std::vector<double> &offered, Record &record) {
    const double unit = energy_unit(c, s.b), limit = 1.0 + additive_limit;
    std::fill(record.gain, record.gain + 4, 0.0);
    for (int64_t i = 0; i < 4 * c.bins; i++) {
        double &e = s.waves[i];
        const double relative = offered[i] / (unit * e);
        const double soft = limit * std::exp(std::min(relative - additive_limit, 0.0) / limit);
        const double given = std::max(e * (relative > additive_limit ? 1.0 + relative : soft), c.seed) - e;
        e += c.growth_coefficient * given;
        record.gain[i / c.bins] += unit * given;
    }
}

// `from` decayed by exp(-factor Gamma_d dt/2), one branch; the rate is that of amplitudes `e`.
void decay(const Constants &c, double b, double factor, const double *from, const double *e, double *to) {
    for (int64_t j = 0; j < c.bins; j++) {
        const double sides = (j > 0 ? e[j - 1] : 0.0) + (j + 1 < c.bins ? e[j + 1] : 0.0);
        const double rate = c.thermal_speed * c.nu_coefficient * b / std::sqrt(1.0 + sq(b / c.centres[j]));
        to[j] = from[j] * std::exp(-factor * rate * (0.75 * e[j] + 0.125 * sides) * 0.5 * c.dt);
    }
}

// Damping over half a step at the rate of its middle; returns the heat.
double damp(const Constants &c, Tube &s) {
    std::vector<double> middle(c.bins), damped(c.bins);
    double unit = energy_unit(c, s.b), heat = 0.0, seeded = 0.0;
    for (int k = 0; k < 4; k++) {
        double *e = s.waves + k * c.bins;
        decay(c, s.b, 1.0, e, e, middle.data());
        decay(c, s.b, 2.0, e, middle.data(), damped.data());
        for (int64_t j = 0; j < c.bins; j++) {
            const double floored = std::max(damped[j], c.seed);
            heat += e[j] - damped[j], seeded += floored - damped[j], e[j] = floored;
        }
    }
    s.injected += unit * seeded / s.b;
    s.gas_pressure += (c.adiabatic_index - 1.0) * unit * heat;
    return unit * heat;
}

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

// What the passes over the markers need.
struct Pass {
    const Constants &c;
    Tube &s;
    Shape f;
    Expansion x;
    const Direction *directions;
    const uint64_t *words;
    uint64_t seed;
    int threads;
};

inline uint64_t mix64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

inline uint64_t draw(const Pass &a, int64_t i) {
    const uint64_t golden = 0x9e3779b97f4a7c15ULL;
    return a.words ? a.words[i] : mix64(mix64(a.seed + golden * uint64_t(a.s.step + 1)) + golden * uint64_t(i + 1));
}

inline float control(float excess, float rest, float share, float rise, float exponent) {
    return excess - rest * std::expm1(exponent * std::log1p(share * rise));
}

// Deposit cell at x times the gap, and the weight of its upper node: the leading bits of x and the others.
inline int32_t deposit_cell(float x, float &upper) {
    x = std::min(std::max(x, 1.0f), float(1 << octaves) * (1.0f - 0x1p-23f));
    constexpr int shift = 23 - octave_bits;
    int32_t bits;
    std::memcpy(&bits, &x, 4);
    upper = float(bits & ((1 << shift) - 1)) * (1.0f / (1 << shift));
    return (bits - (127 << 23)) >> shift;
}

inline void add(Histogram &all, const Histogram &own) {
    double *to = &all[0][0][0].lower;
    const double *from = &own[0][0][0].lower;
    for (size_t i = 0; i < sizeof own / sizeof(double); i++) to[i] += from[i];
}

// First half of the expansion, both kicks and their deposits; balancing and second half of the expansion.
void kick(const Pass &a, Histogram &histogram, Sums &sums);
void settle(const Pass &a, double strength, double mean, Sums &sums);

}  // namespace

// Cores that OpenMP uses: binding the threads narrows what the process's own affinity says.
extern "C" int crmc_bench_threads() { return omp_get_max_threads(); }

// Advance `steps` steps.  `words`, [steps][count], replace the generator's unless it is null.
extern "C" void crmc_bench_run(const Constants *constants, Tube *tube, Record *record, int64_t steps,
                               const uint64_t *words, uint64_t seed, int threads) {
    const Constants &c = *constants;
    Tube &s = *tube;
    const Geometry geometry = make_geometry(c);
    std::vector<Direction> directions(2);
    const Shape f{float(c.amplitude), float(-0.5 * c.index), float(c.turnover) * float(c.turnover)};
    for (int64_t step = 0; step < steps; step++) {
        apply_sources(c, s);
        const uint64_t *word = words ? words + step * s.count : nullptr;
        Pass a{c, s, f, next_field(c, s, 0.5), directions.data(), word, seed, threads};
        double wave_sum = carry_waves(c, s, a.x.b_new);
        make_tables(c, geometry, s.waves, a.x.b_new, directions.data(), threads);
        Histogram histogram;
        std::memset(histogram, 0, sizeof histogram);
        Sums kicked, settled;
        kick(a, histogram, kicked);
        expand_surroundings(c, s, a.x, kicked.carried, wave_sum);
        // The kicks were made by the waves as they are before the first half of the damping.
        const std::vector<double> offered = offer(c, geometry, s, directions.data(), histogram);
        record->damped = damp(c, s);
        grow(c, s, offered, *record);
        double gain = 0.0;
        for (double g : record->gain) gain += g;
        record->gain_variance = sq(s.b) * kicked.variance;
        record->absolute_exchange = s.b * kicked.absolute;
        record->imbalance = -s.b * kicked.exchanged - gain;
        record->peak = c.nu_coefficient * s.b * c.dt * std::max(directions[0].reference, directions[1].reference);
        const double mean = kicked.envelope[1] / kicked.envelope[0];
        const double strength = record->imbalance / (s.b * (kicked.envelope[2] - kicked.envelope[1] * mean));
        record->damped += damp(c, s);
        a.x = next_field(c, s, 1.0);
        wave_sum = carry_waves(c, s, a.x.b_new);
        settle(a, strength, mean, settled);
        record->imbalance -= s.b * settled.supplied;
        record->correction = std::fabs(settled.supplied) / kicked.envelope[1];
        expand_surroundings(c, s, a.x, settled.carried, wave_sum);
        apply_sources(c, s);
        s.step++;
    }
}
