import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Images } from './Images';
import { JsonView } from './JsonView';
import { IMAGE_BASE64_CHARS, JSON_CHILDREN, MARKDOWN_CHARS } from './limits';
import { Markdown } from './Markdown';
import { isTangled } from './markdownBounds';
import { SafeText } from './SafeText';
import { Terminal } from './Terminal';

afterEach(cleanup);

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** What no content may ever become. */
function expectHarmless(container: HTMLElement) {
  expect(
    container.querySelector('script, iframe, object, embed, form, style, link, base, meta, video, audio'),
  ).toBeNull();
  for (const link of container.querySelectorAll('a')) {
    expect(link.getAttribute('href')).toMatch(/^(https?:\/\/|mailto:)/);
    expect(link.getAttribute('rel')).toBe('noopener noreferrer nofollow');
    expect(link.getAttribute('target')).toBe('_blank');
  }
  for (const image of container.querySelectorAll('img')) {
    expect(image.getAttribute('src')).toMatch(/^data:image\/(png|jpeg|gif|webp);base64,/);
  }
  for (const element of container.querySelectorAll('*')) {
    for (const { name } of element.attributes) expect(name).not.toMatch(/^on|^srcset$|^style$|^background$/);
  }
}

describe('Markdown', () => {
  const show = (text: string) => {
    const { container } = render(<Markdown text={text} />);
    expectHarmless(container);
    return container;
  };

  it.each([
    '[x](javascript:alert(1)) [y](data:text/html,<script>) <javascript:alert(1)> [z](JAVASCRIPT:x)',
    '<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=x><iframe src="https://evil.example">',
    '![pixel](https://evil.example/p.png) ![d](data:image/svg+xml,<svg>) [![a](https://evil.example/b)](https://evil.example)',
    '[a]: javascript:alert(1)\n[a] [b][a]',
    '<a href="https://evil.example">x</a> <style>*{display:none}</style>',
    '[x](//evil.example) [y](/settings) [z](#root) www.evil.example evil@evil.example https://evil.example',
    '| a |\n|---|\n| ![x](https://evil.example) |\n\n[^1]\n\n[^1]: <b>note</b>',
  ])('makes nothing that runs or loads: %s', (text) => {
    show(text);
  });

  it('shows raw HTML as text', () => {
    expect(show('a <b>bold</b>\n\n<div>block</div>').textContent).toContain('<b>bold</b>');
  });

  it('tells what an image would have loaded', () => {
    const { textContent } = show('![the alt](https://evil.example/p.png)');
    expect(textContent).toContain('the alt');
    expect(textContent).toContain('https://evil.example/p.png');
  });

  it('tells where a link leads when its words do not', () => {
    expect(show('[https://good.example](https://evil.example/x)').textContent).toBe(
      'https://good.exampleevil.example',
    );
    cleanup();
    expect(show('[https://good.example/a](https://good.example/a)').textContent).toBe(
      'https://good.example/a',
    );
  });

  it('has no heading above those of the page, and ids of its own', () => {
    const container = show('# one\n\n## two\n\n###### six\n\nx[^1]\n\n[^1]: note');
    expect(container.querySelector('h1, h2, h3')).toBeNull();
    expect(container.querySelector('h4')?.textContent).toBe('one');
    for (const element of container.querySelectorAll('[id]')) expect(element.id).toMatch(/^c.+-/);
  });

  it('shows hidden characters in text, code and links', () => {
    const container = show('a\u202eb `c\u200bd`\n\n```\ne\u2066f\n```\n\n[g\u200b](https://a.example)');
    expect(container.textContent).toContain('U+202E RLO');
    expect(container.textContent).toContain('U+2066 LRI');
    expect(container.textContent?.match(/U\+200B ZWSP/g)).toHaveLength(2);
    expect(container.textContent).not.toMatch(/[\u202e\u200b\u2066]/);
  });

  it('marks what is looked for', () => {
    const { container } = render(
      <Markdown text={'The **Quick** fox\n\n```\nquick code\n```'} find="quick" />,
    );
    expect([...container.querySelectorAll('mark')].map((mark) => mark.textContent)).toEqual([
      'Quick',
      'quick',
    ]);
  });

  it.each([
    ['too long', 'word '.repeat(MARKDOWN_CHARS / 4)],
    ['brackets', '['.repeat(1_000_000)],
    ['quotes', '>'.repeat(5000)],
    ['quotes and lists', '> - '.repeat(3000)],
    ['stars', '*a_ '.repeat(5000)],
    ['backticks', '`'.repeat(20_000)],
    ['many blocks', 'a\n=\n'.repeat(5000)],
    ['deep lists', Array.from({ length: 200 }, (_, at) => `${' '.repeat(2 * at)}- a`).join('\n')],
  ])('is not laid out when it would take long: %s', (_, text) => {
    expect(text.length > MARKDOWN_CHARS || isTangled(text)).toBe(true);
    expect(show(text).textContent).toMatch(/^Shown as plain text/);
  });
});

