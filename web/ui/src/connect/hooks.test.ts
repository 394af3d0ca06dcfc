import { expect, it } from 'vitest';
import { enrolLine, heard } from './hooks';

it('enrols with this server, and says so where the way there is not encrypted', () => {
  expect(enrolLine('https://ursa.example.com', ' ure_1 ')).toBe(
    'ursa-endpoint enroll --server https://ursa.example.com --token ure_1',
  );
  expect(enrolLine('http://127.0.0.1:4680', '')).toBe(
    'ursa-endpoint enroll --server http://127.0.0.1:4680 --token TOKEN',
  );
  expect(enrolLine('http://[::1]:4680', '')).not.toContain('plain');
  expect(enrolLine('http://ursa.lan:4680', '')).toMatch(/ --allow-plain-http$/);
});

it('knows agents by the slugs of their sessions', () => {
  const of = (slug: string) => ({ agent: { slug, name: slug, confidence: 1, kind: 'terminal' as const } });
  expect(heard([of('codex'), of('copilot-vscode'), of('who-knows')])).toEqual(
    new Set(['Codex', 'Copilot in VS Code']),
  );
});
