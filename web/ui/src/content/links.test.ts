import { describe, expect, it } from 'vitest';
import { destination, tellsHost } from './links';

describe('links', () => {
  it.each([
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://a/b',
    '/sessions',
    '../x',
    '#a',
    '',
    'https://',
    'java\nscript:alert(1)',
    'ftp://a.example',
    'about:blank',
  ])('goes nowhere: %j', (target) => {
    expect(destination(target)).toHaveProperty('inert');
  });

  it.each([
    ['https://example.com/a?b#c', 'example.com'],
    ['https://good.com@evil.com/', 'evil.com'],
    ['https://xn--e1awd7f.com', 'xn--e1awd7f.com'],
    ['https://раypal.com/', 'xn--ypal-43d9g.com'],
    ['http://[::1]:8080/', '[::1]:8080'],
    ['https:\\\\evil.com', 'evil.com'],
    ['mailto:a@b.example', 'a@b.example'],
  ])('tells where %s leads', (target, host) => {
    expect(destination(target)).toHaveProperty('host', host);
  });

  it.each([
    ['https://example.com/x', 'https://example.com/', true],
    ['example.com', 'https://example.com/', true],
    ['www.example.com/a', 'https://www.example.com/', true],
    ['here', 'https://example.com/', false],
    ['good.com', 'https://evil.com/', false],
    ['https://good.com@evil.com', 'https://evil.com/', false],
    ['раypal.com', 'https://раypal.com/', false],
    ['example.com is fine', 'https://example.com/', false],
  ])('%s for %s', (words, target, told) => {
    const to = destination(target);
    expect('href' in to && tellsHost(words, to)).toBe(told);
  });
});
