import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` finds the API: a running `ursa serve` or `ursa demo`. */
const target = process.env.URSA_SERVER ?? 'http://127.0.0.1:4680';
// The browser's own `Host` goes along: the server holds a request's origin against it.
const server = { target, changeOrigin: false };

/** The theme is set by the first script: nothing may be painted before. Vite drops the attribute from the source. */
const paintAfterBoot: Plugin = {
  name: 'paint-after-boot',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
  },
};

export default defineConfig({
  plugins: [react(), paintAfterBoot],
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2023',
    // The page's policy allows no `data:` but images, and every asset must have a name of its own to be cached by.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in old browsers' way; the policy forbids inline scripts.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/api': server, '/signin': server, '/signout': server },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
