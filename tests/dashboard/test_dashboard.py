"""The dashboard in a real browser, beside a live cluster: under load, stopped, stalled, hostile."""

import json
import os
import signal
import threading
import urllib.request

import pytest
from conftest import wait_until
from fixtures.browser import Browser
from fixtures.client import ask
from fixtures.load import Load

PHONE = {"width": 390, "height": 844}
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ROUTE_OF_MARKUP = "/&lt;script&gt;alert(1)"  # as HTML it would be a script


@pytest.fixture(scope="module")
def browser(build_folder):
    browser = Browser(build_folder / "dashboard/node_modules/playwright-core")
    yield browser
    browser.close()


@pytest.fixture
def shop(serve, paceline):
    """Two workers of tests/dashboard/shop.cpp."""
    return serve("--workers", "2", program=paceline.with_name("shop"))


def monitor(cluster):
    return cluster.status()["monitor"]


def dashboard(cluster):
    return f"http://{monitor(cluster)['listen']}/"


def worker_pids(cluster):
    return [worker["pid"] for worker in cluster.status()["workers"]]


def items(thread):
    """Mostly quick answers, some that do not exist, some that fail, one with a strange name."""
    while True:
        for n in range(20):
            yield "GET", f"/item/{thread}-{n}", None
        yield "GET", "/nowhere", None
        yield "GET", "/broken", None
        yield "GET", ROUTE_OF_MARKUP, None


def luminance(browser):
    red, green, blue = browser.see(
        "getComputedStyle(document.documentElement).backgroundColor.match(/[0-9.]+/g)"
        ".slice(0, 3).map(Number)")
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def sideways(browser):
    """How many pixels the page is wider than the window."""
    return browser.see("document.documentElement.scrollWidth - window.innerWidth")


def drawn(browser, plot, colour):
    """How many pixels of a chart have that colour of the style sheet, or nearly."""
    return browser.see(f"""(() => {{
      const probe = document.querySelector('#probe');
      probe.style.setProperty('color', 'var(--{colour})');
      const wanted = getComputedStyle(probe).color.match(/[0-9.]+/g).map(Number);
      const canvas = document.querySelector('#{plot} canvas');
      const copy = new OffscreenCanvas(canvas.width, canvas.height)
        .getContext('2d', {{ willReadFrequently: true }});
      copy.drawImage(canvas, 0, 0);
      const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
      let count = 0;
      for (let at = 0; at < pixels.length; at += 4) {{
        if ([0, 1, 2].every((i) => Math.abs(pixels[at + i] - wanted[i]) < 12)) ++count;
      }}
      return count;
    }})()""")


def check_all_parts(browser):
    names = browser.texts("#keys h2")
    assert names == ["Throughput", "Latency p95", "CPU", "Error rate", "Concurrency"]
    assert all(value.strip("–") for value in browser.texts("#keys .value"))
    assert len(browser.texts("#goals li")) >= 7
    assert "GET" in browser.text("#routes") and "/item/{id}" in browser.text("#routes")
    for plot, colour in [("latency", "heat-high"), ("latency", "p95"), ("latency", "p99"),
                         ("status", "s2xx-fill"), ("status", "s5xx"), ("lag", "lag"),
                         ("lag", "bad"), ("memory", "memory")]:  # fmt: skip
        assert drawn(browser, f"{plot}-plot", colour) > 5, f"no {colour} in {plot}"
    assert ROUTE_OF_MARKUP in browser.text("#routes")
    no_markup(browser)
    assert sideways(browser) <= 0
    assert browser.problems() == []


def no_markup(browser):
    """Nothing that came as text has become an element."""
    assert browser.see("document.scripts.length") == 2
    assert browser.see("document.images.length") == 0


