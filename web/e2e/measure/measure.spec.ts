import { execFileSync } from 'node:child_process';
import { program, Server } from '../lib/server.ts';
import { expect, signIn, test } from '../lib/test.ts';
import { painted, scroll, watch } from './paint.ts';

/** Sessions of 100 events each: with the long one, 100,000 events are stored. */
const SESSIONS = 950;
const EVENTS = 100;
const LONG = 5000;
/** Each navigation is made so often; the median is told. */
const TIMES = 5;
const LIST_ROW = 'a[data-row]';
const TIMELINE_ROW = '[role=feed] [role=article]';

/** Which build is measured: `URSA_PROFILE=release` after `cargo build --release -p ursa -p ursa-seed`. */
const PROFILE = process.env.URSA_PROFILE ?? 'debug';

const say = (line: string) => process.stdout.write(`${line}\n`);
const median = (of: number[]) => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? Number.NaN;

test('first paint and scrolling over 100,000 stored events', async ({ browser }) => {
  const binary = program('ursa', PROFILE);
  const dir = Server.folder(binary);
  const seed = ['--data-dir', dir, '--sessions', `${SESSIONS}`, '--events-per-session', `${EVENTS}`];
  const out = execFileSync(program('testkit-seed', PROFILE), [
    ...seed,
    '--long-session',
    `${LONG}`,
  ]).toString();
  const long = out.trim().split('\n').at(-1);
  const server = await Server.start({ dir, binary });
  const { events } = await server.api<{ events: number }>('/stats');
  expect(events).toBe(SESSIONS * EVENTS + LONG);
  say(
    `${events} events in ${SESSIONS + 1} sessions; server: ${PROFILE} build; medians of ${TIMES} cold loads`,
  );

  for (const [name, path, row, atLeast] of [
    ['the list', '/', LIST_ROW, 10],
    [`a session of ${LONG} events`, `/sessions/${long}`, TIMELINE_ROW, 8],
  ] as const) {
    const first: number[] = [];
    const rows: number[] = [];
    const longest: number[] = [];
    const again: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      // A context of its own: nothing is cached.
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
      const page = await context.newPage();
      await signIn(page, server, 'admin');
      await watch(page, row, atLeast);
      await page.goto(server.url + path);
      const paint = await painted(page);
      first.push(paint.first);
      rows.push(paint.rows);
      longest.push(Math.max(0, ...paint.longTasks));
      // Once more, with the program's files in the browser's cache: as every opening but a reader's first.
      await page.goto('about:blank');
      await page.goto(server.url + path);
      again.push((await painted(page)).rows);
      if (time === TIMES - 1) {
        const run = await scroll(page, row, 160, 1200);
        say(
          `${name}: scrolling, ${run.frames} frames: median ${run.median} ms, p95 ${run.p95} ms, ` +
            `longest ${run.longest} ms, without rows ${run.blank}`,
        );
        await page.screenshot({
          path: `test-results/screens/measure-${row === LIST_ROW ? 'list' : 'session'}.png`,
        });
      }
      await context.close();
    }
    say(
      `${name}: first paint ${median(first)} ms, first rows ${median(rows)} ms (all: ${rows.join(', ')}), ` +
        `with the program in the cache ${median(again)} ms (all: ${again.join(', ')}), ` +
        `longest task ${median(longest)} ms`,
    );
  }

  for (const path of [
    '/sessions?limit=50',
    `/sessions/${long}/outline`,
    `/sessions/${long}/events?from_seq=1&limit=100&clip=4096`,
    '/sessions?limit=50&q=invoice',
    '/sessions?limit=50&q=zzzz',
  ]) {
    const took: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      const began = performance.now();
      await server.api(path);
      took.push(Math.round(performance.now() - began));
    }
    say(`${path.replace(long ?? '', 'ID')}: the server takes ${median(took)} ms (all: ${took.join(', ')})`);
  }
  await server.stop();
});
