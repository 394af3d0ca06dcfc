import { playHooks, Spool } from '../lib/hooks.ts';
import { lookAtBoth } from '../lib/look.ts';
import { type Desk, expect, test } from '../lib/test.ts';
import { open, row, timeline } from '../lib/timeline.ts';

const SUBAGENT = { agent_id: 'a51f0c9d7e3b', agent_type: 'Explore' };
const BASH = (command: string) => ({ tool_name: 'Bash', tool_input: { command, description: 'x' } });
const AGENT = {
  tool_name: 'Agent',
  tool_use_id: 'toolu_01HQ7mVx3kPz9R3',
  tool_input: {
    description: 'Find users of foo',
    prompt: 'Find all users of foo()',
    subagent_type: 'Explore',
  },
};

/** A session of Claude Code that hooks alone tell of, with all that they tell. */
async function hooksAlone({ server }: Desk): Promise<string> {
  const spool = new Spool(server, 'claude-code');
  const session = { session_id: 'hooks-alone', cwd: '/home/dev/shop', prompt_id: 'p1' };
  const tell = (event: string, body: object) =>
    spool.tell(event, { ...session, hook_event_name: event, ...body });
  await tell('SessionStart', { source: 'resume' });
  await tell('UserPromptSubmit', { prompt: 'Look for unused exports.' });
  await tell('PreToolUse', { ...BASH('npx knip'), tool_use_id: 'toolu_01HQ7mVx3kPz9R1' });
  await tell('PermissionRequest', BASH('npx knip'));
  await tell('Notification', { message: 'Claude needs your permission to use Bash' });
  await tell('PostToolUse', {
    ...BASH('npx knip'),
    tool_use_id: 'toolu_01HQ7mVx3kPz9R1',
    tool_response: { stdout: 'foo' },
  });
  await tell('PreToolUse', { ...BASH('rm -r src/old'), tool_use_id: 'toolu_01HQ7mVx3kPz9R2' });
  await tell('PermissionDenied', {
    ...BASH('rm -r src/old'),
    tool_use_id: 'toolu_01HQ7mVx3kPz9R2',
    reason: 'Nothing may be removed.',
  });
  await tell('PreToolUse', AGENT);
  await tell('SubagentStart', SUBAGENT);
  const grep = {
    ...SUBAGENT,
    tool_name: 'Grep',
    tool_use_id: 'toolu_01HQ7mVx3kPz9R4',
    tool_input: { pattern: 'foo' },
  };
  await tell('PreToolUse', grep);
  await tell('PostToolUse', { ...grep, tool_response: { content: 'none' } });
  await tell('SubagentStop', { ...SUBAGENT, last_assistant_message: 'Nobody uses foo().' });
  await tell('PostToolUse', { ...AGENT, tool_response: { status: 'completed', agentId: SUBAGENT.agent_id } });
  await tell('PreCompact', { trigger: 'auto' });
  await tell('StopFailure', { error: 'rate_limit', error_details: 'Try again in 32 s' });
  await tell('SomethingNew', {});
  await tell('SessionEnd', { reason: 'prompt_input_exit' });
  await server.recorded();
  const [found] = await server.sessions();
  if (found === undefined) throw new Error('the hooks made no session');
  return `${server.url}/sessions/${found.id}`;
}

test('a session that only hooks tell of reads as a whole', async ({ page, desk, signIn }) => {
  await signIn(desk.server);
  await page.goto(await hooksAlone(desk));
  for (const name of [
    'Session start: resume',
    'Permission asked: Bash npx knip',
    'Notice: Claude needs your permission to use Bash',
    'Permission denied: Bash rm -r src/old',
    'Compaction: auto',
    'Error, failed: Try again in 32 s',
    'Session end: prompt_input_exit',
  ])
    await expect(row(page, name), name).toBeVisible();
  await expect(row(page, 'Session start: resume')).toContainText('Session resumed');
  await expect(row(page, /^Error, failed/)).toContainText('Rate limit:Try again in 32 s');

  const main = page.getByRole('main');
  await expect(main).toContainText('4 tool calls');
  await expect(main).not.toContainText('model calls,');
  await expect(main).toContainText('hooks see no model calls and no tokens');
  await page.getByRole('button', { name: '1 gap' }).click();
  await expect(page.getByRole('dialog')).toContainText('A hook that is not known yet');
  await expect(page.getByRole('dialog')).toContainText('SomethingNew');
  await page.keyboard.press('Escape');
});

