#!/usr/bin/env python3
"""The acceptance test on real Xen: two hosts, the agent in each dom0, the controller outside, driven over HTTP.

  acceptance.py PROGRAMS [--only WORD]... [--keep]

PROGRAMS is the folder with ballast-agent and ballast-controller. Ends with one line "N passed, N failed".
"""

import argparse
import contextlib
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "accept")]

import desktops  # noqa: E402
import faults  # noqa: E402
import lab as lab_module  # noqa: E402
import noshadow  # noqa: E402
import process  # noqa: E402
import scenarios  # noqa: E402
import wan  # noqa: E402
from pool import Pool  # noqa: E402
from truth import domains  # noqa: E402

WITH_SHADOW = [
    scenarios.pause_and_unpause,
    scenarios.save_for_xl_and_restore,
    scenarios.adopt_what_xl_saved,
    scenarios.shutdown_and_start_again,
    scenarios.network_card_on_its_bridge,
    scenarios.vnc_console_answers,
    scenarios.actions_that_make_no_sense,
    scenarios.live_migration_by_curl,
    scenarios.stop_and_copy_by_curl,
    scenarios.no_memory_at_the_destination,
    faults.kill_source_agent,
    faults.kill_destination_agent,
    faults.kill_controller,
    faults.cut_the_link,
    faults.worker_dies_before_the_guest_heeds_it,
    faults.worker_dies_when_the_guest_heeds_it,
    faults.guest_suspends_when_its_job_is_over,
    desktops.tiers_and_sessions,
    desktops.private_desktop,
    wan.image_goes_along,
    wan.memory_is_named,
    scenarios.overload_is_balanced,
    faults.power_cut_of_the_destination,
]
WITHOUT_SHADOW = [noshadow.live_is_refused, noshadow.stop_and_copy_works]


def sweep(site):
    """Removes what a failed scenario left behind, by Xen's own tools."""
    for host in site.lab.hosts:
        if not host.is_alive():
            site.lab.restart(host)
        host.set_link("peer", True)
        for copy in domains(host):
            host.try_run(f"xl destroy {copy.domid}")


def show_why(site):
    for host in site.lab.hosts:
        if host.is_alive():
            print(host.try_run("journalctl -u ballast-agent -n 25 --no-pager; xl list")[1])
    print((site.pool.folder / "controller.log").read_text()[-3000:])


def run(scenario, site):
    name = f"{scenario.__module__}.{scenario.__name__}"
    begin = time.monotonic()
    try:
        scenario(site)
        failure = None
    except Exception as error:  # whatever it is, the other scenarios still count
        failure = error
    seconds = time.monotonic() - begin
    print(f"{'ok' if failure is None else 'FAILED':6} {name:<45} {seconds:6.1f} s  {scenario.__doc__}", flush=True)
    if failure is not None:
        traceback.print_exception(failure)
        with contextlib.suppress(Exception):
            show_why(site)
        sys.stdout.flush()
        sweep(site)
    return failure is None


@contextlib.contextmanager
def site_on(kind, programs, folder):
    """A lab with this kind of hypervisor, the agents in it, and a controller."""
    ports = process.free_ports(2)
    pool = Pool(programs, folder / "pool", *ports)
    names = ("h1", "h2")
    begin = time.monotonic()
    pool.prepare(names)
    pool.start_controller()
    try:
        with lab_module.Lab.start(len(names), folder / "lab", kind, enable=("ballast-agent.service",), forwards=pool.forwards(),
                                  files=lambda host: pool.agent_files(host.name, host.peer_address)) as lab:
            pool.wait_for_hosts(names)
            print(f"--- {kind}: {len(names)} hosts up after {time.monotonic() - begin:.0f} s", flush=True)
            yield scenarios.Site(lab, pool)
    finally:
        pool.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--only", action="append", help="scenarios whose name holds this word")
    parser.add_argument("--keep", action="store_true", help="leave the logs behind")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ballast-acceptance-"))
    results = []
    for kind, wanted in (("shadow", WITH_SHADOW), ("noshadow", WITHOUT_SHADOW)):
        chosen = [s for s in wanted
                  if not arguments.only or any(w in f"{s.__module__}.{s.__name__}" for w in arguments.only)]
        if not chosen:
            continue
        done = []
        try:
            with site_on(kind, arguments.programs, folder / kind) as site:
                for scenario in chosen:
                    done.append(run(scenario, site))
        except Exception as error:  # the lab itself is broken: what has not run has failed
            traceback.print_exception(error)
        results += done + [False] * (len(chosen) - len(done))
    print(f"logs are in {folder}" if arguments.keep or not all(results) else "", flush=True)
    if not arguments.keep and all(results):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
