import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { client } from '~/api/client';
import { ContextPanel } from './ContextPanel';
import { changesBetween } from './changes';
import { readRequest } from './request';

afterEach(cleanup);

const request = (messages: unknown, more: { system?: unknown; tools?: unknown; params?: unknown } = {}) =>
  readRequest({ system: null, tools: null, params: { model: 'm' }, messages, ...more });

const kinds = (messages: unknown) =>
  request(messages).messages.map((message) => [message.role, ...message.parts.map((part) => part.kind)]);

describe('reading a request', () => {
  it('reads Anthropic messages', () => {
    expect(
      kinds([
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm' },
            { type: 'text', text: 'x' },
            { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't',
              content: [{ type: 'text', text: 'out' }],
              is_error: true,
            },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } },
            { type: 'document', source: {} },
          ],
        },
      ]),
    ).toEqual([
      ['user', 'text'],
      ['assistant', 'thinking', 'text', 'call'],
      ['user', 'result', 'image', 'other'],
    ]);
  });

  it('reads OpenAI Responses items', () => {
    expect(
      kinds([
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'rules' }] },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'why' }], encrypted_content: 'x' },
        { type: 'function_call', name: 'exec_command', arguments: '{"cmd":"ls"}', call_id: 'c' },
        { type: 'function_call_output', call_id: 'c', output: 'out' },
        { type: 'custom_tool_call', name: 'apply_patch', input: '*** Begin Patch', call_id: 'd' },
        { type: 'custom_tool_call_output', call_id: 'd', output: [{ type: 'input_text', text: 'ok' }] },
        { type: 'compaction', encrypted_content: 'x' },
      ]),
    ).toEqual([
      ['developer', 'text'],
      ['assistant', 'thinking'],
      ['assistant', 'call'],
      ['tool', 'result'],
      ['assistant', 'call'],
      ['tool', 'result'],
      ['compaction', 'other'],
    ]);
  });

  it('reads Chat Completions and Gemini', () => {
    expect(
      kinds([
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'out' },
        {
          role: 'model',
          parts: [{ text: 'x', thought: true }, { text: 'y' }, { functionCall: { name: 'f', args: {} } }],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { name: 'f', response: {} } },
            { inlineData: { mimeType: 'image/png', data: '' } },
          ],
        },
      ]),
    ).toEqual([
      ['assistant', 'call'],
      ['tool', 'result'],
      ['assistant', 'thinking', 'text', 'call'],
      ['user', 'result', 'image'],
    ]);
    const tools = [
      { functionDeclarations: [{ name: 'a' }, { name: 'b' }] },
      { type: 'function', function: { name: 'c' } },
      { type: 'web_search' },
    ];
    expect(request([], { tools }).tools.map((tool) => tool.name)).toEqual(['a', 'b', 'c', 'web_search']);
  });

  it.each([
    null,
    undefined,
    'text',
    5,
    {},
    [null],
    [[]],
    [{ content: 5 }],
    [{ role: 7, content: [null, 'a', 3] }],
    [{ type: 'reasoning' }],
    [{ tool_calls: [null] }],
  ])('bears any shape: %j', (messages) => {
    expect(() => request(messages, { system: messages, tools: messages, params: messages })).not.toThrow();
  });
});

