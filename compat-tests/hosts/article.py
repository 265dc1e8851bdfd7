"""The scenario: each step of the article and of what can happen to it afterwards, as assertions."""

import contextlib
import re
import time

from lab import http, poll, script_runs
from lab.traffic import Traffic

from .topology import BACKUP, CLIENT, MASTER, VIP, Topology, read

HTTPLOG = re.compile(
    rf"^{re.escape(CLIENT)}:\d+ \[\d\d/[A-Z][a-z][a-z]/\d{{4}}:\d\d:\d\d:\d\d\.\d{{3}}\] web_front web_servers/rs[12] "
    r'0/0/\d+/\d+/\d+ 200 \d+ - - ---- \d+/\d+/\d+/\d+/0 0/0 "GET / HTTP/1\.1"$')


class Article:
    """One run on one Debian release with one pair of subjects."""

    def __init__(self, stack, report, release, master_subject, backup_subject):
        self.report = report
        self.release = release
        self.subjects = {"debian1": master_subject, "debian2": backup_subject}
        self.hosts = Topology(stack, release, master_subject, backup_subject,
                              lambda move: report.note(f"VIP {VIP} is on {move.holder}"))
        self.stack = stack
        self.master, self.backup, self.watch = self.hosts.master, self.hosts.backup, self.hosts.watch

    def run(self):
        self.boot()
        self.first_look()
        self.stop_and_start_haproxy()
        self.origin_down_and_up()
        self.reload_both()
        self.broken_haproxy_config()
        self.broken_keepalived_config()
        self.kill_keepalived()
        self.power_off()

    # -- steps --

    def boot(self):
        self.report.heading("four hosts boot")
        self.hosts.boot()
        for balancer in (self.master, self.backup):
            versions = [balancer.run("haproxy", "-v").stdout.splitlines()[0],
                        balancer.run("keepalived", "-v").stderr.splitlines()[0]]
            self.report.note(f"{balancer.name}: {' · '.join(versions)}")
            subject = self.subjects[balancer.name]
            self.report.require(f"{balancer.name} runs {subject}", all(("-rs" in each) == (subject == "ours") for each in versions))
            for unit in ("haproxy", "keepalived"):
                self.report.require(f"{unit} is active on {balancer.name}",
                                    poll.holds_within(lambda: balancer.is_active(unit), 20), balancer.systemctl("status", unit).stdout)
        self.runs = script_runs.ScriptRuns(self.stack, f"/proc/{self.master.leader}/root/etc/keepalived/check_haproxy.sh")

    def first_look(self):
        self.report.heading("the article's checks")
        for balancer in (self.master, self.backup):
            done = balancer.run("haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg")
            self.report.check(f"haproxy -c accepts the config on {balancer.name}", done.returncode == 0, done.stderr)
        if self.expect_move(self.master, "after boot", 20, 0.0):
            # Two hosts that start in the same instant may both become master; the next adverts settle that.
            self.wait_for_adverts(2)
        self.expect_vip_on(self.master, "after boot", 20)
        self.expect_alternation("through the VIP")
        self.report.check("an httplog line is in the master's journal",
                          poll.holds_within(lambda: any(HTTPLOG.match(text) for _, ident, text in self.master.journal()
                                                        if ident == "haproxy"), 5),
                          str([text for _, ident, text in self.master.journal() if ident == "haproxy"][-3:]))
        info = self.admin(self.master, "show info")
        self.report.check("show info answers on admin.sock", "Name: HAProxy\n" in info and re.search(r"^Version: \d", info, re.M), info)
        stat = self.stat(self.master)
        for name, status in (("web_front/FRONTEND", "OPEN"), ("web_servers/rs1", "UP"), ("web_servers/rs2", "UP"),
                             ("web_servers/BACKEND", "UP")):
            self.report.check(f"show stat: {name} is {status}", stat.get(name) == status, str(stat))

    def stop_and_start_haproxy(self):
        self.report.heading("haproxy stops on the master")
        mark = self.master.mark()
        # Just after a run of the check script, so that each run of this scenario has the same phase.
        poll.until("the script's run is over", lambda at=self.runs.wait_next(): time.time() > at + 0.5, 5)
        stopped_at = time.time()
        self.master.systemctl("stop", "haproxy")
        move = self.expect_vip_on(self.backup, "after haproxy stopped", 20, stopped_at)
        self.report.check("the service answers through the backup", poll.holds_within(self.answers, 5))
        self.expect_log_in_order(self.master, mark, [
            "VRRP_Script(check_haproxy) failed (exited with status 3)",
            "(VI_1) Changing effective priority from 150 to 90",
            f"(VI_1) Master received advert from {BACKUP} with higher priority 100, ours 90",
            "(VI_1) Entering BACKUP STATE"])
        self.takeover_figures("failover", mark, stopped_at, move, "from 150 to 90", MASTER, 150)

        self.report.heading("haproxy starts on the master")
        mark = self.master.mark()
        poll.until("the script's run is over", lambda at=self.runs.wait_next(): time.time() > at + 0.5, 5)
        started_at = time.time()
        self.master.systemctl("start", "haproxy")
        move = self.expect_vip_on(self.master, "after haproxy started", 20, started_at)
        self.report.check("the service answers through the master", poll.holds_within(self.answers, 5))
        self.expect_log_in_order(self.master, mark, [
            "VRRP_Script(check_haproxy) succeeded", "(VI_1) Changing effective priority from 90 to 150",
            "(VI_1) Entering MASTER STATE"])
        self.takeover_figures("return", mark, started_at, move, "from 90 to 150", BACKUP, 100)

    def origin_down_and_up(self):
        self.report.heading("one origin goes down")
        origin = self.hosts.origins[0]
        mark = self.master.mark()
        stopped_at = time.time()
        origin.systemctl("stop", "nginx")
        down = poll.holds_within(lambda: self.stat(self.master).get("web_servers/rs1") == "DOWN", 20, 0.1)
        self.report.check("rs1 is DOWN in show stat", down, str(self.stat(self.master)))
        self.report.figure("origin stopped -> left out", time.time() - stopped_at)
        answers = [http.get(self.hosts.client, VIP) for _ in range(6)]
        self.report.check("six requests are answered by rs2", all(a.status == 200 and a.body.strip() == "rs2" for a in answers), str(answers))
        self.expect_log(self.master, mark, "Server web_servers/rs1 is DOWN, reason: Layer4 connection problem")
        mark = self.master.mark()
        origin.systemctl("start", "nginx")
        self.report.check("rs1 is UP again", poll.holds_within(lambda: self.stat(self.master).get("web_servers/rs1") == "UP", 20, 0.1))
        self.expect_log(self.master, mark, "Server web_servers/rs1 is UP, reason: Layer7 check passed, code: 200")
        self.expect_alternation("with both origins again")

    def reload_both(self):
        self.report.heading("systemctl reload of both, on both")
        moves = len(self.watch.moves)
        with Traffic(self.hosts.client, VIP) as traffic:
            for balancer in (self.master, self.backup):
                for unit in ("haproxy", "keepalived"):
                    pid, mark = balancer.main_pid(unit), balancer.mark()
                    done = balancer.systemctl("reload", unit)
                    self.report.check(f"systemctl reload {unit} succeeds on {balancer.name}", done.returncode == 0, done.stderr)
                    if unit == "keepalived":
                        self.expect_log(balancer, mark, "Reload complete", "Reload finished")
                    else:
                        poll.until("the new worker serves", self.answers, 10)
                    self.report.check(f"{unit} has the same main process on {balancer.name}",
                                      poll.holds_within(lambda: balancer.is_active(unit), 5) and balancer.main_pid(unit) == pid)
                    texts = [text for _, _, text in balancer.journal(mark) if "Entering" in text]
                    self.report.check(f"no VRRP transition on {balancer.name} after the reload of {unit}", not texts, str(texts))
            self.wait_for_adverts(3)
        self.report.check("the VIP did not move", len(self.watch.moves) == moves and self.master.holds(VIP) and not self.backup.holds(VIP))
        self.report.check(f"no request of {len(traffic.answers)} was lost", not traffic.lost, str(traffic.lost[:3]))

    def broken_haproxy_config(self):
        self.report.heading("a broken haproxy.cfg and a reload")
        pid = self.master.main_pid("haproxy")
        mark = self.master.mark()
        self.master.write("etc/haproxy/haproxy.cfg", read("haproxy.cfg") + "    bogus_keyword 1\n")
        with Traffic(self.hosts.client, VIP) as traffic:
            self.report.check("systemctl reload haproxy fails", self.master.systemctl("reload", "haproxy").returncode != 0)
            # Past the unit's own check: straight to the master process.
            self.master.systemctl("kill", "-s", "USR2", "--kill-who=main", "haproxy")
            self.expect_log(self.master, mark, "unknown keyword 'bogus_keyword' in 'backend' section")
            self.wait_for_adverts(2)
            self.report.check("haproxy is active with the same main process",
                              self.master.is_active("haproxy") and self.master.main_pid("haproxy") == pid)
            self.master.write("etc/haproxy/haproxy.cfg", read("haproxy.cfg"))
            self.report.check("the mended config is reloaded", self.master.systemctl("reload", "haproxy").returncode == 0)
            poll.until("the new worker serves", lambda: self.stat(self.master).get("web_servers/rs1", "").startswith("UP"), 15)
        self.report.check(f"no request of {len(traffic.answers)} was lost", not traffic.lost, str(traffic.lost[:3]))
        self.report.check("the VIP is on the master", self.master.holds(VIP) and not self.backup.holds(VIP))

    def broken_keepalived_config(self):
        self.report.heading("a broken keepalived.conf and a reload")
        if self.subjects["debian1"] != "ours":
            self.report.skip("broken keepalived.conf", "the stock keepalived ends on it and leaves its addresses behind")
            return
        pid, mark = self.master.main_pid("keepalived"), self.master.mark()
        moves = len(self.watch.moves)
        broken = read("keepalived.master.conf").replace("    virtual_router_id 51\n", "")
        self.master.write("etc/keepalived/keepalived.conf", broken)
        with Traffic(self.hosts.client, VIP) as traffic:
            self.master.systemctl("reload", "keepalived")
            self.expect_log(self.master, mark, "virtual router id must be set")
            self.wait_for_adverts(3)
            self.report.check("keepalived is active with the same main process",
                              self.master.is_active("keepalived") and self.master.main_pid("keepalived") == pid)
            self.master.write("etc/keepalived/keepalived.conf", read("keepalived.master.conf"))
            mark = self.master.mark()
            self.report.check("the mended config is reloaded", self.master.systemctl("reload", "keepalived").returncode == 0)
            self.expect_log(self.master, mark, "Reload complete", "Reload finished")
            self.wait_for_adverts(3)
        self.report.check("the VIP did not move", len(self.watch.moves) == moves and self.master.holds(VIP) and not self.backup.holds(VIP))
        self.report.check(f"no request of {len(traffic.answers)} was lost", not traffic.lost, str(traffic.lost[:3]))

    def kill_keepalived(self):
        self.report.heading("kill -9 of keepalived on the master")
        # Stopped first: otherwise a child may still hear of its parent's death and say goodbye.
        self.master.systemctl("kill", "-s", "STOP", "keepalived")
        killed_at = time.time()
        self.master.systemctl("kill", "-s", "KILL", "keepalived")
        move = self.expect_move(self.backup, "after the kill", 15, killed_at)
        self.report.check("the backup has the VIP", poll.holds_within(lambda: self.backup.holds(VIP), 5))
        if move:
            self.report.figure("killed -> VIP on the backup", move.at - killed_at)
            last = self.watch.last_advert(MASTER, move.at)
            self.report.figure("kill: last advert -> VIP on the backup", move.at - last.at)
        self.report.check("the service answers", poll.holds_within(self.answers, 5))
        started_at = time.time()
        self.master.systemctl("restart", "keepalived")
        self.expect_vip_on(self.master, "after keepalived started again", 20, started_at)

    def power_off(self):
        self.report.heading("the master loses power")
        self.expect_alternation("before the power goes")
        cut_at = time.time()
        self.master.cut_power()
        move = self.expect_move(self.backup, "after the power went", 15, cut_at)
        if move:
            self.report.figure("power cut -> VIP on the backup", move.at - cut_at)
            last = self.watch.last_advert(MASTER, move.at)
            self.report.figure("power cut: last advert -> VIP on the backup", move.at - last.at)
        self.report.check("the service answers", poll.holds_within(self.answers, 5))
        self.expect_alternation("through the backup")
        booted_at = time.time()
        self.master.start()
        self.master.ready()
        self.expect_vip_on(self.master, "after the master booted again", 30, booted_at)
        self.expect_alternation("through the master again", patience=10)

    # -- what the steps ask --

    def answers(self):
        return http.get(self.hosts.client, VIP, timeout=2).status == 200

    def admin(self, balancer, command):
        try:
            return balancer.unix_command("/run/haproxy/admin.sock", command)
        except OSError as error:
            return f"{type(error).__name__}: {error}"

    def stat(self, balancer):
        """proxy/server -> status, from show stat."""
        rows = self.admin(balancer, "show stat").splitlines()
        columns = rows[0].lstrip("# ").split(",") if rows else []
        if "status" not in columns:
            return {}
        at = columns.index("status")
        return {"/".join(row.split(",")[:2]): row.split(",")[at] for row in rows[1:] if row.count(",") > at}

    def expect_alternation(self, when, patience=0):
        """Six requests whose answers are rs1 and rs2 strictly in turn."""
        bodies = []

        def asked():
            answers = [http.get(self.hosts.client, VIP) for _ in range(6)]
            bodies[:] = [answer.body for answer in answers]
            return all(answer.status == 200 for answer in answers) and http.alternates(bodies, ["rs1", "rs2"])

        self.report.check(f"six requests alternate strictly {when}", poll.holds_within(asked, patience), str(bodies))

    def expect_move(self, holder, when, timeout, since):
        """The gratuitous ARP by which `holder` takes the VIP."""
        with contextlib.suppress(poll.TimedOut):
            return poll.until("the VIP moves", lambda: self.watch.first_announcement(since, holder.name), timeout)
        self.report.check(f"the VIP moves to {holder.name} {when}", False, f"not within {timeout} s")
        return None

    def expect_vip_on(self, holder, when, timeout, since=0.0):
        """The VIP is on `holder`, and on no other balancer; returns the move."""
        other = self.backup if holder is self.master else self.master
        move = self.expect_move(holder, when, timeout, since)
        self.report.check(f"the VIP is on {holder.name} {when}, and only there",
                          poll.holds_within(lambda: holder.holds(VIP) and not other.holds(VIP), 5),
                          f"{self.master.name} {self.master.holds(VIP)}, {self.backup.name} {self.backup.holds(VIP)}")
        return move

    def expect_log(self, balancer, mark, *texts, timeout=10):
        """One of the texts is part of a journal line since the mark."""
        found = poll.holds_within(lambda: any(text in line for _, _, line in balancer.journal(mark) for text in texts), timeout, 0.2)
        self.report.check(f"{balancer.name} logs '{texts[0]}'", found, str([line for _, _, line in balancer.journal(mark)][-8:]))

    def expect_log_in_order(self, balancer, mark, texts):
        """Exactly these keepalived lines, in this order, others between them allowed."""
        def missing():
            wanted = list(texts)
            for _, ident, line in balancer.journal(mark):
                if wanted and ident == "Keepalived_vrrp" and line == wanted[0]:
                    wanted.pop(0)
            return wanted

        with contextlib.suppress(poll.TimedOut):
            poll.until("log lines", lambda: not missing(), 10, 0.2)
        wanted = missing()
        for text in texts:
            self.report.check(f"{balancer.name} logs, in order, '{text}'", text not in wanted,
                              str([line for _, ident, line in balancer.journal(mark) if ident.startswith("Keepalived")][-12:]))

    def takeover_figures(self, name, mark, since, move, priority_change, old_master, old_priority):
        """The move as a user sees it, and its two parts without the phase of the timers in them."""
        if move is None:
            return
        self.report.figure(f"{name}: VIP moved", move.at - since)
        changed_at = next((at for at, _, text in self.master.journal(mark) if text.endswith(priority_change)), None)
        first_run = self.runs.first_after(since)
        if changed_at and first_run:
            self.report.figure(f"{name}: first check with the new result -> priority changed", changed_at - first_run)
            last = self.watch.last_advert(old_master, min(move.at, changed_at + 0.05), old_priority)
            if last:
                self.report.figure(f"{name}: last advert before that -> VIP moved", move.at - last.at)

    def wait_for_adverts(self, count):
        """Lets the master send `count` more adverts at its full priority."""
        since = time.time()
        held = poll.holds_within(lambda: len([1 for each in list(self.watch.adverts) if each.at > since and each.source == MASTER
                                              and each.priority == 150]) >= count, count + 5)
        self.report.check(f"the master sends {count} more adverts of priority 150", held)
