#!/usr/bin/env python3
"""Two real agents with simulated hosts: every operation once, then migrations during which agents are killed at random
moments. Afterwards the guest must run on exactly one host, and the final reports must say where.
usage: agent_handover.py BALLAST_AGENT [ROUNDS [SEED]]"""

import random
import shutil
import signal
import sys
import tempfile
import time
import os

from agent_driver import (Agent, CANCELLED, Controller, FAILED, PAUSED, RUNNING, SUCCEEDED, new_guest, spec)

SIM = "operation_speed = 10\nimage_bytes_per_page = 256"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def state_of(agent, guest):
    return agent.domains[guest].state if guest in agent.domains else None


def local_operations(controller, agent):
    guest, name = new_guest(), "local"

    def run(kind, **more):
        update = controller.run(agent, kind, guest, name, **more)
        controller.inventory_after(agent)
        return update

    update = run("create", spec=spec(guest, name))
    check(update.state == SUCCEEDED and state_of(agent, guest) == RUNNING, f"create: {update.detail}")
    check(run("create", spec=spec(guest, name)).state == FAILED, "a second create of the same uuid is refused")
    check(run("pause").state == SUCCEEDED and state_of(agent, guest) == PAUSED, "pause")
    check(run("pause").state == SUCCEEDED and state_of(agent, guest) == PAUSED, "pause again")
    check(run("save").fault == 11, "a paused guest is not saved")
    check(run("unpause").state == SUCCEEDED and state_of(agent, guest) == RUNNING, "unpause")
    update = run("save")
    check(update.state == SUCCEEDED and guest not in agent.domains and guest in agent.saved, f"save {update.detail}")
    update = run("restore")
    check(update.state == SUCCEEDED and state_of(agent, guest) == RUNNING and guest not in agent.saved,
          f"restore: {update.detail}")
    check(not os.listdir(os.path.join(agent.directory, "saved")), "no image is left behind")
    update = run("shutdown")
    check(update.state == SUCCEEDED and guest not in agent.domains, f"shutdown: {update.detail}")
    check(run("destroy").state == FAILED, "what is not here is not destroyed")
    check(run("create", spec=spec(guest, name)).state == SUCCEEDED, "create again")
    check(run("destroy").state == SUCCEEDED and guest not in agent.domains, "destroy")


def local_deaths(controller, agent, lot, rounds):
    """Saves and restores one guest while its agent or the worker is killed: it runs, or lies in one file."""
    guest, name = new_guest(), "sleeper"
    check(controller.run(agent, "create", guest, name, spec=spec(guest, name)).state == SUCCEEDED, "create")
    for number in range(rounds):
        saved = guest in agent.saved
        kind = "restore" if saved else "save"
        job = controller.order(agent, kind, guest, name)
        limit = time.monotonic() + lot.random() * 0.25
        while time.monotonic() < limit:
            controller.poll(max(0, min(limit - time.monotonic(), 0.01)))
        death = lot.choice(["s", "S"])
        kill_some(controller, death, agent, None)
        if agent.process is None:
            agent.start()
            controller.wait(lambda: agent.link, "the agent to be back")
            controller.order(agent, kind, guest, name, job=job)
        result = controller.finish(agent, job)
        controller.inventory_after(agent)
        files = os.listdir(os.path.join(agent.directory, "saved"))
        told = f"{kind} {number}, {death}: {state_of(agent, guest)}, files {files}, {result.state} {result.detail}"
        check((state_of(agent, guest) == RUNNING) != (guest in agent.saved), told)
        check((guest in agent.domains) != (guest in agent.saved) and len(files) == (guest in agent.saved), told)
        check((result.state == SUCCEEDED) == ((guest in agent.saved) != saved), told)
    controller.run(agent, "restore" if guest in agent.saved else "pause", guest, name)
    check(controller.run(agent, "destroy", guest, name).state == SUCCEEDED, "destroy")


