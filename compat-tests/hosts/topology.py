"""The four hosts of the article, with its files on them and the packages under test."""

import glob
import os

from lab import host, netns, report, trees, wire

HERE = os.path.dirname(__file__)
CLIENT = "10.211.55.1"
VIP = "10.211.55.100"
MASTER, BACKUP, ORIGIN1, ORIGIN2 = "10.211.55.3", "10.211.55.4", "10.211.55.5", "10.211.55.6"

NGINX = """server {
    listen 80 default_server;
    root /var/www/html;
    keepalive_timeout 65;
}
"""


def packages_of_ours():
    """The two .deb files of `make deb`."""
    directory = os.environ.get("LAB_DIST", os.path.join(HERE, "../../dist"))
    found = [max(glob.glob(os.path.join(directory, f"{name}_*.deb")), default=None, key=os.path.getmtime)
             for name in ("haproxy-rs", "keepalived-rs")]
    if None in found:
        report.die(f"no packages in {os.path.normpath(directory)}: run `make deb` first")
    return [os.path.abspath(path) for path in found]


def balancer_tree(release, subject, over_stock):
    """The tree of a load balancer. `over_stock`: ours takes the place of the stock packages there."""
    stock = trees.layer(release, "stock", ["haproxy", "keepalived"])
    if subject == "reference":
        return stock
    if over_stock:
        return trees.layer(release, "ours-over-stock", packages_of_ours(), below=stock)
    return trees.layer(release, "ours", packages_of_ours())


class Topology:
    """Boots the hosts; `stack` undoes everything."""

    def __init__(self, stack, release, master_subject, backup_subject, on_move):
        origin = trees.layer(release, "origin", ["nginx"])
        self.lan = netns.Lan(stack, f"{CLIENT}/24")
        self.client = self.lan.space
        self.master = host.Host(stack, self.lan, "debian1", MASTER, balancer_tree(release, master_subject, True))
        self.backup = host.Host(stack, self.lan, "debian2", BACKUP, balancer_tree(release, backup_subject, False))
        self.origins = [host.Host(stack, self.lan, "debian3", ORIGIN1, origin),
                        host.Host(stack, self.lan, "debian4", ORIGIN2, origin)]
        for balancer, role in ((self.master, "master"), (self.backup, "backup")):
            balancer.write("etc/haproxy/haproxy.cfg", read("haproxy.cfg"))
            balancer.write("etc/keepalived/keepalived.conf", read(f"keepalived.{role}.conf"))
            balancer.write("etc/keepalived/check_haproxy.sh", read("check_haproxy.sh"), 0o755)
        for number, origin_host in enumerate(self.origins, 1):
            origin_host.write("etc/nginx/sites-enabled/default", NGINX)
            origin_host.write("var/www/html/index.html", f"rs{number}\n")
        self.hosts = [self.master, self.backup, *self.origins]
        self.watch = wire.Watch(stack, self.lan, VIP, {each.mac: each.name for each in self.hosts}, on_move)

    def boot(self):
        """The origins first, so that the balancers' first health checks find them."""
        for together in (self.origins, [self.master, self.backup]):
            for each in together:
                each.start()
            for each in together:
                each.ready()


def read(name):
    with open(os.path.join(HERE, "files", name), encoding="utf-8") as file:
        return file.read()