describe('SafeText', () => {
  it('shows a long text in pieces, and asks for what the server holds', () => {
    const loadMore = vi.fn();
    const { container } = render(
      <SafeText text={'x'.repeat(250)} piece={100} rest={{ total: 1000, loading: false, loadMore }} />,
    );
    expect(container.firstChild?.textContent).toHaveLength(100);
    fireEvent.click(screen.getByRole('button', { name: 'Show next 100 of 900 more characters' }));
    expect(container.firstChild?.textContent).toHaveLength(200);
    expect(loadMore).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole('button'));
    expect(loadMore).toHaveBeenCalledOnce();
  });
});

describe('Terminal', () => {
  it('shows colours, says what it left out, and the raw text on request', () => {
    const { container } = render(
      <Terminal text={'\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07here\x1b]8;;\x07\n1%\r2%'} />,
    );
    expectHarmless(container);
    expect(container.querySelector('a')).toBeNull();
    expect(screen.getByText('2 escape sequences left out')).toBeTruthy();
    expect(screen.getByText('1 overwritten')).toBeTruthy();
    expect(container.textContent).not.toContain('1%');
    fireEvent.click(screen.getByRole('button', { name: 'Raw' }));
    expect(container.textContent).toContain('U+001B ESC');
    expect(container.textContent).toContain('1%');
  });
});

describe('JsonView', () => {
  it('lays out only what is open and a bounded part of it', () => {
    const value = { list: Array.from({ length: 5000 }, (_, at) => ({ at })), deep: { a: { b: { c: 1 } } } };
    const { container } = render(<JsonView value={value} />);
    expect(container.querySelectorAll('li').length).toBeLessThan(JSON_CHILDREN + 10);
    expect(container.textContent).not.toContain('c:');
    fireEvent.click(screen.getByRole('button', { name: 'Show next 100 of 4,900 more items' }));
    expect(container.querySelectorAll('li').length).toBeGreaterThan(2 * JSON_CHILDREN);
  });

  it('bears values nested beyond any depth', () => {
    let value: unknown = 'end';
    for (let level = 0; level < 20_000; level++) value = [value];
    render(<JsonView value={value} open={200} />);
    expect(screen.getByText(/nested too deeply/)).toBeTruthy();
  });

  it('shows strings as data', () => {
    const { container } = render(
      <JsonView value={{ 'k\u202e': '<img src=x onerror=alert(1)>\u200b', long: 'y'.repeat(9000) }} />,
    );
    expectHarmless(container);
    expect(container.textContent).toContain('U+202E RLO');
    expect(container.textContent).toContain('U+200B ZWSP');
    expect(screen.getByRole('button', { name: /Show next 2,000 of 7,000/ })).toBeTruthy();
  });
});

describe('Images', () => {
  const show = (value: unknown) => {
    const { container } = render(<Images value={value} label="Image" />);
    expectHarmless(container);
    return container;
  };

  it.each([
    ['Anthropic', [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }]],
    ['MCP', { content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] }],
    ['OpenAI', [{ type: 'input_image', image_url: `data:image/png;base64,${PNG}` }]],
    ['OpenAI chat', [{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }]],
    ['Gemini', { parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] }],
  ])('shows an image as %s has it', (_, value) => {
    expect(show(value).querySelector('img')?.getAttribute('alt')).toBe('Image (PNG, 1 × 1, 70 bytes)');
  });

  it('takes the type from the bytes, not from what is said', () => {
    const container = show({ type: 'image', data: PNG, mimeType: 'image/svg+xml' });
    expect(container.querySelector('img')?.getAttribute('src')).toMatch(/^data:image\/png;/);
  });

  it.each([
    [
      'SVG',
      { type: 'image', data: btoa('<svg onload="alert(1)"/>'), mimeType: 'image/svg+xml' },
      'SVG is never shown',
    ],
    ['SVG said to be PNG', { type: 'image', data: btoa('<svg/>'), mimeType: 'image/png' }, 'not a PNG'],
    [
      'an address',
      { type: 'image', source: { type: 'url', url: 'https://evil.example/a.png' } },
      'not loaded',
    ],
    [
      'an address in OpenAI words',
      { type: 'input_image', image_url: 'https://evil.example/a.png' },
      'not loaded',
    ],
    ['broken bytes', { type: 'image', data: 'x"onerror=alert(1)', mimeType: 'image/png' }, 'not whole'],
    [
      'too large',
      { type: 'image', data: 'A'.repeat(IMAGE_BASE64_CHARS + 1), mimeType: 'image/png' },
      'too large',
    ],
    ['too many pixels', { type: 'image', data: hugePng(), mimeType: 'image/png' }, 'too many pixels'],
  ])('never shows %s', (_, value, why) => {
    const container = show(value);
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toContain(why);
  });
});

/** A PNG's head that says 60,000 by 60,000. */
function hugePng(): string {
  const raw = atob(PNG);
  const size = '\0\0\xea\x60';
  return btoa(raw.slice(0, 16) + size + size + raw.slice(24));
}
