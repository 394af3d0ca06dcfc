import { expect, type Page } from '@playwright/test';

/** What must not happen on any page, whatever is shown on it. */
export class Guard {
  readonly #seen: string[] = [];
  readonly #expected: RegExp[] = [];
  /** The one server that may be asked. */
  origin: string | undefined;

  constructor(page: Page) {
    page.on('dialog', (dialog) => {
      this.#seen.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => this.#seen.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // Violations of the content security policy and of trusted types are told as errors here.
      if (message.type() === 'error' || message.type() === 'warning')
        this.#seen.push(`console ${message.type()}: ${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.origin && protocol !== 'data:' && protocol !== 'blob:')
        this.#seen.push(`request to ${request.url()}`);
    });
    page.on('popup', (popup) => this.#seen.push(`window: ${popup.url()}`));
  }

  /** Told by the browser and meant by the test: say, an answer of 403 on purpose. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Fails if something happened. */
  check(): void {
    const unexpected = this.#seen.filter((line) => !this.#expected.some((pattern) => pattern.test(line)));
    expect(unexpected, 'what the page did that it must not').toEqual([]);
  }
}