test('a call tells the permission that it needed, and the permission why', async ({ page, desk, signIn }) => {
  await signIn(desk.server);
  await page.goto(await hooksAlone(desk));
  const asked = row(page, 'Command line: Bash npx knip');
  await expect(asked).toContainText('permission asked');
  await open(asked);
  await expect(asked).toContainText('no channel told the answer, but the call ran');
  const denied = row(page, 'Command line, failed: Bash rm -r src/old');
  await expect(denied).toContainText('permission denied');
  const permission = row(page, 'Permission denied: Bash rm -r src/old');
  await open(permission);
  await expect(permission).toContainText('Reason: Nothing may be removed.');

  await page.getByRole('button', { name: /^Permissions 2/ }).click();
  await expect(permission).toHaveCount(0);
  await expect(page).toHaveURL(/hide=permission/);
  await expect(denied).toContainText('permission denied');
  await page.getByRole('button', { name: /^Starts and ends 4/ }).click();
  await expect(row(page, /^Session/)).toHaveCount(0);
});

test('a subagent that only hooks tell of has its lane, its task first and its end last', async ({
  page,
  desk,
  signIn,
}) => {
  await signIn(desk.server);
  await page.goto(await hooksAlone(desk));
  await expect(row(page, 'Subagent: Find users of foo')).toContainText('5 events');
  await page.getByRole('combobox', { name: 'Lane' }).selectOption({ label: 'Find users of foo (5)' });
  const names = timeline(page).getByRole('article', { name: /^(Subagent|Prompt|Tool call|Completion)/ });
  await expect(names).toHaveCount(6);
  const told = await names.evaluateAll((rows) => rows.map((each) => each.getAttribute('aria-label')));
  expect(told).toEqual([
    'Subagent: Find users of foo',
    'Subagent start: Explore',
    'Prompt: Find all users of foo()',
    'Tool call: Grep foo',
    'Completion: Nobody uses foo().',
    'Subagent end: Explore',
  ]);
});

test('one fact that both channels saw is one row, with both witnesses', async ({ page, desk, signIn }) => {
  const { server, upstream } = desk;
  await playHooks('claude-code-permission-default', 'claude-code', server, upstream);
  await signIn(server);
  const [session] = await server.sessions();
  await page.goto(`${server.url}/sessions/${session?.id}`);
  const write = row(page, /^Tool call, failed: Write/);
  await expect(write).toHaveCount(1);
  await expect(write).toContainText('permission asked');
  await write.getByRole('button', { name: 'Seen by edge, hook: details' }).click();
  const witnesses = page.getByRole('dialog', { name: 'Who saw it' });
  await expect(witnesses).toContainText('between agent and model');
  await expect(witnesses).toContainText('told by the agent');
  await expect(witnesses.getByText(/cap_[0-9a-f]{32}/)).toHaveCount(2);
});

for (const [width, viewport] of Object.entries({
  wide: { width: 1440, height: 1200 },
  narrow: { width: 390, height: 844 },
})) {
  test(`nothing for axe to find in what hooks tell: ${width}`, async ({ page, desk, signIn }) => {
    await signIn(desk.server);
    await page.setViewportSize(viewport);
    await page.goto(await hooksAlone(desk));
    await open(row(page, 'Permission asked: Bash npx knip'));
    await lookAtBoth(page, `session-hooks-${width}`);
    await page.goto(`${desk.server.url}/connect`);
    await expect(page.getByText('Hooks arrive')).toBeVisible();
    await page.getByRole('heading', { name: 'On a device: hooks' }).scrollIntoViewIfNeeded();
    await lookAtBoth(page, `connect-hooks-${width}`);
  });
}

test('the connect page has the lines for a device, and lights up with the first hook', async ({
  page,
  context,
  desk,
  signIn,
}) => {
  const { server } = desk;
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(server);
  await page.goto(`${server.url}/connect`);
  const part = page.getByRole('region', { name: 'On a device: hooks' });
  await expect(part).toContainText('ursa enroll-token create');
  await expect(part).toContainText('Waiting for the first hook');
  await part.getByRole('textbox', { name: 'Token, to fill in below' }).fill('ure_abc');
  await part.getByRole('button', { name: 'Copy' }).nth(1).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    `ursa-endpoint enroll --server ${server.url} --token ure_abc`,
  );
  await part.getByRole('button', { name: 'Copy' }).nth(2).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('ursa-endpoint install');

  const spool = new Spool(server, 'codex');
  const session = { session_id: 's1', cwd: '/home/dev', source: 'startup' };
  await spool.tell('SessionStart', { ...session, hook_event_name: 'SessionStart' });
  await expect(part).toContainText('Hooks arrive');
  await expect(part.getByRole('listitem').filter({ hasText: 'Codex' }).first()).toContainText('Codex');
  await expect(part.getByRole('img', { name: 'heard:' })).toHaveCount(1);
});
