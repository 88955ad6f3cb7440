# SPDX-License-Identifier: Apache-2.0
"""Network namespaces on one bridge, one per node, and what can go wrong between them. Needs root, ip and iptables."""
import os
import shutil
import subprocess


def is_possible():
    """None, or why not."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "iptables", "tc"):
        if not shutil.which(program):
            return "there is no " + program
    probe = "assay-probe-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        return "network namespaces cannot be made here"
    works = subprocess.run(["ip", "netns", "exec", probe, "iptables", "-L"], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    return None if works else "iptables does not work here"


class Network:
    """Nodes by name; `db` holds the bridge and the database."""

    def __init__(self, nodes):
        self.prefix = "assay-%d-" % os.getpid()
        self.nodes = ["db"] + list(nodes)

    def namespace(self, node):
        return self.prefix + node

    def address(self, node):
        return "10.99.0.%d" % (1 + self.nodes.index(node))

    def call(self, *args):
        subprocess.run(args, check=True, capture_output=True, text=True)

    def inside(self, node, *args):
        self.call("ip", "netns", "exec", self.namespace(node), *args)

    def make(self):
        hub = self.namespace("db")
        for node in self.nodes:
            self.call("ip", "netns", "add", self.namespace(node))
            self.call("ip", "-n", self.namespace(node), "link", "set", "lo", "up")
        self.call("ip", "-n", hub, "link", "add", "eth0", "type", "bridge")
        self.call("ip", "-n", hub, "link", "set", "eth0", "up")
        self.call("ip", "-n", hub, "addr", "add", self.address("db") + "/24", "dev", "eth0")
        for node in self.nodes[1:]:
            space = self.namespace(node)
            self.call("ip", "-n", hub, "link", "add", "v-" + node, "type", "veth", "peer", "name", "eth0", "netns", space)
            self.call("ip", "-n", hub, "link", "set", "v-" + node, "master", "eth0", "up")
            self.call("ip", "-n", space, "addr", "add", self.address(node) + "/24", "dev", "eth0")
            self.call("ip", "-n", space, "link", "set", "eth0", "up")

    def remove(self):
        for node in self.nodes:
            subprocess.run(["ip", "netns", "del", self.namespace(node)], capture_output=True, check=False)

    # --- What goes wrong at a node; heal() takes all of it back ---

    def drop(self, node, *chains):
        """Nothing comes in (INPUT), goes out (OUTPUT), or both."""
        for chain in chains:
            self.inside(node, "iptables", "-A", chain, "!", "-i" if chain == "INPUT" else "-o", "lo", "-j", "DROP")

    def lose(self, node, chain, share):
        self.inside(node, "iptables", "-A", chain, "-m", "statistic", "--mode", "random", "--probability", "%.2f" % share, "-j", "DROP")

    def reset(self, node):
        self.inside(node, "iptables", "-A", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")

    def delay(self, node):
        """A thin, slow wire."""
        self.inside(node, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "400kbit", "burst", "8kbit", "latency", "400ms")

    def unplug(self, node):
        self.call("ip", "-n", self.namespace("db"), "link", "set", "v-" + node, "down")

    def heal(self, node):
        subprocess.run(["ip", "netns", "exec", self.namespace(node), "iptables", "-F"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "exec", self.namespace(node), "tc", "qdisc", "del", "dev", "eth0", "root"], capture_output=True,
                       check=False)
        subprocess.run(["ip", "-n", self.namespace("db"), "link", "set", "v-" + node, "up"], capture_output=True, check=False)