describe('changes between requests', () => {
  const text = (role: string, words: string) => ({ role, content: words });

  it('finds what was added, and what moved only its cache mark is the same', () => {
    const before = request([
      { role: 'user', content: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }] },
    ]);
    const after = request([text('user', 'a'), text('assistant', 'b'), text('user', 'c')]);
    const changes = changesBetween(before, after);
    expect(changes.same).toHaveLength(1);
    expect(changes.gone).toEqual([]);
    expect(changes.added.map((message) => message.preview)).toEqual(['b', 'c']);
    expect(changes.system).toBeUndefined();
    expect(changes.params).toBeUndefined();
  });

  it('finds what a compaction took out', () => {
    const before = request([text('user', 'a'), text('assistant', 'b'), text('user', 'c')]);
    const after = request([text('user', 'summary'), text('user', 'c')]);
    const changes = changesBetween(before, after);
    expect(changes.gone.map((message) => message.preview)).toEqual(['a', 'b']);
    expect(changes.added.map((message) => message.preview)).toEqual(['summary']);
    expect(changes.same.map((message) => message.preview)).toEqual(['c']);
  });

  it('finds changes of the system prompt, tools and parameters', () => {
    const before = request([], {
      system: 'one',
      tools: [{ name: 'a' }, { name: 'b', x: 1 }],
      params: { model: 'm' },
    });
    const after = request([], {
      system: [{ type: 'text', text: 'two' }],
      tools: [{ name: 'b', x: 2 }, { name: 'c' }],
      params: { model: 'n' },
    });
    const changes = changesBetween(before, after);
    expect(changes.system).toEqual({ before: 'one', after: 'two' });
    expect(changes.params?.after).toContain('"n"');
    expect(changes.tools.added.map((tool) => tool.name)).toEqual(['c']);
    expect(changes.tools.removed.map((tool) => tool.name)).toEqual(['a']);
    expect(changes.tools.changed.map((tool) => tool.name)).toEqual(['b']);
  });
});

describe('the panel', () => {
  const contexts: Record<string, unknown> = {
    now: {
      system: 'be good\u202e',
      tools: [{ name: 'Bash', description: 'runs', input_schema: {} }],
      messages: [
        { role: 'user', content: 'first <img src=x>' },
        { role: 'assistant', content: [{ type: 'text', text: 'second' }] },
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'url', url: 'https://evil.example/a.png' } }],
        },
      ],
      params: { model: 'm' },
      exact: true,
      redactions: [{ path: '/messages/0/content', kind: 'credential' }],
    },
    before: {
      system: 'be good\u202e',
      tools: [],
      messages: [{ role: 'user', content: 'first <img src=x>' }],
      params: { model: 'm' },
      exact: true,
      redactions: [],
    },
  };

  function show(callId: string, previousCallId?: string) {
    const get = async (_: string, asked: { params: { path: { event_id: string } } }) => {
      const data = contexts[asked.params.path.event_id];
      return data
        ? { data, response: new Response() }
        : {
            error: { title: 'Not found', detail: 'No request is kept.' },
            response: new Response(null, { status: 404 }),
          };
    };
    vi.spyOn(client, 'GET').mockImplementation(get as unknown as typeof client.GET);
    const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const onClose = vi.fn();
    const previous = previousCallId === undefined ? {} : { previousCallId };
    const { container } = render(
      <QueryClientProvider client={queries}>
        <ContextPanel sessionId="s" callId={callId} {...previous} onClose={onClose} />
      </QueryClientProvider>,
    );
    return { container, onClose };
  }

  it('shows the request, how exact it is and what was redacted', async () => {
    const { container, onClose } = show('now');
    await screen.findByText(/The request as it was sent, but for what was redacted/);
    expect(container.textContent).toContain('1 × credential');
    expect(container.textContent).toContain('/messages/0/content: credential');
    expect(container.textContent).toContain('first <img src=x>');
    expect(container.textContent).toContain('image by address, not loaded');
    expect(container.querySelector('img')).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Close' }));
    expect(onClose).toHaveBeenCalledOnce();
  });

  it('shows what changed since the previous call', async () => {
    const { container } = show('now', 'before');
    await screen.findByText(/The request as it was sent/);
    fireEvent.click(screen.getByRole('button', { name: 'Changes since the previous call' }));
    expect(await screen.findByRole('button', { name: '1 message unchanged' })).toBeTruthy();
    expect(container.textContent).toContain('2 added, 0 gone');
    expect(container.textContent).toContain('second');
  });

  it('finds words in messages', async () => {
    const { container } = show('now');
    await screen.findByText(/The request as it was sent/);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'SECOND' } });
    await waitFor(() => expect(container.textContent).toContain('1 of 3 match'));
    expect([...container.querySelectorAll('mark')].map((mark) => mark.textContent)).toEqual(['second']);
  });

  it('says why there is nothing to see', async () => {
    show('other');
    expect((await screen.findByRole('alert')).textContent).toContain('Not found: No request is kept.');
  });
});