def test_shows_a_cluster_under_load_dark_and_light(browser, shop):
    strange = ask(shop.address, "GET", "/item/1?q=%3Cimg%3E", headers=(f"User-Agent: {MARKUP}",))
    assert strange.status == 200
    with Load(shop.address, threads=4, requests=items):
        for theme in ("dark", "light"):
            browser.open(dashboard(shop), theme=theme)
            browser.wait("Number(document.querySelector('#keys .number').innerText"
                         ".replace(',', '')) > 50")
            browser.wait("document.querySelectorAll('#routes tbody tr').length >= 4")
            browser.wait("document.querySelectorAll('#workers-table [data-state=ready].badge')"
                         ".length === 2")
            browser.wait("/[1-9]/.test(document.querySelector('#status-legend').innerText)")
            check_all_parts(browser)
            assert (luminance(browser) < 40) == (theme == "dark")


def test_fits_a_phone(browser, shop):
    browser.open(dashboard(shop), **PHONE)
    browser.wait("document.querySelectorAll('#workers-table tbody tr').length === 2")
    assert sideways(browser) <= 0
    hidden = browser.see("[...document.querySelectorAll('.panel, header, footer')]"
                         ".filter((one) => one.closest('dialog') === null && !one.offsetHeight)"
                         ".length")
    assert hidden == 0
    assert browser.problems() == []


def test_everything_can_be_reached_with_the_keyboard(browser, shop):
    browser.open(dashboard(shop))
    browser.wait("document.querySelectorAll('#workers-table tbody tr').length === 2")
    reached = []
    while len(reached) < 80 and (not reached or "Skip to the workers" not in reached[1:]):
        browser.do("press", key="Tab")  # once around
        reached.append(browser.see(
            "(({id, name, innerText}) => id || name || innerText)(document.activeElement)"))
        if reached[-1] == "RSS":
            browser.do("press", key="Enter")
        if reached[-1] == "lag-plot":
            browser.do("press", key="ArrowLeft")
            assert browser.text("#lag-legend time") != ""
            assert "worst lag" in browser.text("#announcer")
            browser.do("press", key="Escape")
            assert browser.text("#lag-legend time") == ""
        if reached[-1] == "theme":
            browser.do("press", key="Enter")
    assert {"range", "theme", "latency-plot", "status-plot", "lag-plot", "memory-plot", "State",
            "RSS"} <= set(reached)
    assert browser.see("document.querySelector('[aria-sort]').innerText").startswith("RSS")
    assert browser.see("document.documentElement.dataset.theme") == "dark"
    assert browser.problems() == []


def test_lives_while_every_worker_is_stopped(browser, shop):
    browser.open(dashboard(shop))
    pids = worker_pids(shop)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        browser.wait("document.querySelectorAll('#workers-table [data-state=silent].badge')"
                     ".length === 2")
        browser.wait("document.querySelector('#state').dataset.state === 'red'")
        assert browser.texts("#reasons li")
        assert browser.see("document.querySelector('#stale').hidden")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    browser.wait("document.querySelectorAll('#workers-table [data-state=ready].badge')"
                 ".length === 2")
    assert browser.problems() == []


def test_a_stall_is_marked_and_opens_its_stack(browser, shop):
    browser.open(dashboard(shop))
    request = threading.Thread(target=ask, args=(shop.address, "GET", "/report/5000"))
    request.start()
    browser.wait("/report.*ms/.test("
                 "document.querySelector('#workers-table [data-state=blocked]')?.innerText)")
    browser.wait("document.querySelectorAll('.stall-marker').length === 1")
    browser.see("document.querySelector('.stall-marker').focus()")
    browser.do("press", key="Enter")
    browser.wait("document.querySelector('#stalls').open")
    browser.wait("/block_the_loop/.test(document.querySelector('#stall .stack')?.innerText)")
    assert "/report/{ms}" in browser.text("#stall dl")
    request.join()
    browser.do("press", key="Escape")
    assert not browser.see("document.querySelector('#stalls').open")
    assert browser.see("document.activeElement.className") == "stall-marker"
    assert browser.problems() == []


