import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactElement } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { client } from '~/api/client';
import type { OutlineItem, ToolCallBody } from '~/api/types';
import { EventCard } from './EventCard';
import type { ClippedEvent } from './types';

afterEach(cleanup);

const base = { id: 'evt_1', rev: 1, session_id: 'ses_1', seq: 1, at: '2026-01-01T00:00:00Z', turn: 1 };

function itemOf(kind: OutlineItem['kind'], more: Partial<OutlineItem> = {}): OutlineItem {
  return { ...base, kind, channels: ['edge'], title: 'the title', chars: 10, lines: 1, ...more };
}

function toolCall(
  more: Partial<ToolCallBody> & { name?: string; clipped?: ClippedEvent['clipped'] },
): ClippedEvent {
  const { name = 'Bash', ...rest } = more;
  return {
    ...base,
    witnesses: [],
    kind: 'tool_call',
    tool: { name, type: 'builtin' },
    call_id: 'c',
    status: 'completed',
    ...rest,
  } as ClippedEvent;
}

function show(element: ReactElement) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(<QueryClientProvider client={client}>{element}</QueryClientProvider>);
}

function showEvent(event: ClippedEvent, item: OutlineItem = itemOf(event.kind), expanded = true) {
  const onToggle = vi.fn();
  const { container } = show(<EventCard item={item} event={event} expanded={expanded} onToggle={onToggle} />);
  return { container, onToggle };
}

const toolItem = (name: string, more: Partial<NonNullable<OutlineItem['tool']>> = {}): OutlineItem =>
  itemOf('tool_call', { tool: { name, type: 'builtin', ...more }, status: 'completed' });

describe('what a role may not read', () => {
  it('is said to be hidden, not missing', () => {
    const prompt: ClippedEvent = {
      ...base,
      witnesses: [],
      kind: 'prompt',
      text: '',
      attachments: [{ kind: 'context', bytes: 0 }],
    };
    showEvent(prompt);
    expect(screen.getByText('Not shown to your role.')).toBeTruthy();
    expect(screen.getByText('Added by the agent, not shown to your role.', { exact: false })).toBeTruthy();
    cleanup();
    showEvent(prompt, itemOf('prompt', { chars: 0 }));
    expect(screen.queryByText('Not shown to your role.')).toBeNull();
    cleanup();
    showEvent(toolCall({ arguments: null, result: null }), toolItem('Bash'));
    expect(screen.getByText('Not shown to your role.')).toBeTruthy();
  });
});

describe('prompts', () => {
  it("shows the author's words, and apart from them what the agent added", () => {
    const { container } = showEvent({
      ...base,
      witnesses: [],
      kind: 'prompt',
      text: 'fix it',
      attachments: [
        { kind: 'context', text: '<system-reminder>secret rule</system-reminder>' },
        { kind: 'image', media_type: 'image/png', bytes: 2048 },
        { kind: 'document', name: 'a\u202eb.pdf', reference: 'https://evil.example/x' },
      ],
    });
    expect(screen.getByText('Added by the agent', { exact: false })).toBeTruthy();
    expect(container.querySelector('details')?.open).toBe(false);
    expect(screen.getByText('U+202E RLO')).toBeTruthy();
    expect(container.querySelector('img, a')).toBeNull();
    expect(screen.getByRole('button', { name: 'Show images' })).toBeTruthy();
  });

  it('is plain text until a reader wants Markdown', () => {
    const { container } = showEvent({
      ...base,
      witnesses: [],
      kind: 'prompt',
      text: '**bold**',
      attachments: [],
    });
    expect(container.querySelector('strong')).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Markdown' }));
    expect(container.querySelector('strong')?.textContent).toBe('bold');
  });
});

describe('completions', () => {
  it('tells the model, and why it ended when that is not usual', () => {
    const event = {
      ...base,
      witnesses: [],
      kind: 'completion' as const,
      text: 'hi',
      purpose: 'title' as const,
      model: 'm-1',
    };
    const { container } = showEvent({ ...event, finish_reason: 'max_tokens' });
    expect(container.textContent).toBe('titlem-1ended: max tokenshi');
    cleanup();
    expect(showEvent({ ...event, purpose: 'turn', finish_reason: 'end_turn' }).container.textContent).toBe(
      'm-1hi',
    );
  });

  it('shows the beginning of a long text until it is opened', () => {
    const event: ClippedEvent = {
      ...base,
      witnesses: [],
      kind: 'completion',
      text: 'line\n'.repeat(100),
      purpose: 'turn',
    };
    const { onToggle } = showEvent(event, itemOf('completion'), false);
    fireEvent.click(screen.getByRole('button', { name: 'Show all 500 characters' }));
    expect(onToggle).toHaveBeenCalledOnce();
  });
});

