// The passes over the markers of crmc's step on the halo problem as one would write them first: one loop over markers
// with everything of a marker inside, shared among the threads by OpenMP, with thread-private histograms.
#include "reference.hpp"

namespace {

struct Marker {
    float birth, parallel, rise, excess, rest, share;

    float squared(float change) const { return momentum_squared(birth, rise, change); }
    float control(const Shape &f) const { return ::control(excess, rest, share, rise, f.exponent); }
    double full() const { return double(excess) + double(rest); }
};

Marker load(const Pass &a, int64_t i) {
    const float y2 = a.s.birth[i] * a.s.birth[i], sum = a.f.turnover2 + y2;
    const float rest = a.s.volume[i] * a.f.amplitude * std::exp(a.f.exponent * std::log(sum));
    return {a.s.birth[i], a.s.parallel[i], a.s.rise[i], a.s.excess[i], rest, y2 / sum};
}

float kinetic(float p2) { return p2 / (std::sqrt(1.0f + p2) + 1.0f); }

// Expansion at constant p_par and magnetic moment.
void expand(Marker &m, const Expansion &x, Sums &sums) {
    const float p2 = m.squared(x.change), par2 = m.parallel * m.parallel, perp2 = std::max(p2 - par2, 0.0f);
    for (int k = 0; k < 2; k++) {
        const float there = perp2 * x.node_ratio[k];
        sums.carried[k] += m.full() * double(0.5f * there / std::sqrt(1.0f + par2 + there));
    }
    const float grown = perp2 / p2 * x.growth;
    m.rise += (1.0f + m.rise) * (grown + x.frame + grown * x.frame);
}

// Y of one helicity at one momentum: two rows of the table, mixed.
struct Row {
    const Node *node;
    float mix;

    float operator[](int i) const { return node[i].low + mix * node[i].more; }

    float value(float t) const {
        const int cell = std::min(int(t), cells - 1);
        const float left = (*this)[cell];
        return left + (t - float(cell)) * ((*this)[cell + 1] - left);
    }

    // Fraction of the range at which Y is y.
    float place(float y) const {
        int node = cells / 2;
        for (int half = cells / 4; half > 0; half /= 2) node += (*this)[node] <= y ? half : -half;
        const float near = (*this)[node];
        const bool up = near <= y;
        const float far = (*this)[node + (up ? 1 : -1)], left = up ? near : far, width = std::fabs(far - near);
        const int cell = node - !up;
        const float inside = width > 0.0f ? std::min(std::max((y - left) / width, 0.0f), 1.0f) : 0.5f;
        const float t = (float(cell) + inside) * (1.0f / cells), one = from_gap(t), two = from_top(t);
        return one * one / (one * one + two * two);
    }
};

// Numbers of one direction's kicks.
struct Kick {
    const Direction &d;
    float V, gamma, change, gap, top, scale, inverse_row, row_offset;

