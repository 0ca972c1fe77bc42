#!/usr/bin/env python3
"""A lab to play with: real Xen hosts, the agent in each dom0, a controller on this machine, guests that tick.

  interactive.py PROGRAMS [HOSTS]

Says how to reach everything, and stays until Ctrl-C.
"""

import pathlib
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "accept"), str(HERE.parent / "tools")]

import lab as lab_module  # noqa: E402
import process  # noqa: E402
from pool import Pool, guest_spec  # noqa: E402
from stopping import unwind_once  # noqa: E402

GUESTS_PER_HOST = 2


def explain(lab, pool):
    port, token = pool.settings["http_port"], pool.folder / "controller/admin.token"
    tool = f"tests/lab/lab.py --folder {lab.folder}"
    guest = f"{lab.hosts[0].name}-guest1"
    print(f"""
The controller answers on 127.0.0.1:{port}; its log is {pool.folder}/controller.log.

  curl="curl -sS -H @{pool.folder}/header -H Accept:text/plain http://127.0.0.1:{port}"
  $curl/v1/hosts
  $curl/v1/vms
  $curl/v1/jobs
  curl -sS -H @{pool.folder}/header -X POST http://127.0.0.1:{port}/v1/vms/{guest}:migrate?wait=60 -d '{{"to":"h2"}}'

Make a guest burn processor time, and watch the controller move one (balancing is on, critical load 0.8):

  {tool} ssh h1 'for n in 1 2; do xenstore-write /local/domain/$(xl domid h1-guest$n)/data/lab-command "burn 45"; done'

Get into a dom0, see its guests, a guest's ticks, the agent's log:

  {tool} ssh h1
  {tool} ssh h1 xl list
  {tool} ssh h1 tail -f /var/log/xen/console/guest-{guest}.log
  {tool} ssh h1 journalctl -fu ballast-agent

{lab.status()}

The admin token is in {token}. Ctrl-C stops everything.""", flush=True)


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    unwind_once()
    with tempfile.TemporaryDirectory(prefix="ballast-lab-pool-") as folder:
        pool = Pool(programs, pathlib.Path(folder), *process.free_ports(2))
        names = [f"h{n}" for n in range(1, count + 1)]
        pool.prepare(names)
        pool.configure_controller(balance=True)
        pool.start_controller()
        (pool.folder / "header").write_text(f"Authorization: Bearer {pool.api.token}\n")
        print("booting (about a minute a host; the first time the image is built) ...", flush=True)
        try:
            with lab_module.Lab.start(count, enable=("ballast-agent.service",), forwards=pool.forwards(),
                                      files=lambda host: pool.agent_files(host.name, host.peer_address)) as lab:
                pool.wait_for_hosts(names)
                for number, host in enumerate(lab.hosts):
                    for guest in range(GUESTS_PER_HOST):
                        name = f"{host.name}-guest{guest + 1}"
                        print(f"creating {name} ...", flush=True)
                        pool.api.create(guest_spec(name, number * GUESTS_PER_HOST + guest, host.name))
                explain(lab, pool)
                signal.pause()
        except KeyboardInterrupt:
            print("stopping ...")
        finally:
            pool.stop()


if __name__ == "__main__":
    main()
