"""Scenarios in which something dies in the middle of a migration: afterwards exactly one copy runs."""

import re
import time

import guests
import process
import truth
from scenarios import Mismatch, expect


def start_migration(site, name):
    """Orders a live migration from h1 to h2 and returns its job once memory flows (D's copy is being built)."""
    job = site.api.post(f"/v1/vms/{name}:migrate", {"to": "h2", "mode": "live"})
    process.wait_until(lambda: any(copy.host == "h2" for copy in site.copies(name)), 60,
                       f"the beginning of {name}'s copy on h2", interval=0.1)
    return job


def settled(site, name):
    """Waits until exactly one domain of the guest is left and executes; returns its host."""
    end = time.monotonic() + 150
    while True:
        found = site.copies(name)
        expect(sum(copy.executes for copy in found) <= 1, f"{name} executes twice: {found}")
        if len(found) == 1 and found[0].executes and found[0].name == name:
            return found[0].host
        if time.monotonic() > end:
            raise Mismatch(f"{name} has not settled: {found}")
        time.sleep(0.5)


def after_a_fault(site, name, job):
    """What must hold once everything is back: one copy, reported where it is, its counter unbroken, the job ended."""
    site.pool.wait_for_hosts(["h1", "h2"])
    host = settled(site, name)
    ended = site.api.wait_for_job(job["id"], 150)
    expect(ended["state"] == ("succeeded" if host == "h2" else "failed"),
           f"{name} is on {host}, and the job says {ended['state']}: {ended.get('detail')}")
    expect(ended["state"] == "succeeded" or ended.get("detail"), "a failed job without a reason")
    site.expect_one(name, host)
    site.expect_ticking(name)
    site.destroy(name)


def kill_agent(host):
    """SIGKILL to the agent's main process: systemd starts it again."""
    host.run("systemctl kill --kill-whom=main --signal=KILL ballast-agent.service")


def kill_source_agent(site):
    """kill -9 of the source's agent in the middle of a migration"""
    site.create("widow")
    job = start_migration(site, "widow")
    kill_agent(site.lab["h1"])
    after_a_fault(site, "widow", job)


def kill_destination_agent(site):
    """kill -9 of the destination's agent in the middle of a migration"""
    site.create("orphan")
    job = start_migration(site, "orphan")
    kill_agent(site.lab["h2"])
    after_a_fault(site, "orphan", job)


def kill_controller(site):
    """kill -9 of the controller in the middle of a migration: the agents finish, the controller learns"""
    site.create("captain")
    job = start_migration(site, "captain")
    site.pool.kill_controller()
    site.pool.start_controller()
    after_a_fault(site, "captain", job)


def cut_the_link(site):
    """the link between the hosts is cut in the middle of a migration, and comes back"""
    site.create("bridge")
    job = start_migration(site, "bridge")
    site.lab["h1"].set_link("peer", False)
    try:
        host = settled(site, "bridge")
        expect(host == "h1", "with the link cut in the middle, the guest should be where it was")
    finally:
        site.lab["h1"].set_link("peer", True)
    after_a_fault(site, "bridge", job)


REQUEST = "control/shutdown"
# Everything that the agent has started, at once.
KILL_WORKERS = ("main=$(systemctl show -p MainPID --value ballast-agent.service); "
                "kill -9 $(cat /proc/$main/task/*/children)")


def ask_to_suspend(site, name):
    """Begins a migration of a guest that does not hear that it is to suspend itself: returns its job once it was asked."""
    site.create(name)
    job = start_migration(site, name)
    host = site.lab["h1"]
    host.run(f"xl pause {name}")
    guests.wait_node(host, name, REQUEST, "suspend", 150)
    return job


def runs_on_after_all(site, name, job):
    """What must hold once the guest gets the processor again: it runs where it was, and the job has failed."""
    ended = site.api.wait_for_job(job["id"], 150)
    expect(ended["state"] == "failed" and ended.get("detail"), f"the job says {ended['state']}: {ended.get('detail')}")
    expect(settled(site, name) == "h1", f"{name} has left h1 without its worker")
    site.expect_one(name, "h1")
    site.expect_ticking(name)
    site.destroy(name)


