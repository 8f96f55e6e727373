/* A one-dimensional fluid of cosmic rays along a field line, with the closure of crmc: two moments, explicit transport
 * at a reduced speed of light, implicit scattering.
 *
 *     dE/dt + dF/dx = v_A dP/dx,     (1/V^2) dF/dt + dP/dx = -sigma [F - v_s (E + P)],     E = u P
 *
 * sigma, the streaming speed v_s and u = U/P_c come from the header.  The gas is at rest: n(x) is given.
 *
 *     crmc closure experiments/closure/fluid.toml --header crmc_closure.h
 *     cc -O2 fluid.c -o fluid -lm && ./fluid uniform > uniform.txt && ./fluid bottleneck > bottleneck.txt
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmc_closure.h"

#define CELLS 96
#define KPC 3.0856775814913673e21
#define LENGTH (3.0 * KPC)
#define SPEED 3e8 /* the reduced speed of light [cm/s] */
#define LEFT 1.602176634e-12 /* P_c where the cosmic rays come from [erg/cm^3]; at the right end a tenth of it */

static const crmc_spectrum *spectrum = &spectrum_fluid;

/* Density of the ions; the bottleneck is a cloud in the middle. */
static double density(double x, int cloud) {
    const double z = (x / LENGTH - 0.5) / 0.08;
    return 0.01 * (1.0 + (cloud ? 15.0 * exp(-z * z) : 0.0));
}

/* Half a cell's rise, the smaller of both sides'. */
static double rise(const double *y, int i) {
    const double a = y[i] - y[i - 1], b = y[i + 1] - y[i];
    return a * b <= 0.0 ? 0.0 : 0.5 * (fabs(a) < fabs(b) ? a : b);
}

/* The closure at x: sigma and v_s (E + P)/P. */
static void close_at(double x, int cloud, double pressure, double gradient, double *sigma, double *stream, double *alfven) {
    crmc_cell cell = crmc_cell_default();
    crmc_out out;
    cell.magnetic_field = 5e-6;
    cell.ion_density = density(x, cloud);
    cell.temperature = 1e6;
    cell.cr_pressure = pressure;
    cell.pressure_gradient = gradient;
    cell.k_max = 20.0;
    cell.nonlinear_landau = CRMC_LOCAL;
    crmc_closure(&cell, spectrum, &out);
    *alfven = cell.magnetic_field / sqrt(4.0 * 3.14159265358979 * cell.ion_density * 1.67262192595e-24);
    *sigma = out.sigma;
    *stream = out.streaming_energy * *alfven * (1.0 + spectrum->whole_energy);
}

int main(int count, char **argv) {
    const int cloud = count > 1 && !strcmp(argv[1], "bottleneck");
    const double dx = LENGTH / CELLS, dt = 0.4 * dx / SPEED, u = spectrum->whole_energy;
    const double end = count > 2 ? atof(argv[2]) : 4e15, wave = SPEED / sqrt(u);
    double drop, p[CELLS + 2], f[CELLS + 2], sigma[CELLS + 2], stream[CELLS + 2], alfven[CELLS + 2], ep[CELLS + 2], ef[CELLS + 2];
    long step, steps = (long)(end / dt);
    int i;
    for (i = 0; i < CELLS + 2; i++) {
        const double s = (i - 0.5) / CELLS;
        p[i] = LEFT * (1.0 - 0.9 * s);
        f[i] = 0.0;
    }
    for (step = 0; step < steps; step++) {
        p[0] = LEFT;
        p[CELLS + 1] = 0.1 * LEFT;
        f[0] = f[1];
        f[CELLS + 1] = f[CELLS];
        if (step % 8 == 0) /* sigma changes as slowly as P does */
            for (i = 1; i <= CELLS; i++)
                close_at((i - 0.5) * dx, cloud, p[i], (p[i + 1] - p[i - 1]) / (2.0 * dx), &sigma[i], &stream[i], &alfven[i]);
        /* Rusanov fluxes of (u P, F/V^2) between cells i and i + 1, linear within cells. */
        for (i = 0; i <= CELLS; i++) {
            const double pl = p[i] + (i > 0 ? rise(p, i) : 0.0), pr = p[i + 1] - (i < CELLS ? rise(p, i + 1) : 0.0);
            const double fl = f[i] + (i > 0 ? rise(f, i) : 0.0), fr = f[i + 1] - (i < CELLS ? rise(f, i + 1) : 0.0);
            ep[i] = 0.5 * (fl + fr) - 0.5 * u * wave * (pr - pl);
            ef[i] = 0.5 * (pl + pr) - 0.5 * wave / (SPEED * SPEED) * (fr - fl);
        }
        for (i = 1; i <= CELLS; i++) {
            /* Both terms as one: F = -(dP/dx)/total, and no sign that could flicker where P is flat. */
            double total;
            drop = fabs(p[i + 1] - p[i - 1]) / (2.0 * dx);
            total = 1.0 / (1.0 / sigma[i] + fabs(stream[i]) * p[i] / (drop + 1e-6 * p[i] / LENGTH));
            f[i] = (f[i] - SPEED * SPEED * dt * (ef[i] - ef[i - 1]) / dx) / (1.0 + SPEED * SPEED * total * dt);
            /* Waves take v_A |dP/dx|. */
            p[i] += dt * (-(ep[i] - ep[i - 1]) / dx - drop * alfven[i]) / u;
        }
    }
    printf("# x [kpc], P_c [erg cm-3], F [erg cm-2 s-1], sigma [s cm-2], v_s (E + P)/P [cm s-1], v_A [cm s-1]\n");
    for (i = 1; i <= CELLS; i++)
        printf("%.8e %.8e %.8e %.8e %.8e %.8e\n", (i - 0.5) * dx / KPC, p[i], 0.5 * (ep[i - 1] + ep[i]), sigma[i], stream[i], alfven[i]);
    return 0;
}