    Kick(const Constants &c, const Direction &direction, double b) : d(direction) {
        V = float(d.velocity), gamma = 1.0f / std::sqrt(1.0f - V * V), change = field_change(b);
        gap = float(c.x_gap * b), top = float(c.x_top * b);
        scale = float(std::sqrt(6.0 * c.nu_coefficient * b * c.dt * d.reference));
        inverse_row = float(1.0 / c.row_step), row_offset = float((c.row_start + std::log(b)) / c.row_step);
    }
};

// |p_par'| after the kick of a marker that resonates.
float landing(const Kick &k, float q, float top, float P, float energy, bool back, uint32_t bits) {
    const float gap = k.gap, interval = k.scale / std::sqrt(energy);
    const float offset = (float(bits >> 16) + 0.5f) * 0x1p-16f, u = (float(bits & 0xffff) + 0.5f) * 0x1p-16f;
    const float inside = std::min(std::max(std::log(P) * k.inverse_row - k.row_offset, 0.0f), float(rows - 1));
    const int row = std::min(int(inside), rows - 2);
    const Row table{k.d.y[back][row], inside - float(row)};
    const float above = std::sqrt(q - gap), below = std::sqrt(top - q), s = float(shape);
    const float half = (1.0f + s) * below + (1.0f - s) * above;
    const float t = 2.0f * above / (half + std::sqrt(half * half - 4.0f * s * above * (below - above)));
    const float y = table.value(cells * t), low = y - offset * interval, high = y + (1.0f - offset) * interval;
    const float start = gap + (top - gap) * table.place(low), length = gap + (top - gap) * table.place(high) - start;
    const float kappa = k.V * (back ? -1.0f : 1.0f) / energy, g = 1.0f + kappa * start;
    const float target = u * (g + 0.5f * kappa * length);
    return start + length * (2.0f * target / (g + std::sqrt(g * g + 2.0f * kappa * length * target)));
}

void deposit(Pair *histogram, float x, float weight) {
    float upper;
    Pair &pair = histogram[deposit_cell(x, upper)];
    pair.lower += double(weight) - double(weight * upper), pair.upper += double(weight * upper);
}

// A kick by one direction's waves; `weight` is that before it, then that after it.
void kick(const Kick &k, const Shape &f, uint32_t bits, Marker &m, float &weight, Pair (*histogram)[deposit_cells],
          Sums &sums) {
    const float V = k.V, gamma = k.gamma, p2 = m.squared(k.change), total = std::sqrt(1.0f + p2);
    const float parallel = gamma * (m.parallel - V * total), energy = gamma * (total - V * m.parallel);
    const float P = std::sqrt(std::max(p2 - m.parallel * m.parallel, 0.0f) + parallel * parallel);
    const float q = std::fabs(parallel), top = std::min(P, k.top);
    const bool back = parallel < 0.0f;
    const float after = q > k.gap && q < top ? landing(k, q, top, P, energy, back, bits) : q;
    const float change = (back ? -gamma : gamma) * (after - q), gained = V * change;
    m.parallel += change;
    m.rise += (1.0f + m.rise) * (gained * (2.0f * total + gained) / p2);
    const float next = m.control(f), mean = 0.5f * (weight + next);
    weight = next;
    deposit(histogram[back], after / k.gap, mean);
    deposit(histogram[back], q / k.gap, -mean);
    const double lost = m.full() * double(gained);
    sums.exchanged += lost, sums.absolute += std::fabs(lost), sums.variance += sq(double(mean * gained));
}

void kick(const Pass &a, Histogram &histogram, Sums &sums) {
    const Kick kicks[2] = {{a.c, a.directions[0], a.x.b_new}, {a.c, a.directions[1], a.x.b_new}};
#pragma omp parallel num_threads(a.threads)
    {
        Histogram own;
        std::memset(own, 0, sizeof own);
        Sums mine;
#pragma omp for
        for (int64_t i = 0; i < a.s.count; i++) {
            Marker m = load(a, i);
            expand(m, a.x, mine);
            const uint64_t word = draw(a, i);
            float weight = m.control(a.f);
            for (int k = 0; k < 2; k++) {
                const int which = int((a.s.step + k) % 2);
                kick(kicks[which], a.f, uint32_t(word >> (32 * which)), m, weight, own[which], mine);
            }
            const double density = m.full() - double(weight), energy = kinetic(m.squared(kicks[0].change));
            mine.envelope[0] += density, mine.envelope[1] += density * energy;
            mine.envelope[2] += density * energy * energy;
            a.s.parallel[i] = m.parallel, a.s.rise[i] = m.rise;
        }
#pragma omp critical
        sums.add(mine), add(histogram, own);
    }
}

void settle(const Pass &a, double strength, double mean, Sums &sums) {
#pragma omp parallel num_threads(a.threads)
    {
        Sums mine;
#pragma omp for
        for (int64_t i = 0; i < a.s.count; i++) {
            Marker m = load(a, i);
            const double energy = kinetic(m.squared(a.x.change)), density = m.full() - double(m.control(a.f));
            const float correction = float(strength * density * (energy - mean));
            m.excess += correction;
            mine.supplied += double(correction) * energy;
            expand(m, a.x, mine);
            a.s.excess[i] = m.excess, a.s.rise[i] = m.rise;
        }
#pragma omp critical
        sums.add(mine);
    }
}

}  // namespace
