"""Alerts end to end: a burn-rate alert fires and is resolved in seconds, since the period of the
goal is short; receivers that misbehave; a real Prometheus and a real Alertmanager."""

import json
import os
import signal
import subprocess
import urllib.request

import pytest
from conftest import wait_until
from fixtures.alerting import alertmanager, get_json, prometheus, webhook
from wire import Wire

PAGE = "ErrorBudgetBurnPage"
CONFIG = """
[monitor]
listen = "127.0.0.1:0"
[slo]
period = "{period}"
[[resource]]
path = "/field"
query = {{ document = "" }}
read = "SELECT json_extract(:document, '$.name') AS name"
{alerts}
"""


class Shop:
    """A cluster with a route that fails on demand."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.monitor = cluster.status()["monitor"]["listen"]
        self.good = "/field?document=%7B%7D"
        self.bad = "/field?document=x"

    def ask(self, path, times=50):
        with Wire(self.cluster.address) as wire:
            for _ in range(times):
                wire.ask("GET", path)

    def api(self, name):
        token = (self.cluster.folder / "admin.token").read_text().strip()
        request = urllib.request.Request(f"http://{self.monitor}/api/v1/{name}",
                                         headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.monitor}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    def state(self, alert):
        """pending, firing, resolved; or None."""
        for one in self.api("alerts")["alerts"]:
            if one["name"] == alert:
                return one["state"]
        return None

    def until(self, alert, state, path):
        """Asks until the alert is in that state."""

        def reached():
            self.ask(path)
            return self.state(alert) == state

        wait_until(reached, lambda: f"{alert} {state}: {self.api('snapshot')['availability']}",
                   60)


@pytest.fixture
def shop(serve, tmp_path):
    """shop(alerts, period) starts one with these [[alert]] tables."""

    def start(alerts="", period="30m", **options):
        file = tmp_path / "shop.toml"
        file.write_text(CONFIG.format(alerts=alerts, period=period))
        return Shop(serve(file, "--workers", "2", **options))

    return start


def quoted(text):
    return json.dumps(str(text))


def test_a_burn_fires_and_is_resolved_and_every_receiver_knows(shop, tmp_path):
    told = tmp_path / "told"
    script = f'cat >> "{told}"; echo >> "{told}"'
    with webhook() as receiver, alertmanager(tmp_path / "alertmanager") as manager:
        started = shop(f"""
            [[alert]]
            name = "hook"
            webhook = {quoted(receiver.url)}
            severity = "page"
            [[alert]]
            alertmanager = {quoted(manager)}
            [[alert]]
            command = ["/bin/sh", "-c", {quoted(script)}]
        """)
        started.ask(started.good)
        assert started.state(PAGE) is None
        started.until(PAGE, "firing", started.bad)
        snapshot = started.api("snapshot")
        assert snapshot["state"] == "red"
        assert snapshot["availability"]["budget_left"] < 1
        assert "firing" in [burn["state"] for burn in snapshot["availability"]["burn"]]
        assert f'alert="{PAGE}"' in "".join(started.metrics())

        fired = wait_until(lambda: receiver.taken("firing", PAGE), "the webhook")[0]
        assert (fired["version"], fired["receiver"]) == ("4", "hook")
        assert fired["alerts"][0]["labels"]["severity"] == "page"
        assert fired["alerts"][0]["labels"]["instance"] == started.monitor

        def known():
            return [one for one in get_json(f"{manager}/api/v2/alerts")
                    if one["labels"]["alertname"] == PAGE]

        assert wait_until(known, "Alertmanager")[0]["status"]["state"] in ("active", "unprocessed")

        started.until(PAGE, "resolved", started.good)
        ended = wait_until(lambda: receiver.taken("resolved", PAGE), "the webhook")[0]
        assert ended["alerts"][0]["startsAt"] == fired["alerts"][0]["startsAt"]
        assert ended["alerts"][0]["endsAt"] > ended["alerts"][0]["startsAt"]
        assert ended["alerts"][0]["fingerprint"] == fired["alerts"][0]["fingerprint"]
        wait_until(lambda: not known(), "Alertmanager to forget what is resolved")

        def commanded():
            bodies = [json.loads(line) for line in told.read_text().splitlines() if line]
            return {body["status"] for body in bodies
                    if body["alerts"][0]["labels"]["alertname"] == PAGE}

        wait_until(lambda: commanded() == {"firing", "resolved"}, "the command")
        severities = {body["alerts"][0]["labels"]["severity"] for _, body in receiver.seen}
        assert severities == {"page"}
        log = started.cluster.output()
        assert f'"alert fires","alert":"{PAGE}"' in log
        assert f'"alert is resolved","alert":"{PAGE}"' in log
        incidents = [one["text"] for one in started.api("incidents")["incidents"]]
        assert any(text.startswith(f"{PAGE} fires: ") for text in incidents)


def test_an_alert_that_goes_on_is_told_again(shop):
    with webhook() as receiver:
        started = shop(f"""
            [[alert]]
            webhook = {quoted(receiver.url)}
            severity = "page"
            repeat = "1s"
        """)
        started.until(PAGE, "firing", started.bad)

        def told_thrice():
            started.ask(started.bad)
            return len(receiver.taken("firing", PAGE)) >= 3

        wait_until(told_thrice, "the alert, again", 60)
        began = {body["alerts"][0]["startsAt"] for body in receiver.taken("firing", PAGE)}
        assert len(began) == 1
        started.until(PAGE, "resolved", started.good)
        wait_until(lambda: receiver.taken("resolved", PAGE), "the webhook")
        assert receiver.seen[-1][1]["status"] == "resolved"


def test_receivers_that_fail_hang_or_refuse_delay_nobody(shop):
    with webhook() as failing, webhook() as hanging, webhook() as fine:
        failing.mode, hanging.mode = "500", "hang"
        started = shop(f"""
            [[alert]]
            name = "failing"
            webhook = {quoted(failing.url)}
            [[alert]]
            name = "hanging"
            webhook = {quoted(hanging.url)}
            [[alert]]
            name = "refusing"
            webhook = "http://127.0.0.1:1/"
            [[alert]]
            name = "fine"
            webhook = {quoted(fine.url)}
        """)
        started.until(PAGE, "firing", started.bad)
        wait_until(lambda: fine.taken("firing", PAGE), "the receiver that works")
        wait_until(lambda: len(failing.seen) >= 3, "retries")

        def retried(sink):
            name = f'paceline_alert_deliveries_total{{result="retried",sink="{sink}"}}'
            return int(started.metrics()[name])

        wait_until(lambda: retried("failing") and retried("refusing"), "the counters")
        failing.mode = "ok"
        wait_until(lambda: failing.taken("firing", PAGE), "what had to wait")
        assert started.cluster.stop() == 0
        hanging.release.set()


def test_the_ledger_survives_kill_9_of_everything(shop):
    started = shop()
    started.ask(started.bad)
    wait_until(lambda: started.api("snapshot")["availability"]["failed"] == 50, "the ledger")
    started.cluster.process.kill()
    started.cluster.process.wait()
    again = shop(folder=started.cluster.folder)
    after = wait_until(lambda: again.api("snapshot")["availability"], "the ledger")
    assert (after["total"], after["failed"]) == (50, 50)
    assert after["down_s"] > 0  # from the kill to the next start
    assert again.cluster.stop() == 0
    third = shop(folder=started.cluster.folder)
    last = wait_until(lambda: third.api("snapshot")["availability"], "the ledger")
    assert last["failed"] == 50
    assert last["down_s"] < after["down_s"] + 1  # an orderly stop is no downtime


def test_a_replaced_monitor_goes_on_counting(shop):
    started = shop()
    started.ask(started.bad)
    wait_until(lambda: started.api("snapshot")["availability"]["failed"] == 50, "the ledger")
    pid = started.cluster.status()["monitor"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: started.cluster.status()["monitor"]["pid"] not in (pid, None), "another")
    started.ask(started.bad, 10)

    def counted():
        try:
            return started.api("snapshot")["availability"]["failed"] == 60
        except OSError:
            return False  # between two monitors

    wait_until(counted, "both, once each")
    assert started.api("snapshot")["availability"]["down_s"] == 0


def test_a_damaged_ledger_is_moved_aside(shop):
    started = shop()
    folder = started.cluster.folder
    assert started.cluster.stop() == 0
    (folder / "availability.ledger").write_bytes(b"not a ledger")
    again = shop(folder=folder)
    wait_until(lambda: again.api("snapshot")["availability"], "the ledger")
    assert (folder / "availability.ledger.1").read_bytes() == b"not a ledger"
    assert "the availability ledger starts anew" in again.cluster.output()


def test_prometheus_with_our_rules_agrees_and_tells_the_alertmanager(shop, paceline, tmp_path):
    with alertmanager(tmp_path / "alertmanager") as manager:
        # 12 hours scale the quickest windows to 5 s and a minute: enough for a scrape a second.
        started = shop(f"[[alert]]\nalertmanager = {quoted(manager)}\n", period="12h")
        rules = tmp_path / "rules.yml"
        rules.write_text(subprocess.run([paceline, "config", "rules", tmp_path / "shop.toml"],
                                        capture_output=True, text=True, check=True).stdout)
        with prometheus(tmp_path / "prometheus", started.monitor, rules, manager) as server:

            def alerts(state):
                found = get_json(f"{server}/api/v1/alerts")["data"]["alerts"]
                return PAGE in [a["labels"]["alertname"] for a in found if a["state"] == state]

            def scraped():
                targets = get_json(f"{server}/api/v1/targets")["data"]["activeTargets"]
                return [t["health"] for t in targets] == ["up"]

            def asked(path, condition):
                started.ask(path)
                return condition()

            wait_until(scraped, lambda: get_json(f"{server}/api/v1/targets"))
            groups = get_json(f"{server}/api/v1/rules")["data"]["groups"]
            assert sum(len(group["rules"]) for group in groups) > 15
            wait_until(lambda: asked(started.bad, lambda: alerts("firing")), "Prometheus", 60)
            wait_until(lambda: asked(started.bad, lambda: started.state(PAGE) == "firing"),
                       "our own", 60)

            def jobs():
                return {one["labels"]["job"] for one in get_json(f"{manager}/api/v2/alerts")
                        if one["labels"]["alertname"] == PAGE}

            wait_until(lambda: asked(started.bad, lambda: jobs() == {"shop", "paceline"}),
                       lambda: f"both at the Alertmanager: {jobs()}", 60)
            wait_until(lambda: asked(started.good, lambda: not alerts("firing")),
                       "Prometheus to see the end", 60)
            started.until(PAGE, "resolved", started.good)
            wait_until(lambda: not jobs(), lambda: f"the Alertmanager to see the end: {jobs()}",
                       60)
