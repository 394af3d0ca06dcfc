import { expect, type Page } from '@playwright/test';

/** Looks for what content may have made of a page. */
export class Harm {
  /** What was found, and where first. */
  readonly #made = new Map<string, string>();
  readonly #deceives = new Map<string, string>();

  constructor(readonly page: Page) {}

  /** Looks at the page as it is now. */
  async look(where: string): Promise<void> {
    const note = (found: Map<string, string>, what: string) => found.has(what) || found.set(what, where);
    for (const each of await this.page.evaluate(made)) note(this.#made, each);
    for (const each of await this.page.evaluate(deceives)) note(this.#deceives, each);
  }

  /** Fails if anything was found. */
  check(): void {
    expect.soft([...this.#made], 'what content made of the page').toEqual([]);
    expect.soft([...this.#deceives], 'characters that reorder or hide, drawn as themselves').toEqual([]);
  }
}

/** Elements, attributes and globals that must not be there. */
function made(): string[] {
  const bad: string[] = [];
  if ('__pwned' in window) bad.push('a script of content ran');
  if ('polluted' in {}) bad.push('Object.prototype was changed');
  const own = (url: string) => new URL(url, location.href).origin === location.origin;
  const never = [
    'iframe',
    'frame',
    'object',
    'embed',
    'base',
    'audio',
    'video',
    'foreignObject',
    'math',
    'animate',
  ];
  for (const element of document.querySelectorAll('*')) {
    const told = element.outerHTML.slice(0, 160);
    if (never.includes(element.localName)) bad.push(told);
    if (['script', 'style', 'link'].includes(element.localName)) {
      const from = element.getAttribute('src') ?? element.getAttribute('href');
      if (from === null ? element.textContent !== '' : !own(from)) bad.push(told);
    }
    for (const { name, value } of element.attributes) {
      if (name.startsWith('on') || name === 'srcdoc') bad.push(told);
      if (['href', 'action', 'formaction', 'xlink:href'].includes(name)) {
        if (!/^(https?:|mailto:|[/#])/.test(value)) bad.push(told);
        const rel = element.getAttribute('rel') ?? '';
        if (
          /^https?:/.test(value) &&
          !own(value) &&
          !(rel.includes('noopener') && rel.includes('noreferrer'))
        )
          bad.push(told);
      }
      if (name === 'src' && !own(value) && !/^(data:image\/(png|jpeg|gif|webp)|blob:)/.test(value))
        bad.push(told);
    }
  }
  return bad;
}

/** Places where what is read is not what is written; what is only read aloud deceives nobody's eyes. */
function deceives(): string[] {
  const marks =
    /[\p{Bidi_Control}\u200B-\u200D\u2060-\u2064\uFEFF\u00AD]|[\u{E0000}-\u{E007F}]|(?![\t\n\r])\p{Cc}/u;
  const bad: string[] = [];
  const tell = (place: string, text: string) => {
    const at = text.search(marks);
    if (at === -1) return;
    const around = text.slice(Math.max(0, at - 20), at + 20);
    bad.push(
      `${place}: ${around.replace(/[^ -~]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)}`,
    );
  };
  const named = (element: Element | null) =>
    `<${element?.localName} class="${element?.getAttribute('class') ?? ''}">`;
  tell('the title of the page', document.title);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    tell(named(walker.currentNode.parentElement), walker.currentNode.textContent ?? '');
  for (const element of document.querySelectorAll('[title]')) {
    tell(`title of ${named(element)}`, element.getAttribute('title') ?? '');
  }
  return bad;
}
