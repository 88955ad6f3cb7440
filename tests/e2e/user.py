#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`assay up` and `down` know the daemons again that an ordinary user started, although workers hide from processes of their user.

usage: user.py BIN_DIR        run by root, it becomes the user nobody
"""
import os
import pwd
import shutil
import signal
import sys
import tempfile

from chaos import Assay


def become_ordinary(folder):
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    os.environ["HOME"] = folder


def living(state):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as file:
                if entry.isdigit() and state.encode() in file.read() and int(entry) != os.getpid():
                    found.append(entry)
        except OSError:
            continue
    return found


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    become_ordinary(folder)
    assay = Assay(bin_dir, os.path.join(folder, "state"))
    try:
        assay.up()
        said = assay.run("up", "--workers", "2")
        if "of them started" in said.stdout + said.stderr:
            raise SystemExit("started what was running:\n" + said.stdout + said.stderr)
        said = assay.run("down")
        if "stopped 2 workers" not in said.stdout + said.stderr or living(assay.state):
            raise SystemExit("left running %s:\n%s%s" % (living(assay.state), said.stdout, said.stderr))
    finally:
        assay.down()
        for pid in living(assay.state):
            os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