def with_markup(value):
    """Every string of a snapshot replaced; what the page decides by stays as it is."""
    if isinstance(value, dict):
        return {key: value[key] if key in ("state", "role", "unit", "level") else
                with_markup(value[key]) for key in value}
    if isinstance(value, list):
        return [with_markup(one) for one in value]
    return MARKUP if isinstance(value, str) else value


def test_markup_in_any_text_of_a_snapshot_is_text(browser, shop):
    url = dashboard(shop)
    with urllib.request.urlopen(f"{url}api/v1/snapshot", timeout=20) as answer:
        snapshot = with_markup(json.load(answer))
    snapshot["reasons"] = [MARKUP]
    snapshot["dependencies"] = [{"name": MARKUP, "state": MARKUP}]
    snapshot["alerts"] = [{"name": MARKUP, "severity": MARKUP, "state": "firing", "since": 1,
                           "value": 1, "summary": MARKUP}]
    snapshot["incidents"] = [{"time": 1, "kind": MARKUP, "text": MARKUP}]
    stall = {"time": snapshot["time"], "worker": 0, "role": MARKUP, "duration_s": 1,
             "ongoing": False, "route": MARKUP, "site": MARKUP, "stack": [MARKUP] * 3}
    snapshot["loop"] = {**snapshot["loop"], "stalls": [stall], "stalls_total": 1}
    frame = f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
    browser.open(url, answers={"/api/v1/stream": ["text/event-stream", frame]})
    browser.see("document.querySelector('#stalls-open').click()")
    assert browser.texts("#stall .stack li") == [MARKUP] * 3
    for place in ("#name", "#reasons", "#alerts", "#incidents", "#dependencies", "#goals"):
        assert MARKUP in browser.text(place), place
    no_markup(browser)
    assert browser.problems() == []


def test_asks_for_the_token_and_keeps_only_a_session(browser, shop):
    refusal = ["application/problem+json", "{}", 401]
    browser.do("open", url=dashboard(shop), answers={"/api/v1/history": refusal})
    browser.wait("document.querySelector('#sign-in').open")
    for token, answer in [("wrong", "That is not the token."),
                          ((shop.folder / "admin.token").read_text().strip(), "")]:  # fmt: skip
        browser.see("document.querySelector('#token').select()")
        browser.do("type", text=token)
        if not answer:
            browser.do("answer_no_more")
        browser.do("press", key="Enter")
        browser.wait(f"document.querySelector('#sign-in-problem').innerText === '{answer}'")
    browser.wait("document.querySelectorAll('#workers-table tbody tr').length === 2")
    assert not browser.see("document.querySelector('#sign-in').open")
    assert browser.see("document.cookie") == ""  # HttpOnly
    assert browser.see("Object.values(localStorage).join() + document.querySelector('#token')"
                       ".value").find(token) == -1
    assert not [one for one in browser.problems() if "401" not in one]


def test_says_when_no_data_comes_and_recovers(browser, shop):
    browser.open(dashboard(shop))
    browser.wait("document.querySelector('#workers-table tbody tr')")
    before = monitor(shop)["pid"]
    os.kill(before, signal.SIGSTOP)
    try:
        browser.wait("!document.querySelector('#stale').hidden")
        assert "No data for" in browser.text("#stale")
        assert browser.see("document.body.classList.contains('stale')")
    finally:
        os.kill(before, signal.SIGKILL)
    browser.wait("document.querySelector('#stale').hidden")
    assert wait_until(lambda: monitor(shop)["pid"], "a monitor") != before
    assert not browser.see("document.body.classList.contains('stale')")
    # Broken connections are all that may have been said meanwhile.
    assert [one for one in browser.problems() if "net::ERR_" not in one] == []


def test_nothing_but_the_page_answers_under_assets(shop):
    url = dashboard(shop)
    page = urllib.request.urlopen(url, timeout=20)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    tag = page.headers["ETag"]
    request = urllib.request.Request(url, headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        urllib.request.urlopen(request, timeout=20)
    assert unchanged.value.code == 304
    for path in ("assets/package.json", "assets/../index.html", "assets/"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url + path, timeout=20)