def worker_dies_before_the_guest_heeds_it(site):
    """the worker is killed when it has asked the guest to suspend itself: the request goes with it"""
    job = ask_to_suspend(site, "dozer")
    host = site.lab["h1"]
    host.run(KILL_WORKERS)
    site.api.wait_for_job(job["id"], 150)
    host.run("xl unpause dozer")
    runs_on_after_all(site, "dozer", job)


def vain_withdrawals(site):
    """How often agents found no request to take back, of guests that had not suspended themselves either."""
    return int(re.search(r'^ballast_agent_call_errors_total\{call="withdraw_suspend"\} (\d+)', site.api.get("/metrics"),
                         re.MULTILINE).group(1))


def worker_dies_when_the_guest_heeds_it(site):
    """the worker is killed when the guest is about to suspend itself: it does, and is let run on"""
    job = ask_to_suspend(site, "nodder")
    before = vain_withdrawals(site)
    host = site.lab["h1"]
    # It takes the request as soon as it runs; what it does then takes longer than to pause it again.
    flags = host.run(f"""path=/local/domain/$(xl domid nodder)/{REQUEST}
        exec 3< <(exec xenstore watch $path); watch=$!
        read -u 3 _; xl unpause nodder; read -t 60 -u 3 _; xl pause nodder; left=$(xenstore read $path)
        {KILL_WORKERS}; kill $watch; test -z "$left" && xl list nodder | tail -1""").split()[-2]
    print(f"       its worker died when nodder was {flags}", flush=True)
    process.wait_until(lambda: vain_withdrawals(site) > before, 60, "a look for the request", interval=0.5)
    host.run("xl unpause nodder")
    runs_on_after_all(site, "nodder", job)


def await_hanging_write(host, disk):
    """Until none of the disk's writes has ended from one look to the next, and one is under way."""
    ended_before = None

    def hangs():
        nonlocal ended_before
        figures = host.run(f"cat /sys/block/$(basename $(readlink -f {disk}))/stat").split()
        ended, under_way = figures[4], int(figures[8])
        hanging = under_way > 0 and ended == ended_before
        ended_before = ended
        return hanging

    process.wait_until(hangs, 60, "a write that hangs", interval=1)


def guest_suspends_when_its_job_is_over(site):
    """a guest whose disk hangs suspends itself when its save was cancelled and nobody waits any more: it is let run on"""
    host = site.lab["h1"]
    site.create("sloth", disks=[{"format": "phy", "target": "/dev/san/0", "device": "xvda", "writable": True}])
    guests.tell(host, "sloth", "patience 300000")
    guests.tell(host, "sloth", "disk on")
    host.hang_disk(0, True)
    try:
        await_hanging_write(host, "/dev/san/0")
        before = vain_withdrawals(site)
        job = site.api.post("/v1/vms/sloth:save")
        # The first event is the watch's own; then the request is made, and taken.
        host.run(f"""path=/local/domain/$(xl domid sloth)/{REQUEST}
            exec 3< <(exec xenstore watch $path); watch=$!
            read -t 60 -u 3 _ && read -t 60 -u 3 _ || exit 1
            while test "$(xenstore read $path)" = suspend; do read -t 60 -u 3 _ || exit 1; done; kill $watch""", 150)
        site.api.post(f"/v1/jobs/{job['id']}:cancel")
        ended = site.api.wait_for_job(job["id"], 90)
        expect(ended["state"] == "cancelled" and "let run on" in ended["detail"], f"the job says {ended}")
        expect(vain_withdrawals(site) > before, "the guest had not taken the request")
        expect(site.copies("sloth")[0].executes, "the guest could not have suspended itself yet")
    finally:
        host.hang_disk(0, False)
    process.wait_until(lambda: "has suspended itself after its end" in host.run("journalctl -u ballast-agent -o cat -n 20"), 60,
                       "the late suspension", interval=1)
    site.expect_one("sloth", "h1")
    site.expect_ticking("sloth")
    site.api.act("sloth", "save")
    site.api.act("sloth", "restore")
    site.expect_ticking("sloth")
    site.destroy("sloth")


def power_cut_of_the_destination(site):
    """the destination host loses power in the middle of a migration: the guest runs on at the source"""
    site.create("phoenix")
    job = start_migration(site, "phoenix")
    site.lab["h2"].kill()
    process.wait_until(lambda: truth.copies([site.lab["h1"]], "phoenix")[0].executes, 90, "the guest on h1",
                       interval=1)
    site.lab.restart(site.lab["h2"])
    after_a_fault(site, "phoenix", job)
