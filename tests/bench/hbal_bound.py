#!/usr/bin/env python3
"""A lower bound of the migrations that any plan takes to hbal's final score.

  hbal_bound.py [CLUSTER]... [--steps N]            all clusters when none is named; python3-numpy is needed

A standard deviation is the largest of the averages of the deviations along all directions of unit length, so for any
directions the score is no less than a sum over guests of what each brings where it stands. With a price of one for each
guest that is not at home, and whatever price on the score, each guest then has its own cheapest place, and the sum of
these, less the price of the score asked for, is no more than the migrations that reach it: for all directions and
prices, of which this looks for the best by gradients of a softened minimum. What it prints is worked out exactly for the
directions found. Memory is not looked at, and parts of guests may move: the true least number is higher.
"""

import argparse
import math

import hbal
import hbal_pool
import numpy

AXES = 6
SHARPEST, SOFTEST = 0.0002, 0.1  # of the minimum, in migrations
PEAK = 60  # the power whose mean stands for the largest norm


def shares(pool):
    """What each guest brings on each axis, its host, and how many hosts there are. Hosts are equal."""
    standing = hbal_pool.Standing(pool)
    host = standing.sizes[pool["hosts"][0]["name"]]
    rows = [(vm["memory_mib"] / host["memory_mib"], vm["vcpus"] / host["cpu_cores"],
             vm["cpu_cores"][0] / hbal_pool.STANDARD_CORES, vm["memory_used_mib"][0] / hbal_pool.STANDARD_MEMORY_MIB,
             vm["disk_mbps"][0] / hbal_pool.STANDARD_DISK_MBPS, vm["net_mbps"][0] / hbal_pool.STANDARD_NET_MBPS)
            for vm in pool["vms"]]
    index = {host["name"]: i for i, host in enumerate(pool["hosts"])}
    return numpy.array(rows), numpy.array([index[vm["host"]] for vm in pool["vms"]]), len(index)


def bound(pool, score, steps):
    brings, home, hosts = shares(pool)
    guests = numpy.arange(len(brings))
    at_home = numpy.zeros((hosts, AXES))
    numpy.add.at(at_home, home, brings)
    slopes = at_home - at_home.mean(0)
    slopes *= 5 / numpy.abs(slopes).max()
    price = score * math.sqrt(hosts)

    def places(slopes, dtype):
        costs = brings.astype(dtype) @ slopes.T.astype(dtype) + dtype(1)
        costs[guests, home] -= 1
        return costs

    first, second = numpy.zeros_like(slopes), numpy.zeros_like(slopes)  # moments of the gradient (Adam)
    for step in range(steps):
        done = step / steps
        slopes -= slopes.mean(0)
        chosen = places(slopes, numpy.float32)
        chosen -= chosen.min(1, keepdims=True)
        numpy.exp(chosen / -(SOFTEST * (SHARPEST / SOFTEST) ** done), out=chosen)
        chosen /= chosen.sum(1, keepdims=True)
        norms = numpy.linalg.norm(slopes, axis=0)
        relative = norms / norms.max()
        peak = (relative ** PEAK).sum() ** (1 / PEAK)
        ascent = chosen.T @ brings
        ascent -= ascent.mean(0) + price * (relative / peak) ** (PEAK - 1) * slopes / norms
        first = 0.9 * first + 0.1 * ascent
        second = 0.99 * second + 0.01 * ascent ** 2
        size = numpy.sqrt(second / (1 - 0.99 ** (step + 1))) + 1e-12
        slopes += 0.5 * 0.001 ** done * first / (1 - 0.9 ** (step + 1)) / size
    slopes -= slopes.mean(0)
    return places(slopes, numpy.float64).min(1).sum() - price * numpy.linalg.norm(slopes, axis=0).max()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clusters", nargs="*", default=hbal.CLUSTERS)
    parser.add_argument("--steps", type=int, default=2500)
    options = parser.parse_args()
    folder = hbal.data_folder()
    if folder is None:
        parser.exit(1, "hbal_bound: the clusters (BALLAST_DATA) are not there\n")
    for name in options.clusters:
        score, moves = hbal.RECORDED[name]
        least = bound(hbal_pool.load_pool(folder, name), score, options.steps)
        print(f"{name}: at least {math.ceil(least - 1e-6)} migrations ({least:.1f}) to {score}, "
              f"{math.ceil(least - 1e-6) / moves:.3f} of hbal's {moves}", flush=True)


if __name__ == "__main__":
    main()