def begin_migration(controller, source, destination, guest, name):
    migration = new_guest()
    common = {"migration": migration, "memory_kib": 128 * 1024, "deadline_ms": 30000}
    job_in = controller.order(destination, "migrate_in", guest, name, peer=source.name, **common)
    controller.wait(lambda: job_in in destination.updates, "the destination's word")
    first = destination.updates[job_in]
    check(first.ready, f"the destination is not ready: {first.detail}")
    out = {"peer": destination.name, "address": "127.0.0.1", "port": destination.port, "mode": 2, **common}
    job_out = controller.order(source, "migrate_out", guest, name, **out)
    return job_in, job_out, lambda: controller.order(source, "migrate_out", guest, name, job=job_out, **out)


def kill_some(controller, kind, source, destination):
    for agent, letter in ((source, "s"), (destination, "d")):
        if letter in kind:
            agent.kill()
            if agent.link:
                controller.drop(agent.link)
    for agent, letter in ((source, "S"), (destination, "D")):
        if letter in kind and agent.process:  # its workers
            pid = agent.process.pid
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                pids = children.read().split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass


def migrate_with_deaths(controller, source, destination, guest, name, kind, delay):
    job_in, job_out, repeat = begin_migration(controller, source, destination, guest, name)
    limit = time.monotonic() + delay
    while time.monotonic() < limit:
        controller.poll(max(0, min(limit - time.monotonic(), 0.01)))
    kill_some(controller, kind, source, destination)
    for agent in (source, destination):
        if agent.process is None:
            agent.start()
    controller.wait(lambda: source.link and destination.link, "both agents to be back")
    repeat()  # idempotent: the order may not have arrived
    result = controller.finish(source, job_out, 90)
    if result.state != SUCCEEDED:
        controller.cancel(destination, job_in)
    result_in = controller.finish(destination, job_in, 90)
    controller.inventory_after(source)
    controller.inventory_after(destination)
    here, there = state_of(source, guest), state_of(destination, guest)
    told = f"{kind or 'nothing'} after {delay:.3f} s: source {here} ({result.state} {result.detail}), " \
           f"destination {there} ({result_in.state} {result_in.detail})"
    check((here == RUNNING) != (there == RUNNING) and (here is None or there is None), told)
    check((result.state == SUCCEEDED) == (there == RUNNING), told)
    check((result_in.state == SUCCEEDED) == (there == RUNNING), told)
    check(result.state in (SUCCEEDED, FAILED, CANCELLED), told)
    return there == RUNNING, result


def run(program, rounds, seed, sim=SIM):
    """What went wrong, in words; empty when nothing did."""
    lot = random.Random(seed)
    directory = tempfile.mkdtemp(prefix="ballast-agents-")
    controller = Controller()
    agents = [Agent(program, os.path.join(directory, name), name, controller.port, sim) for name in ("h1", "h2")]
    passed = moved = 0
    try:
        for agent in agents:
            controller.add(agent)
            agent.start()
        controller.wait(lambda: all(agent.link and agent.reports for agent in agents), "both agents to connect")
        local_operations(controller, agents[0])
        local_deaths(controller, agents[0], lot, rounds // 2)
        passed += 1 + rounds // 2
        guest, name = new_guest(), "traveller"
        source, destination = agents
        check(controller.run(source, "create", guest, name, spec=spec(guest, name)).state == SUCCEEDED, "create")
        for number in range(rounds):
            kind = "" if number == 0 else lot.choice(["s", "d", "sd", "S", "D", "SD", "sD"])
            went, result = migrate_with_deaths(controller, source, destination, guest, name, kind,
                                               lot.random() * 1.5 * usual if number else 0)
            if number == 0:
                check(went, f"an undisturbed migration failed: {result.detail}")
                usual = max(result.total_ms, 100) * 1.3e-3
            if went:
                source, destination = destination, source
                moved += 1
            passed += 1
        for agent in agents:
            check(agent.samples > 0, "samples come")
            check(not [f for f in os.listdir(agent.directory + "/state/journal") if f.endswith(".job")],
                  "acknowledged jobs leave no records")
        print(f"{passed} checks of two agents passed; {moved} of {rounds} disturbed migrations arrived, usual time "
              f"{usual / 1.3:.2f} s")
        shutil.rmtree(directory)
        return ""
    except (AssertionError, TimeoutError) as problem:
        return f"failed after {passed} checks: {problem}; logs in {directory}"
    finally:
        for agent in agents:
            agent.stop()
        controller.close()


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    problem = run(os.path.abspath(sys.argv[1]), rounds, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