describe('tool calls', () => {
  it('tells kinds of tools apart in words', () => {
    showEvent(toolCall({}), toolItem('Bash', { program: 'cargo' }));
    expect(screen.getByText('command cargo')).toBeTruthy();
    cleanup();
    showEvent(
      toolCall({}),
      toolItem('mcp__gh__search', { type: 'mcp', mcp_server: 'gh', mcp_tool: 'search' }),
    );
    expect(screen.getByText('MCP gh · search')).toBeTruthy();
    cleanup();
    showEvent(toolCall({}), toolItem('web_search', { type: 'server' }));
    expect(screen.getByText("provider's tool")).toBeTruthy();
  });

  it('shows a command, its folder, its output and how it ended', () => {
    const { container } = showEvent(
      toolCall({
        arguments: { command: 'make', cwd: '/src', timeout: 5 },
        result: 'Exit code 2\n\x1b[31mno rule\x1b[0m',
        status: 'failed',
        is_error: true,
      }),
    );
    expect(screen.getByText('exit 2')).toBeTruthy();
    expect(screen.getByText('failed')).toBeTruthy();
    expect(screen.getByText('/src')).toBeTruthy();
    expect(screen.getByText('make')).toBeTruthy();
    expect(screen.getByText('no rule')).toBeTruthy();
    expect(container.textContent).toContain('timeout 5');
    expect(container.textContent).not.toContain('[31m');
  });

  it.each<[string, Partial<ToolCallBody> & { name: string }, string[], string[]]>([
    [
      'Edit',
      { name: 'Edit', arguments: { file_path: 'a.rs', old_string: 'old', new_string: 'new' } },
      ['old'],
      ['new'],
    ],
    [
      'opencode edit',
      { name: 'edit', arguments: { filePath: 'a.rs', oldString: 'old', newString: 'new' } },
      ['old'],
      ['new'],
    ],
    [
      'Copilot edit',
      { name: 'edit', arguments: { path: 'a.rs', old_str: 'old', new_str: 'new' } },
      ['old'],
      ['new'],
    ],
    ['Write', { name: 'Write', arguments: { file_path: 'a.rs', content: 'one\ntwo' } }, [], ['one', 'two']],
    [
      'MultiEdit',
      {
        name: 'MultiEdit',
        arguments: {
          file_path: 'a',
          edits: [
            { old_string: 'a', new_string: 'b' },
            { old_string: 'c', new_string: 'd' },
          ],
        },
      },
      ['a', 'c'],
      ['b', 'd'],
    ],
    [
      'apply_patch',
      { name: 'apply_patch', arguments: '*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n*** End Patch' },
      ['x'],
      ['y'],
    ],
  ])('shows %s as a diff', (_, call, removed, added) => {
    const { container } = showEvent(toolCall(call));
    const rows = (sign: string) =>
      [...container.querySelectorAll('tr')]
        .filter((row) => row.children[2]?.textContent === sign)
        .map((row) => row.children[3]?.textContent);
    expect(rows('−')).toEqual(removed);
    expect(rows('+')).toEqual(added);
  });

  it('names the files of a patch in its head, not how the patch begins', () => {
    const patch = (...paths: string[]) =>
      `*** Begin Patch\n${paths.map((path) => `*** Update File: ${path}\n@@\n-x\n+y\n`).join('')}*** End Patch`;
    const head = (call: Parameters<typeof toolCall>[0], title = '*** Begin Patch') =>
      showEvent(toolCall(call), { ...toolItem(call.name ?? ''), title }, false).container.textContent;
    expect(head({ name: 'apply_patch', arguments: patch('src/a.rs', 'b', 'c', 'd') })).toContain(
      'src/a.rs, +3 more',
    );
    cleanup();
    const argv = ['apply_patch', patch('src/a.rs')];
    const cli = { program: 'apply_patch', argv };
    const tool = { name: 'shell', type: 'builtin', cli } as ToolCallBody['tool'];
    expect(head({ tool, arguments: { command: argv } })).not.toContain('Begin Patch');
    cleanup();
    const cutOff = [{ pointer: '/arguments', chars: 99_999, as_text: false }];
    const call = { name: 'apply_patch', arguments: patch('a', 'b'), clipped: cutOff };
    expect(head(call)).toContain('a, +1 more at least');
  });

  it('shows a plan as a checklist', () => {
    showEvent(
      toolCall({
        name: 'update_plan',
        arguments: {
          plan: [
            { step: 'Look', status: 'completed' },
            { step: 'Fix', status: 'pending' },
          ],
        },
      }),
    );
    expect(screen.getByRole('img', { name: 'done' })).toBeTruthy();
    expect(screen.getByRole('img', { name: 'to do' })).toBeTruthy();
  });

  it('says when something else ran than the model asked for', () => {
    const { container } = showEvent(
      toolCall({ arguments: { command: 'rm -rf /' }, executed_arguments: { command: 'true' } }),
    );
    expect(screen.getByText(/Ran with other arguments/)).toBeTruthy();
    expect(container.textContent).toContain('true');
  });

  it('shows any other call as parameters and response', () => {
    const { container } = showEvent(
      toolCall({ name: 'odd', arguments: { a: 1 }, result: { b: [{ type: 'text', text: 'x' }] } }),
    );
    expect(container.textContent).toContain('a: 1');
    expect(container.textContent).toContain('b:');
  });

  it.each([
    null,
    undefined,
    5,
    'text',
    [],
    {},
    [null],
    { edits: 5 },
    { todos: [1] },
    { plan: 'x' },
    { command: 7 },
    { query: [] },
    { patch: {} },
  ])('bears arguments of any shape: %j', (args) => {
    for (const name of [
      'Bash',
      'Edit',
      'MultiEdit',
      'Write',
      'apply_patch',
      'Read',
      'TodoWrite',
      'Task',
      'WebSearch',
      'exec',
      'other',
    ]) {
      showEvent(toolCall({ name, arguments: args, result: args, detail: args }));
      cleanup();
    }
  });

  it('never links or loads what a search found elsewhere than the web', () => {
    const { container } = showEvent(
      toolCall({
        name: 'WebSearch',
        arguments: { query: 'q' },
        result: [
          { url: 'javascript:alert(1)', title: 'bad' },
          { url: 'https://a.example/', title: 'good' },
        ],
      }),
    );
    expect([...container.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual([
      'https://a.example/',
    ]);
  });
});

describe('what was cut off', () => {
  const thought = (text: string): ClippedEvent => ({
    ...base,
    witnesses: [],
    kind: 'reasoning',
    text,
    clipped: [{ pointer: '/text', chars: 80, as_text: false }],
  });

  /** A server in place of the real one. */
  const answer = (give: (query: { offset?: number }) => unknown) => {
    const get = async (_: string, asked: { params: { query?: { offset?: number } } }) =>
      give(asked.params.query ?? {});
    vi.spyOn(client, 'GET').mockImplementation(get as unknown as typeof client.GET);
  };

  it('is loaded in pieces, each after the last', async () => {
    const asked: (number | undefined)[] = [];
    const whole = `${'😀'.repeat(50)}${'b'.repeat(30)}`;
    answer(({ offset }) => {
      asked.push(offset);
      const text = [...whole].slice(offset, (offset ?? 0) + 20).join('');
      return { data: { text, offset, chars: 20, total_chars: 80 }, response: new Response() };
    });
    const { container } = showEvent(thought('😀'.repeat(50)));
    fireEvent.click(screen.getByRole('button', { name: 'Show 30 more characters' }));
    await waitFor(() => expect(container.textContent).toContain('b'.repeat(20)));
    fireEvent.click(screen.getByRole('button', { name: /Show 10 more/ }));
    await waitFor(() => expect(container.textContent).toContain('b'.repeat(30)));
    expect(asked).toEqual([50, 70]);
    expect(screen.queryByRole('button', { name: /more characters/ })).toBeNull();
  });

  it('says why a piece did not come', async () => {
    answer(() => ({
      error: { title: 'Gone', detail: 'Deleted by retention.' },
      response: new Response(null, { status: 410 }),
    }));
    showEvent(thought('x'));
    fireEvent.click(screen.getByRole('button', { name: /more characters/ }));
    expect((await screen.findByRole('alert')).textContent).toBe('Gone: Deleted by retention.');
  });

  it('inside a call is loaded with the whole event', async () => {
    const event = toolCall({
      name: 'odd',
      arguments: { a: 'cut' },
      clipped: [{ pointer: '/arguments/a', chars: 5000, as_text: false }],
    });
    const { clipped: _, ...rest } = event;
    answer(() => ({ data: { ...rest, arguments: { a: 'not cut any more' } }, response: new Response() }));
    const { container } = showEvent(event);
    fireEvent.click(screen.getByRole('button', { name: 'Load all' }));
    await waitFor(() => expect(container.textContent).toContain('not cut any more'));
    expect(screen.queryByText(/Long values are cut/)).toBeNull();
  });
});

describe('model calls', () => {
  it('tell tokens and errors, and open what the model saw', () => {
    const onOpenContext = vi.fn();
    const item = itemOf('model_call', {
      provider: 'anthropic',
      purpose: 'summary',
      model: 'm-1',
      status_code: 529,
      usage: { input_tokens: 1200, cache_read_input_tokens: 1000, output_tokens: 30 },
    });
    const event: ClippedEvent = {
      ...base,
      witnesses: [],
      kind: 'model_call',
      provider: 'anthropic',
      purpose: 'summary',
      stream: true,
      error: { type: 'overloaded_error', message: 'try later' },
    };
    const { container } = show(
      <EventCard
        item={item}
        event={event}
        expanded={false}
        onToggle={vi.fn()}
        onOpenContext={onOpenContext}
      />,
    );
    for (const word of [
      'summary',
      'm-1',
      '1.2K in',
      '1K from cache',
      '30 out',
      '529',
      'overloaded_error',
      'try later',
    ]) {
      expect(container.textContent).toContain(word);
    }
    fireEvent.click(screen.getByRole('button', { name: 'What the model saw' }));
    expect(onOpenContext).toHaveBeenCalledWith('evt_1');
  });
});

it('shows what the outline knows while an event is on its way', () => {
  for (const kind of ['prompt', 'completion', 'reasoning', 'tool_call', 'model_call'] as const) {
    const { container } = show(
      <EventCard item={itemOf(kind)} event={undefined} expanded onToggle={vi.fn()} />,
    );
    expect(container.textContent).not.toBe('');
    cleanup();
  }
});
