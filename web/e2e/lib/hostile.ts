import { Claude, text, toolUse } from './claude.ts';
import { send } from './send.ts';
import type { Desk } from './test.ts';

/** Asked by nobody: whatever is loaded from here was loaded because content said so. */
export const CANARY = 'https://canary.example/loaded';

const RUNS = 'window.__pwned=1';
const MARKUP = [
  `<img src=x onerror="${RUNS}">`,
  `<script>${RUNS}</script>`,
  `<svg onload="${RUNS}"><foreignObject><iframe src="javascript:${RUNS}"></iframe></foreignObject></svg>`,
  `<a href="javascript:${RUNS}">a</a>`,
  `"><style>*{display:none}</style><base href="${CANARY}/">`,
  `<meta http-equiv="refresh" content="0;url=${CANARY}"><link rel=stylesheet href="${CANARY}.css">`,
  `<form action="${CANARY}"><button autofocus onfocus="${RUNS}">x</button></form>`,
  `{{constructor.constructor('${RUNS}')()}}\${${RUNS}}`,
].join(' ');

/** Tells one thing and is another. */
const BIDI = 'invoice_\u202Efdp.exe\u202C \u2066ab\u2069 \u200Fright\u200E';
const HIDDEN = 'pay\u200Bload\u200D \u{E0041}\u{E0042} soft\u00ADhyphen \uFEFFmark';
const CONTROL = 'a\u0000b\u0007c\u0008d\u007Fe\u0085f';
const TERMINAL = [
  '\u001B[31mred\u001B[0m \u001B[2J\u001B[H\u001B[8mhidden\u001B[28m',
  `\u001B]8;;javascript:${RUNS}\u0007click\u001B]8;;\u0007 \u001B]8;;${CANARY}\u001B\\link\u001B]8;;\u001B\\`,
  '\u001B]0;title\u0007\u001B]52;c;ZXZpbA==\u0007\u001BPq#0;2;0;0;0#0!10~\u001B\\ rm -rf /\rls -la\u001B[K',
].join('\n');

/** In one line: for names, which are short in life and may be anything. */
export const NAME = `${BIDI} ${HIDDEN} ${MARKUP}`;

const MARKDOWN = `# Title ${MARKUP}

![image](${CANARY}.png) ![data](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+) <img src="${CANARY}.gif">

[script](javascript:${RUNS}) [data](data:text/html,<script>${RUNS}</script>) [vb](vbscript:x) [file](file:///etc/passwd)
[https://bank.example](https://evil.example/login) [ref][r] <javascript:${RUNS}> ${CANARY}/auto

[r]: javascript:${RUNS} "title"

| a | b |
|---|---|
| <img src=x onerror=${RUNS}> | [x](javascript:${RUNS}) |

- [ ] <input type=checkbox autofocus onfocus=${RUNS}>

\`\`\`html
${MARKUP}
\`\`\`

${'> '.repeat(400)}deep

${'*'.repeat(5000)}a${'['.repeat(5000)}

${BIDI} ${HIDDEN} ${CONTROL} \uE000marked\uE001`;

/** 10 MB without an end of line. */
const LONG_LINE = `${'0123456789abcdef'.repeat(655_360)}THE END`;
const LINES = 'line of many\n'.repeat(200_000);

const nested = (depth: number, inner: unknown): unknown => {
  let value = inner;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { [NAME]: value };
  return value;
};

/** As it is parsed, `__proto__` is a key of the object like any other. */
const POLLUTED: unknown = JSON.parse(
  '{"__proto__":{"polluted":true,"toString":1},"constructor":{"prototype":{"polluted":true}},"hasOwnProperty":1,"length":-1}',
);

const ALL = [MARKUP, MARKDOWN, BIDI, HIDDEN, CONTROL, TERMINAL].join('\n\n');

