// A browser that Python drives: one JSON command a line on stdin, one JSON answer a line on stdout.
// Arguments: the folder of playwright-core, the browser's path.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [library, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(library);
const root = process.getuid() === 0;
const browser = await chromium.launch({
  executablePath,
  // As root there is no sandbox; small containers have a small /dev/shm.
  args: ["--disable-dev-shm-usage", ...(root ? ["--no-sandbox"] : [])],
});

let context = null;
let page = null;
let problems = [];

/** What a page must never do: errors, policy violations, requests to anybody else. */
function watch(origin) {
  problems = [];
  const add = (kind, text) => problems.push(`${kind}: ${text}`);
  page.on("pageerror", (error) => add("error", error.stack ?? error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) add("console", message.text());
  });
  page.on("dialog", (dialog) => {
    add("dialog", dialog.message());
    dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) add("elsewhere", request.url());
  });
}

const commands = {
  /** A fresh profile. `answers`: {path: [content type, text, status]} in place of the server's. */
  async open({ url, width = 1280, height = 900, theme = "dark", answers = {} }) {
    await context?.close();
    context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
    page = await context.newPage();
    watch(new URL(url).origin);
    for (const [path, [contentType, body, status = 200]] of Object.entries(answers)) {
      await page.route((target) => target.pathname === path,
                       (route) => route.fulfill({ contentType, body, status }));
    }
    await page.goto(url);
  },
  /** From now on the server answers everything itself. */
  async answer_no_more() {
    await page.unrouteAll();
  },
  evaluate: ({ script }) => page.evaluate(script),
  press: ({ key }) => page.keyboard.press(key),
  click: ({ selector }) => page.click(selector, { timeout: 10_000 }),
  type: ({ text }) => page.keyboard.type(text),
  screenshot: ({ path }) => page.screenshot({ path }),
  problems: () => problems,
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { value: await commands[command.do](command) };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
