#!/usr/bin/env python3
"""Shows that the lab itself works, with plain xl and no Ballast: what Ballast builds on, and how long it takes.

  selftest.py [--xen shadow|noshadow] [--attach] [--only NAME]...

--attach uses the lab that runs already. Each check says what it saw and how long it took.
"""

import argparse
import re
import shlex
import socket
import sys
import time

import guests
import host
import lab
import process

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def migrate(source, target, name, live=True):
    """xl migrate over a plain TCP pipe: (exit code, what xl said)."""
    receiver = target.spawn("exec socat -b65536 TCP-LISTEN:9999,reuseaddr EXEC:'xl migrate-receive'")
    target.run("until ss -ltn | grep -q :9999; do sleep 0.1; done", 30)
    code, out, errors = source.try_run(f"xl migrate {'--live' if live else ''} -s 'socat -b65536 - TCP:{target.name}:9999 #' "
                                       f"{shlex.quote(name)} x", 400)
    receiver.kill()
    receiver.wait()
    return code, out + errors


def ticks_are_whole(box, name):
    found = box.ticks(name)
    expect(len(found) > 5, f"{name} hardly ticked: {len(found)} ticks")
    expect(not guests.faults(found), f"{name}: {guests.faults(found)}")
    gap = guests.longest_gap(found)
    return f"{len(found)} ticks on {'+'.join(sorted({t.host for t in found}))}, longest silence {gap[0]:.1f} s"


@check
def hosts_are_what_they_should_be(box):
    kind = box.record["hypervisor"]
    facts = box.on_all(lambda each: each.run("xl info"))
    for text in facts:
        expect(("shadow" in re.search(r"virt_caps.*", text)[0]) == (kind == "shadow"), "virt_caps do not fit the kind")
    offsets = box.on_all(lambda each: each.clock_offset())
    expect(all(abs(offset) < 0.5 for offset, _ in offsets), f"clocks apart: {offsets}")
    return "clocks off by " + ", ".join(f"{offset * 1000:.0f}±{doubt * 1000:.0f} ms" for offset, doubt in offsets)


@check
def a_command_is_quick(box):
    h1 = box["h1"]
    h1.run("true")
    begin = time.monotonic()
    for _ in range(5):
        h1.run("true")
    return f"{(time.monotonic() - begin) / 5:.2f} s each"


@check
def create_pv(box):
    guests.create(box["h1"], "plain")
    guests.create(box["h1"], "rich", disk=0, network=True, vnc=True)
    guests.tell(box["h1"], "rich", "ip 10.9.0.51")
    return box["h1"].run("xl list | tail -n +2 | tr -s ' '").replace("\n", "; ")


@check
def vnc_answers(box):
    with socket.create_connection(("127.0.0.1", box["h1"].port("vnc0")), 20) as connection:
        greeting = connection.recv(12)
    expect(greeting == b"RFB 003.008\n", f"greeting {greeting}")
    return greeting.decode().strip()


@check
def san_is_written(box):
    guests.tell(box["h1"], "rich", "disk on")

    def line():
        return box.san_read(0).rstrip(b"\0").decode()
    process.wait_until(lambda: line().startswith("tick boot="), 30, "tick on the SAN disk")
    return line()[:60]


@check
def burning_shows_in_xentop(box):
    def percent():
        text = box["h1"].run("xentop -b -i 2 -d 4")
        return float([line for line in text.splitlines() if line.split()[0] == "plain"][-1].split()[3])

    idle = percent()
    guests.tell(box["h1"], "plain", "burn 60")
    busy = percent()
    guests.tell(box["h1"], "plain", "burn 0")
    expect(busy > idle + 25, f"{idle} % idle, {busy} % busy")
    return f"{idle:.0f} % idle, {busy:.0f} % told to burn 60 %"


@check
def pause_and_unpause(box):
    h1 = box["h1"]
    h1.run("xl pause plain")
    state = h1.run("xl list plain | tail -1").split()[4]
    h1.run("xl unpause plain")
    expect("p" in state, f"state {state}")
    return state


@check
def save_and_restore(box):
    h1 = box["h1"]
    begin = time.monotonic()
    h1.run("xl save plain /var/tmp/plain.save")
    saved = time.monotonic()
    h1.run("xl restore /var/tmp/plain.save && rm /var/tmp/plain.save")
    restored = time.monotonic()
    guests.wait_booted(h1, "plain")
    return f"save {saved - begin:.1f} s, restore {restored - saved:.1f} s, {ticks_are_whole(box, 'plain')}"


@check
def migrate_pv_live(box):
    code, text = migrate(box["h1"], box["h2"], "rich")
    if box.record["hypervisor"] == "noshadow":
        expect(code != 0, "live migration of a PV guest succeeded without shadow paging")
        ticks = len(box.ticks("rich", 50))
        return f"refused ({re.search('.*rror.*', text)[0][:90]}…), the guest ticks on ({ticks})"
    expect(code == 0, text)
    guests.wait_booted(box["h2"], "rich")
    return ticks_are_whole(box, "rich")


@check
def migrate_pvh_live(box):
    guests.create(box["h1"], "pvh", kind="pvh")
    begin = time.monotonic()
    code, text = migrate(box["h1"], box["h2"], "pvh")
    expect(code == 0, text)
    seconds = time.monotonic() - begin
    guests.wait_booted(box["h2"], "pvh")
    return f"moved in {seconds:.1f} s, {ticks_are_whole(box, 'pvh')}"


@check
def links_can_be_cut(box):
    h1 = box["h1"]
    reach = "timeout 5 bash -c 'exec 3<>/dev/tcp/h2/22'"
    h1.run(reach)
    h1.set_link("peer", False)
    cut = h1.try_run(reach)[0]
    h1.set_link("peer", True)
    h1.run(f"until {reach}; do sleep 0.2; done", 60)
    expect(cut != 0, "the peer was reached over a cut link")
    return "cut and mended, ssh stayed"


@check
def shutdown_is_obeyed(box):
    box["h1"].run("xl shutdown -w plain", 60)
    return box["h1"].run("xl list | tail -n +2 | tr -s ' '").replace("\n", "; ")


def run_checks(box, only):
    failed = 0
    for function in CHECKS:
        if only and function.__name__ not in only:
            continue
        begin = time.monotonic()
        try:
            word, seen = "ok", function(box)
        except (AssertionError, host.HostError, TimeoutError, OSError) as error:
            word, seen, failed = "FAILED", f"{type(error).__name__}: {error}", failed + 1
        print(f"{word:6} {time.monotonic() - begin:6.1f} s  {function.__name__.replace('_', ' ')}: {seen}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xen", choices=("shadow", "noshadow"), default="shadow")
    parser.add_argument("--attach", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()
    if arguments.attach:
        sys.exit(1 if run_checks(lab.Lab.attach(), arguments.only) else 0)
    begin = time.monotonic()
    try:
        with lab.Lab.start(xen=arguments.xen) as box:
            print(f"up after {time.monotonic() - begin:.0f} s\n{box.status()}", flush=True)
            failed = run_checks(box, arguments.only)
    except lab.NoHypervisor as error:
        # No fault of this tree: said loudly, but not a failure.
        print(f"SKIPPED: {error}")
        return
    except (lab.LabError, host.HostError, TimeoutError) as error:
        raise SystemExit(f"FAILED: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