/** What a tool may be called with. */
const CALLS: readonly [name: string, input: unknown, result: unknown, isError?: boolean][] = [
  ['Bash', { command: `echo '${MARKUP}' ${BIDI} # ${CONTROL}`, description: NAME }, TERMINAL],
  ['Bash', { command: 'yes' }, LINES],
  ['Write', { file_path: `/tmp/${NAME}`, content: ALL }, NAME],
  ['Edit', { file_path: `/tmp/${BIDI}`, old_string: ALL, new_string: `${ALL}!` }, NAME],
  ['Read', { file_path: `javascript:${RUNS}` }, [{ type: 'text', text: ALL }]],
  ['WebFetch', { url: `javascript:${RUNS}`, prompt: ALL }, MARKDOWN],
  ['WebFetch', { url: CANARY, prompt: NAME }, `<html><body>${MARKUP}</body></html>`],
  ['Agent', { description: NAME, prompt: ALL, subagent_type: NAME }, MARKDOWN],
  ['TodoWrite', { todos: [{ content: NAME, status: NAME, activeForm: NAME }, null, 1] }, NAME],
  [`mcp__${NAME}__${NAME}`, POLLUTED, [{ type: 'text', text: ALL }]],
  [NAME, nested(100, ALL), ALL, true],
  [
    'odd',
    Array.from({ length: 20_000 }, (_, n) => ({ n, [NAME]: n })),
    [{ type: 'image', source: SVG_IMAGE() }],
  ],
  ['odd', { text: ALL, href: `javascript:${RUNS}` }, [null, 1, { type: MARKUP }, [[[]]]], true],
];

function SVG_IMAGE() {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="${RUNS}"><image href="${CANARY}.png"/></svg>`;
  return { type: 'base64', media_type: 'image/svg+xml', data: Buffer.from(svg).toString('base64') };
}

/** Sends what an attacker who has all of it in hand could have agents and models say, through the edge. */
export async function attack({ server, upstream }: Desk): Promise<void> {
  // Headers carry bytes: the visible ones and, as agents send them, UTF-8.
  const claude = new Claude(server, upstream, {
    session: 'hostile',
    cwd: `/home/dev/${NAME}`,
    model: NAME,
    headers: [
      ['x-ursa-user', NAME],
      ['x-ursa-device', `host-${NAME}`],
    ],
  });
  const uses = CALLS.map(([name, input], at) => toolUse(`toolu_${at}_${name.length}`, name, input));
  await claude.ask(
    [
      { type: 'text', text: `<system-reminder>${ALL}</system-reminder>` },
      { type: 'image', source: SVG_IMAGE() },
      { type: 'image', source: { type: 'url', url: `${CANARY}.jpg` } },
      { type: 'document', title: NAME, source: { type: 'url', url: `javascript:${RUNS}` } },
      { type: 'text', text: ALL },
    ],
    [{ type: 'thinking', thinking: ALL, signature: 'x' }, text(MARKDOWN), ...uses],
  );
  const results = CALLS.map(([name, , content, isError = false], at) => ({
    id: `toolu_${at}_${name.length}`,
    content,
    isError,
  }));
  await claude.results(results, [text(ALL)]);
  await claude.refused('And once more?', 400, { type: NAME, message: ALL });
  await claude.title(NAME);

  const body = JSON.stringify({ model: NAME, max_tokens: 9, messages: [{ role: 'user', content: NAME }] });
  upstream.next({ status: 500, headers: [['content-type', 'text/html']], body: `<html>${MARKUP}</html>` });
  const agent = `${BIDI} ${MARKUP}/1.0`;
  await send('POST', `${server.url}/edge/anthropic/v1/messages`, [['user-agent', agent]], body);
  await server.recorded();
}

/** Text of ten megabytes in one line: as a result, as an answer. */
export async function longLines({ server, upstream }: Desk): Promise<void> {
  const claude = new Claude(server, upstream, { session: 'long' });
  await claude.ask('Show all of it.', [toolUse('toolu_long', 'Bash', { command: 'cat all.txt' })]);
  await claude.results([{ id: 'toolu_long', content: LONG_LINE }], [text(LONG_LINE)]);
  await server.recorded();
}
